"""The made-up data set: proteins that could be, labels that are true of them, and a sequence that tells of them."""

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.constants.atoms import ATOM37_MASK
from af2jax.constants.residues import RESTYPES, encode
from af2jax.data import synthetic
from af2jax.data.dataset import read_dataset
from af2jax.data.items import read_item
from af2jax.data.labels import Label
from af2jax.data.preflight import check
from af2jax.errors import InputError
from af2jax.metrics.stereochemistry import bonds, clashes
from af2jax.protein.frames import torsions

NUM = 48
LABELS = {"ss": Label(True, 3, ("H", "E", "C")), "helix": Label(False), "rg": Label(False)}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return synthetic.make(tmp_path_factory.mktemp("synthetic"), NUM, 1)


@pytest.fixture(scope="module")
def chains(table):
    """(item, chain) of each protein."""
    return [(item, read_item(item)) for item in read_dataset(table)]


@pytest.mark.medium("makes many proteins")
def test_a_clean_set(table):
    items = read_dataset(table)
    report = check(items, LABELS, preset("tiny"), strict=True)
    assert len(report.items) == NUM == len(set(report.sequences)) and not report.notes
    assert {len(report.part(name)) for name in ("valid", "test")} == {5}


@pytest.mark.medium("makes data sets")
def test_everything_says_synthetic(table, chains):
    assert table.name == "synthetic.csv"
    for item, _ in chains:
        assert item.id.startswith("synthetic_") and item.values["source"] == "synthetic"
        text = item.file.read_text()
        assert text.startswith(f"data_{item.id}\n") and f"_struct.title '{synthetic.TITLE}'" in text


def test_geometry(chains):
    count = 0
    for item, known in chains:
        one = np.ones(len(known.aatype), np.int32)
        found = bonds(known.aatype, known.positions, known.atom_mask, known.residue_index, one)
        assert found.count == len(one) - 1 and found.length_error < 0.02, item.id
        assert found.length == found.angle_ca_c_n == found.angle_c_n_ca == found.breaks == 0
        count += clashes(known.positions, known.atom_mask, known.residue_index, one).count
        assert (known.atom_mask == ATOM37_MASK[known.aatype]).all() and known.sequence == item.sequence
    assert count < 2 * NUM  # side chains of ideal rotamers are not quite free of them


def test_labels_are_true(chains):
    for item, known in chains:
        kinds = item.values["ss"]
        assert len(kinds) == len(known.aatype) and 24 <= len(kinds) <= 48 and set(kinds) <= set("HEC")
        assert float(item.values["helix"]) == pytest.approx(kinds.count("H") / len(kinds), abs=1e-3)
        ca = known.positions[:, 1]
        assert float(item.values["rg"]) == pytest.approx(np.sqrt(np.var(ca, axis=0).sum()), abs=0.02)
    drawn = "".join(item.values["ss"] for item, _ in chains)
    assert min(drawn.count(kind) for kind in "HEC") > 0.1 * len(drawn)


@pytest.mark.medium("makes data sets")
def test_torsions_are_those_of_the_labels(chains):
    join = lambda name: jnp.concatenate([getattr(known, name) for _, known in chains])
    sin_cos, _, mask = (np.asarray(x) for x in torsions(join("aatype"), join("positions"), join("atom_mask")))
    phi, psi = np.rad2deg(np.arctan2(sin_cos[:, 1:3, 0], sin_cos[:, 1:3, 1])).T
    inner = np.concatenate([np.arange(len(known.aatype)) > 0 for _, known in chains])
    kinds = np.array(list("".join(item.values["ss"] for item, _ in chains)))
    assert mask[1:, :3].all()
    for kind, expected in [("H", (-62, -43)), ("E", (-120, 135))]:
        here = inner & (kinds == kind)
        assert (np.abs(phi[here] - expected[0]) < 30).all() and (np.abs(psi[here] - expected[1]) < 30).all()


def accuracy(chains, labels: list[str]) -> float:
    """Of a linear fit on windows of five letters, trained on two thirds."""
    inputs, outputs = [], []
    for (_, known), kinds in zip(chains, labels, strict=True):
        one_hot = np.pad(np.eye(20)[encode(known.sequence)], [(2, 2), (0, 0)])
        inputs.append(np.concatenate([one_hot[i : len(one_hot) - 4 + i] for i in range(5)], axis=1))
        outputs.append(np.eye(3)[["HEC".index(kind) for kind in kinds]])
    split = 2 * len(inputs) // 3
    x, y = np.concatenate(inputs[:split]), np.concatenate(outputs[:split])
    fit = np.linalg.solve(x.T @ x + 3 * np.eye(100), x.T @ y)
    found, true = np.concatenate(inputs[split:]) @ fit, np.concatenate(outputs[split:])
    return float((found.argmax(1) == true.argmax(1)).mean())


def test_the_sequence_tells(chains):
    labels = [item.values["ss"] for item, _ in chains]
    shuffled = ["".join(np.random.default_rng(i).permutation(list(kinds))) for i, kinds in enumerate(labels)]
    print(f"accuracy {accuracy(chains, labels):.3f}, of shuffled labels {accuracy(chains, shuffled):.3f}")
    assert 0.75 < accuracy(chains, labels) < 0.97 and accuracy(chains, shuffled) < 0.6
    assert set("".join(known.sequence for _, known in chains)) == set(RESTYPES)


@pytest.mark.medium("makes data sets")
def test_seeds(table, tmp_path):
    again = synthetic.make(tmp_path / "a", NUM, 1)
    assert again.read_bytes() == table.read_bytes()
    name = "structures/synthetic_000.cif"
    assert (again.parent / name).read_bytes() == (table.parent / name).read_bytes()
    assert synthetic.make(tmp_path / "b", 8, 0).read_text().splitlines()[1] != table.read_text().splitlines()[1]


@pytest.mark.parametrize("num, seed", [(7, 0), (8, -1)])
def test_bad_numbers(tmp_path, num, seed):
    with pytest.raises(InputError, match="give 8 or more, and a seed of 0 or more"):
        synthetic.make(tmp_path, num, seed)
