"""Traces of CA atoms: those of whole chains, and of files that have nothing else."""

import numpy as np
import pytest

from af2jax.constants.atoms import CA
from af2jax.data import synthetic
from af2jax.data.structure import read_chain
from af2jax.data.traces import read_traces
from af2jax.errors import InputError
from tests.folds import chains


def test_as_of_the_whole_chain(tmp_path):
    file = synthetic.make(tmp_path, 8).parent / "structures" / "synthetic_000.cif"
    (found,), known = read_traces(file), read_chain(file)
    np.testing.assert_array_equal(found.points, known.positions[:, CA])
    assert (found.sequence, found.chain, found.models) == (known.sequence, known.name, 1)


def test_a_trace_alone_several_chains_and_models(tmp_path):
    first, second = chains.fold(0), chains.fold(1)[:30]
    found = read_traces(chains.write(tmp_path / "a.pdb", first, second, models=2))
    assert [(one.chain, len(one), one.models) for one in found] == [("A", len(first), 2), ("B", 30, 2)]
    np.testing.assert_allclose(found[1].points, second, atol=1e-3)


def test_nothing_to_read(tmp_path):
    file = tmp_path / "a.pdb"
    file.write_text("ATOM      1  N   ALA A   1       1.000   1.000   1.000  1.00  0.00           N\nEND\n")
    with pytest.raises(InputError, match="no protein chain with CA atoms"):
        read_traces(file)
    with pytest.raises(InputError, match="no such file"):
        read_traces(tmp_path / "b.pdb")


def test_a_chain_that_contradicts_itself_is_left_out(tmp_path):
    file = chains.write(tmp_path / "a.pdb", chains.fold(0), chains.fold(1))
    lines = file.read_text().splitlines()
    place = lines.index("TER")
    file.write_text("\n".join([*lines[:place], lines[place - 1].replace(" 1.00 ", " 1.00 "), *lines[place:]]) + "\n")
    assert [one.chain for one in read_traces(file)] == ["B"]
