"""Proteins with a label for each residue, those to learn from apart from those to judge by, and simple baselines."""

import csv
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist, squareform

from af2jax.constants.atoms import CA
from af2jax.constants.residues import RESTYPES, encode
from af2jax.data.items import read_item
from af2jax.metrics.baselines import Known, baselines
from af2jax.protein.secondary import secondary
from experiments import corpus
from experiments.domains import HYDROPATHY

POOL = 220  # chains of which those to learn from are drawn, where there are so many
LENGTHS = (40, 128)  # residues
NEAR, BURIED = 10.0, 17  # angstrom between CA atoms, and how many others lie within where a residue is called buried
CONTACT, APART = 8.0, 12  # angstrom between CA atoms, residues along the chain
AROUND = 7  # residues on either side that hydropathy is averaged over
STRUCTURES = ("long-range contact", "burial", "strand")  # tasks with labels from known structures
TASKS = (*STRUCTURES, "disorder", "interface")
MAJORITY, WINDOWS, NEAREST = "majority class", "sequence (one-hot) in windows", "nearest window"
AMINO, HYDROPATHIC, END = "amino acid", "hydropathy in windows", "distance to the nearer end"
BASELINES = (MAJORITY, WINDOWS, NEAREST, AMINO, HYDROPATHIC, END)


@dataclass(frozen=True)
class Protein:
    """A chain with labels."""

    id: str
    sequence: str
    cluster: str
    label: np.ndarray  # int32 [N_res]: 1, 0, or -1 where unknown

    @property
    def places(self) -> np.ndarray:
        """The residues with a label."""
        return np.flatnonzero(self.label >= 0)

    @property
    def known(self) -> np.ndarray:
        """Their labels."""
        return self.label[self.places]


@dataclass(frozen=True)
class Task:
    """What is asked of each residue.

    Attributes:
        question: in words.
        pool: what is drawn from to learn, one chain of a cluster.
        test: what is judged; no chain of the pool is a homologue.
        counted: whether the trunk never learnt this very label.
    """

    question: str
    pool: tuple[Protein, ...]
    test: tuple[Protein, ...]
    counted: bool = True


def both(protein: Protein) -> bool:
    """Whether some of its residues have the label and some have not."""
    return len(np.unique(protein.known)) == 2


def parted(question: str, pool: Iterable[Protein], test: Iterable[Protein], counted: bool = True) -> Task:
    """A task whose pool has no homologue of a chain to judge by."""
    test, own = tuple(filter(both, test)), list(pool)
    near = corpus.alike([one.sequence for one in test], [one.sequence for one in own])
    return Task(question, tuple(one for i, one in enumerate(own) if i not in near)[:POOL], test, counted)


def firsts(proteins: Iterable[Protein]) -> list[Protein]:
    """The first of each cluster."""
    found: dict[str, Protein] = {}
    for one in proteins:
        found.setdefault(one.cluster, one)
    return list(found.values())


def mixed(some: Sequence) -> list:
    """In a random order that is always the same."""
    return [some[i] for i in np.random.default_rng(0).permutation(len(some))]


def of_structures(data: Path, test: int) -> dict[str, Task]:
    """Burial, strand and long-range contacts of known structures; judged on clusters that mini never saw."""
    members = [one for one in mixed(corpus.members(data)) if one.msa is None]
    labels: dict[str, dict[str, list[Protein]]] = {}

    def add(side: str, known: Iterable[corpus.Member], enough: int) -> None:
        clusters = set()
        for member in known:
            if len(clusters) == enough:
                return
            chain = read_item(member.item)
            if member.cluster in clusters or not LENGTHS[0] <= len(chain.aatype) <= LENGTHS[1]:
                continue
            clusters.add(member.cluster)
            for task, label in structural(chain).items():
                one = Protein(member.id, chain.sequence, member.cluster, label)
                labels.setdefault(task, {"pool": [], "test": []})[side].append(one)

    add("test", (one for one in members if one.side == "valid"), test)
    add("pool", (one for one in members if one.side != "valid"), POOL)
    words = {
        "burial": f"{BURIED} or more CA atoms lie within {NEAR:g} A",
        "long-range contact": f"A CA atom lies within {CONTACT:g} A, {APART} or more residues away",
        "strand": "Strand by the hydrogen bonds of the structure",
    }
    return {task: parted(words[task], own["pool"], own["test"], task != "strand") for task, own in labels.items()}


def structural(chain) -> dict[str, np.ndarray]:
    """The labels of a known structure, by task."""
    seen = chain.atom_mask[:, CA]
    apart = squareform(pdist(chain.positions[:, CA].astype(np.float64)))
    apart[~(seen[:, None] & seen[None])] = np.inf
    num = np.arange(len(seen))
    far = abs(num[:, None] - num[None]) >= APART
    letters = secondary(chain.aatype, chain.positions, chain.atom_mask)
    strand = np.array(list(letters))
    found = {
        "burial": (apart < NEAR).sum(1) - 1 >= BURIED,
        "long-range contact": ((apart < CONTACT) & far).any(1),
        "strand": strand == "E",
    }
    unknown = ~seen | (strand == "-")
    return {task: np.where(unknown, -1, label).astype(np.int32) for task, label in found.items()}


