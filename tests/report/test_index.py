"""The page of a folder of predictions: what is done, under either naming, and what failed."""

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from af2jax.cli import batch
from af2jax.html import markup
from af2jax.html.thumbnail import thumbnail
from af2jax.report import index as report
from af2jax.report.index import save_index
from af2jax.report.prediction import save_page
from af2jax.results import save_job
from af2jax.scoring import COLUMNS
from tests.html.test_page import Tags
from tests.protein.test_files import protein
from tests.report.made import HOSTILE
from tests.results.examples import prediction


def done(out, name: str, naming: str = "colabfold", **fields) -> float:
    """A query as `af2jax predict` leaves it; the mean pLDDT of its best prediction."""
    pair = [(prediction(name=name, shift=shift, **fields), seed) for seed, shift in enumerate((5.0, 0.0))]
    files = save_job(pair, out, naming=naming, plots=False)
    batch.finish(out, name, {}, [*files, save_page(pair, files, out, naming)])
    return np.round(pair[0][0].plddt, 2).mean()


def scored(out, name: str, protocol: str = "af2rank", pairs=("A-B",), seeds=(0,), **more) -> None:
    """A structure as `af2jax score` leaves it."""
    pair = [(prediction(name=name, lengths=(5, 4)), seed) for seed in seeds]
    files = save_job(pair, out, plots=False)
    common = dict.fromkeys(COLUMNS, "") | {"structure": name, "protocol": protocol, "network": "model_1_ptm"}
    common |= {"rmsd": 1.25, "plddt": 80.5, "recycles": 1} | more
    rows = [common | {"seed": seed, "pair": one, "ipsae_min": 0.25} for seed in seeds for one in pairs]
    settings = {"structure": [None, None, protocol, []]}
    batch.finish(out, name, settings, [*files, save_page(pair, files, out, "colabfold")], scores=rows)


@pytest.fixture
def index(tmp_path):
    """`index()`: the page of `tmp_path`."""
    return lambda: save_index(tmp_path, tmp_path / batch.FAILURES).read_text()


def test_queries_of_both_namings_and_failures(tmp_path, index):
    note = "random weights: this is not a prediction"
    mean = done(tmp_path, "second/b", lengths=(7,), notes=(note,))
    done(tmp_path, "first", "alphafold", pae=None, ptm=None)
    batch.note(tmp_path, {"third": "no such residue: *"})
    text = index()
    rows = re.findall(r"<tr><td>(.*?)</tr>", text)
    assert len(rows) == 3 and "<h1>Predictions: 2 done, 1 failed</h1>" in text
    rows = [
        re.sub(r'<img alt="" width="96" height="64" src="data:image/png;base64,[\w+/=]+">', "IMG", row) for row in rows
    ]
    assert rows[0].startswith('<a href="first/report.html">IMGfirst</a></td><td class="n">')
    assert rows[0].endswith('</td><td class="n">9</td><td></td><td></td>')  # neither pTM nor remarks
    assert rows[1] == (
        f'<a href="second_b_report.html">IMGsecond/b</a></td><td class="n">{mean:.1f}</td><td class="n">7</td>'
        f'<td class="n">0.61</td><td>{note}</td>'
    )
    assert rows[2] == "third</td><td>no such residue: *</td>"
    for link in re.findall(r'<td><a href="(.*?)"', text):
        assert (tmp_path / link).is_file()
    done(tmp_path, "third")
    batch.note(tmp_path, {}, ["third"])
    text = index()
    assert "<h1>Predictions: 3 done, 0 failed</h1>" in text and ">Failed<" not in text


@pytest.mark.parametrize("naming", ["colabfold", "alphafold"])
def test_complexes_have_an_iptm(naming, tmp_path, index):
    done(tmp_path, "one", naming)
    done(tmp_path, "two", naming, lengths=(5, 4))
    text = index()
    assert re.findall(r"<th scope=col>(.*?)</th>", text)[3:5] == ["pTM", "ipTM"]
    first, second = re.findall(r"<tr><td>(.*?)</tr>", text)
    assert second.endswith('<td class="n">0.61</td><td class="n">0.51</td>') and first.endswith("<td></td>")  # no ipTM


def test_a_remark_of_all_stands_once(tmp_path, index):
    for name in ("a", "b"):
        done(tmp_path, name, notes=("random weights: this is not a prediction",))
    text = index()
    assert text.count("random weights") == 1 and text.index("random weights") < text.index("<nav>")
    done(tmp_path, "c")
    assert index().count("random weights") == 2 and ">remarks<" in index()


