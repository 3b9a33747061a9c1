"""A perfect prediction has perfect scores, a moved one the same, a spoiled one worse; what is unknown is NaN."""

import dataclasses
from unittest import mock

import jax
import numpy as np
import pytest

from af2jax import interop
from af2jax.config import preset
from af2jax.constants.atoms import CA
from af2jax.errors import InputError
from af2jax.evaluation import observe as observing
from af2jax.evaluation.observe import Observed
from af2jax.evaluation.scores import PAE_BINS, score
from af2jax.evaluation.subject import Subject
from af2jax.geometry.rigid import Rigid
from af2jax.inference import Pass
from af2jax.model.alphafold import AlphaFold
from af2jax.protein.truth import truth
from tests.losses import examples

NUM, PAD = 24, 3
TRUTH = jax.jit(truth)


@pytest.fixture(scope="module")
def given():
    """(features, targets) of a made-up protein some atoms of which are missing; the last rows are padding."""
    d = examples.whole(NUM, num_seq=3, num_extra=4, num_templ=1, seed=0)
    features, targets = interop.features(d), interop.targets(d)
    mask = np.arange(NUM) < NUM - PAD
    return features.replace(seq_mask=mask), targets.replace(seq_mask=mask)


def seen(targets, positions=None) -> Observed:
    """What a network says that knows the answer, or says `positions`."""
    known = jax.device_get(TRUTH(targets.aatype, targets.positions, targets.atom_mask))
    torsions = np.zeros((NUM, 7, 2), np.float32)
    torsions[:, 3:] = known.chi
    positions = np.asarray(targets.positions) if positions is None else positions
    rot = np.asarray(known.backbone.rot)
    layers = np.stack([np.zeros_like(positions), positions])[None]
    flat = np.zeros((NUM, NUM), np.float32)
    atoms = np.asarray(targets.atom_mask)
    return Observed(layers, atoms, rot, torsions, np.full((1, NUM), 100.0), flat, 0.9, flat, flat, flat[0], flat, {})


def _far(features) -> np.ndarray:
    """Pairs that are not neighbours along a chain, which alone count for PAE."""
    rows = np.asarray(features.seq_mask)
    index, chain = (np.asarray(x)[rows] for x in (features.residue_index, features.asym_id))
    return (np.abs(index[:, None] - index) >= 6) | (chain[:, None] != chain)


@pytest.mark.medium("compiles for more than a second")
def test_perfect(given):
    found = score(seen(given[1]), *given)
    n = found.numbers
    observed = np.asarray(given[1].atom_mask)[: NUM - PAD, CA]
    assert n["length"] == NUM - PAD and n["observed"] == observed.sum() < NUM - PAD
    for name, value in {
        "lddt_ca": 100,
        "lddt": 100,
        "gdt_ts": 100,
        "gdt_ha": 100,
        "tm": 1,
        "chi1": 1,
        "chi": 1,
    }.items():
        assert n[name] == pytest.approx(value, abs=1e-3), name
    for name in ("rmsd", "pae_gap", "plddt_gap"):
        assert n[name] == pytest.approx(0, abs=2e-3), name
    assert np.nanmax(found.residues["error"]) < 1e-3 and len(found.residues["lddt"]) == NUM - PAD
    assert found.passes.shape == (1, 2) and found.passes[0, 1] > 99 > found.passes[0, 0]
    assert (
        found.pae.shape == (PAE_BINS, 2)
        and found.pae[0, 0] == (np.isfinite(found.aligned) & _far(given[0])).sum() > 20
        and found.pae[:, 1].sum() < 1
    )
    assert n["helix_lddt_ca"] < 100 and 0 < n["helix_tm"] < 1


def test_a_rigid_motion_changes_nothing(given):
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    before = seen(given[1])
    moved = seen(given[1], np.asarray(given[1].positions) @ turn.T + 5)
    moved = dataclasses.replace(moved, rot=turn @ before.rot)
    a, b = (score(x, *given) for x in (before, moved))
    assert a.numbers == pytest.approx(b.numbers, abs=2e-2, nan_ok=True)
    assert np.nanmax(b.aligned) < 1e-3
    observed = np.asarray(given[1].atom_mask)[: NUM - PAD, CA]
    true = np.asarray(given[1].positions)[: NUM - PAD, CA]
    np.testing.assert_allclose(b.moved[observed], true[observed], atol=1e-3)


def test_errors_are_seen_where_they_are(given):
    bad = np.array(given[1].positions)
    bad[5] += 12
    wrong = seen(given[1], bad)
    wrong.torsions[3, 3:] *= -1  # half a turn of all chi of one residue
    found = score(wrong, *given)
    assert found.numbers["lddt_ca"] < 99 and found.numbers["rmsd"] > 1 and found.numbers["plddt_gap"] > 1
    assert np.nanargmax(found.residues["error"]) == 5 == np.nanargmin(found.residues["lddt_ca"])
    seen_from = np.nanmedian(found.aligned[:, 5])
    np.testing.assert_allclose(seen_from, 12 * np.sqrt(3), rtol=1e-3)  # the CA of 5, seen from the others
    assert found.numbers["pae_gap"] > 0.5


def test_chi_that_half_a_turn_does_not_change(given):
    features, targets = given
    known = jax.device_get(TRUTH(targets.aatype, targets.positions, targets.atom_mask))
    turned = seen(targets)
    turned.torsions[:, 3:][known.chi_pi_periodic] *= -1
    assert known.chi_pi_periodic.any() and score(turned, features, targets).numbers["chi"] == 1


def test_what_is_not_known_is_nan(given):
    features, targets = given
    nothing = score(seen(targets), features, targets.replace(atom_mask=np.zeros((NUM, 37), bool)))
    for name in ("lddt_ca", "lddt", "rmsd", "gdt_ts", "tm", "chi", "pae_gap", "plddt_gap", "helix_tm"):
        assert np.isnan(nothing.numbers[name]), name
    assert nothing.numbers["observed"] == 0 and nothing.numbers["plddt"] == 100
    part = np.array(targets.atom_mask)
    part[4] = False
    found = score(seen(targets), features, targets.replace(atom_mask=part))
    assert np.isnan(found.residues["lddt_ca"][4]) and np.isfinite(found.residues["lddt_ca"][3])
    assert np.isnan(found.aligned[4]).all() and found.numbers["observed"] == part[: NUM - PAD, CA].sum()


@pytest.mark.parametrize("what", ["plddt", "single", "atoms", "pae"])
def test_what_is_not_finite_is_named(what, given, monkeypatch):
    features, targets = given
    spoiled = seen(targets)
    scores = {"plddt": spoiled.plddt[0], "pae": spoiled.pae, "single": spoiled.residues}
    frames = Rigid(spoiled.rot[None], np.zeros((1, NUM, 3), np.float32))
    structure = mock.Mock(frames=frames, torsions=spoiled.torsions[None], atom37_mask=spoiled.atom_mask)
    layers = spoiled.layers[0]
    if what == "atoms":
        layers = np.full_like(layers, np.nan)
    else:
        scores[what] = np.full_like(scores[what], np.nan)
    monkeypatch.setattr(observing, "_layers", lambda *_: layers)
    monkeypatch.setattr(observing, "passes", lambda *_: iter([Pass(None, structure, scores, {}, 0.0)]))

    subject = Subject("a", "a", AlphaFold(preset("tiny")), {}, {}, {}, None, 0)
    with pytest.raises(InputError, match=rf"p1: the network's answer is not finite \({what}\)"):
        observing.observe(subject, features, "p1")
