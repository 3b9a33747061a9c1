"""Queries in the files of other programs: the proteins of AlphaFold Server, AlphaFold 3, Boltz and Chai.

What such a file asks for and this program cannot do fails its query, by name; nothing of it is left out in silence.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from absl import logging

from af2jax.data.parse import printable
from af2jax.errors import InputError

OTHERS = {  # what is not a protein, by the words of these programs
    **dict.fromkeys(["dna", "dnaSequence"], "DNA"),
    **dict.fromkeys(["rna", "rnaSequence"], "RNA"),
    **dict.fromkeys(["ligand", "smiles", "ccd"], "a ligand"),
    "glycan": "a glycan",
    "ion": "an ion",
}
PROTEINS = ("protein", "proteinChain")
READ = {"id", "sequence", "count", "msa", "description"}  # keys of a protein
SILENT = {"name", "sequences", "dialect", "version", "modelSeeds"}  # keys of a query
NOTHING = (None, False, "", [], {}, "empty")


class Input(NamedTuple):
    """One query of such a file."""

    name: str
    chains: tuple[str, ...]
    msa: tuple[str, ...]  # paths of alignments
    fault: str  # why it cannot be folded; "": it can


def header(name: str) -> tuple[str, str, str]:
    """(label, what it is if no protein, path of an alignment) of a FASTA header.

    Chai writes "protein|name=binder", Boltz "A|protein|path"; other headers are their own labels.
    """
    fields = [field.strip() for field in name.split("|")]
    kinds = [field.lower().split("=")[0] for field in fields]
    if kinds[0] in (*OTHERS, "protein") and len(fields) > 1:
        return fields[1].removeprefix("name="), OTHERS.get(kinds[0], ""), ""
    if len(fields) > 1 and kinds[1] in (*OTHERS, "protein"):
        path = fields[2] if len(fields) > 2 else ""
        return fields[0], OTHERS.get(kinds[1], ""), "" if path in NOTHING else path
    return name, "", ""


def locate(folder: Path, name: str) -> Path:
    """A file or folder that a record names: relative to the record's file, or else to the current folder."""
    beside = folder / name
    return beside if beside.exists() or not Path(name).exists() else Path(name)


def no_protein(what: str) -> str:
    """Why a record that is not a protein cannot be folded."""
    return f"it is {what}, and this program folds proteins alone; leave it out"


def parse_json(text: str, source: str) -> list[Input]:
    """The queries in JSON of AlphaFold Server or AlphaFold 3.

    Raises:
        InputError: it is not JSON, or of another program.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source} cannot be read as JSON ({str(error)[:100]}); write it again") from None
    return _entries(found if isinstance(found, list) else [found], source)


def parse_yaml(text: str, source: str) -> list[Input]:
    """The query in YAML of Boltz.

    Raises:
        InputError: it is not YAML, or of another program.
    """
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = printable(" ".join(str(error).split())[:200])
        raise InputError(f"{source} cannot be read as YAML ({reason}); write it again") from None
    return _entries([found], source)


def _entries(queries: list, source: str) -> list[Input]:
    if not queries or not all(
        isinstance(query, dict) and isinstance(query.get("sequences"), list) for query in queries
    ):
        raise InputError(
            f'{source} is not an input of AlphaFold Server, AlphaFold 3 or Boltz: no list "sequences"; give FASTA '
            "or a table with the columns id and sequence"
        )
    if seeds := [query["modelSeeds"] for query in queries if query.get("modelSeeds") not in NOTHING]:
        logging.warning(
            "%s: modelSeeds (%s) are not used: --random-seed and --num-seeds say the seeds of all queries",
            source,
            printable(", ".join(map(str, seeds))[:100]),
        )
    return [_entry(query) for query in queries]


def _entry(query: dict) -> Input:
    chains: list[str] = []
    paths: list[str] = []
    faults = [f'it asks for "{key}"' for key in _asked(query, SILENT)]
    for molecule in query["sequences"]:
        for kind, body in molecule.items() if isinstance(molecule, dict) else [("a chain", None)]:
            if kind in OTHERS:
                faults.append(f"it has {OTHERS[kind]}")
            elif kind not in PROTEINS or not isinstance(body, dict) or not isinstance(body.get("sequence"), str):
                faults.append(f"it has {printable(str(kind))} without a sequence")
            else:
                faults += [f'a protein asks for "{key}"' for key in _asked(body, READ)]
                chains += [body["sequence"]] * _copies(body)
                paths += [str(body["msa"])] if body.get("msa") not in NOTHING else []
    faults += [] if chains else ["it has no protein"]
    reasons = ", ".join(dict.fromkeys(printable(fault) for fault in faults))
    fault = f"{reasons}; this program folds proteins alone, as they are: leave it out" if faults else ""
    fault += ", and give alignments by --msa" if fault and 'Msa"' in reasons else ""
    return Input(str(query.get("name") or ""), tuple(chains), tuple(dict.fromkeys(paths)), fault)


def _asked(body: dict[str, Any], known: set[str]) -> Iterator[str]:
    """The keys that ask for something that is not done."""
    return (str(key) for key, value in body.items() if key not in known and value not in NOTHING)


def _copies(body: dict) -> int:
    """How often a protein is there: "count" of AlphaFold Server, or the number of its "id"s."""
    count = body.get("count", len(body["id"]) if isinstance(body.get("id"), list) else 1)
    return count if isinstance(count, int) and 0 < count < 1000 else 1
