"""The page of `af2jax compare`: did tuning help, is a network needed at all, what did it cost, what was forgotten?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.metrics.statistics import Paired, bootstrap, holm, paired
from af2jax.plots import assess, panels
from af2jax.report import history
from af2jax.report.assessment import primary
from af2jax.report.entries import Entry
from af2jax.report.evaluation import metric
from af2jax.report.page import Caption, Page
from af2jax.report.scores import METRICS
from af2jax.report.verdict import NO, YES, Verdict, compared

HEADINGS = (
    "metric", "of", "minus", "difference", "95 % from", "to", "better on", "equal", "worse on", "p (Wilcoxon)",
    "p (Holm)", "Cohen's d", "rank-biserial", "targets", "needed for power 0.8",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two entries on one metric; `after` minus `before`."""

    name: str  # of the metric
    after: str
    before: str
    found: Paired
    families: int

    def row(self, p: float) -> tuple:
        """A line of the table; `p` is corrected."""
        m, f = metric(self.name), self.found
        better, worse = (f.wins, f.losses) if m.higher else (f.losses, f.wins)
        numbers = (*f.difference[:3], better, f.ties, worse, f.p, p, f.cohen, f.rank_biserial, f.difference.count)
        return (m.label, self.after, self.before, *numbers, f.needed if np.isfinite(f.needed) else "no effect")

    def verdict(self, p: float) -> Verdict:
        """In words; `p` is corrected."""
        m = metric(self.name)
        return compared(self.found, p, m.label, m.higher, self.after, self.before, self.families)


def pair(name: str, after: Entry, before: Entry) -> Pair:
    """Compares two entries, whose targets are the same in the same order."""
    a, b = after.evaluation.column(name), before.evaluation.column(name)
    families = before.evaluation.families[np.isfinite(a) & np.isfinite(b)]
    return Pair(name, after.name, before.name, paired(a, b, before.evaluation.families), len(np.unique(families)))


def pairs(entries: Sequence[Entry], rivals: Sequence[Entry]) -> list[Pair]:
    """Every entry against the first, and against the best rival, on each primary metric that both have."""
    found = []
    for name in dict.fromkeys(name for entry in entries for name in primary(entry.evaluation)):
        having = [entry for entry in entries if _has(entry, name)]
        if len(having) > 1:
            found += [pair(name, entry, having[0]) for entry in having[1:]]
        if (best := best_rival(rivals, name)) is not None:
            found += [pair(name, entry, best) for entry in having]
    return found


def best_rival(rivals: Sequence[Entry], name: str) -> Entry | None:
    """The rival of the best mean; None where no rival has this metric."""
    known = [rival for rival in rivals if _has(rival, name)]
    sign = 1 if metric(name).higher else -1
    return max(known, key=lambda rival: sign * np.nanmean(rival.evaluation.column(name)), default=None)


def write(
    entries: list[Entry],
    rivals: list[Entry],
    general: list[Entry],
    lost: list[str],
    notes: list[str],
    out: Path,
) -> tuple[Path, list[Verdict]]:
    """Writes the page and its files; (the path of the page, the verdicts).

    Args:
        entries: at least one, the first being the baseline; all with the same targets in one order.
        rivals: simple ones, on the same targets.
        general: the same networks on data that none was tuned for, the first being the baseline; [] for none.
        lost: ids of targets that not all had.
        notes: what could not be done.
    """
    first = entries[0]
    page = Page(f"Comparison with {first.name}", _remarks(entries))
    found = pairs(entries, rivals)
    corrected = holm([pair.found.p for pair in found])
    verdicts = [pair.verdict(float(p)) for pair, p in zip(found, corrected, strict=True)]
    forgot = _forgotten(general)
    page.section("Verdict")
    for verdict in (*verdicts, *forgot[1]):
        page.text(verdict.text)
    said = [{"answer": v.answer, "text": v.text} for v in (*verdicts, *forgot[1])]
    page.number("verdicts", said)
    _warnings(page, entries, lost, notes)
    page.section("All entries")
    _means(page, entries, rivals)
    if found:
        page.section("Differences on the same targets")
        page.table("pairs", HEADINGS, [p.row(float(c)) for p, c in zip(found, corrected, strict=True)])
        page.text(
            "Intervals: 10,000 bootstraps, families of targets drawn together. p: Wilcoxon's signed-rank test, "
            "two-sided, corrected by Holm over the rows of this table. Needed: independent targets at which an effect "
            "of this size would be found with a power of 80 %. Of the rivals the best on these targets is taken, which "
            "favours it."
        )
        _differences(page, entries, found)
    _others(page, entries)
    if general:
        page.section("What was forgotten")
        page.table("forgotten", HEADINGS, forgot[0], f"On {general[0].evaluation.data['path']}")
    history.part(page, entries)
    _targets(page, entries, rivals)
    return page.save(out), [*verdicts, *forgot[1]]


