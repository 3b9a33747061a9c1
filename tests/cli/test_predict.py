"""`af2jax predict`: what its options do, with the small network."""

import json
import re

import numpy as np
import pytest

from af2jax.cli import batch
from af2jax.cli.main import main
from af2jax.cli.networks import Networks, members
from af2jax.cli.options import Network, Sampling
from af2jax.config import preset
from af2jax.data.parse import parse_a3m
from af2jax.errors import InputError, WeightsError
from tests import support
from tests.data import molecules
from tests.results.examples import prediction

pytestmark = pytest.mark.medium("compiles the small network")

SEQUENCE, OTHER = "MKTAYIAKQRQI", "MKTAYIVKQRQI"
A3M = f">q\n{SEQUENCE}\n>r\n{OTHER}\n"


@pytest.fixture
def fold(weights, tmp_path):
    """`fold(query, *flags)`: the exit code; results are in `tmp_path / "out"`."""

    def fold(query, *flags) -> int:
        fixed = ["--params", weights, "--num-recycle", 0] if "--params" not in flags else ["--num-recycle", 0]
        plain = [] if "--plots" in flags else ["--no-plots"]
        return main([str(a) for a in ("predict", query, "--out", tmp_path / "out", *fixed, *plain, *flags)])

    return fold


@pytest.fixture
def query(tmp_path):
    (tmp_path / "q.a3m").write_text(A3M)
    return tmp_path / "q.a3m"


@pytest.fixture
def sequence(tmp_path):
    """The same query without its alignment."""
    (tmp_path / "q.fasta").write_text(f">q\n{SEQUENCE}\n")
    return tmp_path / "q.fasta"


def scores(out, rank: int = 1) -> dict:
    return json.loads(next(out.glob(f"*_scores_rank_{rank:03d}_*.json")).read_text())


def names(out) -> set[str]:
    return {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}


def test_seeds_are_ranked_and_repeatable(fold, query, tmp_path):
    flags = ("--num-seeds", 2, "--random-seed", 5, "--use-dropout")
    assert fold(query, *flags) == 0
    out = tmp_path / "out"
    first = {rank: scores(out, rank) for rank in (1, 2)}
    means = [np.mean(first[rank]["plddt"]) for rank in (1, 2)]
    assert means[0] > means[1] and {n[-8:-5] for n in names(out) if "scores" in n} == {"005", "006"}
    assert fold(query, *flags, "--overwrite-existing-results") == 0
    assert {rank: scores(out, rank) for rank in (1, 2)} == first  # T26: bit for bit
    assert fold(query, "--num-seeds", 2, "--random-seed", 5) == 0
    assert scores(out)["plddt"] not in [first[rank]["plddt"] for rank in (1, 2)]


def test_it_stops_at_a_score(fold, query, tmp_path):
    assert fold(query, "--num-seeds", 3, "--stop-at-score", 0) == 0
    assert len([n for n in names(tmp_path / "out") if "scores" in n]) == 1


def test_what_was_written_before_with_other_settings_goes(fold, query, tmp_path, capsys):
    out = tmp_path / "out"
    assert fold(query, "--num-seeds", 2, "--save-recycles") == 0
    (out / "notes.txt").write_text("mine")
    assert fold(query) == 0 and "skipped" not in capsys.readouterr().out
    tag = "rank_001_tiny_seed_000"
    own = {f"q_{kind}_{tag}" for kind in ("scores", "unrelaxed")} | {
        "q_predicted_aligned_error_v1",
        "q_report",
        "q.done",
    }
    assert {n.rsplit(".", 1)[0] for n in names(out)} == own | {"index", "notes"}


@pytest.mark.parametrize("change", ["query", "msa", "weights", "flag", "deleted", "nothing"])
def test_what_decides_results_is_remembered(fold, weights, tmp_path, capsys, change):
    query, msa, params = tmp_path / "q.fasta", tmp_path / "x.a3m", tmp_path / "p"
    params.mkdir()
    arrays = support.rule_flat(preset("tiny"))
    query.write_text(f">q\n{SEQUENCE}\n")
    msa.write_text(A3M)
    np.savez(params / "params_tiny.npz", **arrays)
    flags = ["--params", params] if change == "query" else ["--params", params, "--msa", msa]
    assert fold(query, *flags) == 0
    if change == "query":
        query.write_text(f">q\n{OTHER}\n")
    elif change == "msa":
        msa.write_text(f"{A3M}>s\n{SEQUENCE}\n")
    elif change == "weights":
        key = next(iter(arrays))
        np.savez(params / "params_tiny.npz", **arrays | {key: arrays[key] * np.float32(1.01)})
    elif change == "flag":
        flags += ["--random-seed", 1]
    elif change == "deleted":
        next((tmp_path / "out").glob("*.pdb")).unlink()
    capsys.readouterr()
    assert fold(query, *flags) == 0
    assert ("already done, skipped" in capsys.readouterr().out) == (change == "nothing")
    assert len(list((tmp_path / "out").glob("*.pdb"))) == 1


