"""`af2jax relax`: structures to structures of better geometry."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from af2jax.cli.batch import exit_code, note_failures
from af2jax.cli.progress import bar
from af2jax.cli.structures import named
from af2jax.cli.warnings import show_warnings
from af2jax.errors import InputError, machine

DONE = "_relaxed"
RECORDED = ("energy_before", "energy_after", "rmsd", "violations_before", "violations_after", "rounds", "notes")


@dataclass
class Relax:
    """Relax structures (PDB, mmCIF) with AMBER ff99SB as AlphaFold does; needs `pip install "af2jax[relax]"`.

    Exit codes as of predict.
    """

    structures: Positional[tuple[Path, ...]]
    """PDB or mmCIF files (.gz too), or folders of them."""
    out: Path
    """Folder for NAME_relaxed.cif, NAME_relaxed.pdb and NAME_relaxed.json."""
    cyclic: str = ""
    """Chains that are cyclic (the last residue is bound to the first), joined by commas."""
    gpu: bool = False
    """Compute on a GPU."""
    max_iterations: int = 2000
    """Of the minimiser in each round; 0 for no limit."""
    max_outer_iterations: int = 3
    """Rounds at most; after each, residues that violate known geometry are set free."""
    stiffness: float = 10.0
    """Of the springs that hold the atoms, kcal/mol/angstrom^2."""
    tolerance: float = 2.39
    """Root mean square force at which a round ends, kcal/mol/nm."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.relax import available, check_settings

        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"--out {self.out} is a file, not a folder")
        check_settings(**self.settings())
        jobs = named(self.structures, DONE)
        print(f"device: {available(self.gpu)}")
        failures, begun = [], 0
        with bar("relaxing", self.quiet) as progress:
            for number, (name, path) in enumerate(jobs.items()):
                progress(number, len(jobs))
                try:
                    show_warnings(name)
                    if (left := self.left(name, path)) is not None:
                        begun += 1
                        self.relax(name, *left)
                except (InputError, OSError) as error:
                    if self.debug:
                        raise
                    reason = machine(error) if isinstance(error, OSError) else str(error)
                    failures.append((name, reason))
                    print(f"failed: {reason}", file=sys.stderr)
        if failures:
            note_failures(self.out / "relax_failures.jsonl", failures)
        return exit_code(len(failures), len(jobs), begun)

    def settings(self) -> dict[str, int | float]:
        """What decides on the result."""
        return {
            "max_iterations": self.max_iterations,
            "stiffness": self.stiffness,
            "tolerance": self.tolerance,
            "rounds": self.max_outer_iterations,
        }

    def left(self, name: str, path: Path):
        """(the structure in a file, what its result depends on); None: it was done before from the same content and
        with the same settings."""
        from af2jax.data.cyclic import names
        from af2jax.data.parse import read_bytes
        from af2jax.data.protein import read_protein

        cyclic = names(self.cyclic)
        origin = {
            "file": path.name,
            "sha256": hashlib.sha256(read_bytes(path)).hexdigest(),
            "settings": self.settings() | ({"cyclic": list(cyclic)} if cyclic else {}),
        }
        if _same(self.out / f"{name}{DONE}.json", origin):
            print(f"{name}: already done, skipped")
            return None
        return read_protein(path), origin

    def relax(self, name: str, protein, origin: dict) -> None:
        """One structure; `origin` is recorded beside what came of it."""
        from af2jax.data.cyclic import names
        from af2jax.files import write
        from af2jax.relax import relax

        found = relax(protein, cyclic=names(self.cyclic), gpu=self.gpu, **self.settings())
        texts = {".cif": found.protein.to_mmcif()}
        if reason := found.protein.beyond_pdb():
            print(f"WARNING: {name}: no PDB file, only mmCIF: {reason}", file=sys.stderr)
        else:
            texts[".pdb"] = found.protein.to_pdb()
        texts[".json"] = json.dumps(origin | {key: getattr(found, key) for key in RECORDED}, indent=1)
        for suffix, content in texts.items():  # the record last: it says that the others are there
            write(self.out / f"{name}{DONE}{suffix}", content)
        print(
            f"{name}: {found.energy_before:.4g} -> {found.energy_after:.4g} kcal/mol, atoms moved {found.rmsd:.2f} A, "
            f"residues with violations {found.violations_before} -> {found.violations_after}"
        )
        for note in found.notes[1:]:
            print(f"  {note}")


def _same(record: Path, origin: dict) -> bool:
    """Whether a record of this command is of the same origin."""
    try:
        known = json.loads(record.read_text())
    except (OSError, ValueError):
        return False
    return isinstance(known, dict) and {key: known.get(key) for key in origin} == origin
