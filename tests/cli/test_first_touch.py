"""The first touch: what `import af2jax` and help must not import, and that help shows all there is."""

import json
import subprocess
import sys

import pytest

from af2jax.cli.main import COMMANDS, described, load, main

HEAVY = {"jax", "jaxlib", "flax", "optax", "orbax", "chex", "numpy", "scipy", "gemmi", "pyhmmer", "matplotlib", "rich"}
SEEN = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"


def imported(program: str) -> set[str]:
    """The packages that a program has imported in the end, in a process of its own."""
    run = subprocess.run([sys.executable, "-c", f"{program}\n{SEEN}"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stderr.splitlines()[-1]))


def helped(*arguments: str) -> set[str]:
    """The same of `af2jax ... --help`."""
    call = f"main({[*arguments, '--help']!r})"
    return imported(f"from af2jax.cli.main import main\ntry:\n    {call}\nexcept SystemExit:\n    pass")


def test_the_package_imports_nothing_heavy():
    assert not imported("import af2jax") & {*HEAVY, "tyro", "absl", "tests"}


def test_the_list_of_commands_imports_no_command():
    found = helped()
    assert "af2jax" in found and not found & {*HEAVY, "tyro", "absl"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_nothing_that_computes(name):
    found = helped(name)
    assert "tyro" in found and not found & HEAVY


def test_the_list_has_all_that_commands_say_of_themselves(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    for flag in ("--help", "-h"):
        assert main([flag]) == 0
        out = capsys.readouterr().out
        assert "AlphaFold 2 in JAX, for fine-tuning." in out and max(map(len, out.splitlines())) <= 72
        words = " ".join(out.split())
        for name in COMMANDS:
            assert f" {name} {' '.join(described(name).split())}" in words
            assert described(name) == load(name).__doc__.replace("\n    ", "\n").rstrip()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_names_every_flag(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0 and f"usage: af2jax {name}" in out
    words = out.split()
    assert described(name).split()[0] in words and "--debug" in out


def test_no_command_is_answered_with_the_list_and_2(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    assert not shown.out and "commands:" in shown.err and "predict" in shown.err


@pytest.mark.parametrize(
    "name, near", [("predikt", "no command is called 'predikt'; did you mean \"predict\"?"), ("--quiet", "'--quiet'")]
)
def test_an_unknown_command_is_one_line_and_2(name, near, capsys):
    assert main([name, "x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and near in line and "af2jax --help" in line
