"""Homologues: how many proteins a data set really has, and whether splits share any."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from af2jax.audit import scan
from af2jax.audit.findings import Finding
from af2jax.audit.look import Seen
from af2jax.data import splits
from af2jax.data.dataset import SPLITS
from af2jax.errors import InputError
from af2jax.html.page import Caption, Page
from af2jax.plots import panels
from af2jax.words import counted

DRAWN = 400  # clusters in the network
ENOUGH = 10  # clusters in a part that is measured on, at least
LARGE, REPEATED = 0.3, 0.5  # of the items: in one cluster, and with a homologue


def members(groups: np.ndarray) -> list[list[int]]:
    """The items of each cluster, the largest cluster first."""
    found: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        found[int(group)].append(index)
    return sorted(found.values(), key=lambda rows: (-len(rows), rows[0]))


def apart(seen: Sequence[Seen], groups: np.ndarray) -> list[Seen]:
    """The first item of each cluster: proteins without homologues among them."""
    return [seen[i] for i in np.sort(np.unique(groups, return_index=True)[1])]


def crossing(seen: Sequence[Seen], clusters: Sequence[Sequence[int]]) -> list[list[int]]:
    """The clusters that lie in several splits."""
    return [rows for rows in clusters if len({seen[i].item.split for i in rows} - {""}) > 1]


def parts(seen: Sequence[Seen], groups: np.ndarray) -> list[str]:
    """A split for each item: as given, but training items with homologues held out move to their part, unless that
    would be half of the training or more.

    Where no item has a split, or a scan shares positions between splits, it is that of a scan (`splits.split_scan`);
    else homologues are kept together (`splits.split`), or if they are of less than three clusters, equal sequences; ""
    where these are too few too.
    """
    given = [one.item.split for one in seen]
    changed = scan.positions(seen)
    if changed is not None and (not any(given) or scan.findings([], seen)):
        return splits.split_scan(changed)
    if not any(given):
        sequences = [one.sequence for one in seen]
        for together in (groups, np.unique(sequences, return_inverse=True)[1]):
            with suppress(InputError):
                return splits.split(sequences, together)
        return given
    moved = list(given)
    for rows in crossing(seen, members(groups)):
        held = "test" if any(given[i] == "test" for i in rows) else "valid"
        for i in rows:
            moved[i] = held if given[i] else ""
    return moved if moved.count("train") >= given.count("train") / 2 else given


def effective(clusters: Sequence[Sequence[int]]) -> float:
    """How many equally large clusters would be as varied: 1 / the chance that two items are of one cluster."""
    sizes = np.array([len(rows) for rows in clusters], float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def findings(seen: Sequence[Seen], groups: np.ndarray) -> list[Finding]:
    """Leaks between splits, redundancy, and parts that are too small; `seen` has a sequence each."""
    clusters = members(groups)
    moved = parts(seen, groups) != [one.item.split for one in seen]
    return [*_leaks(seen, clusters, moved), *_redundancy(seen, clusters), *_sizes(seen, clusters)]


def _leaks(seen: Sequence[Seen], clusters: list[list[int]], moved: bool) -> list[Finding]:
    found, same, alike = [], [], []
    sequences = [one.sequence for one in seen]
    peptides = splits.peptides(sequences)
    what, varying = ("proteins", sequences) if peptides is None else ("peptides", peptides)
    for rows in crossing(seen, clusters):
        held = [i for i in rows if seen[i].item.split in ("valid", "test")]
        twins = defaultdict(set)
        for i in rows:
            twins[varying[i]].add(seen[i].item.split)
        for i in held:
            others = [j for j in rows if seen[j].item.split and seen[j].item.split != seen[i].item.split]
            others.sort(key=lambda j: (varying[j] != varying[i], seen[j].item.split != "train"))
            if not others or (seen[i].item.split == "valid" and seen[others[0]].item.split == "test"):
                continue  # said once, of the test item
            text = f"{seen[i].item.id} ({seen[i].item.split}) and {seen[others[0]].item.id} "
            text += f"({seen[others[0]].item.split})" + (f", and {len(others) - 1} more" if len(others) > 1 else "")
            (same if len(twins[varying[i]]) > 1 else alike).append(text)
    held = sum(one.item.split in ("valid", "test") for one in seen)
    why = "What is measured on them says how well a training remembers, not how well it predicts new proteins."
    cure = "Let homologues share a split: prepared.csv " + (
        "moves training items with held-out homologues to their part."
        if moved
        else "leaves the splits as they are, as half of the training or more would move; without a column split "
        "it has a new one."
    )
    if same:
        title = f"{len(same)} of {held} held-out {what} are in another split too, letter for letter"
        title += ", with whatever partner" if peptides else ""
        found.append(Finding("the same protein in two splits", 95, title, why, cure, tuple(same)))
    if alike and len(clusters) > 1:
        limit = splits.meaning(sequences)
        title = f"{len(alike)} of {held} held-out {what} have homologues in another split ({limit})"
        found.append(Finding("leak", 90, title, why, cure, tuple(alike)))
    return found


def _redundancy(seen: Sequence[Seen], clusters: list[list[int]]) -> list[Finding]:
    most, number = len(clusters[0]), len(seen)
    name = lambda rows: f"{len(rows)} items: {', '.join(seen[i].item.id for i in rows[:6])}" + ", ..." * (len(rows) > 6)
    if len(clusters) == 1 and number > 1:
        return [
            Finding(
                "one family",
                25,
                f"all {number} items are homologues of each other",
                "As in a scan of mutations: what is learnt holds for this family, and all splits share it.",
                f"Claim nothing about other proteins; {_family(seen)}.",
                (name(clusters[0]),),
            )
        ]
    if most > LARGE * number and most > 2:
        return [
            Finding(
                "one family dominates",
                50,
                f"{most} of {number} items are homologues of each other",
                "They count as often in the loss and in the mean, though they are nearly one example.",
                "Draw them less often: prepared.csv has weights of 1 / size of the cluster; report means by cluster.",
                tuple(name(rows) for rows in clusters[:5] if len(rows) > 1),
            )
        ]
    repeated = sum(len(rows) for rows in clusters if len(rows) > 1)
    if repeated > REPEATED * number:
        return [
            Finding(
                "redundancy",
                25,
                f"{number} items are {len(clusters)} proteins without homologues",
                f"{repeated} items have homologues: the set is as varied as {effective(clusters):.0f} equal clusters.",
                "Weight by cluster (prepared.csv does), and count clusters where a number of examples is stated.",
                tuple(name(rows) for rows in clusters[:20] if len(rows) > 1),
            )
        ]
    return []


def _family(seen: Sequence[Seen]) -> str:
    """How items of one family should be split, and are in prepared.csv."""
    changed = scan.positions(seen)
    if changed is None:
        return "split by what a user will have: other positions, other lengths, later dates"
    if any(one.item.split for one in seen) and not scan.findings([], seen):
        return "the splits are of different positions or numbers of mutations: keep them"
    return f"prepared.csv is split {scan.way(changed)}: use it"


def _sizes(seen: Sequence[Seen], clusters: list[list[int]]) -> list[Finding]:
    own = {i: number for number, rows in enumerate(clusters) for i in rows}
    found = []
    if not any(one.item.split for one in seen):
        return [
            Finding(
                "no split",
                15,
                f"none of {len(seen)} items says which part it belongs to",
                "A training would split them itself, homologues together."
                if len(clusters) > 2
                else "A training refuses to split so few clusters of homologues.",
                "prepared.csv has a split by cluster: keep it, so that all runs are compared on the same proteins."
                if len(clusters) > 2
                else f"prepared.csv has one {scan.way(changed)}: keep it, to compare all runs on the same variants."
                if (changed := scan.positions(seen)) is not None
                else "prepared.csv has one by sequence, as there are too few clusters: homologues are on both sides.",
            )
        ]
    if missing := [one for one in seen if not one.item.split]:
        title = f"{len(missing)} of {len(seen)} items have no split where others have one"
        text = "They are left out of a training."
        rows = tuple(one.item.where for one in missing)
        found.append(Finding("split of some", 60, title, text, "Give each item a split.", rows))
    for part in SPLITS:
        rows = [i for i, one in enumerate(seen) if one.item.split == part]
        number = len({own[i] for i in rows})
        if not rows:
            title = f"no item is in the split {part}"
            text = (
                "Nothing can be learnt."
                if part == "train"
                else "Nothing tells how good the model is on other proteins."
            )
            found.append(Finding("an empty split", 90 if part == "train" else 45, title, text, "Fill it."))
        elif part != "train" and number < min(ENOUGH, len(clusters) / 3) and len(clusters) > 1:
            found.append(
                Finding(
                    "a small test",
                    45,
                    f"the split {part} has {counted(number, 'protein')} without homologues "
                    f"({counted(len(rows), 'item')})",
                    f"One protein that is exchanged moves a mean over so few by 1/{max(number, 1)} of its change.",
                    f"Hold out more, {ENOUGH} clusters at least, or cross-validate.",
                    tuple(seen[i].item.id for i in rows),
                )
            )
    return found


def write(page: Page, seen: Sequence[Seen], groups: np.ndarray) -> None:
    """The network of clusters, and tables of clusters and splits."""
    page.section("Homologues and splits")
    clusters = members(groups)
    across = crossing(seen, clusters)
    own = {i: number for number, rows in enumerate(clusters) for i in rows}
    rows = []
    for part in (*SPLITS, ""):
        inside = [i for i, one in enumerate(seen) if one.item.split == part]
        if inside:
            shared = sum(any(seen[j].item.split not in ("", part) for j in clusters[own[i]]) for i in inside)
            rows.append([part or "none", len(inside), len({own[i] for i in inside}), shared])
    page.table("splits", ["split", "items", "clusters", "items with homologues in another split"], rows, "Splits")
    table = [
        [
            number,
            len(members_),
            ", ".join(sorted({seen[i].item.split for i in members_} - {""})),
            _names(seen, members_),
        ]
        for number, members_ in enumerate(clusters, 1)
        if len(members_) > 1
    ]
    if table:
        page.table("clusters", ["cluster", "items", "splits", "members"], table, "Clusters of homologues")
    sizes = Counter(len(rows) for rows in clusters)
    page.number("clusters", {"number": len(clusters), "effective": effective(clusters), "crossing": len(across)})
    left = f" The {DRAWN} largest are drawn." if len(clusters) > DRAWN else ""
    caption = Caption(
        f"Proteins (dots) and their homologues: {counted(len(clusters), 'cluster')} of "
        f"{counted(len(seen), 'item')}, coloured by split.",
        "Homologues are aligned by phmmer with 30 % identity over half of the shorter one (E-value 0.01), or are "
        f"variants of one protein; black rings lie in several splits.{left}",
        f"{counted(len(across), 'cluster lies', 'clusters lie')} in several splits and "
        f"{counted(sizes[1], 'protein has', 'proteins have')} no homologue: "
        + ("mend the splits before anything is measured." if across else _worth(seen, clusters)),
    )
    drawn = clusters[:DRAWN]
    kinds = [[seen[i].item.split for i in rows] for rows in drawn]
    page.figure("network", panels.network(kinds, [rows in across for rows in drawn]), caption)


def _worth(seen: Sequence[Seen], clusters: Sequence[Sequence[int]]) -> str:
    """What a set without leaks is worth."""
    number = effective(clusters)
    apart = "splits are apart; " if any(one.item.split for one in seen) else "there is no split yet; "
    if len(clusters) == 1:
        return "it is one family, and no result holds for another."
    return f"{apart}by the sizes of its clusters the set is worth {number:.0f} independent proteins, not {len(seen)}."


def _names(seen: Sequence[Seen], rows: Sequence[int]) -> str:
    return ", ".join(seen[i].item.id for i in rows[:8]) + (f" and {len(rows) - 8} more" if len(rows) > 8 else "")
