"""A scan: antisymmetric in full mode, one pass in cached mode, masked marginals that do not see what they judge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

import af2jax
from af2jax import heads
from af2jax.data import variants as tables
from af2jax.data.pipeline import read
from af2jax.errors import InputError
from af2jax.finetune.cache import Cache
from af2jax.heads import SCOPE, Head
from af2jax.screening.variants import EARLY, LEFT, ZERO_SHOT, _asked, parsed

WILD, OTHER = "MKTAYIAKQR", "MKTWYIAKQR"  # A4W lies between them
HEADS = {
    "ddg": Head("variant", outputs=1, mode="full", std=2.0, unit="kcal/mol"),
    "fitness": Head("variant", outputs=1, mean=0.3),
    "effect": Head("variant", classes=("benign", "harmful")),
    "tm": Head("chain", outputs=1),
}


@pytest.fixture(scope="module")
def network():
    """A random network with heads in which nothing is zero."""
    model, params = af2jax.load("tiny", key=jax.random.key(1))
    rng, own = np.random.default_rng(0), heads.init(HEADS, model.config)
    noisy = lambda path, x: x + 0.1 * rng.normal(size=x.shape).astype(np.float32) * (path[-1].key in ("kernel", "bias"))
    own = jax.tree_util.tree_map_with_path(noisy, own)
    return model.clone(heads=tuple(HEADS.items())), params | {SCOPE: own}


@pytest.mark.medium("compiles the small network with heads")
def test_there_and_back_is_minus_bit_for_bit(network):
    there = af2jax.scan(WILD, network, variants=["A4W", "A4W:R10K", ""])
    back = af2jax.scan(OTHER, network, variants=["W4A", "W4A", ""])
    again = af2jax.scan("MKTWYIAKQK", network, variants=["W4A:K10R", "W4A", ""])
    assert there.scores["ddg"][0] != 0 and there.scores["ddg"][2] == 0 == back.scores["ddg"][2]
    assert there.scores["ddg"][0] == -back.scores["ddg"][0]
    assert there.scores["ddg"][1] == -again.scores["ddg"][0]
    assert there.scores["fitness"][0] != -back.scores["fitness"][0] and there.scores["fitness"][2] == np.float32(0.3)


@pytest.mark.medium("compiles the small network with heads")
def test_cached_answers_are_those_of_a_trunk_computed_again(network, tmp_path):
    """Beside the cache of a training, whose outputs the same head reads."""
    model, params = network
    found = af2jax.scan(WILD, network, num_recycle=1)
    state = af2jax.finetune.init(
        model,
        params,
        af2jax.label(params, af2jax.recipe("new_heads")),
        af2jax.finetune.adamw(1e-3, 2),
        heads=HEADS,
        losses={"fitness": 1.0},
        dropout=False,
    )
    features = tables.features(read(WILD), (), 0, model.config, 2)
    cache = Cache(state, tmp_path, 1)
    assert cache(features).pair is not None
    numbered = tables.numbered(found.variants)
    for name in ("fitness", "effect"):
        wild = heads.sites(jax.tree.map(jnp.asarray, cache(features)), jnp.asarray(features.seq_mask))
        said = heads.apply_variants(HEADS[name], params[SCOPE][name], wild, None, numbered)
        values = np.asarray(said)[:, 0] if name == "fitness" else jax.nn.softmax(said)[:, 1]
        np.testing.assert_allclose(found.scores[name], values, atol=1e-5)
        assert np.ptp(values) > 1e-2


@pytest.mark.medium("compiles the small network with heads")
def test_what_a_scan_is(network, tmp_path):
    told: list = []
    found = af2jax.scan(WILD, network, "2-3, 10", progress=lambda *of: told.append(of))
    assert told == [(done, 58) for done in range(59)]  # the wild type, and each variant of the head in full mode
    assert len(found.variants) == 57 and found.columns[:4] == ["mutant", tables.SEQUENCE, "ddg", "fitness"]
    assert found.rows[0]["mutant"] == "K2A" and found.rows[0][tables.SEQUENCE] == "MATAYIAKQR"
    assert found.rows[0]["effect"] in ("benign", "harmful") and ZERO_SHOT not in found.scores
    row = found.rows[3]
    assert row["p_effect_benign"] + row["p_effect_harmful"] == pytest.approx(1)
    assert found.scores["effect"][3] == row["p_effect_harmful"]
    assert any("never trained with it hidden" in note for note in found.notes)
    assert any('head "tm" is not a head of variants' in note for note in found.notes)
    path = tmp_path / "variants.csv"
    path.write_text(found.csv)
    again = af2jax.scan(WILD, network, variants=path)
    assert again.variants == found.variants and again.csv == found.csv and again.measured is None
    assert found.json()["rows"][0] == found.cells[0] and found.json()["agreement"] == {} and not found.meaningless


@pytest.mark.medium("compiles the small network with heads")
def test_beside_what_was_measured(network, tmp_path):
    path = tmp_path / "dms.csv"
    values = {"K2A": "1.5", "K2C": ">9", "T3A": "0.5", "T3C": "", "A4C": "3"}
    path.write_text("mutant,DMS_score\n" + "".join(f"{name},{value}\n" for name, value in values.items()))
    found = af2jax.scan(WILD, network, variants=path)
    kept = [0, 2, 4]
    for name in ("ddg", "fitness"):
        expected = spearmanr(found.scores[name][kept], [1.5, 0.5, 3]).statistic
        assert found.agreement[name] == pytest.approx(expected)
    assert "1 measured values are limits, and no correlation reads them" in found.notes
    path.write_text("mutant,DMS_score\nK2A,1\n")
    assert np.isnan(af2jax.scan(WILD, network, variants=path).agreement["ddg"])


@pytest.mark.parametrize(
    "given, message",
    [
        ({"positions": "5-11"}, "position 11 is past the end: the wild type has residues 1 to 10"),
        ({"positions": [0]}, "position 0 is past the end"),
        ({"positions": "4-2"}, 'positions "4-2": expected numbers from 1 and ranges'),
        ({"positions": "a"}, "expected numbers from 1"),
        ({"positions": "2", "variants": ["K2A"]}, "give either positions or variants"),
        ({"variants": []}, "there is no variant to score"),
        ({"variants": ["A2G"]}, "residue 2 of the wild type is K, not A"),
        ({"variants": ["R11G"]}, "position 11 is past the end"),
        ({"variants": ["K2del"]}, "is an insertion or deletion"),
        ({"variants": ["K2AA"]}, "puts 2 residues in place of one, which is an insertion"),
        ({"positions": "K2"}, 'positions "K2": residues are named by number alone; write 2 in place of K2'),
        ({"positions": "1,K2-T3"}, "write 2-3 in place of K2-T3"),
        ({"positions": "Lys2Ala"}, "Lys2Ala is a variant, not a residue; write 2, or give it as one of the variants"),
        (
            {"zero_shot": True},
            r"tiny \(tiny\) reads each residue from target_feat and was never trained with it hidden",
        ),
        ({"query": f"{WILD}:{WILD}"}, "a scan is of one chain; the query has 2"),
        ({"query": "XXX"}, "no residue that was asked for is one of the 20 amino acids"),
    ],
)
def test_what_is_refused(network, given, message, caplog):
    """And nothing is warned of before."""
    with pytest.raises(InputError, match=message):
        af2jax.scan(**{"query": WILD, "source": network} | given)
    assert not caplog.records


def test_what_stands_for_parameters(tmp_path):
    with pytest.raises(InputError, match="model_1_ptm is a preset: give the folder or file of its parameters"):
        af2jax.scan(WILD, "model_1_ptm")
    with pytest.raises(InputError, match="is neither a run nor a folder of parameters: it holds no params_"):
        af2jax.scan(WILD, tmp_path)


def test_nothing_that_could_answer(network):
    model, params = network
    bare = model.clone(heads=()), {name: tree for name, tree in params.items() if name != SCOPE}
    with pytest.raises(InputError, match="never trained with it hidden"):
        af2jax.scan(WILD, bare)
    with pytest.raises(InputError, match="tiny has no head of variants; leave zero_shot on"):
        af2jax.scan(WILD, bare, zero_shot=False)


@pytest.mark.parametrize("preset", ["model_1_ptm", "model_3_multimer_v3"])
def test_deepminds_presets_are_refused_by_name(preset):
    """Before anything is computed: the parameters are not looked at."""
    model = af2jax.model.alphafold.AlphaFold(af2jax.config.preset(preset))
    with pytest.raises(InputError, match=rf"{preset}.* reads each residue from target_feat"):
        af2jax.scan(WILD, (model, {}), zero_shot=True)


def test_no_change_is_the_wild_type():
    assert _asked(WILD, None, ["M1M", "K2K:T3T", "K2K:T3A"])[0] == ((), (), _asked(WILD, None, ["T3A"])[0][0])


def test_positions():
    assert parsed("10-12,3", 12) == [10, 11, 12, 3]
    for twice in ("2-3,2", [2, 3, 2]):  # a residue is scanned once
        every, *_ = _asked(WILD, twice, None)
        assert every == tables.singles(WILD, [2, 3])


@pytest.mark.medium("compiles the network in the package")
class TestMarginals:
    def test_the_hidden_residue_does_not_matter(self):
        """log p of every amino acid at a position is the same, whatever stands there in the wild type."""
        asked = lambda wild, names: af2jax.scan(wild, "mini", variants=names, num_recycle=1).scores[ZERO_SHOT]
        a, b = asked(WILD, ["A4W", "A4G", "A4K"]), asked(OTHER, ["W4A", "W4G", "W4K"])
        assert a[0] == -b[0] != 0  # log p(W) - log p(A), with A there and with W there
        np.testing.assert_allclose(a[1:] - a[0], b[1:], atol=1e-12)
        shown = asked("MKTAYWAKQR", ["A4W"])  # another residue elsewhere does matter
        assert shown[0] != a[0]

    def test_a_trained_head_answers_alone(self):
        """Unless zero-shot scores, which mean nothing of these weights, are asked for."""
        model, params = af2jax.load("mini")
        own = {"fitness": HEADS["fitness"]}
        tuned = model.clone(heads=tuple(own.items())), params | {SCOPE: heads.init(own, model.config)}
        found = af2jax.scan(WILD, tuned, variants=["A4W"], num_recycle=0)
        assert list(found.scores) == ["fitness"] and found.notes == (LEFT,) and not found.meaningless
        both = af2jax.scan(WILD, tuned, variants=["A4W"], num_recycle=0, zero_shot=True)
        assert list(both.scores) == [ZERO_SHOT, "fitness"] and both.meaningless == (ZERO_SHOT,)

    def test_mutations_add_up(self):
        found = af2jax.scan(WILD, "mini", variants=["A4W", "K2A", "A4W:K2A", ""], num_recycle=0)
        a, b, both, none = found.scores[ZERO_SHOT]
        assert both == pytest.approx(a + b) and none == 0 and found.columns == ["mutant", tables.SEQUENCE, ZERO_SHOT]
        assert found.meaningless == (ZERO_SHOT,) and found.notes == (EARLY,)
