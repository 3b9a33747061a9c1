"""What trains and what is frozen: ordered rules over parameter paths, and the trees that follow from them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from af2jax.errors import InputError
from af2jax.pretrained.tree import flatten, unflatten

LABELS = ("train", "lora", "freeze")
SHOWN = 5  # paths in a message

Rule = tuple[str, str]


@dataclass(frozen=True)
class Recipe:
    """Named rules, usable wherever rules are; `blocks`: the size that the last Evoformer stack must have, 0: any."""

    name: str
    rules: tuple[Rule, ...]
    blocks: int = 0

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)


def recipe(name: str, **options) -> Recipe:
    """The rules of what people do.

    - "full": everything trains.
    - "heads": DeepMind's output heads.
    - "structure_and_heads": the structure module and the heads.
    - "last_blocks", n=4: the last n Evoformer blocks and what follows; needs `load(..., split=(48 - n, n))`.
    - "lora", modules="attention": adapters on the kernels of the Evoformer that `modules` names: "attention" (queries,
      keys, values and outputs), "all" kernels, or a regular expression over paths.
    - "bias_only": biases and the offsets of LayerNorm (Ben Zaken et al. 2022).

    - "new_heads": nothing of DeepMind's, new heads alone.

    New heads train under every recipe.

    Raises:
        InputError: no recipe has that name, or an option or value that it does not take.
    """
    if name not in RECIPES:
        raise InputError(f'no recipe is called "{name}" (recipes: {", ".join(RECIPES)})')
    try:
        return RECIPES[name](**options)
    except TypeError as error:
        renamed = "; targets is called modules now" if "targets" in options else ""
        raise InputError(f'recipe "{name}": {str(error).split("() ")[-1]}{renamed}') from None


# of the outer product of the extra MSA: without alignments Algorithm 10 divides it by 1e-3, and so its gradient
ALONE = "extra_msa/blocks/outer/out/bias"
HEADS = ("heads/.*", "train")
STRUCTURE = ("structure/.*", "train")
REST = (".*", "freeze")


def _last_blocks(n: int = 4) -> Recipe:
    if not isinstance(n, int) or n < 1:
        raise InputError(f'recipe "last_blocks": expected 1 block or more, got n={n}')
    last = (r"evoformer/blocks_\d+/.*", "train")
    return Recipe(
        "last_blocks", (("evoformer/blocks_0/.*", "freeze"), last, ("single/.*", "train"), STRUCTURE, HEADS, REST), n
    )


def _lora(modules: str = "attention") -> Recipe:
    paths = {
        "attention": r"evoformer/.*/attention/(q|k|v|out)/kernel",
        "all": r"evoformer/.*/kernel",
    }.get(modules, modules)
    return Recipe("lora", ((paths, "lora"), REST))


RECIPES = {
    "full": lambda: Recipe("full", ((".*", "train"),)),
    "heads": lambda: Recipe("heads", (HEADS, REST)),
    "new_heads": lambda: Recipe("new_heads", (REST,)),
    "structure_and_heads": lambda: Recipe("structure_and_heads", (STRUCTURE, HEADS, REST)),
    "last_blocks": _last_blocks,
    "lora": _lora,
    "bias_only": lambda: Recipe("bias_only", ((r".*/(bias|offset)", "train"), REST)),
}


def label(params: dict, rules: Iterable) -> dict:
    """The tree of `params` with a label at each leaf: that of the first rule whose expression matches its whole path.

    `rules` are pairs (expression, label), or a recipe. Paths are joined by "/", such as "structure/ipa/q/kernel".
    Labels: "train", "lora" (a low-rank adapter trains beside the frozen kernel), "freeze".

    Raises:
        InputError: a leaf that no rule covers, a rule that is the first match of no leaf, a rule that is not a pair, an
            unknown label, an expression that does not compile, "lora" on what is not a kernel; a recipe that needs
            another split.
    """
    _check_blocks(params, rules)
    compiled = [(_compiled(rule), rule[1]) for rule in rules]
    labels, idle, uncovered = {}, set(range(len(compiled))), []
    for path in flatten(params):
        for index, (pattern, what) in enumerate(compiled):
            if pattern.fullmatch(path):
                labels[path] = what
                idle.discard(index)
                break
        else:
            uncovered.append(path)
    if uncovered:
        raise InputError(f'no rule covers {_some(uncovered)}; end with (".*", "freeze") to freeze the rest')
    if idle:
        wrong = [compiled[index][0].pattern for index in sorted(idle)]
        raise InputError(f"these rules are the first match of no parameter: {_some(wrong)}; correct or delete them")
    if wrong := [path for path, what in labels.items() if what == "lora" and not path.endswith("/kernel")]:
        raise InputError(f'"lora" needs kernels, but was given to {_some(wrong)}')
    return unflatten(labels)


def mask(params: dict, rules: Iterable) -> dict:
    """The same as booleans: True where a leaf trains. Errors as in `label`, and for "lora", which is not a boolean."""
    return trains(label(params, rules))


def trains(labels: dict) -> dict:
    """`labels` as booleans: True where a leaf trains.

    Raises:
        InputError: a label is "lora": adapters are parameters of their own.
    """
    flat = flatten(labels)
    if lora := [path for path, what in flat.items() if what == "lora"]:
        raise InputError(f'"lora" cannot be a mask: {_some(lora)}; train adapters through finetune.init(adapters=...)')
    return unflatten({path: what == "train" for path, what in flat.items()})


def split(params: dict, labels: dict) -> tuple[dict, dict]:
    """(what trains, the rest), two trees without a common leaf.

    Raises:
        InputError: `labels` belongs to another tree.
    """
    flat, what = paired(params, labels)
    parts = ({p: x for p, x in flat.items() if (what[p] == "train") == train} for train in (True, False))
    trained, frozen = (unflatten(part) for part in parts)
    return trained, frozen


def paired(params: dict, labels: dict) -> tuple[dict, dict]:
    """Both by path.

    Raises:
        InputError: `labels` belongs to another tree.
    """
    flat, what = flatten(params), flatten(labels)
    if wrong := sorted(flat.keys() ^ what.keys()):
        raise InputError(f"the labels belong to another tree of parameters: only one of the two has {_some(wrong)}")
    return flat, what


def join(*trees: dict) -> dict:
    """The inverse of `split`."""
    return unflatten({path: leaf for tree in trees for path, leaf in flatten(tree).items()})


def _compiled(rule) -> re.Pattern:
    if not (isinstance(rule, tuple | list) and len(rule) == 2 and all(isinstance(x, str) for x in rule)):
        raise InputError(f'expected pairs such as ("heads/.*", "train"), or af2jax.recipe(...), got {rule!r}')
    pattern, what = rule
    if what not in LABELS:
        raise InputError(f'rule "{pattern}": expected {", ".join(LABELS[:-1])} or {LABELS[-1]}, got "{what}"')
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError(f'rule "{pattern}" is not a regular expression: {error}') from None


def _check_blocks(params: dict, rules: Iterable) -> None:
    wanted = getattr(rules, "blocks", 0)
    if not wanted:
        return
    stacks = [_depth(stack) for _, stack in sorted(params["evoformer"].items())]
    total = sum(stacks)
    if wanted >= total:
        raise InputError(
            f'recipe "{rules.name}" with n={wanted}: the Evoformer has {total} blocks; give n below {total}'
        )
    if len(stacks) != 2 or stacks[-1] != wanted:
        raise InputError(
            f'recipe "{rules.name}" with n={wanted} needs the Evoformer in stacks of {total - wanted} and {wanted} '
            f"blocks, it has {' and '.join(map(str, stacks))}; give load(..., split=({total - wanted}, {wanted}))"
        )


def _depth(stack: dict) -> int:
    return len(next(iter(flatten(stack).values())))


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more
