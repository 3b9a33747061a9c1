"""Examples side by side."""

import chex
import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from tests.data.molecules import cif, peptide, save
from tests.data.test_parse import fails

CONFIG = preset("tiny")


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """`make(sequence, ...)`: an example of it."""
    folder = tmp_path_factory.mktemp("batch")

    def make(sequence: str, **options):
        return af2jax.example(save(folder, cif(peptide(sequence), {1: sequence})), config=CONFIG, **options)

    return make


def test_each_example_is_a_row(make):
    examples = [make("MKTAY", crop=8), make("GSGSGSGSGS", crop=8, seed=3), make("MKTAYIAK", crop=8)]
    batch = af2jax.stack(examples)
    assert isinstance(batch, tuple) and [type(x) for x in batch] == [type(x) for x in examples[0]]
    for i, one in enumerate(examples):
        row = jax.tree.map(lambda x: x[i], batch)  # noqa: B023
        row, one = (jax.tree.map(np.asarray, x) for x in (row, one))
        chex.assert_trees_all_equal(row, one)
        chex.assert_trees_all_equal_shapes_and_dtypes(row, one)
    assert batch[0].aatype.shape == (3, 8) and batch[1].use_clamped_fape.shape == (3,)
    assert all(len(x) == 1 for x in jax.tree.leaves(af2jax.stack(examples[:1])))


def test_what_does_not_fit_is_named(make):
    fails(lambda: af2jax.stack([]), "stack: there is no example; give at least one")
    fails(
        lambda: af2jax.stack([make("MKTAY"), make("MKTAY"), make("MKTAYI")]),
        "stack: features.aatype has shape [5] in example 0 and [6] in example 2; give `example` the same crop= for "
        "all, and alignments of similar depth",
    )
    label = {"b": np.zeros(5), "a": 1}
    fails(
        lambda: af2jax.stack([make("MKTAY", labels=label), make("MKTAY")]),
        "stack: examples 0 and 1: only one has targets.labels.a; give every example the same labels",
    )
    fails(
        lambda: af2jax.stack([make("MKTAY", labels={"a": 1}), make("MKTAY", labels={"a": np.zeros((5, 2))})]),
        "stack: targets.labels.a has shape [] in example 0 and [5, 2] in example 1; give `example` the same crop= for "
        "all, and alignments of similar depth",
    )
