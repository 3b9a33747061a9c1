"""The command `af2jax`: picks the subcommand, and turns errors into one line and an exit code.

Exit codes: 0 all done, 2 usage or bad input, 3 some items failed, 4 none succeeded, or a disk is full or closed to us,
1 a fault of ours.
"""

import os
import sys

from af2jax.cli import colabfold
from af2jax.cli.bench import Bench
from af2jax.cli.compare import Compare
from af2jax.cli.doctor import Doctor
from af2jax.cli.download import Download
from af2jax.cli.evaluate import Evaluate
from af2jax.cli.explore import Explore
from af2jax.cli.export import Export
from af2jax.cli.fetch import Fetch
from af2jax.cli.finetune import Finetune
from af2jax.cli.inspect import Inspect
from af2jax.cli.predict import Predict
from af2jax.cli.relax import Relax
from af2jax.cli.score import Score
from af2jax.cli.search import Search
from af2jax.cli.warnings import show_warnings, shown
from af2jax.compilation import persist
from af2jax.errors import InputError, machine

COMMANDS = {
    "predict": Predict,
    "score": Score,
    "relax": Relax,
    "search": Search,
    "download": Download,
    "fetch": Fetch,
    "explore": Explore,
    "finetune": Finetune,
    "evaluate": Evaluate,
    "compare": Compare,
    "export": Export,
    "inspect": Inspect,
    "doctor": Doctor,
    "bench": Bench,
}
COMPILING = (Predict, Score, Finetune, Evaluate, Compare)  # commands whose compiled programs are kept on disk


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    import tyro

    arguments = sys.argv[1:] if arguments is None else arguments
    if answer := colabfold.answer(arguments):
        print(f"error: {answer}", file=sys.stderr)
        return 2
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, args=arguments, prog="af2jax", description="AlphaFold 2 in JAX, for fine-tuning."
    )
    shown.clear()
    show_warnings()
    try:
        if isinstance(command, COMPILING):
            persist()
        return command.run()
    except KeyboardInterrupt:
        print("stopped; run the same command to resume", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except InputError as error:
        if command.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if command.debug or not error.strerror:
            raise
        print(f"error: {machine(error)}", file=sys.stderr)
        return 4
    except Exception as error:
        if command.debug:
            raise
        kind = type(error).__name__
        print(f"error: a fault of af2jax ({kind}: {error}); --debug shows where".replace("\n", " "), file=sys.stderr)
        return 1
