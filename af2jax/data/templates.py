"""Templates: known structures aligned to the query, from a user's own files and from the hits of a search.

The rules for hits are AlphaFold's (supplement, section 1.2.3, and its released code).
"""

import datetime
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import gemmi
import jax
import numpy as np
from absl import logging

from af2jax import schema
from af2jax.config import Config
from af2jax.constants.residues import GAP, ONE_TO_THREE, UNKNOWN, encode
from af2jax.data import formats, hits
from af2jax.data.parse import CODE_OF_BYTE, printable, quote, read_bytes
from af2jax.data.structure import Chain, read_chain, read_chains
from af2jax.data.transforms import no_template
from af2jax.errors import InputError, few
from af2jax.files import path_and_chain
from af2jax.typing import Int
from af2jax.words import counted

MIN_ALIGNED = 0.1  # part of the query; hits that cover no more of it are left out
MAX_OF_QUERY = 0.95  # hits of the query's own sequence that cover more of it are left out
MIN_LENGTH = 10  # residues of a hit
MIN_SAME = 0.9  # of the residues, where the sequence of a hit is not that of the file
MIN_ATOMS = 5  # observed, in all: fewer do not make a template
DOUBTFUL = 0.2  # equal residues; below, an alignment of sequences alone is worth a warning
ROUNDING = 0.006  # of the part of equal residues that MMseqs2 writes

Paths = str | os.PathLike | Sequence[str | os.PathLike]


class PlacedTemplate(NamedTuple):
    """One structure aligned to the query."""

    aatype: np.ndarray  # int32 [N_res] codes 0 to 20, 21 where nothing is aligned
    positions: np.ndarray  # float32 [N_res 37 3] angstrom
    atom_mask: np.ndarray  # bool [N_res 37]


class _LeftOut(Exception):
    """Why a hit is not a template."""


def load_templates(
    items: Paths,
    chains: str | Sequence[str],
    config: Config,
    folder: str | os.PathLike | None = None,
    before: str | None = None,
) -> schema.Templates:
    """As many templates as the preset takes, empty ones in the places that are left.

    Of a complex each chain has templates. AlphaFold-Multimer looks at each within its chain, so that as many of every
    chain stand side by side; the other networks do not tell chains apart, so that each has a place for itself, those of
    the chains in turns.

    Args:
        items: files, or one file. A structure, mmCIF or PDB ("1abc.cif", or "1abc.cif:A" for one of its chains), is
            aligned with the query by sequence; of several chains with the one that it is most like, and with its
            copies. Files of hits (`hits.SUFFIXES`) bring their alignments with them; they are of one chain.
        chains: the sequence, one letter for each residue; of a complex that of each chain.
        config: of the preset that will read the features.
        folder: of the structures that hits name: 1abc.cif or 1abc.cif.gz, in small letters or capitals.
        before: "2021-09-30": hits that were released later, or whose file states no date, are left out. A user's own
            structures are taken whatever their date.

    Structures come first, in their order; then the hits, of each file the most probable first. Of the hits are left
    out, as AlphaFold does: those that align with less than 10 % of the query, the query itself (its own sequence over
    more than 95 % of its length), those of less than 10 residues and, in hmmsearch's and MMseqs2's, what repeats an
    earlier one. A hit whose file is missing or damaged is left out too. One warning for each file of hits lists all.

    Raises:
        InputError: a file of `items` is missing, damaged, or of another query; a structure has several protein chains
            and none is named, or no atom of it aligns; there are hits and no `folder`; `before` is not a date.
    """
    items = [items] if isinstance(items, str | os.PathLike) else list(items)
    chains = [chains] if isinstance(chains, str) else chains
    limit = _date(before)
    if config.template is None:
        if items:
            logging.warning("%s reads no templates: those that were given are not used", config.name)
        return no_template(sum(map(len, chains)))
    own: dict[str, list] = {chain: [] for chain in chains}
    for item in items:
        own[_chain_of(item, list(own))].append(item)
    of_chains = {chain: _of_chain(some, chain, config, folder, limit) for chain, some in own.items()}
    parts = [of_chains[chain] for chain in chains]
    if len(parts) > 1 and config.template.fusion == "attention":
        parts = _one_at_a_time(parts)
    return schema.Templates(
        **{name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in PlacedTemplate._fields},
        mask=np.any([part.mask for part in parts], axis=0),
    )


