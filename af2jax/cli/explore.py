"""`af2jax explore`: the data report, before any training."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional, UseAppendAction


@dataclass
class Explore:
    """Say what a data set is and what is wrong with it: a page, its plots and tables, and a config that follows."""

    dataset: Positional[Path]
    """A table (CSV, TSV, Parquet) with a row for each protein, or a folder of structures."""
    out: Path
    """Folder for index.html, report.json, plots, tables, prepared.csv and config.toml."""
    target: UseAppendAction[tuple[str, ...]] = ()
    """A column to be learnt; may be given again. Default: all that look like labels."""
    quiet: bool = False
    """No progress bar, and no list of warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from af2jax.audit.explore import explore
        from af2jax.report.explore import save

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=self.quiet or not console.is_terminal) as bar:
            task = bar.add_task("reading")
            update = lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
            found = explore(self.dataset, self.target, progress=update)
            page = save(found, self.out, update)
        if not self.quiet:
            for finding in found.findings:
                print(f"{finding.level}: {finding.title}")
            print(f"{len(found.findings)} findings; read {page}")
        return 0
