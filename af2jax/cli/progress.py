"""Progress bars of all commands; how far a batch of queries is, and how long it will still take."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from af2jax.words import SLOW, duration


def cost(n_res: int) -> float:
    """What a network takes for `n_res` residues, in units of its own: pairs of residues, and pairs with MSA rows."""
    return n_res**2 * (n_res + 500.0)


def _rich(quiet: bool, *columns, **options):
    """rich's bar with a text before and `columns` after, on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True, **options)


@contextmanager
def bar(what: str, quiet: bool, counts: str = "items") -> Iterator[Callable]:
    """A progress bar with the time left; yields a function of (done, total, what is done now, a note beside the bar).

    Args:
        counts: "items", "bytes" (size and speed are shown) or "notes" (the note is).
    """
    from rich import progress as rich

    columns = {
        "items": (rich.MofNCompleteColumn(),),
        "bytes": (rich.DownloadColumn(), rich.TransferSpeedColumn()),
        "notes": (rich.TextColumn("{task.fields[note]}"),),
    }[counts]
    with _rich(quiet, *columns, rich.TimeRemainingColumn()) as shown:
        task = shown.add_task(what, total=None, note="")

        def update(done: int | float, total: int | float | None, what: str | None = None, note: str = "") -> None:
            shown.update(task, completed=done, total=total, description=what, note=note)

        yield update


class Progress:
    """A bar on standard error where that is a terminal, and the time left for plain lines.

    Time is measured from the end of the first pass on, so that the first compilation is not taken for the rule.
    """

    def __init__(self, costs: Mapping[str, float], quiet: bool, cpu: bool):
        """`costs`: of each query; `cpu`: warn when a CPU will take long, unless `quiet`."""
        from rich.progress import TextColumn, TimeElapsedColumn

        self.costs, self.cpu = dict(costs), cpu and not quiet
        self._before, self._now = 0.0, 0.0  # cost of the queries that are done, and with the part of the present one
        self._first: tuple[float, float] | None = None  # time and cost at the end of the first pass
        self._number = 0
        both = sys.stdout.isatty()  # else lines of standard output would go where the bar is
        self._bar = _rich(quiet, TimeElapsedColumn(), TextColumn("{task.fields[left]}"), redirect_stdout=both)
        self._task = self._bar.add_task("", total=sum(self.costs.values()), left="")

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *exception) -> None:
        self._bar.stop()

    def at(self, name: str, part: float, text: str = "") -> None:
        """The query `name` is done to a part (0 to 1); `text`: what is done now."""
        self._now = self._before + part * self.costs[name]
        if self._first is None and part > 0:
            self._first = time.monotonic(), self._now
        self._show(f"{name} {text}")
        if self.cpu and (seconds := self._seconds_left()) is not None:
            self.cpu = False
            if seconds > SLOW:
                print(f"WARNING: this CPU will take about {duration(seconds)} for all queries", file=sys.stderr)

    def done(self, name: str) -> None:
        """The query `name` is done, or has failed."""
        self._before += self.costs[name]
        self._now, self._number = self._before, self._number + 1
        self._show(name)

    def drop(self, name: str) -> None:
        """The query `name` needs no work."""
        del self.costs[name]
        self._bar.update(self._task, total=sum(self.costs.values()))

    def left(self) -> str:
        """What is still to do, or nothing where there is no batch."""
        rest = len(self.costs) - self._number
        if not rest:
            return ""
        seconds = self._seconds_left()
        about = f", about {duration(seconds)}" if seconds and seconds >= 1 else ""
        return f"{rest} of {len(self.costs)} left{about}"

    def _seconds_left(self) -> float | None:
        """None where nothing was measured yet."""
        if self._first is None or self._now <= self._first[1]:
            return None
        rate = (time.monotonic() - self._first[0]) / (self._now - self._first[1])
        return rate * (sum(self.costs.values()) - self._now)

    def _show(self, text: str) -> None:
        self._bar.update(self._task, completed=self._now, description=text, left=self.left())
