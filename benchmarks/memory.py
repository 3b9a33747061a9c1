"""Memory of the full network (model_1_ptm, float32) as compiled, beside DeepMind's code: nothing runs.

    python -m benchmarks.memory [--lengths 64,128,256,384,512,768,1024] [--resume] [--only pass,step,block]
    python -m benchmarks.memory --resume --only shards    # on simulated devices
    python -m benchmarks.memory --resume --only tpu       # with the package libtpu; no TPU is needed

Of one pass, one training step and the gradient of one Evoformer block. The compiler plans every buffer before it makes
machine code, so code is made in its quickest way: plans are the same. bfloat16 is left out on CPUs, where XLA widens
it: its plans there say nothing of other devices. For a TPU the training step is compiled in full, at the two sizes of
AlphaFold's own training. Writes RESULTS.md, and memory.json, from which --resume continues.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from af2jax.profile import measure, programs
from af2jax.profile.measure import GIB, Program, program
from af2jax.profile.memory import longest

NAME = "model_1_ptm"
ROWS, EXTRA, TEMPLATES = 128, 1024, 4
LENGTHS = (64, 128, 256, 384, 512, 768, 1024)
LONG = 2048  # of a pass alone
ROOM = 24 * GIB
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
OURS = ((0, "af2jax, no chunks"), (16, "af2jax, chunks of 16"), (4, "af2jax, chunks of 4"))
THEIRS = {"DeepMind's code, chunks of 4 (as shipped)": False, "the same, compiled as af2jax": True}  # thrifty
FROZEN = ("heads", "last_blocks")  # recipes, with chunks of 4
TPU = "v5p:2x2x1"  # of which one chip is compiled for
PUBLISHED = ((256, 128, 1024), (384, 512, 5120))  # residues, rows and extra rows of AlphaFold's training
BLOCKS = ((128, 256), (512, 256))  # rows, residues
SHARDED = (128, 512)  # the same, over several devices
DEVICES = (1, 2, 4, 8)
HERE = Path(__file__).parent


def jobs(lengths: list[int], only: list[str]) -> Iterator[tuple[str, str, int, object]]:
    """(table, line, column, builder) of all that is compiled, the quickest to compile first."""
    from benchmarks import forward, gradient

    if "block" in only:
        for rows, num in BLOCKS:
            column = f"{rows}/{num}"
            for chunk, name in OURS:
                yield "block", name, column, partial(our_block, rows, num, chunk)
            for name, thrifty in THEIRS.items():
                yield "block", name, column, partial(their_block, rows, num, thrifty)
    for num in lengths:
        sizes = {"num_res": num, "num_seq": ROWS, "num_extra": EXTRA, "num_templ": TEMPLATES}
        if "pass" in only:
            for chunk, name in OURS:
                yield "pass", name, num, partial(forward.ours, sizes, {"chunk": chunk})
            for name, thrifty in THEIRS.items():
                yield "pass", name, num, partial(forward.theirs, sizes, 4, thrifty)
        if "step" in only and num < LONG:
            given = programs.Sizes(num, ROWS, EXTRA, TEMPLATES)
            for chunk, name, recipe in [(*line, "full") for line in OURS] + [(*OURS[-1], recipe) for recipe in FROZEN]:
                how = programs.How(NAME, chunk=chunk)
                yield "step", f"{name}, {recipe}", num, partial(programs.training_step, how, given, recipe)
            for name, thrifty in THEIRS.items():
                yield "step", f"{name}, gradient alone", num, partial(gradient.theirs, sizes, 4, thrifty)
    if "shards" in only:
        for num in DEVICES:
            column = "/".join(map(str, SHARDED))
            yield "shards", f"{num} device{'s' * (num > 1)}", column, partial(our_block, *SHARDED, 4, num)
    if "tpu" in only:
        from jax.experimental import topologies

        chip = topologies.get_topology_desc(TPU, platform="tpu").devices[0]
        for num, rows, extra in PUBLISHED:
            given = programs.Sizes(num, rows, extra, TEMPLATES)
            for dtype, recipe in (("bfloat16", "full"), ("float32", "full"), ("bfloat16", "lora")):
                line, how = f"{dtype}, chunks of 4, {recipe}", programs.How(NAME, dtype, 4, device=chip)
                yield "tpu", line, f"{num}/{rows}/{extra}", partial(programs.training_step, how, given, recipe)


def our_block(rows: int, num: int, chunk: int, shards: int = 1) -> Program:
    """The gradient of one Evoformer block of ours, in its weights and inputs."""
    import jax
    import jax.numpy as jnp

    from af2jax.config import preset
    from af2jax.model.evoformer import MsaBlock
    from af2jax.nn.runtime import Runtime

    c = preset(NAME)
    block = MsaBlock(c.evoformer, False, Runtime(chunk=chunk, shards=shards))
    shape = jax.ShapeDtypeStruct
    m, z = shape((rows, num, c.evoformer.channels), jnp.float32), shape((num, num, c.c_z), jnp.float32)
    masks = shape((rows, num), jnp.bool_), shape((num, num), jnp.bool_)
    params = jax.eval_shape(block.init, jax.random.key(0), (m, z), *masks)
    summed = lambda params, mz, *masks: sum(jnp.sum(x * x) for x in block.apply(params, mz, *masks))
    return program(jax.grad(summed, argnums=(0, 1)), params, (m, z), *masks)


def their_block(rows: int, num: int, thrifty: bool = False) -> Program:
    """The same of DeepMind's; `thrifty`: compiled as af2jax is."""
    import haiku as hk
    import jax
    import jax.numpy as jnp
    from alphafold.model import modules

    from af2jax.config import preset
    from tests import oracle

    c = oracle.configuration(preset(NAME), subbatch_size=4)

    def block(activations, masks):
        module = modules.EvoformerIteration(
            c.embeddings_and_evoformer.evoformer, c.global_config, is_extra_msa=False, name="evoformer_iteration"
        )
        return module(activations, masks, is_training=False)

    transformed, shape = hk.transform(block), lambda *axes: jax.ShapeDtypeStruct(axes, jnp.float32)
    activations = {"msa": shape(rows, num, 256), "pair": shape(num, num, 128)}
    masks = {"msa": shape(rows, num), "pair": shape(num, num)}
    key = jax.random.PRNGKey(0)
    params = jax.eval_shape(transformed.init, key, activations, masks)

    def summed(params, activations, masks):
        return sum(jnp.sum(x * x) for x in transformed.apply(params, key, activations, masks).values())

    return program(jax.grad(summed, argnums=(0, 1)), params, activations, masks, thrifty=thrifty)


