"""The reader of the tables of figures (`tables/*.tsv`; sources in their first lines and in third_party/README.md)."""

from collections.abc import Iterator
from importlib import resources


def rows(name: str) -> Iterator[list[str]]:
    """The cells of every row of `tables/<name>.tsv`, without the comments and the row of column names."""
    text = resources.files("af2jax.constants").joinpath("tables", f"{name}.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    next(lines)
    return (line.split("\t") for line in lines)
