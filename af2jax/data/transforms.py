"""From an alignment to what the network reads: draws of the MSA, features of chains, padding. Host side, NumPy."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from af2jax import schema
from af2jax.config import Config, Data
from af2jax.constants.residues import CODES, UNKNOWN
from af2jax.data import msa
from af2jax.data.assembly import Ids
from af2jax.errors import InputError
from af2jax.typing import Bool, Float, Int

FEW = 8  # passes, which cost less than one compilation


class Draw(NamedTuple):
    """One draw of the MSA, with what the masked-MSA loss asks for."""

    msa: schema.Msa  # without the N_cycle axis
    true_msa: np.ndarray  # int8 [N_seq N_res] the clustered rows before masking
    bert_mask: np.ndarray  # bool [N_seq N_res] True: replaced, to be predicted


def draw_msa(
    rng: np.random.Generator,
    codes: Int[np.ndarray, "N_row N_res"],
    deletions: Int[np.ndarray, "N_row N_res"],
    profile: Float[np.ndarray, "N_res 22"],
    data: Data,
    own: Bool[np.ndarray, "N_row N_res"] | None = None,
    hidden: Bool[np.ndarray, " N_res"] | None = None,
) -> Draw:
    """One random draw: cluster centres, masked; clusters over all other rows; a random part of those as extra rows.

    N_seq is the smaller of the rows and `data.clusters`; N_extra the smaller of the rest and `data.extra`, or one
    masked row where nothing is left.

    Args:
        own: where rows are not padding (`assembly.Assembly`): no loss asks for what is; None: everywhere.
        hidden: the residues of row 0, the query, that become the mask token, and no others of it do; None: row 0 is
            masked as the other rows are.
    """
    selected, rest = msa.sample(rng, len(codes), data.clusters)
    masked, bert_mask = msa.mask_bert(rng, codes[selected], profile, data.mask_fraction)
    if hidden is not None:
        masked[0], bert_mask[0] = np.where(hidden, msa.MASK, codes[0]), hidden
    extra, extra_deletions = codes[rest], deletions[rest]
    msa_mask, extra_mask = np.ones_like(masked, bool), np.ones_like(extra, bool)
    assignment = msa.nearest_clusters(masked, extra, msa_mask, extra_mask)
    summary = msa.summarise(assignment, masked, extra, deletions[selected], extra_deletions, msa_mask, extra_mask)
    kept = rng.permutation(len(rest))[: data.extra]
    fields = [extra[kept].astype(np.int32), extra_mask[kept], *msa.deletion_features(extra_deletions[kept])]
    if not len(kept):
        fields = [np.zeros((1, codes.shape[1]), field.dtype) for field in fields]
    feat = msa.msa_feat(masked, deletions[selected], *summary)
    if own is not None:
        bert_mask &= own[selected]
    return Draw(schema.Msa(feat, msa_mask, *fields), codes[selected], bert_mask)


def stack_draws(draws: list[schema.Msa]) -> schema.Msa:
    """Draws of one shape as one `Msa` with the leading axis N_cycle."""
    return jax.tree.map(lambda *fields: np.stack(fields), *draws)


def assembled(
    aatype: Int[np.ndarray, "N_res"],
    ids: Ids,
    alignment: schema.Msa,
    config: Config,
    hidden: Bool[np.ndarray, "N_res"] | None = None,
) -> schema.Features:
    """The features of one chain or several without templates; all residues are present.

    `hidden`: residues that are not shown, of which the structure module builds alanine; None: none.
    """
    n_res, built = len(aatype), aatype
    if hidden is not None:
        aatype, built = np.where(hidden, UNKNOWN, aatype), np.where(hidden, CODES["A"], aatype)
    return schema.Features(
        aatype=built.astype(np.int32),
        seq_mask=np.ones(n_res, bool),
        **ids._asdict(),
        target_feat=target_feat(aatype, config.target_features),
        msa=alignment,
        templates=no_template(n_res),
    )


def target_feat(aatype: Int[np.ndarray, "N_res"], width: int) -> Float[np.ndarray, "N_res width"]:
    """The residue types one-hot in the last 21 columns; column 0 of 22 marks domain breaks, of which there are none."""
    return np.eye(width, dtype=np.float32)[aatype + (width - 21)]


def no_template(n_res: int) -> schema.Templates:
    """One empty template."""
    return schema.Templates(
        aatype=np.zeros((1, n_res), np.int32),
        positions=np.zeros((1, n_res, 37, 3), np.float32),
        atom_mask=np.zeros((1, n_res, 37), bool),
        mask=np.zeros(1, bool),
    )


def bucket(n_res: int) -> int:
    """The number of residues that `padded` pads to: the next multiple of 16 up to 256, of 32 up to 512, of 64 up to
    1024, and so on, so that from 97 residues on at most 15 % are added, and 6 % on average."""
    step = max(16, 1 << max((n_res - 1).bit_length() - 4, 0))
    return -(-n_res // step) * step


def buckets(lengths: Sequence[int]) -> list[int]:
    """What each of many lengths is padded to where every size is compiled for: its `bucket`, or one that it shares with
    the next ones, by a third larger at most, where fewer than `FEW` would have it."""
    counts, shared, found = Counter(map(bucket, lengths)), [], {}
    for size in sorted(counts):
        if shared and (sum(counts[one] for one in shared) >= FEW or 3 * size > 4 * shared[0]):
            shared = []
        shared.append(size)
        found |= dict.fromkeys(shared, size)
    return [found[bucket(length)] for length in lengths]


def bucket_rows(rows: int, most: int) -> int:
    """The number of rows of an alignment that `padded` pads to: 16, 64, 256, ..., and at most `most`."""
    size = 16
    while size < rows:
        size *= 4
    return min(size, most)


def padded(features: schema.Features, data: Data) -> schema.Features:
    """`features` padded to one of few shapes, so that many queries need few compilations.

    `inference.predict` takes the padding out again. Templates keep their number, which is 1 or the preset's already.
    """
    return pad(
        features,
        n_res=bucket(len(features.aatype)),
        n_seq=bucket_rows(features.msa.feat.shape[1], data.clusters),
        n_extra=bucket_rows(features.msa.extra.shape[1], data.extra),
    )


def fitted(features: schema.Features, data: Data) -> schema.Features:
    """The same, but a sequence without an alignment keeps its one row."""
    rows, extra = features.msa.feat.shape[1], features.msa.extra.shape[1]
    return pad(
        features,
        n_res=bucket(len(features.aatype)),
        n_seq=rows if rows == 1 else bucket_rows(rows, data.clusters),
        n_extra=extra if extra == 1 else bucket_rows(extra, data.extra),
    )


def pad(
    features: schema.Features,
    n_res: int | None = None,
    n_seq: int | None = None,
    n_extra: int | None = None,
    n_templ: int | None = None,
) -> schema.Features:
    """`features` enlarged to these sizes with zeros and False masks; None leaves a size as it is.

    Raises:
        InputError: a size is smaller than the features are.
    """

    old = {
        "n_res": len(features.aatype),
        "n_seq": features.msa.feat.shape[1],
        "n_extra": features.msa.extra.shape[1],
        "n_templ": len(features.templates.mask),
    }
    asked = {"n_res": n_res, "n_seq": n_seq, "n_extra": n_extra, "n_templ": n_templ}
    new = {name: old[name] if size is None else size for name, size in asked.items()}
    for name, size in new.items():
        if size < old[name]:
            raise InputError(f"padding cannot cut: the features have {name}={old[name]}, {size} was asked for")

    def grow(x, axes: str):
        """`x` with each of the axes that has a size above enlarged to it."""
        return np.pad(x, [(0, new.get(axis, n) - n) for axis, n in zip(axes.split(), x.shape, strict=True)])

    draws, templates = features.msa, features.templates
    per_residue = ("aatype", "residue_index", "seq_mask", "asym_id", "entity_id", "sym_id")
    return features.replace(
        **{name: grow(getattr(features, name), "n_res") for name in per_residue},
        target_feat=grow(features.target_feat, "n_res channel"),
        ring=None if features.ring is None else grow(features.ring, "n_res"),
        msa=schema.Msa(
            feat=grow(draws.feat, "cycle n_seq n_res channel"),
            mask=grow(draws.mask, "cycle n_seq n_res"),
            extra=grow(draws.extra, "cycle n_extra n_res"),
            extra_mask=grow(draws.extra_mask, "cycle n_extra n_res"),
            extra_has_deletion=grow(draws.extra_has_deletion, "cycle n_extra n_res"),
            extra_deletion_value=grow(draws.extra_deletion_value, "cycle n_extra n_res"),
        ),
        templates=schema.Templates(
            aatype=grow(templates.aatype, "n_templ n_res"),
            positions=grow(templates.positions, "n_templ n_res atom xyz"),
            atom_mask=grow(templates.atom_mask, "n_templ n_res atom"),
            mask=grow(templates.mask, "n_templ"),
        ),
    )
