"""Self-distillation: the network's own confident predictions as examples (supplement, section 1.3)."""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from absl import logging

from af2jax.data.parse import printable
from af2jax.data.pipeline import features
from af2jax.errors import InputError
from af2jax.files import file_name, write
from af2jax.inference import predict
from af2jax.model.alphafold import AlphaFold
from af2jax.pretrained.tree import digest, flatten

NOTE = "predicted, for self-distillation: not an experimental structure"
MANIFEST, SETTINGS, LEFT_OUT = "distilled.csv", "distilled.json", ".left_out"
FIELDS = ("id", "file", "chain", "msa", "weight", "split", "source")


def distill(
    model: AlphaFold,
    params: dict,
    queries: Mapping[str, str | os.PathLike],
    out: str | os.PathLike,
    *,
    confident: float = 70.0,
    covered: float = 0.5,
    weight: float = 0.5,
    num_recycle: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = logging.info,
) -> Path:
    """Predicts sequences of unknown structure, and writes those that it is confident of as a manifest to train on.

    Only residues whose pLDDT is `confident` or more have coordinates in the files; the others count as missing, and so
    no loss of the structure sees them. A prediction states no resolution, so the confidence heads and the one of
    resolved atoms learn nothing from it, as they do from no model. What is there already is not predicted again; it
    must have been made with the weights, settings and queries of now, which `distilled.json` tells.

    Args:
        queries: by name, what `af2jax.features` takes: sequences, or paths of alignments, which the manifest names too.
        confident: pLDDT of a residue, 0 to 100.
        covered: the part of a chain's residues that must be confident, or it is left out.
        weight: of these examples, beside 1 of experimental ones.

    Returns the path of the manifest (`distilled.csv`), to which rows of a manifest of experimental structures can be
    joined.

    Raises:
        InputError: a query cannot be read, two names make one file name, `out` holds predictions that were made
            otherwise, or no prediction is confident enough.
    """
    out, rows = Path(out), []
    paths = _paths(queries, out)
    num_recycle = model.config.num_recycle if num_recycle is None else num_recycle
    settings = {"preset": model.config.name, "weights": digest(flatten(params)).hex()}
    settings |= {"num_recycle": num_recycle, "seed": seed, "confident": confident, "covered": covered}
    _same(out / SETTINGS, settings, {name: (_text(query), _left_by(paths[name])) for name, query in queries.items()})
    for name, query in queries.items():
        path = paths[name]
        if not _left_by(path):
            inputs = features(query, model.config, seed, num_recycle + 1)
            prediction = predict(model, params, inputs, num_recycle, name=name, notes=(NOTE,))
            keep = prediction.plddt >= confident
            part = float(np.mean(keep))
            if part < covered:
                why = f"{100 * part:.0f} % of its residues have a pLDDT of {confident:g} or more\n"
                write(path.with_suffix(LEFT_OUT), why)
            else:
                protein = prediction.protein
                known = dataclasses.replace(protein, atom_mask=protein.atom_mask & keep[:, None])
                write(path, known.to_mmcif())
            say(f"{name}: {100 * part:.0f} % confident, {'left out' if part < covered else 'kept'}")
        if path.exists():
            alignment = query if Path(query).suffix else ""
            rows.append((name, path.name, "A", _relative(alignment, out), weight, "train", "distilled"))
    if not rows:
        raise InputError(
            f"none of {len(queries)} predictions has a pLDDT of {confident:g} or more in {100 * covered:g} % of its "
            "residues; there is nothing to distill from"
        )
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(rows)
    return write(out / MANIFEST, table.getvalue())


def _paths(queries: Mapping, out: Path) -> dict[str, Path]:
    """The file of each query's prediction."""
    names: dict[str, str] = {}
    for name in queries:
        file = f"{file_name(name)}.cif"
        if (other := names.setdefault(file.lower(), name)) != name:
            raise InputError(f'"{printable(other)}" and "{printable(name)}" would both be {file}; rename one')
    return {name: out / f"{file_name(name)}.cif" for name in queries}


def _left_by(path: Path) -> bool:
    """Whether an earlier call predicted this already."""
    return path.exists() or path.with_suffix(LEFT_OUT).exists()


def _same(path: Path, settings: dict, queries: dict[str, tuple[str, bool]]) -> None:
    """Looks whether what is there was made as it would be now, and writes down how; of each query, whether it is."""
    earlier = json.loads(path.read_text()) if path.exists() else {"settings": settings, "queries": {}}
    other = [name for name in settings if earlier["settings"][name] != settings[name]]
    known = earlier["queries"]
    other += [f'query "{printable(n)}"' for n, (text, done) in queries.items() if done and known.get(n, text) != text]
    if other:
        raise InputError(f"{path.parent} holds predictions with another {other[0]}; give another folder")
    known |= {name: text for name, (text, _) in queries.items()}
    write(path, json.dumps({"settings": settings, "queries": known}, indent=1) + "\n")


def _text(query: str | os.PathLike) -> str:
    """A query as it is told from others: a sequence, or the whole path of a file."""
    return os.path.abspath(query) if Path(query).suffix else str(query)


def _relative(alignment: str | os.PathLike, folder: Path) -> str:
    """The path of an alignment as the manifest has it, relative to its folder."""
    return os.path.relpath(alignment, folder) if alignment else ""
