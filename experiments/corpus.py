"""What the long training of af2jax-mini learns from, and what it never sees: the corpus beside the older chains.

A folder of data has `corpus/` (chains.tsv, msa.tsv, labels/) and `chains.tsv`, the older chains (identifiers, files,
lengths, clusters). Clusters are those of 30 % identity over both, joined wherever a table says that two are one. Every
cluster is on one side:

- valid: the clusters of `mini/unseen.tsv`, a list that never changes; none has an older chain, from which earlier
  weights were trained. 60 natural, 25 designed or modelled, 12 with an alignment, of at most 3 chains of at most 160
  residues.
- confidence: a hash of the name. From these the heads that judge a structure learn how good the network is on proteins
  that its trunk was not trained on.
- train: all others, and the sequences with known secondary structure that resemble no chain of valid.
"""

import csv
import dataclasses
import hashlib
import lzma
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from af2jax.constants.residues import RESTYPES
from af2jax.data.dataset import Item
from af2jax.data.items import read_item
from af2jax.data.splits import COVERAGE, IDENTITY
from af2jax.data.structure import read_chain
from af2jax.data.templates import align
from af2jax.errors import InputError
from af2jax.files import write
from af2jax.finetune.run import is_run, training_of
from af2jax.protein.secondary import secondary

UNSEEN = Path(__file__).parent / "mini" / "unseen.tsv"
CONFIDENCE = 10  # per cent of the clusters
LARGE = 20  # chains of a cluster that is always trained on
ROWS = 100  # of an alignment, at least
SAME, COVERED = 0.9, 0.8  # of an alignment's query and the sequence of its structure: identity, share of the query
HEAD = "id,file,sequence,placed,split"
LABELLED = (30, 400)  # residues of a sequence with known secondary structure
SHORT, BEST = (40, 64), 20  # residues of the designs that mini folds best, and how many of them
UNKNOWN_RUN = 30  # residues without a known letter in a row, at most: every crop has to hold one


