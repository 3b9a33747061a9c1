"""The tables before and after a training, as text and as data."""

import numpy as np
import pytest

import af2jax
from af2jax.errors import InputError
from af2jax.finetune import changes
from af2jax.pretrained.tree import flatten, unflatten
from tests.finetune.test_rules import ALL, BLOCK, FULL, HEADS, SINGLE, SPLIT, STRUCTURE, TINY


def changed(tree, **leaves):
    """`tree` with leaves replaced; "/" in a path is written "__"."""
    return unflatten(flatten(tree) | {path.replace("__", "/"): leaf for path, leaf in leaves.items()})


class TestSummary:
    def test_counts_by_module(self):
        found = af2jax.summary(SPLIT, af2jax.label(SPLIT, af2jax.recipe("last_blocks")))
        rows = {row[0]: row[1:] for row in found.rows}
        assert rows["evoformer/blocks_0"] == (44 * BLOCK, 0, 0, 44 * BLOCK)
        assert rows["evoformer/blocks_1"] == (4 * BLOCK, 4 * BLOCK, 0, 0)
        assert rows["single"] == (SINGLE, SINGLE, 0, 0) and rows["heads/plddt"] == (73_010, 73_010, 0, 0)
        trained = 4 * BLOCK + SINGLE + STRUCTURE + HEADS
        assert found.total == ("total", ALL, trained, 0, ALL - trained)

    def test_kernels_with_adapters_have_a_column_of_their_own(self):
        found = af2jax.summary(FULL, af2jax.label(FULL, af2jax.recipe("lora")))
        kernels = 48 * (8 * 256 * 256 + 8 * 128 * 128)
        assert found.total == ("total", ALL, 0, kernels, ALL - kernels)

    def test_as_text(self):
        text = str(af2jax.summary(FULL, af2jax.label(FULL, af2jax.recipe("heads"))))
        header, line, *rows = text.split("\n")
        assert header.split() == ["module", "parameters", "trained", "lora", "frozen", "trained"] and set(line) == {
            "-",
            " ",
        }
        assert rows[-1].split() == ["total", f"{ALL:,}", f"{HEADS:,}", "0", f"{ALL - HEADS:,}", "0.1", "%"]
        assert "heads/plddt" in text and len({len(row) for row in (header, line, *rows)}) == 1

    def test_labels_of_another_tree(self):
        with pytest.raises(InputError, match="another tree of parameters: only one of the two has evoformer/blocks/"):
            af2jax.summary(SPLIT, af2jax.label(FULL, af2jax.recipe("full")))


class TestChanges:
    def test_nothing(self):
        assert all(row[2:] == (0, 0.0, 0.0) for row in changes(TINY, TINY).rows)

    def test_which_and_how_much(self):
        before = changed(TINY, single__bias=np.float32([3.0, 4.0]), single__kernel=np.zeros((2, 2), np.float32))
        after = changed(before, single__bias=np.float32([3.0, 4.5]))
        rows = {row[0]: row[1:] for row in changes(before, after).rows}
        assert rows.pop("single") == (6, 2, 0.5, pytest.approx(0.1))
        assert all(row[1:] == (0, 0.0, 0.0) for row in rows.values())
        text = str(changes(before, after)).split("\n")
        assert [row.split() for row in text if row.startswith("single")] == [
            ["single", "6", "2", "5.00e-01", "1.00e-01"]
        ]

    def test_a_bit_is_a_change(self):
        after = changed(TINY, single__bias=-np.asarray(TINY["single"]["bias"]))  # 0.0 and -0.0
        row = next(row for row in changes(TINY, after).rows if row[0] == "single")
        assert row[2] == TINY["single"]["bias"].size and row[3:] == (0.0, 0.0)

    def test_out_of_nothing(self):
        after = changed(TINY, single__bias=np.ones_like(TINY["single"]["bias"]))
        assert next(row for row in changes(TINY, after).rows if row[0] == "single")[4] == float("inf")

    def test_trees_of_two_forms(self):
        with pytest.raises(InputError, match="not of one shape: they differ in evoformer/blocks/"):
            changes(FULL, SPLIT)
        with pytest.raises(InputError, match="not of one shape: they differ in "):
            changes(TINY, changed(TINY, single__bias=np.zeros(3, np.float32)))
