"""The joint alignment of a complex: every rule on a case small enough to check by eye."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax import schema
from af2jax.config import Data, preset
from af2jax.constants.residues import GAP, LETTERS, encode
from af2jax.data import msa, pairing
from af2jax.data.pairing import Joint, by_row, pair, separate
from af2jax.data.parse import Alignment, complex_header, parse_a3m
from af2jax.data.search.a3m import join_chains
from af2jax.data.species import by_species, species_of
from af2jax.data.transforms import assembled, draw_msa, stack_draws
from af2jax.errors import InputError


def a3m(*rows: str) -> Alignment:
    """An alignment of rows "NAME_SPECIES LETTERS"; a species makes the name UniProt's."""
    parts = [row.split() for row in rows]
    names = [f"tr|A0A000|{name}" if "_" in name else name for name, _ in parts]
    return parse_a3m("".join(f">{name}\n{row[1]}\n" for name, row in zip(names, parts, strict=True)), "made.a3m")


def letters(joint: Joint) -> list[str]:
    return ["".join(LETTERS[code] for code in row) for row in joint.alignment.codes]


A = a3m("a ACDE", "A1_HUMAN ACDF", "A2_MOUSE ACGG", "A3_MOUSE ACDG", "A4_YEAST AGGG")
B = a3m("b KLM", "B1_MOUSE KVV", "B2_HUMAN KLV", "B3_MOUSE KLW", "B4_ECOLI WWW", "B5 KLI")


# Species


@pytest.mark.parametrize(
    "header, expected",
    [
        ("tr|A0A146SKV9|A0A146SKV9_FUNHE", "FUNHE"),
        ("sp|P0C2L1|A3X1_LOXLA/1-99 Toxin OS=Loxosceles", "LOXLA"),
        ("tr|A0A146SKV9_1|A0A146SKV9_9INFA_12/3-4\tmore", "9INFA"),  # an isoform, and Small BFD's number
        ("up|A0A146SKV9|A0A146SKV9_FUNHE", ""),
        ("tr|A0A146SKV9|A0A146SKV9_FUNHEX", ""),
        ("tr|A0A1|A0A1_FUNHE", ""),
        ("UniRef100_A0A0S7JZT1_188132/\t246\t0.897", "188132"),
        ("UniRef100_UPI0011139A0C_173247/", "173247"),
        ("UniRef100_A0A6A4VZD3\t78\t0.428", ""),
        ("UniRef90_Q62448-2/1-64", ""),
        ("UniRef100_A0A1L8HNI8 Protein n=2 Tax=Xenopus TaxID=8353 RepID=A0A1L8HNI8_XENLA", "XENLA"),
        ("UniRef100_UPI000EF73593 kinase n=1 Tax=Athene cunicularia TaxID=194338 RepID=UPI000EF73593", "194338"),
        ("UniRef100_UPI000EF73593 kinase n=3 Tax=Aves TaxID=8782 RepID=UPI000EF73593", ""),
        ("ERR1711860_282039", ""),
        ("MGYP001215979974\t187\t0.561", ""),
        ("", ""),
        (" ", ""),
    ],
)
def test_species(header, expected):
    assert species_of(header) == expected


# Which rows belong together


def test_the_most_similar_rows_of_a_species_are_joined():
    kinds = [["", "M", "M", "M"], ["", "M", "", "M"]]
    likeness = [np.array([1, 0.2, 0.9, 0.5]), np.array([1, 0.3, 0.8, 0.4])]
    np.testing.assert_array_equal(by_species(kinds, likeness), [[0, 0], [3, 1], [2, 3]])


def test_equally_similar_rows_keep_their_order():
    kinds, likeness = [[""] + ["M"] * 40, ["", "M", "M"]], [np.full(41, 0.5), np.full(3, 0.5)]
    np.testing.assert_array_equal(by_species(kinds, likeness), [[0, 0], [1, 1], [2, 2]])


