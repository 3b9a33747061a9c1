"""`af2jax inspect`: what is in a parameter file, or in a checkpoint of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass
class Inspect:
    """Say what is in a parameter file or a run: preset, arrays, what is missing, unexpected or damaged."""

    params: Positional[Path]
    """DeepMind's .npz; or a run directory (its best checkpoint is looked at), or one checkpoint."""
    debug: Annotated[bool, arg(help="Show a traceback for every error.")] = False

    def run(self) -> int:
        from af2jax.finetune.account import report
        from af2jax.finetune.run import is_run
        from af2jax.pretrained.load import report as report_file

        if is_run(self.params):
            print(report(self.params))
            return 0
        found = report_file(self.params)
        print(found)
        return 0 if found.presets and not found.not_finite else 2
