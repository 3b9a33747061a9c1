"""Tables of variants: ProteinGym's form and plain ones, what is wrong with a row, and what a network reads of each."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from af2jax.config import PRESETS
from af2jax.constants.residues import CODES, UNKNOWN
from af2jax.data import variants as tables
from af2jax.data.mutants import Mutation
from af2jax.data.pipeline import draw, read
from af2jax.errors import InputError

WILD = "MKTAYIAKQR"
CONFIG = PRESETS["tiny"]


def table(tmp_path, text: str, wild: str = WILD):
    path = tmp_path / "scan.csv"
    path.write_text(text)
    return tables.read(path, wild)


class TestRead:
    def test_proteingyms_form(self, tmp_path):
        text = (
            "mutant,mutated_sequence,DMS_score,DMS_score_bin\nK2A,MATAYIAKQR,1.5,1\nK2A:T3G,MAGAYIAKQR,-0.5,0\n,,0,0\n"
        )
        found = table(tmp_path, text)
        assert [tables.name(one) for one in found.mutations] == ["K2A", "K2A:T3G", ""]
        np.testing.assert_array_equal(found.value, [1.5, -0.5, 0])
        assert not found.bound.any()

    def test_a_variant_on_each_line(self, tmp_path):
        found = table(tmp_path, "K2A\n\n p.Thr3Gly \nA4A\n")
        assert found.mutations == ((Mutation("K", 2, "A"),), (Mutation("T", 3, "G"),), ()) and found.value is None

    def test_limits_and_unknown_values(self, tmp_path):
        found = table(tmp_path, "mutant;score\nK2A;>5\nK2C;<= -1\nK2D;\nK2E;2\n")
        np.testing.assert_array_equal(found.bound, [1, -1, 0, 0])
        np.testing.assert_array_equal(found.value, [5, -1, np.nan, 2])

    def test_what_is_written_is_read_again(self, tmp_path):
        every = (*tables.singles(WILD, [2, 5]), (Mutation("K", 2, "A"), Mutation("R", 10, "W")))
        rows = [[tables.name(one), tables.changed(WILD, one), float(i)] for i, one in enumerate(every)]
        found = table(tmp_path, tables.written(["mutant", tables.SEQUENCE, tables.MEASURED], rows))
        assert found.mutations == every and found.value.tolist() == list(range(len(every)))

    @pytest.mark.parametrize(
        "text, message",
        [
            ("K2A\nA2G\n", "line 2: mutant A2G: residue 2 of the wild type is K, not A; correct the residue or the"),
            ("K2A\nR11G\n", "line 2: mutant R11G: position 11 is past the end of the wild type, which has 10 residues"),
            ("mutant,score\nK2del,1\n", "line 2: mutant 'K2del' is an insertion or deletion"),
            ("p.Lys2_Thr3insGly", "line 1: mutant 'p.Lys2_Thr3insGly' is an insertion or deletion"),
            ("K2-", "is an insertion or deletion"),
            ("p.Lys2fs", "is an insertion or deletion"),
            ("K2X", "mutant K2X is not of two of the 20 amino acids"),
            ("K2*", "has a stop codon"),
            ("mutant,score\nK2A,high\n", "line 2, column \"score\": expected a number, got 'high'"),
            ("mutant,mutated_sequence\nK2A,MKTAYIAKQR\n", "line 2: mutated_sequence is not the wild type with K2A"),
            ("id,score\nx,1\n", 'has no column "mutant"'),
            ("mutant,score\n", "has no variant; give one on each line"),
            ("", "has no variant"),
        ],
    )
    def test_what_is_wrong(self, tmp_path, text, message):
        with pytest.raises(InputError) as error:
            table(tmp_path, text)
        assert message in str(error.value) and "scan.csv" in str(error.value)


class TestLabels:
    def test_arrays(self):
        every = ((Mutation("T", 3, "G"), Mutation("K", 2, "A")), (), (Mutation("R", 10, "W"),))
        found = tables.labelled(every, [1.0, np.nan, 2.0], most=3)
        assert found.mask.tolist() == [[True, True, False], [False] * 3, [True, False, False]]
        assert found.position[0, :2].tolist() == [1, 2] and found.new[0, :2].tolist() == [CODES["A"], CODES["G"]]
        assert found.value.dtype == np.float32 and found.bound.tolist() == [0, 0, 0]
        assert tables.labelled(every, [1, -1, 0]).value.dtype == np.int32

    def test_every_single_substitution(self):
        found = tables.singles("MKX", [1, 2, 3])
        assert len(found) == len(set(found)) == 38 and (Mutation("K", 2, "M"),) in found
        with pytest.raises(InputError, match="position 4 is past the end: the wild type has residues 1 to 3"):
            tables.singles("MKX", [4])

    @pytest.mark.parametrize(
        "value, ranks, message",
        [
            ([np.nan, np.nan], False, "assay x has no variant with a label"),
            ([3.0, np.nan], True, "assay x has one variant with a label, which has no order"),
            ([3.0, 3.0], True, "assay x: all 2 labels are 3, which have no order"),
        ],
    )
    def test_assays_without_an_order(self, value, ranks, message):
        every = tables.singles(WILD, [2])[:2]
        with pytest.raises(InputError, match=message):
            tables.labelled(every, value, ranks=ranks, assay="assay x")


class TestFeatures:
    def test_a_variant_differs_from_its_wild_type_where_it_is_mutated(self):
        known, variant = read(WILD), (Mutation("K", 2, "W"),)
        wild, changed = (tables.features(known, one, 0, CONFIG) for one in ((), variant))
        assert changed.aatype.tolist() == [CODES[x] for x in "MWTAYIAKQR"]
        elsewhere = np.arange(len(WILD)) != 1
        for name in ("aatype", "target_feat"):
            a, b = getattr(wild, name), getattr(changed, name)
            assert (a[1] != b[1]).any() and (a[elsewhere] == b[elsewhere]).all()
        np.testing.assert_array_equal(wild.msa.feat[:, :, elsewhere], changed.msa.feat[:, :, elsewhere])
        own = wild.msa.feat[:, 0, :, :22].argmax(-1)
        assert (own == wild.aatype).all()  # nothing of the query's row is masked

    def test_it_is_what_the_variant_alone_would_be(self):
        variant = tables.substitutions(WILD, "K2W:R10A")
        of_wild = tables.features(read(WILD), variant, 3, CONFIG)
        alone = tables.features(read(tables.changed(WILD, variant)), (), 3, CONFIG)
        jax.tree.map(np.testing.assert_array_equal, of_wild, alone)

    def test_an_alignment_keeps_its_other_rows(self, tmp_path):
        path = tmp_path / "q.a3m"
        path.write_text(f">q\n{WILD}\n>h\nMKSAYIGKQR\n")
        config = replace(CONFIG, data=replace(CONFIG.data, mask_fraction=0.0))
        found = tables.features(read(path), tables.substitutions(WILD, "A4W"), 0, config)
        rows = found.msa.feat[0, :, :, :22].argmax(-1)
        assert rows[0].tolist() == [CODES[x] for x in "MKTWYIAKQR"]
        assert rows[1].tolist() == [CODES[x] for x in "MKSAYIGKQR"]

    @pytest.mark.parametrize("alignment", [False, True])
    def test_nothing_that_is_read_tells_a_hidden_residue(self, tmp_path, alignment):
        """The features are the same, bit for bit, whatever stands there; and others where it is shown."""

        def hidden(letter: str, where: np.ndarray):
            sequence = WILD[:3] + letter + WILD[4:]
            path = tmp_path / f"{letter}.a3m"
            path.write_text(f">q\n{sequence}\n" + (">h\nMKSAYIGKQR\n>g\nMKSCYIGKQW\n" if alignment else ""))
            return draw(read(path), 0, CONFIG, hidden=where)

        there = np.arange(len(WILD)) == 3
        first = hidden("A", there)
        assert first.target_feat[3].argmax() == UNKNOWN + CONFIG.target_features - 21 and first.aatype[3] == CODES["A"]
        for letter in "WGKX":
            jax.tree.map(np.testing.assert_array_equal, first, hidden(letter, there))
        differ = jax.tree.map(np.array_equal, hidden("A", ~there), hidden("W", ~there))
        assert not differ.target_feat and not differ.msa.feat
