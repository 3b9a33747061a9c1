"""Cyclic chains in the network: the offset of residues goes the shorter way round, wherever the ring is cut."""

import dataclasses

import jax
import numpy as np
import pytest

from af2jax import schema
from af2jax.config import preset
from af2jax.data import transforms
from af2jax.data.cyclic import ring
from af2jax.model.alphafold import AlphaFold
from af2jax.model.embed import relpos
from af2jax.model.recycle import forward
from tests import support

CONFIG = preset("tiny")
KINDS = [CONFIG, preset("model_1_multimer_v3")]


def chains(*lengths: int, cyclic: str = "") -> schema.Features:
    """Chains A, B, ... of nothing but their numbers."""
    num = sum(lengths)
    index = np.concatenate([np.arange(n, dtype=np.int32) for n in lengths])
    number = np.repeat(np.arange(1, len(lengths) + 1, dtype=np.int32), lengths)
    features = transforms.pad(schema.blank(CONFIG), n_res=num)
    features = features.replace(residue_index=index, asym_id=number, entity_id=number, sym_id=np.ones(num, np.int32))
    closed = ring(index, "ABC"[: len(lengths)], lengths, cyclic, "x") if cyclic else None
    return features.replace(seq_mask=np.ones(num, bool), ring=closed)


def offsets(features, config=CONFIG) -> np.ndarray:
    """The bin of each pair."""
    return np.asarray(relpos(features.cycle(0), config))


@pytest.mark.medium("compiles the positions of many lengths")
@pytest.mark.parametrize("config", KINDS, ids=["residue", "chain"])
@pytest.mark.parametrize("num", [3, 4, 9, 12, 31, 66, 100])
def test_rotating_a_ring_rotates_its_features_exactly(num, config):
    """Not those of a chain with ends."""
    found, turned = offsets(chains(num, cyclic="A"), config), np.roll(np.arange(num), 2)
    np.testing.assert_array_equal(found[turned][:, turned], found)
    linear = offsets(chains(num), config)
    assert not np.array_equal(linear[turned][:, turned], linear)


@pytest.mark.medium("compiles for more than a second")
@pytest.mark.parametrize("num", [5, 8, 13, 40])
def test_the_offset_is_afcycdesigns(num):
    """Rettie et al.: of i - j with and without a turn more or less what is nearest to 0; opposite residues of an even
    ring, whose sign there depends on the cut, apart."""
    i = np.arange(num)
    step = i[:, None] - i[None]
    ways = np.stack([step, step - num, step + num])
    nearest = np.take_along_axis(ways, np.abs(ways).argmin(0)[None], axis=0)[0]
    found = offsets(chains(num, cyclic="A")).argmax(-1) - CONFIG.relpos_max
    expected = np.clip(nearest, -CONFIG.relpos_max, CONFIG.relpos_max)
    opposite = 2 * np.abs(step) == num
    np.testing.assert_array_equal(found[~opposite], expected[~opposite])
    np.testing.assert_array_equal(found[opposite], -np.abs(expected[opposite]))
    assert found[0, num - 1] == 1 and found[num - 1, 0] == -1


@pytest.mark.parametrize("config", KINDS, ids=["residue", "chain"])
def test_a_chain_with_ends_is_bit_identical(config):
    """Without any ring, beside one, and with zeros."""
    linear, mixed = offsets(chains(7, 6), config), offsets(chains(7, 6, cyclic="B"), config)
    assert linear[:7].tobytes() == mixed[:7].tobytes() and linear[7:, :7].tobytes() == mixed[7:, :7].tobytes()
    assert not np.array_equal(linear, mixed)
    zeros = chains(7, 6).replace(ring=np.zeros(13, np.int32))
    assert offsets(zeros, config).tobytes() == linear.tobytes()


@pytest.mark.medium("compiles the small network")
def test_rotating_a_ring_rotates_what_the_network_says():
    params, model = support.rule_params(CONFIG), AlphaFold(CONFIG)
    features = support.features(num_res=8, num_templ=1)
    empty = jax.tree.map(np.zeros_like, features.templates)
    features = features.replace(templates=empty, ring=np.full(8, 8, np.int32))
    turn = lambda x, axis: np.roll(x, 3, axis)
    turned = features.replace(
        aatype=turn(features.aatype, 0), target_feat=turn(features.target_feat, 0),
        msa=jax.tree.map(lambda x: turn(x, 2), features.msa),
    )  # fmt: skip
    run = jax.jit(lambda p, f: forward(model, p, f, 1))
    a, b = (run(params, f) for f in (features, turned))
    for head, axes in (("plddt", (0,)), ("pae", (0, 1)), ("distogram", (0, 1))):
        np.testing.assert_allclose(turn(a.logits[head], axes if len(axes) > 1 else 0), b.logits[head], atol=1e-4)
    ends = [f.replace(ring=None) for f in (features, turned)]
    c, d = (run(params, f) for f in ends)
    assert np.abs(turn(c.logits["plddt"], 0) - np.asarray(d.logits["plddt"])).max() > 1e-3
    zeros = run(params, features.replace(ring=np.zeros(8, np.int32)))
    np.testing.assert_allclose(zeros.logits["plddt"], c.logits["plddt"], atol=1e-6)


def test_features_of_another_size_are_named():
    features = dataclasses.replace(chains(7, cyclic="A"), ring=np.zeros(6, np.int32))
    with pytest.raises(Exception, match=r"features.ring has shape \[6\], expected \[N_res=7\]"):
        schema.check_features(features)
