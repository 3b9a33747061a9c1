"""`af2jax bench`: what it plans, what it leaves out and what it says; and that work is counted as it is done."""

import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.cli import bench
from af2jax.cli.main import main
from af2jax.errors import InputError
from af2jax.profile import deepmind, measure, memory, programs
from af2jax.profile.measure import GIB, Cost, Machine, Work, count
from af2jax.profile.programs import How, Sizes
from tests.plots.captions import caption

DEVICE = Machine("a device", "cpu", 2 * GIB, 1e9, 1e9, 1e9)
SIZES = Sizes(8, 4, 4, 2)


class Stand:
    """A child whose program needs as much memory as there are residues, in MiB, and takes a second."""

    def __init__(self, build, how, sizes, *rest):
        if sizes.residues == 13:
            raise InputError("no such luck")
        self.cost = Cost(0, 0, 0, sizes.residues * 2**20, Work(4e6 * sizes.residues, 1e6), 2e6, 1.0, 2.0)

    def run(self):
        return 1.0, 2.0

    def close(self):
        return 5 * 2**20


@pytest.fixture
def run(monkeypatch, capsys):
    """`run(*flags)`: the exit code, what is printed."""
    monkeypatch.setattr(measure, "machine", lambda: DEVICE)
    monkeypatch.setattr(bench, "Child", Stand)

    def run(*flags):
        code = main(["bench", "--model", "tiny", *map(str, flags)])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


def test_what_fits_is_run_and_written(run, tmp_path):
    code, text = run("--lengths", "64,128,4096", "--train", "full", "--out", tmp_path)
    assert code == 0 and "one pass, 64 residues: fits: 0.06 of 2.0 GiB" in text
    large = "4096 residues: does not fit: 4.0 of 2.0 GiB; about 2896 residues would fit; try --chunk 4 or --bfloat16 "
    assert large + "or --rows 16 --extra 32" in text and "--train heads" in text
    saved = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [row["wall"] for row in saved] == [1, 1, 1, 1, None, None]
    assert saved[0]["rate_share"] == 2e6 / 2 / 1e9 and saved[0]["computed_share"] == 4e6 * 64 / 2 / 1e9
    assert saved[0]["copy_share"] == 1e6 / 1e9 and saved[0]["peak"] == 5 * 2**20
    with open(tmp_path / "bench.csv") as file:
        assert [row["residues"] for row in csv.DictReader(file)] == ["64", "64", "128", "128", "4096", "4096"]
    said = caption(tmp_path / "bench.png")
    assert "tiny in float32, chunks by default, 12 rows, 24 extra rows and 4 templates" in said
    assert "one pass fits to 128 residues at least, and grows as the power 1.0 of the length at the end" in said


def test_what_is_slow_is_not_run(run):
    code, text = run("--lengths", "500", "--seconds", "10")
    assert code == 0 and "not run: about 5 s for each run, --seconds 20 allows it" in text
    assert run("--lengths", "500", "--seconds", "20")[1].count("not run") == 0


def test_one_length_that_fails_leaves_the_others(run):
    code, text = run("--lengths", "8,13")
    assert code == 3 and "failed: 13 residues: no such luck" in text and "| one pass | 8 |" in text
    assert run("--lengths", "13")[0] == 4


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--lengths", "64,x"], "--lengths 64,x: write residues"),
        (["--rows", "0"], "--rows and --extra must be at least 1"),
        (["--train", "most"], 'no recipe is called "most"'),
        (["--compare"], "DeepMind"),
    ],
)
def test_bad_usage_is_one_line_and_2(run, flags, message):
    code, text = run(*flags)
    assert code == 2 and message in text and text.count("\n") == 1


def test_longest():
    need = {100: 1e6, 200: 4e6, 400: 32e6}
    assert memory.longest(need, 2.25e6) == 150 and memory.longest(need, 4e6) in (199, 200)
    assert memory.longest(need, 0.25e6) == 50 and memory.longest(need, 256e6) == 1058


def test_work_is_counted_as_it_is_done():
    x, y = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)
    one = count(lambda x, y: jnp.tanh(x) @ y, x, y)
    assert one == Work(2 * 3 * 4 * 5, 4 * (12 + 20 + 15))
    looped = lambda x, y: jax.lax.scan(lambda c, _: (c, x @ y), 0, None, length=7)[1]
    assert count(looped, x, y) == one.times(7)
    unknown = lambda x, n: jax.lax.fori_loop(0, n, lambda _, z: z @ x.T @ x, x)
    assert count(unknown, x, 3).flops == 0
    again = lambda x, y: jax.grad(lambda y: jnp.sum(jax.checkpoint(lambda y: jnp.sin(x @ y))(y)))(y)
    plain = lambda x, y: jax.grad(lambda y: jnp.sum(jnp.sin(x @ y)))(y)
    assert count(plain, x, y).flops == 2 * one.flops and count(again, x, y).flops == 3 * one.flops


@pytest.mark.medium("traces a network")
def test_a_pass_needs_what_predict_plans_for():
    program = programs.one_pass(How("tiny"), SIZES)
    params, features, *_ = program.inputs
    assert features.msa.feat.shape[1] == 4 and len(features.templates.aatype) == 2
    work = program.work()
    assert program.inputs[0] is params and work.flops > 1e6 and work.bytes > 1e6


@pytest.mark.slow("traces training steps of the full-size network")
@pytest.mark.parametrize("recipe", ["full", "last_blocks", "lora"])
def test_a_step_computes_blocks_again(recipe):
    program = programs.training_step(How("tiny"), SIZES, recipe)
    passed = programs.one_pass(How("tiny"), SIZES).work().flops
    plain, done = program.plain().flops, program.work().flops
    assert passed < plain < done and (recipe != "full" or 2.5 * passed < plain < 3.1 * passed)


@pytest.mark.medium("traces training steps of the full-size network")
def test_a_program_in_a_process_of_its_own():
    child = measure.Child(programs.one_pass, How("tiny"), SIZES)
    cost = child.cost
    assert cost.need == cost.arguments + cost.outputs + cost.temporary and cost.compile_cpu > 0
    assert min(child.run()) > 0 and child.close() > 2**26 and child.close() is None


@pytest.mark.medium("starts a process that compiles")
def test_a_process_that_fails_says_why():
    with pytest.raises(InputError, match="no preset is called"):
        measure.Child(programs.one_pass, How("nothing"), SIZES)


def test_compare_needs_a_network_of_deepminds(monkeypatch):
    """Whether its packages are installed here or not."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    for name in ("mini", "model_1_multimer_v3"):
        with pytest.raises(InputError, match="give --model model_1_ptm"):
            deepmind.check(name)
    deepmind.check("model_1_ptm")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        deepmind.check("model_1_ptm")


@pytest.mark.slow("traces training steps of the full-size network")
def test_both_networks_do_the_same_work():
    pytest.importorskip("alphafold.model.modules", reason="DeepMind's code is not installed")
    how, sizes = How("model_1_ptm"), Sizes(16, 8, 8, 4)
    with jax.numpy_rank_promotion("allow"):  # DeepMind's code needs it
        ours, theirs = (room.one_pass(how, sizes).work().flops for room in (programs, deepmind))
    assert abs(ours / theirs - 1) < 0.05