def _has(entry: Entry, name: str) -> bool:
    return bool(np.isfinite(entry.evaluation.column(name)).any())


def _remarks(entries: list[Entry]) -> list[str]:
    data = entries[0].evaluation.data
    kinds = len({target.family for target in entries[0].evaluation.targets})
    count = len(entries[0].evaluation.targets)
    paths = [f"{entry.name}: {entry.path}" for entry in entries]
    return [f"{count} targets of {data['path']} (split: {data['split']}), of {kinds} families of relatives.", *paths]


def _warnings(page: Page, entries: list[Entry], lost: list[str], notes: list[str]) -> None:
    if lost:
        text = "Only targets that all entries have are compared."
        page.warning("caution", f"{len(lost)} targets are left out", text, lost)
    for note in notes:
        page.warning("note", "Not done", note)
    if entries[0].evaluation.scan:
        text = "They are counted one by one: what is found holds for variants of this family and for no other protein."
        page.warning("caution", f"All {len(entries[0].evaluation.targets)} targets are of one family", text)
    for entry in entries:
        if seen := [target.id for target in entry.evaluation.targets if target.relative]:
            text = "What is measured on them says little about new proteins, and favours this entry."
            page.warning("serious", f"{entry.name} learnt from relatives of {len(seen)} targets", text, seen)
    weights = {}
    for entry in entries:
        weights.setdefault(entry.evaluation.subject["weights"], []).append(entry.name)
    for names in weights.values():
        if len(names) > 1:
            page.warning("note", "The same weights", f"{', '.join(names)} are one network: no difference can be found.")


def _means(page: Page, entries: list[Entry], rivals: list[Entry]) -> None:
    """Each entry and rival with the mean of each primary metric."""
    names = dict.fromkeys(name for entry in entries for name in primary(entry.evaluation))
    for name in names:
        known = [entry for entry in (*entries, *rivals) if _has(entry, name)]
        shown = {e.name: bootstrap(e.evaluation.column(name), entries[0].evaluation.families) for e in known}
        label = metric(name).label
        rows = [
            (e.name, "network" if e.path else "rival", *shown[e.name], e.evaluation.subject["parameters"])
            for e in known
        ]
        file = name.replace("/", "_")
        headings = ("entry", "kind", label, "95 % from", "to", "targets", "parameters")
        page.table(f"means_{file}", headings, rows, label)
        sign, simple = 1 if metric(name).higher else -1, {e.name for e in known if not e.path}
        best = max(shown, key=lambda entry: (sign * shown[entry].value, entry in simple))
        kind = next("network" if e.path else "simple rival" for e in known if e.name == best)
        page.figure(
            f"means_{file}",
            assess.intervals({entry: interval[:3] for entry, interval in shown.items()}, label),
            Caption(
                f"{label} of each entry and of simple rivals.",
                "Means of the same targets with 95 % intervals; intervals that overlap may still differ pair by pair.",
                f"{best}, a {kind}, is best with {shown[best].value:.3g}: "
                + (
                    "see the differences below." if kind == "network" else "no network here is worth its cost for this."
                ),
            ),
        )


