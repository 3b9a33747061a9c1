"""Activations of a frozen trunk from disk: the same training, and never a stale or damaged entry."""

import dataclasses

import jax
import numpy as np
import pytest

import af2jax
from af2jax import finetune
from af2jax.errors import InputError
from af2jax.finetune import cache as caching
from af2jax.finetune.cache import Cache
from af2jax.pretrained.load import load_weights
from af2jax.pretrained.tree import flatten
from tests.finetune import toy

HEADS = {"ss": af2jax.Head("residue", classes=3), "size": af2jax.Head("chain", outputs=1)}
PARAMS = toy.parameters()
KEY = jax.random.key(0)


def start(params=PARAMS, model=toy.STILL, rules=((".*", "freeze"),), heads=HEADS, losses=None, **options):
    losses = losses or dict.fromkeys(heads, 1.0)
    labels = af2jax.label(params, rules)
    options = {"dropout": False} | options
    return finetune.init(model, params, labels, finetune.adamw(1e-2, 20), heads=heads, losses=losses, **options)


def example(seed=0):
    return toy.example(seed, ss=np.arange(toy.N_RES) % 3, size=np.float32(seed))


def cached(cache, pair):
    """A batch of one with the trunk's outputs."""
    return (*af2jax.stack([pair]), jax.tree.map(lambda x: x[None], cache(pair[0])))


def entries(folder):
    return sorted(folder.glob("*.npz"))


@pytest.mark.medium("compiles training steps")
def test_the_same_training_with_and_without(tmp_path):
    examples, with_it, without = [example(0), example(1)], start(), start()
    cache = Cache(with_it, tmp_path, num_recycle=1)
    for step in range(6):
        pair = examples[step % 2]
        with_it, a = finetune.train_step(with_it, cached(cache, pair), KEY, num_recycle=1)
        without, b = finetune.train_step(without, af2jax.stack([pair]), KEY, num_recycle=1)
        assert a["loss"] == pytest.approx(float(b["loss"]), rel=1e-5)
    assert len(entries(tmp_path)) == 2
    start_, left, right = (flatten(state.params) for state in (start(), with_it, without))
    for path in left:
        if path.startswith("task_heads/"):
            np.testing.assert_allclose(left[path], right[path], rtol=1e-4, atol=1e-6, err_msg=path)
    assert not np.array_equal(start_["task_heads/ss/logits/kernel"], left["task_heads/ss/logits/kernel"])


@pytest.mark.medium("compiles for more than a second")
def test_an_entry_is_computed_once_by_all_processes(tmp_path, monkeypatch):
    pair = example()
    first = Cache(start(), tmp_path, 1)(pair[0])
    other = Cache(start(), tmp_path, 1)
    monkeypatch.setattr(other, "compute", lambda features: pytest.fail("computed again"))
    other.tree = jax.eval_shape(Cache(start(), tmp_path, 1).compute, pair[0])
    again = other(pair[0])
    assert toy.bits(first) == toy.bits(again)


@pytest.mark.medium("compiles for more than a second")
@pytest.mark.parametrize("what", ["weights", "recycles", "features", "model", "heads"])
def test_a_stale_entry_is_never_used(tmp_path, what):
    pair = example()
    Cache(start(), tmp_path, 1)(pair[0])
    params, recycles, features, model, heads = PARAMS, 1, pair[0], toy.STILL, HEADS
    if what == "weights":
        params = PARAMS | {"pair": jax.tree.map(lambda x: np.nextafter(x, np.float32(9)), PARAMS["pair"])}
    if what == "recycles":
        recycles = 2
    if what == "features":
        features = features.replace(residue_index=features.residue_index + 1)
    if what == "model":
        model = toy.Toy(dataclasses.replace(toy.CONFIG, name="other"), rate=0.0)
    if what == "heads":
        heads = {"contact": af2jax.Head("pair", classes=2)}
    Cache(start(params, model, heads=heads), tmp_path, recycles)(features)
    assert len(entries(tmp_path)) == 2


def test_damage_is_seen(tmp_path, caplog):
    cache, pair = Cache(start(), tmp_path, 1), example()
    good = cache(pair[0])
    (entry,) = entries(tmp_path)
    data = entry.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(20):
        index = int(rng.integers(100, len(data) - 100))
        entry.write_bytes(data[:index] + bytes([data[index] ^ 1 << int(rng.integers(8))]) + data[index + 1 :])
        assert toy.bits(cache(pair[0])) == toy.bits(good)
    entry.write_bytes(data[: len(data) // 2])
    assert toy.bits(cache(pair[0])) == toy.bits(good) and toy.bits(cache(pair[0])) == toy.bits(good)


def test_the_folder_is_bounded(tmp_path):
    Cache(start(), tmp_path, 1)(example()[0])
    size = entries(tmp_path)[0].stat().st_size
    cache = Cache(start(), tmp_path, 1, most=int(2.5 * size))
    kept = [cache(example(seed)[0]) for seed in (0, 1, 0, 2)]
    assert len(entries(tmp_path)) == 2 and kept
    used = {entry.name for entry in entries(tmp_path)}
    cache(example(0)[0])
    assert {entry.name for entry in entries(tmp_path)} == used  # 1 was the longest unused, not 0


def test_what_has_no_frozen_trunk(tmp_path):
    with pytest.raises(InputError, match="needs a frozen trunk, but pair/ trains"):
        Cache(start(rules=(("pair/.*", "train"), (".*", "freeze"))), tmp_path, 1)
    with pytest.raises(InputError, match="without dropout"):
        Cache(start(dropout=True), tmp_path, 1)


@pytest.mark.slow("compiles the small network and its training")
def test_output_heads_of_alphafold(tmp_path):
    """The whole network of the preset "tiny": its own heads and new ones learn the same from the cache."""
    model, params = load_weights("tiny", None)
    rules = (("heads/.*", "train"), (".*", "freeze"))
    losses = {"ss": 1.0, "size": 1.0, "distogram": 0.3, "plddt": 0.1, "pae": 0.1, "resolved": 0.1, "masked_msa": 1.0}
    make = lambda: start(params, model, rules, losses=losses)
    with_it, without = make(), make()
    cache = Cache(with_it, tmp_path, num_recycle=1)
    for _ in range(3):
        with_it, _ = finetune.train_step(with_it, cached(cache, example()), KEY, num_recycle=1)
        without, _ = finetune.train_step(without, af2jax.stack([example()]), KEY, num_recycle=1)
    left, right = flatten(with_it.params), flatten(without.params)
    moved = {path for path in left if path.startswith(("heads/", "task_heads/"))}
    for path in moved:
        np.testing.assert_allclose(left[path], right[path], rtol=1e-3, atol=2e-5, err_msg=path)
    assert all(np.array_equal(left[path], right[path]) for path in left.keys() - moved)
    assert caching.FORMAT == "1"
