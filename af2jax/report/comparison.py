"""The page of `af2jax compare`: did tuning help, is a network needed at all, what did it cost, what was forgotten?"""

from collections.abc import Sequence

import numpy as np

from af2jax.evaluation.comparison import Comparison, Mean, Pair, has
from af2jax.evaluation.entries import Entry
from af2jax.evaluation.record import metric
from af2jax.html.page import Caption, Page
from af2jax.metrics.statistics import ALPHA
from af2jax.plots import assess, panels
from af2jax.report import history
from af2jax.report.decisions import decisions
from af2jax.words import counted

HEADINGS = (
    "entry", "against", "difference", "95 % from", "to", "p (Holm)", "metric", "group", "its mean", "mean against",
    "better on", "equal", "worse on", "p (Wilcoxon)", "p (mean)",
    "Cohen's d", "rank-biserial", "targets", "families",
    "families needed for power 0.8",
)  # fmt: skip
MEANS = ("entry", "mean", "95 % from", "to", "group", "kind", "targets", "families", "parameters")
HOW = (
    "Intervals: 10,000 bootstraps in which families are drawn together, as wide as Student's t would be; over fewer "
    "than five families they are too narrow all the same. p, two-sided, over the means of families: Wilcoxon's "
    "signed-rank test, exact, and Hall's t of the mean, corrected for skewness; the larger, corrected by Holm over the "
    f"rows of this table, counts. Better or worse is claimed where it is below {ALPHA:g} and the interval excludes 0. "
    "That assumes differences of families that are not more skewed than an exponential: where few large losses and "
    "many small gains make a mean of 0, more than 5 % of comparisons are else called better. Needed: independent "
    "families at which an effect of this size is found with a power of 80 % at this correction. Of the baselines the "
    "best on these targets is taken, which favours it."
)


def render(found: Comparison) -> Page:
    """The page of a comparison."""
    first, verdicts = found.entries[0], found.verdicts
    page = Page(f"Comparison with {first.name}", _remarks(found))
    page.verdict("Does any network beat the best simple baseline?", decisions(found.beats_baseline))
    if found.tuned:
        page.verdict("Did tuning help?", decisions(found.tuned))
    if found.kept:
        page.verdict("Was anything forgotten?", decisions(found.kept))
    page.number("verdicts", [{"answer": v.answer, "text": v.text} for v in verdicts])
    _warnings(page, found)
    page.section("All entries")
    _means(page, found)
    if found.folds:
        _folds(page, found)
    if found.pairs:
        page.section("Differences on the same targets")
        _differences(page, found)
        page.table("pairs", HEADINGS, map(row, found.pairs))
        page.text(HOW)
    if found.others:
        page.section("Other metrics of structures")
        page.table("others", HEADINGS, map(row, found.others))
        page.text("Corrected by Holm among themselves: to look at, not to choose by.")
    if found.general:
        page.section("What was forgotten")
        page.table("forgotten", HEADINGS, map(row, found.forgotten), f"On {found.general[0].evaluation.data['path']}")
    history.part(page, found)
    _targets(page, found)
    return page


def row(pair: Pair) -> tuple:
    """A line of a table of pairs."""
    m, f, judged = metric(pair.name), pair.found, pair.judged
    better, worse = (f.wins, f.losses) if m.higher else (f.losses, f.wins)
    needed = judged.needed if np.isfinite(judged.needed) else "no effect"
    names, decides = (pair.after, pair.before), (*f.difference.cells, judged.p)
    what = (m.label, pair.group or "all", f.after, f.before)
    tests = (better, f.ties, worse, f.p, f.p_mean, f.cohen, f.rank_biserial)
    return (*names, *decides, *what, *tests, f.difference.count, f.difference.families, needed)


def _remarks(found: Comparison) -> list[str]:
    first = found.entries[0].evaluation
    kinds = len({target.family for target in first.targets})
    facts = first.subject
    return [
        f"{counted(len(first.targets), 'target')} of {first.data['path']} (split: {first.data['split']}), of "
        f"{counted(kinds, 'family')} of homologues.",
        f"Every network was run with {counted(facts['recycles'], 'recycle')} and the same draws of the alignments "
        f"(seed {facts['seed']}).",
        *(f"{entry.name}: {entry.path}" for entry in found.entries),
    ]


