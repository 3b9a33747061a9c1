"""How often `af2jax compare` is wrong about equal networks, and whether the numbers that it asks for are enough.

    python -m benchmarks.verdicts [--trials 1000]

Equal networks differ by noise alone: normal or heavy-tailed, in steps, of a few families or of large ones; and skewed,
which is harder, as two networks of one mean then differ on most targets. What is wanted: a false "better" in at most
5 % of comparisons, and the power that `needed` states, within a tenth. Beside the procedure stand two of its parts
alone: the interval, and Wilcoxon's test with Holm's correction. Beyond what is promised, for the record: eight pairs
judged together, and noise more skewed than an exponential's.
"""

from collections.abc import Callable, Sequence

import numpy as np
from absl import app, flags

from af2jax.metrics.judgement import BETTER, WORSE, judge
from af2jax.metrics.statistics import ALPHA, POWER, holm, needed, paired

TRIALS = flags.DEFINE_integer("trials", 1000, "Comparisons of each kind.", lower_bound=1)
BEYOND = 8  # pairs judged together
Noise = Callable[[np.random.Generator, int], np.ndarray]

SKEWED, MORE = "skewed (1 - exponential)", "more skewed (log-normal)"
NOISE: dict[str, Noise] = {
    "normal": lambda rng, n: rng.normal(size=n),
    SKEWED: lambda rng, n: 1 - rng.exponential(size=n),
    MORE: lambda rng, n: np.exp(0.5) - rng.lognormal(size=n),
    "heavy tails (t, 3)": lambda rng, n: rng.standard_t(3, size=n),
    "in steps (accuracy of 5 labels)": lambda rng, n: (rng.binomial(5, 0.6, n) - rng.binomial(5, 0.6, n)) / 5,
}


def difference(rng: np.random.Generator, noise: Noise, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """(noise of targets, their families) of families of `sizes`, whose members share most of it."""
    families = np.repeat(np.arange(len(sizes)), sizes)
    shared = noise(rng, len(sizes))[families]
    return (shared + 0.5 * noise(rng, len(families)) if max(sizes) > 1 else shared), families


def answers(rng: np.random.Generator, noise: Noise, sizes: Sequence[int], tests: int, effect: float = 0.0) -> dict:
    """{procedure: whether any of `tests` comparisons is called better, worse}; `effect` is of the first alone."""
    found = []
    for test in range(tests):
        values, families = difference(rng, noise, sizes)
        found.append(paired(values + effect * (test == 0), np.zeros(len(values)), families))
    judged = [one.answer for one in judge(found, [True] * tests)]
    corrected = holm([one.p for one in found])
    intervals = [one.difference for one in found]
    return {
        "judged": (BETTER in judged, WORSE in judged),
        "interval": (any(i.low > 0 for i in intervals), any(i.high < 0 for i in intervals)),
        "test": tuple(
            any(p < ALPHA and sign * one.rank_biserial > 0 for p, one in zip(corrected, found, strict=True))
            for sign in (1, -1)
        ),
    }


def false_answers(trials: int, seed: int = 0) -> list[tuple]:
    """Rows (noise, families, targets, tests, share called better, worse, better by the interval, by the test alone)."""
    layouts = {
        "6 proteins": [1] * 6,
        "8 proteins": [1] * 8,
        "10 proteins": [1] * 10,
        "20 proteins": [1] * 20,
        "40 proteins": [1] * 40,
        "30 targets of 10 families": [12, 6, 3, 3] + [1] * 6,
    }
    rows = []
    for name, noise in NOISE.items():
        for layout, sizes in layouts.items():
            for tests in (1, 4, BEYOND) if name == SKEWED else (1, 4):
                rng = np.random.default_rng([seed, len(rows)])
                found = [answers(rng, noise, sizes, tests) for _ in range(trials)]
                share = lambda key, side, found=found: float(np.mean([one[key][side] for one in found]))
                shares = share("judged", 0), share("judged", 1), share("interval", 0), share("test", 0)
                rows.append((name, layout, tests, *shares))
    return rows


def powers(trials: int, seed: int = 1) -> list[tuple]:
    """Rows (Cohen's d, tests, families that `needed` names, share in which the effect was found)."""
    rows = []
    for effect in (0.4, 0.6, 0.8, 1.2, 2.0):
        for tests in (1, 4):
            num, rng = int(needed(effect, tests)), np.random.default_rng([seed, len(rows)])
            found = [answers(rng, NOISE["normal"], [1] * num, tests, effect)["judged"][0] for _ in range(trials)]
            rows.append((effect, tests, num, float(np.mean(found))))
    return rows


def main(_: Sequence[str]) -> None:
    """Prints both tables, and whether they are as wanted."""
    wrong = false_answers(TRIALS.value)
    print("equal networks: noise | targets | tests | better | worse | interval alone: better | test alone: better")
    for name, layout, tests, *shares in wrong:
        print(f"{name} | {layout} | {tests} | " + " | ".join(f"{share:.1%}" for share in shares))
    print("\na real effect: Cohen's d | tests | families that the verdict asks for | found in")
    found = powers(TRIALS.value)
    for effect, tests, num, share in found:
        print(f"{effect} | {tests} | {num} | {share:.1%}")
    most_of = lambda *names, tests=(1, 4): max(row[3] for row in wrong if row[0] in names and row[2] in tests)
    worst = most_of(*NOISE.keys() - {SKEWED, MORE})
    least, most = min(row[3] for row in found), max(row[3] for row in found)
    print(
        f"\nfalse better: at most {worst:.1%}, of skewed noise {most_of(SKEWED):.1%}; power, stated {POWER:.0%}: "
        f"{least:.1%} to {most:.1%}"
    )
    print(
        f"not promised: {BEYOND} pairs, {SKEWED}: {most_of(SKEWED, tests=(BEYOND,)):.1%}; {MORE}: {most_of(MORE):.1%}"
    )


if __name__ == "__main__":
    app.run(main)
