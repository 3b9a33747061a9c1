"""Loading from files: everything that may stand in an .npz, and random initialisation."""

import io
import pickle
import zipfile

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.errors import InputError, WeightsError
from af2jax.pretrained.load import report
from af2jax.pretrained.tree import flatten
from tests import support

FLAT = support.rule_flat(preset("tiny"))
NAME = "params_tiny.npz"


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / NAME, **FLAT)
    return tmp_path / NAME


def same(params):
    back = af2jax.pretrained.to_deepmind(params, "tiny")
    return all(np.array_equal(back[k], FLAT[k]) for k in FLAT)


def test_a_file_a_folder_and_a_two_level_tree_are_one(file, tmp_path):
    assert same(af2jax.load("tiny", file)[1]) and same(af2jax.load("tiny", tmp_path)[1])
    (tmp_path / "above" / "params").mkdir(parents=True)
    file.rename(tmp_path / "above" / "params" / NAME)
    assert same(af2jax.load("tiny", tmp_path / "above")[1])
    tree: dict = {}
    for key, value in FLAT.items():
        scope, leaf = key.split("//")
        tree.setdefault(scope, {})[leaf] = value
    model, params = af2jax.load("tiny", tree, split=(1, 1))
    assert same(params) and "blocks_1" in params["evoformer"] and model.config.split == (1, 1)


def test_the_report_accounts_for_every_array(file):
    found = report(file)
    text = str(found)
    assert found.presets == ("tiny",) and f"{len(FLAT)} arrays" in text and "preset: tiny" in text
    np.savez(file, **dict(list(FLAT.items())[1:]))
    assert "preset: none; nearest tiny: 1 missing" in str(report(file))


def expect(file, match, name="tiny"):
    with pytest.raises(WeightsError, match=match) as caught:
        af2jax.load(name, file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


def test_absent(tmp_path, file):
    expect(tmp_path / "no.npz", "does not exist")
    expect(tmp_path, r"has no params_model_1\.npz; it has params_tiny\.npz", "model_1")


def test_a_training_without_a_checkpoint(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    expect(tmp_path, "is a training that ended before its first checkpoint")


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_truncated(file, keep):
    data = file.read_bytes()
    file.write_bytes(data[: int(keep * len(data))])
    expect(file, "is damaged: an incomplete or altered .npz: delete it and download it again")


def test_bit_flips_are_never_read_silently(file):
    data, rng = bytearray(file.read_bytes()), np.random.default_rng(0)
    for place in rng.integers(0, len(data), 25):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.integers(8)
        file.write_bytes(flipped)
        try:
            assert same(af2jax.load("tiny", file)[1])  # a bit that means nothing, such as a date
        except WeightsError as error:
            assert "\n" not in str(error)


def test_a_flipped_bit_in_the_numbers_is_damage(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 16
    file.write_bytes(data)
    expect(file, "damaged|declares|not a NumPy array")


def test_a_web_page(file):
    file.write_text("<!DOCTYPE html><html><body>404</body></html>")
    expect(file, r"is a web page \(HTML\), not an .npz file: delete it and download it again")


def test_a_pickle_runs_nothing(file, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    file.write_bytes(pickle.dumps(Evil(), 4))
    expect(file, "is a pickle, which could run code")
    np.savez(file, **FLAT, evil=np.array([Evil()], dtype=object))
    expect(file, "holds pickled Python objects, which could run code")
    assert not (tmp_path / "ran").exists()


def test_a_header_that_lies_about_its_size(file):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a//b.npy", header.getvalue() + b"\0" * 64)
    expect(file, "declares 4000000000000 bytes but stores 64")


def test_a_header_that_is_cut_off_in_a_bracket(file):
    """NumPy reads it as tokens of Python, and raises what its tokenizer does."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, \n"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a//b.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 12)
    expect(file, "is damaged: an incomplete or altered .npz")


def test_other_numbers(file):
    key = next(iter(FLAT))
    np.savez(file, **(FLAT | {key: FLAT[key].astype(int)}))
    expect(file, "holds int64, expected floating-point numbers")
    np.savez(file, **(FLAT | {key: np.full_like(FLAT[key], np.nan)}))
    expect(file, "holds numbers that are not finite")


def test_the_wrong_preset_is_named(file):
    expect(file, r'is not model_1_ptm but tiny; load it as "tiny"', "model_1_ptm")


@pytest.mark.medium("compiles how the network is initialised")
def test_random_initialisation_follows_the_supplement():
    _, params = af2jax.load("tiny", key=jax.random.key(1))
    flat = flatten(params)
    assert all(x.dtype == np.float32 for x in flat.values())
    for path, x in flat.items():
        leaf = path.rsplit("/", 2)[-2:]
        if leaf[1] == "scale" or (leaf[0].startswith("gate") and leaf[1] == "bias"):
            assert (x == 1).all(), path
        elif leaf[1] in ("bias", "offset") or leaf[0].startswith("gate") or "logits" in leaf:
            assert (x == 0).all(), path
    assert np.isclose(np.logaddexp(flat["structure/ipa/gamma"], 0), 1).all()
    assert np.isclose(flat["input/msa/kernel"].std(), 49**-0.5, rtol=0.1)
    assert (flat["evoformer/blocks/msa_row/attention/out/kernel"] == 0).all()


def test_the_wrong_name_is_an_input_error():
    with pytest.raises(InputError, match="no preset is called"):
        af2jax.load("model_9")
