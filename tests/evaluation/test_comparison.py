"""A run beside itself shows no difference, a known effect is found, too few cannot tell, baselines are there."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from af2jax.data.dataset import read_dataset
from af2jax.errors import InputError
from af2jax.evaluation import comparison as comparing
from af2jax.evaluation import entries, saved
from af2jax.evaluation.entries import Entry
from af2jax.report import comparison
from tests.report import made


def entry(name: str, **changes) -> Entry:
    return Entry(name, made.evaluation(**changes), "none")


def written(found, out, baselines=(), general=(), lost=(), notes=()):
    compared = comparing.study(list(found), list(baselines), list(general), list(lost), list(notes))
    page, verdicts = comparison.render(compared).save(out), compared.verdicts
    return page.read_text(), json.loads((out / "report.json").read_text()), verdicts


@pytest.mark.usefixtures("undrawn")
def test_a_run_beside_itself(tmp_path):
    html, known, verdicts = written([entry("a"), entry("a (2)")], tmp_path)
    assert {v.answer for v in verdicts} == {"open"} and all(v.text.startswith("No difference") for v in verdicts)
    rows = [dict(zip(comparison.HEADINGS, row, strict=True)) for row in known["tables"]["pairs"]["rows"]]
    assert [row["difference"] for row in rows] == [0, 0, 0] and {row["p (Holm)"] for row in rows} == {1}
    assert all(row["equal"] == 12 and row["families needed for power 0.8"] == "no effect" for row in rows)
    assert "are one network" in html


@pytest.mark.usefixtures("undrawn")
def test_a_known_effect(tmp_path):
    better = entry("b", num=30, lddt=85, seed=1, skill=1.0)
    _, known, verdicts = written([entry("a", num=30), better], tmp_path)
    assert [v.answer for v in verdicts] == ["yes"] * 3
    assert verdicts[0].text.startswith("b is better than a. ss: accuracy 1 against 0.7")
    assert verdicts[1].text.startswith("b is better than a. rg: absolute error 0 against 0.1")
    back = written([dataclasses.replace(better), entry("a", num=30)], tmp_path)[2]
    assert [v.answer for v in back] == ["no"] * 3 and "a is worse than b" in back[2].text
    row = dict(zip(comparison.HEADINGS, known["tables"]["pairs"]["rows"][1], strict=True))
    assert row["better on"] == 30 and row["worse on"] == 0 and row["difference"] < 0  # a lower error is better


@pytest.mark.usefixtures("undrawn")
def test_too_few_cannot_tell(tmp_path):
    _, _, verdicts = written([entry("a", num=5), entry("b", num=5, lddt=90, seed=1)], tmp_path)
    told = verdicts[-1].text
    assert verdicts[-1].answer == "open" and "5 families are too few" in told and "independent families would" in told
    assert not any(f"{n} independent" in told for n in range(6))  # fewer than a test of three rows can be sure by


@pytest.mark.usefixtures("undrawn")
def test_a_small_effect_needs_more(tmp_path):
    _, _, verdicts = written([entry("a", num=20), entry("b", num=20, lddt=80.1, seed=3)], tmp_path)
    assert verdicts[-1].answer == "open" and "The data cannot tell b from a" in verdicts[-1].text
    assert "with a power of 80 %" in verdicts[-1].text


@pytest.mark.usefixtures("undrawn")
def test_homologues_are_drawn_together(tmp_path):
    """Thirty targets of three families are three witnesses."""
    a, b = (entry(name, num=30, lddt=lddt, seed=seed) for name, lddt, seed in (("a", 80, 0), ("b", 85, 1)))
    cut = lambda e: dataclasses.replace(
        e, evaluation=dataclasses.replace(
            e.evaluation, targets=[dataclasses.replace(t, family=t.family % 3) for t in e.evaluation.targets]
        )
    )  # fmt: skip
    found = written([cut(a), cut(b)], tmp_path)[2][-1]
    assert found.answer == "open" and "too narrow, of 3 families" in found.text


@pytest.mark.usefixtures("undrawn")
def test_the_best_baseline_counts(tmp_path):
    poor, best = entry("poor", num=30, skill=0.3), entry("best", num=30, skill=1.0)
    baselines = [dataclasses.replace(e, path="") for e in (poor, best)]
    _, known, verdicts = written([entry("a", num=30)], tmp_path, baselines)
    assert "a is worse than best. ss: accuracy" in verdicts[0].text
    assert "simple baseline, is best" in known["figures"]["means_ss_accuracy"]["follows"]
    assert [row[0] for row in known["tables"]["means_ss_accuracy"]["rows"]] == ["a", "poor", "best"]


@pytest.mark.usefixtures("undrawn")
def test_forgetting(tmp_path):
    general = [entry("a", num=30), entry("b", num=30, lddt=70, seed=1)]
    _, known, verdicts = written([entry("a"), entry("b", seed=1)], tmp_path, general=general)
    assert verdicts[-1].text.startswith("It forgot, on the general set: b is worse than a. lDDT-CA")
    assert dict(zip(comparison.HEADINGS, known["tables"]["forgotten"]["rows"][0], strict=True))["metric"] == "lDDT-CA"


ANSWERS = {  # of networks against the best baseline, by how good they are: badge and first sentence
    (1.0,): ("yes", "n0 beats the best simple baseline"),
    (0.3, 1.0): ("yes", "n1 beats the best simple baseline"),
    (0.3,): ("no", "No network beats the best simple baseline"),
    (0.8,): ("no", "No network beats the best simple baseline"),  # not one target differs
    (0.3, 0.79): ("open", "The data cannot tell whether a network beats the best simple baseline"),
    (0.79,): ("open", "The data cannot tell whether a network beats the best simple baseline"),
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("skills", ANSWERS, ids=str)
def test_the_first_line_is_whether_any_network_beats_the_best_baseline(skills, tmp_path):
    answer, words = ANSWERS[skills]
    sentence = f"{words}, base, in ss: accuracy."
    networks = [entry(f"n{i}", num=30, skill=skill) for i, skill in enumerate(skills)]
    poor, base = (
        dataclasses.replace(entry(n, num=30, skill=s, seed=5), path="") for n, s in (("poor", 0.1), ("base", 0.8))
    )
    compared = comparing.study(networks, [poor, base])
    first = compared.beats_baseline[0]
    assert (first.answer, first.sentence) == (answer, sentence) and first.label == "difference in ss: accuracy"
    html = comparison.render(compared).save(tmp_path).read_text()
    box = re.search(r'<section class="verdict (\w+)"><h2>(.*?)</h2>(.*?)</section>', html)
    assert box[1] == answer and box[2] == "Does any network beat the best simple baseline?" and sentence in box[3]
    assert html.index(box[0]) < html.index("<nav>") and re.search(r"ss: accuracy [+-]\d+\.\d points \(95 %: ", box[3])
    assert (
        f"n{len(skills) - 1} " in first.details and json.loads(compared.json())["beats_baseline"][0]["answer"] == answer
    )
    assert len(compared.tuned) == 3 * (len(skills) - 1) and html.count("<h2>Did tuning help?</h2>") == (len(skills) > 1)


@pytest.mark.usefixtures("undrawn")
def test_without_a_baseline_nothing_is_claimed(tmp_path):
    html, *_ = written([entry("a")], tmp_path)
    assert re.search(r'class="badge (\w+)"', html)[1] == "open" and "none could be computed" in html


@pytest.mark.usefixtures("undrawn")
def test_only_shared_targets_are_compared(tmp_path):
    a, b = entry("a", num=12), entry("b", num=9, seed=1)
    (x, y), lost = entries.shared([a, b])
    assert [t.id for t in x.evaluation.targets] == [t.id for t in y.evaluation.targets] and len(lost) == 3
    _, known, _ = written([x, y], tmp_path, lost=lost, notes=["ss: no baselines"])
    assert [w["title"] for w in known["warnings"]] == ["3 targets are left out", "Not done"]
    other = [dataclasses.replace(t, id=f"x{t.id}") for t in b.evaluation.targets]
    with pytest.raises(InputError, match="share no target"):
        entries.shared([a, dataclasses.replace(b, evaluation=dataclasses.replace(b.evaluation, targets=other))])
    changed = [dataclasses.replace(t, sequence="W") for t in b.evaluation.targets]
    with pytest.raises(InputError, match="p0 is one protein in a, another in b"):
        entries.shared([a, dataclasses.replace(b, evaluation=dataclasses.replace(b.evaluation, targets=changed))])


def test_evaluations_are_read(tmp_path):
    for name in ("a", "b"):
        saved.save(made.evaluation(), tmp_path / name)
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "a"]
    read = lambda paths: entries.read(
        comparing.by_folder(paths), tmp_path / "out", None, "", None, None, lambda *_: None
    )
    found = read(paths)
    assert [e.name for e in found] == ["a", "b", "a (2)"] and len({e.name for e in found}) == 3
    baselines, notes = entries.simple(found, None, lambda *_: None)
    assert [e.name for e in baselines] == [entries.HELIX] and len(notes) == 2  # it was no run, whose data could be read
    assert baselines[0].evaluation.column("lddt_ca").tolist() == [40.0] * 12
    with pytest.raises(InputError, match="is neither a run nor an evaluation: give --data"):
        read([tmp_path])


def test_several_runs_under_one_name(tmp_path):
    """The mean of each number over runs is compared; runs with other targets are refused."""
    ways = {"seeds": [tmp_path / "a", tmp_path / "b"], "alone": [tmp_path / "a"]}
    for seed, name in enumerate("ab"):
        saved.save(made.evaluation(seed=seed), tmp_path / name)
    compared = comparing.compare(ways)
    first, second = compared.entries
    a, b = (saved.load(tmp_path / name).column("lddt_ca") for name in "ab")
    np.testing.assert_allclose(first.evaluation.column("lddt_ca"), (a + b) / 2)
    assert [len(entry.runs) for entry in compared.entries] == [2, 1]
    assert (second.evaluation.column("lddt_ca") == a).all()
    (pair,) = (pair for pair in compared.pairs if (pair.name, pair.before) == ("lddt_ca", "seeds"))
    assert pair.found.difference.value == pytest.approx((a - b).mean() / 2)
    saved.save(made.evaluation(num=5), tmp_path / "b")
    with pytest.raises(InputError, match="others under one name have other targets"):
        comparing.compare(ways)


def test_what_was_kept_is_not_made_again(tmp_path, monkeypatch):
    """Unless the data have changed."""
    data, asked = tmp_path / "data.csv", []
    data.write_text("id,sequence\np0,MKT\n")
    monkeypatch.setattr(entries, "open_subject", lambda path, preset, recycles: made.subject(path, 0))
    monkeypatch.setattr(entries.evaluating, "choose", lambda subject, place, split: (read_dataset(place), "all"))

    def evaluate(subject, place, split, progress):
        asked.append(place)
        items = entries.digest(read_dataset(place))
        return dataclasses.replace(made.evaluation(), data={"path": str(place), "split": "all", "items": items})

    monkeypatch.setattr(entries.evaluating, "evaluate", evaluate)
    compare = lambda: comparing.compare({"a": ["mini"]}, data, keep=tmp_path / "out")
    for times, sequence in ((1, "MKT"), (1, "MKT"), (2, "MKTA")):
        data.write_text(f"id,sequence\np0,{sequence}\n")
        compare()
        assert len(asked) == times
    kept = tmp_path / "out" / "evaluations" / "a" / saved.FILE
    kept.write_text(kept.read_text()[:-20])  # a damaged one is made again
    compare()
    assert len(asked) == 3 and saved.load(kept.parent).targets


def test_hostile_names_are_text(tmp_path):
    one = made.hostile(made.evaluation())
    found = [Entry(made.HOSTILE, one, made.HOSTILE), Entry(f"{made.HOSTILE} (2)", one, made.HOSTILE)]
    html, *_ = written(found, tmp_path, lost=[made.HOSTILE], notes=[made.HOSTILE])
    assert "<img" not in html.replace('<img alt="', "")
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in html


def test_every_plot_has_its_parts(tmp_path):
    html, known, _ = written([entry("a"), entry("b", seed=1, skill=0.9)], tmp_path)
    assert {"means_lddt_ca", "differences_lddt_ca", "targets_lddt_ca", "means_ss_accuracy"} <= known["figures"].keys()
    assert all(any(c.isdigit() for c in f["follows"]) for f in known["figures"].values()) and len(html) < 1_500_000
    place = comparison.HEADINGS.index("difference")
    assert np.isfinite([row[place] for row in known["tables"]["pairs"]["rows"]]).all()


def grouped(name: str, changes: dict[str, float], num: int = 12, **fields) -> Entry:
    """An entry with `num` targets for each split, moved by so much."""
    found = made.evaluation(num * len(changes), **fields)
    splits = [split for split in changes for _ in range(num)]
    targets = [
        dataclasses.replace(t, split=split, numbers=t.numbers | {"lddt_ca": t.numbers["lddt_ca"] + changes[split]})
        for t, split in zip(found.targets, splits, strict=True)
    ]
    return Entry(name, dataclasses.replace(found, targets=targets, classes={}), "none")


@pytest.mark.usefixtures("undrawn")
def test_opposite_groups_are_not_pooled(tmp_path):
    """+15 on what was learned and -57 on the rest: two answers, not "cannot tell"."""
    before = grouped("a", {"train": 0, "test": 0, "": 0})
    after = grouped("b", {"train": 15, "test": 0.5, "": -57}, seed=1)
    html, known, verdicts = written([before, after], tmp_path)
    assert [v.answer for v in verdicts] == ["yes", "open", "no"]
    for verdict, group in zip(verdicts, ("learned from", "held out", "general"), strict=True):
        assert f"on the targets {group}" in verdict.text
    rows = [dict(zip(comparison.HEADINGS, row, strict=True)) for row in known["tables"]["pairs"]["rows"]]
    assert [row["group"] for row in rows] == ["learned from", "held out", "general"]
    assert [row["difference"] > 0 for row in rows] == [True, True, False] and "12 learned from, 12 held out" in html
    assert {row[1] for row in known["tables"]["targets_lddt_ca"]["rows"]} == {row["group"] for row in rows}


def test_which_group():
    one = made.evaluation(5).targets
    rows = [("train", True), ("valid", True), ("test", False), ("", True), ("", False)]
    a = [dataclasses.replace(t, split=split, homologue=seen) for t, (split, seen) in zip(one, rows, strict=True)]
    found = comparing.grouped([a, [dataclasses.replace(t, split="") for t in one]])
    assert {name: mask.tolist() for name, mask in found.items()} == {
        comparing.LEARNED: [True, False, False, True, False],
        comparing.HELD_OUT: [False, True, True, False, False],
        comparing.GENERAL: [False, False, False, False, True],
    }
    assert comparing.grouped([one]).keys() == {""}


def test_networks_are_run_in_one_way(tmp_path):
    facts = lambda e, **changes: dataclasses.replace(
        e, evaluation=dataclasses.replace(e.evaluation, subject=e.evaluation.subject | changes)
    )
    with pytest.raises(InputError, match="b was run with 3 recycles and seed 0, a with 0 and 0: the difference would"):
        written([entry("a"), facts(entry("b"), recycles=3)], tmp_path)
    html, known, _ = written([entry("a"), facts(entry("b"), validated=2, run=True)], tmp_path)
    assert "Every network was run with 0 recycles and the same draws of the alignments (seed 0)" in html
    assert "b was validated with 2 recycles" in [w["title"] for w in known["warnings"]]


def test_an_evaluation_with_other_recycles_is_made_again(tmp_path, monkeypatch):
    """Each path is run as the first; where the parameters are gone that is an error, before anything is run."""
    for name, recycles in (("a", 1), ("b", 0)):
        found = made.evaluation()
        source = tmp_path / f"{name}.npz"
        source.touch()
        facts = found.subject | {"recycles": recycles, "path": str(source)}
        saved.save(dataclasses.replace(found, subject=facts), tmp_path / name)
    asked = []

    def opened(path, preset, recycles):
        asked.append((Path(path).name, recycles))
        return made.subject(path, recycles)

    monkeypatch.setattr(entries, "open_subject", opened)
    again = lambda subject, data, split, progress: dataclasses.replace(
        made.evaluation(), subject=made.evaluation().subject | {"recycles": subject.recycles}
    )
    monkeypatch.setattr(entries.evaluating, "evaluate", again)
    read = lambda recycles, *names: entries.read(
        comparing.by_folder([tmp_path / n for n in names]), tmp_path / "out", None, "", None, recycles, lambda *_: None
    )
    found = read(None, "a", "b")
    assert asked == [("b.npz", 1)] and {e.evaluation.subject["recycles"] for e in found} == {1}
    assert [e.name for e in found] == ["a", "b"] and (tmp_path / "out" / "evaluations" / "b").is_dir()
    asked.clear()
    assert {e.evaluation.subject["recycles"] for e in read(2, "a", "b")} == {2} and len(asked) == 2
    asked.clear()
    read(None, "a", "a")
    assert not asked  # nothing is run again where it need not be
    (tmp_path / "b.npz").unlink()
    with pytest.raises(InputError, match=r"b was evaluated with 0 recycles .* give --num-recycle 0"):
        read(None, "a", "b")