def test_all_numbers_and_representations_are_saved(fold, query, tmp_path):
    assert fold(query, "--save-all", "--save-recycles") == 0
    tag, out = "rank_001_tiny_seed_000", tmp_path / "out"
    assert {f"q_{kind}_{tag}.npz" for kind in ("arrays", "single_repr", "pair_repr")} < names(out)
    assert f"q_unrelaxed_{tag}.r0.pdb" in names(out)
    with np.load(out / f"q_arrays_{tag}.npz") as arrays:
        assert arrays["distogram"].shape == (12, 12, 64) and arrays["positions"].shape == (12, 37, 3)
    assert fold(query, "--save-single-representations") == 0
    assert {n.split("_repr_")[0] for n in names(out) if n.endswith(".npz")} == {"q_single"}


def test_an_alignment_is_parsed_once(fold, query, monkeypatch):
    """To look at the query, for each seed, and for the plots; where there is no room to keep it, once more."""
    parsed = []
    monkeypatch.setattr("af2jax.data.pipeline.parse_a3m", lambda *a: parsed.append(a) or parse_a3m(*a))
    monkeypatch.setattr("af2jax.inference.predict", lambda *rest, **options: prediction((len(SEQUENCE),), name="q"))
    flags = ("--num-seeds", 2, "--plots", "--overwrite-existing-results")
    assert fold(query, *flags) == 0 and len(parsed) == 1
    monkeypatch.setattr("af2jax.cli.predict.ROOM", 0)
    assert fold(query, *flags) == 0 and len(parsed) == 3


def test_names_of_alphafold(fold, query, tmp_path):
    assert fold(query, "--naming", "alphafold") == 0
    own = {"ranked_0.pdb", "ranking_debug.json", "unrelaxed_tiny_pred_0.cif", "report.html"}
    assert {*(f"q/{name}" for name in own), "q.done.txt", "index.html"} < names(tmp_path / "out")


def test_a_page_for_each_query_and_one_for_all(fold, tmp_path, monkeypatch, capsys):
    order = []
    made = {"q": [(prediction(name="q"), 0)], "r": [(prediction(name="r", shift=5), 1), (prediction(name="r"), 0)]}
    monkeypatch.setattr("af2jax.cli.predict.fold", lambda name, *rest: made[name])
    monkeypatch.setattr("af2jax.data.pipeline.Read.alignment", parse_a3m(">q\nMKTAYIAKQ", ""))
    written = batch.finish
    monkeypatch.setattr(batch, "finish", lambda *rest: (order.append(names(rest[0])), written(*rest)))
    several = tmp_path / "several"
    several.mkdir()
    for name, text in (("q", A3M), ("r", A3M), ("s", ">s\nMKT\n>t\nMK\n")):
        (several / f"{name}.a3m").write_text(text)
    assert fold(several) == 3
    out = tmp_path / "out"
    assert "q_report.html" in order[0] and "q.done.txt" not in order[0]  # the marker comes last
    assert "rank 2: model_1_ptm, seed 0" in (out / "r_report.html").read_text()
    text = (out / "index.html").read_text()
    assert "2 done, 1 failed" in text and all(f'href="{name}_report.html"' in text for name in "qr")
    assert "<td>s</td>" in text
    (out / "q_report.html").unlink()
    (out / "index.html").unlink()
    capsys.readouterr()
    assert fold(several) == 3 and capsys.readouterr().out.count("already done, skipped") == 1
    assert (out / "q_report.html").exists() and "2 done" in (out / "index.html").read_text()
    (out / "index.html").unlink()
    (out / "index.html").mkdir()  # as a query of that name has with the names of AlphaFold
    assert fold(several) == 3 and "index.html is not written" in capsys.readouterr().err


