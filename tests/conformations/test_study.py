"""States of models: which found what, what is claimed; and by the small network from end to end, bit for bit."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.conformations import record, sampling, study
from af2jax.conformations.references import Reference
from af2jax.constants.atoms import CA
from af2jax.data.pipeline import read
from af2jax.data.transforms import padded
from af2jax.errors import InputError
from af2jax.metrics.superposition import tm_score
from af2jax.model.alphafold import AlphaFold
from tests import support
from tests.conformations import made
from tests.data.molecules import pdb, peptide, save
from tests.metrics.test_superposition import turned, walk

CONFIG = preset("tiny")
MODEL = AlphaFold(CONFIG)
compiled = pytest.mark.medium("compiles the small network")


def known(fold: int, name: str) -> Reference:
    return Reference(name, turned(walk(made.LENGTH, 20 + fold), 1.0), np.arange(made.LENGTH) > 3)


BOTH = (known(0, "open.pdb"), known(1, "closed.pdb"))


def test_states_and_what_found_them():
    found = made.states(references=BOTH)
    first, second = found.states
    assert first.number == 1 and found.models[0] in first.models and second.number == 2
    assert first.counts == {"clusters": 1, "uniform": 8, "seeds": 1} and second.counts == {"clusters": 7}
    assert first.tm_first == pytest.approx(1) and second.tm_first < 0.5
    assert (first.near, second.near) == (0, 1) and second.references[1] > 0.9
    assert first.apart.max() < 1e-6 and np.median(second.apart) > 4
    by_way = {one.way: one for one in found.by_way}
    assert [by_way[way].states for way in ("clusters", "uniform", "seeds")] == [2, 1, 1]
    assert by_way["clusters"].near == (1, 7) and by_way["clusters"].both and not by_way["uniform"].both
    assert by_way["clusters"].seconds == 2.0 and by_way["uniform"].seconds == 1.0
    assert found.scores.shape == (17, 2) and found.state_of[found.models[0].name] == 1
    assert found.best == tuple(found.scores.max(axis=0)) and "No model has" not in found.claim.text
    assert found.between[0, 1] == tm_score(BOTH[0].points, BOTH[1].points, BOTH[0].mask) < 0.5


def test_seconds_are_of_models_whose_program_is_compiled():
    timed = lambda *some: [made.model("clusters", i, 0, seconds=s, first=first) for i, (s, first) in enumerate(some)]
    found = made.states([made.model("seeds", 1, 0, 85.0, 40.0, True), *timed((30.0, True), (2.0, False), (4.0, False))])
    assert {one.way: one.seconds for one in found.by_way} == {"clusters": 3.0, "seeds": None}


def test_a_second_state_is_claimed_where_everything_agrees_and_nowhere_else():
    answer = lambda *some, **more: made.states(*some, **({"references": BOTH} | more)).claim.answer
    assert answer() == "yes"
    claim = made.states(references=BOTH).claim.evidence
    assert (claim.state, claim.way, claim.found, claim.of, claim.control_found) == (2, "clusters", 7, 8, 0)
    assert claim.p == pytest.approx(0.000699, rel=1e-2)  # 8 of 11,440 ways
    assert answer(made.models(uniform=(1,) * 7 + (0,))) == "no"
    assert answer(made.models((1, 1, 1) + (0,) * 5)) == "open"
    assert answer(calibrated=False) == "open" and answer(made.models(plddt=60.0)) == "no"
    assert answer(references=()) == "open" and answer(references=BOTH[:1]) == "open"
    assert answer(references=(BOTH[0], known(2, "other.pdb"))) == "no"
    assert answer(made.models((0,) * 8)) == "no" and answer(asked=("seeds",)) == "open"


def test_a_claim_is_possible_from_as_many_models_as_is_told():
    few, enough = (made.states(made.models((1,) * n, (0,) * n), BOTH).claim for n in (3, 4))
    assert few.answer == "open" and "make more models: with 4 of each such shares would tell" in few.text
    assert enough.answer == "yes"


def test_no_more_models_are_asked_for_than_the_alignment_can_give():
    few = lambda limit: study.grouped(
        "x", made.SEQUENCE, ("clusters",), made.models((1,) * 3, (0,) * 3), BOTH, 0.8, {"mini": True}, (), limit
    )
    assert "make more models: with 4" in few({"clusters": 4}).claim.text
    text = few({"clusters": 3}).claim.text
    assert "make more models" not in text and text.endswith("this needs a deeper alignment, or another way.")


def test_known_structures_that_are_alike_tell_no_states_apart():
    again = BOTH[1]._replace(name="again.pdb")
    found = made.states(references=(BOTH[1], again))
    assert found.claim.answer == "open" and found.between[0, 1] == pytest.approx(1)
    assert "no two known structures of different states were given" in found.claim.text
    assert made.states(references=(*BOTH, again)).claim.answer == "no"  # which of two alike it is, nothing tells


def test_known_structures_that_nothing_is_near_to_are_named():
    text = made.states(references=(BOTH[0], known(5, "far.pdb"))).claim.text
    assert text.count("No model has a TM-score above 0.5 to far.pdb (best 0.") == 1 and "open.pdb" not in text


def test_what_keeps_a_state_from_being_claimed_is_told_before_any_model_is_made(tmp_path, monkeypatch):
    told, rows = [], [made.SEQUENCE] + [made.SEQUENCE[:i] + "W" + made.SEQUENCE[i + 1 :] for i in range(5)]
    path = tmp_path / "query.a3m"
    path.write_text("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)))
    monkeypatch.setattr(study.logging, "warning", lambda text, *of: told.append(text % of))
    monkeypatch.setattr(study, "read_references", lambda *_: [BOTH[1], BOTH[1]._replace(name="again.pdb")])

    def sampled(known, networks, plans, **_):
        told.append("models")
        return [made.model(plan.way, plan.number, 0) for plan in plans]

    monkeypatch.setattr(study, "sampled", sampled)
    found = study.look(read(path), [sampling.Network("mini", None, {})], ("clusters",), (), 3, notes=("a note",))
    clusters, few, alike, last = told
    assert last == "models" and found.notes == ("a note", clusters, few, alike)
    assert "1 model of clusters can be made, and not 3" in clusters and "it takes 4 of a way" in few
    assert alike.startswith("closed.pdb and again.pdb are one state at a TM-score of 0.8: they tell no states apart; ")


def test_the_way_that_finds_a_state_speaks_for_it():
    """Whatever the correction makes of its p: many states, each found by one model of one way."""
    some = [made.model("seeds", i, 0, 85.0) for i in range(1, 5)]
    some += [made.model("columns", i, 0) for i in range(1, 5)] + [made.model("dropout", i, i) for i in range(1, 5)]
    found = made.states(some, asked=("columns", "dropout"))
    assert len(found.states) == 5 and {one.evidence.p for one in found.claims} == {1.0}
    assert {(one.evidence.way, one.evidence.found) for one in found.claims} == {("dropout", 1)}


def test_neither_order_nor_place_changes_the_states():
    some = made.models((0, 1, 2, 1, 2, 2, 1, 1), (0, 0, 1, 2, 2, 0, 0, 0))
    expected = made.states(some, BOTH)
    rng = np.random.default_rng(3)
    again = [some[0], *(some[i] for i in 1 + rng.permutation(len(some) - 1))]

    def moved(model):
        points = turned(model.protein.positions.reshape(-1, 3), rng.uniform(0, 6)) + rng.normal(size=3) * 40
        points = points.reshape(-1, 37, 3).astype(np.float32)
        return replace(model, protein=replace(model.protein, positions=points))

    found = made.states([moved(model) for model in again], BOTH)
    assert found.state_of == expected.state_of and len(found.states) == 3
    assert [s.representative.name for s in found.states] == [s.representative.name for s in expected.states]
    assert [one.text for one in found.claims] == [one.text for one in expected.claims]


def test_disorder_only_where_plddt_is_worth_something():
    some = made.models()
    low = np.where(np.arange(made.LENGTH) < 7, 30.0, 90.0).astype(np.float32)
    some = [replace(one, protein=replace(one.protein, plddt=low)) for one in some]
    assert made.states(some).disordered.sum() == 7 and made.states(some, calibrated=False).disordered is None
    alone = replace(some[0], alignment=some[0].alignment._replace(codes=some[0].alignment.codes[:1]))
    assert made.states([alone, *some[1:]]).disordered is None


def test_rows_json_and_table(tmp_path):
    found = made.states(references=BOTH, notes=("a note",))
    json.dumps(found.json(), allow_nan=False)
    assert found.json()["by_way"][0]["way"] == "clusters" and len(found.json()["models"]) == 17
    record.save(tmp_path, found.rows)
    rows = list(csv.DictReader((tmp_path / "states.csv").open()))
    assert [row["state"] for row in rows] == ["1", "2"] and rows[1]["ways"] == "clusters 7"
    assert rows[0]["answer"] == "" and rows[1]["answer"] == "yes" and tuple(rows[0]) == record.COLUMNS
    assert record.save(tmp_path / "none", []) is None and not (tmp_path / "none").exists()


def test_which_known_structure_a_model_is_of():
    assert record.nearest((0.7, 0.6)) == 0 and record.nearest((0.7, 0.66)) is None
    assert record.nearest((0.4, 0.1)) is None and record.nearest((0.51,)) == 0 and record.nearest(()) is None


QUERY = "MKTAYIAKQRQISF"


@pytest.fixture(scope="module")
def params():
    return support.rule_params(CONFIG)


@pytest.fixture(scope="module")
def query(tmp_path_factory):
    """An alignment of two families of alike rows."""
    rows = [QUERY]
    for parent in ("MRSAFIAKQRQLSF", "WGTPYVDKERCISN"):
        for place in range(5):
            rows.append(parent[:place] + "ACDEG"[place] + parent[place + 1 :])
    path = tmp_path_factory.mktemp("query") / "query.a3m"
    path.write_text("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)))
    return path


def look(query, params, ways="clusters,columns,dropout", **more):
    return af2jax.states(query, MODEL, params, ways, **({"models": 2, "num_recycle": 0} | more))


def bits(found) -> list[tuple]:
    return [(m.name, m.protein.positions.tobytes(), m.protein.plddt.tobytes(), m.ptm) for m in found.models]


@compiled
def test_a_model_is_what_its_alignment_makes(query, params, tmp_path):
    """Seeds reproduce bit for bit, and each alignment that is kept folds to the model that it made."""
    found = look(query, params)
    assert bits(found) == bits(look(query, params)) and bits(found) != bits(look(query, params, seed=1))
    assert [m.way for m in found.models] == ["seeds"] * 2 + ["clusters"] * 2 + ["uniform"] * 2 + ["columns"] * 2 + [
        "dropout"
    ] * 2
    af2jax.page(found).save(tmp_path)
    for model in (m for m in found.models if m.way != "dropout"):
        features = af2jax.features(tmp_path / "models" / f"{model.name}.a3m", CONFIG, model.seed, 1)
        again = af2jax.predict(MODEL, params, padded(features, CONFIG.data), 0)
        assert again.protein.positions.tobytes() == model.protein.positions.tobytes()
    positions = {m.protein.positions[:, CA].tobytes() for m in found.models}
    assert len(positions) == len(found.models)  # every way makes the models differ
    by_way = lambda way: [m.first for m in found.models if m.way == way]
    assert by_way("seeds") == by_way("dropout") == [True, False]  # the first of a shape is compiled for


@compiled
def test_what_was_made_is_not_made_again(query, params, tmp_path, monkeypatch):
    kept = tmp_path / "models"
    expected = look(query, params, "clusters", keep=kept)
    files = sorted(kept.glob("*.npz"))
    assert len(files) == len(expected.models)
    asked = []
    predict = sampling.predict
    monkeypatch.setattr(sampling, "predict", lambda *args, **more: asked.append(args) or predict(*args, **more))
    again = look(query, params, "clusters", keep=kept)
    assert bits(again) == bits(expected) and not asked
    assert [(m.seconds, m.first) for m in again.models] == [(m.seconds, m.first) for m in expected.models]
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:100])
    again = look(query, params, "clusters", keep=kept)
    assert bits(again) == bits(expected) and len(asked) == 2
    other = look(query, params, "clusters", keep=kept, num_recycle=1)
    assert len(asked) == 2 + len(other.models) and bits(other) != bits(expected)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"models": 11}, "the alignment has 10 rows besides the query, fewer than the 11 clusters"),
        ({"ways": "dropouts"}, 'did you mean "dropout"'),
        ({"models": 0}, "expected 1 model or more of each way (--state-models), got 0"),
        ({"threshold": 1.5}, "expected a TM-score above 0 and up to 1 (--state-tm-score), got 1.5"),
        ({"references": ["other.pdb"]}, "this is another protein (14 residues"),
    ],
)
def test_bad_input_is_told_before_anything_is_computed(query, params, tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, pdb(peptide("WGTPYVDKERCISN")), "other.pdb")
    monkeypatch.setattr(sampling, "predict", None)
    with pytest.raises(InputError) as error:
        look(query, params, **change)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_no_alignment_and_several_chains(params, monkeypatch):
    monkeypatch.setattr(sampling, "predict", None)
    with pytest.raises(InputError, match='the way "clusters" needs an alignment, and the query stands alone'):
        look(QUERY, params, "clusters")
    asked, given = [], []
    monkeypatch.setattr(study, "sampled", lambda known, networks, plans, **more: asked.append([p.way for p in plans]))
    monkeypatch.setattr(study, "grouped", lambda *args: given.append(args) or made.states())
    look(QUERY, params, "all")
    ((_, _, ways, *_, notes, _),) = given
    assert asked == [["seeds"] * 2 + ["dropout"] * 2] and ways == ("dropout", "seeds")
    assert notes[0].startswith("the query stands alone: clusters, uniform, columns, depths need")
    with pytest.raises(InputError, match="states are looked for in one chain; the query has 2"):
        look(f"{QUERY}:{QUERY}", params, "dropout")


def test_calibration_of_the_network_that_made_a_state_counts():
    some = made.models()
    found = study.grouped("x", made.SEQUENCE, ("clusters",), some, BOTH, 0.8, {"mini": True, "other": False})
    assert not found.calibrated and found.claim.answer == "yes"
