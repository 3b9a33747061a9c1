"""What people hand to `af2jax predict`: the input given is the input used, or its query fails, alone, with one line."""

import errno
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from af2jax.cli import batch, networks, warnings
from af2jax.cli import predict as command
from af2jax.cli.given import given
from af2jax.cli.main import main
from af2jax.cli.options import Inputs, Network, Results
from af2jax.cli.predict import Predict
from af2jax.data.pipeline import read_query
from af2jax.data.queries import content, read_queries
from af2jax.errors import InputError, machine
from tests.data import molecules

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"
A3M = f">q\n{SEQUENCE}\n>h\nMKTAYLAKQRQISFIKSHFSKQ\n"
STO = f"# STOCKHOLM 1.0\nq {SEQUENCE}\nh MKTAYLAKQRQISFIKSHFSKQ\n//\n"


@pytest.fixture
def write(tmp_path):
    def write(name: str, text: str):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def fails(call, message: str):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


# What a table names


def test_paths_of_colabfolds_table_are_used(write, tmp_path, monkeypatch):
    write("in/q.a3m", A3M)
    write("here.a3m", A3M)
    monkeypatch.chdir(tmp_path)
    for name in ("b.pdb", "a.cif"):
        write(
            f"in/templates/{name}", (molecules.pdb if name == "b.pdb" else molecules.cif)(molecules.peptide("MKTAYI"))
        )
    write("in/templates/notes.txt", "")
    two = [*molecules.peptide("MKTAYI"), *molecules.peptide("GLNDIF", chain="B")]
    write("in/two.pdb", molecules.pdb(two))
    rows = [f"a,{SEQUENCE},q.a3m,templates", f"b,{SEQUENCE},here.a3m,two.pdb", f"c,{SEQUENCE},,"]
    table = write("in/t.csv", "\n".join(["id,sequence,A3MPath,templatepath", *rows]))
    jobs, failures = read_queries([table])
    a, b, c = (given(job, Inputs()) for job in jobs)
    folder = tmp_path / "in"
    assert a.msa == (folder / "q.a3m",) and b.msa == (Path("here.a3m"),) and c.msa is None and not failures
    assert a.templates == (str(folder / "templates" / "a.cif"), str(folder / "templates" / "b.pdb"))
    assert b.templates == (f"{folder / 'two.pdb'}:A", f"{folder / 'two.pdb'}:B") and c.templates is None


def test_paths_that_are_not_there_fail_their_query_alone(write):
    rows = [f"a,{SEQUENCE},none.a3m,", f"b,{SEQUENCE},,none", f"c,{SEQUENCE},,empty", f"d,{SEQUENCE},,"]
    table = write("t.csv", "\n".join(["id,sequence,a3mpath,templatepath", *rows]))
    write("empty/readme", "")
    a, b, c, d = read_queries([table])[0]
    fails(lambda: given(a, Inputs()), f"t.csv, line 2: its alignment {table.parent}/none.a3m is not there")
    fails(lambda: content(b), f"t.csv, line 3: templatepath {table.parent}/none: no such file or folder")
    fails(lambda: content(c), f"t.csv, line 4: templatepath {table.parent}/empty has no structure")
    assert content(d).sequence == SEQUENCE


# Folders of alignments


@pytest.mark.parametrize("place", ["q", "q/msas", "of file", "of file/msas"])
def test_alphafolds_and_openfolds_folders(write, place):
    query = write("of file.fasta", f">q description\n{SEQUENCE}\n")
    place = place.replace("of file", "of_file")
    wanted = ["uniref90_hits.sto", "bfd_uniclust_hits.a3m", "mgnify_hits.sto"]
    for name in wanted:
        write(f"msas/{place}/{name}", A3M if name.endswith("a3m") else STO)
    for name in ("pdb_hits.hhr", "pdb_hits.sto", "hmm_output.sto", "uniprot_hits.sto", "features.txt"):
        write(f"msas/{place}/{name}", "")
    (job,) = read_queries([query])[0]
    folder = query.parent / "msas"
    assert given(job, Inputs(msa=(folder,))).msa == tuple(folder / place / name for name in wanted)
    hits = given(job, Inputs(template_hits=folder)).templates
    assert [os.path.basename(hit) for hit in hits] == ["hmm_output.sto", "pdb_hits.hhr", "pdb_hits.sto"]
    assert given(job, Inputs(msa=(folder / place,))).msa == tuple(folder / place / name for name in wanted)


