"""Complexes from what a user has to features: chains, copies, alignments, templates, examples, crops."""

from dataclasses import replace

import numpy as np
import pytest

import af2jax
from af2jax import schema
from af2jax.config import preset
from af2jax.constants.residues import GAP, encode
from af2jax.data import crop
from af2jax.data.assembly import assemble, number
from af2jax.data.parse import parse_a3m
from af2jax.data.pipeline import by_chain, read, read_query
from af2jax.data.structure import read_complex
from af2jax.data.templates import load_templates
from af2jax.errors import InputError
from tests.data.molecules import cif, peptide, save

CONFIG = preset("model_1_multimer_v3")
MONOMER = preset("model_1_ptm")
A, B = "MKTAYIAKQR", "GGSGWDL"
A3M_A = f">a\n{A}\n>tr|A0A001|A0A001_HUMAN/1-10\nMKTAYIAKQK\n>tr|A0A002|A0A002_MOUSE/1-10\nMKTAYIAK-K\n>x\nMKT-------\n"
A3M_B = f">b\n{B}\n>tr|A0A011|A0A011_MOUSE/1-7\nGGSGWEL\n>tr|A0A012|A0A012_HUMAN/1-7\nGGSGFDL\n"


def fold(*chains: str, **more) -> schema.Features:
    return af2jax.features(":".join(chains), CONFIG, cycles=1, **more)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.a3m").write_text(A3M_A)
    (tmp_path / "b.a3m").write_text(A3M_B)
    return tmp_path


def letters(alignment) -> list[str]:
    return ["".join("ARNDCQEGHILKMFPSTWYVX-"[c] for c in row) for row in alignment.codes]


def aligned(query, msa=None, **options):
    return read(query, msa=msa, **options).alignment


class TestChains:
    def test_one_chain_is_a_complex_of_one(self):
        features = fold(A)
        for name in ("asym_id", "entity_id", "sym_id"):
            assert getattr(features, name).tolist() == [1] * len(A)
        assert features.target_feat.shape[1] == 21

    def test_a_homodimer_has_two_copies_of_one_entity(self):
        features = fold(A, A)
        assert features.asym_id.tolist() == [1] * 10 + [2] * 10 and set(features.entity_id) == {1}
        assert features.sym_id.tolist() == [1] * 10 + [2] * 10
        assert features.residue_index.tolist() == [*range(10)] * 2

    def test_chains_stay_in_the_users_order(self):
        """Pairing puts copies side by side; the features do not."""
        features = fold(A, B, A)
        np.testing.assert_array_equal(features.aatype, encode(A + B + A))
        assert features.entity_id.tolist() == [1] * 10 + [2] * 7 + [1] * 10
        assert features.sym_id.tolist() == [1] * 17 + [2] * 10
        assert features.asym_id.tolist() == [1] * 10 + [2] * 7 + [3] * 10

    def test_records_of_a_file_are_chains(self, tmp_path):
        path = tmp_path / "q.fasta"
        path.write_text(f">one\n{A}\n>two\n{B}:{A}\n")
        assert read_query(path).chains == (A, B, A)

    def test_sixty_three_chains(self):
        features = fold(*["GA"] * 63)
        assert features.asym_id.max() == 63 and features.sym_id[-1] == 63 and set(features.entity_id) == {1}

    def test_an_empty_chain_is_an_error(self):
        with pytest.raises(InputError, match="chain 2 is empty"):
            fold(A, "", B)


