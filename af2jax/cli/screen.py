"""`af2jax predict --answers-only`: tuned heads asked of many sequences, into one table; a stopped batch resumes.

Each answer is appended to `answers.jsonl` as it comes, so that a killed process loses none; the tables are made of
these files, whole, when the command ends. A process that takes a part (`--shard 3/40`) has a file of its own.
"""

import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from af2jax.cli import batch
from af2jax.cli.given import given
from af2jax.cli.locks import locked
from af2jax.cli.networks import Member, Networks, device, members
from af2jax.cli.options import Results, Sampling
from af2jax.cli.progress import Progress, cost
from af2jax.data.queries import Job, content, read_queries
from af2jax.errors import InputError
from af2jax.files import tidy, write
from af2jax.words import counted

KEPT = "answers{}.jsonl"  # "" or ".3-of-40"
ALLOWED = ("num_recycle", "random_seed", "num_seeds", "max_msa")  # of the options of sampling


def screen(command) -> int:
    """Runs the command `Predict` with `answers_only`; its exit code.

    Raises:
        InputError: there are no heads, no queries, or an option asks for what is not made.
    """
    from af2jax import screening

    _check(command)
    networks, sampling = Networks(command.network, command.sampling), command.sampling
    loaded = {f"--params {m.place}": (*networks.load(m), networks.taught(m)) for m in _chosen(command.network)}
    seeds = range(sampling.random_seed, sampling.random_seed + sampling.num_seeds)
    asked = screening.members(loaded, sampling.num_recycle, seeds)
    jobs, unread = read_queries(command.query, command.inputs.one_complex)
    order = {job.name: place for place, job in enumerate(jobs)}
    jobs, unread = batch.shard(jobs, command.shard), batch.shard(unread, command.shard)
    if not jobs and len(unread) == 1:
        raise InputError(unread[0][1])
    chosen = device(command.network.device)
    heads = dict.fromkeys(name for member in asked for name, _ in member.model.heads)
    runs = "" if len(asked) == 1 else f" by {counted(len(loaded), 'network')} with {counted(len(seeds), 'seed')} each"
    print(f"device: {chosen.device_kind} ({chosen.platform}); heads: {', '.join(heads)}{runs}", flush=True)
    tidy(command.out)
    kept = command.out / KEPT.format(f".{command.shard.replace('/', '-of-')}" if command.shard else "")
    with locked(kept.with_name(f".{kept.name}.lock")) as ours:
        if not ours:
            raise InputError(f"another process writes {kept}; wait for it, or give each process its own --shard")
        failed = dict(unread)
        for job, reason in unread:
            print(f"failed: {job}: {reason}", file=sys.stderr)
        try:
            begun = _ask(command, asked, jobs, order, kept, failed, chosen.platform == "cpu")
        finally:
            collect(command.out)
    batch.note(command.out, failed, {job.name for job in jobs} - failed.keys())
    bad = len(unread) + sum(job.name in failed for job in jobs)  # two of one name have both failed
    return batch.exit_code(bad, len(jobs) + len(unread), begun)


def _check(command) -> None:
    plain = Sampling()
    other = [f.name for f in dataclasses.fields(Sampling) if f.name not in ALLOWED]
    asked = [name for name in other if getattr(command.sampling, name) != getattr(plain, name)]
    asked += [
        f.name for f in dataclasses.fields(Results) if getattr(command.results, f.name) != getattr(Results(), f.name)
    ]
    if asked:
        raise InputError(
            f"--answers-only makes no structures, so that --{asked[0].replace('_', '-')} has no meaning: leave one out"
        )
    if command.inputs.initial_guess:
        raise InputError("--answers-only starts from no structure: leave --initial-guess out")
    if command.sources.asked() or command.inputs.seqres:
        raise InputError("--answers-only searches nothing: run af2jax search first, and give its folder with --msa")


def _chosen(options) -> list[Member]:
    """The networks whose heads are asked: one of each place, of a folder the one that has heads."""
    from af2jax import screening
    from af2jax.finetune.run import is_run
    from af2jax.pretrained.load import description_in

    described = {place: description_in(place).preset for place in options.params if not is_run(place)}
    found = [m for m in members(options) if m.preset == described.get(m.place, m.preset)]
    for place in options.params or ("random weights",):
        if place not in {member.place for member in found}:
            where = f"--params {place}" if options.params else "random weights"
            raise InputError(f"{where} {screening.NONE}")
    return found