def test_pairs_of_equal_product_are_ordered_by_species():
    kinds = [["", "Y", "X"], ["", "X", "Y"]]
    np.testing.assert_array_equal(by_species(kinds, [np.ones(3), np.ones(3)]), [[0, 0], [2, 1], [1, 2]])


def test_rows_of_fewer_chains_come_later():
    kinds = [["", "P", "ALL", "Q"], ["", "P", "ALL"], ["", "R", "ALL", "Q"]]
    expected = [[0, 0, 0], [2, 2, 2], [1, 1, -1], [3, -1, 3]]
    np.testing.assert_array_equal(by_species(kinds, [np.ones(4), np.ones(3), np.ones(4)]), expected)


@pytest.mark.parametrize("count, expected", [(600, 2), (601, 1)])
def test_a_crowded_species_is_left_out(count, expected):
    kinds = [[""] + ["M"] * count, ["", "M"]]
    assert len(by_species(kinds, [np.ones(count + 1), np.ones(2)])) == expected


def test_unknown_species_are_no_species():
    np.testing.assert_array_equal(by_species([["", ""], ["", ""]], [np.ones(2), np.ones(2)]), [[0, 0]])


def test_rows_aligned_by_the_server():
    present = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 1], [1, 1, 1, 1, 0]], bool)
    np.testing.assert_array_equal(by_row(present, 2), [[0, 0, 0], [1, 1, 1], [2, -1, 2]])
    np.testing.assert_array_equal(by_row(present, 3), [[0, 0, 0], [1, 1, 1]])


def test_numbers_of_chains():
    entity, sym = pairing.entities_and_copies(["A", "B", "A", "C", "B", "A"])
    assert entity.tolist() == [1, 2, 1, 3, 2, 1] and sym.tolist() == [1, 1, 2, 1, 2, 3]


# The joint alignment


def test_two_chains():
    """MOUSE: A3 is nearer to the query than A2, B3 than B1. Rows that were paired are not repeated."""
    joint = pair(["ACDE", "KLM"], [A, B])
    assert joint.pairs.tolist() == [[0, 0], [1, 2], [2, 1], [3, 3]]  # products 0, 2, 2, 9; HUMAN before MOUSE
    assert letters(joint) == ["ACDEKLM", "ACDFKLV", "ACGGKVV", "ACDGKLW", "AGGG---", "----WWW", "----KLI"]
    assert joint.alignment.names[0] == "a\tb" and joint.alignment.names[-1] == "B5"
    assert joint.alignment.names[1] == "tr|A0A000|A1_HUMAN\ttr|A0A000|B2_HUMAN"
    assert joint.alignment.query == "ACDEKLM" and joint.order == (0, 1)
    assert joint.ids.asym_id.tolist() == joint.ids.entity_id.tolist() == [1, 1, 1, 1, 2, 2, 2]
    assert joint.ids.sym_id.tolist() == [1] * 7 and joint.ids.residue_index.tolist() == [0, 1, 2, 3, 0, 1, 2]
    expected = np.ones((7, 7), bool)
    expected[4, 4:] = expected[5:, :4] = False
    np.testing.assert_array_equal(joint.bert_mask, expected)


def test_paired_rows_may_have_an_alignment_of_their_own():
    joint = pair(["ACDE", "KLM"], [A, B], [a3m("a ACDE", "X1_HUMAN WWWW"), a3m("b KLM", "X2_HUMAN KLV")])
    assert joint.pairs.tolist() == [[0, 0], [1, 1]]
    assert letters(joint)[:3] == ["ACDEKLM", "WWWWKLV", "ACDF---"]
    assert letters(joint).count("----KLV") == 0 and len(letters(joint)) == 2 + 4 + 4
    alone = pair(["ACDE", "KLM"], [], [a3m("a ACDE", "X1_HUMAN WWWW"), a3m("b KLM", "X2_HUMAN KLV")])
    assert letters(alone) == ["ACDEKLM", "WWWWKLV"]


