"""Parameter paths and shapes are public: rules of fine-tuning are expressions over them. A change here breaks users."""

from pathlib import Path

import jax
import pytest

from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.pretrained.load import blank
from af2jax.pretrained.tree import flatten

GOLDENS = Path(__file__).resolve().parents[1] / "goldens"


def paths(name: str) -> list[str]:
    """One line for each parameter of the network itself: path, shape."""
    config = preset(name)
    features = blank(config)
    init = lambda key: AlphaFold(config).init(key, features.cycle(0), initial(features, config))["params"]
    tree = flatten(jax.eval_shape(init, jax.random.key(0)))
    return [f"{path}\t{' '.join(map(str, leaf.shape))}" for path, leaf in sorted(tree.items())]


@pytest.mark.medium("traces full-size networks")
@pytest.mark.parametrize("name", ["model_1_ptm", "model_1_multimer_v3"])
def test_paths_and_shapes(name):
    assert paths(name) == (GOLDENS / f"{name}.paths.tsv").read_text().splitlines()


@pytest.mark.medium("traces every preset")
def test_leaves_have_five_names():
    leaves = {line.split("\t")[0].rsplit("/", 1)[1] for line in paths("model_1_ptm")}
    assert leaves == {"kernel", "bias", "scale", "offset", "gamma"}
