"""AlphaFold's relaxation (supplement, section 1.8.6): restrained minimisation, until no violation is left."""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from absl import logging

from af2jax.constants.atoms import C, N
from af2jax.constants.residues import THREE
from af2jax.data.cyclic import ring as cyclic_ring
from af2jax.errors import InputError, few
from af2jax.protein.files import Protein
from af2jax.relax.system import BROKEN, available, build, failures, segments
from af2jax.relax.violations import ends, mirrored, violating

ATTEMPTS = 3  # each from a start that is shaken more
NEAR = 0.5  # angstrom between two atoms, below which the force on them has no usable direction
CROWDED = 0.1  # share of atoms so near to another from which the input is a heap of atoms
SHAKE = 0.1  # angstrom, standard deviation of the moves of such atoms in the first attempt
FARTHEST = 1e6  # angstrom; coordinates beyond are errors
LISTED = 5  # residues named in a note


@dataclass(frozen=True)
class Relaxed:
    """A relaxed structure, and what relaxation did.

    Attributes:
        protein: with the atoms of the one given, elsewhere; the notes below are added to its own.
        energy_before: of the force field, kcal/mol; hydrogens and missing atoms were placed before.
        energy_after: the same at the end, without the restraints.
        rmsd: of the atoms, angstrom, without superposition.
        violations_before: number of residues (`af2jax.relax.violations`).
        violations_after: the same at the end.
        rounds: minimisations that were done.
        notes: what was done, and all that people must know of it.
    """

    protein: Protein
    energy_before: float
    energy_after: float
    rmsd: float
    violations_before: int
    violations_after: int
    rounds: int
    notes: tuple[str, ...]


def relax(
    protein: Protein,
    *,
    cyclic: Sequence[str] = (),
    gpu: bool = False,
    max_iterations: int = 2000,
    stiffness: float = 10.0,
    tolerance: float = 2.39,
    rounds: int = 3,
) -> Relaxed:
    """The protein at a nearby minimum of AMBER ff99SB, each heavy atom held to its place by a spring.

    While residues violate known geometry the minimisation is done again from where it ended, with these residues, and
    those of rounds before, not held. The result has the atoms of the input and no others: hydrogens and missing atoms
    are added for the force field and dropped. Residues of X, residues without N, CA and C, and residues joined to no
    other have no force field: they stay as they are, and the chain ends before them. Atoms on top of each other are
    first moved apart at random (fixed seed). Mirrored residues stay mirrored as a rule; notes name them.

    OpenMM adds up forces in an order that varies between threads, so that atoms differ from run to run by hundredths of
    an angstrom, some by tenths. With one thread (environment variable OPENMM_CPU_THREADS=1) every bit is the same.

    Args:
        cyclic: names of the chains whose last residue is bound to the first; these two residues are not held.
        gpu: compute with CUDA or OpenCL; else on the CPU.
        max_iterations: of L-BFGS in each round, 0 for no limit. AlphaFold has none, ColabFold 2000.
        stiffness: of the springs, kcal/mol/angstrom^2.
        tolerance: root mean square force at which minimisation ends, kcal/mol/nm. 2.39 is 10 kJ/mol/nm, AlphaFold's.
        rounds: at most; AlphaFold and ColabFold have 3.

    Raises:
        InputError: positions are not finite, a tenth of the atoms lie on others, no two residues are joined, a cyclic
            chain is not there, is broken or has its ends more than 10 angstrom apart, OpenMM is not installed or has
            no GPU platform, or three attempts gave no finite structure.
    """
    check_settings(max_iterations, stiffness, tolerance, rounds)
    if not (np.abs(protein.positions[protein.atom_mask]) < FARTHEST).all():  # NaN is not
        raise InputError(f"{protein.name}: positions are not finite, or beyond 1e6 angstrom; there is nothing to relax")
    version, runs = available(gpu), segments(protein)
    if not runs:
        raise InputError(
            f"{protein.name}: no two residues of known type with N, CA and C are joined, so nothing can be relaxed"
        )
    near = _near(protein)
    if near.sum() > CROWDED * protein.atom_mask.sum():
        raise InputError(
            f"{protein.name}: {near.sum()} of {protein.atom_mask.sum()} atoms are nearer than {NEAR} angstrom to "
            "another, so parts lie upon each other; this cannot be relaxed"
        )
    ring, rings = _rings(protein, cyclic, runs)
    left = np.setdiff1d(np.arange(len(protein.aatype)), np.concatenate(runs))
    notes = [f"relaxed with AMBER ff99SB ({version})"]
    notes += [f"bound head to tail: chain {name}" for name in cyclic]
    if len(left):
        notes.append(f"no force field, left as they were: {named(protein, left)}")
        logging.warning("no force field for these residues, which will stay as they are: %s", named(protein, left))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            system = build(protein, _shaken(protein, near, attempt), runs, gpu, rings)
            settings = max_iterations, stiffness, tolerance, rounds
            moved, before, after, done = _minimise(protein, system, ring, *settings)
            break
        except failures() as error:
            failure = error
    else:
        reason = " ".join(f"{type(failure).__name__} {failure}".split())[:150]
        raise InputError(f"{protein.name}: not relaxed, {ATTEMPTS} attempts failed ({reason})") from failure
    bad, mirror = violating(moved, ring), mirrored(moved)
    for what, residues in (
        ("atoms added for the force field, then dropped", system.completed),
        ("geometry still violated", np.flatnonzero(bad)),
        ("handed as D-amino acids", np.flatnonzero(mirror)),
        ("handedness changed", np.flatnonzero(mirror != mirrored(protein))),
    ):
        notes += [f"{what}: {named(protein, residues)}"] if len(residues) else []
    shift = (moved.positions - protein.positions)[system.residue, system.column]
    return Relaxed(
        protein=dataclasses.replace(moved, notes=(*protein.notes, *notes)),
        energy_before=before,
        energy_after=after,
        rmsd=float(np.sqrt(np.mean(np.sum(np.square(shift, dtype=np.float64), axis=-1)))),
        violations_before=int(violating(protein, ring).sum()),
        violations_after=int(bad.sum()),
        rounds=done,
        notes=tuple(notes),
    )


