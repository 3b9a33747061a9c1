"""Structural alignment: laws, alignments that are known, and TM-align's own scores."""

import re
import shutil
import subprocess

import jax
import numpy as np
import pytest

from af2jax.data.traces import read_traces
from af2jax.folds.compare import aligned
from af2jax.folds.superposed import gapped
from af2jax.metrics.structural_alignment import align
from af2jax.metrics.superposition import tm_score
from experiments import tm_align_facts
from tests.folds import chains

KINDS = ("tm", "best")  # of TM-align's own, and of it where it starts from our alignment too
SIZE = 64  # residues that all chains here are padded to, so that one program serves
pytestmark = pytest.mark.medium("compiles the structural alignment")


def padded(points: np.ndarray, junk: float = 0.0) -> np.ndarray:
    return np.pad(points, ((0, SIZE - len(points)), (0, 0)), constant_values=junk).astype(np.float32)


def align_one(first: np.ndarray, *others: np.ndarray, junk: float = 0.0):
    """`align` of chains of any length, each about its centre; three others at a time."""
    own, rest = (padded(first - first.mean(0), junk), [padded(x - x.mean(0), junk) for x in others])
    lengths = np.array([len(x) for x in others], np.int32)
    more = 3 - len(rest)
    rest, lengths = np.stack([*rest, *rest[:1] * more]), np.concatenate([lengths, lengths[:1].repeat(more)])
    found = jax.device_get(align(own, np.array(len(first), np.int32), rest, lengths))
    return jax.tree.map(lambda x: x[: len(others)], found)


def test_a_chain_is_itself_however_it_lies():
    points = chains.fold(0)
    moved = chains.turned(points, 2.2) + np.array([30.0, -50, 10])
    found = align_one(points, points, moved)
    np.testing.assert_allclose([found.tm_first, found.tm_second], 1, atol=1e-5)
    np.testing.assert_array_equal(found.partner[1][: len(points)], np.arange(len(points)))
    assert (found.partner[:, len(points) :] == -1).all()
    again = (moved - moved.mean(0)) @ found.motion.rot[1].T + found.motion.trans[1]
    np.testing.assert_allclose(again, points - points.mean(0), atol=1e-2)
    assert [one.rmsd for one in aligned(points, [points, moved])] == [0, 0]  # not 3e-15


def test_a_part_of_a_chain_has_a_score_by_either_length():
    points = chains.fold(1)
    found = align_one(points, points[10:45])
    np.testing.assert_allclose(found.tm_second, 1, atol=1e-4)
    np.testing.assert_allclose(found.tm_first, 35 / len(points), atol=0.01)
    np.testing.assert_array_equal(found.partner[0][10:45], np.arange(35))
    np.testing.assert_array_equal(np.flatnonzero(found.partner[0] >= 0), np.arange(10, 45))


def test_an_insertion_is_a_gap():
    points = chains.fold(2)[:50]
    loop = points[24] + np.cumsum(np.full((12, 3), 2.1), axis=0)
    found = align_one(points, np.concatenate([points[:25], loop, points[25:]]))
    expected = np.concatenate([np.arange(25), 12 + np.arange(25, 50)])
    assert (found.partner[0][:50] == expected).mean() > 0.95 and found.tm_first[0] > 0.98


def test_order_padding_and_place_change_nothing():
    first, second, third = chains.fold(3), chains.fold(4), chains.fold(5)[:40]
    found = align_one(first, second, third)
    np.testing.assert_array_equal(align_one(first, second, third, junk=777.0).partner, found.partner)
    np.testing.assert_allclose(align_one(first, third, second).tm_first[::-1], found.tm_first, atol=1e-6)
    moved = align_one(first, chains.turned(second, 1.3) + 90, chains.turned(third, -2) - 40)
    np.testing.assert_allclose(moved.tm_first, found.tm_first, atol=0.02)
    other_way = align_one(second, first)
    np.testing.assert_allclose(other_way.tm_second[0], found.tm_first[0], atol=0.03)


def test_a_mirror_image_and_another_fold_are_not_alike():
    points = chains.fold(6)
    found = align_one(points, points * np.array([1, 1, -1]), chains.fold(7))
    assert (found.tm_first < 0.6).all() and (found.tm_first > 0.1).all()


