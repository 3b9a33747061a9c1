"""A structure over a query: which residue is which, what recycling and templates read of it, and what is refused."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.config import preset
from af2jax.constants.atoms import CA, CB, C, N, O
from af2jax.constants.residues import GAP, encode
from af2jax.data.given import FAR, read_given
from af2jax.data.pae import read_pae
from af2jax.errors import InputError
from tests.cli.test_score import together
from tests.data.molecules import change, cif, pdb, peptide, save, without
from tests.protein.test_files import protein

SEQUENCE = "MKTGYIAK"


@pytest.fixture
def file(tmp_path):
    return save(tmp_path, pdb(peptide(SEQUENCE)))


def test_a_structure_of_the_query(file):
    given = read_given(file, [SEQUENCE])
    assert (
        given.sequences == (SEQUENCE,) and given.chains == ("A",) and given.aatype.tolist() == encode(SEQUENCE).tolist()
    )
    assert given.atom_mask[:, [N, CA, C, O]].all() and given.atom_mask[:, CB].tolist() == [x != "G" for x in SEQUENCE]
    assert read_given(f"{file}:A").positions.tobytes() == given.positions.tobytes()
    atoms = {(a.number, a.name): a.position for a in peptide(SEQUENCE)}
    np.testing.assert_allclose(given.positions[4, CB], atoms[5, "CB"], atol=6e-4)


def test_residues_that_are_missing(tmp_path):
    """Of a full sequence in the file, by numbers that leave a gap, and where the query is what was observed."""
    atoms = without(peptide(SEQUENCE, first=11), 13, 14)
    stated, gap = save(tmp_path, cif(atoms, {1: SEQUENCE}), "a.cif"), save(tmp_path, pdb(atoms), "a.pdb")
    there = [True, True, False, False, *[True] * 4]
    for file in (stated, gap):
        given = read_given(file, [SEQUENCE])
        assert given.atom_mask.any(1).tolist() == there
        np.testing.assert_array_equal(given.positions[4], read_given(gap).positions[2])
        assert given.gaps.startswith("2 of 8 residues of the sequence have no atoms") and given.gaps.endswith(": 3-4")
    observed = "".join(x for x, y in zip(SEQUENCE, there, strict=True) if y)
    assert read_given(stated, [observed]).atom_mask.any(1).all() and read_given(stated).sequences == (SEQUENCE,)
    longer = read_given(gap, [f"AA{SEQUENCE}W"])
    assert longer.atom_mask.any(1).tolist() == [False, False, *there, False] and longer.gaps.endswith(": 1-2, 5-6, 11")
    assert not read_given(gap, [observed]).gaps


def test_chains_in_the_order_of_the_query(tmp_path):
    both = [*peptide("MKTGY", chain="H"), *change(peptide("WWAKLD", chain="L"), position=(9.0, 9.0, 9.0))]
    file = save(tmp_path, pdb(both))
    given = read_given(f"{file}:L,H", ["WWAKLD", "MKTGY"])
    assert given.chains == ("L", "H") and given.chain_index.tolist() == [0] * 6 + [1] * 5
    assert (given.positions[:6, CA] == 9).all() and given.letters(["H"]) == ("B",)
    assert read_given(file).sequences == ("MKTGY", "WWAKLD")
    nameless = read_given(save(tmp_path, pdb(peptide("MKTGY", chain=" ")), "nameless.pdb"))
    assert nameless.chains == ("A",) and nameless.sequences == ("MKTGY",)


def test_the_guess_of_recycling(tmp_path):
    """CB where it is, built where it is absent; a residue that is missing is in no bin of distance to any other."""
    atoms = [a for a in without(peptide(SEQUENCE), 3) if (a.number, a.name) != (5, "CB")]
    given = read_given(save(tmp_path, cif(atoms, {1: SEQUENCE})))
    guess = given.guess()
    ideal = {(a.number, a.name): a.position for a in peptide(SEQUENCE)}
    np.testing.assert_allclose(guess[4, CB], ideal[5, "CB"], atol=0.05)
    np.testing.assert_allclose(guess[7, CB], ideal[8, "CB"], atol=6e-4)
    assert (guess[2] == FAR).all() and np.abs(np.delete(guess, 2, 0)).max() < 100

    from af2jax.model.embed import distogram
    from af2jax.protein.frames import pseudo_beta

    bins = np.asarray(distogram(pseudo_beta(*map(jnp.asarray, (given.aatype, guess))), 3.25, 20.75, 15))
    assert not bins[2].any() and not bins[:, 2].any() and bins[4, 0].any() and bins[3, 0].any()


def test_the_template_of_af2rank(file):
    """Backbone and CB, in glycine too; neither its sequence nor its side chains."""
    given = read_given(file)
    found = given.template(preset("model_1_ptm"))
    assert found.mask.tolist() == [True, False, False, False] and (found.aatype[0] == GAP).all()
    kept = np.isin(np.arange(37), [N, CA, C, CB, O])
    assert (found.atom_mask[0] == kept).all() and not found.positions[0, :, ~kept].any()
    whole = read_given(save(file.parent, protein((9,)).to_pdb(), "whole.pdb"))
    shown = whole.template(preset("model_1_ptm")).atom_mask[0]
    assert whole.atom_mask[:, 5].any() and not shown[:, ~kept].any() and shown[:, kept].all()
    glycine = SEQUENCE.index("G")
    bonds = [np.linalg.norm(found.positions[0, i, CB] - found.positions[0, i, CA]) for i in (glycine, 0)]
    assert not given.atom_mask[glycine, CB] and bonds == pytest.approx([1.53, 1.53], abs=0.02)


def test_the_target_of_a_binder(tmp_path):
    file = save(tmp_path, pdb([*peptide("MKTGY"), *peptide("WWAKLD", chain="B")]))
    given = read_given(file)
    found = given.target(["B"], preset("model_1_ptm"))
    assert (found.aatype[0, :5] == GAP).all() and not found.atom_mask[0, :5].any()
    assert (found.aatype[0, 5:] == given.aatype[5:]).all() and (found.atom_mask[0, 5:] == given.atom_mask[5:]).all()
    with pytest.raises(InputError, match=r'no chain is called "C"; give one of A, B$'):
        given.target(["C"], preset("model_1_ptm"))
    with pytest.raises(InputError, match="every chain is of the target, and none the binder; name the target alone"):
        given.target(["A", "B"], preset("model_1_ptm"))


def test_bad_structures(file, tmp_path):
    with pytest.raises(InputError) as error:
        read_given(file, ["MKTGWIAK"])
    assert str(error.value) == (
        f"{file}, chain A (8 residues, 8 observed) is not chain 1 of the query (8): at position 5 it has Y, the query "
        "W; give a structure of this sequence"
    )
    with pytest.raises(
        InputError, match=r"at position 8 it has K, the query nothing; give a structure of this sequence"
    ):
        read_given(file, [SEQUENCE[:-1]])
    with pytest.raises(InputError, match=r'has no chain "B"; its protein chains are: A$'):
        read_given(f"{file}:B")
    with pytest.raises(InputError, match=r"1 chain is given \(A\), the query has 2; give a structure"):
        read_given(file, [SEQUENCE, SEQUENCE])
    two = save(tmp_path, pdb(together(SEQUENCE, SEQUENCE, 9.0)), "two.pdb")
    with pytest.raises(InputError, match=r"2 chains are given \(A,B\), the query has 1; name those .*two.pdb:A$"):
        read_given(two, [SEQUENCE])


def test_pae_files(tmp_path):
    pae = np.round(np.random.default_rng(0).uniform(0, 31, (4, 4)), 2)
    forms = {
        "colabfold": {"plddt": [1] * 4, "pae": pae.tolist(), "ptm": 0.5},
        "database": [{"predicted_aligned_error": pae.tolist(), "max_predicted_aligned_error": 31.75}],
        "alphafold3": {"pae": pae.tolist(), "token_chain_ids": list("AABB")},
    }
    for name, form in forms.items():
        (tmp_path / name).write_text(json.dumps(form))
        found, numbers = read_pae(tmp_path / name, 4, "a.pdb")
        assert np.array_equal(found, pae) and numbers.get("ptm") == (0.5 if name == "colabfold" else None)
    bad = {
        "[": "is not JSON that can be read",
        "{}": 'has no PAE: expected a table "pae" or "predicted_aligned_error"; give a PAE file',
        '{"pae": [[1, 2], [3]]}': '"pae" is not a square table of finite numbers; write it again',
        '{"pae": [[1, NaN], [3, 1]]}': "not a square table of finite numbers",
        '{"pae": [[1, 2], [3, 1]]}': r"a PAE of 2 residues, a.pdb has 4; give the PAE file of this structure$",
    }
    for text, reason in bad.items():
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InputError, match=reason):
            read_pae(tmp_path / "x.json", 4, "a.pdb")
