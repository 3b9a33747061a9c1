"""All files of the predictions of one query, written whole or not at all."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import logging

from af2jax.errors import InputError
from af2jax.files import file_name, whole
from af2jax.heads import Answer
from af2jax.protein.files import Protein
from af2jax.results.naming import NAMINGS, Files, json_text, ranking
from af2jax.results.scored import Scored
from af2jax.results.tables import answers, tables
from af2jax.typing import Int

DRAWN = {"residue": "track", "pair": "pairs"}  # by kind of a head, the function of `plots.answers` that draws it


def ranked(predictions: Sequence[tuple[Scored, int]], by: str = "auto") -> list[tuple[Scored, int]]:
    """Predictions with their seeds, the best first; equal ones stay in their order.

    Args:
        by: "plddt" (its mean), "ptm", "iptm", or "auto": `Prediction.ranking`, which is also what counts for "iptm"
            where there is none, as for one chain.
    """
    score = {
        "plddt": lambda p: np.mean(p.plddt),
        "ptm": lambda p: p.ptm,
        "iptm": lambda p: p.ranking if p.iptm is None else p.iptm,
        "auto": lambda p: p.ranking,
    }[by]
    return sorted(predictions, key=lambda entry: -score(entry[0]))


def save_job(
    predictions: Sequence[tuple[Scored, int]],
    out: str | Path,
    *,
    naming: str = "colabfold",
    plots: bool = True,
    arrays: bool = False,
    alignment: Int[np.ndarray, "N_seq N_res"] | None = None,
    relaxed: Mapping[int, Protein] | None = None,
    by: str = "auto",
) -> list[Path]:
    """Ranks the predictions of one query, writes all files of all of them, or none, and says which these are.

    Representations, logits and passes are written where `predict` kept them. What tuned heads answer of residues and
    pairs is a table for each head, `<job>_<head>.csv`: the mean over the predictions that have it, with their spread.

    Args:
        predictions: each with its seed.
        out: folder.
        naming: "colabfold": `<job>_unrelaxed_rank_001_<model>_seed_000.pdb` and so on; "alphafold": a folder `<job>`
            with `unrelaxed_<model>_pred_<seed>.pdb`, `ranked_0.pdb` and so on.
        plots: PNGs of the alignment, pLDDT, PAE and distogram.
        arrays: also `.npz` with every number.
        alignment: int [N_seq N_res], codes of the rows (21: gap), the query first, for the plot of coverage.
        relaxed: relaxed structures by rank, from 1.
        by: what decides the rank, see `ranked`.

    Raises:
        InputError: a number is not finite, there are no atoms, two predictions would have one name, `alignment` has
            another length, or `naming` is unknown.
    """
    if not predictions:
        return []
    entries = dict(enumerate(ranked(predictions, by), 1))
    return save(entries, Path(out), naming, plots, arrays, alignment, relaxed or {})


def save(entries: dict[int, tuple[Scored, int]], out, naming, plots, arrays, alignment, relaxed) -> list[Path]:
    """Writes the files of predictions with their seeds, by rank, all at once."""
    if naming not in NAMINGS:
        raise InputError(f'naming "{naming}" is unknown; choose "colabfold" or "alphafold"')
    entries = {rank: (_writable(prediction), seed) for rank, (prediction, seed) in entries.items()}
    for reason in {p.protein.beyond_pdb() for p, _ in entries.values()} - {""}:
        logging.warning("no PDB file, only mmCIF: %s", reason)
    best = next(iter(entries.values()))[0].protein
    if alignment is not None and alignment.shape[1] != len(best.aatype):
        raise InputError(f"{best.name}: the alignment has {alignment.shape[1]} columns, not {len(best.aatype)}")
    files: Files = {}
    for rank, (prediction, seed) in entries.items():
        own = NAMINGS[naming](rank, prediction, seed, relaxed.get(rank), arrays)
        if both := files.keys() & own.keys():
            raise InputError(f"{prediction.protein.name}: two predictions would write {min(both)}; give other seeds")
        files |= own
    job = file_name(best.name)
    if naming == "alphafold" and 1 in entries:
        files[f"{job}/ranking_debug.json"] = json_text(ranking, entries.values())
    if plots and 1 in entries:
        where = f"{job}_" if naming == "colabfold" else f"{job}/"
        found = _plots([prediction for prediction, _ in entries.values()], alignment)
        files |= {f"{where}{name}.png": writer for name, writer in found.items()}
    if 1 in entries:
        files |= tables([prediction for prediction, _ in entries.values()], naming)
    with ExitStack() as stack:
        for name, writer in files.items():
            writer(stack.enter_context(whole(out / name)))
    return [out / name for name in files]


def _writable(prediction: Scored) -> Scored:
    """The prediction, if its numbers are finite; with a note where the PDB format cannot hold it."""
    protein = prediction.protein
    numbers = (prediction.plddt, prediction.pae, prediction.ptm, prediction.iptm, prediction.chain_tm)
    numbers = (*numbers, prediction.actifptm, prediction.chain_actifptm)
    numbers = (*numbers, *(answer.values for answer in prediction.heads.values()))
    if not all(np.isfinite(x).all() for x in numbers if x is not None):
        raise InputError(f"{protein.name}: the scores are not finite; nothing is written")
    protein.check()
    if not (reason := protein.beyond_pdb()):
        return prediction
    notes = (*protein.notes, f"no PDB file: {reason}")
    return replace(prediction, protein=replace(protein, notes=notes))


def _plots(predictions: Sequence[Scored], alignment: np.ndarray | None) -> Files:
    """The plots of a job by name; `predictions` are in the order of their ranks."""
    from af2jax.plots.confidence import confidence
    from af2jax.plots.coverage import coverage
    from af2jax.plots.distogram import distogram
    from af2jax.plots.pae import pae

    best, protein = predictions[0], predictions[0].protein
    files: Files = {"plddt": lambda path: confidence(path, protein, [p.plddt for p in predictions])}
    if alignment is not None:
        files["coverage"] = lambda path: coverage(path, protein, alignment)
    if best.pae is not None:
        files["pae"] = lambda path: pae(path, protein, [p.pae for p in predictions if p.pae is not None])
    if best.contacts is not None:
        files["distogram"] = lambda path: distogram(path, protein, best.distances, best.contacts)
    return files | {
        f"head_{file_name(n)}": _drawn(protein, answer)
        for n, answer in answers(predictions).items()
        if answer.kind in DRAWN
    }


def _drawn(protein: Protein, answer: Answer) -> Callable[[Path], object]:
    """What draws the answers of a head of residues or pairs."""
    from af2jax.plots import answers as plots

    draw = getattr(plots, DRAWN[answer.kind])
    parts = (answer.head, answer.values, answer.classes, answer.unit, answer.spread, answer.support)
    return lambda path: draw(path, protein, *parts)
