"""The README's Python runs as it stands, with a tiny network of weights by rule in place of DeepMind's files."""

import gzip
import tomllib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.data.structure import read_chain
from af2jax.finetune.config import from_dict
from af2jax.protein.files import Protein
from tests import snippets, support
from tests.losses import examples

README = Path(__file__).resolve().parents[1] / "README.md"
TINY = {'"model_1_ptm"': '"tiny"', "split=(44, 4)": "split=(1, 1)", "n=4": "n=1"}


def blocks() -> list[snippets.Block]:
    """The Python of the README, for the tiny network."""
    found = [block for block in snippets.blocks(README) if block.language == "python"]
    for old, new in TINY.items():
        found = [block._replace(text=block.text.replace(old, new)) for block in found]
    return found


def test_the_config_is_one():
    (config,) = (block for block in snippets.blocks(README) if block.language == "toml")
    training = from_dict(tomllib.loads(config.text), "README.md")
    assert training.cache and training.heads["ss"].classes == 3


def made_up() -> str:
    """An mmCIF file of a chain of ideal geometry."""
    d = examples.dictionary(missing=0)
    mask = d["all_atom_mask"].astype(bool)
    chain, plddt = np.zeros(len(mask), int), np.zeros(len(mask), np.float32)
    return Protein(d["aatype"], d["all_atom_positions"], mask, d["residue_index"], chain, plddt).to_mmcif()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the files that the README speaks of; the structure is real where there is one."""
    monkeypatch.chdir(tmp_path)
    real = Path(__file__).resolve().parents[2] / "shared" / "data" / "chains" / "5gob_A.pdb.gz"
    text = gzip.decompress(real.read_bytes()).decode() if real.exists() else made_up()
    for name in ("1ubq.cif", "1abc.cif", "a.cif", "b.cif"):  # read by content, whatever the name
        (tmp_path / name).write_text(text)
    sequence = read_chain("1ubq.cif").sequence
    for name in ("query.a3m", "1ubq.a3m", "bfd.a3m"):
        (tmp_path / name).write_text(f">query\n{sequence}\n>other\n-{sequence[1:]}\n")
    (tmp_path / "query.fasta").write_text(f">query\n{sequence}\n")
    (tmp_path / "uniref90.sto").write_text(f"# STOCKHOLM 1.0\nquery {sequence}\nnear -{sequence[1:]}\n//\n")
    (tmp_path / "params").mkdir()
    np.savez(tmp_path / "params" / "params_tiny.npz", **support.rule_flat(preset("tiny")))
    return tmp_path


@pytest.mark.slow("runs every block of the README")
def test_every_block_runs(folder, monkeypatch, capsys):
    snippets.own_registry(monkeypatch)
    classes = np.arange(len(read_chain("a.cif").aatype)) % 3
    names = {"af2jax": af2jax, "jnp": jnp, "secondary": {"a.cif": classes, "b.cif": classes}}
    names["jax"] = __import__("jax")
    snippets.run(blocks(), names)
    shown = capsys.readouterr().out
    assert "evoformer/blocks_1" in shown and "relative change" in shown
    assert names["metrics"]["ss"] < np.log(3) and names["metrics"]["skipped"] == 0
    assert {f.suffix for f in (folder / "out").iterdir()} == {".cif", ".pdb", ".json", ".png"}

    exported = folder / "finetuned" / "params"
    assert {f.name for f in exported.iterdir()} == {
        "params_tiny.npz",
        "heads.npz",
        "heads.json",
        "download_finished.txt",
    }
    model, params = af2jax.load("tiny", exported)
    found = af2jax.predict(model, params, names["features"], num_recycle=0)
    expected = af2jax.predict(names["model"], names["state"].params, names["features"], num_recycle=0)
    np.testing.assert_allclose(found.protein.positions, expected.protein.positions, atol=1e-4)
