"""Parameters exported: a directory that is complete, exact, and written after everything was checked."""

import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.errors import InputError, WeightsError
from af2jax.finetune.rules import recipe
from af2jax.pretrained import deepmind
from af2jax.pretrained.load import find
from af2jax.pretrained.tree import flatten, split_stack
from tests import support

FLAT = support.rule_flat(preset("tiny"))
KERNEL = "alphafold/alphafold_iteration/evoformer/single_activations//weights"
FLAT[KERNEL] = np.where(FLAT[KERNEL] < -0.1, np.float32(-0.0), FLAT[KERNEL])
PARAMS = deepmind.from_deepmind(FLAT, "tiny")


def family(folder: Path, suffix: str) -> Path:
    """A folder with files under the names of a family of five; what is in them does not matter to an export."""
    folder.mkdir(parents=True)
    for i in range(1, 6):
        (folder / f"params_model_{i}{suffix}.npz").write_bytes(b"file %d" % i)
    return folder


@pytest.fixture
def small(monkeypatch):
    """`model_<n><suffix>` stands for the tiny network."""
    from af2jax import config

    def stand_in(suffix):
        for i in range(1, 6):
            monkeypatch.setitem(config.PRESETS, f"model_{i}{suffix}", preset("tiny"))

    return stand_in


def expect(match, function, kind=WeightsError):
    with pytest.raises(kind, match=match) as caught:
        function()
    assert "\n" not in str(caught.value)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    ("suffix", "marker"),
    [
        ("_ptm", "download_finished.txt"),
        ("", "download_finished.txt"),
        ("_multimer", "download_complexes_multimer_v1_finished.txt"),
        ("_multimer_v2", "download_complexes_multimer_v2_finished.txt"),
        ("_multimer_v3", "download_complexes_multimer_v3_finished.txt"),
    ],
)
def test_a_complete_set_and_its_marker(tmp_path, small, suffix, marker):
    small(suffix)
    base, out, name = family(tmp_path / "base", suffix), tmp_path / "out" / "params", f"model_3{suffix}"
    written = af2jax.export(PARAMS, name, out, base)
    assert names(out) == sorted([*names(base), marker]) and sorted(file.name for file in written) == names(out)
    assert written[-1].name == marker and all(file.parent == out for file in written)
    for i in (1, 2, 4, 5):
        file = f"params_model_{i}{suffix}.npz"
        assert (out / file).read_bytes() == (base / file).read_bytes()
    with np.load(out / f"params_{name}.npz", allow_pickle=False) as found:
        assert set(found.files) == FLAT.keys()
        for key, array in FLAT.items():
            assert found[key].dtype == np.float32 and found[key].tobytes() == array.tobytes(), key
    assert find(tmp_path / "out", name) == out / f"params_{name}.npz"


def test_other_spellings_and_a_base_that_holds_a_params_folder(tmp_path, small):
    small("_ptm")
    family(tmp_path / "base" / "params", "_ptm")
    written = af2jax.export(PARAMS, "alphafold2_ptm_model_2", tmp_path / "out", tmp_path / "base")
    assert written[0].name == "params_model_2_ptm.npz" and len(written) == 6


def test_loads_back_as_the_same_tree(tmp_path):
    (tmp_path / "base").mkdir()
    af2jax.export(PARAMS, "tiny", tmp_path / "out", tmp_path / "base")
    _, back = af2jax.load("tiny", tmp_path / "out")
    assert flatten(back).keys() == flatten(PARAMS).keys()
    assert all(back.tobytes() == flatten(PARAMS)[path].tobytes() for path, back in flatten(back).items())


@pytest.mark.medium("compiles both layouts")
@pytest.mark.parametrize(
    "convert", [np.asarray, jnp.asarray, lambda x: np.asarray(x, np.float64)], ids=["np", "jax", "double"]
)
def test_stacks_are_rejoined(tmp_path, convert):
    (tmp_path / "base").mkdir()
    parts = jax.tree.map(convert, split_stack(PARAMS, (1, 1)))
    af2jax.export(parts, "tiny", tmp_path / "out", tmp_path / "base")
    with np.load(tmp_path / "out" / "params_tiny.npz") as found:
        assert all(found[key].tobytes() == array.tobytes() for key, array in FLAT.items())


