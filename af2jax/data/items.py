"""An item of a data set, and what is made of it: its chain read or made up from its sequence, its labels as numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.atoms import ATOM37_INDEX
from af2jax.constants.residues import UNKNOWN, encode
from af2jax.data import alphafold_finetune, mutants
from af2jax.data.assembly import number
from af2jax.data.examples import example_of
from af2jax.data.labels import Label, read_label
from af2jax.data.structure import Chain, read_complex
from af2jax.data.templates import load_templates
from af2jax.errors import InputError
from af2jax.typing import Float, Int

KEPT = [ATOM37_INDEX[name] for name in ("N", "CA", "C", "O", "CB")]  # atoms of a residue that is another


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
        mutations: that make the sequence of the wild type; (): it is not a row of a scan, or the wild type.
        wild: the sequence of the wild type; "" where it is not a row of a scan, or the structure has it.
        cyclic_chains: its cyclic chains; None: its table does not say.
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
    cyclic_chains: tuple[str, ...] | None = None
    fault: str = ""
    known: Callable | None = field(default=None, compare=False)


def read_item(item: Item) -> Chain:
    """The chain of an item; without a structure, or where it has no residue for a position, no atom is known.

    Raises:
        InputError: as in `read_chain`; or the structure is of another sequence.
    """
    if item.fault:
        raise InputError(item.fault)
    known = _read(item)
    return known if item.cyclic_chains is None else replace(known, cyclic=item.cyclic_chains)


def _read(item: Item) -> Chain:
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
        positions, mask, deposited = alphafold_finetune.placed(item.file, item.placed, aatype, item.where)
    index = number(chains).residue_index
    lengths = lengths if len(lengths) > 1 else ()
    return Chain(item.where, item.chain or "A", aatype, index, positions, mask, 0.0, "", lengths, deposited)


def _mutated(known: Chain, item: Item) -> Chain:
    """The chain of a variant on the structure of its wild type: of residues that are others the backbone stays, and CB
    unless one of the two is glycine. (Where the variant differs otherwise is not known.)

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


def load_example(
    item: Item, config: Config, crop: int | None, seed: int, labels: Mapping[str, Label]
) -> tuple[schema.Features, schema.Targets]:
    """The example of an item, with the labels asked for in `targets.labels`.

    Raises:
        InputError: its files cannot be used, or a label is not what its column should hold.
    """
    known = read_item(item)
    own = {name: label_of(item, name, what, known) for name, what in labels.items()}
    templates = None
    if item.templates:
        templates = load_templates(item.templates, known.chains, config)
    elif item.aligned_templates and config.template is not None:
        templates = alphafold_finetune.templates(item.aligned_templates, known, config)
    return example_of(known, item.msa or None, config, crop, seed, own, templates)


def label_of(item: Item, name: str, what: Label, known: Chain) -> Float[np.ndarray, "..."] | Int[np.ndarray, "..."]:
    """The label `name` of an item, on its chain; see `labels.read_label`."""
    return read_label(item.values.get(name, ""), what, known, item.folder, f'{item.where}, column "{name}"')


def _same(sequence: str, known: Chain) -> bool:
    """Whether a sequence is that of a chain, or of its observed residues; X matches all."""
    codes = encode(sequence)
    for place in (slice(None), known.observed):
        other = known.aatype[place]
        if len(codes) == len(other) and not ((codes != other) & (codes != UNKNOWN) & (other != UNKNOWN)).any():
            return True
    return False
