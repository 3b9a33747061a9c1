"""What is compared: networks run in one way on the same targets, and simple baselines that learn from the same data."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.data import items as reading
from af2jax.data.dataset import Item
from af2jax.data.labels import Label
from af2jax.data.loading import Loader
from af2jax.data.parse import printable
from af2jax.data.transforms import bucket
from af2jax.errors import InputError
from af2jax.files import file_name
from af2jax.finetune import run
from af2jax.report import evaluation as evaluating
from af2jax.report.baselines import Known, baselines
from af2jax.report.evaluation import Answers, Evaluation, Target, head_numbers
from af2jax.report.folds import copied
from af2jax.report.observe import observe
from af2jax.report.subject import Subject, labels_of, open_subject, trained_on

HELIX, COPY = "ideal helix", "nearest training chain"
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Entry:
    """A row of a comparison."""

    name: str
    evaluation: Evaluation
    path: str  # of the run or of the parameters; "" for a baseline

    @property
    def is_run(self) -> bool:
        """Whether there is a run directory to read more from."""
        return bool(self.path) and run.is_run(self.path)


def read(
    paths: Sequence[Path],
    out: Path | None,
    dataset: Path | None,
    split: str,
    preset: str | None,
    recycles: int | None,
    progress: Progress,
) -> list[Entry]:
    """An entry for each path, all run in one way: what `af2jax evaluate` wrote there, or else evaluated, and kept in
    `out` where it is given.

    An evaluation that was made with other recycles is made again, from the parameters that it was of.

    Args:
        dataset: None: that of the first run.
        recycles: None: those of the first path.

    Raises:
        InputError: something cannot be read, no item could be evaluated, no data set is known, or an evaluation would
            have to be made again and its parameters are no longer there.
    """
    entries: list[Entry] = []
    known = {path: evaluating.load(path) for path in paths if (path / evaluating.FILE).exists()}
    if dataset is None:
        sets = [found.data["path"] for found in known.values()]
        sets += [run.training_of(path).data for path in paths if run.is_run(path)]
        dataset = Path(sets[0]) if sets else None
    if recycles is None and (baseline := known.get(paths[0])):
        recycles = baseline.subject["recycles"]
    for path in paths:
        found = known.get(path)
        name, source = printable(path.resolve().name), found.subject["path"] if found else str(path)
        again = found is None or found.subject["recycles"] != recycles or found.subject["seed"] != evaluating.SEED
        if again:
            if found is None and dataset is None:
                raise InputError(f"{path} is neither a run nor an evaluation: give --data, to evaluate it on")
            if found and not Path(source).exists():
                raise InputError(
                    f"{path} was evaluated with {found.subject['recycles']} recycles and is to be compared with "
                    f"{recycles}, but its parameters ({source}) are no longer there; give --num-recycle "
                    f"{found.subject['recycles']}"
                )
            subject = open_subject(source, found.subject["preset"] if found else preset, recycles)
            if found and subject.digest != found.subject["weights"]:
                raise InputError(f"{path} was evaluated with other parameters than {source} now has; evaluate it again")
            recycles = subject.recycles
            part = found.data["split"] if found and not split else split
            found = evaluating.evaluate(subject, dataset or found.data["path"], part, progress=progress)
        if not found.targets:
            item, reason = found.problems[0]
            raise InputError(
                f"{path}: none of {len(found.problems)} items could be evaluated; the first: {item}: {reason}"
            )
        name = unique(name, [entry.name for entry in entries])
        if again and out is not None:
            evaluating.save(found, out / "evaluations" / file_name(name))
        entries.append(Entry(name, found, source))
    return entries


def unique(name: str, taken: Sequence[str]) -> str:
    """`name`, numbered where it is taken."""
    count, new = 2, name
    while new in taken:
        new, count = f"{name} ({count})", count + 1
    return new


def shared(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """(the entries with the targets that all have, in one order; the ids that not all have).

    Raises:
        InputError: no target is shared, or two entries mean other proteins by one id.
    """
    tables = [{target.id: target for target in entry.evaluation.targets} for entry in entries]
    common = [name for name in tables[0] if all(name in table for table in tables)]
    if not common:
        raise InputError(f"{entries[0].name} and the others share no target: evaluate all on the same data")
    for entry, table in zip(entries, tables, strict=True):
        for name in common:
            if table[name].sequence != tables[0][name].sequence:
                raise InputError(
                    f"{name} is one protein in {entries[0].name}, another in {entry.name}; use one data set"
                )
    lost = sorted({name for table in tables for name in table} - set(common))
    cut = lambda entry, table: dataclasses.replace(
        entry, evaluation=dataclasses.replace(entry.evaluation, targets=[table[name] for name in common])
    )
    return [cut(entry, table) for entry, table in zip(entries, tables, strict=True)], lost


def simple(entries: Sequence[Entry], frozen: Subject | None, progress: Progress) -> tuple[list[Entry], list[str]]:
    """(the baselines, what could not be done): of every head, from what the first run that has it learned from.

    Args:
        frozen: the network whose activations a baseline reads; None: no such baseline.
    """
    found: dict[str, list[Target]] = {}
    notes, classes = [], {}
    for name in dict.fromkeys(name for entry in entries for name in entry.evaluation.classes):
        owner = next(e for e in entries if name in e.evaluation.classes)
        if not owner.is_run:
            notes.append(f"{name}: no baselines, as {owner.path} is no run whose data could be read")
            continue
        training = run.training_of(owner.path)
        label = labels_of(training.heads, training)[name]
        items = trained_on(owner.path)
        try:
            learn = _learnt(items, name, label, frozen, progress)
        except InputError as error:
            notes.append(f"{name}: no baselines ({error})")
            continue
        targets = [t for t in owner.evaluation.targets if name in t.answers and len(t.answers[name].label)]
        if not learn or not targets:
            notes.append(f"{name}: no baselines, as no protein that was learned from has a label")
            continue
        singles = _asked(owner, targets, frozen) if frozen else {}
        ask = [Known(t.id, t.sequence, t.answers[name], singles.get(t.id)) for t in targets]
        classes[name] = owner.evaluation.classes[name]
        for baseline, answers in baselines(learn, ask, label.residue, label.classes).items():
            made = found.setdefault(baseline, [_blank(t) for t in owner.evaluation.targets])
            place = {target.id: i for i, target in enumerate(made)}
            for target, given in zip(targets, answers, strict=True):
                old = made[place[target.id]]
                both = old.answers | {name: given}
                made[place[target.id]] = dataclasses.replace(old, answers=both, numbers=head_numbers(both))
    out = [Entry(name, _evaluation(entries[0], targets, classes), "") for name, targets in found.items()]
    return [*out, *_helix(entries[0]), *_copy(entries, notes)], notes


def _evaluation(first: Entry, targets: list[Target], classes: dict) -> Evaluation:
    return Evaluation({"run": False, "parameters": 0}, first.evaluation.data, classes, targets, [])


def _blank(target: Target) -> Target:
    return dataclasses.replace(target, numbers={}, answers={}, passes=[])


def _helix(first: Entry) -> list[Entry]:
    """One long helix as the baseline in structures."""
    prefix = "helix_"
    targets = [
        dataclasses.replace(
            _blank(t), numbers={k.removeprefix(prefix): v for k, v in t.numbers.items() if k.startswith(prefix)}
        )
        for t in first.evaluation.targets
    ]
    known = any(np.isfinite(target.numbers.get("lddt_ca", np.nan)) for target in targets)
    return [Entry(HELIX, _evaluation(first, targets, {}), "")] if known else []


def _copy(entries: Sequence[Entry], notes: list[str]) -> list[Entry]:
    """The nearest chain that the first run learned from, a baseline in structures; `notes` gains why there is none."""
    first, owner = entries[0], next((entry for entry in entries if entry.is_run), None)
    try:
        scores = copied(first.evaluation, trained_on(owner.path)) if owner else {}
    except InputError as error:
        notes.append(f"no {COPY} as a baseline ({error})")
        return []
    targets = [dataclasses.replace(_blank(t), numbers=scores.get(t.id, {})) for t in first.evaluation.targets]
    return [Entry(COPY, _evaluation(first, targets, {}), "")] if scores else []


def _learnt(items: Sequence[Item], name: str, what: Label, frozen: Subject | None, progress: Progress) -> list[Known]:
    """The items with their labels, and with activations where a network is given."""
    learn = []
    for done, item in enumerate(items):
        if frozen:
            progress(done, len(items))
        chain = reading.read_item(item)
        label = np.atleast_1d(reading.label_of(item, name, what, chain))
        place = np.flatnonzero(label >= 0 if what.classes else ~np.isnan(label))
        if not len(place):
            continue
        answers = Answers(np.zeros(0), label[place], place)
        single = _single(frozen, item) if frozen else None
        learn.append(Known(item.id, "/".join(chain.chains), answers, single))
    return learn


def _asked(owner: Entry, targets: Sequence[Target], frozen: Subject) -> dict[str, np.ndarray]:
    """The activations of the targets, which are read again from their data."""
    data = owner.evaluation.data
    chosen, _ = evaluating.choose(frozen, data["path"], "all")
    wanted = {target.id for target in targets}
    return {item.id: _single(frozen, item) for item in chosen if item.id in wanted}


def _single(frozen: Subject, item: Item) -> np.ndarray:
    """float [N_res c_s]."""
    size = bucket(len(evaluating.sequence_of(item).replace("/", "")))
    rows, templates = bool(item.msa), bool(item.templates or item.aligned_templates)
    features, _ = Loader(frozen.model.config, size, {}, 0, 1, rows, templates).example(item, 0)
    return observe(frozen, features, item.id).residues[np.asarray(features.seq_mask)]
