"""The page of `af2jax evaluate`: is the model good enough as it is, where is it not, and does it know?"""

from af2jax.evaluation.assessment import Assessment
from af2jax.evaluation.record import Evaluation, metric
from af2jax.evaluation.saved import files
from af2jax.evaluation.strata import Strata
from af2jax.html.page import Caption, Page
from af2jax.plots import assess
from af2jax.report import answers, structures
from af2jax.report.decisions import decision
from af2jax.words import counted


def render(found: Assessment) -> Page:
    """The page of an evaluation, with the files that `compare` reads."""
    evaluation, verdicts = found.evaluation, found.verdicts
    page = Page(f"Evaluation of {evaluation.subject['name']}", _notes(evaluation))
    page.number("subject", evaluation.subject)
    page.number("data", evaluation.data)
    several = len(verdicts) > 1
    boxes = [decision(verdict, f"{name}: " if several else "") for name, verdict in verdicts.items()]
    page.verdict("Is the network good enough?", boxes)
    page.number("verdicts", {name: {"answer": v.answer, "text": v.text} for name, v in verdicts.items()})
    _warnings(page, found)
    if found.structures:
        structures.part(page, found.structures)
    for name, scores in found.heads.items():
        answers.part(page, name, scores, len(evaluation.targets), found.assays.get(name))
    _groups(page, found.strata)
    for name, text in files(evaluation).items():
        page.file(name, text)
    return page


def _notes(evaluation: Evaluation) -> list[str]:
    facts, data = evaluation.subject, evaluation.data
    kind = "the best checkpoint of a run" if facts["run"] else "parameters"
    return [
        f"{counted(len(evaluation.targets), 'target')} of {data['path']} (split: {data['split']}), of "
        f"{counted(len({target.family for target in evaluation.targets}), 'family')} of homologues.",
        f"{facts['path']}: {kind}, {facts['preset']}, {facts['parameters']:,} parameters, "
        f"{counted(facts['recycles'], 'recycle')}, SHA-256 {facts['weights'][:16]}.",
    ]


def _warnings(page: Page, found: Assessment) -> None:
    evaluation = found.evaluation
    if evaluation.problems:
        page.warning(
            "serious",
            f"{counted(len(evaluation.problems), 'item')} could not be evaluated",
            "No number on this page counts them: a model that fails on hard targets looks better than it is.",
            [f"{name}: {reason}" for name, reason in evaluation.problems],
        )
    if evaluation.scan:
        page.warning(
            "caution",
            f"All {len(evaluation.targets)} targets are of one family",
            "As in a scan of mutations. They are counted one by one, so that intervals and tests hold for other "
            "variants of this family and for no other protein. If the run learned from this family, check that it "
            "learned from none of these very sequences.",
        )
    elif seen := [target.id for target in evaluation.targets if target.homologue]:
        page.warning(
            "serious",
            f"{len(seen)} of {len(evaluation.targets)} targets have homologues in what the run learned from",
            "30 % identity or more: what is measured on them says little about new proteins. Evaluate a split without.",
            seen,
        )
    if lost := evaluation.data["without"]:
        text = "The heads that learn them are not evaluated."
        page.warning("caution", f"The data have no column {', '.join(lost)}", text)
    if skipped := evaluation.data.get("skipped"):
        text = "Heads of pairs and of several numbers are not judged here: read validation.jsonl of the run."
        page.warning("caution", f"Not judged: {', '.join(skipped)}", text)
    if found.families < found.fewest:
        text = (
            f"With fewer than {found.fewest} no test can tell a difference from chance. Add proteins of other families."
        )
        page.warning("caution", f"Only {found.families} families", text)


def _groups(page: Page, found: Strata | None) -> None:
    """Each primary metric in each group."""
    if found is None:
        return
    page.section("Groups")
    rows = []
    for one in found.every:
        of = one.interval
        rows.append((metric(one.metric).label, one.by, one.part, *of.cells, of.count, of.families))
    page.table("groups", ("metric", "by", "group", "mean", "95 % from", "to", "targets", "families"), rows)
    page.text("Intervals of fewer than five families are too narrow.")
    if found.worst is None:
        return
    first, label = found.worst.metric, lambda one: f"{one.by}: {one.part}"
    shown = {label(one): one.interval[:3] for one in found.every if one.metric == first and one.shown}
    page.figure(
        "groups",
        assess.intervals(shown, metric(first).label),
        Caption(
            f"{metric(first).label} by group.",
            "Means with 95 % intervals, families drawn together; groups of one target or one family are left out.",
            f"{label(found.worst)} fares worst at {found.worst.interval.value:.3g}, {found.apart:.3g} from the mean of "
            "all: look at its intervals before using the model there.",
        ),
    )
