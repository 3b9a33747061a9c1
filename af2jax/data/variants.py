"""Tables of variants of one wild type: read and written as ProteinGym has them, and as arrays for heads of variants."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.residues import CODES, RESTYPES
from af2jax.data import msa as msa_ops
from af2jax.data import mutants, tables
from af2jax.data.alignment import with_query
from af2jax.data.labels import limit
from af2jax.data.mutants import Mutation, changed
from af2jax.data.parse import printable, read_text
from af2jax.data.pipeline import Read, draw
from af2jax.errors import InputError

SEQUENCE, MEASURED = "mutated_sequence", "DMS_score"  # ProteinGym's columns beside "mutant"
SCORES = (MEASURED, "score")  # columns that hold what was measured
Mutations = tuple[Mutation, ...]


@dataclass(frozen=True)
class Table:
    """Variants in the order of a file.

    Attributes:
        mutations: of each; () of the wild type.
        value: float64 [N_var] what was measured, NaN where unknown; None: the file has no such column.
        bound: int [N_var] 0: measured, 1: the value or more (">5"), -1: the value or less ("<5").
    """

    mutations: tuple[Mutations, ...]
    value: np.ndarray | None
    bound: np.ndarray


def read(path: Path, wild: str) -> Table:
    """The variants in a file: a table with a column "mutant", as ProteinGym has it, or a plain "A23G" on each line.

    Raises:
        InputError: a variant is of another wild type, past its end, no substitution, or of no amino acid; a score is no
            number; `mutated_sequence` is another; there is no variant. File and line are named.
    """
    source, text = printable(str(path)), read_text(path)
    header = tables.header(text)
    named = [name for name in header if name.lower() in mutants.COLUMNS]
    if named:
        rows = [(line, row[named[0]], row) for line, row in tables.rows(text, source)]
    elif len(header) > 1:
        raise InputError(f'{source} has no column "mutant" (it has {printable(", ".join(header))}); add one')
    else:
        rows = [(line, cell.strip(), {}) for line, cell in enumerate(text.splitlines(), 1) if cell.strip()]
    if not rows:
        raise InputError(f"{source} has no variant; give one on each line, such as A23G")
    column = next((name for name in SCORES if name in header), None)
    found = [_row(wild, cell, row, column, f"{source}, line {line}") for line, cell, row in rows]
    variants, values, bounds = zip(*found, strict=True)
    return Table(variants, None if column is None else np.array(values, float), np.array(bounds, int))


def _row(wild: str, cell: str, row: dict, column: str | None, where: str) -> tuple[Mutations, float, int]:
    try:
        variant = substitutions(wild, cell)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if (given := row.get(SEQUENCE, "").upper()) and given != changed(wild, variant):
        raise InputError(f"{where}: {SEQUENCE} is not the wild type with {cell}; correct one of the two")
    if column is None or row[column].lower() in ("", "na", "nan"):
        return variant, np.nan, 0
    bound, number = limit(row[column])
    try:
        value = float(number)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f'{where}, column "{column}": expected a number, got {row[column][:40]!r}')
    return variant, value, bound


def substitutions(wild: str, text: str) -> Mutations:
    """The mutations in a cell, each of one amino acid for another in `wild`; () of the wild type.

    Raises:
        InputError: as in `mutants.parse` and `mutants.check`; or one of the two is X or no amino acid.
    """
    found = mutants.parse(text)
    mutants.check(wild, found)
    variant = tuple(mutation for mutation in found if mutation.new != mutation.wild)
    if odd := [str(one) for one in variant if one.new not in RESTYPES or one.wild not in RESTYPES]:
        raise InputError(f"mutant {odd[0]} is not of two of the 20 amino acids ({RESTYPES})")
    return variant


def singles(wild: str, positions: Iterable[int]) -> tuple[Mutations, ...]:
    """All substitutions of one residue at `positions`, from 1; an unknown residue (X) has none.

    Raises:
        InputError: a position is past the end.
    """
    found: list[Mutations] = []
    for position in positions:
        if not 1 <= position <= len(wild):
            raise InputError(f"position {position} is past the end: the wild type has residues 1 to {len(wild)}")
        old = wild[position - 1]
        found += [(Mutation(old, position, new),) for new in RESTYPES if new != old and old in RESTYPES]
    return tuple(found)


def name(variant: Mutations) -> str:
    """As ProteinGym names it: "A23G:T25S"; "" of the wild type."""
    return ":".join(map(str, variant))


def written(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A table as text; numbers with six digits, nothing where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if x != x else f"{x:.6g}" if isinstance(x, float) else x for x in row])
    return out.getvalue()


def numbered(variants: Sequence[Mutations], most: int | None = None) -> schema.Variants:
    """Variants as arrays without values; `most`: mutations of one that there is room for, None: as many as any has."""
    most = max([1, *map(len, variants)]) if most is None else most
    position, new = np.zeros((2, len(variants), most), np.int32)
    mask = np.zeros((len(variants), most), bool)
    for i, variant in enumerate(variants):  # by position, so that sums are taken in one order
        for j, mutation in enumerate(sorted(variant, key=lambda mutation: mutation.position)):
            position[i, j], new[i, j], mask[i, j] = mutation.position - 1, CODES[mutation.new], True
    unknown, measured = np.full(len(variants), np.nan, np.float32), np.zeros(len(variants), np.int32)
    return schema.Variants(position, new, mask, unknown, measured)


def labelled(
    variants: Sequence[Mutations],
    value: Sequence[float] | Sequence[int] | np.ndarray,
    bound: Sequence[int] | np.ndarray | None = None,
    *,
    ranks: bool = False,
    most: int | None = None,
    assay: str = "the assay",
) -> schema.Variants:
    """Variants with what was measured of them, as `targets.labels` of a "variant" head has it.

    Args:
        value: of each, NaN where unknown; of classes integers, -1 where unknown.
        bound: see `schema.Variants`; None: all are measured.
        ranks: the head learns their order.
        assay: for messages.

    Raises:
        InputError: nothing is known; or the order is to be learnt of one variant, or of labels that are all equal.
    """
    value = np.asarray(value)
    value = value.astype(np.int32 if value.dtype.kind in "iu" and not ranks else np.float32)
    known = value[value >= 0] if value.dtype.kind == "i" else value[~np.isnan(value)]
    if not len(known):
        raise InputError(f"{assay} has no variant with a label; leave it out")
    if ranks and len(known) == 1:
        raise InputError(f"{assay} has one variant with a label, which has no order; give two or more, or leave it out")
    if ranks and np.ptp(known) == 0:
        raise InputError(f"{assay}: all {len(known)} labels are {known[0]:g}, which have no order; leave it out")
    found = numbered(variants, most)
    return found.replace(value=value, bound=found.bound if bound is None else np.asarray(bound, np.int32))


def features(known: Read, variant: Mutations, seed: int, config: Config, cycles: int | None = None) -> schema.Features:
    """What the network reads of a variant: the alignment of the wild type with the variant as its first row, of which
    nothing is masked, so that variants differ in nothing but their mutations. () is the wild type itself."""
    found = known.assembly
    alignment = with_query(found.alignment, changed(found.alignment.query, variant))
    read = replace(known, assembly=found._replace(alignment=alignment), profile=msa_ops.profile(alignment.codes))
    return draw(read, seed, config, cycles, np.zeros(len(alignment.query), bool))


def stacked(every: Sequence[schema.Features]) -> schema.Features:
    """Features of one shape with a leading axis."""
    return jax.tree.map(lambda *x: np.stack(x), *every)
