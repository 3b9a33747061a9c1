"""Losses and the gradient of every array, full size, float32, against DeepMind's: stored where they are, live here."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.model.alphafold import AlphaFold
from af2jax.nn.runtime import Runtime
from tests import support
from tests.losses import examples, theirs

pytestmark = [pytest.mark.slow("compiles DeepMind's full-size network and its gradient"), pytest.mark.parity]

# Arrays whose gradient is rounding: a bias of keys shifts every logit of a softmax alike, and the like.
FLOOR = 1e-7  # of the norm of the whole gradient
LOSS_BF16, GRADIENT_BF16 = 1e-3, 0.1  # how far bfloat16 may be from float32, relative


def ours(name, flat, d, num_recycle, runtime: Runtime = Runtime(), changes=None):
    """(metrics, gradient) of the total loss with `changes` of its weights, the gradient under DeepMind's keys."""
    model = AlphaFold(preset(name), runtime)
    features, targets = af2jax.interop.features(d), af2jax.interop.targets(d)

    @jax.jit
    def run(params, features, targets):
        def loss(params):
            outputs = af2jax.forward(model, params, features, num_recycle)
            return af2jax.losses.total(outputs, targets, af2jax.losses.default_weights(outputs) | (changes or {}))

        return jax.grad(loss, has_aux=True)(params)

    gradient, metrics = run(af2jax.pretrained.from_deepmind(flat, name), features, targets)
    return metrics, af2jax.pretrained.to_deepmind(gradient, name)


def compare_gradients(found, norms, dots):
    """Norms and dot products with the probe, by key."""
    assert found.keys() == norms.keys()
    whole = np.sqrt(sum(float(norm) ** 2 for norm in norms.values()))
    probe = lambda key: theirs.probe(key, found[key].shape)
    norm_errors, dot_errors, rounding = {}, {}, []
    for key, expected in norms.items():
        array = np.asarray(found[key], np.float64)
        norm, dot = float(np.linalg.norm(array)), float(np.sum(array * probe(key)))
        if max(norm, expected) < FLOOR * whole:
            rounding.append(key)
            continue
        norm_errors[key] = abs(norm / expected - 1)
        dot_errors[key] = abs(dot - dots[key]) / expected
    assert max(norm_errors.values()) < 1e-3, sorted(norm_errors.items(), key=lambda x: -x[1])[:5]
    assert max(dot_errors.values()) < 5e-3, sorted(dot_errors.items(), key=lambda x: -x[1])[:5]
    print(f"norm {max(norm_errors.values()):.1e}, dot {max(dot_errors.values()):.1e}, rounding {rounding}")
    return rounding


def test_every_stored_array(shared):
    stored = dict(np.load(shared / "golden" / "model_1_ptm_gradient.npz", allow_pickle=False))
    inside = lambda prefix: {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
    metrics, gradient = ours("model_1_ptm", support.rule_flat(preset("model_1_ptm")), inside("in/"), 0)
    theirs.compare_terms(metrics, inside("out/ret/") | {"loss": stored["out/loss"]})
    rounding = compare_gradients(gradient, inside("out/gradnorm/"), inside("out/graddot/"))
    assert len(rounding) == 6


def padded(d: dict, real: int) -> dict:
    """`d` with the residues after `real`, and two MSA rows, masked."""
    inside = np.arange(len(d["aatype"])) < real
    d = {
        k: v * (inside if v.ndim == 1 else inside[:, None]) if k in ("seq_mask", "all_atom_mask") else v
        for k, v in d.items()
    }
    rows = np.arange(len(d["msa_mask"])) < len(d["msa_mask"]) - 2
    d |= {"msa_mask": d["msa_mask"] * rows[:, None] * inside, "extra_msa_mask": d["extra_msa_mask"] * inside}
    d |= {
        "bert_mask": d["bert_mask"] * rows[:, None] * inside,
        "all_atom_positions": d["all_atom_positions"] * d["all_atom_mask"][..., None],
    }
    if "template_all_atom_masks" in d:
        d["template_all_atom_masks"] = d["template_all_atom_masks"] * inside[None, :, None]
    return {k: np.asarray(v, np.asarray(d[k]).dtype) for k, v in d.items()}


CASES = {
    "one recycle, not clamped, padding": ("model_2_ptm", 1, {"use_clamped_fape": np.float32(0)}, 15),
    "no templates, no resolution": ("model_5", 0, {"resolution": np.float32(0)}, None),
}


def example(case):
    """The preset, the number of recycles and AlphaFold's dictionary of a case."""
    name, num_recycle, changes, real = CASES[case]
    d = examples.whole(18, num_seq=6, num_extra=7, num_templ=2, seed=3) | changes
    return name, num_recycle, padded(d, real) if real else d


@pytest.mark.parametrize("case", CASES)
def test_every_live_array(case):
    from tests import oracle

    name, num_recycle, d = example(case)
    flat = support.rule_flat(preset(name), seed=5)
    with theirs.corrected(), theirs.diagonal_in_bin_1():
        expected, gradient = oracle.gradient(preset(name), flat, d | theirs.labels(d), num_recycle)
    metrics, found = ours(name, flat, d, num_recycle)
    theirs.compare_terms(metrics, expected)
    norms = {key: np.linalg.norm(x.astype(np.float64)) for key, x in gradient.items()}
    dots = {key: np.sum(x.astype(np.float64) * theirs.probe(key, x.shape)) for key, x in gradient.items()}
    compare_gradients(found, norms, dots)


def test_bfloat16_is_near_float32():
    """Without violations: in the heap of atoms that weights by rule make, their gradient jumps at every touch."""
    name, num_recycle, d = example("no templates, no resolution")
    flat, changes = support.rule_flat(preset(name), seed=5), {"violation": 0.0}
    run = lambda dtype: ours(name, flat, d, num_recycle, Runtime(dtype=dtype), changes)
    (exact, a), (near, b) = run("float32"), run("bfloat16")
    norm = lambda arrays: np.sqrt(sum(np.sum(np.square(x, dtype=np.float64)) for x in arrays))
    distance = norm(np.asarray(b[key]) - np.asarray(a[key]) for key in a) / norm(map(np.asarray, a.values()))
    loss = abs(float(near["loss"] / exact["loss"]) - 1)
    print(f"bfloat16: loss differs by {loss:.1e}, gradient by {distance:.1e} of its norm")
    assert loss < LOSS_BF16 and distance < GRADIENT_BF16
