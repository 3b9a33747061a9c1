"""Templates from a user's structures and from hits: where each residue lands, what is left out, what is refused."""

import gzip
import re
from pathlib import Path

import jax
import numpy as np
import pytest

import af2jax
from af2jax import schema
from af2jax.config import preset
from af2jax.constants.residues import GAP, encode
from af2jax.data.structure import read_chain, read_chains
from af2jax.data.templates import align, load_templates
from af2jax.errors import InputError
from tests.data.molecules import change, cif, pdb, peptide, save, without
from tests.data.test_parse import fails
from tests.mutate import mutations

CONFIG = preset("tiny")
QUERY = "MKTAYIAKQRQISFVKSHFS"
DATE = "_pdbx_audit_revision_history.revision_date 2001-02-03"


def released(date: str) -> str:
    return f"_pdbx_audit_revision_history.revision_date {date}"


def entry(sequence: str = QUERY, extra: str = DATE, drop: tuple = (), **fields) -> str:
    """An mmCIF file of one chain."""
    return cif(without(peptide(sequence, **fields), *drop), {1: sequence}, extra=extra)


def hhr(*rows: tuple[str, float, int, str, str]) -> str:
    """A file of HHsearch: (name, sum of probabilities, first position of the query from 1, its row, the hit's row)."""
    out = "Query q\n"
    for number, (name, sums, first, q, t) in enumerate(rows, 1):
        out += f"\nNo {number}\n>{name} a protein\nProbab=9 Sum_probs={sums}\n\n"
        for side, start, row in (("Q", first, q), ("T", 1, t)):
            out += f"{side} x   {start:5d} {row} {start - 1 + len(row.replace('-', '')):5d} (20)\n"
    return out + "\nDone!\n"


def sto(*rows: tuple[str, str]) -> str:
    return "# STOCKHOLM 1.0\n" + "".join(f"{name} {row}\n" for name, row in rows) + "//\n"


def places(found: schema.Templates) -> list[bool]:
    assert found.aatype.shape == (4, len(QUERY)) and found.positions.shape == (4, len(QUERY), 37, 3)
    assert [x.dtype.name for x in jax.tree.leaves(found)] == ["int32", "float32", "bool", "bool"]
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))
    for x in (found.aatype, found.positions, found.atom_mask):
        assert not x[~found.mask].any()
    assert not found.positions[~found.atom_mask].any()
    return found.mask.tolist()


# A user's own structures


def test_a_structure_of_the_query_itself(tmp_path):
    path = save(tmp_path, entry(drop=(4, 5)))
    known = read_chain(path)
    found = load_templates([path], QUERY, CONFIG)
    assert places(found) == [True, False, False, False]
    np.testing.assert_array_equal(found.aatype[0], encode(QUERY))  # residues that were not observed have a type
    np.testing.assert_array_equal(found.positions[0], known.positions)
    np.testing.assert_array_equal(found.atom_mask[0], known.atom_mask)
    assert not found.atom_mask[0, 3:5].any()


def test_a_homologue_lies_where_the_sequences_align(tmp_path):
    other = "GG" + QUERY[:7] + QUERY[9:14] + "W" + QUERY[15:]  # two more, two less, one other
    path = save(tmp_path, pdb(peptide(other)))
    found, known = load_templates(str(path), QUERY, CONFIG), read_chain(path)
    expected = np.array([*range(2, 9), -1, -1, *range(9, 20)])
    assert (found.aatype[0] == GAP).tolist() == (expected < 0).tolist()
    np.testing.assert_array_equal(found.aatype[0][expected >= 0], known.aatype[expected[expected >= 0]])
    np.testing.assert_array_equal(found.positions[0][expected >= 0], known.positions[expected[expected >= 0]])
    assert not found.atom_mask[0, expected < 0].any()


@pytest.mark.parametrize("q", [slice(None), slice(3, None), slice(None, -3), slice(2, -2)], ids=str)
@pytest.mark.parametrize("t", [slice(None), slice(3, None), slice(None, -3), slice(2, -2)], ids=str)
def test_what_is_over_at_an_end_stays_there(q, t):
    """No residue at an end is torn off to pair with an equal one far away, which many alignments score the same."""
    whole = "MKMMAYIAKQRQISFVKHSSFS"
    i, j = align(whole[q], whole[t])
    np.testing.assert_array_equal(np.arange(22)[q][i], np.arange(22)[t][j])
    assert len(i) == len(set(range(22)[q]) & set(range(22)[t]))


