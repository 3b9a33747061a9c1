"""The benchmarks' tables: what they hold follows from what was compiled."""

import jax
import pytest

from af2jax.profile.measure import GIB

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
