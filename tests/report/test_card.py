"""The model card of an export: what it says, where it has it from, what it refuses; the command writes it."""

import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
import yaml

from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.data import synthetic
from af2jax.errors import InputError, WeightsError
from af2jax.evaluation import saved
from af2jax.evaluation.evaluate import evaluate
from af2jax.finetune import fit, provenance
from af2jax.finetune.config import from_dict
from af2jax.heads import Head
from af2jax.metrics.statistics import Interval
from af2jax.pretrained import export
from af2jax.report import card
from tests import support

DIGESTS = {"data": "da7a", "weights": "0e16"}
MADE = {"af2jax": "0.1.0", "jax": "0.10.2"}
RUN = provenance.Provenance(
    "model_1_ptm", "deepmind", "proteins.csv", DIGESTS, {"recipe": "heads", "steps": 40}, 30, {"ss/accuracy": 0.7}, MADE
)
CARD = card.Card(
    RUN,
    {"ss": Head("residue", classes=["H", "E", "C"]), "tm": Head("chain", outputs=1, unit="kelvin")},
    {"train": 12, "test": 4},
    {"params_model_1_ptm.npz": "f00d"},
    {"ss: accuracy": Interval(0.7123, 0.61, 0.81, 20, 7)},
    "proteins.csv, split test",
)


def parts(text: str) -> tuple[dict, str]:
    """(the front matter, the rest) of a card."""
    _, front, rest = text.split("---\n", 2)
    return yaml.safe_load(front), rest


def test_front_matter():
    front, _ = parts(card.render(CARD))
    assert front["license"] == "cc-by-4.0" and front["library_name"] == "af2jax" and "alphafold2" in front["tags"]
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"] == {"type": "other", "name": "proteins.csv, split test"}
    assert result["metrics"] == [{"type": "ss_accuracy", "name": "ss: accuracy", "value": 0.7123}]


def test_what_it_says():
    _, text = parts(card.render(CARD))
    for words in (
        "DeepMind Technologies Limited (CC BY 4.0)",
        "30 updates",
        "12 train, 4 test",
        "0.712 (0.61 to 0.81)",
        "| 20 | 7 |",
        "| recipe | `heads` |",
        "`f00d`",
        "`da7a`",
        "| ss | residue | H, E, C |",
        "| tm | chain | 1 number, kelvin |",
    ):
        assert words in text, words


@pytest.mark.parametrize(("base", "licence"), [("mini", "apache-2.0"), ("random", None), ("exported", None)])
def test_other_bases(base, licence):
    front, text = parts(card.render(dataclasses.replace(CARD, run=dataclasses.replace(RUN, base=base))))
    assert front.get("license") == licence and "CC BY" not in text


def test_without_an_evaluation():
    front, text = parts(card.render(dataclasses.replace(CARD, measured={})))
    assert "model-index" not in front and "| ss/accuracy | 0.7 |" in text and "optimistic" in text
    nothing = dataclasses.replace(RUN, validation={})
    assert "Nothing was measured." in card.render(dataclasses.replace(CARD, measured={}, run=nothing))


def test_somebody_elses_readme_stays(tmp_path):
    card.check(tmp_path)
    card.save(CARD, tmp_path)
    card.check(tmp_path)  # an earlier card may be replaced
    (tmp_path / "README.md").write_text("# Mine\n")
    with pytest.raises(InputError, match="is not a card of af2jax; move it away"):
        card.check(tmp_path)


class TestBeganWith:
    def base(self, **values) -> str:
        return provenance.began_with(from_dict({"data": "x.csv"} | values, "a test"))

    @pytest.fixture
    def small(self, monkeypatch):
        from af2jax import config

        monkeypatch.setitem(config.PRESETS, "model_1_ptm", preset("tiny"))

    def test_by_name(self, tmp_path):
        assert self.base(preset="tiny") == "random"
        assert self.base(preset="mini", params="mini") == self.base(preset="mini") == "mini"
        assert self.base(params=str(tmp_path / "moved")) == "deepmind"
        np.savez(tmp_path / "params_tiny.npz", x=np.zeros(1))
        assert self.base(preset="tiny", params=str(tmp_path)) == "exported"  # no file that DeepMind published

    def test_by_the_mark_of_an_export(self, tmp_path, small):
        np.savez(tmp_path / "params_model_1_ptm.npz", **support.rule_flat(preset("tiny")))
        assert self.base(params=str(tmp_path)) == "deepmind"
        export._save(tmp_path / "params_model_1_ptm.npz", {"x": np.zeros(1)}, export.EXPORTED)
        assert self.base(params=str(tmp_path)) == "exported"


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A folder with a run of the smallest network in "run", and its evaluation in "judged"."""
    folder = tmp_path_factory.mktemp("card")
    table = synthetic.make(folder / "secret place", num=12)
    values = {"data": str(table), "preset": "tiny", "recipe": "new_heads", "steps": 2, "crop": 16}
    values |= {"dropout": False, "num_recycle": 0, "losses": {"ss": 1.0}, "validate_every": 2, "save_every": 2}
    training = from_dict(values | {"heads": {"ss": {"kind": "residue", "classes": ["H", "E", "C"]}}}, "a test")
    fit(training, folder / "run")
    saved.save(evaluate(folder / "run", table), folder / "judged")
    return folder


@pytest.mark.medium("trains, evaluates and exports a small network")
def test_the_command(walked, capsys):
    run, out = walked / "run", walked / "out"
    assert main(["export", str(run), str(out), "--evaluation", str(walked / "judged")]) == 0
    assert str(out / "README.md") in capsys.readouterr().out.splitlines()
    front, text = parts((out / "README.md").read_text())
    assert "license" not in front and front["model-index"][0]["name"] == "af2jax-tiny"
    for file in out.iterdir():
        if file.name != "README.md":
            assert f"| {file.name} | `{hashlib.sha256(file.read_bytes()).hexdigest()}` |" in text
    assert "synthetic.csv, split test" in text and "secret place" not in text and "ss: accuracy" in text
    assert "| recipe | `new_heads` |" in text and "| crop | `16` |" in text and "| weight_decay |" not in text
    known = json.loads((run / "run.json").read_text())
    assert known["data"] in text and known["weights"] in text
    assert main(["export", str(run), str(out)]) == 0  # again, over its own card
    assert "model-index" not in parts((out / "README.md").read_text())[0]


@pytest.mark.medium("trains, evaluates and exports a small network")
def test_what_the_command_refuses(walked, tmp_path, capsys):
    judged = json.loads((walked / "judged" / "scores.json").read_text())
    judged["subject"]["weights"] = "0" * 64
    (tmp_path / "scores.json").write_text(json.dumps(judged))
    out = tmp_path / "out"
    assert main(["export", str(walked / "run"), str(out), "--evaluation", str(tmp_path)]) == 2
    assert "is an evaluation of other parameters; run af2jax evaluate" in capsys.readouterr().err
    out.mkdir()
    (out / "README.md").write_text("# Mine\n")
    assert main(["export", str(walked / "run"), str(out)]) == 2
    assert [file.name for file in out.iterdir()] == ["README.md"]


@pytest.mark.medium("trains, evaluates and exports a small network")
def test_a_run_without_its_facts(walked, tmp_path):
    shutil.copytree(walked / "run", tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"run\.json is missing or damaged"):
        provenance.provenance(tmp_path / "run")
