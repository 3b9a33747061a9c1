"""The page in a real browser, without a network: nothing fails, nothing is asked for, and it fits a phone."""

import re
import shutil
import subprocess

import pytest

from af2jax.report.explore import explore
from tests.report import sets
from tests.report.test_page import HOSTILE

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]
FRAME = """<!DOCTYPE html><html><body><iframe id=f src="index.html" width={width} height=900></iframe>
<p id=out>waiting</p><script>f.onload=()=>{{const d=f.contentDocument,e=d.documentElement;
out.textContent="width "+e.scrollWidth+" of "+e.clientWidth+" images "+d.images.length+" drawn "+
[...d.images].filter(i=>i.complete&&i.naturalWidth>50).length+" title "+d.title.length}}</script></body></html>"""


def browse(page, *arguments: str) -> subprocess.CompletedProcess:
    """Opens a page where no host can be reached, and prints its document; what the console says is on stderr."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
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


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    rows = [row | {"id": f"{row['id']}{HOSTILE}", "kind": row["kind"] + HOSTILE} for row in sets.clean()]
    explore(sets.save(folder, rows), folder / "out", ("tm", "kind"))
    return folder / "out"


@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_and_all_plots_are_drawn(report, width):
    frame = report / f"frame_{width}.html"
    frame.write_text(FRAME.format(width=width))
    found = browse(frame)
    match = re.search(r"width (\d+) of (\d+) images (\d+) drawn (\d+)", found.stdout)
    assert match, found.stderr[-2000:]
    wide, room, images, drawn = map(int, match.groups())
    assert wide <= room <= width and images == drawn >= 6


def test_no_console_error_and_no_request(report):
    found = browse(report / "index.html", f"--log-net-log={report}/net.json")
    assert "CONSOLE" not in found.stderr, found.stderr[-2000:]
    asked = set(re.findall(r'"url":"((?:https?|wss?)://[^"]*)"', (report / "net.json").read_text()))
    assert not [url for url in asked if not re.search(r"//[^/]*(google|gvt1)[^/]*/", url)]  # the browser's own updates
    assert "alert(1)" in found.stdout and "<img src=" not in found.stdout.replace('<img alt="', "")


def test_the_policy_stops_a_script_that_is_not_ours(report):
    """The check above can fail: an image from a network and a script are refused, and the console says so."""
    text = (report / "index.html").read_text()
    bad = report / "bad.html"
    extra = '<script>document.title="ran"</script><img src="https://example.org/x.png">'
    bad.write_text(text.replace("<nav>", f"{extra}<nav>"))
    found = browse(bad)
    assert found.stderr.count("CONSOLE") >= 2 and "<title>ran" not in found.stdout
