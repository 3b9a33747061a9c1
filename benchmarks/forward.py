"""One forward pass of the full network (model_1_ptm, float32) beside DeepMind's code, in one run.

    python -m benchmarks.forward [--res 64 --seq 32 --extra 64 --templ 4]

Needs the package alphafold-colabfold. Weights are made by rule; inputs are random.
"""

import time

from af2jax.profile.measure import program
from benchmarks import side_by_side

NAME = "model_1_ptm"


def inputs(sizes: dict):
    """Random inputs as AlphaFold's dictionary, and parameters as DeepMind's arrays."""
    from af2jax.config import preset
    from tests import support

    return support.dictionary(**sizes), support.rule_flat(preset(NAME))


def ours(sizes: dict, runtime: dict):
    """af2jax's forward pass and its inputs."""
    import af2jax
    from af2jax.config import preset
    from af2jax.model.alphafold import AlphaFold

    dictionary, flat = inputs(sizes)
    model = AlphaFold(preset(NAME), af2jax.Runtime(**runtime))
    forward = lambda params, features: af2jax.interop.outputs(af2jax.forward(model, params, features, 0))
    return program(forward, af2jax.pretrained.from_deepmind(flat, NAME), af2jax.interop.features(dictionary))


def theirs(sizes: dict, subbatch: int, thrifty: bool = False):
    """DeepMind's forward pass and its inputs.

    Args:
        subbatch: its chunk size, 4 as shipped.
        thrifty: compiled for little memory, as af2jax is.
    """
    import jax.numpy as jnp

    from af2jax.config import preset
    from tests import oracle

    dictionary, flat = inputs(sizes)
    batch = {k: jnp.asarray(v) for k, v in (dictionary | oracle.atom_tables(dictionary)).items()}
    forward = oracle.network(preset(NAME), subbatch_size=subbatch)
    return program(forward, oracle.nested(flat), batch, oracle.zero_state(sizes["num_res"]), thrifty=thrifty)


def as_predicted(num_res: int) -> int:
    """The chunk size of `af2jax predict` on a CPU."""
    import af2jax

    return af2jax.Runtime().forward_only(num_res).chunk


def parts(sizes: dict) -> None:
    """Where the time goes: the network with a part of it shortened, against the whole."""
    import dataclasses

    import jax

    import af2jax
    from af2jax.config import preset
    from af2jax.model.alphafold import AlphaFold
    from af2jax.pretrained.load import initialise

    config, dictionary = preset(NAME), inputs(sizes)[0]
    features = af2jax.interop.features(dictionary)

    def seconds(config):
        params = initialise(config, jax.random.key(0))
        forward = jax.jit(lambda p, f: af2jax.interop.outputs(af2jax.forward(AlphaFold(config), p, f, 0)))
        jax.block_until_ready(forward(params, features))
        times = []
        for _ in range(3):
            start = time.process_time()
            jax.block_until_ready(forward(params, features))
            times.append(time.process_time() - start)
        return min(times)

    replace = dataclasses.replace
    whole = seconds(config)
    less = lambda field, blocks: replace(config, **{field: replace(getattr(config, field), blocks=blocks)})
    stacks = {
        "Evoformer, 48 blocks": 48 / 47 * (whole - seconds(less("evoformer", 1))),
        "extra-MSA stack, 4 blocks": 4 / 3 * (whole - seconds(less("extra_msa", 1))),
        "template embedding": whole - seconds(replace(config, template=None)),
        "structure module": 8 / 7 * (whole - seconds(replace(config, structure=replace(config.structure, layers=1)))),
    }
    stacks["embedders and heads"] = max(0.0, whole - sum(stacks.values()))
    print(f"where af2jax's {whole:.2f} CPU-s go (by leaving parts out):")
    for name, value in stacks.items():
        print(f"  {name:<28}{value:6.2f} CPU-s  {100 * value / whole:4.0f} %")


def main() -> None:
    """Measures and prints."""
    sizes, rounds = side_by_side.arguments(__doc__, rounds=7)
    print(side_by_side.title(f"forward pass of {NAME}", sizes))
    sides = {
        "DeepMind's code, as shipped (chunks of 4)": (theirs, sizes, 4),
        "DeepMind's code, chunks of 4, compiled as ours": (theirs, sizes, 4, True),
        "DeepMind's code, no chunks": (theirs, sizes, 10**6),
        "af2jax, no chunks": (ours, sizes, {}),
        "af2jax, chunks as predict has them": (ours, sizes, {"chunk": as_predicted(sizes["num_res"])}),
        "af2jax, chunks of 16": (ours, sizes, {"chunk": 16}),
        "af2jax, chunks of 4": (ours, sizes, {"chunk": 4}),
    }
    side_by_side.compare(sides, rounds, ours(sizes, {}).work().flops)
    parts(sizes)


if __name__ == "__main__":
    main()
