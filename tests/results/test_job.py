"""All files of a job, or none: ranks, failures, what PDB cannot hold, names that stay in their folder."""

import dataclasses
import json
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax.errors import InputError
from af2jax.results import ranked, save_job
from tests.results.examples import prediction


def test_the_best_comes_first(tmp_path):
    pairs = [(prediction(shift=shift), seed) for seed, shift in enumerate((0, 5, -5, 5))]
    assert [seed for _, seed in ranked(pairs)] == [1, 3, 0, 2]
    files = save_job(pairs, tmp_path, plots=False)
    structures = [f.stem.split("_seed_")[1] for f in files if f.suffix == ".pdb"]
    assert structures == ["001", "003", "000", "002"]
    complexes = [(prediction((5, 4), iptm=iptm, shift=-30 * iptm), 0) for iptm in (0.2, 0.9)]
    assert [p.iptm for p, _ in ranked(complexes)] == [0.9, 0.2]
    assert [p.iptm for p, _ in ranked(complexes, "iptm")] == [0.9, 0.2]
    assert [p.iptm for p, _ in ranked(complexes, "plddt")] == [0.2, 0.9]
    assert ranked(pairs, "iptm") == ranked(pairs)  # one chain has none


def test_complexes_are_ranked_as_published():
    one, other = (prediction((5, 4), ptm=ptm, iptm=iptm) for ptm, iptm in ((0.5, 0.25), (0.95, 0.2)))
    assert one.ranking == pytest.approx(100 * (0.8 * 0.25 + 0.2 * 0.5))
    assert [p.iptm for p, _ in ranked([(one, 0), (other, 0)], "auto")] == [0.2, 0.25]
    assert [p.iptm for p, _ in ranked([(one, 0), (other, 0)], "iptm")] == [0.25, 0.2]


def test_a_relaxed_structure_lies_beside_its_rank(tmp_path):
    pairs = [(prediction(shift=shift), seed) for seed, shift in enumerate((0, 5))]
    moved = dataclasses.replace(pairs[0][0].protein, positions=pairs[0][0].protein.positions + 1)
    save_job(pairs, tmp_path, plots=False, relaxed={2: moved})
    (pdb,) = tmp_path.glob("*_relaxed_*.pdb")
    assert pdb.name == "job_relaxed_rank_002_alphafold2_ptm_model_1_seed_000.pdb" and pdb.read_text() == moved.to_pdb()
    assert len(list(tmp_path.glob("*_relaxed_*.cif"))) == 1 and len(list(tmp_path.glob("*_unrelaxed_*"))) == 4


def test_plots_belong_to_rank_1(tmp_path):
    assert {f.suffix for f in prediction().save(tmp_path, rank=2)} == {".cif", ".pdb", ".json"}
    assert not list(tmp_path.glob("*predicted_aligned_error*"))


@pytest.mark.parametrize("naming", ["colabfold", "alphafold"])
@pytest.mark.parametrize("where", ["positions", "pae", "ptm", "plddt", "chain_tm", "actifptm", "second"])
def test_t20_what_is_not_finite_is_not_written(naming, where, tmp_path):
    good = prediction((5, 4))
    fields = {"pae": good.pae * np.nan, "ptm": np.nan, "plddt": good.plddt * np.inf}
    fields["chain_tm"] = good.chain_tm * np.nan
    fields["actifptm"] = np.nan
    atoms = dataclasses.replace(good.protein, positions=np.where(good.protein.atom_mask[..., None], np.nan, 0.0))
    bad = dataclasses.replace(good, **({where: fields[where]} if where in fields else {"protein": atoms}))
    pairs = [(good, 0), (bad, 1)] if where == "second" else [(bad, 0)]
    with pytest.raises(InputError, match="not finite; nothing is written"):
        save_job(pairs, tmp_path, naming=naming)
    assert not list(tmp_path.iterdir())