def _ask(
    command, asked: list, jobs: list[Job], order: dict[str, int], kept: Path, failed: dict[str, str], cpu: bool
) -> int:
    """Asks of what is left, and keeps each answer as it comes, with the place of its query in the table; the number of
    queries that could be read."""
    from af2jax.data.pipeline import read
    from af2jax.heads import summary
    from af2jax.screening.answers import answered

    settings = _digest([_settings(member) for member in asked] + [command.network.bfloat16])
    inputs, keys = {}, {}
    for job in jobs:
        try:
            sha256, inputs[job.name] = content(job).sha256, given(job, command.inputs)
            keys[job.name] = _digest([sha256, _files(inputs[job.name])])
        except InputError as error:
            failed[job.name] = str(error)
            print(f"failed: {job.name}: {error}", file=sys.stderr)
    jobs = [job for job in jobs if job.name in keys]
    found = [entry for entry in _entries(kept) if entry["settings"] == settings]
    done = {e["query"]: e | {"place": order.get(e["query"], e["place"])} for e in found}
    kept.parent.mkdir(parents=True, exist_ok=True)
    write(kept, "".join(_line(entry) for entry in done.values()))
    left = [job for job in jobs if done.get(job.name, {}).get("key") != keys[job.name]]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} queries were answered before, skipped", flush=True)
    take = lambda job: read(**inputs[job.name]._asdict())
    start, count = time.monotonic(), 0
    costs = {job.name: cost(len(str(job.query))) for job in left}
    with Progress(costs, command.quiet, cpu) as progress, open(kept, "a") as file:
        for job, sequence, one in answered(asked, left, take):
            if isinstance(one, InputError):
                failed[job.name] = str(one)
                print(f"failed: {job.name}: {one}", file=sys.stderr)
            else:
                rows = summary.rows(job.name, one, summary.in_one_table(one))
                entry = {"settings": settings, "query": job.name, "key": keys[job.name], "rows": rows}
                entry |= {"place": order[job.name]}
                file.write(_line(entry | {"residues": list(summary.residues(job.name, sequence, one))}))
                file.flush()
                count += 1
            progress.at(job.name, 1.0)
            progress.done(job.name)
    if count:
        minutes = (time.monotonic() - start) / 60
        print(
            f"{counted(count, 'query')} in {60 * minutes:.1f} s, {count / minutes:.0f} a minute: "
            f"{command.out / summary.TABLE}",
            flush=True,
        )
    return len(jobs)


def _settings(member) -> list:
    """All that decides the answers of a network but the query and its precision."""
    from af2jax.heads import describe
    from af2jax.pretrained.tree import digest, flatten

    weights = digest(flatten(member.params)).hex()
    sizes = dataclasses.asdict(member.model.config.data)
    taught = None if member.taught is None else _digest(dict(member.taught.sequences))
    heads = describe(dict(member.model.heads), member.model.config.name)
    return [weights, heads, taught, member.num_recycle, member.seed, sizes]


def _files(known) -> list:
    """What tells the alignments and templates of a query from others."""
    files = [*(known.msa or ()), *(known.templates or ())]
    return [batch.identity(Path(str(file))) for file in files] + [known.max_template_date, known.pairing, *known.cyclic]


def _digest(values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def _line(entry: dict) -> str:
    return json.dumps(entry, allow_nan=False) + "\n"


def _entries(kept: Path) -> Iterator[dict]:
    """What such a file holds; a line that a killed process left half is dropped."""
    for line in kept.read_text().splitlines() if kept.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.keys() >= {"settings", "query", "key", "place", "rows", "residues"}:
            yield entry


def collect(out: Path) -> None:
    """Makes `answers.csv`, and `answers_residues.csv` where there are such, of all that was answered in a folder: alone
    by this command (`answers*.jsonl`, in the order of the queries), and with structures (the markers of `batch`).

    Answers of other settings than those that were given last, such as of another run, are left out.
    """
    from af2jax.heads import summary

    with locked(out / f".{summary.TABLE}.lock", wait=True):
        files = sorted(out.glob(KEPT.format("*")), key=lambda file: file.stat().st_mtime)
        entries = {file: list(_entries(file)) for file in files}
        last = next((found[-1]["settings"] for found in reversed(entries.values()) if found), None)
        kept = [entry for file in sorted(entries) for entry in entries[file] if entry["settings"] == last]
        kept = sorted({entry["query"]: entry for entry in kept}.values(), key=lambda entry: entry["place"])
        names = {entry["query"] for entry in kept}
        rows = [row for row in batch.rows(out, "answers") if row["query"] not in names]
        rows += [row for entry in kept for row in entry["rows"]]
        residues = [row for entry in kept for row in entry["residues"]]
        summary.save(out, rows, residues)
