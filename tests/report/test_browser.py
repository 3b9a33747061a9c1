"""Every page in a real browser, without a network: nothing fails, nothing is asked for, and it fits a phone."""

import dataclasses
import re
import shutil
import subprocess

import pytest

import af2jax
from af2jax.evaluation.assessment import assess
from af2jax.report import assessment
from tests.audit import sets
from tests.html.test_page import HOSTILE
from tests.report import made
from tests.report.test_prediction import confident, shallow, written
from tests.report.test_size import shown

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow("starts a browser"),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]
# the page in a frame; says its width, its images, and how many points of its structures are not white
FRAME = """<!DOCTYPE html><html><body><iframe id=f src="{page}" width={width} height=900></iframe>
<p id=out>waiting</p><script>f.onload=()=>{{const d=f.contentDocument,e=d.documentElement;
const painted=[...d.querySelectorAll("canvas")].map(c=>{{const o=document.createElement("canvas");
o.width=c.width;o.height=c.height;const x=o.getContext("2d");x.drawImage(c,0,0);
const p=x.getImageData(0,0,o.width,o.height).data;let n=0;
for(let i=0;i<p.length;i+=4)n+=p[i+3]>0&&p[i]+p[i+1]+p[i+2]<700;return n}});
out.textContent="width "+e.scrollWidth+" of "+e.clientWidth+" images "+d.images.length+" drawn "+
[...d.images].filter(i=>i.complete&&i.naturalWidth>50).length+" painted "+
painted.join(",")+" end"}}</script></body></html>"""
PLOTS = {"explore": 6, "evaluate": 8, "predict": 1}  # and more are on the page of each


def browse(page, *arguments: str) -> subprocess.CompletedProcess:
    """Opens a page where no host can be reached, and prints its document; what the console says is on stderr."""
    options = [
        "--headless",
        "--no-sandbox",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--enable-logging=stderr",
        "--v=0",
    ]
    blind = ["--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files", "--virtual-time-budget=8000"]
    command = [
        BROWSER,
        *options,
        *blind,
        f"--user-data-dir={page.parent}/profile",
        *arguments,
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def said(found: subprocess.CompletedProcess) -> list[str]:
    """What the console says, but for the remarks of a software renderer on its own speed."""
    lines = [line for line in found.stderr.splitlines() if "CONSOLE" in line]
    return [line for line in lines if "GL Driver Message (OpenGL, Performance" not in line]


def made_page(kind: str, folder):
    """A page of that command, with names everywhere that would run a script."""
    if kind == "explore":
        rows = [row | {"id": f"{row['id']}{HOSTILE}", "kind": row["kind"] + HOSTILE} for row in sets.clean()]
        af2jax.page(af2jax.explore(sets.save(folder, rows), ("tm", "kind"))).save(folder / "out")
        return folder / "out" / "index.html"
    if kind == "evaluate":
        found = made.hostile(made.evaluation())
        worst = [shown(target, 90) for target in found.targets[:2]]
        return assessment.render(assess(dataclasses.replace(found, worst=worst))).save(folder)
    pair = [(confident(low=range(8), name=HOSTILE, notes=(HOSTILE,)), seed) for seed in range(2)]
    return written(pair, folder, alignment=shallow(40, 30))


@pytest.fixture(scope="module", params=PLOTS)
def report(request, tmp_path_factory):
    """(kind, page) of each command."""
    return request.param, made_page(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_and_all_plots_are_drawn(report, width):
    kind, page = report
    frame = page.parent / f"frame_{width}.html"
    frame.write_text(FRAME.format(width=width, page=page.name))
    found = browse(frame)
    match = re.search(r"width (\d+) of (\d+) images (\d+) drawn (\d+) painted ([\d,]*) end", found.stdout)
    assert match, found.stderr[-2000:]
    wide, room, images, drawn = map(int, match.groups()[:4])
    assert wide <= room <= width and images == drawn >= PLOTS[kind]
    painted = [int(number) for number in match[5].split(",") if number]
    assert len(painted) == (kind != "explore") and all(number > 2000 for number in painted)


def test_no_console_error_and_no_request(report):
    _, page = report
    net = page.parent / "net.json"
    found = browse(page, f"--log-net-log={net}")
    assert not said(found)
    asked = set(re.findall(r'"url":"((?:https?|wss?)://[^"]*)"', net.read_text()))
    assert not [url for url in asked if not re.search(r"//[^/]*(google|gvt1)[^/]*/", url)]  # the browser's own updates
    assert "alert(1)" in found.stdout and "<img src=" not in found.stdout.replace('<img alt="', "")


def test_the_policy_stops_a_script_that_is_not_ours(report):
    """The check above can fail: an image from a network and a script are refused, and the console says so."""
    _, page = report
    text = page.read_text()
    bad = page.parent / "bad.html"
    extra = '<script>document.title="ran"</script><img src="https://example.org/x.png">'
    bad.write_text(text.replace("<nav>", f"{extra}<nav>"))
    found = browse(bad)
    assert len(said(found)) >= 2 and "<title>ran" not in found.stdout