class TestAlignments:
    def test_each_file_is_of_the_chain_that_its_first_row_is(self, files):
        for order in (("a.a3m", "b.a3m"), ("b.a3m", "a.a3m")):
            found = letters(aligned(f"{A}:{B}", [files / name for name in order]))
            assert found[0] == A + B
            assert set(found[1:3]) == {"MKTAYIAKQKGGSGFDL", "MKTAYIAK-KGGSGWEL"}  # of HUMAN, of MOUSE
            assert "MKT-------" + "-" * 7 in found

    def test_copies_share_an_alignment_and_stand_side_by_side(self, files):
        found = letters(aligned(f"{A}:{A}", files / "a.a3m"))
        assert found == [row * 2 for row in (A, "MKTAYIAKQK", "MKTAYIAK-K", "MKT-------")]

    def test_rows_of_the_chains_own_are_no_target_beside_them(self, files):
        query = read_query(f"{A}:{B}", [files / "a.a3m", files / "b.a3m"])
        found = assemble(query.chains, query.unpaired, mode="none")
        assert found.own[0].all()
        for row, own in zip(found.alignment.codes[1:], found.own[1:], strict=True):
            assert own[:10].all() != own[10:].all() and (row[~own] == GAP).all()

    def test_colabfolds_alignment_is_separated_and_its_pairs_kept(self, tmp_path):
        """As its own `unserialize_msa` reads it; rows of both chains are pairs, the others blocks."""
        path = tmp_path / "c.a3m"
        rows = [
            ("101\t102", A + B),
            ("p", "MKTAYIAKQKGGSGWEL"),
            ("q", "MKT-------" + "-" * 7),
            ("r", "-" * 10 + "GGSGFDL"),
        ]
        path.write_text("#10,7\t1,2\n" + "".join(f">{name}\n{row}\n" for name, row in rows))
        query = read_query(path)
        assert query.chains == (A, B, B)
        found = letters(aligned(path))
        assert found[:2] == [A + B + B, "MKTAYIAKQKGGSGWELGGSGWEL"] and "-" * 10 + "GGSGFDL" * 2 in found
        assert letters(aligned(f"{A}:{B}:{B}", path)) == found
        features = af2jax.features(path, CONFIG, cycles=1)
        assert features.asym_id.max() == 3 and features.entity_id.max() == 2

    def test_of_a_file_without_pairs_species_are_joined(self, tmp_path):
        """What a search writes: one block for each chain."""
        path, gap = tmp_path / "c.a3m", "-"
        human = ">tr|A0A001|A0A001_HUMAN/1-10\n"
        other = ">tr|A0A012|A0A012_HUMAN/1-7\n"
        path.write_text(f"#10,7\t1,1\n>101\t102\n{A}{B}\n{human}MKTAYIAKQK{gap * 7}\n{other}{gap * 10}GGSGFDL\n")
        assert "MKTAYIAKQKGGSGFDL" in letters(aligned(path))
        assert "MKTAYIAKQKGGSGFDL" not in letters(aligned(path, pairing="none"))

    @pytest.mark.parametrize(
        "chains, names, message",
        [
            ((A, A), ["a.a3m", "b.a3m"], "b.a3m: its first row .* is none of the query's 2 chains of 10, 10 residues"),
            ((A, B), ["c.a3m"], "c.a3m: an alignment of 2 chains of 10, 10 residues, the query has 2 chains of 10, 7"),
        ],
    )
    def test_alignments_of_chains_that_are_not_there(self, files, chains, names, message):
        (files / "c.a3m").write_text(f"#10\t2\n>a\n{A}\n")
        with pytest.raises(InputError, match=message):
            by_chain([files / name for name in names], chains)

    def test_an_unknown_way_to_pair(self):
        with pytest.raises(InputError, match='pairing "twice" is unknown; give one of auto, species'):
            fold(A, B, pairing="twice")

    def test_the_masked_msa_asks_for_no_filling(self, files, monkeypatch):
        """With everything masked the targets are the cells that belong to rows."""
        from af2jax.data import transforms

        query = read_query(f"{A}:{B}", [files / "a.a3m", files / "b.a3m"])
        found = assemble(query.chains, query.unpaired, mode="none")
        data = af2jax.config.Data(clusters=99, extra=1, mask_fraction=1.0)
        profile = np.full((17, 22), 1 / 22, np.float32)
        rng = np.random.default_rng(0)
        draw = transforms.draw_msa(rng, found.alignment.codes, found.alignment.deletions, profile, data, found.own)
        assert draw.bert_mask.sum() == found.own.sum() < draw.bert_mask.size


class TestTemplates:
    @pytest.fixture
    def structures(self, tmp_path):
        return [save(tmp_path, cif(peptide(s), {1: s}), f"{name}.cif") for name, s in (("one", A), ("two", B))]

    def test_each_lies_over_the_chain_that_it_is_most_like_and_its_copies(self, structures):
        found = load_templates(structures[::-1], [A, B, A], CONFIG)
        assert found.mask.tolist() == [True, False, False, False]
        np.testing.assert_array_equal(found.aatype[0], encode(A + B + A))
        assert found.atom_mask[0, :, 1].all()

    def test_networks_that_see_across_chains_get_one_at_a_time(self, structures):
        found = load_templates(structures, [A, B], MONOMER)
        assert found.mask.tolist() == [True, True, False, False]
        assert found.atom_mask[:2, :, 1].tolist() == [[True] * 10 + [False] * 7, [False] * 10 + [True] * 7]
        assert (found.aatype[0, 10:] == GAP).all() and (found.aatype[1, :10] == GAP).all()

    def test_one_chain_is_as_it_was(self, structures):
        one = load_templates(structures[0], A, MONOMER)
        np.testing.assert_array_equal(one.aatype[0], encode(A))
        assert one.mask.tolist() == [True, False, False, False]


