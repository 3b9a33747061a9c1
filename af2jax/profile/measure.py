"""What a program costs: work counted before it runs, memory as compiled, time in a process of its own.

Work counts matrix products alone, each loop as often as it runs; XLA's own cost analysis takes the body of a loop once.
Bytes are what these products read and write: the least traffic, were all else fused into them.
"""

import math
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from af2jax.compilation import Jitted
from af2jax.errors import InputError

GIB = 2**30


class Program(NamedTuple):
    """What is measured, and the arrays that it is measured on."""

    lower: Callable  # () -> the traced program, to be compiled
    work: Callable  # () -> `Work`
    inputs: tuple
    consumes: bool = False  # the first input, in whose place comes the first output
    plain: Callable | None = None  # () -> `Work` without what the backward pass computes again; None: as `work`


class Work(NamedTuple):
    """Of matrix products."""

    flops: float  # 2 for each multiply-add
    bytes: float  # operands and results

    def __add__(self, other) -> "Work":
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def times(self, number: int) -> "Work":
        """The same, `number` times."""
        return Work(self.flops * number, self.bytes * number)


class Cost(NamedTuple):
    """What is known of a program once it is compiled; bytes and seconds."""

    arguments: int
    outputs: int
    aliased: int  # outputs that take the place of arguments
    temporary: int
    work: Work
    model: float  # FLOP without what the backward pass computes again
    compile_wall: float
    compile_cpu: float

    @property
    def need(self) -> int:
        """Bytes of the device that one run takes."""
        return self.arguments + self.outputs - self.aliased + self.temporary


class Machine(NamedTuple):
    """The device, and what it gives to the two simplest programs."""

    device: str
    platform: str
    room: int  # bytes
    flops: float  # of one large float32 product, per second of wall time
    flops_cpu: float  # the same per CPU-second
    copied: float  # bytes that a copy reads and writes, per second of wall time


def work(jaxpr) -> Work:
    """Of a jaxpr, without its loops of unknown length: passes that are only recycled."""
    total = Work(0.0, 0.0)
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            depth = math.prod(equation.invars[0].aval.shape[i] for i in contracted)
            arrays = [v.aval for v in (*equation.invars, *equation.outvars)]
            moved = sum(a.size * a.dtype.itemsize for a in arrays)
            total += Work(2.0 * depth * equation.outvars[0].aval.size, moved)
        times = 0 if equation.primitive.name == "while" else equation.params.get("length", 1)
        for value in equation.params.values():
            for inner in _inner(value):
                total += work(inner).times(times)
    return total


def _inner(value) -> list:
    """The jaxprs in a parameter of an equation."""
    if isinstance(value, tuple | list):
        return [jaxpr for item in value for jaxpr in _inner(item)]
    value = getattr(value, "jaxpr", value)
    return [value] if hasattr(value, "eqns") else []


def program(function: Callable, *inputs, thrifty: bool = True, **options) -> Program:
    """A function of arrays, or of pytrees of them.

    Args:
        thrifty: compiled for little memory, as our commands are.
        options: the other fields of `Program`.
    """
    import jax

    given = {"donate_argnums": 0 if options.get("consumes") else ()}
    function = Jitted(function, **given).jitted if thrifty else jax.jit(function, **given)
    counted = lambda: work(function.trace(*inputs).jaxpr.jaxpr)
    return Program(lambda: function.lower(*inputs), counted, inputs, **options)


def count(function: Callable, *inputs) -> Work:
    """`work` of a function of these inputs, which are not computed with."""
    return program(function, *inputs).work()


def compiled(program: Program, options: dict | None = None) -> tuple[Any, Cost]:
    """The executable, and what is known of it; nothing has run.

    Args:
        options: of the compiler.
    """
    start = clock()
    executable = program.lower().compile(options)
    spent = [b - a for a, b in zip(start, clock(), strict=True)]
    plan = executable.memory_analysis()
    sizes = (plan.argument_size_in_bytes, plan.output_size_in_bytes, plan.alias_size_in_bytes, plan.temp_size_in_bytes)
    done = program.work()
    plain = program.plain().flops if program.plain else done.flops
    return executable, Cost(*sizes, done, plain, *spent)


def clock() -> tuple[float, float]:
    """Wall and CPU seconds, the latter of all threads of this process."""
    return time.perf_counter(), time.process_time()


class Child:
    """A program in a process of its own, so that neither memory nor threads are shared with another.

    Raises:
        InputError: it could not be built or compiled; on every method too.
    """

    def __init__(self, build: Callable[..., Program], *arguments):
        self._pipe, other = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        self._process = spawn.Process(target=_serve, args=(other, build, arguments), daemon=True)
        self._process.start()
        other.close()
        self.cost: Cost = self._answer()

    def run(self) -> tuple[float, float]:
        """Wall and CPU seconds of one run; the first, which is not counted, comes before it where there was none."""
        self._pipe.send("run")
        return tuple(self._answer())

    def close(self) -> int | None:
        """Ends the process; the most memory that it ever had, in bytes. None: it had ended."""
        if not self._process.is_alive():
            return None
        self._pipe.send("close")
        peak = self._answer()
        self._process.join()
        return peak

    def _answer(self):
        try:
            found = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode
            raise InputError(f"the process ended with code {code}; memory may have ended: try shorter ones") from None
        if isinstance(found, Exception):
            self._process.join()
            raise found
        return found


def _serve(pipe, build: Callable[..., Program], arguments: tuple) -> None:
    """The process: compiles, says so, and runs whenever it is asked to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops both
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # processes share a GPU
    import jax

    jax.config.update("jax_enable_compilation_cache", False)
    try:
        program = build(*arguments)
        executable, cost = compiled(program)
        pipe.send(cost)
        inputs = None
        while pipe.recv() == "run":
            first, inputs = inputs is None, jax.device_put(program.inputs) if inputs is None else inputs
            for _ in range(1 + first):
                start = clock()
                out = jax.block_until_ready(executable(*inputs))
                spent = [b - a for a, b in zip(start, clock(), strict=True)]
                inputs = (out[0], *inputs[1:]) if program.consumes else inputs
                del out
            pipe.send(spent)
        pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    except EOFError:  # the parent has gone
        return
    except Exception as error:  # whatever a compiler or a device may raise: the parent says it
        pipe.send(error if isinstance(error, InputError) else InputError(" ".join(f"{error}".split())[:300]))


def machine() -> Machine:
    """The device of this run, measured now in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_machine)


def _machine(size: int = 2048, megabytes: int = 256, rounds: int = 5) -> Machine:
    import jax
    import jax.numpy as jnp

    from af2jax.profile.memory import _room

    def best(function, x) -> tuple[float, float]:
        times = []
        for _ in range(rounds + 1):  # the first compiles
            start = clock()
            jax.block_until_ready(function(x))
            times.append([b - a for a, b in zip(start, clock(), strict=True)])
        return min(t[0] for t in times[1:]), min(t[1] for t in times[1:])

    wall, cpu = best(jax.jit(lambda x: x @ x), jnp.ones((size, size)))
    copying, _ = best(jax.jit(lambda x: x + 1), jnp.ones((megabytes, 2**18)))
    device, product = jax.local_devices()[0], 2.0 * size**3
    moved = 2.0 * megabytes * 2**20
    return Machine(device.device_kind, device.platform, _room(), product / wall, product / cpu, moved / copying)
