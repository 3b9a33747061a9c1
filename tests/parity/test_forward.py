"""The whole network, full size, float32, against DeepMind's numbers: stored ones where they are, live ones here."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from tests import support

pytestmark = [pytest.mark.slow("compiles DeepMind's full-size network"), pytest.mark.parity]
LIMIT = 1e-4  # of the largest value of each array


def run(name, params, dictionary, num_recycle):
    model = AlphaFold(preset(name))
    forward = lambda params, features: af2jax.interop.outputs(af2jax.forward(model, params, features, num_recycle))
    return jax.jit(forward)(params, af2jax.interop.features(dictionary))


@pytest.mark.parametrize("name, num_recycle", [("model_1_ptm", 1), ("model_3", 0)])
def test_every_stored_array(shared, name, num_recycle):
    stored = dict(np.load(shared / "golden" / f"{name}_forward.npz", allow_pickle=False))
    found = run(
        name, support.rule_params(preset(name)), {k[3:]: v for k, v in stored.items() if k[:3] == "in/"}, num_recycle
    )
    compared = [k for k in stored if k[4:] in found]
    assert len(compared) == len(found)
    errors = {k: support.relative_error(found[k[4:]], stored[k]) for k in compared}
    print(f"{name}: {len(errors)} arrays, largest error {max(errors.values()):.1e}")
    assert max(errors.values()) < LIMIT, errors


def padded(d, num_res, num_seq, num_extra):
    """`d` with masked residues and rows of junk."""
    rng = np.random.default_rng(9)
    sizes = {len(d["aatype"]): num_res}
    out = {}
    for key, x in d.items():
        pads = []
        for axis, size in enumerate(np.shape(x)):
            is_row = axis == 0 and key in (
                "msa_feat",
                "msa_mask",
                "extra_msa",
                "extra_msa_mask",
                "extra_has_deletion",
                "extra_deletion_value",
            )
            target = (num_extra if key.startswith("extra") else num_seq) if is_row else sizes.get(size, size)
            pads.append((0, target - size))
        junk = np.zeros if "mask" in key else lambda s: rng.integers(0, 3, s)
        y = junk([s + p[1] for s, p in zip(np.shape(x), pads, strict=True)]).astype(np.asarray(x).dtype)
        y[tuple(slice(s) for s in np.shape(x))] = x
        out[key] = y
    return out


@pytest.mark.parametrize(
    "name, num_recycle, pad",
    [("model_1", 2, False), ("model_5_ptm", 1, False), ("model_2_ptm", 1, True), ("model_4", 0, True)],
)
def test_every_live_array(name, num_recycle, pad):
    from tests import oracle

    d = support.dictionary(num_res=11, num_seq=6, num_extra=9, num_templ=3, seed=4)
    if pad:
        d = padded(d, 15, 8, 12)
    flat = support.rule_flat(preset(name), seed=5)
    expected = oracle.run(preset(name), flat, d, num_recycle)
    found = run(name, af2jax.pretrained.from_deepmind(flat, name), d, num_recycle)
    errors = {k: support.relative_error(v, expected[k]) for k, v in found.items()}
    print(f"{name}: {len(errors)} arrays, largest error {max(errors.values()):.1e}")
    assert len(errors) >= 11 and max(errors.values()) < LIMIT, errors