def test_a_template_is_called_as_its_owner_likes(tmp_path):
    """T13, T15: any name, no date, mmCIF of refinement programs, gzip; a chain by its identifier."""
    two = peptide(QUERY) + peptide("W" * 20, chain="B", entity=2)
    texts = {"my model.v2.cif": entry(extra=""), "x.ent": pdb(peptide(QUERY)), "noext": entry(extra="")}
    texts |= {"y.cif.gz": cif(two, {1: QUERY, 2: "W" * 20}), "a:b.pdb": pdb(peptide(QUERY))}
    expected = load_templates([save(tmp_path, entry())], QUERY, CONFIG).aatype
    for name, text in texts.items():
        path = save(tmp_path, text, name)
        item = f"{path}:A" if name == "y.cif.gz" else path
        found = load_templates([item], QUERY, CONFIG, before="1990-01-01")
        assert places(found)[0]
        np.testing.assert_array_equal(found.aatype, expected)
    fails(
        lambda: load_templates([tmp_path / "y.cif.gz"], QUERY, CONFIG),
        f"{tmp_path}/y.cif.gz has 2 protein chains: A, B; name one of them",
    )


def test_strange_templates_give_finite_features(tmp_path):
    """T19: no side chains, nothing but X, several models, coordinates far off: all pass the network's door."""
    bare = [atom for atom in peptide(QUERY) if atom.name in ("N", "CA", "C")]
    unknown = change(peptide(QUERY), residue="UNK")
    far = [change([a], position=tuple(x + 9000 for x in a.position))[0] for a in peptide(QUERY)]
    nmr = peptide(QUERY) + peptide(QUERY)
    first = len(nmr) // 2
    texts = [cif(bare, {1: QUERY}), pdb(unknown), pdb(far)]
    texts += [cif(nmr, {1: QUERY}, model=lambda atom: 1 + (next(i for i, a in enumerate(nmr) if a is atom) >= first))]
    items = [save(tmp_path, text, f"{i}.pdb") for i, text in enumerate(texts)]
    found = af2jax.features(QUERY, CONFIG, cycles=1, templates=items).templates
    assert places(found) == [True] * 4
    assert found.atom_mask[0].sum() == 60 and (found.aatype[1] == 20).all()


def test_no_more_templates_than_the_preset_takes(tmp_path, caplog):
    items = [save(tmp_path, entry(), f"{i}.cif") for i in range(5)]
    assert places(load_templates(items[:4], QUERY, CONFIG)) == [True] * 4 and not caplog.messages
    assert places(load_templates(items, QUERY, CONFIG)) == [True] * 4
    assert caplog.messages == ["5 templates were given, the preset takes 4: the others are not used"]


def test_a_template_that_is_no_homologue_gives_a_warning(tmp_path, caplog):
    load_templates([save(tmp_path, entry("LRSSFVSREKELTYIRTNYT"))], QUERY, CONFIG)
    (line,) = caplog.messages
    assert re.fullmatch(r"template .*test.cif, chain A: of 20 aligned residues 0 % are .* is it a homologue\?", line)


def test_a_template_of_which_nothing_aligns(tmp_path):
    path = save(tmp_path, entry(QUERY + "WWWWWW", drop=tuple(range(1, 21))))
    fails(
        lambda: load_templates([path], QUERY, CONFIG),
        f"template {path}, chain A: no residue of it that was observed aligns with the query; give a homologue",
    )


def test_presets_without_templates_say_so(tmp_path, caplog):
    found = af2jax.features(QUERY, preset("model_3"), cycles=1, templates=["none.cif"])
    assert not found.templates.mask.any() and len(found.templates.mask) == 1
    assert "model_3 reads no templates: those that were given are not used" in caplog.messages


def test_the_number_of_places_follows_from_the_arguments(tmp_path):
    assert len(af2jax.features(QUERY, CONFIG, cycles=1).templates.mask) == 1
    assert len(af2jax.features(QUERY, CONFIG, cycles=1, templates=[]).templates.mask) == 4


def test_damage_is_told_by_file_and_line(tmp_path):
    """T15."""
    damaged = save(tmp_path, entry().replace("loop_", "loop", 1), "my own.cif")
    with pytest.raises(InputError, match=r"^.*/my own.cif is not an mmCIF or PDB file that can be read: line \d+: "):
        load_templates([damaged], QUERY, CONFIG)
    bare = save(tmp_path, entry().split("\n", 1)[1], "bare.cif")
    message = f"{bare} is not an mmCIF or PDB file that can be read: it is mmCIF without a data block; put a line "
    fails(lambda: load_templates([bare], QUERY, CONFIG), f'{message}"data_model" at its top')


