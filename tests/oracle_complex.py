"""DeepMind's network for complexes, run live on features that were sampled before."""

from unittest import mock

import numpy as np

from tests import oracle  # skips where the package is not installed

import haiku as hk  # isort: skip
import jax  # isort: skip
import jax.numpy as jnp  # isort: skip
from alphafold.model import config as oracle_config  # isort: skip
from alphafold.model import modules_multimer as modules  # isort: skip
from alphafold.model import prng  # isort: skip


def configuration(name: str, **options):
    """DeepMind's configuration of a preset, in float32, without dropout; `options` are its global ones."""
    c = oracle_config.model_config(name).model
    c.global_config.update({"bfloat16": False, "deterministic": True, "zero_init": False, "subbatch_size": 4} | options)
    e = c.embeddings_and_evoformer
    for stack in (e.evoformer, e.template.template_pair_stack):
        for way in ("outgoing", "incoming"):
            stack[f"triangle_multiplication_{way}"].fuse_projection_weights = name.endswith("_v3")
    return c


def extra_features(batch: dict) -> jax.Array:
    """The rows of the extra MSA as DeepMind embeds them, [N_extra N_res 25]."""
    deletions = batch["extra_deletion_matrix"]
    parts = [jnp.clip(deletions, 0, 1)[..., None], (jnp.arctan(deletions / 3.0) * (2.0 / jnp.pi))[..., None]]
    return jnp.concatenate([jax.nn.one_hot(batch["extra_msa"], 23), *parts], axis=-1)


def network(name: str, **options):
    """`apply(params, batch, prev)` of one pass; `batch` holds what was sampled, as `interop` takes it."""
    c = configuration(name, **options)
    same = lambda *arguments: next(a for a in arguments if isinstance(a, dict))

    def iteration(batch, prev):
        ready = {
            "make_msa_profile": lambda batch: 0.0,
            "sample_msa": same,
            "make_masked_msa": same,
            "nearest_neighbor_clusters": lambda batch: (0.0, 0.0),
            "create_msa_feat": lambda batch: batch["msa_feat"],
            "create_extra_msa_feature": lambda batch, num: (extra_features(batch), batch["extra_msa_mask"]),
        }
        with mock.patch.multiple(modules, **ready):
            module = modules.AlphaFoldIteration(c, c.global_config)
            return module(batch | prev, is_training=False, safe_key=prng.SafeKey(hk.next_rng_key()))

    apply = hk.transform(iteration).apply
    return lambda params, batch, prev: apply(params, jax.random.PRNGKey(0), batch, prev)


def run(name: str, flat: dict, batch: dict, num_recycle: int, **options) -> dict:
    """Every result after `num_recycle` recycles, as a flat dictionary.

    Optimised: in templates the direction of a residue towards itself is the rounding error of fused products and sums.
    """
    batch = {k: jnp.asarray(v) for k, v in batch.items()}
    apply, prev = jax.jit(network(name, **options)), oracle.zero_state(len(batch["aatype"]))
    for _ in range(num_recycle + 1):
        with jax.numpy_rank_promotion("allow"):
            out = apply(oracle.nested(flat), batch, prev)
        prev = oracle.recycled(out)
    return {f"{a}/{b}": np.asarray(v) for a, d in out.items() for b, v in d.items() if np.ndim(v)}
