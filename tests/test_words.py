"""What is counted reads as English, one of it too."""

import pytest

from af2jax.words import counted


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
