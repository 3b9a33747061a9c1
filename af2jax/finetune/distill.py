"""Self-distillation: the network's own confident predictions as examples (supplement, section 1.3)."""

import csv
import dataclasses
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from absl import logging

from af2jax.data.pipeline import features
from af2jax.errors import InputError
from af2jax.files import file_name, write
from af2jax.inference import predict
from af2jax.model.alphafold import AlphaFold

NOTE = "predicted, for self-distillation: not an experimental structure"
MANIFEST = "distilled.csv"
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
    resolved atoms learn nothing from it, as they do from no model. What is there already is not predicted again.

    Args:
        queries: by name, what `af2jax.features` takes: sequences, or paths of alignments, which the manifest names too.
        confident: pLDDT of a residue, 0 to 100.
        covered: the part of a chain's residues that must be confident, or it is left out.
        weight: of these examples, beside 1 of experimental ones.

    Returns the path of the manifest (`distilled.csv`), to which rows of a manifest of experimental structures can be
    joined.

    Raises:
        InputError: a query cannot be read, or no prediction is confident enough.
    """
    out, rows = Path(out), []
    for name, query in queries.items():
        path = out / f"{file_name(name)}.cif"
        left_out = path.with_suffix(".left_out")
        if not path.exists() and not left_out.exists():
            inputs = features(query, model.config, seed, None if num_recycle is None else num_recycle + 1)
            prediction = predict(model, params, inputs, num_recycle, name=name, notes=(NOTE,))
            keep = prediction.plddt >= confident
            part = float(np.mean(keep))
            if part < covered:
                write(left_out, f"{100 * part:.0f} % of its residues have a pLDDT of {confident:g} or more\n")
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


def _relative(alignment: str | os.PathLike, folder: Path) -> str:
    """The path of an alignment as the manifest has it, relative to its folder."""
    return os.path.relpath(alignment, folder) if alignment else ""
