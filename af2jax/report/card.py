"""The model card of an exported run: README.md with YAML front matter, in the layout of Hugging Face's repositories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from af2jax.errors import InputError
from af2jax.files import write
from af2jax.finetune.provenance import DEEPMIND, EXPORTED, RANDOM, Provenance
from af2jax.heads import Head
from af2jax.metrics.statistics import Interval

FILE = "README.md"
MARK = "Written by `af2jax export`"  # of a card that a later export may replace
LICENCES = {DEEPMIND: "cc-by-4.0", "mini": "apache-2.0"}  # by what a training began with, in Hugging Face's names
BASES = {
    DEEPMIND: "the AlphaFold 2 parameters of DeepMind Technologies Limited (CC BY 4.0), taken for them by the name of "
    "their file; they were changed, as this card says",
    "mini": "af2jax-mini, demonstration weights that come with af2jax (Apache-2.0): not for science",
    EXPORTED: "an earlier export of af2jax, whose own card has its licence",
    RANDOM: "random weights",
}
TAGS = ["biology", "protein-structure-prediction", "alphafold2", "jax", "flax"]


@dataclass(frozen=True)
class Card:
    """All that a card says.

    Attributes:
        splits: number of items by split.
        digests: SHA-256 of each exported file, in hexadecimal, by name.
        measured: means with 95 % intervals by metric, on `measured_on`; {} where no evaluation is at hand.
    """

    run: Provenance
    heads: Mapping[str, Head]
    splits: Mapping[str, int]
    digests: Mapping[str, str]
    measured: Mapping[str, Interval]
    measured_on: str = ""


def check(out: Path) -> None:
    """Looks whether the folder `out` may get a card, before anything is written there.

    Raises:
        InputError: it has a README.md that no export wrote.
    """
    file = out / FILE
    if file.exists() and MARK not in file.read_text(errors="replace"):
        raise InputError(f"{file} is not a card of af2jax; move it away, or export to another folder")


def save(card: Card, out: Path) -> Path:
    """Writes `README.md` into the folder `out`, in place of the card of an earlier export."""
    return write(out / FILE, render(card))


def render(card: Card) -> str:
    """The text of `README.md`."""
    run = card.run
    parts = [
        f"# {run.preset}, fine-tuned\n\n{MARK} from a run of {run.step} updates. The folder holds parameter files in "
        "DeepMind's layout, for af2jax, stock ColabFold and AlphaFold; new heads answer in af2jax alone.",
        f"## Base\n\nPreset `{run.preset}`, begun from {BASES.get(run.base, run.base)}.",
        "## Data\n\n" + _table(("", ""), _data(card)),
        "## Measured\n\n" + _measured(card),
        "## Recipe\n\n" + _table(("setting", "value"), [(name, _cell(x)) for name, x in run.settings.items()]),
        "## Files\n\n" + _table(("file", "SHA-256"), [(name, f"`{x}`") for name, x in card.digests.items()]),
        "## Use\n\n```python\nimport af2jax\n\n" + f'model, params = af2jax.load("{run.preset}", "this/folder")\n```',
        "## Limits\n\nA tuned network forgets: measure it on proteins that it was not tuned for (`af2jax compare "
        "--general`). Test structures that AlphaFold's training saw measure memory too.",
    ]
    if heads := [(name, head.kind, _head(head)) for name, head in card.heads.items()]:
        parts.insert(2, "## New heads\n\n" + _table(("head", "kind", "answers"), heads))
    return f"---\n{_front(card)}---\n\n" + "\n\n".join(parts) + "\n"


def _front(card: Card) -> str:
    """YAML as Hugging Face reads it; no `base_model`, which would have to be a repository there."""
    import yaml

    name = f"af2jax-{card.run.preset}"
    known: dict = {"license": LICENCES[card.run.base]} if card.run.base in LICENCES else {}
    known |= {"library_name": "af2jax", "tags": TAGS}
    if card.measured:
        task = {"type": "other", "name": "protein structure prediction"}
        dataset = {"type": "other", "name": card.measured_on}
        metrics = [
            {"type": label.replace(" ", "_").replace(":", "").lower(), "name": str(label), "value": round(x.value, 4)}
            for label, x in card.measured.items()
        ]
        known["model-index"] = [{"name": name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}]
    return yaml.safe_dump(known, sort_keys=False, allow_unicode=True)


def _data(card: Card) -> list[tuple[str, str]]:
    run = card.run
    splits = ", ".join(f"{number} {name}" for name, number in card.splits.items())
    made = ", ".join(f"{name} {value}" for name, value in run.made.items())
    rows = [("table", run.data), ("items", splits or "not known"), ("digest of the data", f"`{run.digests['data']}`")]
    return [*rows, ("digest of the weights at the beginning", f"`{run.digests['weights']}`"), ("made with", made)]


def _measured(card: Card) -> str:
    if card.measured:
        rows = [(label, str(x), str(x.count), str(x.families)) for label, x in card.measured.items()]
        title = (
            f"On {card.measured_on}, by `af2jax evaluate`; 95 % intervals, families of homologues drawn together.\n\n"
        )
        return title + _table(("metric", "mean (interval)", "targets", "families"), rows)
    if not card.run.validation:
        return "Nothing was measured."
    rows = [(name, f"{value:.4g}") for name, value in card.run.validation.items()]
    note = (
        "The validation of the exported checkpoint, by which it was chosen, so optimistic; without intervals. Nothing "
    )
    return note + "was evaluated for this card (`af2jax export --evaluation`).\n\n" + _table(("score", "value"), rows)


def _head(head: Head) -> str:
    unit = f", {head.unit}" if head.unit else ""
    if head.classes:
        return ", ".join(head.names) if head.names else f"{head.classes} classes"
    return f"{head.outputs} number{'s' if head.outputs != 1 else ''}{unit}"


def _cell(value: object) -> str:
    return f"`{value}`".replace("|", "\\|")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
