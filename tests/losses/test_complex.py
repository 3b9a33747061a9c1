"""Losses of complexes that need no oracle: one chain is a monomer, and what is worked out by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import losses
from af2jax.constants.atoms import CA, C, N
from af2jax.geometry.rigid import Rigid
from af2jax.losses import confidence
from af2jax.losses.center import center_of_mass
from af2jax.losses.fape import backbone, backbone_last, fape
from af2jax.losses.symmetry import known as truth
from af2jax.schema import Outputs, StructureOutput, Targets
from tests.losses import complexes, examples

pytestmark = pytest.mark.medium("compiles the losses of complexes")


def structure(frames=None, atom37=None, logits=None):
    """`Outputs` of frames [N_layer N_res] and atoms alone."""
    none = Rigid(None, None)
    fields = dict.fromkeys(StructureOutput.__dataclass_fields__) | {"groups": none, "atom37": atom37}
    return Outputs(None, None, None, None, StructureOutput(**fields | {"frames": frames or none}), logits)


def of_points(positions, atom_mask, asym_id, **changes) -> Targets:
    """Targets of atoms [N_res 37 3], glycines."""
    num = len(asym_id)
    fields = {
        "aatype": jnp.full(num, 7),
        "residue_index": jnp.arange(num),
        "seq_mask": jnp.ones(num, bool),
        "asym_id": jnp.asarray(asym_id),
        "positions": positions,
        "atom_mask": atom_mask,
        "resolution": jnp.float32(2),
        "true_msa": None,
        "bert_mask": None,
        "use_clamped_fape": jnp.float32(1),
        "labels": {},
    }
    return Targets(**fields | changes)


def backbones(trans):
    """Atoms of residues at `trans` whose frames do not turn, and which were observed."""
    at = (
        jnp.zeros((len(trans), 37, 3))
        .at[:, jnp.array([N, CA, C])]
        .set(jnp.array([[-0.5, 1.4, 0.0], [0.0, 0.0, 0.0], [1.5, 0.0, 0.0]])[None])
    )
    mask = jnp.zeros((len(trans), 37), bool).at[:, jnp.array([N, CA, C])].set(True)
    return jnp.where(mask[..., None], at + trans[:, None], 0), mask


def unturned(trans):
    """[1 N_res] frames."""
    return Rigid(jnp.broadcast_to(jnp.eye(3), (1, len(trans), 3, 3)), trans[None])


def monomer_fape(outputs, targets):
    """Backbone FAPE as it was before there were complexes: no look at chains."""
    true = truth(targets)
    mask = true.backbone_mask[:, None] & true.backbone_mask[None]

    def layer(frames):
        error = lambda clamp: fape(frames, frames.trans, true.backbone, true.backbone.trans, mask, clamp)
        return error(10.0) * targets.use_clamped_fape + error(jnp.inf) * (1 - targets.use_clamped_fape)

    return jnp.mean(jax.vmap(layer)(outputs.structure.frames))


@partial(jax.jit, static_argnums=0, compiler_options=examples.QUICK)
def of_frames(loss, frames, targets):
    return jax.value_and_grad(lambda frames: loss(structure(frames), targets))(frames)


center = jax.jit(center_of_mass, compiler_options=examples.QUICK)
pae = jax.jit(confidence.pae, compiler_options=examples.QUICK)


class TestOneChain:
    """It has the losses of a monomer."""

    @pytest.mark.parametrize("share", [1.0, 0.0, 0.3])
    def test_fape(self, share):
        targets = examples.targets().replace(use_clamped_fape=jnp.float32(share))
        targets = targets.replace(seq_mask=jnp.arange(20) < 17, asym_id=jnp.where(jnp.arange(20) < 17, 1, 0))  # padding
        said = examples.prediction(targets.aatype, noise=3.0)
        frames = Rigid(said["rot"], said["trans"])
        found, expected = (of_frames(loss, frames, targets) for loss in (backbone, monomer_fape))
        assert found[0] > 0.1
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
        for one, two in zip(*map(jax.tree.leaves, (found[1], expected[1])), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6 * float(jnp.abs(two).max()))

    def test_center_of_mass(self):
        targets = examples.targets()
        out = structure(atom37=jnp.zeros((20, 37, 3)))
        value, grad = jax.value_and_grad(lambda x: center_of_mass(structure(atom37=x), targets))(out.structure.atom37)
        assert value == 0 and not grad.any()


class TestFape:
    """Two chains of two residues each, no frame turned: the error of a pair is how far its distance vector is off."""

    TRUE = jnp.array([[0.0, 0, 0], [4, 0, 0], [0, 20, 0], [4, 20, 0]])

    def value(self, shift, loss=backbone, chains=(5, 5, 2, 2), **changes):
        positions, mask = backbones(self.TRUE)
        targets = of_points(positions, mask, chains, **changes)
        return float(of_frames(loss, unturned(self.TRUE + jnp.asarray(shift)), targets)[0])

    def test_by_hand(self):
        """The second chain is 50 angstrom away from its place and its last residue 30 more."""
        found = self.value([[0.0, 0, 0], [0, 0, 0], [0, 0, 50], [0, 0, 80]])
        within = np.mean([0.01] * 6 + [10, 10]) / 10  # the root of 1e-4 where nothing is wrong
        between = np.mean([50, 50, 80, 80] * 2) / 20
        np.testing.assert_allclose(found, within + between, rtol=1e-4)

    def test_a_complex_is_always_clamped_within_chains_and_from_1000_between(self):
        shift = [[0.0, 0, 0], [0, 0, 0], [0, 0, 3000], [0, 0, 3030]]
        expected = np.mean([0.01] * 6 + [10, 10]) / 10 + 1000 / 20
        for share in (0.0, 0.4, 1.0):
            np.testing.assert_allclose(self.value(shift, use_clamped_fape=jnp.float32(share)), expected, rtol=1e-4)
            found = self.value(shift, backbone_last, use_clamped_fape=jnp.float32(share))
            np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_padding_is_no_chain(self):
        """The same residues, the second chain padding, the first not clamped."""
        shift, there = [[0.0, 0, 0], [0, 0, 40], [0, 0, 0], [0, 0, 0]], jnp.array([True, True, False, False])
        found = self.value(shift, seq_mask=there, use_clamped_fape=jnp.float32(0))
        np.testing.assert_allclose(found, np.mean([0.01, 0.01, 40, 40]) / 10, rtol=1e-4)

    def test_names_of_chains_are_nothing(self):
        shift = [[0.0, 0, 3], [0, 2, 0], [0, 0, 5], [9, 0, 0]]
        assert self.value(shift) == self.value(shift, chains=(1, 1, 8, 8))
        assert self.value(shift) != self.value(shift, chains=(1, 1, 1, 1))


class TestCenterOfMass:
    """Three chains of which the true centres are at 0, 30 and 60 on one axis."""

    CHAINS = np.array([3, 3, 3, 9, 9, 1, 1, 0])  # the last residue is padding

    def targets(self):
        centre = jnp.array([0.0, 0, 0, 30, 30, 60, 60, 5])
        off = jnp.array([-2.0, 0, 2, -3, 3, -1, 1, 0])
        positions = jnp.zeros((8, 37, 3)).at[:, CA, 0].set(centre).at[:, CA, 1].set(off)
        mask = jnp.zeros((8, 37), bool).at[:, CA].set(True)
        return of_points(positions, mask, self.CHAINS, seq_mask=jnp.arange(8) < 7)

    def at(self, *places):
        """Predicted atoms: the true ones, chains moved along the axis to these places."""
        where = dict(zip((3, 9, 1, 0), (*places, 700.0), strict=True))
        return self.targets().positions.at[:, CA, 0].set(jnp.array([float(where[int(c)]) for c in self.CHAINS]))

    def value(self, atom37, targets=None):
        return center(structure(atom37=atom37), self.targets() if targets is None else targets)

    def gradient(self, atom37):
        loss = lambda atom37: center_of_mass(structure(atom37=atom37), self.targets())
        return jax.jit(jax.grad(loss), compiler_options=examples.QUICK)(atom37)

    @pytest.mark.parametrize(
        "places, short",
        [
            ((0, 30, 60), (0, 0, 0)),
            ((0, 26.1, 60), (0, 0, 0)),  # 3.9 too near
            ((0, 100, 300), (0, 0, 0)),  # too far apart costs nothing
            ((0, 20, 60), (6, 0, 0)),  # 10 too near, 4 of which are allowed
            ((0, 0, 0), (26, 56, 26)),
            ((0, 30, 34), (0, 22, 22)),
        ],
    )
    def test_by_hand(self, places, short):
        expected = np.mean((np.array(short) / 20.0) ** 2)
        np.testing.assert_allclose(self.value(self.at(*places)), expected, rtol=1e-5, atol=1e-9)

    def test_the_gradient_pushes_whole_chains_apart(self):
        """By hand: chain 9 is at 20 instead of 30, so that d/dx of ((x - 26) / 20)^2 / 3 is -0.01."""
        grad = self.gradient(self.at(0, 20, 60))
        push = 2 * (20 - 26) / 20**2 / 3
        expected = np.zeros((8, 37, 3))
        expected[3:5, CA, 0], expected[:3, CA, 0] = push / 2, -push / 3
        np.testing.assert_allclose(grad, expected, rtol=1e-4, atol=1e-9)

    def test_chains_in_one_place_have_a_finite_gradient(self):
        assert np.isfinite(self.gradient(jnp.zeros((8, 37, 3)))).all()

    def test_what_was_not_observed_is_nothing(self):
        """One residue, and all of a chain."""
        targets = self.targets()
        junk = self.at(0, 20, 60).at[3, CA].set(99.0)
        less = targets.replace(atom_mask=targets.atom_mask.at[3].set(False), positions=targets.positions.at[3].set(7.0))
        np.testing.assert_allclose(
            self.value(junk, less), (np.sqrt(20**2 + 9) - np.sqrt(30**2 + 9) + 4) ** 2 / 400 / 3, 1e-4
        )
        gone = targets.replace(atom_mask=targets.atom_mask.at[3:5].set(False))
        assert self.value(self.at(0, 20, 60), gone) == 0
        np.testing.assert_allclose(self.value(self.at(0, 20, 34), gone), (22 / 20) ** 2, rtol=1e-5)

    def test_it_is_asked_for_by_name(self):
        targets, _ = complexes.targets(("GDEFY", "GDEFY"))
        d = complexes.dictionary(("GDEFY", "GDEFY"))
        build = jax.jit(examples.outputs, compiler_options=examples.QUICK)
        out = build(complexes.prediction(d), targets.aatype, targets.seq_mask)
        assert "center_of_mass" in losses.LOSSES and "center_of_mass" not in losses.default_weights(out)
        total, metrics = losses.total(out, targets, {"center_of_mass": 2.0})
        np.testing.assert_allclose(total, 2 * center_of_mass(out, targets))
        assert metrics["center_of_mass"] > 0


class TestPae:
    """Three residues of two chains, no frame turned but one."""

    TRUE = jnp.array([[0.0, 0, 0], [4, 0, 0], [0, 8, 0]])
    CHAINS = (1, 1, 2)

    def loss(self, trans, bins, turn=None, mask=None, **changes):
        """The loss if the network is sure of these bins [3 3] (0: 30 nats each where it is wrong)."""
        positions, seen = backbones(self.TRUE)
        seen = seen if mask is None else seen & jnp.asarray(mask)[:, None]
        frames = unturned(self.TRUE + jnp.asarray(trans))
        if turn is not None:
            frames = frames.replace(rot=frames.rot.at[0, turn].set(jnp.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])))
        logits = {"pae": 30.0 * jax.nn.one_hot(jnp.asarray(bins), 64)}
        targets = of_points(positions, seen, self.CHAINS, **changes)
        return float(pae(structure(frames, logits=logits), targets))

    def test_a_chain_in_the_wrong_place(self):
        """The second chain is 12.3 angstrom off, seen from the first, and the first from it: bin 24.6 -> 25."""
        right = [[1, 1, 25], [1, 1, 25], [25, 25, 1]]
        assert self.loss([[0.0, 0, 0], [0, 0, 0], [0, 0, 12.3]], right) < 1e-6
        for i in range(3):  # and every pair counts for a ninth
            for j in range(3):
                wrong = np.array(right)
                wrong[i, j] = 3
                np.testing.assert_allclose(self.loss([[0.0, 0, 0], [0, 0, 0], [0, 0, 12.3]], wrong), 30 / 9, rtol=1e-5)

    def test_a_chain_turned_round_its_own_place(self):
        """Row: the frame that looks. Only what the turned frame sees is wrong, the other chain as far as it is away.

        From (0, 8, 0), turned by a quarter, (0, -8, 0) is seen at (-8, 0, 0), 11.31 off: bin 23; (4, -8, 0) at
        (-8, -4, 0), 12.65 off: bin 26.
        """
        assert self.loss(np.zeros((3, 3)), [[1, 1, 1], [1, 1, 1], [23, 26, 1]], turn=2) < 1e-6
        assert self.loss(np.zeros((3, 3)), [[1, 1, 23], [1, 1, 26], [1, 1, 1]], turn=2) > 10  # not the transpose

    def test_beyond_the_last_edge(self):
        assert self.loss([[0.0, 0, 0], [0, 0, 0], [0, 0, 500]], [[1, 1, 63], [1, 1, 63], [63, 63, 1]]) < 1e-6

    def test_frames_of_both_chains_must_be_known(self):
        """Residue 1 is not observed: neither its row nor its column counts."""
        bins = [[1, 9, 25], [9, 9, 9], [25, 9, 1]]
        assert self.loss([[0.0, 0, 0], [5, 0, 0], [0, 0, 12.3]], bins, mask=[True, False, True]) < 1e-6
        there = jnp.array([True, False, True])
        assert self.loss([[0.0, 0, 0], [5, 0, 0], [0, 0, 12.3]], bins, seq_mask=there) < 1e-6
