"""DeepMind's losses (package alphafold-colabfold) and the labels they need, from the functions of its own code."""

import contextlib
import types
import zlib
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

HEADS = {
    "distogram": "distogram",
    "masked_msa": "masked_msa",
    "resolved": "experimentally_resolved",
    "plddt": "predicted_lddt",
    "pae": "predicted_aligned_error",
}


def probe(key: str, shape) -> np.ndarray:
    """What gradients are multiplied with before they are summed: standard normal, from the array's key alone."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()) + 777)).standard_normal(shape, np.float32)


def compare_terms(found: dict, expected: dict) -> None:
    """Our metrics against DeepMind's results, a flat dictionary with "/" between names, and the total as "loss".

    Of the structure module it names the last layer's FAPE, and the sum with the mean over layers and the violations.
    """
    structure = {"fape": 0.5, "sidechain_fape": 0.5, "chi": 0.5, "angle_norm": 0.01, "violation": 1.0}
    ours = {name: float(value) for name, value in found.items() if name not in ("fape", "violation")}
    ours["structure"] = sum(weight * float(found[name]) for name, weight in structure.items())
    theirs = {name: expected[f"{theirs}/loss"] for name, theirs in HEADS.items() if f"{theirs}/loss" in expected} | {
        "loss": expected["loss"],
        "structure": expected["structure_module/loss"],
        "fape_last": expected["structure_module/fape"],
        "sidechain_fape": expected["structure_module/sidechain_fape"],
        "chi": expected["structure_module/chi_loss"],
        "angle_norm": expected["structure_module/angle_norm_loss"],
    }
    assert ours.keys() == theirs.keys()
    errors = {name: abs(ours[name] - float(value)) / max(abs(float(value)), 1e-6) for name, value in theirs.items()}
    assert max(errors.values()) < 1e-4, errors


def labels(d: dict) -> dict:
    """The seventeen label arrays and the tables of atoms, for `examples.dictionary`-like input."""
    from alphafold.common import residue_constants as rc
    from alphafold.model import all_atom, geometry, modules, quat_affine

    from tests import oracle

    exists = oracle.atom_tables(d)
    aatype, positions, mask = d["aatype"], d["all_atom_positions"], d["all_atom_mask"]
    to37 = np.zeros((21, 14), np.int32)
    for i, letter in enumerate(rc.restypes):
        for j, atom in enumerate(rc.restype_name_to_atom14_names[rc.restype_1to3[letter]]):
            to37[i, j] = rc.atom_order[atom] if atom else 0
    columns = to37[aatype]
    atom14_mask = np.take_along_axis(mask, columns, 1) * exists["atom14_atom_exists"]
    atom14 = np.take_along_axis(positions, columns[..., None], 1) * atom14_mask[..., None]
    renamed, renamed_mask = all_atom.get_alt_atom14(
        aatype, geometry.Vec3Array.from_array(jnp.asarray(atom14)), atom14_mask
    )
    frames = all_atom.atom37_to_frames(aatype, positions, mask)
    angles = all_atom.atom37_to_torsion_angles(aatype[None], positions[None], mask[None])
    chi, chi_mask = angles["torsion_angles_sin_cos"][0, :, 3:], angles["torsion_angles_mask"][0, :, 3:]
    backbone = np.asarray(frames["rigidgroups_gt_frames"])[:, 0]
    quaternion = quat_affine.rot_to_quat(np.moveaxis(backbone[:, :9].reshape(-1, 3, 3), 0, -1))
    beta, beta_mask = modules.pseudo_beta_fn(aatype, positions, mask)
    return {
        **exists,
        "residx_atom14_to_atom37": columns,
        "backbone_affine_tensor": np.concatenate([np.asarray(quaternion), backbone[:, 9:]], axis=1),
        "backbone_affine_mask": frames["rigidgroups_gt_exists"][:, 0],
        "atom14_gt_positions": atom14,
        "atom14_gt_exists": atom14_mask,
        "atom14_alt_gt_positions": renamed.to_array(),
        "atom14_alt_gt_exists": renamed_mask,
        "atom14_atom_is_ambiguous": (np.eye(14) != all_atom.RENAMING_MATRICES).any(1)[aatype].astype(np.float32),
        **frames,
        "chi_angles": jnp.arctan2(chi[..., 0], chi[..., 1]) * chi_mask,
        "chi_mask": chi_mask,
        "pseudo_beta": beta,
        "pseudo_beta_mask": beta_mask,
    }


@contextlib.contextmanager
def corrected():
    """The package with the tolerance of cos CA-C-N that DeepMind's repository has since its commit 06a8da6."""
    from alphafold.common import residue_constants as rc
    from alphafold.model import all_atom

    published = all_atom.between_residue_bond_loss

    def bond_loss(*args, **options):
        with mock.patch.object(rc, "between_res_bond_length_stddev_c_n", [rc.between_res_cos_angles_ca_c_n[1]] * 2):
            angle = published(*args, **options)["ca_c_n_loss_mean"]
        return published(*args, **options) | {"ca_c_n_loss_mean": angle}

    with mock.patch.object(all_atom, "between_residue_bond_loss", bond_loss), jax.numpy_rank_promotion("allow"):
        yield


