"""What a training is told of its data before it begins."""

import numpy as np
import optax
import pytest

from af2jax.config import preset
from af2jax.data import synthetic
from af2jax.finetune import Training
from af2jax.finetune.examples import Examples
from af2jax.finetune.rules import ALONE
from af2jax.finetune.step import Setup, TrainState
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from af2jax.pretrained.tree import unflatten


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
