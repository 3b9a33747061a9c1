"""Evaluations made up for tests of what is written about them; no network is run."""

import dataclasses
from types import SimpleNamespace

import numpy as np

from af2jax.evaluation.record import Answers, Evaluation, ScoredTarget, head_numbers
from af2jax.evaluation.scores import METRICS, PAE_BINS, PAE_WIDTH

HOSTILE = "</script><img src=x onerror=alert(1)>"


def target(i: int, lddt: float, rng: np.random.Generator, skill: float = 0.8, name: str = "") -> ScoredTarget:
    """A target of 20 residues with that lDDT-CA; its heads are right with the probability `skill`."""
    label = rng.integers(0, 3, 20)
    said = np.where(rng.uniform(size=20) < skill, label, (label + 1) % 3)
    number = np.array([float(i)])
    answers = {
        "ss": Answers(0.7 * np.eye(3)[said] + 0.1, label, np.arange(20)),
        "rg": Answers(number + (1 - skill) * rng.normal(size=1), number, np.zeros(1, int)),
    }
    numbers = dict.fromkeys(METRICS, 1.0) | {
        "length": 20.0 + i,
        "observed": 20.0,
        "plddt": lddt,
        "ptm": 0.5,
        "pae_rank": 0.9,
    }
    numbers |= {"lddt_ca": lddt, "helix_lddt_ca": 40.0} | head_numbers(answers)
    passes = [[lddt / 2, lddt]]
    return ScoredTarget(name or f"p{i}", "A" * (20 + i), i, False, numbers, passes, answers, {"set": "ab"[i % 2]})


def evaluation(num: int = 12, lddt: float = 80.0, seed: int = 0, skill: float = 0.8, first: str = "") -> Evaluation:
    """Of `num` targets of so many families around `lddt`; seeds share their labels."""
    rng, noise = np.random.default_rng(0), np.random.default_rng([seed, 1])
    targets = [target(i, lddt + noise.normal(), rng, skill, first if i == 0 else "") for i in range(num)]
    rows = [
        (t.id, j + 1, "A", float(v), float(v), float(v), 1.0, 0)
        for t in targets
        for j, v in enumerate(np.linspace(5, 95, 20))
    ]
    pae = np.ones((PAE_BINS, 2)) * [1, 0] + np.arange(PAE_BINS)[:, None] * [0, PAE_WIDTH] + [0, PAE_WIDTH / 2]
    facts = {
        "name": first or "made",
        "path": "none",
        "preset": "tiny",
        "weights": f"{seed:064d}",
        "parameters": 10,
        "recycles": 0,
        "validated": 0,
        "seed": 0,
        "run": False,
        "data": "",
    }
    data = {"path": "set.csv", "split": "test", "without": []}
    return Evaluation(facts, data, {"ss": list("HEC"), "rg": []}, targets, [], pae, rows)


def hostile(made: Evaluation) -> Evaluation:
    """The same with a name everywhere that would run a script where it is not escaped."""
    targets = [
        dataclasses.replace(t, id=f"{HOSTILE}{i}", values={HOSTILE: f"{HOSTILE}{i % 2}"})
        for i, t in enumerate(made.targets)
    ]
    targets = [dataclasses.replace(t, answers={HOSTILE: t.answers["ss"]}, numbers=_renamed(t.numbers)) for t in targets]
    names = {old.id: new.id for old, new in zip(made.targets, targets, strict=True)}
    residues = [(names[row[0]], *row[1:]) for row in made.residues]
    facts = made.subject | {"name": HOSTILE, "path": HOSTILE}
    data = made.data | {"path": HOSTILE, "without": [HOSTILE]}
    problems = [(HOSTILE, HOSTILE)]
    classes = {HOSTILE: [HOSTILE, "b", "c"]}
    changed = {"targets": targets, "residues": residues, "problems": problems}
    return dataclasses.replace(made, subject=facts, data=data, classes=classes, **changed)


def _renamed(numbers: dict) -> dict:
    return {name.replace("ss/", f"{HOSTILE}/"): value for name, value in numbers.items() if not name.startswith("rg/")}


def subject(path, recycles: int):
    """What stands for an opened network; its digest is that of `evaluation()`."""
    return SimpleNamespace(name="made", path=str(path), recycles=recycles, digest=evaluation().subject["weights"])
