"""Heads asked of many sequences: the answers are those of `predict`, and say how far they may be believed."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import af2jax
from af2jax.data.transforms import padded
from af2jax.errors import InputError
from af2jax.finetune import run
from af2jax.heads import Head, TrainedOn
from af2jax.heads.calibration import probabilities
from af2jax.pretrained.export import export
from af2jax.screening import program
from af2jax.screening.program import ask
from tests.screening import runs

pytestmark = pytest.mark.medium("trains and asks small networks")

SEQUENCES = {
    "same": "MKTAYIAKQRQI",
    "long": "MKTAYIAKQRQISFVK",
    "complex": "MKTAYIAK:GSVKEL",
    "other": "GSVKELWPGS",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return runs.make(tmp_path_factory.mktemp("screening"), num_recycle=1)


@pytest.fixture(scope="module")
def network(place):
    return af2jax.load(place)


@pytest.fixture(scope="module")
def answers(place):
    return af2jax.answer(place, SEQUENCES)


def inputs(model, sequence, cycles=None):
    """Features in the shape that queries of up to 16 residues share."""
    return padded(af2jax.features(sequence, model.config, seed=0, cycles=cycles), model.config.data)


def same(found, expected, atol=1e-6):
    assert found.keys() == expected.keys()
    for name, answer in expected.items():
        scale = 50 if not answer.classes else 1
        np.testing.assert_allclose(found[name].values, answer.values, atol=atol * scale, err_msg=name)


def test_answers_are_those_of_predict(network, answers):
    model, params = network
    assert [query.name for query in answers.queries] == list(SEQUENCES) and not answers.problems
    assert answers.num_recycle == model.config.num_recycle == 1
    for name, sequence in SEQUENCES.items():
        expected = af2jax.predict(model, params, inputs(model, sequence)).heads
        same(answers[name].heads, expected)
    assert "binds" in answers["complex"].heads and "binds" not in answers["same"].heads
    assert answers["long"].heads["contact"].values.shape == (16, 16, 2)


@pytest.mark.parametrize(
    "num_recycle, side_by_side",
    [(0, 1), pytest.param(2, 3, marks=pytest.mark.slow("compiles a program of three queries at once"))],
)
def test_side_by_side_and_alone(network, num_recycle, side_by_side):
    model, params = network
    plain = {name: af2jax.features(s, model.config, seed=0, cycles=num_recycle + 1) for name, s in SEQUENCES.items()}
    found = dict(ask(model, params, plain.items(), num_recycle, side_by_side))
    assert found.keys() == SEQUENCES.keys()
    for name in ("other", "complex"):
        same(
            found[name],
            af2jax.predict(
                model, params, inputs(model, SEQUENCES[name], num_recycle + 1), num_recycle=num_recycle
            ).heads,
        )


@pytest.mark.slow("compiles a loop of passes")
def test_an_early_stop_is_that_of_predict(network):
    model, params = network
    features = inputs(model, SEQUENCES["other"], 4)
    moves = af2jax.predict(model, params, features, num_recycle=3).changes
    middle = float(np.mean(moves[1:3]))
    early = model.clone(config=dataclasses.replace(model.config, recycle_tolerance=middle))
    expected = af2jax.predict(early, params, features, num_recycle=3)
    assert len(expected.changes) == 3
    (_, found), (_, again) = ask(early, params, [("a", features), ("b", features)], 3, side_by_side=2)
    same(found, expected.heads)
    same(again, expected.heads)
    never = af2jax.predict(model, params, features, num_recycle=3)
    assert np.abs(never.heads["tm"].values - expected.heads["tm"].values).max() > 1e-4


def test_what_no_head_reads_is_not_computed(network):
    model, params = network
    features = af2jax.features(SEQUENCES["other"], model.config, seed=0, cycles=1)
    batch = jax.tree.map(lambda x: np.asarray(x)[None], features)

    def work(names):
        asked = model.clone(heads=tuple((n, h) for n, h in model.heads if n in names))
        compiled = program.network(asked, len(features.aatype))
        return program._answers.jitted.lower(compiled, 0, 0.0, params, batch).compile().cost_analysis()["flops"]

    trunk, structure, confidence = work(["ss"]), work(["ss", "b"]), work(["ss", "binds"])
    assert trunk < 0.98 * structure and structure < confidence


def test_why_an_answer_may_be_believed(answers):
    found = answers["same"].heads["ss"]
    assert found.near.id == "one" and found.near.identity == 1 and found.near.length_in_range and found.calibrated
    assert not answers["complex"].heads["contact"].calibrated
    assert not answers["long"].heads["ss"].near.length_in_range and answers["other"].heads["ss"].near.identity < 0.5
    assert (
        "temperature 2.50" in found.support and "The nearest training sequence (one) has 100% identity" in found.support
    )
    rows = {(row["query"], row["head"], row["output"]): row for row in answers.rows}
    assert len(rows) == len(answers.rows) == 4 * 5 + 1
    one = rows["same", "ss", ""]
    assert (one["nearest"], one["identity"], one["length_in_range"], one["calibrated"]) == ("one", 1.0, "yes", "yes")
    assert one["summary"].startswith("H 0.") and one["summary"].endswith("of 12 residues")
    number = rows["same", "tm", ""]
    assert (
        number["unit"] == "degrees Celsius"
        and number["calibrated"] == ""
        and number["value"] == pytest.approx(answers["same"].heads["tm"].values[0])
    )
    assert rows["complex", "binds", ""]["class"] in ("no", "yes") and rows["complex", "binds", ""]["calibrated"] == "no"
    assert rows["long", "b", 2]["summary"] == "mean of 16 residues"
    assert json.loads(json.dumps(answers.json()))["queries"]["same"]["heads"]["ss"]["near"]["identity"] == 1


def test_probabilities_are_those_of_the_temperature(network, answers):
    model, params = network
    bare = model.clone(heads=tuple((n, dataclasses.replace(h, calibration=None)) for n, h in model.heads))
    plain = af2jax.predict(bare, params, inputs(model, SEQUENCES["same"])).heads["ss"]
    found = answers["same"].heads["ss"]
    np.testing.assert_allclose(found.values, probabilities(np.log(plain.values), 2.5), atol=1e-6)
    assert np.abs(found.values - plain.values).max() > 0.01 and (found.best == plain.best).all()


def test_an_exported_folder_answers_the_same(place, network, answers, tmp_path):
    model, params = network
    files = export(params, "tiny", tmp_path, heads=dict(model.heads), taught=run.taught(place), num_recycle=1)
    assert {"heads.json", "trained_on.tsv"} < {file.name for file in files}
    found = af2jax.answer(tmp_path, {"same": SEQUENCES["same"]})
    same(found["same"].heads, answers["same"].heads)
    assert found.num_recycle == 1 and found.rows == [row for row in answers.rows if row["query"] == "same"]
    (tmp_path / "trained_on.tsv").unlink()
    alone = af2jax.answer(tmp_path, {"same": SEQUENCES["same"]})
    assert alone["same"].heads["ss"].near is None and alone.rows[0]["nearest"] == ""
    assert "the sequences that taught the head are not known" in alone["same"].heads["ss"].support.lower()


def test_several_runs_and_seeds_answer_with_mean_and_spread(place, network, tmp_path):
    taught = TrainedOn({"near": SEQUENCES["other"]})
    other = runs.make(tmp_path, num_recycle=0, seed=1, taught=taught, calibration=None)
    queries = {name: SEQUENCES[name] for name in ("other", "complex")}
    found = af2jax.answer([place, other], queries, seed=3, num_seeds=2)
    alone = [af2jax.answer(one, queries, seed=seed) for one in (place, other) for seed in (3, 4)]
    differ = [np.ptp([one[name].heads["tm"].values[0] for one in alone[:2]]) for name in queries]
    assert max(differ) > 1e-6  # the seed of the MSA's draw reaches the network
    assert found.source == f"{place}, {other}" and found.preset == "tiny" and found.num_recycle is None
    for name in queries:
        for head, answer in found[name].heads.items():
            values = np.stack([one[name].heads[head].values for one in alone])
            np.testing.assert_allclose(answer.values, values.mean(0), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(answer.spread, values.std(0, ddof=1), rtol=1e-3, atol=1e-6)
        assert found[name].heads["tm"].count == 4 and found[name].heads["tm"].spread[0] > 1e-3
    one = found["other"].heads["ss"]
    assert not one.calibrated and one.near.id == alone[0]["other"].heads["ss"].near.id  # the worst of each
    row = next(row for row in found.rows if (row["query"], row["head"]) == ("other", "tm"))
    assert (
        row["value"] == found["other"].heads["tm"].values[0] and row["spread"] == found["other"].heads["tm"].spread[0]
    )


def test_runs_that_do_not_go_together(place, tmp_path):
    bare, odd = tmp_path / "bare", tmp_path / "odd"
    for folder in (bare, odd):
        folder.mkdir()
    with pytest.raises(InputError, match=f"{bare}/run has no tuned heads to ask"):
        af2jax.answer([place, runs.make(bare, heads={})], ["MKT"])
    other = runs.make(odd, heads={"tm": Head("chain", outputs=1, unit="K")})
    with pytest.raises(InputError, match=r'head "tm" is not the same in .* \(unit: .degrees Celsius. and .K.\)'):
        af2jax.answer([place, other], ["MKT"])
    for nothing in ({"source": []}, {"source": place, "num_seeds": 0}):
        with pytest.raises(InputError, match="there is nothing to ask; give one run or more"):
            af2jax.answer(queries=["MKT"], **nothing)


def test_lists_and_files(place, answers, tmp_path):
    (tmp_path / "new.fasta").write_text(f">same x\n{SEQUENCES['same']}\n")
    for queries, name in ((tmp_path / "new.fasta", "same"), ([SEQUENCES["same"].lower() + "*"], "1")):
        found = af2jax.answer(place, queries)
        same(found[name].heads, answers["same"].heads)


@pytest.mark.parametrize(
    "queries, message",
    [
        ([], "no sequence to ask of"),
        (["MK", " "], 'sequence "2" is empty; give its residues, or leave it out'),
        ("nowhere.fasta", "nowhere.fasta"),
    ],
)
def test_bad_queries(place, queries, message):
    with pytest.raises(InputError, match=message):
        af2jax.answer(place, queries)


def test_a_query_that_cannot_be_read_is_a_problem(place):
    found = af2jax.answer(place, {"same": SEQUENCES["same"], "odd": "MK1T"})
    assert [query.name for query in found.queries] == ["same"]
    assert [name for name, _ in found.problems] == ["odd"] and "'1' at position 3" in found.problems[0][1]


def test_a_run_without_heads(tmp_path):
    place = runs.make(tmp_path, heads={})
    with pytest.raises(InputError, match="has no tuned heads to ask; give a run that trained some"):
        af2jax.answer(place, ["MKT"])


def test_answers_that_are_not_finite_are_refused(network):
    model, params = network
    spoilt = params | {"task_heads": jax.tree.map(lambda x: x * np.nan, params["task_heads"])}
    ((_, found),) = ask(model, spoilt, [("a", af2jax.features("MKTAY", model.config, seed=0, cycles=1))], 0)
    assert isinstance(found, InputError) and "answers what is not finite" in str(found)


def test_a_run_is_asked_with_the_recycles_that_it_was_trained_with(tmp_path):
    heads = {"tm": Head("chain", outputs=1)}
    assert af2jax.load(runs.make(tmp_path, heads=heads, num_recycle=0))[0].config.num_recycle == 0
