"""The HTML of a report's parts, with all text escaped, and the document with its content security policy."""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

ROWS = 50  # named in a warning

STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def heading(title: str, number: int) -> str:
    return f'<h2 id="s{number}">{escape(title)}</h2>'


def paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def preformatted(text: str) -> str:
    """Text whose lines and spaces count, such as a config."""
    return f"<pre>{escape(text)}</pre>"


def cell(value) -> str:
    """A number with four digits, or a word."""
    if value is None or value != value:
        return "<td></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    text = f"{value:.4g}" if isinstance(value, float) or hasattr(value, "dtype") else str(value)
    return f'<td class="n">{escape(text)}</td>'


def table(headings: Sequence[str], rows: Sequence[Sequence], title: str, note: str) -> str:
    """A table in a box that scrolls by itself where it is wider than the screen."""
    head = "".join(f"<th scope=col>{escape(str(name))}</th>" for name in headings)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    above = f"<caption>{escape(title)}</caption>" if title else ""
    below = f'<p class="notes">{escape(note)}</p>' if note else ""
    return f'<div class="box"><table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{below}'


def figure(name: str, image: tuple[bytes, str] | None, words: tuple[str, str, str]) -> str:
    """A plot as a data URI above its caption; None: a link to its file."""
    shows, made, follows = map(escape, words)
    if image is None:
        picture = f'<a href="plots/{escape(name)}.png">plots/{escape(name)}.png (too large for this page)</a>'
    else:
        content, kind = image
        picture = f'<img alt="{shows}" src="data:{kind};base64,{base64.b64encode(content).decode()}">'
    caption = f'<p>{shows}</p><p class="made">{made}</p><p class="follows">{follows}</p>'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def warning(level: str, title: str, text: str, rows: Sequence[str]) -> str:
    """A box with what is behind it folded away."""
    listed = "".join(f"<li>{escape(str(row))}</li>" for row in rows[:ROWS])
    more = f"<p>and {len(rows) - ROWS} more, in report.json</p>" if len(rows) > ROWS else ""
    behind = f"<details><summary>{len(rows)} behind it</summary><ul>{listed}</ul>{more}</details>" if rows else ""
    return (
        f'<section class="warning {level}"><span class="level">{level}</span><h3>{escape(title)}</h3>'
        f"{paragraphs(text)}{behind}</section>"
    )


def data(name: str, value) -> str:
    """A block of JSON that a script finds by the id `name`, and in which no tag can end or begin."""
    text = json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
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
    title: str, notes: Sequence[str], contents: Sequence[str], parts: Sequence[str], scripts: Sequence[str]
) -> str:
    """The whole page."""
    links = "".join(f'<li><a href="#s{i}">{escape(name)}</a></li>' for i, name in enumerate(contents, 1))
    remarks = "".join(f'<p class="notes">{escape(note)}</p>' for note in notes)
    code = "".join(f"<script>{script}</script>" for script in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy([STYLE], scripts)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>{remarks}"
        f"<nav><ul>{links}</ul></nav>\n" + "\n".join(parts) + f"\n{code}</body></html>\n"
    )
