"""`af2jax explore`: the data report, before any training."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional, UseAppendAction

from af2jax.cli.progress import bar
from af2jax.words import counted


@dataclass
class Explore:
    """Say what a data set is and what is wrong with it: a page, its plots and tables, and a config that follows."""

    dataset: Positional[Path]
    """A table (CSV, TSV, Parquet) with a row for each protein, or a folder of structures."""
    out: Path
    """Folder for index.html, report.json, plots, tables, prepared.csv and config.toml."""
    target: UseAppendAction[tuple[str, ...]] = ()
    """A column to be learnt; may be given again. Default: all that look like labels."""
    compare_folds: bool = False
    """Align known structures across splits, which takes up to a minute, to find folds on both sides."""
    split_by: str = ""
    """Propose a new split that keeps items of one cell of this column together, or by "fold" those of one fold."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.audit.explore import explore
        from af2jax.report.explore import render

        with bar("reading", self.quiet) as progress:
            found = explore(
                self.dataset,
                self.target,
                compare_folds=self.compare_folds,
                split_by=self.split_by,
                progress=lambda what, done, total: progress(done, total, what),
            )
            progress(0, 1, "drawing")
            page = render(found).save(self.out)
        for finding in found.findings:
            first = f" (first: {finding.rows[0]})" if finding.unused else ""
            print(f"{finding.level}: {finding.title}{first}")
        print(f"{counted(len(found.findings), 'finding')}; read {page}")
        return 0
