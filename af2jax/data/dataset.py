"""Data sets: a folder of structures, or a table with a row for each protein, as items that can be looked at and loaded.

A table (CSV, TSV or with semicolons, which may be packed, or Parquet) has the columns `id`, `file` and `chain` (a
structure) or `sequence`, `msa` and `templates` (paths, several joined by ";"), `weight`, `split` (train, valid or test)
and `cyclic_chains` (joined by ","); every other column may be a label, and `cluster` says which items are homologues. A
complex has several chains, "H,L" or "*" for all of a file, or ":" in its sequence. Paths are relative to the table. The
table of alphafold_finetune (Motmaen et al. 2023) is read as it is, and so is a deep mutational scan in ProteinGym's
form: a column `mutant` (`data.mutants`) beside the wild type's sequence or the variant's.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from af2jax.data import formats, mutants, tables
from af2jax.data.cyclic import names
from af2jax.data.formats import is_file, locate
from af2jax.data.items import Item
from af2jax.data.packed import unpack
from af2jax.data.parse import bare, odd_letter, printable, read_text
from af2jax.data.structure import protein_chains
from af2jax.errors import InputError, few
from af2jax.words import counted

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
    "wildtype_sequence": "sequence",
    "wt_sequence": "sequence",
    "target_seq": "sequence",
    "target_chainseq": "sequence",
    "a3m": "msa",
    "alignment": "msa",
    "templates_alignfile": "aligned_templates",
    "native_alignstring": "placed",
}
COLUMNS = (
    "id",
    "sequence",
    "file",
    "chain",
    "msa",
    "templates",
    "aligned_templates",
    "placed",
    "weight",
    "split",
    "cyclic_chains",
)


def read_dataset(path: str | os.PathLike, repeated: dict[str, list[str]] | None = None) -> list[Item]:
    """The items of a table, of the structures in a folder and below it, or of a pack (`af2jax.data.packed`).

    Each protein chain of a file is an item, "1abc_A" where there are several; of chains of one sequence the first. A
    file that cannot be read is an item too, so that `preflight.check` can say why, and so is a mutant that does not fit
    its wild type.

    Args:
        repeated: gains the places of each id that stands several times, of which those after the first get a number; a
            row that cannot be read is then an item with a `fault`. None: either is an error.

    Raises:
        InputError: it cannot be read, is empty, lacks a column, or rows have one id; the message names the lines.
    """
    path = Path(path)
    if path.suffix == ".npz":
        items = unpack(path)
    else:
        items = list(_folder(path) if path.is_dir() else _table(path, strict=repeated is None))
    if not items:
        raise InputError(
            f"{path} has no structure ({', '.join(STRUCTURES)})" if path.is_dir() else f"{path} has no row"
        )
    places: dict[str, list[Item]] = {}
    for item in items:
        places.setdefault(item.id, []).append(item)
    twice = {name: same for name, same in places.items() if len(same) > 1}
    if repeated is None and twice:
        name, (first, second, *_) = next(iter(twice.items()))
        others = counted(len(twice) - 1, "more id stands", "more ids stand")
        more = f"; {others} twice: {few(list(twice)[1:], 10)}" if len(twice) > 1 else ""
        raise InputError(
            f'{second.where}: a second item is called "{name}" (the first: {first.where}); rename it{more}'
        )
    if repeated is not None:
        repeated.update({name: [item.where for item in same] for name, same in twice.items()})
        count: Counter[str] = Counter()
        for i, item in enumerate(items):
            count[item.id] += 1
            if count[item.id] > 1:
                name = f"{item.id}_{count[item.id]}"
                items[i] = replace(item, id=name if name not in places else f"{name} ({item.where})")
    return items


def columns(items: list[Item]) -> list[str]:
    """The columns that may be labels."""
    return list(dict.fromkeys(name for item in items for name in item.values))


def _folder(path: Path) -> Iterator[Item]:
    for file in sorted(path.rglob("[!.]*")):
        stem = formats.plain(file.name)
        if not stem.lower().endswith(STRUCTURES) or not file.is_file():
            continue
        name = printable(str(file.relative_to(path).with_name(stem.rsplit(".", 1)[0])))
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


def _table(path: Path, strict: bool) -> Iterator[Item]:
    source, stem, names = printable(str(path)), path.name.split(".")[0], {}
    rows = list(_rows(path))
    scan, found = mutants.column([cells for _, cells in rows]), []
    for line, cells in rows:
        names = names or _names(list(cells))
        if not {"file", "sequence"} & set(names.values()):
            had = printable(", ".join(cells))
            if scan:
                raise InputError(
                    f'{source} has mutants ("{printable(scan)}") and no wild type; add a column "sequence" with its '
                    'sequence in each row, or "file" with its structure'
                )
            raise InputError(
                f'{source} needs a column "file" (structures) or "sequence" (chains joined by ":"); it has {had}'
            )
        cells = {names[name]: cell.strip() for name, cell in cells.items()}
        where, default = f"{source}, line {line}", f"{stem}_{line}"
        try:
            item = _item(cells, where, default, path.parent)
        except InputError as error:
            if strict:
                raise
            item = Item(printable(cells.get("id", "") or default), where, path.parent, fault=str(error))
        found.append((item, _variant(item, cells[scan]) if scan and not item.fault else item))
    yield from _trusted(found)


def _trusted(found: list[tuple[Item, Item]]) -> Iterator[Item]:
    """The items of pairs (row, item). Where most mutants of one sequence do not fit it the others do by chance: numbers
    are shifted, or it is another protein. So these do not fit either; nor, where most take a sequence for the wild
    type, do those that only fit as the variant itself."""
    every = Counter(row.sequence for row, variant in found if variant.mutations)
    unfit = Counter(row.sequence for row, variant in found if variant.mutations and variant.fault)
    plain = Counter(row.sequence for row, variant in found if variant.mutations and variant.wild == row.sequence)
    for row, variant in found:
        wrong, of, why = unfit[row.sequence], every[row.sequence], ""
        named = ":".join(map(str, variant.mutations))
        if row.sequence and variant.mutations and not variant.fault:
            if 2 * wrong > of:
                why = f"mutant {named} fits by chance alone: {wrong} of {counted(of, 'mutant')} of its sequence do not"
            elif variant.wild != row.sequence and 2 * plain[row.sequence] > of:
                why = f"mutant {named} is in the sequence already, which is the wild type of the other rows"
        if why:  # the sequence is the wild type, whatever the mutant says
            variant = replace(row, mutations=variant.mutations, wild=row.sequence, fault=f"{row.where}: {why}")
        yield variant


def _variant(item: Item, cell: str) -> Item:
    """The row of a scan: its sequence that of the variant, whether the table has that or the wild type's."""
    try:
        item = replace(item, mutations=mutants.parse(cell))
        if not item.sequence:
            return item
        wild = mutants.wild_type(item.sequence, item.mutations)
        return replace(item, sequence=mutants.changed(wild, item.mutations), wild=wild)
    except InputError as error:
        return replace(item, fault=f"{item.where}: {error}")


