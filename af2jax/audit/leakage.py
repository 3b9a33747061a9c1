"""What homologues threaten: leaks between splits, redundancy, and parts that are too small to measure on."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from af2jax.audit import scan
from af2jax.audit.findings import Finding, phrase
from af2jax.audit.homologues import Homologues
from af2jax.audit.look import Seen
from af2jax.data import splits
from af2jax.data.dataset import SPLITS
from af2jax.words import counted

ENOUGH = 10  # clusters in a part that is measured on, at least
LARGE, REPEATED = 0.3, 0.5  # of the items: in one cluster, and with a homologue
LISTED = 6  # members named

KEEP = (  # (number of clusters, how `scan` splits the variants or None) and what to do without a split
    (
        lambda of: of[0] >= splits.PARTS,
        "prepared.csv has a split by cluster: keep it, so that all runs are compared on the same proteins.",
    ),
    (lambda of: of[1] is not None, "prepared.csv has one {way}: keep it, to compare all runs on the same variants."),
    (lambda of: True, "prepared.csv has one by sequence, as there are too few clusters: homologues are on both sides."),
)


def findings(known: Homologues, seen: Sequence[Seen]) -> list[Finding]:
    """What is wrong with homologues and splits; `seen` has a sequence each."""
    return [*_leaks(known, seen), *_redundancy(known, seen), *_sizes(known.clusters, seen)]


def _leaks(known: Homologues, seen: Sequence[Seen]) -> Iterator[Finding]:
    same: list[str] = []
    alike: list[str] = []
    split = [one.item.split for one in seen]
    sequences = [one.sequence for one in seen]
    peptides = splits.peptides(sequences)
    what, varying = ("proteins", sequences) if peptides is None else ("peptides", peptides)
    for rows in (rows for rows, across in zip(known.clusters, known.crossing, strict=True) if across):
        twins = defaultdict(set)
        for i in rows:
            twins[varying[i]].add(split[i])
        for i in (i for i in rows if split[i] in ("valid", "test")):
            others = [j for j in rows if split[j] and split[j] != split[i]]
            others.sort(key=lambda j, i=i: (varying[j] != varying[i], split[j] != "train"))
            if not others or (split[i] == "valid" and split[others[0]] == "test"):
                continue  # reported once, for the test item
            text = f"{seen[i].item.id} ({split[i]}) and {seen[others[0]].item.id} ({split[others[0]]})"
            text += f", and {len(others) - 1} more" if len(others) > 1 else ""
            (same if len(twins[varying[i]]) > 1 else alike).append(text)
    held = sum(part in ("valid", "test") for part in split)
    why = "What is measured on them shows how well a training memorises, not how well it predicts new proteins."
    cure = "Let homologues share a split: prepared.csv " + (
        "moves training items with held-out homologues to their part."
        if known.parts != split
        else "leaves the splits as they are, as half of the training or more would move; without a column split "
        "it has a new one."
    )
    if same:
        title = f"{len(same)} of {held} held-out {what} are in another split too, with the same sequence"
        title += ", with whatever partner" if peptides else ""
        yield Finding("the same protein in two splits", 95, title, why, cure, tuple(same))
    if alike and len(known.clusters) > 1:
        limit = splits.meaning(sequences)
        title = f"{len(alike)} of {held} held-out {what} have homologues in another split ({limit})"
        yield Finding("leak", 90, title, why, cure, tuple(alike))


def _redundancy(known: Homologues, seen: Sequence[Seen]) -> Iterator[Finding]:
    clusters, number = known.clusters, len(seen)
    most = len(clusters[0])
    repeated = number - known.alone
    if len(clusters) == 1 and number > 1:
        yield Finding(
            "one family",
            25,
            f"all {number} items are homologues of each other",
            "As in a scan of mutations: what is learnt holds for this family, and all splits share it.",
            f"Claim nothing about other proteins; {_family(seen)}.",
            _names(clusters, seen),
        )
    elif most > LARGE * number and most > 2:
        yield Finding(
            "one family dominates",
            50,
            f"{most} of {number} items are homologues of each other",
            "They count as often in the loss and in the mean, though they are nearly one example.",
            "Draw them less often: prepared.csv has weights of 1 / size of the cluster; report means by cluster.",
            _names(clusters[:5], seen),
        )
    elif repeated > REPEATED * number:
        yield Finding(
            "redundancy",
            25,
            f"{number} items are {len(clusters)} proteins, homologues counted as one",
            f"{repeated} items have homologues: the set is as varied as {known.effective:.0f} equal clusters.",
            "Weight by cluster (prepared.csv does), and count clusters where a number of examples is stated.",
            _names(clusters[:20], seen),
        )


def _names(clusters: Sequence[Sequence[int]], seen: Sequence[Seen]) -> tuple[str, ...]:
    """A line for each cluster of several items."""
    return tuple(
        f"{len(rows)} items: {', '.join(seen[i].item.id for i in rows[:LISTED])}" + ", ..." * (len(rows) > LISTED)
        for rows in clusters
        if len(rows) > 1
    )


def _family(seen: Sequence[Seen]) -> str:
    """How items of one family should be split, and are in prepared.csv."""
    changed = scan.positions(seen)
    if changed is None:
        return "split by what a user will have: other positions, other lengths, later dates"
    if any(one.item.split for one in seen) and not scan.findings([], seen):
        return "the splits are of different positions or numbers of mutations: keep them"
    return f"prepared.csv is split {scan.way(changed)}: use it"


def _sizes(clusters: list[list[int]], seen: Sequence[Seen]) -> Iterator[Finding]:
    own = {i: number for number, rows in enumerate(clusters) for i in rows}
    if not any(one.item.split for one in seen):
        changed = scan.positions(seen)
        way = None if changed is None else scan.way(changed)
        yield Finding(
            "no split",
            15,
            f"none of {len(seen)} items says which part it belongs to",
            "A training would split them itself, homologues together."
            if len(clusters) >= splits.PARTS
            else "A training refuses to split so few clusters of homologues.",
            phrase(KEEP, (len(clusters), way), way=way),
        )
        return
    if missing := [one for one in seen if not one.item.split]:
        title = f"{len(missing)} of {len(seen)} items have no split where others have one"
        text = "They are left out of a training."
        rows = tuple(one.item.where for one in missing)
        yield Finding("split of some", 60, title, text, "Give each item a split.", rows)
    for part in SPLITS:
        rows = [i for i, one in enumerate(seen) if one.item.split == part]
        number = len({own[i] for i in rows})
        if not rows and part == "train":
            yield Finding("an empty split", 90, "no item is in the split train", "Nothing can be learnt.", "Fill it.")
        elif not rows:
            text = "Nothing tells how good the model is on other proteins."
            yield Finding("an empty split", 45, f"no item is in the split {part}", text, "Fill it.")
        elif part != "train" and number < min(ENOUGH, len(clusters) / 3) and len(clusters) > 1:
            yield Finding(
                "a small test",
                45,
                f"the split {part} has {counted(number, 'protein')} ({counted(len(rows), 'item')}), homologues in it "
                "counted as one",
                f"One protein that is exchanged moves a mean over so few by 1/{max(number, 1)} of its change.",
                f"Hold out more, {ENOUGH} clusters at least, or cross-validate.",
                tuple(seen[i].item.id for i in rows),
            )
