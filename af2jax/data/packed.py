"""A data set in one file (.npz): the items of a table with their chains read, for trainings that draw each many times.

Coordinates are kept as whole thousandths of an angstrom, which is what PDB and mmCIF files state; what is read from a
pack is bit-identical to what is read from the files, and `pack` looks whether it is.
"""

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from af2jax.data.items import Item, read_item
from af2jax.data.labels import is_label_file
from af2jax.data.mutants import Mutation
from af2jax.data.parse import printable
from af2jax.data.structure import Chain
from af2jax.errors import InputError
from af2jax.files import DAMAGED, whole

UNIT = 1000  # of coordinates, per angstrom
FORMAT = 1
PLAIN = ("id", "sequence", "chain", "weight", "split")  # fields of an item that are kept as they are


def pack(items: Sequence[Item], out: str | os.PathLike) -> Path:
    """Writes the items (`af2jax.data.dataset.read_dataset`) to `out`; alignments stay files, found from its folder.

    Raises:
        InputError: a structure cannot be read, or states more than thousandths of an angstrom; a mutant does not fit
            its wild type; an item has templates, residues that are placed by hand, or labels in a file, which a
            pack does not hold.
    """
    out = Path(out).resolve()
    if out.suffix != ".npz":
        raise InputError(f"{printable(str(out))}: a packed data set is called .npz; rename it")
    rows, chains = [], []
    for item in items:
        other = item.templates or item.aligned_templates or item.placed
        if other or any(map(is_label_file, item.values.values())):
            raise InputError(f"{item.where}: templates, placed residues and labels in files cannot be packed")
        known = read_item(item) if item.file is not None or item.known or item.fault else None
        scan = {"wild": item.wild, "mutations": list(item.mutations)} if item.mutations or item.wild else {}
        scan |= {} if item.cyclic_chains is None else {"cyclic": list(item.cyclic_chains)}
        rows.append(
            {name: getattr(item, name) for name in PLAIN}
            | scan
            | {"msa": [os.path.relpath(file, out.parent) for file in item.msa], "values": dict(item.values)}
            | {"known": None if known is None else _facts(known)}
        )
        chains += [known] if known else []
    text = json.dumps({"format": FORMAT, "items": rows}).encode()
    with whole(out) as part, open(part, "wb") as file:
        np.savez_compressed(
            file,
            items=np.frombuffer(text, np.uint8),
            sizes=np.array([len(c.aatype) for c in chains], np.int32),
            aatype=np.concatenate([np.zeros(0, np.int8), *(c.aatype.astype(np.int8) for c in chains)]),
            residue_index=np.concatenate([np.zeros(0, np.int32), *(c.residue_index for c in chains)]),
            atom_mask=np.concatenate([np.zeros((0, 37), bool), *(c.atom_mask for c in chains)]),
            positions=np.concatenate([np.zeros((0, 3), np.int32), *map(_whole_numbers, chains)]),
        )
    return out


def unpack(path: str | os.PathLike) -> list[Item]:
    """The items of a pack; each makes its chain when it is read.

    Raises:
        InputError: the file is missing, damaged, or no pack.
    """
    path, source = Path(path), printable(str(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        text = json.loads(arrays.pop("items").tobytes())
        if text["format"] != FORMAT:
            raise InputError(f"{source} was packed by another version of af2jax; pack its table again")
        ends = np.cumsum(arrays.pop("sizes"))
        atoms = np.append(0, np.cumsum(arrays["atom_mask"].sum(axis=1)))
        residues = iter(map(slice, [0, *ends], ends))
        items = []
        for number, row in enumerate(text["items"], 1):
            facts, known = row["known"], None
            if facts is not None:
                part = next(residues)
                known = partial(_chain, arrays, part, slice(atoms[part.start], atoms[part.stop]), facts)
            msa, plain = tuple(path.parent / file for file in row["msa"]), {name: row[name] for name in PLAIN}
            mutations = tuple(Mutation(*one) for one in row.get("mutations", ()))
            plain |= {"mutations": mutations, "wild": row.get("wild", "")}  # of a scan
            plain |= {"cyclic_chains": tuple(row["cyclic"])} if "cyclic" in row else {}
            where = f"{source}, item {number}"
            items.append(Item(where=where, folder=path.parent, msa=msa, values=row["values"], known=known, **plain))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or 'it is not an .npz file'}") from None
    except (*DAMAGED, TypeError, IndexError, StopIteration) as error:
        raise InputError(
            f"{source} is not a packed data set, or damaged ({type(error).__name__}); pack it again"
        ) from None
    return items


def _facts(known: Chain) -> dict:
    return {name: getattr(known, name) for name in ("source", "name", "resolution", "method", "lengths")}


def _whole_numbers(known: Chain) -> np.ndarray:
    """The observed atoms in units of 1 / `UNIT` angstrom: int32 [N_atom 3]."""
    seen = known.positions[known.atom_mask]
    numbers = np.rint(seen.astype(np.float64) * UNIT).astype(np.int32)
    if _angstrom(numbers).tobytes() != seen.tobytes():
        raise InputError(
            f"{known.source}: coordinates are stated to more than a thousandth of an angstrom; round them to three "
            "decimals to pack them"
        )
    return numbers


def _angstrom(numbers: np.ndarray) -> np.ndarray:
    return (numbers / UNIT).astype(np.float32)


def _chain(arrays: Mapping[str, np.ndarray], residues: slice, atoms: slice, facts: dict) -> Chain:
    mask = arrays["atom_mask"][residues]
    positions = np.zeros((*mask.shape, 3), np.float32)
    positions[mask] = _angstrom(arrays["positions"][atoms])
    return Chain(
        aatype=arrays["aatype"][residues].astype(np.int32),
        residue_index=arrays["residue_index"][residues],
        positions=positions,
        atom_mask=mask,
        **facts | {"lengths": tuple(facts["lengths"])},
    )
