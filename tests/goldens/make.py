"""Stored figures of this folder, made by DeepMind's live code on inputs of our own: python -m tests.goldens.make

Tests compare with them where compiling DeepMind's network again would cost more than all of ours. A slow test makes
them anew and compares.
"""

import json
from pathlib import Path

import numpy as np

from af2jax.config import preset
from tests import support
from tests.losses import examples

FOLDER = Path(__file__).parent
PATH = FOLDER / "model_3_ptm.loss.json"
NAME, SEED, SIZES = "model_3_ptm", 7, {"num_seq": 4, "num_extra": 5, "num_templ": 1}

PASS = FOLDER / "model_1_ptm.pass.npz"
PASS_NAME, PASS_SEED, PASS_SIZES = "model_1_ptm", 11, {"num_seq": 5, "num_extra": 6, "num_templ": 2}


def inputs() -> tuple[dict, dict]:
    """DeepMind's arrays and AlphaFold's dictionary of a made-up protein."""
    return support.rule_flat(preset(NAME), SEED), examples.whole(12, **SIZES)


def pass_inputs(num_res: int = 11) -> tuple[dict, dict, dict]:
    """The same for one pass with its gradient, and what is recycled into it, by DeepMind's names."""
    rng = np.random.default_rng(PASS_SEED)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
    prev = {
        "prev_pos": support.helix(num_res, rng),
        "prev_msa_first_row": normal(num_res, 256),
        "prev_pair": normal(num_res, num_res, 128),
    }
    return support.rule_flat(preset(PASS_NAME), PASS_SEED), examples.whole(num_res, **PASS_SIZES), prev


def loss() -> dict[str, float]:
    """The loss of DeepMind's network and its terms."""
    import jax

    from tests import oracle
    from tests.losses import theirs

    flat, d = inputs()
    with theirs.corrected():
        run = jax.jit(oracle.network(preset(NAME), compute_loss=True))
        results, loss = run(oracle.nested(flat), d | theirs.labels(d), oracle.zero_state(len(d["aatype"])))
    return {name: float(value) for name, value in oracle.scalars(results).items()} | {"loss": float(loss)}


def one_pass() -> dict[str, np.ndarray]:
    """One pass of DeepMind's network: "out/": its arrays, "loss/": its losses, "norm/", "dot/": of each gradient."""
    import jax

    from tests import oracle
    from tests.losses import theirs

    flat, d, prev = pass_inputs()
    run = oracle.network(preset(PASS_NAME), compute_loss=True)
    total = lambda params, batch, prev: run(params, batch, prev)[::-1]
    gradient = jax.jit(jax.value_and_grad(total, has_aux=True), compiler_options=examples.QUICK)
    with theirs.corrected(), theirs.diagonal_in_bin_1():
        batch = {name: np.asarray(x) for name, x in (d | theirs.labels(d)).items()}
        (value, results), found = gradient(oracle.nested(flat), batch, prev)
    out = {f"out/{head}/{name}": x for head, values in results.items() for name, x in values.items() if np.ndim(x)}
    out |= {f"loss/{name}": x for name, x in (oracle.scalars(results) | {"loss": value}).items()}
    for scope, arrays in found.items():
        for leaf, x in arrays.items():
            key, x = f"alphafold/{scope}//{leaf}", np.asarray(x, np.float64)
            out |= {f"norm/{key}": np.linalg.norm(x), f"dot/{key}": np.sum(x * theirs.probe(key, x.shape))}
    return {name: np.asarray(x) for name, x in out.items()}


def main() -> None:
    """Writes them all."""
    PATH.write_text(json.dumps(loss(), indent=1) + "\n")
    np.savez_compressed(PASS, **one_pass())


if __name__ == "__main__":
    main()
