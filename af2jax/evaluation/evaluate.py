"""Every target of a data set through a network: the scores, what new heads say, and the files that `compare` reads."""

import dataclasses
import heapq
from collections.abc import Callable
from pathlib import Path

import numpy as np

from af2jax.compilation import make_room
from af2jax.constants.residues import LETTERS
from af2jax.data import items as reading
from af2jax.data import splits
from af2jax.data.dataset import SPLITS, Item, read_dataset
from af2jax.data.examples import over_structure
from af2jax.data.loading import Loader
from af2jax.data.parse import printable
from af2jax.data.pipeline import join_alignments
from af2jax.data.preflight import digest
from af2jax.data.transforms import buckets
from af2jax.effects import Count, number
from af2jax.errors import InputError
from af2jax.evaluation import assays
from af2jax.evaluation.docking import interfaces, matched, names
from af2jax.evaluation.folds import nearest_folds
from af2jax.evaluation.observe import observe
from af2jax.evaluation.record import Answers, Evaluation, ScoredTarget, Shown, head_numbers
from af2jax.evaluation.scores import PAE_BINS, Scores, score
from af2jax.evaluation.subject import Subject, splits_of, subject_of, trained_on
from af2jax.finetune.config import Training
from af2jax.finetune.run import taught
from af2jax.heads import Answer, Head, read_answers
from af2jax.heads.calibration import probabilities
from af2jax.model.alphafold import AlphaFold
from af2jax.schema import Features, Targets

SEED = 0  # of the draws of alignments, for every network, so that they see the same
WORST = 3  # targets whose structures are kept


def choose(subject: Subject, dataset: str | Path, split: str = "") -> tuple[list[Item], str]:
    """`chosen` of a network."""
    return chosen(subject.training, subject.path, dataset, split)


def chosen(training: Training | None, path: str | Path, dataset: str | Path, split: str = "") -> tuple[list[Item], str]:
    """(the items to evaluate, their split): those of `split`, or of "test", or else of "valid", or else all.

    Where the data are those that the run at `path` trained with, its own splits count.

    Raises:
        InputError: the data cannot be read, or no item is in `split`.
    """
    items = read_dataset(dataset)
    own = training and not training.valid and Path(training.data).resolve() == Path(dataset).resolve()
    if own and (parts := splits_of(path)):
        items = [dataclasses.replace(item, split=parts[item.id]) for item in items if item.id in parts]
    if split == "all":
        return items, "all"
    if split and split not in SPLITS:
        raise InputError(f'split "{printable(split)}" is not known; give {", ".join(SPLITS)} or all')
    for name in (split,) if split else ("test", "valid"):
        if found := [item for item in items if item.split == name]:
            return found, name
    if split:
        raise InputError(f'{printable(str(dataset))}: no item is in the split "{split}"; give another --split, or all')
    return items, "all"


