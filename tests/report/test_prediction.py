"""The page of a query: its structures and scores, what may be disordered, and the laws of every page."""

import base64
import dataclasses
import io
import json
import re
from html import escape
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from af2jax import scoring
from af2jax.constants.atoms import CA
from af2jax.data.given import Given
from af2jax.html import page as pages
from af2jax.metrics.superposition import rmsd
from af2jax.plots.figure import PART
from af2jax.report import prediction as report
from af2jax.results import ranked, save_job
from af2jax.results.reading import read, stretches
from tests.html.test_page import Tags
from tests.report.made import HOSTILE
from tests.results.examples import prediction


def confident(lengths=(40,), low=(), name="job", **fields):
    """A prediction with a pLDDT of 92, and of 31 at the rows `low`."""
    plddt = np.full(sum(lengths), 92.0)
    plddt[list(low)] = 31.0
    return prediction(lengths, plddt=plddt, name=name, **fields)


def written(predictions, out, naming="colabfold", plots=True, alignment=None, calibrated=True):
    """The page of predictions after the files that lie beside it, as `af2jax predict` writes them."""
    files = save_job(predictions, out, naming=naming, plots=plots, alignment=alignment)
    return report.save_page(ranked(predictions), files, out, naming, alignment, calibrated)


def shallow(size: int, deep: int) -> np.ndarray:
    """An alignment of 50 rows that covers the first `deep` positions, and two rows that cover all."""
    rows = np.full((50, size), 21)
    rows[:2], rows[:, :deep] = 3, 3
    return rows


@pytest.mark.parametrize("naming, name", [("colabfold", "job_report.html"), ("alphafold", "job/report.html")])
def test_a_page_lies_beside_the_files_of_its_query(tmp_path, naming, name):
    notes = ("random weights: this is not a prediction",)
    pair = [(confident(low=low, notes=notes, contacts=None), seed) for seed, low in ((3, range(9)), (5, ()))]
    path = written(pair, tmp_path, naming, alignment=shallow(40, 30))
    assert path == tmp_path / name
    found = Tags(text := path.read_text())
    assert text.index("</section>") < text.index(notes[0]) < text.index("<nav>") and text.count(notes[0]) == 1
    images = [attributes["src"] for tag, attributes in found.tags if tag == "img"]
    assert len(images) == 2 and all(src.startswith("data:image/png") for src in images)  # pLDDT and coverage
    for heading in ("Structure", "Confidence at each residue", "Alignment", "How the parts", "What this cannot tell"):
        assert f">{heading}" in text
    assert "one structure" in text and "thermodynamics" in text and "effect of a mutation" in text
    scenes = json.loads(re.search(r'id="structures">(.*?)</script>', text)[1])
    assert [scene["name"] for scene in scenes] == ["rank 1: model_1_ptm, seed 5", "rank 2: model_1_ptm, seed 3"]
    assert set(scenes[0]["traces"][0]["plddt"]) == {92} and scenes[1]["traces"][0]["plddt"][:10] == [31] * 9 + [92]
    assert '<td class="n">1</td><td class="n">92.0</td><td class="n">0.61</td>' in text  # rank, pLDDT, pTM
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a" and attributes["href"][0] != "#"]
    beside = {file.relative_to(path.parent).as_posix() for file in path.parent.rglob("*") if file.is_file()}
    assert set(links) == beside - {path.name} and ">Structure (mmCIF)</a>" in text


def test_plots_have_their_caption_once(tmp_path):
    """The files have it inside; the page has it as text, and the plot without."""
    text = written([(confident(), 0)], tmp_path).read_text()
    (source,) = re.findall(r'src="data:image/png;base64,(.*?)"', text)
    with Image.open(io.BytesIO(base64.b64decode(source))) as shown, Image.open(tmp_path / "job_plddt.png") as file:
        assert shown.width == file.width and 0.5 < shown.height / file.height < 0.9
        assert shown.height == round(float(file.text[PART]) * file.height)
        assert "Confidence of job at each residue" in file.text["Description"] and "Confidence of job" not in text
    assert [text.count(f"<p>{words}") for words in ("pLDDT, 0 to 100, at each", "Predicted aligned error (PAE)")] == [
        1,
        1,
    ]


def test_the_map_of_errors_is_that_of_the_structure(tmp_path):
    errors = np.arange(1600.0).reshape(40, 40) / 60
    text = written([(confident(pae=errors.astype(np.float32)), 0)], tmp_path, plots=False).read_text()
    (scene,) = json.loads(re.search(r'id="structures">(.*?)</script>', text)[1])
    with Image.open(io.BytesIO(base64.b64decode(scene["pae"].removeprefix("data:image/png;base64,")))) as image:
        np.testing.assert_array_equal(np.asarray(image), np.round(2 * errors))  # aligned residues down
    assert len(scene["sequence"]) == len(scene["numbers"]) == 40
    assert len(scene["traces"][0]["ss"]) == 40 and "Scored residue" in text and "Aligned residue" in text


