"""What does each block of the Evoformer add to what a structure can be built from?

The trunk of a trained network is cut after its first k blocks and frozen, for every k. On what comes out of it a new
structure module is trained from random weights, each in the same way, and judged on chains that neither the trunk nor
the module was trained on. Where the curve still rises the later blocks add to it; where it is flat they do not. The
paper does the same for its network of 48 blocks (Jumper et al. 2021, supplement, section 1.16).

    python -m experiments.trunk_depth --data DATA --params mini --depth trunk_depth

The network is af2jax-mini, the chains and their sides are those of `experiments/corpus.py`. The folder `--depth`
then has the lDDT-CA of every chain by depth, and `depth.png`. Depths that are there already are not trained again.
Hardware: 2 CPU cores, 10 minutes; expected result and last good commit: experiments/README.md.
"""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

import af2jax
from af2jax import compilation, losses
from af2jax.constants.atoms import CA
from af2jax.data.batch import stack
from af2jax.files import write
from af2jax.geometry.lddt import lddt
from af2jax.metrics.statistics import bootstrap, paired
from af2jax.model.alphafold import AlphaFold
from af2jax.model.structure import StructureModule
from af2jax.plots.bars import bars
from experiments import corpus

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
PARAMS = flags.DEFINE_string("params", None, "Run directory, or folder of params_mini.npz.", required=True)
DEPTH = flags.DEFINE_string("depth", "trunk_depth", "Folder for the results.")
MODULE_STEPS = flags.DEFINE_integer("module_steps", 400, "Of each structure module.", lower_bound=1)
CHAINS = flags.DEFINE_integer("chains", 120, "To learn from.", lower_bound=1)

CROP, BATCH, RATE, SEED, LONGEST = 48, 4, 2e-3, 0, 200


def cut(model: AlphaFold, params: dict, blocks: int) -> tuple[AlphaFold, dict]:
    """The network with its first `blocks` Evoformer blocks."""
    config = dataclasses.replace(model.config, evoformer=dataclasses.replace(model.config.evoformer, blocks=blocks))
    first = jax.tree.map(lambda x: x[:blocks], params["evoformer"])
    return model.clone(config=config), params | {"evoformer": first}


def examples(model: AlphaFold, chains: list[corpus.Member]) -> tuple:
    """One window of each chain."""
    return stack([af2jax.example(chain.file, config=model.config, crop=CROP, seed=SEED) for chain in chains])


def representations(model: AlphaFold, params: dict, batch: tuple):
    """(outputs of the frozen network, targets) of all examples."""
    features, targets = batch
    one = jax.jit(lambda features: af2jax.forward(model, params, features, 0))
    found = [one(jax.tree.map(lambda x, i=i: x[i], features)) for i in range(len(features.aatype))]
    return jax.tree.map(lambda *x: jnp.stack(x), *found), targets


def train(module: StructureModule, known, steps: int, seed: int) -> dict:
    """The parameters of a new structure module, trained on frozen representations."""
    outputs, targets = jax.tree.map(jnp.asarray, known)
    build = lambda params, o, t: module.apply({"params": params}, o.single, o.pair, t.aatype, t.seq_mask)
    o, t = jax.tree.map(lambda x: x[0], (outputs, targets))
    params = module.init(jax.random.key(seed), o.single, o.pair, t.aatype, t.seq_mask)["params"]
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(RATE, steps)))

    def loss(params, o, t):
        return losses.total(o.replace(structure=build(params, o, t)), t, {"fape": 1.0})[0]

    @jax.jit
    def step(carry, chosen):
        params, state = carry
        o, t = jax.tree.map(lambda x: x[chosen], (outputs, targets))
        gradient = jax.grad(lambda p: jnp.mean(jax.lax.map(lambda each: loss(p, *each), (o, t))))(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), None

    carry, rng = (params, optimizer.init(params)), np.random.default_rng(seed)
    for _ in range(steps):
        carry, _ = step(carry, rng.integers(len(outputs.single), size=BATCH))
    return carry[0]


def score(module: StructureModule, params: dict, known) -> np.ndarray:
    """lDDT-CA of each example, 0 to 100."""

    def one(each):
        o, t = each
        points = module.apply({"params": params}, o.single, o.pair, t.aatype, t.seq_mask).atom37[:, CA]
        observed = t.atom_mask[:, CA]
        return 100 * jnp.mean(lddt(points, t.positions[:, CA], observed), where=observed)

    return np.asarray(jax.jit(lambda known: jax.lax.map(one, known))(jax.tree.map(jnp.asarray, known)))


def report(found: dict[int, np.ndarray], clusters: list[str], out: Path) -> None:
    """Writes the curve, and what follows from it."""
    values = {f"after block {k}": tuple(bootstrap(x, clusters))[:3] for k, x in found.items()}
    first, *_, last = found
    whole = paired(found[last], found[first], clusters)
    steps = [(k, paired(found[k], found[j], clusters).difference) for j, k in zip(found, list(found)[1:], strict=False)]
    clear = [str(k) for k, difference in steps if difference.low > 0]
    caption = (
        f"lDDT-CA on windows of {CROP} residues of {len(clusters)} chains never trained on, by a structure module "
        f"trained from random weights for {MODULE_STEPS.value} steps on what the first k blocks of af2jax-mini make, "
        f"frozen; lines: 95 % of the means of clusters drawn again. {last} blocks against {first}: {whole.difference}. "
        + (
            f"By itself a gain is clear for block {', '.join(clear)}."
            if clear
            else "No block's gain is clear by itself."
        )
    )
    bars(out / "depth.png", "lDDT-CA", values, caption)
    print(caption)


def main(_) -> None:
    """Trains one module for each depth, and compares."""
    compilation.persist()
    data, out = Path(DATA.value).resolve(), Path(DEPTH.value)
    every = corpus.chains(data, LONGEST)
    chains = {side: [c for c in every if c.side == side] for side in ("train", "valid")}
    chains["train"] = chains["train"][: CHAINS.value]
    model, params = af2jax.load("mini", PARAMS.value)
    module = StructureModule(model.config.structure)
    learn, judge = (examples(model, some) for some in chains.values())
    found = {}
    for blocks in range(model.config.evoformer.blocks + 1):
        path = out / f"block_{blocks}.txt"
        if not path.exists():
            part = cut(model, params, blocks)
            trained = train(module, representations(*part, learn), MODULE_STEPS.value, SEED)
            scores = score(module, trained, representations(*part, judge))
            write(path, "\n".join(f"{x:.3f}" for x in scores) + "\n")
        found[blocks] = np.loadtxt(path)
        print(f"block {blocks}: lDDT-CA {found[blocks].mean():.1f}", flush=True)
    report(found, [c.cluster for c in chains["valid"]], out)


if __name__ == "__main__":
    app.run(main)