def test_ranks_by_ptm(fold, query, tmp_path, monkeypatch, capsys):
    made = [(prediction(ptm=0.2, shift=5), 0), (prediction(ptm=0.7), 1), (prediction(ptm=0.3, shift=-5), 2)]
    monkeypatch.setattr("af2jax.cli.predict.fold", lambda *rest: made)
    monkeypatch.setattr("af2jax.data.pipeline.Read.alignment", parse_a3m(">q\nMKTAYIAKQ", ""))
    for rank, expected in (("auto", [0.2, 0.7, 0.3]), ("plddt", [0.2, 0.7, 0.3]), ("ptm", [0.7, 0.3, 0.2])):
        assert fold(query, "--rank", rank) == 0
        assert [scores(tmp_path / "out", i)["ptm"] for i in (1, 2, 3)] == expected
    assert main(["predict", str(query), "--out", "o", "--random-weights", "--model", "model_1", "--rank", "ptm"]) == 2
    assert "--rank ptm: model_1 predicts no pTM" in capsys.readouterr().err


def test_alignments_of_sequences(fold, query, sequence, tmp_path, capsys):
    out, folder = tmp_path / "out", tmp_path / "msas"
    folder.mkdir()
    (folder / "q.a3m").write_text(A3M)
    assert fold(query) == 0
    expected = scores(out)
    for place in (query, folder):
        assert fold(sequence, "--msa", place, "--overwrite-existing-results") == 0
        assert scores(out) == expected
    assert fold(query, "--msa", folder, "--overwrite-existing-results") == 0  # the folder is for sequences
    assert fold(query, "--msa", query) == 4 and "is an alignment already" in capsys.readouterr().err
    assert "WARNING" not in capsys.readouterr().err
    assert fold(sequence, "--msa", tmp_path / "out") == 2  # what was asked for is not left out in silence
    assert "has nothing for q: no q.a3m or the like" in capsys.readouterr().err
    assert fold(sequence) == 0 and "q: single sequence without an alignment" in capsys.readouterr().err
    assert scores(out) != expected


def test_t10_an_alignment_without_hits(fold, sequence, tmp_path, capsys):
    (tmp_path / "none.a3m").write_text("")
    assert fold(sequence, "--msa", tmp_path / "none.a3m") == 0
    assert "has no row" in (err := capsys.readouterr().err) and "single sequence without an alignment" in err
    alone = scores(tmp_path / "out")
    assert fold(sequence, "--overwrite-existing-results") == 0 and scores(tmp_path / "out") == alone
    assert "single sequence" in alone["notes"][0]


def test_t11_an_alignment_of_another_query(fold, sequence, tmp_path, capsys):
    (tmp_path / "x.a3m").write_text(f">x\n{OTHER}\n")
    assert fold(sequence, "--msa", tmp_path / "x.a3m") == 4
    assert "at position 7 it has V, the query A" in capsys.readouterr().err
    assert names(tmp_path / "out") == {"failures.jsonl"}


