"""The page: text stays text, nothing is asked of a network, and all that it says lies beside it."""

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from af2jax.html import markup, page
from af2jax.html.markup import Decision
from af2jax.html.page import Caption, Page
from af2jax.plots.render import blank, plain

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&$a$"
TAGS = set(
    "html head meta title style body h1 p nav ul li a h2 div table caption thead tr th tbody td figure img "  # noqa: SIM905
    "figcaption section span strong h3 details summary canvas footer script wbr".split()
)
SAID = Caption("What it shows.", "How it was made.", "3 of 4: keep them.")


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of scripts, styles and data."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.inside, self.code = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag
        if tag in ("script", "style"):
            self.code.append((tag, dict(attributes), ""))

    def handle_data(self, data):
        if self.inside in ("script", "style") and self.code:
            tag, attributes, text = self.code.pop()
            self.code.append((tag, attributes, text + data))

    def handle_endtag(self, tag):
        self.inside = ""


def drawn(label: str = "x"):
    figure, axis = blank()
    axis.plot([1, 2, 3])
    axis.set(xlabel=plain(label), title=plain(label))
    return figure


def full(name: str = HOSTILE) -> Page:
    """A page with a part of every kind, called by a name."""
    out = Page(name, [name])
    out.verdict(name, [Decision("yes", name, name, name)])
    out.section(name)
    out.text(name)
    out.table(name, [name, "number"], [[name, 1.5], [None, np.float32(2)], ["", np.nan]], name)
    out.figure(name, drawn(name), Caption(name, name, f"1 {name}"))
    out.warning("serious", name, name, [name])
    out.number(name, {name: np.arange(2)})
    out.raw(markup.data("known", {name: name}) + "<canvas></canvas>", "document.title += '!';")
    return out


def test_a_name_does_nothing(tmp_path):
    found = Tags(full().save(tmp_path).read_text())
    assert {tag for tag, _ in found.tags} == TAGS
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    assert len(images) == 1 and images[0]["src"].startswith("data:image/") and images[0]["alt"] == HOSTILE
    assert not any(name.startswith("on") or name == "style" for _, attributes in found.tags for name in attributes)
    scripts = [(attributes, text) for tag, attributes, text in found.code if tag == "script"]
    assert [attributes.get("type") for attributes, _ in scripts] == ["application/json", None, None]
    assert json.loads(scripts[0][1]) == {HOSTILE: HOSTILE}
    assert [text for _, text in scripts[1:]] == [markup.SORT, "document.title += '!';"]
    (svg,) = (tmp_path / "plots").glob("*.svg")
    assert "<img" not in svg.read_text() and "</script" not in svg.read_text() and "$a$" in svg.read_text()
    assert all(re.fullmatch(r"[\w.-]+", path.name) for path in tmp_path.rglob("*"))


