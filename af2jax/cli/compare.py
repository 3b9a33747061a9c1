"""`af2jax compare`: a baseline against tuned networks and simple baselines, on the same targets."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from af2jax.cli.evaluate import check_out
from af2jax.cli.progress import bar
from af2jax.errors import InputError


@dataclass
class Compare:
    """Compare networks target by target: differences with intervals, tests, effect sizes, costs, and a plain verdict.

    Simple baselines (majority class or mean, nearest neighbour, ridge or logistic regression) are always in the table.
    Exit codes: 0 all done, 2 bad input, 3 some targets failed.
    """

    runs: Positional[tuple[Path, ...]]
    """Run directories, checkpoints, parameters, or folders that af2jax evaluate wrote; the first is the baseline."""
    out: Path
    """Folder for the report."""
    data: Path | None = None
    """Data set to evaluate on; default that of the first evaluation or run."""
    split: str = ""
    """Split of it, or all; default test, or else valid, or else all."""
    general: Path | None = None
    """Data set that no run was tuned for, to see what was forgotten; all of it is folded."""
    activations: bool = False
    """A further baseline: regression on the activations of the first's trunk; folds what the runs learned from."""
    preset: str | None = None
    """Preset of parameters that are of no run; default that of the file's name, or model_1_ptm."""
    num_recycle: int | None = None
    """Recycles of every network; default those of the first, as it was evaluated or validated."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.data.dataset import read_dataset
        from af2jax.evaluation.comparison import compare
        from af2jax.report import comparison

        if not self.runs:
            raise InputError("give at least one run, the baseline first")
        check_out(self.out)
        for dataset in filter(None, (self.data, self.general)):
            read_dataset(dataset)  # what is wrong with it is reported before weights are loaded
        how = {"activations": self.activations, "preset": self.preset, "keep": self.out}
        with bar("evaluating", self.quiet) as progress:
            found = compare(self.runs, self.data, self.split, self.general, self.num_recycle, **how, progress=progress)
        page = comparison.render(found).save(self.out)
        failed = {problem for entry in (*found.entries, *found.general) for problem in entry.evaluation.problems}
        for name, reason in sorted(failed):
            print(f"failed: {name}: {reason}", file=sys.stderr)
        for verdict in found.beats_baseline:
            print(verdict.sentence)
        for verdict in found.verdicts:
            print(verdict.text)
        print(page)
        return 3 if failed else 0
