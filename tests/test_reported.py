"""What users of AlphaFold, ColabFold, OpenFold and others have reported, each as a test: T1 to T28.

The number and the title are those of the report; other tests of the same thing (of T27 all) lie with what it is about.
"""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import chex
import jax
import numpy as np
import pytest

import af2jax
from af2jax.cli.main import main
from af2jax.config import preset
from af2jax.data import preflight
from af2jax.data.dataset import read_dataset
from af2jax.errors import InputError, WeightsError
from af2jax.protein.files import Protein
from tests.data import molecules

pytestmark = pytest.mark.medium("compiles the small network")

TINY = preset("tiny")
SEQUENCE = "MKTAYIAKQR"


@pytest.fixture
def write(tmp_path):
    """A file of this content."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def fold(*arguments, out) -> int:
    """`af2jax predict` with the small network."""
    fixed = ("--random-weights", "--num-recycle", "0", "--max-msa", "4:8")
    return main(["predict", *map(str, arguments), "--out", str(out), *fixed])


def sequences(path) -> list[tuple[str, str]]:
    from af2jax.data.parse import parse_fasta, read_text

    return [(record.name, record.sequence) for record in parse_fasta(read_text(path), str(path))]


forward = jax.jit(lambda params, features: af2jax.forward(af2jax.load("tiny")[0], params, features, 0))


def equal(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.slow("starts a process")
def test_t01_new_jax_breaks_installs():
    code = "import af2jax; af2jax.features('MKT', af2jax.load('tiny')[0].config); af2jax.finetune.fit"
    command = [sys.executable, "-W", "error::DeprecationWarning:af2jax", "-c", code]
    subprocess.run(command, check=True, env=os.environ | {"JAX_PLATFORMS": "cpu"})


@pytest.mark.parametrize("text", ["mktayiakqr", "MKTAYIAKQR*", "MKTAY\nIAKQR*\n", "MKTAY iakqr".replace(" ", "\n")])
def test_t02_small_letters_and_a_trailing_star(write, text):
    assert sequences(write("q.fasta", f">q\n{text}\n")) == [("q", SEQUENCE)]


@pytest.mark.parametrize("text, where", [("MKT-YI", "line 2, column 4: '-'"), ("MKT\nA4", "line 3, column 2: '4'")])
def test_t02_other_letters(write, text, where):
    with pytest.raises(InputError, match=f"q.fasta, {where} is not an amino-acid letter"):
        sequences(write("q.fasta", f">q\n{text}\n"))


def test_t05_wrapped_lines_and_a_sign_in_the_header(write):
    path = write("q.fasta", ">a >b|c -> d\nMKTAY\nIAKQR\n")
    assert sequences(path) == [("a >b|c -> d", SEQUENCE)]


def test_t06_identifiers_are_neither_cut_nor_overwritten(write, tmp_path, capsys):
    assert sequences(write("a.fasta", f">my-seq.1\n{SEQUENCE}\n"))[0][0] == "my-seq.1"
    twice = write("b.fasta", f">a\n{SEQUENCE}\n>a\nMKV\n")
    with pytest.raises(InputError, match="lines 1 and 3: two records are called"):
        sequences(twice)
    assert fold(twice, out=tmp_path / "out") == 2
    assert "two records are called" in capsys.readouterr().err


def test_t07_nul_bytes(write, caplog):
    a3m = write("q.a3m", f">q\n{SEQUENCE}\n>h\nMKT\0AYIAKQ-\n")
    clean = write("c.a3m", f">q\n{SEQUENCE}\n>h\nMKTAYIAKQ-\n")
    assert equal(af2jax.features(a3m, TINY), af2jax.features(clean, TINY))


def test_t08_wrapped_alignment(write):
    wrapped = write("w.a3m", ">q\nMKTAY\nIAKQR\n>h\nMKTaaAY\nIAKQ-\n")
    plain = write("p.a3m", ">q\nMKTAYIAKQR\n>h\nMKTaaAYIAKQ-\n")
    assert equal(af2jax.features(wrapped, TINY), af2jax.features(plain, TINY))


def test_t09_ragged_alignment(write):
    path = write("q.a3m", f">q\n{SEQUENCE}\n>UniRef90_X\nMKTAYIAKQ\n")
    with pytest.raises(InputError, match=r'line 3: row 2 \("UniRef90_X"\) has 9 aligned columns, the query has 10'):
        af2jax.features(path, TINY)


def test_t10_no_hits(write, caplog):
    alone = af2jax.features(write("q.a3m", f">q\n{SEQUENCE}\n"), TINY)
    assert equal(alone, af2jax.features(SEQUENCE, TINY))


def test_t11_another_query_in_the_first_row(write):
    path = write("q.a3m", ">q\nMKTAYIVKQR\n")
    with pytest.raises(InputError, match="at position 7 it has V, the query A"):
        af2jax.features(SEQUENCE, TINY, msa=path)


@pytest.fixture
def homologue(write):
    """A structure of the query, backbone and CB alone, under a name that says nothing."""
    return write("My model (2).pdb", molecules.pdb(molecules.peptide(SEQUENCE)))


def test_t13_t15_a_template_of_any_name_without_a_date(homologue):
    features = af2jax.features(SEQUENCE, TINY, templates=[homologue])
    assert features.templates.mask.sum() == 1 and features.templates.atom_mask[0, :, 1].all()
    with pytest.raises(InputError, match="is not an mmCIF or PDB file that can be read"):
        homologue.write_text("loop_\n_atom_site.id\n1\n")
        af2jax.features(SEQUENCE, TINY, templates=[homologue])


@pytest.mark.parametrize(
    "extra, found",
    [
        ("_refine.ls_d_res_high ?", 0.0),
        ("_reflns.d_resolution_high 2.1", 2.1),
        ("_refine.ls_d_res_high 1.9\n_reflns.d_resolution_high 2.1", 1.9),
        ("_em_3d_reconstruction.resolution 3.4", 3.4),
        ("_exptl.method 'SOLUTION NMR'", 0.0),
    ],
)
def test_t14_resolution(write, extra, found):
    path = write("x.cif", molecules.cif(molecules.peptide(SEQUENCE), {1: SEQUENCE}, extra=extra))
    _, targets = af2jax.example(path, config=TINY)
    assert targets.resolution == np.float32(found)


@pytest.mark.parametrize("damage", ["bit", "cut", "page"])
def test_t16_damaged_weights(tmp_path, damage):
    from tests.support import rule_flat

    path = tmp_path / "params_tiny.npz"
    np.savez(path, **rule_flat(TINY))
    data = bytearray(path.read_bytes())
    if damage == "bit":
        data[len(data) // 2] ^= 1
    path.write_bytes({"bit": bytes(data), "cut": bytes(data[: len(data) // 2]), "page": b"<html>login</html>"}[damage])
    with pytest.raises(WeightsError, match=r"params_tiny\.npz"):
        af2jax.load("tiny", path)


def test_t17_another_preset(tmp_path):
    from tests.support import rule_flat

    np.savez(tmp_path / "params_model_1.npz", **rule_flat(TINY))
    with pytest.raises(WeightsError, match='is not model_1 but tiny; load it as "tiny"'):
        af2jax.load("model_1", tmp_path / "params_model_1.npz")


def test_t18_every_array_is_loaded():
    from tests.support import rule_flat

    flat = rule_flat(TINY)
    _, params = af2jax.load("tiny", flat)
    back = af2jax.pretrained.to_deepmind(params, "tiny")
    assert back.keys() == flat.keys() and all(np.array_equal(back[key], flat[key]) for key in flat)
    for missing in list(flat)[::20]:
        with pytest.raises(WeightsError, match="missing"):
            af2jax.load("tiny", {key: value for key, value in flat.items() if key != missing})


@pytest.mark.slow("compiles the small network and all losses")
def test_t19_coordinates_far_from_the_origin(write):
    near = molecules.peptide(SEQUENCE)
    far = [dataclasses.replace(a, position=tuple(x + 1000 for x in a.position)) for a in near]
    values = []
    for name, atoms in (("near.pdb", near), ("far.pdb", far)):
        features, targets = af2jax.example(write(name, molecules.pdb(atoms)), config=TINY, seed=1)
        outputs = forward(af2jax.load("tiny")[1], features)
        values.append(float(af2jax.losses.total(outputs, targets)[0]))
    assert values[0] == pytest.approx(values[1], abs=1e-3)


def test_t19_a_template_without_side_chains(homologue):
    outputs = forward(af2jax.load("tiny")[1], af2jax.features(SEQUENCE, TINY, templates=[homologue]))
    chex.assert_tree_all_finite(outputs)


def test_t20_numbers_that_are_not_finite_are_not_written(tmp_path):
    model, params = af2jax.load("tiny")
    params["structure"]["backbone"]["bias"] = params["structure"]["backbone"]["bias"] * np.nan
    with pytest.raises(InputError, match="not finite"):
        af2jax.predict(model, params, af2jax.features(SEQUENCE, TINY), 0).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_t24_more_chains_than_letters(tmp_path):
    num = 63
    one = np.zeros((num, 37, 3), np.float32)
    one[:, 1, 0] = 4 * np.arange(num)
    mask = np.zeros((num, 37), bool)
    mask[:, 1] = True
    zeros = np.zeros(num, int)
    protein = Protein(zeros, one, mask, zeros, np.arange(num), np.full(num, 50.0), "many")
    gemmi = pytest.importorskip("gemmi")
    block = gemmi.cif.read_string(protein.to_mmcif())[0]
    assert len(set(block.find_values("_atom_site.label_asym_id"))) == num
    with pytest.raises(InputError, match="chains"):
        protein.to_pdb()


def test_t25_what_is_missing_is_listed_and_the_rest_used(write):
    write("a.pdb", molecules.pdb(molecules.peptide(SEQUENCE)))
    table = write("d.csv", "id,file,msa,split\na,a.pdb,,train\nb,b.pdb,,train\nc,a.pdb,c.a3m,train\n")
    found = preflight.check(read_dataset(table), {}, TINY)
    assert [item.id for item in found.items] == ["a"]
    assert {item.id: reason.split(": ", 1)[1] for item, reason in found.problems} == {
        "b": "no such file; check the path",
        "c": "no such file; check the path",
    }
    with pytest.raises(InputError, match="2 of 3 items cannot be used, b first"):
        preflight.check(read_dataset(table), {}, TINY, strict=True)


def test_t26_the_seed_decides(write):
    rows = "".join(f">h{i}\n{SEQUENCE[:i]}{'-' * (10 - i)}\n" for i in range(1, 10))
    path = write("q.a3m", f">q\n{SEQUENCE}\n{rows}")
    make = lambda seed: af2jax.features(path, TINY, seed)
    assert equal(make(3), make(3)) and not equal(make(3), make(4))


def test_t28_an_empty_chain(write):
    with pytest.raises(InputError, match="chain 2 is empty"):
        af2jax.features("MKT::MKT", TINY)
    with pytest.raises(InputError, match="chain 2 is empty"):
        af2jax.features(write("q.fasta", ">q\nMKT:::::\n"), TINY)
