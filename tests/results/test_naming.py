"""The names and contents of the files of one prediction: ColabFold's, and AlphaFold's."""

import dataclasses
import json

import numpy as np
import pytest

from af2jax.config import PRESETS, canonical
from af2jax.results import save_job
from tests.results.examples import prediction

PLOTS = {"job_plddt.png", "job_pae.png", "job_distogram.png"}


def names(files, folder):
    assert sorted(files) == sorted(f for f in folder.rglob("*") if f.is_file())
    return {str(f.relative_to(folder)) for f in files}


def read(folder, name):
    return json.loads((folder / name).read_text())


def test_colabfold_names(tmp_path):
    files = prediction().save(tmp_path, seed=7)
    tag = "rank_001_alphafold2_ptm_model_1_seed_007"
    assert names(files, tmp_path) == PLOTS | {
        f"job_unrelaxed_{tag}.pdb",
        f"job_unrelaxed_{tag}.cif",
        f"job_scores_{tag}.json",
        "job_predicted_aligned_error_v1.json",
    }


@pytest.mark.parametrize(
    ("preset", "model"),
    {
        "model_3": "alphafold2_model_3",
        "model_5_ptm": "alphafold2_ptm_model_5",
        "model_2_multimer": "alphafold2_multimer_v1_model_2",
        "model_2_multimer_v3": "alphafold2_multimer_v3_model_2",
        "model_1_ptm_a": "alphafold2_ptm_model_1_a",  # of the run "a", beside others of its preset
        "model_2_multimer_b": "alphafold2_multimer_v1_model_2_b",
        "mini_c": "mini_c",
    }.items(),
)
def test_colabfold_models(preset, model, tmp_path):
    files = prediction(preset=preset).save(tmp_path, rank=12, seed=3, plots=False)
    assert f"job_scores_rank_012_{model}_seed_003.json" in names(files, tmp_path)


def test_every_preset_is_found_again_from_its_file_names(tmp_path):
    for preset in PRESETS:
        files = prediction(preset=preset).save(tmp_path / preset, plots=False)
        name = next(f.name for f in files if f.suffix == ".cif")
        assert canonical(name.split("rank_001_")[1].split("_seed_")[0]) == preset


def test_colabfold_scores(tmp_path):
    found = prediction((5, 4))
    found.save(tmp_path / "two", plots=False)
    prediction(notes=("remark",)).save(tmp_path / "one", plots=False)
    prediction(pae=None, ptm=None, preset="model_1").save(tmp_path / "none", plots=False)
    tag = "rank_001_alphafold2_ptm_model_1_seed_000"
    scores = read(tmp_path / "two", f"job_scores_{tag}.json")
    assert list(scores) == [
        *("plddt", "max_pae", "pae", "ptm", "iptm", "per_chain_ptm", "pairwise_iptm"),
        *("interface_pae", "ipsae", "ipsae_min", "pdockq2", "pdockq2_min", "lis", "lis_min", "clis", "clis_min"),
        *("per_chain_pdockq2", "pdockq", "interface_contacts"),
    ]
    assert scores["per_chain_ptm"] == {"A": 0.712, "B": 0.812} and scores["pairwise_iptm"] == {"A-B": 0.512}
    assert scores["ipsae"].keys() == {"A-B", "B-A"} and scores["ipsae_min"]["A-B"] == min(scores["ipsae"].values())
    assert scores["interface_contacts"]["A-B"] == found.interfaces.contacts[0, 1] > 0
    assert scores["interface_pae"]["A-B"] == pytest.approx(found.interfaces.pae[0, 1], abs=0.006)
    assert scores["pdockq"]["A-B"] == pytest.approx(found.interfaces.pdockq[0, 1], abs=6e-5)
    assert (scores["ptm"], scores["iptm"]) == (0.61, 0.51) and scores["max_pae"] == np.max(scores["pae"])
    np.testing.assert_allclose(scores["pae"], found.pae, atol=0.006)
    np.testing.assert_allclose(scores["plddt"], found.plddt, atol=0.006)
    assert list(read(tmp_path / "one", f"job_scores_{tag}.json")) == ["plddt", "max_pae", "pae", "ptm", "notes"]
    assert list(read(tmp_path / "none", "job_scores_rank_001_alphafold2_model_1_seed_000.json")) == ["plddt"]
    assert not (tmp_path / "none/job_predicted_aligned_error_v1.json").exists()


def test_chains_that_do_not_touch_or_of_which_less_is_known():
    found = prediction((5, 4))
    far = found.protein.positions + 500 * found.protein.chain_index[:, None, None]
    found = dataclasses.replace(
        found, protein=dataclasses.replace(found.protein, positions=far, chain_names=("H", "L"))
    )
    scores = json.loads(json.dumps(found.scores(), allow_nan=False))
    assert scores["interface_pae"] == {"H-L": None} and scores["interface_contacts"] == scores["pdockq"] == {"H-L": 0}
    bare = dataclasses.replace(found, pae=None, ptm=None, iptm=None, chain_tm=None)
    assert list(bare.scores()) == ["plddt", "pdockq", "interface_contacts"]
    assert bare.ranking == pytest.approx(bare.plddt.mean())
    assert list(prediction((2, 3, 2)).pairs) == ["A-B", "A-C", "B-C"]


