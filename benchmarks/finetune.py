"""One training step of the full network (model_1_ptm, float32) under each recipe, in one run: time, work, memory.

    python -m benchmarks.finetune [--res 64 --seq 32 --extra 64 --templ 4]

A step is the gradient of DeepMind's total loss for what trains, without recycles, and an update by AdamW. Weights are
made by rule, inputs are made up. FLOPs are those of matrix products, counted from the program.
"""

import tempfile

from af2jax.profile.measure import program
from benchmarks import side_by_side

NAME = "model_1_ptm"
RECIPES = {
    "full": ("full", {}),
    "LoRA, rank 8, attention of every block": ("lora", {}),
    "last 4 blocks, structure, heads": ("last_blocks", {"n": 4}),
    "structure and heads": ("structure_and_heads", {}),
    "heads": ("heads", {}),
}


def build(sizes: dict, recipe: str, options: dict, *kind: str):
    """The step with its inputs; `kind`: "new head": it alone has a loss; "cached": the trunk is read from the cache."""
    import jax
    import numpy as np
    import optax

    import af2jax
    from af2jax.config import preset
    from af2jax.finetune import step
    from af2jax.finetune.cache import Cache
    from tests import support
    from tests.losses import examples

    num, others = sizes["num_res"], {k: v for k, v in sizes.items() if k != "num_res"}
    d = examples.whole(num, **others)
    example = af2jax.interop.features(d), af2jax.interop.targets(d)
    split = (44, 4) if recipe == "last_blocks" else ()
    model, params = af2jax.load(NAME, support.rule_flat(preset(NAME)), split=split)
    labels = af2jax.label(params, af2jax.recipe(recipe, **options))
    adapters = af2jax.lora.init(params, labels) if recipe == "lora" else None
    heads, losses = {}, None
    if "new head" in kind:
        heads, losses = {"ss": af2jax.Head("residue", classes=3)}, {"ss": 1.0}
        example = example[0], example[1].replace(labels={"ss": np.arange(num, dtype=np.int32) % 3})
        labels = af2jax.label(params, [(".*", "freeze")])
    optimizer = af2jax.finetune.adamw(1e-4, 1000)
    state = af2jax.finetune.init(
        model, params, labels, optimizer, heads, adapters, losses, dropout="cached" not in kind
    )
    if "cached" in kind:
        with tempfile.TemporaryDirectory() as folder:
            example = (*example, Cache(state, folder, num_recycle=0)(example[0]))
    setup, key = state.setup, None if "cached" in kind else jax.random.key(0)

    def one_step(trained, opt_state, frozen, example):
        gradient, _ = jax.grad(lambda t: step._loss(setup, t, frozen, example, 0, key), has_aux=True)(trained)
        updates, opt_state = setup.optimizer.update(gradient, opt_state, trained)
        return optax.apply_updates(trained, updates), opt_state

    return program(one_step, state.trained, state.opt_state, state.frozen, example)


def main() -> None:
    """Measures and prints."""
    sizes, rounds = side_by_side.arguments(__doc__, rounds=3)
    print(side_by_side.title(f"training step of {NAME}", sizes))
    work = {}
    for name, arguments in RECIPES.items():
        work[name] = build(sizes, *arguments).work().flops
    for name, count in work.items():
        print(f"  {name:<40}{count / 1e9:8.1f} GFLOP  {count / work['full']:.2f} of full")
    sides = {name: (build, sizes, *arguments) for name, arguments in RECIPES.items()}
    side_by_side.compare(sides, rounds)


if __name__ == "__main__":
    main()
