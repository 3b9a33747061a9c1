"""Variants of one protein as tables of deep mutational scans name them: "A23G", several joined by ":".

A23G is glycine for the alanine at residue 23 of the wild type, counted from 1 (ProteinGym; Notin et al. 2023). HGVS's
"p.Ala23Gly" and "p.[Ala23Gly;Thr25Ser]" (MaveDB) say the same.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from af2jax.constants.residues import ONE_TO_THREE, RESTYPES, THREE_TO_ONE
from af2jax.errors import InputError
from af2jax.words import counted

COLUMNS = ("mutant", "mutation", "mutations", "variant", "hgvs_pro")
FORM = re.compile(r"([A-Za-z]|[A-Za-z]{3})(\d{1,6})([A-Za-z]{3}|[A-Za-z*=])")
JOINTS = re.compile(r"[:,;/+\s]+")
SEVERAL = re.compile(r"([A-Z]\d+)([ACDEFGHIKLMNPQRSTVWY]{2,})")  # two residues or more in place of one
INDEL = re.compile(r"del|ins|dup|fs|^-|-$|_[A-Za-z]*\d", re.IGNORECASE)  # insertions, deletions and frame shifts
LETTER_OF = {sign: sign for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ*="} | THREE_TO_ONE | {"TER": "*"}
WILD = ("", "wt", "wildtype", "wild-type", "wild type", "_wt", "p.=")
FARTHEST = 1000  # residues by which numbers are tried to be shifted


def column(rows: Sequence[Mapping[str, str]]) -> str:
    """The column of a table that names mutations; "": there is none, or most of its cells are something else."""
    for name in (name for name in (rows[0] if rows else ()) if name.strip().lower() in COLUMNS):
        cells = [cell for row in rows if (cell := row[name].strip()).lower() not in WILD]
        named = [cell for cell in cells if all(map(FORM.fullmatch, _parts(cell)))]
        if 2 * len(named) > len(cells):
            return name
    return ""


def _parts(text: str) -> list[str]:
    """The mutations of a cell as they stand."""
    return [part.strip("()") for part in JOINTS.split(text.strip().removeprefix("p.").strip("[]()"))]


def _other(wild: str, letters: str) -> str:
    """The first of the letters, or else of A and G, that is not the wild type."""
    return next(letter for letter in f"{letters}AG" if letter != wild)


class Mutation(NamedTuple):
    """One letter for another."""

    wild: str
    position: int  # from 1
    new: str

    def __str__(self) -> str:
        return f"{self.wild}{self.position}{self.new}"


def parse(text: str) -> tuple[Mutation, ...]:
    """The mutations of a cell; () of the wild type.

    Raises:
        InputError: it is not a list of mutations, or asks for a stop or for two letters in one place.
    """
    if text.strip().lower() in WILD:
        return ()
    found = []
    for part in _parts(text):
        match = FORM.fullmatch(part)
        wild, new = (LETTER_OF.get(match[i].upper(), "") for i in (1, 3)) if match else ("", "")
        if not wild or not new:
            raise InputError(f"mutant {text[:40]!r} {_unlike(part)}")
        if new == "*":
            raise InputError(f"mutant {text[:40]!r} has a stop codon, which leaves no whole protein; leave it out")
        new = wild if new == "=" else new
        found.append(Mutation(wild, int(match[2]), new))
    if len({mutation.position for mutation in found}) < len(found):
        raise InputError(f"mutant {text[:40]!r} changes one residue twice")
    return tuple(found)


def _unlike(part: str) -> str:
    """Why what stands for a mutation is not one, and what to do."""
    if INDEL.search(part):
        return "is an insertion or deletion, and is not of the form A23G: substitutions alone are read; leave it out"
    if found := SEVERAL.fullmatch(part.upper()):
        return (
            f"puts {len(found[2])} residues in place of one, which is an insertion: substitutions alone are read, such "
            f"as {found[1]}{_other(found[1][0], found[2])}; leave it out"
        )
    if re.fullmatch(r"[A-Za-z]+\d+", part):
        new = _other(LETTER_OF.get(part.rstrip("0123456789").upper(), ""), "G")
        return f"is not of the form A23G: it does not say what {part} becomes; write such as {part}{new}"
    return "is not of the form A23G, or A23G:T25S of several"


def wild_type(sequence: str, mutations: tuple[Mutation, ...]) -> str:
    """The wild type of a row, whose sequence may be that or the variant itself.

    Raises:
        InputError: a position lies beyond the sequence, or has neither the old letter nor the new one.
    """
    old = [_letter(sequence, m.position) == m.wild for m in mutations]
    if all(old):
        return sequence
    if all(_letter(sequence, m.position) == m.new for m in mutations):
        return changed(sequence, tuple(Mutation(m.new, m.position, m.wild) for m in mutations))
    wrong = mutations[old.index(False)]
    there = _letter(sequence, wrong.position) or f"nothing (it has {counted(len(sequence), 'residue')})"
    raise InputError(f"mutant {wrong}: residue {wrong.position} of the sequence is {there}, not {wrong.wild}")


def _letter(sequence: str, position: int) -> str:
    return sequence[position - 1] if 1 <= position <= len(sequence) else ""


def check(sequence: str, mutations: tuple[Mutation, ...]) -> None:
    """Passes if `sequence` is the wild type of these mutations.

    Raises:
        InputError: a position lies beyond it, or has another residue; both are named.
    """
    for mutation in mutations:
        there = _letter(sequence, mutation.position)
        if not there:
            raise InputError(
                f"mutant {mutation}: position {mutation.position} is past the end of the wild type, "
                f"which has {counted(len(sequence), 'residue')}"
            )
        if there != mutation.wild:
            raise InputError(
                f"mutant {mutation}: residue {mutation.position} of the wild type is {there}, not "
                f"{mutation.wild}; correct the residue or the position"
            )


def changed(sequence: str, mutations: tuple[Mutation, ...]) -> str:
    """The variant of a wild type."""
    letters = list(sequence)
    for mutation in mutations:
        letters[mutation.position - 1] = mutation.new
    return "".join(letters)


def shift(sequence: str, mutations: list[Mutation]) -> int | None:
    """What must be added to all positions so that the wild type has the letters that they name; 0: nothing.

    None where no one number fits 95 % of them: single letters are wrong, or it is another protein.
    """
    named = {(mutation.position, mutation.wild) for mutation in mutations}
    if not named:
        return 0

    def fits(by):
        return sum(_letter(sequence, position + by) == wild for position, wild in named)

    best = max(range(-FARTHEST, FARTHEST + 1), key=lambda by: (fits(by), -abs(by)))
    return best if fits(best) >= 0.95 * len(named) else None


@functools.cache
def blosum62() -> np.ndarray:
    """int [20 20] BLOSUM62 (Henikoff and Henikoff, PNAS 89, 10915, 1992) by code, as gemmi has it."""
    import gemmi

    scoring = gemmi.AlignmentScoring("b")
    scoring.gapo = scoring.gape = -100
    score = lambda a, b: gemmi.align_string_sequences([ONE_TO_THREE[a]], [ONE_TO_THREE[b]], [], scoring).score
    return np.array([[score(a, b) for b in RESTYPES] for a in RESTYPES])
