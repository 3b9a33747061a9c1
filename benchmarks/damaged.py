"""Damaged files of ten formats, read by what reads them: nothing but bad input is raised, and nothing hangs.

    python -m benchmarks.damaged [--count 200000 --processes 2 --seed 0]

Each file is one of a small set, with one to three faults as transfers, editors and programs make them (`tests.mutate`).
Prints for each format how many were read, how many were refused, and the slowest; the exit code is 1 where anything
else was raised, or one took longer than ten seconds. Minutes, and in no tier of tests.
"""

import argparse
import io
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from af2jax.errors import InputError
from tests.data import molecules, test_hits
from tests.mutate import mutations

LONGEST = 10  # seconds for one file
QUERY = "MKTAYIAKQRQISFVKSHFS"
STRUCTURE = molecules.peptide(QUERY)
TABLE = f"id;sequence;file;chain;split;Tm\na;{QUERY};;;train;48,84\nb;{QUERY}:MKT;x.pdb;A;test;\n"
CONFIG = 'data = "set.csv"\npreset = "tiny"\nrecipe = "full"\nsteps = 10\n[heads.tm]\nkind = "chain"\noutputs = 1\n'


class Found(NamedTuple):
    """What became of the files of a format."""

    format: str
    read: int
    refused: int
    slowest: float  # seconds
    faults: tuple[str, ...]


def npz() -> bytes:
    """A file of parameters, of two arrays."""
    out = io.BytesIO()
    np.savez(
        out, **{"alphafold//a//weights": np.ones((3, 4), np.float32), "alphafold//b//bias": np.ones(3, np.float32)}
    )
    return out.getvalue()


def readers() -> dict[str, tuple[str, bytes, Callable[[Path], object]]]:
    """By format: the suffix of its files, one of them, and what reads it."""
    from af2jax.data import hits
    from af2jax.data.dataset import read_dataset
    from af2jax.data.pipeline import read_query
    from af2jax.data.protein import read_protein
    from af2jax.data.queries import content, read_queries
    from af2jax.data.structure import read_chain
    from af2jax.finetune import config
    from af2jax.pretrained.npz import read

    a3m = f"#20\t1\n>101\n{QUERY}\n>ss_pred\n{'C' * 20}\n>hit/1-9\nMKTA-IAkkKQRQISFVKSH--\n"
    sto = f"# STOCKHOLM 1.0\n#=GF ID x\nq {QUERY}\nh/1-19 MKTA-IAKQRQISF.KSHFS\n//\n"
    fasta = f">protein|name=a\n{QUERY}\n>sp|P1|B words\n{QUERY} :\nMKT*\n>lig|ligand\nCCO\n"

    def queries(path: Path) -> None:
        jobs, failures = read_queries([path])
        if failures:
            raise InputError(failures[0][1])
        for job in jobs:
            if not job.fault:
                content(job)

    structures = lambda path: (read_chain(path), read_protein(path))
    return {
        "A3M": (".a3m", a3m.encode(), read_query),
        "Stockholm": (".sto", sto.encode(), read_query),
        "hhr": (".hhr", test_hits.HHR.encode(), lambda path: hits.read_hits(path, QUERY)),
        "m8": (".m8", test_hits.M8.encode(), lambda path: hits.read_hits(path, QUERY)),
        "FASTA": (".fasta", fasta.encode(), queries),
        "mmCIF": (".cif", molecules.cif(STRUCTURE, {1: QUERY}).encode(), structures),
        "PDB": (".pdb", molecules.pdb(STRUCTURE, {"A": QUERY}).encode(), structures),
        "CSV": (".csv", TABLE.encode(), lambda path: (queries(path), read_dataset(path))),
        "TOML": (".toml", CONFIG.encode(), config.read),
        "npz": (".npz", npz(), read),
    }


def attack(name: str, count: int, seed: int) -> Found:
    """So many damaged files of a format."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    suffix, data, read = readers()[name]
    number = {"read": 0, "refused": 0}
    faults: dict[str, str] = {}
    slowest = 0.0

    def late(*signal) -> None:
        raise TimeoutError(f"longer than {LONGEST} s")

    signal.signal(signal.SIGALRM, late)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{suffix}")
        path.write_bytes(data)
        read(path)  # as it is it can be read
        for trial, damaged in enumerate(mutations(data, count, seed)):
            path.write_bytes(damaged)
            start = time.perf_counter()
            signal.alarm(LONGEST)
            try:
                read(path)
                number["read"] += 1
            except InputError as error:
                number["refused"] += 1
                if "\n" in str(error):
                    faults.setdefault("a message of several lines", f"file {trial}: {error!r}")
            except Exception as error:
                faults.setdefault(f"{type(error).__name__}: {str(error)[:60]}", f"file {trial}: {damaged[:2000]!r}")
            finally:
                signal.alarm(0)
            slowest = max(slowest, time.perf_counter() - start)
    return Found(name, number["read"], number["refused"], slowest, tuple(f"{k}; {v}" for k, v in faults.items()))


def main() -> int:
    """Reads all, and prints what became of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=200_000, help="files of all formats")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    names, each = list(readers()), -(-given.count // len(readers()))
    faults = 0
    with ProcessPoolExecutor(given.processes) as pool:
        for found in pool.map(attack, names, [each] * len(names), [given.seed] * len(names)):
            print(f"{found.format:>9}  read {found.read:,}  refused {found.refused:,}  slowest {found.slowest:.2f} s")
            for fault in found.faults:
                print(f"           FAULT {fault}", flush=True)
            faults += len(found.faults)
    print(f"{each * len(names):,} files, {faults} kinds of fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
