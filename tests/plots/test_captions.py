"""Plots of a prediction: each can be opened, and its caption says what follows from these numbers."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex

from af2jax.constants.atoms import CA, CB
from af2jax.plots.confidence import confidence
from af2jax.plots.coverage import coverage
from af2jax.plots.distogram import distogram
from af2jax.plots.pae import pae
from af2jax.plots.residues import bounds, ranges
from tests.plots.captions import caption
from tests.protein.test_files import protein

ONE = protein((40,), name="job", notes=("random weights: this is not a prediction",))
TWO = protein((20, 20), name="job", notes=())
FOUR = protein((10,) * 4, name="job", notes=())


def test_ranges():
    chosen = np.zeros(40, bool)
    chosen[[0, 1, 2, 9, 18, 19, 20, 21]] = True
    assert ranges(ONE, chosen) == "1-3, 10, 19-22" and ranges(TWO, chosen) == "A1-3, A10, A19-20, B1-2"
    assert ranges(ONE, ~chosen & False) == "" and ranges(ONE, chosen | True) == "1-40"
    assert ranges(protein((40,), skip=(20,)), chosen) == "1-3, 10, 19-20, 31-32"
    assert ranges(dataclasses.replace(TWO, chain_names=("H", "L")), chosen) == "H1-3, H10, H19-20, L1-2"
    on = dataclasses.replace(TWO, residue_index=np.arange(40))
    assert ranges(on, chosen) == "A1-3, A10, A19-20, B21-22"
    assert ranges(ONE, np.arange(40) % 2 == 0).endswith("9, 11 and 14 more stretches")
    assert bounds(ONE) == [0, 40] and bounds(FOUR) == [0, 10, 20, 30, 40]


def test_coverage(tmp_path):
    rows = np.tile(ONE.aatype, (100, 1))
    rows[1:80, 10:15] = 21
    text = caption(coverage(tmp_path / "a.png", ONE, rows))
    assert "an alignment of 100 sequences" in text and "The median depth is 100." in text
    assert "Fewer than 30 sequences at 5 of 40 positions (11-15): expect low confidence there." in text
    assert text.endswith("Note: random weights: this is not a prediction.")
    full = caption(coverage(tmp_path / "a.png", TWO, np.tile(TWO.aatype, (30, 1))))
    assert full.endswith("Every position has at least 30, so a shallow alignment does not explain low confidence.")
    few = caption(coverage(tmp_path / "a.png", FOUR, FOUR.aatype[None]))
    assert few.endswith("No position has 30 sequences: expect low confidence everywhere.")


def test_coverage_is_sorted_by_chains_and_identity():
    from af2jax.plots.coverage import _sorted

    rows = np.tile(TWO.aatype, (5, 1))
    rows[1, :5] = (rows[1, :5] + 1) % 20  # both chains, 35 of 40
    rows[2, 20:] = 21  # the first chain, all of it
    rows[3, 20:], rows[3, :10] = 21, 21  # half of the first chain
    rows[4, :20], rows[4, 20:35] = 21, (rows[4, 20:35] + 1) % 20  # the second chain, 5 of 20
    order, identity = _sorted(rows, rows < 21, bounds(TWO))
    np.testing.assert_allclose(identity, [1, 35 / 40, 1, 0.5, 0.25])
    assert order[-2:].tolist() == [1, 0] and order.tolist().index(3) + 1 == order.tolist().index(2)


@pytest.mark.parametrize("several", [False, True])
def test_confidence(several, tmp_path):
    plddt = np.full(40, 80.0)
    plddt[9:31] = 45
    other = plddt + np.where(np.arange(40) == 2, -21, 3)
    text = caption(confidence(tmp_path / "a.png", ONE, [plddt, other, *[plddt] * 6] if several else [plddt]))
    assert f"{'Rank 1' if several else 'It'} has a mean of 60.8; 45% of the residues are at 70 or above" in text
    assert "Residues below 50 (10-31): do not interpret their shape." in text
    assert ("each of 8 predictions (grey: ranks above 6)" in text) is several
    assert ("The predictions differ by more than 20 at 3: compare them there." in text) is several
    assert "Note: random weights: this is not a prediction." in text
    assert "No residue is below 50." in caption(confidence(tmp_path / "a.png", TWO, [plddt + 20]))


def test_pae_of_one_chain(tmp_path):
    table = np.full((40, 40), 20.0)
    table[:10] = 2
    text = caption(pae(tmp_path / "a.png", ONE, [table]))
    assert "25% of the pairs are below 5 angstrom and the median is 20.0: do not interpret how its parts lie." in text
    assert "the chain as a whole is placed with confidence" in caption(pae(tmp_path / "a.png", ONE, [table * 0.1]))
    six = caption(pae(tmp_path / "a.png", ONE, [table * 0.5] * 6))
    assert "The first 5 of 6 ranks are shown." in six and "trust the dark blocks alone" in six


def test_pae_of_several_chains(tmp_path):
    chain = FOUR.chain_index
    table = np.where(chain[:, None] == chain[None], 1.0, 20.0)
    table[np.ix_(chain == 1, chain == 3)], table[np.ix_(chain == 3, chain == 1)] = 2, 4
    text = caption(pae(tmp_path / "a.png", FOUR, [table]))
    assert "between chains: B and D 3.0, A and B 20.0, A and C 20.0, and 3 more pairs." in text
    assert "(5 of 6 pairs): trust the placement of B and D." in text
    assert text.endswith("trust the placement of no pair.") is False
    assert caption(pae(tmp_path / "a.png", TWO, [table * 0 + 9])).endswith("trust the placement of no pair.")


def test_distogram(tmp_path):
    positions = np.zeros((40, 37, 3))
    positions[:, [CA, CB]] = np.linspace(0, 100, 40)[:, None, None] * [1, 0, 0]
    folded = dataclasses.replace(ONE, positions=positions)
    near = np.abs(np.arange(40)[:, None] - np.arange(40)[None])
    contacts = np.where(near < 3, 0.9, 0.1)  # 2.56 angstrom from one to the next
    draw = lambda protein, contacts: caption(distogram(tmp_path / "a.png", protein, near * 2.5, contacts))
    assert "No contact 6 or more residues apart is likely" in draw(folded, contacts)
    contacts[0, [6, 7, 8, 9]] = contacts[[6, 7, 8, 9], 0] = 0.9
    text = draw(folded, contacts)
    assert "Of 4 likely contacts" in text and "the structure has 0%: they disagree" in text
    positions[[6, 7, 8, 9]] = positions[0]
    assert "the structure has 100%: the two agree. Note: random" in draw(folded, contacts)


@pytest.mark.parametrize("kind", ["plddt", "coverage", "pae", "distogram"])
def test_lines_lie_between_chains_and_their_names_above(kind, tmp_path, monkeypatch):
    from af2jax.plots import figure

    kept, three = [], dataclasses.replace(protein((20, 12, 8), name="job", notes=()), chain_names=("H", "L", "$x$"))
    monkeypatch.setattr(figure, "save", lambda out, path: kept.append(out) or path)
    table, rows = np.full((40, 40), 3.0), np.zeros((4, 40), int)
    draw = {
        "plddt": lambda path: confidence(path, three, [three.plddt]),
        "coverage": lambda path: coverage(path, three, rows),
        "pae": lambda path: pae(path, three, [table]),
        "distogram": lambda path: distogram(path, three, table, table / 4),
    }
    draw[kind](tmp_path)
    square = kind in ("pae", "distogram")
    for axis in (axis for axis in kept[0].axes if axis.get_xlabel()):
        steady = lambda values: [values[0]] if len({*values}) == 1 and len(values) == 2 else []
        across = [x for line in axis.lines for x in steady(list(line.get_xdata()))]
        along = [y for line in axis.lines for y in steady(list(line.get_ydata()))]
        assert {20.5, 32.5} <= {*across} and ({20.5, 32.5} <= {*along}) is square
        (top,) = axis.child_axes
        assert [text.get_text() for text in top.get_xticklabels()] == ["H", "L", r"\$x\$"]


def test_many_chains_are_not_named(tmp_path):
    many = protein((2,) * 63, name="job", notes=())
    assert "job" in caption(confidence(tmp_path / "a.png", many, [many.plddt]))
    assert "of 1953 pairs" in caption(pae(tmp_path / "a.png", many, [np.full((126, 126), 3.0)]))


def test_confidence_lies_on_the_four_bands_of_alphafold_db(tmp_path, monkeypatch):
    from af2jax.plots import figure

    kept = []
    monkeypatch.setattr(figure, "save", lambda out, path: kept.append(out) or path)
    plddts = [np.full(40, 90.0), np.full(40, 60.0)]
    confidence(tmp_path, ONE, plddts)
    (axis,) = kept[0].axes
    bands = {
        to_hex(band.get_facecolor()).upper(): band.get_extents().transformed(axis.transData.inverted())
        for band in axis.patches
    }
    assert list(bands) == ["#FF7D45", "#FFDB13", "#65CBF3", "#0053D6"]
    ends = np.array([[box.y0, box.y1] for box in bands.values()])
    np.testing.assert_allclose(ends, [[0, 50], [50, 70], [70, 90], [90, 100]], atol=1e-6)
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == ["rank 1 (mean 90.0)", "rank 2 (mean 60.0)"]


def test_pae_has_the_axes_of_the_field(tmp_path, monkeypatch):
    from af2jax.plots import figure

    kept = []
    monkeypatch.setattr(figure, "save", lambda out, path: kept.append(out) or path)
    table = np.arange(1600.0).reshape(40, 40)
    pae(tmp_path, ONE, [table, table])
    first, second, bar = kept[0].axes
    assert (first.get_xlabel(), first.get_ylabel()) == ("Scored residue", "Aligned residue")
    np.testing.assert_array_equal(first.images[0].get_array(), table)  # scored across, aligned down
    assert second.get_xlabel() == "Scored residue" and bar.get_ylabel() == "Expected position error (angstrom)"
