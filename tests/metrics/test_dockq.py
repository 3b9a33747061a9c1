"""DockQ in cases worked out by hand, its laws, and the search for the assignment of chains."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from af2jax.constants.atoms import CA, CB, C, N, O
from af2jax.errors import InputError
from af2jax.metrics import chain_assignment
from af2jax.metrics import dockq as room
from af2jax.metrics.dockq import compare, dockq, same_residues
from af2jax.protein.files import Protein
from tests.metrics.test_dockq_program import moved, rotation, rows, shaken

BODY = np.zeros((37, 3))  # a residue of five atoms within 2 angstrom, in no plane
BODY[[N, CA, C, O, CB]] = [[-1, 0.5, 0], [0, 0, 0], [1, 0.5, 0], [1.2, 1.5, 0.3], [0, -0.8, 1.1]]
ATOMS = np.isin(np.arange(37), [N, CA, C, O, CB])


def residues(points, chains, aatype=None, **fields) -> Protein:
    """A residue at each point."""
    points, chains = np.asarray(points, float), np.asarray(chains)
    number = np.concatenate([np.arange((chains == c).sum()) for c in dict.fromkeys(chains.tolist())])
    aatype = number % 19 if aatype is None else np.asarray(aatype)
    mask = np.tile(ATOMS, (len(points), 1))
    return Protein(aatype, points[:, None] + BODY, mask, number, chains, np.zeros(len(points)), **fields)


def strands(lengths, apart=4.0, kinds=None) -> Protein:
    """Chains of residues along x, one beside the other along y; those of one kind have one sequence."""
    kinds = range(len(lengths)) if kinds is None else kinds
    parts = [(i, x, kind) for i, (n, kind) in enumerate(zip(lengths, kinds, strict=True)) for x in range(n)]
    bend = lambda i, x: [3.8 * x, apart * i + 0.3 * np.sin(x), 0.5 * np.cos(2 * x)]
    points, chains = [bend(i, x) for i, x, _ in parts], [i for i, _, _ in parts]
    return residues(points, chains, [np.random.default_rng(kind).permutation(20)[x] for _, x, kind in parts])


def turned(protein: Protein) -> Protein:
    return replace(protein, positions=protein.positions @ rotation(1.1).T + np.array([10, -20, 30]))


PAIR = strands([12, 9])


def test_a_perfect_model_is_one():
    result = compare(turned(PAIR), PAIR)
    (found,) = result.interfaces
    assert found.chains == found.model_chains == (0, 1) and found.contacts > 0
    np.testing.assert_allclose([result.mean, found.dockq, found.fnat], 1, atol=1e-12)
    np.testing.assert_allclose([found.irms, found.lrms, found.wrong], 0, atol=1e-6)
    assert found.quality == "high" and result.exact and not result.lost and result.chains == {0: 0, 1: 1}


def test_a_shifted_ligand_by_hand():
    """Two chains of one residue 4 angstrom apart, and the ligand 7 further: no contact, LRMS 7, iRMS 3.5.

    The superposition of both leaves half the shift to each residue, since the shift is along the line between them.
    """
    flat = {"aatype": [3, 5]}
    point = np.zeros((37, 3))
    true = residues([[0, 0, 0], [4, 0, 0]], [0, 1], **flat)
    true = replace(true, positions=np.array([[0, 0, 0], [4, 0, 0]])[:, None] + point)  # all atoms of a residue in one
    model = replace(true, positions=np.array([[0, 0, 0], [11, 0, 0]])[:, None] + point)
    (found,) = compare(model, true).interfaces
    expected = (0 + 1 / (1 + (3.5 / 1.5) ** 2) + 1 / (1 + (7 / 8.5) ** 2)) / 3
    np.testing.assert_allclose([found.fnat, found.irms, found.lrms, found.dockq], [0, 3.5, 7, expected], atol=1e-9)
    assert found.quality == "acceptable" and found.contacts == 1 and found.wrong == 0


def test_contacts_are_closer_than_five_and_residues_than_ten():
    at = lambda *x: replace(
        residues([[v, 0, 0] for v in x], [0, *[1] * (len(x) - 1)], range(len(x))),
        positions=np.array([[v, 0, 0] for v in x])[:, None] + np.zeros((37, 3)),
    )
    count = lambda *x: [i.contacts for i in compare(at(*x), at(*x)).interfaces]
    assert count(0, 4.99) == [1] and count(0, 5.0) == [] and count(0, 4.99, 4.5, 5.01, 9.99) == [2]
    true, model = at(0, 4, 9.99, 10.0), at(0, 4, 9.99, 110.0)  # the last residue is not of the interface
    (found,) = compare(model, true).interfaces
    np.testing.assert_allclose(found.irms, 0, atol=1e-9)
    assert found.lrms > 1


def test_the_receptor_is_the_longer_chain_and_of_equal_ones_the_second():
    """The ligand alone is turned about its middle: LRMS is how far its backbone atoms went, none of the receptor's."""
    for lengths, ligand in (([12, 9], 1), ([9, 12], 0), ([10, 10], 0)):
        true = strands(lengths)
        model = moved(true, "AB"[ligand], 0.5, 0.0)
        went = (model.positions - true.positions)[true.chain_index == ligand][:, [N, CA, C, O]]
        expected = np.sqrt(np.mean(np.sum(went**2, axis=-1)))
        np.testing.assert_allclose(compare(model, true).interfaces[0].lrms, expected, atol=1e-9)


