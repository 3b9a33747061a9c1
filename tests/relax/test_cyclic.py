"""Relaxation of cyclic chains: the ring closes, and its ends lose what free ends have."""

from dataclasses import replace

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_INDEX, C, N
from af2jax.errors import InputError
from af2jax.metrics.stereochemistry import clashes
from af2jax.relax import relax
from af2jax.relax.violations import violating
from tests.relax.peptides import changed, peptide, together

pytest.importorskip("openmm", reason="OpenMM is not installed")
pytest.importorskip("pdbfixer", reason="PDBFixer is not installed")

pytestmark = pytest.mark.medium("minimises peptides")


def bent(sequence: str):
    """An extended chain bent to a ring that is not quite closed."""
    one = peptide(sequence)
    own = one.positions[one.atom_mask].astype(np.float64)
    axes = np.linalg.svd(own - own.mean(0), full_matrices=False)[2]
    flat = lambda x: (x - own.mean(0)) @ axes.T
    length = np.ptp(flat(own)[:, 0]) + 2.0

    def onto(x):
        along, across, up = np.moveaxis(flat(x.astype(np.float64)), -1, 0)
        angle, radius = 2 * np.pi * along / length, length / (2 * np.pi) + across
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), up], axis=-1) * one.atom_mask[..., None]

    return changed(one, onto)


def closing(protein, first=0, last=-1) -> float:
    return float(np.linalg.norm(protein.positions[last, C] - protein.positions[first, N]))


@pytest.mark.parametrize("sequence", ["GAKDWGNSAG", "PAKDCGNSAH", "HAKDFGNSTP"])
def test_the_ring_closes(sequence):
    """Whatever residue is first or last; without the ring it stays open, and its bond would count as a clash."""
    one = bent(sequence)
    found = relax(one, cyclic=("A",))
    ring = np.full(len(sequence), len(sequence))
    assert closing(one) > 1.6 and abs(closing(found.protein) - 1.33) < 0.05
    assert found.violations_after == violating(found.protein, ring).sum() == 0
    where = (found.protein.positions, found.protein.atom_mask, found.protein.residue_index, found.protein.chain_index)
    assert clashes(*where, ring).count == 0 < clashes(*where).count
    assert violating(one, ring)[[0, -1]].all()
    assert found.notes[1] == "bound head to tail: chain A"
    assert (found.protein.atom_mask == one.atom_mask).all() and not found.protein.atom_mask[-1, ATOM37_INDEX["OXT"]]
    assert abs(closing(relax(one).protein) - 1.33) > 0.3


def test_a_ring_beside_a_chain_with_ends():
    """It is the second chain, and it alone is closed."""
    far = changed(bent("GAKDWGNSAG"), lambda x: x + 40)
    two = replace(together(peptide("GACDW"), far), chain_names=("H", "L"))
    found = relax(two, cyclic=("L",)).protein
    assert abs(closing(found, 5, 14) - 1.33) < 0.05 and closing(found, 0, 4) > 5


def test_what_cannot_be_closed():
    one = bent("GAKDWGNSAG")
    with pytest.raises(InputError, match=r'^q: no chain is called "B", which is to be cyclic; give one of A$'):
        relax(one, cyclic=("B",))
    with pytest.raises(
        InputError, match=r"^q: chain A is cyclic, and its ends are 3\d\.\d angstrom apart, more than 10"
    ):
        relax(peptide("GAKDWGNSAG"), cyclic=("A",))
    unknown = replace(one, aatype=np.where(np.arange(10) == 4, 20, one.aatype))
    with pytest.raises(InputError, match="chain A is cyclic, and it is broken, or a residue has no force field"):
        relax(unknown, cyclic=("A",))