def _one_at_a_time(parts: list[schema.Templates]) -> list[schema.Templates]:
    """Templates of the chains in turns, each in a place in which the other chains have none; the first places count."""
    most = len(parts[0].mask)
    turns = [(place, chain) for place in range(most) for chain, part in enumerate(parts) if part.mask[place]]
    if len(turns) > most:
        logging.warning("%d templates of all chains were given, the preset takes %d", len(turns), most)
    out = [jax.tree.map(lambda x: np.repeat(x, most, axis=0), no_template(part.aatype.shape[1])) for part in parts]
    for to, (place, chain) in enumerate(turns[:most]):
        jax.tree.map(lambda new, old, to=to, place=place: new.__setitem__(to, old[place]), out[chain], parts[chain])
        for other in range(len(parts)):
            if other != chain:
                out[other].aatype[to] = GAP
    return out


def _chain_of(item: str | os.PathLike, chains: Sequence[str]) -> str:
    """The sequence that a template is for."""
    if len(chains) == 1:
        return chains[0]
    if _is_hits(item):
        for chain in chains:
            try:
                hits.read_hits(item, chain)
            except InputError as error:
                reason = error
            else:
                return chain
        raise reason
    known = read_chain(*path_and_chain(item)).sequence

    def same(chain: str) -> int:
        i, j = align(chain, known)
        return sum(chain[a] == known[b] for a, b in zip(i, j, strict=True))

    return max(chains, key=same)


def _is_hits(item: str | os.PathLike) -> bool:
    return formats.plain(str(item).lower()).endswith(hits.SUFFIXES)


def _of_chain(
    items: Sequence[str | os.PathLike],
    query: str,
    config: Config,
    folder: str | os.PathLike | None,
    limit: datetime.date | None,
) -> schema.Templates:
    """The templates of one chain; see `load_templates`."""
    searched = [item for item in items if _is_hits(item)]
    own = [item for item in items if item not in searched]
    if searched and folder is None:
        raise InputError(f"{printable(str(searched[0]))}: hits need template_dir, the folder of their mmCIF files")
    most = config.data.max_templates
    if len(own) > most:
        logging.warning("%d templates were given, the preset takes %d: the others are not used", len(own), most)
    found = [from_structure(item, query) for item in own[:most]]
    files = _mmcif_files(folder) if searched else {}
    for item in searched:
        found += from_hits(item, query, files, limit, most - len(found))
    return stack(found, len(query), most)


def from_structure(item: str | os.PathLike, query: str) -> PlacedTemplate:
    """A user's own structure, "path" or "path:chain", aligned with the query by sequence.

    Raises:
        InputError: see `structure.read_chain`; or no atom of the chain aligns with the query.
    """
    known = read_chain(*path_and_chain(item))
    i, j = align(query, known.sequence)
    template = place_template(len(query), i, known.aatype[j], known, j)
    where = f"template {known.source}, chain {known.name}"
    if template.atom_mask.sum() < MIN_ATOMS:
        raise InputError(f"{where}: no residue of it that was observed aligns with the query; give a homologue")
    same = float(np.mean(encode(query)[i] == known.aatype[j]))
    if same < DOUBTFUL:
        logging.warning(
            "%s: of %d aligned residues %d %% are the query's; is it a homologue?", where, len(i), 100 * same
        )
    return template


