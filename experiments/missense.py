"""Can a network that folds be tuned to say what a mutation does, and does it know anything of it untuned?

A mutation scan: every variant is a sequence with a measured score. First a classification (is the score above the
median of what is learnt from?), then a regression (the score), from one new head each, which reads the single
representation of the residue that is another; of a random trunk, the trained trunk, frozen, and LoRA. Baselines: the
majority class or the mean, the nearest variant by the residues around, regression on these residues and on activations
of the frozen trunk. Positions that are tested are not learnt from (--by position), or variants are drawn at random
(--by variant), which is easier and often reported.

Beside it, without any labels: masked-MSA marginals, the log probability of the new residue minus that of the old one
where the position is hidden from the network (Spearman with the score; a rank correlation of 0 is chance).

    python -m experiments.missense --scan RL401_YEAST_Roscoe_2013.csv.gz --wildtype RL401_YEAST_Roscoe_2013.fasta \
        --out missense_out

A scan has the columns mutant (A24G) and score; the wild type is a FASTA file. Hardware: 2 CPU cores, 15 minutes;
expected result and last good commit: experiments/README.md. --shuffle permutes labels; a stopped run resumes.
"""

import csv
import io
from pathlib import Path

import jax
import numpy as np
from absl import app, flags, logging

import af2jax
from af2jax import compilation
from af2jax.constants.residues import CODES, UNKNOWN
from af2jax.data.parse import parse_fasta, read_text
from af2jax.files import write
from af2jax.finetune import Training
from af2jax.heads import Head
from af2jax.metrics.statistics import bootstrap
from af2jax.schema import Features
from experiments import walk

SCAN = flags.DEFINE_string("scan", None, "Table with the columns mutant and score.", required=True)
WILDTYPE = flags.DEFINE_string("wildtype", None, "FASTA file of the wild type.", required=True)
MSA = flags.DEFINE_string("msa", None, "Alignment of the wild type, for the marginals.")
BY = flags.DEFINE_enum("by", "position", ["position", "variant"], "What test and training do not share.")
NUM = flags.DEFINE_integer("num", 400, "Variants, drawn at random.", lower_bound=50)

MASK = 22  # code of a hidden residue in an alignment
Variant = tuple[str, int, str, float]  # old residue, position from 0, new residue, score


def variants() -> tuple[str, list[Variant]]:
    """(the part of the wild type that the scan covers, its variants), positions counted within that part."""
    wild = parse_fasta(read_text(Path(WILDTYPE.value)), WILDTYPE.value)[0].sequence
    rows = [(row["mutant"], float(row["score"])) for row in csv.DictReader(io.StringIO(read_text(Path(SCAN.value))))]
    single = [(m[0], int(m[1:-1]) - 1, m[-1], s) for m, s in rows if ":" not in m and np.isfinite(s)]
    if wrong := [v for v in single if wild[v[1]] != v[0]]:
        raise af2jax.InputError(f"{SCAN.value}: {wrong[0][0]}{wrong[0][1] + 1} is not the wild type's residue")
    chosen = sorted(np.random.default_rng(0).permutation(len(single))[: NUM.value])
    start = max(min(v[1] for v in single) - 5, 0)
    end = min(max(v[1] for v in single) + 6, len(wild), start + walk.CROP.value)
    return wild[start:end], [(a, i - start, b, s) for a, i, b, s in (single[j] for j in chosen) if i < end]


