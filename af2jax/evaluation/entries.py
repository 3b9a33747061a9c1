"""What is compared: networks run in one way on the same targets, and simple baselines that learn from the same data."""

import dataclasses
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from af2jax.data import items as reading
from af2jax.data.dataset import Item
from af2jax.data.labels import Label
from af2jax.data.loading import Loader
from af2jax.data.preflight import digest
from af2jax.data.transforms import buckets
from af2jax.errors import InputError
from af2jax.evaluation import assays, saved
from af2jax.evaluation import evaluate as evaluating
from af2jax.evaluation.nearest_chain import copied
from af2jax.evaluation.observe import observe
from af2jax.evaluation.record import Evaluation, ScoredTarget, head_numbers
from af2jax.evaluation.subject import Subject, labels_of, open_subject, trained_on
from af2jax.files import file_name
from af2jax.finetune import run
from af2jax.heads import Head
from af2jax.metrics.baselines import Known, baselines
from af2jax.pretrained.load import located

HELIX, COPY = "ideal helix", "nearest training chain"
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Entry:
    """A row of a comparison."""

    name: str
    evaluation: Evaluation  # of several runs under one name the mean of each number of a target
    path: str  # of the (first) run or of the parameters; "" for a baseline
    runs: tuple[Evaluation, ...] = ()  # what the mean is of

    @property
    def is_run(self) -> bool:
        """Whether there is a run directory to read more from."""
        return bool(self.path) and run.is_run(self.path)


def read(
    networks: Mapping[str, Sequence[Path]],
    out: Path | None,
    dataset: Path | None,
    split: str,
    preset: str | None,
    recycles: int | None,
    progress: Progress,
) -> list[Entry]:
    """An entry for each name, all run in one way: what `af2jax evaluate` wrote there, or else evaluated.

    What is evaluated is kept in `out`, where it is given, and not done again while parameters, data and recycles stay.
    An evaluation that was made with other recycles is made again, from the parameters that it was of.

    Args:
        dataset: None: that of the first run.
        recycles: None: those of the first path.

    Raises:
        InputError: something cannot be read, no item could be evaluated, no data set is known, an evaluation would have
            to be made again and its parameters are no longer there, or some are judged by assays of variants and some
            are not.
    """
    paths = [path for some in networks.values() for path in some]
    known = {path: saved.load(path) for path in paths if (path / saved.FILE).exists()}
    if dataset is None:
        sets = [found.data["path"] for found in known.values()]
        sets += [run.training_of(path).data for path in paths if run.is_run(path)]
        dataset = Path(sets[0]) if sets else None
    if recycles is None and (baseline := known.get(paths[0])):
        recycles = baseline.subject["recycles"]
    _one_kind(paths, known, dataset, split)
    entries = []
    for name, some in networks.items():
        evaluations = []
        for i, path in enumerate(some):
            keep = out and out / "evaluations" / file_name(name if len(some) == 1 else f"{name}_{i}")
            found = known.get(path)
            if found is None or found.subject["recycles"] != recycles or found.subject["seed"] != evaluating.SEED:
                found = _made(path, found, keep, dataset, split, preset, recycles, progress)
                recycles = found.subject["recycles"]
            if not found.targets:
                item, reason = found.problems[0]
                raise InputError(
                    f"{path}: none of {len(found.problems)} items could be evaluated; the first: {item}: {reason}"
                )
            evaluations.append(found)
        source = known[some[0]].subject["path"] if some[0] in known else str(some[0])
        entries.append(Entry(name, mean_of(evaluations), source, tuple(evaluations)))
    return entries


def _one_kind(paths: Sequence[Path], known: Mapping[Path, Evaluation], dataset: Path | None, split: str) -> None:
    """Raises InputError, before anything is folded, where some networks are judged by heads of variants, whose targets
    are assays, and others are not: they would share no target."""
    kinds: dict[bool, Path] = {}
    for path in paths:
        if found := known.get(path):
            kinds[any(answers.within for target in found.targets for answers in target.answers.values())] = path
        elif dataset and located(path).exists():
            kinds[_has_assays(path, dataset, split)] = path
    if len(kinds) > 1:
        raise InputError(
            f"{kinds[False]} has no head of variants, by which {kinds[True]} is judged, so that they share no target: "
            f"give runs that trained such a head, or {kinds[True]} alone, beside which the baselines of the "
            "substitution stand in any case"
        )


