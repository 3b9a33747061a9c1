"""DeepMind's published parameters, where AF2JAX_PARAMS names their folder (`make check-weights`).

Every preset in the folder is loaded, written back, and folds ubiquitin from its sequence alone; where DeepMind's code
is installed it folds the same features beside it.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import af2jax
from af2jax.config import PRESETS
from af2jax.pretrained import npz
from af2jax.pretrained.load import find
from tests import support

FOLDER = os.environ.get("AF2JAX_PARAMS", "")
UBIQUITIN = Path(__file__).resolve().parents[2] / "experiments" / "data" / "ubiquitin.fasta"

# CA-CA distances (angstrom) of residues far apart in sequence, from the crystal structure PDB 5GOB, chain A.
CONTACTS = {
    (4, 14): 4.6,
    (6, 12): 4.5,
    (5, 67): 4.6,
    (3, 65): 5.2,
    (2, 65): 8.1,
    (7, 70): 6.2,
    (45, 69): 9.2,
    (43, 71): 8.8,
    (41, 73): 8.4,
    (24, 35): 14.7,
    (28, 44): 15.5,
    (16, 31): 13.1,
    (49, 60): 13.3,
    (18, 57): 8.7,
}


def found(one_chain: bool = False) -> list[str]:
    """The presets whose files are in the folder."""
    if not FOLDER:
        return []
    stems = {f.stem.removeprefix("params_") for d in (Path(FOLDER), Path(FOLDER, "params")) for f in d.glob("*.npz")}
    return sorted(name for name in stems & PRESETS.keys() if not (one_chain and "multimer" in name))


pytestmark = pytest.mark.skipif(not FOLDER, reason="AF2JAX_PARAMS does not name a folder of DeepMind's parameters")


def test_there_is_something_to_check():
    assert found(), f"{FOLDER} holds no params_<preset>.npz"


@pytest.mark.parametrize("name", found())
def test_loads_and_writes_back_the_same(name):
    _, params = af2jax.load(name, FOLDER)
    original = npz.read(find(Path(FOLDER), name))
    written = af2jax.pretrained.to_deepmind(params, name)
    assert written.keys() == original.keys()
    assert all(np.array_equal(written[key], original[key]) for key in original)


def test_one_preset_at_least_folds_ubiquitin():
    right = {}
    for name in found(one_chain=True):
        model, params = af2jax.load(name, FOLDER)
        prediction = af2jax.predict(model, params, af2jax.features(UBIQUITIN, model.config, seed=0))
        ca = prediction.protein.positions[:, 1]
        distances = {(i, j): np.linalg.norm(ca[i - 1] - ca[j - 1]) for i, j in CONTACTS}
        right[name] = sum(abs(distances[pair] - known) < 2 for pair, known in CONTACTS.items())
        print(f"{name}: mean pLDDT {prediction.plddt.mean():.1f}, {right[name]} of {len(CONTACTS)} contacts")
    assert max(right.values()) >= 0.8 * len(CONTACTS)


@pytest.mark.parametrize("name", found(one_chain=True))
def test_equals_deepminds_code(name):
    from tests import oracle

    d = support.dictionary(num_res=24, num_seq=6, num_extra=8, num_templ=2)
    model, params = af2jax.load(name, FOLDER)
    expected = oracle.run(model.config, af2jax.pretrained.to_deepmind(params, name), d, num_recycle=1)
    outputs = af2jax.interop.outputs(af2jax.forward(model, params, af2jax.interop.features(d), num_recycle=1))
    errors = {key: support.relative_error(value, expected[key]) for key, value in outputs.items()}
    print(f"{name}: largest error {max(errors.values()):.1e} of the largest value of an array")
    assert max(errors.values()) < 1e-4, errors