def test_the_policy_lists_the_styles_and_scripts_of_the_page(tmp_path):
    found = Tags(full().save(tmp_path).read_text())
    policies = [a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"]
    (policy,) = policies
    rules = {part.split()[0]: part.split()[1:] for part in policy.split("; ")}
    of = lambda text: f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert rules["img-src"] == ["data:"] and "connect-src" not in rules
    code = [(tag, text) for tag, attributes, text in found.code if "type" not in attributes]
    (style,), scripts = ([of(text) for tag, text in code if tag == kind] for kind in ("style", "script"))
    assert rules["style-src"] == [style] and rules["script-src"] == scripts and len(scripts) == 2
    order = [tag for tag, _ in found.tags]
    assert order.index("meta") < order.index("style")  # a policy holds for what follows it
    assert "script-src 'none'" in Page("no script").html()


def test_nothing_is_asked_of_a_network(tmp_path):
    text = full("plain").save(tmp_path).read_text()
    assert "http:" not in text and "https:" not in text and "url(" not in text and "@import" not in text
    for tag, attributes in Tags(text).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in {"src", "href"} & set(attributes):
            assert attributes[name].startswith(("data:image/", "#s")) or (tmp_path / attributes[name]).is_file()


def test_all_that_it_says_lies_beside_it(tmp_path):
    out = full("a name")
    out.table("a name", ["second"], [[i] for i in range(page.SHOWN + 3)])
    text = out.save(tmp_path).read_text()
    assert f'The first {page.SHOWN} rows; 3 more rows in <a href="tables/a_name_2.csv">tables/a_name_2.csv</a>' in text
    with open(tmp_path / "tables" / "a_name.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a name", "number"], ["a name", "1.5"], ["", "2.0"], ["", "nan"]]
    assert len((tmp_path / "tables" / "a_name_2.csv").read_text().splitlines()) == page.SHOWN + 4
    known = json.loads((tmp_path / "report.json").read_text())
    assert known["tables"]["a_name"]["rows"] == [["a name", 1.5], [None, 2.0], ["", None]]
    assert known["numbers"] == {"a name": {"a name": [0, 1]}} and known["warnings"][0]["rows"] == ["a name"]
    assert known["figures"]["a_name"] == {
        "shows": "a name",
        "made": "a name",
        "follows": "1 a name",
        "files": ["plots/a_name.png", "plots/a_name.svg"],
    }
    with Image.open(tmp_path / "plots" / "a_name.png") as image:
        assert image.text["Description"] == "a name a name 1 a name"
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


def test_the_same_report_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        full().save(tmp_path / name)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_page_has_a_limit_and_its_largest_plots_are_linked(tmp_path, monkeypatch):
    out = Page("large")
    out.figure("small", drawn(), SAID)
    figure, axis = blank()
    axis.imshow(np.random.default_rng(0).random((200, 200)))
    out.figure("noise", figure, SAID)
    assert len(out.html()) < page.MOST
    monkeypatch.setattr(page, "MOST", 40_000)
    text = out.save(tmp_path).read_text()
    assert len(text) <= 40_000 and text.count("<img") == 1 and 'href="plots/noise.png"' in text


def test_a_picture_from_a_file(tmp_path):
    full("x").save(tmp_path / "first")
    out = Page("second")
    out.figure("again", tmp_path / "first" / "plots" / "x.png", SAID)
    out.save(tmp_path / "second")
    for kind in ("png", "svg"):
        first, second = (tmp_path / "first" / "plots" / f"x.{kind}", tmp_path / "second" / "plots" / f"again.{kind}")
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("follows", ["", "it is fine"])
def test_a_caption_quotes_a_figure(follows):
    with pytest.raises(ValueError, match="quotes a figure"):
        Caption("shows", "made", follows)


def test_a_script_that_would_end_the_page_is_a_fault():
    with pytest.raises(ValueError, match="end before its end"):
        Page("x").raw("", "let a = '</script>'")
    with pytest.raises(ValueError, match="none of"):
        Page("x").warning("odd", "a", "b")


@pytest.mark.parametrize(("answer", "badge"), [("yes", "Yes"), ("no", "No"), ("open", "Cannot tell")])
def test_a_verdict_stands_first_with_its_badge(answer, badge):
    out = Page("x", ["a remark"])
    out.section("Later")
    out.verdict("Is it so?", [Decision(answer, "+1.5", "It is so.", "Because."), Decision("open", "", "Who knows.")])
    text = out.html()
    box = re.search(r'<section class="verdict (\w+)">(.*?)</section>', text)
    assert box[1] == answer and box.start() < text.index("a remark") < text.index("<nav>") < text.index("Later</h2>")
    assert (
        f'<span class="badge {answer}">{badge}</span>' in box[2] and '<strong class="decides">+1.5</strong>' in box[2]
    )
    assert box[2].count("badge") == 2 and box[2].count("<details>") == 1 and "<p>Because.</p>" in box[2]
    assert f".badge.{answer}{{" in markup.STYLE or answer == "open"  # whose colour is that of any badge


def test_a_verdict_has_an_answer():
    for decisions in ([], [Decision("perhaps", "", "x")]):
        with pytest.raises(ValueError, match="is one of yes, no, open"):
            Page("x").verdict("Is it so?", decisions)


