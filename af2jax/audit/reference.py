"""Proteins at large: published figures that a data set is compared with."""

import numpy as np

MONOMERS, COMPLEXES = "2018-04-30", "2021-09-30"  # training cut-offs of AlphaFold 2 and of AlphaFold-Multimer 2.3

# Percent of residues in UniProtKB/Swiss-Prot, from the statistics of its releases, in the order of RESTYPES.
_SWISSPROT = "8.25 5.53 4.06 5.46 1.38 3.93 6.72 7.07 2.27 5.91 9.65 5.80 2.41 3.86 4.74 6.65 5.36 1.10 2.92 6.86"
COMPOSITION = np.array(_SWISSPROT.split(), float) / sum(map(float, _SWISSPROT.split()))  # of ARNDCQEGHILKMFPSTWYV
COMPOSITION_SOURCE = "UniProtKB/Swiss-Prot release statistics"

# Shares of residues by DSSP in the 513 chains without homologues of Cuff and Barton (Proteins 34, 508-519, 1999),
# rounded to 0.01 or so; as in af2jax.protein.secondary all helices are one class, strands and isolated bridges another.
SECONDARY = {"helix": 0.35, "strand": 0.23, "coil": 0.42}
SECONDARY_SOURCE = "CB513, Cuff and Barton 1999"

LENGTH = 210  # residues, about the median of protein chains in the PDB
LENGTH_SOURCE = "roughly the median protein chain of the PDB"

RADIUS, POWER = 2.2, 0.38  # a globular chain of N residues has a radius of gyration of about 2.2 N^0.38 angstrom
RADIUS_SOURCE = "Skolnick, Kolinski and Ortiz, J. Mol. Biol. 265, 217-241, 1997"


def radius(length: float | np.ndarray) -> float | np.ndarray:
    """The radius of gyration of a globular chain of so many residues, in angstrom."""
    return RADIUS * length**POWER
