"""Two trainings, evaluated and compared by the commands; the pages in a browser without a network."""

import contextlib
import io
import json
import re
import shutil

import numpy as np
import pytest

from af2jax.cli import main as cli
from af2jax.data import synthetic
from af2jax.words import counted
from tests.report.test_browser import BROWSER, FRAME, browse
from tests.report.test_browser import said as console

pytestmark = [pytest.mark.slow("trains, evaluates and compares by the commands"), pytest.mark.optimised]
CONFIG = """
data = "data/synthetic.csv"
preset = "tiny"
recipe = "{recipe}"
steps = 1
batch_size = 2
crop = 48
num_recycle = 1
dropout = false
learning_rate = {rate}
[heads.ss]
kind = "residue"
classes = 3
[heads.rg]
kind = "chain"
outputs = 1
mean = 12.0
std = 3.0
[classes]
ss = ["H", "E", "C"]
[losses]
ss = 1.0
rg = 1.0
{fape}
"""


def af2jax(folder, *arguments: str, code: int = 0) -> str:
    """What a command says, in this process, so that the commands share compiled programs."""
    said = io.StringIO()
    caught = contextlib.redirect_stdout(said), contextlib.redirect_stderr(said)
    with contextlib.chdir(folder), caught[0], caught[1], pytest.MonkeyPatch.context() as patch:
        patch.setattr("af2jax.compilation.persist", lambda: None)
        assert cli.main(list(arguments)) == code, said.getvalue()[-3000:]
    return said.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    synthetic.make(folder / "data", 8, 0)
    (folder / "general").mkdir()
    for file in sorted((folder / "data" / "structures").iterdir())[:2]:
        shutil.copy(file, folder / "general")
    for name, *values in (("a", "heads", 1e-3, ""), ("b", "full", 1e-2, "fape = 1.0")):
        (folder / f"{name}.toml").write_text(
            CONFIG.format(**dict(zip(("recipe", "rate", "fape"), values, strict=True)))
        )
        af2jax(folder, "finetune", f"{name}.toml", "--out", f"runs/{name}", "--quiet")
    return folder


@pytest.fixture(scope="module")
def evaluated(folder):
    said = af2jax(folder, "evaluate", "runs/b", "data/synthetic.csv", "--out", "eval_b", "--split", "all")
    return said, folder / "eval_b"


@pytest.fixture(scope="module")
def compared(folder, evaluated):
    command = ["compare", "runs/a", "eval_b", "--out", "compare", "--split", "all", "--activations"]
    return af2jax(folder, *command, "--general", "general"), folder / "compare"


def test_evaluate(evaluated):
    said, out = evaluated
    assert "The model does not transfer as it is." in said and str(out.name) in said
    known = json.loads((out / "report.json").read_text())
    assert {"forms", "plddt_calibration", "worst_distances", "worst_contacts", "ss_roc", "rg_parity"} <= known[
        "figures"
    ].keys()
    rows = known["tables"]["targets"]["rows"]
    assert len(rows) == 8 and np.isfinite([row[2:10] for row in rows]).all()
    assert any("homologues in what the run learned from" in w["title"] for w in known["warnings"])
    assert (out / "index.html").stat().st_size < 1_500_000
    assert len(list((out / "structures").glob("*_trajectory.cif"))) == 3


def test_compare(compared):
    said, out = compared
    known = json.loads((out / "report.json").read_text())
    names = [row[0] for row in known["tables"]["means_ss_accuracy"]["rows"]]
    regression = "logistic regression on"
    baselines = ["majority class", "nearest neighbour", f"{regression} sequence", f"{regression} frozen activations"]
    of = lambda table, group: [row[0] for row in known["tables"][table]["rows"] if row[4] == group]
    assert names[: len(names) // 2] == ["a", "eval_b", *baselines]  # of what was learned from, then held out
    copied = ["a", "eval_b", "ideal helix", "nearest training chain"]
    assert of("means_lddt_ca", "learned from") == of("means_lddt_ca", "held out") == copied
    assert [row[0] for row in known["tables"]["cost"]["rows"]] == ["a", "eval_b"]
    assert "on the general set" in said and known["tables"]["changes"]["rows"] and known["tables"]["forgotten"]["rows"]
    assert all(row[4] > 0 for row in known["tables"]["cost"]["rows"])


def test_a_run_beside_itself(folder, evaluated):
    said = af2jax(folder, "compare", "eval_b", "eval_b", "--out", "same")
    assert said.count("No difference between eval_b (2) and eval_b on the targets") >= 4
    assert "better than" not in said.split("No difference")[0] and "not one target differs" in said


def test_the_same_weights_differ_in_nothing_at_any_recycles(folder, evaluated):
    """A run with 1 recycle and an evaluation of it with 0: both are run in one way, and the page says how."""
    af2jax(
        folder, "evaluate", "runs/b", "data/synthetic.csv", "--out", "eval_0", "--split", "all", "--num-recycle", "0"
    )
    for first, second, recycles in (("eval_0", "runs/b", 0), ("runs/b", "eval_0", 1)):
        said = af2jax(folder, "compare", first, second, "--out", f"one_way_{recycles}", "--split", "all")
        told = [line for line in said.splitlines() if " and b" in line or " and eval_0" in line]
        assert told and all(line.startswith("No difference") for line in told)
        html = (folder / f"one_way_{recycles}" / "index.html").read_text()
        assert f"Every network was run with {counted(recycles, 'recycle')}" in html


def test_bad_input(folder, evaluated):
    said = af2jax(folder, "evaluate", "runs/b", "nowhere.csv", "--out", "x", code=2)
    assert said.strip().splitlines()[-1].startswith("error: nowhere.csv: no such file")
    said = af2jax(folder, "compare", "eval_b", "data", "--out", "x", code=2)
    assert said.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in said


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("which", ["evaluated", "compared"])
def test_in_a_browser(which, request):
    out = request.getfixturevalue(which)[1]
    frame = out / "frame.html"
    frame.write_text(FRAME.format(width=390, page="index.html"))
    found = browse(frame)
    wide, room, images, drawn = map(
        int, re.search(r"width (\d+) of (\d+) images (\d+) drawn (\d+)", found.stdout).groups()
    )
    assert wide <= room <= 390 and images == drawn >= 6
    found = browse(out / "index.html", f"--log-net-log={out}/net.json")
    assert not console(found)
    asked = set(re.findall(r'"url":"((?:https?|wss?)://[^"]*)"', (out / "net.json").read_text()))
    assert not [url for url in asked if not re.search(r"//[^/]*(google|gvt1)[^/]*/", url)]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_structure_is_drawn(evaluated):
    """The canvas has colours of both structures: AlphaFold's for the prediction, grey for the known one."""
    from PIL import Image

    from af2jax.html.page import Page
    from af2jax.html.viewer import viewer

    out = evaluated[1]
    block = re.search(r'id="worst_structures">(.*?)</script>', (out / "index.html").read_text())[1]
    page = Page("viewer")
    page.raw(*viewer("worst", json.loads(block)))
    page.save(out / "viewer")
    browse(out / "viewer" / "index.html", f"--screenshot={out}/shot.png", "--window-size=800,800")
    with Image.open(out / "shot.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)[:650]
    coloured = np.ptp(pixels, axis=-1) > 60
    grey = (np.ptp(pixels, axis=-1) < 10) & (pixels[..., 0] > 60) & (pixels[..., 0] < 190)
    assert coloured.sum() > 100 and grey.sum() > 500