@dataclass(frozen=True)
class Member:
    """One protein: a structure, an alignment over one, or a sequence with known secondary structure.

    Attributes:
        id: its name, the only one.
        sequence: of the alignment's query; "" where the structure says it.
        file: the structure; None: none is known.
        placed: which residue of the structure each position of `sequence` is, as tables have it; "": as the file says.
        msa: the alignment; None: none.
        cluster: its name.
        kind: "natural", or "designed" (designs, and structures that a network predicted).
        side: "train", "valid" or "confidence".
        states: H, E and C of each residue, "-" where unknown; "": those of the structure.
        length: residues of the structure, as its table says; 0 of others.
    """

    id: str
    sequence: str
    file: Path | None
    placed: str
    msa: Path | None
    cluster: str
    kind: str
    side: str
    states: str = ""
    length: int = 0

    @property
    def item(self) -> Item:
        """As a row of a table."""
        msa = () if self.msa is None else (self.msa,)
        return Item(self.id, self.id, sequence=self.sequence, file=self.file, placed=self.placed, msa=msa)


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table."""
    with open(folder / name, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def members(data: Path) -> list[Member]:
    """The structures, then the alignments of at least 100 rows whose query has a known structure."""
    corpus = data / "corpus"
    new, old = read(corpus, "chains.tsv"), read(data, "chains.tsv")
    aligned = [row for row in read(corpus, "msa.tsv") if int(row["rows_kept"]) >= ROWS and row["native_file"]]
    roots: dict[str, str] = {}

    def root(name: str) -> str:
        while roots.setdefault(name, name) != name:
            name = roots[name]
        return name

    for row in [*new, *aligned]:
        own, shared = row.get("cluster30") or row["chain_cluster30"], row["shared_cluster30"]
        for other in filter(None, shared.split(";")):
            roots[root(other)] = root(own)
    older = {row["id"] for row in old}
    found = []
    for folder, rows in ((data, old), (corpus, [row for row in new if row["id"] not in older])):  # 144 are in both
        for row in rows:
            kind = "natural" if row.get("class", "natural") == "natural" else "designed"
            file, cluster = folder / row["file"], root(row["cluster30"])
            found.append(Member(row["id"], "", file, "", None, cluster, kind, "train", length=int(row["length"])))
    kinds = {member.cluster: member.kind for member in found}
    for row in aligned:
        cluster, file = root(row["chain_cluster30"]), corpus / row["native_file"]
        if pairs := over(row["query"], read_chain(file).sequence):
            msa, kind = corpus / row["file"], kinds.get(cluster, "natural")
            found.append(Member(f"{row['case']}_msa", row["query"], file, pairs, msa, cluster, kind, "train"))
    return sided(found)


def sided(found: list[Member]) -> list[Member]:
    """The members with their sides."""
    unseen = {row["id"] for row in csv.DictReader(UNSEEN.open(newline=""), delimiter="\t")}
    valid = {member.cluster for member in found if member.id in unseen}
    sizes = Counter(member.cluster for member in found)

    def side(cluster: str) -> str:
        if cluster in valid:
            return "valid"
        place = int(hashlib.sha256(cluster.encode()).hexdigest(), 16) % 100
        return "confidence" if place < CONFIDENCE and sizes[cluster] <= LARGE else "train"

    return [dataclasses.replace(member, side=side(member.cluster)) for member in found]


def chains(data: Path, longest: int) -> list[Member]:
    """The structures without an alignment of at most `longest` residues."""
    return [member for member in members(data) if member.msa is None and member.length <= longest]


def best(found: Iterable[Member]) -> list[Member]:
    """Short designs that mini was trained on, which it folds best: what a tuned network forgets is seen on them."""
    fit = [m for m in found if (m.kind, m.side) == ("designed", "train") and SHORT[0] <= m.length <= SHORT[1]]
    return sorted(fit, key=lambda member: member.id)[:BEST]


def general(found: Iterable[Member], out: Path) -> Path:
    """A table of the `best` as a test set."""
    lines = [f"{member.id},{member.file},,,test" for member in best(found)]
    return write(out / "general.csv", "\n".join([HEAD, *lines]) + "\n")


def over(query: str, sequence: str) -> str:
    """Which residue of a structure each position of a query is, "0:3;1:4"; "" where it is another protein."""
    i, j = align(query, sequence)
    same = [query[a] == sequence[b] for a, b in zip(i, j, strict=True)]
    if len(same) < COVERED * len(query) or np.mean(same) < SAME:
        return ""
    return ";".join(f"{a}:{b}" for a, b in zip(i, j, strict=True))


@cache  # the same chains are in several tables
def states(member: Member) -> str:
    """The secondary structure, one character for each residue; "-" where the structure does not tell."""
    if member.states:
        return member.states
    known = read_item(member.item)
    return secondary(known.aatype, known.positions, known.atom_mask)


def labelled(data: Path, unseen: list[str]) -> list[Member]:
    """The sequences with known secondary structure, without those that resemble a sequence of `unseen`."""
    path, found = data / "corpus" / "labels" / "flip_secondary_structure.tsv.xz", []
    with lzma.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            sequence, observed = row["sequence"], row["resolved_mask"] or "1" * len(row["sequence"])
            letters = "".join(c if seen == "1" else "-" for c, seen in zip(row["ss3"], observed, strict=True))
            usual = not set(sequence) - set(RESTYPES) and LABELLED[0] <= len(sequence) <= LABELLED[1]
            if row["split"] == "train" and usual and not row["chain_id"] and "-" * (UNKNOWN_RUN + 1) not in letters:
                name, cluster = f"flip_{row['id']}", f"F{row['label_cluster30']}"
                found.append(Member(name, sequence, None, "", None, cluster, "natural", "train", letters))
    close = alike(unseen, [member.sequence for member in found])
    return [member for index, member in enumerate(found) if index not in close]


def alike(queries: list[str], others: list[str]) -> set[int]:
    """Which of `others` phmmer aligns with a query at 30 % identity over half of the shorter one."""
    import pyhmmer

    alphabet = pyhmmer.easel.Alphabet.amino()
    block = lambda some: pyhmmer.easel.DigitalSequenceBlock(
        alphabet,
        [
            pyhmmer.easel.TextSequence(name=str(i).encode(), sequence=sequence).digitize(alphabet)
            for i, sequence in enumerate(some)
        ],
    )
    found = set()
    for query, hits in zip(queries, pyhmmer.hmmer.phmmer(block(queries), block(others), E=10.0, Z=1000), strict=True):
        for hit in hits:
            aligned, index = hit.best_domain.alignment, int(hit.name)
            pairs = list(zip(aligned.hmm_sequence.upper(), aligned.target_sequence.upper(), strict=True))
            pairs = [(a, b) for a, b in pairs if a.isalpha() and b.isalpha()]
            shorter = min(len(query), len(others[index]))
            if len(pairs) >= COVERAGE * shorter and sum(a == b for a, b in pairs) >= IDENTITY * len(pairs):
                found.add(index)
    return found


def table(rows: Iterable[tuple[Member, float, str]]) -> str:
    """A table of members with their weights, which the root of the size of their cluster divides, and splits."""
    rows = list(rows)
    sizes = Counter((member.cluster, member.msa is None) for member, *_ in rows)
    lines = ["id,file,sequence,placed,msa,weight,split,cluster,ss"]
    for member, weight, split in rows:
        letters = states(member)
        if "-" * (UNKNOWN_RUN + 1) in letters:  # a crop of which nothing is known would end the training
            letters = letters.replace("-", "C")
        file, msa = member.file or "", member.msa or ""
        share = weight * sizes[member.cluster, member.msa is None] ** -0.5
        cells = (member.id, file, member.sequence, member.placed, msa, f"{share:.4f}", split, member.cluster, letters)
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def saw(params: str) -> set[str]:
    """What given weights were trained on, as far as runs tell: items of a run, and of the runs that it began with."""
    found: set[str] = set()
    while params and is_run(params):
        path = Path(params).resolve()
        items = next(folder / "items.tsv" for folder in (path, *path.parents) if (folder / "items.tsv").exists())
        rows = (line.split("\t") for line in items.read_text().splitlines())
        found |= {name for name, split, *_ in rows if split == "train"}
        params = training_of(params).params
    return found


def refuse(params: str, known: Iterable[Member]) -> None:
    """Looks whether given weights were trained on what is to be validated on.

    Raises:
        InputError: they were, as their runs tell.
    """
    if seen := sorted(saw(params) & {member.id for member in known if member.side == "valid"}):
        chains = f"{len(seen)} chain{'s' * (len(seen) > 1)} of validation, such as {seen[0]}"
        raise InputError(f"{params} was trained on {chains}; give weights that saw none of {UNSEEN.name}")
