"""The sequences of a data set: how long they are, and which residues they have beside proteins at large."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit import distribution, reference
from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.constants.residues import RESTYPES, UNKNOWN, encode

CROPS = (32, 64, 96, 128, 192, 256, 384)  # residues
SHORT = 40  # residues, below which a chain is a peptide and not a fold
FAR = 0.12  # of the composition, that another domain differs by (half the sum of differences)


@dataclass(frozen=True)
class Lengths:
    """Lengths of full sequences."""

    residues: distribution.Distribution
    crop: int  # the least usual one in which 95 % of the chains fit, at most 384 residues
    whole: float  # share of the chains that fit in it


@dataclass(frozen=True)
class Composition:
    """The composition of proteins without homologues, and how far it is from Swiss-Prot's."""

    residues: int
    shares: np.ndarray  # [20] among the known residues
    unknown: float  # share among all
    distance: float  # share of the residues that would have to change
    chance: float  # the distance that so many residues drawn from Swiss-Prot are expected to have
    order: np.ndarray  # the types, [20], those that differ most first

    @property
    def foreign(self) -> bool:
        """Whether it is another composition than Swiss-Prot's, by more than chance."""
        return self.distance > FAR + self.chance


def lengths(seen: Sequence[Seen]) -> Lengths:
    """Of chains, each with a sequence."""
    length = np.array([one.length for one in seen])
    need = np.quantile(length, 0.95)
    crop = next((size for size in CROPS if size >= need), CROPS[-1])
    return Lengths(distribution.of(length), crop, float((length <= crop).mean()))


def composition(apart: Sequence[Seen]) -> Composition:
    """Of one protein for each cluster of homologues."""
    codes = encode("".join(one.sequence.replace("/", "") for one in apart))
    counts = np.bincount(codes, minlength=UNKNOWN + 1)
    shares = counts[:UNKNOWN] / max(counts[:UNKNOWN].sum(), 1)
    spread = np.sqrt(reference.COMPOSITION * (1 - reference.COMPOSITION)).sum()
    chance = float(spread / np.sqrt(2 * np.pi * max(len(codes), 1)))
    order = np.argsort(-np.abs(shares - reference.COMPOSITION))
    return Composition(len(codes), shares, float((codes == UNKNOWN).mean()), distance(shares), chance, order)


def distance(shares: np.ndarray) -> float:
    """Half the sum of differences from Swiss-Prot."""
    return float(np.abs(shares - reference.COMPOSITION).sum() / 2)


def findings(seen: Sequence[Seen], known: Composition) -> Iterator[Finding]:
    """Many unknown residues, another composition than that of proteins at large, and sets of peptides."""
    shares = [(one.item.id, float((encode(one.sequence.replace("/", "")) == UNKNOWN).mean())) for one in seen]
    unknown = [f"{name}: {share:.0%} X" for name, share in shares if share > 0.05]
    if unknown:
        yield Finding(
            "unknown residues",
            45 if len(unknown) > 0.02 * len(seen) else 30,
            f"{len(unknown)} of {len(seen)} sequences have more than 5 % unknown residues (X)",
            "X has no side chain and no meaning to the network; many of them make a protein unlike all others.",
            "Replace modified residues by their parents, or leave these items out.",
            tuple(unknown),
        )
    if known.foreign:
        at_large = reference.COMPOSITION
        yield Finding(
            "another domain",
            30,
            f"{known.distance:.0%} of the residues would have to change for the composition of proteins at large",
            f"Compared with {reference.COMPOSITION_SOURCE}. Designed, repetitive, membrane or disordered proteins "
            "look like this.",
            "Do not take AlphaFold's published accuracy for yours: evaluate before tuning.",
            tuple(f"{RESTYPES[i]}: {known.shares[i]:.1%} here, {at_large[i]:.1%} at large" for i in known.order[:5]),
        )
    peptides = [f"{one.item.id}: {one.length}" for one in seen if one.length < SHORT]
    if len(peptides) > 0.5 * len(seen):
        yield Finding(
            "peptides",
            25,
            f"{len(peptides)} of {len(seen)} chains are shorter than {SHORT} residues",
            "AlphaFold was trained on proteins; peptides seldom have one structure.",
            "Read pLDDT with care.",
            tuple(peptides),
        )
