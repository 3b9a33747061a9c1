"""`af2jax.score`: a given structure judged by a network that starts from it, or sees it as a template."""

import csv
import dataclasses
import json

import jax
import numpy as np
import pytest

import af2jax
from af2jax import scoring
from af2jax.config import preset
from af2jax.constants.atoms import CA
from af2jax.data.given import read_given
from af2jax.errors import InputError
from af2jax.inference import predict
from af2jax.metrics.superposition import rmsd, tm_score
from af2jax.model.alphafold import AlphaFold, initial
from tests import support
from tests.data.molecules import pdb, peptide, save
from tests.goldens.interfaces import FILE, case

CONFIG = preset("tiny")
MODEL = AlphaFold(CONFIG)
compiled = pytest.mark.medium("compiles the small network")


def complex_file(folder):
    """Chains H and L, backbones side by side."""
    first = peptide("MKTGYIAK", chain="H")
    second = [
        dataclasses.replace(a, position=(a.position[0], a.position[1] + 6, a.position[2] + 1))
        for a in peptide("WALKDE", chain="L")
    ]
    return save(folder, pdb([*first, *second]), "c.pdb")


@pytest.fixture(scope="module")
def params():
    return support.rule_params(CONFIG)


@pytest.fixture(scope="module")
def found(params, tmp_path_factory):
    """A complex scored from its initial guess."""
    return af2jax.score(complex_file(tmp_path_factory.mktemp("c")), MODEL, params, num_recycle=1)


def test_no_guess_is_a_guess_of_zeros():
    """And another is what recycling reads; nothing else of the state changes."""
    features = support.features()
    without, zeros = initial(features, CONFIG), initial(features, CONFIG, np.zeros((8, 37, 3), np.float32))
    for a, b in zip(jax.tree.leaves(without), jax.tree.leaves(zeros), strict=True):
        assert a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes()
    guess = np.random.default_rng(0).normal(size=(8, 37, 3)).astype(np.float32)
    given = initial(features, CONFIG, guess)
    assert np.array_equal(given.positions, guess) and not given.pair.any() and not given.msa_first_row.any()


@compiled
def test_a_guess_moves_the_first_pass_alone(params):
    features = support.features()
    plain = predict(MODEL, params, features, 0)
    zeros = predict(MODEL, params, features, 0, guess=np.zeros((8, 37, 3), np.float32))
    assert plain.protein.positions.tobytes() == zeros.protein.positions.tobytes()
    assert plain.plddt.tobytes() == zeros.plddt.tobytes()
    guess = support.helix(8, np.random.default_rng(0))
    moved = predict(MODEL, params, features, 0, guess=guess)
    assert np.abs(moved.plddt - plain.plddt).max() > 1e-3
    out = jax.jit(lambda p, f, x: af2jax.forward(MODEL, p, f, 0, guess=x))(params, features, guess)
    np.testing.assert_allclose(moved.protein.positions, out.structure.atom37, atol=1e-4)
    padded = predict(MODEL, params, features.replace(seq_mask=np.arange(8) < 6), 0, guess=guess[:6])
    assert padded.plddt.shape == (6,) and np.isfinite(padded.plddt).all()
    one = predict(MODEL, params, features, 2, tolerance=1e9, guess=guess)
    assert len(one.changes) == 2  # the guess is not the structure of a pass: the second pass alone may stop
    for bad in (guess[:7], guess * np.nan):
        with pytest.raises(InputError, match=r"guess: expected finite positions \[8, 37, 3\]"):
            predict(MODEL, params, features, 0, guess=bad)


@compiled
def test_a_complex_is_scored(found, params, tmp_path):
    file = complex_file(tmp_path)
    given, one = read_given(file), found.prediction
    assert one.protein.chain_names == ("H", "L") and one.protein.sequence == "MKTGYIAKWALKDE"
    x, y = one.protein.positions[:, CA], given.positions[:, CA]
    assert found.rmsd == pytest.approx(rmsd(x, y, np.ones(14, bool)), rel=1e-6)
    assert found.tm_score == pytest.approx(tm_score(x, y, np.ones(14, bool)), rel=1e-6)
    assert found.composite == pytest.approx(one.plddt.mean() / 100 * one.ptm * found.tm_score, rel=1e-6)
    (row,) = found.rows
    assert row["pair"] == "H-L" and row["structure"] == "c" and row["protocol"] == "initial-guess"
    assert row["ipsae_min"] == pytest.approx(one.scores()["ipsae_min"]["H-L"], abs=1e-6)
    between = (one.pae[:8, 8:].mean() + one.pae[8:, :8].mean()) / 2
    assert row["pae_interaction"] == pytest.approx(between, rel=1e-5)
    assert row["plddt_second"] == pytest.approx(one.plddt[8:].mean(), rel=1e-5)
    own = rmsd(x, y, np.arange(14) >= 8)
    assert row["rmsd_second"] == pytest.approx(own, rel=1e-4) and row["rmsd_second_on_first"] > own
    assert json.loads(json.dumps(found.json(), allow_nan=False))["rows"][0]["pair"] == "H-L"
    assert (row["target"], row["cyclic"], row["recycles"], row["observed"]) == ("", "", 1, 14)
    assert not one.protein.notes or "alignment" not in " ".join(one.protein.notes)
    scoring.save(tmp_path, found.rows)
    (written,) = csv.DictReader((tmp_path / "scores.csv").open())
    assert tuple(written) == scoring.COLUMNS and float(written["plddt"]) == row["plddt"]


