"""Small domains with measured ddG, split by clusters of homologues and by position, and what simple baselines say."""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.constants.residues import RESTYPES
from af2jax.data import variants as tables
from af2jax.data.mutants import blosum62
from af2jax.data.parse import read_text

SIZE, LEAST = 72, 200  # residues and variants of the domains that are used
KEPT = 0.3  # of the positions, that are not learnt from

# Kyte & Doolittle, J. Mol. Biol. 157, 105 (1982); Zamyatnin, Prog. Biophys. Mol. Biol. 24, 107 (1972), cubic angstrom
ORDER = "ARNDCQEGHILKMFPSTWYV"
HYDROPATHY = [1.8, -4.5, -3.5, -3.5, 2.5, -3.5, -3.5, -0.4, -3.2, 4.5, 3.8, -3.9, 1.9, 2.8, -1.6, -0.8, -0.7, -0.9]
HYDROPATHY = dict(zip(ORDER, [*HYDROPATHY, -1.3, 4.2], strict=True))
VOLUME = [88.6, 173.4, 114.1, 111.1, 108.5, 143.8, 138.4, 60.1, 153.2, 166.7, 166.7, 168.6, 162.9, 189.9, 112.7, 89.0]
VOLUME = dict(zip(ORDER, [*VOLUME, 116.1, 227.8, 193.6, 140.0], strict=True))


@dataclass(frozen=True)
class Domain:
    """One domain with its measured single mutations."""

    id: str
    sequence: str
    cluster: str
    variants: tuple
    ddg: np.ndarray
    burial: np.ndarray  # 1 - relative accessible surface in the known structure, 0 to 1

    def some(self, keep: np.ndarray) -> "Domain":
        """These variants alone."""
        kept = np.flatnonzero(keep) if keep.dtype == bool else keep
        return Domain(self.id, self.sequence, self.cluster, tuple(self.variants[i] for i in kept), self.ddg[kept],
                      self.burial[kept])  # fmt: skip


def domains(data: Path) -> list[Domain]:
    """Those of at most 72 residues with 200 variants or more, by id."""
    folder, rows = data / "corpus" / "labels", {}
    for row in csv.DictReader(io.StringIO(read_text(folder / "evostability_ddg.tsv.xz")), delimiter="\t"):
        rows.setdefault(row["dataset"], []).append(row)
    found = []
    for row in csv.DictReader(io.StringIO(read_text(folder / "evostability_sequences.tsv")), delimiter="\t"):
        own, sequence = rows.get(row["dataset"], []), row["sequence"]
        known = [one for one in own if one["mutation_fasta"][0] != one["mutation_fasta"][-1]]
        if len(known) < LEAST or len(sequence) > SIZE:
            continue
        variants = tuple(tables.substitutions(sequence, one["mutation_fasta"]) for one in known)
        ddg = np.array([float(one["DDG"]) for one in known])
        burial = 1 - np.array([min(float(one["RSA"] or "nan"), 100) for one in known]) / 100
        found.append(Domain(row["dataset"], sequence, row["label_cluster30"], variants, ddg, burial))
    return sorted(found, key=lambda one: one.id)


def order(text: str) -> int:
    """A number that a name stands for, the same everywhere."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def few(domain: Domain, most: int) -> Domain:
    """At most so many of its variants, drawn at random."""
    drawn = np.random.default_rng(order(domain.id) % 2**32).permutation(len(domain.ddg))
    return domain.some(np.sort(drawn[:most]))


def parts(found: list[Domain], test: int, train: int, judged: int) -> tuple[list[Domain], list[Domain], list[Domain]]:
    """(what is learnt from, unseen positions of the same domains, unseen domains); those judged with few variants."""
    clusters = sorted({one.cluster for one in found}, key=order)
    held = set(clusters[:test])
    unseen = [min((d for d in found if d.cluster == name), key=lambda d: order(d.id)) for name in sorted(held)]
    others = sorted((d for d in found if d.cluster not in held), key=lambda d: order(d.id))[:train]

    learnt, places = [], []
    for one in others:
        kept = np.array([order(f"{one.id} {v[0].position}") % 1000 < 1000 * KEPT for v in one.variants])
        learnt.append(one.some(~kept))
        places.append(few(one.some(kept), judged))
    return learnt, places, [few(one, judged) for one in unseen]


def simple(domain: Domain, table: dict, means: dict) -> dict[str, np.ndarray]:
    """What baselines say of each variant, more being worse."""
    pairs = [(v[0].wild, v[0].new) for v in domain.variants]
    mean = lambda pair: means.get(pair, means.get(pair[0], means[""]))
    return {
        "BLOSUM62": -np.array([table[pair] for pair in pairs], float),
        "loss of hydrophobicity": np.array([HYDROPATHY[a] - HYDROPATHY[b] for a, b in pairs]),
        "change of volume": np.array([abs(VOLUME[a] - VOLUME[b]) for a, b in pairs]),
        "burial": np.where(np.isnan(domain.burial), 0.5, domain.burial),
        "mean of the substitution": np.array([mean(pair) for pair in pairs]),
    }


def baselines(learnt: list[Domain], asked: dict[str, list[Domain]]) -> dict[str, dict[str, list[np.ndarray]]]:
    """By name and part, of each domain."""
    known = blosum62()
    table, sums = {(a, b): known[i, j] for i, a in enumerate(RESTYPES) for j, b in enumerate(RESTYPES)}, {}
    for domain in learnt:
        for variant, value in zip(domain.variants, domain.ddg.tolist(), strict=True):
            for key in ((variant[0].wild, variant[0].new), variant[0].wild, ""):
                sums.setdefault(key, []).append(value)
    means = {key: float(np.mean(values)) for key, values in sums.items()}
    told = {part: [simple(one, table, means) for one in some] for part, some in asked.items()}
    found = {
        name: {part: [one[name] for one in some] for part, some in told.items()}
        for name in next(iter(told.values()))[0]
    }
    known = [simple(one, table, means) for one in learnt]
    for name, buried in (("regression on all of these", True), ("regression without burial", False)):

        def columns(one: dict[str, np.ndarray], buried=buried) -> np.ndarray:
            if buried:
                one = one | {"both": one["loss of hydrophobicity"] * one["burial"]}
            return np.stack([values for key, values in one.items() if buried or key != "burial"])

        x, y = np.concatenate([columns(one).T for one in known]), np.concatenate([one.ddg for one in learnt])
        middle, scale = x.mean(0), x.std(0)
        z = (x - middle) / scale
        weights = np.linalg.solve(z.T @ z + np.eye(z.shape[1]), z.T @ (y - y.mean()))
        say = lambda one, f=columns, m=middle, s=scale, w=weights: ((f(one).T - m) / s) @ w
        found[name] = {part: [say(one) for one in some] for part, some in told.items()}
    return found
