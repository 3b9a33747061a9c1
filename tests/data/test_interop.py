"""The door to AlphaFold's dictionaries: names and numbers pass unchanged, what is wrong is named."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax import schema
from af2jax.config import preset
from af2jax.data import interop
from af2jax.data.msa import deletion_features
from af2jax.errors import InputError
from af2jax.model.alphafold import AlphaFold
from tests import support
from tests.data.test_parse import fails

SIZES = {"num_res": 8, "num_seq": 5, "num_extra": 6, "num_templ": 2}
D = support.dictionary(**SIZES)
AXIS = " (without an ensemble or recycling axis)"


def without(d: dict, *names: str) -> dict:
    return {name: value for name, value in d.items() if name not in names}


def leaves(tree) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


# Features


def test_the_monomers_dictionary():
    found = schema.check_features(interop.features(D))
    for name in ("aatype", "residue_index", "seq_mask", "target_feat"):
        np.testing.assert_array_equal(getattr(found, name), D[name])
    draws = {
        "feat": "msa_feat",
        "mask": "msa_mask",
        "extra": "extra_msa",
        "extra_mask": "extra_msa_mask",
        "extra_has_deletion": "extra_has_deletion",
        "extra_deletion_value": "extra_deletion_value",
    }
    for ours, theirs in draws.items():
        np.testing.assert_array_equal(getattr(found.msa, ours), D[theirs][None])
    templates = {
        "aatype": "template_aatype",
        "positions": "template_all_atom_positions",
        "atom_mask": "template_all_atom_masks",
        "mask": "template_mask",
    }
    for ours, theirs in templates.items():
        np.testing.assert_array_equal(getattr(found.templates, ours), D[theirs])


def test_types_are_ours_whatever_theirs_are():
    wide = {name: np.asarray(value, np.float64) for name, value in D.items()}
    lists = {name: np.asarray(value).tolist() for name, value in D.items()}
    expected = interop.features(D)
    for d in (D, wide, lists):
        found = interop.features(d)
        assert same(found, expected) and [x.dtype for x in leaves(found)] == [x.dtype for x in leaves(expected)]
    names = ("seq_mask", "msa.mask", "msa.extra_mask", "templates.atom_mask", "templates.mask")
    for name in schema._AXES:
        value = expected
        for part in name.split("."):
            value = getattr(value, part)
        assert (value.dtype == bool) == (name in names) and value.dtype.itemsize in (1, 4)


def test_the_input_is_left_alone():
    before = {name: np.array(value) for name, value in D.items()}
    found = interop.features(D)
    found.templates.positions[:] = 7
    found.aatype[:] = 3
    assert all(np.array_equal(D[name], before[name]) for name in D)


def test_chains():
    names = ("asym_id", "entity_id", "sym_id")
    alone = interop.features(D)
    assert all((getattr(alone, name) == 1).all() for name in names)
    chains = {"asym_id": [1] * 3 + [2] * 5, "entity_id": [1] * 8, "sym_id": [1.0] * 3 + [2.0] * 5}
    found = interop.features(D | chains)
    for name in names:
        np.testing.assert_array_equal(getattr(found, name), chains[name])
        assert getattr(found, name).dtype == np.int32


TEMPLATE = [name for name in D if name.startswith("template_")]


def test_absent_templates_are_one_empty_template():
    found = schema.check_features(interop.features(without(D, *TEMPLATE)))
    assert not any(x.any() for x in leaves(found.templates)) and found.templates.mask.shape == (1,)
    none = {name: D[name][:0] for name in TEMPLATE}
    assert same(interop.features(D | none), found)


def test_spellings_of_the_template_mask():
    d = without(D, "template_all_atom_masks") | {"template_all_atom_mask": D["template_all_atom_masks"]}
    assert same(interop.features(d), interop.features(D))
    derived = interop.features(without(D, "template_mask"))  # a template without an atom is none
    np.testing.assert_array_equal(derived.templates.mask, [True, False])
    given = interop.features(D | {"template_mask": [0, 1]})
    np.testing.assert_array_equal(given.templates.mask, [False, True])


def test_the_deletion_matrix_stands_for_its_two_encodings():
    matrix = np.random.default_rng(0).integers(0, 9, (6, 8))
    d = without(D, "extra_has_deletion", "extra_deletion_value")
    found = interop.features(d | {"extra_deletion_matrix": matrix})
    has, value = deletion_features(matrix)
    np.testing.assert_array_equal(found.msa.extra_has_deletion[0], has)
    np.testing.assert_allclose(found.msa.extra_deletion_value[0], value, atol=1e-7)
    np.testing.assert_allclose(value, 2 / np.pi * np.arctan(matrix / 3), atol=1e-6)
    both = interop.features(D | {"extra_deletion_matrix": matrix})  # what is encoded already wins
    assert same(both, interop.features(D))


def test_a_complex_after_sampling():
    """A dictionary of AlphaFold-Multimer: no target_feat, singular mask, the deletion matrix, a raw MSA beside."""
    d = without(D, "target_feat", "extra_has_deletion", "extra_deletion_value", "template_all_atom_masks")
    d |= {
        "template_all_atom_mask": D["template_all_atom_masks"],
        "extra_deletion_matrix": np.zeros((6, 8)),
        "msa": np.zeros((99, 8)),
        "asym_id": [1] * 4 + [2] * 4,
    }
    found = schema.check_features(interop.features(d))
    np.testing.assert_array_equal(found.target_feat, np.eye(21)[D["aatype"]])
    assert found.target_feat.dtype == np.float32


def test_unknown_keys_are_ignored():
    junk = {"domain_name": np.array([b"x"], object), "extra_msa_row_mask": None, "msa": "?", "seq_length": 3}
    assert same(interop.features(D | junk), interop.features(D))


@pytest.mark.parametrize(
    "name, axes",
    [
        ("aatype", "N_res"),
        ("residue_index", "N_res"),
        ("seq_mask", "N_res"),
        ("msa_feat", "N_seq, N_res, 49"),
        ("msa_mask", "N_seq, N_res"),
        ("extra_msa", "N_extra, N_res"),
        ("extra_msa_mask", "N_extra, N_res"),
        ("extra_has_deletion", "N_extra, N_res"),
        ("extra_deletion_value", "N_extra, N_res"),
        ("template_all_atom_positions", "N_templ, N_res, 37, 3"),
    ],
)
def test_a_missing_key_is_named(name, axes):
    fails(lambda: interop.features(without(D, name)), f'feature dictionary: "{name}" [{axes}] is missing')


def test_a_missing_template_mask_is_named():
    fails(
        lambda: interop.features(without(D, "template_all_atom_masks")),
        'feature dictionary: "template_all_atom_mask" [N_templ, N_res, 37] is missing',
    )


@pytest.mark.parametrize(
    "name, shape, expected",
    [
        ("aatype", (8, 21), "N_res"),
        ("aatype", (1, 8), "N_res"),
        ("residue_index", (7,), "N_res=8"),
        ("residue_index", (1, 8), "N_res=8"),
        ("seq_mask", (), "N_res=8"),
        ("asym_id", (9,), "N_res=8"),
        ("target_feat", (8,), "N_res=8, F"),
        ("msa_feat", (5, 8, 48), "N_seq, N_res=8, 49"),
        ("msa_feat", (1, 5, 8, 49), "N_seq, N_res=8, 49"),
        ("msa_feat", (5, 9, 49), "N_seq, N_res=8, 49"),
        ("msa_mask", (4, 8), "N_seq=5, N_res=8"),
        ("extra_msa", (6, 7), "N_extra, N_res=8"),
        ("extra_msa_mask", (5, 8), "N_extra=6, N_res=8"),
        ("extra_has_deletion", (6, 8, 1), "N_extra=6, N_res=8"),
        ("extra_deletion_value", (6,), "N_extra=6, N_res=8"),
        ("template_aatype", (2, 8, 22), "N_templ, N_res=8"),
        ("template_aatype", (), "N_templ, N_res=8"),
        ("template_all_atom_masks", (3, 8, 37), "N_templ=2, N_res=8, 37"),
        ("template_all_atom_positions", (2, 8, 14, 3), "N_templ=2, N_res=8, 37, 3"),
        ("template_mask", (3,), "N_templ=2"),
    ],
)
def test_a_misshapen_key_is_named(name, shape, expected):
    fails(
        lambda: interop.features(D | {name: np.zeros(shape)}),
        f'feature dictionary: "{name}" has shape {list(shape)}, expected [{expected}]{AXIS}',
    )


# Targets


def labels() -> dict:
    rng = np.random.default_rng(1)
    return {name: D[name] for name in ("aatype", "residue_index", "seq_mask")} | {
        "all_atom_positions": rng.normal(size=(8, 37, 3)),
        "all_atom_mask": (rng.random((8, 37)) < 0.7).astype(np.float64),
        "resolution": 1.5,
        "true_msa": rng.integers(0, 22, (5, 8)),
        "bert_mask": (rng.random((5, 8)) < 0.2).astype(np.float32),
    }


def test_targets():
    d = labels()
    found = interop.targets(d | {"msa_feat": "unread"})
    theirs = {"positions": "all_atom_positions", "atom_mask": "all_atom_mask"}
    for name in ("aatype", "residue_index", "seq_mask", "true_msa", "bert_mask", "resolution", *theirs):
        np.testing.assert_allclose(getattr(found, name), d[theirs.get(name, name)], rtol=1e-6)
    assert found.bert_mask.dtype == found.atom_mask.dtype == found.seq_mask.dtype == bool
    assert found.resolution.shape == () and found.use_clamped_fape == 1 and (found.asym_id == 1).all()
    assert found.labels == {}
    more = interop.targets(d | {"use_clamped_fape": 0, "asym_id": [2] * 8, "resolution": [2.5]})
    assert more.use_clamped_fape == 0 and (more.asym_id == 2).all() and more.resolution == 2.5


@pytest.mark.parametrize("name", labels())
def test_a_missing_or_misshapen_label_is_named(name):
    with pytest.raises(InputError, match=f'^feature dictionary: "{name}" .* is missing$'):
        interop.targets(without(labels(), name))
    with pytest.raises(InputError, match=rf'^feature dictionary: "{name}" has shape \[2, 2, 2, 2\], expected \['):
        interop.targets(labels() | {name: np.zeros((2, 2, 2, 2))})


# Outputs


CONFIG = preset("tiny")
NAMES = {
    "distogram/logits",
    "masked_msa/logits",
    "experimentally_resolved/logits",
    "predicted_lddt/logits",
    "predicted_aligned_error/logits",
    "structure_module/final_atom_positions",
    "structure_module/final_atom_mask",
    "representations/msa",
    "representations/msa_first_row",
    "representations/pair",
    "representations/single",
    "representations/structure_module",
}


@pytest.fixture(scope="module")
def passed():
    """The outputs of the tiny network, and their translation in the same jitted call: features are an argument."""
    model = AlphaFold(CONFIG)

    def run(params, features):
        outputs = af2jax.forward(model, params, features, num_recycle=0)
        return outputs, interop.outputs(outputs)

    return jax.jit(run)(support.rule_params(CONFIG), interop.features(D))


@pytest.mark.medium("compiles the small network")
def test_outputs_have_alphafolds_names(passed):
    outputs, found = passed
    assert set(found) == NAMES
    assert all(np.isfinite(x).all() and x.dtype == np.float32 for x in found.values())
    expected = interop.outputs(outputs)  # the same outside of jit
    assert set(expected) == NAMES and all(np.array_equal(found[name], expected[name]) for name in NAMES)


@pytest.mark.medium("runs a command")
def test_outputs_are_where_they_belong(passed):
    outputs, found = passed
    c, n, s = CONFIG, SIZES["num_res"], SIZES["num_seq"]
    shapes = {
        "distogram/logits": (n, n, 64),
        "masked_msa/logits": (s, n, 23),
        "experimentally_resolved/logits": (n, 37),
        "predicted_lddt/logits": (n, 50),
        "predicted_aligned_error/logits": (n, n, 64),
        "structure_module/final_atom_positions": (n, 37, 3),
        "structure_module/final_atom_mask": (n, 37),
        "representations/msa": (s, n, c.evoformer.channels),
        "representations/msa_first_row": (n, c.evoformer.channels),
        "representations/pair": (n, n, c.c_z),
        "representations/single": (n, c.c_s),
        "representations/structure_module": (n, c.structure.channels),
    }
    assert {name: x.shape for name, x in found.items()} == shapes
    np.testing.assert_array_equal(found["representations/msa_first_row"], found["representations/msa"][0])
    np.testing.assert_array_equal(found["structure_module/final_atom_mask"], outputs.structure.atom37_mask)
    for ours, theirs in interop.HEAD_NAMES.items():
        np.testing.assert_array_equal(found[f"{theirs}/logits"], outputs.logits[ours])


@pytest.mark.medium("compiles the small network")
def test_a_preset_without_a_head_has_no_such_name(passed):
    outputs, _ = passed
    fewer = outputs.replace(logits=without(outputs.logits, "pae"))
    assert set(interop.outputs(fewer)) == NAMES - {"predicted_aligned_error/logits"}


# DeepMind's own dictionaries


@pytest.mark.parametrize("name", ["model_1_ptm", "model_3", "model_1_multimer_v3"])
def test_stored_dictionaries_of_deepmind(shared, name):
    stored = dict(np.load(shared / "golden" / f"{name}_forward.npz", allow_pickle=False))
    parts = [{k.split("/", 1)[1]: v for k, v in stored.items() if k.startswith(p)} for p in ("in/", "sampled/")]
    d = parts[0] | parts[1]
    found = schema.check_features(interop.features(d))
    np.testing.assert_array_equal(found.msa.feat[0], d["msa_feat"])
    assert found.target_feat.shape[1] == preset(name).target_features
    chains = np.unique(found.asym_id).tolist()
    assert chains == ([1, 2, 3] if "asym_id" in d else [1])
    assert len(found.templates.mask) == len(d.get("template_aatype", [0]))
    ours = {
        k for k in stored if k.startswith("out/") and not k.endswith(("breaks", "bin_edges", "asym_id", "recycles"))
    }
    if preset(name).heads.pae:
        assert ours == {f"out/{k}" for k in NAMES}


def test_stored_labels_of_deepmind(shared):
    stored = np.load(shared / "golden" / "model_1_ptm_gradient.npz", allow_pickle=False)
    found = interop.targets({k[3:]: stored[k] for k in stored if k.startswith("in/")})
    assert found.atom_mask.sum() == stored["in/all_atom_mask"].sum() and found.resolution == stored["in/resolution"]
