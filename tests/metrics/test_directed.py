"""Directed scores of pairs of chains: equal to the programs of those who published them, and worked out by hand."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.metrics import confidence, directed, interface
from af2jax.results import Prediction
from tests.goldens.interfaces import FILE, LENGTHS, case, logits

GOLDEN = json.loads(FILE.read_text())
COMPLEXES = [name for name in LENGTHS if len(LENGTHS[name]) > 1]


def scores(name: str) -> dict:
    """What files say of a case, without a network."""
    atoms, pae = case(name)
    plddt = np.round(atoms.plddt.astype(float), 2)
    found, whole, table = {}, None, None
    if name in COMPLEXES:
        expected = confidence.closeness(jnp.asarray(logits(name)[0]), jnp.full((1, 1), float(len(plddt))))
        weights = directed.contact_weights(jnp.asarray(logits(name)[1]))
        whole, table = interface.contact_tm(np.asarray(expected), np.asarray(weights), atoms.chain_index)
    fields = {"ptm": 0.5, "iptm": 0.4 if name in COMPLEXES else None, "preset": "model_1", "changes": ()}
    found = Prediction(plddt=plddt, pae=pae, protein=atoms, actifptm=whole, chain_actifptm=table, **fields)
    return json.loads(json.dumps(found.scores(), allow_nan=False))


@pytest.mark.parametrize("name", COMPLEXES)
def test_equal_to_the_published_programs(name):
    """To the digits that they print: ipSAE, pDockQ, pDockQ2 and LIS of ipsae.py, LIS and cLIS of AFM-LIS, the authors'
    pDockQ2 of chains, and all that ColabFold 1.6.3 writes."""
    found, golden = scores(name), GOLDEN[name]
    assert all(golden[program] for program in golden) and max(map(float, golden["pDockQ2"].values())) < 1.31
    for pair, theirs in golden["ipsae.py"].items():
        ours = {"ipSAE": f"{found['ipsae'][pair]:.6f}", "pDockQ2": f"{found['pdockq2'][pair]:.4f}"}
        both = "-".join(sorted(pair.split("-")))
        ours |= {"pDockQ": f"{found['pdockq'][both]:.4f}", "LIS": f"{found['lis'][pair]:.4f}"}
        assert theirs == ours, pair
    for pair, theirs in golden["AFM-LIS"].items():
        mean = lambda table, pair=pair: (table[pair] + table["-".join(reversed(pair.split("-")))]) / 2
        for key, value in theirs.items():
            assert float(value) == pytest.approx(mean(found[key.lower()]), abs=5.6e-4), (pair, key)
    for chain, theirs in golden["pDockQ2"].items():
        touches = found["per_chain_pdockq2"][chain] > 0
        assert found["per_chain_pdockq2"][chain] == pytest.approx(theirs if touches else 0, abs=5.1e-5)
        assert touches or theirs < 0.0074  # which is their floor, and ours is 0
    for key, theirs in golden["ColabFold"].items():
        if key in ("pairwise_iptm", "per_chain_ptm"):  # of logits; see test_interface.py
            continue
        assert found[key] == pytest.approx(theirs, abs=1e-9), key
    for key in ("ipsae", "pdockq2", "lis", "clis"):
        assert found[f"{key}_min"].keys() == found["pdockq"].keys()
        for pair, least in found[f"{key}_min"].items():
            assert least == min(found[key][pair], found[key]["-".join(reversed(pair.split("-")))])


def test_the_cases_are_not_trivial():
    """Touching and apart, of three chains, one of ten residues; directions differ."""
    assert LENGTHS["three"][-1] == 10 and len(LENGTHS["three"]) == 3
    touching = GOLDEN["two"]["ipsae.py"]
    assert touching["A-B"]["ipSAE"] != touching["B-A"]["ipSAE"] and float(touching["A-B"]["pDockQ2"]) > 0.01
    assert len(GOLDEN["three"]["ipsae.py"]) == 6
    assert {float(x) for row in GOLDEN["apart"]["ipsae.py"].values() for x in row.values()} == {0.0}


def test_without_contacts_or_small_errors_all_is_zero():
    found = scores("apart")
    for key in ("ipsae", "pdockq2", "lis", "clis"):
        assert set(found[key].values()) == set(found[f"{key}_min"].values()) == {0}
    assert set(found["per_chain_pdockq2"].values()) == set(found["pdockq"].values()) == {0}
    assert directed.actifptm(np.ones((3, 4)), np.zeros((3, 4))) == 0
    empty = np.zeros((3, 4), bool)
    assert (
        directed.pdockq2(np.ones((3, 4)), empty, np.nan)
        == directed.chain_pdockq2(np.ones((3, 4)), empty, np.ones(3))
        == 0
    )
    assert directed.lis(np.full((3, 4), 12.0)) == directed.lis(np.ones((3, 4)), empty) == 0
    assert directed.ipsae(np.full((3, 4), 15.0)) == 0


def test_one_chain_has_none():
    assert not {
        key for key in scores("one chain") if "ipsae" in key or "lis" in key or "dockq" in key or "actif" in key
    }
    atoms, pae = case("one chain")
    where = atoms.aatype, atoms.positions, atoms.atom_mask, atoms.plddt
    assert interface.interfaces(*where, atoms.chain_index, pae).directed is None
    assert GOLDEN["one chain"]["ipsae.py"] == {} and GOLDEN["one chain"]["ColabFold"] == {}


def test_by_hand():
    """Of 27 residues d0 is 1.24 * 12^(1/3) - 1.8 = 1.0389; of 26 and fewer it is 1."""
    pae = np.full((2, 30), 20.0)
    pae[0, :27] = 1.0
    assert directed.ipsae(pae) == pytest.approx(1 / (1 + (1 / (1.24 * 12 ** (1 / 3) - 1.8)) ** 2))
    pae[0, 26] = 15.0  # not below the cutoff
    assert directed.ipsae(pae) == pytest.approx(0.5)
    pae[1, :3] = 0.5  # few residues of small error count for themselves alone
    assert directed.ipsae(pae) == pytest.approx(0.8)
    pae = np.array([[3.0, 12.0], [6.0, 30.0]])
    assert directed.lis(pae) == pytest.approx((0.75 + 0.5) / 2)
    assert directed.lis(pae, np.array([[True, True], [False, True]])) == pytest.approx(0.75)
    near = np.array([[True, False], [True, False]])
    x = 90 * np.mean([1 / (1 + 0.09), 1 / (1 + 0.36)])
    assert directed.pdockq2(pae, near, 90.0) == pytest.approx(1.31 / (1 + np.exp(-0.075 * (x - 84.733))) + 0.005)
    assert directed.actifptm(np.array([[0.8, 0.2]]), np.array([[0.3, 0.1]])) == pytest.approx(0.65)


def test_contact_weights_are_of_the_bins_that_begin_below_8():
    """Bin 19 is 7.9375 to 8.25 angstrom."""
    sure = np.where(np.arange(64) == np.array([0, 19, 20, 63])[:, None], 100.0, 0.0).astype(np.float32)
    np.testing.assert_allclose(
        directed.contact_weights(jnp.asarray(np.stack([sure] * 4))), [[1, 1, 0, 0]] * 4, atol=1e-6
    )