def of_sequences(data: Path, task: str, test: int) -> Task:
    """Residues that a crystal does not show ("disorder"), or that touch another protein ("interface").

    Judged are chains that resemble no structure or alignment that mini learnt from, nor what is learnt from here.
    """
    held, own = disorder(data) if task == "disorder" else interface(data)
    taught = {row["sequence"] for folder in (data, data / "corpus") for row in corpus.read(folder, "chains.tsv")}
    taught |= {row["query"] for row in corpus.read(data / "corpus", "msa.tsv")}
    known = sorted(taught)
    new = (one for one in held if not corpus.alike([one.sequence], known))
    chosen = list(islice(new, test))
    names = {one.cluster for one in chosen}
    words = "Not resolved in the crystal" if task == "disorder" else "In contact with another protein"
    return parted(words, (one for one in own if one.cluster not in names), chosen)


def disorder(data: Path) -> tuple[list[Protein], list[Protein]]:
    """Chains of NetSurfP-2 (FLIP), what is not resolved being taken for disordered: (held out, to learn from)."""
    parts: dict[bool, list[Protein]] = {True: [], False: []}
    for row in rows(data, "flip_secondary_structure"):
        sequence, mask = row["sequence"], row["resolved_mask"]
        if usual(sequence) and len(mask) == len(sequence):
            label = np.array([seen == "0" for seen in mask], np.int32)
            parts[row["split"] == "train"].append(Protein(row["id"], sequence, row["label_cluster30"], label))
    return firsts(filter(both, mixed(parts[False]))), firsts(filter(both, mixed(parts[True])))


def interface(data: Path) -> tuple[list[Protein], list[Protein]]:
    """Chains of GraphPPIS with their interfaces, the same as held out and to learn from."""
    found = []
    for row in rows(data, "ppi_site_graphppis"):
        if usual(row["sequence"]):
            label = np.array(list(map(int, row["label"])), np.int32)
            found.append(Protein(row["id"], row["sequence"], row["label_cluster30"], label))
    found = firsts(filter(both, mixed(found)))
    return found, found


def usual(sequence: str) -> bool:
    """Whether it is of the twenty amino acids alone, and neither short nor long."""
    return not set(sequence) - set(RESTYPES) and LENGTHS[0] <= len(sequence) <= LENGTHS[1]


def rows(data: Path, name: str) -> list[dict[str, str]]:
    """A table of labels."""
    with lzma.open(data / "corpus" / "labels" / f"{name}.tsv.xz", "rt", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def shuffled(proteins: Sequence[Protein], rng: np.random.Generator) -> list[Protein]:
    """The same with their labels permuted over all of their residues: a share of each chain would tell something."""
    mixed, found = iter(rng.permutation(np.concatenate([one.known for one in proteins]))), []
    for one in proteins:
        label = one.label.copy()
        label[one.places] = list(islice(mixed, len(one.places)))
        found.append(replace(one, label=label))
    return found


def simple(learnt: Sequence[Protein], asked: Sequence[Protein]) -> dict[str, list[np.ndarray]]:
    """By baseline, the probability of the label at the labelled residues of each asked chain."""
    as_known = lambda some: [Known(one.sequence, one.known, one.places) for one in some]
    found = baselines(as_known(learnt), as_known(asked), True, 2)
    names = {
        MAJORITY: "majority class",
        WINDOWS: "logistic regression on sequence",
        NEAREST: "nearest neighbour",
    }
    out = {name: [values[:, 1] for values in found[own]] for name, own in names.items()}
    told = {
        AMINO: lambda one: encode(one.sequence),
        HYDROPATHIC: lambda one: around(np.array([HYDROPATHY.get(letter, 0.0) for letter in one.sequence])),
        END: lambda one: np.minimum(np.arange(len(one.sequence)), np.arange(len(one.sequence))[::-1]),
    }
    truth = np.concatenate([one.known for one in learnt])
    for name, say in told.items():
        values = np.concatenate([say(one)[one.places] for one in learnt])
        edges = (
            np.arange(1, len(RESTYPES) + 1) if name == AMINO else np.unique(np.quantile(values, np.arange(1, 20) / 20))
        )
        kinds, many = np.searchsorted(edges, values, side="right"), len(edges) + 1
        share = (np.bincount(kinds, truth, many) + 1) / (np.bincount(kinds, minlength=many) + 2)
        out[name] = [share[np.searchsorted(edges, say(one)[one.places], side="right")] for one in asked]
    return out


def around(values: np.ndarray) -> np.ndarray:
    """The mean over the residues around each."""
    ones = np.ones(2 * AROUND + 1)
    near = lambda x: np.convolve(x, ones)[AROUND:][: len(x)]
    return near(values) / near(np.ones(len(values)))


def tasks(data: Path, names: Sequence[str], test: int) -> dict[str, Task]:
    """Those of these names, judged on at most so many clusters."""
    found = of_structures(data, test) if {*names} & {*STRUCTURES} else {}
    found |= {name: of_sequences(data, name, test) for name in names if name not in STRUCTURES}
    return {name: found[name] for name in names}