def from_hits(
    path: str | os.PathLike, query: str, files: dict[str, Path], limit: datetime.date | None, most: int
) -> list[PlacedTemplate]:
    """The first `most` templates of a file of hits; `files`: mmCIF files by identifier, in small letters.

    Raises:
        InputError: the file is missing, damaged, or of another query.
    """
    found, seen = [], set()
    left_out: dict[str, list[str]] = {}
    listed = hits.read_hits(path, query)
    for hit in sorted(listed, key=lambda hit: -(hit.sum_probs or 0)):
        if len(found) >= most:
            break
        try:
            template = _from_hit(hit, query, files, limit)
        except (_LeftOut, InputError) as reason:
            left_out.setdefault(str(reason), []).append(printable(hit.name))
            continue
        key = template.aatype.tobytes()
        if hit.sum_probs is not None or key not in seen:
            found.append(template)
        seen.add(key)
    if left_out:
        lines = (f"{reason} ({few(names, 5)})" for reason, names in left_out.items())
        used, of = counted(len(found), "template"), counted(len(listed), "hit")
        logging.warning("%s: %s of %s; left out: %s", path, used, of, "; ".join(lines))
    return found


def align(query: str, target: str) -> tuple[Int[np.ndarray, " N_pair"], Int[np.ndarray, " N_pair"]]:
    """The positions that a global alignment of two sequences pairs: BLOSUM62, affine gaps that cost nothing to open at
    the ends. A target of nothing but X is aligned residue by residue to a query of its length.

    gemmi's gaps cost the same everywhere; but around the query lie dummies, with which what is over at the ends of the
    target pairs at the price of a gap's extension, and which lengthen the gap of what is over at the ends of the query.
    """
    dummies = ["-"] * len(target)
    names, against = ([ONE_TO_THREE.get(letter, "UNK") for letter in sequence] for sequence in (query, target))
    scoring = gemmi.AlignmentScoring("b")
    scoring.mismatch = scoring.gape  # of X and dummies, which the table does not have
    result = gemmi.align_string_sequences([*dummies, *names, *dummies], against, [], scoring)
    steps = [(int(length), kind) for length, kind in re.findall(r"(\d+)([MID])", result.cigar_str())]
    i, j = hits.pairs(steps, -len(dummies), 0)
    inside = (i >= 0) & (i < len(query))
    if len(query) == len(target) and not inside.any():
        return np.arange(len(query)), np.arange(len(query))
    return i[inside], j[inside]


def _from_hit(hit: hits.Hit, query: str, files: dict[str, Path], limit: datetime.date | None) -> PlacedTemplate:
    if len(hit.query) <= MIN_ALIGNED * len(query):
        raise _LeftOut("aligned with too little of the query")
    if hit.sequence:
        _check(hit.sequence, query)
    if hit.entry not in files:
        raise _LeftOut("no mmCIF file in template_dir")
    path = files[hit.entry]
    if limit and ((released := _released(path)) is None or released > limit):
        raise _LeftOut(f"released after {limit}" if released else "no release date in its file")
    chain, place, letters = _find(hit, path) if hit.sequence else _find_by_number(hit, query, path)
    i, j = hit.query[place >= 0], place[place >= 0]
    template = place_template(len(query), i, letters[place >= 0], chain, j)
    if template.atom_mask.sum() < MIN_ATOMS:
        raise _LeftOut("no atoms where it aligns")
    return template


def _check(sequence: str, query: str) -> None:
    """Leaves out the query itself, and what is too short."""
    if len(sequence) > MAX_OF_QUERY * len(query) and sequence in query:
        raise _LeftOut("the query itself")
    if len(sequence) < MIN_LENGTH:
        raise _LeftOut("too short")


