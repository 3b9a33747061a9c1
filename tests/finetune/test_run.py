"""A run directory read back: its weights to the bit, without the optimizer, and nothing that is not what it says."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.errors import InputError, WeightsError
from af2jax.finetune import account, directory, prepare, run
from af2jax.finetune.config import EARLIER, Training
from af2jax.finetune.watch import Validation
from af2jax.pretrained import checkpoint
from af2jax.pretrained.tree import flatten, split_stack
from tests import support
from tests.finetune.toy import bits

pytestmark = pytest.mark.medium("trains and saves whole runs")

HEADS = {"ss": af2jax.Head("residue", classes=3), "tm": af2jax.Head("chain", outputs=1, mean=40.0, std=10.0)}


def moved(tree, seed):
    """The tree as some training left it."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: x + jnp.asarray(0.05 * rng.normal(size=x.shape), x.dtype), tree)


def make(tmp_path, **changes):
    """(a run directory of two checkpoints of which the first is best, its states by step)."""
    np.savez(tmp_path / "params_tiny.npz", **support.rule_flat(preset("tiny")))
    training = Training(**{"data": "none", "params": str(tmp_path), "preset": "tiny", "heads": HEADS} | changes)
    prepared, out, states = prepare.prepare(training), tmp_path / "a", {}
    directory.start(out, training, resume=False)
    directory.describe(out, training, prepared.params, "0" * 64, "id\n")
    for step in (3, 5):
        ema = None if training.ema is None else moved(prepared.state.ema, 10 * step)
        trained = moved(prepared.state.trained, step)
        states[step] = prepared.state.replace(step=jnp.int32(step), trained=trained, ema=ema)
        watch = {"best": 1.0, "best_step": 3, "stale": step - 3, "bad": 0}
        directory.save_checkpoint(
            out, training, states[step], watch, Validation({"loss": 1.25, "ss/accuracy": 0.5}, {})
        )
    return out, states


@pytest.fixture(scope="module")
def lora(tmp_path_factory):
    return make(tmp_path_factory.mktemp("lora"), recipe="lora", rank=2, ema=0.9)


class TestLoading:
    def test_predictions_are_those_of_the_state_in_memory(self, lora):
        out, states = lora
        features = support.features()
        model, params = af2jax.load("tiny", out)
        found = af2jax.predict(model, params, features, num_recycle=1)
        state = states[3]
        for weights, same in ((state.ema_params, True), (state.params, False)):
            expected = af2jax.predict(state.setup.model, weights, features, num_recycle=1)
            for a, b in ((found.plddt, expected.plddt), (found.protein.positions, expected.protein.positions)):
                assert np.array_equal(a, b) == same

    @pytest.mark.slow("trains with every recipe")
    @pytest.mark.parametrize("recipe", ["full", "heads", "last_blocks", "lora", "bias_only"])
    @pytest.mark.parametrize("ema", [None, 0.9])
    def test_every_leaf(self, recipe, ema, tmp_path):
        out, states = make(tmp_path, recipe=recipe, blocks=1, rank=2, ema=ema)
        wanted = lambda state: state.params if ema is None else state.ema_params
        for path, step in ((out, 3), (out / "checkpoints", 3), (run.latest(out), 5)):
            model, params = af2jax.load("tiny", path)
            assert bits(params) == bits(wanted(states[step])) and model == states[step].setup.model
            assert params.keys() >= {"task_heads", "heads"}
        training = run.training_of(out)
        state, _ = directory.restore(prepare.prepare(training).state, run.best(out))
        assert bits(state) == bits(states[3]) and training.recipe == recipe

    def test_the_optimizer_is_not_read(self, lora, monkeypatch):
        read = []

        def watch(folder, targets, load=checkpoint._orbax_restore):
            read.append(len(targets))
            return load(folder, targets)

        monkeypatch.setattr(checkpoint, "_orbax_restore", watch)
        af2jax.load("tiny", lora[0])
        assert read == [len(jax.tree.leaves(lora[1][3].ema))]

    def test_parameters_are_bound_to_no_device(self, lora):  # or the second step of a training compiles once more
        _, params = af2jax.load("tiny", lora[0])
        assert not any(jnp.asarray(leaf).committed for leaf in jax.tree.leaves(params))

    def test_other_stacks_and_another_runtime(self, lora):
        out, states = lora
        model, params = af2jax.load("tiny", out, split=(1, 1), runtime=af2jax.Runtime(dtype="bfloat16"))
        assert model.config.split == (1, 1) and model.runtime.dtype == "bfloat16"
        assert bits(params) == bits(split_stack(states[3].ema_params, (1, 1)))

    def test_a_folder_inside_a_run_is_not_the_run(self, lora, tmp_path):
        out, _ = lora
        (out / "params").mkdir()
        flat = support.rule_flat(preset("tiny"), seed=1)
        np.savez(out / "params" / "params_tiny.npz", **flat)
        _, params = af2jax.load("tiny", out / "params")
        assert "task_heads" not in params and bits(params) == bits(support.rule_params(preset("tiny"), seed=1))
        assert not run.is_run(out / "tensorboard") and not run.is_run(out.parent) and not run.is_run(tmp_path)

    def test_from_inside_it(self, lora, monkeypatch):
        monkeypatch.chdir(run.latest(lora[0]))
        for path, step in ((".", 5), ("..", 3)):
            assert bits(af2jax.load(None, path)[1]) == bits(lora[1][step].ema_params)
        assert bits(af2jax.load(None, "../../..")[1]) == bits(support.rule_params(preset("tiny")))  # its one preset
        with pytest.raises(InputError, match="arrays is neither a run nor a folder of parameters: it holds no params_"):
            af2jax.load(None, "arrays")


