"""`af2jax export`: what a training made, as parameter files that stock ColabFold and AlphaFold run."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass
class Export:
    """Write the best parameters of a run as a folder params/ that stock ColabFold and AlphaFold run."""

    run_dir: Positional[Path]
    """Run directory of af2jax finetune, or one of its checkpoints."""
    out: Positional[Path]
    """Folder for the files; new heads go into heads.npz and heads.json beside, the sequences that taught them into
    trained_on.tsv (delete it to keep them to yourself)."""
    base: Path | None = None
    """Folder of DeepMind's files, from which the other four presets are copied; default: that of the run.
    A preset that stands alone, such as mini, needs none."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.finetune.run import is_run, load, taught, training_of
        from af2jax.pretrained.export import export

        training = training_of(self.run_dir)
        model, params = load(None, self.run_dir)
        about = {"heads": dict(model.heads), "taught": taught(self.run_dir), "num_recycle": training.num_recycle}
        while training.params and is_run(training.params):
            training = training_of(training.params)
        base = self.base or training.params or None
        for file in export(params, training.preset, self.out, base, **about):
            print(file)
        return 0