def test_a_failure_on_the_way_leaves_nothing(tmp_path, monkeypatch):
    def full(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr("af2jax.plots.distogram.distogram", full)
    with pytest.raises(OSError, match="no space left"):
        save_job([(prediction(), 0), (prediction(), 1)], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.medium("writes files of 100,000 atoms")
@pytest.mark.parametrize("naming", ["colabfold", "alphafold"])
def test_t24_more_than_62_chains(naming, tmp_path, caplog):
    large = prediction((1,) * 63)
    files = save_job([(dataclasses.replace(large, passes=(large.protein,)), 0)], tmp_path, naming=naming)
    why = "63 chains, more than the 62 that the PDB format can name"
    assert not [f for f in files if f.suffix == ".pdb"] and len([f for f in files if f.suffix == ".png"]) == 3
    assert [r.getMessage() for r in caplog.records] == [f"no PDB file, only mmCIF: {why}"]
    kind = "scores" if naming == "colabfold" else "ranking"
    assert f"no PDB file: {why}" in json.loads(next(f for f in files if kind in f.name).read_text())["notes"]
    assert f"no PDB file: {why}" in next(f for f in files if f.suffix == ".cif").read_text()


@pytest.mark.medium("writes files of 100,000 atoms")
def test_t24_more_than_99999_atoms(tmp_path):
    size = 7500
    one = prediction()
    chain = np.repeat(np.arange(5), size // 5)
    atoms = dataclasses.replace(
        one.protein,
        aatype=np.full(size, 17),
        positions=np.zeros((size, 37, 3)) + 100 * chain[:, None, None],
        atom_mask=np.arange(37)[None] < np.full((size, 1), 14),
        residue_index=np.arange(size) % (size // 5),
        chain_index=chain,
        plddt=np.zeros(size),
    )
    found = dataclasses.replace(one, protein=atoms, plddt=np.zeros(size), pae=None, distances=None, contacts=None)
    files = found.save(tmp_path, plots=False)
    assert {f.suffix for f in files} == {".cif", ".json"}
    assert "105000 atoms, more than the PDB format can number" in files[0].read_text()


def test_bad_arguments(tmp_path):
    with pytest.raises(InputError, match='naming "rosetta" is unknown; choose "colabfold" or "alphafold"'):
        prediction().save(tmp_path, naming="rosetta")
    with pytest.raises(InputError, match="job: the alignment has 8 columns, not 9"):
        prediction().save(tmp_path, alignment=np.zeros((3, 8), int))
    with pytest.raises(InputError, match=r"two predictions would write job/\w+_model_1_ptm_pred_0\."):
        save_job([(prediction(), 0), (prediction(), 0)], tmp_path, naming="alphafold", plots=False)
    assert save_job([], tmp_path) == [] and not list(tmp_path.iterdir())


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(max_size=300), st.text("./\\ " + string.ascii_letters, max_size=20)), st.text(max_size=90))
def test_any_name_stays_in_its_folder_and_any_text_can_be_read_back(tmp_path_factory, name, note):
    gemmi = pytest.importorskip("gemmi")
    folder = tmp_path_factory.mktemp("a")
    out = folder / "out"
    files = prediction((3,), name=name, notes=(note,)).save(out, plots=False)
    files += prediction((3,), name=name, notes=(note,)).save(out, naming="alphafold", plots=False)
    assert list(folder.iterdir()) == [out] and sorted(files) == sorted(f for f in out.rglob("*") if f.is_file())
    for file in files:
        assert file.resolve().is_relative_to(out.resolve())
        if file.suffix in (".pdb", ".cif"):
            assert gemmi.read_structure(str(file))[0].count_atom_sites() == 5 + 11 + 8


def test_plots_of_any_text(tmp_path):
    odd = prediction(name="$x^{$ <b> 蛋白 \x00", notes=("_{$\\frac", "a\nb"))
    assert sum(f.suffix == ".png" for f in odd.save(tmp_path)) == 3
