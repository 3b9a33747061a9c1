"""What a known structure says of itself: laws, and all seventeen label arrays against DeepMind's own functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import interop
from af2jax.constants.atoms import ATOM14_MASK, ATOM14_SWAP, ATOM37_INDEX, CHI_MASK, CHI_PI_PERIODIC
from af2jax.constants.residues import CODES
from af2jax.data.structure import read_chain
from af2jax.geometry import quaternion
from af2jax.protein import atoms
from af2jax.protein.truth import Truth, truth
from tests.losses import examples

NUM = 40  # residues of the made-up protein: every type twice
SIZE = 240  # the longest real chain; all are padded to it, so that there is one compile
LABELS = (
    "all_atom_positions all_atom_mask backbone_affine_tensor backbone_affine_mask resolution atom14_gt_positions "
    "atom14_gt_exists atom14_alt_gt_positions atom14_alt_gt_exists atom14_atom_is_ambiguous rigidgroups_gt_frames "
    "rigidgroups_alt_gt_frames rigidgroups_gt_exists chi_angles chi_mask pseudo_beta pseudo_beta_mask"
)


def of(d: dict) -> Truth:
    return jax.jit(truth)(d["aatype"], d["all_atom_positions"], d["all_atom_mask"].astype(bool))


@pytest.fixture(scope="module")
def whole() -> dict:
    """A protein of every type, all atoms there."""
    return examples.dictionary(NUM, missing=0.0)


@pytest.fixture(scope="module")
def holed() -> dict:
    """The same with missing atoms, one of a pair of two names among them, and two residues of unknown type."""
    d = examples.dictionary(NUM, missing=0.15)
    unknown = np.isin(np.arange(NUM), [3, 30])
    aatype = np.where(unknown, 20, d["aatype"]).astype(np.int32)
    mask = d["all_atom_mask"] * np.where(unknown[:, None], np.arange(37) < 5, 1)
    for letter, atom in {"D": "OD2", "E": "OE1", "F": "CE1", "Y": "CD2"}.items():  # one of the two that share names
        mask[np.argmax(aatype == CODES[letter]), ATOM37_INDEX[atom]] = 0
    return d | {
        "aatype": aatype,
        "all_atom_mask": mask,
        "all_atom_positions": d["all_atom_positions"] * mask[..., None],
    }


# Laws


@pytest.mark.medium("compiles the labels")
def test_of_a_whole_protein_everything_is_known(whole):
    found, aatype = of(whole), whole["aatype"]
    np.testing.assert_array_equal(found.atom14_mask, ATOM14_MASK[aatype])
    np.testing.assert_array_equal(found.chi_mask, CHI_MASK[aatype])
    np.testing.assert_array_equal(found.group_mask[:, 4:], CHI_MASK[aatype])
    assert found.group_mask[:, [0, 3]].all() and not found.group_mask[:, 1:3].any()
    assert found.backbone_mask.all() and found.beta_mask.all()


@pytest.mark.medium("compiles the labels")
def test_torsions_and_frames_are_those_it_was_built_from():
    rng = np.random.default_rng(0)
    aatype = jnp.arange(NUM, dtype=jnp.int32) % 20
    torsions = examples.normalise(jnp.asarray(rng.normal(size=(NUM, 7, 2)), jnp.float32))
    backbone = examples.strand(NUM)
    groups = atoms.groups(aatype, backbone, torsions)
    positions = atoms.atom14_to_atom37(atoms.atom14(aatype, groups), aatype)
    mask = atoms.atom37_mask(aatype, jnp.ones(NUM, bool))
    found = jax.jit(truth)(aatype, positions, mask)
    at = np.asarray(found.group_mask)
    np.testing.assert_allclose(found.groups.rot[at], groups.rot[at], atol=2e-3)  # tables have three decimals
    np.testing.assert_allclose(found.groups.trans[at], groups.trans[at], atol=2e-3)
    np.testing.assert_allclose(found.backbone.rot, found.groups.rot[:, 0], atol=1e-5)
    at = np.asarray(found.chi_mask)
    np.testing.assert_allclose(found.chi[at], torsions[:, 3:][at], atol=2e-3)


@pytest.mark.medium("compiles the labels")
def test_the_other_naming_of_the_other_naming_is_the_first(holed):
    found = of(holed)
    swap = jnp.asarray(ATOM14_SWAP)[holed["aatype"]]
    atom37 = np.array(holed["all_atom_positions"])
    mask = np.array(holed["all_atom_mask"])
    for letter, pairs in {
        "D": ["OD1 OD2"],
        "E": ["OE1 OE2"],
        "F": ["CD1 CD2", "CE1 CE2"],
        "Y": ["CD1 CD2", "CE1 CE2"],
    }.items():
        for pair in pairs:
            one, two = (ATOM37_INDEX[name] for name in pair.split())
            at = holed["aatype"] == CODES[letter]
            for x in (atom37, mask):
                x[at, one], x[at, two] = x[at, two].copy(), x[at, one].copy()
    renamed = of(holed | {"all_atom_positions": atom37, "all_atom_mask": mask})
    for a, b in ((found, renamed), (renamed, found)):
        np.testing.assert_array_equal(a.atom14_renamed, b.atom14)
        np.testing.assert_array_equal(a.atom14_renamed_mask, b.atom14_mask)
    np.testing.assert_array_equal(jnp.take_along_axis(found.atom14_renamed, swap[..., None], axis=1), found.atom14)
    np.testing.assert_array_equal(found.ambiguous, np.asarray(swap) != np.arange(14)[None])
    differ = np.abs(np.asarray(found.atom14 - found.atom14_renamed)).max(-1) > 0
    assert differ.any() and not differ[~np.asarray(found.ambiguous)].any()


def test_frames_under_the_other_naming(whole):
    """They are those of the renamed atoms: the last group of ASP, GLU, PHE and TYR turns by half a turn about x."""
    found = of(whole)
    aatype, groups = whole["aatype"], found.groups
    turned = np.pad(CHI_PI_PERIODIC, [(0, 0), (4, 0)])[aatype]
    half = np.where(turned[..., None, None], np.diag([1.0, -1, -1]), np.eye(3)).astype(np.float32)
    np.testing.assert_allclose(found.groups_renamed.rot, np.asarray(groups.rot) @ half, atol=1e-6)
    np.testing.assert_array_equal(found.groups_renamed.trans, groups.trans)
    np.testing.assert_array_equal(found.chi_pi_periodic, CHI_PI_PERIODIC[aatype])
    assert turned.any(axis=0).nonzero()[0].tolist() == [5, 6]  # chi 2 and chi 3


def test_frames_are_rotations(holed):
    found = of(holed)
    for frames, mask in (
        (found.groups, found.group_mask),
        (found.groups_renamed, found.group_mask),
        (found.backbone, found.backbone_mask),
    ):
        rot = np.asarray(frames.rot)[np.asarray(mask)]
        np.testing.assert_allclose(rot @ rot.swapaxes(-1, -2), np.broadcast_to(np.eye(3), rot.shape), atol=1e-5)
        np.testing.assert_allclose(np.linalg.det(rot), 1, atol=1e-5)
    assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.isfinite(x).all()), found))


def test_it_moves_with_the_structure(holed):
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0].astype(np.float32)
    turn *= np.linalg.det(turn)
    apply = lambda x: np.asarray(x) @ turn.T + np.float32([30, -20, 10])
    there = holed["all_atom_mask"][..., None] > 0
    moved = of(holed | {"all_atom_positions": np.where(there, apply(holed["all_atom_positions"]), 0)})
    found = of(holed)
    for name in ("groups", "groups_renamed", "backbone"):
        a, b = getattr(found, name), getattr(moved, name)
        at = np.asarray(found.backbone_mask if name == "backbone" else found.group_mask)
        np.testing.assert_allclose(np.asarray(b.rot)[at], (turn @ np.asarray(a.rot))[at], atol=1e-4)
        np.testing.assert_allclose(np.asarray(b.trans)[at], apply(a.trans)[at], atol=1e-4)
    for name, mask in (("atom14", "atom14_mask"), ("atom14_renamed", "atom14_renamed_mask"), ("beta", "beta_mask")):
        at = np.asarray(getattr(found, mask))
        np.testing.assert_allclose(np.asarray(getattr(moved, name))[at], apply(getattr(found, name))[at], atol=1e-4)
    np.testing.assert_allclose(moved.chi, found.chi, atol=1e-3)
    for name in ("atom14_mask", "group_mask", "backbone_mask", "chi_mask", "beta_mask", "ambiguous"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(found, name))


def test_what_is_masked_is_not_seen(holed):
    """Junk where no atom was observed changes nothing that a mask lets through."""
    junk = np.random.default_rng(1).normal(size=(NUM, 37, 3)).astype(np.float32)
    there = holed["all_atom_mask"][..., None] > 0
    a, b = of(holed), of(holed | {"all_atom_positions": np.where(there, holed["all_atom_positions"], junk)})
    np.testing.assert_array_equal(a.atom14, b.atom14)
    np.testing.assert_array_equal(a.chi, b.chi)
    for x, y, mask in (
        (a.groups.rot, b.groups.rot, a.group_mask),
        (a.groups.trans, b.groups.trans, a.group_mask),
        (a.backbone.rot, b.backbone.rot, a.backbone_mask),
        (a.beta, b.beta, a.beta_mask),
    ):
        np.testing.assert_array_equal(x[np.asarray(mask)], y[np.asarray(mask)])


def test_every_residue_is_by_itself(holed):
    order = np.random.default_rng(0).permutation(NUM)
    shuffled = of({name: holed[name][order] for name in ("aatype", "all_atom_positions", "all_atom_mask")})
    same = jax.tree.map(lambda x, y: bool(np.array_equal(np.asarray(x)[order], y)), of(holed), shuffled)
    assert jax.tree.all(same), same


def test_codes_above_20_count_as_unknown(holed):
    gap = holed | {"aatype": np.where(holed["aatype"] == 20, 21, holed["aatype"]).astype(np.int32)}
    assert jax.tree.all(jax.tree.map(lambda x, y: bool(np.array_equal(x, y)), of(holed), of(gap)))


@pytest.mark.medium("compiles for more than a second")
def test_in_double_precision(holed, x64):
    d = holed | {"all_atom_positions": holed["all_atom_positions"].astype(np.float64)}
    double = jax.jit(truth)(
        jnp.asarray(d["aatype"]), jnp.asarray(d["all_atom_positions"]), jnp.asarray(d["all_atom_mask"] > 0)
    )
    kinds = {x.dtype for x in jax.tree.leaves(double)}
    assert kinds == {jnp.dtype("float64"), jnp.dtype("bool")}
    rot = np.asarray(double.groups.rot)[np.asarray(double.group_mask)]
    np.testing.assert_allclose(
        rot @ rot.swapaxes(-1, -2), np.broadcast_to(np.eye(3), rot.shape), atol=1e-8
    )  # norms have an epsilon


# Parity


def ours(d: dict) -> dict[str, np.ndarray]:
    """The seventeen arrays under AlphaFold's names; rotations in place of quaternions."""
    targets = interop.targets(d)
    found = jax.jit(truth)(targets.aatype, targets.positions, targets.atom_mask)
    flat = lambda frames: np.concatenate([frames.rot.reshape(*frames.rot.shape[:-2], 9), frames.trans], axis=-1)
    return {
        "all_atom_positions": targets.positions,
        "all_atom_mask": targets.atom_mask,
        "backbone_affine_tensor": flat(found.backbone),
        "backbone_affine_mask": found.backbone_mask,
        "resolution": targets.resolution,
        "atom14_gt_positions": found.atom14,
        "atom14_gt_exists": found.atom14_mask,
        "atom14_alt_gt_positions": found.atom14_renamed,
        "atom14_alt_gt_exists": found.atom14_renamed_mask,
        "atom14_atom_is_ambiguous": found.ambiguous,
        "rigidgroups_gt_frames": flat(found.groups),
        "rigidgroups_alt_gt_frames": flat(found.groups_renamed),
        "rigidgroups_gt_exists": found.group_mask,
        "chi_angles": np.arctan2(found.chi[..., 0], found.chi[..., 1]),
        "chi_mask": found.chi_mask,
        "pseudo_beta": found.beta,
        "pseudo_beta_mask": found.beta_mask,
    }


