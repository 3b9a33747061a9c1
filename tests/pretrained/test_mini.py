"""af2jax-mini: the parameters in the package, and what a network that has learnt something does."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

import af2jax
from af2jax.constants.atoms import CA
from af2jax.data.batch import stack
from af2jax.data.items import read_item
from af2jax.data.structure import Chain, read_chain
from af2jax.data.transforms import padded
from af2jax.finetune.rules import ALONE, recipe
from af2jax.heads import Head
from af2jax.metrics import quality
from af2jax.pretrained.load import PACKAGED, find
from af2jax.pretrained.tree import flatten
from af2jax.protein.secondary import secondary
from experiments import controls, corpus

WEIGHTS = PACKAGED["mini"]
CROP, STEPS = 64, 30
WAYS = {
    "head": (recipe("heads"), 1e-2),
    "lora": (recipe("lora"), 5e-3),
    "full": (((ALONE, "freeze"), (".*", "train")), 1e-3),
    "scratch": (((ALONE, "freeze"), (".*", "train")), 1e-3),
}


def test_the_parameters_are_small_and_halves():
    file = find(Path("mini"), "mini")
    assert file.parent == WEIGHTS and sum(f.stat().st_size for f in WEIGHTS.iterdir()) < 8 * 2**20
    with np.load(file) as arrays:
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}


@pytest.mark.medium("compiles how af2jax-mini is initialised")
def test_by_name_or_at_random():
    _, params = af2jax.load("mini")
    _, same = af2jax.load("mini", "mini")
    _, random = af2jax.load("mini", key=jax.random.key(0))
    params, same, random = map(flatten, (params, same, random))
    assert all(np.array_equal(params[path], same[path]) for path in params)
    moved = [path for path in params if not np.array_equal(params[path], random[path])]
    assert len(moved) > 0.9 * len(params) and all(array.dtype == np.float32 for array in params.values())


@pytest.mark.medium("compiles af2jax-mini")
def test_the_card_and_every_prediction_say_what_it_is_for():
    text = (WEIGHTS / "README.md").read_text()
    assert "not for science" in text and "lDDT-CA" in text
    model, params = af2jax.load("mini")
    prediction = af2jax.predict(model, params, af2jax.features("MKTAYIAKQRQISFVK", model.config), 0)
    assert any("not for science" in note for note in prediction.protein.notes)


@pytest.fixture(scope="module")
def data(request):
    return request.getfixturevalue("shared") / "data"


@pytest.fixture(scope="module")
def network():
    return af2jax.load("mini")


def folded(network, known: Chain, num_recycle: int) -> tuple[np.ndarray, np.ndarray]:
    """(CA atoms, pLDDT) of a chain from its sequence."""
    model, params = network
    features = padded(af2jax.features(known.sequence, model.config), model.config.data)
    found = af2jax.predict(model, params, features, num_recycle)
    return found.protein.positions[:, CA], found.plddt


def local(points: np.ndarray, known: Chain) -> np.ndarray:
    """lDDT-CA of the observed residues."""
    truth, mask = known.positions[:, CA], known.atom_mask[:, CA]
    return np.asarray(quality.lddt_ca(*map(jnp.asarray, (points, truth, mask))).per_residue)[mask]


@pytest.mark.optimised
@pytest.mark.slow("folds real chains")
class TestOnRealChains:
    """Thirty designed and modelled proteins of clusters that nothing was trained on."""

    @pytest.fixture(scope="class")
    @classmethod
    def chains(cls, data):
        found = {m.cluster: m for m in corpus.chains(data, 128) if (m.side, m.kind) == ("valid", "designed")}
        return [(read_item(member.item), member.cluster) for member in found.values()][:30]

    @pytest.fixture(scope="class")
    @classmethod
    def folds(cls, network, chains):
        """(CA atoms, pLDDT) of each chain after 0 and 1 recycles."""
        return {n: [folded(network, known, n) for known, _ in chains] for n in (0, 1)}

    def test_it_knows_folds_that_it_never_saw(self, chains, folds):
        """Its predictions fit their own structures better than those of others of about the same length."""
        knowns, clusters = zip(*chains, strict=True)
        truths = [(known.positions[:, CA], known.atom_mask[:, CA]) for known in knowns]
        points = [found for found, _ in folds[1]]
        mates = controls.partners([len(x) for x in points], clusters)
        both = lambda x, i: [x[i], x[mates[i]]]
        exchanged = [controls.exchanged(both(points, i), both(truths, i))["lddt_ca"] for i in range(len(points))]
        own = [local(x, known).mean() for x, known in zip(points, knowns, strict=True)]
        assert np.mean(own) - np.mean(exchanged) > 3

    def test_a_recycle_keeps_the_fold(self, chains, folds):
        before, after = (
            np.array([local(x, known).mean() for (x, _), (known, _) in zip(folds[n], chains, strict=True)])
            for n in (0, 1)
        )
        assert (after - before).mean() > -2

    def test_plddt_tells_good_residues_from_bad_ones(self, chains, folds):
        each = [
            (local(x, known), plddt[known.atom_mask[:, CA]])
            for (x, plddt), (known, _) in zip(folds[1], chains, strict=True)
        ]
        assert spearmanr(*map(np.concatenate, zip(*each, strict=True))).statistic > 0.35


def examples(config, chains: list[corpus.Member]):
    """One window of each chain, with its secondary structure (int [N_res], -1 unknown) as the label "ss"."""
    found = []
    for chain in chains:
        known = read_chain(chain.file)
        letters = secondary(known.aatype, known.positions, known.atom_mask, np.zeros(len(known.aatype), np.int32))
        labels = {"ss": np.array(["HEC-".index(letter) for letter in letters]).astype(np.int32)}
        labels["ss"][labels["ss"] == 3] = -1
        found.append(af2jax.example(chain.file, config=config, crop=CROP, seed=0, labels=labels))
    return stack(found)


@pytest.mark.optimised
@pytest.mark.slow("trains on real chains")
class TestFineTuning:
    """The new head learns secondary structure from few real chains, in the ways that people use."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, data, network):
        """{way: (accuracy on unseen chains, lDDT-CA of the chains that it folds best)}, and of the network before."""
        model, trained = network
        every = corpus.chains(data, 200)
        of = lambda side: [c for c in every if c.length >= CROP and (c.kind, c.side) == ("natural", side)]
        learn, judge, known = (
            examples(model.config, some) for some in (of("train")[:32], of("valid")[:24], corpus.best(every))
        )
        cut = lambda batch, ids: jax.tree.map(lambda x: x[ids], batch)
        out = {}
        for way, (rules, rate) in WAYS.items():
            params = af2jax.load("mini", key=jax.random.key(0))[1] if way == "scratch" else trained
            labels = af2jax.label(params, rules)
            adapters = None
            if way == "lora":
                adapters = af2jax.lora.init(params, labels, rank=4, key=jax.random.key(1))
            state = af2jax.finetune.init(
                model,
                params,
                labels,
                af2jax.finetune.adamw(rate, STEPS, warmup=5),
                {"ss": Head("residue", classes=3)},
                adapters,
                {"ss": 1.0},
                clip_example=1.0,
                dropout=False,
            )
            kept = lambda state: float(af2jax.finetune.eval_step(state, known, 0)[0]["lddt_ca"])
            out.setdefault("before", (np.nan, kept(state)))
            for step in range(STEPS):
                ids = np.random.default_rng([0, step]).choice(32, 4, replace=False)
                state, metrics = af2jax.finetune.train_step(state, cut(learn, ids), jax.random.key(step), 0)
                assert not metrics["skipped"]
            said, label = af2jax.finetune.eval_step(state, judge, 0)[1]["ss"], judge[1].labels["ss"]
            out[way] = float(np.mean((np.argmax(said, -1) == label)[label >= 0])), kept(state)
        print(out)
        return out

    def test_it_beats_training_from_scratch(self, found):
        assert found["full"][0] > found["scratch"][0] and found["lora"][0] > found["scratch"][0]

    def test_lora_and_the_frozen_trunk_are_not_far_from_everything(self, found):
        assert found["lora"][0] > found["full"][0] - 0.05 and found["head"][0] > found["full"][0] - 0.12

    def test_a_frozen_trunk_forgets_nothing(self, found):
        """And whatever moves it changes what it folds."""
        before = found["before"][1]
        assert found["head"][1] == before and before not in (found["lora"][1], found["full"][1])