def test_folders_of_a_complex(write):
    query = write("c.fasta", f">c\n{SEQUENCE}:GLNDIFEAQK\n")
    for name in ("A/uniref90_hits.sto", "B/uniref90_hits.sto", "A/uniprot_hits.sto"):
        write(f"out/c/msas/{name}", STO)
    (job,) = read_queries([query])[0]
    found = given(job, Inputs(msa=(query.parent / "out",))).msa
    assert [f"{path.parent.name}/{path.name}" for path in found] == [
        "A/uniref90_hits.sto",
        "B/uniref90_hits.sto",
        "A/uniprot_hits.sto",
    ]


def test_a_file_called_as_the_query_comes_first(write):
    query, own = write("q.fasta", f">q\n{SEQUENCE}\n"), write("msas/q.a3m", A3M)
    write("msas/q/uniref90_hits.sto", STO)
    assert given(read_queries([query])[0][0], Inputs(msa=(query.parent / "msas",))).msa == (own,)


def test_a_folder_without_the_query_fails_it_alone(write):
    query = write("q.fasta", f">q\n{SEQUENCE}\n>r\n{SEQUENCE}\n")
    write("msas/r.a3m", A3M)
    q, r = read_queries([query])[0]
    inputs = Inputs(msa=(query.parent / "msas",))
    fails(lambda: given(q, inputs), f"--msa {query.parent}/msas has nothing for q: no q.a3m or the like")
    assert given(r, inputs).msa == (query.parent / "msas" / "r.a3m",)
    fails(lambda: given(q, Inputs(template_hits=query.parent / "msas")), "--template-hits")


# Records of other molecules, files of other programs

OTHERS = ["ligand|name=l", "dna|name=d", "rna|x", "RNA|x", "B|smiles", "C|ccd", "D|dna", "glycan|g", "l|ligand|x"]


@pytest.mark.parametrize("header", OTHERS)
def test_what_is_no_protein_fails_alone_by_its_header(write, header):
    query = write("q.fasta", f">protein|name=binder\n{SEQUENCE}\n>A|protein|empty\nGLNDIF\n>{header}\nCCCCCCCC\n")
    binder, a, other = read_queries([query])[0]
    assert (binder.name, a.name, a.msa) == ("binder", "A", ()) and content(binder).sequence == SEQUENCE
    fails(lambda: content(other), f"{query}, line 5: it is ")
    fails(lambda: content(other), "and this program folds proteins alone; leave it out")
    (whole,) = read_queries([query], whole_files=True)[0]
    fails(lambda: content(whole), f"{query}, line 5: it is ")


def test_headers_mean_the_same_in_python(write):
    """`af2jax.features` takes the records of a file as the chains of a complex."""
    chai = write("q.fasta", f">protein|name=binder\n{SEQUENCE}\n>A|protein|./a.a3m\nMKTAYI\n")
    fails(lambda: read_query(chai), "a.a3m")
    write("a.a3m", ">A\nMKTAYI\n>h\nMKTAYL\n")
    known = read_query(chai)
    assert known.name == "binder" and known.chains == (SEQUENCE, "MKTAYI") and len(known.unpaired[1].codes) == 2
    fails(lambda: read_query(chai, write("b.a3m", A3M)), "its headers name alignments; give either these or msa")
    fails(lambda: read_query(write("l.fasta", ">p|protein\nMKT\n>ligand|l\nCCC\n")), "l.fasta, line 3: it is a ligand")


def test_headers_that_only_look_so(write):
    text = "".join(f">{name}\nMKT\n" for name in ("sp|P54025|RL41", "tr|A0|DNA", "proteins", "protein", "dna"))
    jobs = read_queries([write("q.fasta", text)])[0]
    assert [job.name for job in jobs] == ["sp|P54025|RL41", "tr|A0|DNA", "proteins", "protein", "dna"]
    assert all(content(job).sequence == "MKT" for job in jobs)


