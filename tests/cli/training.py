"""A small training on synthetic proteins, begun by the command in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from af2jax.data import synthetic
from af2jax.finetune.record import TRAIN, VALIDATION, lines
from af2jax.finetune.run import latest
from af2jax.pretrained import checkpoint
from tests import flags

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {
    "data": synthetic.MANIFEST,
    "preset": "tiny",
    "heads": {"ss": {"kind": "residue", "classes": 3}},
    "classes": {"ss": ["H", "E", "C"]},
    "losses": {"ss": 1.0, "distogram": 0.3},
    "steps": 18,
    "batch_size": 2,
    "accumulate": 2,
    "learning_rate": 1e-2,
    "warmup": 2,
    "weight_decay": 0.1,
    "ema": 0.9,
    "num_recycle": 1,
    "crop": 16,
    "max_msa_clusters": 2,
    "max_extra_msa": 2,
    "validate_every": 5,
    "save_every": 4,
}


def config(folder: Path, weights: Path, **changes) -> Path:
    """A config and its proteins, in a folder."""
    synthetic.make(folder, 12)
    path = folder / "training.json"
    path.write_text(json.dumps(TRAINING | {"params": str(weights)} | changes))
    return path


def begin(*arguments, **environment) -> subprocess.Popen:
    """`af2jax finetune` on one simulated device."""
    command = [sys.executable, "-m", "af2jax", "finetune", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | flags.SETTINGS | environment, **pipes)


def end(process: subprocess.Popen) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a process that is waited for."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out, err


def arrays(out: Path) -> dict[str, np.ndarray]:
    """All arrays of the last checkpoint of a run: trained, ema, opt_state, step and skipped."""
    return {name: np.asarray(x) for name, x in checkpoint.restore(latest(out))[0].items()}


def course(out: Path) -> list[list[dict]]:
    """What a run wrote of its steps and validations, without the clock."""
    drop = lambda line: {name: value for name, value in line.items() if name != "seconds"}
    return [[drop(line) for line in lines(out / name)] for name in (TRAIN, VALIDATION)]
