"""An item as an example: labels of every form, sequences without a structure, chains joined."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.constants.residues import encode
from af2jax.data.batch import stack
from af2jax.data.dataset import Item, read_dataset
from af2jax.data.items import label_of, load_example, read_item
from af2jax.data.labels import Label
from af2jax.errors import InputError
from tests.data import tables
from tests.data.molecules import cif, peptide, save
from tests.finetune import toy
from tests.losses.examples import QUICK

CONFIG = dataclasses.replace(preset("tiny"), num_recycle=0)
SEQUENCE = tables.SEQUENCES["one"]
LETTERS, NUMBERS, CLASS = Label(True, 3, ("H", "E", "C")), Label(True), Label(False, 2, ("soluble", "membrane"))


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """The items of `tables`, by name; "one" lacks four residues."""
    folder = tmp_path_factory.mktemp("items")
    tables.structures(folder)
    np.save(folder / "numbers.npy", np.arange(20) / 4)
    np.save(folder / "objects.npy", np.array(["H"] * 20))
    return {item.id: item for item in read_dataset(tables.table(folder, tables.rows()))}


def cell(item: Item, text: str, what: Label) -> np.ndarray:
    """The label that a cell stands for."""
    item = dataclasses.replace(item, values={"x": text})
    return label_of(item, "x", what, read_item(item))


class TestLabels:
    def test_letters_and_classes(self, items):
        found = cell(items["one"], "HEC-" * 5, LETTERS)
        assert found.dtype == np.int32 and found.tolist() == [0, 1, 2, -1] * 5
        assert cell(items["one"], "012" * 6 + "01", Label(True, 3)).tolist() == [0, 1, 2] * 6 + [0, 1]
        assert cell(items["one"], "membrane", CLASS) == 1 and cell(items["one"], "1", Label(False, 2)) == 1

    @pytest.mark.parametrize("text", ["; ", " ", ";"])
    def test_numbers(self, items, text):
        found = cell(items["one"], text.join(map(str, range(20))), NUMBERS)
        assert found.dtype == np.float32 and found.tolist() == list(range(20))
        alone = cell(items["four"], "-1.5e-1", Label(False))
        assert alone.dtype == np.float32 and alone.shape == () and np.isclose(alone, -0.15)

    def test_a_file_of_numbers(self, items):
        assert cell(items["one"], "numbers.npy", NUMBERS).tolist() == (np.arange(20) / 4).tolist()

    def test_observed_residues_alone(self, items):
        found = cell(items["one"], "H" * 8 + "E" * 8, LETTERS)
        place = np.flatnonzero(read_item(items["one"]).observed)
        assert found[place].tolist() == [0] * 8 + [1] * 8 and (np.delete(found, place) == -1).all()
        values = cell(items["one"], " ".join(map(str, range(16))), NUMBERS)
        assert values[place].tolist() == list(range(16)) and np.isnan(np.delete(values, place)).all()

    @pytest.mark.parametrize("text", ["", "NA", "nan", "None", "?"])
    def test_unknown(self, items, text):
        assert (cell(items["one"], text, LETTERS) == -1).all() and cell(items["one"], text, CLASS) == -1
        assert np.isnan(cell(items["one"], text, NUMBERS)).all() and np.isnan(cell(items["one"], text, Label(False)))
        assert cell(items["one"], text, NUMBERS).shape == (20,) and cell(items["one"], text, CLASS).shape == ()

    @pytest.mark.parametrize(
        "text, what, message",
        [
            ("HEC", LETTERS, r'column "x": 3 values for 20 residues \(16 observed\); give one for each'),
            ("HECX" * 5, LETTERS, "'X' is not a class; known classes: H, E, C"),
            ("high", Label(False), "'high' is not a number; give a number, or name the classes"),
            ("1e39", Label(False), "'1e39' is not a number"),
            ("-inf", Label(False), "'-inf' is not a number"),
            ("2", Label(False, 2), r"'2' is none of the classes \(0 to 1\)"),
            ("0.5", Label(False, 2), "'0.5' is none of the classes"),
            ("-2", Label(False, 2), "'-2' is none of the classes"),
            ("1", CLASS, r"'1' is none of the classes \(soluble, membrane\)"),
            ("nothing.npy", NUMBERS, "nothing.npy cannot be read"),
            ("one.cif.npy", NUMBERS, "cannot be read"),
            ("objects.npy", NUMBERS, "objects.npy is not an array of numbers"),
        ],
    )
    def test_bad_cells(self, items, text, what, message):
        with pytest.raises(InputError, match=message) as caught:
            cell(items["one"], text, what)
        assert "\n" not in str(caught.value) and items["one"].where in str(caught.value)

    def test_pairs_are_in_a_file(self, items):
        item, what = items["one"], Label(False, 2, ("no", "yes"), pair=True)
        folder, place = item.folder, np.flatnonzero(read_item(item).observed)
        matrix = np.arange(400).reshape(20, 20) % 3 - 1
        np.save(folder / "pairs.npy", matrix)
        np.testing.assert_array_equal(cell(item, "pairs.npy", what), matrix)
        text = np.array(["?", "no", "yes"])[matrix + 1]
        np.savetxt(folder / "pairs.csv", text, "%s", ",")
        np.testing.assert_array_equal(cell(item, "pairs.csv", what), matrix)
        np.savetxt(folder / "counted.csv", np.array(["-", "0", "1"])[matrix + 1], "%s", "\t")
        np.testing.assert_array_equal(cell(item, "counted.csv", what), matrix)
        np.save(folder / "observed.npy", matrix[:16, :16])
        found = cell(item, "observed.npy", what)
        np.testing.assert_array_equal(found[np.ix_(place, place)], matrix[:16, :16])
        assert (np.delete(found, place, 0) == -1).all() and (np.delete(found, place, 1) == -1).all()
        np.savetxt(folder / "numbers.csv", matrix / 4, "%.2f", " ")
        found = cell(item, "numbers.csv", Label(False, pair=True))
        assert found.dtype == np.float32 and found.tolist() == (matrix / 4).tolist()
        assert cell(item, "NA", what).shape == (20, 20) and (cell(item, "NA", what) == -1).all()

    def test_several_numbers(self, items):
        item, two = items["one"], lambda **kind: Label(**{"residue": False, "outputs": 2} | kind)
        assert cell(item, "1.5; -2", two()).tolist() == [1.5, -2] and np.isnan(cell(item, "", two())).tolist() == [1, 1]
        assert cell(item, "1.5 nan", two())[0] == 1.5
        values = np.arange(40.0).reshape(20, 2)
        np.savetxt(item.folder / "two.csv", values, "%g", ";")
        assert cell(item, "two.csv", two(residue=True)).tolist() == values.tolist()
        cube = np.arange(800.0).reshape(20, 20, 2)
        np.save(item.folder / "cube.npy", cube)
        assert cell(item, "cube.npy", two(pair=True)).tolist() == cube.tolist()

    @pytest.mark.parametrize(
        "content, what, message",
        [
            (None, Label(False, 2, pair=True), "of pairs are in a file: give the path of a .npy or .csv, not '0101'"),
            (None, Label(True, outputs=2), "labels of several numbers for each residue are in a file"),
            (np.zeros((3, 3)), Label(False, pair=True), r"3 x 3 values for 20 residues \(16 observed\); give 20 x 20"),
            (np.zeros((20, 16)), Label(False, pair=True), r"20 x 16 values for 20 residues .*; give 20 x 20"),
            (np.zeros(20), Label(False, pair=True), r"20 values for 20 residues .*; give 20 x 20"),
            (np.zeros((20, 3)), Label(True, outputs=2), r"20 x 3 values for 20 residues .*; give 20 x 2"),
            (np.full((20, 20), 2), Label(False, 2, pair=True), r"'2' is none of the classes \(0 to 1\)"),
            (np.full((20, 20), 0.5), Label(False, 2, pair=True), r"'0.5' is none of the classes"),
            (np.full((20, 20), np.inf), Label(False, pair=True), "'inf' is not a number"),
            ("1,2\n3\n", Label(False, pair=True), r"line 2: 1 cell, where the first line has 2; give a matrix"),
            ("a,b\n" * 20, Label(True, outputs=2), "'a' is not a number"),
            ("no\n1\n" * 10, Label(True, 2, ("no", "yes")), r"'1' is none of the classes \(no, yes\)"),
            ("no\nx\n" * 10, Label(True, 2, ("no", "yes")), "'x' is not a class; known classes: no, yes"),
        ],
    )
    def test_bad_matrices(self, items, content, what, message):
        item, name = items["one"], "0101"
        if isinstance(content, str):
            name = "bad.csv"
            (item.folder / name).write_text(content)
        elif content is not None:
            name = "bad.npy"
            np.save(item.folder / name, content)
        with pytest.raises(InputError, match=message) as caught:
            cell(item, name, what)
        assert "\n" not in str(caught.value) and items["one"].where in str(caught.value)
        with pytest.raises(InputError, match="3 values for 2 outputs; give one for each"):
            cell(item, "1 2 3", Label(False, outputs=2))

    def test_in_the_example(self, items):
        labels = {"ss": LETTERS, "tm": Label(False), "kind": CLASS}
        for name, item in items.items():
            features, targets = load_example(item, CONFIG, 12, 3, labels)
            assert targets.labels.keys() == labels.keys() and targets.labels["ss"].shape == (12,)
            first = int(features.residue_index[0])
            assert targets.labels["ss"].tolist() == [(first + i) % 3 for i in range(12)], name
            assert float(targets.labels["tm"]) == float(item.values["tm"])


class TestChains:
    def test_the_structure_is_that_of_the_row(self, items):
        observed = "".join(x for i, x in enumerate(SEQUENCE, 1) if i not in tables.MISSING)
        for sequence in ("", SEQUENCE, observed, "X" * 20):
            known = read_item(dataclasses.replace(items["one"], sequence=sequence))
            assert known.sequence == SEQUENCE and known.observed.sum() == 16
        for sequence in (SEQUENCE[:-1], SEQUENCE[:-1] + "A", observed[:-1] + "A"):
            with pytest.raises(InputError, match=r"line 2: the sequence .* is neither the full one of chain A"):
                read_item(dataclasses.replace(items["one"], sequence=sequence))

    def test_several_chains_are_a_complex(self):
        known = read_item(Item("x", "x", sequence="MKT/AY/W"))
        assert known.sequence == "MKTAYW" and not known.atom_mask.any() and known.resolution == 0
        assert known.residue_index.tolist() == [0, 1, 2, 0, 1, 0] and known.chains == ("MKT", "AY", "W")
        assert known.ids.asym_id.tolist() == [1, 1, 1, 2, 2, 3]
        with pytest.raises(InputError, match="chain 2 of the sequence is empty"):
            read_item(Item("x", "x", sequence="MKT//A"))

    def test_templates_and_alignments(self, items, tmp_path):
        (tmp_path / "a.a3m").write_text(f">q\n{SEQUENCE}\n>h\n{SEQUENCE[::-1]}\n")
        (tmp_path / "b.a3m").write_text(f">q\n{SEQUENCE}\n>h\n{'-' * 10}{SEQUENCE[10:]}\n")
        save(tmp_path, cif(peptide(SEQUENCE), {1: SEQUENCE}), "t.cif")
        msa, templates = (tmp_path / "a.a3m", tmp_path / "b.a3m"), (f"{tmp_path / 't.cif'}:A",)
        features, _ = load_example(dataclasses.replace(items["one"], msa=msa, templates=templates), CONFIG, None, 0, {})
        assert int(features.msa.mask[0, :, 0].sum()) == 3 and features.templates.mask.tolist() == [1, 0, 0, 0]
        assert (features.templates.aatype[0] == encode(SEQUENCE)).all()


@pytest.mark.slow("compiles the gradient of all losses")
def test_without_a_structure_only_labels_teach(items):
    """Every loss that a structure is needed for is exactly 0, and so is its gradient; all are finite."""
    batch = stack([load_example(items["four"], CONFIG, toy.N_RES, 0, {"ss": LETTERS})])
    features, targets = jax.tree.map(lambda x: x[0], batch)
    silent = ("fape", "sidechain_fape", "chi", "distogram", "plddt", "pae", "resolved")

    def losses(params):
        outputs = af2jax.forward(toy.STILL, params, features, num_recycle=0)
        total, terms = af2jax.losses.total(outputs, targets)
        return jnp.stack([total, *(terms[name] for name in silent)]), terms

    slopes, terms = jax.jit(jax.jacrev(losses, has_aux=True), compiler_options=QUICK)(toy.parameters())
    chex.assert_tree_all_finite((slopes, terms))
    assert {name for name in silent if float(terms[name]) != 0} == set()
    assert any(np.any(x[0]) for x in jax.tree.leaves(slopes))  # the others are there
    assert not any(np.any(x[1:]) for x in jax.tree.leaves(slopes))
