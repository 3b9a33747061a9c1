"""Every page in a real browser, without a network: nothing fails, nothing is asked for, and it fits a phone."""

import dataclasses
import re
import shutil
import subprocess
from html import unescape
from urllib.parse import unquote

import numpy as np
import pytest

import af2jax
from af2jax.cli import batch
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.comparison import study
from af2jax.evaluation.entries import Entry
from af2jax.html import markup
from af2jax.report import assessment, comparison
from af2jax.report.index import save_index
from tests.audit import sets
from tests.conformations import made as conformations
from tests.conformations.test_study import BOTH
from tests.html.test_page import HOSTILE, Tags
from tests.report import made
from tests.report.test_find import search as found_by_structure
from tests.report.test_index import done, scored
from tests.report.test_prediction import confident, shallow, written
from tests.report.test_size import shown
from tests.report.test_training import SS, course
from tests.screening import runs

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
# plots that are at least on the page of each
PLOTS = {
    "explore": 6,
    "evaluate": 8,
    "compare": 4,
    "predict": 2,
    "index": 2,
    "scored": 2,
    "training": 2,
    "states": 3,
    "find": 1,
}
CANVASES = {"evaluate": 2, "predict": 2, "states": 1, "find": 1}  # a structure and its map of errors
# the same, after a script that points and clicks in the page
POINTING = """<!DOCTYPE html><html><body><iframe id=f src="{page}" width=1100 height=900></iframe>
<p id=out>waiting</p><script>f.onload=()=>setTimeout(()=>{{const d=f.contentDocument,w=f.contentWindow,said=[];
const pink=c=>{{const o=d.createElement("canvas");o.width=c.width;o.height=c.height;const x=o.getContext("2d");
x.drawImage(c,0,0);const p=x.getImageData(0,0,o.width,o.height).data;let n=0;
for(let i=0;i<p.length;i+=4)n+=p[i]>150&&p[i+1]<60&&p[i+2]>60;return n}};
const event=(kind,x,y)=>new w.PointerEvent(kind,{{bubbles:true,clientX:x,clientY:y,pointerId:1}});
const scene=d.querySelector(".scene canvas"),map=d.querySelector(".map canvas"),track=d.querySelector(".track");
const tell=what=>said.push(what+"|"+d.querySelector(".readout").textContent+"|"+
[...d.querySelectorAll(".track .on")].map(b=>b.dataset.row).join("+")+"|"+(pink(scene)>30)+"|"+(pink(map)>100));
tell("nothing");track.querySelector("[data-row='4']").dispatchEvent(event("pointerover"));tell("track");
track.dispatchEvent(new w.KeyboardEvent("keydown",{{key:"ArrowRight",bubbles:true}}));tell("key");
track.dispatchEvent(event("pointerleave"));tell("left");
const b=map.getBoundingClientRect(),at=(i,n)=>(i+0.5)/n*400;
map.dispatchEvent(event("pointermove",b.left+(58+at(2,40))*b.width/520,b.top+(16+at(30,40))*b.width/520));tell("map");
map.dispatchEvent(event("pointerleave"));
const s=scene.getBoundingClientRect();let found="";
for(let x=0;x<1&&!found;x+=0.02)for(let y=0;y<1&&!found;y+=0.02){{
scene.dispatchEvent(event("pointermove",s.left+x*s.width,s.top+y*s.height));
if(d.querySelector(".track .on"))found="found"}}tell("scene"+found);
out.textContent=said.join(" ; ")+" end"}},1500)</script></body></html>"""
SORTING = """<!DOCTYPE html><html><body><iframe id=f src="{page}" width=1100 height=900></iframe>
<p id=out>waiting</p><script>f.onload=()=>{{const d=f.contentDocument,said=[];
const column=()=>[...d.querySelectorAll("tbody tr")].map(r=>r.cells[{column}].textContent).join("/");
said.push(column());const h=d.querySelectorAll("thead th")[{column}];h.click();said.push(column());
h.dispatchEvent(new f.contentWindow.KeyboardEvent("keydown",{{key:"Enter"}}));said.push(column());
out.textContent=said.join(" ; ")+" end"}}</script></body></html>"""


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
    if kind == "compare":
        pair = [Entry(HOSTILE + "a", made.hostile(made.evaluation()), "none")]
        pair += [Entry(HOSTILE + "b", made.hostile(made.evaluation(seed=1)), "none")]
        return comparison.render(study(pair)).save(folder)
    if kind == "index":
        for name in ("a", HOSTILE):
            done(folder, name, notes=(HOSTILE,))
        batch.note(folder, {HOSTILE: HOSTILE})
        return save_index(folder, folder / batch.FAILURES)
    if kind == "scored":
        for name in ("a", HOSTILE):
            scored(folder, name, pairs=("A-B", "B-A"), target=HOSTILE)
        batch.note(folder, {HOSTILE: HOSTILE})
        (folder / "scores.csv").write_text("")
        return save_index(folder, folder / batch.FAILURES)
    if kind == "training":
        out = course(runs.make(folder, heads=SS, monitor="ss/accuracy", calibration=None), [0.3, 0.7, 0.6])
        (out / "summary.txt").write_text(HOSTILE)
        return af2jax.page(out).save(out)
    if kind == "find":
        return af2jax.page(found_by_structure(folder / "db", 0.8, 0.6, itself=(HOSTILE,), name=HOSTILE)).save(folder)
    if kind == "states":
        found = conformations.states(references=BOTH, notes=(HOSTILE,))
        return af2jax.page(dataclasses.replace(found, name=HOSTILE, references=(HOSTILE, "b"))).save(folder)
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
    assert len(painted) == CANVASES.get(kind, 0) and all(number > 2000 for number in painted)


