"""Templates of real searches: equal to what AlphaFold's own code makes of the same hits and structures."""

import csv
import datetime
import re
from pathlib import Path

import numpy as np
import pytest

from af2jax import schema
from af2jax.config import preset
from af2jax.data import hits
from af2jax.data.parse import read_bytes, read_text
from af2jax.data.structure import read_chain
from af2jax.data.templates import align, load_templates

CONFIG = preset("tiny")


@pytest.fixture(scope="module")
def entries(shared, tmp_path_factory) -> Path:
    """Every mmCIF file at hand under its PDB identifier, as AlphaFold wants them."""
    folder = tmp_path_factory.mktemp("entries")
    for path in (shared / "data").rglob("*.cif*"):
        if found := re.match(r"(?:[a-z0-9.-]+__)?([0-9][A-Za-z0-9]{3})\.cif", path.name):
            (folder / f"{found[1].lower()}.cif").write_bytes(read_bytes(path))
    return folder


def theirs(entries: Path, query: str, hit, date=datetime.datetime(2100, 1, 1)):
    """What AlphaFold's code makes of one hit: codes, positions, mask; or None."""
    from alphafold.common import residue_constants as rc
    from alphafold.data import templates

    found = templates._process_single_hit(query, hit, str(entries), date, {}, {}, "no kalign").features
    if found is None:
        return None
    aatype = np.array(rc.MAP_HHBLITS_AATYPE_TO_OUR_AATYPE)[found["template_aatype"].argmax(axis=-1)]
    return aatype, found["template_all_atom_positions"], found["template_all_atom_masks"] > 0


def assert_equal(found: schema.Templates, expected: list) -> None:
    assert found.mask.sum() == len(expected)
    for i, (aatype, positions, mask) in enumerate(expected):
        np.testing.assert_array_equal(found.aatype[i], aatype)
        np.testing.assert_array_equal(found.atom_mask[i], mask)
        np.testing.assert_array_equal(found.positions[i], positions.astype(np.float32))


@pytest.mark.medium("reads by DeepMind's code too")
@pytest.mark.parity
def test_templates_of_hhsearch_are_alphafolds(shared, entries, tmp_path):
    """Every hit of the real searches whose entry is at hand, one at a time: equal in every bit."""
    parsers = pytest.importorskip("alphafold.data.parsers", reason="the oracle (alphafold-colabfold) is not installed")
    with open(shared / "data" / "msa_cases.tsv", encoding="utf-8") as table:
        queries = {row["case"]: row["query"] for row in csv.DictReader(table, delimiter="\t")}
    compared = 0
    for case in ("1a2y_B", "openfold_test73"):
        text = read_text(next((shared / "data" / "msa" / case).glob("pdb70_hits.hhr*")))
        head, *blocks = re.split(r"(?m)^(?=No \d)", text)
        for hit, block in zip(parsers.parse_hhr(text), blocks, strict=True):
            if not (entries / f"{hit.name[:4].lower()}.cif").exists():
                continue
            (tmp_path / "one.hhr").write_text(head + block)
            found = load_templates([tmp_path / "one.hhr"], queries[case], CONFIG, entries)
            expected = theirs(entries, queries[case], hit)
            assert_equal(found, [] if expected is None else [expected])
            compared += found.mask.sum()
    assert compared == 7


@pytest.mark.parity
def test_templates_of_hmmsearch_are_alphafolds(shared, entries, tmp_path):
    """Five homologues that MMseqs2 found, written as hmmsearch would; and read from MMseqs2's own file."""
    parsers = pytest.importorskip("alphafold.data.parsers", reason="the oracle (alphafold-colabfold) is not installed")
    folder = shared / "data" / "msa" / "4ot_colabfold"
    query = "PIAQIHILEGRSDEQKETLIREVSEAISRSLDAPLTSVRVIITEMAKGHF"
    m8 = [
        line
        for line in read_text(folder / "pdb70.m8").splitlines()
        if (entries / f"{line.split()[1][:4]}.cif").exists()
    ]
    (tmp_path / "few.m8").write_text("\n".join(m8[:4]))
    text = "# STOCKHOLM 1.0\n"
    for hit in hits.read_hits(tmp_path / "few.m8", query):
        sequence = read_chain(entries / f"{hit.entry}.cif", hit.chain).sequence
        row = np.full(len(query), "-")
        row[hit.query] = [sequence[j] for j in hit.target]
        text += f"#=GS {hit.name}/{hit.target[0] + 1}-{hit.target[-1] + 1} DE mol:protein length:{len(sequence)}\n"
        text += f"{hit.name}/{hit.target[0] + 1}-{hit.target[-1] + 1} {''.join(row)}\n"
    (tmp_path / "few.sto").write_text(text + "//\n")
    a3m = parsers.convert_stockholm_to_a3m(text, remove_first_row_gaps=False)
    expected = [theirs(entries, query, hit) for hit in parsers.parse_hmmsearch_a3m(query, a3m, skip_first=False)]
    assert len(expected) == 4
    for name in ("few.sto", "few.m8"):
        assert_equal(load_templates([tmp_path / name], query, CONFIG, entries), expected)


def test_alignments_by_sequence_are_those_of_a_search(shared, entries):
    """Of five homologues with 30 to 42 % of equal residues, every pair of 249 that MMseqs2 aligns."""
    folder = shared / "data" / "msa" / "4ot_colabfold"
    query = "PIAQIHILEGRSDEQKETLIREVSEAISRSLDAPLTSVRVIITEMAKGHF"
    found, wanted = 0, 0
    for hit in hits.read_hits(folder / "pdb70.m8", query):
        path = entries / f"{hit.entry}.cif"
        if path.exists():
            pairs = set(zip(*align(query, read_chain(path, hit.chain).sequence), strict=True))
            found += len(pairs & set(zip(hit.query, hit.target, strict=True)))
            wanted += len(hit.query)
    assert (found, wanted) == (249, 249)
