"""The command `af2jax`: picks the subcommand, and turns errors into one line and an exit code.

Only the command that is asked for is imported, and the list of all is made from their docstrings, so that help appears
at once. With --quiet nothing goes to standard output; errors and warnings go to standard error.

Exit codes: 0 all done, 2 usage or bad input, 3 some items failed, 4 none succeeded, or a disk is full or closed to us,
1 a fault of ours.
"""

import ast
import contextlib
import importlib
import os
import shutil
import sys
import textwrap
from pathlib import Path

from af2jax.cli import colabfold
from af2jax.errors import InputError, internal, machine, nearest

COMMANDS = (
    *("predict", "score", "relax", "search", "find", "download", "fetch", "scan", "explore", "finetune"),
    *("evaluate", "compare", "export", "inspect", "doctor", "bench"),
)
COMPILING = (
    "predict",
    "score",
    "find",
    "scan",
    "explore",
    "finetune",
    "evaluate",
    "compare",
)  # their compiled programs are kept on disk
HELP = ("-h", "--help", "-H", "--help-verbose")
COLUMN = 12  # where descriptions begin in the list of commands


def load(name: str) -> type:
    """The class of a command."""
    return getattr(importlib.import_module(f"af2jax.cli.{name}"), name.capitalize())


def described(name: str) -> str:
    """What a command does: the docstring of its class, read without importing it."""
    tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text())
    (own,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name.capitalize())
    return ast.get_docstring(own)


def listing() -> str:
    """All commands, each with what it does."""
    lines = ["usage: af2jax COMMAND [OPTIONS]", "", "AlphaFold 2 in JAX, for fine-tuning.", "", "commands:"]
    width, indent = shutil.get_terminal_size().columns, " " * COLUMN
    for name in COMMANDS:
        first = f"  {name:<{COLUMN - 2}}"
        for paragraph in described(name).split("\n\n"):
            lines += textwrap.wrap(" ".join(paragraph.split()), width, initial_indent=first, subsequent_indent=indent)
            first = indent
    return "\n".join([*lines, "", "af2jax COMMAND --help lists the options of a command."])


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else ""
    if not name or name in HELP:
        print(listing(), file=sys.stdout if name else sys.stderr)
        return 0 if name else 2
    if name not in COMMANDS:
        near = nearest(name, COMMANDS)
        print(f"error: no command is called {name!r}{near}; af2jax --help lists all", file=sys.stderr)
        return 2
    if answer := colabfold.answer(arguments):
        print(f"error: {answer}", file=sys.stderr)
        return 2
    import tyro

    command = tyro.cli(load(name), prog=f"af2jax {name}", args=arguments[1:])
    with contextlib.ExitStack() as stack:
        if getattr(command, "quiet", False):
            nothing = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(contextlib.redirect_stdout(nothing))
        return _run(name, command)


def _run(name: str, command) -> int:
    """The exit code of a command; errors become one line."""
    from af2jax.cli.warnings import show_warnings, shown

    shown.clear()
    show_warnings()
    try:
        if name in COMPILING:
            from af2jax.compilation import persist

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
        print(f"error: {internal(error)}", file=sys.stderr)
        return 1
