"""Relative positions (Algorithm 4; Evans et al. 2021, section 7.1 for several chains), written down pair by pair."""

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.model.embed import relpos
from af2jax.schema import blank

INDEX = [5, 6, 50, 1, 2, 1, 2]
CHAIN, ENTITY, COPY = [4, 4, 4, 5, 5, 9, 9], [1, 1, 1, 1, 1, 2, 2], [1, 1, 1, 2, 2, 1, 1]


@pytest.mark.parametrize("name", ["model_1", "model_1_multimer_v3"])
def test_bins_are_those_of_each_pair(name):
    config = preset(name)
    most, copies = config.relpos_max, config.relpos_max_chain
    features = blank(config).replace(
        residue_index=jnp.array(INDEX), asym_id=jnp.array(CHAIN), entity_id=jnp.array(ENTITY), sym_id=jnp.array(COPY)
    )
    found, clip = np.asarray(relpos(features, config)), lambda x, most: min(max(x + most, 0), 2 * most)
    for i in range(len(INDEX)):
        for j in range(len(INDEX)):
            same, apart = CHAIN[i] == CHAIN[j], clip(INDEX[i] - INDEX[j], most)
            if config.relpos == "residue":
                bin_ = apart if same else 2 * most if CHAIN[i] > CHAIN[j] else 0
                wanted = [bin_]
            else:
                entity = ENTITY[i] == ENTITY[j]
                copy = clip(COPY[i] - COPY[j], copies) if entity else 2 * copies + 1
                first = 2 * most + 2
                wanted = [apart if same else 2 * most + 1, *[first] * entity, first + 1 + copy]
            np.testing.assert_array_equal(np.flatnonzero(found[i, j]), wanted)
