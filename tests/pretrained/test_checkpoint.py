"""Checkpoints: every bit comes back, every flipped bit is refused, and nothing that happens to a writer loses any."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from af2jax.errors import InputError, WeightsError
from af2jax.pretrained import checkpoint

pytestmark = pytest.mark.medium("damages every byte of small checkpoints")

ROOT = Path(__file__).resolve().parents[2]
METADATA = {"preset": "tiny", "scores": {"loss": 1.25, "ss/accuracy": float("nan")}, "watch": None}


class Pair(NamedTuple):
    left: jax.Array
    right: None


def parts(seed: int = 0) -> dict:
    """Trees of everything that a training holds."""
    rng = np.random.default_rng(seed)
    params = {
        "a": {"kernel": jnp.asarray(rng.normal(size=(7, 5)), jnp.float32)},
        "half": jnp.full(3, 0.1, jnp.bfloat16),
    }
    params["a"]["kernel"] = params["a"]["kernel"].at[0].set(jnp.array([-0.0, jnp.nan, jnp.inf, 1e-45, 0.0]))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.MultiSteps(optax.adam(1e-3), 2))
    return {
        "step": jnp.int32(3),
        "trained": params,
        "opt_state": optimizer.init(params),
        "ema": None,
        "rng": {"new": jax.random.key(5), "rbg": jax.random.key(6, impl="rbg"), "old": jax.random.PRNGKey(7)},
        "other": [Pair(jnp.array([True, False]), None), (), {}, jnp.zeros((0, 3)), jnp.int8(-5)],
    }


def bits(tree) -> list:
    """Every bit of every leaf, with its type and its place."""
    data = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
    leaves = [(str(x.dtype), x.shape, np.asarray(data(x)).tobytes()) for x in jax.tree.leaves(tree)]
    return [jax.tree.structure(tree), *leaves]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def saved(tmp_path):
    return checkpoint.save(tmp_path / "checkpoints", 120, parts(), METADATA)


def refused(path, match):
    with pytest.raises(WeightsError, match=match) as caught:
        checkpoint.restore(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


class TestRoundTrip:
    def test_every_bit(self, saved):
        assert saved.name == "00000120" and checkpoint.steps(saved.parent) == [120]
        like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), parts())
        for wanted in (parts(1), like):
            found, metadata = checkpoint.restore(saved, wanted)
            assert bits(found) == bits(parts())
            assert all(isinstance(x, jax.Array) for x in jax.tree.leaves(found))
            assert json.dumps(metadata) == json.dumps(METADATA)

    def test_by_path(self, saved):
        found, _ = checkpoint.restore(saved)
        assert "trained/a/kernel" in found and "opt_state/1/inner_opt_state/0/mu/a/kernel" in found
        assert len(found) == len(jax.tree.leaves(parts()))

    def test_parameters_without_the_optimizer(self, saved):
        found, _ = checkpoint.restore(saved, {"trained": parts(1)["trained"]})
        assert bits(found) == bits({"trained": parts()["trained"]})

    def test_types_that_jax_would_narrow_are_not_narrowed_in_silence(self, tmp_path):
        path = checkpoint.save(tmp_path, 1, {"x": np.arange(3.0)}, {})
        refused(path, r"x is float64\[3\], but was read as float32\[3\]")

    @pytest.mark.parametrize(
        "change, message",
        [
            (lambda x: x["trained"].pop("half"), "only the checkpoint has trained/half"),
            (lambda x: x["trained"].update(more=jnp.zeros(1)), "only the training has trained/more"),
            (lambda x: x.update(ema=x["trained"]), "only the training has ema/a/kernel"),
            (lambda x: x.update(opt_state=None), "only the checkpoint has opt_state/"),
            (lambda x: x["trained"].update(half=jnp.zeros(4)), r"half is bfloat16\[3\], not float32\[4\]"),
            (lambda x: x["rng"].update(old=x["rng"]["new"]), r"rng/old is uint32\[2\], not key of uint32\[2\]"),
        ],
    )
    def test_another_training(self, saved, change, message):
        like = parts()
        change(like)
        with pytest.raises(WeightsError, match=f"is of another training: .*{message}"):
            checkpoint.restore(saved, like)


class TestDamage:
    def test_a_flipped_bit_of_any_file(self, saved):
        rng, files = np.random.default_rng(0), bytes_of(saved)
        assert len(files) > 10 and {"manifest.json", "arrays/manifest.ocdbt"} <= files.keys()
        trials = 0
        for name, content in files.items():
            for place in {0, len(content) - 1, *rng.integers(0, len(content), 20)}:
                flipped = bytearray(content)
                flipped[place] ^= 1 << rng.integers(8)
                (saved / name).write_bytes(flipped)
                refused(saved, rf"{name} is damaged \(SHA-256 differs\); restore it from a copy, or delete")
                trials += 1
            (saved / name).write_bytes(content)
        assert trials >= 200 and bits(checkpoint.restore(saved, parts())[0]) == bits(parts())

    def test_every_bit_of_the_manifest(self, saved):
        file = saved / "manifest.json"
        content = file.read_bytes()
        for place in range(0, len(content), 3):
            for bit in range(8):
                flipped = bytearray(content)
                flipped[place] ^= 1 << bit
                file.write_bytes(flipped)
                with pytest.raises(WeightsError, match=r"manifest\.json is damaged"):
                    checkpoint.verify(saved)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"1", b"null", b"\xff\xfe", b"[" * 100_000, b'{"sum": 1}'])
    def test_a_manifest_of_nonsense(self, saved, content):
        (saved / "manifest.json").write_bytes(content)
        refused(saved, r"manifest\.json is damaged")

    def test_a_missing_file(self, saved):
        for name, content in bytes_of(saved).items():
            (saved / name).unlink()
            refused(saved, f"{name} is missing; restore it from a copy")
            (saved / name).write_bytes(content)
        shutil.rmtree(saved / "arrays")
        refused(saved, "arrays/.* is missing")

    def test_a_truncated_or_longer_file(self, saved):
        for name, content in bytes_of(saved).items():
            for other in (content[:-1], content + b"\0", b""):
                (saved / name).write_bytes(other)
                refused(saved, f"{name} is damaged")
            (saved / name).write_bytes(content)

    @pytest.mark.parametrize("name", ["note.txt", "arrays/d/more", "arrays/zarr.json", "manifest.json.bak"])
    def test_a_foreign_file(self, saved, name):
        (saved / name).write_text("")
        refused(saved, f"{name} is not of this checkpoint; move it away")
        (saved / name).unlink()
        (saved / name).symlink_to(saved / "arrays")
        refused(saved, f"{name} is not of this checkpoint; move it away")

    def test_a_file_of_another_checkpoint(self, saved):
        other = checkpoint.save(saved.parent, 121, parts(1), METADATA)
        shutil.copy(other / "arrays" / "manifest.ocdbt", saved / "arrays" / "manifest.ocdbt")
        refused(saved, r"manifest\.ocdbt is damaged")

    def test_another_version(self, saved, monkeypatch):
        monkeypatch.setattr(checkpoint, "FORMAT", 2)
        refused(saved, r"has format 1, not 2; read it with af2jax \d")

    def test_none(self, tmp_path):
        refused(tmp_path / "00000001", "no such checkpoint")
        (tmp_path / "00000002").mkdir()
        refused(tmp_path / "00000002", r"manifest\.json is missing")


class TestFolders:
    def test_steps_are_those_of_whole_checkpoints(self, saved):
        folder = saved.parent
        for step in (5, 40, 123_456_789):
            checkpoint.save(folder, step, {"x": jnp.zeros(1)}, {})
        (folder / ".00000007.1.part").mkdir()
        (folder / "12").mkdir()
        (folder / "notes").mkdir()
        (folder / "00000008").write_text("")
        assert checkpoint.steps(folder) == [5, 40, 120, 123_456_789]
        assert checkpoint.steps(folder / "none") == []

    def test_a_step_is_never_overwritten(self, saved):
        before = bytes_of(saved)
        with pytest.raises(InputError, match="00000120 is there already"):
            checkpoint.save(saved.parent, 120, parts(1), METADATA)
        assert bytes_of(saved) == before

    def test_pruning(self, saved):
        for step in range(121, 125):
            checkpoint.save(saved.parent, step, {"x": jnp.zeros(1)}, {})
        checkpoint.prune(saved.parent, {120, 124, 999})
        assert checkpoint.steps(saved.parent) == [120, 124] and len(os.listdir(saved.parent)) == 2
        checkpoint.verify(saved)

    def test_a_killed_pruning_leaves_none_half_deleted(self, saved, monkeypatch):
        def die(path, **_):
            raise KeyboardInterrupt

        checkpoint.save(saved.parent, 121, parts(), {})
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", die)
            with pytest.raises(KeyboardInterrupt):
                checkpoint.prune(saved.parent, {121})
        assert checkpoint.steps(saved.parent) == [121]
        checkpoint.save(saved.parent, 122, parts(), {})
        assert sorted(os.listdir(saved.parent)) == ["00000121", "00000122"]


class TestWriting:
    @pytest.mark.parametrize("where", ["_orbax_save", "sha256", "write", "_sync"])
    def test_whatever_fails_leaves_the_others_and_no_rubbish(self, saved, monkeypatch, where):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoint, where, full)
        with pytest.raises(
            InputError, match=r"00000121 cannot be written \(No space left on device\); earlier"
        ) as caught:
            checkpoint.save(saved.parent, 121, parts(), {})
        assert "\n" not in str(caught.value) and os.listdir(saved.parent) == ["00000120"]
        monkeypatch.undo()
        checkpoint.verify(saved)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a thread of Orbax
    def test_a_disk_that_is_full(self, saved, tmp_path, caplog):
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no small disk can be mounted here")
        try:
            checkpoint.save(disk, 1, parts(), {})
            refusals = 0
            for room in range(0, 100_000, 8_192):
                (disk / "ballast").write_bytes(b"")
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                (disk / "ballast").write_bytes(b"\0" * (free - room))
                try:
                    checkpoint.save(disk, 2, parts(), {})
                    break
                except InputError as error:
                    assert "00000002 cannot be written (No space left on device)" in str(error)
                    refusals += 1
                assert sorted(os.listdir(disk)) == ["00000001", "ballast"]
                checkpoint.verify(checkpoint.place(disk, 1))
            assert refusals > 3 and checkpoint.steps(disk) == [1, 2]
            assert not [record for record in caplog.records if record.exc_info]
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_a_file_in_the_way(self, tmp_path):
        (tmp_path / "checkpoints").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            checkpoint.save(tmp_path / "checkpoints", 1, parts(), {})

    @pytest.mark.slow("kills processes")
    def test_a_killed_writer(self, tmp_path):
        """kill -9 at 12 moments while checkpoint after checkpoint is written and pruned."""
        program = """if True:
            import sys
            import jax.numpy as jnp
            from af2jax.pretrained import checkpoint
            folder = sys.argv[1]
            for step in range((checkpoint.steps(folder) or [0])[-1] + 1, 10**6):
                arrays = {"x": {str(i): jnp.full((200, 200), float(step + i)) for i in range(8)}}
                checkpoint.save(folder, step, arrays, {"step": step})
                checkpoint.prune(folder, {step, step - 1})
                print(step, flush=True)
        """
        last, rubbish = 0, 0
        for moment in range(12):
            writer = subprocess.Popen(
                [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
            )
            done = [int(writer.stdout.readline()) for _ in range(3)]
            time.sleep(0.013 * moment)
            writer.send_signal(signal.SIGKILL)
            rest = writer.communicate()[0].split()
            last = max([last, *done, *map(int, rest)])
            found = checkpoint.steps(tmp_path)
            rubbish += any(name.startswith(".") for name in os.listdir(tmp_path))
            assert found and found[-1] in (last, last + 1)
            for step in found:
                arrays, metadata = checkpoint.restore(checkpoint.place(tmp_path, step))
                assert metadata == {"step": step}
                assert all((np.asarray(arrays[f"x/{i}"]) == step + i).all() for i in range(8))
        assert rubbish


def test_a_task_that_orbax_forgets_logs_nothing(tmp_path, caplog):
    checkpoint.save(tmp_path, 1, parts(), {})
    said = "Task exception was never retrieved\nfuture: <Task coro=<save() at {}>>"
    for place in ("/orbax/checkpoint/type_handlers.py", "/elsewhere.py"):
        logging.getLogger("asyncio").error(said.format(place))
    assert [record.getMessage().count("elsewhere") for record in caplog.records] == [1]