@pytest.mark.parametrize("seed", range(3))
def test_its_score_is_that_of_the_exhaustive_search_over_its_pairs(seed):
    rng = np.random.default_rng(seed)
    first = chains.fold(seed + 8)
    second = chains.turned(first[5:] + rng.normal(size=(len(first) - 5, 3)), 1.0)
    others = [second, chains.fold(seed + 20)]
    for other, one in zip(others, aligned(first, others), strict=True):
        i, j = one.pairs.T
        own = [tm_score(other[j], first[i], np.ones(len(i), bool), len(x)) for x in (first, other)]
        np.testing.assert_allclose([one.tm_first, one.tm_second], own, atol=2e-3)
        assert (np.diff(i) > 0).all() and (np.diff(j) > 0).all()
        moved = other @ one.motion.rot.T + one.motion.trans
        assert np.linalg.norm(moved[j] - first[i], axis=-1).max() < 1.5 * min(len(first), len(other)) ** 0.3 + 4
        a, b = (x[k] - x[k].mean(0) for x, k in ((first, i), (other, j)))
        values, sign = np.linalg.svd(a.T @ b)[1], np.sign(np.linalg.det(a.T @ b))
        best = (a**2).sum() + (b**2).sum() - 2 * (values[0] + values[1] + sign * values[2])  # Kabsch
        np.testing.assert_allclose(one.rmsd, np.sqrt(best / len(i)), atol=1e-3)
        d0 = 1.24 * np.cbrt(len(first) - 15) - 1.8
        score = np.sum(1 / (1 + np.sum((moved[j] - first[i]) ** 2, axis=-1) / d0**2)) / len(first)
        np.testing.assert_allclose(score, one.tm_first, atol=2e-3)


def test_the_motion_is_that_of_the_score_by_the_length_of_the_one():
    """A part that is bent has another best superposition by its own length."""
    first = chains.fold(10)
    bent = np.concatenate([first[:20], chains.turned(first[20:40] - first[20], 0.35) + first[20]])
    (one,) = aligned(first, [bent])
    i, j = one.pairs.T
    squares = np.sum((bent[j] @ one.motion.rot.T + one.motion.trans - first[i]) ** 2, axis=-1)
    by = lambda n: np.sum(1 / (1 + squares / (1.24 * np.cbrt(n - 15) - 1.8) ** 2)) / n
    np.testing.assert_allclose(by(len(first)), one.tm_first, atol=1e-4)
    assert by(len(bent)) < one.tm_second - 1e-3


def scores(*command) -> list[float]:
    """Both TM-scores that TM-align prints."""
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [float(score) for score in re.findall(r"^TM-score= (\S+) \(if normalized by length", text, re.M)]


def test_tm_align_itself(tmp_path):
    """Where the program is installed: made-up folds, of which few are alike."""
    program = shutil.which("TMalign") or pytest.skip("the program TMalign is not installed")
    points = [chains.fold(seed) for seed in range(30, 36)]
    points += [one[:-9] + np.random.default_rng(0).normal(size=(len(one) - 9, 3)) for one in points[:3]]
    files = [chains.write(tmp_path / f"{i}.pdb", one) for i, one in enumerate(points)]
    off = []
    for i in range(6):
        for j, one in enumerate(aligned(points[i], points[i + 1 :]), i + 1):
            theirs = scores(program, files[i], files[j])
            off += [one.tm_first - theirs[0], one.tm_second - theirs[1]]
            rows = gapped("A" * len(points[i]), "A" * len(points[j]), one.pairs)
            (tmp_path / "ours.fasta").write_text("".join(f">x\n{row}\n" for row in rows))
            same = scores(program, files[i], files[j], "-I", tmp_path / "ours.fasta")
            np.testing.assert_allclose([one.tm_first, one.tm_second], same, atol=5e-3)
    assert np.median(np.abs(off)) < 0.01 and np.quantile(np.abs(off), 0.95) < 0.05 and np.mean(off) > -0.01


@pytest.mark.slow("aligns 200 pairs of real chains of all lengths, twice")
@pytest.mark.optimised
@pytest.mark.parametrize("name", tm_align_facts.SHORT)
def test_200_pairs_of_the_corpus_as_tm_align_has_them(name, shared):
    """Facts of TM-align's that `experiments/tm_align.py` made: both TM-scores, of unrelated pairs and of alike ones.

    TM-align is above ours by 0.03 in 2 %. Ours is above it by as much in 11 %, by another alignment, which TM-align
    scores higher itself: where it may start from ours too (`best`), the two are near.
    """
    rows = tm_align_facts.short(name)
    read = lambda name: read_traces(shared / "data" / "corpus" / "chains" / f"{name}.pdb.gz")[0].points
    ours, _ = tm_align_facts.ours([(read(row["first"]), read(row["second"])) for row in rows])
    theirs, best = (np.array([[row[f"{a}_{b}"] for b in ("first", "second")] for row in rows], float) for a in KINDS)
    assert ours.shape == (200, 2) and (best >= theirs).all()
    assert np.median(np.abs(ours - theirs)) < 0.01 and np.quantile(np.abs(ours - theirs), 0.95) < 0.06
    assert np.quantile(ours - theirs, 0.03) > -0.03
    assert np.median(np.abs(ours - best)) < 0.01 and np.quantile(np.abs(ours - best), 0.95) < 0.03