def report(found: dict) -> str:
    """The tables as Markdown; `found`: {table: {line: {column: [need, temporary]}}}, bytes."""
    import jax

    heads = {
        "pass": f"One pass: GiB by residues, {ROWS} rows, {EXTRA} extra rows, {TEMPLATES} templates",
        "step": "One training step (AdamW; DeepMind's: the gradient without an optimizer): GiB by residues, as above",
        "tpu": f"One training step on a TPU {TPU.partition(':')[0]} (outer product row by row, as on a CPU): GiB by "
        "residues/rows/extra rows",
        "block": "Gradient of one Evoformer block: MiB of temporaries by rows/residues",
        "shards": "The same over several devices, chunks of 4: MiB of temporaries on each",
    }
    lines = [
        "# Memory as compiled",
        "",
        f"Made by `python -m benchmarks.memory`, in parts, on {platform.machine()}, {os.cpu_count()} cores, "
        f"{time.strftime('%Y-%m-%d')}, jax {jax.__version__}, float32 on a CPU unless a table says otherwise. "
        "Arguments, results and temporaries as XLA plans them; nothing ran.",
        f"The last column is the longest that fits {ROOM // GIB} GiB, linear in the square between lengths; where all "
        "fit it is a guess, from the last two on.",
    ]
    for name, head in heads.items():
        columns = sorted({c for line in found.get(name, {}).values() for c in line}, key=lambda c: (len(c), c))
        if not columns:
            continue
        ends, inner = name in ("pass", "step"), name in ("block", "shards")
        lines += ["", f"## {head}", "", f"| | {' | '.join(columns)} |{' fits |' if ends else ''}"]
        lines.append("|---|" + "---:|" * (len(columns) + ends))
        for line, values in found[name].items():
            texts = {c: f"{both[1] / 2**20:.0f}" if inner else f"{both[0] / GIB:.2f}" for c, both in values.items()}
            need = {int(c): both[0] for c, both in values.items()} if ends else {}
            last = f" {longest(need, ROOM)} |" if len(need) > 1 else " |" if ends else ""
            lines.append(f"| {line} | {' | '.join(texts.get(c, '') for c in columns)} |{last}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compiles all, and writes the tables after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", default=",".join(map(str, (*LENGTHS, LONG))))
    parser.add_argument("--only", default="pass,step,block")
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={max(DEVICES)}"
    import jax

    jax.config.update("jax_enable_compilation_cache", False)
    store, found = HERE / "memory.json", {}
    if given.resume and store.exists():
        found = json.loads(store.read_text())
    for name, line, column, build in jobs([int(n) for n in given.lengths.split(",")], given.only.split(",")):
        values = found.setdefault(name, {}).setdefault(line, {})
        if str(column) in values:
            continue
        _, cost = measure.compiled(build(), None if name == "tpu" else QUICK)
        values[str(column)] = [cost.need, cost.temporary]
        print(f"{name}, {line}, {column}: {cost.need / GIB:.2f} GiB, {cost.compile_cpu:.0f} CPU-s", flush=True)
        store.write_text(json.dumps(found, indent=1) + "\n")
        (HERE / "RESULTS.md").write_text(report(found))
        jax.clear_caches()


if __name__ == "__main__":
    main()
