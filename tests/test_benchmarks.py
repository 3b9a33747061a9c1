"""The benchmarks' tables: what they hold follows from what was compiled."""

import sys

import jax
import pytest

from af2jax.profile.measure import GIB
from benchmarks import first_touch, stranger
from tests import snippets

memory = pytest.importorskip("benchmarks.memory")


def test_the_report():
    found = {
        "pass": {"ours": {"64": [GIB, 0], "128": [4 * GIB, 0]}, "theirs": {"64": [3 * GIB, 0]}},
        "block": {"ours": {"128/256": [GIB, 2**30]}},
    }
    text = memory.report(found)
    assert "| ours | 1.00 | 4.00 | 313 |" in text and "| theirs | 3.00 |  | |" in text
    assert "| ours | 1024 |" in text and "training step" not in text
    assert "Made by `python -m benchmarks.memory`" in text and "on each" not in text


def test_jobs_are_those_that_are_asked_for():
    pytest.importorskip("alphafold.model.modules", reason="DeepMind's code is not installed")
    found = list(memory.jobs([64, memory.LONG], ["pass", "step", "block"]))
    assert len({job[:3] for job in found}) == len(found)
    assert [job[0] for job in found].count("block") == 10 and {j[2] for j in found if j[0] == "step"} == {64}


@pytest.mark.slow("runs the benchmarks")
@pytest.mark.parametrize("chunk", [0, 4])
def test_the_backward_pass_of_a_block_needs_less_in_chunks(chunk):
    from af2jax.profile import measure

    pytest.importorskip("alphafold.model.modules", reason="DeepMind's code is not installed")
    with jax.numpy_rank_promotion("allow"):  # DeepMind's code needs it
        ours, theirs = (
            measure.compiled(program, memory.QUICK)[1].temporary
            for program in (memory.our_block(32, 64, chunk), memory.their_block(32, 64))
        )
    assert ours < (0.6 if chunk else 1.2) * theirs


def test_a_stranger_does_what_the_readme_shows(tmp_path, monkeypatch, capsys):
    """A clone, an install, each block of Python of the README, then a comparison; with --installed the last three."""
    ran = []
    monkeypatch.setattr(stranger.subprocess, "run", lambda command, **how: ran.append(command))
    stranger.walk(tmp_path, installed=False)
    assert [command[0] for command in ran[:2]] == ["git", sys.executable] and "install" in ran[2]
    shown = [block.text for block in snippets.blocks(stranger.ROOT / "README.md") if block.language == "python"]
    assert [command[-1] for command in ran[3:5]] == shown and ran[5][-len(stranger.COMPARE) :] == stranger.COMPARE
    rows = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()]
    assert rows[-3:] == ["| first structure", "| first tuned answer", "| first comparison page"]
    ran.clear()
    stranger.walk(tmp_path, installed=True)
    assert len(ran) == 3 and {command[0] for command in ran} == {sys.executable}


def test_the_first_touch_is_a_ratio_with_a_limit():
    found = dict.fromkeys(first_touch.programs(), 0.2) | {first_touch.JAX: 0.5, first_touch.OURS: 0.05}
    text = first_touch.table(found)
    assert (
        "| `import af2jax` | 0.050 | 0.10 | 0.1 |" in text and "| `af2jax bench --help` | 0.200 | 0.40 | 0.3 |" in text
    )
    assert first_touch.seconds(["-c", "sum(range(10**7))"]) > first_touch.seconds(["-c", "pass"]) > 0


def test_the_first_touch_fails_above_a_limit(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["first_touch", "--rounds", "1"])
    monkeypatch.setattr(first_touch, "seconds", lambda arguments: 0.2)
    assert first_touch.main() == 1 and "slower than the limit: import af2jax\n" in capsys.readouterr().out
    monkeypatch.setattr(first_touch, "seconds", lambda arguments: 0.05)
    assert first_touch.main() == 0 and "slower than the limit: none\n" in capsys.readouterr().out