def _names(header: list[str]) -> dict[str, str]:
    """What each column of a table is called here; the first of several that mean the same counts."""
    names = {name: name for name in header if name in COLUMNS}
    for name in header:
        known = name.lower() if name.lower() in COLUMNS else ALIASES.get(name.lower(), name)
        names.setdefault(name, name if known in names.values() else known)
    return names


def _item(cells: dict[str, str], where: str, default: str, folder: Path) -> Item:
    stated, cells = "cyclic_chains" in cells, defaultdict(str, cells)
    if not cells["file"] and not cells["sequence"]:
        raise InputError(f"{where}: neither a file nor a sequence")
    try:
        weight = float(cells["weight"] or 1)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise InputError(f"{where}: the weight {cells['weight']!r} is not a number of 0 or more")
    split = cells["split"].lower()
    split = SPLIT_ALIASES.get(split, split)
    if split not in ("", *SPLITS):
        raise InputError(f"{where}: the split {cells['split']!r} is not known; give {', '.join(SPLITS)}, or nothing")
    sequence = bare(cells["sequence"]).rstrip("*")
    if odd := re.search("[^A-Za-z/:]", sequence):
        raise InputError(f"{where}, position {odd.start() + 1} of the sequence: {odd_letter(odd[0])}")
    file = locate(folder, cells["file"]) if cells["file"] else None
    if file is not None:
        default = file.name.split(".")[0] + (f"_{cells['chain']}" if cells["chain"] else "")
    templates = locate(folder, cells["aligned_templates"]) if cells["aligned_templates"] else None
    return Item(
        id=printable(cells["id"] or default),
        where=where,
        folder=folder,
        sequence=sequence.upper().replace(":", "/"),
        file=file,
        chain=cells["chain"],
        msa=tuple(locate(folder, part) for part in _several(cells["msa"])),
        templates=tuple(_template(folder, part) for part in _several(cells["templates"])),
        aligned_templates=templates,
        placed=cells["placed"],
        weight=weight,
        split=split,
        cyclic_chains=names(cells["cyclic_chains"]) if stated else None,
        values={name: cell for name, cell in cells.items() if name not in COLUMNS},
    )


def _several(cell: str) -> list[str]:
    """What ";" separates in a cell."""
    return [part.strip() for part in cell.split(";") if part.strip()]


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
    yield from tables.rows(read_text(path), printable(str(path)))


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
        raise InputError(f"{printable(str(path))} is not a Parquet table that can be read: {reason}") from None
    for number, row in enumerate(rows, 1):
        yield number, {name: _text(cell) for name, cell in row.items()}


def _text(cell) -> str:
    """A cell as a text table would have it."""
    if isinstance(cell, list):
        return " ".join(_text(value) or "nan" for value in cell)
    return "" if cell is None or cell != cell else str(int(cell) if isinstance(cell, bool) else cell)
