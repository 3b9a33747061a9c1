"""Self-distillation on a tiny network: what is kept, that it trains as it should, and that it can be gone on with."""

import dataclasses

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.constants.residues import LETTERS
from af2jax.data.dataset import read_dataset
from af2jax.data.items import load_example
from af2jax.data.loading import order
from af2jax.errors import InputError
from af2jax.finetune import loop, prepare, self_distillation
from af2jax.finetune.config import Training
from af2jax.finetune.record import TRAIN, lines
from af2jax.finetune.self_distillation import MANIFEST, NOTE, distill
from af2jax.model.alphafold import AlphaFold
from af2jax.pretrained.tree import flatten
from tests import support
from tests.finetune import toy

pytestmark = pytest.mark.medium("compiles training steps")

CONFIG = preset("tiny")
MODEL, PARAMS = AlphaFold(CONFIG), support.rule_params(CONFIG)
QUERIES = {"a b": "ACDEFGHIKL", "sure": "MKTAYIAKQR", "vague": "GGSSGGSSGG"}
PLDDT = {  # what the network is taken to say of itself
    "a b": np.array([90, 70, 69.9, 90, 90, 90, 20, 90, 90, 90]),  # 8 of 10
    "sure": np.full(10, 95.0),
    "vague": np.array([90, 90, 90, 90, 60, 60, 60, 60, 60, 60]),  # 4 of 10
}


@pytest.fixture
def predicted(monkeypatch):
    """Names of what was predicted, in order; predictions have the confidences above."""
    names, whole = [], self_distillation.predict

    def predict(model, params, inputs, num_recycle, *, name, notes):
        names.append(name)
        return dataclasses.replace(whole(model, params, inputs, num_recycle, name=name, notes=notes), plddt=PLDDT[name])

    monkeypatch.setattr(self_distillation, "predict", predict)
    return names


def make(out, queries=QUERIES, **settings):
    return distill(MODEL, **{"params": PARAMS, "queries": queries, "out": out, "num_recycle": 0} | settings)


def test_what_is_kept(predicted, tmp_path):
    said = []
    path = make(tmp_path / "d", weight=0.25, say=said.append)
    assert path == tmp_path / "d" / MANIFEST
    assert said == ["a b: 80 % confident, kept", "sure: 100 % confident, kept", "vague: 40 % confident, left out"]
    one, two = read_dataset(path)
    assert (one.id, two.id) == ("a b", "sure") and {one.weight, two.weight} == {0.25}
    assert {item.split for item in (one, two)} == {"train"} and one.values == {"source": "distilled"}
    assert "40 % of its residues have a pLDDT of 70 or more" in (tmp_path / "d" / "vague.left_out").read_text()
    for item in (one, two):
        features, targets = load_example(item, CONFIG, None, 0, {})
        assert "".join(LETTERS[code] for code in features.aatype) == QUERIES[item.id]
        assert np.array_equal(targets.atom_mask.any(-1), PLDDT[item.id] >= 70) and targets.resolution == 0
        assert NOTE in " ".join(item.file.read_text().split())


@pytest.mark.parametrize(
    "settings, kept",
    [({"confident": 90.0}, ["a b", "sure"]), ({"covered": 0.9}, ["sure"]), ({"covered": 0.4}, list(QUERIES))],
    ids=str,
)
def test_how_confident(predicted, tmp_path, settings, kept):
    assert [item.id for item in read_dataset(make(tmp_path, **settings))] == kept


def test_nothing_is_confident(predicted, tmp_path):
    for _ in range(2):
        with pytest.raises(InputError, match=r"^none of 2 predictions has a pLDDT of 99 or more in 50 % of its resid"):
            make(tmp_path, {name: QUERIES[name] for name in ("a b", "vague")}, confident=99.0)
    assert predicted == ["a b", "vague"] and not (tmp_path / MANIFEST).exists()


def test_an_alignment_goes_into_the_manifest(predicted, tmp_path):
    (tmp_path / "msa").mkdir()
    alignment = tmp_path / "msa" / "x.a3m"
    alignment.write_text(f">q\n{QUERIES['sure']}\n>r\n{QUERIES['sure'][:8]}--\n>s\n{'A' * 10}\n")
    (item,) = read_dataset(make(tmp_path / "d", {"sure": alignment}))
    assert [path.resolve() for path in item.msa] == [alignment.resolve()]
    assert load_example(item, CONFIG, None, 0, {})[0].msa.mask.any((0, 2)).sum() == 3


def test_a_half_finished_one_goes_on(predicted, tmp_path, monkeypatch):
    make(tmp_path / "whole")
    with pytest.raises(InputError, match="1"):
        make(tmp_path / "half", {"sure": QUERIES["sure"], "bad": "MK1"})
    predicted.clear()
    make(tmp_path / "half")
    assert predicted == ["a b", "vague"]
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "half").iterdir()) == names
    table = lambda folder: (tmp_path / folder / MANIFEST).read_text()
    assert table("half") == table("whole")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"confident": 80.0}, "with another confident"),
        ({"params": support.rule_params(CONFIG, seed=1)}, "with another weights"),
        ({"queries": {"sure": "AAAAAAAAAA"}}, 'with another query "sure"'),
    ],
    ids=["confident", "weights", "query"],
)
def test_what_was_made_otherwise_is_not_gone_on_with(predicted, tmp_path, change, message):
    make(tmp_path)
    with pytest.raises(InputError, match=f"holds predictions {message}; give another folder"):
        make(tmp_path, **change)


def test_names_that_make_one_file_name(predicted, tmp_path):
    with pytest.raises(InputError, match=r'"a b" and "a/b" would both be a_b\.cif; rename one'):
        make(tmp_path, {"a b": QUERIES["a b"], "a/b": QUERIES["sure"]})
    assert predicted == []


def test_it_trains_with_its_weight_and_without_what_does_not_apply(predicted, tmp_path, monkeypatch):
    """Joined to an experimental structure; the toy network learns what a prediction can teach, and nothing else."""
    path = make(tmp_path / "d", weight=0.25)
    monkeypatch.setattr(prepare, "network", lambda training: (toy.MODEL, toy.parameters()))
    training = Training(
        str(path),
        preset="tiny",
        rules=(("structure/.*|pair/.*|heads_.*", "train"), (".*", "freeze")),
        losses={"fape": 1.0, "distogram": 1.0, "plddt": 1.0, "resolved": 1.0},
        steps=3,
        crop=10,
    )
    before, after = flatten(toy.parameters()), flatten(loop.fit(training, tmp_path / "run").params)
    for line in lines(tmp_path / "run" / TRAIN):
        assert line["plddt"] == line["resolved"] == 0 and line["fape"] > 0 and line["distogram"] > 0
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {"pair/kernel", "structure/kernel", "heads_distogram/kernel"} <= moved
    assert not any(name.startswith(("heads_plddt", "heads_resolved")) for name in moved)


def test_joined_to_experimental_structures_it_is_drawn_by_its_weight(predicted, tmp_path):
    path = make(tmp_path, weight=0.25)
    with open(path, "a") as file:
        file.write("known,sure.cif,A,,1,train,experimental\n")
    turns, num = order(read_dataset(path), 0), 3000
    counts = np.bincount([next(turns)[0] for _ in range(num)], minlength=3) / num
    np.testing.assert_allclose(counts, np.array([0.25, 0.25, 1.0]) / 1.5, atol=0.03)
