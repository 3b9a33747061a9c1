"""Reading structures from text."""

import pytest

from af2jax.data.structure import Chain, read_chain
from tests.data.molecules import save


@pytest.fixture
def read(tmp_path):
    """`read(text, chain)`: the chain of an mmCIF or PDB text."""

    def read(text: str, chain: str | None = None, name: str | None = None) -> Chain:
        return read_chain(save(tmp_path, text, name), chain)

    return read