def test_files_that_a_page_names_are_links_to_them(tmp_path):
    out = Page("x", ["see config.toml"])
    out.verdict("Is it so?", [Decision("no", "", "config.toml says so.", "And deep/a b.csv.")])
    out.section("s")
    out.text("config.toml, my_config.toml and config.toml_old; deep/a b.csv (not gone.csv)")
    out.warning("note", "a", "look at report.json", [str(i) for i in range(markup.ROWS + 1)])
    out.table("t", ["a"], [[1]])
    out.figure("f", drawn(), SAID)
    out.file("config.toml", "")
    out.file("deep/a b.csv", "")
    found = Tags(text := out.save(tmp_path).read_text())
    links = [
        attributes["href"] for tag, attributes in found.tags if tag == "a" and not attributes["href"].startswith("#")
    ]
    assert all((tmp_path / unquote(link)).is_file() for link in links)
    assert links.count("config.toml") == 4 and links.count("deep/a%20b.csv") == 3  # the last of each in the list below
    assert {"tables/t.csv", "plots/f.png", "plots/f.svg", "report.json"} <= set(links) and links.count(
        "report.json"
    ) == 3
    assert "my_config.toml and config.toml_old" in text and "(not gone.csv)" in text
    alone = Tags(out.html()).tags  # a page that is not saved has no files beside it
    assert [attributes["href"] for tag, attributes in alone if tag == "a"] == ["#s1"]


def test_a_caption_stands_once(tmp_path):
    out = Page("x")
    out.figure("one", drawn(), Caption("It shows one.", "Made so.", "1 follows."))
    text = out.save(tmp_path).read_text()
    for kind, words in (("", "It shows one."), (' class="made"', "Made so."), (' class="follows"', "1 follows.")):
        assert text.count(f"<p{kind}>{words}</p>") == 1
    assert re.sub(r'alt="[^"]*"|src="[^"]*"', "", text).count("It shows one.") == 1


def test_a_caption_in_a_picture_stays_in_its_file(tmp_path):
    from af2jax.plots import figure

    plot, (axis,) = figure.new(5.0, 3.0, "What it shows. " * 20)
    axis.plot([1, 2, 3])
    path = figure.save(plot, tmp_path / "plot.png")
    out = Page("x")
    out.figure("plot", path, SAID)
    out.save(tmp_path / "out")
    assert (tmp_path / "out" / "plots" / "plot.png").read_bytes() == path.read_bytes()
    with Image.open(io.BytesIO(figure.bare(path.read_bytes()))) as shown, Image.open(path) as whole:
        assert shown.size == (whole.width, 3 * 150)
    svg_free = (tmp_path / "out" / "index.html").read_text()
    assert base64.b64encode(figure.bare(path.read_bytes())).decode() in svg_free
    assert figure.bare(b"no picture") == b"no picture"


@pytest.mark.parametrize(("number", "wide"), [(1, 1), (2, 0), (3, 1), (4, 0)])
def test_plots_that_follow_each_other_stand_side_by_side(number, wide):
    out = Page("x")
    for _ in range(number):
        out.figure("f", drawn(), SAID)
    out.text("between")
    out.figure("f", drawn(), SAID)
    first, second = re.findall(r'<div class="figures">(.*?)</div>(?=\n|$)', out.html())
    assert first.count("<figure") == number and first.count('<figure class="wide">') == wide
    assert second.count("<figure") == second.count('class="wide"') == 1


def test_a_table_says_that_there_is_more_and_sorts():
    out = Page("x")
    out.table("t", ["a"], [[i] for i in range(3)])
    text = out.html()
    assert '<div class="box" tabindex="0"><table>' in text and f"<script>{markup.SORT}</script>" in text
    assert re.search(
        r"\.box\{overflow:auto;[^}]*linear-gradient[^}]*local", markup.STYLE, re.DOTALL
    )  # shadows at its ends
    folded = Page("x")
    folded.table("t", ["a"], [[1]], "All of it", folded=True)
    assert "<details><summary>All of it</summary>" in folded.html() and "<caption>" not in folded.html()