def test_three_chains_of_which_one_has_no_alignment():
    joint = pair(["ACDE", "WW", "KLM"], [A, None, B])
    assert letters(joint)[:2] == ["ACDEWWKLM", "ACDF--KLV"] and joint.bert_mask[:4].all()
    assert joint.pairs.tolist() == [[0, 0, 0], [1, -1, 2], [2, -1, 1], [3, -1, 3]]
    assert joint.alignment.names[:2] == ("a\tquery\tb", "tr|A0A000|A1_HUMAN\t\ttr|A0A000|B2_HUMAN")


def test_identical_chains_are_one_behind_the_other():
    """A:B:A is A:A:B; two copies of A know YEAST, so its row is a pair without B."""
    joint = pair(["ACDE", "KLM", "ACDE"], [A, B])
    assert joint.order == (0, 2, 1)
    assert joint.pairs[-1].tolist() == [4, 4, -1]
    assert letters(joint)[:2] == ["ACDEACDEKLM", "ACDFACDFKLV"] and letters(joint)[4] == "AGGGAGGG---"
    assert letters(joint)[5:] == ["--------WWW", "--------KLI"]
    assert joint.ids.asym_id.tolist() == [1] * 4 + [2] * 4 + [3] * 3
    assert joint.ids.entity_id.tolist() == [1] * 8 + [2] * 3
    assert joint.ids.sym_id.tolist() == [1] * 4 + [2] * 4 + [1] * 3
    assert joint.ids.residue_index.tolist() == [0, 1, 2, 3] * 2 + [0, 1, 2]
    swapped = pair(["ACDE", "KLM", "ACDE"], [None, B, A])
    np.testing.assert_array_equal(swapped.alignment.codes, joint.alignment.codes)


@pytest.mark.parametrize("mode", pairing.MODES)
def test_copies_of_one_sequence_share_their_rows(mode):
    joint = pair(["ACDE"] * 2, [A, A], mode=mode)
    assert letters(joint) == [2 * row for row in ("ACDE", "ACDF", "ACGG", "ACDG", "AGGG")]
    assert joint.pairs.tolist() == [[0, 0]] and joint.bert_mask.all() and joint.ids.sym_id.tolist() == [1] * 4 + [2] * 4


def test_one_chain_is_its_own_alignment():
    joint = pair(["ACDE"], [A])
    np.testing.assert_array_equal(joint.alignment.codes, A.codes)
    assert joint.alignment.names == A.names and set(joint.ids.asym_id) == set(joint.ids.entity_id) == {1}


def test_without_pairing_only_the_queries_are_joined():
    joint = pair(["ACDE", "KLM"], [A, B], mode="none")
    assert letters(joint)[:3] == ["ACDEKLM", "ACDF---", "ACGG---"] and len(letters(joint)) == 1 + 4 + 5
    assert letters(pair(["ACDE", "KLM"])) == ["ACDEKLM"]


def test_repeated_rows_count_once_and_pairs_are_of_the_given_rows():
    twice = a3m("a ACDE", "A0 ACDE", "A1_HUMAN ACDF", "A2_MOUSE ACDF", "A3_MOUSE ACDG")
    joint = pair(["ACDE", "KLM"], [twice, B])
    assert joint.pairs.tolist() == [[0, 0], [2, 2], [4, 3]]
    assert letters(joint)[3:5] == ["----KVV", "----WWW"]
    assert letters(pair(["ACDE", "KLM"], [a3m("a ACDE", "x AAAA", "y AAAA")])) == ["ACDEKLM", "AAAA---"]


def test_species_are_looked_for_in_the_first_rows(monkeypatch):
    monkeypatch.setattr(pairing, "HITS", 2)
    joint = pair(["ACDE", "KLM"], [A, a3m("b KLM", "B2_HUMAN KLV")])
    assert joint.pairs.tolist() == [[0, 0], [1, 1]] and len(letters(joint)) == 2 + 3
    assert len(pair(["ACDE", "KLM"], [A, B]).pairs) == 1  # HUMAN is row 2 of B


