"""Tables and folders as items: what columns may be called, what is refused, and no other end than one clear line."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from af2jax.config import preset
from af2jax.data.dataset import columns, read_dataset
from af2jax.data.formats import locate
from af2jax.data.labels import Label
from af2jax.data.preflight import check
from af2jax.errors import InputError
from tests.data import tables
from tests.data.molecules import cif, pdb, peptide, save
from tests.mutate import mutations

SEQUENCE = tables.SEQUENCES["one"]


@pytest.fixture
def folder(tmp_path) -> Path:
    tables.structures(tmp_path)
    return tmp_path


def parquet(path: Path, found: list[dict]) -> None:
    """Writes rows as Parquet; without pyarrow the test is skipped."""
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(found), path)


def text(folder: Path, content: str, name: str = "table.csv"):
    """The items of a table that is written as it stands."""
    (folder / name).write_text(content)
    return read_dataset(folder / name)


class TestTables:
    @pytest.mark.parametrize("name", ["table.csv", "table.tsv"])
    def test_every_column(self, folder, name):
        (folder / "one.a3m").write_text("")
        extra = {"msa": "one.a3m; other.sto", "templates": "two.pdb:A;three.cif", "weight": "2.5"}
        found = [row | (extra if row["id"] == "one" else dict.fromkeys(extra, "")) for row in tables.rows()]
        items = read_dataset(tables.table(folder, found, name))
        one, two, _, four, _ = items
        assert [item.id for item in items] == list(tables.SEQUENCES)
        assert (one.file, one.chain, one.sequence, one.weight) == (folder / "one.cif", "", "", 2.5)
        assert one.msa == (folder / "one.a3m", folder / "other.sto")
        assert one.templates == (f"{folder / 'two.pdb.gz'}:A", str(folder / "three.cif"))
        assert (two.file, two.chain, two.weight, two.msa) == (folder / "two.pdb.gz", "A", 1.0, ())
        assert (four.file, four.sequence) == (None, tables.SEQUENCES["four"])
        assert [item.split for item in items] == list(tables.SPLITS.values())
        assert dict(one.values) == {"ss": ("HEC" * 8)[:20], "tm": "50.5", "kind": "membrane"}
        assert columns(items) == ["ss", "tm", "kind"]
        assert one.where == f"{folder / name}, line 2"

    def test_the_same_from_parquet_and_gzip(self, folder):
        whole = read_dataset(tables.table(folder, tables.rows()))
        (folder / "zipped.csv.gz").write_bytes(gzip.compress((folder / "table.csv").read_bytes()))
        found = tables.rows()
        for row in found:
            row |= {"tm": float(row["tm"]), "ss": list(row["ss"]), "file": row["file"] or None}
        parquet(folder / "table.parquet", found)
        strip = lambda item: (item.id, item.file, item.chain, item.sequence, item.split)
        for name in ("zipped.csv.gz", "table.parquet"):
            assert [strip(item) for item in read_dataset(folder / name)] == [strip(item) for item in whole]
        one = read_dataset(folder / "table.parquet")[0]
        assert dict(one.values) == {"ss": " ".join(("HEC" * 8)[:20]), "tm": "50.5", "kind": "membrane"}

    def test_cells_of_parquet(self, folder):
        cells = {"seq": SEQUENCE, "yes": True, "none": None, "nan": float("nan"), "list": [1.5, None, 2.0]}
        parquet(folder / "t.parquet", [cells])
        (item,) = read_dataset(folder / "t.parquet")
        assert dict(item.values) == {"yes": "1", "none": "", "nan": "", "list": "1.5 nan 2.0"}

    def test_what_columns_may_be_called(self, folder):
        (item,) = text(folder, f"Name,SEQ,a3m,Split,Tm\nx,{SEQUENCE.lower()}*,x.a3m,Val,1\n")
        assert (item.id, item.sequence, item.split, dict(item.values)) == ("x", SEQUENCE, "valid", {"Tm": "1"})
        assert item.msa == (folder / "x.a3m",)
        (item,) = text(folder, "pdb_file,chain_id\none.cif,A\n")
        assert (item.id, item.file, item.chain) == ("one_A", folder / "one.cif", "A")
        for header in ("name,id,sequence,seq", "NAME,id,sequence,SEQ"):
            (item,) = text(folder, f"{header}\nnot,x,{SEQUENCE},another\n")
            assert (item.id, item.sequence, sorted(item.values.values())) == ("x", SEQUENCE, ["another", "not"])

    def test_rows_without_a_name(self, folder):
        items = text(folder, f"sequence\n{SEQUENCE}\n\n{SEQUENCE}\n", "scan.csv")
        assert [item.id for item in items] == ["scan_2", "scan_4"]

    def test_chains_of_a_sequence(self, folder):
        assert [text(folder, f"seq\nMKT{mark}AYI\n")[0].sequence for mark in "/:"] == ["MKT/AYI"] * 2

    @pytest.mark.parametrize(
        "content, message",
        [
            ("", "has no row"),
            ("sequence\n", "has no row"),
            ("id,ddg\nx,1\n", r'needs a column "file" \(structures\) or "sequence" .*; it has id, ddg'),
            ("id,sequence,id\nx,MKT,y\n", 'line 1: two columns are called "id"'),
            ("sequence\nMKT,1\n", "line 2: 2 cells under 1 column"),
            ("id,sequence,file\nx,MKT,\ny,,\n", "line 3: neither a file nor a sequence"),
            ("mutant,score\nM1A,1\n", 'has mutants ."mutant". and no wild type; add a column "sequence"'),
            ("sequence\nMK1T\n", "line 2, position 3 of the sequence: '1' is not an amino-acid letter"),
            ("sequence,weight\nMKT,-1\n", "line 2: the weight '-1' is not a number of 0 or more"),
            ("sequence,weight\nMKT,nan\n", "line 2: the weight 'nan' is not a number"),
            ("sequence,weight\nMKT,inf\n", "line 2: the weight 'inf' is not a number"),
            ("sequence,split\nMKT,holdout\n", "line 2: the split 'holdout' is not known; give train, valid, test"),
            ("id,sequence\nx,MKT\nx,MKV\n", 'line 3: a second item is called "x" .the first: .*line 2.; rename it'),
            ('sequence,a\nMKT,"' + "x" * 200_000 + '"\n', "line 2: this is not a table .field larger than field limit"),
            ("sequence\nMK\0T\n", "it has NUL bytes"),
        ],
    )
    def test_bad_tables(self, folder, content, message):
        with pytest.raises(InputError, match=message) as caught:
            text(folder, content)
        assert "\n" not in str(caught.value) and str(folder / "table.csv") in str(caught.value)

    @pytest.mark.parametrize("name", ["nothing.csv", "nothing.parquet", "empty"])
    def test_nothing_to_read(self, folder, name):
        (folder / "empty").mkdir()
        with pytest.raises(InputError, match=name):
            read_dataset(folder / name)

    def test_no_text(self, folder):
        (folder / "table.csv").write_bytes(b"sequence\n\xff\xfe\n")
        with pytest.raises(InputError, match=r"line 2: this is not UTF-8 .*; save it as UTF-8"):
            read_dataset(folder / "table.csv")


class TestFiles:
    def test_beside_the_table_compressed_or_under_a_longer_path(self, folder):
        (folder / "deep").mkdir()
        save(folder / "deep", pdb(peptide("MKT")), "x.pdb.gz")
        for name in ("deep/x.pdb", "examples/set/deep/x.pdb", "./deep/x.pdb.gz", str(folder / "deep" / "x.pdb")):
            assert locate(folder, name) == folder / "deep" / "x.pdb.gz", name
        assert locate(folder, "examples/set/deep/y.pdb") == folder / "examples/set/deep/y.pdb"
        assert locate(folder, "/nowhere/one.cif") == Path("/nowhere/one.cif")

    @pytest.mark.parametrize("name", ["x" * 300, "a\0b", ".", "/"])
    def test_what_is_no_file(self, folder, name):
        assert locate(folder, name) == folder / name


class TestFolders:
    def test_each_chain_is_an_item(self, folder):
        (folder / "deep").mkdir()
        pair = peptide(SEQUENCE) + peptide("GWDLPHENCT", chain="B", entity=2) + peptide(SEQUENCE, chain="C")
        save(folder / "deep", cif(pair, {1: SEQUENCE, 2: "GWDLPHENCT"}), "pair.CIF")
        twin = peptide(SEQUENCE, chain="X") + peptide(SEQUENCE, chain="Y")
        save(folder, pdb(twin, {"X": SEQUENCE, "Y": SEQUENCE}), "twin.ent")
        (folder / "broken.cif").write_text("data_x\n")
        (folder / "._one.cif").write_text("left by a file system")
        (folder / "notes.txt").write_text("")
        (folder / "a.pdb").mkdir()
        found = {item.id: (item.file.name, item.chain) for item in read_dataset(folder)}
        assert found == {
            "broken": ("broken.cif", ""),
            "deep/pair_A": ("pair.CIF", "A"),
            "deep/pair_B": ("pair.CIF", "B"),
            "one": ("one.cif", ""),
            "three": ("three.cif", ""),
            "twin_X": ("twin.ent", "X"),
            "two": ("two.pdb.gz", ""),
        }

    def test_two_files_of_one_name(self, folder):
        save(folder, pdb(peptide(SEQUENCE)), "one.pdb")
        with pytest.raises(InputError, match='a second item is called "one"'):
            read_dataset(folder)


LABELS = {"ss": Label(True, 3, ("H", "E", "C")), "tm": Label(False), "kind": Label(False, 2, ("soluble", "membrane"))}


def only_clear_lines(path: Path) -> str:
    """Reads and checks a table: "" or the one line that says what is wrong."""
    try:
        items = read_dataset(path)
        report = check(items, LABELS, preset("tiny"))
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
        return str(error)
    assert all(reason and "\n" not in reason for _, reason in report.problems)
    assert len(report.items) + len(report.problems) == len(items)
    return ""


@pytest.mark.slow("reads two thousand tables")
def test_two_thousand_damaged_tables(folder):
    whole = tables.table(folder, tables.rows()).read_bytes()
    said = set()
    for data in mutations(whole, 2000, seed=1):
        (folder / "table.csv").write_bytes(data)
        said.add(re.sub(r"['\"].*|\d+", "", only_clear_lines(folder / "table.csv").replace(str(folder), "")))
    assert "" in said and len(said) > 20  # most kinds of message were seen


def test_damaged_parquet(folder):
    parquet(folder / "t.parquet", tables.rows())
    whole = (folder / "t.parquet").read_bytes()
    for data in mutations(whole, 200, seed=2):
        (folder / "t.parquet").write_bytes(data)
        only_clear_lines(folder / "t.parquet")


def test_real_chains(shared):
    items = read_dataset(shared / "data" / "chains.tsv")
    assert len(items) == 358 and items[0].id == "103l_A" and items[0].file.is_file()
    assert len({item.values["cluster30"] for item in items}) == 338 and "resolution" in columns(items)
    rng = np.random.default_rng(0)
    some = [items[i] for i in rng.permutation(len(items))[:20]]
    report = check(some, {"resolution": Label(False)}, preset("tiny"))
    assert {item.id for item, _ in report.problems} == {item.id for item in some if not item.values["resolution"]}
