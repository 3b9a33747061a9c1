"""The HTML of a report's parts, with all text escaped, and the document with its content security policy."""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from af2jax.html import numbers

ROWS = 50  # named in a warning
NAMED = ("metric", "what", "head")  # headings of columns that name what the numbers of a row are
BADGES = {"yes": "Yes", "no": "No", "open": "Cannot tell"}  # what stands on one, by answer

STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
SORT = Path(__file__).with_name("sort.js").read_text(encoding="utf-8")  # tables sort by the column that is chosen


class Decision(NamedTuple):
    """An answer ("yes", "no" or "open"), the number that decides it, one sentence, and what else there is to it."""

    answer: str
    number: str
    sentence: str
    details: str = ""


def heading(title: str, number: int) -> str:
    return f'<h2 id="s{number}">{escape(title)}</h2>'


def linked(text: str, files: Collection[str] = ()) -> str:
    """`text`, escaped, in which each path of `files` that it names is a link to it."""
    text = escape(text)
    if not files:
        return text
    paths = "|".join(re.escape(escape(path)) for path in sorted(files, key=len, reverse=True))
    by_text = {escape(path): path for path in files}
    link = lambda found: f'<a href="{escape(quote(by_text[found[1]]))}">{found[1]}</a>'
    return re.sub(rf"(?<![\w/.-])({paths})(?![\w/-])", link, text)


def links(files: Sequence[tuple[str, str]]) -> str:
    """Links to files beside the page: (path, what is written)."""
    return " ".join(f'<a href="{escape(quote(path))}">{escape(words)}</a>' for path, words in files)


def paragraphs(text: str, files: Collection[str] = ()) -> str:
    return "".join(f"<p>{linked(part, files)}</p>" for part in text.split("\n\n") if part.strip())


def preformatted(text: str) -> str:
    """Text whose lines and spaces count, such as a config."""
    return f"<pre>{escape(text)}</pre>"


def verdict(question: str, decisions: Sequence[Decision], files: Collection[str] = ()) -> str:
    """A box: a question, and for each answer a badge, the number that decides, a sentence; the rest is folded away."""
    lines = []
    for answer, number, sentence, details in decisions:
        badge = f'<span class="badge {answer}">{BADGES[answer]}</span>'
        decides = f'<strong class="decides">{escape(number)}</strong> ' if number else ""
        more = f"<details><summary>More</summary>{paragraphs(details, files)}</details>" if details else ""
        lines.append(f'<div class="decision">{badge}<div><p>{decides}{linked(sentence, files)}</p>{more}</div></div>')
    first = decisions[0].answer
    return f'<section class="verdict {first}"><h2>{escape(question)}</h2>{"".join(lines)}</section>'


def cell(value, kind: str = numbers.ANY, places: int | None = None) -> str:
    """A number by its kind (`numbers.text`), or a word."""
    if value is None or value != value:
        return "<td></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    if isinstance(value, float) or hasattr(value, "dtype"):
        return f'<td class="n">{escape(numbers.text(float(value), kind, places))}</td>'
    return f'<td class="n">{value:,}</td>' if isinstance(value, int) else f'<td class="n">{escape(str(value))}</td>'


def cells(headings: Sequence[str], rows: Sequence[Sequence], of: str = "") -> list[str]:
    """The cells of each row. What a number is, its heading tells, or the cell of its row in a column of `NAMED`, or
    `of`; else a column has one number of digits after the point."""
    floats = lambda i: [float(row[i]) for row in rows if isinstance(row[i], float) or hasattr(row[i], "dtype")]
    by_row = next((i for i, name in enumerate(headings) if name in NAMED), None)
    kinds = [numbers.kind(name) for name in headings]
    places = [None if kinds[i] or by_row is not None else numbers.decimals(floats(i)) for i in range(len(headings))]
    names = lambda row: (of,) if by_row is None else (str(row[by_row]), of)
    return [
        "".join(cell(value, kinds[i] or numbers.kind(*names(row)), places[i]) for i, value in enumerate(row))
        for row in rows
    ]


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence],
    title: str,
    note: str,
    files: Sequence[tuple[str, str]] = (),
    of: str = "",
) -> str:
    """A table in a box that scrolls by itself where it is wider or longer than its place; links to its files below.

    `of`: what its numbers are, as of `cells`. Long headings break behind a stroke or an underscore.
    """
    broken = [re.sub("([/_])", r"\1<wbr>", escape(str(name))) for name in headings]
    head = "".join(f"<th scope=col>{name}</th>" for name in broken)
    lines = "".join(f"<tr>{line}</tr>" for line in cells(headings, rows, of))
    above = f"<caption>{escape(title)}</caption>" if title else ""
    below = " ".join(filter(None, (escape(note), links(files))))
    below = f'<p class="notes">{below}</p>' if below else ""
    return box(f"{above}<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>") + below


