"""Fixed numbers of residues: a part of a long chain or of a large complex, padding of a small one.

One chain is cut to a window (supplement, section 1.2.8). Of a complex, in one half of the draws, a window of each of
some chains is taken, and in the other half what lies around a residue of an interface (Evans et al. 2021, Algorithms 1
and 2).
"""

import jax
import numpy as np

from af2jax import schema
from af2jax.constants.atoms import CA
from af2jax.data.structure import Chain
from af2jax.typing import Int

INTERFACE = 15.0  # angstrom between CA atoms of two chains


def choose(rng: np.random.Generator, known: Chain, size: int, clamped: bool) -> Int[np.ndarray, " N"]:
    """At most `size` residues of one chain or of a complex, in their order; `clamped` counts for one chain."""
    num = len(known.aatype)
    if not known.lengths:
        first = start(rng, num, size, clamped)
        return np.arange(first, min(first + size, num))
    around = rng.random() < 0.5
    if num <= size:
        return np.arange(num)
    near = interface(known) if around else np.zeros(0, int)
    return spatial(rng, known, near, size) if len(near) else contiguous(rng, known, size)


def interface(known: Chain) -> Int[np.ndarray, " N"]:
    """The residues whose CA atom is within 15 angstrom of one of another chain."""
    seen, chain = known.atom_mask[:, CA], known.ids.asym_id
    apart = np.linalg.norm(known.positions[:, None, CA] - known.positions[None, :, CA], axis=-1)
    pairs = (apart < INTERFACE) & (chain[:, None] != chain[None]) & seen[:, None] & seen[None]
    return np.flatnonzero(pairs.any(axis=1))


def spatial(rng: np.random.Generator, known: Chain, near: np.ndarray, size: int) -> Int[np.ndarray, " N"]:
    """Evans et al. 2021, Algorithm 2: the residues around one of `near`, which is drawn; without a CA atom the last."""
    center = known.positions[rng.choice(near), CA]
    apart = np.linalg.norm(known.positions[:, CA] - center, axis=-1)
    apart = np.where(known.atom_mask[:, CA], apart, np.inf)
    return np.sort(np.argsort(apart, kind="stable")[:size])


def contiguous(rng: np.random.Generator, known: Chain, size: int) -> Int[np.ndarray, " N"]:
    """Evans et al. 2021, Algorithm 1: a window of each chain, in an order that is drawn, `size` residues in all."""
    parts, found, left = known.parts, [], len(known.aatype)
    for place in rng.permutation(len(parts)):
        part = parts[place]
        num, room = part.stop - part.start, size - sum(map(len, found))
        left -= num
        length = int(rng.integers(min(num, max(0, room - left)), min(num, room) + 1))
        first = part.start + int(rng.integers(num - length + 1))
        found.append(np.arange(first, first + length))
    return np.sort(np.concatenate(found))


def start(rng: np.random.Generator, n_res: int, size: int, clamped: bool) -> int:
    """Where a window of `size` residues begins; 0 where the chain is no longer than that.

    Any place is equally likely where backbone FAPE is not clamped; where it is, the last possible place is itself
    drawn first, so that early windows are more frequent, as published. (DeepMind's code for inference has the former
    alone.)
    """
    most = max(n_res - size, 0)
    last = int(rng.integers(most + 1))
    return int(rng.integers((last if clamped else most) + 1))


def cut(
    features: schema.Features, targets: schema.Targets, residues: Int[np.ndarray, " N"]
) -> tuple[schema.Features, schema.Targets]:
    """These residues alone; `targets.full_complex` stays as it is."""
    chain = ("aatype", "residue_index", "seq_mask", "asym_id")
    known, templates = ("positions", "atom_mask"), features.templates
    features = features.replace(
        **{name: getattr(features, name)[residues] for name in (*chain, "entity_id", "sym_id", "target_feat")},
        ring=None if features.ring is None else features.ring[residues],
        msa=jax.tree.map(lambda x: x[:, :, residues], features.msa),
        templates=templates.replace(
            **{name: getattr(templates, name)[:, residues] for name in ("aatype", "positions", "atom_mask")}
        ),
    )
    targets = targets.replace(
        **{name: getattr(targets, name)[residues] for name in (*chain, *known)},
        **{name: getattr(targets, name)[:, residues] for name in ("true_msa", "bert_mask")},
        ring=None if targets.ring is None else targets.ring[residues],
        labels={name: _cut(value, len(targets.aatype), residues) for name, value in targets.labels.items()},
    )
    return features, targets


def label_axes(label: np.ndarray, n_res: int) -> int:
    """How many of a label's first axes are the residues: 0 of the whole, 1 of residues, 2 of pairs, by its shape."""
    axes = [size == n_res for size in np.shape(label)[:2]]
    return axes.index(False) if False in axes else len(axes)


def _cut(label: np.ndarray, n_res: int, residues: Int[np.ndarray, " N"]) -> np.ndarray:
    axes = label_axes(label, n_res)
    return label[np.ix_(*[residues] * axes)] if axes else label


def itself(features: schema.Features, targets: schema.Targets) -> schema.FullComplex:
    """Targets that are uncropped already, as the complex in which identical chains may be permuted."""
    names = ("positions", "atom_mask", "seq_mask", "residue_index", "asym_id")
    return schema.FullComplex(**{name: getattr(targets, name) for name in names}, entity_id=features.entity_id)


def pad_full_complex(known: schema.FullComplex, n_all: int) -> schema.FullComplex:
    """`known` enlarged to so many residues with zeros and False masks."""
    return jax.tree.map(lambda x: np.pad(x, [(0, n_all - len(x)), *[(0, 0)] * (x.ndim - 1)]), known)


def pad_targets(targets: schema.Targets, n_res: int, n_seq: int) -> schema.Targets:
    """`targets` enlarged to these sizes with zeros and False masks."""

    def grow(x, *sizes: int):
        """`x` with its first axes enlarged."""
        return np.pad(x, [(0, new - old) for new, old in zip((*sizes, *x.shape[len(sizes) :]), x.shape, strict=True)])

    residues = ("aatype", "residue_index", "seq_mask", "asym_id", "positions", "atom_mask")
    return targets.replace(
        **{name: grow(getattr(targets, name), n_res) for name in residues},
        **{name: grow(getattr(targets, name), n_seq, n_res) for name in ("true_msa", "bert_mask")},
        ring=None if targets.ring is None else grow(targets.ring, n_res),
        labels={
            name: grow(value, *[n_res] * axes) if (axes := label_axes(value, len(targets.aatype))) else value
            for name, value in targets.labels.items()
        },
    )
