"""An exported folder in other programs: their own model loading takes it, and their network gives af2jax's structure.

The requirements of stock ColabFold (`make colabfold`) and of alphafold3-colabfold (`make alphafold3`) clash with ours:
each has a virtual environment of its own.
"""

import subprocess
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from tests import support

pytestmark = [pytest.mark.slow("runs other programs"), pytest.mark.parity]
ROOT = Path(__file__).resolve().parents[2]
COLABFOLD, ALPHAFOLD3 = (ROOT / f".venv-{name}" / "bin" / "python" for name in ("colabfold", "alphafold3"))
IN_COLABFOLD = """
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
IN_ALPHAFOLD3 = """
import pathlib, sys
import numpy as np
from alphafold3.af2.common.confidence import compute_plddt
from alphafold3.af2.features import blank_features
from alphafold3.af2.runner import AF2Runner

folder, sequence = pathlib.Path(sys.argv[1]), sys.argv[2]
runner = AF2Runner(
    model_type="alphafold2_ptm", data_dir=str(folder), model_names=["model_3_ptm"], num_recycle=0, use_bfloat16=False,
    use_remat=False, flash_attention="none",
)
out = runner.predict(blank_features(len(sequence)), sequence)
plddt = compute_plddt(np.asarray(out["predicted_lddt"]["logits"]))
np.savez(folder / "found.npz", atoms=out["structure_module"]["final_atom_positions"], plddt=plddt)
"""
SEQUENCE = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder params/ of a full-size network with some parameters moved, as training leaves them, in two stacks."""
    params = af2jax.load("model_3_ptm", support.rule_flat(preset("model_3_ptm")), split=(44, 4))[1]
    params["structure"] = jax.tree.map(lambda x: x * 1.01, params["structure"])
    folder = tmp_path_factory.mktemp("exported")
    base = folder / "base"
    base.mkdir()
    for i in range(1, 6):  # two real architectures, each under all the names that share it
        other = "model_1_ptm" if i < 3 else "model_3_ptm"
        if i in (1, 3):
            np.savez(base / f"params_{other}.npz", **support.rule_flat(preset(other)))
        else:
            (base / f"params_model_{i}_ptm.npz").symlink_to(base / f"params_{other}.npz")
    af2jax.export(params, "model_3_ptm", folder / "params", base=base)
    return folder


def run(python: Path, script: str, *arguments) -> None:
    """A script in the virtual environment of another program."""
    done = subprocess.run([python, "-c", script, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def same(found, expected) -> None:
    """The structure and the confidence of another program are ours."""
    np.testing.assert_allclose(found["atoms"], expected.protein.positions, atol=1e-3)
    assert support.relative_error(found["atoms"], expected.protein.positions) < 1e-4
    np.testing.assert_allclose(found["plddt"], expected.plddt, atol=0.01)


@pytest.mark.skipif(not COLABFOLD.exists(), reason="ColabFold is not installed; run `make colabfold`")
def test_colabfold_loads_and_folds_an_export(exported):
    from tests import oracle

    d = support.dictionary(num_res=20, num_seq=6, num_extra=8, num_templ=1)
    np.savez(exported / "features.npz", **(d | oracle.atom_tables(d)))
    run(COLABFOLD, IN_COLABFOLD, exported)
    model, params = af2jax.load("model_3_ptm", exported / "params")
    expected = af2jax.predict(model, params, af2jax.interop.features(d), num_recycle=0)
    same(np.load(exported / "found.npz"), expected)


@pytest.mark.skipif(
    not ALPHAFOLD3.exists(),
    reason="alphafold3-colabfold is not installed; run `make alphafold3` (it needs Python 3.12)",
)
def test_alphafold3_colabfold_loads_and_folds_an_export(exported):
    """The JAX program for AlphaFold 3, which runs AlphaFold 2 too, one chain on the network of complexes."""
    run(ALPHAFOLD3, IN_ALPHAFOLD3, exported, SEQUENCE)
    model, params = af2jax.load("model_3_ptm", exported / "params")
    unmasked = replace(model.config, data=replace(model.config.data, mask_fraction=0.0))
    expected = af2jax.predict(model, params, af2jax.features(SEQUENCE, unmasked, cycles=1), num_recycle=0)
    same(np.load(exported / "found.npz"), expected)
