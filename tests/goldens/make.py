"""Stored figures of this folder, made by DeepMind's live code on inputs of our own: python -m tests.goldens.make"""

import json
from pathlib import Path

from af2jax.config import preset
from tests import support
from tests.losses import examples

PATH = Path(__file__).parent / "model_3_ptm.loss.json"
NAME, SEED, SIZES = "model_3_ptm", 7, {"num_seq": 4, "num_extra": 5, "num_templ": 1}


def inputs() -> tuple[dict, dict]:
    """DeepMind's arrays and AlphaFold's dictionary of a made-up protein."""
    return support.rule_flat(preset(NAME), SEED), examples.whole(12, **SIZES)


def main() -> None:
    """Writes the loss and its terms."""
    import jax

    from tests import oracle
    from tests.losses import theirs

    flat, d = inputs()
    with theirs.corrected():
        run = jax.jit(oracle.network(preset(NAME), compute_loss=True))
        results, loss = run(oracle.nested(flat), d | theirs.labels(d), oracle.zero_state(len(d["aatype"])))
    figures = {name: float(value) for name, value in oracle.scalars(results).items()} | {"loss": float(loss)}
    PATH.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