def test_examples_for_training_have_templates(tmp_path):
    """Cut and padded as their residues are; the query is the full sequence of the chain."""
    known = save(tmp_path, entry(drop=(3, 4)), "known.cif")
    template = save(tmp_path, entry(QUERY[2:]), "template.cif")
    whole, _ = af2jax.example(known, config=CONFIG, templates=[template])
    assert places(whole.templates) == [True, False, False, False]
    expected = load_templates([template], QUERY, CONFIG)
    np.testing.assert_array_equal(whole.templates.positions, expected.positions)
    np.testing.assert_array_equal(whole.templates.aatype, expected.aatype)
    for crop in (12, 25):
        features, targets = af2jax.example(known, config=CONFIG, templates=[template], crop=crop, seed=1)
        start = int(features.residue_index[0])
        assert features.templates.aatype.shape == (4, crop) and len(targets.aatype) == crop
        size = min(crop, 20)
        np.testing.assert_array_equal(features.templates.positions[:, :size], expected.positions[:, start:][:, :size])
    assert len(af2jax.example(known, config=CONFIG)[0].templates.mask) == 1


# Hits


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four entries: the query, a homologue, one released late, one without a date."""
    (tmp_path / "cifs").mkdir()
    for name, text in {
        "1abc.cif": entry(),
        "2XYZ.CIF.gz": entry("GG" + QUERY[:15] + "WWW"),
        "3new.cif": entry(extra=released("2022-01-01")),
        "4old.cif": entry(extra=""),
    }.items():
        data = text.encode()
        (tmp_path / "cifs" / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    return tmp_path / "cifs"


def load(folder: Path, text: str, before: str | None = None, suffix: str = "hhr") -> schema.Templates:
    path = folder.parent / f"x.{suffix}"
    path.write_text(text)
    return load_templates([path], QUERY, CONFIG, folder, before)


def test_a_hit_lies_where_its_alignment_says(folder):
    found = load(folder, hhr(("2xyz_A", 9.0, 2, "KTAYIAK-QRQIS", "KTAY--IAKQR-Q")))
    known = read_chain(folder / "2XYZ.CIF.gz")
    i, j = [1, 2, 3, 4, 7, 8, 9, 10, 12], [3, 4, 5, 6, 7, 9, 10, 11, 12]
    assert places(found) == [True, False, False, False] and np.flatnonzero(found.aatype[0] != GAP).tolist() == i
    np.testing.assert_array_equal(found.positions[0, i], known.positions[j])
    np.testing.assert_array_equal(found.aatype[0, i], known.aatype[j])


def test_the_best_hits_come_first_and_repeats_of_hmmsearch_once(folder):
    rows = [(f"1abc_A{i}", i + 1.0, 1, QUERY[:12], QUERY[:12]) for i in range(3)]
    rows += [(f"2xyz_A{i}", i + 0.5, 3, QUERY[2:14], QUERY[2:14]) for i in range(3)]
    found = load(folder, hhr(*rows))
    firsts = [int(np.argmax(x != GAP)) for x in found.aatype]
    assert places(found) == [True] * 4 and firsts == [0, 2, 0, 2]
    row = QUERY[:12] + "-" * 8
    rows = [("1abc_A/1-12", row), ("3new_A/1-12", row), ("2xyz_A/1-11", QUERY[:11] + "-" * 9)]
    found = load(folder, sto(*rows), None, "sto")
    assert places(found) == [True, True, False, False]
    assert [(x != GAP).sum() for x in found.aatype] == [12, 11, 20, 20]


def left_out(caplog) -> str:
    (line,) = (line for line in caplog.messages if "left out" in line)
    return line.split("left out: ")[1]


def test_t12_missing_and_damaged_files_are_left_out_with_one_line(folder, caplog):
    """T12."""
    (folder / "5bad.cif").write_text("data_x\nloop_\n_atom_site.id\n_a")
    q = QUERY[:12]
    rows = [(f"{name}_A", 9 - i, 1, q, q) for i, name in enumerate(["5bad", "9zzz", "8zzz", "1abc"])]
    assert places(load(folder, hhr(*rows))) == [True, False, False, False]
    line = left_out(caplog)
    assert line.startswith(f"{folder}/5bad.cif is not an mmCIF or PDB file that can be read: ")
    assert line.endswith(" (5bad_A); no mmCIF file in template_dir (9zzz_A, 8zzz_A)")


def test_no_hit_of_use_leaves_the_query_without_templates(folder, caplog):
    rows = [(f"{i}zzz_A", 1.0, 1, QUERY[:12], QUERY[:12]) for i in range(10, 20)]
    assert places(load(folder, hhr(*rows))) == [False] * 4
    expected = "10zzz_A, 11zzz_A, 12zzz_A, 13zzz_A, 14zzz_A and 5 more"
    assert left_out(caplog) == f"no mmCIF file in template_dir ({expected})"


def test_only_hits_are_left_out_for_their_date(folder, caplog):
    """T13: a user's own structure has none, or any."""
    q = QUERY[:12]
    text = hhr(("1abc_A", 9.0, 1, q, q), ("3new_A", 8.0, 1, q, q), ("4old_A", 7.0, 1, q, q))
    assert places(load(folder, text)) == [True, True, True, False]
    assert places(load(folder, text, "2022-01-01")) == [True, True, False, False]
    caplog.clear()
    assert places(load(folder, text, "2021-12-31")) == [True, False, False, False]
    assert left_out(caplog) == "released after 2021-12-31 (3new_A); no release date in its file (4old_A)"
    own = [folder / "3new.cif", folder / "4old.cif"]
    assert places(load_templates(own, QUERY, CONFIG, before="1990-01-01")) == [True, True, False, False]
    for date in ("2021-13-01", "yesterday"):
        message = f'max_template_date: "{date}" is not a date; write it as 2021-09-30'
        fails(lambda date=date: load_templates([], QUERY, CONFIG, before=date), message)