def _find(hit: hits.Hit, path: Path) -> tuple[Chain, np.ndarray, np.ndarray]:
    """The chain that has the sequence of the hit, and for each aligned residue its position there (-1: none) and type.

    It is the chain that the hit names, or another, with this sequence; or with it but for X; or else the one named,
    or the only one, realigned where nine tenths of the residues are equal.
    """
    chains: list[Chain] = []
    for chain in read_chains(path, hit.chain):
        if (start := chain.sequence.find(hit.sequence)) >= 0:
            return chain, start + hit.target, _codes(hit.sequence)[hit.target]
        chains.append(chain)
    codes = _codes(hit.sequence)
    for chain in chains:
        if len(chain.aatype) >= len(codes):
            windows = np.lib.stride_tricks.sliding_window_view(chain.aatype, len(codes))
            fits = ((windows == codes) | (windows == UNKNOWN) | (codes == UNKNOWN)).all(axis=1)
            if fits.any():
                return chain, int(np.argmax(fits)) + hit.target, codes[hit.target]
    named = [chain for chain in chains if chain.name == hit.chain] or chains
    if len(named) != 1:
        raise _LeftOut("its file has no such chain")
    i, j = align(hit.sequence, named[0].sequence)
    if (codes[i] == named[0].aatype[j]).sum() < MIN_SAME * min(len(codes), len(named[0].aatype)):
        raise _LeftOut("its file has another sequence")
    place = np.full(len(codes), -1)
    place[i] = j
    return named[0], place[hit.target], named[0].aatype[place[hit.target]]


def _find_by_number(hit: hits.Hit, query: str, path: Path) -> tuple[Chain, np.ndarray, np.ndarray]:
    """The same for a hit without sequence, which counts the residues of its chain."""
    chain, j = read_chain(path, hit.chain), hit.target
    if j.max(initial=0) >= len(chain.aatype):
        raise _LeftOut("its file has another sequence")
    if abs(float(np.mean(encode(query)[hit.query] == chain.aatype[j])) - hit.identity) > ROUNDING:
        raise _LeftOut("its file has another sequence")
    _check(chain.sequence[j[0] : j[-1] + 1], query)
    return chain, j, chain.aatype[j]


def _codes(sequence: str) -> np.ndarray:
    return CODE_OF_BYTE[np.frombuffer(sequence.encode(), np.uint8)].astype(np.int32)


def place_template(
    n_res: int,
    i: Int[np.ndarray, " N_pair"],
    codes: Int[np.ndarray, " N_pair"],
    chain: Chain,
    j: Int[np.ndarray, " N_pair"],
) -> PlacedTemplate:
    """A template of `n_res` positions, of which i have the residues j of a chain, as types `codes`."""
    aatype = np.full(n_res, GAP, np.int32)
    positions = np.zeros((n_res, *chain.positions.shape[1:]), np.float32)
    atom_mask = np.zeros((n_res, *chain.atom_mask.shape[1:]), bool)
    aatype[i], positions[i], atom_mask[i] = codes, chain.positions[j], chain.atom_mask[j]
    return PlacedTemplate(aatype, positions, atom_mask)


def stack(found: list[PlacedTemplate], n_res: int, places: int) -> schema.Templates:
    """The templates, and empty places up to their number."""
    empty = no_template(n_res)
    out = [schema.Templates(*template, np.bool_(True)) for template in found]
    out += [jax.tree.map(lambda x: x[0], empty)] * (places - len(found))
    return jax.tree.map(lambda *fields: np.stack(fields), *out)


def _date(before: str | None) -> datetime.date | None:
    try:
        return before if before is None else datetime.date.fromisoformat(before)
    except ValueError:
        raise InputError(f"max_template_date: {quote(before)} is not a date; write it as 2021-09-30") from None


def _released(path: Path) -> datetime.date | None:
    """The date of the first revision of an entry of the PDB; None: the file states none."""
    try:
        document = gemmi.cif.read_string(read_bytes(path).decode("utf-8", "replace"))
        values = [v for block in document for v in block.find_values("_pdbx_audit_revision_history.revision_date")]
        return min((datetime.date.fromisoformat(gemmi.cif.as_string(value)) for value in values), default=None)
    except (ValueError, RuntimeError, OSError) as error:
        raise _LeftOut("its file cannot be read") from error


def _mmcif_files(folder: str | os.PathLike) -> dict[str, Path]:
    """The mmCIF files of a folder by their identifiers, in small letters."""
    try:
        files = sorted(Path(folder).iterdir())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name is not a path"
        raise InputError(f"template_dir {printable(str(folder))} cannot be read: {reason}") from None
    names = [(formats.plain(path.name.lower()), path) for path in files]
    return {name.removesuffix(".cif"): path for name, path in names if name.endswith(".cif")}
