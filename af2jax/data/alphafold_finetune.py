"""The tables of alphafold_finetune (Motmaen et al., PNAS 120, e2216697120, 2023): structures aligned to a sequence.

A cell "0:0;1:1;..." pairs positions of the sequence, chains joined, with residues of a structure file in their order,
all counted from 0.
"""

import re
from pathlib import Path

import numpy as np

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.residues import encode
from af2jax.data import tables
from af2jax.data.formats import is_file, locate
from af2jax.data.parse import read_text
from af2jax.data.structure import Chain, read_complex
from af2jax.data.templates import PlacedTemplate, place_template, stack
from af2jax.errors import InputError
from af2jax.typing import Bool, Float, Int

COLUMNS = ("template_pdbfile", "target_to_template_alignstring")


def placed(
    file: Path, pairs: str, aatype: Int[np.ndarray, " N_res"], where: str
) -> tuple[Float[np.ndarray, "N_res 37 3"], Bool[np.ndarray, "N_res 37"], str]:
    """(positions [N_res 37 3], atom mask [N_res 37], date of deposition) of a structure over the sequence `aatype`.

    Atoms of a residue of another type are left out but for the backbone's.
    """
    i, j = _pairs(pairs, where)
    known = _residues(file)
    if (len(i) and i.max() >= len(aatype)) or (len(j) and j.max() >= len(known.aatype)):
        raise InputError(
            f"{where}: pairs reach to {i.max()} and {j.max()}; the sequence has {len(aatype)} residues, {file.name} "
            f"{len(known.aatype)}"
        )
    positions, mask = np.zeros((len(aatype), 37, 3), np.float32), np.zeros((len(aatype), 37), bool)
    positions[i], mask[i] = known.positions[j], known.atom_mask[j]
    other = np.zeros(len(aatype), bool)
    other[i] = aatype[i] != known.aatype[j]
    mask[other, 3:] = False
    return positions * mask[..., None], mask, known.deposited


def identity(file: Path, pairs: str, sequence: str, where: str) -> float:
    """The share of the pairs of an alignment string whose residues are of one type; chains joined by "/".

    Raises:
        InputError: as in `placed`.
    """
    aatype = encode(sequence.replace("/", ""))
    i, j = _pairs(pairs, where)
    known = _residues(file)
    if i.max() >= len(aatype) or j.max() >= len(known.aatype):
        raise InputError(f"{where}: pairs reach beyond the sequence or the structure")
    return float((aatype[i] == known.aatype[j]).mean())


def templates(path: Path, known: Chain, config: Config) -> schema.Templates:
    """The templates that a table beside the manifest aligns to the sequence of `known`, the first ones first.

    Raises:
        InputError: the table or a structure cannot be read.
    """
    found: list[PlacedTemplate] = []
    for where, file, pairs in _table(path)[: config.data.max_templates]:
        other = _residues(file)
        i, j = _pairs(pairs, where)
        if (len(i) and i.max() >= len(known.aatype)) or (len(j) and j.max() >= len(other.aatype)):
            raise InputError(f"{where}: pairs reach beyond the sequence or the template")
        found.append(place_template(len(known.aatype), i, other.aatype[j], other, j))
    return stack(found, len(known.aatype), config.data.max_templates)


def template_files(table: Path) -> list[Path]:
    """The structures that a table of templates names.

    Raises:
        InputError: the table cannot be read.
    """
    return [file for _, file, _ in _table(table)]


def _table(path: Path) -> list[tuple[str, Path, str]]:
    """(line, for messages; structure; pairs) for each template of a table."""
    try:
        known = tables.rows(read_text(path), str(path))
        rows = [(f"{path}, line {line}", *(row[name] for name in COLUMNS)) for line, row in known]
    except KeyError:
        rows = []
    if not rows:
        raise InputError(f"{path} is not a table of templates; it needs a row and the columns {' and '.join(COLUMNS)}")
    return [(where, _file(path, name), pairs) for where, name, pairs in rows]


def _file(table: Path, name: str) -> Path:
    """A file that a table of templates names, from its folder or from one above."""
    tried = [locate(folder, name) for folder in (table.parent, table.parent.parent)]
    return next((file for file in tried if is_file(file)), tried[0])


def _pairs(text: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    if not re.fullmatch("([0-9]{1,6}:[0-9]{1,6}(;|$))+", text):
        raise InputError(f"{where}: {text[:40]!r} is not a list of pairs such as 0:0;1:1")
    pairs = np.array([pair.split(":") for pair in text.rstrip(";").split(";")]).astype(int)
    return pairs[:, 0], pairs[:, 1]


def _residues(file: Path) -> Chain:
    """All residues of a file as one chain; one that cannot be read would shift the numbers of the others.

    Raises:
        InputError: a protein chain cannot be read, or there is none.
    """
    whole = read_complex(file, "*")
    own = whole.observed
    arrays = (whole.aatype[own], whole.residue_index[own], whole.positions[own], whole.atom_mask[own])
    return Chain(whole.source, whole.name, *arrays, whole.resolution, whole.method, deposited=whole.deposited)
