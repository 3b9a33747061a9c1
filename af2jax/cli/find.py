"""`af2jax find`: proteins of the shape of a query among the structures of a folder."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from af2jax.cli import structures
from af2jax.cli.evaluate import check_out
from af2jax.cli.progress import bar

SLOW = "compiling programs for chains of these lengths, which later searches find made"


@dataclass
class Find:
    """Search structures by structure: which chains of a folder have the fold of a query, whatever their sequences.

    The folder has index.html with the best hits superposed in 3D, tables/hits.csv (TM-scores by either length, aligned
    residues, identity, RMSD), alignments.fasta and superposed/. Exit codes: 0 all done, 2 bad input, 3 some queries
    could not be searched for.
    """

    query: Positional[tuple[Path, ...]]
    """mmCIF or PDB files (.gz too), FILE or FILE:A for one of the chains, or folders of them; predictions too."""
    db: Path
    """Folder of structures to search, with all folders in it."""
    out: Path
    """Folder for the results."""
    candidates: int = 200
    """Align this many chains to each query, those of the most similar fingerprints; 0: all."""
    index: Path | None = None
    """File of the index; default af2jax_find.npz in the folder that is searched."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.folds.compare import COMPILING
        from af2jax.folds.find import find
        from af2jax.report.find import render

        queries = list(structures.named(self.query, chains=True).values())
        check_out(self.out)
        plain = not self.quiet and not sys.stderr.isatty()  # no bar is shown, so that a line says what takes a while
        with bar("reading", self.quiet) as progress:

            def told(what: str, done: int, total: int) -> None:
                nonlocal plain
                progress(done, total, what)
                if plain and what == COMPILING:
                    print(SLOW, file=sys.stderr)
                    plain = False

            found = find(queries, self.db, candidates=self.candidates, index_file=self.index, progress=told)
        for name, reason in found.problems:
            print(f"failed: {reason if reason.startswith(name) else f'{name}: {reason}'}", file=sys.stderr)
        for one in found.queries:
            best = f"{one.hits[0].entry.name}, TM-score {one.hits[0].alignment.tm_first:.3f}" if one.hits else "no hit"
            itself = f" (the query itself is in the folder: {', '.join(one.itself)})" if one.itself else ""
            print(f"{one.query.name}: {best}{itself}")
        print(render(found).save(self.out))
        return 3 if found.problems else 0