def test_rows_of_the_query_are_of_no_species():
    joint = pair(["ACDE", "KLM"], [a3m("Q_HUMAN ACDE", "A1_HUMAN ACDF"), B])
    assert joint.pairs.tolist() == [[0, 0], [1, 2]]


def test_deletions_travel_with_their_rows():
    inserted = a3m("a ACDE", "A1_HUMAN AwwCDF", "A2_YEAST gAGGG")
    joint = pair(["KLM", "ACDE"], [B, inserted])
    assert joint.alignment.deletions[1].tolist() == [0, 0, 0, 0, 2, 0, 0]
    assert joint.alignment.deletions[-1].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert joint.alignment.deletions.dtype == np.int32 and joint.alignment.codes.dtype == np.int8


def test_half_of_the_rows_are_paired_at_most():
    """Of four rows of a chain two are paired; what a cut pair had is not repeated below either."""
    joint = pair(["ACDE", "KLM"], [A, B], rows=4)
    assert letters(joint) == ["ACDEKLM", "ACDFKLV", "AGGG---", "----WWW", "----KLI"]
    assert letters(pair(["ACDE", "KLM"], [A, B], rows=2)) == ["ACDEKLM", "AGGG---", "----WWW"]
    assert len(letters(pair(["ACDE"] * 2, [A], rows=3))) == 3


def test_paired_rows_of_gaps_leave_room():
    """The second chain has no row in the pair, so it has one more unpaired row than the others."""
    hits = [a3m("q AC", "A1_HUMAN AA"), a3m("q DE", *(f"r D{x}" for x in "ACDFG")), a3m("q FG", "C1_HUMAN FF")]
    joint = pair(["AC", "DE", "FG"], hits, rows=4)
    assert letters(joint) == ["ACDEFG", "AA--FF", "--DA--", "--DC--", "--DD--"]


def test_letters_beyond_the_twenty_are_read_as_in_alignments():
    """MMseqs2 writes X for U; AlphaFold's alignments have C."""
    joint = pair(["AUDE", "KLM"], [a3m("a AXDE", "A1_HUMAN ACDF"), B])
    assert joint.alignment.codes[0, :4].tolist() == [LETTERS.index(letter) for letter in "ACDE"]
    assert joint.alignment.query == "AUDEKLM" and letters(joint).count("AXDE---") == 0


# Alignments that are aligned row by row

ROWS_A = a3m("a ACDE", "1 ACDF", "DUMMY ----", "3 ACDG", "4 ACDD")
ROWS_B = a3m("b KLM", "1 KLV", "2 KLW", "3 ---", "4 KLI")
ROWS_C = a3m("c WW", "1 --", "2 WA", "3 --", "4 WC")


def test_greedy_takes_rows_of_two_chains_and_complete_those_of_all():
    sequences, rows = ["ACDE", "KLM", "WW"], [ROWS_A, ROWS_B, ROWS_C]
    greedy = pair(sequences, [], rows, "greedy")
    assert letters(greedy) == ["ACDEKLMWW", "ACDFKLV--", "----KLWWA", "ACDDKLIWC"]
    assert greedy.pairs.tolist() == [[0, 0, 0], [1, 1, -1], [-1, 2, 2], [4, 4, 4]]
    assert letters(pair(sequences, [], rows, "complete")) == ["ACDEKLMWW", "ACDDKLIWC"]


def test_copies_make_no_pair_of_a_row():
    joint = pair(["ACDE", "ACDE", "KLM"], [], [ROWS_A, None, ROWS_B], "greedy")
    assert letters(joint) == ["ACDEACDEKLM", "ACDFACDFKLV", "ACDDACDDKLI"]


def test_a_chain_without_rows_has_gaps():
    joint = pair(["ACDE", "KLM", "GG"], [None, None, a3m("g GG", "x GA")], [ROWS_A, ROWS_B], "greedy")
    assert letters(joint) == ["ACDEKLMGG", "ACDFKLV--", "ACDDKLI--", "-------GA"]
    assert len(pair(["ACDE", "KLM", "GG"], [], [ROWS_A, ROWS_B], "complete").pairs) == 1


