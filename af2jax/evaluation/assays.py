"""Heads of variants on the assays of a table: what they answer of each variant, and the baselines of substitutions."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from af2jax.constants.residues import encode
from af2jax.data import variants as tables
from af2jax.data.dataset import Item
from af2jax.data.mutants import blosum62
from af2jax.effects import Passes, answers
from af2jax.errors import InputError
from af2jax.evaluation.record import ORDER, VARIANTS, Answers
from af2jax.evaluation.subject import Subject
from af2jax.finetune.assays import Assay, gather, wild_type
from af2jax.heads import Head
from af2jax.heads.calibration import probabilities
from af2jax.inference import check_finite
from af2jax.metrics.substitutions import Substitutions, baselines


def judged(heads: Mapping[str, Head], items: Sequence[Item]) -> dict[str, Head]:
    """Those of heads that are of variants, and that items can judge: these are variants, and have its column."""
    known = {name: head for name, head in heads.items() if head.kind == "variant"}
    return {name: head for name, head in known.items() if any(item.wild and name in item.values for item in items)}


def assays(items: Sequence[Item], heads: Mapping[str, Head]) -> tuple[list[Assay], list[tuple[str, str]]]:
    """(the assays of items, what cannot be used with its reason)."""
    good, problems = [], []
    for item in items:
        if item.wild and not item.fault:
            good.append(item)
        else:
            problems.append((item.id, item.fault or f"{item.where}: no variant of a known wild type"))
    try:
        return gather(good, heads, taught=False), problems
    except InputError:  # of some item, which is looked for
        fine = []
        for item in good:
            try:
                gather([item], heads, taught=False)
                fine.append(item)
            except InputError as error:
                problems.append((item.id, str(error)))
        return gather(fine, heads, taught=False), problems


def answered(
    subject: Subject, assay: Assay, heads: Mapping[str, Head], seed: int, told: Callable[[], object] = lambda: None
) -> dict[str, Answers]:
    """What each head answers of the variants whose label was measured; of limits nothing is compared.

    Raises:
        InputError: an answer is not finite.
    """
    ask = Passes(subject.model, subject.params, wild_type(assay), subject.recycles, seed)
    found = answers(ask, heads, assay.variants, told)
    check_finite(assay.id, found)
    out = {}
    for name, head in heads.items():
        known = measured(assay, name, head)
        values = probabilities(found[name], head.temperature) if head.classes else found[name][:, 0]
        place = np.array([one[0].position - 1 if one else 0 for one in assay.variants], int)
        within = ORDER if head.ranks else VARIANTS
        out[name] = Answers(values[known], assay.labels[name][known], place[known], within)
    return out


def measured(assay: Assay, name: str, head: Head) -> np.ndarray:
    """bool [N_var]: whose label is known, and not as a limit."""
    label = assay.labels[name]
    return (label >= 0) if head.classes else ~np.isnan(label) & (assay.bounds[name] == 0)


def simple(learnt: Sequence[Assay], asked: Sequence[Assay], name: str, head: Head) -> dict[str, list[np.ndarray]]:
    """The baselines of one head, by name: for each of `asked`, of the variants whose label was measured.

    Raises:
        InputError: nothing that was learnt from has a label.
    """
    learn = [one for one in (_substitutions(assay, name, head) for assay in learnt) if len(one.label)]
    if not learn:
        raise InputError("no assay that was learnt from has a label")
    return baselines(learn, [_substitutions(assay, name, head) for assay in asked], head.classes, blosum62())


def _substitutions(assay: Assay, name: str, head: Head) -> Substitutions:
    """The measured variants; of a head that learns the order, labels are ranks, 0 to 1, as its assays share no unit."""
    known = measured(assay, name, head)
    of = tables.numbered(assay.variants)
    label = assay.labels[name][known]
    if head.ranks and len(label):
        from scipy.stats import rankdata

        label = rankdata(label) / len(label)
    wild = encode(assay.wild.sequence)[of.position]
    return Substitutions(wild[known], of.new[known], of.mask[known], label)