def test_the_alignment_in_a_header_of_boltz(write):
    write("in/a.a3m", A3M)
    (job,) = read_queries([write("in/q.fasta", f">A|protein|./a.a3m\n{SEQUENCE}\n")])[0]
    assert job.name == "A" and [path.name for path in given(job, Inputs()).msa] == ["a.a3m"]


SERVER = [
    {
        "name": "two",
        "modelSeeds": [],
        "sequences": [{"proteinChain": {"sequence": SEQUENCE, "count": 2}}, {"proteinChain": {"sequence": "glnd if"}}],
        "dialect": "alphafoldserver",
        "version": 1,
    },
    {"name": "dna", "sequences": [{"proteinChain": {"sequence": "MKT"}}, {"dnaSequence": {"sequence": "ACGT"}}]},
    {"name": "ptm", "sequences": [{"proteinChain": {"sequence": "MKT", "modifications": [{"ptmType": "CCD_HY3"}]}}]},
    {"name": "odd", "sequences": [{"proteinChain": {"sequence": "MK7"}}, {"ion": {"ion": "MG"}}]},
]
THREE = {
    "name": "af3",
    "modelSeeds": [1],
    "sequences": [{"protein": {"id": ["A", "B"], "sequence": SEQUENCE, "unpairedMsa": None, "templates": []}}],
    "dialect": "alphafold3",
    "version": 1,
}
BOLTZ = f"""version: 1  # of the schema
sequences:
  - protein:
      id: [A, B]
      sequence: {SEQUENCE}
      msa: a.a3m
  - protein: {{id: C, sequence: GLNDIF, msa: empty}}
"""


@pytest.mark.parametrize("suffix", [".json", ".txt", ".fasta"])
def test_proteins_of_alphafold_server_and_3(write, suffix, caplog):
    two, dna, ptm, odd = read_queries([write(f"s{suffix}", json.dumps(SERVER, indent=1))])[0]
    assert (two.name, two.query) == ("two", f"{SEQUENCE}:{SEQUENCE}:GLNDIF")
    fails(lambda: content(dna), f"s{suffix}, query 2: it has DNA; this program folds proteins alone")
    fails(lambda: content(ptm), 'query 3: a protein asks for "modifications"')
    fails(lambda: content(odd), "query 4: it has an ion")
    (three,) = read_queries([write(f"t{suffix}", json.dumps(THREE))])[0]
    assert (three.name, three.query) == ("af3", f"{SEQUENCE}:{SEQUENCE}")
    assert "modelSeeds ([1]) are not used: --random-seed and --num-seeds say the seeds" in caplog.text
    assert "modelSeeds ([])" not in caplog.text
    asks = json.loads(json.dumps(THREE)) | {"bondedAtomPairs": [[1]], "userCCD": "x"}
    asks["sequences"][0]["protein"]["unpairedMsa"] = A3M
    (job,) = read_queries([write(f"u{suffix}", json.dumps(asks))])[0]
    for asked in ("bondedAtomPairs", "userCCD", "unpairedMsa"):
        fails(lambda asked=asked: content(job), f'asks for "{asked}"')


def test_proteins_of_boltz(write):
    write("a.a3m", A3M)
    (job,) = read_queries([write("b.yaml", BOLTZ)])[0]
    assert (job.name, job.query) == ("b", f"{SEQUENCE}:{SEQUENCE}:GLNDIF")
    assert [path.name for path in given(job, Inputs()).msa] == ["a.a3m"]
    (job,) = read_queries([write("c.yaml", BOLTZ + "  - ligand: {id: D, smiles: CCO}\nconstraints: [x]\n")])[0]
    fails(lambda: content(job), 'it asks for "constraints", it has a ligand')


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"name": "x"}', "is not an input of AlphaFold Server, AlphaFold 3 or Boltz"),
        ('[{"a": 1}]', "is not an input of AlphaFold Server"),
        ('{"name": ', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("version: 1\nsequences: [", "cannot be read as YAML"),
        ("version: 1\nsequences: 3\n", "is not an input of AlphaFold Server"),
    ],
)
def test_other_json_and_yaml(write, text, message):
    jobs, ((_, reason),) = read_queries([write("x.json", text)])
    assert message in reason and "\n" not in reason and not jobs