def test_a_structure_that_stays_is_no_distance_away(tmp_path):
    """And a chain that is moved as a whole is moved for the other one alone."""
    file = complex_file(tmp_path)
    given = read_given(file)
    atoms = dataclasses.replace(support_protein(given), positions=given.positions)
    score = scoring.judge(prediction_of(atoms), given)
    assert score.rmsd == pytest.approx(0, abs=1e-4) and score.tm_score == pytest.approx(1)
    np.testing.assert_allclose(score.moved, 0, atol=1e-4)
    shifted = np.where((given.chain_index == 1)[:, None, None], given.positions + np.eye(3)[2] * 4, given.positions)
    score = scoring.judge(prediction_of(dataclasses.replace(atoms, positions=shifted.astype(np.float32))), given)
    np.testing.assert_allclose(score.moved, [[0, 4], [4, 0]], atol=1e-4)


def support_protein(given):
    from af2jax.protein.files import Protein

    index = np.concatenate([np.arange(n) for n in given.lengths])
    plddt = np.full(len(index), 80, np.float32)
    return Protein(given.aatype, given.positions, given.atom_mask, index, given.chain_index, plddt)


def prediction_of(atoms):
    from af2jax.results import Prediction

    return Prediction(plddt=atoms.plddt, pae=None, ptm=None, iptm=None, protein=atoms, preset="tiny", changes=())


@compiled
def test_protocols_differ_and_templates_are_seen(found, params, tmp_path):
    file = complex_file(tmp_path)
    ranked = af2jax.score(file, MODEL, params, protocol="af2rank")
    shown = af2jax.score(file, MODEL, params, target="L", cyclic="H", num_recycle=1)
    assert (shown.rows[0]["target"], shown.rows[0]["cyclic"]) == ("L", "H")
    assert len(ranked.prediction.changes) == 2 and ranked.rows[0]["protocol"] == "af2rank"
    plddt = [one.prediction.plddt for one in (found, ranked, shown)]
    assert all(np.abs(a - b).max() > 1e-3 for a, b in ((plddt[0], plddt[1]), (plddt[0], plddt[2])))
    (row,) = af2jax.score(file, MODEL, params, chains="H", num_recycle=0).rows
    assert row["pair"] == row["iptm"] == "" and row["residues"] == 8


def test_what_cannot_be_judged(params, tmp_path):
    file = complex_file(tmp_path)
    blind = dataclasses.replace(CONFIG, template=None, name="model_3_ptm")
    for options, what in (({"protocol": "af2rank"}, "the protocol af2rank"), ({"target": "L"}, "a target")):
        with pytest.raises(InputError) as error:
            af2jax.score(file, AlphaFold(blind), params, **options)
        reason = f"model_3_ptm reads no templates, which {what} needs; choose a network that does, such as model_1_ptm"
        assert str(error.value) == reason
    for options, reason in (
        ({"protocol": "x"}, 'protocol "x" is unknown; choose from initial-guess, af2rank'),
        ({"protocol": "af2rank", "target": "L"}, "a target is of the protocol initial-guess"),
        ({"target": "Z"}, 'no chain is called "Z"; give one of H, L'),
        ({"cyclic": "Z"}, 'no chain is called "Z"; give one of H, L'),
        ({"chains": "Z"}, 'has no chain "Z"; its protein chains are: H, L'),
    ):
        with pytest.raises(InputError, match=reason):
            af2jax.score(file, MODEL, params, **options)


def test_files_as_they_are(tmp_path):
    """A structure with its PAE file has the scores of the published programs."""
    atoms, pae = case("three")
    (tmp_path / "a.pdb").write_text(atoms.to_pdb())
    (tmp_path / "a.json").write_text(json.dumps({"pae": pae.tolist(), "ptm": 0.5, "iptm": 0.4}))
    found = scoring.of_files(tmp_path / "a.pdb", tmp_path / "a.json")
    golden = json.loads(FILE.read_text())["three"]
    for row in found.rows:
        pair, back = row["pair"], "-".join(reversed(row["pair"].split("-")))
        both = [float(golden["ipsae.py"][p]["ipSAE"]) for p in (pair, back)]
        assert row["ipsae_min"] == pytest.approx(min(both), abs=1e-6)
        assert row["pdockq"] == pytest.approx(golden["ColabFold"]["pdockq"][pair], abs=6e-5)
    assert len(found.rows) == 3 and found.rows[0]["rmsd"] == "" and found.rows[0]["iptm"] == 0.4
    flat = dataclasses.replace(atoms, plddt=atoms.plddt * 0)
    (tmp_path / "b.pdb").write_text(flat.to_pdb())
    with pytest.raises(InputError, match="B factors of 0 to 0 are not a pLDDT of 0 to 100; give a predicted structure"):
        scoring.of_files(tmp_path / "b.pdb", tmp_path / "a.json")
