"""What a training would cost, from two of its steps: memory, time and energy."""

import itertools
import os
import subprocess
import tempfile
import time

import jax

from af2jax.compilation import need
from af2jax.finetune import step as steps
from af2jax.finetune.config import Training
from af2jax.finetune.examples import Examples
from af2jax.finetune.prepare import prepare
from af2jax.words import counted

WATTS = 65.0  # of a CPU of which nothing is known


def estimate(training: Training, watts: float = 0.0) -> str:
    """Compiles the step and the validation, runs each twice, and multiplies; nothing is kept.

    Args:
        watts: power of the machine; 0: the limit that nvidia-smi names, or 65 for a CPU.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(training)
        examples = Examples(training, prepared.state, folder)
        state, key = prepared.state, jax.random.key(training.seed)
        batches, source = [], examples.train(0)
        for _ in range(min(2, training.steps)):
            before = time.perf_counter()
            batches.append(next(source)[2])
            filling = (time.perf_counter() - before) / training.batch_size  # of an example; the last compiles nothing
        source.close()
        before = time.perf_counter()
        memory = _memory(state, batches[0], key, training)
        compiling, seconds = time.perf_counter() - before, []
        for batch in (batches[0], batches[-1]):
            before = time.perf_counter()
            state, metrics = steps.train_step(state, batch, key, training.num_recycle)
            float(metrics["loss"])
            seconds.append(time.perf_counter() - before)
        watched = [_timed(state, batch, training) for batch in itertools.islice(examples.valid(), 2)]
    validations = 1 + -(-training.steps // training.validate_every)
    looking = validations * examples.num_valid * (watched[-1] if watched else 0.0)
    fresh = (
        min(examples.num_train * training.examples_per_item, training.steps * training.batch_size) + examples.num_valid
    )
    filling *= fresh if training.cache else 0
    total = compiling + training.steps * seconds[1] + looking + filling
    power, whose = (watts, "as given") if watts else _power()
    room, device = _room(), jax.devices()[0]
    fits = "fits" if memory < room else "does not fit: take a smaller crop, fewer MSA rows or bfloat16"
    kilowatt_hours = total * power / 3.6e6
    lines = [
        str(prepared.summary),
        f"data: {counted(examples.num_train, 'example')} to train on, {examples.num_valid} to validate on",
        f"device: {device.device_kind} ({device.platform})",
        f"memory: {memory / 2**30:.2f} GiB of {room / 2**30:.1f} GiB: {fits}",
        f"time: {_clock(total)} ({counted(training.steps, 'step')} of {seconds[1]:.3g} s, "
        f"{counted(validations, 'validation')} of {looking / validations:.3g} s, {compiling:.0f} s to compile"
        + (f", {filling:.3g} s to fill the cache of {counted(fresh, 'example')})" if training.cache else ")"),
        f"energy: {kilowatt_hours:.3g} kWh at {power:.0f} W ({whose})",
    ]
    return "\n".join(lines)


def _memory(state, batch, key, training) -> int:
    """Bytes that the compiled step holds."""
    left = None if training.num_recycle is None else steps._recycles(training.num_recycle)
    lowered = steps._train.jitted.lower(state.setup, state.moving, state.frozen, batch, key, left)
    return need(lowered.compile().memory_analysis())


def _timed(state, batch, training) -> float:
    before = time.perf_counter()
    jax.block_until_ready(steps.eval_step(state, batch, training.num_recycle))
    return time.perf_counter() - before


def _room() -> int:
    """Bytes of the device, or of the machine."""
    known = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return known or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _power() -> tuple[float, str]:
    if jax.default_backend() == "gpu":
        query = ["nvidia-smi", "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.split()
            return sum(map(float, answer[: jax.local_device_count()])), "the limit that nvidia-smi names"
        except (OSError, ValueError, subprocess.SubprocessError):
            pass
    return WATTS, "assumed; --watts gives another"


def _clock(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    return f"{hours:.1f} h" if hours > 2 else f"{minutes:.1f} min" if minutes > 2 else f"{seconds:.0f} s"
