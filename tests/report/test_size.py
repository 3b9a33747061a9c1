"""A page of the largest proteins that it is made for stays within its size, with every plot and structure on it."""

import dataclasses
import json

import numpy as np
import pytest

from af2jax.constants.atoms import ATOM37_MASK
from af2jax.constants.residues import RESTYPES
from af2jax.evaluation.assessment import assess
from af2jax.evaluation.evaluate import WORST
from af2jax.evaluation.observe import Observed
from af2jax.evaluation.record import Shown
from af2jax.evaluation.scores import PAE_BINS, Scores
from af2jax.html.page import MOST
from af2jax.report import assessment
from af2jax.schema import Features, Targets
from tests.report import made

LARGE, PASSES, LAYERS = 500, 2, 2


def shown(target, num: int = LARGE) -> Shown:
    """A target of so many residues; its maps are those of a chain that a random walk makes."""
    rng = np.random.default_rng(0)
    aatype, every, one = rng.integers(0, 20, num), np.ones(num, bool), np.ones(num, int)
    target = dataclasses.replace(target, sequence="".join(RESTYPES[code] for code in aatype))
    atoms = ATOM37_MASK[aatype]
    walk = np.cumsum(rng.normal(0, 2.2, (num, 1, 3)), axis=0) + rng.normal(0, 1, (num, 37, 3))
    layers = (walk + rng.normal(0, 3, (PASSES, LAYERS, num, 37, 3))).astype(np.float32)
    apart = np.linalg.norm(walk[:, None, 1] - walk[None, :, 1], axis=-1).astype(np.float32)
    plddt, ids = rng.uniform(0, 100, (PASSES, num)), {"asym_id": one, "residue_index": np.arange(num)}
    features = Features(aatype, seq_mask=every, entity_id=one, sym_id=one, target_feat=0, msa=0, templates=0, **ids)
    rest = dict.fromkeys(("resolution", "true_msa", "bert_mask", "use_clamped_fape"), 0) | {"labels": {}}
    targets = Targets(aatype, seq_mask=every, positions=walk.astype(np.float32), atom_mask=atoms, **ids, **rest)
    error = np.minimum(0.3 * apart + rng.normal(0, 0.5, apart.shape) ** 2, 31)
    maps = {
        "pae": error,
        "ptm": 0.5,
        "distances": np.minimum(apart, 22),
        "contacts": 1 / (1 + np.exp(np.minimum(apart - 8, 50))),
    }
    unread = dict.fromkeys(("rot", "torsions", "single", "residues"), np.zeros(0)) | {"heads": {}}
    seen = Observed(layers=layers, atom_mask=atoms, plddt=plddt, **maps, **unread)
    residues = {"plddt": plddt[-1], "error": rng.uniform(0, 20, num)}
    scores = Scores(
        {}, residues, np.zeros((PASSES, LAYERS)), np.zeros((PAE_BINS, 2)), layers[-1, -1, :, 1], 1.2 * error
    )
    rows = np.where(rng.uniform(size=(500, num)) < 0.5, aatype, 21)
    return Shown(target, features, targets, seen, scores, np.concatenate([aatype[None], rows]))


@pytest.mark.slow("makes pages of the largest size")
def test_an_evaluation_of_large_proteins(tmp_path):
    found = made.evaluation()
    found = dataclasses.replace(found, worst=[shown(target) for target in found.targets[:WORST]])
    page = assessment.render(assess(found)).save(tmp_path)
    html, figures = page.read_bytes(), json.loads((tmp_path / "report.json").read_text())["figures"]
    plots = {"worst_pae", "worst_distances", "worst_contacts", "worst_coverage"}
    assert len(html) < MOST and plots <= figures.keys()
    assert html.count(b"<img ") == len(figures) and html.count(b'"traces"') == WORST
