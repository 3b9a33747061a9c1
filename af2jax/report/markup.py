"""The HTML of a report's parts, with all text escaped, and the document with its content security policy."""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape

ROWS = 50  # named in a warning

STYLE = """
:root{--ink:#1a1a1a;--soft:#555;--line:#ccc;--serious:#D55E00;--caution:#E69F00;--note:#0072B2}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:62rem;color:var(--ink);background:#fff;line-height:1.45;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem}
h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
nav ul{columns:16rem;padding-left:1.2rem}
a{color:#005a8e}
.notes{color:var(--soft)}
.box{overflow:auto;max-height:26rem;margin:.8rem 0}
table{border-collapse:collapse;width:max-content;font-size:.85rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.2rem 0}
th,td{border-bottom:1px solid var(--line);padding:.2rem .6rem .2rem 0;text-align:left;vertical-align:top;
overflow-wrap:break-word;max-width:22rem}
thead th{position:sticky;top:0;background:#fff}
td.n{text-align:right}
figure{display:inline-block;vertical-align:top;width:29rem;max-width:100%;margin:1rem 1rem 1rem 0}
figure img{max-width:100%;height:auto}
figcaption{font-size:.85rem;max-width:40rem}
figcaption p{margin:.3rem 0}
.made{color:var(--soft)}
.follows{font-weight:600}
.warning{border-left:.4rem solid var(--note);padding:.3rem .8rem;margin:.8rem 0;background:#f6f6f6}
.warning.serious{border-color:var(--serious)}
.warning.caution{border-color:var(--caution)}
.warning h3{margin:.2rem 0;font-size:1rem}
.warning p{margin:.3rem 0}
.level{text-transform:uppercase;font-size:.75rem;letter-spacing:.05em;color:var(--soft)}
pre{overflow-x:auto;background:#f6f6f6;padding:.6rem;font-size:.8rem}
canvas{max-width:100%;touch-action:none}
select{max-width:100%}
@media print{nav{display:none}}
"""


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