def check_settings(max_iterations: int, stiffness: float, tolerance: float, rounds: int) -> None:
    """Passes if the settings of `relax` are in range.

    Raises:
        InputError: one is not.
    """
    for name, value, good, range_ in (
        ("max_iterations", max_iterations, max_iterations >= 0, "0 (no limit) or more"),
        ("stiffness", stiffness, 0 <= stiffness < np.inf, "0 or more"),
        ("tolerance", tolerance, 0 < tolerance < np.inf, "a positive number"),
        ("rounds", rounds, rounds >= 1, "1 or more"),
    ):
        if not good:
            raise InputError(f"relaxation: {name}={value}; give {range_}")


def _rings(protein: Protein, cyclic: Sequence[str], runs: list[np.ndarray]) -> tuple[np.ndarray | None, list]:
    """`Features.ring` of a protein, and the rows of the first and last residue of each ring."""
    if not cyclic:
        return None, []
    chain, names = protein.chain_index, protein.names
    lengths = [int(np.sum(chain == i)) for i in names]
    ring = cyclic_ring(protein.residue_index, list(names.values()), lengths, cyclic, protein.name)
    rings = ends(ring, chain)
    for first, last in rings:
        what = f"{protein.name}: chain {names[int(chain[first])]} is cyclic"
        if not any(run[0] == first and len(run) == last - first + 1 for run in runs):
            raise InputError(f"{what}, and it is broken, or a residue has no force field: the ring cannot be closed")
        apart = float(np.linalg.norm(protein.positions[last, C] - protein.positions[first, N]))
        if apart > BROKEN:
            raise InputError(f"{what}, and its ends are {apart:.1f} angstrom apart, more than {BROKEN:g}: no ring")
    return ring, rings


def _minimise(protein, system, ring, max_iterations, stiffness, tolerance, rounds) -> tuple[Protein, float, float, int]:
    """The protein after at most `rounds` minimisations, the energy before and after, and the number of rounds."""
    before, free = system.energy(), np.zeros(len(protein.aatype), bool)
    if ring is not None:
        free[np.array(ends(ring, protein.chain_index))] = True
    for done in itertools.count(1):
        system.minimise(np.where(free[system.residue], 0, stiffness), tolerance, max_iterations)
        positions = protein.positions.copy()
        positions[system.residue, system.column] = system.positions()
        after = system.energy()
        if not np.isfinite([before, after]).all() or not np.isfinite(positions[protein.atom_mask]).all():
            raise FloatingPointError("energy or positions are not finite")
        moved = dataclasses.replace(protein, positions=positions)
        bad = violating(moved, ring)
        free |= bad
        if not bad.any() or done == rounds:
            return moved, before, after, done


def _near(protein: Protein) -> np.ndarray:
    """bool [N_res 37]: the atom is nearer than 0.5 angstrom to another one."""
    near, x = np.zeros_like(protein.atom_mask), np.asarray(protein.positions[protein.atom_mask], np.float64)
    near[protein.atom_mask] = [np.sum(np.sum((x - point) ** 2, axis=-1) < NEAR**2) > 1 for point in x]
    return near


def _shaken(protein: Protein, near: np.ndarray, attempt: int) -> np.ndarray:
    """The positions; atoms that lie on another one are moved at random, farther in each attempt."""
    noise = np.random.default_rng(attempt).normal(scale=SHAKE * attempt, size=protein.positions.shape)
    return np.where(near[..., None], protein.positions + noise, protein.positions)


def named(protein: Protein, rows: np.ndarray) -> str:
    """Residues by chain, number and type, the first few of them."""
    chains, number = protein.names, protein.residue_index + 1
    shown = [f"{chains[int(protein.chain_index[i])]}{number[i]} {THREE[protein.aatype[i]]}" for i in rows]
    return few(shown, LISTED)
