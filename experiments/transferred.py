"""What `experiments/transfer.py` found, compared: areas under ROC over seeds and clusters, figure and tables."""

from pathlib import Path

import numpy as np

from af2jax.metrics.statistics import Interval, bootstrap, paired
from af2jax.plots import figure
from experiments import labelled

TRAINED, RANDOM, BESIDE = "head on the trained trunk", "head on a random trunk", " and windows"


class Found:
    """All areas under ROC of a task and a number of labelled proteins, of every seed."""

    def __init__(self, task: labelled.Task, runs: list[dict]):
        self.clusters = [one.cluster for one in task.test]
        self.seeds = {name: np.array([run[name] for run in runs]) for name in runs[0]}
        self.each = {name: areas.mean(0) for name, areas in self.seeds.items()}
        baselines = [n for n in self.each if n in labelled.BASELINES]
        self.best = max(baselines, key=lambda name: self.each[name].mean())

    def mean(self, name: str) -> Interval:
        """Over clusters, of the mean over seeds."""
        return bootstrap(self.each[name], self.clusters)

    def above(self, name: str, other: str) -> tuple[Interval, list[float]]:
        """How far a method is above another, and the same of each seed."""
        each = (self.seeds[name] - self.seeds[other]).mean(1)
        return paired(self.each[name], self.each[other], self.clusters).difference, each.tolist()

    def wins(self, more: str = "") -> bool:
        """Whether the head on the trained trunk is above the best baseline and above that on a random trunk."""
        against = (self.best, RANDOM + more)
        return all(self.above(TRAINED + more, other)[0].low > 0 for other in against)


def plot(found: dict[tuple[str, int], Found], tasks: list[str], sizes: list[int], caption: str, out: Path) -> None:
    """The area under ROC by the number of labelled proteins, a panel for each task."""
    drawn, panels = figure.new(2.6 * len(tasks) + 1.5, 3.2, caption, panels=len(tasks))
    for panel, task in zip(panels, tasks, strict=True):
        rows = [found[task, size] for size in sizes]
        best = [row.mean(row.best) for row in rows]
        shown = {
            name: [row.mean(name) for row in rows] for name in (TRAINED, RANDOM, TRAINED + BESIDE, RANDOM + BESIDE)
        }
        for i, (name, means) in enumerate(({"best baseline": best} | shown).items()):
            bars = [[one.value - one.low for one in means], [one.high - one.value for one in means]]
            places = np.arange(len(sizes)) + 0.06 * (i - 2)
            panel.errorbar(places, [one.value for one in means], bars, marker="o", label=name, color=figure.COLOURS[i])
        panel.axhline(0.5, color="black", linewidth=0.8)
        panel.set(title=task, xlabel="labelled proteins", xticks=range(len(sizes)), xticklabels=sizes)
    panels[0].set_ylabel("area under ROC within a chain")
    drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=7)
    figure.save(drawn, out / "transfer.png")


def answer(found: dict[tuple[str, int], Found], tasks: dict[str, labelled.Task], size: int) -> str:
    """The first line: where the trained trunk helps, and where it does not."""
    counted = [name for name in tasks if tasks[name].counted]
    alone = [name for name in counted if found[name, size].wins()]
    beside = [name for name in counted if name not in alone and found[name, size].wins(BESIDE)]
    rest = [name for name in counted if name not in (*alone, *beside)]
    says = [
        f"a head on the trained trunk is above the best baseline and a random trunk in {', '.join(alone) or 'none'}"
    ]
    says += [f"only when it is added to the regression on windows in {', '.join(beside)}"] * bool(beside)
    says += [f"not in {', '.join(rest)}"] * bool(rest)
    return f"# {'Yes' if alone or beside else 'No'}: with {size} labelled proteins {'; '.join(says)}"


def shown(interval: Interval) -> str:
    """With three digits."""
    return f"{interval.value:.3f} ({interval.ends('.3f')})"


def tables(found: dict[tuple[str, int], Found], tasks: dict[str, labelled.Task], sizes: list[int]) -> list[str]:
    """Differences first, then the mean of every method."""
    lines = [
        "",
        "Trained trunk minus, in area under ROC (95 % over clusters, mean over seeds; each seed in brackets):",
        "",
    ]
    lines += ["| task | labelled | best baseline | head minus it | head minus random trunk |", "|---|---:|---|---|---|"]
    lines[-2] += " with windows minus best baseline | with windows, minus random trunk with windows |"
    lines[-1] += "---|---|"
    for (task, size), one in found.items():
        cells = [f"{task}{'' if tasks[task].counted else ' (not counted)'}", f"{size}", one.best]
        for more in ("", BESIDE):
            for other in (one.best, RANDOM + more):
                gap, seeds = one.above(TRAINED + more, other)
                each = ", ".join(f"{seed:+.3f}" for seed in seeds)
                cells.append(f"{gap.value:+.3f} ({gap.ends('+.3f')}) [{each}]")
        lines.append(f"| {' | '.join(cells)} |")
    for task, own in tasks.items():
        clusters, share = len({one.cluster for one in own.test}), np.concatenate([one.known for one in own.test]).mean()
        lines += ["", f"## {task}", "", f"{own.question}: {share:.0%} of the residues of {len(own.test)} "]
        lines[-1] += f"chains of {clusters} clusters; learnt from draws of {len(own.pool)} chains."
        lines += ["", f"| method | {' | '.join(map(str, sizes))} |", f"|---|{'---|' * len(sizes)}"]
        for name in found[task, sizes[0]].each:
            means = [found[task, size].mean(name) for size in sizes]
            lines.append(f"| {name} | {' | '.join(map(shown, means))} |")
    return lines
