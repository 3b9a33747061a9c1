"""From an mmCIF or PDB file to gemmi's model of it; what gemmi would misread in silence is put right or refused.

- Neighbouring residues of one number and name are one residue to gemmi: where its CA stands twice, they were two and
  their chain is not read (`fault`). Where other atoms do, they are alternates without identifiers: that of highest
  occupancy is read.
- PDB: coordinates and occupancies that are not numbers are refused (gemmi reads 0), blank occupancies are 1. Lines of
  the format before 1996, which end in the identifier and a number, are cut. Residues under force fields' names get
  those of the PDB. A TER in the middle of a chain does not end it.
- mmCIF: the full sequence may stand in `_entity_poly` alone. The resolution is the first number found in `_refine`,
  then the one of the reconstruction (electron microscopy), then the one in `_reflns`.
"""

import math
import os
import re
from collections.abc import Iterator

import gemmi
from absl import logging

from af2jax.data.monomer import FORCE_FIELDS
from af2jax.data.parse import printable, read_bytes
from af2jax.errors import InputError
from af2jax.words import counted

NUMBER = re.compile(r" *[-+]?(\d+\.?\d*|\.\d+) *")
OLD = re.compile(r"\d[A-Z0-9]{3} *\d+ *")  # the identifier and the number of the line
FULL = "  1.00"  # occupancy
FAULT = "af2jax.fault."  # before a chain's name: why it cannot be read, among the metadata of gemmi's structure
RESOLUTION = ("_refine.ls_d_res_high", "_em_3d_reconstruction.resolution", "_reflns.d_resolution_high")


def read_structure(path: str | os.PathLike) -> gemmi.Structure:
    """The contents of an mmCIF or PDB file (.gz too), with entities; the format is told by the content.

    Raises:
        InputError: the file is missing, damaged, no such file, or has no atoms.
    """
    source = printable(str(path))
    text = _text(path, source)
    try:
        if re.match(r"\s*(?:#[^\n]*\n\s*)*data_", text, re.IGNORECASE):
            structure = _from_mmcif(gemmi.cif.read_string(text))
        elif re.search(r"^\s*_atom_site\.", text, re.MULTILINE):
            raise ValueError('it is mmCIF without a data block; put a line "data_model" at its top')
        else:
            structure = gemmi.read_pdb_string("\n".join(_pdb_lines(text.split("\n"), source)))
            _rename(structure)
        if not len(structure) or not structure[0].count_atom_sites():
            raise ValueError("it has no atoms")
        structure.merge_chain_parts()
        structure.setup_entities()
        _separate_doubles(structure, text.split("\n"), source)
    except InputError:
        raise
    except (RuntimeError, ValueError, IndexError, OSError) as error:
        reason = printable(" ".join(str(error).split())[:200])
        reason = re.sub(r"^string:(\d+):\d+\(\d+\): ", r"line \1: ", reason)
        raise InputError(f"{source} is not an mmCIF or PDB file that can be read: {reason}") from None
    return structure


def fault(structure: gemmi.Structure, chain: str) -> str:
    """Why no residue of the chain with this author's identifier can be trusted, in one line; "": they can."""
    return structure.info[FAULT + chain] if FAULT + chain in structure.info else ""  # noqa: SIM401


def _text(path: str | os.PathLike, source: str) -> str:
    try:
        data = read_bytes(path)
    except InputError:  # a ValueError too
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "the name is not a path"
        raise InputError(f"{source} cannot be read ({reason}); give one mmCIF or PDB file") from None
    if b"\0" in data:
        raise InputError(f"{source} is not text but an archive or a binary format; unpack it, or give mmCIF or PDB")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace")  # one column per byte, as in PDB lines
    return text.replace("\ufffd", "?").replace("\r\n", "\n").replace("\r", "\n")


def _separate_doubles(structure: gemmi.Structure, lines: list[str], source: str) -> None:
    """From here on no atom name stands twice under one alternate location in a residue of a polymer, or its chain has
    a `fault`: CA stands twice, so that these are two residues.

    Of alternates that have lost their identifiers the one of highest occupancy stays, with a warning.
    """
    doubled = 0
    for chain in structure[0]:
        for residue in chain:
            best: dict[tuple[str, str], gemmi.Atom] = {}
            twice = False
            for atom in residue if residue.entity_type == gemmi.EntityType.Polymer else []:
                key = (atom.name, atom.altloc)
                other = best.setdefault(key, atom)
                if other is atom:
                    continue
                if atom.name == "CA":
                    where = _lines_of(atom, residue, chain.name, lines) or f"atoms {other.serial} and {atom.serial}"
                    name = printable(f"{residue.name} {residue.seqid} of chain {chain.name.strip() or '(blank)'}")
                    if not fault(structure, chain.name):
                        structure.info[FAULT + chain.name] = (
                            f"{source}, {where}: CA of {name} stands twice; if these are two residues, give each its "
                            "own number, if they are alternates, a column that says so (altLoc)"
                        )
                twice = not fault(structure, chain.name)
                best[key] = max(other, atom, key=lambda atom: atom.occ)
            if twice:
                doubled += 1
                kept = [atom.clone() for atom in best.values()]
                while len(residue):
                    del residue[len(residue) - 1]
                for atom in kept:
                    residue.add_atom(atom)
    if doubled:
        logging.warning(
            "%s: %s an atom twice without alternate locations; the one of higher occupancy is read",
            source,
            counted(doubled, "residue has", "residues have"),
        )


