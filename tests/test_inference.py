"""Predict: recycling that stops, confidences, padding that is cut, files that stay in their folder."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax import inference
from af2jax.config import graph, preset
from af2jax.errors import InputError
from af2jax.evaluation.observe import observe
from af2jax.evaluation.subject import Subject
from af2jax.inference import predict
from af2jax.metrics import confidence, directed, distogram, interface
from af2jax.model.alphafold import AlphaFold
from tests import support

pytestmark = pytest.mark.medium("compiles the small network for each shape")

CONFIG = preset("tiny")
MODEL, PARAMS = AlphaFold(CONFIG), support.rule_params(CONFIG)
FEATURES = support.features()


def test_equals_forward():
    found = predict(MODEL, PARAMS, FEATURES, num_recycle=2, name="a")
    out = jax.jit(lambda p, f: af2jax.forward(MODEL, p, f, 2))(PARAMS, FEATURES)
    np.testing.assert_allclose(found.protein.positions, out.structure.atom37, atol=1e-4)
    assert len(found.changes) == 3 and found.iptm is None and found.plddt.shape == (8,) and found.pae.shape == (8, 8)


def test_early_stop():
    all_passes = predict(MODEL, PARAMS, FEATURES, num_recycle=3)
    assert len(all_passes.changes) == 4
    between = max(all_passes.changes[1:3]) + 1e-3
    assert len(predict(MODEL, PARAMS, FEATURES, num_recycle=3, tolerance=between).changes) < 4


def test_not_finite_is_an_error():
    broken = jax.tree.map(lambda x: x, PARAMS)
    broken["single"] = jax.tree.map(lambda x: x * np.nan, broken["single"])
    with pytest.raises(InputError, match="job: the network's answer is not finite"):
        predict(MODEL, broken, FEATURES, num_recycle=0, name="job")


def test_misshapen_features_are_named():
    with pytest.raises(InputError, match=r"features.residue_index has shape \[7\], expected \[N_res=8\]"):
        predict(MODEL, PARAMS, FEATURES.replace(residue_index=np.arange(7)))


def test_padding_is_cut():
    padded = FEATURES.replace(seq_mask=np.arange(8) < 6)
    found = predict(MODEL, PARAMS, padded, num_recycle=0, keep=("passes", "single", "pair", "distogram"))
    squares = (found.pae, found.distances, found.contacts, found.pair, found.distogram)
    assert {x.shape[:2] for x in squares} == {(6, 6)} and len(found.plddt) == len(found.single) == 6
    assert len(found.protein.aatype) == len(found.passes[0].aatype) == 6


def test_only_what_is_asked_for_is_kept():
    plain = predict(MODEL, PARAMS, FEATURES, num_recycle=2)
    assert plain.passes == () and plain.single is plain.pair is plain.distogram is None
    kept = predict(MODEL, PARAMS, FEATURES, num_recycle=2, keep=("passes", "single", "pair", "distogram"))
    out = jax.jit(lambda p, f: af2jax.forward(MODEL, p, f, 2))(PARAMS, FEATURES)
    for name in ("single", "pair"):
        np.testing.assert_allclose(getattr(kept, name), getattr(out, name), atol=1e-4)
    np.testing.assert_allclose(kept.distogram, out.logits["distogram"], atol=1e-4)
    np.testing.assert_allclose(kept.distances, distogram.distances(jnp.asarray(kept.distogram)), atol=1e-4)
    np.testing.assert_allclose(kept.contacts, distogram.contacts(jnp.asarray(kept.distogram)), atol=1e-5)
    assert len(kept.passes) == 3 and np.array_equal(kept.passes[-1].positions, kept.protein.positions)
    one = predict(MODEL, PARAMS, FEATURES, num_recycle=1)  # its draws of the MSA are the same one
    np.testing.assert_allclose(kept.passes[1].positions, one.protein.positions, atol=1e-4)
    np.testing.assert_allclose(kept.passes[1].plddt, one.plddt, atol=1e-3)
    with pytest.raises(InputError, match='keep: "recycles" is unknown; choose from passes, single, pair, distogram'):
        predict(MODEL, PARAMS, FEATURES, keep=("passes", "recycles"))


def test_a_key_means_dropout():
    plain, *dropped = (
        predict(MODEL, PARAMS, FEATURES, num_recycle=0, key=key).protein.positions
        for key in (None, jax.random.key(0), jax.random.key(0), jax.random.key(1))
    )
    assert np.array_equal(dropped[0], dropped[1])
    assert np.abs(plain - dropped[0]).max() > 1e-2 and np.abs(dropped[2] - dropped[0]).max() > 1e-2


def test_several_chains_have_an_iptm():
    two = FEATURES.replace(asym_id=np.array([4] * 5 + [7] * 3))
    found = predict(MODEL, PARAMS, two, num_recycle=0)
    assert 0 < found.iptm < 1 and found.protein.chain_index.tolist() == [0] * 5 + [1] * 3
    assert found.ranking == pytest.approx(80 * found.iptm + 20 * found.ptm)


def test_chains_have_scores_of_their_own():
    two = FEATURES.replace(asym_id=np.array([4] * 4 + [7] * 4), seq_mask=np.arange(8) < 7)
    found = predict(MODEL, PARAMS, two, num_recycle=0)
    logits = jax.jit(lambda p, f: af2jax.forward(MODEL, p, f, 0).logits["pae"])(PARAMS, two)
    expected = interface.chain_scores(logits, jnp.asarray(two.seq_mask), jnp.asarray(two.asym_id))
    np.testing.assert_allclose(found.chain_tm, expected, atol=1e-5)
    assert found.chain_tm[0, 1] == pytest.approx(found.iptm, abs=1e-5)  # of two chains that of the complex
    assert found.interfaces.contacts.shape == (2, 2) and list(found.pairs) == ["A-B"]
    out = jax.jit(lambda p, f: af2jax.forward(MODEL, p, f, 0).logits)(PARAMS, two)
    of_complex = confidence.closeness(out["pae"], jnp.full((1, 1), 7.0))[:7, :7]
    weights = directed.contact_weights(out["distogram"])[:7, :7]
    whole, pairs = interface.contact_tm(np.asarray(of_complex), np.asarray(weights), two.asym_id[:7])
    assert found.actifptm == pytest.approx(whole, abs=1e-5) and 0 < whole < 1
    np.testing.assert_allclose(found.chain_actifptm, pairs, atol=1e-5)
    assert found.scores()["pairwise_actifptm"] == {"A-B": round(whole, 3)} and found.interfaces.directed is not None
    assert predict(MODEL, PARAMS, FEATURES, num_recycle=0).chain_tm is None


def test_a_complex_without_pae():
    blind = AlphaFold(dataclasses.replace(CONFIG, heads=dataclasses.replace(CONFIG.heads, pae=0)))
    two = FEATURES.replace(asym_id=np.repeat([1, 2], [5, 3]))
    found = predict(blind, PARAMS, two, num_recycle=0)
    assert found.pae is found.iptm is found.chain_tm is found.actifptm is None and found.interfaces.pae is None
    assert found.ranking == pytest.approx(found.plddt.mean()) and "interface_contacts" in found.scores()


def test_the_files(tmp_path):
    first = predict(MODEL, PARAMS, FEATURES, num_recycle=0, name="a")
    assert {f.suffix for f in first.save(tmp_path / "first")} == {".pdb", ".cif", ".json", ".png"}
    prediction = predict(MODEL, PARAMS, FEATURES, num_recycle=0, name="../x y", notes=("hello",))
    files = prediction.save(tmp_path / "out", rank=2, seed=7)
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == sorted(f.name for f in files)
    assert {f.suffix for f in files} == {".pdb", ".cif", ".json"} and len(list(tmp_path.iterdir())) == 2
    scores = json.loads(next(f for f in files if f.suffix == ".json").read_text())
    assert set(scores) == {"plddt", "max_pae", "pae", "ptm", "notes"} and len(scores["pae"]) == 8
    assert all("rank_002_tiny_seed_007" in f.name for f in files)


def test_presets_that_differ_in_weights_alone_share_a_program(monkeypatch):
    monkeypatch.setattr(inference, "_pass", support.traced_at_most(inference._pass, 1))
    model, params = af2jax.load("tiny")
    features = af2jax.features("MKTAYIAK", model.config, cycles=1)
    other = model.clone(config=dataclasses.replace(model.config, name="other", num_recycle=7))
    first = af2jax.predict(model, params, features, num_recycle=0)
    second = af2jax.predict(other, params, features, num_recycle=0)
    assert second.preset == "other"
    np.testing.assert_array_equal(first.protein.positions, second.protein.positions)


def test_predict_and_evaluate_share_a_program(monkeypatch):
    monkeypatch.setattr(inference, "_pass", support.traced_at_most(inference._pass, 1))
    model, params = af2jax.load("tiny")
    features = af2jax.features("MKTAYIAK", model.config, cycles=2)
    found = af2jax.predict(model, params, features, num_recycle=1)
    seen = observe(Subject("a", "", model, params, {}, {}, None, 1), features, "a")
    np.testing.assert_array_equal(found.protein.positions, seen.positions)


def test_graphs_of_presets():
    same = lambda a, b: graph(preset(a)) == graph(preset(b))
    assert same("model_3_ptm", "model_5_ptm") and same("model_1", "model_2")
    assert same("model_2_multimer", "model_5_multimer_v3")
    assert not same("model_1", "model_3") and not same("model_1", "model_1_ptm")
