"""What a training is warned of before it begins: labels in files are not taken for numbers or classes."""

import numpy as np
import pytest

from af2jax.audit import columns, labels
from af2jax.audit.look import Seen
from af2jax.data.dataset import Item

SEQUENCES = ["MKTAYIAKQR", "GWDLPHENCT"]


def found(cells: list[str]) -> list[str]:
    """The kinds of findings on a column, in which each of two proteins stands ten times."""
    seen = [Seen(Item(f"p{i}", f"line {i}", values={"map": cell}), SEQUENCES[i % 2]) for i, cell in enumerate(cells, 2)]
    assert {column.name for column in columns.describe(seen)} == {"map"}
    return [one.kind for one in labels.before(seen, np.arange(len(seen)) % 2, ("map",))]


@pytest.mark.parametrize("text", ["maps/{}.npy", "{}.npy", "maps/{}.csv", "{}; 1.5; -2"])
def test_labels_in_files_or_of_several_numbers_are_not_judged(text):
    """Two files of one protein are not two answers: nobody has looked into them."""
    assert found([text.format(i) for i in range(20)]) == []


def test_a_label_that_few_items_have_is_told_of_whatever_it_is():
    assert found([f"{i}.npy" if i < 8 else "" for i in range(20)]) == ["missing"]


def test_numbers_are_judged():
    assert "contradicting labels" in found([str(float(i)) for i in range(20)])
