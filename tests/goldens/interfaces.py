"""Interface scores of files of our own, by the programs of those who published them: makes `interface_scores.json`.

    python -m tests.goldens.interfaces PYTHON IPSAE LIS PDOCKQ2

PYTHON is that of an environment with ColabFold 1.6.3 (`make colabfold`); the others are scripts, none of which is in
this repository: ipsae.py (github.com/DunbrackLab/IPSAE, version 4), lis_analysis_colabfold.py (flyark/AFM-LIS) and
pDockQ2's (gitlab.com/ElofssonLab/afm-benchmark): `PDOCKQ2 PDB SCORES` prints {chain: pDockQ2} at 8 angstrom as JSON.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from af2jax.protein.files import Protein
from tests.protein.test_files import protein

FILE = Path(__file__).with_name("interface_scores.json")
LENGTHS = {"one chain": (30,), "two": (34, 27), "long": (62, 58), "three": (28, 21, 10), "apart": (22, 10)}
COLABFOLD = """
import json, sys
import numpy as np
from colabfold.alphafold import extra_ptm, ipsae

with np.load(sys.argv[1]) as file:
    d = dict(file)
scores = ipsae.get_interface_scores(d["pae"], d["plddt"], d["asym_id"], d["positions"], d["atom_mask"])
result = {
    "distogram": {"logits": d["distogram"]},
    "predicted_aligned_error": {"logits": d["logits"], "breaks": np.linspace(0, 31, 63)},
}
if len(set(d["asym_id"].tolist())) > 1:
    scores |= extra_ptm.get_chain_and_interface_metrics(result, d["asym_id"], use_probs_extra=True, use_jnp=False)
print(json.dumps(scores))
"""


def case(name: str) -> tuple[Protein, np.ndarray]:
    """A complex of our own and its PAE [N_res N_res] in angstrom, with the digits that its files have."""
    lengths, rng = LENGTHS[name], np.random.default_rng(len(name))
    atoms = protein(lengths, name=name.replace(" ", "_"), notes=())
    size, place = sum(lengths), np.concatenate([np.arange(n) for n in lengths])
    aside = np.array([(0, 0), (7, 2), (3, 8)])[atoms.chain_index] * (60 if name == "apart" else 1)
    axis = np.deg2rad(100) * place
    centre = np.stack([2.3 * np.cos(axis) + aside[:, 0], 2.3 * np.sin(axis) + aside[:, 1], 1.5 * place], axis=1)
    own = rng.normal(size=(size, 37, 3))
    positions = np.round(np.where(atoms.atom_mask[..., None], centre[:, None] + own, 0), 3).astype(np.float32)
    same = atoms.chain_index[:, None] == atoms.chain_index[None]
    far = rng.uniform(13 if name != "apart" else 16, 31, size)[:, None]
    reach = 45 if name == "long" else 12
    near = np.abs(place[:, None] - place[None] + rng.integers(-4, 5, (size, size))) < reach
    pae = np.where(
        same | (near & (name != "apart")), rng.uniform(0.5, 14, (size, size)), far + rng.uniform(0, 1, (size, size))
    )
    atoms = Protein(
        **vars(atoms) | {"positions": positions, "plddt": np.round(rng.uniform(40, 95, size), 2).astype(np.float32)}
    )
    return atoms, np.round(np.minimum(pae, 31.75), 2)


def logits(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits [N_res N_res 64] of PAE and of the distogram, float32."""
    size, rng = sum(LENGTHS[name]), np.random.default_rng(1)
    pae, distogram = (3 * rng.standard_normal((2, size, size, 64))).astype(np.float32)
    return pae, distogram + (np.arange(64) > 50).astype(np.float32) * (8 if name == "apart" else 2)


def main(python: str, ipsae: str, lis: str, pdockq2: str) -> None:
    made = {}
    for name in LENGTHS:
        atoms, pae = case(name)
        with tempfile.TemporaryDirectory() as folder:
            made[name] = _case(Path(folder), python, ipsae, lis, pdockq2, name, atoms, pae)
    FILE.write_text(json.dumps(made, indent=1) + "\n")


def _case(folder: Path, python: str, ipsae: str, lis: str, pdockq2: str, name: str, atoms: Protein, pae) -> dict:
    pdb, scores = folder / "a_unrelaxed_rank_001_model_1.pdb", folder / "a.json"
    pdb.write_text(atoms.to_pdb())
    plddt = np.round(atoms.plddt.astype(float), 2)
    scores.write_text(json.dumps({"plddt": plddt.tolist(), "pae": pae.tolist(), "ptm": 0.5, "iptm": 0.4}))
    run = lambda *arguments: subprocess.run([python, *map(str, arguments)], check=True, capture_output=True, text=True)
    run(ipsae, scores, pdb, 15, 15)
    table = [line.split() for line in folder.joinpath(f"{pdb.stem}_15_15.txt").read_text().splitlines()]
    rows = [dict(zip(table[1], row, strict=True)) for row in table[2:] if row]
    keys = ("ipSAE", "pDockQ", "pDockQ2", "LIS")
    found = {"ipsae.py": {f"{r['Chn1']}-{r['Chn2']}": {k: r[k] for k in keys} for r in rows if r["Type"] == "asym"}}
    run(lis, pdb, scores, "-o", folder / "lis")
    (file,) = (folder / "lis").glob("*.csv")
    header, *lines = (line.split(",") for line in file.read_text().splitlines())
    letters = dict(enumerate("ABC", 1))
    cells = [dict(zip(header[:8], line[:8], strict=True)) for line in lines]  # before the cells that hold lists
    found["AFM-LIS"] = {
        f"{letters[int(c['chain_1'])]}-{letters[int(c['chain_2'])]}": {k: c[k] for k in ("LIS", "cLIS")}
        for c in cells
        if c["chain_1"] != c["chain_2"]
    }
    found["pDockQ2"] = json.loads(run(pdockq2, pdb, scores).stdout)
    pae_logits, distogram = logits(name)
    arrays = {"pae": pae, "plddt": plddt, "asym_id": atoms.chain_index, "positions": atoms.positions}
    np.savez(folder / "a.npz", **arrays, atom_mask=atoms.atom_mask, logits=pae_logits, distogram=distogram)
    return found | {"ColabFold": json.loads(run("-c", COLABFOLD, folder / "a.npz").stdout.splitlines()[-1])}


if __name__ == "__main__":
    main(*sys.argv[1:])