class TestNewHeads:
    HEADS = "task_heads"

    def params(self):
        return PARAMS | {self.HEADS: {"ss": {"logits": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}}}}

    def test_go_into_a_file_beside(self, tmp_path):
        (tmp_path / "base").mkdir()
        written = af2jax.export(self.params(), "tiny", tmp_path / "out", tmp_path / "base")
        assert [file.name for file in written] == ["params_tiny.npz", "heads.npz", "download_finished.txt"]
        with np.load(tmp_path / "out" / "heads.npz", allow_pickle=False) as found:
            assert set(found.files) == {"ss/logits/kernel", "ss/logits/bias"} and found["ss/logits/kernel"].shape == (
                2,
                3,
            )
        af2jax.load("tiny", tmp_path / "out")

    def test_of_an_earlier_export_do_not_stay(self, tmp_path):
        (tmp_path / "base").mkdir()
        for params in (self.params(), PARAMS):
            af2jax.export(params, "tiny", tmp_path / "out", tmp_path / "base")
        assert names(tmp_path / "out") == ["download_finished.txt", "params_tiny.npz"]

    def test_that_are_not_finite(self, tmp_path):
        (tmp_path / "base").mkdir()
        params = self.params()
        params[self.HEADS]["ss"]["logits"]["bias"] = jnp.full(3, jnp.nan)
        match = "the new heads hold numbers that are not finite, in ss/logits/bias"
        expect(match, lambda: af2jax.export(params, "tiny", tmp_path / "out", tmp_path / "base"))
        assert not (tmp_path / "out").exists()


class TestRefused:
    """Nothing is written, not even the folder."""

    def refuse(self, match, tmp_path, params=PARAMS, name="model_1_ptm", base=None, kind=WeightsError):
        base = tmp_path / "base" if base is None else base
        expect(match, lambda: af2jax.export(params, name, tmp_path / "out", base), kind)
        assert not (tmp_path / "out").exists()

    @pytest.fixture
    def base(self, tmp_path, small):
        small("_ptm")
        return family(tmp_path / "base", "_ptm")

    def test_a_base_that_lacks_a_file(self, tmp_path, base):
        (base / "params_model_4_ptm.npz").unlink()
        self.refuse(r"has no params_model_4_ptm\.npz; it has params_model_1_ptm", tmp_path)

    def test_a_base_that_is_no_folder(self, tmp_path, base):
        for wrong in (base / "params_model_1_ptm.npz", tmp_path / "nowhere"):
            self.refuse("is not a folder; give the one that holds DeepMind's files", tmp_path, base=wrong)

    def test_numbers_that_are_not_finite(self, tmp_path, base):
        params = jax.tree.map(np.array, PARAMS)
        params["single"]["bias"][0] = np.inf
        self.refuse("tree to export holds numbers that are not finite, in .*single_activations//bias", tmp_path, params)

    def test_another_tree(self, tmp_path, base):
        params = {name: tree for name, tree in PARAMS.items() if name != "single"}
        not_it = "the tree to export is not one of model_1_ptm: "
        self.refuse(not_it + "2 missing: single/bias, single/kernel", tmp_path, params)
        for turn in (np.transpose, lambda x: x[:3]):  # the first has as many numbers
            params = PARAMS | {"single": PARAMS["single"] | {"kernel": turn(PARAMS["single"]["kernel"])}}
            self.refuse(not_it + "1 misshapen: single/kernel is", tmp_path, params)
        self.refuse(not_it + ".* missing: evoformer/", tmp_path, {"single": PARAMS["single"]})
        self.refuse('no preset is called "model_9"', tmp_path, name="model_9", kind=InputError)

    def test_a_folder_of_the_files_that_it_came_from(self, tmp_path, base):
        before = {name: (base / name).read_bytes() for name in names(base)}
        match = "holds the files that the parameters came from; export to another folder"
        expect(match, lambda: af2jax.export(PARAMS, "model_1_ptm", base, base), InputError)
        shutil.copytree(base, tmp_path / "above" / "params")
        out = tmp_path / "above" / "params"
        expect(match, lambda: af2jax.export(PARAMS, "model_1_ptm", out, tmp_path / "above"), InputError)
        assert {name: (base / name).read_bytes() for name in names(base)} == before


