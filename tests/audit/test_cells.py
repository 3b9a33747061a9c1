"""Cells that should be numbers: what is none, codes for "missing", outliers, two units, spellings."""

from collections import Counter

import numpy as np
import pytest

from af2jax.audit import cells
from af2jax.audit.spellings import spellings
from af2jax.audit.units import two_populations

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "cell, kind",
    [
        ("48,84", "decimal comma"),
        ("-0,5", "decimal comma"),
        ("1.250,5", "decimal comma"),
        ("55\u00b71", "a point of another kind"),
        ("05-Mar", "a date"),
        ("Sep-2", "a date"),
        ("1,459", "thousands"),
        ("1,250,559.5", "thousands"),
        ("18'601", "thousands"),
        ("<5", "a bound"),
        (">= 10 µM", "a bound"),
        ("~3", "a bound"),
        ("48.8 °C", "a unit"),
        ("12nM", "a unit"),
        ("95%", "a unit"),
        ("-8.2 kcal/mol", "a unit"),
        ("51.2 ± 0.3", "an error"),
        ("51.2(3)", "an error"),
        ("50-60", "a range"),
        ("\u22123.2", "a minus of typography"),
        ("n.b.", "text"),
        ("1abc", "text"),
        ("2018-04-30", "text"),
    ],
)
def test_why_a_cell_is_no_number(cell, kind):
    (found,) = cells.oddities(["", "3.5", cell, "1e-3", "-2"])
    assert (found.kind, found.rows, found.examples) == (kind, (2,), (cell,))
    assert cells.meant_as_number(cell) == (kind not in ("text", "a date"))


def test_the_comma_of_a_column_is_one_or_the_other():
    assert [one.kind for one in cells.oddities(["1,459", "18,601", "1,2"])] == ["decimal comma"]
    assert [one.kind for one in cells.oddities(["1,459", "18,601", "12"])] == ["thousands"]
    assert [(one.kind, len(one.rows)) for one in cells.oddities(["1,2", "<3", "<4"])] == [
        ("a bound", 2),
        ("decimal comma", 1),
    ]


class TestSentinels:
    def test_whatever_else_is_in_the_column(self):
        for wrong in ([2716.6], [2716.6, -4e5]):
            assert cells.sentinels(np.array([*RNG.normal(size=60), *wrong, -999, -999])) == {-999.0}
        values = 55 + 8 * RNG.normal(size=60)
        for wrong in ([], [2716.6], [2716.6, -4e5, 1e12]):
            column = np.array([*values, *wrong, -999, -999, np.nan])
            assert cells.sentinels(column) == {-999.0}
        assert cells.sentinels(np.array([*values, 9999])) == {9999.0}

    @pytest.mark.parametrize(
        "values",
        [
            RNG.integers(0, 120, 300).astype(float),
            np.round(np.exp(3 * RNG.normal(size=400)), 2),
            np.array([*np.exp(2 * RNG.normal(size=400)), 99, 99, 99]),
            np.round(30 * RNG.exponential(size=400)),
            np.array([-1.0, 0.0, 1.0] * 20),
            RNG.normal(size=200).round(1),
            np.array([0.0] * 50 + [1.5, 2.5, 3.5, 7.0]),
            np.array([999.0, 1001.0, 998.5, 1003.0, 990.0] * 5),
        ],
        ids=["counts", "decades", "a long tail", "decay", "signs", "normal", "zeros", "near a thousand"],
    )
    def test_what_is_possible_is_none(self, values):
        assert cells.sentinels(values) == set()

    def test_a_negative_code_where_nothing_else_is(self):
        assert cells.sentinels(np.array([*RNG.uniform(0, 5000, 40), -999, -999])) == {-999.0}


