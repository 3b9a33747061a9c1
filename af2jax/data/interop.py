"""The door to AlphaFold's own dictionaries: its processed features in, its result names out. Nothing is computed."""

import numpy as np

from af2jax.constants.residues import UNKNOWN
from af2jax.errors import InputError
from af2jax.schema import Features, Msa, Outputs, Targets, Templates

ATOMS = 37

# What AlphaFold calls the logits of our heads.
HEAD_NAMES = {
    "distogram": "distogram",
    "masked_msa": "masked_msa",
    "resolved": "experimentally_resolved",
    "plddt": "predicted_lddt",
    "pae": "predicted_aligned_error",
}


class Reader:
    """Reads arrays of a dictionary by name, each checked for its shape."""

    def __init__(self, d: dict):
        self.d, self.sizes = d, {}

    def __call__(self, name: str, axes: str, dtype) -> np.ndarray:
        """`d[name]` as `dtype`; `axes` such as "N_res 37" must agree with what was read before.

        Raises:
            InputError: the array is missing or misshapen.
        """
        if name not in self.d:
            raise InputError(f'feature dictionary: "{name}" [{axes.replace(" ", ", ")}] is missing')
        value, names = np.asarray(self.d[name]), axes.split()
        expected = [int(a) if a.isdigit() else self.sizes.get(a, None) for a in names]
        agree = value.ndim == len(names) and all(e in (None, s) for e, s in zip(expected, value.shape, strict=True))
        if not agree:
            wanted = ", ".join(
                a if e is None or a.isdigit() else f"{a}={e}" for a, e in zip(names, expected, strict=True)
            )
            raise InputError(
                f'feature dictionary: "{name}" has shape {list(value.shape)}, expected [{wanted}]'
                " (without an ensemble or recycling axis)"
            )
        self.sizes |= {a: s for a, s in zip(names, value.shape, strict=True) if not a.isdigit()}
        return value.astype(dtype)


def features(d: dict) -> Features:
    """`Features` from AlphaFold's processed feature dictionary, one draw of the MSA, no leading axis.

    Chain identifiers that are absent mean one chain. Without `target_feat` (AlphaFold-Multimer) it is made from
    `aatype`; `extra_deletion_matrix` may stand for its two encodings; absent templates are one empty template. Keys
    that are not read are ignored.

    Raises:
        InputError: a key that is read is missing or misshapen; the message names it.
    """
    read = Reader(d)
    aatype = read("aatype", "N_res", np.int32)
    num = len(aatype)

    def chain(name):
        return read(name, "N_res", np.int32) if name in d else np.ones(num, np.int32)

    if "target_feat" in d:
        target = read("target_feat", "N_res F", np.float32)
    else:
        target = np.eye(UNKNOWN + 1, dtype=np.float32)[aatype]

    msa = {
        "feat": read("msa_feat", "N_seq N_res 49", np.float32),
        "mask": read("msa_mask", "N_seq N_res", bool),
        "extra": read("extra_msa", "N_extra N_res", np.int32),
        "extra_mask": read("extra_msa_mask", "N_extra N_res", bool),
    }
    if "extra_deletion_value" in d or "extra_deletion_matrix" not in d:
        msa["extra_has_deletion"] = read("extra_has_deletion", "N_extra N_res", np.float32)
        msa["extra_deletion_value"] = read("extra_deletion_value", "N_extra N_res", np.float32)
    else:
        deletions = read("extra_deletion_matrix", "N_extra N_res", np.float32)
        msa["extra_has_deletion"] = np.clip(deletions, 0, 1)
        msa["extra_deletion_value"] = np.arctan(deletions / 3) * np.float32(2 / np.pi)
    return Features(
        aatype=aatype,
        residue_index=read("residue_index", "N_res", np.int32),
        seq_mask=read("seq_mask", "N_res", bool),
        asym_id=chain("asym_id"),
        entity_id=chain("entity_id"),
        sym_id=chain("sym_id"),
        target_feat=target,
        msa=Msa(**{name: value[None] for name, value in msa.items()}),
        templates=_templates(d, read),
    )


def _templates(d: dict, read: Reader) -> Templates:
    if "template_aatype" not in d or np.shape(d["template_aatype"])[:1] == (0,):
        num = read.sizes["N_res"]
        return Templates(
            np.zeros((1, num), np.int32),
            np.zeros((1, num, ATOMS, 3), np.float32),
            np.zeros((1, num, ATOMS), bool),
            np.zeros(1, bool),
        )
    plural = "template_all_atom_masks"
    aatype = read("template_aatype", "N_templ N_res", np.int32)
    atom_mask = read(plural if plural in d else plural[:-1], f"N_templ N_res {ATOMS}", bool)
    present = read("template_mask", "N_templ", bool) if "template_mask" in d else atom_mask.any((1, 2))
    return Templates(
        aatype, read("template_all_atom_positions", f"N_templ N_res {ATOMS} 3", np.float32), atom_mask, present
    )


def targets(d: dict) -> Targets:
    """`Targets` from AlphaFold's feature dictionary with the known structure; all else that losses need is derived.

    An absent `use_clamped_fape` is 1, absent `asym_id` one chain. `resolution` may have one axis of length one, as in
    AlphaFold's own pipeline.

    Raises:
        InputError: a key that is read is missing or misshapen; the message names it.
    """
    read = Reader(d)
    aatype = read("aatype", "N_res", np.int32)
    one_axis = np.ndim(d.get("resolution")) == 1
    return Targets(
        aatype=aatype,
        residue_index=read("residue_index", "N_res", np.int32),
        seq_mask=read("seq_mask", "N_res", bool),
        asym_id=read("asym_id", "N_res", np.int32) if "asym_id" in d else np.ones(len(aatype), np.int32),
        positions=read("all_atom_positions", f"N_res {ATOMS} 3", np.float32),
        atom_mask=read("all_atom_mask", f"N_res {ATOMS}", bool),
        resolution=read("resolution", "1" if one_axis else "", np.float32).reshape(()),
        true_msa=read("true_msa", "N_seq N_res", np.int32),
        bert_mask=read("bert_mask", "N_seq N_res", bool),
        use_clamped_fape=read("use_clamped_fape", "", np.float32) if "use_clamped_fape" in d else np.float32(1),
        labels={},
    )


def outputs(outputs: Outputs) -> dict:
    """A flat dictionary under AlphaFold's result names, joined by "/". Pure, so it may run under jit."""
    logits = {f"{HEAD_NAMES[head]}/logits": value for head, value in outputs.logits.items()}
    return logits | {
        "structure_module/final_atom_positions": outputs.structure.atom37,
        "structure_module/final_atom_mask": outputs.structure.atom37_mask.astype(outputs.single.dtype),
        "representations/msa": outputs.msa,
        "representations/msa_first_row": outputs.msa_first_row,
        "representations/pair": outputs.pair,
        "representations/single": outputs.single,
        "representations/structure_module": outputs.structure.single,
    }
