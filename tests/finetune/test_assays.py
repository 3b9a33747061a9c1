"""Tables of variants in a training: assays, their examples, and a run from a table to a scan."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import af2jax
from af2jax.config import preset
from af2jax.data.dataset import read_dataset
from af2jax.data.loading import Loader
from af2jax.errors import InputError
from af2jax.finetune import Training, fit
from af2jax.finetune.assays import AssayLoader, check_order, gather
from af2jax.heads import Head

FIRST, SECOND = "MKTAYIAKQRQISFVK", "GSHMLEDPVDAFKKAGLE"
CACHED, FULL = Head("variant", outputs=1), Head("variant", outputs=1, mode="full")
RANKS, CLASSES = Head("variant", outputs=1, ranks=True), Head("variant", classes=2)


def table(folder, rows: list[str], header: str = "mutant,sequence,split,ddg") -> str:
    path = folder / "scan.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def rows(wild: str, split: str = "train", letters: str = "AGW", end: str = "") -> list[str]:
    names = [f"{old}{i}{new}" for i, old in enumerate(wild, 1) for new in letters if new != old]
    return [f"{name},{wild},{split},{i % 7}{end}" for i, name in enumerate(names)]


def test_assays_by_wild_type_and_by_column(tmp_path):
    header = "mutant,sequence,split,ddg,assay"
    made = [*rows(FIRST, end=",a"), *rows(FIRST, end=",b"), *rows(SECOND, end=",a"), f"K2A:T3G,{FIRST},train,,a"]
    found = gather(read_dataset(table(tmp_path, made, header)), {"ddg": CACHED}, taught=True)
    assert len(found) == 3 and len({assay.id for assay in found}) == 3
    assert [assay.wild.sequence for assay in found] == [FIRST, FIRST, SECOND]
    assert len(found[0].variants) == len(found[1].variants) + 1 == len(found[0].labels["ddg"])
    assert np.isnan(found[0].labels["ddg"]).tolist() == [False] * (len(found[0].variants) - 1) + [True]
    assert len(found[0].variants[-1]) == 2 and not found[0].wild.values


@pytest.mark.parametrize(
    "made, head, message",
    [
        ([f"K2A,{FIRST},train,1"], RANKS, r"scan.csv, line 2: assay scan_2 has one variant with a label"),
        ([f"K2{x},{FIRST},train,3" for x in "AGW"], RANKS, "all 3 labels are 3, which have no order"),
        ([f"K2{x},{FIRST},train," for x in "AGW"], CACHED, "has no variant with a label; leave it out"),
        ([f"K2{x},{FIRST}:{FIRST},train,3" for x in "AGW"], CACHED, "heads of variants read one chain"),
    ],
)
def test_assays_that_teach_nothing(tmp_path, made, head, message):
    with pytest.raises(InputError, match=message):
        gather(read_dataset(table(tmp_path, made)), {"ddg": head}, taught=True)


@pytest.mark.parametrize(
    "made, message",
    [
        ([f"K2{x},{FIRST},valid,3" for x in "AGW"], "all measured labels of an assay are equal; .* monitor = .ddg.$"),
        ([f"K2A,{FIRST},valid,3"], "no assay has more than one variant with a measured label"),
        ([f"K2{x},{FIRST},valid,>{i}" for i, x in enumerate("AGW")], "no variant has a measured label"),
    ],
)
def test_what_has_no_order_is_not_monitored_by_it(tmp_path, made, message):
    """Which is told before anything is computed."""
    training = Training(
        data=table(tmp_path, [*rows(SECOND), *made]),
        preset="tiny",
        recipe="new_heads",
        heads={"ddg": CACHED},
        losses={"ddg": 1.0},
        crop=20,
        steps=1,
        monitor="ddg/spearman",
    )
    with pytest.raises(InputError, match=f'monitor = "ddg/spearman" ranks the variants of an assay.*{message}'):
        fit(training, tmp_path / "out")
    watched = gather(read_dataset(training.data), training.heads, taught=False)
    check_order(watched, training.heads, "ddg/spearman")  # one of the two has an order


def test_a_table_without_mutants(tmp_path):
    items = read_dataset(table(tmp_path, [f"{FIRST},1"], "sequence,ddg"))
    with pytest.raises(InputError, match='a head of variants needs the columns "mutant" and "sequence"'):
        gather(items, {"ddg": CACHED}, taught=True)


def test_limits_are_read_from_the_table(tmp_path):
    """Of numbers; the value is known, and that the truth lies beyond it."""
    made = [f"K2A,{FIRST},train,>5", f"K2G,{FIRST},train,<=0.5", f"K2W,{FIRST},train,3", f"T3A,{FIRST},train,"]
    items = read_dataset(table(tmp_path, made))
    (assay,) = gather(items, {"ddg": RANKS}, taught=True)
    assert assay.labels["ddg"].tolist()[:3] == [5, 0.5, 3] and np.isnan(assay.labels["ddg"][3])
    assert assay.bounds["ddg"].tolist() == [1, -1, 0, 0]
    loader = AssayLoader(Loader(preset("tiny"), 16, {"ddg": RANKS.column}, 0, 1, False, False), {"ddg": RANKS}, 6, 1)
    label = loader.example(assay, 0)[1].labels["ddg"]
    assert label.bound.tolist() == [1, -1, 0, 0, 0, 0] and np.isnan(label.value[3:]).all()
    with pytest.raises(InputError, match="'>5' is not a number"):
        gather(items, {"ddg": CLASSES}, taught=True)


class TestExamples:
    def loader(self, tmp_path, heads: dict, room: int = 8, crop: int = 20, draws: int = 1):
        made = [*rows(FIRST, end=",1"), *rows(SECOND, letters="A", end=",0")[:3], f"K2A:T3G,{FIRST},train,2,0"]
        items = read_dataset(table(tmp_path, made, "mutant,sequence,split,ddg,effect"))
        labels = {name: head.column for name, head in heads.items()}
        loader = Loader(preset("tiny"), crop, labels, 0, draws, False, False)
        return AssayLoader(loader, heads, room, 2), gather(items, heads, taught=True)

    def test_a_whole_protein_with_some_of_its_variants(self, tmp_path):
        loader, (first, second) = self.loader(tmp_path, {"ddg": CACHED})
        features, targets = loader.example(first, 0)
        label = targets.labels["ddg"]
        assert features.aatype.shape == (20,) and features.seq_mask.sum() == len(FIRST)
        assert label.position.shape == (8, 2) and label.value.shape == (8,) and label.features is None
        known = dict(zip([str(v[0]) for v in first.variants if len(v) == 1], first.labels["ddg"], strict=False))
        for i in range(8):
            if label.mask[i].sum() == 1:
                place = int(label.position[i, 0])
                name = f"{FIRST[place]}{place + 1}{'ARNDCQEGHILKMFPSTWYV'[label.new[i, 0]]}"
                assert label.value[i] == known[name]
        again, other = (loader.example(first, visit)[1].labels["ddg"] for visit in (0, 1))
        np.testing.assert_array_equal(again.new, label.new)
        assert (other.position != label.position).any()  # others are drawn, of the same features
        np.testing.assert_array_equal(loader.example(first, 1)[0].msa.feat, features.msa.feat)
        few = loader.example(second, 0)[1].labels["ddg"]
        assert np.isnan(few.value).sum() == 5 and few.mask.any(1).sum() == 3

    def test_full_mode_has_features_of_each_variant(self, tmp_path):
        loader, (first, _) = self.loader(tmp_path, {"ddg": FULL, "effect": CLASSES})
        features, targets = loader.example(first, 0)
        label = targets.labels["ddg"]
        assert label.features.aatype.shape == (8, 20) and targets.labels["effect"].features is None
        assert targets.labels["effect"].value.dtype == np.int32
        for i in range(8):
            differ = np.flatnonzero(label.features.aatype[i] != features.aatype)
            assert differ.tolist() == label.position[i][label.mask[i]].tolist()
            assert label.features.aatype[i][differ].tolist() == label.new[i][label.mask[i]].tolist()

    def test_a_crop_would_cut_the_protein(self, tmp_path):
        loader, (_, second) = self.loader(tmp_path, {"ddg": CACHED}, crop=16)
        with pytest.raises(InputError, match="has 18 residues and crop = 16: heads of variants read whole proteins"):
            loader.example(second, 0)


@pytest.mark.medium("trains a small network")
@pytest.mark.parametrize("mode", ["cached", "full"])
def test_from_a_table_to_a_scan(tmp_path, mode, caplog):
    data = table(tmp_path, [*rows(FIRST), f"Q9A:K8G,{FIRST},train,>9", *rows(SECOND, "valid")])
    common = {"preset": "tiny", "recipe": "new_heads", "crop": 32, "dropout": False, "num_recycle": 0, "steps": 2}
    common |= {"heads": {"ddg": Head("variant", outputs=1, mode=mode)}, "variants": 4, "validate_every": 2}
    common |= {
        "losses": {"ddg": 1.0},
        "cache": mode == "cached",
        "examples_per_item": 1,
        "monitor": "ddg/spearman",
        "save_every": 2,
    }
    fit(Training(data, **common), tmp_path / "run", say=lambda line: None)
    assert "unused" not in (tmp_path / "run" / "items.tsv").read_text() and "bound" not in caplog.text  # the limit
    text = (tmp_path / "run" / "validation.jsonl").read_text()
    assert "ddg/spearman" in text
    found = af2jax.scan(FIRST, tmp_path / "run", "2")
    assert found.columns[2:] == ["ddg"] and np.ptp(found.scores["ddg"]) > 0 and found.num_recycle == 0
    assert found.near and found.near.identity > 0.9
    with pytest.raises(InputError, match="has heads of variants alone, which answer of mutations: ask af2jax scan"):
        af2jax.answer(tmp_path / "run", [FIRST])

    told: list = []
    judged = af2jax.evaluate(tmp_path / "run", data, progress=lambda *of: told.append(of))  # on its validation part
    (target,) = judged.targets
    answers, names = target.answers["ddg"], [row.partition(",")[0] for row in rows(SECOND)]
    passes = 1 + len(names) * (mode == "full")
    assert told == [(done, passes) for done in range(passes + 1)]
    again = af2jax.scan(SECOND, tmp_path / "run", variants=names)
    assert target.sequence == SECOND and judged.data["split"] == "valid" and not judged.problems
    np.testing.assert_allclose(answers.predicted, again.scores["ddg"], atol=1e-5)
    assert answers.label.tolist() == [i % 7 for i in range(len(names))] and not target.homologue
    expected = spearmanr(again.scores["ddg"], answers.label).statistic
    assert target.numbers["ddg/spearman"] == pytest.approx(expected, abs=1e-6)
    found = af2jax.compare([tmp_path / "run"], data=data)
    assert {"mean of the substitution", "mean by BLOSUM62"} <= {one.name for one in found.baselines} and not found.notes
    assert {pair.name for pair in found.pairs} == {"ddg/spearman"} and "Spearman" in found.beats_baseline[0].text
    with pytest.raises(InputError, match=r"^mini has no head of variants, by which .*run is judged, so that they"):
        af2jax.compare(["mini", tmp_path / "run"], data=data)  # before anything is folded


@pytest.mark.medium("trains a small network")
def test_heads_of_other_kinds_are_trained_apart(tmp_path):
    data = table(tmp_path, [f"{row},1" for row in rows(FIRST)], "mutant,sequence,split,ddg,tm")
    heads = {"ddg": CACHED, "tm": Head("chain", outputs=1)}
    with pytest.raises(InputError, match='heads of variants are trained alone; train head "tm" in a run of its own'):
        fit(Training(data, preset="tiny", crop=32, heads=heads, steps=2, recipe="new_heads"), tmp_path / "run")