def test_outliers_do_not_hide_each_other():
    values = np.array([*RNG.normal(size=100), 50, 5e4, 5e9])
    assert np.flatnonzero(cells.outliers(values)).tolist() == [100, 101, 102] and len(cells.usual(values)) == 100
    assert not cells.outliers(np.exp(2 * RNG.normal(size=300))).any()  # a long tail is none
    assert cells.outliers(np.array([*RNG.uniform(50, 70, 50), 333])).sum() == 1
    assert not cells.outliers(np.full(9, np.nan)).any() and not cells.outliers(np.ones(9)).any()


class TestUnits:
    @pytest.mark.parametrize(
        "make, units",
        [
            (lambda n: np.where(np.arange(n) % 3 == 0, 4.184, 1) * -(8 + 1.2 * RNG.normal(size=n)), "kJ and kcal"),
            (lambda n: 1e-9 ** (np.arange(n) % 4 == 0) * np.exp(4 + RNG.normal(size=n)), "nM and M"),
            (lambda n: 50 + 6 * RNG.normal(size=n) + 273.15 * (np.arange(n) % 8 == 0), "degrees Celsius and kelvin"),
        ],
    )
    def test_are_found(self, make, units):
        for _ in range(10):
            found = two_populations(make(80))
            assert found is not None and found.units.endswith(units)

    def test_which_rows_and_how_far(self):
        x = 8 + RNG.normal(size=60)
        x[5::10] *= 4.184
        found = two_populations(np.append(x, np.nan))
        assert found.rows == tuple(range(5, 60, 10)) and found.factor == pytest.approx(4.184, rel=0.12)
        assert found.medians[1] / found.medians[0] == pytest.approx(found.factor, rel=1e-2)

    def test_what_only_may_be_a_unit_is_no_serious_finding(self):
        """Binders about 100 nM and the others about 8,000, of unlike spread."""
        spread = np.where(np.arange(60) % 2, 0.5, 0.4)
        found = two_populations(np.exp(np.log(np.where(np.arange(60) % 2, 100, 7800)) + spread * RNG.normal(size=60)))
        assert found is not None and not found.near
        assert two_populations(np.where(np.arange(60) % 3, 1, 4.184) * (8 + 0.2 * RNG.normal(size=60))).near

    @pytest.mark.parametrize(  # the last has two humps
        "make, most",
        [
            (lambda n: 60 + 8 * RNG.normal(size=n), 4),
            (lambda n: RNG.uniform(1, 100, n), 4),
            (lambda n: RNG.exponential(30, n), 4),
            (lambda n: np.exp(3 * RNG.normal(size=n)), 4),
            (lambda n: RNG.normal(size=n), 4),
            (lambda n: RNG.beta(0.3, 0.3, n) + 1e-9, 8),
        ],
    )
    def test_are_rarely_found_where_there_are_none(self, make, most):
        assert sum(two_populations(make(60)) is not None for _ in range(100)) <= most


@pytest.mark.parametrize(
    "names, found",
    [
        (["Membrane", "membrane", "membrane ", "soluble"], [("Membrane", "membrane", "membrane ")]),
        (["alpha-beta", "alpha beta", "Alpha_Beta", "alpha"], [("Alpha_Beta", "alpha beta", "alpha-beta")]),
        (["1", "1.0", "0"], [("1", "1.0")]),
        (["yes", "no", "true", "N"], [("true", "yes"), ("N", "no")]),
        (["A+", "A-", "B1", "B2", "kinase a", "kinase b", "yes", "no"], []),
        (["H", "E", "C", "h2"], []),
    ],
)
def test_spellings(names, found):
    assert spellings(Counter(dict.fromkeys(names, 3))) == found


def test_a_typing_error_is_rare_beside_what_was_meant():
    assert spellings(Counter({"soluble": 40, "solubel": 1, "membrane": 30, "membrne": 2, "fibrous": 12})) == [
        ("membrane", "membrne"),
    ]
    assert spellings(Counter({"membrane": 30, "mebmrane": 1, "globular": 9, "globulin": 1})) == [
        ("membrane", "mebmrane")
    ]
    assert spellings(Counter({"membrane": 30, "membrene": 20})) == []