@pytest.mark.parametrize("molecule", [3, {"protein": 3}, {"protein": {"sequence": 3}}, {"thing": {}}, {}])
def test_molecules_that_are_none(write, molecule):
    (job,) = read_queries([write("x.json", json.dumps({"name": "x", "sequences": [molecule]}))])[0]
    fails(lambda: content(job), "x.json, query 1: it has ")


# Decisions that are said


def remarks(sequence: str, **options) -> tuple[str, ...]:
    return Predict((), Path("out"), results=Results(**options)).remarks(sequence)


def test_letters_without_atoms_are_said(caplog):
    (said,) = remarks("MKUAYIBZKQRQJSFOKXHFSRQ")
    assert said == "6 residues of unknown type have no atoms (U3, B7, Z8, J13, O16 and 1 more)" and said in caplog.text
    assert remarks("MKX", amber=True)[0].endswith("; the chain is relaxed in the parts between")
    assert remarks(SEQUENCE) == ()


def test_relaxing_on_a_gpu_needs_relaxation():
    with pytest.raises(InputError, match="--use-gpu-relax without --amber relaxes nothing: add --amber"):
        Results(use_gpu_relax=True).check()


def test_a_nucleic_acid_is_said():
    assert "reads as a nucleic acid" in remarks("ACGTACGTACGT")[0]
    assert "reads as a nucleic acid" in remarks("ACGUACGUACGN")[1]
    (said,) = Predict((), Path("out")).remarks(f"{SEQUENCE}ACGTACGTACGT", (SEQUENCE, "ACGTACGTACGT"))
    assert said.startswith("chain 2, A, C, G, T, U and N alone: this reads as a nucleic acid")
    assert remarks("AAAAAAAAAAAA") == remarks("ACGTACG") == remarks("ACGTACGTACGTL") == ()


def test_records_under_a_network_of_complexes(write, capsys):
    text = f">a\n{SEQUENCE}\n>b\nGLNDIF\n"
    jobs = read_queries([write("two.fasta", text), write("one.fasta", ">c\nMKT\n"), write("d.fasta", ">d\nMKT:M\n")])[0]
    Predict((), Path("out")).warn_of_complexes(jobs, ["model_1", "model_1_multimer_v3"])
    err = capsys.readouterr().err
    assert "two.fasta: its 2 records are folded one by one by model_1_multimer_v3" in err and "--one-complex" in err
    assert "one.fasta" not in err and "d.fasta" not in err
    Predict((), Path("out")).warn_of_complexes(jobs, ["model_1_ptm"])
    assert not capsys.readouterr().err
    chai = write("chai.fasta", f">protein|name=a\n{SEQUENCE}\n>protein|name=b\nGLNDIF\n")
    Predict((), Path("out")).warn_of_complexes(read_queries([chai])[0], ["model_1_ptm"])
    assert (
        "chai.fasta: its 2 records are folded one by one; if they are the chains of one complex, as they are for Chai "
        "and Boltz, give --one-complex" in capsys.readouterr().err
    )


def test_names_of_three_letters_are_said():
    assert remarks("METLYSTHRALA") == (
        "this reads as three-letter names of residues, and each character is folded as a residue",
    )
    assert remarks("METLYSTHRALAG") == remarks("METLYS") == ()


def test_a_warning_of_a_query_is_shown_once(capsys):
    """A file is read to know the query and again to fold it."""
    from absl import logging

    warnings.shown.clear()
    for about in ("a", "b", "a"):
        warnings.show_warnings(about)
        logging.warning("left out %d rows", 2)
    assert capsys.readouterr().err.splitlines() == ["WARNING: a: left out 2 rows", "WARNING: b: left out 2 rows"]


