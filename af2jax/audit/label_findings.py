"""What is wrong with a label: contradictions, classes, outliers, units, noise, and whether sequences tell of it."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from af2jax.audit import cells
from af2jax.audit.findings import Finding
from af2jax.audit.label_column import LISTED, LabelColumn
from af2jax.audit.look import Seen
from af2jax.data.parse import printable
from af2jax.words import counted

FEW, IMBALANCE = 5, 5  # examples of a class; times that the largest class is larger than another
WEAK, CLEAR = 0.01, 0.2  # p below which a relation is clear, and from which it is likely that there is none
TOLD, ODD = 0.3, 4.0  # correlation from which single labels are judged, and robust standard deviations of the odd ones


def findings(label: LabelColumn, seen: Sequence[Seen], named: bool) -> list[Finding]:
    """What is wrong with a label; `named`: a user asked for it to be learnt."""
    name = printable(label.name)
    parts = (_contradictions, _classes, _outliers, _units, _explained, _at_odds, _noise)
    return [*chain.from_iterable(part(label, seen, name) for part in parts), *_relation(label, name, named)]


def _contradictions(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    lines = []
    for rows in label.contradictions:
        pairs = [f"{seen[i].item.id}: {printable(label.column.cells[i][:30])}" for i in rows]
        more = f", and {len(pairs) - LISTED} more" if len(pairs) > LISTED else ""
        lines.append(", ".join(pairs[:LISTED]) + more)
    if lines:
        yield Finding(
            "contradicting labels",
            75,
            f'{counted(len(lines), "protein has", "proteins have")} several labels "{name}" that contradict each other',
            "One sequence cannot have two answers: the training is told both, and a test counts one as wrong.",
            "Find out which is right, give their mean, or leave them out; conditions that differ need a column.",
            tuple(lines),
        )


def _classes(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    if not label.classes:
        return
    counts = label.column.counts
    what = "residues" if label.residue else "items"
    total, most = counts.total(), max(counts.values())
    there = {kind: [] for kind in label.classes}
    for i in range(len(seen)):
        for kind in there.keys() & set(label.named(i)):
            there[kind].append(i)
    for kind in (kind for kind in label.classes if counts[kind] < FEW):
        yield Finding(
            "a rare class",
            75 if counts[kind] < 3 else 60,
            f'class {printable(kind)} of "{name}" has {counts[kind]} of {total} {what}',
            "So few cannot be learnt, and cannot be in training, validation and test at once.",
            "Join it with another class, measure more, or leave it out; accuracy will not show that it fails.",
            tuple(f"{seen[i].item.where} ({seen[i].item.id})" for i in there[kind]),
        )
    few = [kind for kind in label.classes if FEW <= counts[kind] < most / IMBALANCE]
    if few:
        yield Finding(
            "imbalance",
            50,
            f'the largest class of "{name}" has {most} {what}, {printable(few[0])} has {counts[few[0]]}',
            f"A model that always predicts the largest class has an accuracy of {most / total:.0%}.",
            "Weight classes (the config does), and read each class's recall, not accuracy alone.",
            tuple(f"{printable(kind)}: {counts[kind]}" for kind in label.classes),
        )
    split = [one.item.split for one in seen]
    for kind, rows in there.items():
        if "train" in split and not any(split[i] == "train" for i in rows):
            ids = tuple(seen[i].item.id for i in rows)
            yield Finding(
                "a class outside training",
                70,
                f'class {printable(kind)} of "{name}" is not in the split train',
                "It can never be predicted; af2jax finetune leaves these items out.",
                "Split again so that each class is in each part, or leave the class out.",
                ids,
                ids,
            )


def _outliers(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    two, known = label.populations, sum(map(bool, label.column.cells))
    far = np.setdiff1d(label.outliers, two.rows if two else [])  # those of another unit are told of by `_units`
    if len(far) and len(label.column.odd) <= 0.05 * known:  # cells that are not read may be the large ones
        these = counted(len(far), f'value of "{name}" lies', f'values of "{name}" lie')
        yield Finding(
            "outliers",
            60 if len(far) < 0.02 * len(label.values) else 45,
            f"{these} more than {cells.OUTLIER:.0f} robust standard deviations from the median",
            "The squared error of a few such values outweighs all others. (Robust: interquartile range / 1.349.)",
            "Check units and typing errors; else learn the logarithm or the rank.",
            tuple(f"{seen[i].item.id}: {label.values[i]:g}" for i in far),
        )


def _units(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    if (two := label.populations) is not None:
        apart = "273 apart" if np.isnan(two.factor) else f"{two.factor:.3g} times apart"
        yield Finding(
            "two units",
            75 if two.near else 45,
            f'"{name}" has two populations {apart}: {len(two.rows)} values are about {two.medians[1]:.3g}, the others '
            f"about {two.medians[0]:.3g}",
            f"{'So' if two.near else 'About so'} are {two.units}; or they are two kinds, such as what binds and what "
            "does not. If units are mixed, most of what a model learns is which unit a row has.",
            "Find out which unit each row has and bring all to one; if both are right, learn the logarithm or classes.",
            tuple(f"{seen[i].item.where} ({seen[i].item.id}): {label.values[i]:g}" for i in two.rows),
        )


def _explained(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    what, score = label.explained_by
    if what:
        yield Finding(
            f"{what} explains the label",
            75 if what == "length" else 60,
            f'{what} alone predicts "{name}" (cross-validated correlation {score:.2f})',
            f"({label.scale}.) This decides what may be concluded: a network that scores as well may have learnt "
            "nothing but " + ("to count residues." if what == "length" else "which residues are frequent."),
            f"Compare every model with one that knows the {what} alone, and claim only what goes beyond it; "
            + ("test within narrow lengths." if what == "length" else "test on proteins of like composition."),
        )


def _at_odds(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    if label.relation is None or not label.relation.shown or label.relation.score < TOLD:
        return
    if rows := [i for i in label.most_at_odds if label.odds[i] > ODD]:
        these = counted(len(rows), f'label "{name}" is', f'labels "{name}" are')
        yield Finding(
            "labels at odds",
            35,
            f"{these} far from what those of other proteins say",
            f"More than {ODD:.0f} robust standard deviations from the cross-validated prediction of a simple model, "
            f"which correlates with the label by {label.relation.score:.2f} ({label.scale}).",
            "Look at these first: exchanged rows, a sign, a unit, or a protein that is special.",
            tuple(f"{seen[i].item.where} ({seen[i].item.id}): {printable(label.column.cells[i][:30])}" for i in rows),
        )


def _noise(label: LabelColumn, seen: Sequence[Seen], name: str) -> Iterator[Finding]:
    share, number = label.noise
    if number and share > 0.5:
        yield Finding(
            "noise",
            60,
            f'repeats of one protein differ by {share:.0%} of the variance of "{name}"',
            f"Measured on {number} items, pooled within repeats, of the population variance without outliers: no "
            f"model can reach an R² above {1 - share:.2f}.",
            "Average repeats, and compare models with that limit and not with 1.",
        )


def _relation(label: LabelColumn, name: str, named: bool) -> list[Finding]:
    """Whether simple models can tell the label from a shuffled one; the level follows p and what could be found."""
    relation = label.relation
    if relation is None or relation.p <= WEAK:
        return []
    number = f"{relation.examples} examples, correlation {relation.score:.2f}, p = {relation.p:.2f}"
    power = (
        f"The test: {relation.by}, cross-validated with homologues in one fold, beside the same with labels exchanged "
        f"(permutation test; correlation: {label.scale}). "
        f"In four of five sets of this size it finds a true correlation of {relation.findable:.2f} or more."
    )
    cure = "Check on known proteins that labels belong to their rows before you train."
    if relation.shown:
        title = f'simple models tell little of "{name}" ({number})'
        return [Finding("a weak relation", 30, title, power, cure)]
    threat = 80 if named else 55
    title = f'simple models cannot tell "{name}" from a shuffled column ({number})'
    if relation.p < CLEAR or relation.findable > 0.6:
        threat = 50
        title = f'simple models hardly tell "{name}" from a shuffled column ({number})'
    text = f"{power} Either rows were mixed up, or the label is not in the sequence, or it needs more than they see."
    return [Finding("unrelated label", threat, title, text, cure)]
