"""RMSD, GDT and TM-score: equal to biotite's and TM-align's, cases worked out by hand, and laws."""

import csv
import re
import shutil
import subprocess

import numpy as np
import pytest

from af2jax.constants.atoms import CA
from af2jax.metrics.superposition import gdt_ha, gdt_ts, rmsd, tm_score

METRICS = {"rmsd": rmsd, "gdt_ts": gdt_ts, "gdt_ha": gdt_ha, "tm_score": tm_score}
NOTHING = np.zeros(5, bool)


def walk(num: int, seed: int) -> np.ndarray:
    """[num 3] a chain of steps of 3.8 angstrom that turns at random, rounded as in files."""
    steps = np.random.default_rng(seed).normal(size=(num, 3))
    steps = steps + 0.6 * np.roll(steps, 1, axis=0)
    return np.round(np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0), 3)


def turned(x: np.ndarray, angle: float) -> np.ndarray:
    """`x` turned about the z axis and then the x axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    about_z, about_x = [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], [[1, 0, 0], [0, cos, -sin], [0, sin, cos]]
    return x @ np.array(about_z).T @ np.array(about_x).T


def pair(kind: str, num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two structures of `num` residues."""
    true, rng = walk(num, seed), np.random.default_rng(seed + 1)
    if kind == "noise":
        found = true + rng.normal(size=true.shape) * 2
    elif kind == "hinge":  # the second half turns at the middle residue
        half = num // 2
        found = np.concatenate([true[:half], true[half] + turned(true[half:] - true[half], 1.2)])
        found = found + rng.normal(size=true.shape) * 0.7
    elif kind == "mirror":
        found = true * np.array([1, 1, -1])
    else:
        found = walk(num, seed + 2)
    return np.round(turned(found, 2.0) + np.array([10, -20, 30]), 3), true


# TM-align 20190822, `TMalign found.pdb true.pdb -I alignment`, normalised by the second; GDT-TS and GDT-HA of the
# program TM-score of the same package.
GOLDEN = {
    ("noise", 18, 0): (0.12144, 69.44, 47.22),
    ("noise", 30, 1): (0.27355, 60.00, 35.83),
    ("noise", 150, 2): (0.67990, 51.67, 27.33),
    ("hinge", 100, 5): (0.55003, 51.50, 36.75),
    ("mirror", 60, 0): (0.42803, 49.17, 31.67),
    ("other", 80, 4): (0.16538, 18.44, 10.31),
}
# GDT-TS and GDT-HA of superpositions that this search found.
KNOWN = {("noise", 30, 1): (62.5, 40.833), ("hinge", 100, 5): (52.0, 37.5), ("mirror", 60, 0): (50.0, 32.916)}


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_tm_score_equals_stored_figures_of_tm_align(case):
    found, true = pair(*case)
    np.testing.assert_allclose(tm_score(found, true, np.ones(len(true), bool)), GOLDEN[case][0], atol=2e-5)


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_gdt_is_never_below_stored_figures(case):
    found, true = pair(*case)
    mask = np.ones(len(true), bool)
    scores = np.array([gdt_ts(found, true, mask), gdt_ha(found, true, mask)])
    assert (scores > np.array(KNOWN.get(case, GOLDEN[case][1:])) - 0.01).all()
    assert (scores < np.array(GOLDEN[case][1:]) + 6).all()


@pytest.mark.parametrize("case", [*GOLDEN, ("hinge", 200, 7), ("noise", 60, 8), ("other", 40, 9)], ids=str)
def test_tm_score_equals_tmtools(case):
    tmtools = pytest.importorskip("tmtools", reason="tmtools (GPL, for checks alone) is not installed")
    found, true = pair(*case)
    sequence = "A" * len(true)
    theirs = tmtools.tm_align(found, true, sequence, sequence, [sequence, sequence]).tm_norm_chain2
    np.testing.assert_allclose(tm_score(found, true, np.ones(len(true), bool)), theirs, atol=1e-4)


def test_tm_score_of_a_part_equals_tm_aligns(tmp_path):
    """Residues that the model lacks; the score counts the target's length, or any length given."""
    program = shutil.which("TMalign") or pytest.skip("the program TMalign is not installed")
    found, true = pair("hinge", 120, 5)
    mask = np.arange(120) % 4 > 0
    write(tmp_path / "found.pdb", found[mask])
    write(tmp_path / "true.pdb", true)
    gapped = "".join("A" if present else "-" for present in mask)
    (tmp_path / "alignment").write_text(f">found\n{gapped}\n>true\n{'A' * 120}\n")
    files = [tmp_path / "found.pdb", tmp_path / "true.pdb", "-I", tmp_path / "alignment", "-L", "150"]
    text = subprocess.run([program, *files], capture_output=True, text=True, check=True).stdout
    scores = [float(score) for score in re.findall(r"^TM-score= (\S+)", text, re.MULTILINE)]
    ours = [tm_score(found, true, mask, length) for length in (None, 120, 150)]
    np.testing.assert_allclose(ours, scores, atol=1e-4)
    assert len(set(scores)) == 3


def write(path, points):
    """A PDB file of alanine CA atoms."""
    line = "ATOM  {0:5d}  CA  ALA A{0:4d}    {1:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00           C\n"
    path.write_text("".join(line.format(i, *point) for i, point in enumerate(points, start=1)) + "TER\n")


