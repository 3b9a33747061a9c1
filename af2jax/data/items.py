"""An item of a data set as an example: its chain read or made up from its sequence, its labels as numbers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.residues import UNKNOWN, encode
from af2jax.data import motmaen
from af2jax.data.assembly import number
from af2jax.data.dataset import Item, locate
from af2jax.data.labels import example_of
from af2jax.data.structure import Chain, read_complex
from af2jax.data.templates import load_templates
from af2jax.errors import InputError

MISSING = ("", ".", "na", "n/a", "nan", "none", "null", "?")


@dataclass(frozen=True)
class Label:
    """How the cells of a column are read.

    Attributes:
        residue: one value for each residue; else one for the whole.
        classes: number of classes; 0: numbers.
        names: of the classes, where cells are words, or for residues letters.
    """

    residue: bool
    classes: int = 0
    names: tuple[str, ...] = ()


def read(item: Item) -> Chain:
    """The chain of an item; without a structure, or where it has no residue for a position, no atom is known.

    Raises:
        InputError: as in `read_chain`; or the structure is of another sequence.
    """
    if item.known or (item.file is not None and not item.placed):
        known = item.known() if item.known else read_complex(item.file, item.chain or None)
        if item.sequence and not _same(item.sequence.replace("/", ""), known):
            raise InputError(
                f"{item.where}: the sequence ({len(item.sequence)} residues) is neither the full one of chain "
                f"{known.name} of {known.source} ({len(known.aatype)}), nor its observed residues; correct or delete it"
            )
        return known
    chains = item.sequence.split("/")
    if "" in chains:
        raise InputError(f"{item.where}: chain {chains.index('') + 1} of the sequence is empty")
    aatype, lengths = encode("".join(chains)).astype(np.int32), tuple(map(len, chains))
    positions, mask = np.zeros((len(aatype), 37, 3), np.float32), np.zeros((len(aatype), 37), bool)
    if item.file is not None:
        positions, mask = motmaen.placed(item.file, item.placed, aatype, item.where)
    index = number(chains).residue_index
    lengths = lengths if len(lengths) > 1 else ()
    return Chain(item.where, item.chain or "A", aatype, index, positions, mask, 0.0, "", lengths)


def load(
    item: Item, config: Config, crop: int | None, seed: int, labels: Mapping[str, Label]
) -> tuple[schema.Features, schema.Targets]:
    """The example of an item, with the labels asked for in `targets.labels`.

    Raises:
        InputError: its files cannot be used, or a label is not what its column should hold.
    """
    known = read(item)
    own = {name: label(item, name, what, known) for name, what in labels.items()}
    templates = None
    if item.templates:
        templates = load_templates(item.templates, known.chains, config)
    elif item.aligned_templates and config.template is not None:
        templates = motmaen.templates(item.aligned_templates, known, config)
    return example_of(known, item.msa or None, config, crop, seed, own, templates)


def label(item: Item, name: str, what: Label, known: Chain) -> np.ndarray:
    """The label `name` of an item: [] or [N_res] of its full sequence, int32 (-1: unknown) or float32 (NaN: unknown).

    A cell holds one value; for residues a letter for each, values between spaces or ";", or the path of a .npy file,
    one for each residue of the full sequence or for each that is observed.

    Raises:
        InputError: a value is no number, no class, or there are not as many as residues.
    """
    cell, where = item.values.get(name, "").strip(), f'{item.where}, column "{name}"'
    unknown = np.int32(-1) if what.classes else np.float32(np.nan)
    num, observed = len(known.aatype), known.observed
    if cell.lower() in MISSING:
        return np.full((num,) if what.residue else (), unknown)
    if not what.residue:
        return np.asarray(_value(cell, what, where))
    if cell.endswith(".npy"):
        parts = [str(value) for value in _array(locate(item.folder, cell), where)]
    elif len(parts := cell.replace(";", " ").split()) == 1:
        parts = list(cell)
    if len(parts) not in (num, observed.sum()):
        there = f" ({observed.sum()} observed)" if observed.any() else ""
        raise InputError(f"{where}: {len(parts)} values for {num} residues{there}; give one for each")
    out = np.full(num, unknown)
    out[slice(None) if len(parts) == num else observed] = [_value(part, what, where) for part in parts]
    return out


def _value(text: str, what: Label, where: str) -> np.int32 | np.float32:
    if what.names and text in what.names:
        return np.int32(what.names.index(text))
    if text.lower() in MISSING or text == "-":
        return np.int32(-1) if what.classes else np.float32(np.nan)
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not abs(number) < float(np.finfo(np.float32).max):
        cure = f"known classes: {', '.join(what.names)}" if what.names else "give a number, or name the classes"
        raise InputError(f"{where}: {text[:40]!r} is no {'class' if what.names else 'number'}; {cure}")
    if not what.classes:
        return np.float32(number)
    if what.names or number != int(number) or not 0 <= number < what.classes:
        known = ", ".join(what.names) or f"0 to {what.classes - 1}"
        raise InputError(f"{where}: {text[:40]!r} is none of the classes ({known})")
    return np.int32(number)


def _array(path: str | os.PathLike, where: str) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{where}: {path} cannot be read ({type(error).__name__}); give a .npy of numbers") from None
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "biuf":
        raise InputError(f"{where}: {path} is no list of numbers")
    return values


def _same(sequence: str, known: Chain) -> bool:
    """Whether a sequence is that of a chain, or of its observed residues; X matches all."""
    codes = encode(sequence)
    for place in (slice(None), known.observed):
        other = known.aatype[place]
        if len(codes) == len(other) and not ((codes != other) & (codes != UNKNOWN) & (other != UNKNOWN)).any():
            return True
    return False