@pytest.mark.parametrize(
    ("low", "calibrated", "answer", "says"),
    [
        (range(4), True, "yes", "36 of 40 residues reach pLDDT 70"),
        (range(5), True, "no", "Only 35 of 40 residues reach pLDDT 70"),
        (range(40), True, "no", "No residue reaches pLDDT 70"),
        ((), False, "open", "It is not known here what the pLDDT of these weights is worth"),
    ],
)
def test_the_verdict(low, calibrated, answer, says, tmp_path):
    text = written([(confident(low=low), 0)], tmp_path, plots=False, calibrated=calibrated).read_text()
    (box,) = re.findall(r'<section class="verdict (\w+)">(.*?)</section>', text)
    assert box[0] == answer and f'class="badge {answer}"' in box[1] and says in box[1]
    assert f"mean pLDDT {92 - 61 * len(low) / 40:.1f}" in box[1] and text.index("<section") < text.index("<nav>")
    assert ("Residues below 70: 1-4." in box[1]) == (len(low) == 4)


def test_structures_are_superposed_on_the_first():
    one = confident()
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])
    moved = dataclasses.replace(one.protein, positions=(one.protein.positions @ turn.T + 30).astype(np.float32))
    first, second = report._scenes(read([(one, 0), (dataclasses.replace(one, protein=moved), 1)]))
    apart = np.subtract(first["traces"][0]["ca"], second["traces"][0]["ca"])
    assert np.abs(apart).max() <= 1 < np.ptp(first["traces"][0]["ca"])  # tenths of an angstrom


def test_the_given_structure_is_superposed_on_each(tmp_path):
    """Wherever it is observed, on what is shown beside it; without one nothing is said of it."""
    one, other = confident(), confident()
    first, second, third = (one.protein.positions.copy() for _ in range(3))
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])
    second = 3 * second[::-1]  # whose superposition on the first tells nothing of that on the third
    third[30:] = third[30:] @ turn.T
    other = dataclasses.replace(other, protein=dataclasses.replace(other.protein, positions=second))
    there = np.asarray(one.protein.atom_mask) & (np.arange(40) > 4)[:, None]
    known = Given("x.pdb, chain A", one.protein.aatype, third @ turn.T + 30, there, ("A",), (40,))
    scenes = report._scenes(read([(one, 0), (other, 1)], given=known))
    for scene, shape in zip(scenes, (first, second), strict=True):
        own, given = (np.reshape(tube["ca"], (40, 3))[5:] for tube in scene["traces"])
        apart = np.sqrt(np.mean(np.sum((own - given) ** 2.0, axis=-1)))  # tenths of an angstrom
        assert apart == pytest.approx(10 * rmsd(third[:, CA], shape[:, CA], there[:, CA]), abs=1) and apart > 10
        assert scene["traces"][1]["label"] == scene["other"] == "given structure"
        assert scene["traces"][1]["known"] == [0] * 5 + [1] * 35 and scene["traces"][1]["ss"][:5] == "-----"
    files = save_job([(one, 0)], tmp_path, plots=False)
    score = scoring.judge(one, known)
    page = lambda scores: report.save_page([(one, 0)], files, tmp_path, "colabfold", scores=scores).read_text()
    assert "the given structure, superposed on it, thin and grey" in page([score])
    assert "superposed on it" not in page([]) and len(report._scenes(read([(one, 0)]))[0]["traces"]) == 1


def test_what_plddt_is_worth_is_said_once(tmp_path):
    """Of weights of which it is not known, no sentence on the page reads it as if it had been."""
    for calibrated in (True, False):
        text = written([(confident(low=range(4)), 0)], tmp_path, calibrated=calibrated).read_text()
        general = ("calibrated on the PDB", "backbone is mostly right")
        assert [words in text for words in general] == [calibrated] * 2
        assert text.count("It is not known here what the pLDDT") == (not calibrated)
        assert "36 of 40 residues reach 70" in text