def test_repeated_pairs_stay_and_unpaired_repeats_go():
    again = a3m("a ACDE", "1 ACDF", "2 ACDF"), a3m("b KLM", "1 KLV", "2 KLV")
    joint = pair(["ACDE", "KLM"], [a3m("a ACDE", "1 ACDF", "5 AAAA"), None], again, "complete")
    assert letters(joint) == ["ACDEKLM", "ACDFKLV", "ACDFKLV", "AAAA---"]


def test_colabfolds_alignment_of_a_complex_comes_apart():
    text = "#4,3\t2,1\n>101\t102\nACDEKLM\n>x\ty\nACDFkKLV\n>101\nACDE---\n>z\nACgDG---\n>102\n----KLM\n>w\n----KLI\n"
    sequences, unpaired, paired = separate(parse_a3m(text, "c.a3m"), *complex_header(text))
    assert sequences == ["ACDE", "ACDE", "KLM"]
    assert [one.names for one in paired] == [("101", "x"), ("101", "x"), ("102", "y")]
    joint = pair(sequences, unpaired, paired, "greedy")
    assert letters(joint) == ["ACDEACDEKLM", "ACDFACDFKLV", "ACDGACDG---", "--------KLI"]
    assert joint.alignment.deletions[1:3].tolist() == [[0] * 8 + [1, 0, 0], [0, 0, 1, 0] * 2 + [0, 0, 0]]


def test_a_complex_without_the_rows_of_its_chains_alone():
    one = parse_a3m(">101\t102\nACDEKLM\n>z\nACDG---\n", "c.a3m")
    assert letters(pair(*separate(one, (4, 3), (1, 1)), "greedy")) == ["ACDEKLM", "ACDG---"]


def test_what_join_chains_writes_comes_apart():
    text = join_chains([("ACDE", 2, [">x\nACDF"]), ("KLM", 1, [">y\nKLV", ">z\nKLI"])])
    sequences, unpaired, paired = separate(parse_a3m(text, "c.a3m"), *complex_header(text))
    rows = letters(pair(sequences, unpaired, paired, "greedy"))
    assert rows == ["ACDEACDEKLM", "ACDFACDF---", "--------KLV", "--------KLI"]
    one = parse_a3m(">101\nACDE\n>x\nACDF\n", "c.a3m")
    assert letters(pair(*separate(one, (4,), (3,)), "greedy")) == ["ACDE" * 3, "ACDF" * 3]


# Laws


