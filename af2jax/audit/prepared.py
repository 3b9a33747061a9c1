"""A proposal as files: `prepared.csv`, the data made ready, and `config.toml`, which `af2jax finetune` reads."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from af2jax.audit.columns import Column
from af2jax.audit.look import Seen
from af2jax.audit.proposal import PREPARED, Choice, Proposal
from af2jax.data.dataset import COLUMNS, Item, is_file
from af2jax.files import write

CONFIG = "config.toml"


def save(proposal: Proposal, seen: Sequence[Seen], columns: Sequence[Column], out: Path) -> None:
    """Writes both files to a folder."""
    write(out / PREPARED, prepared(proposal, seen, columns, out))
    write(out / CONFIG, config(proposal))


def prepared(proposal: Proposal, seen: Sequence[Seen], columns: Sequence[Column], out: Path) -> str:
    """The data set as a table in the folder `out`: sentinels emptied, a split for each item, weights of 1 / homologues.

    Items that cannot be read are left out.
    """
    own = [name for name in COLUMNS if any(getattr(one.item, name) not in ("", None, ()) for one in seen)]
    heads = [*dict.fromkeys([*own, "weight", "split"])]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*heads, *(column.name for column in columns)])
    for i, (one, split, weight) in enumerate(zip(seen, proposal.split, proposal.weights, strict=True)):
        cells = _cells(one.item, out) | {"weight": f"{one.item.weight * weight:.4g}", "split": split}
        table.writerow(
            [cells[name] for name in heads] + [_beside(one.item, column.cells[i], out) for column in columns]
        )
    return text.getvalue()


def _cells(item: Item, out: Path) -> dict[str, str]:
    """What every table may have, paths relative to `out`."""
    templates = []
    for text in item.templates:
        path, colon, chain = text.rpartition(":")
        whole = is_file(Path(text)) or not path
        templates.append(_relative(text, out) if whole else f"{_relative(path, out)}{colon}{chain}")
    return {name: getattr(item, name) for name in ("id", "sequence", "chain", "placed")} | {
        "file": _relative(item.file, out),
        "msa": ";".join(_relative(path, out) for path in item.msa),
        "templates": ";".join(templates),
        "aligned_templates": _relative(item.aligned_templates, out),
    }


def _relative(path: str | os.PathLike | None, out: Path) -> str:
    return "" if path is None else os.path.relpath(path, out)


def _beside(item: Item, cell: str, out: Path) -> str:
    """A cell, its path relative to `out` where it names an array."""
    return _relative(item.folder / cell, out) if cell.endswith(".npy") else cell


def config(proposal: Proposal) -> str:
    """A config for `af2jax finetune` in TOML, a comment with the reason beside each choice."""
    lines = [
        "# Proposed by af2jax explore from this data set; change what you know better. Run:",
        "#   af2jax finetune config.toml --out run",
        *(f"# {remark}" for remark in proposal.remarks),
        "",
        *map(_line, proposal.settings),
    ]
    if proposal.heads:
        lines += ["", "[losses] # the new heads alone; add fape = 0.5 and such to hold on to structures"]
        lines += [f"{json.dumps(name)} = 1.0" for name in proposal.heads]
    for name, choices in proposal.heads.items():
        lines += ["", f"[heads.{json.dumps(name)}]", *map(_line, choices)]
        if name not in proposal.classes:
            lines.append('# unit = "..." # of the labels, to be shown beside every answer')
    if proposal.classes:
        lines += ["", "[classes] # as the cells have them, in the order of the head's answers"]
        lines += [f"{json.dumps(name)} = {json.dumps(classes)}" for name, classes in proposal.classes.items()]
    return "\n".join(lines) + "\n"


def _line(choice: Choice) -> str:
    """A setting with its reason."""
    return f"{choice.name} = {json.dumps(choice.value)} # {choice.why}"