def test_templates(fold, query, tmp_path, capsys):
    out, mmcif = tmp_path / "out", tmp_path / "mmcif"
    (tmp_path / "my model.pdb").write_text(molecules.pdb(molecules.peptide(SEQUENCE)))
    mmcif.mkdir()
    (mmcif / "1abc.cif").write_text(molecules.cif(molecules.peptide(SEQUENCE), {1: SEQUENCE}))
    hits = f"# STOCKHOLM 1.0\n1abc_A/1-11 {SEQUENCE[:11]}-\n//\n"
    (tmp_path / "q.hits.sto").write_text(hits)
    assert fold(query) == 0
    without = scores(out)
    assert fold(query, "--templates", f"{tmp_path / 'my model.pdb'}:A") == 0
    assert scores(out) != without
    assert fold(query, "--template-hits", tmp_path, "--custom-template-path", mmcif) == 0
    found = scores(out)
    assert fold(query, "--template-hits", tmp_path / "q.hits.sto", "--custom-template-path", mmcif) == 0
    assert scores(out) == found
    capsys.readouterr()
    flags = ("--template-hits", tmp_path, "--custom-template-path", mmcif, "--max-template-date", "1990-01-01")
    assert fold(query, *flags) == 0
    assert "no release date in its file (1abc_A" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags, message",
    [
        (("--template-hits", "."), "hits of a search need --custom-template-path"),
        (("--custom-template-path", "."), "structures of your own are given by --templates"),
        (("--template-hits", ".", "--custom-template-path", "none"), "--custom-template-path none: no such folder"),
        (("--templates", "none.cif:A"), "--templates none.cif:A: no such file"),
        (("--msa", "none.a3m"), "--msa none.a3m: no such file or folder"),
        (("--num-seeds", "0"), "--num-seeds must be at least 1"),
        (("--max-msa", "512"), "--max-msa 512: write ROWS:EXTRA"),
        (("--max-msa", "0:1"), "--max-msa 0:1: write ROWS:EXTRA"),
        (("--recycle-early-stop-tolerance", "nan"), "--recycle-early-stop-tolerance must be at least 0"),
        (("--chunk", "-1"), "--chunk must be at least 0"),
        (("--num-models", "0"), "--num-models must be at least 1"),
        (("--num-relax", "-1"), "--num-relax must be at least 0"),
        (("--model-order", "6"), "--model-order 6: write numbers from 1 to 5"),
        (("--model-order", "1"), "--model-order 1: none of tiny has such a number"),
        (("--shard", "2/1"), "--shard 2/1: write i/n"),
        (("--device", "gpu"), "--device gpu: jax finds none"),
        (("--db", "none.fasta"), "--db none.fasta: no such file"),
    ],
)
def test_bad_options_are_one_line_and_2(fold, query, tmp_path, capsys, flags, message):
    assert fold(query, *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and re.search(message, line) and not (tmp_path / "out").exists()


def test_which_presets(caplog):
    chosen = lambda **options: [m.name for m in members(Network(random_weights=True, **options))]
    five = [f"model_{i}_ptm" for i in range(1, 6)]
    assert chosen() == ["tiny"] and chosen(model="alphafold2_ptm") == five
    assert chosen(model="alphafold2_ptm", num_models=6) == five
    assert "--num-models 6: 5 presets are found, and all are run" in caplog.text
    assert chosen(model="alphafold2_ptm", num_models=2) == five[:2]
    assert chosen(model="alphafold2-ptm", model_order="3, 1", num_models=1) == ["model_3_ptm"]
    assert chosen(model="model_2,alphafold2_ptm_model_1") == ["model_2", "model_1_ptm"]
    assert chosen(model="alphafold2_multimer_v3")[4] == "model_5_multimer_v3"
    for wrong, message in (("alphafold3", "no preset is called"), ("model_1,params_model_1.npz", "named twice")):
        with pytest.raises(InputError, match=message):
            chosen(model=wrong)


def test_presets_of_a_folder(tmp_path):
    for name in ("params_model_3_ptm.npz", "params_model_1.npz", "params_model_1_ptm.npz"):
        (tmp_path / name).touch()
    chosen = lambda *places, **options: [m.name for m in members(Network(params=places, **options))]
    assert chosen(tmp_path) == ["model_1", "model_1_ptm", "model_3_ptm"]
    assert chosen(tmp_path, model_order="3,1") == ["model_3_ptm", "model_1", "model_1_ptm"]
    assert chosen(tmp_path / "params_model_1.npz") == ["model_1"]


def test_names_of_several_places(tmp_path):
    for place in ("a", "b/a", "c"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "params_model_1.npz").touch()
    (tmp_path / "c" / "params_model_2.npz").touch()
    chosen = lambda *places: [m.name for m in members(Network(params=tuple(tmp_path / place for place in places)))]
    assert chosen("a", "c") == ["model_1_a", "model_1_c", "model_2"]
    assert chosen("a", "b/a") == ["model_1_1", "model_1_2"]
    with pytest.raises(InputError, match="a is named twice; name each place once"):
        chosen("a", "c", "b/../a")


def test_rows_of_the_msa_include_those_of_templates(weights):
    network = Network(params=(weights,))
    data = Networks(network, Sampling(max_msa="16:32")).load(members(network)[0])[0].config.data
    assert (data.clusters, data.extra, data.max_templates) == (12, 32, 4)
    assert Sampling(max_msa="512:5120").sizes(0) == {"clusters": 512, "extra": 5120}
    assert Sampling(max_msa="4:8").sizes(4) == {"clusters": 1, "extra": 8} and Sampling().sizes(4) == {}


@pytest.mark.slow("compiles the small network in three ways")
def test_other_ways_to_compute_give_about_the_same(fold, query, tmp_path):
    found = {}
    for flags in ((), ("--chunk", 4), ("--bfloat16",)):
        assert fold(query, *flags, "--save-all", "--overwrite-existing-results") == 0
        (path,) = (tmp_path / "out").glob("*_arrays_*.npz")
        found[flags[:1]] = np.load(path)["positions"]
    size = np.abs(found[()]).max()
    apart = [np.abs(found[flags] - found[()]).max() / size for flags in (("--chunk",), ("--bfloat16",))]
    assert apart[0] < 1e-4 < apart[1] < 0.1


def test_weights_that_are_missing_or_damaged_end_the_run(fold, sequence, tmp_path, capsys):
    assert fold(sequence, "--model", "model_1") == 2
    assert "has no params_model_1.npz; it has params_tiny.npz" in capsys.readouterr().err
    data = support.rule_flat(preset("tiny"))
    np.savez(tmp_path / "params_tiny.npz", **data)
    whole = (tmp_path / "params_tiny.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:2000] + b"x" + whole[2001:]):
        (tmp_path / "params_tiny.npz").write_bytes(damaged)
        assert fold(sequence, "--params", tmp_path) == 2
        assert "is damaged" in capsys.readouterr().err and not list((tmp_path / "out").glob("q*"))
    with pytest.raises(WeightsError):
        fold(sequence, "--params", tmp_path, "--debug")


def test_a_search_before_the_prediction(fold, sequence, tmp_path, monkeypatch, capsys):
    from af2jax.cli import alignments

    (tmp_path / "db.fa").write_text(f">a\n{OTHER}\n")
    monkeypatch.setattr(alignments, "_hits", lambda *rest: [f"a\n{OTHER}"])
    monkeypatch.setattr("af2jax.data.search.a3m.join", lambda name, query, hits: A3M)
    assert fold(sequence, "--db", tmp_path / "db.fa") == 0
    assert "WARNING" not in capsys.readouterr().err and (tmp_path / "out" / "q.a3m").read_text() == A3M
    monkeypatch.setattr(alignments, "_hits", lambda *rest: pytest.fail("searched again"))
    assert fold(sequence, "--db", tmp_path / "db.fa", "--random-seed", 1) == 0
    assert fold(sequence, "--db", tmp_path / "db.fa", "--random-seed", 1) == 0
    assert "already done" in capsys.readouterr().out
    assert fold(sequence, "--seqres", tmp_path / "db.fa", "--custom-template-path", tmp_path) == 4
    assert "--seqres needs an alignment of the query" in capsys.readouterr().err


@pytest.mark.slow("trains the small network")
def test_t27_a_run_of_a_training_is_taken_for_parameters(fold, query, tmp_path, capsys):
    import af2jax

    (tmp_path / "a.pdb").write_text(molecules.pdb(molecules.peptide(SEQUENCE)))
    (tmp_path / "b.pdb").write_text(molecules.pdb(molecules.peptide(SEQUENCE[::-1])))
    (tmp_path / "d.csv").write_text("id,file,split\na,a.pdb,train\nb,b.pdb,valid\n")
    training = {"preset": "tiny", "recipe": "full", "steps": 2, "crop": 10, "num_recycle": 0}
    config = af2jax.finetune.Training(str(tmp_path / "d.csv"), **training, validate_every=2, save_every=2)
    state = af2jax.finetune.fit(config, tmp_path / "run")
    assert fold(query, "--params", tmp_path / "run") == 0
    assert fold(query, "--params", tmp_path / "run") == 0 and "already done" in capsys.readouterr().out
    assert fold(tmp_path / "none.fasta", "--params", tmp_path / "run") == 2
    model, params = af2jax.load("tiny", tmp_path / "run")
    _, kept = af2jax.load("tiny", tmp_path / "run" / "checkpoints" / "00000002")
    inputs = af2jax.features(query, model.config, cycles=1)
    memory, *loaded = (af2jax.predict(model, p, inputs, 0) for p in (state.params, params, kept))
    assert all(np.array_equal(memory.protein.positions, one.protein.positions) for one in loaded)
    np.testing.assert_allclose(scores(tmp_path / "out")["plddt"], memory.plddt, atol=0.02)
