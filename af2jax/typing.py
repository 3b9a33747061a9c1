"""Array types for signatures, and the glossary of axis names and symbols.

Axes: ``N_res`` residues, ``N_seq`` clustered MSA rows, ``N_extra`` extra MSA rows, ``N_templ`` templates,
``N_cycle`` recycling passes, ``N_layer`` structure-module layers.

Symbols (the supplement's): ``m`` MSA representation [N_seq N_res c_m], ``e`` extra-MSA representation
[N_extra N_res c_e], ``z`` pair representation [N_res N_res c_z], ``s`` single representation [N_res c_s],
``t`` template pair representation [N_res N_res c_t], ``frames`` one rigid transformation per residue,
``torsions`` [N_res 7 2] the sine and cosine of pre-omega, phi, psi, chi 1 to 4.

In einsum strings: ``i j k`` residues, ``s t`` sequences, ``h`` heads, ``c d`` channels, ``p`` points, ``x y``
cartesian.
Lengths are in angstrom, angles in radians. Masks are boolean, True where something is present.
"""

from jax import Array
from jaxtyping import Bool, Float, Int

__all__ = ["Array", "Bool", "Float", "Int"]
