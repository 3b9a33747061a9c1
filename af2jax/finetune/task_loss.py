"""The losses of new heads, and what their labels must be."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from af2jax.errors import InputError
from af2jax.heads import Head, starts
from af2jax.losses import ranking
from af2jax.losses.auxiliary import cross_entropy
from af2jax.nn.layers import masked_mean
from af2jax.schema import Features, Targets, Variants
from af2jax.typing import Array, Bool, Float, Int

AnyArray = Array | np.ndarray
Label = (
    Int[AnyArray, "..."] | Float[AnyArray, "..."] | Variants
)  # classes, -1 where unknown; numbers, NaN where unknown


def present(head: Head, seq_mask: Bool[AnyArray, "*batch N_res"]) -> Bool[AnyArray, "..."]:
    """Where a head's answers count, of one example or a batch: [... N_res], [... N_res N_res] or [...]."""
    if head.kind == "pair":
        return seq_mask[..., :, None] & seq_mask[..., None, :]
    return seq_mask if head.kind == "residue" else seq_mask.any(-1)


def known(head: Head, label: Label, seq_mask: Bool[AnyArray, "N_example N_res"]) -> Bool[AnyArray, " N_example"]:
    """Which examples of a batch know a label of theirs."""
    if head.kind == "variant":
        return _known_variants(head, label)
    mask = present(head, seq_mask)
    there = (label >= 0) if head.classes else ~jnp.isnan(label)
    there = there.reshape(*mask.shape, -1).any(-1) & mask
    return there.reshape(len(mask), -1).any(1)


def loss(head: Head, params: dict, predicted: Float[Array, "..."], label: Label, targets: Targets) -> Float[Array, ""]:
    """The mean over what is known: weighted cross-entropy of classes, squared error of numbers in units of `std`.

    Args:
        predicted: logits of classes or numbers on the last axis, after the axes that the head's kind has.
    """
    if head.kind == "variant":
        return _variant_loss(head, params, predicted, label)
    mask = present(head, targets.seq_mask)
    if head.classes:
        return _classified(head, predicted, label, mask)
    label = label.reshape(predicted.shape)
    known = jnp.broadcast_to(mask[..., None], predicted.shape) & ~jnp.isnan(label)
    error = (predicted - jnp.where(known, label, 0)) / jnp.broadcast_to(params["scale"], predicted.shape)
    return masked_mean(error**2, known, tuple(range(predicted.ndim)), eps=1e-8)


def _classified(
    head: Head, logits: Float[Array, "*n classes"], label: Int[Array, "*n"], mask: Bool[Array, "*n"]
) -> Float[Array, ""]:
    """The weighted mean of the cross-entropy over the labels in `mask` that are known."""
    weights = jnp.asarray(head.class_weights or (1.0,) * head.classes, logits.dtype)
    weight = jnp.where(mask & (label >= 0), weights[jnp.maximum(label, 0)], 0)
    return jnp.sum(weight * cross_entropy(logits, label)) / (jnp.sum(weight) + 1e-8)


def _known_variants(head: Head, label: Variants) -> Bool[AnyArray, " N_example"]:
    """Which assays of a batch teach anything: of those that are ranked, where the order of two variants is known."""
    if not head.ranks:
        return ((label.value >= 0) if head.classes else ~jnp.isnan(label.value)).any(-1)
    low, high = ranking.limits(label.value, label.bound)
    return low.max(-1) > high.min(-1)


def _variant_loss(head: Head, params: dict, predicted: Float[Array, "N_var n"], label: Variants) -> Float[Array, ""]:
    """Of one assay: cross-entropy, squared error in units of `std`, or how its variants are ranked."""
    value, bound = jnp.asarray(label.value), jnp.asarray(label.bound)
    if head.classes:
        return _classified(head, predicted, value, jnp.ones_like(value, bool))
    if head.ranks:
        return ranking.ranking(predicted[:, 0], *ranking.limits(value, bound))
    error = ranking.beyond(predicted[:, 0], value, bound) / params["scale"][0]
    return masked_mean(error**2, ~jnp.isnan(value), 0, eps=1e-8)


def _check_variants(name: str, head: Head, features: Features, label: Label) -> None:
    """Raises InputError where the labels of a "variant" head are none, or do not fit the batch."""
    if not isinstance(label, Variants):
        raise InputError(f'labels["{name}"] of a "variant" head are variants; make them by data.variants.labelled')
    if head.mode == "full" and label.features is None and label.sites is None:
        raise InputError(
            f'head "{name}" runs the network for each variant; give labelled(...).replace(features=...), of each'
        )
    lengths, mask = np.asarray(features.seq_mask).sum(1), np.asarray(label.mask)
    if (np.where(mask, np.asarray(label.position), 0) >= lengths[:, None, None]).any():
        raise InputError(f'labels["{name}"] have a position past the end of the wild type; do not crop it')
    _check_values(name, head, np.asarray(label.value))


def check_labels(heads: Mapping[str, Head], batch: tuple[Features, Targets]) -> None:
    """Looks at the residues and labels of a batch (leading axis: examples), for heads that have a loss.

    Raises:
        InputError: no batch; an example without residues; labels that are missing, of the wrong shape or type, out of
            range; one molecule where two bind. The message names the head.
    """
    features, targets = batch
    seq_mask = np.asarray(targets.seq_mask)
    if seq_mask.ndim != 2 or np.shape(features.aatype) != seq_mask.shape:
        shapes = [list(np.shape(features.aatype)), list(seq_mask.shape)]
        raise InputError(f"a batch is stack([example, ...]); here aatype and seq_mask have shapes {shapes}")
    if not seq_mask.any(1).all():
        raise InputError(f"example {int(np.argmin(seq_mask.any(1)))} of the batch has no residue: all are masked")
    for name, head in heads.items():
        if name not in targets.labels:
            raise InputError(f'head "{name}" has no labels; give example(..., labels={{"{name}": ...}})')
        if head.kind == "variant":
            _check_variants(name, head, features, targets.labels[name])
            continue
        label, mask = np.asarray(targets.labels[name]), present(head, seq_mask)
        shape = mask.shape + (() if head.classes else (head.outputs,))
        if label.shape != shape and not (head.outputs == 1 and label.shape == mask.shape):
            raise InputError(f'labels["{name}"] have shape {list(label.shape)}, the head needs {list(shape)}')
        _check_values(name, head, label)
        alone = np.asarray(known(head, label, seq_mask)) & ~np.asarray(starts(targets)).any(1)
        if head.kind == "binding" and alone.any():
            raise InputError(f'head "{name}": example {int(np.argmax(alone))} of the batch is one molecule, not two')


def _check_values(name: str, head: Head, label: np.ndarray) -> None:
    if head.outputs:
        if label.dtype.kind not in "iuf" or np.isinf(label).any():
            raise InputError(f'labels["{name}"] must be finite numbers, NaN where unknown')
        return
    if label.dtype.kind not in "iu":
        raise InputError(f'labels["{name}"] are {label.dtype}; classes are integers from 0, -1 where unknown')
    if (wrong := label[(label < -1) | (label >= head.classes)]).size:
        raise InputError(f'labels["{name}"] hold {wrong[0]}; the head has classes 0 to {head.classes - 1}')
