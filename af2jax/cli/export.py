"""`af2jax export`: what a training made, as parameter files that stock ColabFold and AlphaFold run."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass
class Export:
    """Write the best parameters of a run as a folder params/ that stock ColabFold and AlphaFold run, with a model card.

    The card, README.md, is as Hugging Face reads it: base weights and their licence, data, splits, what was measured,
    recipe, and the SHA-256 of every file.
    """

    run_dir: Positional[Path]
    """Run directory of af2jax finetune, or one of its checkpoints."""
    out: Positional[Path]
    """Folder for the files; new heads go into heads.npz and heads.json beside, the sequences that taught them into
    trained_on.tsv (delete it to keep them to yourself)."""
    base: Path | None = None
    """Folder of DeepMind's files, from which the other four presets are copied; default: that of the run.
    A preset that stands alone, such as mini, needs none."""
    evaluation: Path | None = None
    """Folder that af2jax evaluate wrote of this run, whose means and intervals go into the model card."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from collections import Counter

        from af2jax.errors import InputError
        from af2jax.evaluation import saved
        from af2jax.evaluation.means import means
        from af2jax.evaluation.subject import open_subject, splits_of
        from af2jax.files import sha256
        from af2jax.finetune.provenance import provenance
        from af2jax.finetune.run import is_run, taught, training_of
        from af2jax.pretrained.export import export
        from af2jax.report import card

        training, known = training_of(self.run_dir), provenance(self.run_dir)
        card.check(self.out)
        subject = open_subject(self.run_dir)
        judged = self.evaluation and saved.load(self.evaluation)
        if judged and judged.subject["weights"] != subject.digest:
            raise InputError(
                f"{self.evaluation} is an evaluation of other parameters; run af2jax evaluate {self.run_dir}"
            )
        about = {"heads": subject.heads, "taught": taught(self.run_dir), "num_recycle": training.num_recycle}
        while training.params and is_run(training.params):
            training = training_of(training.params)
        base = self.base or training.params or None
        written = export(subject.params, known.preset, self.out, base, **about)
        splits = Counter(splits_of(self.run_dir).values())
        digests = {file.name: sha256(file) for file in written}
        measured_on = judged and f"{Path(judged.data['path']).name}, split {judged.data['split'] or 'all'}"
        facts = card.Card(known, subject.heads, splits, digests, means(judged) if judged else {}, measured_on or "")
        for file in (*written, card.save(facts, self.out)):
            print(file)
        return 0
