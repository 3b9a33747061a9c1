"""The chains that af2jax-mini was trained on, and those that it never saw.

A folder of data has `chains.tsv` and `msa_cases.tsv` (identifiers, files and `cluster30`, the name of a cluster of
homologues) and `MANIFEST.tsv`, which has the terms of every file: alignments that are copyleft, or say nothing, are
left out. Clusters go by a hash of their names to one of three sides: "valid" is never trained on; from "confidence" the
heads that judge a structure learn how good the frozen network is on proteins that it has not seen; the rest is "train".
"""

import csv
import hashlib
from pathlib import Path

from af2jax.data.parse import read_text
from af2jax.files import write

VALID, CONFIDENCE = 15, 40  # per cent of the clusters: those up to the first are "valid", up to the second "confidence"
NAMED, SHORT = 20, (40, 64)  # chains to memorise, their lengths
ROWS = 64  # that are kept of an alignment, the nearest to the query
FREE = ("permissive-repo", "pdb-cc0")


def side(cluster: str) -> str:
    """The side of a cluster of homologues."""
    place = int(hashlib.sha256(cluster.encode()).hexdigest(), 16) % 100
    return "valid" if place < VALID else "confidence" if place < CONFIDENCE else "train"


def read(data: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table."""
    with open(data / name, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def chains(data: Path) -> list[dict]:
    """The single chains, with their sides."""
    found = []
    for row in read(data, "chains.tsv"):
        place = side(row["cluster30"])
        if place == "confidence" and not row["resolution"]:
            place = "train"  # without a resolution it teaches the heads of confidence nothing
        found.append({"id": row["id"], "file": data / row["file"], "msa": "", "cluster": row["cluster30"]})
        found[-1] |= {"length": int(row["length"]), "side": place}
    return found


def cases(data: Path, out: Path) -> list[dict]:
    """The chains with an alignment, its first rows written to `out`; none of them is "confidence"."""
    found, terms = [], {row["path"]: row["terms_class"] for row in read(data, "MANIFEST.tsv")}
    for row in read(data, "msa_cases.tsv"):
        native, folder = f"aligned {row['qlen']}|" in row["structures"], data / "msa" / row["case"]
        files = [file for file in sorted(folder.glob("*.a3m*")) if terms[str(file.relative_to(data))] in FREE]
        if not native or not files or "native.pdb" not in row["structures"]:
            continue
        alignment = out / "alignments" / f"{row['case']}.a3m"
        write(alignment, ">".join(read_text(files[0]).split(">")[: ROWS + 1]))
        case = {"id": row["case"], "file": next(folder.glob("native.pdb*")), "msa": alignment}
        case |= {"cluster": row["cluster30"], "length": int(row["qlen"])}
        found.append(case | {"side": "valid" if side(row["cluster30"]) == "valid" else "train"})
    return found


def named(found: list[dict]) -> list[str]:
    """The chains to memorise: the first of the fitting lengths that are trained on."""
    fit = [c["id"] for c in found if c["side"] == "train" and SHORT[0] <= c["length"] <= SHORT[1] and not c["msa"]]
    return sorted(fit)[:NAMED]
