"""`af2jax predict --answers-only`: tuned heads asked of many sequences, into one table; a stopped batch goes on.

Each answer is appended to `answers.jsonl` as it comes, so that a killed process loses none; the tables are made of
these files, whole, when the command ends. A process that takes a part (`--shard 3/40`) has a file of its own.
"""

import csv
import dataclasses
import hashlib
import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from af2jax.cli import batch
from af2jax.cli.given import given
from af2jax.cli.locks import locked
from af2jax.cli.networks import Networks, device
from af2jax.cli.options import Results, Sampling
from af2jax.cli.progress import Progress, cost
from af2jax.data.queries import Job, content, read_queries
from af2jax.errors import InputError
from af2jax.files import tidy, write

TABLE, RESIDUES = "answers.csv", "answers_residues.csv"
KEPT = "answers{}.jsonl"  # "" or ".3-of-40"
RESIDUE_COLUMNS = ("query", "head", "residue", "letter", "output", "class", "probability", "value")
ALLOWED = ("num_recycle", "random_seed", "max_msa")  # of the options of sampling


def screen(command) -> int:
    """Runs the command `Predict` with `answers_only`; its exit code.

    Raises:
        InputError: there are no heads, no queries, or an option asks for what is not made.
    """
    _check(command)
    networks = Networks(command.network, command.sampling)
    name = _preset(command.network)
    model, params = networks[name]
    if not model.heads:
        raise InputError(_no_heads(command.network))
    jobs, unread = read_queries(command.query, command.inputs.one_complex)
    jobs, unread = batch.shard(jobs, command.shard), batch.shard(unread, command.shard)
    if not jobs and unread:
        raise InputError(unread[0][1])
    chosen = device(command.network.device)
    print(
        f"device: {chosen.device_kind} ({chosen.platform}); heads: {', '.join(n for n, _ in model.heads)}", flush=True
    )
    tidy(command.out)
    kept = command.out / KEPT.format(f".{command.shard.replace('/', '-of-')}" if command.shard else "")
    with locked(kept.with_name(f".{kept.name}.lock")) as ours:
        if not ours:
            raise InputError(f"another process writes {kept}; wait for it, or give each process its own --shard")
        failed = dict(unread)
        for job, reason in unread:
            print(f"failed: {job}: {reason}", file=sys.stderr)
        try:
            _ask(command, model, params, jobs, kept, failed, chosen.platform == "cpu")
        finally:
            collect(command.out)
    batch.note(command.out, failed, {job.name for job in jobs} - failed.keys())
    bad = len(unread) + sum(job.name in failed for job in jobs)  # two of one name have both failed
    return 0 if not bad else 3 if bad < len(jobs) + len(unread) else 4


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
    if command.sources.asked() or command.inputs.seqres:
        raise InputError("--answers-only searches nothing: run af2jax search first, and give its folder with --msa")


def _preset(options) -> str:
    """The preset whose heads are asked."""
    from af2jax.cli.networks import presets
    from af2jax.finetune.run import is_run
    from af2jax.pretrained.load import description_in

    if options.params is not None and not options.model and not is_run(options.params):
        if preset := description_in(options.params).preset:
            return preset
        raise InputError(_no_heads(options))
    names = presets(options)
    if len(names) > 1:
        raise InputError(f"--answers-only asks the heads of one network, not of {len(names)}: give one --model")
    return names[0]


def _no_heads(options) -> str:
    where = "random weights have" if options.params is None else f"--params {options.params} has"
    return f"{where} no tuned heads to ask; give a run that trained some, or its exported folder"