def _lines_of(atom: gemmi.Atom, residue: gemmi.Residue, chain: str, lines: list[str]) -> str:
    """The first two lines of a PDB file that an atom stands in; "" where there are none, as in mmCIF."""
    wanted = (atom.name, atom.altloc.strip("\0"), residue.name, chain.strip(), str(residue.seqid))
    found = []
    for number, line in enumerate(lines, 1):
        name = FORCE_FIELDS.get(line[17:20].strip(), line[17:20].strip())
        spelt = (line[12:16].strip(), line[16:17].strip(), name, line[20:22].strip(), line[22:27].strip())
        if line.startswith(("ATOM  ", "HETATM")) and spelt == wanted:
            found.append(str(number))
    return f"lines {' and '.join(found[:2])}" if len(found) > 1 else ""


# mmCIF


def _from_mmcif(document: gemmi.cif.Document) -> gemmi.Structure:
    block = next((block for block in document if block.find_values("_atom_site.id")), None)
    if block is None:
        raise ValueError("no data block has atoms (_atom_site)")
    structure = gemmi.make_structure_from_block(block)
    structure.resolution = _resolution(block)
    sequences = {
        row.str(0): row.str(1) for row in block.find("_entity_poly.", ["entity_id", "pdbx_seq_one_letter_code"])
    }
    for entity in structure.entities:
        letters = "".join(sequences.get(entity.name, "?").split())
        if not entity.full_sequence and letters not in ("?", ".", "") and "Peptide" in str(entity.polymer_type):
            entity.full_sequence = gemmi.expand_one_letter_sequence(letters, gemmi.ResidueKind.AA)
    return structure


def _resolution(block: gemmi.cif.Block) -> float:
    """In angstrom; 0 if none is stated."""
    for tag in RESOLUTION:
        for value in block.find_values(tag):
            number = gemmi.cif.as_number(gemmi.cif.as_string(value))
            if math.isfinite(number) and number > 0:
                return number
    return 0.0


# PDB


def _pdb_lines(lines: list[str], source: str) -> Iterator[str]:
    inner = _inner_ends(lines, source)
    for index, line in enumerate(lines):
        if line.startswith(("ATOM  ", "HETATM")):
            line = line[:72] if OLD.fullmatch(line[72:80]) else line
            if not all(NUMBER.fullmatch(line[i : i + 8]) for i in (30, 38, 46)):
                raise InputError(
                    f"{source}, line {index + 1}: the coordinates {line[30:54]!r} are not numbers; correct it"
                )
            occupancy = line[54:60].ljust(6)
            if occupancy.isspace():
                line = line[:54] + FULL + line[60:]
            elif not NUMBER.fullmatch(occupancy):
                raise InputError(f"{source}, line {index + 1}: the occupancy {occupancy!r} is not a number; correct it")
        if index not in inner:
            yield line


def _inner_ends(lines: list[str], source: str) -> set[int]:
    """The lines of TER records after which the amino acids of their chain continue: breaks, not ends, of the chain.

    Raises:
        InputError: the residue before has OXT, or the numbers do not rise: two molecules share an identifier.
    """
    inner: set[int] = set()
    later: dict[str, int] = {}  # by chain, the first line below of an amino acid
    ends: list[int] = []  # TER records below, above which no atom was seen yet
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        chain = line[20:22]
        if line.startswith(("MODEL", "ENDMDL")):
            later, ends = {}, []
        elif line.startswith("TER"):
            ends.append(index)
        elif line.startswith(("ATOM  ", "HETATM")):
            for end in ends if chain in later else []:
                after = lines[later[chain]]
                residue = {x[12:16].strip() for x in lines[max(index - 40, 0) : index + 1] if x[17:27] == line[17:27]}
                if "OXT" in residue or not _rises(line, after):
                    raise InputError(
                        f"{source}, line {end + 1}: TER ends chain {chain.strip() or '(blank)'}, which continues in "
                        f"line {later[chain] + 1}; if they are two molecules, give each its own chain identifier, else "
                        "delete TER and OXT"
                    )
                inner.add(end)
            ends = []
            if line.startswith("ATOM  ") and _amino(line[17:20].strip()):
                later[chain] = index
    return inner


def _rises(before: str, after: str) -> bool:
    try:
        return int(before[22:26]) < int(after[22:26])
    except ValueError:
        return False


def _amino(name: str) -> bool:
    return name in FORCE_FIELDS or gemmi.find_tabulated_residue(name).is_amino_acid()


def _rename(structure: gemmi.Structure) -> None:
    """Protonation states and bonded forms get the names that the PDB gives to their residues."""
    for model in structure:
        for chain in model:
            for residue in chain:
                if residue.name != "HSE" or "ND1" in residue:  # to the PDB, HSE is homoserine
                    residue.name = FORCE_FIELDS.get(residue.name, residue.name)
