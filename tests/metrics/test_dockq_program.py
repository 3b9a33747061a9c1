"""DockQ equals the published program on models of real complexes.

The program is DockQ 2.1.3 from PyPI (MIT licence). It needs NumPy 1, so it lives in an environment of its own: install
it there, put its folder on PATH, and `test_equal_to_the_program` compares again, on the files that `write` makes.
`PROGRAM` holds what it said of them: `DockQ model.pdb native.pdb --json out.json --n_cpu 1` with DockQ 2.1.3, NumPy
1.26.4 and Biopython 1.88; for "another copy" `--mapping BD:AC` on 3L4Q.pdb.gz twice, as it is.
"""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from af2jax.data.protein import read_protein
from af2jax.metrics.dockq import compare
from af2jax.protein.files import Protein
from af2jax.protein.record import chain_name

FILES = {
    "3l4q": "pdb/alphapulldown__3L4Q.pdb.gz",  # A, B and C, D: two dimers of two proteins in contact
    "4hhb": "mmcif/tests-data__4hhb.cif.gz",  # haemoglobin: A, C and B, D
    "4i6p": "mmcif/openfold__4i6p.cif.gz",  # a homodimer of 84 and 82 residues
    "5nmu": "pdb/alphafold__5nmu.pdb.gz",  # B to G: six chains of one protein
    "6qwn": "mmcif/dockq__6qwn-assembly2.cif.gz",  # B and G: 338 and 47 residues
    "7cfn": "mmcif/biopython__7CFN_aligned.cif.gz",  # a receptor with G protein and nanobody, five chains
}
CASES = {
    "another copy": "3l4q",
    "moved": "6qwn",
    "perturbed": "4hhb",
    "swapped": "4i6p",
    "six exchanged": "5nmu",
    "a piece missing": "3l4q",
    "atoms missing": "7cfn",
    "a chain missing": "4hhb",
    "far away": "6qwn",
}

# {chains of the native: (chains of the model, DockQ, fnat, iRMS, LRMS, fnonnat)}, GlobalDockQ
PROGRAM = {
    "another copy": ({"AC": ("BD", 0.92487, 0.96078, 0.58023, 2.07065, 0.03922)}, 0.92487),
    "moved": ({"BG": ("BG", 0.79012, 0.87719, 1.26474, 2.69453, 0.44134)}, 0.79012),
    "perturbed": (
        {
            "AB": ("CD", 0.83755, 0.94545, 1.25354, 1.26313, 0.33333),
            "AC": ("CA", 0.83231, 0.91667, 1.21936, 1.27056, 0.21429),
            "AD": ("CB", 0.6718, 0.72222, 1.58984, 3.95236, 0.16129),
            "BC": ("DA", 0.86146, 1.0, 1.20518, 1.31344, 0.25),
            "CD": ("AB", 0.79143, 0.90909, 1.3718, 2.49564, 0.38272),
        },
        0.79891,
    ),
    "swapped": ({"AB": ("BA", 0.90421, 0.97143, 0.86143, 0.88787, 0.19048)}, 0.90421),
    "six exchanged": (
        {
            "BC": ("CH", 0.34412, 0.25581, 3.4262, 6.71511, 0.55405),
            "BG": ("CE", 0.47625, 0.64286, 3.33807, 6.68437, 0.73305),
            "CD": ("HF", 0.85828, 0.91753, 1.04744, 1.0459, 0.19091),
            "DE": ("FD", 0.85022, 0.89844, 1.0592, 1.05089, 0.14815),
            "EF": ("DG", 0.86256, 0.92708, 1.03903, 1.05495, 0.23932),
            "FG": ("GE", 0.87074, 0.95312, 1.04269, 1.05367, 0.15862),
        },
        0.71036,
    ),
    "a piece missing": (
        {
            "AB": ("AB", 0.65077, 0.5, 1.53977, 1.60949, 0.57143),
            "AC": ("AC", 0.74285, 0.76471, 1.51034, 1.56308, 0.26415),
            "AD": ("AD", 0.76258, 0.85714, 1.61512, 1.55818, 0.30233),
            "BC": ("BC", 0.80363, 0.9697, 1.57277, 1.62228, 0.36),
            "BD": ("BD", 0.80271, 0.96078, 1.55546, 1.60662, 0.35526),
        },
        0.75251,
    ),
    "atoms missing": (
        {
            "AB": ("AB", 0.8139, 0.92771, 1.38094, 1.42315, 0.3),
            "AN": ("AN", 0.81352, 0.92857, 1.39509, 1.3386, 0.36066),
            "AR": ("AR", 0.81025, 0.92647, 1.40798, 1.42466, 0.25882),
            "BG": ("BG", 0.77411, 0.816, 1.4007, 1.43923, 0.27143),
            "BN": ("BN", 0.77644, 0.82353, 1.41243, 1.34022, 0.3913),
            "BR": ("BR", 0.76323, 0.75, 1.30859, 1.44641, 0.25),
        },
        0.79191,
    ),
    "a chain missing": (
        {
            "AB": ("AB", 0.79009, 0.98182, 1.73228, 1.73613, 0.4375),
            "AD": ("AD", 0.77875, 0.94444, 1.7136, 1.78039, 0.35849),
        },
        0.78442,
    ),
    "far away": ({"BG": ("BG", 0.00737, 0, 25.99119, 61.41389, 0)}, 0.00737),
}


def rotation(angle: float) -> np.ndarray:
    """A turn by `angle` about (1, 2, 3)."""
    x, y, z = np.array([1, 2, 3]) / np.sqrt(14)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def letters(protein: Protein) -> np.ndarray:
    """The name of each residue's chain."""
    return np.array([chain_name(c) for c in protein.chain_index.tolist()])


