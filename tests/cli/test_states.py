"""`af2jax predict --states`: a batch that resumes, and bad input in one line before anything is computed."""

import csv
import json

import numpy as np
import pytest

from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.conformations import sampling
from tests import support
from tests.data.molecules import pdb, peptide, save

compiled = pytest.mark.medium("compiles the small network")
QUERY, OTHER = "MKTAYIAKQRQISF", "WGTPYVDKERCISN"


@pytest.fixture
def query(tmp_path):
    """An alignment with two families of alike rows."""
    rows = [QUERY]
    for parent in ("MRSAFIAKQRQLSF", OTHER):
        rows += [parent[:place] + "ACDEG"[place] + parent[place + 1 :] for place in range(5)]
    path = tmp_path / "switch.a3m"
    path.write_text("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)))
    return path


@pytest.fixture
def run(weights, tmp_path, capsys):
    """`run(query, *arguments)`: (exit code, standard output, standard error); results are in `tmp_path / "out"`."""

    def run(query, *arguments) -> tuple:
        capsys.readouterr()
        own = ("--out", tmp_path / "out", "--params", weights, "--num-recycle", 0)
        code = main([str(a) for a in ("predict", query, *own, *arguments)])
        return code, *capsys.readouterr()

    return run


@compiled
def test_a_query_from_its_alignment_to_its_page_and_again(run, query, tmp_path, monkeypatch):
    path = save(tmp_path, pdb(peptide(QUERY)), "open.pdb")
    flags = ("--states", "clusters", "--state-models", 2, "--reference", path)
    code, out, err = run(query, *flags)
    assert code == 0 and "switch: 5 models in " in out and "a second state: " in out, err
    assert "WARNING: switch: too few models to claim a second state" in err and "it takes 4 of a way" in err
    folder = tmp_path / "out" / "switch"
    page = (folder / "index.html").read_text()
    assert "open.pdb" in page and "Is there a second state?" in page
    names = [
        f"tiny_{way}_seed_000" for way in ("seeds_001", "clusters_001", "clusters_002", "uniform_001", "uniform_002")
    ]
    assert {f.name for f in (folder / "models").iterdir()} == {
        f"{n}.{kind}" for n in names for kind in ("cif", "a3m", "npz")
    }
    rows = list(csv.DictReader((tmp_path / "out" / "states.csv").open()))
    assert {row["query"] for row in rows} == {"switch"} and sum(int(row["models"]) for row in rows) == 5
    marker = json.loads((tmp_path / "out" / "switch.done.txt").read_text())
    assert marker["settings"]["states"] == ["clusters", 2, 0.8] and len(marker["files"]) > 15

    assert "already done, skipped" in run(query, *flags)[1]
    made = []
    predict = sampling.predict
    monkeypatch.setattr(sampling, "predict", lambda *args, **more: made.append(args) or predict(*args, **more))
    code, out, _ = run(query, *flags, "--state-tm-score", 0.3)
    assert code == 0 and not made and "5 models" in out  # grouped again, and not made again
    dropout = ("--states", "dropout", "--state-models", 2)
    code, _, err = run(query, *dropout)
    assert code == 2 and "has models in other ways (clusters), which would be lost: name these ways too" in err
    code, _, err = run(query, *flags[:3], 1)
    assert code == 2 and "has 2 models more of these ways, which would be lost: give --state-models 2 --num-s" in err
    assert (
        "would be lost" in run(query, *flags, "--random-seed", 1)[2] and len(list((folder / "models").iterdir())) == 15
    )
    (tmp_path / "other").mkdir()
    np.savez(tmp_path / "other" / "params_tiny.npz", **support.rule_flat(preset("tiny"), seed=1))
    code, _, err = run(query, *flags, "--params", tmp_path / "other")
    assert code == 2 and "has models by other networks or weights (tiny), which would be lost: give another" in err
    code, out, _ = run(query, *dropout, "--overwrite-existing-results")
    assert code == 0 and len(made) == 3  # two with dropout, and another seed
    assert {f.stem for f in (folder / "models").glob("*.cif")} == {
        f"tiny_{way}_seed_{seed:03d}"
        for way, seed in (("seeds_001", 0), ("seeds_002", 1), ("dropout_001", 0), ("dropout_002", 0))
    }
    assert not list((folder / "models").glob("*clusters*")) and run(query)[0] == 0  # a prediction takes its place
    assert not (folder / "index.html").exists() and list((tmp_path / "out").glob("switch_unrelaxed_rank_001_*.cif"))


@pytest.mark.parametrize(
    "flags, message",
    [
        (("--states", "cluster"), 'no way is called "cluster"; did you mean "clusters"? (known: '),
        (("--reference", "a.pdb"), "--reference is of --states, which is not given"),
        (("--state-models", 3), "--state-models is of --states"),
        (("--states", "clusters", "--reference", "none.pdb"), "--reference none.pdb: no such file"),
        (("--states", "clusters", "--state-models", 0), "expected 1 model or more"),
        (("--states", "clusters", "--amber"), "--amber has no meaning with --states"),
        (("--states", "clusters", "--no-plots"), "--no-plots has no meaning with --states"),
        (
            ("--states", "clusters", "--use-dropout"),
            "--use-dropout has no meaning with --states; give --states dropout",
        ),
        (("--states", "clusters", "--answers-only"), "--answers-only has no meaning with --states"),
    ],
)
def test_flags_that_contradict_each_other(run, query, monkeypatch, flags, message):
    monkeypatch.setattr("af2jax.relax.available", lambda gpu: None)
    code, _, err = run(query, *flags)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2 and message in line


@pytest.mark.parametrize(
    "flags, message",
    [
        (("--state-models", 11), "the alignment has 10 rows besides the query, fewer than the 11 clusters"),
        (("--reference", "other.pdb"), "other.pdb, chain A: this is another protein (14 residues, of which"),
    ],
)
def test_what_cannot_be_looked_for_is_told_before_anything_is_computed(
    run, query, tmp_path, monkeypatch, flags, message
):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, pdb(peptide(OTHER)), "other.pdb")
    monkeypatch.setattr("af2jax.cli.predict.Predict.one", None)
    code, _, err = run(query, "--states", "clusters", *flags)
    (line,) = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert code == 2 and message in line and line.startswith("failed: switch: ")


def test_no_alignment(run, tmp_path, monkeypatch):
    fasta = tmp_path / "alone.fasta"
    fasta.write_text(f">alone\n{QUERY}\n>both\n{QUERY}:{OTHER}\n")
    monkeypatch.setattr("af2jax.cli.predict.Predict.one", None)
    code, _, err = run(fasta, "--states", "clusters")
    lines = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert code == 2 and len(lines) == 2
    assert 'alone: the way "clusters" needs an alignment, and the query stands alone; give one, or' in lines[0]
    assert "both: states are looked for in one chain; the query has 2" in lines[1]
