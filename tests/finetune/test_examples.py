"""What a training is told of its data before it begins."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from af2jax.config import preset
from af2jax.data import synthetic
from af2jax.finetune import Training
from af2jax.finetune.examples import Examples
from af2jax.finetune.rules import ALONE
from af2jax.finetune.state import Setup, TrainState
from af2jax.model.alphafold import AlphaFold
from af2jax.model.recycle import forward
from af2jax.nn.runtime import Runtime
from af2jax.pretrained.tree import unflatten
from tests.support import rule_params


@pytest.mark.parametrize(
    "path, rules, magnified",
    [
        (ALONE, (), True),
        (ALONE, ((".*", "train"),), True),
        (ALONE, ((ALONE, "train"), (".*", "freeze")), False),
        ("extra_msa/blocks/outer/out/kernel", (), False),
    ],
)
def test_the_bias_that_no_alignment_magnifies_is_found_where_no_rule_names_it(tmp_path, path, rules, magnified):
    training = Training(str(synthetic.make(tmp_path / "data", 8)), preset="tiny", crop=16, rules=rules)
    setup = Setup(AlphaFold(preset("tiny"), Runtime()), optax.identity(), None, None, None, None)
    state = TrainState(0, 0, unflatten({path: np.zeros(1)}), {}, (), None, setup)
    assert Examples(training, state, tmp_path / "run").magnified == magnified


@pytest.mark.medium("compiles a network")
def test_the_masked_msa_head_cannot_read_what_is_hidden(tmp_path):
    """As a training hands examples out: another residue at a hidden position, all else equal, gives the same logits bit
    for bit, without recycles and with one. Without hiding it is read in `target_feat`."""
    config, table = preset("tiny"), str(synthetic.make(tmp_path / "data", 8))
    setup = Setup(AlphaFold(config), optax.identity(), None, None, None, None)
    state = TrainState(0, 0, unflatten({"structure": np.zeros(1)}), {}, (), None, setup)
    network, params = AlphaFold(config), rule_params(config)
    logits = jax.jit(lambda features, left: forward(network, params, features, left).logits["masked_msa"][0])

    def differ(share: float, letter: str, num_recycle: int) -> bool:
        examples = Examples(Training(table, preset="tiny", crop=24, seed=1, mask_target=share), state, tmp_path)
        item = dataclasses.replace(examples.items[0], file=None, sequence="MKTAYIAKQRQISFVKSHFSGWCD")
        features, targets = examples.loader.example(item, 0)
        where = int(np.flatnonzero(targets.bert_mask[0])[0])
        other = item.sequence[:where] + letter + item.sequence[where + 1 :]
        changed, _ = examples.loader.example(dataclasses.replace(item, sequence=other), 0)
        found, expected = (np.asarray(logits(x, num_recycle)[where]) for x in (changed, features))
        assert np.ptp(expected) > 0.1
        return found.tobytes() != expected.tobytes()

    for num_recycle in (0, 1):
        for letter in "GW":  # glycine has its pseudo beta elsewhere
            assert not differ(1.0, letter, num_recycle) and differ(0.0, letter, num_recycle)
