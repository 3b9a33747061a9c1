"""`af2jax download`: DeepMind's parameters."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from af2jax.cli.progress import bar


@dataclass
class Download:
    """Get DeepMind's parameters (5.3 GB, licence CC BY 4.0), check every array, and resume where it stopped."""

    out: Path
    """Folder for the parameter files; twice the archive's size must be free."""
    url: str = ""
    """Another address of DeepMind's archive; default DeepMind's own."""
    keep: bool = False
    """Keep the archive."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: Annotated[bool, arg(help="Show a traceback for every error.")] = False

    def run(self) -> int:
        from af2jax.pretrained.download import URL, fetch_params

        with bar("downloading", self.quiet, "bytes") as progress:
            files = fetch_params(self.out, self.url or URL, keep=self.keep, progress=progress, say=print)
        print(f"{self.out}: {sum(f.suffix == '.npz' for f in files)} parameter files are complete")
        return 0
