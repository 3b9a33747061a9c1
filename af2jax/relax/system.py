"""From a protein to what OpenMM minimises: complete residues with hydrogens under AMBER ff99SB, held in place.

OpenMM and PDBFixer are an extra of the installation and are imported where they are used.
"""

import io
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from af2jax.constants.atoms import ATOM37, ATOM37_INDEX, ATOM37_MASK, CA, C, N
from af2jax.constants.residues import THREE, UNKNOWN
from af2jax.errors import InputError
from af2jax.protein.files import Protein

FORCE_FIELD = "amber99sb.xml"
OXT = ATOM37_INDEX["OXT"]
BOND = 2.0  # angstrom from C to N, below which residues are joined whatever their numbers
BROKEN = 10.0  # angstrom from C to N, above which residues of successive numbers are no longer joined
N_H = 1.01  # angstrom
KILOCALORIE, ANGSTROM = 4.184, 0.1  # in OpenMM's kilojoules and nanometres
_ONE_ATOM = "ATOM      1  CA  GLY A   1       0.000   0.000   0.000  1.00  0.00           C\nEND\n"


class System(NamedTuple):
    """What OpenMM minimises, and which of its particles are atoms of the protein."""

    context: object  # openmm.Context; forces of group 0 are the force field, of group 1 the springs
    springs: object  # openmm.CustomExternalForce; its particle i is atom i of the three arrays
    particle: np.ndarray  # int [N_atom]
    residue: np.ndarray  # int [N_atom] rows of the protein
    column: np.ndarray  # int [N_atom] columns of atom37
    completed: np.ndarray  # int, rows of residues that got other atoms than hydrogens and a terminal OXT

    def energy(self) -> float:
        """Of the force field alone, in kcal/mol."""
        state = self.context.getState(getEnergy=True, groups={0})
        return state.getPotentialEnergy() / _library().unit.kilocalorie_per_mole

    def positions(self) -> np.ndarray:
        """[N_atom 3] of the protein's atoms, in angstrom."""
        state = self.context.getState(getPositions=True)
        return (state.getPositions(asNumpy=True) / _library().unit.angstrom)[self.particle]

    def minimise(self, stiffness: np.ndarray, tolerance: float, max_iterations: int) -> None:
        """L-BFGS, every atom of the protein held where it is now by a spring of `stiffness` [N_atom].

        Args:
            stiffness: in kcal/mol/angstrom^2.
            tolerance: root mean square force at which it ends, in kcal/mol/nm.
            max_iterations: 0 for no limit.
        """
        springs = np.column_stack([stiffness * KILOCALORIE / ANGSTROM**2, self.positions() * ANGSTROM])
        for i, (particle, spring) in enumerate(zip(self.particle, springs, strict=True)):
            self.springs.setParticleParameters(i, int(particle), spring)
        self.springs.updateParametersInContext(self.context)
        _library().LocalEnergyMinimizer.minimize(self.context, tolerance * KILOCALORIE, max_iterations)


def available(gpu: bool = False) -> str:
    """The version of OpenMM and the platform that it computes on, for people.

    Raises:
        InputError: OpenMM or PDBFixer is not installed, or OpenMM has no such platform.
    """
    openmm = _library()
    return f"OpenMM {openmm.version.version.split('.dev')[0]} on {_platform(openmm, gpu).getName()}"


def segments(protein: Protein) -> list[np.ndarray]:
    """Rows of residues that follow each other by peptide bonds, two or more; the force field has no others.

    Residues of X, or without N, CA or C, are in none. Successive numbers in one chain are joined up to 10 angstrom
    from C to N, others below 2 angstrom.
    """
    rows = np.flatnonzero((protein.aatype != UNKNOWN) & protein.atom_mask[:, [N, CA, C]].all(axis=1))
    before, after = rows[:-1], rows[1:]
    length = np.linalg.norm(protein.positions[after, N] - protein.positions[before, C], axis=-1)
    follows = protein.residue_index[after] - protein.residue_index[before] == 1
    joined = protein.chain_index[after] == protein.chain_index[before]
    joined &= length < np.where(follows, BROKEN, BOND)
    return [run for run in np.split(rows, np.flatnonzero(~joined) + 1) if len(run) > 1]


