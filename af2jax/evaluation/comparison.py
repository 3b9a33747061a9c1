"""Networks and simple baselines on the same targets, as numbers: means, paired differences, and what they decide.

Targets that a network has learned from, held-out ones and those that none was tuned for are different questions, and a
gain on the one and a loss on the other would average to nothing: each group is judged by itself.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.data.parse import printable
from af2jax.errors import InputError
from af2jax.evaluation import folds
from af2jax.evaluation.entries import Entry, Progress, read, shared, simple, unique
from af2jax.evaluation.history import Course, course
from af2jax.evaluation.record import ScoredTarget, metric
from af2jax.evaluation.scores import METRICS
from af2jax.evaluation.subject import open_subject
from af2jax.evaluation.verdict import NO, OPEN, YES, Verdict, any_beats, compared
from af2jax.html.page import plain
from af2jax.metrics.judgement import BETTER, Judgement, judge
from af2jax.metrics.statistics import Interval, Paired, bootstrap, paired

LEARNED, HELD_OUT, GENERAL = "learned from", "held out", "general"
NO_BASELINE = "No network was compared with a simple baseline: none could be computed."


@dataclass(frozen=True)
class Pair:
    """Two entries on one metric; `after` minus `before`."""

    name: str  # of the metric
    after: str
    before: str
    group: str  # of the targets; "" where all are of one
    found: Paired
    judged: Judgement

    @property
    def row(self) -> dict:
        """As a table has it."""
        of, names = self.found.difference, ("name", "group", "after", "before")
        row = {name: getattr(self, name) for name in names}
        row |= dict(zip(("difference", "low", "high"), of.cells, strict=True))
        row |= {"targets": of.count, "families": of.families}
        return row | {"p": self.judged.p, "needed": self.judged.needed, "answer": self.judged.answer}

    @property
    def verdict(self) -> Verdict:
        """In words."""
        m = metric(self.name)
        return compared(self.found, self.judged, m.label, m.higher, self.after, self.before, self.group)


@dataclass(frozen=True)
class Mean:
    """An entry on one metric."""

    name: str  # of the metric
    entry: str
    baseline: bool
    group: str
    interval: Interval
    parameters: int


@dataclass(frozen=True)
class Comparison:
    """All that a comparison found.

    Attributes:
        entries: networks, the first being the one that others are compared with; all with the same targets.
        baselines: simple ones.
        general: the networks on a data set that none was tuned for; () for none.
        groups: bool [targets] by name.
        means: of every entry, metric and group.
        pairs: primary metrics: each network against the first, and against the best baseline.
        others: all other metrics of structures against the first, corrected among themselves.
        forgotten: those on the general data set.
        folds: means of targets whose fold a network has learned from, and of those of a new fold; () where unknown.
        course: of the runs among the entries.
        lost: ids of targets that not all entries have.
        notes: what could not be done.
    """

    entries: tuple[Entry, ...]
    baselines: tuple[Entry, ...]
    general: tuple[Entry, ...]
    groups: dict[str, np.ndarray]
    means: tuple[Mean, ...]
    pairs: tuple[Pair, ...]
    others: tuple[Pair, ...]
    forgotten: tuple[Pair, ...]
    folds: tuple[Mean, ...]
    course: Course
    lost: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[dict]:
        """A row for each pair that is judged: what of what, the difference with its interval, p, and the answer."""
        every = ((kind, pair) for kind in ("pairs", "others", "forgotten") for pair in getattr(self, kind))
        return [{"of": kind} | pair.row for kind, pair in every]

    def json(self) -> str:
        """Means, pairs and verdicts; null where a number is not known."""
        means, folds = (
            [dataclasses.asdict(mean) | {"interval": mean.interval._asdict()} for mean in every]
            for every in (self.means, self.folds)
        )
        told = lambda verdicts: [{"answer": verdict.answer, "text": verdict.text} for verdict in verdicts]
        known = {"beats_baseline": told(self.beats_baseline), "verdicts": told(self.verdicts)}
        known |= {"means": means, "folds": folds, "pairs": self.rows, "lost": self.lost, "notes": self.notes}
        return json.dumps(plain(known), allow_nan=False)

    @property
    def verdicts(self) -> list[Verdict]:
        """Of the pairs, then what was forgotten."""
        return [*(pair.verdict for pair in self.pairs), *self.kept]

    @property
    def beats_baseline(self) -> list[Verdict]:
        """Whether any network is better than the best simple baseline, in each primary metric and group of targets."""
        simple, asked = {one.name for one in self.baselines}, {}
        for pair in self.pairs:
            if pair.before in simple:
                asked.setdefault((pair.name, pair.group), []).append(pair)
        if not asked:
            return [Verdict(OPEN, NO_BASELINE, NO_BASELINE)]
        return [_beats(pairs) for pairs in asked.values()]

    @property
    def tuned(self) -> list[Verdict]:
        """Of networks against each other: each against the first that has the metric."""
        simple = {one.name for one in self.baselines}
        return [pair.verdict for pair in self.pairs if pair.before not in simple]

    @property
    def kept(self) -> list[Verdict]:
        """What was forgotten, on the general data set."""
        return [_forgot(pair) for pair in self.forgotten if pair.name == "lddt_ca"]


def compare(
    networks: Sequence[str | Path] | Mapping[str, Sequence[str | Path]],
    data: str | Path | None = None,
    split: str = "",
    general: str | Path | None = None,
    num_recycle: int | None = None,
    *,
    activations: bool | str | Path = False,
    preset: str | None = None,
    keep: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Comparison:
    """Networks target by target, all run in one way, beside simple baselines that learn from the same data.

    Args:
        networks: runs, checkpoints, parameters, or folders that `af2jax evaluate` wrote; the first is the baseline. By
            name, several are taken together, such as trainings of other seeds: the mean of each number of a target.
        data: None: that of the first evaluation or run.
        split: evaluate this one alone, or "all"; "": test, or else valid, or else all.
        general: a data set that no run was tuned for, to see what was forgotten; all of it is folded.
        num_recycle: recycles of every network; None: those of the first, as it was evaluated or validated.
        activations: a further baseline, regression on the activations of the first's trunk, or of that network's.
        preset: of parameters that are of no run.
        keep: folder for the evaluations that are made on the way, from which the same call resumes; None: none.
        progress: called with the number of targets done and that of all, or of passes (`evaluate`).

    Raises:
        InputError, WeightsError: there is no network, something cannot be read, or no target is shared.
    """
    named = networks if isinstance(networks, Mapping) else by_folder(networks)
    named = {name: [Path(path) for path in paths] for name, paths in named.items()}
    if not named or not all(named.values()):
        raise InputError("give at least one run, the baseline first")
    found, lost = shared(read(named, keep, data and Path(data), split, preset, num_recycle, progress))
    recycles = found[0].evaluation.subject["recycles"]
    frozen = None
    if activations:
        frozen = open_subject(found[0].path if activations is True else activations, preset, recycles)
    baselines, notes = simple(found, frozen, progress)
    remembered = []
    if general:
        again = {entry.name: [Path(one.subject["path"]) for one in entry.runs] for entry in found}
        remembered, _ = shared(read(again, keep and keep / "general", Path(general), "all", preset, recycles, progress))
    return study(found, baselines, remembered, lost, notes)


def by_folder(networks: Sequence[str | Path]) -> dict[str, list[str | Path]]:
    """Each under the name of its folder, numbered where that is taken."""
    found: dict[str, list[str | Path]] = {}
    for network in networks:
        found[unique(printable(Path(network).resolve().name), found)] = [network]
    return found


def study(
    entries: Sequence[Entry],
    baselines: Sequence[Entry] = (),
    general: Sequence[Entry] = (),
    lost: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Comparison:
    """Compares entries whose targets are the same in one order (`entries.shared`).

    Raises:
        InputError: they were not run in the same way.
    """
    same_way(entries)
    same_way(general)
    groups = grouped([entry.evaluation.targets for entry in entries])
    asked = []
    for name in dict.fromkeys(name for entry in entries for name in entry.evaluation.primary):
        for group, mask in groups.items():
            having = [entry for entry in entries if has(entry, name, mask)]
            asked += [(name, entry, having[0], group, mask) for entry in having[1:]]
            if (best := best_baseline(baselines, name, mask)) is not None:
                asked += [(name, entry, best, group, mask) for entry in having]
    names = [name for name in METRICS if name != "lddt_ca" and has(entries[0], name)]
    others = [
        (name, entry, entries[0], group, mask)
        for entry in entries[1:]
        for name in names
        for group, mask in groups.items()
        if has(entry, name, mask)
    ]
    return Comparison(
        tuple(entries),
        tuple(baselines),
        tuple(general),
        groups,
        tuple(_means(entries, baselines, groups)),
        tuple(_judged(asked)),
        tuple(_judged(others)),
        tuple(_judged(_general(general))),
        tuple(_means(entries, baselines, folds.parts([entry.evaluation.targets for entry in entries]))),
        course(entries),
        tuple(lost),
        tuple(notes),
    )


def same_way(entries: Sequence[Entry]) -> None:
    """That all networks were given as many recycles and the same draws of alignments.

    Raises:
        InputError: they were not.
    """
    ways = [(entry, entry.evaluation.subject["recycles"], entry.evaluation.subject["seed"]) for entry in entries]
    for entry, recycles, seed in ways[1:]:
        if (recycles, seed) != ways[0][1:]:
            first, *way = ways[0]
            raise InputError(
                f"{entry.name} was run with {recycles} recycles and seed {seed}, {first.name} with {way[0]} and "
                f"{way[1]}: the difference would be that of recycles; evaluate both with one --num-recycle"
            )


def grouped(targets: Sequence[Sequence[ScoredTarget]]) -> dict[str, np.ndarray]:
    """bool [targets] for each group that there is; {"": all} where there is one. `targets`: of every entry.

    A target is learned from where its row says `train`, or where it has no split and is a homologue of what some
    network learned from; held out where its row says valid or test; else general.
    """

    def group(same: Sequence[ScoredTarget]) -> str:
        splits = {target.split for target in same} - {""}
        if "train" in splits or (not splits and any(target.homologue for target in same)):
            return LEARNED
        return HELD_OUT if splits else GENERAL

    found = np.array([group(same) for same in zip(*targets, strict=True)])
    names = [name for name in (LEARNED, HELD_OUT, GENERAL) if (found == name).any()]
    return {name: found == name for name in names} if len(names) > 1 else {"": np.ones(len(found), bool)}


def has(entry: Entry, name: str, mask: np.ndarray | slice = slice(None)) -> bool:
    """Whether an entry has a metric for any of the targets."""
    return bool(np.isfinite(entry.evaluation.column(name)[mask]).any())


def best_baseline(baselines: Sequence[Entry], name: str, mask: np.ndarray | slice = slice(None)) -> Entry | None:
    """The baseline of the best mean; None where none has this metric."""
    known = [one for one in baselines if has(one, name, mask)]
    sign = 1 if metric(name).higher else -1
    return max(known, key=lambda one: sign * np.nanmean(one.evaluation.column(name)[mask]), default=None)


def _general(general: Sequence[Entry]) -> list[tuple]:
    """What is asked of networks on data that none was tuned for."""
    names = ["lddt_ca", *(name for name in METRICS if name != "lddt_ca")]
    return [
        (name, entry, general[0], "", slice(None))
        for name in names
        for entry in general[1:]
        if has(entry, name) and has(general[0], name)
    ]


def _judged(asked: Sequence[tuple]) -> list[Pair]:
    """Pairs of (metric, after, before, group, mask), judged together."""
    found = [
        paired(
            after.evaluation.column(name)[mask], before.evaluation.column(name)[mask], before.evaluation.families[mask]
        )
        for name, after, before, _, mask in asked
    ]
    judged = judge(found, [metric(name).higher for name, *_ in asked])
    return [
        Pair(name, after.name, before.name, group, one, answer)
        for (name, after, before, group, _), one, answer in zip(asked, found, judged, strict=True)
    ]


def _means(entries: Sequence[Entry], baselines: Sequence[Entry], groups: dict[str, np.ndarray]) -> list[Mean]:
    names = dict.fromkeys(name for entry in entries for name in entry.evaluation.primary)
    families = entries[0].evaluation.families
    return [
        Mean(
            name,
            entry.name,
            not entry.path,
            group,
            bootstrap(entry.evaluation.column(name)[mask], families[mask]),
            entry.evaluation.subject["parameters"],
        )
        for name in names
        for group, mask in groups.items()
        for entry in (*entries, *baselines)
        if has(entry, name, mask)
    ]


def _beats(pairs: Sequence[Pair]) -> Verdict:
    """Of all networks on one metric against one baseline: the one that gains most decides."""
    name = pairs[0].name
    better = [pair for pair in pairs if pair.judged.answer == BETTER]
    sign = 1 if metric(name).higher else -1
    best = max(better or pairs, key=lambda pair: np.nan_to_num(sign * pair.found.difference.value, nan=-np.inf))
    judgements = [pair.judged.answer for pair in pairs]
    more = "\n\n".join(pair.verdict.text for pair in pairs)
    names = (metric(name).label, best.after, best.before, best.group)
    return any_beats(judgements, best.found.difference, *names, more)


def _forgot(pair: Pair) -> Verdict:
    told = pair.verdict
    word = {YES: "Nothing was forgotten", NO: "It forgot"}.get(told.answer, "Forgetting")
    lead = f"{word}, on the general set: "
    return dataclasses.replace(told, text=lead + told.text, sentence=lead + told.sentence)