def _differences(page: Page, entries: list[Entry], found: list[Pair]) -> None:
    """Against the baseline, one plot for each metric: the means, and target by target."""
    for name in dict.fromkeys(p.name for p in found):
        chosen = [p for p in found if p.name == name]
        label, file = metric(name).label, name.replace("/", "_")
        clear = sum(p.found.difference.clear for p in chosen)
        page.figure(
            f"differences_{file}",
            assess.intervals({f"{p.after} - {p.before}": p.found.difference[:3] for p in chosen}, label, zero=True),
            Caption(
                f"Differences in {label}, target by target.",
                f"Means with 95 % intervals; {'higher' if metric(name).higher else 'lower'} is better.",
                f"{clear} of {len(chosen)} intervals exclude 0: "
                + ("these differences are real for targets such as these." if clear else "nothing here is decided."),
            ),
        )
        having = [entry for entry in entries if _has(entry, name)]
        if len(having) < 2:
            continue
        before = having[0].evaluation.column(name)
        series = {entry.name: (before, entry.evaluation.column(name)) for entry in having[1:]}
        values = np.concatenate([before, *(y for _, y in series.values())])
        ends = np.array([np.nanmin(values), np.nanmax(values)])
        gap = {n: float(np.nanmean((y > x) if metric(name).higher else (y < x))) for n, (x, y) in series.items()}
        widest = max(gap, key=gap.get)
        page.figure(
            f"targets_{file}",
            panels.scatter(series, (f"{label}, {having[0].name}", label), {"equal": (ends, ends)}),
            Caption(
                f"{label} of each target, against that of {having[0].name}.",
                "Each point is a target; on the line nothing changed.",
                f"{widest} is better on {gap[widest]:.0%} of the targets: look at the others one by one.",
            ),
        )


def _others(page: Page, entries: list[Entry]) -> None:
    """All other metrics of structures against the baseline, corrected among themselves."""
    names = [name for name in METRICS if name != "lddt_ca" and _has(entries[0], name)]
    found = [pair(name, entry, entries[0]) for entry in entries[1:] for name in names if _has(entry, name)]
    if found:
        page.section("Other metrics of structures")
        corrected = holm([p.found.p for p in found])
        page.table("others", HEADINGS, [p.row(float(c)) for p, c in zip(found, corrected, strict=True)])
        page.text("Corrected by Holm among themselves: to look at, not to choose by.")


def _forgotten(general: list[Entry]) -> tuple[list[tuple], list[Verdict]]:
    """(rows, verdicts) of the networks on data that none was tuned for."""
    if len(general) < 2:
        return [], []
    names = ["lddt_ca", *(name for name in METRICS if name != "lddt_ca")]
    found = [pair(n, e, general[0]) for n in names for e in general[1:] if _has(e, n) and _has(general[0], n)]
    corrected = holm([p.found.p for p in found])
    verdicts = []
    for p, c in zip(found, corrected, strict=True):
        if p.name == "lddt_ca":
            told = p.verdict(float(c))
            word = {YES: "Nothing was forgotten", NO: "It forgot"}.get(told.answer, "Forgetting")
            verdicts.append(Verdict(told.answer, f"{word}, on the general set: {told.text}"))
    return [p.row(float(c)) for p, c in zip(found, corrected, strict=True)], verdicts


def _targets(page: Page, entries: list[Entry], rivals: list[Entry]) -> None:
    """Every target with what every entry reaches."""
    page.section("Targets")
    for name in dict.fromkeys(name for entry in entries for name in primary(entry.evaluation)):
        known = [entry for entry in (*entries, *rivals) if _has(entry, name)]
        columns = [entry.evaluation.column(name) for entry in known]
        ids = [target.id for target in entries[0].evaluation.targets]
        order = np.argsort(columns[-1 if len(entries) < 2 else 1] - columns[0], kind="stable")
        rows = [(ids[i], *(column[i] for column in columns)) for i in order]
        headings = ("target", *(entry.name for entry in known))
        page.table(f"targets_{name.replace('/', '_')}", headings, rows, f"{metric(name).label}, largest losses first")