def test_hits_are_filtered_as_by_alphafold(folder, caplog):
    """Supplement, section 1.2.3."""
    q = QUERY
    rows = [("1abc_A", 9.0, 1, q, q), ("1abc_B", 8.0, 1, q[:9], q[:9]), ("1abc_C", 7.0, 1, q[:2], q[:2])]
    rows += [("1abc_D", 6.0, 1, q[:19], q[:19]), ("1abc_E", 5.0, 1, q[:10], q[:10])]
    assert places(load(folder, hhr(*rows))) == [True, True, False, False]  # D covers 95 %, not more
    assert (
        left_out(caplog)
        == "the query itself (1abc_A); too short (1abc_B); aligned with too little of the query (1abc_C)"
    )


@pytest.mark.parametrize(
    "row, expected",
    [
        ("KTAYIAKQRQIS", [*range(1, 13)]),  # the sequence as it is, from its second residue on
        ("KTAYXAKQRQIS", [*range(1, 13)]),  # but for X
        ("KTAYIAKQRWISFVKSHFS", [*range(1, 20)]),  # nine tenths are equal: realigned
        ("KTAYWWWWRQIS", None),
    ],
)
def test_the_sequence_of_a_hit_is_looked_for_in_its_file(folder, row, expected, caplog):
    found = load(folder, hhr(("1abc_A", 9.0, 2, QUERY[1 : 1 + len(row)], row)))
    if expected is None:
        assert not found.mask.any() and left_out(caplog) == "its file has another sequence (1abc_A)"
    else:
        known = read_chain(folder / "1abc.cif")
        assert np.flatnonzero(found.atom_mask[0].any(axis=1)).tolist() == expected
        np.testing.assert_array_equal(found.positions[0, expected], known.positions[expected])


def test_a_residue_of_a_hit_that_its_file_lacks_is_no_template(folder):
    found = load(folder, hhr(("1abc_A", 9.0, 2, QUERY[1:], "KTAYIAKQRWQISFVKSHF")))
    known = read_chain(folder / "1abc.cif")
    np.testing.assert_array_equal(np.flatnonzero(found.aatype[0] == GAP), [0, 10])
    np.testing.assert_array_equal(found.positions[0, 11:], known.positions[10:19])


def test_a_hit_is_realigned_with_the_chain_that_it_names(folder):
    atoms = peptide(QUERY) + change(peptide(QUERY, chain="B", entity=2), position=(1.0, 2.0, 3.0))
    atoms = [change([a], position=tuple(x + i for x in a.position))[0] for i, a in enumerate(atoms)]
    save(folder, cif(atoms, {1: QUERY, 2: QUERY}), "6two.cif")
    for chain in "AB":
        found = load(folder, hhr((f"6two_{chain}", 9.0, 2, QUERY[1:], "KTAYIAKQRWISFVKSHFS")))
        expected = read_chain(folder / "6two.cif", chain).positions[1:]
        np.testing.assert_array_equal(found.positions[0, 1:], expected)


