"""Where the residues of a chain stand in its full sequence."""

import re
from itertools import groupby, pairwise
from typing import NamedTuple

import gemmi
import numpy as np

from af2jax.constants.residues import UNKNOWN
from af2jax.data.monomer import code
from af2jax.data.parse import printable
from af2jax.errors import InputError
from af2jax.typing import Int

Missing = list[tuple[int, tuple[int, str]]]  # code of the type, (number, insertion code)


class Site(NamedTuple):
    """One place in the chain."""

    residue: gemmi.Residue  # of several types the one of highest occupancy
    codes: frozenset[int]  # of all its types

    def __str__(self) -> str:
        return printable(f"{self.residue.name} {self.residue.seqid}")

    @property
    def number(self) -> int:
        return self.residue.seqid.num


def sites(residues: list[gemmi.Residue], where: str) -> list[Site]:
    """One for each place that has atoms, in the order of the file.

    Raises:
        InputError: two residues have one number and are not alternates of each other, or one has no number.
    """
    found = []
    for key, group in groupby((r for r in residues if len(r)), key=lambda r: (str(r.seqid), r.label_seq)):
        options = list(group)
        if options[0].seqid.num is None and options[0].label_seq is None:
            raise InputError(f"{where}: residue {printable(options[0].name)} has no number; correct it")
        if len(options) > 1 and any(atom.altloc == "\0" for residue in options for atom in residue):
            names = printable(" and ".join(r.name for r in options))
            raise InputError(f"{where}: {names} are both numbered {key[0]} and are not alternates; renumber them")
        best = max(options, key=lambda residue: float(np.mean([atom.occ for atom in residue])))
        found.append(Site(best, frozenset(code(r.name) for r in options)))
    return found


def numbering(sites: list[Site]) -> Int[np.ndarray, " N_site"]:
    """int32 [N_res] from 0: the file's numbers; where they do not rise (insertion codes) the next one."""
    labels = [site.residue.label_seq for site in sites]
    numbers = [site.number for site in sites] if None in labels else labels
    return np.cumsum([0, *(max(b - a, 1) for a, b in pairwise(numbers))]).astype(np.int32)


def place(sites: list[Site], sequence: list[str], missing: Missing, where: str) -> list[int]:
    """The position of each site in the full sequence, as the file says it.

    mmCIF states it. In PDB files the sites and the residues that REMARK 465 lists as missing make up the sequence, or
    else the residue numbers do, shifted by one number. Where neither fits the sequence (insertion codes, numbers that
    jump) it is gemmi's alignment, which opens gaps where the chain is broken.

    Args:
        sequence: three-letter names, variants joined by ",".
        missing: what REMARK 465 lists, in its order.

    Raises:
        InputError: a residue is of another type than the sequence has there, or has no place, or several fit.
    """
    stated = [frozenset(code(name) for name in names.split(",")) for names in sequence]
    if None not in (labels := [site.residue.label_seq for site in sites]):
        found = [label - 1 for label in labels]
    else:
        found = _merge(sites, stated, missing) or _shift(sites, stated, where) or _align(sites, sequence)
    for i, before, site in zip(found, [-1, *found], sites, strict=False):
        if i is None or not before < i < len(sequence):
            raise InputError(
                f"{where}: residue {site} has no place in the file's own sequence of {len(sequence)} residues; "
                "correct or delete the sequence records"
            )
        if not _agree(site.codes, stated[i]):
            raise InputError(
                f"{where}: residue {site.residue.seqid} is {printable(site.residue.name)}, position {i + 1} of the "
                f"file's own sequence is {printable(sequence[i])}; correct or delete the sequence records"
            )
    return found


def _agree(a: frozenset[int], b: frozenset[int]) -> bool:
    return UNKNOWN in a or UNKNOWN in b or bool(a & b)


def _merge(sites: list[Site], stated: list[frozenset[int]], missing: Missing) -> list[int] | None:
    """The sites and the missing residues, both in order, dealt out over a sequence that has as many positions.

    Where both fit a position, the lower number goes first. None: they do not make up the sequence.
    """
    if len(sites) + len(missing) != len(stated):
        return None
    found: list[int] = []
    for i, codes in enumerate(stated):
        site = sites[len(found)] if len(found) < len(sites) else None
        gap = missing[i - len(found)] if i - len(found) < len(missing) else None
        here = site is not None and _agree(site.codes, codes)
        absent = gap is not None and _agree(frozenset([gap[0]]), codes)
        if here and not (absent and gap[1] < (site.number, site.residue.seqid.icode)):
            found.append(i)
        elif not absent:
            return None
    return found


def _shift(sites: list[Site], stated: list[frozenset[int]], where: str) -> list[int] | None:
    """Residue numbers less the one number with which the types agree with the sequence; None: no number does.

    If several do, the numbers count the sequence from 1.
    """
    numbers = np.array([site.number for site in sites])
    if (np.diff(numbers) < 1).any():
        return None
    shifts = [
        shift
        for shift in range(numbers[-1] - len(stated) + 1, numbers[0] + 1)
        if all(_agree(site.codes, stated[site.number - shift]) for site in sites)
    ]
    if len(shifts) > 1 and 1 not in shifts:
        raise InputError(
            f"{where}: the residues fit {len(shifts)} places of the file's own sequence; list the missing ones "
            "(REMARK 465), number the residues as the sequence, or give mmCIF"
        )
    shift = 1 if 1 in shifts else next(iter(shifts), None)
    return None if shift is None else [int(number) - shift for number in numbers]


def _align(sites: list[Site], sequence: list[str]) -> list[int | None]:
    chain = gemmi.Chain("A")
    for site in sites:
        chain.add_residue(site.residue)
    result = gemmi.align_sequence_to_polymer(sequence, chain.whole(), gemmi.PolymerType.PeptideL)
    place, i = [], 0
    for length, operation in re.findall(r"(\d+)([MID])", result.cigar_str()):
        place += {"M": range(i, i + int(length)), "I": [], "D": [None] * int(length)}[operation]
        i += int(length) if operation != "D" else 0
    return place
