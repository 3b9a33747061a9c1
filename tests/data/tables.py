"""A small data set of our own: three structures, two sequences alone, labels of every kind."""

import csv
from pathlib import Path

from tests.data.molecules import cif, pdb, peptide, save, without

SEQUENCES = {
    "one": "MKTAYIAKQRQISFVKSHFS",
    "two": "GWDLPHENCTYRVKMIQASFGE",
    "three": "PLAWNVHDGKTEYCSRIMFQ",
    "four": "TCWHHPMDNEYGRLIVKASQFP",
    "five": "YQDEMNWCKPGHRSTIVALFYQ",
}
SPLITS = {"one": "train", "two": "train", "three": "valid", "four": "train", "five": "test"}
MISSING = (1, 8, 9, 20)  # residues of "one"


def rows() -> list[dict[str, str]]:
    """One row for each protein."""
    out = []
    for number, (name, sequence) in enumerate(SEQUENCES.items()):
        out.append(
            {
                "id": name,
                "file": {"one": "one.cif", "two": "two.pdb.gz", "three": "three.cif"}.get(name, ""),
                "chain": "A" if name == "two" else "",
                "sequence": "" if name in ("one", "three") else sequence,
                "split": SPLITS[name],
                "ss": ("HEC" * 8)[: len(sequence)],
                "tm": f"{50 + number}.5",
                "kind": "soluble" if number % 2 else "membrane",
            }
        )
    return out


def structures(folder: Path) -> None:
    """The files that `rows` names."""
    save(folder, cif(without(peptide(SEQUENCES["one"]), *MISSING), {1: SEQUENCES["one"]}), "one.cif")
    save(folder, pdb(peptide(SEQUENCES["two"])), "two.pdb.gz")
    save(folder, cif(peptide(SEQUENCES["three"]), {1: SEQUENCES["three"]}), "three.cif")


def table(folder: Path, found: list[dict[str, str]], name: str = "table.csv") -> Path:
    """Writes a table of rows."""
    with open(folder / name, "w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), delimiter="\t" if name.endswith(".tsv") else ",")
        writer.writeheader()
        writer.writerows(found)
    return folder / name


def changed(**cells: dict[str, str]) -> list[dict[str, str]]:
    """`rows` with other cells: `changed(one={"tm": ""})`."""
    return [row | cells.get(row["id"], {}) for row in rows()]