def deepminds(d: dict) -> dict[str, np.ndarray]:
    pytest.importorskip("alphafold.model.all_atom", reason="the oracle (alphafold-colabfold) is not installed")
    from tests.losses import theirs

    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        found = {name: np.asarray(value) for name, value in (d | theirs.labels(d)).items()}
    q, trans = found["backbone_affine_tensor"][:, :4], found["backbone_affine_tensor"][:, 4:]
    rot = np.asarray(quaternion.rotation(jnp.asarray(q))).reshape(-1, 9)
    return found | {"backbone_affine_tensor": np.concatenate([rot, trans], axis=1)}


def deviations(d: dict) -> dict[str, float]:
    """The largest difference in each of the seventeen arrays, where its mask is 1: angstrom, radians."""
    found, expected = ours(d), deepminds(d)
    masks = {
        "backbone_affine_tensor": "backbone_affine_mask",
        "rigidgroups_gt_frames": "rigidgroups_gt_exists",
        "rigidgroups_alt_gt_frames": "rigidgroups_gt_exists",
        "chi_angles": "chi_mask",
        "pseudo_beta": "pseudo_beta_mask",
    }
    out = {}
    for name in LABELS.split():
        a, b = np.asarray(found[name], np.float32), np.asarray(expected[name], np.float32)
        assert a.shape == b.shape, name
        difference = a - b
        if name == "chi_angles":
            difference = (difference + np.pi) % (2 * np.pi) - np.pi
        if name in masks:
            difference = difference[expected[masks[name]] > 0]
        out[name] = float(np.abs(difference).max(initial=0))
    return out


