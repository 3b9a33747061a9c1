"""Every target of a data set through a network: the scores, what new heads say, and the files that `compare` reads."""

import csv
import dataclasses
import heapq
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from af2jax.compilation import make_room
from af2jax.constants.residues import LETTERS
from af2jax.data import items as reading
from af2jax.data import splits
from af2jax.data.dataset import SPLITS, Item, read_dataset
from af2jax.data.examples import over_structure
from af2jax.data.loading import Loader
from af2jax.data.parse import printable, read_text
from af2jax.data.pipeline import join_alignments
from af2jax.data.transforms import bucket
from af2jax.errors import InputError
from af2jax.files import write
from af2jax.finetune.run import taught
from af2jax.heads import Answer, Head, read_answers, summary
from af2jax.heads.calibration import probabilities
from af2jax.html.page import plain
from af2jax.metrics.classification import log_loss
from af2jax.model.alphafold import AlphaFold
from af2jax.report.docking import interfaces, matched, names
from af2jax.report.observe import Observed, observe
from af2jax.report.scores import METRICS, PAE_BINS, Metric, Scores, score
from af2jax.report.subject import Subject, splits_of, subject_of, trained_on
from af2jax.schema import Features, Targets

FORMAT, FILE = 2, "scores.json"
SEED = 0  # of the draws of alignments, for every network, so that they see the same
WORST = 3  # targets whose structures are kept
HEAD_METRICS = {
    "accuracy": Metric("accuracy", True),
    "log_loss": Metric("log loss", False),
    "error": Metric("absolute error", False),
}


@dataclass(frozen=True)
class Answers:
    """What a head predicts of a target where the label is known."""

    said: np.ndarray  # float [n classes] probabilities, calibrated where the head is, or [n] numbers
    label: np.ndarray  # int [n] or float [n]
    place: np.ndarray  # int [n] of the full sequence, from 0; 0 where the whole has one label


@dataclass(frozen=True)
class Target:
    """One evaluated protein. `numbers` has those of `Scores` and "<head>/accuracy" and so on."""

    id: str
    sequence: str
    family: int  # equal for homologues
    homologue: bool  # whether a homologue was learned from
    numbers: dict[str, float]
    passes: list[list[float]]
    answers: dict[str, Answers]
    values: dict[str, str] = field(default_factory=dict)  # other cells of its row, for groups
    split: str = ""  # "train", "valid" or "test", as its row or the run says
    chains: list[str] = field(default_factory=list)  # names, where there are several
    interfaces: list[dict] = field(default_factory=list)  # those of the known structure, as `docking.interfaces`


@dataclass(frozen=True)
class Shown:
    """A target whose structures are kept; not part of the files."""

    target: Target
    features: Features
    targets: Targets
    seen: Observed
    scores: Scores
    alignment: np.ndarray | None = None  # int [N_seq N_res], the query first; None: the item has none


@dataclass(frozen=True)
class Evaluation:
    """What came of a data set."""

    subject: dict  # facts of the network
    data: dict  # path, split
    classes: dict[str, list[str]]  # of each head; [] of numbers
    targets: list[Target]
    problems: list[tuple[str, str]]  # (id, reason)
    pae: np.ndarray = field(default_factory=lambda: np.zeros((PAE_BINS, 2)))
    residues: list[tuple] = field(default_factory=list)  # (id, position, letter, lddt_ca, lddt, plddt, error, clashes)
    worst: list[Shown] = field(default_factory=list)
    unjudged: dict[str, dict[str, Answer]] = field(default_factory=dict)  # by target of which nothing is known

    @property
    def rows(self) -> list[dict]:
        """A row for each target: its id, split, family, and all its numbers by name."""
        facts = ("id", "split", "family", "homologue")
        return [{name: getattr(target, name) for name in facts} | target.numbers for target in self.targets]

    def json(self) -> str:
        """All of it but structures, as `scores.json` has it; null where a number is not known."""
        names = ("subject", "data", "classes", "problems")
        known = {"format": FORMAT} | {name: getattr(self, name) for name in names}
        known["targets"] = [dataclasses.asdict(target) for target in self.targets]
        return json.dumps(plain(known), allow_nan=False)

    @property
    def judged(self) -> bool:
        """Whether anything is known of any target: a structure, or a label of a head."""
        return len(self.unjudged) < len(self.targets)

    def column(self, name: str) -> np.ndarray:
        """A number of every target, NaN where it has none."""
        return np.array([target.numbers.get(name, np.nan) for target in self.targets], float)

    @property
    def families(self) -> np.ndarray:
        """What is drawn together: the family of every target; each alone where all are of one, as in a scan."""
        found = np.array([target.family for target in self.targets], int)
        return np.arange(len(found)) if self.scan else found

    @property
    def scan(self) -> bool:
        """Whether all targets are of one family, so that what is found holds for it alone."""
        return len(self.targets) > 1 and len({target.family for target in self.targets}) == 1