def folded(title: str, block: str) -> str:
    """HTML of which only a title is seen until it is opened."""
    return f"<details><summary>{escape(title)}</summary>{block}</details>"


def box(table: str) -> str:
    """The inside of a table, in a box that scrolls."""
    return f'<div class="box" tabindex="0"><table>{table}</table></div>'


def caption(words: tuple[str, str, str], files: Collection[str] = ()) -> str:
    """What is shown, how it was made and what follows."""
    shows, made, follows = (linked(part, files) for part in words)
    return f'<p>{shows}</p><p class="made">{made}</p><p class="follows">{follows}</p>'


def source(content: bytes, kind: str = "image/png") -> str:
    """A picture as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def figure(
    name: str,
    image: tuple[bytes, str] | None,
    words: tuple[str, str, str],
    files: Sequence[tuple[str, str]] = (),
    wide: bool = False,
) -> str:
    """A plot as a data URI with its caption; None: a link to its file.

    Args:
        files: links below the caption.
        wide: it stands alone, its caption beside it where there is room.
    """
    if image is None:
        picture = f'<a href="plots/{escape(name)}.png">plots/{escape(name)}.png (too large for this page)</a>'
    else:
        content, kind = image
        picture = f'<img alt="{escape(words[0])}" src="{source(content, kind)}">'
    below = f'<p class="notes">{links(files)}</p>' if files else ""
    kind = ' class="wide"' if wide else ""
    return f"<figure{kind}><div>{picture}</div><figcaption>{caption(words)}{below}</figcaption></figure>"


def figures(shown: Sequence[str]) -> str:
    """Plots side by side, as many as there is room for."""
    return f'<div class="figures">{"".join(shown)}</div>'


def warning(level: str, title: str, text: str, rows: Sequence[str], files: Collection[str] = ()) -> str:
    """A box with what is behind it folded away."""
    listed = "".join(f"<li>{escape(str(row))}</li>" for row in rows[:ROWS])
    more = f"<p>and {len(rows) - ROWS} more, in {linked('report.json', files)}</p>" if len(rows) > ROWS else ""
    which = "Which one" if len(rows) == 1 else f"Which {len(rows)}"
    behind = f"<details><summary>{which}</summary><ul>{listed}</ul>{more}</details>" if rows else ""
    return (
        f'<section class="warning {level}"><span class="level">{level}</span><h3>{escape(title)}</h3>'
        f"{paragraphs(text, files)}{behind}</section>"
    )


def data(name: str, value) -> str:
    """A block of JSON that a script finds by the id `name`, and in which no tag can end or begin."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """A content security policy: images in the page, these styles and scripts, and nothing else."""
    hashes = lambda texts: " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts
    )
    allowed = hashes(scripts) or "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src {hashes(styles)}; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def document(
    title: str,
    notes: Sequence[str],
    contents: Sequence[str],
    parts: Sequence[str],
    scripts: Sequence[str],
    verdicts: Sequence[str] = (),
    files: Collection[str] = (),
) -> str:
    """The whole page: its verdicts first, last a list of the files beside it."""
    entries = "".join(f'<li><a href="#s{i}">{escape(name)}</a></li>' for i, name in enumerate(contents, 1))
    remarks = "".join(f'<p class="notes">{linked(note, files)}</p>' for note in notes)
    code = "".join(f"<script>{script}</script>" for script in scripts)
    beside = [(path, path) for path in files]
    foot = f'<footer class="notes">Files beside this page: {links(beside)}</footer>' if beside else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy([STYLE], scripts)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>"
        f"{''.join(verdicts)}{remarks}<nav><ul>{entries}</ul></nav>\n" + "\n".join(parts) + f"\n{foot}"
        f"{code}</body></html>\n"
    )
