"""The files of one prediction, under ColabFold's or AlphaFold's names, each with what writes it."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from af2jax.config import PRESETS
from af2jax.files import file_name
from af2jax.protein.files import Protein
from af2jax.results.scored import Scored

Files = dict[str, Callable[[Path], object]]  # name below the output folder: what writes it
MAX_PAE = 31.75  # angstrom, the largest that the head can say


def _colabfold(rank: int, prediction: Scored, seed: int, relaxed: Protein | None, arrays: bool) -> Files:
    """The files of one prediction under ColabFold's names; the PAE file of a job is that of rank 1."""
    known = (preset for preset in PRESETS if f"{prediction.preset}_".startswith(f"{preset}_"))
    base = max(known, key=len, default=prediction.preset)  # what follows is the name of a run
    number, kind = re.fullmatch(r"model_(\d)(.*)|.*", base).groups()
    version = "_v1" if kind and kind != "_ptm" and not re.search(r"_v\d$", kind) else ""
    model = f"alphafold2{kind}{version}_model_{number}" if number else base
    model = file_name(model + prediction.preset.removeprefix(base))
    job, tag = file_name(prediction.protein.name), f"rank_{rank:03d}_{model}_seed_{seed:03d}"

    def name(kind: str) -> str:
        return f"{job}_{kind}_{tag}"

    files = _structures(name("unrelaxed"), prediction.protein) | _kept(name, prediction)
    if relaxed is not None:
        files |= _structures(name("relaxed"), relaxed)
    files[f"{name('scores')}.json"] = json_text(prediction.scores)
    if arrays:
        files[f"{name('arrays')}.npz"] = _npz(prediction.arrays)
    if rank == 1 and prediction.pae is not None:
        files[f"{job}_predicted_aligned_error_v1.json"] = json_text(_pae, prediction.pae)
    return files


def _alphafold(rank: int, prediction: Scored, seed: int, relaxed: Protein | None, arrays: bool) -> Files:
    """The files of one prediction under AlphaFold's names; `ranked_0` is the best, relaxed if it was."""
    job, tag = file_name(prediction.protein.name), _pred(prediction, seed)

    def name(kind: str) -> str:
        return f"{job}/{kind}_{tag}"

    files = _structures(name("unrelaxed"), prediction.protein) | _kept(name, prediction)
    if relaxed is not None:
        files |= _structures(name("relaxed"), relaxed)
    files |= _structures(f"{job}/ranked_{rank - 1}", relaxed or prediction.protein)
    files[f"{name('confidence')}.json"] = json_text(_confidence, prediction)
    if prediction.heads:
        files[f"{name('heads')}.json"] = json_text(lambda: prediction.scores()["heads"])
    if prediction.pae is not None:
        files[f"{name('pae')}.json"] = json_text(_pae, prediction.pae)
    if arrays:
        files[f"{name('result')}.npz"] = _npz(prediction.arrays)
    return files


NAMINGS = {"colabfold": _colabfold, "alphafold": _alphafold}


def _pred(prediction: Scored, seed: int) -> str:
    """AlphaFold's name of one prediction of a job."""
    return f"{file_name(prediction.preset)}_pred_{seed}"


def _structures(stem: str, protein: Protein) -> Files:
    """The atoms as mmCIF, and as PDB where the format can hold them."""
    files = {f"{stem}.cif": _text(protein.to_mmcif)}
    return files if protein.beyond_pdb() else files | {f"{stem}.pdb": _text(protein.to_pdb)}


def _kept(name: Callable[[str], str], prediction: Scored) -> Files:
    """What `predict` was asked to keep: representations, and the structure after each pass."""
    files: Files = {}
    for kind in ("single", "pair"):
        if (values := getattr(prediction, kind)) is not None:
            files[f"{name(f'{kind}_repr')}.npz"] = _npz(lambda kind=kind, values=values: {kind: values})
    for index, protein in enumerate(prediction.passes):
        own = _structures(f"{name('unrelaxed')}.r{index}", protein)
        stem, writer = list(own.items())[-1]  # the PDB, if there is one
        files[stem] = writer
    return files


def _text(make: Callable[[], str]) -> Callable[[Path], object]:
    return lambda path: path.write_text(make(), encoding="utf-8")


def json_text(make: Callable, *args) -> Callable[[Path], object]:
    """A writer of what `make(*args)` returns; it fails where that holds a number that is not finite."""
    return _text(lambda: json.dumps(make(*args), allow_nan=False))


def _npz(make: Callable[[], dict[str, np.ndarray]]) -> Callable[[Path], object]:
    def writer(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **make())

    return writer


def _pae(pae: np.ndarray) -> list[dict]:
    """The form of the AlphaFold database, which ChimeraX and Mol* read; one decimal."""
    table = np.round(pae.astype(float), 1).tolist()
    return [{"predicted_aligned_error": table, "max_predicted_aligned_error": MAX_PAE}]


def _confidence(prediction: Scored) -> dict:
    """AlphaFold's table of pLDDT, with its categories: disordered, low, medium, high."""
    plddt = np.round(prediction.plddt.astype(float), 2)
    return {
        "residueNumber": list(range(1, len(plddt) + 1)),
        "confidenceScore": plddt.tolist(),
        "confidenceCategory": ["DLMH"[i] for i in np.digitize(plddt, [50, 70, 90])],
    }


def ranking(entries: Iterable[tuple[Scored, int]]) -> dict:
    """AlphaFold's ranking, best first; beside it the scores that its own has in pickles at most, and the notes."""
    several = {_pred(p, seed): p for p, seed in entries}
    complexes = all(p.iptm is not None for p in several.values())
    key, unit = ("iptm+ptm", 100) if complexes else ("plddts", 1)
    out = {key: {name: p.ranking / unit for name, p in several.items()}, "order": list(several)}
    for score in ("ptm", "iptm", "actifptm"):
        if found := {name: x for name, p in several.items() if (x := getattr(p, score)) is not None}:
            out[score] = found
    for name, p in several.items():
        for score, found in p.chain_scores().items():
            out.setdefault(score, {})[name] = found
    notes = dict.fromkeys(note for p in several.values() for note in p.protein.notes)
    return out | ({"notes": list(notes)} if notes else {})
