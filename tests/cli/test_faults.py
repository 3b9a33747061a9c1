"""What fails in a batch of `af2jax predict` fails alone, with one line and the right exit code. Memory, time."""

import json

import jax
import numpy as np
import pytest

from af2jax import inference
from af2jax.cli import networks
from af2jax.cli import predict as command
from af2jax.cli.main import main
from af2jax.cli.progress import Progress
from af2jax.config import preset
from af2jax.data.pipeline import features
from af2jax.errors import InputError
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from af2jax.profile import memory
from af2jax.relax import Relaxed
from tests import support

LONG, SHORT = "MKTAYIAKQRQISFVKSHF", "MKTAYI"


@pytest.fixture
def fold(weights, tmp_path):
    """`fold(text of a FASTA, *flags)`: the exit code; results are in `tmp_path / "out"`."""

    def fold(text: str, *flags) -> int:
        (tmp_path / "q.fasta").write_text(text)
        fixed = ["--num-recycle", "0", "--no-plots", "--params", str(weights)]
        return main(["predict", str(tmp_path / "q.fasta"), "--out", str(tmp_path / "out"), *fixed, *flags])

    return fold


def failed(out) -> dict[str, str]:
    lines = (out / "failures.jsonl").read_text().splitlines()
    return {entry["job"]: entry["error"] for entry in map(json.loads, lines)}


@pytest.mark.parametrize(
    "text, where",
    [(">a\nMKVT\n>q\nMK-T\n", "line 4, column 3: '-'"), (">q\nMKT\nMK1\n", "line 3, column 3: '1'")],
)
def test_t02_letters_that_are_no_amino_acids(fold, capsys, text, where):
    assert fold(text) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and f"q.fasta, {where} is not an amino-acid letter; " in line


@pytest.mark.medium("compiles the small network")
def test_t02_small_letters_and_a_trailing_star(fold, tmp_path):
    assert fold(">q\nmkt\nayi*\n") == 0
    assert len(json.loads(next((tmp_path / "out").glob("*_scores_*")).read_text())["plddt"]) == 6


@pytest.mark.medium("compiles the small network")
def test_t28_complexes_with_an_empty_chain_fail_and_the_others_are_done(fold, tmp_path, capsys):
    assert fold(f">c\n{SHORT}::{SHORT}\n>e\n{SHORT}:::\n>q\n{SHORT}:{SHORT}\n") == 3
    err = capsys.readouterr().err
    assert "q.fasta, line 1: chain 2 is empty" in err and "q.fasta, line 3: chain 2 is empty" in err
    assert set(failed(tmp_path / "out")) == {"c", "e"} and (tmp_path / "out" / "q.done.txt").exists()
    assert fold(f">c\n{SHORT}\n>e\n{SHORT}V\n>q\n{SHORT}:{SHORT}\n") == 0  # mended: nothing is failed now
    assert not (tmp_path / "out" / "failures.jsonl").exists()


def test_what_could_not_be_read_and_now_can_is_no_failure_any_more(fold, tmp_path):
    (tmp_path / "a.fasta").write_text(">a\nMKT1\n")
    run = lambda: main(["predict", str(tmp_path), "--out", str(tmp_path / "out"), "--random-weights", "--shard", "2/2"])
    (tmp_path / "b.fasta").write_text(">b\nMKT2\n")
    assert run() == 2  # its part is one file, which cannot be read
    (tmp_path / "c.fasta").write_text(">c\nMKT::MKT\n")
    (tmp_path / "d.fasta").write_text(">d\nMKT::MKT\n")
    assert run() == 2 and len(failed(tmp_path / "out")) == 2  # nothing was begun
    (tmp_path / "b.fasta").write_text(">b\nMKT::MKT\n")
    assert run() == 2 and str(tmp_path / "b.fasta") not in failed(tmp_path / "out")