def test_pae_as_in_the_alphafold_database(tmp_path):
    found = prediction()
    found.save(tmp_path, plots=False)
    (table,) = read(tmp_path, "job_predicted_aligned_error_v1.json")
    assert set(table) == {"predicted_aligned_error", "max_predicted_aligned_error"}
    np.testing.assert_allclose(table["predicted_aligned_error"], found.pae, atol=0.0501)
    assert table["max_predicted_aligned_error"] == 31.75
    assert max(len(str(x)) for row in table["predicted_aligned_error"] for x in row) <= 4


def test_alphafold_names(tmp_path):
    pairs = [(prediction(), 0), (prediction(preset="model_2_ptm", shift=5), 1)]
    relaxed = dataclasses.replace(pairs[1][0].protein, positions=pairs[1][0].protein.positions + 1)
    files = save_job(pairs, tmp_path, naming="alphafold", arrays=True, relaxed={1: relaxed})
    kinds = {"unrelaxed": (".pdb", ".cif"), "confidence": (".json",), "pae": (".json",), "result": (".npz",)}
    tags = ("model_1_ptm_pred_0", "model_2_ptm_pred_1")
    each = {f"job/{kind}_{tag}{suffix}" for kind, suffixes in kinds.items() for suffix in suffixes for tag in tags}
    best = {f"job/relaxed_{tags[1]}{suffix}" for suffix in (".pdb", ".cif")}
    order = {f"job/ranked_{i}{suffix}" for i in range(2) for suffix in (".pdb", ".cif")}
    plots = {f"job/{name}.png" for name in ("plddt", "pae", "distogram")}
    assert names(files, tmp_path) == each | best | order | plots | {"job/ranking_debug.json"}
    same = lambda a, b: (tmp_path / "job" / a).read_bytes() == (tmp_path / "job" / b).read_bytes()
    assert same("ranked_0.pdb", f"relaxed_{tags[1]}.pdb") and same("ranked_1.pdb", f"unrelaxed_{tags[0]}.pdb")
    ranking = read(tmp_path, "job/ranking_debug.json")
    assert ranking["order"] == [tags[1], tags[0]] and list(ranking["plddts"]) == ranking["order"]
    assert ranking["plddts"][tags[0]] == pytest.approx(pairs[0][0].plddt.mean())


def test_alphafold_ranking_of_complexes(tmp_path):
    save_job([(prediction((5, 4)), 0)], tmp_path, naming="alphafold", plots=False)
    ranking = read(tmp_path, "job/ranking_debug.json")
    assert ranking["iptm+ptm"] == {"model_1_ptm_pred_0": pytest.approx(0.8 * 0.51234 + 0.2 * 0.61234)}
    assert ranking["pairwise_iptm"] == {"model_1_ptm_pred_0": {"A-B": 0.512}}
    assert ranking["iptm"] == {"model_1_ptm_pred_0": 0.51234} and ranking["ptm"] == {"model_1_ptm_pred_0": 0.61234}


def test_alphafold_confidence(tmp_path):
    plddt = np.array([49.99, 50, 69.99, 70, 89.99, 90, 30, 99, 60])
    prediction(plddt=plddt).save(tmp_path, naming="alphafold", plots=False)
    table = read(tmp_path, "job/confidence_model_1_ptm_pred_0.json")
    assert table["confidenceCategory"] == list("DLLMMHDHL")
    assert table["residueNumber"] == list(range(1, 10)) and table["confidenceScore"] == plddt.tolist()


@pytest.mark.parametrize("naming", ["colabfold", "alphafold"])
def test_what_was_kept(naming, tmp_path):
    rng = np.random.default_rng(0)
    one = prediction()
    kept = {"single": rng.normal(size=(9, 4)), "pair": rng.normal(size=(9, 9, 3))}
    found = prediction(**kept, distogram=rng.normal(size=(9, 9, 64)), passes=(one.protein, one.protein))
    found.save(tmp_path, naming=naming, arrays=True, plots=False)
    tag = "rank_001_alphafold2_ptm_model_1_seed_000" if naming == "colabfold" else "model_1_ptm_pred_0"
    folder, table = (tmp_path, "arrays") if naming == "colabfold" else (tmp_path / "job", "result")
    stem = lambda kind: folder / f"{'job_' if naming == 'colabfold' else ''}{kind}_{tag}"
    for kind, values in kept.items():
        with np.load(f"{stem(f'{kind}_repr')}.npz", allow_pickle=False) as arrays:
            assert arrays.files == [kind] and np.array_equal(arrays[kind], values)
    for index in range(2):
        assert (tmp_path / f"{stem('unrelaxed')}.r{index}.pdb").read_text() == one.protein.to_pdb()
    with np.load(f"{stem(table)}.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {
            *("plddt", "pae", "ptm", "distances", "contacts", "distogram"),
            *("aatype", "residue_index", "chain_index", "positions", "atom_mask"),
        }
        assert np.array_equal(arrays["pae"], found.pae) and arrays["ptm"] == found.ptm


def test_the_tables_of_chains_are_kept(tmp_path):
    found = prediction((5, 4), actifptm=0.4, chain_actifptm=np.array([[0, 0.4], [0.4, 0]]))
    found.save(tmp_path, arrays=True, plots=False)
    assert found.scores()["actifptm"] == found.scores()["pairwise_actifptm"]["A-B"] == 0.4
    with np.load(next(tmp_path.glob("*.npz")), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["chain_tm"], found.chain_tm) and arrays["iptm"] == found.iptm
        assert np.array_equal(arrays["chain_actifptm"], found.chain_actifptm) and arrays["actifptm"] == 0.4
