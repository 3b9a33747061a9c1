"""An exported folder in stock ColabFold: its own model loading takes it, and its network gives af2jax's structure.

ColabFold's requirements clash with ours, so that it lives in a virtual environment of its own (`make colabfold`).
"""

import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from tests import support

pytestmark = [pytest.mark.slow("runs stock ColabFold"), pytest.mark.parity]
PYTHON = Path(__file__).resolve().parents[2] / ".venv-colabfold" / "bin" / "python"
SCRIPT = """
import pathlib, sys
import jax, numpy as np
from colabfold import download
from colabfold.alphafold.models import load_models_and_params

folder = pathlib.Path(sys.argv[1])
download.download_alphafold_params("alphafold2_ptm", folder)  # returns at once where the marker is
[(name, runner, params)] = load_models_and_params(
    num_models=1, use_templates=False, num_recycles=0, model_order=[3], model_type="alphafold2_ptm",
    data_dir=folder, use_bfloat16=False, save_all=True,
)
features = {k: v[None] for k, v in np.load(folder / "features.npz").items()}
num = features["aatype"].shape[1]
zeros = lambda *shape: np.zeros(shape, np.float32)
prev = {"prev_pos": zeros(num, 37, 3), "prev_msa_first_row": zeros(num, 256), "prev_pair": zeros(num, num, 128)}
out = runner.apply(params, jax.random.PRNGKey(0), {**features, "prev": prev})
np.savez(folder / "found.npz", atoms=out["structure_module"]["final_atom_positions"], plddt=out["plddt"])
"""


@pytest.fixture(scope="module")
def trained():
    """A full-size network with some parameters moved, as training leaves them, in two stacks."""
    params = af2jax.load("model_3_ptm", support.rule_flat(preset("model_3_ptm")), split=(44, 4))[1]
    params["structure"] = jax.tree.map(lambda x: x * 1.01, params["structure"])
    return params


@pytest.mark.skipif(not PYTHON.exists(), reason="ColabFold is not installed; run `make colabfold`")
def test_colabfold_loads_and_folds_an_export(trained, tmp_path):
    from tests import oracle

    base = tmp_path / "base"
    base.mkdir()
    for i in range(1, 6):  # two real architectures, each under all the names that share it
        other = "model_1_ptm" if i < 3 else "model_3_ptm"
        if i in (1, 3):
            np.savez(base / f"params_{other}.npz", **support.rule_flat(preset(other)))
        else:
            (base / f"params_model_{i}_ptm.npz").symlink_to(base / f"params_{other}.npz")
    af2jax.export(trained, "model_3_ptm", tmp_path / "params", base=base)

    d = support.dictionary(num_res=20, num_seq=6, num_extra=8, num_templ=1)
    np.savez(tmp_path / "features.npz", **(d | oracle.atom_tables(d)))
    run = subprocess.run([PYTHON, "-c", SCRIPT, tmp_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    found = np.load(tmp_path / "found.npz")
    model, params = af2jax.load("model_3_ptm", tmp_path / "params")
    expected = af2jax.predict(model, params, af2jax.interop.features(d), num_recycle=0)
    np.testing.assert_allclose(found["atoms"], expected.protein.positions, atol=1e-3)
    assert support.relative_error(found["atoms"], expected.protein.positions) < 1e-4
    np.testing.assert_allclose(found["plddt"], expected.plddt, atol=0.01)
