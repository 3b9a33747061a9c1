"""The page of a scan: a map of each score with its numbers, and the table beside it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import af2jax
from af2jax.data import variants as tables
from af2jax.heads import Head, Nearness
from af2jax.plots.scan import AMINO_ACIDS, heat_map
from af2jax.report import scan as report
from af2jax.screening import Scan

WILD = "MKTAYIAKQR" * 8
EVERY = tables.singles(WILD, range(1, 76))
RNG = np.random.default_rng(0)
SCORES = {name: RNG.normal(size=len(EVERY)) for name in ("zero_shot", "ddg")} | {"harm": RNG.random(len(EVERY))}
HEADS = {
    "ddg": Head("variant", outputs=1, mode="full", unit="kcal/mol"),
    "harm": Head("variant", classes=("benign", "harmful")),
}
SCAN = Scan(
    *("protein <b>", WILD, "runs/a", "mini", 1, EVERY, SCORES),
    {"harm": np.stack([1 - SCORES["harm"], SCORES["harm"]], 1)},
    HEADS,
    SCORES["ddg"] + RNG.normal(size=len(EVERY)),
    {"ddg": 0.71},
    Nearness("1abc", 0.42, 80, 60, 90),
    ("a note",),
)


def test_the_page_and_its_files(tmp_path):
    place = af2jax.page(SCAN).save(tmp_path)
    text = place.read_text()
    assert "protein &lt;b&gt;" in text and "<b>" not in text.replace("<body>", "") and "a note" in text
    for name in ("scan_zero_shot", "scan_ddg", "scan_harm"):
        assert (tmp_path / "plots" / f"{name}.png").exists()
    best = int(SCORES["ddg"].argmax())
    assert f"Highest {tables.name(EVERY[best])} ({SCORES['ddg'][best]:.3g})" in text
    assert "ddg (kcal/mol)" in text and "harm: probability of harmful" in text and "42% identity" in text
    rows = list(csv.DictReader((tmp_path / "variants.csv").open()))
    assert len(rows) == len(EVERY) and float(rows[5]["ddg"]) == pytest.approx(SCORES["ddg"][5], rel=1e-5)
    assert list(rows[0])[:4] == ["mutant", "mutated_sequence", "DMS_score", "zero_shot"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["numbers"]["scan"]["agreement"] == {"ddg": 0.71}


def test_of_scores_that_mean_nothing_nothing_is_concluded(undrawn):
    """Of the others it is."""
    found = replace(SCAN, meaningless=("zero_shot",))
    text, best = af2jax.page(found).html(), {name: EVERY[int(x.argmax())][0] for name, x in SCORES.items()}
    assert f"None of these {len(EVERY)} scores means anything" in text and text.count("Highest") == 2
    assert f"Highest {best['zero_shot']} (" not in text and f"Highest {best['ddg']} (" in text
    assert found.json()["meaningless"] == ["zero_shot"] and "means anything" not in af2jax.page(SCAN).html()


def test_each_map_states_what_its_colours_mean(undrawn, monkeypatch):
    told = []
    monkeypatch.setattr(report, "heat_map", lambda *given: told.append(given[3:]) or heat_map(*given))
    af2jax.page(SCAN)
    assert told == [
        ("masked marginal (nats)", ("less likely than the wild type", "likelier")),
        ("ddg (kcal/mol)", ("below the wild type", "above it")),
        ("harm: probability of harmful", ("below 0", "above 0")),
    ]


def test_double_mutants_have_a_table_and_no_map(tmp_path):
    double = (tables.substitutions(WILD, "K2A:T3G"),)
    scores = {"zero_shot": np.array([1.0])}
    found = replace(SCAN, variants=double, scores=scores, classes={}, heads={}, measured=None, agreement={}, near=None)
    text = af2jax.page(found).save(tmp_path).read_text()
    assert "no variant has one mutation" in text and not (tmp_path / "plots").exists()


def test_the_map_marks_the_wild_type_and_leaves_out_what_is_not_known():
    values = np.full((20, 75), np.nan)
    values[3, 4] = 2.0
    figure = heat_map(values, WILD[:75], 11, "score", ("less", "more"))
    first, second = figure.axes[:2]
    assert first.get_title(loc="left") == "yellow: higher, violet: lower; dot: wild type; grey: not scored"
    values[3, 5] = -1.0
    both = heat_map(values, WILD[:75], 11, "score", ("less", "more")).axes[0]
    assert both.get_title(loc="left") == "blue: less, red: more; dot: wild type; grey: not scored"
    values[3, 5] = np.nan
    red, blue = (both.images[0].cmap(both.images[0].norm(x))[:3] for x in (2.0, -2.0))
    assert red[0] > 2 * red[2] and blue[2] > 2 * blue[0]
    assert first.images[0].get_array().count() == 1 and second.images[0].get_array().count() == 0
    assert first.images[0].get_array().shape == second.images[0].get_array().shape == (20, 60)
    x, y = first.lines[0].get_data()
    assert [AMINO_ACIDS[i] for i in y[:3]] == list("MKT") and list(x[:3]) == [0, 1, 2]
    assert len(second.lines[0].get_data()[0]) == 15
    assert first.get_xticklabels()[0].get_text() == "R20"