def test_identical_chains_exchanged_give_the_same():
    true = strands([10, 10, 8], kinds=[0, 0, 1])
    model = shaken(turned(true), 0.4)
    exchanged = replace(model, chain_index=np.array([1, 0, 2])[model.chain_index])
    one, other = compare(model, true), compare(exchanged, true)
    assert other.chains == {b: [1, 0, 2][a] for b, a in one.chains.items()}
    np.testing.assert_allclose(other.mean, one.mean, rtol=1e-12)
    shuffled = rows(model, np.argsort(np.random.default_rng(0).random(3)[model.chain_index], kind="stable"))
    np.testing.assert_allclose(compare(shuffled, true).mean, one.mean, rtol=1e-12)


def test_without_an_interface_there_is_no_score():
    for true in (strands([12, 9], apart=40.0), strands([12])):
        result = compare(shaken(true, 0.5), true)
        assert np.isnan(result.mean) and result.interfaces == () and result.lost == () and result.exact
        assert result.chains == {chain: chain for chain in set(true.chain_index.tolist())}


def test_what_is_missing():
    true = strands([10, 9, 8])
    result = compare(rows(true, true.chain_index != 2), true)
    assert result.lost == ((1, 2),) and result.chains == {0: 0, 1: 1} and result.mean == pytest.approx(1)
    more = compare(true, rows(true, true.chain_index != 2))  # chains that the known structure does not have
    assert more.lost == () and more.mean == pytest.approx(1) and more.chains == {0: 0, 1: 1}

    half = compare(rows(PAIR, (PAIR.chain_index == 0) | (PAIR.residue_index < 3)), PAIR).interfaces[0]
    touches = room._Complex(PAIR.positions, PAIR.atom_mask, PAIR.chain_index).near(0, 1) == 2
    assert half.fnat == touches[:, :3].sum() / touches.sum() and half.irms == pytest.approx(0, abs=1e-6)

    bare = replace(PAIR, atom_mask=PAIR.atom_mask & ~np.isin(np.arange(37), [N, CA, C, O]))  # CB alone
    (found,) = compare(bare, PAIR).interfaces
    assert np.isnan([found.irms, found.lrms]).all() and found.dockq == found.fnat / 3


