"""How many passes variants need, and what is said of many and of slow ones."""

import pytest

from af2jax import effects
from af2jax.data import variants as tables
from af2jax.effects import Count, number
from af2jax.heads import Head

EVERY = tables.singles("MKTAYIAKQR", [2, 5])
CACHED, FULL = Head("variant", outputs=1), Head("variant", outputs=1, mode="full")


@pytest.mark.parametrize(
    ("heads", "places", "passes"),
    [((), (2, 5), 2), ((CACHED,), (), 1), ((FULL,), (), 39), ((CACHED, FULL, FULL), (2, 5), 41), ((), (), 0)],
)
def test_the_number_of_passes(heads, places, passes):
    assert number({str(i): head for i, head in enumerate(heads)}, EVERY, places) == passes


@pytest.fixture
def clock(monkeypatch):
    """A time that tests set, in seconds."""
    now = [0.0]
    monkeypatch.setattr(effects.time, "monotonic", lambda: now[0])
    return now


def counted(total: int, clock: list, seconds: float, first: float = 500.0) -> list:
    """What `progress` is told when each pass takes so long, the first longer, as it compiles."""
    told: list = []
    count = Count(total, lambda *of: told.append(of))
    for i in range(min(total, 60)):
        clock[0] += seconds if i else first
        count()
    return told


@pytest.mark.parametrize(
    ("total", "seconds", "says"),
    [
        (900, 0.6, []),  # nine minutes
        (900, 40.0, ["898 of 900 passes are left, about 10 h"]),
        (1000, 0.1, ["1,000 passes: one for each variant in full mode"]),
        (100_001, 1.5, ["100,001 passes: one for each", "99,980 of 100,001 passes are left, about 42 h; give fewer"]),
    ],
    ids=["short", "slow", "many", "days"],
)
def test_who_asks_for_days_knows_it_early(clock, caplog, total, seconds, says):
    """Of the time that compiling took nothing is inferred, and each is said once."""
    told = counted(total, clock, seconds)
    assert told == [(done, total) for done in range(len(told))]
    assert len(caplog.messages) == len(says) and all(map(str.startswith, caplog.messages, says))
