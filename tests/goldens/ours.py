"""The stored pass of `make`, computed by af2jax from the same inputs."""

import jax

import af2jax
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from af2jax.model.recycle import cycle
from af2jax.nn.runtime import Runtime
from af2jax.schema import Prev
from tests.goldens import make


def one_pass(dtype: str = "float32") -> tuple[dict, dict, dict]:
    """(arrays under AlphaFold's names, losses, gradient under DeepMind's keys)."""
    flat, d, prev = make.pass_inputs()
    model = AlphaFold(preset(make.PASS_NAME), Runtime(dtype))
    features, targets = af2jax.interop.features(d), af2jax.interop.targets(d)
    recycled = Prev(msa_first_row=prev["prev_msa_first_row"], pair=prev["prev_pair"], positions=prev["prev_pos"])

    @jax.jit
    def run(params, features, targets, recycled):
        def loss(params):
            outputs = cycle(model, params, features, 0, recycled)
            total, losses = af2jax.losses.total(outputs, targets)
            return total, (af2jax.interop.outputs(outputs), losses)

        return jax.grad(loss, has_aux=True)(params)

    gradient, (arrays, losses) = run(af2jax.pretrained.from_deepmind(flat, make.PASS_NAME), features, targets, recycled)
    return arrays, losses, af2jax.pretrained.to_deepmind(gradient, make.PASS_NAME)
