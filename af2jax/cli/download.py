"""`af2jax download`: DeepMind's parameters."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from af2jax.transfer import Progress


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
    """No progress bar."""
    debug: Annotated[bool, arg(help="Show a traceback for every error.")] = False

    def run(self) -> int:
        from af2jax.pretrained.download import URL, fetch_params

        with byte_bar("downloading", self.quiet) as progress:
            files = fetch_params(self.out, self.url or URL, keep=self.keep, progress=progress, say=print)
        print(f"{self.out}: {sum(f.suffix == '.npz' for f in files)} parameter files are complete")
        return 0


@contextmanager
def byte_bar(text: str, quiet: bool) -> Iterator[Progress]:
    """A progress bar over bytes, with speed and time left; a function of (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
