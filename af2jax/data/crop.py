"""Fixed numbers of residues: a window of a long chain, padding of a short one (supplement, section 1.2.8)."""

import jax
import numpy as np

from af2jax import schema


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
    features: schema.Features, targets: schema.Targets, start: int, size: int
) -> tuple[schema.Features, schema.Targets]:
    """The residues `start` to `start + size`, or to the end of the chain."""
    residues = slice(start, start + size)
    chain = ("aatype", "residue_index", "seq_mask", "asym_id")
    known, templates = ("positions", "atom_mask"), features.templates
    features = features.replace(
        **{name: getattr(features, name)[residues] for name in (*chain, "entity_id", "sym_id", "target_feat")},
        msa=jax.tree.map(lambda x: x[:, :, residues], features.msa),
        templates=templates.replace(
            **{name: getattr(templates, name)[:, residues] for name in ("aatype", "positions", "atom_mask")}
        ),
    )
    targets = targets.replace(
        **{name: getattr(targets, name)[residues] for name in (*chain, *known)},
        **{name: getattr(targets, name)[:, residues] for name in ("true_msa", "bert_mask")},
        labels={name: value[residues] if value.ndim else value for name, value in targets.labels.items()},
    )
    return features, targets


def pad_targets(targets: schema.Targets, n_res: int, n_seq: int) -> schema.Targets:
    """`targets` enlarged to these sizes with zeros and False masks."""

    def grow(x, *sizes: int):
        """`x` with its first axes enlarged."""
        return np.pad(x, [(0, new - old) for new, old in zip((*sizes, *x.shape[len(sizes) :]), x.shape, strict=True)])

    residues = ("aatype", "residue_index", "seq_mask", "asym_id", "positions", "atom_mask")
    return targets.replace(
        **{name: grow(getattr(targets, name), n_res) for name in residues},
        **{name: grow(getattr(targets, name), n_seq, n_res) for name in ("true_msa", "bert_mask")},
        labels={name: grow(value, n_res) if value.ndim else value for name, value in targets.labels.items()},
    )