def table(wild: str, found: list[Variant], out: Path) -> tuple[Path, float, float]:
    """(the table, mean and spread of the scores that are learnt from)."""
    rng = np.random.default_rng(0)
    units = sorted({v[1] for v in found}) if BY.value == "position" else list(range(len(found)))
    order = rng.permutation(len(units))
    part_of = {units[j]: ("test" if i < 0.3 * len(units) else "train") for i, j in enumerate(order)}
    parts = [part_of[v[1] if BY.value == "position" else i] for i, v in enumerate(found)]
    scores = np.array([v[3] for v in found])
    learnt = np.array([part == "train" for part in parts])
    middle, mean, spread = np.median(scores[learnt]), float(scores[learnt].mean()), float(scores[learnt].std())
    if walk.SHUFFLE.value:
        scores[learnt] = rng.permutation(scores[learnt])
    valid = rng.random(len(found)) < 0.1
    lines = ["id,sequence,split,high,score"]
    for (old, i, new, _), part, score, held in zip(found, parts, scores, valid, strict=True):
        part = "valid" if part == "train" and held else part
        there = lambda value, i=i: " ".join(["nan"] * i + [value] + ["nan"] * (len(wild) - i - 1))  # of one residue
        labels = there(str(int(score > middle))), there(f"{score:.6g}")
        lines.append(",".join((f"{old}{i + 1}{new}", f"{wild[:i]}{new}{wild[i + 1 :]}", part, *labels)))
    return write(out / "data.csv", "\n".join(lines) + "\n"), mean, spread


def ways(data: Path, mean: float, spread: float) -> dict[str, Training]:
    """What is compared, the baseline first."""
    heads = {"high": Head("residue", classes=2), "score": Head("residue", outputs=1, mean=mean, std=spread)}
    task = {"heads": heads, "losses": {"high": 1.0, "score": 1.0}, "batch_size": 8, "learning_rate": 1e-3}
    task |= {"validate_every": max(walk.STEPS.value // 6, 1)}  # few variants are soon memorised
    head = task | {"recipe": "heads", "cache": True, "examples_per_item": 1}
    return {
        "heads on a random trunk": walk.training(data, **head | {"params": ""}),
        "heads on the trained trunk": walk.training(data, **head),
        "LoRA": walk.training(data, **task | {"recipe": "lora", "rank": 4}),
    }


def hidden(features: Features, position: int) -> Features:
    """The features without the query's residue at a position."""
    msa, target, aatype = np.array(features.msa.feat), np.array(features.target_feat), np.array(features.aatype)
    for start in (0, 25):  # the residue, and the profile of its cluster (supplement, Table 1)
        msa[:, 0, position, start : start + 23] = np.eye(23)[MASK]
    target[position, 1:] = np.eye(target.shape[1] - 1)[UNKNOWN]
    aatype[position] = UNKNOWN
    return features.replace(aatype=aatype, target_feat=target, msa=features.msa.replace(feat=msa))


def marginals(wild: str, found: list[Variant]) -> np.ndarray:
    """log p(new) - log p(old) of every variant, its position hidden."""
    model, params = af2jax.load(walk.PRESET.value, walk.PARAMS.value or None)
    features = af2jax.features(wild, model.config, cycles=1, msa=MSA.value)
    log_probability = jax.jit(lambda f: jax.nn.log_softmax(af2jax.forward(model, params, f, 0).logits["masked_msa"][0]))
    logp = {i: np.asarray(log_probability(hidden(features, i)))[i] for i in sorted({v[1] for v in found})}
    return np.array([logp[i][CODES[new]] - logp[i][CODES[old]] for old, i, new, _ in found])


def correlation(predicted: np.ndarray, found: list[Variant]) -> str:
    """Spearman with the score, and its interval over positions drawn again."""
    ranks = lambda x: (np.argsort(np.argsort(x)) - (len(x) - 1) / 2) / np.std(np.arange(len(x)))
    return str(bootstrap(ranks(predicted) * ranks(np.array([v[3] for v in found])), [v[1] for v in found]))


def main(_) -> None:
    """Makes the table, trains, compares, and asks the untuned network."""
    logging.set_verbosity(logging.WARNING)
    compilation.persist()
    out = Path(walk.OUT.value).resolve()
    wild, known = variants()
    data, *scale = table(wild, known, out)
    found = walk.compare(ways(data, *scale), data)
    untuned = f"Masked-MSA marginals, untuned: Spearman {correlation(marginals(wild, known), known)} on all variants"
    caption = f"Mean absolute error of the score on {len(found.entries[0].evaluation.targets)} variants. {untuned}."
    figures = {"plots/means_score_error.png": caption}
    walk.summary("Can the network be tuned to say what a mutation does?", found, figures, [f"- {untuned}"])


if __name__ == "__main__":
    app.run(main)
