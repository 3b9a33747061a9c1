"""Rules over parameter paths, and the recipes: what they cover, and one clear line for each mistake."""

import jax
import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.errors import InputError
from af2jax.finetune import rules
from af2jax.pretrained import deepmind
from af2jax.pretrained.tree import flatten, split_stack

REST = (".*", "freeze")


def shapes(name, split=()):
    """The parameters of a preset as zeros that take no memory."""
    flat = {key: np.broadcast_to(np.float32(0), shape) for key, shape in deepmind.shapes(preset(name)).items()}
    return split_stack(deepmind.from_deepmind(flat, name), split)


TINY, FULL, SPLIT = shapes("tiny"), shapes("model_1_ptm"), shapes("model_1_ptm", (44, 4))


def count(params, labels, what="train"):
    """How many parameters have a label."""
    labels = flatten(labels)
    return sum(x.size for path, x in flatten(params).items() if labels[path] == what)


def bad(match, function, *inputs):
    with pytest.raises(InputError, match=match) as caught:
        function(*inputs)
    assert "\n" not in str(caught.value)


class TestRules:
    def test_the_first_match_wins(self):
        labels = af2jax.label(TINY, [("heads/plddt/.*", "freeze"), ("heads/.*", "train"), REST])
        flat = flatten(labels)
        assert flat["heads/plddt/logits/kernel"] == "freeze" and flat["heads/pae/logits/kernel"] == "train"
        assert flat["structure/ipa/gamma"] == "freeze" and flat.keys() == flatten(TINY).keys()

    def test_the_whole_path_must_match(self):
        flat = flatten(af2jax.label(TINY, [(".*/bias", "train"), ("heads", "freeze"), REST][::2]))
        assert flat["single/bias"] == "train" and flat["single/kernel"] == "freeze"
        bad("first match of no parameter: heads; correct or delete", af2jax.label, TINY, [("heads", "train"), REST])

    def test_a_mask_is_the_same_as_booleans(self):
        some = [("heads/.*", "train"), REST]
        mask, labels = flatten(af2jax.mask(TINY, some)), flatten(af2jax.label(TINY, some))
        assert mask == {path: label == "train" for path, label in labels.items()} and set(mask.values()) == {
            True,
            False,
        }
        lora = [("single/kernel", "lora"), REST]
        bad('"lora" cannot be a mask: single/kernel; train adapters through finetune.init', af2jax.mask, TINY, lora)

    def test_split_and_join_are_inverse(self):
        labels = af2jax.label(TINY, [("single/kernel", "lora"), ("heads/.*", "train"), REST])
        trained, rest = rules.split(TINY, labels)
        assert trained.keys() == {"heads"} and not flatten(trained).keys() & flatten(rest).keys()
        assert "single/kernel" in flatten(rest)
        whole = flatten(rules.join(trained, rest))
        assert whole.keys() == flatten(TINY).keys() and all(whole[p] is x for p, x in flatten(TINY).items())

    def test_any_iterable_of_rules(self):
        pairs = [("heads/.*", "train"), REST]
        expected = af2jax.label(TINY, pairs)
        for form in (tuple(pairs), iter(pairs), map(list, pairs), af2jax.recipe("heads")):
            assert af2jax.label(TINY, form) == expected


class TestMistakes:
    def test_an_uncovered_leaf(self):
        match = r'no rule covers input/target/kernel, (\S+, ){3}\S+ and \d+ more; end with \("\.\*", "freeze"\)'
        bad(match, af2jax.label, TINY, [("heads/.*", "train")])
        bad(r"no rule covers single/bias; end with", af2jax.label, TINY, [(r"(?!single/bias).*", "train")])

    def test_a_typo_or_a_rule_that_comes_too_late(self):
        bad("no parameter: strcture/.*; correct or delete", af2jax.label, TINY, [("strcture/.*", "train"), REST])
        bad("no parameter: heads/.*; correct or delete", af2jax.label, TINY, [REST, ("heads/.*", "train")])

    def test_an_unknown_label(self):
        bad(
            'rule "heads/.*": expected train, lora or freeze, got "trian"',
            af2jax.label,
            TINY,
            [("heads/.*", "trian")],
        )

    def test_a_bad_expression(self):
        bad(r'rule "heads/\(" is not a regular expression: ', af2jax.label, TINY, [("heads/(", "train"), REST])

    @pytest.mark.parametrize("wrong", ["heads", [("a", "b", "c")], [("a",)], [(1, "train")], [None], [b"ab"]], ids=str)
    def test_what_is_no_pair(self, wrong):
        bad(r'expected pairs such as \("heads/\.\*", "train"\), or af2jax\.recipe', af2jax.label, TINY, wrong)

    def test_an_adapter_for_what_is_no_kernel(self):
        lora = [("single/.*", "lora"), REST]
        bad('"lora" needs kernels, but was given to single/bias', af2jax.label, TINY, lora)

    def test_labels_of_another_preset(self):
        labels = af2jax.label(shapes("model_3"), af2jax.recipe("full"))
        bad("labels belong to another tree of parameters: only one of the two has heads/pae", rules.split, FULL, labels)

    def test_last_blocks_of_an_evoformer_that_is_not_cut_there(self):
        needs = r'recipe "last_blocks" with n={} needs the Evoformer in stacks of {} and {} blocks, it has {}; '
        give = r"give load\(\.\.\., split=\({}, {}\)\)"
        for params, n, found in (
            (FULL, 4, "48"),
            (SPLIT, 8, "44 and 4"),
            (shapes("model_1_ptm", (40, 4, 4)), 4, "40 and"),
        ):
            match = needs.format(n, 48 - n, n, found).removesuffix("; ") + ".*" + give.format(48 - n, n)
            bad(match, af2jax.label, params, af2jax.recipe("last_blocks", n=n))
        for n in (48, 50):
            bad("has 48 blocks; give n below 48", af2jax.label, FULL, af2jax.recipe("last_blocks", n=n))

    def test_recipes_that_are_none(self):
        bad(r'no recipe is called "head" \(recipes: full, heads, ', af2jax.recipe, "head")
        bad("recipe \"heads\": got an unexpected keyword argument 'n'", lambda: af2jax.recipe("heads", n=4))
        for n in (0, -1):
            bad("expected 1 block or more, got n=", lambda n=n: af2jax.recipe("last_blocks", n=n))
        bad("'targets'; targets is called modules now", lambda: af2jax.recipe("lora", targets="all"))
        bad("first match of no parameter: no/where", af2jax.label, FULL, af2jax.recipe("lora", modules="no/where"))


