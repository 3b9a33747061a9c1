"""A real run: rows of a real alignment, a full-size network, files that other programs read."""

import gzip
import json

import gemmi
import numpy as np
import pytest

import af2jax
from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from tests import support

pytestmark = pytest.mark.slow("compiles the full-size network for real sizes")
COLUMNS, ROWS = 72, 40


@pytest.fixture(scope="module")
def query(shared, tmp_path_factory):
    """The first columns and rows of the alignment of PDB 6KWC, as an A3M file."""
    text = gzip.decompress((shared / "data" / "msa" / "6kwc_A" / "bfd_uniref_hits.a3m.gz").read_bytes()).decode()
    path = tmp_path_factory.mktemp("real") / "6kwc.a3m"
    with open(path, "w") as file:
        for record in text.split(">")[1 : ROWS + 1]:
            header, *lines = record.split("\n")
            row = "".join(lines)
            ends = np.cumsum([not letter.islower() for letter in row])
            file.write(f">{header}\n{row[: int(np.searchsorted(ends, COLUMNS)) + 1]}\n")
    return path


def test_a_real_alignment_from_the_command_line(query, tmp_path, capsys):
    np.savez(tmp_path / "params_model_1_ptm.npz", **support.rule_flat(preset("model_1_ptm")))
    out = tmp_path / "out"
    assert main(["predict", str(query), "--params", str(tmp_path), "--out", str(out), "--num-recycle", "1"]) == 0
    assert f"6kwc: {COLUMNS} residues" in capsys.readouterr().out
    tag = "rank_001_alphafold2_ptm_model_1_seed_000"
    scores = json.loads((out / f"6kwc_scores_{tag}.json").read_text())
    assert len(scores["plddt"]) == len(scores["pae"]) == COLUMNS and "notes" not in scores
    cif = out / f"6kwc_unrelaxed_{tag}.cif"
    sequence = query.read_text().split("\n")[1]
    for file in (cif, cif.with_suffix(".pdb")):
        (chain,) = gemmi.read_structure(str(file))[0]
        assert gemmi.one_letter_code([residue.name for residue in chain]) == sequence
        np.testing.assert_allclose([residue[0].b_iso for residue in chain], scores["plddt"], atol=0.011)

    pdbx = pytest.importorskip("biotite.structure.io.pdbx", reason="biotite is not installed")
    atoms = pdbx.get_structure(pdbx.CIFFile.read(str(cif)), model=1)
    assert len(set(atoms.res_id)) == COLUMNS
    reader = pytest.importorskip("modelcif.reader", reason="python-modelcif is not installed")
    with open(cif) as file:
        (system,) = reader.read(file)
    (model,) = (m for group in system.model_groups for m in group)
    assert len(model._atoms) == len(atoms) and len(model.qa_metrics) == 1 + COLUMNS


def test_bfloat16_is_near_float32(query):
    config = preset("model_1_ptm")
    params, features = support.rule_params(config), af2jax.features(query, config, cycles=1)
    exact, near = (
        af2jax.predict(AlphaFold(config, Runtime(dtype=dtype)), params, features, num_recycle=0)
        for dtype in ("float32", "bfloat16")
    )
    ca = lambda prediction: prediction.protein.positions[:, 1]
    moved = np.sqrt(np.mean(np.sum((ca(near) - ca(exact)) ** 2, axis=-1)))
    size = np.sqrt(np.mean(np.sum(ca(exact) ** 2, axis=-1)))
    plddt = np.abs(near.plddt - exact.plddt).max()
    print(f"bfloat16: CA moved by {moved:.3f} of {size:.2f} angstrom, pLDDT by {plddt:.2f} at most")
    assert moved < 0.05 * size and plddt < 5
