"""Runs what documentation shows: fenced blocks of Python and of commands, and the configs that these read."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import af2jax

SAVED = re.compile(r"# ([\w.-]+\.toml)\n")  # the first line of a config that later blocks read


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    text: str
    source: str  # file and line, for tracebacks


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    found = re.finditer(r"^```(\S*)[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [Block(m[1], m[2], f"{page.name}:{text[: m.start(2)].count(chr(10)) + 1}") for m in found]


def commands(text: str) -> list[list[str]]:
    """The arguments of each `af2jax` command in a block; a prompt may stand before it."""
    lines = [line.removeprefix("$ ") for line in text.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("af2jax ")]


def run(found: Iterable[Block], names: dict) -> None:
    """Runs blocks in the working folder, the Python in one namespace; what is neither Python nor bash is not run."""
    from af2jax.cli.main import main

    for block in found:
        if block.language == "python":
            exec(compile(block.text, block.source, "exec"), names)
        elif block.language == "bash":
            asked = commands(block.text)
            assert len(asked) == len(block.text.strip().splitlines()), f"{block.source}: not a command of af2jax"
            for arguments in asked:
                assert main(arguments) == 0, f"{block.source}: af2jax {shlex.join(arguments)}"
        elif block.language == "toml" and (name := SAVED.match(block.text)):
            Path(name[1]).write_text(block.text)


def own_registry(monkeypatch) -> None:
    """Losses that a block adds are gone after the test."""
    monkeypatch.setattr("af2jax.losses.weighted.LOSSES", dict(af2jax.losses.LOSSES))
    monkeypatch.setattr("af2jax.losses.LOSSES", af2jax.losses.weighted.LOSSES)