def test_a_hit_of_another_chain_with_its_sequence(folder, caplog):
    """By the chain that the hit names, else by sequence."""
    atoms = peptide("W" * 20) + peptide(QUERY, chain="B", entity=2) + peptide(QUERY, chain="C", entity=3)
    atoms = [change([a], position=tuple(x + 5 * (a.chain == "C") for x in a.position))[0] for a in atoms]
    path = save(folder, cif(atoms, {1: "W" * 20, 2: QUERY, 3: QUERY}), "6two.cif")
    assert [chain.name for chain in read_chains(path, "B")] == ["B", "A", "C"]
    for hit, chain in (("6two_C", "C"), ("6two_B", "B"), ("6two_A", "B"), ("6two_Z", "B"), ("6two", "B")):
        found = load(folder, hhr((hit, 9.0, 1, QUERY[:12], QUERY[:12])))
        np.testing.assert_array_equal(found.positions[0, :12], read_chain(path, chain).positions[:12])
    assert not load(folder, hhr(("6two_Z", 9.0, 1, QUERY[:12], "G" * 12))).mask.any()
    assert left_out(caplog) == "its file has no such chain (6two_Z)"


def test_hits_of_mmseqs_count_residues(folder, caplog):
    line = "101\t2xyz_A\t{}\t15\t0\t0\t1\t15\t{}\t{}\t1e-9\t99\t15M"
    found = load(folder, line.format("1.000", 3, 17), None, "m8")
    known = read_chain(folder / "2XYZ.CIF.gz")
    np.testing.assert_array_equal(found.positions[0, :15], known.positions[2:17])
    for text in (line.format("1.000", 2, 16), line.format("1.000", 30, 44)):
        caplog.clear()
        assert not load(folder, text, None, "m8").mask.any()
        assert left_out(caplog) == "its file has another sequence (2xyz_A)"


def test_names_of_hits_reach_no_other_folder(folder, caplog):
    save(folder.parent, entry(), "1abc.cif")
    for name in ("../1abc_A", f"{folder}/1abc_A", "..\\1abc_A"):
        assert not load(folder, hhr((name, 9.0, 1, QUERY[:12], QUERY[:12]))).mask.any()


def test_structures_come_before_hits(folder):
    path = save(folder.parent, entry(QUERY[5:]), "own.cif")
    hit = folder.parent / "x.hhr"
    hit.write_text(hhr(*[("1abc_A", 9.0, 1, QUERY[:12], QUERY[:12])] * 9))
    found = af2jax.features(QUERY, CONFIG, cycles=1, templates=[hit, path], template_dir=folder).templates
    assert places(found) == [True] * 4 and (found.aatype[0] == GAP).tolist() == [True] * 5 + [False] * 15


def test_hits_need_a_folder(folder):
    path = folder.parent / "x.hhr"
    path.write_text("")
    message = f"{path}: hits need template_dir, the folder of their mmCIF files"
    fails(lambda: load_templates([path], QUERY, CONFIG), message)
    message = f"template_dir {folder}/none cannot be read: No such file or directory"
    fails(lambda: load_templates([path], QUERY, CONFIG, folder / "none"), message)
    assert not load_templates([path], QUERY, CONFIG, folder).mask.any()


# Damaged files


@pytest.mark.medium("reads hundreds of damaged files")
@pytest.mark.parametrize("name", ["a.cif", "a.pdb"])
def test_damaged_structures_give_a_template_or_one_line(tmp_path, name):
    """2000 of each format."""
    text = entry() if name == "a.cif" else pdb(peptide(QUERY), {"A": QUERY})
    read = 0
    for data in mutations(text.encode(), 2000, seed=3):
        (tmp_path / name).write_bytes(data)
        try:
            read += places(load_templates([tmp_path / name], QUERY, CONFIG))[0]
        except InputError as error:
            assert len(str(error).splitlines()) == 1
    assert read > 100


@pytest.mark.medium("reads hundreds of damaged files")
def test_damaged_files_of_hits_leave_the_hit_out(folder):
    """2000 mmCIF files that a hit names."""
    text, read = sto(("1abc_A/1-12", QUERY[:12] + "-" * 8)), 0
    for data in mutations((folder / "1abc.cif").read_bytes(), 2000, seed=4):
        (folder / "1abc.cif").write_bytes(data)
        read += load(folder, text, "2020-01-01", "sto").mask[0]
    assert read > 100
