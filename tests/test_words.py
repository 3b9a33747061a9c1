"""What is counted reads as English, one of it too; times as people say them."""

import pytest

from af2jax.words import counted, duration


@pytest.mark.parametrize(
    "one, many",
    [
        ("target", "targets"),
        ("family", "families"),
        ("class", "classes"),
        ("complex", "complexes"),
        ("stretch", "stretches"),
        ("day", "days"),
        ("more row", "more rows"),
    ],
)
def test_plurals(one, many):
    assert [counted(n, one) for n in (0, 1, 2)] == [f"0 {many}", f"1 {one}", f"2 {many}"]


def test_a_verb_agrees():
    assert [counted(n, "cell is", "cells are") for n in (1, 2)] == ["1 cell is", "2 cells are"]


def test_times():
    found = [duration(s) for s in (0.4, 89.0, 91.0, 3600.0, 5401.0, 1e5, 4e5)]
    assert found == ["0 s", "89 s", "2 min", "60 min", "2 h", "28 h", "5 days"]
