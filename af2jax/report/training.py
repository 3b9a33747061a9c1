"""The page of a training: whether it helped, its curves, what trained and moved, and every file of its directory."""

from dataclasses import MISSING, fields

from af2jax.evaluation.training import Trained
from af2jax.finetune.config import Training
from af2jax.html import markup
from af2jax.html.markup import Decision
from af2jax.html.page import Caption, Page
from af2jax.plots import assess
from af2jax.words import counted, duration

CHOSEN = (
    "The best step was chosen on these very items, so that the number is a little too good, and it has no interval. "
    "Judge the run on the test part: af2jax evaluate RUN DATA, and beside baselines af2jax compare."
)
OWN = ("index.html", "report.json", "plots/", "tables/", "checkpoints/", "cache/", "tensorboard/")  # are not linked


def render(found: Trained) -> Page:
    """The page; saved into the run directory or elsewhere, it links to the files of the run."""
    history, training = found.history, found.history.training
    began = training.params or "random weights"
    page = Page(
        f"Training of {found.name}",
        [
            f"{training.preset} from {began}, recipe {history.recipe}: {history.trained:,} parameters trained in "
            f"{counted(history.steps, 'step')} of batch size {training.batch_size}, {duration(history.seconds)} "
            f"on {history.device or 'a device that is not known'}."
        ],
    )
    page.verdict(f"Did training help on the validation part ({training.monitor})?", [decision(found)])
    page.number("trained", {"answer": found.outcome[0], "sentence": found.outcome[1], "skipped": found.skipped})
    if found.skipped:
        page.warning(
            "caution",
            f"{counted(found.skipped, 'step was', 'steps were')} not finite",
            "They changed nothing; bad_steps.jsonl names the examples.",
        )
    page.section("Course")
    _loss(page, found)
    _validation(page, found)
    page.section("Data")
    rows = [(split, number) for split, number in sorted(found.items.items())]
    page.table("items", ("part", "items"), rows, "items.tsv says of each why it is not used")
    page.section("What trained, and what moved")
    for name, text in found.texts.items():
        page.raw(f"<h3>{name}</h3>{markup.preformatted(text)}")
    page.section("Settings")
    page.table("settings", ("setting", "value"), settings(training), "Those that are not the default")
    page.section("Files")
    page.links([found.path / name for name in found.files if not name.startswith(OWN)], found.path)
    return page


def decision(found: Trained) -> Decision:
    """Whether training helped, as a box."""
    answer, sentence = found.outcome
    if not (watched := found.history.watched):
        return Decision(answer, "", sentence)
    step, value = watched[found.history.best]
    return Decision(answer, f"{found.history.training.monitor} {value:.4g} at step {step}", sentence, CHOSEN)


def settings(training: Training) -> list[tuple[str, str]]:
    """The fields of a training that are not the default, as words."""
    kinds = {one.name: one.default for one in fields(training) if one.default is not MISSING}
    values = training.to_dict()
    return [(name, str(values[name])) for name in values if kinds.get(name, MISSING) != getattr(training, name)]


def _loss(page: Page, found: Trained) -> None:
    if not found.losses:
        return
    series = {"loss of a step": (found.steps, found.losses)}
    if found.smooth:
        series[f"mean of {found.over} steps"] = (found.steps, found.smooth)
    first, last = (found.smooth or found.losses)[0], (found.smooth or found.losses)[-1]
    page.figure(
        "loss",
        assess.curves(series, ("step", "training loss"), marks=len(found.steps) < 30, whole=True),
        Caption(
            "The training loss, by step.",
            f"Of each batch, with{'' if found.history.training.dropout else 'out'} dropout"
            + (f"; the second line is the mean of {found.over} steps around each." if found.smooth else "."),
            f"It goes from {first:.3g} to {last:.3g}: whether that helps other proteins, validation alone tells.",
        ),
    )


def _validation(page: Page, found: Trained) -> None:
    history, monitor = found.history, found.history.training.monitor
    if not (watched := history.watched):
        page.text("There is no validation part: nothing shows how good the training is on other proteins.")
        return
    steps, values = zip(*watched, strict=True)
    best, known = history.best, history.baseline
    page.figure(
        "validation",
        assess.curves(
            {monitor: (steps, values)},
            ("step", f"validation {monitor}"),
            marks=len(steps) < 30,
            whole=True,
            levels=dict([known] if known else []),
        ),
        Caption(
            f"{monitor} on the validation part, by step.",
            "Without dropout; step 0 is before any training."
            + (f" Dotted: {known[0]}, the simplest baseline." if known else ""),
            f"Best at step {steps[best]} of {steps[-1]} ({values[best]:.3g}, at first {values[0]:.3g}): that "
            "checkpoint is the one that is loaded.",
        ),
    )
    names = list(dict.fromkeys(["step", monitor, *(name for line in history.validation for name in line)]))
    rows = [[line.get(name) for name in names] for line in history.validation]
    page.table("validation", names, rows, "Every validation")
