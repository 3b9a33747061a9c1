"""The gradient of the total loss of the full network (model_1_ptm, float32) beside DeepMind's code, in one run.

    python -m benchmarks.gradient [--res 64 --seq 32 --extra 64 --templ 4]

Needs the package alphafold-colabfold. Weights are made by rule, inputs and structure are made up; both sides recompute
each block in the backward pass. Shares of the product rate leave that recomputation out, and count it.
"""

from af2jax.profile.measure import program
from benchmarks import side_by_side

NAME = "model_1_ptm"


def inputs(sizes: dict):
    """A made-up protein as AlphaFold's dictionary, and parameters as DeepMind's arrays."""
    from af2jax.config import preset
    from tests import support
    from tests.losses import examples

    num, others = sizes["num_res"], {k: v for k, v in sizes.items() if k != "num_res"}
    return examples.whole(num, **others), support.rule_flat(preset(NAME))


def ours(sizes: dict, runtime: dict):
    """af2jax's gradient and its inputs."""
    import jax

    import af2jax
    from af2jax.config import preset
    from af2jax.model.alphafold import AlphaFold

    d, flat = inputs(sizes)
    model = AlphaFold(preset(NAME), af2jax.Runtime(**runtime))
    loss = lambda params, features, targets: af2jax.losses.total(
        af2jax.forward(model, params, features, num_recycle=0), targets
    )
    params = af2jax.pretrained.from_deepmind(flat, NAME)
    return program(jax.grad(loss, has_aux=True), params, af2jax.interop.features(d), af2jax.interop.targets(d))


def theirs(sizes: dict, subbatch: int, thrifty: bool = False):
    """DeepMind's gradient and its inputs, with the arguments of `forward.theirs`."""
    import jax.numpy as jnp

    from af2jax.config import preset
    from tests import oracle
    from tests.losses import theirs

    d, flat = inputs(sizes)
    batch = {k: jnp.asarray(v) for k, v in (d | theirs.labels(d)).items()}
    gradient = oracle.gradient_of_loss(preset(NAME), subbatch_size=subbatch, use_remat=True)
    return program(gradient, oracle.nested(flat), batch, oracle.zero_state(sizes["num_res"]), thrifty=thrifty)


def main() -> None:
    """Measures and prints."""
    sizes, rounds = side_by_side.arguments(__doc__, rounds=5)
    print(side_by_side.title(f"gradient of {NAME}", sizes))
    sides = {
        "DeepMind's code, as shipped (chunks of 4)": (theirs, sizes, 4),
        "DeepMind's code, chunks of 4, compiled as ours": (theirs, sizes, 4, True),
        "DeepMind's code, no chunks": (theirs, sizes, 10**6),
        "af2jax, no chunks (default)": (ours, sizes, {}),
        "af2jax, chunks of 16": (ours, sizes, {"chunk": 16}),
        "af2jax, chunks of 4": (ours, sizes, {"chunk": 4}),
    }
    side_by_side.compare(sides, rounds, ours(sizes, {"remat": False}).work().flops)


if __name__ == "__main__":
    main()
