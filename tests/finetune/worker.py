"""Trainings in a process of their own, alone or one of several, on the devices that XLA_FLAGS said before JAX began."""

import os
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import af2jax
import tests.conftest  # noqa: F401  the settings of all tests
from af2jax.config import MsaStack
from af2jax.finetune import loop, prepare, sharding
from af2jax.model.alphafold import AlphaFold
from af2jax.model.evoformer import MsaBlock
from tests import support
from tests.finetune import test_loop, test_recipes, toy
from tests.model import test_laws

SHARDED = {"one": af2jax.Runtime(chunk=2), "eight": af2jax.Runtime(shards=8), "both": af2jax.Runtime(chunk=2, shards=8)}


def fit(out: str, stop: str = "") -> None:
    """The training of `test_loop` in batches of 8, resumed where it was; SIGTERM comes to it at the step `stop`."""
    prepare.network = lambda training: (toy.MODEL, toy.parameters())
    loop.Examples = test_loop.Given
    if stop:
        test_loop.Given.stop = {int(stop): lambda: os.kill(os.getpid(), signal.SIGTERM)}
    try:
        state = loop.fit(test_loop.EIGHT, out, resume=(Path(out) / "config.json").exists())
        assert all(len(x.sharding.device_set) == jax.device_count() for x in jax.tree.leaves(state.trained))
    except KeyboardInterrupt:
        print("stopped")


def steps(out: str) -> None:
    """Three steps by 1, 2 and 8 devices; one has an example that is not finite. Writes every leaf and metric."""
    found = {}
    for num in (1, 2, 8):
        params = toy.parameters()
        labels = af2jax.label(params, test_loop.TRAINING.rules)
        state = af2jax.finetune.init(toy.MODEL, params, labels, optax.adam(1e-2), clip_example=0.1, ema=0.9)
        devices = jax.sharding.Mesh(np.array(jax.devices()[:num]), ("data",))
        state = sharding.replicate(state, devices)
        for step in range(3):
            features, targets = af2jax.stack([toy.example(10 * step + i) for i in range(8)])
            if step == 1:
                features = features.replace(target_feat=np.array(features.target_feat))
                features.target_feat[5, 0, 0] = np.nan
                before = toy.bits((state.trained, state.opt_state, state.ema))
            state, metrics = af2jax.finetune.train_step(state, (features, targets), jax.random.key(step))
            if step == 1:
                assert toy.bits((state.trained, state.opt_state, state.ema)) == before
            found |= {f"{num}/{step}/{name}": value for name, value in metrics.items()}
        assert all(len(x.sharding.device_set) == num for x in jax.tree.leaves(state.trained))
        leaves = af2jax.pretrained.tree.flatten(state.params | {"ema": state.ema_params})
        found |= {f"{num}/{name}": value for name, value in leaves.items()}
    np.savez(out, **found)


def shards(out: str) -> None:
    """The gradient of one protein's outputs on one device and on 8; temporaries of a wider block's, as compiled."""
    params, found = test_laws.PARAMS, {}
    features = af2jax.interop.features(support.dictionary(**test_laws.SIZES | {"num_res": 11}))

    def loss(params, runtime):
        outputs = af2jax.forward(AlphaFold(test_laws.CONFIG, runtime), params, features, 1)
        return sum(jnp.mean(jnp.sin(x)) for x in jax.tree.leaves((outputs.logits, outputs.prev)))

    for name, runtime in SHARDED.items():
        value, gradient = jax.jit(jax.value_and_grad(loss), static_argnums=1)(params, runtime)
        found |= {f"{name}/loss": value}
        found |= {f"{name}/{path}": x for path, x in af2jax.pretrained.tree.flatten(gradient).items()}

        block = MsaBlock(MsaStack(), False, runtime)
        shape = lambda dtype, *axes: jax.ShapeDtypeStruct(axes, dtype)
        mz = shape(jnp.float32, 64, 128, 256), shape(jnp.float32, 128, 128, 128)
        masks = shape(bool, 64, 128), shape(bool, 128, 128)
        weights = jax.eval_shape(block.init, jax.random.key(0), mz, *masks)

        def total(weights, mz, *masks, block=block):
            return sum(jnp.sum(x * x) for x in block.apply(weights, mz, *masks))

        compiled = jax.jit(jax.grad(total)).lower(weights, mz, *masks).compile()
        found[f"{name}/temporary"] = compiled.memory_analysis().temp_size_in_bytes
    np.savez(out, **found)


def network(out: str) -> None:
    """Two steps of the network itself by 1 and 2 devices, with adapters and new heads."""
    found = {}
    for num in (1, 2):
        state, _ = test_recipes.start("lora")
        devices = jax.sharding.Mesh(np.array(jax.devices()[:num]), ("data",))
        state = sharding.replicate(state, devices)
        pair = test_recipes.example(ss=np.arange(6) % 3, tm=np.float32(50))
        for step in range(2):
            state, metrics = af2jax.finetune.train_step(state, af2jax.stack([pair, pair]), jax.random.key(step))
            found |= {f"{num}/{step}/{name}": value for name, value in metrics.items()}
        found |= {f"{num}/{name}": x for name, x in af2jax.pretrained.tree.flatten(state.params).items()}
    np.savez(out, **found)
