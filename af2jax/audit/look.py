"""One look at each item of a data set: its sequence, its structure and its alignment, in numbers."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from af2jax.constants.atoms import ATOM37_INDEX, ATOM37_MASK, CA
from af2jax.constants.residues import GAP, UNKNOWN
from af2jax.data.dataset import Item
from af2jax.data.examples import over_structure
from af2jax.data.items import read_item
from af2jax.data.msa import deduplicate
from af2jax.data.parse import printable
from af2jax.data.pipeline import join_alignments
from af2jax.data.structure import Chain
from af2jax.errors import InputError
from af2jax.folds.index import Entry
from af2jax.folds.neighbours import entry_of
from af2jax.protein.secondary import secondary
from af2jax.protein.shape import radius_of_gyration

DATE = re.compile(r"(\d{4})-(\d{2})(-(\d{2}))?")
DATES = re.compile(r"date|deposited|released", re.IGNORECASE)  # names of columns that hold one
SAMPLE = 1000  # rows that sequences are weighted among
ALIKE = 0.8  # identity from which two rows count as one sequence (Neff)
BINS = 20  # parts of a chain over which gaps are averaged
ENOUGH = 30  # sequences at a position, below which AlphaFold's accuracy falls (Jumper et al. 2021, figure 5a)


class StructureSummary(NamedTuple):
    """What a file knows of a chain: angstrom, shares of residues from 0 to 1."""

    resolution: float  # NaN: not stated
    method: str
    observed: float
    inner: int  # residues missing between observed ones of a chain
    atoms: float  # of the heavy atoms of observed residues, those observed
    helix: float
    strand: float
    coil: float
    rg: float  # of all chains together


class Rows(NamedTuple):
    """What an alignment knows of a chain."""

    depth: int  # distinct rows, with the query
    neff: float  # effective number of sequences at 80 % identity, among at most 1,000 rows
    sampled: bool
    coverage: float  # letters in the cells below the query
    shallow: float  # positions with fewer than 30 sequences
    gaps: np.ndarray  # [20] share of gaps in each twentieth of the chain


@dataclasses.dataclass(frozen=True)
class Seen:
    """An item, and what its files say of it; `problem`: why it cannot be used, or ""."""

    item: Item
    sequence: str = ""
    problem: str = ""
    date: str = ""
    structure: StructureSummary | None = None
    rows: Rows | None = None
    own_template: str = ""
    trace: Entry | None = None  # the CA atoms, of one chain with a known structure

    @property
    def length(self) -> int:
        return len(self.sequence.replace("/", ""))


def look(items: Sequence[Item], progress: Callable[[int, int], None] = lambda done, total: None) -> list[Seen]:
    """Looks at every item; `progress` is told how many are done, of how many."""
    seen = []
    for number, item in enumerate(items, 1):
        seen.append(_look(item))
        progress(number, len(items))
    return seen


def _look(item: Item) -> Seen:
    try:
        known = read_item(item)
    except InputError as error:
        return Seen(item, item.sequence, str(error), _date(item))
    sequence = item.sequence or "/".join(known.chains)
    found = Seen(item, sequence, "", _date(item, known.deposited), own_template=_own_template(item))
    if known.atom_mask.any():
        found = dataclasses.replace(found, structure=_structure(known, item), trace=entry_of(item.id, known))
    if item.msa:
        try:
            found = dataclasses.replace(found, rows=_rows(item, known))
        except InputError as error:
            found = dataclasses.replace(found, problem=str(error))
    return found


def _structure(known: Chain, item: Item) -> StructureSummary:
    seen = known.observed
    expected = ATOM37_MASK[known.aatype].copy()
    expected[:, ATOM37_INDEX["OXT"]] = False
    expected &= (seen & (known.aatype != UNKNOWN))[:, None]
    letters = secondary(known.aatype, known.positions, known.atom_mask, known.ids.asym_id)
    count = max(len(letters) - letters.count("-"), 1)
    numbers = [known.residue_index[part][seen[part]] for part in known.parts]
    return StructureSummary(
        resolution=known.resolution or _stated(item),
        method=printable(known.method or item.values.get("method", "")).lower(),
        observed=float(seen.mean()),
        inner=int(sum(own[-1] - own[0] + 1 - len(own) for own in numbers if len(own))),
        atoms=float((known.atom_mask & expected).sum() / max(expected.sum(), 1)),
        helix=letters.count("H") / count,
        strand=letters.count("E") / count,
        coil=letters.count("C") / count,
        rg=radius_of_gyration(known.positions[:, CA], known.atom_mask[:, CA]),
    )


def _stated(item: Item) -> float:
    """The resolution that the row has, in angstrom, where the file has none; NaN: neither has."""
    try:
        value = float(item.values.get("resolution", ""))
    except ValueError:
        return np.nan
    return value if value > 0 else np.nan


def _rows(item: Item, known: Chain) -> Rows:
    alignment = over_structure(known, item.msa).alignment if known.lengths else join_alignments(item.msa)
    if alignment is None:
        return Rows(1, 1.0, False, 0.0, 1.0, np.ones(BINS))
    codes = alignment.codes[deduplicate(alignment.codes)]
    present = codes != GAP
    gaps = 1 - (present[1:].mean(axis=0) if len(codes) > 1 else np.zeros(codes.shape[1]))
    part = np.arange(len(gaps)) * BINS // len(gaps)
    binned = np.bincount(part, gaps, BINS) / np.maximum(np.bincount(part, minlength=BINS), 1)
    chosen = codes
    if len(codes) > SAMPLE:
        rest = 1 + np.random.default_rng(0).permutation(len(codes) - 1)[: SAMPLE - 1]
        chosen = codes[np.concatenate([[0], np.sort(rest)])]
    shallow = float((present.sum(axis=0) < ENOUGH).mean())
    empty = len(gaps) < BINS
    return Rows(
        depth=len(codes),
        neff=effective(chosen),
        sampled=len(codes) > SAMPLE,
        coverage=float(1 - gaps.mean()),
        shallow=shallow,
        gaps=np.full(BINS, gaps.mean()) if empty else binned,
    )


def effective(codes: np.ndarray) -> float:
    """The effective number of sequences: each of `codes` [N_seq N_res] counts 1 / how many are 80 % identical to it.

    Identity is the share of equal letters among the positions where neither has a gap.
    """
    present = (codes != GAP).astype(np.float32)
    both = present @ present.T
    same = np.zeros_like(both)
    for letter in range(GAP):
        one = (codes == letter).astype(np.float32)
        same += one @ one.T
    alike = (same >= ALIKE * both) & (both > 0)
    np.fill_diagonal(alike, True)
    return float((1 / alike.sum(axis=1)).sum())


def _date(item: Item, deposited: str = "") -> str:
    """When it was deposited or released, as a column or the file says: "2018-04-30", or ""."""
    cells = [cell for name, cell in item.values.items() if DATES.search(name)]
    for cell in cells if any(cells) else [deposited]:
        if found := DATE.match(cell.strip()):
            return f"{found[1]}-{found[2]}-{found[4] or '01'}"
    return ""


def _own_template(item: Item) -> str:
    """A template that is the structure itself, or ""."""
    if item.file is None:
        return ""
    whole = lambda text: Path(text) if Path(text).exists() else Path(text.rpartition(":")[0])
    same = (text for text in item.templates if whole(text).resolve() == Path(item.file).resolve())
    return next(same, "")