@contextlib.contextmanager
def diagonal_in_bin_1():
    """PAE's diagonal in bin 1, as we have it: its error is 0, and so its label is bin 0 where XLA fuses no additions.

    Its two logits change places, which is the same. Compile with `examples.QUICK`.
    """
    from alphafold.model import modules

    published = modules.PredictedAlignedErrorHead.loss

    def loss(self, value, batch):
        head = value["predicted_aligned_error"]
        i = jnp.arange(len(head["logits"]))
        logits = head["logits"].at[i, i, :2].set(head["logits"][i, i, 1::-1])
        return published(self, value | {"predicted_aligned_error": head | {"logits": logits}}, batch)

    with mock.patch.object(modules.PredictedAlignedErrorHead, "loss", loss):
        yield


def total(prediction: dict, d: dict):
    """(weighted sum, results by name) of DeepMind's losses of `examples.prediction`, but "rot" is a quaternion."""
    from alphafold.model import all_atom, folding, modules, r3
    from alphafold.model import config as configs
    from alphafold.model.quat_affine import QuatAffine

    heads = configs.model_config("model_1_ptm").model.heads
    traj = jnp.concatenate([prediction["rot"], prediction["trans"]], axis=-1)
    raw = prediction["raw"]
    sin_cos = folding.l2_normalize(raw)
    last = r3.rigids_from_quataffine(QuatAffine.from_tensor(traj[-1]))
    groups = all_atom.torsion_angles_to_frames(d["aatype"], last, sin_cos[-1])
    packed = all_atom.frames_and_literature_positions_to_atom14_pos(d["aatype"], groups)
    atom14 = r3.vecs_to_tensor(packed)
    value = {
        "traj": traj,
        "final_affines": traj[-1],
        "sidechains": {
            "angles_sin_cos": sin_cos,
            "unnormalized_angles_sin_cos": raw,
            "frames": jax.tree.map(lambda x: x[None], groups),
            "atom_pos": jax.tree.map(lambda x: x[None], packed),
        },
        "final_atom14_positions": atom14,
        "final_atom_positions": all_atom.atom14_to_atom37(atom14, d),
    }
    heads_of = {theirs: {"logits": prediction["logits"][ours]} for ours, theirs in HEADS.items()}
    heads_of["distogram"]["bin_edges"] = jnp.linspace(2.3125, 21.6875, 63)
    heads_of["predicted_aligned_error"]["breaks"] = jnp.linspace(0.0, 31.0, 63)
    everything = {"structure_module": value, **heads_of}
    classes = {
        "distogram": modules.DistogramHead,
        "masked_msa": modules.MaskedMsaHead,
        "experimentally_resolved": modules.ExperimentallyResolvedHead,
        "predicted_lddt": modules.PredictedLDDTHead,
        "predicted_aligned_error": modules.PredictedAlignedErrorHead,
        "structure_module": folding.StructureModule,
    }
    weights = {name: heads[name].weight for name in classes} | {"predicted_aligned_error": 0.1}
    results, loss = {}, 0.0
    for name, head in classes.items():
        module = types.SimpleNamespace(config=heads[name], num_output=23, global_config=None)
        whole = name in ("predicted_lddt", "predicted_aligned_error")
        found = head.loss.__wrapped__(module, everything if whole else everything[name], d)
        results |= {f"{name}/{key}": x for key, x in found.items() if not isinstance(x, dict) and jnp.ndim(x) == 0}
        loss += weights[name] * found["loss"]
    return loss, results | {"loss": loss}
