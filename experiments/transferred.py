"""What `experiments/transfer.py` found, compared over seeds and clusters: figure and tables."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from af2jax.metrics.classification import roc
from af2jax.metrics.statistics import Interval, bootstrap, paired
from af2jax.plots import figure
from experiments.labelled import BASELINES, Task

TRAINED, RANDOM, BESIDE = "head on the trained trunk", "head on a random trunk", " and windows"
METRICS = {
    "accuracy": lambda told, true: float(((told >= 0.5) == true).mean()),
    "area under ROC within a chain": lambda told, true: roc(told, true).area,
}
ACCURACY, AREA = METRICS  # the first is what `af2jax.compare` judges classes by


class Found:
    """What a metric says of each chain that is judged, of one task and number of labelled proteins."""

    def __init__(self, task: Task, runs: list[dict], metric: str):
        score, true = METRICS[metric], [one.known == 1 for one in task.test]
        self.clusters = [one.cluster for one in task.test]
        each = lambda some: [score(np.array(told), own) for told, own in zip(some, true, strict=True)]
        self.seeds = {name: np.array([each(run[name]) for run in runs]) for name in runs[0]}
        self.each = {name: scores.mean(0) for name, scores in self.seeds.items()}
        self.best = max(BASELINES, key=lambda name: self.each[name].mean())

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


Results = Mapping[tuple[str, int, str], Found]  # by task, number of labelled proteins, and metric


def plot(found: Results, tasks: Mapping[str, Task], sizes: list[int], caption: str, out: Path) -> None:
    """The accuracy by the number of labelled proteins, a panel for each task."""
    drawn, panels = figure.new(2.6 * len(tasks) + 2.5, 3.2, caption, panels=len(tasks))
    for panel, task in zip(panels, tasks, strict=True):
        rows = [found[task, size, ACCURACY] for size in sizes]
        lines = {"best baseline": [row.mean(row.best) for row in rows]}
        lines |= {f"{name}{more}": [row.mean(f"{name}{more}") for row in rows]
                  for name in (TRAINED, RANDOM) for more in ("", BESIDE)}  # fmt: skip
        for i, (name, means) in enumerate(lines.items()):
            bars = [[one.value - one.low for one in means], [one.high - one.value for one in means]]
            places = np.arange(len(sizes)) + 0.06 * (i - 2)
            panel.errorbar(places, [one.value for one in means], bars, marker="o", label=name, color=figure.COLOURS[i])
        panel.set(title=task, xlabel="labelled proteins", xticks=range(len(sizes)), xticklabels=sizes)
    panels[0].set_ylabel("accuracy")
    drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=7)
    figure.save(drawn, out / "transfer.png")


def answer(found: Results, tasks: Mapping[str, Task], size: int, metric: str = ACCURACY) -> str:
    """Where the trained trunk helps, and where it does not."""
    counted = {name: found[name, size, metric] for name, task in tasks.items() if task.counted}
    alone = [name for name, one in counted.items() if one.wins()]
    beside = [name for name, one in counted.items() if name not in alone and one.wins(BESIDE)]
    rest = [name for name in counted if name not in (*alone, *beside)]
    says = [
        f"a head on the trained trunk beats the best baseline and a random trunk in {' and '.join(alone) or 'no task'}"
    ]
    says += [f"averaged with the regression on windows in {' and '.join(beside)}"] * bool(beside)
    says += [f"it does not in {' and '.join(rest)}"] * bool(rest and (alone or beside))
    return f"{'Yes' if alone or beside else 'No'}: by {metric}, with {size} labelled proteins {'; '.join(says)}"


def differences(found: Results, tasks: Mapping[str, Task], metric: str) -> list[str]:
    """The table of what the trained trunk is worth by one metric."""
    lines = ["", f"By {metric}, trained trunk minus (95 % over clusters, mean over seeds; each seed in brackets):", ""]
    lines += [
        "| task | labelled | best baseline | head minus it | minus head on a random trunk |",
        "|---|---:|---|---|---|",
    ]
    lines[-2] += " head and windows minus best baseline | minus head on a random trunk and windows |"
    lines[-1] += "---|---|"
    for (task, size, own), one in found.items():
        if own != metric:
            continue
        cells = [f"{task}{'' if tasks[task].counted else ' (not counted)'}", f"{size}", one.best]
        for more in ("", BESIDE):
            for other in (one.best, RANDOM + more):
                gap, seeds = one.above(TRAINED + more, other)
                each = ", ".join(f"{seed:+.3f}" for seed in seeds)
                cells.append(
                    f"{'**' * (gap.low > 0)}{gap.value:+.3f} ({gap.ends('+.3f')}){'**' * (gap.low > 0)} [{each}]"
                )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def means(found: Results, task: str, own: Task, sizes: list[int]) -> list[str]:
    """The table of all methods in one task."""
    clusters, share = len({one.cluster for one in own.test}), np.concatenate([one.known for one in own.test]).mean()
    lines = [
        "",
        f"## {task}",
        "",
        f"{own.question}: {share:.0%} of the residues of {len(own.test)} chains of {clusters} ",
    ]
    lines[-1] += f"clusters; learnt from draws of {len(own.pool)} chains. Accuracy with its interval; {AREA}."
    lines += ["", f"| method | {' | '.join(map(str, sizes))} |", f"|---|{'---|' * len(sizes)}"]
    for name in found[task, sizes[0], ACCURACY].each:
        cells = [found[task, size, ACCURACY].mean(name) for size in sizes]
        areas = [found[task, size, AREA].mean(name).value for size in sizes]
        shown = [f"{x.value:.3f} ({x.ends('.3f')}); {area:.3f}" for x, area in zip(cells, areas, strict=True)]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return lines
