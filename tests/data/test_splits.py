"""Homologues are found, and never parted by a split; one more item moves few of the others."""

import csv
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax.constants.residues import RESTYPES
from af2jax.data import splits
from af2jax.data.splits import clusters, split
from af2jax.errors import InputError


def protein(rng: np.random.Generator, num: int) -> str:
    return "".join(rng.choice(list(RESTYPES), num))


def mutated(rng: np.random.Generator, sequence: str, part: float) -> str:
    """Each letter another one with the probability `part`."""
    return "".join(x if rng.random() > part else rng.choice(list(RESTYPES)) for x in sequence)


def same(groups: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of one group."""
    return {(i, j) for i in range(len(groups)) for j in range(i) if groups[i] == groups[j]}


class TestClusters:
    def test_homologues_and_strangers(self):
        rng = np.random.default_rng(0)
        a, b, c = (protein(rng, num) for num in (120, 150, 90))
        sequences = [
            a,
            mutated(rng, a, 0.4),  # 60 % identity
            b,
            b[:80],  # half of it
            protein(rng, 40) + mutated(rng, b, 0.3) + protein(rng, 30),
            c,
            protein(rng, 100) + c[:30],  # a third of it alone
            a,
        ]
        groups = clusters(sequences)
        assert same(groups) == {(1, 0), (7, 0), (7, 1), (3, 2), (4, 2), (4, 3)}

    def test_likeness_without_identity(self):
        rng = np.random.default_rng(5)
        a = protein(rng, 200)
        like = str.maketrans("KRDEILVFYSTNQMHAGW", "RKEDVIIYFTSDEIYSSF")
        b = "".join(x.translate(like) if rng.random() < 0.8 else x for x in a)
        assert np.mean([x == y for x, y in zip(a, b, strict=True)]) < 0.3
        assert len(set(clusters([a, b]))) == 2 and len(set(clusters([a, b], identity=0.2))) == 1

    def test_homologues_of_homologues(self):
        rng = np.random.default_rng(1)
        a, b = protein(rng, 100), protein(rng, 100)
        assert len(set(clusters([a, b]))) == 2 and len(set(clusters([a, b, a + b]))) == 1

    def test_does_not_depend_on_order_or_company(self):
        rng = np.random.default_rng(2)
        families = [protein(rng, 80) for _ in range(6)]
        sequences = [mutated(rng, families[i % 6], 0.45) for i in range(24)]
        assert same(clusters(sequences)) == {(i, j) for i in range(24) for j in range(i) if i % 6 == j % 6}
        backwards = clusters(sequences[::-1])[::-1]
        assert same(backwards) == same(clusters(sequences))
        company = clusters(sequences + [protein(rng, 80) for _ in range(40)])
        assert same(company[:24]) == same(clusters(sequences)) and len(set(company)) == 46

    @pytest.mark.parametrize("num, changes", [(286, 1), (56, 10), (12, 2)])
    def test_variants_of_one_protein(self, num, changes, monkeypatch):
        aligned = []
        monkeypatch.setattr(splits, "_homologues", lambda sequences, chosen, *_: aligned.extend(chosen) or ())
        rng = np.random.default_rng(3)
        wild = protein(rng, num)
        variants = []
        for _ in range(1000):
            letters = list(wild)
            for place in rng.integers(num, size=changes):
                letters[place] = rng.choice(list(RESTYPES))
            variants.append("".join(letters))
        other = protein(rng, num)
        groups = clusters([*variants, other])
        assert len(set(groups[:-1])) == 1 and groups[-1] != groups[0] and len(aligned) == 2

    def test_chains_short_and_odd(self):
        assert len(set(clusters(["M", "MK", "W", "GG/GG"]))) == 4
        rng = np.random.default_rng(4)
        a = protein(rng, 60)
        assert len(set(clusters([a[:30] + "/" + a[30:], a, "X" * 10 + a[10:], a.replace("A", "U")]))) == 1


class TestSplit:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(0, 12), min_size=3, max_size=60), st.integers(0, 5))
    def test_homologues_stay_together_and_every_part_is_there(self, groups, seed):
        sequences = [f"protein {i}" for i in range(len(groups))]
        if len(set(groups)) < 3:
            with pytest.raises(InputError, match=r'groups? of homologues; say in a column "split"'):
                split(sequences, np.array(groups), seed)
            return
        parts = split(sequences, np.array(groups), seed)
        assert set(parts) == {"train", "valid", "test"}
        assert all(len({p for p, g in zip(parts, groups, strict=True) if g == group}) == 1 for group in groups)
        assert parts == split(sequences, np.array(groups), seed)

    def test_fractions_and_seeds(self):
        sequences, groups = [str(i) for i in range(200)], np.arange(200)
        assert Counter(split(sequences, groups)) == {"train": 160, "valid": 20, "test": 20}
        assert split(sequences, groups, 1) != split(sequences, groups, 2)

    def test_the_largest_group_is_trained_on(self):
        groups = np.array([0] * 90 + list(range(1, 11)))
        for seed in range(20):
            parts = split([str(i) for i in range(100)], groups, seed)
            assert parts[0] == "train" and Counter(parts)["train"] <= 98

    def test_one_more_item_moves_few(self):
        sequences = [str(i) for i in range(200)]
        before = split(sequences, np.arange(200))
        for new in range(20):
            after = split([*sequences, f"new {new}"], np.arange(201))
            assert sum(a != b for a, b in zip(before, after, strict=False)) <= 3
            moved = split([f"new {new}", *sequences], np.arange(201))  # names decide, not places
            assert sum(a != b for a, b in zip(before, moved[1:], strict=False)) <= 3


@pytest.mark.slow("clusters many chains")
def test_against_the_clusters_of_mmseqs2(shared):
    """Pairs that MMseqs2 joins at 30 % identity over half of either: 99 % are joined here too, and few others."""
    sequences, theirs = [], []
    for name, columns in [("chains", ["sequence"]), ("pairs", ["seq_a", "seq_b"]), ("dms", ["wt"])]:
        with open(shared / "data" / f"{name}.tsv") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                sequences += [row[column] for column in columns]
                theirs += [row["cluster30"]] * len(columns)
    groups, theirs = clusters(sequences), np.array(theirs)
    joined, wanted = same(groups), same(theirs)
    print(f"{len(sequences)} sequences: {len(wanted)} pairs by MMseqs2, {len(wanted - joined)} of them not joined here")
    assert len(wanted - joined) <= 0.01 * len(wanted) and len(joined - wanted) <= 0.05 * len(joined)
    for seed in range(5):
        parts = np.array(split(sequences, groups, seed))
        assert sum(parts[i] != parts[j] for i, j in wanted) <= 0.01 * len(wanted)


MHC = "GSHSMRYFFTSVSRPGRGEPRFIAVGYVDDTQFVRFDSDAASQRMEPRAPWIEQEGPEYWD"


UNRELATED = [protein(np.random.default_rng(i), 60) for i in range(20)]


class TestPeptides:
    def test_the_peptide_decides_who_is_a_homologue(self):
        rng = np.random.default_rng(0)
        peptides = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 9)) for _ in range(12)]
        peptides += [peptides[0], peptides[1][:-1] + "W", peptides[2][:-4] + "WWWW"]
        sets = [f"{MHC[i % 2 :]}/{peptide}" for i, peptide in enumerate(peptides)]
        found = splits.clusters(sets)
        assert found[12] == found[0] and found[13] == found[1] and len(set(found.tolist())) == 13
        assert splits.peptides(sets) == peptides and "peptides" in splits.meaning(sets)
        alleles = [f"{MHC[:i]}A{MHC[i + 1 :]}/{peptide}" for i, peptide in enumerate(peptides)]
        assert splits.peptides(alleles) == peptides
        turned = ["/".join(one.split("/")[::-1]) for one in sets]
        assert (splits.clusters(turned) == found).all()

    def test_chains_of_alike_peptides_are_one_group(self):
        chain = ["AAAAAAAAAA", "AAAAAAAAWW", "AAAAAAWWWW", "AAAAWWWWWW", "CCCCCCCCCC", "DDDDDDDDDD"]
        for order in (chain, chain[::-1]):
            group = splits._alike(order)
            assert len(set(group.tolist())) == 3

    @pytest.mark.parametrize(
        "sets",
        [
            [f"{MHC}/GILGFVFTL"] * 20,  # one peptide
            [MHC[i:] for i in range(20)],  # single chains
            [f"{UNRELATED[i]}/{MHC[::-1][i : i + 9]}" for i in range(20)],  # a partner for each
            [f"{MHC}/{MHC[::-1][i:]}" for i in range(15)],  # no peptides
            [f"{MHC}/{MHC[i : i + 9]}" for i in range(8)],  # few
        ],
    )
    def test_other_complexes_are_compared_as_before(self, sets):
        assert splits.peptides(sets) is None and "30 % identity" in splits.meaning(sets)


class TestScans:
    def test_by_position(self):
        variants = [[i // 5] for i in range(200)] + [[], [1, 1], [1, 2, 3]]
        part = splits.split_scan(variants)
        assert part == splits.split_scan(variants) != splits.split_scan(variants, seed=1)
        assert all(len(set(part[i : i + 5])) == 1 for i in range(0, 200, 5)) and part[200] == "train"
        assert part.count("test") >= 20 and part.count("valid") >= 20 and part[201] == part[5]
        pairs = [[i, j] for i in range(40) for j in range(i)]
        both = splits.split_scan(variants[:200] * 20 + pairs)[4000:]
        of = [{part[5 * i], part[5 * j]} for i, j in pairs]
        assert both == [own.pop() if len(own) == 1 else "" for own in of] and "" in both and "train" in both

    def test_by_number_of_mutations(self):
        variants = [[1]] * 50 + [[1, 2]] * 40 + [[1, 2, 3]] * 8 + [[1, 2, 3, 4]] * 6
        part = splits.split_scan(variants)
        assert part == ["train"] * 50 + ["valid"] * 40 + ["test"] * 14
        assert (
            splits.split_scan([[1]] * 5 + [[1, 2]] * 45 + [[1, 2, 3]] * 50)
            == ["train"] * 5 + ["valid"] * 45 + ["test"] * 50
        )

    def test_all_with_two_mutations_are_split_by_position(self):
        part = splits.split_scan([[i, i + 20] for i in range(20)])
        assert (set(part) <= {"train", "valid", "test", ""} and "test" in part) or "" in part


def test_groups_that_are_joined():
    """Items are together where either grouping says so, and so on from item to item."""
    found = splits.joined(np.array([0, 0, 1, 2, 3, 4]), np.array([5, 6, 6, 7, 7, 8]))
    np.testing.assert_array_equal(found[:, None] == found[None], [[a == b for b in "aaabbc"] for a in "aaabbc"])