ROUNDED = {"backbone_affine_tensor", "rigidgroups_gt_frames", "rigidgroups_alt_gt_frames", "chi_angles"}


def check(found: dict[str, float]) -> None:
    assert found.keys() == set(LABELS.split()) and len(found) == 17
    assert not {name: value for name, value in found.items() if value > (1e-4 if name in ROUNDED else 0)}


@pytest.mark.medium("compiles the labels")
@pytest.mark.parity
@pytest.mark.parametrize("case", ["whole", "holed"])
def test_seventeen_labels_of_a_made_up_protein(case, request):
    check(deviations(padded(request.getfixturevalue(case))))


@pytest.mark.medium("reads many real chains")
@pytest.mark.parity
def test_seventeen_labels_of_real_chains(shared):
    files = sorted((shared / "data" / "chains").glob("*.pdb.gz"))[::5]
    worst = dict.fromkeys(LABELS.split(), 0.0)
    for path in files:
        found = deviations(padded(dictionary(read_chain(path))))
        worst = {name: max(value, found[name]) for name, value in worst.items()}
    assert len(files) >= 50
    check(worst)


def dictionary(chain) -> dict:
    """AlphaFold's dictionary of a chain; the sequence alone is its alignment."""
    return {
        "aatype": chain.aatype,
        "residue_index": chain.residue_index,
        "seq_mask": np.ones(len(chain.aatype), np.float32),
        "all_atom_positions": chain.positions,
        "all_atom_mask": chain.atom_mask.astype(np.float32),
        "resolution": np.float32(chain.resolution),
        "true_msa": chain.aatype[None],
        "bert_mask": np.zeros((1, len(chain.aatype)), np.float32),
    }


def padded(d: dict) -> dict:
    """With empty residues at its end, `SIZE` in all."""
    grow = lambda x, axis: np.pad(x, [(0, SIZE - n if i == axis else 0) for i, n in enumerate(x.shape)])
    axes = {"true_msa": 1, "bert_mask": 1} | dict.fromkeys(
        ["aatype", "residue_index", "seq_mask", "all_atom_positions", "all_atom_mask"], 0
    )
    return d | {name: grow(np.asarray(d[name]), axis) for name, axis in axes.items()}