def _warnings(page: Page, found: Comparison) -> None:
    first = found.entries[0].evaluation
    if found.lost:
        text = "Only targets that all entries have are compared."
        page.warning("caution", f"{counted(len(found.lost), 'target is', 'targets are')} left out", text, found.lost)
    for note in found.notes:
        page.warning("note", "Not done", note)
    for entry in found.entries:
        facts = entry.evaluation.subject
        if facts["validated"] not in (None, facts["recycles"]):
            usual = "was validated" if facts["run"] else "is usually run"
            title = f"{entry.name} {usual} with {counted(facts['validated'], 'recycle')}"
            text = f"Here it is run with {facts['recycles']}, as all are: --num-recycle sets another number for all."
            page.warning("note", title, text)
    if first.scan:
        text = "They are counted one by one: what is found holds for variants of this family and for no other protein."
        page.warning("caution", f"All {len(first.targets)} targets are of one family", text)
    for entry in found.entries:
        if seen := [target.id for target in entry.evaluation.targets if target.homologue]:
            text = "What is measured on them says little about new proteins, and favours this entry."
            page.warning(
                "serious", f"{entry.name} learned from homologues of {counted(len(seen), 'target')}", text, seen
            )
    if len(found.groups) > 1:
        counts = ", ".join(f"{mask.sum()} {name}" for name, mask in found.groups.items())
        text = "Each group is judged by itself: a gain on what was learned and a loss elsewhere would cancel out."
        page.warning("note", f"The targets are of several groups: {counts}", text)
    weights: dict[str, list[str]] = {}
    for entry in found.entries:
        weights.setdefault(entry.evaluation.subject["weights"], []).append(entry.name)
    for names in weights.values():
        if len(names) > 1:
            page.warning("note", "The same weights", f"{', '.join(names)} are one network: no difference can be found.")


def _in(group: str) -> str:
    return f" ({group})" if group else ""


def _means(page: Page, found: Comparison) -> None:
    """Each entry with the mean of each primary metric."""
    names = dict.fromkeys(mean.name for mean in found.means)
    for name in names:
        chosen = [mean for mean in found.means if mean.name == name]
        label, file = metric(name).label, name.replace("/", "_")
        group = chosen[0].group
        same = [mean for mean in chosen if mean.group == group]
        sign = 1 if metric(name).higher else -1
        best = max(same, key=lambda mean: (sign * mean.interval.value, mean.baseline))
        kind = "simple baseline" if best.baseline else "network"
        page.figure(
            f"means_{file}",
            assess.intervals({f"{mean.entry}{_in(mean.group)}": mean.interval[:3] for mean in chosen}, label),
            Caption(
                f"{label} of each network and of simple baselines.",
                "Means of the same targets with 95 % intervals; intervals that overlap may still differ pair by pair"
                f"{best.interval.caveat}.",
                f"{best.entry}, a {kind}, is best{_in(group)} with {best.interval.value:.3g}: "
                + ("no network here is worth its cost for this." if best.baseline else "see the differences below."),
            ),
        )
    for name in names:
        rows = [_mean_row(mean) for mean in found.means if mean.name == name]
        page.table(f"means_{name.replace('/', '_')}", MEANS, rows, metric(name).label, of=metric(name).label)


def _mean_row(mean: Mean) -> tuple:
    kind, interval = "baseline" if mean.baseline else "network", mean.interval
    sizes = (interval.count, interval.families, mean.parameters)
    return (mean.entry, *interval.cells, mean.group or "all", kind, *sizes)


