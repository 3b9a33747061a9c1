"""Data sets: a folder of structures, or a table with a row for each protein, as items that can be looked at and loaded.

A table (CSV or TSV, .gz too, or Parquet) has the columns `id`, `file` and `chain` (a structure) or `sequence`, `msa`
and `templates` (paths, several joined by ";"), `weight` and `split` (train, valid or test); every other column may be
a label, and `cluster` says which items are homologues. A complex has several chains, "H,L" or "*" for all of a file, or
":" in its sequence. Paths are relative to the table. The table of alphafold_finetune (Motmaen et al. 2023) is read as
it is.
"""

import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from af2jax.data.parse import printable, read_bytes
from af2jax.data.structure import protein_chains
from af2jax.errors import InputError

STRUCTURES = (".cif", ".mmcif", ".pdb", ".ent")
SPLITS = ("train", "valid", "test")
SPLIT_ALIASES = {"training": "train", "validation": "valid", "val": "valid", "dev": "valid"}
ALIASES = {
    "name": "id",
    "targetid": "id",
    "structure": "file",
    "pdb_file": "file",
    "native_pdbfile": "file",
    "chain_id": "chain",
    "seq": "sequence",
    "mutated_sequence": "sequence",
    "target_chainseq": "sequence",
    "a3m": "msa",
    "alignment": "msa",
    "templates_alignfile": "aligned_templates",
    "native_alignstring": "placed",
}
COLUMNS = ("id", "sequence", "file", "chain", "msa", "templates", "aligned_templates", "placed", "weight", "split")


@dataclass(frozen=True)
class Item:
    """One protein of a data set, as its row says; nothing is read yet.

    Attributes:
        id: its name, the only one of its data set.
        where: file and line, for messages.
        folder: that paths are relative to.
        sequence: "" where the structure has it; "/" joins chains.
        file: the structure; None: only the sequence is known.
        chain: author's identifier; "": the only one; of a complex several joined by ",", or "*": all.
        msa: paths.
        templates: paths, each of a structure or "path:chain".
        aligned_templates: alphafold_finetune's table of templates.
        placed: pairs "position of the sequence:residue of the structure", counted from 0; "": as the file says.
        weight: how often it is drawn, beside the others.
        split: "train", "valid", "test", or "" where it is to be split.
        values: every other cell by column.
        known: makes the chain of an item whose structure was read before (`af2jax.data.packed`); then there is no file.
    """

    id: str
    where: str
    folder: Path = Path()
    sequence: str = ""
    file: Path | None = None
    chain: str = ""
    msa: tuple[Path, ...] = ()
    templates: tuple[str, ...] = ()
    aligned_templates: Path | None = None
    placed: str = ""
    weight: float = 1.0
    split: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    known: Callable | None = field(default=None, compare=False)


def read_dataset(path: str | os.PathLike) -> list[Item]:
    """The items of a table, of the structures in a folder and below it, or of a pack (`af2jax.data.packed`).

    Each protein chain of a file is an item, "1abc_A" where there are several; of chains of one sequence the first. A
    file that cannot be read is an item too, so that `preflight.check` can say why.

    Raises:
        InputError: it cannot be read, is empty, lacks a column, or two rows have one id; the message names the line.
    """
    path = Path(path)
    if path.suffix == ".npz":
        from af2jax.data.packed import unpack  # here, because a pack is made of items

        items = unpack(path)
    else:
        items = list(_folder(path) if path.is_dir() else _table(path))
    if not items:
        raise InputError(
            f"{path} has no structure ({', '.join(STRUCTURES)})" if path.is_dir() else f"{path} has no row"
        )
    seen: dict[str, str] = {}
    for item in items:
        if item.id in seen:
            raise InputError(
                f'{item.where}: a second item is called "{item.id}" (the first: {seen[item.id]}); rename it'
            )
        seen[item.id] = item.where
    return items


def columns(items: list[Item]) -> list[str]:
    """The columns that may be labels."""
    return list(dict.fromkeys(name for item in items for name in item.values))


def _folder(path: Path) -> Iterator[Item]:
    stem = lambda file: re.sub(r"\.gz$", "", file.name, flags=re.IGNORECASE)
    for file in sorted(path.rglob("[!.]*")):
        if not stem(file).lower().endswith(STRUCTURES) or not file.is_file():
            continue
        name = printable(str(file.relative_to(path).with_name(stem(file).rsplit(".", 1)[0])))
        where = printable(str(file))
        try:
            chains = protein_chains(file)
        except InputError:
            chains = {}
        if sum(map(len, chains.values())) < 2:
            yield Item(name, where, file=file)
        else:
            first = dict.fromkeys(same[0] for same in chains.values())
            yield from (Item(f"{name}_{chain}", where, file=file, chain=chain) for chain in first)


