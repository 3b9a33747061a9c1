"""A full-size network: steps move what the rules say and nothing else, in memory and in the exported file."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.pretrained.tree import flatten
from tests import support
from tests.losses import examples

pytestmark = pytest.mark.slow("compiles training steps of the full-size network")
NAME = "model_3_ptm"


@pytest.mark.parametrize("recipe, split", [("heads", ()), ("last_blocks", (44, 4))], ids=["heads", "last_blocks"])
def test_steps_move_what_trains_and_nothing_else(recipe, split, tmp_path):
    model, params = af2jax.load(NAME, support.rule_flat(preset(NAME)), split=split)
    labels = af2jax.label(params, af2jax.recipe(recipe))
    optimizer = af2jax.finetune.adamw(1e-3, steps=10, weight_decay=0.1)
    heads = {"ss": af2jax.Head("residue", classes=3)}
    state = af2jax.finetune.init(model, params, labels, optimizer, heads=heads)
    d = examples.whole(12, num_seq=4, num_extra=5, num_templ=1)
    targets = af2jax.interop.targets(d).replace(labels={"ss": np.arange(12) % 3})
    batch = af2jax.stack([(af2jax.interop.features(d), targets)])
    for step in range(2):
        state, metrics = af2jax.finetune.train_step(state, batch, jax.random.key(step), num_recycle=0)
        assert metrics["skipped"] == 0

    base = tmp_path / "base"
    base.mkdir()
    for i in range(1, 6):  # what the others hold is not looked at
        (base / f"params_model_{i}_ptm.npz").write_bytes(b"")
    af2jax.export(state.params, NAME, tmp_path / "out", base=base)
    _, exported = af2jax.load(NAME, tmp_path / "out", split=split)
    before, after, written = flatten(params), flatten(state.params), flatten(exported)
    equal = lambda a, b: np.array_equal(np.asarray(a).view(np.int32), np.asarray(b).view(np.int32))
    for path, label in flatten(labels).items():
        assert equal(after[path], written[path]), path
        assert equal(before[path], after[path]) == (label == "freeze"), path
    counts = {row[0]: row[2] for row in af2jax.finetune.changes(params, state.params).rows}
    assert counts["evoformer/blocks_0" if split else "evoformer/blocks"] == 0 and counts["heads/plddt"] > 0