def test_t20_numbers_that_are_not_finite_are_not_written(fold, tmp_path, monkeypatch, capsys):
    whole = networks.Networks.load

    def broken(self, name):
        model, params = whole(self, name)
        return model, params | {"single": jax.tree.map(lambda x: x * np.float32(np.nan), params["single"])}

    monkeypatch.setattr(networks.Networks, "load", broken)
    assert fold(f">q\n{SHORT}\n") == 4
    assert "failed: q: the network's answer is not finite" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["failures.jsonl"]


def test_any_fault_fails_one_query_alone(fold, tmp_path, monkeypatch, capsys):
    whole = command.fold
    faults = {"a": KeyError("x\ny"), "b": OSError(28, "No space left on device", "b.pdb"), "c": MemoryError("5 GiB")}

    def falls(name, *rest):
        if name in faults:
            raise faults[name]
        return whole(name, *rest)

    monkeypatch.setattr(command, "fold", falls)
    text = "".join(f">{name}\n{SHORT}\n" for name in "abcd")
    assert fold(text) == 3
    assert failed(tmp_path / "out") == {
        "a": "internal error (KeyError: 'x\\ny'); please report it (--debug shows the traceback)",
        "b": "b.pdb: No space left on device; make room on this disk, then give the same command again",
        "c": "out of memory (5 GiB); try --max-msa with fewer rows, or a shorter query",
    }
    assert capsys.readouterr().err.count("failed: ") == 3
    with pytest.raises(KeyError):
        fold(text, "--debug")
    monkeypatch.setattr(command, "fold", whole)
    assert fold(text) == 0 and not (tmp_path / "out" / "failures.jsonl").exists()


@pytest.mark.medium("compiles the small network")
def test_t21_out_of_memory_is_explained_and_the_others_are_done(fold, tmp_path, monkeypatch):
    whole = inference._pass

    def ends(model, logits, params, features, *rest):
        if features.seq_mask.sum() > 10:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes.")
        return whole(model, logits, params, features, *rest)

    ends.jitted = whole.jitted
    monkeypatch.setattr(inference, "_pass", ends)
    monkeypatch.setattr(memory, "_room", lambda: 500_000)
    assert fold(f">long\n{LONG}\n>short\n{SHORT}\n") == 3
    text = failed(tmp_path / "out")["long"]
    assert text.startswith("out of memory: 19 residues with 12 MSA rows and 16 extra rows need 0.0 GB for one pass")
    assert "residues would fit; try --chunk 4 or --bfloat16 or --max-msa 16:32" in text
    assert (tmp_path / "out" / "short.done.txt").exists()


def test_t21_what_would_fit(weights, monkeypatch):
    config = preset("tiny")
    inputs, params = features(SHORT, config, cycles=1), support.rule_params(config)
    tell = lambda **runtime: memory.explain(AlphaFold(config, Runtime(**runtime)), params, inputs)
    monkeypatch.setattr(memory, "_need", lambda *rest: 4e9)
    monkeypatch.setattr(memory, "_room", lambda: 1e9)
    size = "out of memory: 6 residues with 1 MSA rows and 1 extra rows"
    assert tell().startswith(f"{size} need 4.0 GB for one pass, the device has 1.0 GB; about 3 residues would fit")
    assert "--chunk" not in tell(chunk=4) and "--bfloat16" not in tell(dtype="bfloat16")
    monkeypatch.setattr(memory, "_room", lambda: 5e9)
    assert "it would fit if nothing else used the device" in tell()

    def unknown():
        raise RuntimeError("no such call")

    monkeypatch.setattr(memory, "_room", unknown)
    assert tell() == f"{size}; try --chunk 4 or --bfloat16 or --max-msa 16:32, or a shorter query"


@pytest.mark.slow("compiles the small network for two sizes")
def test_the_need_is_that_of_the_compiled_pass():
    config = preset("tiny")
    params = support.rule_params(config)
    need = [memory._need(AlphaFold(config), params, features(SHORT * n, config, cycles=1)) for n in (1, 4)]
    assert sum(x.nbytes for x in jax.tree.leaves(params)) < need[0] < need[1] and memory._room() > 1e8


