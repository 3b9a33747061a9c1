"""Every loss and its gradient in what the network says, against DeepMind's functions, on made-up proteins."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import interop, losses
from af2jax.geometry import quaternion
from tests.losses import examples, theirs

pytestmark = [pytest.mark.parity, pytest.mark.medium("compiles all losses of DeepMind's and ours")]
pytest.importorskip("alphafold.model.folding", reason="the oracle (alphafold-colabfold, dm-haiku) is not installed")


@partial(jax.jit, compiler_options=examples.QUICK)
def our_gradient(theta, targets):
    def loss(theta):
        said = theta | {"rot": quaternion.rotation(theta["rot"])}
        return losses.total(examples.outputs(said, targets.aatype, targets.seq_mask), targets)

    return jax.grad(loss, has_aux=True)(theta)


@partial(jax.jit, compiler_options=examples.QUICK)
def their_gradient(theta, d):
    return jax.grad(theirs.total, has_aux=True)(theta, d)


@pytest.fixture(scope="module")
def theta():
    """What `examples.prediction` says, rotations as unit quaternions; the first two bins of PAE's diagonal agree.

    DeepMind's code leaves it to rounding which of them the diagonal belongs to.
    """
    said = examples.prediction(examples.targets().aatype)
    q = jax.random.normal(jax.random.key(3), (*said["trans"].shape[:2], 4))
    i = jnp.arange(q.shape[1])
    pae = said["logits"]["pae"].at[i, i, 0].set(said["logits"]["pae"][i, i, 1])
    unit = q / jnp.linalg.norm(q, axis=-1, keepdims=True)
    return said | {"rot": unit, "logits": said["logits"] | {"pae": pae}}


def gaps(d):
    return d | {"residue_index": d["residue_index"] + 3 * (np.arange(20) > 9).astype(np.int32)}


def padding(d):
    inside = (np.arange(20) < 14).astype(np.float32)
    masked = {name: (d[name].T * inside).T for name in ("aatype", "seq_mask", "all_atom_positions", "all_atom_mask")}
    return d | masked | {"aatype": masked["aatype"].astype(np.int32), "bert_mask": d["bert_mask"] * inside[None]}


CASES = {
    "clamped": lambda d: d,
    "not clamped": lambda d: d | {"use_clamped_fape": np.float32(0)},
    "half clamped": lambda d: d | {"use_clamped_fape": np.float32(0.5)},
    "no resolution": lambda d: d | {"resolution": np.float32(0)},
    "low resolution": lambda d: d | {"resolution": np.float32(3.1)},
    "gaps": gaps,
    "padding": padding,
    "unknown residues": lambda d: d | {"aatype": np.where(np.arange(20) % 5 == 1, 20, d["aatype"]).astype(np.int32)},
    "nothing masked": lambda d: d | {"bert_mask": 0 * d["bert_mask"]},
    "half of a pair observed": lambda _: examples.dictionary(together=False),
    "nothing observed": lambda d: d | {"all_atom_mask": 0 * d["all_atom_mask"]},
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case, theta):
    d = CASES[case](examples.dictionary())
    targets = jax.tree.map(jnp.asarray, interop.targets(d))
    with theirs.corrected(), jax.numpy_dtype_promotion("standard"):
        expected, terms = their_gradient(theta, {k: jnp.asarray(v) for k, v in (d | theirs.labels(d)).items()})
    found, metrics = our_gradient(theta, targets)
    theirs.compare_terms(metrics, terms)

    # The labels of PAE's diagonal differ (see `theta`).
    off = ~jnp.eye(20, dtype=bool)[..., None] | (jnp.arange(64) > 1)[None, None]
    for gradient in (found, expected):
        gradient["logits"]["pae"] = jnp.where(off, gradient["logits"]["pae"], 0)

    def close(path, a, b):
        error = float(jnp.max(jnp.abs(a - b))) / max(float(jnp.max(jnp.abs(b))), 1e-6)
        assert error < 1e-4, (jax.tree_util.keystr(path), error)

    jax.tree_util.tree_map_with_path(close, found, expected)


def test_lddt_equals_deepminds():
    from alphafold.model import lddt as oracle

    from af2jax.geometry.lddt import lddt

    keys = jax.random.split(jax.random.key(0), 3)
    true = 8 * jax.random.normal(keys[0], (30, 3))
    found = true + jax.random.normal(keys[1], (30, 3)) * jnp.linspace(0, 3, 30)[:, None]
    mask = jax.random.uniform(keys[2], (30,)) > 0.2
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        expected = oracle.lddt(found[None], true[None], mask[None, :, None].astype(jnp.float32), per_residue=True)[0]
    np.testing.assert_allclose(lddt(found, true, mask), expected, atol=1e-6)
    scored = np.asarray(expected)[mask]  # the law is not of all or nothing
    assert len(np.unique(scored)) > 10 and 0.5 < scored.mean() < 0.8