@pytest.mark.parametrize("numbers", [False, True])
def test_laws(numbers):
    """Neither a rigid motion of either counts, nor what masked atoms hold, nor residues without atoms."""
    true = strands([14, 11, 9])
    model = shaken(true, 0.8)
    expected = compare(model, true, numbers=numbers)
    assert 0.2 < expected.mean < 1
    empty = lambda p: replace(p, positions=np.where(p.atom_mask[..., None], p.positions, np.nan))
    wider = residues([[0, 0, 0]] * 2, [2, 2], [3, 20])
    wider = replace(wider, residue_index=np.array([97, 98]), atom_mask=np.zeros((2, 37), bool))
    names = ("aatype", "positions", "atom_mask", "residue_index", "chain_index", "plddt")
    padded = replace(true, **{n: np.concatenate([getattr(true, n), getattr(wider, n)]) for n in names})
    for a, b in ((turned(model), true), (model, turned(true)), (empty(model), empty(true)), (model, padded)):
        result = compare(a, b, numbers=numbers)
        for one, other in zip(result.interfaces, expected.interfaces, strict=True):
            np.testing.assert_allclose(one[2:], other[2:], rtol=1e-6)
        assert result.chains == expected.chains


def test_more_error_is_less_score():
    scores = [compare(moved(PAIR, "B", 0, shift), PAIR).mean for shift in (0, 0.5, 1, 2, 4, 8, 16)]
    assert (np.diff(scores) < 0).all()
    assert [compare(moved(PAIR, "B", 0, x), PAIR).interfaces[0].quality for x in (0.1, 99)] == ["high", "incorrect"]


def test_residues_are_the_same_by_sequence_or_by_number():
    true = residues([[4.0 * i, 0, 0] for i in range(6)], [0] * 6, [1, 2, 3, 3, 4, 5])
    kept = np.array([0, 1, 3, 4, 5])
    model = rows(true, kept)
    sides = lambda p: (p.aatype, p.chain_index, p.atom_mask.any(1))
    by_number = same_residues(*sides(model), *sides(true), numbers=(model.residue_index, true.residue_index))
    np.testing.assert_array_equal(by_number[0, 0], [np.arange(5), kept])
    by_sequence = same_residues(*sides(model), *sides(true))[0, 0]
    assert by_sequence[0].tolist() == list(range(5)) and by_sequence[1].tolist() in ([0, 1, 2, 4, 5], kept.tolist())

    other = replace(model, aatype=np.array([1, 2, 3, 9, 5]))
    assert same_residues(*sides(other), *sides(true)) == {}
    allowed = same_residues(*sides(other), *sides(true), mismatches=1)[0, 0]
    assert 3 not in allowed[0] and len(allowed[0]) == 4
    first = np.concatenate([model.aatype[:2], [7, 8, 9]])  # two of five are the same, all others beside gaps
    few = (first, *sides(model)[1:]), (model.residue_index, true.residue_index + 30 * (true.residue_index > 1))
    assert same_residues(*few[0], *sides(true), numbers=few[1]) == {}


def test_alignments_score_as_biopythons():
    """The published program aligns by it; where the best alignment is not one only the score is given."""
    align = pytest.importorskip("Bio.Align", reason="biopython is not installed")
    aligner = align.PairwiseAligner(match=5, mismatch=0, open_gap_score=-4, extend_gap_score=-0.5)
    rng = np.random.default_rng(0)
    for _ in range(60):
        a = rng.integers(0, 6, rng.integers(1, 40))
        b = a if rng.random() < 0.1 else np.delete(a, rng.integers(0, len(a), 5)) if len(a) > 6 else a[::-1].copy()
        b = np.insert(b, rng.integers(0, len(b) + 1), rng.integers(0, 6, rng.integers(0, 9)))
        i, j = room._align(a, b)
        assert (np.diff(i) > 0).all() and (np.diff(j) > 0).all()
        runs = lambda n, steps: np.diff(np.concatenate([[-1], steps, [n]])) - 1  # what lies between pairs
        gaps = np.concatenate([runs(len(a), i), runs(len(b), j)])
        score = 5 * np.sum(a[i] == b[j]) - np.sum(np.where(gaps > 0, 4 + 0.5 * (gaps - 1), 0))
        letters = ["".join(chr(65 + x) for x in side) for side in (a, b)]
        assert score == aligner.score(*letters)