def test_no_console_error_and_no_request(report):
    _, page = report
    net = page.parent / "net.json"
    found = browse(page, f"--log-net-log={net}")
    assert not said(found)
    links = [attributes.get("href", "#") for tag, attributes in Tags(page.read_text()).tags if tag == "a"]
    assert all(link.startswith("#") or (page.parent / unquote(link)).is_file() for link in links)
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


def told(page, script: str, **words) -> list[str]:
    """What a script of these found in a page."""
    frame = page.parent / "told.html"
    frame.write_text(script.format(page=page.name, **words))
    found = browse(frame)
    assert not said(found)
    return unescape(re.search(r"<p id=.out.>(.*?) end</p>", found.stdout, re.DOTALL)[1]).split(" ; ")


def test_what_is_pointed_at_is_shown_in_sequence_structure_and_map(tmp_path):
    pae = (np.arange(1600.0).reshape(40, 40) / 60).astype(np.float32)
    page = written([(confident(low=range(8), pae=pae), 0)], tmp_path, plots=False)
    nothing, track, key, left, both, scene = (line.split("|") for line in told(page, POINTING))
    letters = confident().protein.sequence
    assert nothing == ["nothing", "", "", "false", "false"] and left[1:] == nothing[1:]
    assert track == ["track", f"{letters[4]}5, pLDDT 31", "4", "true", "true"]
    assert key[1:3] == [f"{letters[5]}6, pLDDT 31", "5"]
    error = round(2 * pae[30, 2]) / 2  # aligned residue 31 down, scored residue 3 across
    says = f"{letters[2]}3, pLDDT 31; expected error {error:.1f} angstrom, aligned at {letters[30]}31"
    assert both == ["map", says, "2+30", "true", "true"]
    assert scene[0] == "scenefound" and scene[1] and scene[3:] == ["true", "true"]


CHOOSING = """<!DOCTYPE html><html><body><iframe id=f src="{page}" width=1100 height=900></iframe>
<p id=out>waiting</p><script>f.onload=()=>{{const d=f.contentDocument,said=[];
const select=d.querySelector(".controls select");
for(const one of ["0","1"]){{select.value=one;select.dispatchEvent(new f.contentWindow.Event("change"));
said.push(d.querySelector(".controls input[type=checkbox]").parentNode.textContent)}}
out.textContent=said.join(" ; ")+" end"}}</script></body></html>"""


def test_the_box_of_the_other_structure_has_its_name(tmp_path):
    page = af2jax.page(found_by_structure(tmp_path / "db", 0.8, 0.6)).save(tmp_path)
    shown = [text.strip() for text in told(page, CHOOSING)]
    assert shown == ["hit0 <b> (grey, thin)", "hit1 <b> (grey, thin)"]


HINTS = """<!DOCTYPE html><html><body><iframe id=f src="{page}" width={width} height=900></iframe>
<p id=out>waiting</p><script>f.onload=()=>{{const d=f.contentDocument,w=f.contentWindow;
const one=b=>(b.scrollWidth>b.clientWidth+1)+"|"+(w.getComputedStyle(b.previousElementSibling).display!="none");
const told=[...d.querySelectorAll(".box")].map(one);
d.querySelectorAll("details").forEach(x=>x.open=true);
setTimeout(()=>{{out.textContent=[...told,...[...d.querySelectorAll(".box")].map(one)].join(" ; ")+" end"}},500)
}}</script></body></html>"""


@pytest.mark.parametrize("width", [390, 1100])
def test_a_table_that_is_wider_than_its_place_says_so(tmp_path, width):
    from af2jax.html.page import Page

    out = Page("x")
    out.table("narrow", ["a", "b"], [["x", 1.0]])
    out.table("wide", [f"column {i}" for i in range(8)], [["value"] * 8] * 2)
    out.table("folded", [f"column {i}" for i in range(30)], [["value"] * 30] * 2, "folded", folded=True)
    narrow, wide, *_, folded = found = told(out.save(tmp_path), HINTS, width=width)
    assert narrow == "false|false" and wide == ("true|true" if width < 500 else "false|false")
    assert folded == "true|true" and len(found) == 6


def test_a_table_sorts_by_its_column(tmp_path):
    from af2jax.html.page import Page

    out = Page("x")
    cells = ["10", 2.5, None, 1e4, -3.0, "0.5%", "b", "a"]
    out.raw(markup.table(("name", "value"), [(str(i), x) for i, x in enumerate(cells)], "", ""), markup.SORT)
    before, up, down = told(out.save(tmp_path), SORTING, column=1)
    values = [text.split("/") for text in (before, up, down)]
    assert values[0] == ["10", "2.50", "", "10,000.00", "-3.00", "0.5%", "b", "a"]
    rising = ["-3.00", "0.5%", "2.50", "10", "10,000.00"]
    known = [[value for value in each if value and value not in "ab"] for each in values[1:]]
    assert known == [rising, rising[::-1]]
    assert values[1][-1] == values[2][-1] == ""  # what is not known comes last both ways
