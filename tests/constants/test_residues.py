"""The residue alphabet."""

import numpy as np
import pytest

from af2jax.constants import residues


def test_encode_and_letters_are_inverse():
    codes = residues.encode(residues.RESTYPES)
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(codes, np.arange(20))
    assert "".join(residues.LETTERS[c] for c in codes) == residues.RESTYPES


@pytest.mark.parametrize("letter", [*"XBZJOU-*?a ", "\N{GREEK CAPITAL LETTER ALPHA}"])
def test_what_is_none_of_the_20_letters_is_x_and_keeps_its_place(letter):
    np.testing.assert_array_equal(residues.encode(f"W{letter}V"), [17, residues.UNKNOWN, 19])


def test_names_are_alphabetical_and_inverse():
    three = [residues.ONE_TO_THREE[letter] for letter in residues.RESTYPES]
    assert three == sorted(three)
    assert all(residues.ONE_TO_THREE[residues.THREE_TO_ONE[name]] == name for name in [*three, "UNK"])


def test_alignment_letters_are_read_as_deepmind_reads_them():
    rc = pytest.importorskip("alphafold.common.residue_constants", reason="the oracle is not installed")
    theirs = {x: rc.MAP_HHBLITS_AATYPE_TO_OUR_AATYPE[i] for x, i in rc.HHBLITS_AA_TO_ID.items()}
    assert theirs == residues.MSA_CODES
    assert list(residues.RESTYPES) == rc.restypes
    assert rc.restype_3to1 | {"UNK": "X"} == residues.THREE_TO_ONE