BLOCK, STRUCTURE, SINGLE = 1_829_952, 2_019_116, 98_688
HEADS = 73_010 + 14_245 + 8_256 + 8_256 + 5_911
ALL = 93_237_338


class TestRecipes:
    """On the full-size tree; the figures are those of DeepMind's files."""

    @pytest.mark.parametrize(
        ("name", "options", "params", "expected"),
        [
            ("full", {}, FULL, ALL),
            ("heads", {}, FULL, HEADS),
            ("structure_and_heads", {}, FULL, STRUCTURE + HEADS),
            ("last_blocks", {"n": 4}, SPLIT, 4 * BLOCK + SINGLE + STRUCTURE + HEADS),
            ("last_blocks", {}, SPLIT, 4 * BLOCK + SINGLE + STRUCTURE + HEADS),
            ("last_blocks", {"n": 1}, shapes("model_1_ptm", (47, 1)), BLOCK + SINGLE + STRUCTURE + HEADS),
            ("lora", {}, FULL, 0),
        ],
    )
    def test_how_much_trains(self, name, options, params, expected):
        labels = af2jax.label(params, af2jax.recipe(name, **options))
        assert count(params, labels) == expected
        assert sum(count(params, labels, what) for what in rules.LABELS) == ALL

    def test_bias_only(self):
        theirs = {key: int(np.prod(shape)) for key, shape in deepmind.shapes(preset("model_1_ptm")).items()}
        additive = ("bias", "offset", "gating_b", "output_b")
        expected = sum(n for key, n in theirs.items() if key.split("//")[1] in additive)
        assert count(FULL, af2jax.label(FULL, af2jax.recipe("bias_only"))) == expected > 0

    @pytest.mark.parametrize("params", [FULL, SPLIT], ids=["whole", "split"])
    @pytest.mark.parametrize(
        ("modules", "kernels", "adapters"),
        [
            ("attention", 16, 48 * 8 * 512 * (4 + 4 + 2 + 2)),
            ("evoformer/.*/msa_row/attention/q/kernel", 1, 48 * 8 * 512),
            ("structure/ipa/(q|k)/kernel", 2, 2 * 8 * (384 + 192)),
        ],
    )
    def test_adapters(self, params, modules, kernels, adapters):
        labels = af2jax.label(params, af2jax.recipe("lora", modules=modules))
        of = jax.eval_shape(lambda: af2jax.lora.init(params, labels, rank=8))
        stacks = 1 if params is FULL or "evoformer" not in of else 2
        assert list(flatten(labels).values()).count("lora") == kernels * stacks
        assert sum(x.size for x in jax.tree.leaves(of)) == adapters

    def test_adapters_of_all_kernels(self):
        labels = flatten(af2jax.label(FULL, af2jax.recipe("lora", modules="all")))
        kernels = {path for path in labels if path.startswith("evoformer/") and path.endswith("/kernel")}
        assert {path for path, what in labels.items() if what == "lora"} == kernels

    def test_every_preset(self):
        for name in ("model_1", "model_3", "model_1_multimer", "model_1_multimer_v3"):
            params = shapes(name)
            for recipe in ("full", "heads", "structure_and_heads", "bias_only", "lora"):
                af2jax.label(params, af2jax.recipe(recipe))
            af2jax.label(split_stack(params, (44, 4)), af2jax.recipe("last_blocks"))

    @pytest.mark.parametrize("name", ["model_1_ptm", "model_3", "model_1_multimer", "model_1_multimer_v3"])
    def test_scopes_are_deepmind_s(self, name):
        for row in deepmind.table(preset(name)):
            for theirs in row.theirs:
                scope = theirs.removeprefix(deepmind.SCOPE).split("/")[0]
                ours = {path.split("/")[0] for path in row.ours}
                assert (ours == {"heads"}) == scope.endswith("_head"), theirs
                assert (ours == {"structure"}) == (scope == "structure_module"), theirs
