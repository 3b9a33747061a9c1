"""`af2jax fetch`: the structures and tables that a manifest names."""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from af2jax.cli.progress import bar


@dataclass
class Fetch:
    """Get the structures and tables that a manifest names, the same bytes each time: MANIFEST.lock holds their SHA-256.

    A manifest is a table (TSV or CSV) with the columns id (1UBQ, 1ubq_A) or url, and where needed name and sha256. The
    first run writes the lock file; later ones refuse a file that has changed.
    """

    manifest: Positional[Path]
    """TSV or CSV."""
    out: Path
    """Folder for the files."""
    update: bool = False
    """Take what the servers have now, and renew the lock file."""
    pdb_url: str = ""
    """Another address to which ENTRY.cif.gz is added; default that of RCSB."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: Annotated[bool, arg(help="Show a traceback for every error.")] = False

    def run(self) -> int:
        from af2jax.data.manifest import PDB_URL, fetch, read_manifest

        items = read_manifest(self.manifest, self.pdb_url or PDB_URL)
        lock = self.manifest.with_name(self.manifest.name + ".lock")
        number = itertools.count(1)
        with bar("fetching", self.quiet) as progress:
            done = lambda name, error: progress(next(number), len(items))
            failures = fetch(items, lock, self.out, update=self.update, done=done)
        for name, reason in sorted(failures.items()):
            print(f"failed: {name}: {reason}", file=sys.stderr)
        print(f"{self.out}: {len(items) - len(failures)} of {len(items)} files are as {lock} has them")
        if not failures:
            return 0
        print("a file that has changed on its server is refused; --update takes it", file=sys.stderr)
        return 4 if len(failures) == len(items) else 3
