"""Parts of an alignment: clusters against their definition, uniform rows, masked columns, depths; and rows as A3M."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from af2jax.constants.residues import GAP, UNKNOWN
from af2jax.data import subsets
from af2jax.data.alignment import to_a3m
from af2jax.data.parse import parse_a3m


def family(rng: np.random.Generator, parent: np.ndarray, rows: int, changes: int) -> np.ndarray:
    """Rows that differ from their parent in some columns."""
    codes = np.repeat(parent[None], rows, axis=0)
    for row in codes:
        row[rng.choice(len(row), changes, replace=False)] = rng.integers(0, 20, changes)
    return codes


def planted(seed: int = 0, sizes=(9, 5)) -> np.ndarray:
    """A query, families in mixed order, two rows that are like no other, and one of gaps."""
    rng = np.random.default_rng(seed)
    parents = rng.integers(0, 20, (len(sizes), 60))
    rows = np.concatenate([family(rng, p, n, 2) for p, n in zip(parents, sizes, strict=True)])
    rows = np.concatenate([rows, rng.integers(0, 20, (2, 60)), np.full((1, 60), GAP)])
    return np.concatenate([parents[:1], rng.permutation(rows)]).astype(np.int8)


def test_planted_families_are_the_clusters():
    codes = planted()
    first, second = subsets.clusters(codes)
    assert (len(first), len(second)) == (9, 5) and 0 not in first
    assert (np.diff(first) > 0).all() and (np.diff(second) > 0).all()
    for rows in (first, second):
        inside = subsets.mismatches(codes[rows])
        others = np.setdiff1d(np.arange(1, len(codes)), rows)
        assert inside.max() <= 4 and all((codes[i] != codes[rows]).sum(1).min() > 30 for i in others)


def test_clusters_do_not_depend_on_the_order_of_rows():
    codes = planted(1, (8, 6, 4))
    order = np.concatenate([[0], 1 + np.random.default_rng(5).permutation(len(codes) - 1)])
    as_sets = lambda found, rows: {frozenset(rows[i] for i in one) for one in found}
    known = as_sets(subsets.clusters(codes), np.arange(len(codes)))
    assert as_sets(subsets.clusters(codes[order]), order) == known and len(known) == 3


def test_rows_alike_to_none_are_no_cluster():
    codes = np.random.default_rng(0).integers(0, 20, (6, 300)).astype(np.int8)
    assert subsets.clusters(codes) == [] and subsets.clusters(codes[:1]) == []


def test_rows_of_gaps_are_left_out():
    codes = planted()
    codes[subsets.clusters(codes)[1], :16] = GAP  # of 60, in all rows of a family: more than a quarter
    assert [len(rows) for rows in subsets.clusters(codes)] == [9]


def test_mismatches_are_counted():
    codes = planted()
    expected = (codes[:, None] != codes[None]).sum(-1)
    np.testing.assert_array_equal(subsets.mismatches(codes), expected)


def test_core_points_edges_and_noise():
    """On a line: 0 1 2 are core in a row, 3.5 is near a core point alone, 9 and 9.5 are two, 20 stands alone."""
    at = np.array([9.0, 0, 1, 2, 3, 4.5, 9.5, 20])
    near = np.abs(at[:, None] - at[None]) <= 1.5
    assert [one.tolist() for one in subsets.dense(near)] == [[1, 2, 3, 4, 5]]
    assert subsets.dense(np.eye(4, dtype=bool)) == []


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_dense_is_dbscans_definition(seed):
    """Core points of one cluster are those that steps from core point to core point reach; an edge has a core near."""
    at = np.random.default_rng(seed).uniform(0, 6, (25, 2))
    near = np.linalg.norm(at[:, None] - at[None], axis=-1) <= 0.9
    core = {i for i in range(25) if near[i].sum() >= subsets.LEAST}
    reached, left = [], set(core)
    while left:
        group, front = set(), {min(left)}
        while front:
            group |= front
            front = {j for i in front for j in core if near[i, j]} - group
        reached.append(group)
        left -= group
    found = subsets.dense(near)
    assert [set(one.tolist()) & core for one in found] == reached
    inside = {i for one in found for i in one.tolist()}
    assert inside == core | {i for i in range(25) if any(near[i, j] for j in core)}
    assert sum(map(len, found)) == len(inside)
    for one in found:
        assert all(any(near[i, j] for j in core & set(one.tolist())) for i in one.tolist())


def test_uniform_rows_are_all_as_likely_and_never_the_query():
    rng, count = np.random.default_rng(0), np.zeros(8)
    for _ in range(4000):
        rows = subsets.uniform(rng, 8, 3)
        assert len(set(rows.tolist())) == 3 and (np.diff(rows) > 0).all()
        count[rows] += 1
    assert count[0] == 0 and np.abs(count[1:] / 4000 - 3 / 7).max() < 0.04
    again = [subsets.uniform(np.random.default_rng(7), 100, 9).tolist() for _ in range(2)]
    assert again[0] == again[1] != subsets.uniform(np.random.default_rng(8), 100, 9).tolist()


def test_masked_columns_are_whole_and_the_query_stays():
    codes = planted()
    before = codes.copy()
    masked = subsets.mask_columns(np.random.default_rng(0), codes, 0.15)
    hidden = (masked[1:] == UNKNOWN).all(axis=0)
    assert hidden.sum() == 9 and np.array_equal(masked[0], codes[0]) and np.array_equal(codes, before)
    np.testing.assert_array_equal(masked[:, ~hidden], codes[:, ~hidden])


@pytest.mark.parametrize("rows, count", [(2, 4), (300, 8), (5, 1)])
def test_depths_are_a_grid(rows, count):
    found = subsets.depths(rows, count)
    assert len(found) == count and found[0] == 1 and (np.diff(found) >= 0).all()
    assert found[-1] == (rows - 1 if count > 1 else 1)
    if rows == 300:
        steps = found[1:] / found[:-1]
        assert steps.min() > 1.5 and steps.max() < 3.1


def test_rows_as_a3m_read_as_the_same_rows():
    known = parse_a3m(">query\nMKTAYUAK\n>one\nMKabT-YIAKc\n>two\nqM--AYI-K\n>three\n--------\n", "x")
    again = parse_a3m(to_a3m(known), "x")
    assert again.query == known.query and again.names == known.names
    np.testing.assert_array_equal(again.codes, known.codes)
    np.testing.assert_array_equal(again.deletions, known.deletions)
    assert known.deletions.sum() == 3
