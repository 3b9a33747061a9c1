"""`af2jax finetune`: a training from its config, with a bar, and resumed where it was stopped."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional, UseAppendAction

from af2jax.cli.progress import bar
from af2jax.errors import InputError

if TYPE_CHECKING:
    from af2jax.heads import Head


@dataclass
class Finetune:
    """Train what a config (TOML or JSON) says on a data set; the run directory holds all that came of it, and a page
    (index.html) that says whether it helped."""

    config: Positional[Path]
    """The config file, or with --resume the run directory."""
    out: Path | None = None
    """Run directory; with --resume default that of the config."""
    resume: bool = False
    """Resume a run that was stopped; on a CPU the result is bit-identical."""
    dry_run: bool = False
    """Say what the training would cost in memory, time and energy, and stop."""
    set: UseAppendAction[tuple[str, ...]] = ()
    """A change of the config, such as learning_rate=1e-4 or heads.ss.classes=8; may be given again."""
    sweep: UseAppendAction[tuple[str, ...]] = ()
    """Values to try, such as learning_rate=1e-4,1e-3; may be given again: every combination runs, in OUT/<values>."""
    watts: float = 0.0
    """Power of the machine for --dry-run; default: the limit that the accelerator states, or 65 for a CPU."""
    hosts: bool = False
    """Train on all hosts together: start the same command on each, with srun, mpirun, on a TPU pod, or with the
    variables JAX_COORDINATOR_ADDRESS (host:port of the first), JAX_NUM_PROCESSES and JAX_PROCESS_ID (from 0 on)."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    debug: bool = False
    """Show a traceback for every error."""

    def run(self) -> int:
        from af2jax.finetune import config, estimate, sharding, sweep
        from af2jax.finetune.run import CONFIG
        from af2jax.processes import first

        if self.hosts:
            sharding.connect()
        inside = self.config.is_dir()
        training = config.read(self.config / CONFIG if inside else self.config).replace(self.set)
        out = self.out or (self.config if inside else None)
        if self.dry_run and self.quiet:
            raise InputError("--dry-run prints what a training would cost, and --quiet prints nothing: leave one out")
        if self.dry_run:
            print(estimate.estimate(training, self.watts))
            return 0
        if out is None:
            raise InputError("give --out DIR, the run directory")
        again = "the same command with --resume" if self.sweep else f"af2jax finetune {shlex.quote(str(out))} --resume"
        try:
            if self.sweep:
                table = sweep.sweep(training, self.sweep, out, resume=self.resume, fit=self.fit)
                if first():
                    print(table)
            else:
                self.fit(training, out, self.resume)
        except KeyboardInterrupt:
            if not (self.sweep or (out / CONFIG).exists()):  # it was not begun yet
                raise
            if first():
                print(f"stopped; {again} resumes it", file=sys.stderr)
            return 130
        return 0

    def fit(self, training, out: Path, resume: bool) -> None:
        """One training; in the end its page is written and its best validation printed, and what to do with it."""
        from af2jax.finetune.account import outcome
        from af2jax.finetune.loop import fit
        from af2jax.finetune.run import heads_of
        from af2jax.processes import first
        from af2jax.report.pages import page

        with bar("training", self.quiet) as update:

            def progress(step: int, steps: int, values: dict) -> None:
                update(step, steps, f"loss {values['loss']:.4g}  rate {values['rate']:.2g}")

            fit(training, out, resume=resume, say=lambda line: print(line, flush=True), progress=progress)
        if first():
            print(outcome(out))
            print(page(out).save(out))
            at, data = shlex.quote(str(out)), shlex.quote(training.data)
            kept = heads_of(training.params) if training.keep_heads else {}
            print(f"next: {use({**kept, **training.heads}, at)}")
            print(f"      af2jax evaluate {at} {data} --out evaluation")


def use(heads: "Mapping[str, Head]", run: str) -> str:
    """The command that asks a run with such heads of new proteins."""
    if heads and all(head.kind == "variant" for head in heads.values()):
        return f"af2jax scan NEW.fasta --params {run} --out scan"
    alone, out = (" --answers-only", "answers") if heads else ("", "predictions")
    return f"af2jax predict NEW.fasta --params {run}{alone} --out {out}"
