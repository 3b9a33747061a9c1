"""One look at an item: what its structure and its alignment say, in numbers that can be counted by hand."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from af2jax.audit import alignments, reference, sequences, structures
from af2jax.audit.look import BINS, Seen, effective, look
from af2jax.constants.residues import GAP, RESTYPES, encode
from af2jax.data import coordinates, synthetic
from af2jax.data.dataset import Item, read_dataset
from tests.data import tables
from tests.data.tables import MISSING, SEQUENCES, changed
from tests.metrics.test_dockq import strands


@pytest.fixture
def seen(tmp_path):
    """`seen(one={...})`: what is seen of the small data set with other cells, by id."""
    tables.structures(tmp_path)

    def seen(**cells):
        rows = [{"msa": "", "templates": "", "deposited": "", **row} for row in changed(**cells)]
        return {one.item.id: one for one in look(read_dataset(tables.table(tmp_path, rows)))}

    seen.folder = tmp_path
    return seen


def test_a_structure(seen):
    found = seen()
    one = found["one"]
    assert one.sequence == SEQUENCES["one"] and not one.problem and one.length == 20
    inside = [i for i in MISSING if i not in (1, 20)]
    assert one.structure.observed == pytest.approx(1 - len(MISSING) / 20) and one.structure.inner == len(inside)
    assert one.structure.helix + one.structure.strand + one.structure.coil == pytest.approx(1)
    assert found["four"].structure is None and found["four"].sequence == SEQUENCES["four"]
    assert found["three"].structure.observed == 1 and found["three"].structure.rg > 0


def test_a_structure_is_parsed_once(seen, monkeypatch):
    parsed, once = [], coordinates._text
    monkeypatch.setattr(coordinates, "_text", lambda path, source: parsed.append(source) or once(path, source))
    assert seen()["two"].structure and len(parsed) == len(set(parsed)) == 3


def test_dates(seen):
    assert seen(one={"deposited": "2018-05"})["one"].date == "2018-05-01"
    assert seen(four={"deposited": "2021-09-30T00:00"})["four"].date == "2021-09-30"
    path = seen.folder / "two.pdb.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    header = "HEADER    HYDROLASE                               07-JUN-19   1ABC              \n"
    path.write_bytes(gzip.compress((header + text).encode()))
    assert seen()["two"].date == "2019-06-07" and seen()["one"].date == ""


def test_an_alignment(seen):
    query = SEQUENCES["four"]
    half = len(query) // 2
    rows = [query, query, "-" * half + query[half:], "W" * half + "-" * (len(query) - half)]
    (seen.folder / "four.a3m").write_text("".join(f">{i}\n{row}\n" for i, row in enumerate(rows)))
    found = seen(four={"msa": "four.a3m"})["four"].rows
    assert found.depth == 3 and found.coverage == pytest.approx(0.5) and found.shallow == 1
    assert found.gaps.shape == (BINS,) and found.gaps == pytest.approx(np.full(BINS, 0.5)) and not found.sampled
    broken = seen(four={"msa": "none.a3m"})["four"]
    assert "none.a3m: no such file" in broken.problem


def test_effective_number_of_sequences():
    row = encode("ACDEFGHIKL").astype(np.int8)
    near, far = row.copy(), row.copy()
    near[:2], far[:3] = 19, 19  # 80 % and 70 % equal
    assert effective(row[None]) == 1 and effective(np.stack([row, near])) == 1
    assert effective(np.stack([row, far])) == 2
    gapped = np.where(np.arange(10) < 9, row, GAP).astype(np.int8)
    assert effective(np.stack([row, gapped, far])) == 2


def test_findings_of_alignments(seen):
    (seen.folder / "four.a3m").write_text(f">q\n{SEQUENCES['four']}\n")
    found = seen(four={"msa": "four.a3m"}, three={"templates": "three.cif:A"}, one={"templates": "three.cif:A"})
    out = {finding.kind: finding for finding in alignments.findings(list(found.values()))}
    assert out["alignments of some"].rows == ("one", "two", "three", "five")
    assert out["shallow alignments"].rows == ("four: 1",)
    assert len(out["the answer as a template"].rows) == 1 and "line 4" in out["the answer as a template"].rows[0]
    assert out["the answer as a template"].level == "serious"


def test_findings_of_chains(seen):
    found = list(seen(four={"sequence": "XXXX" + SEQUENCES["four"][4:]}).values())
    known = lambda of: [*sequences.findings(of, sequences.composition(of)), *structures.findings(of)]
    out = {finding.kind: finding for finding in known(found)}
    assert out["unknown residues"].rows == ("four: 18% X",) and "missing residues" not in out  # 80 % are observed
    bare = [replace(one, structure=one.structure._replace(observed=0.7)) if one.structure else one for one in found]
    out = {finding.kind: finding for finding in known(bare)}
    assert out["missing residues"].rows == tuple(f"{name}: 70% observed" for name in ("one", "two", "three"))


def test_one_short_protein_is_no_domain():
    """What a few residues of usual proteins differ by is chance; many of another mixture are another domain."""
    rng = np.random.default_rng(0)
    draw = lambda number, shares: Seen(Item("p", "line 1"), "".join(rng.choice(list(RESTYPES), number, p=shares)))
    greasy = np.where(np.isin(list(RESTYPES), list("AVILFG")), 1 / 6, 0)
    assert not any(sequences.composition([draw(60, reference.COMPOSITION)]).foreign for _ in range(20))
    assert sequences.composition([draw(60, greasy)]).foreign
    assert not sequences.composition([draw(5000, reference.COMPOSITION)]).foreign


def test_the_reference():
    assert reference.COMPOSITION.sum() == pytest.approx(1) and sum(reference.SECONDARY.values()) == pytest.approx(1)
    assert sequences.distance(reference.COMPOSITION) == 0
    assert sequences.distance(np.eye(20)[0]) == pytest.approx(1 - reference.COMPOSITION[0])
    assert reference.radius(150.0) == pytest.approx(14.8, abs=0.1)  # angstrom


@pytest.mark.parametrize("lengths, size", [([20] * 20, 32), ([20] * 9 + [200] * 11, 256), ([5000], 384)], ids=str)
def test_the_crop_holds_most_chains(lengths, size):
    assert sequences.lengths([Seen(Item("p", "line 1"), "A" * length) for length in lengths]).crop == size


@pytest.mark.slow("looks at whole synthetic proteins")
def test_helices_and_strands_of_known_folds(tmp_path):
    """The plan of synthetic proteins is known."""
    for one in look(read_dataset(synthetic.make(tmp_path, 8))):
        planned = one.item.values["ss"].count("H") / one.length
        assert abs(one.structure.helix - planned) < 0.25
        assert one.structure.rg == pytest.approx(float(one.item.values["rg"]), abs=0.01)


def test_a_complex(tmp_path):
    """What is missing between its chains is missing in neither; each chain has its own sequence."""
    (tmp_path / "a.cif").write_text(strands([9, 12]).to_mmcif())
    (one,) = look([Item("a", "a", file=tmp_path / "a.cif", chain="A,B")])
    assert not one.problem and [len(chain) for chain in one.sequence.split("/")] == [9, 12] and one.length == 21
    assert one.structure.observed == 1 and one.structure.inner == 0
    atoms = strands([9, 12]).to_mmcif().splitlines()
    gap = [x for x in atoms if not (x.startswith("ATOM") and " B 2 5 " in x)]
    assert len(atoms) - len(gap) == 5
    (tmp_path / "b.cif").write_text("\n".join(gap))
    (two,) = look([Item("b", "b", file=tmp_path / "b.cif", chain="A,B")])
    assert two.structure.inner == 1 and two.structure.observed == 20 / 21
