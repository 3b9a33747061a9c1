"""Inputs of our own for tests: parameters by rule, and features of every kind of content."""

import zlib

import chex
import numpy as np

from af2jax import interop
from af2jax.compilation import Jitted
from af2jax.config import Config
from af2jax.pretrained import deepmind
from af2jax.schema import Features


def rule_array(key: str, shape, seed: int = 0) -> np.ndarray:
    """A float32 array made from its DeepMind key alone, at a scale that keeps signals alive through 48 blocks."""
    x = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()) + seed)).standard_normal(shape, dtype=np.float32)
    leaf = key.split("//")[1]
    if leaf == "scale":
        return 1 + np.float32(0.1) * x
    if leaf in ("offset", "bias", "gating_b") or len(shape) == 1:
        return np.float32(0.1) * x
    fan = np.prod(shape[-3:-1]) if len(shape) >= 3 else np.prod(shape[:-1])
    return (0.7 * x / np.sqrt(fan)).astype(np.float32)


def rule_flat(config: Config, seed: int = 0) -> dict[str, np.ndarray]:
    """DeepMind's arrays for a preset, by rule."""
    return {key: rule_array(key, shape, seed) for key, shape in deepmind.shapes(config).items()}


def rule_params(config: Config, seed: int = 0) -> dict:
    """Our parameters for a preset, by rule."""
    return deepmind.from_deepmind(rule_flat(config, seed), config.name)


def helix(num: int, rng: np.random.Generator) -> np.ndarray:
    """[num 37 3] positions: a helix of residues, each a cloud of atoms around its place."""
    t = np.arange(num)[:, None] * np.deg2rad(100)
    axis = np.concatenate([2.3 * np.cos(t), 2.3 * np.sin(t), 1.5 * np.arange(num)[:, None]], axis=1)
    return (axis[:, None] + rng.normal(size=(num, 37, 3)) * 1.2).astype(np.float32)


def dictionary(
    num_res: int = 8, num_seq: int = 5, num_extra: int = 6, num_templ: int = 2, seed: int = 0, classes: int = 22
) -> dict[str, np.ndarray]:
    """AlphaFold's processed feature dictionary of a made-up protein, with masked rows and residues missing."""
    rng = np.random.default_rng(seed)
    aatype = rng.integers(0, 20, num_res)
    aatype[0] = 7  # a glycine: its pseudo beta is CA
    one_hot = np.eye(23, dtype=np.float32)
    msa = np.concatenate([aatype[None], rng.integers(0, 23, (num_seq - 1, num_res))])
    deletions = rng.uniform(0, 1, (2, num_seq, num_res, 1)).astype(np.float32)
    profile = rng.dirichlet(np.ones(23), (num_seq, num_res)).astype(np.float32)
    parts = [one_hot[msa], (deletions[0] > 0.7).astype(np.float32), deletions[0], profile, deletions[1]]
    extra_deletion = rng.uniform(0, 1, (num_extra, num_res)).astype(np.float32)
    extra_mask = np.ones((num_extra, num_res), np.float32)
    extra_mask[-1] = 0
    atom_mask = (rng.uniform(size=(num_templ, num_res, 37)) < 0.9).astype(np.float32)
    atom_mask[:, :, :3] = 1
    atom_mask[:, 2] = 0
    atom_mask[-1] = 0 if num_templ > 1 else 1
    templ_aatype = rng.integers(0, 22, (num_templ, num_res))
    positions = np.stack([helix(num_res, rng) for _ in range(num_templ)]) * atom_mask[..., None]
    beta = np.where(templ_aatype == 7, 1, 3)[..., None]  # CA of glycine, CB of the others
    beta_positions = np.take_along_axis(positions, beta[..., None], axis=2)[:, :, 0]
    return {
        "aatype": aatype.astype(np.int32),
        "residue_index": np.arange(num_res, dtype=np.int32),
        "seq_mask": np.ones(num_res, np.float32),
        "seq_length": np.int32(num_res),
        "target_feat": np.concatenate([np.zeros((num_res, 1)), one_hot[aatype][:, :21]], 1).astype(np.float32)[
            :, -classes:
        ],
        "msa_feat": np.concatenate(parts, axis=-1),
        "msa_mask": np.ones((num_seq, num_res), np.float32),
        "extra_msa": rng.integers(0, 23, (num_extra, num_res)).astype(np.int32),
        "extra_msa_mask": extra_mask,
        "extra_has_deletion": (extra_deletion > 0.7).astype(np.float32),
        "extra_deletion_value": extra_deletion,
        "template_aatype": templ_aatype.astype(np.int32),
        "template_all_atom_positions": positions,
        "template_all_atom_masks": atom_mask,
        "template_mask": atom_mask.any((1, 2)).astype(np.float32),
        "template_pseudo_beta": beta_positions,
        "template_pseudo_beta_mask": np.take_along_axis(atom_mask, beta, axis=2)[..., 0],
    }


def features(**sizes) -> Features:
    """`Features` of `dictionary(**sizes)`."""
    return interop.features(dictionary(**sizes))


def traced_at_most(jitted: Jitted, most: int) -> Jitted:
    """The same function, not compiled yet; to trace it more than `most` times is an AssertionError."""
    return Jitted(chex.assert_max_traces(jitted.__wrapped__, most), **jitted.options)


def relative_error(found, expected) -> float:
    """The largest error, in units of the largest expected value."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
