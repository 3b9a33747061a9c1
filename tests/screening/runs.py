"""A run directory with heads of every kind whose parameters were stirred: what a training leaves, without one."""

import jax
import jax.numpy as jnp
import numpy as np

import af2jax
from af2jax.config import preset
from af2jax.finetune import directory, prepare
from af2jax.finetune.config import Training
from af2jax.finetune.watch import Validation
from af2jax.heads import Calibration, TrainedOn
from tests import support

HEADS = {
    "ss": af2jax.Head("residue", classes=("H", "E", "C")),
    "tm": af2jax.Head("chain", outputs=1, mean=50.0, std=10.0, unit="degrees Celsius"),
    "contact": af2jax.Head("pair", classes=("no", "yes")),
    "binds": af2jax.Head("binding", classes=("no", "yes")),
    "b": af2jax.Head("residue", outputs=2, reads="structure"),
}
CALIBRATION = Calibration(2.5, 400, 20, (1.2, 0.9), (0.3, 0.05))
TAUGHT = TrainedOn({"one": "MKTAYIAKQRQI", "two": "MKTAYIAKQRQISF"})


def stirred(tree, seed: int = 0):
    """Parameters after some training."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: x + jnp.asarray(0.3 * rng.normal(size=x.shape), x.dtype), tree)


def make(folder, heads=HEADS, taught=TAUGHT, seed=0, calibration=CALIBRATION, **changes):
    """A run directory; "ss" is calibrated, "contact" was refused; `seed` of what stirs its parameters."""
    np.savez(folder / "params_tiny.npz", **support.rule_flat(preset("tiny")))
    losses = dict.fromkeys(heads, 1.0) or {"distogram": 1.0}
    changes = {"data": "none", "params": str(folder), "preset": "tiny", "recipe": "heads", "losses": losses} | changes
    training, out = Training(heads=heads, **changes), folder / "run"
    prepared = prepare.prepare(training)
    directory.start(out, training, resume=False)
    directory.describe(out, training, prepared.params, "0" * 64, "id\n")
    taught.save(out)
    state = prepared.state.replace(step=jnp.int32(3), trained=stirred(prepared.state.trained, seed))
    refused = Calibration(1.0, 9, 1, (1.0, 1.0), (0.2, 0.2), "9 labelled places of 1 validation proteins")
    calibration = {n: c for n, c in {"ss": calibration, "contact": refused}.items() if c and n in heads}
    watch = {"best": 1.0, "best_step": 3, "stale": 0, "bad": 0}
    directory.save_checkpoint(out, training, state, watch, Validation({"loss": 1.0}, calibration))
    return out
