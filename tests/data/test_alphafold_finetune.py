"""The tables of alphafold_finetune: structures and templates aligned to joined chains by pairs of positions."""

import dataclasses
import json

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.constants.residues import GAP
from af2jax.data.alphafold_finetune import COLUMNS
from af2jax.data.dataset import read_dataset
from af2jax.data.items import load_example, read_item
from af2jax.data.labels import Label
from af2jax.data.preflight import check
from af2jax.errors import InputError
from tests.data.molecules import backbone, pdb, peptide, save
from tests.mutate import mutations

CONFIG = dataclasses.replace(preset("tiny"), num_recycle=0)
FIRST, SECOND = "MKTAYIAKQR", "GWDL"
PAIRS = ";".join(f"{i}:{i - 2}" for i in range(2, 8)) + ";10:8;11:9;12:10;13:11"


@pytest.fixture
def folder(tmp_path):
    """A table of one complex, with a template; the files lie compressed, under another path than the table says."""
    changed = FIRST[:3] + "V" + FIRST[4:]
    save(tmp_path, pdb(peptide(changed[2:]) + peptide(SECOND, chain="B")), "native.pdb.gz")
    save(tmp_path, pdb(peptide(FIRST)), "template.pdb.gz")
    (tmp_path / "templates.tsv").write_text(
        "template_pdbfile\ttarget_to_template_alignstring\tidentities\n"
        f"examples/set/template.pdb\t{';'.join(f'{i}:{i + 2}' for i in range(8))}\t0\n"
    )
    (tmp_path / "set.tsv").write_text(
        "targetid\ttarget_chainseq\ttemplates_alignfile\tnative_pdbfile\tnative_alignstring\tbinder\n"
        f"x\t{FIRST}/{SECOND}\texamples/set/templates.tsv\texamples/set/native.pdb\t{PAIRS}\t1\n"
    )
    return tmp_path


@pytest.fixture
def item(folder):
    (item,) = read_dataset(folder / "set.tsv")
    return item


def test_the_structure_is_laid_over_both_chains(item):
    known = read_item(item)
    assert known.sequence == FIRST + SECOND and known.residue_index.tolist() == [*range(10), *range(4)]
    assert np.flatnonzero(known.observed).tolist() == [*range(2, 8), *range(10, 14)]
    expected = backbone(40)
    for position, residue in [(2, 0), (7, 5), (10, 0), (13, 3)]:
        assert np.allclose(known.positions[position, 1], expected[residue, 1], atol=1e-3)
    assert known.atom_mask[3].sum() == 3 and known.atom_mask[2].sum() == 5  # another type: its backbone alone
    assert (known.positions[~known.atom_mask] == 0).all()


def test_its_templates(item):
    features, targets = load_example(item, CONFIG, None, 0, {"binder": Label(False, 2)})
    templates = features.templates
    assert int(targets.labels["binder"]) == 1 and templates.mask.tolist() == [True, False, False, False]
    assert (templates.aatype[0, :8] == read_item(item).aatype[2:10]).all() and (templates.aatype[0, 8:] == GAP).all()
    assert np.allclose(templates.positions[0, 0, 1], backbone(40)[2, 1], atol=1e-3)
    plain = dataclasses.replace(CONFIG, template=None)
    assert not load_example(item, plain, None, 0, {})[0].templates.mask.any()


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("placed", "0-0;1-1", "'0-0;1-1' is not a list of pairs such as 0:0;1:1"),
        ("placed", "0:0;;1:1", "is not a list of pairs"),
        ("placed", "99:0", "pairs reach to 99 and 0; the sequence has 14 residues, native.pdb.gz 12"),
        ("placed", "0:12", "pairs reach to 0 and 12"),
        ("templates.tsv", "a\tb\n1\t2\n", "needs a row and the columns template_pdbfile and target_to_template"),
        ("templates.tsv", "template_pdbfile\ttarget_to_template_alignstring\n", "needs a row"),
        ("templates.tsv", "template_pdbfile\ttarget_to_template_alignstring\nx.pdb\n", "x.pdb: no such file"),
        (
            "templates.tsv",
            f"{'	'.join(COLUMNS)}\ntemplate.pdb\n",
            "line 2: '' is not a list of pairs",
        ),
        (
            "templates.tsv",
            f"{'	'.join(COLUMNS)}\ntemplate.pdb\t14:0\n",
            "line 2: pairs reach beyond",
        ),
    ],
)
def test_bad_pairs_and_tables(folder, item, name, content, message):
    if name == "placed":
        item = dataclasses.replace(item, placed=content)
    else:
        (folder / name).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        load_example(item, CONFIG, None, 0, {})
    assert "\n" not in str(caught.value)


@pytest.mark.medium("mutates many files")
def test_damaged_tables(folder, item):
    whole = (folder / "templates.tsv").read_bytes()
    for data in mutations(whole, 300, seed=3):
        (folder / "templates.tsv").write_bytes(data)
        try:
            load_example(item, CONFIG, None, 0, {})
        except InputError as error:
            assert "\n" not in str(error)


def test_its_files_are_in_the_hash(folder, item):
    item = dataclasses.replace(item, split="train")
    before = check([item], {}, CONFIG)
    save(folder, pdb(peptide(FIRST[::-1])), "template.pdb.gz")
    assert check([item], {}, CONFIG).hash != before.hash


def test_the_published_example(shared):
    folder = shared / "data" / "finetune" / "tiny_pmhc"
    for name, number in [("tiny_example_train.tsv.gz", 50), ("tiny_example_valid.shared.tsv", 25)]:
        items = read_dataset(folder / name)
        assert len(items) == number and all(item.file.is_file() and item.aligned_templates for item in items)
        known = read_item(items[0])
        protein, peptide_ = items[0].sequence.split("/")
        assert known.chains == (protein, peptide_) and known.residue_index[len(protein)] == 0
        assert known.observed[: len(protein)].all() and not known.observed[len(protein) :].any()  # no peptide there
        named = json.loads(f"[{items[0].values['peptide_positions'].replace(';', ',')}]")
        assert sorted(named) == list(range(len(protein), len(protein) + len(peptide_)))
        features, targets = load_example(items[0], CONFIG, None, 0, {"binder": Label(False, 2)})
        assert features.templates.mask.all() and int(targets.labels["binder"]) == int(items[0].values["binder"])
        distance = np.linalg.norm(np.diff(known.positions[: len(protein), 1], axis=0), axis=1)
        assert np.median(distance) == pytest.approx(3.8, abs=0.05)
