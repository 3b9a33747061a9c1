"""Which facts does the demo need of real proteins? The table `data/demo_proteins.csv`, made of known structures.

Chains of the PDB (X-ray, 40 to 160 residues, without a gap), one of a cluster at 30 % identity, of clusters that the
trunk of af2jax-mini was never trained on. Test chains are of `mini/unseen.tsv`, which no training of mini may see;
those to learn from and to validate on are of clusters of "confidence" (`corpus.py`), from which the heads that judge
a structure learnt, and they alone. Of each chain the table has its PDB entry, sequence, secondary structure
(`af2jax.protein.secondary`), and the label that is learnt: F where the CA atom has another one within 7 angstrom that
is 12 or more residues away along the chain, so that the fold has brought them together, and N where it has not. No
coordinates. The PDB is CC0.

    python -m experiments.demo_table --data DATA

DATA as in `experiments/corpus.py`. Hardware: 2 CPU cores, seconds; expected result and last good commit:
experiments/README.md.
"""

import re
from pathlib import Path

import numpy as np
from absl import app, flags
from scipy.spatial.distance import cdist

from af2jax.constants.atoms import CA
from af2jax.data.structure import Chain, read_chain
from af2jax.files import write
from af2jax.protein.secondary import secondary
from experiments import corpus

DATA = flags.DEFINE_string("data", None, "Folder of data, as in experiments/corpus.py.", required=True)
TABLE = flags.DEFINE_string("table", str(Path(__file__).parent / "data" / "demo_proteins.csv"), "The table to write.")

COLUMNS = ("id", "pdb", "cluster", "split", "sequence", "ss", "contact")
NAME = re.compile(r"\d[a-z0-9]{3}_\w")  # PDB entry and chain
LENGTHS, LEARN = (40, 160), 50  # residues; proteins to learn from
NEAR, APART = 7.0, 12  # angstrom between CA atoms; residues along the chain


def contact(chain: Chain, near: float = NEAR, apart: int = APART, least: int = 1) -> str:
    """F (far) for each residue that touches `least` ones far away along the chain, else N (near)."""
    ca, place = chain.positions[:, CA], np.arange(len(chain.aatype))
    known = chain.atom_mask[:, CA]
    touches = (cdist(ca, ca) <= near) & (abs(place[:, None] - place[None]) >= apart) & known[:, None] & known[None]
    return "".join("NF"[int(some)] for some in touches.sum(1) >= least)


def chosen(data: Path) -> list[tuple[dict[str, str], corpus.Member]]:
    """The rows of `corpus/chains.tsv` with what they are, one of a cluster, in the order of their names."""
    rows, older = ({row["id"]: row for row in corpus.read(folder, "chains.tsv")} for folder in (data / "corpus", data))
    members = corpus.members(data)
    learnt = {member.cluster for member in members if member.id in older}  # by earlier weights of mini
    found = {}
    for member in sorted(members, key=lambda member: member.id):
        row = rows.get(member.id)
        if row is None or member.msa or member.kind != "natural" or member.side == "train" or member.cluster in learnt:
            continue
        crystal = row["method"].startswith("x-ray") and row["terms"] == "PDB coordinates: CC0"
        if (
            crystal
            and NAME.fullmatch(member.id)
            and row["n_breaks"] == "0"
            and LENGTHS[0] <= int(row["length"]) <= LENGTHS[1]
        ):
            found.setdefault(member.cluster, (row, member))
    return list(found.values())


def main(_) -> None:
    """Writes the table."""
    lines, taught = [",".join(COLUMNS)], 0
    for row, member in chosen(Path(DATA.value)):
        split = "test" if member.side == "valid" else "train" if taught < LEARN else "valid"
        taught += split == "train"
        chain = read_chain(member.file)
        letters = secondary(chain.aatype, chain.positions, chain.atom_mask)
        entry = f"{row['id'][:4].upper()} chain {row['source_chain']}"
        cells = (row["id"], entry, member.cluster, split, chain.sequence, letters, contact(chain))
        lines.append(",".join(cells))
    print(write(TABLE.value, "\n".join(lines) + "\n"), f"{len(lines) - 1} chains")


if __name__ == "__main__":
    app.run(main)
