"""Heads of every kind, taught for a few steps and then asked: in Python, by the command, from an export, after more."""

import csv
import dataclasses
import json

import jax
import numpy as np
import pytest

import af2jax
from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.data.dataset import Item
from af2jax.data.items import load_example
from af2jax.data.transforms import padded
from af2jax.errors import InputError, WeightsError
from af2jax.finetune import Training, eval_step, fit, run
from tests import support

pytestmark = pytest.mark.medium("trains and asks small networks")

CONFIG, CROP = preset("tiny"), 16
HEADS = {
    "tm": af2jax.Head("chain", outputs=1, mean=-1.0, std=0.5, unit="kcal/mol"),
    "ss": af2jax.Head("residue", classes=["H", "E", "C"]),
    "contact": af2jax.Head("pair", classes=2),
    "binds": af2jax.Head("binding", classes=["no", "yes"]),
}
NEW = "MKTAYIVK:WYQRQI"  # 14 residues, of which nothing was taught


def example(sequence: str, seed: int = 0):
    """(features, targets) of two chains, with labels made up of the sequence, padded as the command does."""
    features = padded(af2jax.features(sequence, CONFIG, cycles=1), CONFIG.data)
    _, targets = load_example(Item("a", "a", sequence=sequence.replace(":", "/"), values={}), CONFIG, CROP, 0, {})
    rng = np.random.default_rng(seed)
    labels = {
        "tm": np.float32(rng.normal()),
        "ss": rng.integers(0, 3, CROP).astype(np.int32),
        "contact": rng.integers(0, 2, (CROP, CROP)).astype(np.int32),
        "binds": np.int32(seed % 2),
    }
    return features, targets.replace(labels=labels)


TAUGHT = {"a": "MKTAYIAKQ:RQISFVK", "b": "GGWYW:YMKPRTEIV"}


