"""What `af2jax bench` measures: one pass and one training step of a preset, on made-up inputs of any size."""

from typing import Any, NamedTuple

import numpy as np

from af2jax.profile.measure import Program, count, program


class Sizes(NamedTuple):
    """Of the inputs; rows are those of the MSA without the templates'."""

    residues: int
    rows: int
    extra: int
    templates: int


class How(NamedTuple):
    """How a preset is run."""

    preset: str
    dtype: str = "float32"
    chunk: int = 0
    remat: bool = True
    device: Any = None  # one that is described and not there (`jax.experimental.topologies`): to compile for alone


def weights(name: str) -> dict[str, np.ndarray]:
    """DeepMind's arrays of a preset, made up: normal, as wide as keeps signals alive."""
    from af2jax.config import preset
    from af2jax.pretrained.deepmind import shapes

    rng, flat = np.random.default_rng(0), {}
    for key, shape in shapes(preset(name)).items():
        flat[key] = np.float32(0.05) * rng.standard_normal(shape, np.float32) + np.float32(key.endswith("//scale"))
    return flat


def dictionary(sizes: Sizes, classes: int = 22) -> dict[str, np.ndarray]:
    """AlphaFold's dictionary of a made-up protein, with its structure; `classes`: of `target_feat`."""
    num, rows, extra, templates = sizes
    rng = np.random.default_rng(0)
    aatype = rng.integers(0, 20, num).astype(np.int32)
    uniform = lambda *shape: rng.uniform(size=shape).astype(np.float32)
    ones = lambda *shape: np.ones(shape, np.float32)
    atoms = np.cumsum(rng.normal(size=(num, 1, 3)), axis=0) * 2 + rng.normal(size=(num, 37, 3))
    there = rng.uniform(size=(num, 37)) < 0.5
    there[:, :5] = True
    positions = (atoms * there[..., None]).astype(np.float32)
    repeated = lambda x: np.repeat(x[None], templates, axis=0)
    return {
        "aatype": aatype,
        "residue_index": np.arange(num, dtype=np.int32),
        "seq_mask": ones(num),
        "seq_length": np.int32(num),
        "target_feat": np.eye(classes, dtype=np.float32)[aatype],
        "msa_feat": uniform(rows, num, 49),
        "msa_mask": ones(rows, num),
        "extra_msa": rng.integers(0, 23, (extra, num)).astype(np.int32),
        "extra_msa_mask": ones(extra, num),
        "extra_has_deletion": uniform(extra, num).round(),
        "extra_deletion_value": uniform(extra, num),
        "template_aatype": repeated(aatype),
        "template_all_atom_positions": repeated(positions),
        "template_all_atom_masks": repeated(there.astype(np.float32)),
        "template_mask": ones(templates),
        "template_pseudo_beta": repeated(positions[:, 3]),
        "template_pseudo_beta_mask": repeated(ones(num)),
        "all_atom_positions": positions,
        "all_atom_mask": there.astype(np.float32),
        "resolution": np.float32(2.0),
        "true_msa": rng.integers(0, 22, (rows, num)).astype(np.int32),
        "bert_mask": uniform(rows, num).round(),
        "use_clamped_fape": np.float32(1.0),
    }


def one_pass(how: How, sizes: Sizes) -> Program:
    """One pass of `af2jax predict`, as it is compiled there."""
    from af2jax import inference
    from af2jax.data import interop
    from af2jax.model.alphafold import initial
    from af2jax.model.recycle import forward

    model, params = _network(how)
    features = interop.features(dictionary(sizes, model.config.target_features))
    lower = lambda: inference.lower(model, params, features)
    work = lambda: count(lambda params, features: forward(model, params, features, 0), params, features)
    return Program(lower, work, (params, features, 0, initial(features, model.config), None))


def training_step(how: How, sizes: Sizes, recipe: str) -> Program:
    """One step of `af2jax finetune` on one example by AdamW, as it is compiled there, run without recycles.

    Args:
        recipe: of `af2jax.recipe`, with its default options.
    """
    import jax

    state, batch = _training(how, sizes, recipe)
    inputs = (state.frozen, batch, jax.random.key(0), np.int32(0))
    moving = state.moving
    if how.device is not None:
        there = jax.sharding.SingleDeviceSharding(how.device)
        shape = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=there)
        moving, inputs = jax.tree.map(shape, jax.eval_shape(lambda: (moving, inputs)))
    plain = lambda: count(_step(_training(how._replace(chunk=0, remat=False), sizes, recipe)[0]), moving, *inputs)
    return program(_step(state), moving, *inputs, thrifty=how.device is None, consumes=True, plain=plain)


def _step(state):
    from af2jax.finetune import step

    return lambda moving, frozen, batch, key, left: step._train(state.setup, moving, frozen, batch, key, left)


def _training(how: How, sizes: Sizes, recipe: str):
    """(the state before the first step, a batch of one example)."""
    import jax

    from af2jax.config import preset
    from af2jax.data import interop
    from af2jax.data.batch import stack
    from af2jax.finetune import adamw, init, lora, rules

    chosen = rules.recipe(recipe)
    blocks = preset(how.preset).evoformer.blocks
    last = min(chosen.blocks, blocks - 1)
    chosen = rules.recipe(recipe, n=last) if last else chosen
    model, params = _network(how, (blocks - last, last) if last else ())
    labels = rules.label(params, chosen)
    adapters = lora.init(params, labels) if "lora" in jax.tree.leaves(labels) else None
    state = init(model, params, labels, adamw(1e-4, 1000), adapters=adapters, clip_example=0.1)
    d = dictionary(sizes, model.config.target_features)
    return state, stack([(interop.features(d), interop.targets(d))])


def _network(how: How, split: tuple[int, ...] = ()):
    """The network and its parameters, in stacks of `split` blocks."""
    from af2jax.config import preset
    from af2jax.model.alphafold import AlphaFold
    from af2jax.nn.runtime import Runtime
    from af2jax.pretrained.deepmind import from_deepmind
    from af2jax.pretrained.tree import split_stack

    params = split_stack(from_deepmind(weights(how.preset), how.preset), split)
    return AlphaFold(preset(how.preset, split), Runtime(how.dtype, how.chunk, remat=how.remat)), params
