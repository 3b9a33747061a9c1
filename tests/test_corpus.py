"""What the long training of af2jax-mini learns from: sides of clusters, tables, and what given weights have seen."""

import csv
import hashlib
import json
import lzma
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.constants.atoms import CA
from af2jax.data import items
from af2jax.data.dataset import read_dataset
from af2jax.data.labels import Label
from af2jax.data.structure import read_chain
from af2jax.errors import InputError
from experiments import card, controls, corpus
from tests.data.molecules import cif, peptide, save

KNOWN = "f71d417bc2b9"  # of the clusters that are never trained on
ROCK = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV"
LONE = "GSHMWDPTCNEYRFGHWIPKCDTMNAYWSEGVHRQCLPFTMKWNDYEAGS"


def listed() -> list[dict[str, str]]:
    with corpus.UNSEEN.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_what_is_never_trained_on_is_never_another():
    rows = listed()
    text = "".join(sorted(f"{row['id']} {row['cluster30']} " for row in rows))
    assert len(rows) == 116 and len({row["cluster30"] for row in rows}) == 97
    assert hashlib.sha256(text.encode()).hexdigest().startswith(KNOWN)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder of data: ten chains, of which two are in both tables, two clusters that are one, and an alignment."""
    folder = tmp_path_factory.mktemp("data")
    unseen = listed()[0]["id"]
    new = {"a": "N1", "b": "N1", "c": "N2", unseen: "N3", "d": "N3", "both": "N4", "e": "N5"}
    shared = {"c": "H1;H2", "both": "H3"}
    old = {"x": "H1", "y": "H2", "z": "H3", "both": "H3"}
    for sub, names in (("corpus/chains", new), ("chains", old)):
        (folder / sub).mkdir(parents=True)
        for name in names:
            save(folder / sub, cif(peptide(ROCK[:40]), {1: ROCK[:40]}), f"{name}.cif")
    table = lambda rows: "".join("\t".join(row) + "\n" for row in rows)
    rows = [("id", "file", "class", "length", "cluster30", "shared_cluster30")]
    rows += [
        (n, f"chains/{n}.cif", "model" if n == "e" else "natural", "40", c, shared.get(n, "")) for n, c in new.items()
    ]
    (folder / "corpus/chains.tsv").write_text(table(rows))
    rows = [("id", "file", "length", "resolution", "cluster30")]
    rows += [(n, f"chains/{n}.cif", "40", "2.0", c) for n, c in old.items()]
    (folder / "chains.tsv").write_text(table(rows))
    names = ("case", "file", "rows_kept", "query", "chain_cluster30", "shared_cluster30", "native_file")
    rows = [
        ("own", "own.a3m", "100", ROCK[5:30], "N5", "", "chains/e.cif"),
        ("few", "own.a3m", "99", ROCK[5:30], "N5", "", "chains/e.cif"),
        ("other", "own.a3m", "100", LONE, "N5", "", "chains/e.cif"),
        ("none", "own.a3m", "100", LONE, "N5", "", ""),
    ]
    (folder / "corpus/msa.tsv").write_text(table([names, *rows]))
    (folder / "corpus/own.a3m").write_text(f">q\n{ROCK[5:30]}\n>h\n{ROCK[5:29]}A\n")
    letters = "H" * len(ROCK)
    labels = [
        ("same", "train", ROCK, letters, "", "L1", ""),
        ("lone", "train", LONE, "C" * 50, "1" * 49 + "0", "L2", ""),
        ("late", "test", LONE, "C" * 50, "", "L2", ""),
        ("known", "train", LONE, "C" * 50, "", "L2", "x"),
        ("gap", "train", LONE, "C" * 50, "1" * 19 + "0" * 31, "L2", ""),
        ("odd", "train", LONE[:-1] + "X", "C" * 50, "", "L2", ""),
        ("short", "train", LONE[:29], "C" * 29, "", "L2", ""),
    ]
    head = ("id", "split", "sequence", "ss3", "resolved_mask", "label_cluster30", "chain_id")
    (folder / "corpus/labels").mkdir()
    with lzma.open(folder / "corpus/labels/flip_secondary_structure.tsv.xz", "wt") as file:
        file.write(table([head, *labels]))
    return folder


@pytest.fixture(scope="module")
def members(data) -> dict[str, corpus.Member]:
    return {member.id: member for member in corpus.members(data)}


def test_every_chain_once_and_every_cluster_on_one_side(members, data):
    unseen = listed()[0]["id"]
    assert set(members) == {"a", "b", "c", unseen, "d", "both", "e", "x", "y", "z", "own_msa"}
    assert members["both"].file == data / "chains/both.cif"  # the older one, which has a resolution
    same = lambda *names: len({members[name].cluster for name in names}) == 1
    assert same("c", "x", "y") and same("both", "z") and same("a", "b") and same("e", "own_msa")
    assert len({member.cluster for member in members.values()}) == 5
    sides = defaultdict(set)
    for member in members.values():
        sides[member.cluster].add(member.side)
    assert all(len(side) == 1 for side in sides.values())
    assert {name for name, member in members.items() if member.side == "valid"} == {unseen, "d"}
    assert {members[name].kind for name in ("e", "own_msa")} == {"designed"} and members["a"].kind == "natural"


def test_a_tenth_of_the_clusters_teaches_confidence_but_no_large_one():
    one = lambda name, cluster: corpus.Member(name, "", None, "", None, cluster, "natural", "train")
    found = corpus.sided([one(f"m{i}", f"N{i}") for i in range(1000)])
    assert 0.07 < np.mean([member.side == "confidence" for member in found]) < 0.13
    assert {member.side for member in found} == {"train", "confidence"}
    chosen = next(member.cluster for member in found if member.side == "confidence")
    large = corpus.sided([one(f"m{i}", chosen) for i in range(corpus.LARGE + 1)])
    assert {member.side for member in large} == {"train"}


def test_an_alignment_of_a_part_lies_over_its_structure(members):
    own = members["own_msa"]
    assert own.placed == ";".join(f"{i}:{i + 5}" for i in range(25))
    known = items.read_item(own.item)
    assert known.sequence == ROCK[5:30]
    np.testing.assert_allclose(known.positions[:, CA], read_chain(own.file).positions[5:30, CA])
    assert corpus.over(ROCK[:30], LONE) == ""


def test_labelled_sequences_resemble_no_unseen_chain(data):
    found = {member.id: member for member in corpus.labelled(data, [])}
    assert set(found) == {"flip_same", "flip_lone"}
    assert found["flip_lone"].states == "C" * 49 + "-" and corpus.states(found["flip_lone"])[-1] == "-"
    mutated = "".join("A" if i % 3 == 0 else x for i, x in enumerate(ROCK[:50]))
    for unseen in (ROCK, ROCK[10:60], mutated):
        assert {member.id for member in corpus.labelled(data, [unseen])} == {"flip_lone"}


def test_a_table_is_what_a_training_reads(members, data, tmp_path):
    rows = [(members[name], 1.0, "train") for name in ("a", "b", "e", "own_msa")]
    rows += [(member, 0.5, "valid") for member in corpus.labelled(data, [])]
    (tmp_path / "data.csv").write_text(corpus.table(rows))
    found = {item.id: item for item in read_dataset(tmp_path / "data.csv")}
    weights = {"a": 2**-0.5, "b": 2**-0.5, "e": 1.0, "own_msa": 1.0, "flip_same": 0.5, "flip_lone": 0.5}
    assert {name: item.weight for name, item in found.items()} == pytest.approx(weights, abs=1e-4)
    assert {item.split for item in found.values()} == {"train", "valid"}
    label = {"ss": Label(True, 3, ("H", "E", "C"))}
    for name, item in found.items():
        features, targets = items.load_example(item, preset("mini"), 32, 0, label)
        assert (targets.labels["ss"] >= 0).any() and features.msa.mask[-1].any(1).sum() == 1 + (name == "own_msa")


def test_a_stretch_without_a_state_ends_no_training(members, monkeypatch):
    unknown = "-" * (corpus.UNKNOWN_RUN + 1) + "H" * 9
    monkeypatch.setattr(corpus, "states", lambda member: unknown)
    assert corpus.table([(members["a"], 1.0, "train")]).endswith("C" * (corpus.UNKNOWN_RUN + 1) + "H" * 9 + "\n")
    monkeypatch.setattr(corpus, "states", lambda member: unknown[1:])
    assert corpus.table([(members["a"], 1.0, "train")]).endswith(unknown[1:] + "\n")


def test_what_weights_have_seen(tmp_path):
    for name, params, seen in (
        ("one", "mini", "a\ttrain\t\nb\tvalid\t\n"),
        ("two", str(tmp_path / "one"), "c\ttrain\t\n"),
    ):
        (tmp_path / name / "checkpoints" / "0001").mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps({"data": "x", "params": params}))
        (tmp_path / name / "items.tsv").write_text("id\tsplit\treason\n" + seen)
    assert corpus.saw("mini") == corpus.saw("") == set() and corpus.saw(str(tmp_path / "one")) == {"a"}
    assert corpus.saw(str(tmp_path / "two" / "checkpoints" / "0001")) == {"a", "c"}
    one = lambda name, side: corpus.Member(name, "", None, "", None, "N", "natural", side)
    corpus.refuse(str(tmp_path / "two"), [one("a", "train"), one("b", "valid"), one("c", "confidence")])
    with pytest.raises(InputError, match="trained on 1 chain of validation, such as a"):
        corpus.refuse(str(tmp_path / "two"), [one("a", "valid")])


# Controls


@pytest.fixture(scope="module")
def chain() -> np.ndarray:
    """The CA atoms of three helices side by side, up, down and up."""
    t = np.arange(18)
    helix = np.stack([2.3 * np.cos(np.radians(100) * t), 2.3 * np.sin(np.radians(100) * t), 1.5 * t], 1)
    down = helix * np.array([1, -1, -1]) + np.array([0, 0, 1.5 * 17])
    places = np.array([[0, 0, 0], [10, 0, 0], [5, 8.7, 0]])
    return (np.stack([helix, down, helix]) + places[:, None]).reshape(-1, 3).astype(np.float32)


def test_a_truth_scores_full_and_a_line_little(chain):
    seen = np.ones(len(chain), bool)
    found = controls.scores(chain[:, [1, 2, 0]], chain, seen)
    assert found["lddt_ca"] == pytest.approx(100) and found["tm"] == pytest.approx(1)
    line = 3.8 * np.arange(len(chain))[:, None] * np.array([[1, 0, 0]])
    assert controls.scores(line, chain, seen)["lddt_ca"] < 50


def test_a_compact_chain_has_the_distances_and_not_the_fold(chain):
    found = controls.compact(chain, np.random.default_rng(0))
    apart = lambda x, k: np.linalg.norm(x[k:] - x[:-k], axis=-1)
    assert np.abs(apart(found, 1).mean() - apart(chain, 1).mean()) < 0.6  # angstrom
    radius = lambda x: np.sqrt(((x - x.mean(0)) ** 2).sum(-1).mean())
    assert 0.7 < radius(found) / radius(chain) < 1.1
    scores = controls.scores(found, chain, np.ones(len(chain), bool))
    assert scores["lddt_ca"] < 70 and scores["tm"] < 0.4
    assert not np.array_equal(found, controls.compact(chain, np.random.default_rng(1)))


def test_partners_are_of_another_cluster_and_about_as_long():
    assert controls.partners([50, 52, 51, 90], ["a", "b", "a", "b"]) == [1, 2, 1, 2]


def test_exchanged_truths_are_cut_to_the_shorter_chain(chain):
    other = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32) * 9
    truths = [(x, np.ones(len(x), bool)) for x in (other, chain)]
    found = controls.exchanged([chain[:20], other], truths)  # each predicts the other's structure
    assert found["lddt_ca"] > 99 and found["tm"] > 0.99
    alone = controls.exchanged([other, chain], truths)
    assert alone["lddt_ca"] < 50 and alone == controls.exchanged([chain, other], truths[::-1])


# The card


def test_the_card_shows_what_was_measured():
    rng = np.random.default_rng(0)
    names = ("lddt_ca", "tm", "contacts", "states", "plddt", "hidden: nats", "hidden: frequencies", "hidden: right")
    rows = [
        {"kind": kind, "cluster": f"{kind} {i // 2}"} | {name: rng.random() for name in names}
        for kind in card.KINDS
        for i in range(8)
    ]
    for row in rows:
        row |= {"lddt_ca": 40 + rng.random(), "compact chain: lddt_ca": 35.0, "exchanged truths: lddt_ca": 39.0}
    lddt = [rng.uniform(20, 60, 30) for _ in rows]
    residues = [np.stack([0.9 * x, x], axis=1) for x in lddt]
    aligned = [{"cluster": str(i), "with": 41.0 + i, "without": 40.0} for i in range(4)]
    found = card.numbers(rows, residues, aligned)
    natural = [row for row in rows if row["kind"] == "natural"]
    assert found["natural: lddt_ca"].value == pytest.approx(np.mean([row["lddt_ca"] for row in natural]))
    assert found["natural: minus compact chain"].low > 5 > 1.01 > found["natural: minus exchanged truths"].value - 1
    assert found["alignment: difference"].value == pytest.approx(2.5) and found["alignment: difference"].count == 4
    assert found["plddt: spearman"][:3] == pytest.approx((1, 1, 1)) and found["plddt: spearman"].count == 480
    text = card.tables(found)
    for what, key, *_ in card.GOALS:
        assert f"| {what} | {found[key]} |" in text
    assert all(f"| {kind}, 8 chains |" in text for kind in card.KINDS)
    assert (
        f"| compact chain | 35 (35 to 35; too narrow, of 4 families) | {found['natural: minus compact chain']} |"
        in text
    )


def test_ranks_count_clusters_and_not_residues():
    rng = np.random.default_rng(0)
    noise = [rng.random((20, 2)) for _ in range(10)]
    wide = lambda clusters: (found := card.ranks(noise, clusters)).high - found.low
    alone, paired = [str(i) for i in range(10)], [str(i // 5) for i in range(10)]
    assert wide(alone) > 0.1 and len({card.ranks(noise, clusters).value for clusters in (alone, paired)}) == 1
    assert wide(alone) != wide(paired)
