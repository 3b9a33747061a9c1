"""Searches by programs that are installed beside af2jax: HHblits and MMseqs2."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from af2jax.data.parse import printable
from af2jax.data.search import a3m
from af2jax.errors import InputError

LONGEST = 86_400.0  # seconds that one program may take
COLABFOLD_MMSEQS = "18-8cc5c"  # the release that ColabFold's own alignments are made by
HHBLITS = {  # AlphaFold's settings
    "-n": 3,
    "-e": 0.001,
    "-maxseq": 1_000_000,
    "-realign_max": 100_000,
    "-maxfilt": 100_000,
    "-min_prefilter_hits": 1000,
}
MMSEQS_SEARCH = {"--num-iterations": 3, "-a": 1, "-e": 0.1, "--max-seqs": 10_000, "-s": 8}  # ColabFold's settings
MMSEQS_FILTER = {
    "--filter-msa": 1,
    "--filter-min-enable": 1000,
    "--diff": 3000,
    "--qid": "0.0,0.2,0.4,0.6,0.8,1.0",
    "--qsc": 0,
    "--max-seq-id": 0.95,
}


def hhblits(
    name: str,
    sequence: str,
    databases: Sequence[str | os.PathLike],
    *,
    cpus: int | None = None,
    timeout: float = LONGEST,
) -> str:
    """The alignment that HHblits finds in three iterations, as A3M text whose first row is the query.

    Args:
        name: the header of the first row.
        sequence: one chain, in letters.
        databases: what the names of the files of each database have in common, in front of "_cs219.ffdata".
        cpus: threads; None: one for each core.
        timeout: seconds after which the program is stopped.

    Raises:
        InputError: HHblits is not installed, fails or takes too long; a database is missing; the sequence is none.
    """
    sequence = a3m.checked_query(name, sequence)
    for prefix in databases:
        if not Path(f"{prefix}_cs219.ffdata").is_file():
            raise InputError(
                f"{printable(str(prefix))} is not an HH-suite database: there is no {printable(Path(prefix).name)}"
                "_cs219.ffdata; give the path without _cs219.ffdata"
            )
    with tempfile.TemporaryDirectory(prefix="af2jax-") as folder:
        query, found = Path(folder, "query.fasta"), Path(folder, "found.a3m")
        query.write_text(f">query\n{sequence}\n")
        paths = [option for prefix in databases for option in ("-d", Path(prefix).absolute())]
        options = {"-i": query, "-oa3m": found, "-o": os.devnull, "-v": 1, "-cpu": _threads(cpus)}
        _run("hhblits", "hhsuite", [*_flat(options | HHBLITS), *paths], folder, timeout)
        return a3m.join(name, sequence, _hits(found, sequence, "hhblits"))


def mmseqs(
    name: str,
    sequence: str,
    databases: Sequence[str | os.PathLike],
    *,
    cpus: int | None = None,
    timeout: float = LONGEST,
) -> str:
    """The alignment that MMseqs2 finds in three iterations, filtered as ColabFold does, as A3M text.

    The first row is the query; then come the hits of each database in turn. Of a database of clusters the
    representatives are searched; their members are not added.

    Args:
        name: the header of the first row.
        sequence: one chain, in letters.
        databases: made by `mmseqs createdb`.
        cpus: threads; None: one for each core.
        timeout: seconds after which a program is stopped.

    Raises:
        InputError: MMseqs2 is not installed, fails or takes too long; a database is missing; the sequence is none.
    """
    sequence = a3m.checked_query(name, sequence)
    for path in databases:
        if not Path(f"{path}.dbtype").is_file():
            raise InputError(f"{printable(str(path))} is not an MMseqs2 database; make one: mmseqs createdb FASTA DB")
    hits = []
    with tempfile.TemporaryDirectory(prefix="af2jax-") as folder:

        def call(*arguments):
            return _run("mmseqs", "mmseqs2", [*arguments, "-v", 1], folder, timeout)

        version = _run("mmseqs", "mmseqs2", ["version"], folder, timeout).strip()
        if not version.startswith(COLABFOLD_MMSEQS):
            logging.warning("MMseqs2 is %s; ColabFold's own alignments are made by %s", version, COLABFOLD_MMSEQS)
        threads = {"--threads": _threads(cpus)}
        query = Path(folder, "query")
        query.with_suffix(".fasta").write_text(f">query\n{sequence}\n")
        call("createdb", query.with_suffix(".fasta"), query)
        for number, path in enumerate(databases):
            base, work = Path(path).absolute(), Path(folder, str(number))
            work.mkdir()
            call("search", query, base, work / "result", work / "steps", *_flat(MMSEQS_SEARCH | threads))
            options = {"--msa-format-mode": 6} | MMSEQS_FILTER | threads
            call("result2msa", query, base, work / "result", work / "rows", *_flat(options))
            call("unpackdb", work / "rows", work, "--unpack-name-mode", 0, "--unpack-suffix", ".a3m")
            hits += _hits(work / "0.a3m", sequence, "mmseqs")
    return a3m.join(name, sequence, hits)


def _hits(path: Path, sequence: str, program: str) -> list[str]:
    if not path.exists():
        raise InputError(f"{program} wrote no result; is its database whole?")
    return a3m.hits(path.read_text(errors="replace"), sequence, program)


def _threads(cpus: int | None) -> int:
    return cpus or os.cpu_count() or 1


def _flat(options: dict) -> list:
    return [word for option in options.items() for word in option]


def _run(program: str, package: str, arguments: list, folder: str, timeout: float) -> str:
    """What a program prints; it and what it has started are stopped where this is interrupted."""
    path = shutil.which(program)
    if not path:
        raise InputError(f"{program} is not installed: install the package {package}, or put {program} on the PATH")
    output = Path(folder, "output.txt")
    with open(output, "wb") as file:
        process = subprocess.Popen(
            [path, *map(str, arguments)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise InputError(
                    f"{program} was stopped after {timeout:g} seconds; give it more cores or time"
                ) from None
            raise
    text = output.read_text(errors="replace")
    if code:
        last = " | ".join(" ".join(line.split()) for line in text.splitlines()[-4:] if line.strip())
        raise InputError(f"{program} failed (exit code {code}): {printable(last)[-500:]}")
    return text
