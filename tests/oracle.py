"""DeepMind's own network, run live (package alphafold-colabfold): what parity is measured against."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("alphafold.model.modules", reason="the oracle (alphafold-colabfold, dm-haiku) is not installed")

import haiku as hk
import jax
import jax.numpy as jnp
from alphafold.model import config as oracle_config
from alphafold.model import modules

from af2jax.config import Config
from tests.losses.examples import QUICK


def configuration(config: Config, **options):
    """DeepMind's configuration of a monomer preset, in float32, without dropout; `options` are its global ones."""
    name = config.name if config.name != "tiny" else "model_1_ptm"
    c = oracle_config.model_config(name).model
    c.global_config.update({"bfloat16": False, "deterministic": True, "zero_init": False, "subbatch_size": 4} | options)
    e = c.embeddings_and_evoformer
    for stack in (e.evoformer, e.template.template_pair_stack):
        stack.triangle_multiplication_outgoing.fuse_projection_weights = False
        stack.triangle_multiplication_incoming.fuse_projection_weights = False
    return c


def nested(flat: dict) -> dict:
    """Haiku's two-level tree of DeepMind's arrays, without the outer scope."""
    tree: dict = {}
    for key, value in flat.items():
        scope, leaf = key.removeprefix("alphafold/").split("//")
        tree.setdefault(scope, {})[leaf] = value
    return tree


def network(config: Config, compute_loss: bool = False, **options):
    """`apply(params, batch, prev)` of one pass of DeepMind's network; with `compute_loss` (results, total loss)."""
    c = configuration(config, **options)

    def iteration(batch, prev):
        one = {k: v[None] for k, v in batch.items()}
        module = modules.AlphaFoldIteration(c, c.global_config)
        return module(one, prev, is_training=False, compute_loss=compute_loss, ensemble_representations=False)

    apply = hk.transform(iteration).apply
    return lambda params, batch, prev: apply(params, jax.random.PRNGKey(0), batch, prev)


def zero_state(num_res: int) -> dict:
    """What the first pass starts from."""
    return {
        "prev_pos": jnp.zeros((num_res, 37, 3)),
        "prev_msa_first_row": jnp.zeros((num_res, 256)),
        "prev_pair": jnp.zeros((num_res, num_res, 128)),
    }


def recycled(out: dict) -> dict:
    """What the next pass starts from."""
    return {
        "prev_pos": out["structure_module"]["final_atom_positions"],
        "prev_msa_first_row": out["representations"]["msa_first_row"],
        "prev_pair": out["representations"]["pair"],
    }


def run(config: Config, flat: dict, batch: dict, num_recycle: int, guess=None) -> dict:
    """Every result of DeepMind's network after `num_recycle` recycles, from positions `guess`, as a flat dictionary."""
    batch = {k: jnp.asarray(v) for k, v in (batch | atom_tables(batch)).items()}
    apply, prev = jax.jit(network(config), compiler_options=QUICK), zero_state(len(batch["aatype"]))
    prev |= {} if guess is None else {"prev_pos": jnp.asarray(guess)}
    for _ in range(num_recycle + 1):
        with jax.numpy_rank_promotion("allow"):
            out = apply(nested(flat), batch, prev)
        prev = recycled(out)
    return {f"{a}/{b}": np.asarray(v) for a, d in out.items() for b, v in d.items() if np.ndim(v)}


def gradient_of_loss(config: Config, **options):
    """`gradient(params, batch, prev)` of the total loss of one pass, with its results; `batch` has the labels."""
    last = network(config, compute_loss=True, **options)

    def loss(params, batch, prev):
        results, value = last(params, batch, prev)
        return value, {k: v for k, v in results.items() if k != "representations"} | {"loss": value}

    return jax.grad(loss, has_aux=True)


def gradient(config: Config, flat: dict, batch: dict, num_recycle: int) -> tuple[dict, dict]:
    """(results, gradient) of DeepMind's total loss after `num_recycle` recycles, both by DeepMind's keys.

    `batch` has the labels. The recycles are passes of their own, so that nothing is differentiated through them.
    PAE's diagonal is in bin 0 of the loss; `theirs.diagonal_in_bin_1` has it as we do.
    """
    batch = {k: jnp.asarray(v) for k, v in batch.items()}
    one, last = network(config), gradient_of_loss(config)

    @partial(jax.jit, compiler_options=QUICK)
    def both(params, batch, prev):
        prev = jax.lax.fori_loop(0, num_recycle, lambda _, prev: recycled(one(params, batch, prev)), prev)
        return last(params, batch, prev)

    with jax.numpy_rank_promotion("allow"):
        found, results = both(nested(flat), batch, zero_state(len(batch["aatype"])))
    grads = {f"alphafold/{scope}//{leaf}": np.asarray(x) for scope, d in found.items() for leaf, x in d.items()}
    return scalars(results) | {"loss": results["loss"]}, grads


def scalars(results: dict) -> dict:
    """The single numbers among the results of heads, by "head/name"."""
    heads = {name: values for name, values in results.items() if isinstance(values, dict)}
    numbers = lambda values: {k: v for k, v in values.items() if not isinstance(v, dict) and np.ndim(v) == 0}
    return {f"{head}/{name}": value for head, values in heads.items() for name, value in numbers(values).items()}


def atom_tables(batch: dict) -> dict:
    """The tables of atoms that DeepMind's pipeline adds to a batch."""
    from alphafold.common import residue_constants as rc

    at37 = np.zeros((21, 37), np.float32)
    to14 = np.zeros((21, 37), np.int32)
    at14 = np.zeros((21, 14), np.float32)
    for i, letter in enumerate(rc.restypes):
        for j, atom in enumerate(rc.restype_name_to_atom14_names[rc.restype_1to3[letter]]):
            if atom:
                at14[i, j] = at37[i, rc.atom_order[atom]] = 1
                to14[i, rc.atom_order[atom]] = j
    aatype, mask = batch["aatype"], batch["seq_mask"][:, None]
    return {
        "atom14_atom_exists": at14[aatype] * mask,
        "atom37_atom_exists": at37[aatype] * mask,
        "residx_atom37_to_atom14": to14[aatype],
    }
