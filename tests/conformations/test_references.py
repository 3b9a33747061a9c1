"""Known structures over a query: tags, gaps and mutations are taken, another protein is refused with what differs."""

import numpy as np
import pytest

from af2jax.conformations.references import Reference, between, read_reference
from af2jax.errors import InputError
from tests.data.molecules import pdb, peptide, save, without
from tests.metrics.test_superposition import turned, walk

QUERY = "MKTAYIAKQRQISFVKSHFSRQ"


def test_a_structure_with_a_tag_a_gap_and_a_mutation(tmp_path):
    chain = "GSHM" + QUERY[:5] + "W" + QUERY[6:]
    path = save(tmp_path, pdb(without(peptide(chain), 12, 13)), "a.pdb")
    found = read_reference(path, QUERY)
    assert found.mask.sum() == len(QUERY) - 2 and not found.mask[[7, 8]].any()
    own = read_reference(f"{path}:A", QUERY)
    np.testing.assert_array_equal(own.points, found.points)
    assert (found.name, own.name) == ("a.pdb", "a.pdb:A") and np.isfinite(own.points).all()


@pytest.mark.parametrize(
    "other, words",
    [
        ("GGGGGGGGGGGGGGGGGGGGGG", "this is another protein"),
        (QUERY[::-1], "this is another protein (22 residues, of which"),
        (QUERY[:3] + "WW" + QUERY[5:10] + "WWW" + QUERY[13:], "difference is at residue 4 of the query, A, where"),
    ],
)
def test_another_protein(tmp_path, other, words):
    path = save(tmp_path, pdb(peptide(other)), "b.pdb")
    with pytest.raises(InputError) as error:
        read_reference(path, QUERY)
    assert words in str(error.value) and "b.pdb, chain A" in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_reference(tmp_path / "none.cif", QUERY)


def test_known_structures_beside_each_other():
    """By the residues that both have: a copy that is turned and lacks some is the same, another fold is not."""
    points, all_of_it = walk(60, 5), np.ones(60, bool)
    part = np.arange(60) > 20
    copy = Reference("copy", np.where(part[:, None], turned(points, 1.0) + 9, 0), part)
    found = between([Reference("one", points, all_of_it), copy, Reference("other", walk(60, 6), all_of_it)])
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 1] == pytest.approx(1) and found[0, 2] < 0.5 > found[1, 2] and (np.diag(found) == 1).all()
    assert np.isnan(between([copy, Reference("rest", points, ~part)])[0, 1]) and between([]).shape == (0, 0)
