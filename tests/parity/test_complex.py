"""Complexes, full size, float32, against DeepMind's network: the stored numbers where they are, live ones here."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from af2jax.pretrained.deepmind import from_deepmind, to_deepmind
from tests import support

# optimised: a direction of length 0 within templates is rounding, and so follows how operations are fused
pytestmark = [pytest.mark.slow("compiles DeepMind's full-size network"), pytest.mark.parity, pytest.mark.optimised]
LIMIT = 1e-4  # of the largest value of each array


def run(name: str, params: dict, dictionary: dict, num_recycle: int) -> dict:
    model = AlphaFold(preset(name))
    forward = lambda params, features: af2jax.interop.outputs(af2jax.forward(model, params, features, num_recycle))
    return jax.jit(forward)(params, af2jax.interop.features(dictionary))


def errors(found: dict, expected: dict) -> dict[str, float]:
    common = found.keys() & expected.keys()
    assert len(common) == len(found) == 12
    return {key: support.relative_error(found[key], expected[key]) for key in common}


def test_every_stored_array(shared):
    """Chains A, A', B with templates; within a template the direction of a residue towards itself is rounding error."""
    name = "model_1_multimer_v3"
    stored = dict(np.load(shared / "golden" / f"{name}_forward.npz", allow_pickle=False))
    part = lambda prefix: {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
    found = run(name, support.rule_params(preset(name)), part("in/") | part("sampled/"), 1)
    limits = errors(found, {k: v for k, v in part("out/").items() if k in found})
    print(f"{name}: {len(limits)} arrays, largest error {max(limits.values()):.1e}")
    assert max(limits.values()) < LIMIT, limits


def complex_of(lengths: tuple[int, ...], entities: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """A made-up complex in the keys of AlphaFold-Multimer, with what it sampled."""
    d = support.dictionary(num_res=sum(lengths), num_seq=6, num_extra=9, num_templ=4, seed=seed, classes=21)
    rng = np.random.default_rng(seed)
    spread = lambda values: np.repeat(np.array(values, np.int32), lengths)
    copies = [entities[: i + 1].count(entity) for i, entity in enumerate(entities)]
    d |= {"asym_id": spread(range(1, len(lengths) + 1)), "entity_id": spread(entities), "sym_id": spread(copies)}
    d["residue_index"] = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
    d["template_all_atom_mask"] = d.pop("template_all_atom_masks")
    del d["extra_has_deletion"], d["extra_deletion_value"]
    d["extra_deletion_matrix"] = rng.poisson(0.4, d["extra_msa"].shape).astype(np.float32)
    atoms = {"all_atom_positions": np.zeros((sum(lengths), 37, 3), np.float32)}  # that they are there decides the order
    return d | atoms | {"all_atom_mask": np.zeros((sum(lengths), 37), np.float32)}


@pytest.mark.parametrize(
    "name, lengths, entities, num_recycle",
    [
        ("model_2_multimer_v3", (9, 9, 9), (1, 1, 1), 0),
        ("model_4_multimer_v2", (11, 6, 11, 5), (1, 2, 1, 3), 1),
        ("model_5_multimer", (17,), (1,), 0),
    ],
)
def test_live(name, lengths, entities, num_recycle):
    from tests import oracle_complex

    d, flat = complex_of(lengths, entities, seed=3), support.rule_flat(preset(name))
    expected = oracle_complex.run(name, flat, d, num_recycle)
    found = run(name, from_deepmind(flat, name), d, num_recycle)
    limits = errors(found, {k: v for k, v in expected.items() if k in found})
    print(f"{name}: {len(limits)} arrays, largest error {max(limits.values()):.1e}")
    assert max(limits.values()) < LIMIT, limits


def test_older_layouts_round_trip_and_are_the_same_network():
    """v2 stores triangle projections separately, v3 fused: the same numbers under both give the same structure."""
    separate = support.rule_flat(preset("model_1_multimer_v2"))
    params = from_deepmind(separate, "model_1_multimer_v2")
    back = to_deepmind(params, "model_1_multimer_v2")
    assert back.keys() == separate.keys() and all(np.array_equal(back[k], separate[k]) for k in back)
    fused = to_deepmind(params, "model_1_multimer_v3")
    assert fused.keys() != separate.keys()
    again = from_deepmind(fused, "model_1_multimer_v3")
    d = complex_of((7, 6), (1, 2), seed=1)
    one = run("model_1_multimer_v2", params, d, 0)
    two = run("model_1_multimer_v3", again, d, 0)
    for key, value in one.items():
        np.testing.assert_array_equal(value, two[key])