def test_real_conformations(shared):
    """As known of each pair: the RMSD after superposition; and tmtools' TM-score where it is installed."""
    from af2jax.data.structure import read_chain

    rows = csv.DictReader((shared / "data/pairs.tsv").open(), delimiter="\t")
    rows = [row for row in rows if row["seq_a"] == row["seq_b"] and float(row["ca_rmsd"]) > 3][:6]
    for row in rows:
        a, b = (read_chain(shared / "data" / row[name]) for name in ("file_a", "file_b"))
        found, true = (x.positions[x.atom_mask[:, CA], CA] for x in (a, b))
        mask = np.ones(len(true), bool)
        np.testing.assert_allclose(rmsd(found, true, mask), float(row["ca_rmsd"]), atol=0.0051)
    tmtools = pytest.importorskip("tmtools", reason="tmtools (GPL, for checks alone) is not installed")
    theirs = tmtools.tm_align(*(x.astype(float) for x in (found, true)), *2 * [row["seq_a"]], 2 * [row["seq_a"]])
    np.testing.assert_allclose(tm_score(found, true, mask), theirs.tm_norm_chain2, atol=1e-4)


def test_rmsd_equals_biotites():
    structure = pytest.importorskip("biotite.structure", reason="biotite is not installed")
    found, true = pair("noise", 50, 0)
    mask = np.arange(50) % 5 > 0
    fitted = structure.superimpose(true[mask], found[mask])
    fitted = fitted[0] if isinstance(fitted, tuple) else fitted.apply(found[mask])  # biotite 1, 2
    np.testing.assert_allclose(rmsd(found, true, mask), structure.rmsd(true[mask], fitted), rtol=1e-5)


@pytest.mark.parametrize("kind", ["noise", "hinge", "other"])
@pytest.mark.parametrize("name", METRICS)
def test_laws(name, kind):
    """A rigid motion changes nothing, nor does padding or what a masked residue holds."""
    metric, (found, true), mask = METRICS[name], pair(kind, 40, 3), np.arange(40) % 7 > 0
    expected = metric(found, true, mask)
    np.testing.assert_allclose(metric(turned(found, 0.7) - 50, true, mask), expected, rtol=1e-6)
    junk = lambda x: np.concatenate([np.where(mask[:, None], x, np.nan), np.full((9, 3), 1e6)])
    assert metric(junk(found), junk(true), np.pad(mask, (0, 9))) == expected
    assert metric(found[mask], true[mask], mask[mask]) == expected
    assert isinstance(expected, float)


@pytest.mark.parametrize("num", [1, 2, 3, 30])
def test_identical_is_perfect(num):
    x, mask = walk(num, 0), np.ones(num, bool)
    moved = turned(x, 2.2) + 8
    np.testing.assert_allclose(rmsd(moved, x, mask), 0, atol=1e-6)
    np.testing.assert_allclose([gdt_ts(moved, x, mask), gdt_ha(moved, x, mask)], 100)
    np.testing.assert_allclose(tm_score(moved, x, mask), 1)


def test_a_mirror_image_is_not():
    found, true = pair("mirror", 60, 0)
    mask = np.ones(60, bool)
    assert rmsd(found, true, mask) > 3 and tm_score(found, true, mask) < 0.7 and gdt_ts(found, true, mask) < 90


def test_nothing_scores_nan():
    for metric in METRICS.values():
        assert np.isnan(metric(walk(5, 0), walk(5, 1), NOTHING))


def test_gdt_of_halves_worked_out():
    """Half of a rigid body moves by 3 angstrom: one half fits exactly, or both to 1.5."""
    x = np.concatenate([walk(40, 0), walk(40, 0) + np.array([100.0, 0, 0])])
    moved, mask = x + np.array([3.0, 0, 0]) * (np.arange(80) < 40)[:, None], np.ones(80, bool)
    np.testing.assert_allclose(gdt_ts(moved, x, mask), 100 * (0.5 + 1 + 1 + 1) / 4)
    np.testing.assert_allclose(gdt_ha(moved, x, mask), 100 * (0.5 + 0.5 + 1 + 1) / 4)
    far = x + np.array([0.0, 0, 300]) * (np.arange(80) < 20)[:, None]  # a quarter is lost at every cutoff
    np.testing.assert_allclose([gdt_ts(far, x, mask), gdt_ha(far, x, mask)], 75)


def test_more_error_is_less_score():
    true, mask = walk(60, 0), np.ones(60, bool)
    direction = np.random.default_rng(1).normal(size=(60, 3))
    scores = np.array([[m(true + s * direction, true, mask) for s in (0, 0.5, 1, 2, 4, 8)] for m in METRICS.values()])
    assert (np.diff(scores[0]) > 0).all() and (np.diff(scores[1:]) < 0).all()
    assert (scores[2, 1:] < scores[1, 1:]).all()  # GDT-HA is the stricter
    assert scores[3, -1] > 0 and tm_score(true, true, mask, 120) == pytest.approx(0.5)


def test_search_finds_what_one_superposition_does_not():
    """Of a hinge each half fits by itself: the residues of one are found, though all together fit nowhere."""
    found, true = pair("hinge", 100, 5)
    mask = np.ones(100, bool)
    assert rmsd(found, true, mask) > 5
    assert gdt_ts(found, true, mask) > 45 and tm_score(found, true, mask) > 0.45
