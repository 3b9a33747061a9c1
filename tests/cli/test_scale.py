"""The Slurm array of the documentation, as two processes of this machine with the variables that Slurm sets."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from af2jax.cli.batch import shard
from af2jax.config import preset
from tests import flags, snippets, support

ROOT = Path(__file__).resolve().parents[2]
SCALE = ROOT / "docs" / "scale.md"
QUERIES = {"a": "MKTAYIAK", "b": "GSVKELWP", "c": "MKQRQISF"}


@pytest.mark.slow("starts several processes")
def test_an_array_of_two(tmp_path):
    (command,) = (
        line
        for block in snippets.blocks(SCALE)
        for line in block.text.splitlines()
        if line.startswith("af2jax predict")
    )
    (tmp_path / "proteins").mkdir()
    for name, sequence in QUERIES.items():
        (tmp_path / "proteins" / f"{name}.fasta").write_text(f">{name}\n{sequence}\n")
    (tmp_path / "params").mkdir()
    np.savez(tmp_path / "params" / "params_tiny.npz", **support.rule_flat(preset("tiny")))

    script = f'af2jax() {{ "{sys.executable}" -m af2jax "$@"; }}\n{command} --no-plots --num-recycle 0'
    given = os.environ | flags.SETTINGS | {"PYTHONPATH": str(ROOT), "SLURM_ARRAY_TASK_COUNT": "2"}
    tasks = [
        subprocess.Popen(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=given | {"SLURM_ARRAY_TASK_ID": str(task)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for task in (1, 2)
    ]
    ended = [task.communicate(timeout=600) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], ended
    folded = [{line.split(":")[0] for line in out.splitlines() if "mean pLDDT" in line} for out, _ in ended]
    assert folded == [set(shard(list(QUERIES), part)) for part in ("1/2", "2/2")] and all(folded)  # not as locks fall
    assert {file.name.partition(".")[0] for file in (tmp_path / "out").glob("*.done.txt")} == QUERIES.keys()