@st.composite
def complexes(draw):
    """Two or three chains with alignments of few letters and few species, so that much is alike."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    alignments = []
    for place in range(draw(st.integers(2, 3))):
        rows, width = int(rng.integers(1, 12)), 3 + place
        codes = rng.choice([0, 1, GAP], (rows, width)).astype(np.int8)
        codes[0] = rng.integers(0, 2, width)
        names = [f"tr|A0A000|R{i}_{rng.choice(list('XYZ'))}" if rng.random() < 0.8 else f"r{i}" for i in range(rows)]
        deletions = rng.integers(0, 2, codes.shape).astype(np.int32)
        deletions[0] = 0
        alignments.append(Alignment(tuple(names), codes, deletions, "".join(LETTERS[code] for code in codes[0])))
    return alignments


@settings(max_examples=40, deadline=None)
@given(complexes(), st.integers(2, 9), st.sampled_from(["species", "none"]))
def test_a_row_is_a_row_of_each_chain_or_gaps(alignments, rows, mode):
    joint = pair([one.query for one in alignments], alignments, mode=mode, rows=rows)
    codes, deletions, n_pair = joint.alignment.codes, joint.alignment.deletions, len(joint.pairs)
    assert n_pair <= rows // 2
    for place, one in enumerate(alignments):
        span = joint.ids.asym_id == place + 1
        known = {(c.tobytes(), d.tobytes()) for c, d in zip(one.codes, one.deletions, strict=True)}
        found = list(zip(codes[:, span], deletions[:, span], joint.bert_mask[:, span], strict=True))
        for index, (c, d, own) in enumerate(found):
            source = joint.pairs[index, place] if index < n_pair else None
            if source is not None and source >= 0:
                np.testing.assert_array_equal((c, d), (one.codes[source], one.deletions[source]))
            elif source is not None or not own.any():
                assert (c == GAP).all() and not d.any()
            else:
                assert (c.tobytes(), d.tobytes()) in known and own.all()
        held = (codes[:n_pair, span] != GAP).any(axis=1).sum() + joint.bert_mask[n_pair:, span].any(axis=1).sum()
        assert held <= rows


@settings(max_examples=40, deadline=None)
@given(complexes())
def test_the_order_of_the_chains_changes_no_pair(alignments):
    sequences = [one.query for one in alignments]
    forwards, backwards = pair(sequences, alignments), pair(sequences[::-1], alignments[::-1])
    np.testing.assert_array_equal(forwards.pairs, backwards.pairs[:, ::-1])


def test_the_monomers_functions_take_it_as_it_is():
    joint, config = pair(["ACDE", "KLM"], [A, B]), preset("tiny")
    codes, deletions = joint.alignment.codes, joint.alignment.deletions
    data = Data(clusters=3, extra=2)
    draw = draw_msa(np.random.default_rng(0), codes, deletions, msa.profile(codes), data, joint.bert_mask)
    assert draw.true_msa.shape == (3, 7) and draw.msa.extra.shape == (2, 7)
    np.testing.assert_array_equal(draw.true_msa[0], codes[0])
    schema.check_features(assembled(encode(joint.alignment.query), joint.ids, stack_draws([draw.msa]), config))


# What is wrong is said


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([["ACDE", "", "KLM"]], 'chain 2 is empty; put one ":" between'),
        ([[]], "no list of chains was given"),
        (["ACDE"], "no list of chains was given"),
        ([["ACDE", "K1M"]], "chain 2: '1' at position 2 is not an amino-acid letter"),
        ([["ACDE", "KLM"], [A, B, A]], "unpaired: an alignment is given for chain 3, but there are 2 chains"),
        ([["ACDE", "KLM"], [], [A, None, B]], "paired: an alignment is given for chain 3"),
        (
            [["ACDE", "KLM"], [B, A]],
            r'\("b", 3 residues\) .* chain 1 is not its sequence \(4\): at position 1 it has K',
        ),
        ([["ACDE", "KLM"], [B]], "the chain A; it is that of chain 2"),
        ([["ACDE", "KLV"], [None, B]], "at position 3 it has M, the chain V; give the chain's own alignment"),
        ([["ACDE", "KLMM"], [None, B]], "at position 4 it has nothing, the chain M"),
        ([["ACDE", "ACDE"], [A, a3m("a ACDE")]], "chains 1 and 2 have one sequence and different alignments"),
        ([["ACDE", "KLM"], [A, B], [], "both"], 'mode "both" is unknown; give one of species, greedy'),
        ([["ACDE", "KLM"], [A, B], [], "greedy"], '"greedy" needs paired alignments .* but none is given'),
        ([["ACDE", "KLM"], [], [A, B], "complete"], r"rows differ \(5 for sequence 1, 6 for sequence 2\); give its"),
        ([["ACDE", "KLM"], [A, B], [], "species", 1], "rows=1: the query and one row more"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        pair(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lengths, copies", [((4, 4), (1, 1)), ((7,), (1, 1)), ((4, 3), (1, 0)), ((), ())])
def test_a_first_line_that_does_not_fit_is_an_error(lengths, copies):
    with pytest.raises(InputError, match="the first row has 7 residues"):
        separate(parse_a3m(">q\nACDEKLM\n", "c.a3m"), lengths, copies)