def test_thumbnails_are_of_the_best_structure_in_the_colours_of_its_plddt(tmp_path, index, monkeypatch):
    for name, plddt in (("high", 95), ("low", 20)):
        one = dataclasses.replace(protein((40,), name=name, notes=()), plddt=np.full(40, plddt, np.float32))
        done(tmp_path, name, lengths=(40,), protein=one)
    sources = re.findall(r'src="data:image/png;base64,([^"]*)"', index())
    colours = []
    for source in sources:
        with Image.open(io.BytesIO(base64.b64decode(source))) as image:
            pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
        inked = pixels[np.ptp(pixels, axis=-1) > 100]
        assert image.size == (96, 64) and len(inked) > 60
        colours.append(np.median(inked, axis=0))
    known = [(0x00, 0x53, 0xD6), (0xFF, 0x7D, 0x45)]  # AlphaFold DB's, above 90 and below 50
    np.testing.assert_allclose(colours, known, atol=40)
    monkeypatch.setattr(report, "PICTURES", 10)
    assert index().count("<img") == 1  # no room for the second


@pytest.mark.parametrize("points", [np.zeros((12, 3)), np.arange(36.0).reshape(12, 3) * 9], ids=["collapsed", "apart"])
def test_residues_that_no_line_joins_are_seen(points):
    with Image.open(io.BytesIO(thumbnail(points, np.full(len(points), 95.0)))) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    assert (np.ptp(pixels, axis=-1) > 100).sum() > 3


def test_scored_structures_have_a_page_of_their_own(tmp_path, index):
    scored(tmp_path, "one", pairs=("A-B", "A-C"))
    scored(tmp_path, HOSTILE, seeds=(0, 1), target="B")
    batch.note(tmp_path, {"third": "no such chain"})
    text = index()
    assert "<h1>Scores of given structures: 2 done, 1 failed</h1>" in text and "<th scope=col>structure" in text
    assert "protocol: af2rank; network: model_1_ptm; recycles: 1" in text and "seed: " not in text
    heads = re.findall(r"<th scope=col>(.*?)</th>", text)
    known = ["structure", "chains", "RMSD to the input (angstrom)", "ipSAE", "mean pLDDT", "target", "seed"]
    assert heads[:7] == known and heads[7:] == ["structure", "reason"]
    found = Tags(text)
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert links.count("one_report.html") == 2 and "scores.csv" in links
    assert sum(tag == "img" for tag, _ in found.tags) == 2  # once for a structure, not for each of its rows
    assert [text for tag, _, text in found.code if tag == "script"] == [markup.SORT] and HOSTILE not in text
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", text)][:4]
    assert [row[1:5] for row in rows] == [[c, "1.25", "0.250", "80.5"] for c in ("A-B", "A-B", "A-B", "A-C")]
    done(tmp_path, "predicted")  # beside predictions the page is that of these, with the table
    text = index()
    assert "<h1>Predictions: 3 done, 1 failed</h1>" in text and 'href="scores.csv"' in text


def test_an_initial_guess_of_a_prediction_is_not_a_score(tmp_path, index):
    scored(tmp_path, "q", protocol="")
    assert "<h1>Predictions: 1 done, 0 failed</h1>" in index() and 'href="scores.csv"' in index()


def test_the_index_sorts(tmp_path, index):
    done(tmp_path, "a")
    done(tmp_path, "b")
    assert f"<script>{markup.SORT}</script>" in index()


def test_nothing_is_written_where_nothing_is_done(tmp_path):
    (tmp_path / "other.done.txt").write_text("")  # ColabFold's
    batch.note(tmp_path, {"q": "broken"})
    assert save_index(tmp_path, tmp_path / batch.FAILURES) is None and not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(
    "text", ["", "3", "[]", "{}", '{"files": 3}', '{"files": ["a"]}', '{"files": ["x_scores_rank_001_y.json"]}']
)
def test_what_cannot_be_read_is_left_out(tmp_path, index, text):
    done(tmp_path, "good")
    (tmp_path / "x_scores_rank_001_y.json").write_text('{"plddt": "high"}')
    (tmp_path / "bad.done.txt").write_text(text)
    (tmp_path / batch.FAILURES).write_text(f'{text}\nnot json\n{{"job": "late", "error": "why"}}\n')
    found = index()
    assert ">good</a>" in found and ">bad<" not in found and "<td>late</td><td>why</td>" in found


def test_names_do_nothing(tmp_path, index):
    done(tmp_path, HOSTILE, notes=(HOSTILE,))
    files = [next(tmp_path.glob("*_scores_rank_001_*")).name, "javascript:alert(1)//_report.html"]
    (tmp_path / "bad.done.txt").write_text(json.dumps({"files": files}))
    batch.note(tmp_path, {HOSTILE: HOSTILE})
    found = Tags(text := index())
    assert [text for tag, _, text in found.code if tag == "script"] == [markup.SORT]
    assert all(a["src"].startswith("data:image/png;") and not a["alt"] for tag, a in found.tags if tag == "img")
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert all(re.fullmatch(r"#s\d|[\w.-]+_report\.html", link) for link in links) and "javascript" not in text
    assert "http:" not in text and "https:" not in text
