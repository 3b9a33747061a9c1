"""`af2jax evaluate`: how good a network is on a data set, before or after any tuning."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from af2jax.cli.progress import bar
from af2jax.errors import InputError


@dataclass
class Evaluate:
    """Fold every target of a data set and compare it with what is known: a verdict, and a page that shows why.

    The folder has index.html, scores.json (which af2jax compare reads), residues.csv, plots/, tables/ and structures/.
    Where nothing is known of any target, the answers of new heads are in answers.csv and nothing is judged. Exit codes:
    0 all done, 2 bad input, 3 some targets failed, 4 all did, or there was nothing to judge.
    """

    run_or_params: Positional[Path]
    """Run directory of af2jax finetune, one of its checkpoints, or parameters (.npz or a folder of them)."""
    dataset: Positional[Path]
    """Table or folder of structures, as af2jax finetune reads it."""
    out: Path
    """Folder for the report."""
    preset: str | None = None
    """Preset of the parameters; default that of the run or of the file's name, or model_1_ptm."""
    split: str = ""
    """Evaluate this split alone, or all; default test, or else valid, or else all."""
    num_recycle: int | None = None
    """Recycles; default as the run was validated, or the preset's number."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.data.dataset import read_dataset
        from af2jax.evaluation.evaluate import evaluate
        from af2jax.evaluation.saved import save_answers
        from af2jax.evaluation.subject import open_subject
        from af2jax.report.pages import page

        check_out(self.out)
        read_dataset(self.dataset)  # what is wrong with it is reported before weights are loaded
        subject = open_subject(self.run_or_params, self.preset, self.num_recycle)
        with bar("evaluating", self.quiet) as progress:
            found = evaluate(subject, self.dataset, self.split, progress=progress)
        for name, reason in found.problems:
            print(f"failed: {name}: {reason}", file=sys.stderr)
        if not found.targets:
            return 4
        if not found.judged:
            files = save_answers(found, self.out)
            place = f"; what the heads answer is in {files[0]}" if files else ", and no new head answers"
            why = f"no item of {self.dataset} has a known structure or a label{place}"
            print(f"nothing to judge: {why}", file=sys.stderr)
            return 4
        for verdict in found.verdicts.values():
            print(verdict.text)
        print(page(found).save(self.out))
        return 3 if found.problems else 0


def check_out(out: Path) -> None:
    """Makes the folder.

    Raises:
        InputError: it is a file, or cannot be made.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file, not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out} cannot be made: {error.strerror}; give another folder") from None