def _has_assays(path: Path, dataset: Path, split: str) -> bool:
    """Whether heads of variants judge the network at `path` on a data set."""
    training = run.training_of(path) if run.is_run(path) else None
    heads = run.heads_of(path)
    own = {name: heads[name] for name in labels_of(heads, training) if heads[name].kind == "variant"}
    return bool(own and assays.judged(own, evaluating.chosen(training, path, dataset, split)[0]))


def _made(
    path: Path,
    old: Evaluation | None,
    keep: Path | None,
    dataset: Path | None,
    split: str,
    preset: str | None,
    recycles: int | None,
    progress: Progress,
) -> Evaluation:
    """The evaluation of a network, or what was kept of the same; `old`: one that was made in another way."""
    source = old.subject["path"] if old else str(path)
    if old is None and dataset is None:
        raise InputError(f"{path} is neither a run nor an evaluation: give --data, to evaluate it on")
    if old and not Path(source).exists():
        raise InputError(
            f"{path} was evaluated with {old.subject['recycles']} recycles and is to be compared with {recycles}, but "
            f"its parameters ({source}) are no longer there; give --num-recycle {old.subject['recycles']}"
        )
    subject = open_subject(source, old.subject["preset"] if old else preset, recycles)
    if old and subject.digest != old.subject["weights"]:
        raise InputError(f"{path} was evaluated with other parameters than {source} now has; evaluate it again")
    data, part = dataset or old.data["path"], old.data["split"] if old and not split else split
    kept = keep and _kept(keep, subject.digest, subject.recycles)
    if kept and kept.data.get("items") == digest(evaluating.choose(subject, data, part)[0]):
        return kept
    made = evaluating.evaluate(subject, data, part, progress=progress)
    if keep and made.targets:
        saved.save(made, keep)
    return made


def _kept(folder: Path, weights: str, recycles: int) -> Evaluation | None:
    """The evaluation in a folder, where it is whole and of these parameters (SHA-256) with as many recycles."""
    with suppress(InputError):
        found = saved.load(folder)
        if (found.subject["weights"], found.subject["recycles"]) == (weights, recycles):
            return found
    return None


def mean_of(evaluations: Sequence[Evaluation]) -> Evaluation:
    """One evaluation with the mean of each number over several of the same targets.

    Raises:
        InputError: their targets are not the same.
    """
    first, *others = evaluations
    if not others:
        return first
    if any([t.id for t in one.targets] != [t.id for t in first.targets] for one in others):
        raise InputError(f"{first.subject['name']} and others under one name have other targets; evaluate all again")
    targets = [
        dataclasses.replace(same[0], numbers={k: float(np.mean([t.numbers[k] for t in same])) for k in same[0].numbers})
        for same in zip(*(one.targets for one in evaluations), strict=True)
    ]
    return dataclasses.replace(first, targets=targets)


def unique(name: str, taken: Container[str]) -> str:
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
    found: dict[str, list[ScoredTarget]] = {}
    notes, classes = [], {}
    for name in dict.fromkeys(name for entry in entries for name in entry.evaluation.classes):
        owner = next(e for e in entries if name in e.evaluation.classes)
        if not owner.is_run:
            notes.append(f"{name}: no baselines, as {owner.path} is not a run whose data could be read")
            continue
        training = run.training_of(owner.path)
        targets = [t for t in owner.evaluation.targets if name in t.answers and len(t.answers[name].label)]
        try:
            of = name, training.heads[name], targets
            told = _of_variants(owner, *of) if of[1].kind == "variant" else _of_heads(owner, *of, frozen, progress)
        except InputError as error:
            notes.append(f"{name}: no baselines ({error})")
            continue
        asked = [t.answers[name] for t in targets]
        classes[name] = owner.evaluation.classes[name]
        for baseline, answers in told.items():
            answers = [dataclasses.replace(a, predicted=x) for x, a in zip(answers, asked, strict=True)]
            made = found.setdefault(baseline, [_blank(t) for t in owner.evaluation.targets])
            place = {target.id: i for i, target in enumerate(made)}
            for target, given in zip(targets, answers, strict=True):
                old = made[place[target.id]]
                both = old.answers | {name: given}
                made[place[target.id]] = dataclasses.replace(old, answers=both, numbers=head_numbers(both))
    out = [Entry(name, _evaluation(entries[0], targets, classes), "") for name, targets in found.items()]
    return [*out, *_helix(entries[0]), *_copy(entries, notes)], notes


