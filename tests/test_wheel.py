"""The wheel holds what it reads: installed outside the checkout, it predicts."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import af2jax, sys
from af2jax.constants import atoms, chemistry
assert "site" in af2jax.__file__, af2jax.__file__
assert atoms.ATOM37_MASK.sum() == 167 and chemistry.RADII["C"] > 1
from af2jax.cli.main import main
sys.exit(main(["predict", "q.fasta", "--random-weights", "--out", "o", "--num-recycle", "0", "--quiet"]))
"""


@pytest.mark.slow("builds and installs the wheel")
def test_the_wheel_outside_the_checkout(tmp_path):
    pytest.importorskip("build", reason="the package build is not installed")
    run = lambda *a, **k: subprocess.run([str(x) for x in a], check=True, cwd=tmp_path, **k)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, stdout=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    (tmp_path / "q.fasta").write_text(">q\nACDEFGHI\n")
    run(sys.executable, "-c", SCRIPT, env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu"})
    assert len(list((tmp_path / "o").glob("q_unrelaxed*"))) == 2