@pytest.mark.medium("compiles a small network")
def test_what_is_said_stands_in_scores_and_page(write, weights, tmp_path, capsys):
    query, out = write("q.fasta", ">sel and more\nMKUAYIB\n>lig|ligand\nCCC\n"), tmp_path / "out"
    fixed = ["--num-recycle", "0", "--no-plots", "--params", str(weights)]
    assert main(["predict", str(query), "--out", str(out), *fixed]) == 3
    note = "2 residues of unknown type have no atoms (U3, B7)"
    err = capsys.readouterr().err
    assert f"WARNING: sel: {note}" in err and "failed: lig: " in err and "it is a ligand" in err
    assert note in json.loads(next(out.glob("sel_scores_*.json")).read_text())["notes"]
    assert note in next(out.glob("sel*.html")).read_text() and note in next(out.glob("sel_*.cif")).read_text()


# An odd file among the parameters


def test_odd_parameter_files_are_left_out_and_counted(tmp_path, caplog):
    for name in ("params_model_1.npz", "params_mine.npz", "params_model_1 (1).npz", "readme.txt"):
        (tmp_path / name).write_bytes(b"")
    assert networks.presets(Network(params=(tmp_path,)), tmp_path) == ["model_1"]
    assert (
        f"--params {tmp_path}: left out 2 files of no known preset: params_mine.npz, params_model_1 (1)" in caplog.text
    )
    (tmp_path / "params_model_1.npz").unlink()
    fails(lambda: networks.presets(Network(params=(tmp_path,)), tmp_path), "holds no params_*.npz of a known preset")


# Faults of the machine


@pytest.mark.parametrize(
    "number, cure", [(errno.ENOSPC, "make room"), (errno.EROFS, "read-only"), (errno.EACCES, "may")]
)
def test_faults_of_the_disk_are_one_line_and_no_fault_of_ours(write, tmp_path, monkeypatch, capsys, number, cure):
    def fold(*rest):
        raise OSError(number, os.strerror(number), str(tmp_path / "out" / "x.pdb"))

    monkeypatch.setattr(command, "fold", fold)
    monkeypatch.setattr(batch, "write", fold)
    arguments = [str(write("q.fasta", ">a\nMKT\n>b\nMKTA\n")), "--out", str(tmp_path / "out"), "--random-weights"]
    assert main(["predict", *arguments]) == 4
    err = capsys.readouterr().err
    line = f"{tmp_path / 'out' / 'x.pdb'}: {os.strerror(number)}; "
    assert f"failed: a: {line}" in err and f"failed: b: {line}" in err and cure in err
    assert "failures.jsonl does not say so" in err and "internal error" not in err


def test_a_fault_of_the_disk_in_any_command(monkeypatch, capsys, tmp_path):
    def run(self):
        raise PermissionError(errno.EACCES, "Permission denied", "/x/y")

    monkeypatch.setattr("af2jax.cli.relax.Relax.run", run)
    assert main(["relax", "a.pdb", "--out", str(tmp_path)]) == 4
    assert capsys.readouterr().err == f"error: {machine(PermissionError(errno.EACCES, 'Permission denied', '/x/y'))}\n"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 160 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=160k", "none", place], capture_output=True)
    if not made or made.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield place
    subprocess.run([shutil.which("umount"), "-l", place], check=True)


@pytest.mark.slow("compiles a small network in a process of its own")
def test_a_full_disk_leaves_what_is_done_whole(write, weights, small_disk, capsys):
    query = write("q.fasta", "".join(f">q{n}\n{SEQUENCE[:n]}\n" for n in range(8, 18)))
    fixed = ["--num-recycle", "0", "--no-plots", "--params", str(weights), "--save-all"]
    assert main(["predict", str(query), "--out", str(small_disk), *fixed]) == 3
    err = capsys.readouterr().err
    assert "No space left on device; make room on this disk" in err and "internal error" not in err
    done = [json.loads(path.read_text()) for path in small_disk.glob("*.done.txt")]
    assert 0 < len(done) < 10 and not list(small_disk.glob("*.part")) and not list(small_disk.glob(".*.part"))
    for marker in done:
        for name in marker["files"]:
            path = small_disk / name
            assert path.stat().st_size > 0
            if path.suffix == ".json":
                json.loads(path.read_text())
            if path.suffix == ".npz":
                assert all(array.size for array in np.load(path).values())
