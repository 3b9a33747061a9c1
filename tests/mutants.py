"""One-line mutants of the package and the tests that kill them: python -m tests.mutants --number 30 --seed 0

Each is one changed operator, comparison, constant or name in `model/`, `losses/`, `finetune/step.py`, `pretrained/` or
`data/`. First come the fast tests of its room (those of its own file at the head), then, if they pass, the rest of
`make test`. Run in a copy, so that the working tree stays as it is; --tree names another tree, such as an older one.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests import flags

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("model", "losses", "finetune/step.py", "pretrained", "data")  # below af2jax/
LIMIT = 1800  # seconds for the tests of one mutant
OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.MatMult: ("@", "*"),
}
COMPARISONS = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
COMPARISONS |= {ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: (" in ", " not in ")}
JOINTS = {ast.And: (" and ", " or "), ast.Or: (" or ", " and "), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&")}
NAMES = {"sin": "cos", "cos": "sin", "minimum": "maximum", "maximum": "minimum", "sum": "mean", "mean": "sum"}
NAMES |= {"argmin": "argmax", "argmax": "argmin", "any": "all", "all": "any", "zeros": "ones", "ones": "zeros"}


class Mutant(NamedTuple):
    """One line of a file of the package, as it is and as it becomes."""

    file: str  # below af2jax/
    line: int  # from 1
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.old.strip()}  ->  {self.new.strip()}"


def changes(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, str, str]]:
    """(a, b, old, new): `old` becomes `new` between the end of `a` and the start of `b`; a is b: within it."""
    match node:
        case ast.BinOp():
            if kind := (OPERATORS | JOINTS).get(type(node.op)):
                yield node.left, node.right, *kind
        case ast.Compare(ops=[op]):
            if kind := COMPARISONS.get(type(op)):
                yield node.left, node.comparators[0], *kind
        case ast.BoolOp():
            yield node.values[0], node.values[1], *JOINTS[type(node.op)]
        case ast.Constant(value=bool()):
            yield node, node, str(node.value), str(not node.value)
        case ast.Constant(value=int() | float()):
            yield node, node, "", repr(node.value + 1)
        case ast.Attribute(attr=name) if name in NAMES:
            yield node, node, f".{name}", f".{NAMES[name]}"
        case ast.UnaryOp(op=ast.Not()):
            yield node, node, "not ", ""


def mutants(file: Path, name: str) -> list[Mutant]:
    """All of a file, in its order."""
    text = file.read_text()
    lines, tree = text.splitlines(), ast.parse(text)
    annotations = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
    types = {node for annotation in filter(None, annotations) for node in ast.walk(annotation)}
    found = []
    for node in (node for node in ast.walk(tree) if node not in types):
        for a, b, old, new in changes(node):
            start, end = (a.col_offset, a.end_col_offset) if a is b else (a.end_col_offset, b.col_offset)
            first, last = (a.lineno, a.end_lineno) if a is b else (a.end_lineno, b.lineno)
            line = lines[first - 1]
            if first != last or not line.isascii():
                continue
            at = line.rfind(old, start, end) if old else start
            if at < 0:
                continue
            changed = line[:at] + new + line[at + len(old) if old else end :]
            try:
                ast.parse("\n".join([*lines[: first - 1], changed, *lines[first:]]))
            except SyntaxError:
                continue
            found.append(Mutant(name, first, line, changed))
    return sorted(set(found), key=lambda m: (m.line, m.new))


def drawn(tree: Path, number: int, seed: int) -> list[Mutant]:
    """So many of all, the same for one tree and seed; fewer are the first of them."""
    package = tree / "af2jax"
    inside = lambda place: [place] if place.is_file() else place.rglob("*.py")
    files = [file for place in PLACES for file in inside(package / place)]
    everything = [m for file in sorted(files) for m in mutants(file, file.relative_to(package).as_posix())]
    return [everything[i] for i in np.random.default_rng(seed).permutation(len(everything))[:number]]


def run(tree: Path, *arguments: str) -> str | None:
    """The first test that fails, "time" if none ended in time; None if all pass."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "XLA_FLAGS": flags.QUICKEST}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *arguments]
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return "time"
    if done.returncode in (0, 5):
        return None
    named = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return named[0].split(" - ")[0] if named else done.stdout[-300:] + done.stderr[-300:]


def tests(mutant: Mutant, tree: Path) -> list[str]:
    """The tests of a mutant's room, those of its file first."""
    room = Path("tests") / Path(mutant.file).parts[0]
    own = (Path("tests") / mutant.file).with_name(f"test_{Path(mutant.file).name}")
    return [str(path) for path in (own, room) if (tree / path).exists()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=ROOT, help="the tree whose package and tests are taken")
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="leave out so many, to go on or to share the work")
    parser.add_argument("--room", action="store_true", help="only the tests of the room")
    given = parser.parse_args()
    chosen = drawn(given.tree, given.number, given.seed)[given.first :]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(given.tree, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "*_out"))
        survived = 0
        for i, mutant in enumerate(chosen, given.first):
            path, start = copy / "af2jax" / mutant.file, time.time()
            text = path.read_text()
            lines = text.split("\n")
            lines[mutant.line - 1] = mutant.new
            path.write_text("\n".join(lines))
            by = run(copy, *tests(mutant, copy))
            where = "its room"
            if by is None and not given.room:
                by, where = run(copy, "-n", "auto", "--dist", "loadfile", "tests"), "make test"
            path.write_text(text)
            survived += by is None
            fate = f"killed in {where} by {by}" if by else "SURVIVED"
            print(f"{i} {mutant}\n   {fate} ({time.time() - start:.0f} s)", flush=True)
        print(f"{len(chosen) - survived} of {len(chosen)} killed")


if __name__ == "__main__":
    main()
