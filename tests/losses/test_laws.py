"""Laws of the losses: what must change nothing, what a perfect prediction has, what each flaw of geometry costs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import interop, losses
from af2jax.constants.atoms import ATOM37_INDEX, CA, CB, CHI_ATOMS, CHI_PI_PERIODIC, C, N
from af2jax.constants.chemistry import COS_C_N_CA, COS_CA_C_N, LENGTH_C_N
from af2jax.errors import InputError
from af2jax.geometry.lddt import lddt
from af2jax.geometry.quaternion import random_rotation
from af2jax.geometry.rigid import Rigid
from af2jax.losses import violation
from af2jax.protein import atoms
from tests.losses import examples

pytestmark = pytest.mark.medium("compiles all losses")

FLIP = jnp.array([1.0, 1.0, -1.0])


@partial(jax.jit, compiler_options=examples.QUICK)
def terms(outputs, targets):
    return losses.total(outputs, targets)[1]


build = jax.jit(examples.outputs, compiler_options=examples.QUICK)


def said(targets, make=examples.prediction, **options):
    return build(make(targets.aatype, **options), targets.aatype, targets.seq_mask)


def as_targets(d):
    return jax.tree.map(jnp.asarray, interop.targets(d))


def close(found, expected, atol=1e-5, rtol=1e-5):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=atol, rtol=rtol, err_msg=name)


@pytest.fixture(scope="module")
def known():
    """A protein, some of its atoms not observed; two that may exchange names were both observed, or neither."""
    return examples.targets()


@pytest.fixture(scope="module")
def outputs(known):
    """A bad prediction of it."""
    return said(known)


@pytest.fixture(scope="module")
def perfect(known):
    return said(known, examples.perfect)


@pytest.fixture(scope="module")
def ideal(known):
    """Atoms of ideal geometry, and the function `parts` of others."""
    out = said(known, noise=0.0)
    return out.structure.atom14, lambda x, targets=known: parts(out, x, targets)


@partial(jax.jit, compiler_options=examples.QUICK)
def moved(outputs, motion):
    """All that is in space, moved by `motion` [1]."""
    s = outputs.structure
    move = lambda x: motion[:, None].apply(x)
    frames, groups = motion[None] @ s.frames, motion[:, None] @ s.groups
    s = s.replace(frames=frames, groups=groups, atom14=move(s.atom14), atom37=move(s.atom37))
    return outputs.replace(structure=s)


def mirrored(outputs):
    """Atoms in a mirror, with the frames that they then span."""
    s = outputs.structure
    mirror = lambda t: Rigid(t.rot * FLIP[:, None] * FLIP, t.trans * FLIP)
    with jax.numpy_rank_promotion("allow"):
        new = {"frames": mirror(s.frames), "groups": mirror(s.groups)}
        return outputs.replace(structure=s.replace(atom14=s.atom14 * FLIP, atom37=s.atom37 * FLIP, **new))


def both_moved(outputs, known, distance):
    keys, dtype = jax.random.split(jax.random.key(0)), known.positions.dtype
    motion = Rigid(random_rotation(keys[0], (1,), dtype), distance * jax.random.normal(keys[1], (1, 3), dtype))
    return moved(outputs, motion), known.replace(positions=motion[:, None].apply(known.positions))


@pytest.mark.equivariance
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_motion_of_prediction_and_truth_is_nothing(known, outputs, share):
    known = known.replace(use_clamped_fape=jnp.float32(share))
    close(terms(*both_moved(outputs, known, 10.0)), terms(outputs, known))


@pytest.mark.equivariance
def test_in_float64_it_is_exact(known, outputs, x64):
    double = lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x
    outputs, known = jax.tree.map(double, (outputs, known))
    close(terms(*both_moved(outputs, known, 1e4)), terms(outputs, known), atol=0, rtol=1e-9)


@pytest.mark.equivariance
def test_a_motion_of_the_prediction_alone_is_nothing(known, outputs):
    motion = Rigid(random_rotation(jax.random.key(0), (1,)), jnp.full((1, 3), 20.0))
    close(terms(moved(outputs, motion), known), terms(outputs, known))


@pytest.mark.equivariance
@pytest.mark.parametrize("name", ["fape", "fape_last", "sidechain_fape", "loss"])
def test_a_mirror_image_is_worse(known, perfect, name):
    assert terms(mirrored(perfect), known)[name] > terms(perfect, known)[name] + 0.1


def test_lddt_takes_a_mirror_image_for_the_original(known):
    x, mask = known.positions[:, CA], known.atom_mask[:, CA]
    found = x + 1.5 * jax.random.normal(jax.random.key(0), x.shape)
    one = lddt(found, x, mask)
    assert 0.1 < float(one.min()) < 0.9
    np.testing.assert_array_equal(lddt(found * FLIP[None], x, mask), one)


def symmetric(d):
    """`d` with the atoms of two names exactly half a turn apart."""
    positions = d["all_atom_positions"].copy()
    for i, code in enumerate(d["aatype"]):
        for chi in np.flatnonzero(CHI_PI_PERIODIC[code]):
            b, c = positions[i, CHI_ATOMS[code, chi, 1:3]]
            along = (c - b) / np.linalg.norm(c - b)
            for one, other in examples.exchangeable(code):
                x = positions[i, one] - c
                positions[i, other] = c + 2 * (along @ x) * along - x
    return d | {"all_atom_positions": positions}


def relabelled(d):
    """`d` with those names exchanged in every residue."""
    positions = d["all_atom_positions"].copy()
    for i, code in enumerate(d["aatype"]):
        for one, other in examples.exchangeable(code):
            positions[i, [one, other]] = positions[i, [other, one]]
    return d | {"all_atom_positions": positions}


@pytest.mark.parametrize("make", [examples.prediction, examples.perfect], ids=lambda f: f.__name__)
def test_either_name_of_an_ambiguous_atom_will_do(make):
    d = symmetric(examples.dictionary(missing=0.05))
    one, other = as_targets(d), as_targets(relabelled(d))
    changed = np.any(one.positions != other.positions, axis=-1).sum(-1)
    assert (changed > 0).sum() >= 3  # of D, E, F and Y
    out = said(one, make)
    close(terms(out, other), terms(out, one))


def test_every_other_exchange_of_names_counts():
    d = examples.dictionary(missing=0)
    positions = d["all_atom_positions"].copy()
    valine = examples.SEQUENCE.index("V")
    one, two = ATOM37_INDEX["CG1"], ATOM37_INDEX["CG2"]
    positions[valine, [one, two]] = positions[valine, [two, one]]
    out = said(as_targets(d), examples.perfect)
    found = terms(out, as_targets(d | {"all_atom_positions": positions}))
    assert found["sidechain_fape"] > 0.0015 and found["chi"] > 0.01


class TestPerfect:
    """A prediction that is the truth."""

    def test_fape_is_at_its_floor(self, known, perfect):
        found = terms(perfect, known)
        for name in ("fape", "fape_last", "sidechain_fape"):
            np.testing.assert_allclose(found[name], 0.001, rtol=1e-3)

    def test_angles_are_right(self, known, perfect):
        found = terms(perfect, known)
        assert 0 <= found["chi"] < 1e-6 and found["angle_norm"] < 1e-6

    def test_lddt_is_one(self, known, perfect):
        """And the network should say so: its loss is that of the last bin."""
        mask = known.atom_mask[:, CA]
        found = lddt(perfect.structure.atom37[:, CA], known.positions[:, CA], mask)
        np.testing.assert_allclose(found, 1, atol=1e-6)
        last = -jax.nn.log_softmax(perfect.logits["plddt"])[:, -1]
        np.testing.assert_allclose(terms(perfect, known)["plddt"], jnp.mean(last[mask]), rtol=1e-5)

    def test_aligned_errors_are_none(self, known, perfect):
        """All in the bin of the least errors."""
        has = known.atom_mask[:, N] & known.atom_mask[:, CA] & known.atom_mask[:, C]
        least = -jax.nn.log_softmax(perfect.logits["pae"])[..., 1]
        np.testing.assert_allclose(terms(perfect, known)["pae"], jnp.mean(least[has][:, has]), rtol=1e-5)

    def test_any_worse_is_worse(self, known, perfect):
        best, less = terms(perfect, known), terms(said(known, noise=0.1), known)
        assert all(less[name] > 2 * best[name] for name in ("fape", "fape_last", "sidechain_fape", "chi", "angle_norm"))


@partial(jax.jit, compiler_options=examples.QUICK)
def parts(outputs, x, targets):
    """The violations of atoms `x` [N_res 14 3]: all together, and (peptide bonds, clashes, within residues) apart."""
    mask = atoms.atom14_mask(targets.aatype, targets.seq_mask)
    joined = jnp.ones(len(x) - 1, bool)
    apart = (
        violation.peptide(x, mask, targets.aatype, joined),
        violation.clash(x, mask, targets.aatype, targets.residue_index, targets.asym_id).sum(),
        violation.within(x, mask, targets.aatype).sum(),
    )
    return violation.violation(outputs.replace(structure=outputs.structure.replace(atom14=x)), targets), apart


class TestViolations:
    """Residue `K` and what follows it are moved, in a chain that is else ideal."""

    K = 10

    def turned(self, x, centre, angle):
        """What follows residue K turned around `centre`, in the plane of CA, C and the next N."""
        ca, c, n = x[self.K, CA], x[self.K, C], x[self.K + 1, N]
        axis = jnp.cross(ca - c, n - c)
        axis /= jnp.linalg.norm(axis)
        r = x - centre[None, None]
        along = jnp.sum(r * axis[None, None], axis=-1, keepdims=True) * axis[None, None]
        turned = along + np.cos(angle) * (r - along) + np.sin(angle) * jnp.cross(axis[None, None], r)
        return x.at[self.K + 1 :].set((turned + centre[None, None])[self.K + 1 :])

    def test_ideal_geometry_has_none(self, known, ideal):
        ideal, of = ideal
        total, apart = of(ideal)
        assert total == 0 and not any(apart)

    def test_a_long_bond(self, known, ideal):
        ideal, of = ideal
        c, n = ideal[self.K, C], ideal[self.K + 1, N]
        pull = 0.5 * (n - c) / jnp.linalg.norm(n - c)
        x = ideal.at[self.K + 1 :].add(pull[None, None])
        total, (peptide, clash, within) = of(x)
        length = jnp.linalg.norm(x[self.K + 1, N] - c)
        np.testing.assert_allclose(peptide, (length - LENGTH_C_N.mean - 12 * LENGTH_C_N.stddev) / 19, rtol=1e-4)
        np.testing.assert_allclose(total, peptide, rtol=1e-6)
        assert clash == within == 0

    def test_a_gap_or_another_chain_is_no_bond(self, known, ideal):
        ideal, of = ideal
        x = ideal.at[self.K + 1 :].add(5.0)
        after = (jnp.arange(20) > self.K).astype(jnp.int32)
        assert of(x)[0] > 0.1
        assert of(x, known.replace(residue_index=known.residue_index + after))[0] == 0
        assert of(x, known.replace(asym_id=known.asym_id + after))[0] == 0

    @pytest.mark.parametrize("angle", [-0.7, 0.7])
    @pytest.mark.parametrize("vertex", ["C", "N"])
    def test_a_bad_angle(self, known, ideal, vertex, angle):
        ideal, of = ideal
        at, mean = ((self.K, C), COS_CA_C_N) if vertex == "C" else ((self.K + 1, N), COS_C_N_CA)
        x = self.turned(ideal, ideal[at], angle)
        ends = (x[self.K, CA], x[self.K + 1, N]) if vertex == "C" else (x[self.K, C], x[self.K + 1, CA])
        a, b = (end - x[at] for end in ends)
        cos = float(a @ b / jnp.linalg.norm(a) / jnp.linalg.norm(b))
        total, (peptide, _, within) = of(x)
        excess = abs(cos - mean.mean) - 12 * mean.stddev
        np.testing.assert_allclose(peptide, max(excess, 0) / 19, rtol=2e-3, atol=1e-6)
        assert within < 1e-4 and total >= peptide

    def test_a_clash(self, known, ideal):
        """The last residue, as a chain of its own, comes near the first."""
        ideal, of = ideal
        shift = ideal[0, CA] - ideal[-1, CA] + jnp.array([0.0, 0.0, 2.0])
        x, alone = ideal.at[-1].add(shift[None]), known.replace(asym_id=known.asym_id.at[-1].add(1))
        assert of(ideal.at[-1].add(50.0), alone)[0] == 0
        total, (_, clash, within) = of(x, alone)
        num = atoms.atom14_mask(known.aatype, known.seq_mask).sum()
        assert clash > 1 and within < 1e-4
        np.testing.assert_allclose(total, clash / float(num), rtol=1e-3)

    def test_a_residue_out_of_shape(self, known, ideal):
        ideal, of = ideal
        beta = 4  # CB, in atom14
        x = ideal.at[self.K, beta].add(0.3 * (ideal[self.K, beta] - ideal[self.K, CA]))
        total, (peptide, clash, within) = of(x)
        assert peptide == clash == 0 and within > 0.1 and total > 0


class TestAbsence:
    """What is not there, and what is only a name."""

    def test_padding_with_junk_is_nothing(self):
        """Three residues and two rows of the MSA, near the others and of other types, everything observed."""
        num, rows = 20, 4
        d = examples.dictionary(num + 3, num_seq=rows + 2)
        inside = np.arange(num + 3) < num
        d["seq_mask"] = inside.astype(np.float32)
        d["all_atom_mask"][num:] = 1
        d["all_atom_positions"][num:] = np.random.default_rng(5).normal(size=(3, 37, 3)) * 5
        d["bert_mask"] *= inside[None] & (np.arange(rows + 2) < rows)[:, None]
        cut = {k: v[:rows, :num] if v.shape[:1] == (rows + 2,) else v[:num] if v.ndim else v for k, v in d.items()}
        whole = examples.prediction(d["aatype"], num_seq=rows + 2)
        whole["trans"] = whole["trans"].at[:, num:].set(whole["trans"][:, :3] + 0.5)
        logits = {"masked_msa": np.s_[:rows, :num], "distogram": np.s_[:num, :num], "pae": np.s_[:num, :num]}
        part = {k: whole[k][:, :num] for k in ("rot", "trans", "raw")}
        part["logits"] = {k: v[logits.get(k, np.s_[:num])] for k, v in whole["logits"].items()}
        more, less = as_targets(d), as_targets(cut)
        found = terms(build(whole, more.aatype, more.seq_mask), more)
        close(found, terms(build(part, less.aatype, less.seq_mask), less))

    def test_what_was_not_observed_is_nothing(self, known, outputs):
        junk = jnp.where(known.atom_mask[..., None], known.positions, 7.0)
        close(terms(outputs, known.replace(positions=junk)), terms(outputs, known), atol=0, rtol=1e-6)

    def test_the_name_of_a_chain_is_nothing(self, known, outputs):
        close(terms(outputs, known.replace(asym_id=known.asym_id + 6)), terms(outputs, known), atol=0, rtol=0)

    @pytest.mark.parametrize("resolution", [0.0, 0.09, 0.1, 3.0, 3.01, np.nan])
    def test_confidence_learns_from_high_resolution_only(self, known, outputs, resolution):
        found, base = terms(outputs, known.replace(resolution=jnp.float32(resolution))), terms(outputs, known)
        heads = {"plddt", "pae", "resolved"}
        for name in base.keys() - {"loss"}:
            counts = name not in heads or 0.1 <= resolution <= 3.0
            assert found[name] == (base[name] if counts else 0), name


class TestWeights:
    """Which terms there are, and how they add up."""

    def test_the_total_is_the_weighted_sum(self, known, outputs):
        weights = {"chi": 2.0, "fape": 0.5, "fape_last": 0.0}
        loss, metrics = jax.jit(lambda *args: losses.total(*args, weights), compiler_options=examples.QUICK)(
            outputs, known
        )
        assert metrics.keys() == {"loss", "chi", "fape", "fape_last"} and loss == metrics["loss"]
        np.testing.assert_allclose(loss, 2 * metrics["chi"] + 0.5 * metrics["fape"], rtol=1e-6)
        default = losses.default_weights(outputs)
        assert default == losses.WEIGHTS
        metrics = terms(outputs, known)
        sum_ = sum(weight * float(metrics[name]) for name, weight in default.items())
        np.testing.assert_allclose(metrics["loss"], sum_, rtol=1e-6)

    def test_a_loss_of_the_users_own(self, known, outputs, monkeypatch):
        mean_label = lambda outputs, targets: jnp.mean(targets.labels["charge"] * outputs.structure.atom37[:, CB, 0])
        monkeypatch.setitem(losses.LOSSES, "dipole", mean_label)
        known = known.replace(labels={"charge": jnp.arange(20.0)})
        weights = {"chi": 1.0, "dipole": 3.0}
        loss, metrics = jax.jit(lambda *args: losses.total(*args, weights), compiler_options=examples.QUICK)(
            outputs, known
        )
        np.testing.assert_allclose(metrics["dipole"], mean_label(outputs, known), rtol=1e-5)
        np.testing.assert_allclose(loss, metrics["chi"] + 3 * metrics["dipole"], rtol=1e-6)

    def test_an_unknown_name_is_an_error(self, known, outputs):
        with pytest.raises(InputError, match=r'no loss is called "fappe"; did you mean "fape"\? \(known: masked_msa'):
            losses.total(outputs, known, {"fappe": 1.0})
        with pytest.raises(InputError, match=r'no loss is called "zzz" \(known'):
            losses.total(outputs, known, {"zzz": 1.0})

    @pytest.mark.parametrize("head", ["masked_msa", "distogram", "resolved", "plddt", "pae"])
    def test_an_absent_head_is_an_error_if_asked_for(self, known, outputs, head):
        less = outputs.replace(logits={k: v for k, v in outputs.logits.items() if k != head})
        assert losses.WEIGHTS.keys() - losses.default_weights(less).keys() == {head}
        with pytest.raises(InputError, match=f'the loss "{head}" needs the head "{head}"'):
            losses.total(less, known, {head: 1.0})