def test_stretches_below_50_are_flagged_with_the_sequences_behind_them(tmp_path):
    low = [*range(3, 9), 15, *range(30, 40)]
    text = written([(confident(low=low), 0)], tmp_path, plots=False, alignment=shallow(40, 30)).read_text()
    assert "Possibly disordered: 16 of 40 residues, in 2 stretches" in text and "Residues 4-9, 31-40." in text
    assert "1 of the 2 stretches are covered by fewer than 30 sequences" in text
    row = '<tr><td>31-40</td><td class="n">10</td><td class="n">31.0</td><td class="n">2</td></tr>'
    assert row in text and "<td>16</td>" not in text
    assert "Fewer than 30 cover 10 of 40 positions (31-40)" in text


@pytest.mark.parametrize(
    ("calibrated", "deep", "says"),
    [
        (False, True, "Of these weights it is not known what a low pLDDT means"),
        (True, None, "The network had no alignment"),
        (True, False, "The network had no alignment"),
        (True, True, "predicts disorder about as well as programs made for it"),
    ],
    ids=["not of other weights", "not without an alignment", "not of one sequence", "else"],
)
def test_only_a_plddt_that_has_earned_it_is_called_disorder(calibrated, deep, says, tmp_path):
    alignment = None if deep is None else shallow(40, 40)[: None if deep else 1]
    one = confident(low=range(30, 40))
    text = written([(one, 0)], tmp_path, plots=False, alignment=alignment, calibrated=calibrated).read_text()
    assert escape(says) in text and "Do not interpret the shape" in text
    earned = calibrated and bool(deep)
    assert ("Possibly disordered: 10 of 40" in text) == earned and ("pLDDT below 50: 10 of 40" in text) == (not earned)
    assert "isordered" in text or not earned


def test_a_confident_chain_is_not_called_disordered(tmp_path):
    text = written([(confident(low=(7,)), 0)], tmp_path, plots=False).read_text()
    assert "disordered" not in text and "No stretch of 5 residues or more" in text and "below it: 8." in text
    assert ">Alignment<" not in text and "<img" not in text


def test_a_stretch_ends_with_its_chain(tmp_path):
    one = confident((10, 10), low=range(6, 14))
    assert stretches(one.protein, one.plddt) == []
    one = confident((10, 10), low=range(5, 16))
    assert [run.tolist() for run in stretches(one.protein, one.plddt)] == [[*range(5, 10)], [*range(10, 16)]]
    assert "Residues A6-10, B1-6." in written([(one, 0)], tmp_path, plots=False).read_text()


def test_the_letters_of_a_sequence_with_the_tens_of_its_plddt():
    one = confident((12, 3), low=(1,))
    lines = report.letters(dataclasses.replace(one, plddt=np.where(np.arange(15) == 2, 100, one.plddt))).splitlines()
    assert lines[0].split() == ["A1", one.protein.sequence[:10], one.protein.sequence[10:12]]
    assert lines[1].split() == ["9399999999", "99"] and lines[3].split() == ["B1", one.protein.sequence[12:]]


def test_a_preset_without_pae_says_so(tmp_path):
    one = confident(pae=None, ptm=None, preset="model_1")
    text = written([(one, 0)], tmp_path, plots=False).read_text()
    assert "model_1 predicts no aligned error" in text and "pTM" not in text and "mean pLDDT" in text