def evaluate(
    network: Subject | str | Path | tuple[AlphaFold, dict],
    data: str | Path,
    split: str = "",
    num_recycle: int | None = None,
    *,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Evaluation:
    """Folds every item once and scores it; one that cannot be used, or whose answer is not finite, is a problem.

    Args:
        network: a run, parameters (a file or folder, or "mini"), (model, params), or what `open_subject` returns.
        data: a table or a folder of structures.
        split: evaluate this one alone, or "all"; "": test, or else valid, or else all.
        num_recycle: recycles; None: as the run was validated, or the preset's number.
        progress: called with the number of targets done and that of all; of passes where heads of variants answer,
            which full ones need one of for each variant (`effects.Count`).

    Raises:
        InputError, WeightsError: as in `choose` and `open_subject`.
    """
    subject = network if isinstance(network, Subject) else subject_of(network, num_recycle)
    items, split = choose(subject, data, split)
    told = {"path": str(data), "split": split, "items": digest(items)}
    told["skipped"] = sorted(name for name, head in subject.heads.items() if not head.judged)
    if heads := assays.judged({name: subject.heads[name] for name in subject.labels}, items):
        return _of_variants(subject, items, heads, told, progress)
    known = {name: what for name, what in subject.labels.items() if subject.heads[name].kind != "variant"}
    labels = {name: what for name, what in known.items() if any(name in item.values for item in items)}
    lost = sorted(subject.labels.keys() - labels.keys())
    sequences, problems = {}, []
    for item in items:
        try:
            sequences[item.id] = sequence_of(item)
        except InputError as error:
            problems.append((item.id, str(error)))
    length = lambda item: len(sequences[item.id].replace("/", ""))
    left = sorted((item for item in items if item.id in sequences), key=length)
    learnt = trained_on(subject.path)
    family, homologue = _families(learnt, sequences)
    folds = nearest_folds(left, learnt)
    rows, templates = any(i.msa for i in left), any(i.templates or i.aligned_templates for i in left)
    found, residues, worst, pae = [], [], [], np.zeros((PAE_BINS, 2))
    unjudged: dict[str, dict[str, Answer]] = {}
    lessons = taught(subject.path) if subject.heads else None
    for done, (item, size) in enumerate(zip(left, buckets(list(map(length, left))), strict=True)):
        progress(done, len(left))
        make_room()
        loader = Loader(subject.model.config, size, labels, SEED, 1, rows, templates)
        try:
            features, targets = loader.example(item, 0)
            seen = observe(subject, features, item.id)
        except InputError as error:
            problems.append((item.id, str(error)))
            continue
        targets = matched(seen, features, targets)
        scores = score(seen, features, targets)
        chains = names(item, features)
        answers = {name: answered(subject.heads[name], seen.heads[name], targets, name) for name in labels}
        numbers = scores.numbers | head_numbers(answers)
        target = ScoredTarget(
            item.id,
            sequences[item.id],
            family[item.id],
            homologue[item.id],
            numbers,
            scores.passes.tolist(),
            answers,
            dict(item.values),
            item.split,
            chains,
            interfaces(scores.docked, chains, seen.chain_tm),
            folds.get(item.id),
        )
        found.append(target)
        if not np.isfinite(numbers["lddt_ca"]) and not any(len(given.label) for given in answers.values()):
            near = lessons.nearest(sequences[item.id]) if lessons else None
            read = read_answers(subject.heads, seen.heads, features)
            unjudged[item.id] = {name: dataclasses.replace(answer, near=near) for name, answer in read.items()}
        pae += scores.pae
        residues += _rows(item.id, features, scores)
        if np.isfinite(numbers["lddt_ca"]):
            heapq.heappush(worst, (-numbers["lddt_ca"], done, item, Shown(target, features, targets, seen, scores)))
            if len(worst) > WORST:
                heapq.heappop(worst)
    progress(len(left), len(left))
    told["without"] = lost
    classes = {name: list(what.names or map(str, range(what.classes))) for name, what in labels.items()}
    worst.sort(key=lambda entry: entry[:2], reverse=True)
    best_last = [dataclasses.replace(shown, alignment=_alignment(item)) for _, _, item, shown in worst]
    return Evaluation(facts(subject), told, classes, found, problems, pae, residues, best_last, unjudged)


def _of_variants(
    subject: Subject, items: list[Item], heads: dict[str, Head], told: dict, progress: Callable[[int, int], object]
) -> Evaluation:
    """The same by heads of variants: a target is an assay, and no structure is folded to be compared."""
    found, problems = assays.assays(items, heads)
    family, homologue = _families(trained_on(subject.path), {assay.id: assay.wild.sequence for assay in found})
    count, targets = Count(sum(number(heads, assay.variants) for assay in found), progress), []
    for assay in found:
        try:
            answers = assays.answered(subject, assay, heads, SEED, count)
        except InputError as error:
            problems.append((assay.id, str(error)))
            continue
        numbers = {"length": float(len(assay.wild.sequence))} | head_numbers(answers)
        of = assay.id, assay.wild.sequence, family[assay.id], homologue[assay.id]
        targets.append(ScoredTarget(*of, numbers, [], answers, {}, assay.wild.split))
    told["without"] = sorted(subject.labels.keys() - heads.keys())
    classes = {name: list(head.labels) for name, head in heads.items()}
    return Evaluation(facts(subject), told, classes, targets, problems)


def _alignment(item: Item) -> np.ndarray | None:
    if item.msa and (known := reading.read_item(item)).lengths:
        return over_structure(known, item.msa).alignment.codes
    rows = join_alignments(item.msa) if item.msa else None
    return None if rows is None else rows.codes


def sequence_of(item: Item) -> str:
    """The sequence on which the labels of an item are placed, "/" between chains.

    That is the full one of its structure: the column `sequence` may hold the observed residues alone.

    Raises:
        InputError: its structure cannot be read.
    """
    placed = item.file is None or item.placed
    return item.sequence if placed and item.sequence else "/".join(reading.read_item(item).chains)


def answered(head: Head, predicted: np.ndarray, targets: Targets, name: str) -> Answers:
    """What a head predicts where its label is known and no padding is: calibrated probabilities, or numbers."""
    label, rows, predicted = np.asarray(targets.labels[name]), np.asarray(targets.seq_mask), np.asarray(predicted)
    label = label[rows] if head.kind == "residue" else label[None]
    predicted = predicted[rows] if head.kind == "residue" else predicted[None]
    place = np.flatnonzero(label >= 0 if head.classes else ~np.isnan(label))
    predicted = probabilities(predicted[place], head.temperature) if head.classes else predicted[place, 0]
    return Answers(predicted.astype(np.float64), label[place], place)


def facts(subject: Subject) -> dict:
    """What a report says of the network."""
    return {
        "name": subject.name,
        "path": str(Path(subject.path).resolve()) if Path(subject.path).exists() else subject.path,
        "preset": subject.model.config.name,
        "weights": subject.digest,
        "parameters": subject.size,
        "recycles": subject.recycles,
        "validated": subject.validated,
        "seed": SEED,
        "run": subject.training is not None,
        "data": subject.training.data if subject.training else "",
    }


def _families(items: list[Item], sequences: dict[str, str]) -> tuple[dict[str, int], dict[str, bool]]:
    """By id, the family, and whether one of it is among the `items` that were learnt from."""
    learnt = []
    for item in items:
        try:
            learnt.append(item.wild or item.sequence or sequence_of(item))  # observed residues tell its family as well
        except InputError:
            continue
    groups = splits.clusters([*sequences.values(), *dict.fromkeys(learnt)]).tolist()
    seen = set(groups[len(sequences) :])
    family = dict(zip(sequences, groups, strict=False))
    return family, {name: group in seen for name, group in family.items()}


def _rows(name: str, features: Features, scores: Scores) -> list[tuple]:
    """Each residue as a line of `residues.csv`."""
    rows = np.asarray(features.seq_mask)
    letters = [LETTERS[code] for code in np.asarray(features.aatype)[rows]]
    columns = [scores.residues[key] for key in ("lddt_ca", "lddt", "plddt", "error", "clashes")]
    numbers = [column.tolist() for column in columns]
    return list(zip([name] * len(letters), range(1, len(letters) + 1), letters, *numbers, strict=True))
