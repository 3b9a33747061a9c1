"""Predictions made by hand, so that tests of files need no network."""

import numpy as np

from af2jax.results import Prediction
from tests.protein.test_files import protein


def prediction(lengths=(9,), preset="model_1_ptm", shift=0.0, **fields) -> Prediction:
    """A prediction of so many residues in each chain; `shift` moves its pLDDT."""
    rng, size = np.random.default_rng(1), sum(lengths)
    atoms = protein(lengths, name=fields.pop("name", "job"), notes=fields.pop("notes", ()))
    rise = np.arange(len(lengths))
    tables = np.where(np.eye(len(rise), dtype=bool), 0.71234 + 0.1 * rise, 0.51234)
    distances = np.abs(np.arange(size)[:, None] - np.arange(size)[None]) * 3.0
    table = {
        "plddt": rng.uniform(30, 90, size) + shift,
        "pae": rng.uniform(0, 31, (size, size)).astype(np.float32),
        "ptm": 0.61234,
        "iptm": 0.51234 if len(lengths) > 1 else None,
        "chain_tm": tables if len(lengths) > 1 else None,
        "protein": atoms,
        "preset": preset,
        "changes": (3.0, 0.5),
        "distances": distances,
        "contacts": (distances < 8) * 0.9,
    }
    return Prediction(**table | fields)