def _folds(page: Page, found: Comparison) -> None:
    """Each entry on targets whose fold was learned from, and on those of a new fold."""
    page.section("Known folds and new ones")
    page.text(
        "A fold is known where the TM-score of a target with a structure that any network learned from is 0.5 or more, "
        "by the target's length, whatever their sequences. Look at new folds for what a network knows of proteins."
    )
    for name in dict.fromkeys(mean.name for mean in found.folds):
        chosen = [mean for mean in found.folds if mean.name == name]
        label, file = metric(name).label, name.replace("/", "_")
        own = [mean for mean in chosen if mean.entry == chosen[0].entry]
        page.figure(
            f"folds_{file}",
            assess.intervals({f"{mean.entry} (fold {mean.group})": mean.interval[:3] for mean in chosen}, label),
            Caption(
                f"{label} of targets whose fold is in training, and of those of a new fold.",
                f"Means with 95 % intervals, families drawn together{own[0].interval.caveat}.",
                f"{own[0].entry} has {' and '.join(f'{one.interval.value:.3g} (fold {one.group})' for one in own)}: "
                "where these differ, the mean of all targets says little about new folds.",
            ),
        )
        page.table(f"folds_{file}", MEANS, map(_mean_row, chosen), label, of=label)


def _differences(page: Page, found: Comparison) -> None:
    """One plot of the means for each metric, and one target by target."""
    for name in dict.fromkeys(pair.name for pair in found.pairs):
        chosen = [pair for pair in found.pairs if pair.name == name]
        label, file = metric(name).label, name.replace("/", "_")
        decided = sum(pair.verdict.answer != "open" for pair in chosen)
        page.figure(
            f"differences_{file}",
            assess.intervals(
                {f"{p.after} - {p.before}{_in(p.group)}": p.found.difference[:3] for p in chosen}, label, zero=True
            ),
            Caption(
                f"Differences in {label}, target by target.",
                f"Means with 95 % intervals; {'higher' if metric(name).higher else 'lower'} is better.",
                f"{decided} of {len(chosen)} differences are decided, by their interval and by their test: "
                + ("these are real for targets such as these." if decided else "nothing here is."),
            ),
        )
        if len(having := [entry for entry in found.entries if has(entry, name)]) > 1:
            _scatter(page, name, having)


def _scatter(page: Page, name: str, having: Sequence[Entry]) -> None:
    label, first = metric(name).label, having[0].evaluation.column(name)
    series = {entry.name: (first, entry.evaluation.column(name)) for entry in having[1:]}
    values = np.concatenate([first, *(y for _, y in series.values())])
    ends = np.array([np.nanmin(values), np.nanmax(values)])
    better = {n: int(((y > x) if metric(name).higher else (y < x)).sum()) for n, (x, y) in series.items()}
    most = max(better, key=better.get)
    others = having[1].name if len(having) == 2 else "the others"
    page.figure(
        f"targets_{name.replace('/', '_')}",
        panels.scatter(series, (f"{label}, {having[0].name}", f"{label}, {others}"), {"equal": (ends, ends)}),
        Caption(
            f"{label} of each target, against that of {having[0].name}.",
            "Each point is a target; on the line nothing changed.",
            f"{most} is better on {better[most]} of {np.isfinite(first).sum()} targets: look at the others one by one.",
        ),
    )


def _targets(page: Page, found: Comparison) -> None:
    """Every target with what every entry reaches."""
    page.section("Targets")
    first = found.entries[0].evaluation
    group = {target.id: "all" for target in first.targets}
    for name, mask in found.groups.items():
        group |= {target.id: name or "all" for target, there in zip(first.targets, mask, strict=True) if there}
    for name in dict.fromkeys(name for entry in found.entries for name in entry.evaluation.primary):
        known = [entry for entry in (*found.entries, *found.baselines) if has(entry, name)]
        columns = [entry.evaluation.column(name) for entry in known]
        ids = [target.id for target in first.targets]
        order = np.argsort(columns[-1 if len(found.entries) < 2 else 1] - columns[0], kind="stable")
        rows = [(ids[i], group[ids[i]], *(column[i] for column in columns)) for i in order]
        headings = ("target", "group", *(entry.name for entry in known))
        label, file = metric(name).label, name.replace("/", "_")
        page.table(f"targets_{file}", headings, rows, f"{label}, largest losses first", of=label)
