"""The page of a search by structure: verdicts, tables and superpositions, from numbers alone."""

import dataclasses
import json
import re

import numpy as np
import pytest

import af2jax
from af2jax.folds.compare import Aligned
from af2jax.folds.find import Found, Hit, Search
from af2jax.folds.index import Entry
from af2jax.geometry.rigid import Rigid
from tests.folds import chains

STILL = Rigid(np.eye(3), np.zeros(3))


def entry(name: str, seed: int) -> Entry:
    points = chains.fold(seed).astype(np.float32)
    return Entry(name, f"{name}.pdb", "A", chains.letters(len(points), seed), points)


def search(folder, *scores: float, candidates: int = 9, itself: tuple[str, ...] = (), name: str = "<b>") -> Search:
    hits = []
    for i, tm in enumerate(scores):
        one = entry(f"hit{i} {name}", i)
        one = dataclasses.replace(one, file=f"hit{i}.pdb")
        chains.write(folder / one.file, one.points)
        pairs = np.stack([np.arange(20)] * 2, axis=1)
        hits.append(Hit(one, 0.5, Aligned(tm, tm / 2, pairs, 1.5, STILL), 0.1))
    found = Found(entry("query", 40), tuple(hits), itself)
    return Search(str(folder), 9, candidates, (found,), ((f"bad {name}.pdb", "it is bad"),), ((f"{name}.pdb", "C", 8),))


@pytest.mark.parametrize(
    "scores, candidates, answer, words",
    [
        ((0.8, 0.6, 0.2), 9, "yes", "hit0 <b> has its fold"),
        ((0.6,), 9, "yes", "hit0 <b> has its fold"),
        ((0.599,), 9, "yes", "hit0 <b> probably has its fold"),
        ((0.5,), 2, "yes", "hit0 <b> probably has its fold"),
        ((), 9, "no", "no other chain is there"),
        ((), 2, "open", "no other chain was aligned"),
        ((0.45, 0.3), 9, "no", "no chain has its fold"),
        ((0.45, 0.3), 2, "open", "none of the 2 chains"),
    ],
)
def test_the_verdict(tmp_path, scores, candidates, answer, words):
    page = af2jax.page(search(tmp_path, *scores, candidates=candidates))
    ((_, (decision,)),) = page._verdicts
    assert decision.answer == answer and words in decision.sentence and "itself" not in decision.sentence
    assert decision.number == (f"TM-score {scores[0]:.2f}" if scores else "")


def test_the_query_itself_is_named_and_counts_for_nothing(tmp_path):
    page = af2jax.page(search(tmp_path, 0.3, itself=("copy", "file")))
    ((_, (decision,)),) = page._verdicts
    assert decision.answer == "no" and decision.number == "TM-score 0.30"
    assert "The query itself is in the folder (copy, file) and does not count." in decision.sentence


def test_the_page_and_its_files(tmp_path):
    found = search(tmp_path / "db", 0.8, 0.6, 0.2)
    text = af2jax.page(found).save(tmp_path / "out").read_text()
    assert "hit0 &lt;b&gt;" in text and "<b>" not in text.replace("<body>", "") and "it is bad" in text
    assert "1 of the files of the folder could not be read" in text
    alone = dataclasses.replace(found, problems=(("q", "chain A has 8 residues"),), unread=())
    assert "1 of the queries cannot be searched" in af2jax.page(alone).html()
    scenes = json.loads(re.search(r'id="superposed_1">(.*?)</script>', text)[1])
    assert [scene["other"] for scene in scenes] == [f"hit{i} <b>" for i in range(3)]
    assert "1 chain of the folder cannot be found" in text and "&lt;b&gt;.pdb, chain C: 8 residues" in text
    assert "2 chains reach 0.5, the best 0.80: look at their superposition" in text
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row[1] for row in report["tables"]["hits_1"]["rows"]] == [0.8, 0.6, 0.2]
    assert report["numbers"]["search"] == json.loads(json.dumps(found.json()))
    assert (tmp_path / "out" / "plots" / "scores_1.png").exists()


def test_many_queries_have_all_hits_in_the_table(tmp_path):
    found = search(tmp_path, 0.8)
    many = dataclasses.replace(found, queries=found.queries * 12)
    page = af2jax.page(many)
    assert len(page._tables["hits"]["rows"]) == 12 and "hits_10" in page._tables and "hits_11" not in page._tables
    assert any("first 10 of 12 queries" in note for note in page.notes)
