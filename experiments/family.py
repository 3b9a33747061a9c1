"""Does tuning on the structures of one family make better structures of that family, and what does it cost elsewhere?

Domain adaptation: the structure module, LoRA, or everything is trained on a family's structures, and judged on members
that were held out; beside the untuned network, one ideal helix, and the nearest training chain aligned by sequence,
which within one family is hard to beat. What was forgotten is measured on the chains that mini folds best.

    python -m experiments.family --family FAMILY.tsv --data DATA --crop 128 --steps 40 --seeds 1 --out family_out

FAMILY is a table or folder as `af2jax finetune` reads it, with or without a column split (members that are all related
need one); DATA as in `experiments/corpus.py`. For the peptides and MHC of
alphafold_finetune (Motmaen et al. 2023) FAMILY is its table; their structures are predictions of AlphaFold's, not
experiments. Hardware: 2 CPU cores, 15 minutes; expected result and last good commit: experiments/README.md. With
--shuffle the residues of every structure that is learnt from are shuffled: nothing may be gained.
"""

import csv
import io
from pathlib import Path

import numpy as np
from absl import app, flags, logging

from af2jax import compilation
from af2jax.data.dataset import read_dataset
from af2jax.files import write
from af2jax.finetune import Training
from experiments import corpus, walk

FAMILY = flags.DEFINE_string("family", None, "Table or folder of the family.", required=True)
DATA = flags.DEFINE_string("data", None, "Folder with chains.tsv and structures, of other proteins.", required=True)
TEST = flags.DEFINE_float("test", 0.3, "Share of the members that are held out, where no column says which.")


def table(out: Path) -> Path:
    """The members in training and test."""
    rng, items = np.random.default_rng(0), read_dataset(FAMILY.value)
    if any(item.split for item in items):
        parts = [item.split or "train" for item in items]
        parts = parts if "test" in parts else ["test" if part == "valid" else part for part in parts]
    else:
        parts = np.where(rng.permutation(len(items)) < TEST.value * len(items), "test", "train").tolist()
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("id", "sequence", "file", "chain", "placed", "msa", "split"))
    for item, part in zip(items, parts, strict=True):
        sequence, placed = item.sequence, item.placed
        if walk.SHUFFLE.value and part != "test":
            sequence, placed = walk.shuffled(item, rng)
        msa = ";".join(map(str, item.msa))
        rows.writerow((item.id, sequence, item.file.resolve(), item.chain, placed, msa, part))
    return write(out / "data.csv", text.getvalue())


def ways(data: Path) -> dict[str, Training | None]:
    """What is compared, the untuned network first."""
    tuned = lambda rate, **more: walk.training(
        data, learning_rate=rate, losses=walk.STRUCTURE, clamp_fraction=0.5, **more
    )
    return {
        "untuned": None,
        "structure module": tuned(1e-3, recipe="structure_and_heads"),
        "LoRA": tuned(3e-3, recipe="lora", rank=8),
        "all": tuned(5e-4, recipe="full"),
    }


def main(_) -> None:
    """Makes the table, trains, compares."""
    logging.set_verbosity(logging.ERROR)
    compilation.persist()
    out = Path(walk.OUT.value).resolve()
    data, general = table(out), corpus.general(corpus.members(Path(DATA.value).resolve()), out)
    found = walk.compare(ways(data), data, general, activations=False)
    caption = (
        f"lDDT-CA of {len(found.entries[0].evaluation.targets)} held-out members of the family. "
        f"{found.verdicts[0].text if found.verdicts else ''}"
    )
    walk.summary("Does tuning on a family help?", found, {"plots/means_lddt_ca.png": caption})


if __name__ == "__main__":
    app.run(main)
