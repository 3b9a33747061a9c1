"""The documentation: it builds without a warning, its links lead somewhere, and what it shows runs."""

import importlib
import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jax
import pytest

import af2jax
from af2jax.cli import main as cli
from tests import snippets

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
RUN, SHOWN = {"python", "bash", "toml"}, {"text", "console"}
RUNNING = [page for page in PAGES if {"python", "bash"} & {block.language for block in snippets.blocks(page)}]


def public() -> list[str]:
    """Every public name, and those of the public modules."""
    names = []
    for name in af2jax.__all__:
        value = getattr(af2jax, name)
        if not inspect.ismodule(value):
            names.append(name)
            continue
        own = getattr(value, "__all__", None) or [
            n
            for n, x in vars(value).items()
            if inspect.isfunction(x) and x.__module__ == value.__name__ and n[0] != "_"
        ]
        names += [f"{name}.{inner}" for inner in own]
    return names


def test_every_public_name_is_in_the_reference():
    text = (DOCS / "api.md").read_text()
    there = set(re.findall(r"^\.\. auto\w+:: af2jax\.(\S+)$", text, re.MULTILINE)) | set(
        re.findall(r"`af2jax\.([\w.]+)`", text)
    )
    assert not [name for name in public() if name not in there]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_says_what_it_is(page):
    known = {*RUN, *SHOWN, "{eval-rst}", "{toctree}"}
    assert not [block.source for block in snippets.blocks(page) if block.language not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_that_are_not_run_are_understood(page, monkeypatch):
    for command in map(cli.load, cli.COMMANDS):
        monkeypatch.setattr(command, "run", lambda self: 0)
    monkeypatch.setattr("af2jax.compilation.persist", lambda: None)
    for block in snippets.blocks(page):
        if block.language in SHOWN:
            for arguments in snippets.commands(block.text):
                assert cli.main(arguments) == 0, block.source


class Links(HTMLParser):
    """What a page refers to, what it loads, and the places in it that can be referred to."""

    def __init__(self, page: Path):
        super().__init__()
        self.links, self.loaded, self.places = [], [], set()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.places |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if address := attrs.get("src") or (tag == "link" and attrs.get("href")):
            self.loaded.append(address)


@pytest.mark.slow("builds the documentation")
def test_the_site_builds_and_its_links_lead_somewhere(tmp_path):
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", tmp_path / "cache", DOCS]
    built = subprocess.run([*command, tmp_path / "site"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    pages = {path: Links(path) for path in (tmp_path / "site").rglob("*.html")}
    assert {page.stem for page in PAGES} <= {path.stem for path in pages}
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link not in page.loaded, f"{path.name} loads {link} from a network"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            places = pages[target].places if target in pages else ()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in places):
                broken.append(f"{path.name}: {link}")
    assert not broken


@pytest.fixture
def quick_to_compile():
    """Many small programs run a few times each: XLA's optimisations cost more than they save."""
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, True)
    yield
    jax.config.update(name, before)


@pytest.mark.slow("runs every block of the documentation")
@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.stem)
def test_every_block_runs(page, tmp_path, monkeypatch, quick_to_compile):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("af2jax.compilation.persist", lambda: None)  # the tests' own cache stays
    snippets.own_registry(monkeypatch)
    snippets.run(snippets.blocks(page), {"__name__": page.stem})


def test_the_reference_is_of_what_there_is():
    named = re.findall(r"^\.\. auto\w+:: (\S+)\.(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    for scope, name in named:
        inside = af2jax
        for part in scope.split(".")[1:]:
            inside = getattr(inside, part, None) or importlib.import_module(f"{inside.__name__}.{part}")
        assert getattr(inside, name)