@pytest.mark.parametrize(
    "error, is_it",
    [
        (MemoryError(), True),
        (RuntimeError("RESOURCE_EXHAUSTED: x"), True),
        (jax.errors.JaxRuntimeError("INTERNAL: CUDA: out of memory"), True),
        (RuntimeError("INTERNAL"), False),
        (InputError("out of memory"), False),
    ],
)
def test_what_is_out_of_memory(error, is_it):
    assert memory.is_out_of_memory(error) == is_it


def test_t03_unknown_residues_are_warned_of_before_relaxation(fold, tmp_path, monkeypatch, capsys):
    given = []

    def relax(protein, cyclic, gpu):
        given.append((protein, gpu))
        if len(given) == 2:
            raise InputError("three attempts failed")
        return Relaxed(protein, 0.0, 0.0, 0.0, 0, 0, 1, ())

    monkeypatch.setattr("af2jax.relax.available", lambda gpu: "OpenMM")
    monkeypatch.setattr("af2jax.relax.relax", relax)
    assert fold(">q\nACDXEF\n", "--amber", "--num-seeds", "3", "--num-relax", "2", "--use-gpu-relax") == 0
    err, out = capsys.readouterr().err, tmp_path / "out"
    assert (
        "1 residue of unknown type has no atoms" in err
        and "WARNING: q: rank 2 stays unrelaxed: three attempts failed" in err
    )
    assert len(list(out.glob("q_unrelaxed_*.pdb"))) == 3 and [gpu for _, gpu in given] == [True, True]
    assert [p.name[:20] for p in out.glob("q_relaxed_*.pdb")] == ["q_relaxed_rank_001_t"]
    assert fold(">q\nACDXEF\n", "--amber") == 0 and len(given) == 3 and len(list(out.glob("q_relaxed_*.pdb"))) == 1


def test_relaxation_that_is_not_installed_ends_the_run(fold, monkeypatch, capsys):
    def available(gpu):
        raise InputError("relaxation needs OpenMM and PDBFixer")

    monkeypatch.setattr("af2jax.relax.available", available)
    assert fold(f">q\n{SHORT}\n", "--amber") == 2 and "relaxation needs OpenMM" in capsys.readouterr().err


@pytest.mark.medium("compiles the small network")
def test_t23_the_first_line_names_the_device(fold, capsys):
    assert fold(f">q\n{SHORT}\n", "--device", "cpu") == 0
    jax.config.update("jax_default_device", None)
    assert capsys.readouterr().out.splitlines()[0] == "device: cpu (cpu); presets: tiny"


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr("af2jax.cli.progress.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    "pace, quiet, warned",
    [
        (40.0, False, "WARNING: this CPU will take about 23 min for all queries"),
        (1.0, False, ""),
        (40.0, True, ""),
    ],
)
def test_t23_a_slow_cpu_is_warned_of_after_the_first_passes(clock, capsys, pace, quiet, warned):
    with Progress({"a": 4.0, "b": 32.0}, quiet=quiet, cpu=True) as progress:
        progress.at("a", 0.0, "search")
        clock[0] = 500.0  # compilation
        progress.at("a", 0.25)
        assert progress.left() == "2 of 2 left"
        clock[0] += pace
        progress.at("a", 0.5)
        clock[0] += pace
        progress.at("a", 0.75)
    assert capsys.readouterr().err.strip() == warned


def test_the_time_left_counts_what_is_still_to_do(clock):
    with Progress({"a": 1.0, "b": 1.0, "c": 2.0, "d": 100.0}, quiet=True, cpu=False) as progress:
        progress.at("a", 1.0)
        progress.done("a")
        progress.drop("d")
        clock[0] = 30.0
        progress.at("b", 1.0)
        progress.done("b")
        assert progress.left() == "1 of 3 left, about 60 s"
        progress.done("c")
        assert progress.left() == ""
