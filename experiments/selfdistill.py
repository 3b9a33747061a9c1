"""With few known structures, do the network's own confident predictions help as further examples?

Labelled against labelled plus self-distilled (Jumper et al. 2021, supplement, section 1.3): everything trains on the
known structures of one half of the proteins; or on these and on what the untuned network predicts for the other half
with confidence. Both take the same number of steps, and are judged on proteins related to neither half. Baselines:
the untuned network, one ideal helix, the nearest training chain; and, as the best that more labels could do, the known
structures of both halves.

    python -m experiments.selfdistill --data DATA --seeds 1 --out selfdistill_out

DATA as in `experiments/corpus.py`: the halves are natural chains whose structures the trunk of af2jax-mini was not
trained on. Its pLDDT of these is low throughout, and 40 takes the surer residues; for a network that predicts give
--confident 70. Hardware: 2 CPU cores, 12 minutes; expected result and last good commit: experiments/README.md. With
--shuffle the residues of every prediction are shuffled: it may not help.
"""

import csv
import io
from pathlib import Path

import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.data.structure import read_chain
from af2jax.files import write
from af2jax.finetune import Training, distill
from af2jax.finetune.self_distillation import MANIFEST
from af2jax.metrics.statistics import paired
from experiments import corpus, walk

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
CONFIDENT = flags.DEFINE_float("confident", 40.0, "pLDDT from which a predicted residue counts.")
LONGEST = flags.DEFINE_integer("longest", 160, "Residues of a chain, at most.", lower_bound=16)
HALF = 17  # chains


def distilled(chains: list[corpus.Member], out: Path) -> list[dict[str, str]]:
    """Rows of the chains that the untuned network is sure of."""
    model, params = af2jax.load(walk.PRESET.value, walk.PARAMS.value)
    queries = {chain.id: read_chain(chain.file).sequence for chain in chains}
    folder = out / "distilled"
    if not (folder / MANIFEST).exists():
        distill(model, params, queries, folder, confident=CONFIDENT.value, covered=0.3, weight=1.0)
    with open(folder / MANIFEST, newline="") as file:
        rows = list(csv.DictReader(file))
    found = [{"id": f"{row['id']}_predicted", "file": str(folder / row["file"])} for row in rows]
    if walk.SHUFFLE.value:
        rng = np.random.default_rng(0)
        for row in found:
            row["sequence"], row["placed"] = walk.shuffled(Path(row["file"]), rng)
    return found


def table(name: str, learn: list[dict], test: list[dict], out: Path) -> Path:
    """What one way learns from, and the test set of all."""
    text = io.StringIO()
    rows = csv.DictWriter(
        text, ("id", "file", "sequence", "placed", "split"), lineterminator="\n", extrasaction="ignore"
    )
    rows.writeheader()
    rows.writerows({**row, "split": part} for part, some in (("train", learn), ("test", test)) for row in some)
    return write(out / f"{name}.csv", text.getvalue())


def main(_) -> None:
    """Predicts one half, trains on what there is, compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out = Path(walk.OUT.value).resolve()
    chains = [c for c in corpus.chains(Path(DATA.value).resolve(), LONGEST.value) if c.kind == "natural"]
    test, rest = ([c for c in chains if c.side == side] for side in ("valid", "confidence"))
    row = lambda chain: {"id": chain.id, "file": str(chain.file)}
    labelled, unlabelled = rest[:HALF], rest[HALF : 2 * HALF]
    more = distilled(unlabelled, out)
    test, rest, labelled = ([row(chain) for chain in some] for some in (test, rest[: 2 * HALF], labelled))
    sets = {
        "labelled": table("labelled", labelled, test, out),
        "labelled and self-distilled": table("distilled", [*labelled, *more], test, out),
        "all labelled": table("all", rest, test, out),
    }
    tuned = {"recipe": "full", "learning_rate": 3e-4, "losses": walk.STRUCTURE, "clamp_fraction": 0.5}
    ways: dict[str, Training | None] = {name: walk.training(path, **tuned) for name, path in sets.items()}
    found = walk.compare({"untuned": None} | ways, sets["labelled"], activations=False)
    num = len(found.entries[0].evaluation.targets)
    caption = (
        f"lDDT-CA of {num} proteins that no way learnt from; {len(labelled)} known "
        f"structures, and {len(more)} of {len(unlabelled)} predictions that were sure enough (pLDDT "
        f"{CONFIDENT.value:g})."
    )
    both, alone = (found.entries[i].evaluation.column("lddt_ca") for i in (2, 1))
    gain = paired(both, alone, found.entries[0].evaluation.families).difference
    interval = f"{gain.value:+.2f} (95 %: {gain.low:+.2f} to {gain.high:+.2f})"
    remark = f"- labelled and self-distilled minus labelled: lDDT-CA {interval}"
    walk.summary("Does self-distillation help?", found, {"plots/means_lddt_ca.png": caption}, [remark])


if __name__ == "__main__":
    app.run(main)