def _of_heads(
    owner: Entry, name: str, head: Head, targets: list[ScoredTarget], frozen: Subject | None, progress: Progress
) -> dict[str, list[np.ndarray]]:
    """What the baselines of a head answer of targets.

    Raises:
        InputError: nothing is known of what the run learned from.
    """
    learn = _learnt(trained_on(owner.path), name, head.column, frozen, progress)
    if not learn or not targets:
        raise InputError("no protein that was learned from has a label")
    singles = _asked(owner, targets, frozen) if frozen else {}
    asked = [(t, t.answers[name]) for t in targets]
    ask = [Known(t.sequence, a.label, a.place, singles.get(t.id)) for t, a in asked]
    return baselines(learn, ask, head.column.residue, head.classes)


def _of_variants(owner: Entry, name: str, head: Head, targets: list[ScoredTarget]) -> dict[str, list[np.ndarray]]:
    """The same of a head of variants, whose targets are assays that are read again from their data."""
    heads = {name: head}
    learnt, _ = assays.assays(trained_on(owner.path), heads)
    data = owner.evaluation.data
    items, _ = evaluating.chosen(run.training_of(owner.path), owner.path, data["path"], data["split"])
    known = {assay.id: assay for assay in assays.assays(items, heads)[0]}
    if lost := [t.id for t in targets if t.id not in known]:
        raise InputError(f"{lost[0]} is no longer among the assays of {data['path']}")
    return assays.simple(learnt, [known[t.id] for t in targets], name, head)


def _evaluation(first: Entry, targets: list[ScoredTarget], classes: dict) -> Evaluation:
    return Evaluation({"run": False, "parameters": 0}, first.evaluation.data, classes, targets, [])


def _blank(target: ScoredTarget) -> ScoredTarget:
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
    for item in items:
        chain = reading.read_item(item)
        label = np.atleast_1d(reading.label_of(item, name, what, chain))
        place = np.flatnonzero(label >= 0 if what.classes else ~np.isnan(label))
        if len(place):
            learn.append((item, Known("/".join(chain.chains), label[place], place)))
    if not frozen:
        return [known for _, known in learn]
    singles = _singles(frozen, [(item, known.sequence) for item, known in learn], progress)
    return [dataclasses.replace(known, single=one) for (_, known), one in zip(learn, singles, strict=True)]


def _asked(owner: Entry, targets: Sequence[ScoredTarget], frozen: Subject) -> dict[str, np.ndarray]:
    """The activations of the targets, which are read again from their data."""
    data = owner.evaluation.data
    chosen, _ = evaluating.choose(frozen, data["path"], "all")
    wanted = {target.id: target.sequence for target in targets}
    asked = [(item, wanted[item.id]) for item in chosen if item.id in wanted]
    return {item.id: one for (item, _), one in zip(asked, _singles(frozen, asked), strict=True)}


def _singles(
    frozen: Subject, asked: Sequence[tuple[Item, str]], progress: Progress = lambda done, total: None
) -> list[np.ndarray]:
    """The activations of items, which come with their sequences: float [N_res c_s] of each."""
    sizes, found = buckets([len(sequence.replace("/", "")) for _, sequence in asked]), []
    for done, ((item, _), size) in enumerate(zip(asked, sizes, strict=True)):
        progress(done, len(asked))
        rows, templates = bool(item.msa), bool(item.templates or item.aligned_templates)
        features, _ = Loader(frozen.model.config, size, {}, 0, 1, rows, templates).example(item, 0)
        found.append(observe(frozen, features, item.id).residues[np.asarray(features.seq_mask)])
    return found
