"""What `benchmarks.gpu` measures: each function returns figures by name, and runs on any device.

`goldens` compares with stored figures of DeepMind's code; everything else with float32 on this machine's CPU, which
tests hold to them. Weights are made by rule, inputs are made up: they show the device's arithmetic, not a protein.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

import af2jax
from af2jax.config import preset
from af2jax.constants.atoms import CA
from af2jax.errors import InputError
from af2jax.losses.weighted import WEIGHTS
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import IMPLS, Runtime
from af2jax.profile import measure, programs
from af2jax.profile.programs import How, Sizes
from tests import support
from tests.goldens import make, ours
from tests.losses import examples

PRECISIONS = {  # name: (dtype, precision of float32 products)
    "float32": ("float32", "highest"),
    "float32 as JAX rounds it": ("float32", "default"),  # TF32 where the device has it
    "bfloat16": ("bfloat16", "default"),
}
Figures = dict[str, float | str | None]  # a text says why there is no figure; None: the device does not say


def on(device, precision: str, function: Callable):
    """`function()` computed by a device, as NumPy arrays."""
    with jax.default_device(device), jax.default_matmul_precision(precision):
        return jax.tree.map(np.asarray, jax.block_until_ready(function()))


def compared(function: Callable[[str], dict]) -> dict[str, tuple[dict, dict]]:
    """(found, expected) for each of `PRECISIONS`; `function(dtype)` makes a dictionary of arrays."""
    here, cpu = jax.devices()[0], jax.devices("cpu")[0]
    expected = on(cpu, "highest", lambda: function("float32"))
    return {name: (on(here, how, lambda d=dtype: function(d)), expected) for name, (dtype, how) in PRECISIONS.items()}


def moved(found, expected) -> float:
    """The norm of the change over the norm of what was expected."""
    found, expected = (np.asarray(x, np.float64) for x in (found, expected))
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-12))


def attention(rows: int = 128, residues: int = 256, heads: int = 8, c: int = 32) -> Figures:
    """Every implementation of attention, its gradients, and rows without a key: largest error over largest value."""
    keys = jax.random.split(jax.random.key(0), 6)
    with jax.default_device(jax.devices("cpu")[0]):
        q, k, v, upstream = (np.asarray(jax.random.normal(key, (rows, residues, heads, c))) for key in keys[:4])
        bias = np.asarray(jax.random.normal(keys[4], (heads, residues, residues)))
        mask = np.array(jax.random.uniform(keys[5], (rows, residues)) < 0.7)
    mask[::4] = False  # rows of padding

    def run(impl: str, dtype: str) -> dict:
        low = [jnp.asarray(x, dtype) for x in (q, k, v, bias)]

        def loss(q, k, v, bias):
            out = Runtime(impl=impl).attend(q, k, v, bias, jnp.asarray(mask))
            return jnp.sum(jnp.asarray(out, jnp.float32) * upstream), out

        gradients, out = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3), has_aux=True))(*low)
        return dict(zip(("values", "dq", "dk", "dv", "dbias"), (out, *gradients), strict=True))

    figures: Figures = {}
    reference = on(jax.devices("cpu")[0], "highest", lambda: run("xla", "float32"))
    for impl in IMPLS:
        for name, (dtype, precision) in PRECISIONS.items():
            line = f"{impl}, {name}"
            try:
                found = on(jax.devices()[0], precision, lambda i=impl, d=dtype: run(i, d))
            except InputError as error:  # tokamax is not installed, or does not start
                figures[line] = f"{error}".partition(":")[0]
                continue
            here = {part: (np.float32(found[part]), x) for part, x in reference.items()}
            figures |= {f"{line}: {part}": support.relative_error(*both) for part, both in here.items()}
            empty = [np.float32(found[part])[::4] for part in ("values", "dq", "dk", "dv")]
            figures[f"{line}: rows without a key, values"] = support.relative_error(empty[0], reference["values"][::4])
            figures[f"{line}: rows without a key, finite"] = float(all(np.isfinite(x).all() for x in empty))
    return figures


def parity(name: str, sizes: Sizes) -> Figures:
    """One pass of the network: largest error over largest value; CA atoms, over their distance from the centre."""
    config = preset(name)
    num = dict(zip(("num_res", "num_seq", "num_extra", "num_templ"), sizes, strict=True))
    features, params = support.features(**num, classes=config.target_features), support.rule_params(config)

    def run(dtype: str) -> dict:
        model = AlphaFold(config, Runtime(dtype))
        forward = lambda params, features: af2jax.interop.outputs(af2jax.forward(model, params, features, 0))
        return jax.jit(forward)(params, features)

    figures: Figures = {}
    for how, (found, expected) in compared(run).items():
        figures |= {f"{how}: {part}": support.relative_error(found[part], x) for part, x in expected.items()}
        atoms, true = (x["structure_module/final_atom_positions"][:, CA] for x in (found, expected))
        figures[f"{how}: CA atoms"] = moved(atoms - true.mean(0, keepdims=True), true - true.mean(0, keepdims=True))
    return figures


def goldens() -> Figures:
    """One full-size pass beside what DeepMind's code gave: largest error over largest value, norms of the gradient.

    The norm is that of all arrays together; the change of one array's norm is over the whole, too.
    """
    stored = dict(np.load(make.PASS, allow_pickle=False))
    norms, figures = {n.removeprefix("norm/"): float(x) for n, x in stored.items() if n.startswith("norm/")}, {}
    whole = np.linalg.norm(list(norms.values()))
    for how, (dtype, precision) in PRECISIONS.items():
        arrays, _, gradient = on(jax.devices()[0], precision, lambda d=dtype: ours.one_pass(d))
        error = {name: support.relative_error(np.float32(x), stored[f"out/{name}"]) for name, x in arrays.items()}
        figures |= {f"{how}: {name}": x for name, x in error.items()}
        found = {name: np.linalg.norm(np.float64(gradient[name])) for name in norms}
        figures[f"{how}: norm of the gradient, over DeepMind's"] = float(np.linalg.norm(list(found.values())) / whole)
        figures[f"{how}: largest change of an array's norm"] = float(
            max(abs(found[n] - norms[n]) for n in norms) / whole
        )
    return figures


def gradient(name: str, sizes: Sizes) -> Figures:
    """One training step of every parameter by plain descent, whose update is the gradient; without violations.

    The change of the gradient over its norm, its cosine to the CPU's, and the loss of both.
    """
    config = preset(name)
    num = dict(zip(("num_seq", "num_extra", "num_templ"), sizes[1:], strict=True))
    d, params = examples.whole(sizes.residues, **num), support.rule_params(config)
    batch = af2jax.stack([(af2jax.interop.features(d), af2jax.interop.targets(d))])
    labels = af2jax.label(params, [(".*", "train")])
    losses = {n: w for n, w in WEIGHTS.items() if n != "violation" and getattr(config.heads, n, True)}

    def run(dtype: str) -> dict:
        model = AlphaFold(config, Runtime(dtype))
        state = af2jax.finetune.init(model, params, labels, optax.sgd(1.0), losses=losses, dropout=False)
        state, metrics = af2jax.finetune.train_step(state, batch, jax.random.key(0), num_recycle=0)
        return {"trained": state.trained, "loss": metrics["loss"], "norm": metrics["grad_norm"]}

    figures: Figures = {}
    start = jax.tree.leaves(params)
    flat = lambda tree: np.concatenate(
        [np.ravel(np.float64(a) - b) for a, b in zip(start, jax.tree.leaves(tree), strict=True)]
    )
    for how, (found, expected) in compared(run).items():
        a, b = flat(found["trained"]), flat(expected["trained"])
        figures[f"{how}: gradient"] = moved(a, b)
        figures[f"{how}: cosine"] = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        figures[f"{how}: loss"], figures[f"{how}: loss of the CPU"] = float(found["loss"]), float(expected["loss"])
    return figures


def memory(kind: str, how: How, sizes: Sizes, rounds: int = 3) -> Figures:
    """One pass, or one training step of every parameter by AdamW: GiB as planned and at the peak, seconds of a run."""
    build = programs.one_pass(how, sizes) if kind == "pass" else programs.training_step(how, sizes, "full")
    executable, cost = measure.compiled(build)
    inputs, seconds = jax.device_put(build.inputs), []
    for _ in range(1 + rounds):
        start = time.perf_counter()
        out = jax.block_until_ready(executable(*inputs))
        seconds.append(time.perf_counter() - start)
        inputs = (out[0], *inputs[1:]) if build.consumes else inputs
    finite = all(np.isfinite(x).all() for x in jax.tree.leaves(out) if jnp.issubdtype(x.dtype, jnp.inexact))
    stats = jax.devices()[0].memory_stats() or {}  # a CPU has none
    return {
        "GiB planned": cost.need / measure.GIB,
        "GiB at the peak": stats["peak_bytes_in_use"] / measure.GIB if stats else None,
        "seconds": min(seconds[1:]),
        "seconds to compile": cost.compile_wall,
        "TFLOP/s in products": cost.model / min(seconds[1:]) / 1e12,
        "finite": float(finite),
    }


def training(
    name: str = "mini", crops: tuple[int, ...] = (48, 128), batches: tuple[int, ...] = (2, 16), seconds: float = 5
) -> Figures:
    """Examples per second of the training of af2jax-mini, at its crops and numbers of rows, once it is compiled."""
    config, figures = preset(name), {}
    params = support.rule_params(config)
    labels = af2jax.label(params, [(".*", "train")])
    for crop in crops:
        sizes = Sizes(crop, config.data.clusters, config.data.extra, config.data.max_templates)
        d = programs.dictionary(sizes, config.target_features)
        example = af2jax.interop.features(d), af2jax.interop.targets(d)
        for size in batches:
            optimizer = af2jax.finetune.adamw(1e-3, 1000)
            state = af2jax.finetune.init(AlphaFold(config), params, labels, optimizer, dropout=False)
            batch, count = jax.device_put(af2jax.stack([example] * size)), 0
            state, metrics = af2jax.finetune.train_step(state, batch, jax.random.key(0))
            jax.block_until_ready(metrics)
            start = time.perf_counter()
            while count < 3 or time.perf_counter() - start < seconds:
                state, metrics = af2jax.finetune.train_step(state, batch, jax.random.key(count))
                jax.block_until_ready(metrics)
                count += 1
            each = f"crops of {crop}, batches of {size}"
            figures[f"{each}: examples per second"] = count * size / (time.perf_counter() - start)
            figures[f"{each}: skipped"] = float(state.skipped)
    return figures