def _ask(command, model, params: dict, jobs: list[Job], kept: Path, failed: dict[str, str], cpu: bool) -> None:
    """Asks of what is left, and keeps each answer as it comes."""
    from af2jax.data.pipeline import features
    from af2jax.finetune.run import taught
    from af2jax.screening.answers import Asked, answered

    recycles = command.sampling.num_recycle
    recycles = model.config.num_recycle if recycles is None else recycles
    known = taught(command.network.params)
    settings = _digest(_settings(command, model, params, known, recycles))
    inputs, keys = {}, {}
    for job in jobs:
        try:
            sha256, inputs[job.name] = content(job).sha256, given(job, command.inputs)
            keys[job.name] = _digest([sha256, _files(inputs[job.name])])
        except InputError as error:
            failed[job.name] = str(error)
            print(f"failed: {job.name}: {error}", file=sys.stderr)
    jobs = [job for job in jobs if job.name in keys]
    done = {entry["query"]: entry for entry in _entries(kept) if entry["settings"] == settings}
    kept.parent.mkdir(parents=True, exist_ok=True)
    write(kept, "".join(_line(entry) for entry in done.values()))
    left = [job for job in jobs if done.get(job.name, {}).get("key") != keys[job.name]]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} queries were answered before, skipped", flush=True)
    make = lambda job: features(
        seed=command.sampling.random_seed, config=model.config, cycles=recycles + 1, **inputs[job.name]._asdict()
    )
    start, count = time.monotonic(), 0
    costs = {job.name: cost(len(str(job.query))) for job in left}
    with Progress(costs, command.quiet, cpu) as progress, open(kept, "a") as file:
        for job, sequence, one in answered(model, params, known, left, make, recycles):
            if isinstance(one, InputError):
                failed[job.name] = str(one)
                print(f"failed: {job.name}: {one}", file=sys.stderr)
            else:
                asked = Asked(job.name, sequence, one)
                entry = {"settings": settings, "query": job.name, "key": keys[job.name], "rows": asked.rows}
                file.write(_line(entry | {"residues": list(_residues(asked))}))
                file.flush()
                count += 1
            progress.at(job.name, 1.0)
            progress.done(job.name)
    if count:
        minutes = (time.monotonic() - start) / 60
        print(
            f"{count} queries in {60 * minutes:.1f} s, {count / minutes:.0f} a minute: {command.out / TABLE}",
            flush=True,
        )


def _settings(command, model, params: dict, known, recycles: int) -> list:
    """All that decides answers but the query."""
    from af2jax.finetune.arrays import digest
    from af2jax.heads import describe
    from af2jax.pretrained.tree import flatten

    weights = digest(flatten(params)).hex()
    sizes = dataclasses.asdict(model.config.data)
    taught = None if known is None else _digest(dict(known.sequences))
    heads = describe(dict(model.heads), model.config.name)
    return [weights, heads, taught, recycles, command.sampling.random_seed, sizes, command.network.bfloat16]


def _files(known) -> list:
    """What tells the alignments and templates of a query from others."""
    files = [*(known.msa or ()), *(known.templates or ())]
    return [batch.identity(Path(str(file))) for file in files] + [known.max_template_date, known.pairing]


def _digest(values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def _line(entry: dict) -> str:
    return json.dumps(entry, allow_nan=False) + "\n"


def _residues(asked) -> Iterator[list]:
    """Rows of `answers_residues.csv`, residues counted along all chains."""
    for name, answer in asked.heads.items():
        if answer.kind != "residue":
            continue
        best, top = answer.best.tolist(), answer.values.max(-1).tolist()
        several = answer.values.shape[-1] > 1
        for i, letter in enumerate(asked.sequence):
            if answer.classes:
                yield [asked.name, name, i + 1, letter, "", best[i], round(top[i], 5), ""]
                continue
            for j, value in enumerate(best[i], 1):
                yield [asked.name, name, i + 1, letter, j if several else "", "", "", float(f"{value:.6g}")]


def _entries(kept: Path) -> Iterator[dict]:
    """What such a file holds; a line that a killed process left half is dropped."""
    for line in kept.read_text().splitlines() if kept.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.keys() >= {"settings", "query", "key", "rows", "residues"}:
            yield entry


def collect(out: Path) -> None:
    """Makes `answers.csv`, and `answers_residues.csv` where there are such, of all that was answered in a folder: alone
    by this command (`answers*.jsonl`, in the order of their names), and with structures (the markers of `batch`).

    Answers of other settings than those that were given last, such as of another run, are left out.
    """
    from af2jax.heads.summary import COLUMNS

    with locked(out / f".{TABLE}.lock", wait=True):
        files = sorted(out.glob(KEPT.format("*")), key=lambda file: file.stat().st_mtime)
        entries = {file: list(_entries(file)) for file in files}
        last = next((found[-1]["settings"] for found in reversed(entries.values()) if found), None)
        kept = [entry for file in sorted(entries) for entry in entries[file] if entry["settings"] == last]
        kept = list({entry["query"]: entry for entry in kept}.values())
        names = {entry["query"] for entry in kept}
        rows = [row for row in batch.answers(out) if row["query"] not in names]
        rows += [row for entry in kept for row in entry["rows"]]
        residues = [row for entry in kept for row in entry["residues"]]
        if rows:
            write(out / TABLE, _csv(COLUMNS, ([row.get(name, "") for name in COLUMNS] for row in rows)))
        if residues:
            write(out / RESIDUES, _csv(RESIDUE_COLUMNS, residues))


def _csv(header, rows) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows([f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in rows)
    return text.getvalue()