@pytest.fixture(scope="module")
def dimer(tmp_path_factory):
    """A and its copy, and B: a file with chains H, L and P."""

    def chain(sequence: str, name: str, entity: int, *at: float):
        atoms = peptide(sequence, chain=name, entity=entity, label_chain=name)
        return [replace(atom, position=tuple(np.add(atom.position, at))) for atom in atoms]

    atoms = [*chain(A, "H", 1, 0, 0, 0), *chain(A, "L", 1, 0, 12, 0), *chain(B, "P", 2, 0, 0, 60)]
    return save(tmp_path_factory.mktemp("dimer"), cif(atoms, {1: A, 2: B}))


class TestExamples:
    def test_chains_of_a_file(self, dimer):
        assert read_complex(dimer, "L,P").name == "L,P" and read_complex(dimer, "*").chains == (A, A, B)
        assert read_complex(dimer, "P").lengths == ()
        with pytest.raises(InputError, match="name a chain twice"):
            read_complex(dimer, "H,H")

    def test_an_example_of_a_complex(self, dimer, files):
        features, targets = af2jax.example(dimer, "H,P", msa=[files / "b.a3m", files / "a.a3m"], config=CONFIG)
        assert features.asym_id.tolist() == targets.asym_id.tolist() == [1] * 10 + [2] * 7
        assert features.msa.feat.shape[1] >= 4 and targets.full_complex is None and targets.use_clamped_fape == 1

    def test_copies_bring_the_whole_complex(self, dimer):
        features, targets = af2jax.example(dimer, "*", config=CONFIG, crop=12)
        assert features.seq_mask.sum() == 12 and len(targets.full_complex.seq_mask) == 27
        assert targets.full_complex.entity_id.tolist() == [1] * 20 + [2] * 7

    def test_an_alignment_of_no_chain(self, dimer, tmp_path):
        (tmp_path / "x.a3m").write_text(">x\nWWWW\n")
        with pytest.raises(InputError, match=r"x\.a3m: its first row .4 residues. is none of the chains H,P of"):
            af2jax.example(dimer, "H,P", msa=tmp_path / "x.a3m", config=CONFIG)


class TestCrops:
    def test_interfaces_are_pairs_of_ca_atoms_within_15_angstrom(self, dimer):
        known = read_complex(dimer, "*")
        near = crop.interface(known)
        apart = np.linalg.norm(known.positions[:, None, 1] - known.positions[None, :, 1], axis=-1)
        other = known.ids.asym_id[:, None] != known.ids.asym_id[None]
        assert near.tolist() == np.flatnonzero(((apart < 15) & other).any(1)).tolist() and 0 < len(near) < 27

    def test_spatial_crops_are_the_residues_around_one(self, dimer):
        known = read_complex(dimer, "*")
        rng = np.random.default_rng(0)
        found = crop.spatial(rng, known, np.array([3]), 9)
        apart = np.linalg.norm(known.positions[:, 1] - known.positions[3, 1], axis=-1)
        assert set(found) == set(np.argsort(apart, kind="stable")[:9]) and (np.diff(found) > 0).all()

    def test_contiguous_crops_are_windows_of_chains_of_that_size_in_all(self, dimer):
        known, seen = read_complex(dimer, "*"), set()
        rng = np.random.default_rng(0)
        for _ in range(200):
            found = crop.contiguous(rng, known, 12)
            assert len(found) == 12
            windows = [found[(found >= part.start) & (found < part.stop)] for part in known.parts]
            assert all((np.diff(window) == 1).all() for window in windows)
            seen.add(tuple(len(window) for window in windows))
        assert len(seen) > 20 and {0, 10} <= {sizes[0] for sizes in seen}

    def test_both_kinds_are_drawn(self, dimer):
        known = read_complex(dimer, "*")
        rng = np.random.default_rng(0)
        wholes = [crop.choose(rng, known, 12, True) for _ in range(60)]
        in_windows = [all((np.diff(w[(w >= p.start) & (w < p.stop)]) == 1).all() for p in known.parts) for w in wholes]
        assert all(len(w) == 12 for w in wholes) and sum(in_windows) > 10
        assert crop.choose(rng, known, 40, True).tolist() == [*range(27)]


def test_numbers_of_chains():
    ids = number(["AC", "D", "AC"])
    assert [x.tolist() for x in ids] == [[0, 1, 0, 0, 1], [1, 1, 2, 3, 3], [1, 1, 2, 1, 1], [1, 1, 1, 2, 2]]


def test_one_chain_without_an_alignment_is_itself():
    found = assemble(["ACD"])
    assert letters(found.alignment) == ["ACD"] and found.own.all()
    rows = parse_a3m(">q\nACD\n>a\nACD\n>b\nAC-\n", "")
    assert letters(assemble(["ACD"], [rows]).alignment) == ["ACD", "AC-"]
