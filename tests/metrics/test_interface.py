"""Scores of pairs of chains: DeepMind's predicted TM-score, and contacts, PAE and pDockQ worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from af2jax.constants.atoms import CA, CB
from af2jax.constants.residues import CODES
from af2jax.metrics import confidence, interface

NUM = 60
LOGITS = (3 * np.random.default_rng(0).standard_normal((NUM, NUM, 64))).astype(np.float32)
CHAINS = np.repeat([4, 1, 7], [28, 20, 12])  # numbers in no order
MASK = ~np.isin(np.arange(NUM), [0, 30, 59])
GLYCINE, ALANINE = CODES["G"], CODES["A"]


def scores(logits=LOGITS, mask=MASK, asym_id=CHAINS):
    return interface.chain_scores(*map(jnp.asarray, (logits, mask, asym_id)))


def test_equal_to_deepminds():
    """Each cell is `predicted_tm_score` with the residues of one chain or two; and so are pTM and ipTM of the whole."""
    theirs = pytest.importorskip("alphafold.common.confidence", reason="the oracle is not installed")
    names, found, breaks = interface.chains(CHAINS, MASK), scores(), np.linspace(0, 31, 63)
    assert names.tolist() == [1, 4, 7]
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            weights = (MASK & np.isin(CHAINS, [a, b])).astype(float)
            between = None if a == b else CHAINS
            expected = theirs.predicted_tm_score(LOGITS, breaks, residue_weights=weights, asym_id=between)
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-5)
    weights = MASK.astype(float)
    ptm, iptm = (theirs.predicted_tm_score(LOGITS, breaks, weights, x) for x in (None, CHAINS))
    ours = [confidence.ptm(*map(jnp.asarray, x)) for x in ((LOGITS, MASK), (LOGITS, MASK, CHAINS))]
    np.testing.assert_allclose(ours, [ptm, iptm], rtol=1e-5)
    result = {
        "predicted_lddt": {"logits": np.zeros((NUM, 50), np.float32)},
        "predicted_aligned_error": {"logits": LOGITS, "breaks": breaks, "asym_id": CHAINS},
    }
    whole = theirs.get_confidence_metrics(result, weights, rank_by="multimer")
    np.testing.assert_allclose(100 * interface.ranking(*map(float, ours)), whole["ranking_confidence"], rtol=1e-5)


def test_two_chains_have_the_iptm_of_the_complex():
    two = np.where(CHAINS == 7, 1, CHAINS)
    table = scores(asym_id=two)
    np.testing.assert_allclose(table[0, 1], confidence.ptm(*map(jnp.asarray, (LOGITS, MASK, two))), rtol=1e-5)
    np.testing.assert_array_equal(table, table.T)


def test_one_chain_has_a_ptm_and_no_iptm():
    table = scores(asym_id=0 * CHAINS)
    assert table.shape == (1, 1) and interface.ranking(float(table[0, 0]), None) is None
    np.testing.assert_allclose(table[0, 0], confidence.ptm(*map(jnp.asarray, (LOGITS, MASK))), rtol=1e-5)
    assert interface.ranking(0.5, 0.75) == pytest.approx(0.7)


def test_a_cell_is_the_score_of_these_chains_alone():
    """Other chains, padding and the numbers of chains do not matter; padding may be cut before `chain_tm`."""
    keep = MASK & (CHAINS != 4)
    alone = scores(LOGITS[keep][:, keep], MASK[keep], CHAINS[keep])
    np.testing.assert_allclose(alone, scores()[np.ix_([0, 2], [0, 2])], rtol=1e-5)
    junk = np.where((MASK[:, None] & MASK[None])[..., None], LOGITS, 9).astype(np.float32)
    np.testing.assert_allclose(scores(junk), scores(), rtol=1e-6)
    np.testing.assert_allclose(scores(asym_id=-CHAINS), scores()[::-1, ::-1], rtol=1e-6)
    expected = np.asarray(interface.expected_tm(*map(jnp.asarray, (LOGITS, MASK, CHAINS))))
    np.testing.assert_array_equal(interface.chain_tm(expected, CHAINS, MASK), scores())
    np.testing.assert_array_equal(interface.chain_tm(expected[MASK][:, MASK], CHAINS[MASK], MASK[MASK]), scores())


def test_a_chain_that_is_sure_of_itself_alone():
    """Bin 0 within chains, the last bin between: pTM near 1, ipTM near 0."""
    within = CHAINS[:, None] == CHAINS[None]
    sure = np.where(np.arange(64) == np.where(within, 0, 63)[..., None], 100.0, 0.0).astype(np.float32)
    table = scores(sure)
    d0 = lambda n: 1.24 * np.cbrt(max(n, 19) - 15) - 1.8
    sizes = np.array([19, 27, 11])
    error = np.where(np.eye(3, dtype=bool), 0.25, 31.75)
    lengths = np.where(np.eye(3, dtype=bool), sizes[:, None], sizes[:, None] + sizes)
    np.testing.assert_allclose(table, 1 / (1 + (error / np.vectorize(d0)(lengths)) ** 2), rtol=1e-4)
    assert table[1, 1] > 0.9 and table[0, 1] < 0.02


# Chain 0 is residues 0 to 2, chain 1 is 3 to 5, chain 2 is 6 and 7, far away. Places are of CB, of glycine (4) of CA.
PLACES = np.array([0, 100, 0.5, 8.0, 8.2, 9.0, 500, 600.0])
ASYM = np.array([0, 0, 0, 1, 1, 1, 2, 2])
AATYPE = np.where(np.arange(8) == 4, GLYCINE, ALANINE)
PLDDT = np.array([95, 10, 80, 70, 60, 20, 50, 50.0])


def structure():
    """(aatype, positions, atom_mask): CA elsewhere, but for the glycine."""
    positions = np.full((8, 37, 3), 1e4)
    positions[:, CB] = positions[4, CA] = 0
    positions[:, CB, 0], positions[4, CA, 0] = PLACES, PLACES[4]
    positions[4, CB] = 1e4
    return AATYPE, positions, np.ones((8, 37), bool)


def test_contacts_are_within_8_angstrom_and_between_chains():
    near = interface.touching(*structure(), ASYM)
    assert [(i, j) for i, j in np.argwhere(near).tolist() if i < j] == [(0, 3), (2, 3), (2, 4)]
    assert (near == near.T).all()
    aatype, positions, mask = structure()
    mask[3, CB] = False
    positions[3, CB] = np.nan
    near = interface.touching(aatype, positions, mask, ASYM)
    assert [(i, j) for i, j in np.argwhere(near).tolist() if i < j] == [(2, 4)]


def test_interfaces_by_hand():
    pae = np.arange(64.0).reshape(8, 8)
    found = interface.interfaces(*structure(), PLDDT, ASYM, pae)
    assert found.chains.tolist() == [0, 1, 2]
    assert found.contacts.tolist() == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]
    both = np.mean([pae[0, 3], pae[3, 0], pae[2, 3], pae[3, 2], pae[2, 4], pae[4, 2]])
    plddt = np.mean([95, 80, 70, 60])  # residues 0, 2 and 3, 4, each once
    for table, value in ((found.pae, both), (found.plddt, plddt)):
        np.testing.assert_allclose([table[0, 1], table[1, 0]], value)
        assert np.isnan(table).sum() == 7
    np.testing.assert_allclose(
        found.pdockq[0, 1], 0.724 / (1 + np.exp(-0.052 * (76.25 * np.log10(3) - 152.611))) + 0.018
    )
    assert found.pdockq[0, 2] == found.pdockq[2, 1] == 0 and np.isnan(np.diag(found.pdockq)).all()
    without = interface.interfaces(*structure(), PLDDT, ASYM)
    assert without.pae is None
    np.testing.assert_array_equal(without.pdockq, found.pdockq)


def test_one_chain_has_no_interface():
    found = interface.interfaces(*structure(), PLDDT, 0 * ASYM, np.zeros((8, 8)))
    assert found.contacts.tolist() == [[0]] and np.isnan([found.pae, found.plddt, found.pdockq]).all()


def test_pdockq_by_hand():
    """Of 100 contacts at pLDDT 90 x is 180: 0.724 / (1 + exp(-1.42423)) + 0.018."""
    np.testing.assert_allclose(interface.pdockq(90.0, 100), 0.724 / 1.240694 + 0.018, atol=1e-6)
    np.testing.assert_allclose(interface.pdockq(152.611 / 2, 100), 0.724 / 2 + 0.018)
    assert interface.pdockq(90.0, 0) == 0 and 0.018 < interface.pdockq(90.0, 1) < 0.0183
    assert 0.741 < interface.pdockq(100.0, 10**4) < 0.742