def test_a_run_that_was_begun_with_earlier_names(lora):
    """It loads, and the same training goes on with it."""
    out, states = lora
    now, training = (out / "config.json").read_text(), run.training_of(out)
    names = {name: earlier for earlier, name in EARLIER.items()}
    begun = {names.get(name, name): value for name, value in json.loads(now).items()}
    assert EARLIER.keys() <= begun.keys()
    (out / "config.json").write_text(json.dumps(begun))
    assert bits(af2jax.load("tiny", out)[1]) == bits(states[3].ema_params)
    assert directory.start(out, training, resume=True) == {} and run.training_of(out) == training
    with pytest.raises(InputError, match="its max_skipped_steps is 20, not 3"):
        directory.start(out, dataclasses.replace(training, max_skipped_steps=3), resume=True)
    (out / "config.json").write_text(now)


class TestRefusals:
    def test_another_preset(self, lora):
        with pytest.raises(WeightsError, match=r'a is a run of tiny, not model_1_ptm; load it as "tiny"'):
            af2jax.load("model_1_ptm", lora[0])

    def test_other_weights_than_it_began_with(self, tmp_path):
        out, _ = make(tmp_path)
        np.savez(tmp_path / "params_tiny.npz", **support.rule_flat(preset("tiny"), seed=1))
        with pytest.raises(WeightsError, match="are not those that this run began with"):
            af2jax.load("tiny", out)
        (tmp_path / "params_tiny.npz").unlink()
        with pytest.raises(WeightsError, match=r"has no params_tiny\.npz"):
            af2jax.load("tiny", out)

    @pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", None])
    def test_a_damaged_account(self, tmp_path, content):
        out, _ = make(tmp_path)
        (out / "run.json").unlink()
        if content is not None:
            (out / "run.json").write_text(content)
        with pytest.raises(WeightsError, match=r"run\.json is missing or damaged|are not those that this run began"):
            af2jax.load("tiny", out)

    def test_a_flipped_bit(self, tmp_path):
        out, _ = make(tmp_path)
        file = max((out / "checkpoints" / "00000003").rglob("d/*"), key=lambda path: path.stat().st_size)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        file.write_bytes(content)
        for read in (lambda: af2jax.load("tiny", out), lambda: account.report(out)):
            with pytest.raises(WeightsError, match=rf"{file.name} is damaged \(SHA-256 differs\)"):
                read()
        assert main(["inspect", str(out)]) == 2 and main(["inspect", str(run.latest(out))]) == 0

    def test_no_checkpoint(self, tmp_path):
        out, _ = make(tmp_path)
        with pytest.raises(WeightsError, match="00000004: no such checkpoint"):
            af2jax.load("tiny", out / "checkpoints" / "00000004")
        checkpoint.prune(out / "checkpoints", set())
        with pytest.raises(InputError, match="is a run without a checkpoint"):
            af2jax.load("tiny", out)


def test_inspection(lora, capsys):
    out, states = lora
    assert main(["inspect", str(out)]) == 0
    text = capsys.readouterr().out
    assert "00000003: tiny after 3 steps, with a moving average; every file is intact" in text
    sizes = sum(x.size for path, x in flatten(states[3].trained).items() if path.startswith("lora/"))
    assert f"{sizes:,}" in text and "task_heads/ss" in text and "opt_state" not in text
    assert "validation: ss/accuracy 0.5" in text and json.loads((out / "config.json").read_text())["ema"] == 0.9
