"""`af2jax export`: what a training made, as parameter files that stock ColabFold and AlphaFold run."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from af2jax.errors import InputError


@dataclass
class Export:
    """Write the best parameters of a run as a folder params/ that stock ColabFold and AlphaFold run."""

    run_dir: Positional[Path]
    """Run directory of af2jax finetune, or one of its checkpoints."""
    out: Positional[Path]
    """Folder for the files; new heads go into heads.npz beside."""
    base: Path | None = None
    """Folder of DeepMind's files, from which the other four presets are copied; default: that of the run."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.finetune.run import load, training_of
        from af2jax.pretrained.export import export

        training = training_of(self.run_dir)
        base = self.base or (Path(training.params) if training.params else None)
        if base is None:
            raise InputError(f"{self.run_dir} began with random weights: give --base DIR, with DeepMind's other files")
        _, params = load(None, self.run_dir)
        for file in export(params, training.preset, self.out, base):
            print(file)
        return 0
