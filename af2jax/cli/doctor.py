"""`af2jax doctor`: what is installed, on which machine, whether it computes, and how to get what is missing."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from af2jax.words import counted

OPTIONAL = {  # distribution: (what for, how to get it)
    "openmm": ("relaxation", "pip install openmm pdbfixer"),
    "pdbfixer": ("relaxation", "pip install openmm pdbfixer"),
    "tensorboardX": ("curves in TensorBoard", "pip install tensorboardX"),
    "pyarrow": ("tables in Parquet", "pip install pyarrow"),
}
PROGRAMS = {  # program: (what for, how to get it)
    "hhblits": ("search of HH-suite databases", "conda install -c bioconda hhsuite"),
    "mmseqs": ("search of ColabFold databases", "conda install -c bioconda mmseqs2"),
}
TOLERANCE = 1e-5  # of attention in float32 against float64, both of order 1

Line = tuple[str, str]  # ("ok" | "missing" | "problem", text)


@dataclass
class Doctor:
    """Say what is installed, on which machine, whether it computes, and how to get what is missing."""

    debug: Annotated[bool, arg(help="Show a traceback for every error.")] = False

    def run(self) -> int:
        wrong = False
        for part in (packages, optional, host, devices, cache, numbers):
            for state, text in part():
                wrong |= state == "problem"
                print(f"{state:<8} {text}", flush=True)
        return 2 if wrong else 0


def packages() -> Iterator[Line]:
    """Python, af2jax, and what af2jax needs, against the versions that it asks for."""
    from packaging.requirements import Requirement

    yield "ok", f"Python {platform.python_version()}"
    try:
        yield "ok", f"af2jax {importlib.metadata.version('af2jax')}"
        needed = [Requirement(text) for text in importlib.metadata.requires("af2jax") or []]
    except importlib.metadata.PackageNotFoundError:
        yield "problem", "af2jax is not installed, so that the versions it needs are unknown: pip install ."
        return
    needed = [r for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    needed += [Requirement(f"jaxlib{r.specifier}") for r in needed if r.name == "jax"]
    for requirement in sorted(needed, key=lambda r: r.name):
        asked = f"{requirement.name}{requirement.specifier}"
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield "problem", f'{requirement.name} is not installed: pip install "{asked}"'
            continue
        if requirement.specifier.contains(found, prereleases=True):
            yield "ok", f"{requirement.name} {found}"
        else:
            yield "problem", f'{requirement.name} {found}, but {asked} is needed: pip install "{asked}"'


def optional() -> Iterator[Line]:
    """What some commands use where it is there."""
    for name, (purpose, remedy) in OPTIONAL.items():
        try:
            yield "ok", f"{name} {importlib.metadata.version(name)} ({purpose})"
        except importlib.metadata.PackageNotFoundError:
            yield "missing", f"{name} ({purpose}; optional): {remedy}"
    for name, (purpose, remedy) in PROGRAMS.items():
        if path := shutil.which(name):
            yield "ok", f"{name} at {path} ({purpose})"
        else:
            yield "missing", f"{name} ({purpose}; optional): {remedy}"


def host() -> Iterator[Line]:
    """The machine."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = counted(os.cpu_count() or 1, "core")
    yield "ok", f"{platform.system()} {platform.machine()}, {cores}, {total / 1e9:.1f} GB of memory"
    yield "ok", f"XLA_FLAGS: {os.environ.get('XLA_FLAGS') or 'none'}"


def devices() -> Iterator[Line]:
    """What jax computes on."""
    try:
        import jax

        found = jax.devices()
    except Exception as error:  # whatever jax, jaxlib and drivers may raise
        yield "problem", f"jax finds no device ({' '.join(str(error).split())}); JAX_PLATFORMS=cpu uses the CPU"
        return
    for device in found:
        memory = (device.memory_stats() or {}).get("bytes_limit")
        yield (
            "ok",
            f"device {device.id}: {device.device_kind} ({device.platform})"
            + (f", {memory / 1e9:.1f} GB for jax" if memory else ""),
        )
    if found[0].platform == "cpu" and shutil.which("nvidia-smi"):
        yield "missing", 'an NVIDIA GPU, which jax does not use: pip install "jax[cuda13]" (cuda12 for older drivers)'


def cache() -> Iterator[Line]:
    """Where compiled programs are kept."""
    from af2jax.compilation import folder

    place = folder()
    if place is None:
        yield "ok", "compiled programs are not kept (AF2JAX_CACHE=off)"
        return
    size = sum(f.stat().st_size for f in place.rglob("*") if f.is_file())
    above = next(p for p in (place, *place.parents) if p.exists())
    if os.access(above, os.W_OK):
        yield "ok", f"compiled programs in {place}, {size / 1e6:.1f} MB"
    else:
        yield "missing", f"{above} cannot be written, compiled programs are not kept: set AF2JAX_CACHE to a folder"


def numbers() -> Iterator[Line]:
    """Attention on the first device in float32, against NumPy in float64."""
    try:
        worst = _attention_error()
    except Exception as error:  # whatever jax, jaxlib and drivers may raise
        yield "problem", f"attention cannot be computed: {' '.join(str(error).split())}"
        return
    if worst <= TOLERANCE:
        yield "ok", f"attention is right to {worst:.1e}"
    else:
        yield "problem", f"attention is wrong by {worst:.1e}, at most {TOLERANCE:.0e} is rounding: reinstall jax"


def _attention_error() -> float:
    """The largest error of attention [rows N heads dim] as the network computes it."""
    import jax
    import numpy as np

    from af2jax.nn.runtime import Runtime

    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 4, 32, 4, 8)).astype(np.float32)
    bias, mask = rng.normal(size=(4, 32, 32)).astype(np.float32), rng.random((4, 32)) < 0.8
    with jax.default_matmul_precision("highest"):
        found = jax.jit(Runtime().attend)(q, k, v, bias, mask)
    logits = np.einsum("rqhc,rkhc->rhqk", *map(np.float64, (q, k))) / np.sqrt(q.shape[-1]) + bias
    weights = np.exp(np.where(mask[:, None, None], logits, -np.inf))
    expected = np.einsum("rhqk,rkhc->rqhc", weights / weights.sum(-1, keepdims=True), v.astype(np.float64))
    return float(np.abs(np.asarray(found) - expected).max())
