"""What to say when a network does not fit into memory, and what would."""

import os
from collections.abc import Mapping


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ended; jax says so in words alone."""
    words = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("RESOURCE_EXHAUSTED" in words or "out of memory" in words.lower())
    )


def explain(model, params, features) -> str:
    """Length, need, what would fit and what to try, in one line. The need is what the compiler plans for one pass."""
    import jax

    n_res, rows, extra = int(features.seq_mask.sum()), features.msa.feat.shape[1], features.msa.extra.shape[1]
    runtime = model.runtime.forward_only(len(features.aatype))
    tries = remedies(runtime.dtype, runtime.chunk, "--max-msa {}:{}", rows, extra)
    tries += [f"--shards {jax.device_count()}"] if jax.device_count() > model.runtime.shards else []
    size = f"out of memory: {n_res} residues with {rows} MSA rows and {extra} extra rows"
    try:
        need, room = _need(model, params, features), _room()
    except Exception:  # whatever the compiler may raise: the line is of use without these numbers
        return f"{size}; try {' or '.join(tries)}, or a shorter query"
    fits = int(len(features.aatype) * (room / need) ** 0.5)  # what is made for pairs grows with the square, or faster
    much = f"need {need / 1e9:.1f} GB for one pass, the device has {room / 1e9:.1f} GB"
    which = (
        f"about {min(fits, n_res - 1)} residues would fit"
        if need > room
        else "it would fit if nothing else used the device"
    )
    return f"{size} {much}; {which}; try {' or '.join(tries)}"


def remedies(dtype: str, chunk: int, fewer: str, rows: int, extra: int) -> list[str]:
    """Flags that reduce the need; `fewer` is the form of the one for rows and extra rows."""
    tries = [] if 0 < chunk <= 4 else ["--chunk 4"]
    tries += ["--bfloat16"] if dtype == "float32" else []
    return [*tries, fewer.format(max(rows // 2, 16), max(extra // 4, 32))]


def longest(need: Mapping[int, int | float], room: int | float) -> int:
    """Residues that fit, from the bytes that two or more lengths need: linear in their square, as pairs are.

    Beyond the last length this is a guess, from the last two.
    """
    known = sorted(need)
    above = next((i for i, n in enumerate(known) if need[n] > room), len(known) - 1)
    low, high = known[max(above - 1, 0)], known[max(above, 1)]
    slope = (high**2 - low**2) / (need[high] - need[low])
    return int((low**2 + slope * (room - need[low])) ** 0.5)


def _need(model, params, features) -> int:
    """Bytes of one pass."""
    from af2jax.compilation import need
    from af2jax.inference import lower

    return need(lower(model, params, features).compile().memory_analysis())


def _room() -> int:
    """Bytes that jax may use on its device."""
    import jax

    known = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    return known or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
