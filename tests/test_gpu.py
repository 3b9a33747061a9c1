"""What `make gpu` measures, run small on this device: on a CPU every error is rounding, and every figure is there."""

import json
import sys

import pytest

from af2jax.profile import measure
from af2jax.profile.programs import How, Sizes

gpu = pytest.importorskip("benchmarks.gpu")
on_gpu = pytest.importorskip("benchmarks.on_gpu")

pytestmark = pytest.mark.medium("compiles the small network")

SMALL = Sizes(8, 5, 6, 1)


@pytest.fixture(autouse=True)
def two_precisions(monkeypatch):
    """Those that differ on a CPU, which has no TF32."""
    names = ("float32", "bfloat16")
    monkeypatch.setattr(on_gpu, "PRECISIONS", {name: on_gpu.PRECISIONS[name] for name in names})


def of(figures: dict, start: str) -> dict:
    """The figures whose names begin so."""
    return {name.removeprefix(start): value for name, value in figures.items() if name.startswith(start)}


def test_attention():
    found = on_gpu.attention(rows=4, residues=6, heads=2, c=8)
    for impl in ("xla", "sdpa"):
        exact, rounded = of(found, f"{impl}, float32: "), of(found, f"{impl}, bfloat16: ")
        assert {"values", "dq", "dk", "dv", "dbias"} < exact.keys() == rounded.keys()
        assert exact.pop("rows without a key, finite") == rounded.pop("rows without a key, finite") == 1
        assert max(exact.values()) < 2e-6 and 1e-3 < max(rounded.values()) < 0.1


def test_a_fault_of_one_implementation_shows(monkeypatch):
    """Bias left out of the gradient."""
    import jax

    broken = lambda q, k, v, bias, mask: on_gpu.IMPLS["xla"](q, k, v, jax.lax.stop_gradient(bias), mask)
    monkeypatch.setitem(on_gpu.IMPLS, "sdpa", broken)
    found = on_gpu.attention(rows=4, residues=6, heads=2, c=8)
    assert found["sdpa, float32: dbias"] == 1 and found["sdpa, float32: values"] < 2e-6


@pytest.mark.slow("compiles the small network as make gpu does")
def test_parity():
    found = on_gpu.parity("tiny", SMALL)
    assert max(of(found, "float32: ").values()) == 0  # the same device, the same program
    assert 1e-4 < found["bfloat16: CA atoms"] < 0.1 and 1e-4 < found["bfloat16: representations/pair"] < 0.1


@pytest.mark.slow("compiles the full-size network and its gradient in two precisions")
def test_goldens():
    found = on_gpu.goldens()
    norm, moved = "norm of the gradient, over DeepMind's", "largest change of an array's norm"
    exact, rounded = of(found, "float32: "), of(found, "bfloat16: ")
    assert exact[norm] == pytest.approx(1, abs=1e-3) and exact[moved] < 1e-3 < rounded[moved] < 0.3
    arrays = [name for name in exact if "/" in name]
    assert len(arrays) == 12 and max(exact[name] for name in arrays) < 1e-4
    assert max(rounded[name] for name in arrays) > 1e-3


@pytest.mark.slow("compiles the gradient of the small network")
def test_training_step():
    found = on_gpu.gradient("tiny", SMALL)
    assert found["float32: gradient"] == 0 and found["float32: cosine"] == pytest.approx(1)
    assert 1e-4 < found["bfloat16: gradient"] < 0.3 and 0.95 < found["bfloat16: cosine"] < 1
    assert found["float32: loss"] == found["float32: loss of the CPU"] > 0


@pytest.mark.slow("compiles a pass and a training step as make gpu does")
@pytest.mark.parametrize("kind", ["pass", "step"])
def test_memory(kind):
    found = on_gpu.memory(kind, How("tiny", chunk=4), SMALL, rounds=1)
    assert found["finite"] == 1 and found["GiB planned"] > 0 and found["seconds"] > 0
    assert (found["GiB at the peak"] is None) == (on_gpu.jax.default_backend() == "cpu")


@pytest.mark.slow("compiles the gradient of the small network")
def test_training_of_mini():
    found = on_gpu.training("tiny", crops=(8,), batches=(2,), seconds=0)
    assert found["crops of 8, batches of 2: examples per second"] > 0
    assert found["crops of 8, batches of 2: skipped"] == 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Parts that are quick, written to a folder of the test."""
    monkeypatch.setattr(gpu, "HERE", tmp_path)
    monkeypatch.setattr(gpu, "code", lambda: "c0de")
    monkeypatch.setattr(gpu, "PARTS", {"one": ("one",), "two": ("two", 3)})
    monkeypatch.setattr(on_gpu, "one", lambda: {"a": 0.12345, "b": None, "c": "no such thing"}, raising=False)
    monkeypatch.setattr(on_gpu, "two", lambda n: {"n": n}, raising=False)
    return tmp_path


def run(monkeypatch, *arguments):
    """`python -m benchmarks.gpu` in this process; a child runs here too."""

    def child(command, **options):
        run(monkeypatch, *command[3:])

    monkeypatch.setattr(gpu.subprocess, "run", child)
    monkeypatch.setattr("af2jax.compilation.persist", lambda: None)
    monkeypatch.setattr(sys, "argv", ["gpu", *arguments])
    gpu.main()


def given(monkeypatch, platform):
    device = on_gpu.jax.devices()[0].device_kind
    monkeypatch.setattr(measure, "machine", lambda: measure.Machine(device, platform, 1, 1.0, 1.0, 1.0))


def test_without_a_gpu_it_says_so_and_that_is_no_failure(folder, monkeypatch, capsys):
    given(monkeypatch, "cpu")
    run(monkeypatch)
    assert "no GPU: JAX sees" in capsys.readouterr().out and not list(folder.iterdir())


def test_parts_are_done_once_for_the_same_code(folder, monkeypatch, capsys):
    given(monkeypatch, "gpu")
    for arguments, expected in (
        (["--only", "one"], ["one ..."]),
        ([], ["one: done", "two ..."]),
        (["--again"], ["one ...", "two ..."]),
    ):
        with pytest.raises(SystemExit) as ended:
            run(monkeypatch, *arguments)
        assert ended.value.code == 0
        assert capsys.readouterr().out.splitlines()[:-1] == expected
    monkeypatch.setattr(gpu, "code", lambda: "other")
    with pytest.raises(SystemExit):
        run(monkeypatch)
    assert capsys.readouterr().out.splitlines()[:-1] == ["one ...", "two ..."]
    kept = json.loads((folder / gpu.STORE).read_text())
    assert kept["two"]["figures"] == {"n": 3} and kept["one"]["code"] == "other"
    page = (folder / gpu.PAGE).read_text()
    assert "| a | 0.123 |\n| b | not known |\n| c | no such thing |" in page and "## Two" in page


def test_a_part_that_fails_is_named_and_the_others_go_on(folder, monkeypatch, capsys):
    given(monkeypatch, "gpu")

    def child(command, **options):
        if command[-1] == "one":
            raise gpu.subprocess.TimeoutExpired(command, options["timeout"])
        gpu.part(command[-1], folder)

    monkeypatch.setattr(gpu.subprocess, "run", child)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 1 and "not measured: one" in capsys.readouterr().out
    assert set(json.loads((folder / gpu.STORE).read_text())) == {"two"}


def test_every_part_names_a_function_of_which_the_arguments_fit():
    import inspect

    for function, *arguments in gpu.PARTS.values():
        inspect.signature(getattr(on_gpu, function)).bind(*arguments)