def test_a_set_that_is_not_complete_has_no_marker(tmp_path, small, monkeypatch):
    """Neither after a copy that fails, nor while an older set is being replaced."""
    small("_ptm")
    base, out = family(tmp_path / "base", "_ptm"), tmp_path / "out"
    af2jax.export(PARAMS, "model_1_ptm", out, base)
    assert "download_finished.txt" in names(out)

    def full(source, target):
        Path(target).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="no space"):
        af2jax.export(PARAMS, "model_1_ptm", out, base)
    assert names(out) == names(base)  # the older files, whole, and no part of a file
    assert all((out / name).read_bytes() == (base / name).read_bytes() for name in names(base)[1:])


class TestOracle:
    """DeepMind's own loader reads the directory."""

    def loaded(self, name, folder):
        data = pytest.importorskip("alphafold.model.data", reason="the oracle (alphafold-colabfold) is not installed")
        fused = name.endswith("_v3")  # as the files are
        return data.get_model_haiku_params(name, str(folder), fuse=fused, to_jnp=False)

    def agree(self, found, flat):
        found = {f"{scope}//{leaf}": array for scope, tree in found.items() for leaf, array in tree.items()}
        assert found.keys() == flat.keys()
        for key, array in flat.items():
            assert np.asarray(found[key]).tobytes() == array.tobytes(), key

    def test_tiny(self, tmp_path):
        (tmp_path / "base").mkdir()
        af2jax.export(split_stack(PARAMS, (1, 1)), "tiny", tmp_path / "params", tmp_path / "base")
        self.agree(self.loaded("tiny", tmp_path), FLAT)

    @pytest.mark.slow("writes the full-size network")
    @pytest.mark.parametrize("name", ["model_1_ptm", "model_2_multimer_v3"])
    def test_full_size(self, tmp_path, name):
        """What trained differs, and every other array is that of the base to the bit."""
        flat = support.rule_flat(preset(name))
        base = family(tmp_path / "base", name[7:])
        np.savez(base / f"params_{name}.npz", **flat)
        _, params = af2jax.load(name, base, split=(44, 4))
        mask = flatten(af2jax.mask(params, recipe("last_blocks")))
        moved = {path: x + np.float32(0.5) if mask[path] else x for path, x in flatten(params).items()}
        af2jax.export(af2jax.pretrained.tree.unflatten(moved), name, tmp_path / "params", base)
        found = self.loaded(name, tmp_path)
        _, back = af2jax.load(name, find(tmp_path, name), split=(44, 4))
        assert all(x.tobytes() == moved[path].tobytes() for path, x in flatten(back).items())
        found = {f"{scope}//{leaf}": array for scope, tree in found.items() for leaf, array in tree.items()}
        assert found.keys() == flat.keys()
        for key, array in flat.items():
            scope = key.removeprefix(deepmind.SCOPE).split("//")[0]
            stack = "evoformer/evoformer_iteration" in scope
            trained = scope.startswith("structure_module") or scope.split("/")[0].endswith("_head")
            trained |= scope == "evoformer/single_activations"
            same = np.ascontiguousarray(array[:44] if stack else array).tobytes()
            now = np.ascontiguousarray(found[key][:44] if stack else found[key]).tobytes()
            assert (now == same) == (not trained), key
            assert not stack or (found[key][44:] != array[44:]).all(), key
