"""Overfits one known chain from random weights, to show that the whole of training works and not only its parts.

A small network (100,000 parameters) sees one chain again and again: all losses with DeepMind's weights but for the
violations, which as published come in a later stage, a random number of recycles, backbone FAPE not clamped (its
gradient vanishes beyond 10 angstrom, where a network that starts from the origin finds every residue). If labels,
losses, gradients and recycling are right, it finds the structure again; if one is wrong, it does not.

    python experiments/overfit_one.py --structure 5gob_A.pdb.gz

Hardware: 2 CPU cores, 3 minutes; expected result and last good commit: experiments/README.md.
"""

import dataclasses
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

import af2jax
from af2jax import losses
from af2jax.config import Config, preset
from af2jax.constants.atoms import CA
from af2jax.geometry.lddt import lddt
from af2jax.model.alphafold import AlphaFold
from af2jax.plots.curves import Panel, curves
from af2jax.pretrained.load import initialise

STRUCTURE = flags.DEFINE_string("structure", None, "mmCIF or PDB file (.gz too) of the chain.", required=True)
CHAIN = flags.DEFINE_string("chain", None, "Chain identifier; default: the only one.")
STEPS = flags.DEFINE_integer("steps", 800, "Steps of training.", lower_bound=100)
RATE = flags.DEFINE_float("learning_rate", 5e-3, "Highest learning rate, after 50 steps.")
RECYCLE = flags.DEFINE_integer("max_recycle", 1, "Most recycles in a step.", lower_bound=0)
SEED = flags.DEFINE_integer("seed", 0, "Of the weights, the masked MSA and the recycles.")
OUT = flags.DEFINE_string("out", "overfit_out", "Folder for metrics.jsonl, curve.png and the structure.")

EVERY = 10  # steps between the lines of metrics.jsonl
GOAL = 90  # lDDT-CA
SHOWN = ("step", "seconds", "loss", "fape", "lddt_ca")


def small() -> Config:
    """A network of two Evoformer blocks, without templates."""
    tiny, replace = preset("tiny"), dataclasses.replace
    return replace(
        tiny,
        name="small",
        c_z=32,
        c_s=32,
        template=None,
        evoformer=replace(tiny.evoformer, channels=32),
        structure=replace(tiny.structure, layers=4, channels=32, heads=4),
    )


def lddt_ca(atom37, targets) -> jax.Array:
    """The mean lDDT-CA of the observed residues, 0 to 100."""
    observed = jnp.asarray(targets.atom_mask[:, CA])
    return 100 * jnp.mean(lddt(atom37[:, CA], jnp.asarray(targets.positions[:, CA]), observed), where=observed)


def train(model: AlphaFold, params: dict, features, targets, path: Path) -> tuple[dict, list[dict]]:
    """The trained parameters, and every tenth step's metrics, which are written to `path` too."""
    rate = optax.warmup_cosine_decay_schedule(0, RATE.value, 50, STEPS.value)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))

    def loss(params, num_recycle):
        outputs = af2jax.forward(model, params, features, num_recycle)
        value, metrics = losses.total(outputs, targets, losses.default_weights(outputs) | {"violation": 0.0})
        return value, metrics | {"lddt_ca": lddt_ca(outputs.structure.atom37, targets)}

    @jax.jit
    def step(params, state, num_recycle):
        gradient, metrics = jax.grad(loss, has_aux=True)(params, num_recycle)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, metrics

    state, recycles = optimizer.init(params), np.random.default_rng(SEED.value)
    history, start = [], time.perf_counter()
    with open(path, "w") as file:
        for index in range(STEPS.value):
            params, state, metrics = step(params, state, recycles.integers(RECYCLE.value + 1))
            if index % EVERY and index != STEPS.value - 1:
                continue
            history.append(
                {"step": index, "seconds": round(time.perf_counter() - start, 1)} | jax.tree.map(float, metrics)
            )
            file.write(json.dumps(history[-1]) + "\n")
            if not np.isfinite(history[-1]["loss"]):
                raise SystemExit(f"the loss is not finite at step {index}")
            if index % (10 * EVERY) == 0:
                print("  ".join(f"{name} {history[-1][name]:.3g}" for name in SHOWN), flush=True)
    return params, history


def plot(history: list[dict], found: float, num: int, path: Path) -> Path:
    """The curves of losses and lDDT-CA, with their caption."""
    minutes = history[-1]["seconds"] / 60
    caption = (
        f"{Path(STRUCTURE.value).name} overfitted from random weights by a network of {num:,} parameters: "
        f"{STEPS.value} steps of Adam, up to {RECYCLE.value} recycles, seed {SEED.value}, {minutes:.1f} minutes. "
        "Left: losses, not weighted. Right: lDDT-CA of the same chain, "
        f"which ends at {found:.1f}: "
    )
    caption += (
        "labels, losses, gradients and recycling work together. Nothing follows for other proteins."
        if found > GOAL
        else f"short of {GOAL}, which the default settings pass where training works."
    )
    steps = [line["step"] for line in history]
    series = lambda *names: Panel(steps, {name: [line[name] for line in history] for name in names})
    panels = {"loss": series("fape", "sidechain_fape", "chi", "distogram"), "lDDT-CA": series("lddt_ca")}
    return curves(path, panels, caption)


def main(_) -> None:
    """Trains, folds the chain once more, and says how near it came."""
    out = Path(OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    config = small()
    features, targets = af2jax.example(STRUCTURE.value, CHAIN.value, config=config, seed=SEED.value)
    targets = targets.replace(use_clamped_fape=np.float32(0))
    model, params = AlphaFold(config), initialise(config, jax.random.key(SEED.value))
    num = sum(x.size for x in jax.tree.leaves(params))
    print(f"{len(features.aatype)} residues, {num:,} parameters, random weights, seed {SEED.value}")

    params, history = train(model, params, features, targets, out / "metrics.jsonl")
    notes = ("a small network overfitted to this chain alone: this is not a prediction",)
    prediction = af2jax.predict(model, params, features, RECYCLE.value, name="overfit", notes=notes)
    prediction.save(out)
    found = float(lddt_ca(jnp.asarray(prediction.protein.positions), targets))
    print(f"lDDT-CA {found:.1f} after {STEPS.value} steps in {history[-1]['seconds'] / 60:.1f} minutes")
    print(plot(history, found, num, out / "curve.png"))


if __name__ == "__main__":
    app.run(main)