def test_the_assignment_found_is_the_best_of_all():
    """Four identical chains in a row, the model bent in the middle: no other assignment has a higher mean."""
    true = strands([7, 7, 7, 7], kinds=[0, 0, 0, 0])
    model = shaken(replace(true, chain_index=np.array([2, 0, 3, 1])[true.chain_index]), 1.5)
    every = [compare(model, true, dict(enumerate(p))).mean for p in permutations(range(4))]
    result = compare(model, true)
    assert result.mean == max(every) and result.exact and np.ptp(every) > 0.1
    assert compare(model, true, result.chains).mean == result.mean


@pytest.mark.parametrize("seed", range(12))
def test_the_search_equals_trying_all(seed):
    """Random scores; groups of equal chains, more chains than the model has or fewer, and groups that overlap."""
    rng = np.random.default_rng(seed)
    true, model = rng.integers(2, 6), rng.integers(2, 6)
    groups = rng.integers(0, 2, true), rng.integers(0, 2, model)
    overlap = rng.random((true, model)) < 0.3 if seed % 3 == 0 else np.zeros((true, model), bool)
    allowed = {i: [a for a in range(model) if groups[0][i] == groups[1][a] or overlap[i, a]] for i in range(true)}
    interfaces = [(i, j) for i in range(true) for j in range(i + 1, true) if rng.random() < 0.7]
    table = rng.random((true, true, model, model)) ** 2
    score = lambda pair, found: float(table[(*pair, *found)])
    total = lambda way: sum(score((i, j), (way[i], way[j])) for i, j in interfaces if None not in (way[i], way[j]))
    distinct = lambda way: len(kept := [a for a in way if a is not None]) == len(set(kept))
    ways = [way for way in product(*[[None, *allowed[i]] for i in range(true)]) if distinct(way)]
    highest = max(map(total, ways))
    found, exact = chain_assignment.assign(allowed, interfaces, score)
    way = [found.get(i) for i in range(true)]
    assert exact and tuple(way) in ways
    np.testing.assert_allclose(total(way), highest, atol=1e-9)
    most = max(sum(a is not None for a in way) for way in ways if total(way) > highest - 1e-12)
    assert len(found) == most


def test_of_equal_sums_that_of_more_chains_is_taken():
    """Without interfaces all sums are 0; the first free chain for each would leave the last without one."""
    found, exact = chain_assignment.assign({0: [0, 1], 1: [0, 2], 2: [0, 2]}, [], lambda *_: 0.0)
    assert found[0] == 1 and {found[1], found[2]} == {0, 2} and exact


def test_a_search_broken_off_says_so(monkeypatch):
    true = strands([6] * 6, kinds=[0] * 6)
    model = shaken(replace(true, chain_index=np.array([2, 0, 3, 1, 5, 4])[true.chain_index]), 2.0)
    best = compare(model, true)
    monkeypatch.setattr(chain_assignment, "VISITS", 3)
    found = compare(model, true)
    assert best.exact and not found.exact and found.mean <= best.mean + 1e-9
    assert sorted(found.chains.values()) == list(range(6)) and found.mean > 0.8 * best.mean


def test_what_does_not_fit_is_refused():
    other = replace(PAIR, aatype=np.random.default_rng(0).integers(0, 20, len(PAIR.aatype)), name="other")
    with pytest.raises(InputError, match="no chain of other has the sequence of a chain of query"):
        compare(other, PAIR)
    with pytest.raises(InputError, match="stands for two"):
        compare(PAIR, PAIR, {0: 0, 1: 0})
    with pytest.raises(InputError, match="chain B of the model has no residues of chain A"):
        compare(PAIR, PAIR, {0: 1, 1: 0})
    sides = (PAIR.positions, PAIR.atom_mask, PAIR.chain_index)
    with pytest.raises(InputError, match="another chain"):
        dockq(*sides, *sides, {(0, 1): np.array([[0], [0]])})
    with pytest.raises(InputError, match="there twice"):
        dockq(*sides, *sides, {(0, 0): np.array([[0, 0], [1, 2]])})