def primary(evaluation: Evaluation) -> list[str]:
    """The metrics that verdicts are about: one for each head, and lDDT-CA where structures are known."""
    heads = [f"{name}/{'accuracy' if classes else 'error'}" for name, classes in evaluation.classes.items()]
    names = [*heads, "lddt_ca"]
    return [name for name in names if np.isfinite(evaluation.column(name)).any()]


def metric(name: str) -> Metric:
    """How a number of a target is read; "<head>/<kind>" those of new heads."""
    head, _, kind = name.rpartition("/")
    if not head:
        return METRICS[name]
    known = HEAD_METRICS[kind]
    return dataclasses.replace(known, label=f"{head}: {known.label}")


def choose(subject: Subject, dataset: str | Path, split: str = "") -> tuple[list[Item], str]:
    """(the items to evaluate, their split): those of `split`, or of "test", or else of "valid", or else all.

    Where the data are those that the run trained with, its own splits count.

    Raises:
        InputError: the data cannot be read, or no item is in `split`.
    """
    items = read_dataset(dataset)
    training = subject.training
    own = training and not training.valid and Path(training.data).resolve() == Path(dataset).resolve()
    if own and (parts := splits_of(subject.path)):
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
        progress: called with the number of targets done and that of all.

    Raises:
        InputError, WeightsError: as in `choose` and `open_subject`.
    """
    subject = network if isinstance(network, Subject) else subject_of(network, num_recycle)
    chosen, split = choose(subject, data, split)
    labels = {name: what for name, what in subject.labels.items() if any(name in item.values for item in chosen)}
    lost = sorted(subject.labels.keys() - labels.keys())
    sequences, problems = {}, []
    for item in chosen:
        try:
            sequences[item.id] = sequence_of(item)
        except InputError as error:
            problems.append((item.id, str(error)))
    left = sorted((item for item in chosen if item.id in sequences), key=lambda item: len(sequences[item.id]))
    family, homologue = _families(subject, sequences)
    rows, templates = any(i.msa for i in left), any(i.templates or i.aligned_templates for i in left)
    found, residues, worst, pae = [], [], [], np.zeros((PAE_BINS, 2))
    unjudged: dict[str, dict[str, Answer]] = {}
    known = taught(subject.path) if subject.heads else None
    for done, item in enumerate(left):
        progress(done, len(left))
        make_room()
        size = bucket(len(sequences[item.id].replace("/", "")))
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
        target = Target(
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
        )
        found.append(target)
        if not np.isfinite(numbers["lddt_ca"]) and not any(len(given.label) for given in answers.values()):
            near = known.nearest(sequences[item.id]) if known else None
            read = read_answers(subject.heads, seen.heads, features)
            unjudged[item.id] = {name: dataclasses.replace(answer, near=near) for name, answer in read.items()}
        pae += scores.pae
        residues += _rows(item.id, features, scores)
        if np.isfinite(numbers["lddt_ca"]):
            shown = Shown(target, features, targets, seen, scores, _alignment(item))
            heapq.heappush(worst, (-numbers["lddt_ca"], done, shown))
            if len(worst) > WORST:
                heapq.heappop(worst)
    progress(len(left), len(left))
    skipped = sorted(name for name, head in subject.heads.items() if not head.judged)
    told = {"path": str(data), "split": split, "without": lost, "skipped": skipped}
    classes = {name: list(what.names or map(str, range(what.classes))) for name, what in labels.items()}
    best_last = [shown for *_, shown in sorted(worst, key=lambda entry: entry[:2], reverse=True)]
    return Evaluation(facts(subject), told, classes, found, problems, pae, residues, best_last, unjudged)


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


def answered(head: Head, said: np.ndarray, targets: Targets, name: str) -> Answers:
    """What a head says where its label is known and no padding is: calibrated probabilities, or numbers."""
    label, rows, said = np.asarray(targets.labels[name]), np.asarray(targets.seq_mask), np.asarray(said)
    label = label[rows] if head.kind == "residue" else label[None]
    said = said[rows] if head.kind == "residue" else said[None]
    place = np.flatnonzero(label >= 0 if head.classes else ~np.isnan(label))
    said = probabilities(said[place], head.temperature) if head.classes else said[place, 0]
    return Answers(said.astype(np.float64), label[place], place)


def head_numbers(answers: Mapping[str, Answers]) -> dict[str, float]:
    """The mean accuracy and log loss of classes, and absolute error of numbers, over the known labels of one target."""
    out: dict[str, float] = {}
    for name, given in answers.items():
        if not len(given.label):
            continue
        if given.said.ndim == 2:
            out[f"{name}/accuracy"] = float((given.said.argmax(-1) == given.label).mean())
            out[f"{name}/log_loss"] = float(log_loss(given.said, given.label).mean())
        else:
            out[f"{name}/error"] = float(np.abs(given.said - given.label).mean())
    return out


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


def _families(subject: Subject, sequences: dict[str, str]) -> tuple[dict[str, int], dict[str, bool]]:
    """By id, the family, and whether one of it was learnt from."""
    learnt = []
    for item in trained_on(subject.path):
        try:
            learnt.append(item.sequence or sequence_of(item))  # its observed residues tell its family as well
        except InputError:
            continue
    groups = splits.clusters([*sequences.values(), *learnt]).tolist()
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


def save(evaluation: Evaluation, out: Path) -> None:
    """Writes `scores.json`, from which `load` makes the same, and `residues.csv`."""
    write(out / FILE, evaluation.json() + "\n")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "residue", "letter", "lddt_ca", "lddt", "plddt", "error", "clashes"))
    show = lambda value: ("" if value != value else f"{value:.2f}") if isinstance(value, float) else value
    table.writerows([show(value) for value in row] for row in evaluation.residues)
    write(out / "residues.csv", text.getvalue())


def save_answers(evaluation: Evaluation, out: Path) -> list[Path]:
    """Writes what the heads answer of targets of which nothing is known, as `af2jax predict --answers-only` does."""
    sequences = {target.id: target.sequence.replace("/", "") for target in evaluation.targets}
    rows, residues = [], []
    for name, answers in evaluation.unjudged.items():
        rows += summary.rows(name, answers, summary.in_one_table(answers))
        residues += summary.residues(name, sequences[name], answers)
    return summary.save(out, rows, residues)


def load(out: Path) -> Evaluation:
    """What `save` wrote, without structures.

    Raises:
        InputError: the file is missing, damaged, or of another version.
    """
    file = out / FILE
    try:
        known = json.loads(read_text(file))
        if known["format"] != FORMAT:
            raise InputError(f"{file} is of another version of af2jax; run af2jax evaluate again")
        targets = [_target(entry) for entry in known["targets"]]
        problems = [(name, reason) for name, reason in known["problems"]]
        return Evaluation(known["subject"], known["data"], known["classes"], targets, problems)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is damaged; run af2jax evaluate again") from None


def _target(entry: dict) -> Target:
    answers = {
        name: Answers(np.array(a["said"], float), np.array(a["label"]), np.array(a["place"], int))
        for name, a in entry.pop("answers").items()
    }
    numbers = {name: np.nan if value is None else value for name, value in entry.pop("numbers").items()}
    return Target(answers=answers, numbers=numbers, **entry)
