"""Heads of variants: antisymmetric and zero bit for bit in full mode, additive in cached mode, bad ones refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import heads
from af2jax.config import preset
from af2jax.errors import InputError
from af2jax.heads import Head
from af2jax.schema import Variants, blank

RNG = np.random.default_rng(0)
N_RES, N_VAR, N_MUT = 7, 11, 3


def variants(mask=None) -> Variants:
    position = np.stack([np.sort(RNG.permutation(N_RES)[:N_MUT]) for _ in range(N_VAR)]).astype(np.int32)
    new = RNG.integers(20, size=(N_VAR, N_MUT)).astype(np.int32)
    mask = RNG.random((N_VAR, N_MUT)) < 0.7 if mask is None else mask
    return Variants(position, new, mask, np.full(N_VAR, np.nan, np.float32), np.zeros(N_VAR, np.int32))


def parameters(head: Head) -> dict:
    """Random ones, in which nothing is zero."""
    first = heads.init({"v": head}, preset("tiny"))["v"]
    noisy = lambda x: x + RNG.normal(size=x.shape).astype(np.float32)
    return {name: jax.tree.map(noisy, x) if isinstance(x, dict) else x for name, x in first.items()}


def channels(head: Head) -> int:
    return parameters(head)["hidden"]["kernel"].shape[0]


FULL = Head("variant", outputs=1, mode="full", std=1.7)
CACHED = Head("variant", outputs=1, mean=0.5, std=1.7)
C = channels(FULL)
WILD = jnp.asarray(RNG.normal(size=(N_RES, C)), jnp.float32)


@pytest.mark.parametrize("head", [FULL, Head("variant", classes=3, mode="full")], ids=["number", "classes"])
def test_there_and_back_is_minus_bit_for_bit(head):
    """Every residue differs, so that rounding would show."""
    params, given = parameters(head), variants()
    other = jnp.asarray(RNG.normal(size=(N_RES, C)), jnp.float32)
    ask = jax.jit(lambda a, b: heads.apply_variants(head, params, a, heads.at(b, given), given))
    there, back = np.asarray(ask(WILD, other)), np.asarray(ask(other, WILD))
    assert (there[given.mask.any(1)] != 0).all()
    np.testing.assert_array_equal(there, -back)


def test_the_wild_type_has_zero_bit_for_bit():
    params, given = parameters(FULL), variants()
    said = heads.apply_variants(FULL, params, WILD, heads.at(jnp.asarray(WILD), given), given)
    np.testing.assert_array_equal(said, 0)


@pytest.mark.parametrize("head", [FULL, CACHED], ids=["full", "cached"])
def test_several_mutations_add_up_and_padding_counts_nothing(head):
    params, given = parameters(head), variants(np.ones((N_VAR, N_MUT), bool))
    changed = jnp.asarray(RNG.normal(size=(N_VAR, N_MUT, C)), jnp.float32)
    one = [
        heads.apply_variants(
            head, params, WILD, changed, given.replace(mask=np.arange(N_MUT) == np.full((N_VAR, 1), i))
        )
        for i in range(N_MUT)
    ]
    of_wild = head.mean
    whole = heads.apply_variants(head, params, WILD, changed, given)
    np.testing.assert_allclose(whole, sum(x - of_wild for x in one) + of_wild, rtol=1e-4, atol=1e-4)
    none = given.replace(mask=np.zeros((N_VAR, N_MUT), bool))
    np.testing.assert_array_equal(heads.apply_variants(head, params, WILD, changed, none), np.float32(of_wild))


def test_a_cached_head_is_told_which_amino_acid_comes():
    params, given = parameters(CACHED), variants(np.ones((N_VAR, N_MUT), bool))
    said = lambda new: np.asarray(heads.apply_variants(CACHED, params, WILD, None, given.replace(new=new)))
    other = given.new.copy()
    other[0, 1] = (other[0, 1] + 1) % 20
    differs = said(given.new) != said(other)
    assert differs[0].all() and not differs[1:].any()


@pytest.mark.medium("compiles for more than a second")
def test_what_is_read_does_not_depend_on_padding():
    rng = np.random.default_rng(1)
    single, pair = rng.normal(size=(6, 8)), rng.normal(size=(6, 6, 4))
    made = heads.head._nothing(preset("tiny"))
    ask = lambda s, z, mask: heads.sites(made.replace(single=jnp.asarray(s), pair=jnp.asarray(z)), jnp.asarray(mask))
    alone = ask(single[:4], pair[:4, :4], np.ones(4, bool))
    padded = ask(single, pair, np.arange(6) < 4)
    assert alone.shape == (4, 2 * 8 + 3 * 4)
    np.testing.assert_allclose(padded[:4], alone, atol=1e-6)


def test_at_first_every_variant_has_the_wild_types_value():
    for head in (FULL, CACHED):
        first = heads.init({"v": head}, preset("tiny"))["v"]
        changed = jnp.asarray(RNG.normal(size=(N_VAR, N_MUT, C)), jnp.float32)
        np.testing.assert_array_equal(
            heads.apply_variants(head, first, WILD, changed, variants()), np.float32(head.mean)
        )


@pytest.mark.parametrize(
    "values, message",
    [
        ({"kind": "chain", "outputs": 1, "mode": "full"}, 'mode and ranks are of "variant" heads'),
        ({"kind": "residue", "outputs": 1, "ranks": True}, 'mode and ranks are of "variant" heads'),
        ({"kind": "variant", "outputs": 1, "mode": "fast"}, 'mode "fast" is not known; give cached or full'),
        ({"kind": "variant", "outputs": 2}, "has classes or outputs=1"),
        ({"kind": "variant", "classes": 2, "ranks": True}, "ranks=True needs outputs=1"),
        ({"kind": "variant", "outputs": 1, "mode": "full", "mean": 1.0}, "in full mode the wild type has 0"),
        ({"kind": "variant", "outputs": 1, "reads": "structure"}, "it reads single"),
    ],
)
def test_heads_that_make_no_sense(values, message):
    with pytest.raises(InputError, match=message):
        Head(**values)


def test_a_head_of_variants_does_not_answer_of_a_sequence():
    outputs, features = heads.head._nothing(preset("tiny")), jax.tree.map(jnp.asarray, blank(preset("tiny")))
    found = heads.apply({"v": CACHED}, {"v": parameters(CACHED)}, outputs, features)
    assert found == {} and CACHED.mode == "cached" and CACHED.judged