def table(folder):
    """A table of what is taught; labels of pairs are in files, one of numbers and one of text."""
    rng, rows = np.random.default_rng(0), [["id", "sequence", "split", *HEADS]]
    for i, (name, sequence) in enumerate(TAUGHT.items()):
        num = len(sequence) - 1
        pairs, file = rng.integers(0, 2, (num, num)), f"{name}.{('npy', 'csv')[i]}"
        np.save(folder / file, pairs) if i == 0 else np.savetxt(folder / file, pairs, "%d", ",")
        ss = "".join(rng.choice(list("HEC"), num))
        rows.append([name, sequence, "train", f"{rng.normal():.3f}", ss, file, ("no", "yes")[i]])
    with open(folder / "data.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """(the folder of everything, the last state of the training in its "run")."""
    folder = tmp_path_factory.mktemp("walk")
    np.savez(folder / "params_tiny.npz", **support.rule_flat(CONFIG))
    (folder / "new.fasta").write_text(f">q\n{NEW}\n")
    table(folder)
    return folder, fit(training(folder), folder / "run")


def training(folder, steps: int = 3) -> Training:
    return Training(
        str(folder / "data.csv"),
        params=str(folder),
        preset="tiny",
        recipe="new_heads",
        heads=HEADS,
        losses=dict.fromkeys(HEADS, 1.0),
        steps=steps,
        batch_size=2,
        learning_rate=0.1,
        dropout=False,
        num_recycle=0,
        crop=CROP,
        clip_example=None,
    )


def expected(state) -> dict[str, np.ndarray]:
    """What `eval_step` has of the new query, without padding: probabilities or numbers."""
    raw = eval_step(state, af2jax.stack([example(NEW)]), 0)[1]
    values = {name: np.asarray(x[0]) for name, x in raw.items()}
    values = {n: np.asarray(jax.nn.softmax(x, -1)) if HEADS[n].classes else x for n, x in values.items()}
    return values | {"ss": values["ss"][:14], "contact": values["contact"][:14, :14]}


def same(found: dict, wanted: dict) -> None:
    assert found.keys() == wanted.keys() == HEADS.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


def ask(place) -> dict[str, np.ndarray]:
    """The answers in Python."""
    model, params = af2jax.load(place)
    features = padded(af2jax.features(NEW, model.config, cycles=1), model.config.data)
    heads = af2jax.predict(model, params, features, num_recycle=0).heads
    assert {n: (a.kind, a.classes, a.unit) for n, a in heads.items()} == {
        n: (h.kind, h.labels, h.unit) for n, h in HEADS.items()
    }
    return {name: answer.values for name, answer in heads.items()}


def command(folder, params, out: str, *flags) -> dict[str, np.ndarray]:
    """The answers in the scores file of seed 0 that the command writes."""
    arguments = ["predict", folder / "new.fasta", "--params", params, "--out", folder / out, "--num-recycle", 0]
    assert main([*map(str, arguments), *flags]) == 0
    (file,) = (folder / out).glob("*_scores_*seed_000.json")
    return {name: np.array(answer["values"]) for name, answer in json.loads(file.read_text())["heads"].items()}


def test_in_python_and_by_the_command(walked, capsys):
    folder, state = walked
    wanted = expected(state)
    assert np.ptp(wanted["ss"]) > 0.01 and not np.allclose(wanted["contact"], 0.5) and wanted["tm"].shape == (1,)
    same(ask(folder / "run"), wanted)
    same(command(folder, folder / "run", "a", "--num-seeds", "2"), wanted)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("q: "))
    assert "kcal/mol" in line and " ± " in line and "; binds " in line and "; ss H " in line
    both = [json.loads(file.read_text())["heads"] for file in sorted((folder / "a").glob("*_scores_*.json"))]
    for name, rows in (("ss", 14), ("contact", 14 * 14)):
        with open(folder / "a" / f"q_{name}.csv") as file:
            table = list(csv.DictReader(file))
        columns = [f"p_{label}" for label in HEADS[name].labels]
        mean = np.mean([one[name]["values"] for one in both], 0).reshape(rows, -1)
        np.testing.assert_allclose([[float(row[c]) for c in columns] for row in table], mean, rtol=1e-6)
    assert (table[15]["chain_1"], table[15]["residue_1"], table[15]["letter_2"]) == ("A", "2", "K")
    assert not list((folder / "a").glob("q_tm*"))
    with open(folder / "a" / "answers.csv") as file:
        rows = {row["head"]: row for row in csv.DictReader(file)}
    assert rows.keys() == HEADS.keys() and {row["query"] for row in rows.values()} == {"q"}
    assert {name: row["table"] for name, row in rows.items() if row["table"]} == {
        "ss": "q_ss.csv",
        "contact": "q_contact.csv",
    }
    tm = [one["tm"]["values"][0] for one in both]
    assert float(rows["tm"]["value"]) == pytest.approx(np.mean(tm), rel=1e-5) and rows["tm"]["unit"] == "kcal/mol"
    assert rows["binds"]["class"] in ("no", "yes") and rows["binds"]["nearest"] == "a" and rows["ss"]["length"] == "14"
    assert 0 < float(rows["tm"]["identity"]) < 1 and rows["tm"]["length_in_range"] == "yes"
    (page,) = (folder / "a").glob("q*.html")
    text = page.read_text()
    assert "What the tuned heads answer" in text and "kcal/mol" in text and "The nearest training sequence (a)" in text
    assert "at each residue" in text and "for each pair of residues" in text  # captions of the track and the map


def test_from_an_export(walked):
    folder, state = walked
    assert main(["export", str(folder / "run"), str(folder / "exported")]) == 0
    same(ask(str(folder / "exported")), expected(state))
    same(command(folder, folder / "exported", "b", "--no-plots"), expected(state))
    model = state.setup.model
    recycles = training(folder).num_recycle
    af2jax.export(state.params, "tiny", folder / "again", heads=dict(model.heads), num_recycle=recycles)
    for name in ("heads.json", "heads.npz", "params_tiny.npz"):
        assert (folder / "again" / name).read_bytes() == (folder / "exported" / name).read_bytes()


@pytest.mark.slow("trains on, and asks three times more")
def test_after_more_steps(walked):
    folder, state = walked
    before = expected(state)
    more = fit(training(folder, 5), folder / "run", resume=True)
    wanted = expected(more)
    assert int(more.step) == 5 and not np.allclose(wanted["ss"], before["ss"], atol=1e-4)
    same(ask(folder / "run"), wanted)
    kept = dataclasses.replace(training(folder), params=str(folder / "run"), heads={}, keep_heads=True)
    further = fit(kept, folder / "further")
    assert dict(af2jax.load(folder / "further")[0].heads) == HEADS == dict(further.setup.model.heads)
    same(ask(folder / "further"), expected(further))
    assert not np.allclose(expected(further)["ss"], wanted["ss"], atol=1e-4)


@pytest.fixture
def exported(walked, tmp_path):
    """A fresh export, to be spoiled."""
    state = walked[1]
    af2jax.export(state.params, "tiny", tmp_path / "e", heads=dict(state.setup.model.heads))
    return tmp_path / "e"


class TestOneLineForEachFault:
    def described(self, folder, **changes):
        file = folder / "heads.json"
        known = json.loads(file.read_text())
        known["heads"]["ss"] |= changes
        file.write_text(json.dumps(known))

    @pytest.mark.parametrize(
        "changes, message",
        [
            ({"classes": 2, "names": ["H", "E"]}, r'head "ss" as described on tiny has logits/bias \[2\], its arrays'),
            ({"kind": "pair", "classes": 3}, r'head "ss" as described on tiny has logits/kernel \[16, 3\]'),
            ({"kind": "binding"}, 'head "ss" as described on tiny has logits/kernel'),
            ({"kind": "token"}, 'heads.json is damaged .*kind "token" is not known'),
            ({"colour": 1}, r"heads\.json is damaged .*colour"),
        ],
    )
    def test_description_and_arrays_differ(self, exported, changes, message):
        self.described(exported, **changes)
        with pytest.raises(WeightsError, match=message) as error:
            af2jax.load(exported)
        assert "\n" not in str(error.value)

    def test_a_head_without_arrays_or_description(self, exported):
        known = json.loads((exported / "heads.json").read_text())
        known["heads"]["other"] = known["heads"].pop("ss")
        (exported / "heads.json").write_text(json.dumps(known))
        with pytest.raises(WeightsError, match='head "other" is described, but has no arrays'):
            af2jax.load(exported)
        del known["heads"]["other"]
        (exported / "heads.json").write_text(json.dumps(known))
        with pytest.raises(WeightsError, match='head "ss" has arrays, but is not described'):
            af2jax.load(exported)
        for content, message in (("{", "is damaged"), ("[]", "is damaged"), ('{"format": 0}', "has format 0, not 1")):
            (exported / "heads.json").write_text(content)
            with pytest.raises(WeightsError, match=message):
                af2jax.load(exported)
        (exported / "heads.npz").unlink()
        (exported / "heads.json").write_text(json.dumps(known))
        with pytest.raises(WeightsError, match=r"heads\.npz does not exist"):
            af2jax.load(exported)

    def test_another_preset(self, exported):
        with pytest.raises(WeightsError, match=r"has no params_mini\.npz; it has heads\.npz, params_tiny\.npz"):
            af2jax.load("mini", exported)
        (exported / "params_tiny.npz").rename(exported / "params_mini.npz")
        with pytest.raises(WeightsError, match=r"params_mini\.npz is not mini but"):
            af2jax.load("mini", exported)

    def test_what_is_no_place(self, tmp_path):
        for name in (tmp_path / "none", str(tmp_path / "none")):
            with pytest.raises(InputError, match="none: there is no such run or folder"):
                af2jax.load(name)
        with pytest.raises(InputError, match='no preset is called "model_6"'):
            af2jax.load("model_6")

    def test_a_network_without_its_parameters(self, walked):
        model, params = af2jax.load(walked[0] / "run")
        bare = {name: tree for name, tree in params.items() if name != "task_heads"}
        with pytest.raises(InputError, match='head "binds" of the network has no parameters'):
            af2jax.predict(model, bare, example(NEW)[0], num_recycle=0)

    def test_heads_to_keep_that_are_not_there(self, walked, tmp_path):
        keeps = dataclasses.replace(training(walked[0]), heads={}, losses=None, keep_heads=True)
        with pytest.raises(InputError, match=r"keep_heads = true, but params = .* has no new heads"):
            fit(keeps, tmp_path / "a")
        assert not run.is_run(tmp_path / "a")
