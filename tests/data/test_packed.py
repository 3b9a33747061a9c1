"""A packed data set gives the examples of its table, bit for bit."""

import dataclasses

import jax
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.data.dataset import read_dataset
from af2jax.data.items import load_example, read_item
from af2jax.data.packed import pack
from af2jax.data.preflight import check
from af2jax.errors import InputError
from tests.data import tables
from tests.data.molecules import change, cif, peptide, save
from tests.data.tables import SEQUENCES, changed
from tests.data.test_preflight import CONFIG, LABELS


@pytest.fixture
def table(tmp_path):
    tables.structures(tmp_path)
    return tables.table(tmp_path, changed())


def same(items, others, labels, config):
    """Every array of every example has the same bits."""
    for item, other in zip(items, others, strict=True):
        for crop in (None, 8):
            pairs = [jax.tree.leaves(load_example(x, config, crop, 3, labels)) for x in (item, other)]
            for a, b in zip(*pairs, strict=True):
                a, b = np.asarray(a), np.asarray(b)
                assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), item.id


def test_examples_are_those_of_the_table(table, tmp_path):
    items = read_dataset(table)
    packed = read_dataset(pack(items, tmp_path / "pack.npz"))
    same(items, packed, LABELS, CONFIG)
    for item, other in zip(items, packed, strict=True):
        assert (item.id, item.weight, item.split, item.values) == (other.id, other.weight, other.split, other.values)
    assert any(item.known for item in packed) and not any(item.file for item in packed)


def test_a_pack_needs_no_file_and_can_be_packed_again(table, tmp_path):
    items = read_dataset(table)
    path = pack(items, tmp_path / "pack.npz")
    for item in items:
        if item.file is not None:
            item.file.unlink(missing_ok=True)
    report = check(read_dataset(path), LABELS, CONFIG)
    assert [item.id for item in report.items] == [item.id for item in items] and not report.problems
    again = pack(read_dataset(path), tmp_path / "again.npz")
    same(read_dataset(path), read_dataset(again), LABELS, CONFIG)
    assert check(read_dataset(again), LABELS, CONFIG).hash == report.hash


def test_the_hash_follows_the_coordinates(table, tmp_path):
    items = read_dataset(pack(read_dataset(table), tmp_path / "pack.npz"))
    place = next(i for i, item in enumerate(items) if item.known)
    known = items[place].known()
    moved = dataclasses.replace(known, positions=known.positions + np.float32(0.001) * known.atom_mask[..., None])
    others = list(items)
    others[place] = dataclasses.replace(items[place], known=lambda: moved)
    assert check(items, LABELS, CONFIG).hash != check(others, LABELS, CONFIG).hash


def test_more_than_thousandths_is_refused(table, tmp_path):
    items = read_dataset(table)
    place = next(i for i, item in enumerate(items) if item.file is not None)
    known = read_item(items[place])
    known.positions[known.atom_mask] += np.float32(0.0002)
    with pytest.raises(InputError, match="more than a thousandth of an angstrom; round them"):
        pack([dataclasses.replace(items[place], file=None, known=lambda: known)], tmp_path / "pack.npz")
    assert not list(tmp_path.glob("*pack.npz*"))


def test_a_negative_zero_of_a_file_is_zero(tmp_path):
    atoms = change(peptide("MKTAYIAK"), lambda atom: atom.number == 1 and atom.name == "CA", position=(-0.0, 0.1, 0.2))
    save(tmp_path, cif(atoms), "zero.cif")
    assert "-0.000" in (tmp_path / "zero.cif").read_text()
    items = read_dataset(tmp_path)
    assert not np.signbit(read_item(items[0]).positions[0, 1, 0])
    same(items, read_dataset(pack(items, tmp_path / "pack.npz")), {}, CONFIG)


@pytest.mark.medium("packs a scan")
def test_a_scan_keeps_its_mutations(tmp_path):
    """And so is split as its table is; a structure is packed as that of the variant."""
    tables.structures(tmp_path)
    wild, bare = SEQUENCES["three"], SEQUENCES["four"]
    rows = [{"file": "three.cif", "sequence": wild * (i % 2), "mutant": f"{wild[i]}{i + 1}G"} for i in (0, 1, 4, 5)]
    rows += [{"file": "", "sequence": bare, "mutant": f"{letter}{i}W"} for i, letter in enumerate(bare, 1)]
    rows = [row | {"id": f"m{i}", "tm": str(i)} for i, row in enumerate(rows) if row["mutant"][0] != row["mutant"][-1]]
    items = read_dataset(tables.table(tmp_path, rows))
    packed = read_dataset(pack(items, tmp_path / "pack.npz"))
    labels = {"tm": LABELS["tm"]}
    same(items, packed, labels, CONFIG)
    assert [(x.mutations, x.wild) for x in packed] == [(x.mutations, x.wild) for x in items] and items[4].wild == bare
    parts = lambda report: [item.split for item in report.items]
    report = check(items, labels, CONFIG)
    assert parts(report) == parts(check(packed, labels, CONFIG)) and set(parts(report)) == {"train", "valid", "test"}
    same(packed, read_dataset(pack(packed, tmp_path / "again.npz")), labels, CONFIG)
    odd = read_dataset(
        tables.table(tmp_path, [*rows, {"id": "odd", "file": "", "sequence": bare, "mutant": "A1W", "tm": "0"}])
    )
    with pytest.raises(InputError, match="mutant A1W: residue 1 of the sequence is T, not A"):
        pack(odd, tmp_path / "pack.npz")


@pytest.mark.parametrize(
    "change", [{"templates": ("x.cif:A",)}, {"placed": "0:0"}, {"values": {"tm": "x.npy"}}, {"values": {"tm": "x.csv"}}]
)
def test_what_a_pack_does_not_hold_is_refused(table, tmp_path, change):
    items = read_dataset(table)
    items[1] = dataclasses.replace(items[1], **change)
    with pytest.raises(InputError, match=r"line 3: templates, placed residues and labels in files cannot be"):
        pack(items, tmp_path / "pack.npz")


def test_a_damaged_pack_is_named(table, tmp_path):
    path = pack(read_dataset(table), tmp_path / "pack.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"pack.npz is not a packed data set, or damaged"):
        read_dataset(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(InputError, match=r"pack.npz is not a packed data set, or damaged"):
        read_dataset(path)
    with pytest.raises(InputError, match=r"none.npz cannot be read: No such file"):
        read_dataset(tmp_path / "none.npz")


@pytest.mark.medium("packs many chains")
def test_real_chains(shared, tmp_path):
    files = sorted((shared / "data" / "chains").glob("*.gz"))[:12]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["id,file", *(f"{file.name},{file}" for file in files)]))
    items = read_dataset(path)
    same(items, read_dataset(pack(items, tmp_path / "pack.npz")), {}, preset("tiny"))