def build(
    protein: Protein,
    positions: np.ndarray,
    runs: list[np.ndarray],
    gpu: bool,
    rings: Sequence[tuple[int, int]] = (),
) -> System:
    """The segments `runs` with all their atoms, at `positions` [N_res 37 3] in angstrom, nothing held yet.

    PDBFixer adds heavy atoms that are missing, OpenMM hydrogens as at pH 7 and disulfide bonds between SG that are
    nearer than 3 angstrom.
    `rings`: rows of the first and last residue of cyclic chains, each of which is a run; these are bound to each other.
    """
    openmm = _library()
    platform = _platform(openmm, gpu)
    present = protein.atom_mask & ATOM37_MASK[protein.aatype]
    last = [run[-1] for run in runs]
    present[last, OXT] = protein.atom_mask[last, OXT] & ~np.isin(last, [end for _, end in rings])
    topology, completed = _topology(openmm, protein, positions, present, runs, platform)

    force_field = openmm.app.ForceField(FORCE_FIELD)
    modeller = openmm.app.Modeller(*topology)
    with seeded():
        modeller.addHydrogens(force_field, platform=platform)
    rows = np.concatenate(runs)
    _close(openmm, modeller, [tuple(np.flatnonzero(np.isin(rows, ring)).tolist()) for ring in rings])
    system = force_field.createSystem(modeller.topology, constraints=openmm.app.HBonds)
    springs = openmm.CustomExternalForce("0.5 * k * ((x - x0)^2 + (y - y0)^2 + (z - z0)^2)")
    for name in ("k", "x0", "y0", "z0"):
        springs.addPerParticleParameter(name)
    springs.setForceGroup(1)
    found = []
    for atom in modeller.topology.atoms():
        row, column = rows[atom.residue.index], ATOM37_INDEX.get(atom.name, OXT)
        if atom.name in ATOM37_INDEX and present[row, column]:
            found.append((atom.index, row, column))
            springs.addParticle(atom.index, [0, 0, 0, 0])
    system.addForce(springs)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(modeller.positions)
    return System(context, springs, *np.array(found).T, completed)


def _close(openmm, modeller, rings: Sequence[tuple[int, int]]) -> None:
    """Binds the first and the last residue of each ring, numbers of residues, which lose what free ends have: OXT, and
    all hydrogens of N but one (proline: all), which then lies in the plane of the bond."""
    if not rings:
        return
    residues = list(modeller.topology.residues())
    free = [atom for first, last in rings for atom in residues[last].atoms() if atom.name == "OXT"]
    for first, _ in rings:
        ammonium = _on_n(modeller.topology, residues[first])
        free += ammonium if residues[first].name == "PRO" else ammonium[1:]
    modeller.delete(free)
    residues, unit = list(modeller.topology.residues()), openmm.unit.nanometer
    for first, last in rings:
        begin, end = ({atom.name: atom for atom in residues[i].atoms()} for i in (first, last))
        modeller.topology.addBond(end["C"], begin["N"])
        place = lambda atom: np.array(modeller.positions[atom.index].value_in_unit(unit))
        away = [place(begin["N"]) - place(atom) for atom in (begin["CA"], end["C"])]
        side = sum(v / np.linalg.norm(v) for v in away)
        for atom in _on_n(modeller.topology, residues[first]):
            atom.name = "H"
            to = place(begin["N"]) + N_H * ANGSTROM * side / np.linalg.norm(side)
            modeller.positions[atom.index] = openmm.Vec3(*map(float, to)) * unit


def _on_n(topology, residue) -> list:
    """The hydrogens of the N of a residue."""
    pairs = [pair for a, b in topology.bonds() for pair in ((a, b), (b, a))]
    nitrogen = lambda atom: atom.residue is residue and atom.name == "N"
    return [b for a, b in pairs if nitrogen(a) and b.element.symbol == "H"]


def failures() -> tuple[type[Exception], ...]:
    """What OpenMM and PDBFixer raise over geometry that they cannot treat."""
    return _library().OpenMMException, ArithmeticError, ValueError, LookupError


def _library():
    try:
        import openmm
        import openmm.app
        import pdbfixer  # noqa: F401
    except ImportError:
        raise InputError('relaxation needs OpenMM and PDBFixer; install them: pip install "af2jax[relax]"') from None
    return openmm


def _platform(openmm, gpu: bool):
    have = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    for name in ("CUDA", "OpenCL") if gpu else ("CPU",):
        if name in have:
            return openmm.Platform.getPlatformByName(name)
    advice = 'pip install "openmm[cuda12]" on a machine with an NVIDIA GPU, or relax on the CPU'
    raise InputError(
        f"OpenMM finds no {'GPU' if gpu else 'CPU'} platform, only {', '.join(have)}; "
        f"{advice if gpu else 'install OpenMM again'}"
    )


def _topology(openmm, protein, positions, present, runs, platform):
    """(topology, positions) with all heavy atoms, and the rows to which other atoms than OXT were added."""
    import pdbfixer

    topology, where = openmm.app.Topology(), []
    for run in runs:
        chain = topology.addChain()
        for i in run:
            residue = topology.addResidue(THREE[protein.aatype[i]], chain)
            for j in np.flatnonzero(present[i]):
                topology.addAtom(ATOM37[j], openmm.app.Element.getBySymbol(ATOM37[j][0]), residue)
                where.append(openmm.Vec3(*map(float, positions[i, j] * ANGSTROM)))
    fixer = pdbfixer.PDBFixer(pdbfile=io.StringIO(_ONE_ATOM), platform=platform)  # it only starts from a file
    fixer.topology, fixer.positions = topology, where * openmm.unit.nanometer
    topology.createStandardBonds()  # PDBFixer would make the same bonds, where no atom is missing in any order
    topology.createDisulfideBonds(fixer.positions)
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    completed = np.concatenate(runs)[[residue.index for residue in fixer.missingAtoms]]
    fixer.addMissingAtoms(seed=1)
    return (fixer.topology, fixer.positions), completed


@contextmanager
def seeded() -> Iterator[None]:
    """OpenMM draws the first place of each hydrogen from Python's own generator, which is given back as it was."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