def _table(path: Path) -> Iterator[Item]:
    source, stem, names = printable(str(path)), path.name.split(".")[0], {}
    for line, cells in _rows(path):
        names = names or _names(list(cells))
        if not {"file", "sequence"} & set(names.values()):
            had = printable(", ".join(cells))
            raise InputError(f'{source} needs a column "file" (structures) or "sequence"; it has {had}')
        cells = {names[name]: cell.strip() for name, cell in cells.items()}
        yield _item(cells, f"{source}, line {line}", f"{stem}_{line}", path.parent)


def _names(header: list[str]) -> dict[str, str]:
    """What each column of a table is called here; the first of several that mean the same counts."""
    names = {name: name for name in header if name in COLUMNS}
    for name in header:
        known = name.lower() if name.lower() in COLUMNS else ALIASES.get(name.lower(), name)
        names.setdefault(name, name if known in names.values() else known)
    return names


def _item(cells: dict[str, str], where: str, default: str, folder: Path) -> Item:
    get = lambda name: cells.get(name, "")
    many = lambda name: [part.strip() for part in get(name).split(";") if part.strip()]
    if not get("file") and not get("sequence"):
        raise InputError(f"{where}: neither a file nor a sequence")
    try:
        weight = float(get("weight") or 1)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise InputError(f"{where}: the weight {get('weight')!r} is no number of 0 or more")
    split = get("split").lower()
    split = SPLIT_ALIASES.get(split, split)
    if split not in ("", *SPLITS):
        raise InputError(f"{where}: the split {get('split')!r} is not known; give {', '.join(SPLITS)}, or nothing")
    sequence = re.sub(r"\s|\*$", "", get("sequence")).upper()
    if odd := re.search("[^A-Z/:]", sequence):
        raise InputError(f"{where}: {odd[0]!r} in the sequence is not an amino-acid letter")
    file = locate(folder, get("file")) if get("file") else None
    if file is not None:
        default = file.name.split(".")[0] + (f"_{get('chain')}" if get("chain") else "")
    templates = locate(folder, get("aligned_templates")) if get("aligned_templates") else None
    return Item(
        id=printable(get("id") or default),
        where=where,
        folder=folder,
        sequence=sequence.replace(":", "/"),
        file=file,
        chain=get("chain"),
        msa=tuple(locate(folder, part) for part in many("msa")),
        templates=tuple(_template(folder, part) for part in many("templates")),
        aligned_templates=templates,
        placed=get("placed"),
        weight=weight,
        split=split,
        values={name: cell for name, cell in cells.items() if name not in COLUMNS},
    )


def locate(folder: Path, name: str) -> Path:
    """The file that a table in `folder` means: beside it, compressed, or under a path of which only the end is there.

    A file that is nowhere is returned as it was named, to be reported where it is read.
    """
    parts = Path(name).parts
    for start in range(len(parts)):
        place = folder.joinpath(*parts[start:])
        for file in (place, Path(f"{place}.gz")):
            if is_file(file):
                return file
        if Path(name).is_absolute():
            break
    return folder / name


def is_file(path: Path) -> bool:
    """Whether a file is there; False too for what is no path."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, a NUL
        return False


def _template(folder: Path, text: str) -> str:
    """ "path" or "path:chain", its file located."""
    path, colon, chain = text.rpartition(":")
    whole = locate(folder, text)
    return str(whole) if is_file(whole) or not path else f"{locate(folder, path)}{colon}{chain}"


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table by line, as text."""
    if path.suffix.lower() == ".parquet":
        yield from _parquet(path)
        return
    source = printable(str(path))
    try:
        text = read_bytes(path).decode("utf-8-sig")
        if "\0" in text:
            raise ValueError
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise InputError(f"{source} cannot be read: {reason}; give a CSV, TSV or Parquet table, or a folder") from None
    delimiter = "\t" if "\t" in text.split("\n", 1)[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if twice := {name for name in header if header.count(name) > 1}:
            raise InputError(f'{source}, line 1: two columns are called "{printable(min(twice))}"; rename one')
        for row in reader:
            if len(row) > len(header):
                raise InputError(f"{source}, line {reader.line_num}: {len(row)} cells under {len(header)} columns")
            if any(cell.strip() for cell in row):
                cells = dict.fromkeys(header, "") | dict(zip(header, row, strict=False))
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{source}, line {reader.line_num}: {error}") from None


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(f'{path}: Parquet needs pyarrow: pip install "af2jax[train]"') from None
    try:
        table = pyarrow.parquet.read_table(path)
        rows = table.to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        reason = printable(" ".join(str(error).split())[:200])
        raise InputError(f"{printable(str(path))} is no Parquet table that can be read: {reason}") from None
    for number, row in enumerate(rows, 1):
        yield number, {name: _text(cell) for name, cell in row.items()}


def _text(cell) -> str:
    """A cell as a text table would have it."""
    if isinstance(cell, list):
        return " ".join(_text(value) or "nan" for value in cell)
    return "" if cell is None or cell != cell else str(int(cell) if isinstance(cell, bool) else cell)
