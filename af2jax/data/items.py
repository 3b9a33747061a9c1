"""An item of a data set, and what is made of it: its chain read or made up from its sequence, its labels as numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.atoms import ATOM37_INDEX
from af2jax.constants.residues import UNKNOWN, encode
from af2jax.data import motmaen, mutants
from af2jax.data.assembly import number
from af2jax.data.formats import locate
from af2jax.data.label_file import is_label_file, read_array
from af2jax.data.labels import example_of
from af2jax.data.structure import Chain, read_complex
from af2jax.data.templates import load_templates
from af2jax.errors import InputError

KEPT = [ATOM37_INDEX[name] for name in ("N", "CA", "C", "O", "CB")]  # atoms of a residue that is another
MISSING = ("", ".", "na", "n/a", "nan", "none", "null", "?")


@dataclass(frozen=True)
class Item:
    """One protein of a data set, as its row says; nothing is read yet.

    Attributes:
        id: its name, the only one of its data set.
        where: file and line, for messages.
        folder: that paths are relative to.
        sequence: "" where the structure has it; "/" joins chains.
        file: the structure; None: only the sequence is known.
        chain: author's identifier; "": the only one; of a complex several joined by ",", or "*": all.
        msa: paths.
        templates: paths, each of a structure or "path:chain".
        aligned_templates: alphafold_finetune's table of templates.
        placed: pairs "position of the sequence:residue of the structure", counted from 0; "": as the file says.
        weight: how often it is drawn, beside the others.
        split: "train", "valid", "test", or "" where it is to be split.
        values: every other cell by column.
        mutations: that make the sequence of the wild type; (): it is no row of a scan, or the wild type.
        wild: the sequence of the wild type; "" where it is no row of a scan, or the structure has it.
        fault: why it cannot be used; "": it can.
        known: makes the chain of an item whose structure was read before (`af2jax.data.packed`), mutations included;
            then there is no file.
    """

    id: str
    where: str
    folder: Path = Path()
    sequence: str = ""
    file: Path | None = None
    chain: str = ""
    msa: tuple[Path, ...] = ()
    templates: tuple[str, ...] = ()
    aligned_templates: Path | None = None
    placed: str = ""
    weight: float = 1.0
    split: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    mutations: tuple[mutants.Mutation, ...] = ()
    wild: str = ""
    fault: str = ""
    known: Callable | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Label:
    """How the cells of a column are read.

    Attributes:
        residue: one value for each residue; else one for the whole, or for each pair.
        classes: number of classes; 0: numbers.
        names: of the classes, where cells are words, or for residues letters.
        pair: one value for each pair of residues.
        outputs: numbers in place of each value.
    """

    residue: bool
    classes: int = 0
    names: tuple[str, ...] = ()
    pair: bool = False
    outputs: int = 1

    @property
    def axes(self) -> int:
        """Axes of residues: 0, 1, or 2 of pairs."""
        return 2 if self.pair else int(self.residue)


def read(item: Item) -> Chain:
    """The chain of an item; without a structure, or where it has no residue for a position, no atom is known.

    Raises:
        InputError: as in `read_chain`; or the structure is of another sequence.
    """
    if item.fault:
        raise InputError(item.fault)
    if item.known or (item.file is not None and not item.placed):
        known = item.known() if item.known else read_complex(item.file, item.chain or None)
        wild = "" if item.known else item.wild  # a pack has the variant
        if item.sequence and not _same((wild or item.sequence).replace("/", ""), known):
            raise InputError(
                f"{item.where}: the sequence ({len(item.sequence)} residues) is neither the full one of chain "
                f"{known.name} of {known.source} ({len(known.aatype)}), nor its observed residues; correct or delete it"
            )
        return _mutated(known, item) if item.mutations and not item.known else known
    chains = item.sequence.split("/")
    if "" in chains:
        raise InputError(f"{item.where}: chain {chains.index('') + 1} of the sequence is empty")
    aatype, lengths = encode("".join(chains)).astype(np.int32), tuple(map(len, chains))
    positions, mask = np.zeros((len(aatype), 37, 3), np.float32), np.zeros((len(aatype), 37), bool)
    deposited = ""
    if item.file is not None:
        positions, mask, deposited = motmaen.placed(item.file, item.placed, aatype, item.where)
    index = number(chains).residue_index
    lengths = lengths if len(lengths) > 1 else ()
    return Chain(item.where, item.chain or "A", aatype, index, positions, mask, 0.0, "", lengths, deposited)


def _mutated(known: Chain, item: Item) -> Chain:
    """The chain of a variant on the structure of its wild type: of residues that are others the backbone stays, and CB
    unless one of the two is glycine. (Where the variant differs otherwise, nobody knows.)

    Raises:
        InputError: the structure has not the letter that a mutation names.
    """
    whole = np.arange(len(known.aatype))
    place = whole if len(item.wild.replace("/", "")) in (0, len(whole)) else np.flatnonzero(known.observed)
    try:
        mutants.wild_type("".join(known.sequence[i] for i in place), item.mutations)
    except InputError as error:
        raise InputError(f"{item.where}: {error} ({known.source}, chain {known.name})") from None
    aatype, mask = known.aatype.copy(), known.atom_mask.copy()
    for mutation in item.mutations:
        i = place[mutation.position - 1]
        kept = KEPT[:-1] if "G" in (mutation.wild, mutation.new) else KEPT
        aatype[i] = encode(mutation.new)[0]
        mask[i] &= np.isin(np.arange(mask.shape[1]), kept)
    positions = np.where(mask[..., None], known.positions, np.float32(0))
    return replace(known, aatype=aatype, atom_mask=mask, positions=positions)


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
    """The label `name` of an item: int32 (-1: unknown) or float32 (NaN: unknown), [], of residues [N_res], of pairs
    [N_res N_res] over its full sequence; of several numbers with a last axis of them.

    A cell holds one value; for residues a letter for each, or values between spaces or ";"; several numbers of the
    whole between spaces or ";". Or it is the path of a file (`label_file`), which pairs, and several numbers of
    residues, need. There is a value for each residue of the full sequence or for each that is observed.

    Raises:
        InputError: a value is no number, no class, or there are not as many as residues or outputs.
    """
    cell, where = item.values.get(name, "").strip(), f'{item.where}, column "{name}"'
    unknown = np.int32(-1) if what.classes else np.float32(np.nan)
    num, observed, axes = len(known.aatype), known.observed, what.axes
    tail = (what.outputs,) if what.outputs > 1 else ()
    out = np.full((num,) * axes + tail, unknown)
    if cell.lower() in MISSING:
        return out
    if axes and is_label_file(cell):
        given = _counted(read_array(locate(item.folder, cell), where), what)
    elif axes == 2 or (axes and tail):
        of = "pairs" if axes == 2 else "several numbers for each residue"
        raise InputError(f"{where}: labels of {of} are in a file: give the path of a .npy or .csv, not {cell[:40]!r}")
    elif axes or tail:
        parts = cell.replace(";", " ").split()
        given = np.array(list(cell) if axes and len(parts) == 1 else parts)
    else:
        given = np.array(cell)
    if given.shape not in [(size,) * axes + tail for size in (num, int(observed.sum()))]:
        raise InputError(f"{where}: {_shapes(given.shape, num, observed, axes, tail)}")
    place = np.arange(num) if given.shape[:1] == (num,) else np.flatnonzero(observed)
    out[np.ix_(*[place] * axes) if axes else ...] = _values(given, what, where)
    return out


def _counted(given: np.ndarray, what: Label) -> np.ndarray:
    """The text of a file as numbers, where it has no name of a class: named classes may be counted from 0 there."""
    if given.dtype.kind != "U" or not what.names or np.isin(given, what.names).any():
        return given
    try:
        return np.where(np.isin(np.char.lower(given), (*MISSING, "-")), "nan", given).astype(float)
    except ValueError:
        return given


def _shapes(found: tuple, num: int, observed: np.ndarray, axes: int, tail: tuple) -> str:
    """What is wrong with so many values."""
    shown = " x ".join(map(str, found)) or "1"
    if not axes:
        return f"{shown} values for {tail[0]} outputs; give one for each"
    there = f" ({observed.sum()} observed)" if observed.any() else ""
    if axes + len(tail) == 1:
        return f"{shown} values for {num} residues{there}; give one for each"
    wanted = " x ".join(map(str, (num,) * axes + tail))
    return f"{shown} values for {num} residues{there}; give {wanted}"


def _values(given: np.ndarray, what: Label, where: str) -> np.ndarray:
    """Text or numbers as labels."""
    if given.dtype.kind == "U":
        texts, place = np.unique(given, return_inverse=True)
        return np.array([_value(text, what, where) for text in texts.tolist()])[place.ravel()].reshape(given.shape)
    if not what.classes:
        values = given.astype(np.float64)
        wrong = ~(np.isnan(values) | (abs(values) < float(np.finfo(np.float32).max)))
    else:
        values = np.where(np.isnan(given), -1, given) if given.dtype.kind == "f" else given.astype(np.int64)
        wrong = (values != np.floor(values)) | (values < -1) | (values >= what.classes)
    if wrong.any():
        kind = f"none of the classes (0 to {what.classes - 1})" if what.classes else "no number"
        raise InputError(f"{where}: {str(given[wrong][0])!r} is {kind}")
    return values.astype(np.int32 if what.classes else np.float32)


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


def _same(sequence: str, known: Chain) -> bool:
    """Whether a sequence is that of a chain, or of its observed residues; X matches all."""
    codes = encode(sequence)
    for place in (slice(None), known.observed):
        other = known.aatype[place]
        if len(codes) == len(other) and not ((codes != other) & (codes != UNKNOWN) & (other != UNKNOWN)).any():
            return True
    return False
