"""Numbers by kind: each has the form of what it is, one for a column, and nothing that is not 0 reads as 0."""

import re

import numpy as np
import pytest

from af2jax.evaluation.scores import METRICS
from af2jax.html import markup, numbers


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (0.04545, "missing (share)", "4.5%"),
        (0.6875, "ss: accuracy", "68.8%"),
        (1.0, "share of all", "100.0%"),
        (67.4999, "lDDT-CA", "67.5"),
        (92.0, "mean pLDDT", "92.0"),
        (8.3333, "here (%)", "8.3"),
        (0.018, "p (Holm)", "0.018"),
        (0.74321, "p (Wilcoxon)", "0.74"),
        (0.000978, "p (mean)", "0.00098"),
        (2e-5, "p (mean)", "<0.0001"),
        (0.61234, "pTM", "0.61"),
        (0.9876, "area under ROC", "0.99"),
        (1.2345, "RMSD of CA (angstrom)", "1.23"),
        (13.62, "PAE of the interface (angstrom)", "13.6"),
        (1234.5678, "label", "1,235"),
        (123456.7, "label", "123,457"),
        (0.0123456, "label", "0.01235"),
        (0.001, "pTM", "0.001"),
        (0.0, "pTM", "0.00"),
    ],
)
def test_each_kind(value, name, shown):
    assert numbers.text(value, numbers.kind(name)) == shown


@pytest.mark.parametrize("kind", [numbers.SHARE, numbers.TENTH, numbers.HUNDREDTH, numbers.ANY])
@pytest.mark.parametrize("value", [3e-7, 0.004, 0.02, 0.3, 7.0, 1e9])
def test_only_zero_reads_as_zero(kind, value):
    digits = re.sub(r"e.*|[^1-9]", "", numbers.text(value, kind))
    assert digits and not re.sub("[^1-9]", "", numbers.text(0.0, kind))
    assert numbers.text(value, kind, sign="+")[0] == "+" and numbers.text(-value, kind)[0] == "-"


def test_a_column_has_one_number_of_digits():
    rows = [["a", 12.47], ["b", 4.404], ["c", 0.06193], ["d", 0.0004], ["e", np.nan], ["f", 0]]
    cells = [re.findall(r">([^<]*)</td>", line)[1] for line in markup.cells(["item", "label"], rows)]
    assert cells == ["12.47", "4.40", "0.06", "0.0004", "", "0"]
    assert numbers.decimals([1.0, 250.0]) == 0 and numbers.decimals([]) == 0 and numbers.decimals([1e-9]) == 4
    assert numbers.decimals([1500.5, 2000.2]) == 0 and numbers.decimals([0.123, 0.2]) == 3


def test_a_heading_tells_before_the_row_and_the_row_before_the_table():
    rows = [["lDDT-CA", 67.5432, 0.0183], ["TM-score", 0.6543, 0.2], ["label", 1.23456, 0.2]]
    found = [re.findall(r">([^<]*)</td>", line) for line in markup.cells(["metric", "mean", "p (Holm)"], rows)]
    assert found == [["lDDT-CA", "67.5", "0.018"], ["TM-score", "0.65", "0.2"], ["label", "1.235", "0.2"]]
    found = [re.findall(r">([^<]*)</td>", line) for line in markup.cells(["entry", "mean"], [["lDDT-CA", 0.123]])]
    assert found == [["lDDT-CA", "0.123"]]  # an entry of that name
    assert "12.3%" in markup.cells(["entry", "mean"], [["a", 0.123]], "ss: accuracy")[0]


def test_every_metric_of_a_structure_has_a_kind():
    known = {
        name: numbers.kind(f"{one.label} ({one.unit})" if one.unit else one.label) for name, one in METRICS.items()
    }
    assert {name for name, kind in known.items() if not kind} == {"clashes", "breaks"}


def test_words_and_what_is_not_known():
    assert [markup.cell(value) for value in (True, None, np.nan, "a<b", 1234567)] == [
        "<td>yes</td>",
        "<td></td>",
        "<td></td>",
        "<td>a&lt;b</td>",
        '<td class="n">1,234,567</td>',
    ]
