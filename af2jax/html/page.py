"""A report as one self-contained HTML file, which works offline, with its plots, tables and numbers beside it.

All text is escaped, and a content security policy refuses every script and style but those whose hashes it lists, so
that a name in the data is text wherever it is shown.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union

from af2jax.files import file_name, plain, whole
from af2jax.html import markup
from af2jax.html.markup import Decision
from af2jax.words import counted

if TYPE_CHECKING:
    from af2jax.plots.render import Figure

MOST = 1_500_000  # bytes of index.html
SHOWN = 100  # rows of a table on the page; its CSV has all
LEVELS = ("serious", "caution", "note")  # of warnings, the worst first
NUMBERS = "report.json"


@dataclass(frozen=True)
class Caption:
    """What a plot says, in three parts; the last quotes a figure of these data and the decision that it bears."""

    shows: str
    made: str
    follows: str

    def __post_init__(self):
        if not (self.shows and self.made and any(c.isdigit() for c in self.follows)):
            raise ValueError(f"a caption has three parts, and its last quotes a figure of the data: {self}")

    def __str__(self) -> str:
        return f"{self.shows} {self.made} {self.follows}"

    @property
    def parts(self) -> tuple[str, str, str]:
        """All three."""
        return self.shows, self.made, self.follows


class _Plot(NamedTuple):
    """A figure among the parts of a page."""

    name: str


class Page:
    """Collects the parts of a report in their order, and saves them.

    Args:
        title: of the page.
        notes: remarks that stand below its verdicts, such as what was left out.
    """

    def __init__(self, title: str, notes: Sequence[str] = ()):
        self.title, self.notes = title, tuple(notes)
        self.numbers: dict = {}
        self._verdicts: list[tuple[str, list[Decision]]] = []
        self._parts: list[Callable | _Plot] = []  # what makes the HTML of the files that it may link to, or a plot
        self._contents: list[str] = []  # titles of sections
        self._tables: dict[str, dict] = {}
        self._figures: dict[str, dict] = {}
        self._warnings: list[dict] = []
        self._scripts: list[str] = []
        self._files: dict[str, str | Callable] = {}  # by their paths below the page's folder
        self._folder: Path | None = None  # where it is saved

    def verdict(self, question: str, decisions: Sequence[Decision]) -> None:
        """A box above all else: a question, and its answers with the numbers that decide them."""
        if not decisions or any(one.answer not in markup.BADGES for one in decisions):
            raise ValueError(f"an answer to {question!r} is one of {', '.join(markup.BADGES)}")
        self._verdicts.append((question, list(decisions)))

    def section(self, title: str) -> None:
        """A heading, listed at the top of the page."""
        self._contents.append(title)
        self._add(markup.heading(title, len(self._contents)))

    def text(self, text: str) -> None:
        """A paragraph for each that an empty line ends; files of this page that it names become links."""
        self._parts.append(partial(markup.paragraphs, text))

    def number(self, name: str, value) -> None:
        """A number, or a dictionary or array of them, for `report.json`; the page does not show it."""
        self.numbers[name] = value

    def table(
        self,
        name: str,
        headings: Sequence[str],
        rows: Iterable[Sequence],
        title: str = "",
        folded: bool = False,
        of: str = "",
    ) -> None:
        """A table of numbers and words; the page shows the first hundred rows, `tables/NAME.csv` has all.

        Numbers have the form of what they are by their headings (`html.numbers.KINDS`); the file has every digit.

        Args:
            folded: only its title is seen until it is opened.
            of: what its numbers are where no heading tells, such as the name of a metric.
        """
        name, rows = self._new(name, self._tables), [list(row) for row in rows]
        self._tables[name] = {"headings": list(headings), "rows": rows}
        path = f"tables/{name}.csv"
        note = f"The first {SHOWN} rows; {counted(len(rows) - SHOWN, 'more row')} in" if len(rows) > SHOWN else ""

        def made(files: Iterable[str]) -> str:
            link = [(path, path if note else "CSV")] if path in files else []
            block = markup.table(headings, rows[:SHOWN], "" if folded else title, note, link, of)
            return markup.folded(title or name, block) if folded else block

        self._parts.append(made)
        self._script(markup.SORT)

    def figure(self, name: str, plot: Union["Figure", str, os.PathLike], caption: Caption) -> None:
        """A plot: a figure of matplotlib's, or the path of a PNG, with its SVG beside it where there is one.

        A caption that stands in the PNG itself stays in the file, and the page shows the plot without it.

        Raises:
            OSError: the file cannot be read.
        """
        name = self._new(name, self._figures)
        if isinstance(plot, str | os.PathLike):
            from af2jax.plots.figure import bare

            png, vector = Path(plot).read_bytes(), Path(plot).with_suffix(".svg")
            svg, shown = vector.read_bytes() if vector.exists() else b"", bare(png)
        else:
            from af2jax.plots.render import png_and_svg

            png, svg = png_and_svg(plot, str(caption))
            shown = png
        self._figures[name] = {"caption": caption, "png": png, "svg": svg, "shown": shown}
        self._parts.append(_Plot(name))

    def warning(self, level: str, title: str, text: str, rows: Sequence[str] = ()) -> None:
        """A box that says what threatens the result; `rows` names what is behind it. `level` is of `LEVELS`."""
        if level not in LEVELS:
            raise ValueError(f"{level} is none of {LEVELS}")
        self._warnings.append({"level": level, "title": title, "text": text, "rows": list(rows)})
        self._parts.append(partial(markup.warning, level, title, text, list(rows)))

    def raw(self, block: str, script: str = "") -> None:
        """HTML of our own, and a script that the policy allows; what they say of the data must be escaped already.

        `markup.data` makes a block of JSON that a script reads. Styles are set by the script, or are in `markup.STYLE`.
        """
        if "</script" in script.lower() or "<!--" in script:
            raise ValueError("the script would end before its end")
        self._add(block)
        if script:
            self._script(script)

    def links(self, paths: Sequence[Path], base: Path) -> None:
        """Links to files that are there already, by their names below `base`, from where the page is saved."""

        def made(files: Iterable[str]) -> str:
            if self._folder is None:
                return ""
            way = lambda path: Path(os.path.relpath(path.resolve(), self._folder.resolve())).as_posix()
            return f'<p class="links">{markup.links([(way(x), x.relative_to(base).as_posix()) for x in paths])}</p>'

        self._parts.append(made)

    def file(self, path: str, text: str | Callable[[Path], str]) -> None:
        """A file that is written beside the page: its text, or what makes it of the folder that it is written to."""
        self._files[path] = text

    @property
    def paths(self) -> list[str]:
        """The files that `save` writes, below its folder."""
        plots = [path for name in self._figures for path in self._plots(name)]
        return [*self._files, *plots, *(f"tables/{name}.csv" for name in self._tables), NUMBERS, "index.html"]

    def save(self, folder: str | os.PathLike) -> Path:
        """Writes its files, `plots/`, `tables/`, `report.json` and last `index.html`, whole or not at all; its path."""
        folder = self._folder = Path(folder)
        for path, text in self._files.items():
            made = text if isinstance(text, str) else text(folder)
            _write(folder / path, made.encode("utf-8", "replace"))
        for name, figure in self._figures.items():
            for kind in ("png", "svg"):
                if figure[kind]:
                    _write(folder / "plots" / f"{name}.{kind}", figure[kind])
        for name, table in self._tables.items():
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows([table["headings"], *table["rows"]])
            _write(folder / "tables" / f"{name}.csv", out.getvalue().encode("utf-8", "replace"))
        _write(folder / NUMBERS, self.json().encode())
        _write(folder / "index.html", self.html(beside=True).encode("utf-8", "replace"))
        return folder / "index.html"

    def json(self) -> str:
        """All that the report knows: numbers, tables, captions and warnings."""
        figures = {
            name: {
                "shows": figure["caption"].shows,
                "made": figure["caption"].made,
                "follows": figure["caption"].follows,
                "files": self._plots(name),
            }
            for name, figure in self._figures.items()
        }
        known = {
            "title": self.title,
            "notes": self.notes,
            "numbers": self.numbers,
            "warnings": self._warnings,
            "tables": self._tables,
            "figures": figures,
        }
        return json.dumps(plain(known), indent=1, allow_nan=False)

    def html(self, beside: bool = False) -> str:
        """The page; where it would exceed 1.5 MB, its largest plots are linked to and not shown.

        Args:
            beside: its files lie beside it, as `save` writes them, so that it can link to them.
        """
        images = {name: _smaller(figure) for name, figure in self._figures.items()}
        files = [NUMBERS, *self._files] if beside else []
        every = {*files, *(f"tables/{name}.csv" for name in self._tables)} if beside else set()
        boxes = [markup.verdict(*entry, every) for entry in self._verdicts]
        linked: set[str] = set()
        while True:
            parts = self._shown({name: images[name] for name in images.keys() - linked}, every)
            page = markup.document(self.title, self.notes, self._contents, parts, self._scripts, boxes, files)
            left = [name for name in images if name not in linked]
            if len(page.encode("utf-8", "replace")) <= MOST or not left:
                return page
            linked.add(max(left, key=lambda name: len(images[name][0])))

    def _shown(self, images: Mapping[str, tuple[bytes, str]], files: set[str]) -> list[str]:
        """The HTML of all parts; plots that follow each other stand side by side."""
        parts, row = [], []
        for part in (*self._parts, None):
            if isinstance(part, _Plot):
                row.append(part.name)
                continue
            if row:
                alone = row[-1] if len(row) % 2 else ""
                parts.append(markup.figures([self._plot(n, images.get(n), bool(files), n == alone) for n in row]))
                row = []
            if part:
                parts.append(part(files))
        return parts

    def _plot(self, name: str, image: tuple[bytes, str] | None, beside: bool, wide: bool) -> str:
        links = [(path, path.rpartition(".")[2].upper()) for path in self._plots(name)] if beside else []
        return markup.figure(name, image, self._figures[name]["caption"].parts, links, wide)

    def _plots(self, name: str) -> list[str]:
        """The files of a plot."""
        return [f"plots/{name}.{kind}" for kind in ("png", "svg") if self._figures[name][kind]]

    def _add(self, block: str) -> None:
        self._parts.append(lambda files: block)

    def _script(self, script: str) -> None:
        if script not in self._scripts:
            self._scripts.append(script)

    def _new(self, name: str, taken: Mapping) -> str:
        """`name` as a file name that is not taken."""
        name = stem = file_name(name)
        count = 2
        while name.lower() in {other.lower() for other in taken}:
            name, count = f"{stem}_{count}", count + 1
        return name


def _smaller(figure: dict) -> tuple[bytes, str]:
    """The smaller picture of a plot, and its type."""
    options = [(figure["shown"], "image/png"), (figure["svg"], "image/svg+xml")]
    return min((option for option in options if option[0]), key=lambda option: len(option[0]))


def _write(path: Path, content: bytes) -> None:
    with whole(path) as part:
        part.write_bytes(content)