def rows(protein: Protein, keep: np.ndarray) -> Protein:
    """The residues of `keep`."""
    names = ("aatype", "positions", "atom_mask", "residue_index", "chain_index", "plddt")
    return replace(protein, **{name: getattr(protein, name)[keep] for name in names})


def tidy(protein: Protein) -> Protein:
    """Chains in the order of their letters, residues with atoms alone, positions as a PDB file has them."""
    protein = rows(protein, np.argsort(protein.chain_index, kind="stable"))
    protein = rows(protein, protein.atom_mask.any(1))
    return replace(protein, positions=np.round(protein.positions.astype(float), 3))


def shaken(protein: Protein, size: float, seed: int = 0) -> Protein:
    """Every atom moved at random."""
    noise = np.random.default_rng(seed).normal(size=protein.positions.shape) * size
    return replace(protein, positions=protein.positions + noise)


def moved(protein: Protein, chain: str, angle: float, shift: float) -> Protein:
    """One chain turned about its middle, and shifted."""
    here = letters(protein) == chain
    x = protein.positions.copy()
    middle = x[here][protein.atom_mask[here]].mean(0)
    x[here] = (x[here] - middle) @ rotation(angle).T + middle + shift * np.array([2, -1, 2]) / 3
    return replace(protein, positions=x)


def make(case: str, shared) -> tuple[Protein, Protein]:
    """(model, native) of a case."""
    native = read_protein(shared / "data/structures" / FILES[CASES[case]])
    letter = letters(native)
    if case == "another copy":
        return rows(native, np.isin(letter, ["B", "D"])), rows(native, np.isin(letter, ["A", "C"]))
    native = tidy(native)
    letter = letters(native)
    if case == "moved":
        model = moved(native, "G", 0.2, 2.0)
    elif case == "perturbed":
        model = shaken(moved(native, "B", 0.1, 1.0), 0.7)
    elif case == "swapped":
        model = shaken(replace(native, chain_index=1 - native.chain_index), 0.5)
    elif case == "six exchanged":
        model = shaken(moved(replace(native, chain_index=1 + 5 * native.chain_index % 7), "C", 0.3, 3.0), 0.6)
    elif case == "a piece missing":
        rank = np.arange(len(letter)) - np.searchsorted(letter, letter)
        lost = (letter == "C") & (rank > 40) & (rank < 70) | (letter == "A") & (rank < 9)
        model = shaken(rows(native, ~lost), 0.9)
    elif case == "atoms missing":
        some = lambda protein, seed: protein.atom_mask & (np.random.default_rng(seed).random((len(letter), 37)) < 0.9)
        model = replace(shaken(native, 0.8), atom_mask=some(native, 1))
        native = replace(native, atom_mask=some(native, 2))
        native = rows(native, ~((letter == "R") & (np.arange(len(letter)) % 11 == 0)))
    elif case == "a chain missing":
        model = shaken(rows(native, letter != "C"), 1.0)
    else:
        model = moved(native, "G", 2.0, 60.0)
    return tidy(model), native


def write(case: str, shared, folder) -> list:
    """The arguments of the program."""
    if case == "another copy":
        raw = str(shared / "data/structures" / FILES["3l4q"])
        return [raw, raw, "--mapping", "BD:AC"]
    for name, protein in zip(("model", "native"), make(case, shared), strict=True):
        (folder / f"{name}.pdb").write_text(protein.to_pdb())
    return [folder / "model.pdb", folder / "native.pdb"]


def program(arguments: list, folder) -> tuple[dict, float]:
    """What the program says: {chains of the native: (chains of the model, DockQ, fnat, iRMS, LRMS, fnonnat)}, mean."""
    subprocess.run(
        ["DockQ", *arguments, "--json", folder / "out.json", "--n_cpu", "1"], check=True, capture_output=True
    )
    said = json.loads((folder / "out.json").read_text())
    values = ("DockQ", "fnat", "iRMSD", "LRMSD", "fnonnat")
    return {
        pair: (x["chain1"] + x["chain2"], *(x[name] for name in values)) for pair, x in said["best_result"].items()
    }, said["GlobalDockQ"]


def ours(case: str, shared) -> tuple[dict, float]:
    """The same of `compare`."""
    chains = {0: 1, 2: 3} if case == "another copy" else None
    result = compare(*make(case, shared), chains=chains)
    assert result.exact
    name = lambda pair: "".join(map(chain_name, pair))
    return {
        name(x.chains): (name(x.model_chains), x.dockq, x.fnat, x.irms, x.lrms, x.wrong) for x in result.interfaces
    }, result.mean


def assert_equal(said: tuple[dict, float], expected: tuple[dict, float]):
    """The same interfaces of the same chains, and all numbers to 1e-3."""
    assert said[0].keys() == expected[0].keys()
    for pair, values in expected[0].items():
        assert said[0][pair][0] == values[0], pair
        np.testing.assert_allclose(said[0][pair][1:], values[1:], atol=1e-3, rtol=1e-5, err_msg=pair)
    np.testing.assert_allclose(said[1], expected[1], atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_equal_to_stored_figures_of_the_program(case, shared):
    assert_equal(ours(case, shared), PROGRAM[case])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.skipif(not shutil.which("DockQ"), reason="the program DockQ is not installed")
def test_equal_to_the_program(case, shared, tmp_path):
    assert_equal(ours(case, shared), program(write(case, shared, tmp_path), tmp_path))
