"""`af2jax predict --states`: more than one conformation of each query, beside the control of each way of looking."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from af2jax.cli import batch
from af2jax.cli.networks import Member, Networks
from af2jax.cli.options import given
from af2jax.errors import InputError
from af2jax.files import file_name
from af2jax.words import counted

if TYPE_CHECKING:
    from af2jax.cli.given import Given
    from af2jax.data.queries import Content, Job

MODEL = re.compile(r"_([a-z]+)_(\d+)_seed_(\d+)\.npz$")  # way, number and seed in the name of a file
ANSWERS = {"yes": "yes", "no": "no", "open": "cannot tell"}
WITHOUT = {  # flags that have no meaning with --states, whether they are given, and what to do
    "--answers-only": (lambda c: c.answers_only, "leave one out"),
    "--initial-guess": (lambda c: c.inputs.initial_guess, "give a known structure as --reference, or --templates"),
    "--use-dropout": (lambda c: c.sampling.use_dropout, "give --states dropout"),
    "--stop-at-score": (lambda c: c.sampling.stop_at_score < 100, "leave it out: every model counts"),
    "--one-complex": (lambda c: c.inputs.one_complex, "leave it out: states are looked for in one chain"),
}


def check(command: Any) -> None:
    """Passes if all flags have a meaning with --states.

    Raises:
        InputError: one has none.
    """
    for flag, (asked, cure) in WITHOUT.items():
        if asked(command):
            raise InputError(f"{flag} has no meaning with --states; {cure}")
    if odd := given(command.results):
        raise InputError(f"{odd[0]} has no meaning with --states, which writes files of its own; leave it out")


def settings(command: Any, job: "Job", found: "Content", known: "Given", weights: dict[str, str]) -> dict:
    """What decides the states of a query beside the settings of its prediction, if they can be looked for.

    Raises:
        InputError: a way needs an alignment and there is none, or one of too few rows; the query has several chains;
            a reference is another protein; the folder has models in other ways, by other networks, or more of them.
            What a search would find is not known yet.
    """
    from af2jax.conformations import ways
    from af2jax.conformations.study import read_references
    from af2jax.data.pipeline import read_query
    from af2jax.files import path_and_chain

    asked = command.conformations
    if not command.overwrite_existing_results:
        _check_kept(command, job.name, weights)
    query = found.read or read_query(job.query, known.msa)
    read_references(asked.reference, query.chains, job.name)
    if found.read or known.msa or not command.sources.asked():
        alignment = query.unpaired[0]
        ways.check(alignment, ways.runnable(asked.states, alignment)[0], asked.state_models, job.name)
    files = [path_and_chain(item) for item in asked.reference]
    options = [asked.states, asked.state_models, asked.state_tm_score]
    return {"states": options, "references": [[batch.identity(path), chain] for path, chain in files]}


def _check_kept(command: Any, name: str, weights: dict[str, str]) -> None:
    """Passes if all models that the folder has of a query are among those that may be made by networks of `weights`.

    Raises:
        InputError: some would be lost.
    """
    from af2jax.conformations import ways

    old, asked = batch.settings(command.out, name), ways.parsed(command.conformations.states)
    if not old.get("states"):
        return
    if gone := sorted(network for network, digest in old["presets"].items() if weights.get(network) != digest):
        raise InputError(
            f"--out {command.out} has models by other networks or weights ({', '.join(gone)}), which would be lost: "
            "give another folder or --overwrite-existing-results"
        )
    before, models, _ = old["states"]
    possible = set().union(
        *(ways.possible(asked, command.conformations.state_models, seed) for seed in _seeds(command))
    )
    made = [found.groups() for file in batch.files(command.out, name) if (found := MODEL.search(file.name))]
    lost = [way for way, number, seed in made if (way, int(number), int(seed)) not in possible]
    cure = "or give another folder or --overwrite-existing-results"
    if other := set(lost) & set(ways.parsed(before)) - set(asked):
        raise InputError(
            f"--out {command.out} has models in other ways ({', '.join(sorted(other))}), which would be lost: name "
            f"these ways too, {cure}"
        )
    if lost:
        sampling = old["sampling"]
        raise InputError(
            f"--out {command.out} has {counted(len(lost), 'model')} more of these ways, which would be lost: give "
            f"--state-models {models} --num-seeds {sampling['num_seeds']} --random-seed {sampling['random_seed']}, "
            f"with which they were made, {cure}"
        )


def _seeds(command: Any) -> list[int]:
    """Of each search; no model of one has the seed of a model of another."""
    sampling, models = command.sampling, command.conformations.state_models
    return [sampling.random_seed + i * models for i in range(sampling.num_seeds)]


def sample(
    command: Any,
    task: Any,
    known: Any,
    chosen: Sequence[Member],
    networks: Networks,
    told: Callable[[float, str], object],
    remarks: tuple[str, ...],
) -> str:
    """Makes the models of a query, and its page; what to say of it. Models that are there are not made again."""
    from af2jax.conformations import look
    from af2jax.conformations.sampling import FOLDER, Network
    from af2jax.report.pages import page

    asked, sampling, name = command.conformations, command.sampling, task.job.name
    folder = command.out / file_name(name)
    decides = task.settings | {"states": None, "references": None}  # of one model

    def network(member: Member) -> Network:
        digest = repr([networks.fingerprint(member), decides])
        return Network(member.name, *networks.load(member), networks.notes(member), networks.calibrated(member), digest)

    known = replace(known, query=known.query._replace(name=name))
    found = look(
        known,
        list(map(network, chosen)),
        asked.states,
        asked.reference,
        asked.state_models,
        asked.state_tm_score,
        seeds=_seeds(command),
        notes=remarks,
        num_recycle=sampling.num_recycle,
        tolerance=sampling.recycle_early_stop_tolerance,
        keep=folder / FOLDER,
        progress=lambda done, total: told(done / total, f"model {done} of {total}"),
    )
    kept = [folder / FOLDER / f"{model.name}.npz" for model in found.models]
    batch.clear(command.out, name, kept)
    made = page(found)
    made.save(folder)
    files = [*kept, *(folder / path for path in made.paths)]
    batch.finish(command.out, name, task.settings, files, states=found.rows)
    return summary(found, folder)


def summary(found: Any, folder: Path) -> str:
    """What was found, in one line."""
    ways = ", ".join(f"{one.way} {one.states} (of {counted(one.models, 'model')})" for one in found.by_way)
    made = f"{counted(len(found.models), 'model')} in {counted(len(found.states), 'state')}"
    answer = f"a second state: {ANSWERS[found.claim.answer]}. {found.claim.text}"
    return f"{made}: {ways}; {answer} {folder / 'index.html'}"