def table(text: str, title: str) -> list[list[str]]:
    """The cells of the table with this caption."""
    body = re.search(f"<caption>{title}.*?</table>", text)[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", body)]


def complex_of(iptm=0.45, **fields):
    """Three chains: the second touches the first, the third lies far away."""
    one = prediction((12, 11, 5), plddt=np.full(28, 92.0), iptm=iptm, **fields)
    x = one.protein.positions * np.where(one.protein.chain_index < 2, 1, 0)[:, None, None]
    x = x + 300 * (one.protein.chain_index == 2)[:, None, None]
    return dataclasses.replace(one, protein=dataclasses.replace(one.protein, positions=x, chain_names=("H", "L", "ag")))


def test_how_chains_lie_to_each_other(tmp_path):
    one = complex_of()
    text = written([(one, 0)], tmp_path, plots=False).read_text()
    rows = {row[0]: row[1:] for row in table(text, "Pairs of chains of rank 1")}
    found = one.interfaces
    assert next(iter(rows)) == "H-L" and rows["H-L"][0] == "0.51" and int(rows["H-L"][2]) == found.contacts[0, 1] > 0
    assert rows["H-L"][1:5] == [f"{found.pae[0, 1]:.1f}", rows["H-L"][2], f"{found.pdockq[0, 1]:.2f}", "92.0"]
    least, digits = [min(x[0, 1], x[1, 0]) for x in found.directed[:4]], (3, 2, 3, 3)  # of pDockQ2 two
    assert rows["H-L"][5:] == [f"{value:.{num}f}" for value, num in zip(least, digits, strict=True)]
    assert rows["H-ag"][:5] == ["0.51", "", "0", "0.00", ""]  # what no contact tells is not known
    assert (rows["H-ag"][6], rows["H-ag"][8]) == ("0.00", "0.000")  # pDockQ2 and cLIS
    assert table(text, "Chains of rank 1") == [
        [n, s, "92.0", t] for n, s, t in zip(("H", "L", "ag"), ("12", "11", "5"), ("0.71", "0.81", "0.91"), strict=True)
    ]
    assert "1 of 3 pairs touch; of these 0 have an ipTM of 0.8 or more, and 1 one below 0.6." in text
    assert (
        "every chain may be read" not in text
        and "How the chains" not in written([(confident(), 0)], tmp_path).read_text()
    )


@pytest.mark.parametrize(
    ("iptm", "calibrated", "answer", "says"),
    [
        (0.59, True, "no", "has probably failed"),
        (0.6, True, "open", "it may be right or wrong"),
        (0.8, True, "yes", "on it is confident"),
        (0.59, False, "open", "It is not known here what the ipTM of these weights is worth"),
    ],
)
def test_what_iptm_means(iptm, calibrated, answer, says, tmp_path):
    """It is judged once on a page, in its box."""
    text = written([(complex_of(iptm), 0)], tmp_path, plots=False, calibrated=calibrated).read_text()
    words = (
        "has probably failed",
        "it may be right or wrong",
        "on it is confident",
        "It is not known here what the ipTM",
    )
    second = re.findall(r'<section class="verdict (\w+)">(.*?)</section>', text)[1]
    assert second[0] == answer and says in second[1] and f"ipTM {iptm:.2f}" in second[1]
    assert [text.count(word) for word in words] == [int(word in says) for word in words]
    assert "not to be trusted" not in text


def test_a_complex_without_pae(tmp_path):
    one = complex_of(None, pae=None, ptm=None, chain_tm=None, preset="model_1")
    text = written([(one, 0)], tmp_path, plots=False).read_text()
    assert text.count("There is no ipTM: whether the chains lie to each other as drawn is not known") == 1
    assert [len(row) for row in table(text, "Pairs of chains")] == [4] * 3 and len(table(text, "Chains of")[0]) == 3


def test_a_name_does_nothing_and_nothing_is_asked_of_a_network(tmp_path):
    one = confident(low=range(8), name=HOSTILE, notes=(HOSTILE,))
    path = written([(one, 0)], tmp_path, plots=False, alignment=shallow(40, 30))
    assert path.parent == tmp_path and re.fullmatch(r"[\w.-]+_report\.html", path.name)
    found = Tags(text := path.read_text())
    assert "img" not in {tag for tag, _ in found.tags} and f"<h1>Prediction of {escape(HOSTILE)}</h1>" in text
    assert not any(name.startswith("on") or name == "style" for _, attributes in found.tags for name in attributes)
    assert [a.get("type") for tag, a, _ in found.code if tag == "script"] == ["application/json", None, None]
    (policy,) = [a["content"] for _, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "http" not in policy and "unsafe" not in policy
    assert "http:" not in text and "https:" not in text and "url(" not in text and "@import" not in text
    for tag, attributes in found.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in {"src", "href"} & set(attributes):
            assert re.fullmatch(r"#s\d|[\w%.-]+", attributes[name])
            assert attributes[name].startswith("#s") or (tmp_path / unquote(attributes[name])).is_file()


@pytest.mark.medium("draws a large page")
def test_500_residues_of_noise_stay_below_the_limit(tmp_path):
    rng = np.random.default_rng(0)
    noisy = prediction((500,), pae=rng.uniform(0, 31, (500, 500)).astype(np.float32), contacts=None)
    path = written([(noisy, 0)], tmp_path, alignment=np.where(rng.uniform(size=(500, 500)) < 0.3, 21, 4))
    plots = sum(file.stat().st_size for file in tmp_path.glob("*.png"))
    assert plots * 4 / 3 > pages.MOST > path.stat().st_size  # as they are they would not fit
    assert path.read_text().count('src="data:image/png') == 2 and '"pae":"data:image/png' in path.read_text()


def test_maps_of_later_ranks_are_left_out_where_there_is_no_room():
    rng = np.random.default_rng(0)
    noisy = [prediction((400,), pae=rng.uniform(0, 31, (400, 400)).astype(np.float32)) for _ in range(4)]
    sizes = [len(scene["pae"]) for scene in report._scenes(read([(one, 0) for one in noisy]))]
    assert sizes[0] and not sizes[-1] and sum(sizes) < report.ERRORS + max(sizes)
