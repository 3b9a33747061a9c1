"""The known structures of a data set: experiments, what was not observed, secondary structure and compactness."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from af2jax.audit import distribution, reference
from af2jax.audit.distribution import Distribution
from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen

POOR = 3.5  # angstrom, above which positions of atoms are uncertain (AlphaFold's losses stop at 3.0)
RESIDUES, ATOMS, MANY = 0.8, 0.9, 0.1  # shares observed, at least; share of the structures that makes a finding
LOOSE = 1.35  # times the radius of a globular chain, above which one is extended


@dataclass(frozen=True)
class Structures:
    """What files know of chains; lengths in angstrom, shares from 0 to 1."""

    methods: Counter  # structures by experiment
    resolution: Distribution  # of those that state it
    poor: int  # resolutions above 3.5 angstrom
    observed: Distribution  # share of the residues
    atoms: Distribution  # share of the heavy atoms of observed residues
    gapped: int  # chains with a gap inside
    secondary: dict[str, float]  # shares of all residues: "helix", "strand" and "coil"
    residues: np.ndarray  # [N_structure] observed ones
    rg: np.ndarray  # [N_structure] radius of gyration
    loose: tuple[str, ...]  # items more than 1.35 times as wide as a globular chain

    def away(self, kind: str) -> float:
        """How far the share of a class of secondary structure is from the PDB's."""
        return abs(self.secondary[kind] - reference.SECONDARY[kind])


def study(seen: Sequence[Seen]) -> Structures | None:
    """None: there are no structures."""
    known = [one for one in seen if one.structure]
    if not known:
        return None
    length = np.array([one.length for one in known])
    resolution, observed, atoms, rg = (_column(known, name) for name in ("resolution", "observed", "atoms", "rg"))
    residues = observed * length
    loose = np.flatnonzero(rg > LOOSE * reference.radius(residues))
    return Structures(
        methods=Counter(one.structure.method or "not stated" for one in known),
        resolution=distribution.of(resolution),
        poor=int((resolution > POOR).sum()),
        observed=distribution.of(observed),
        atoms=distribution.of(atoms),
        gapped=sum(one.structure.inner > 0 for one in known),
        secondary={k: float(np.average(_column(known, k), weights=length)) for k in reference.SECONDARY},
        residues=residues,
        rg=rg,
        loose=tuple(known[i].item.id for i in loose),
    )


def _column(known: Sequence[Seen], name: str) -> np.ndarray:
    return np.array([getattr(one.structure, name) for one in known])


def findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Structures of poor resolution, and those that lack residues or atoms."""
    known = [one for one in seen if one.structure]
    few = MANY * len(known)
    poor = [one for one in known if one.structure.resolution > POOR]
    if len(poor) > few:
        yield Finding(
            "resolution",
            45,
            f"{len(poor)} of {len(known)} structures have a resolution above {POOR} angstrom",
            "Side chains and often the backbone are uncertain there: errors of the truth are measured as errors of "
            "the prediction.",
            "Keep them out of validation and test; AlphaFold's own losses use structures up to 3.0 angstrom.",
            tuple(f"{one.item.id}: {one.structure.resolution:.2f} angstrom" for one in poor),
        )
    absent = [one for one in known if one.structure.observed < RESIDUES]
    if len(absent) > few:
        yield Finding(
            "missing residues",
            40,
            f"{len(absent)} of {len(known)} structures lack more than a fifth of their residues",
            "Losses and metrics see observed residues alone, and those are the ordered ones.",
            "Do not read a good score as one for the whole chain; look at these by hand.",
            tuple(f"{one.item.id}: {one.structure.observed:.0%} observed" for one in absent),
        )
    bare = [one for one in known if one.structure.atoms < ATOMS]
    if len(bare) > few:
        yield Finding(
            "missing atoms",
            40,
            f"{len(bare)} of {len(known)} structures lack more than a tenth of their heavy atoms",
            "Side chains that are not there are not learnt.",
            "Use losses of the backbone (fape, distogram), or complete the structures.",
            tuple(f"{one.item.id}: {one.structure.atoms:.0%} of the atoms" for one in bare),
        )
