"""Made-up complexes: chains of ideal geometry that lie beside each other, and predictions of them."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax import interop
from af2jax.schema import Targets
from tests.losses import examples


def rotation(rng: np.random.Generator) -> np.ndarray:
    """[3 3], any with equal probability."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def dictionary(
    sequences: tuple[str, ...], seed: int = 0, restart: bool = True, missing: float = 0.1, apart: float = 12.0
) -> dict[str, np.ndarray]:
    """`examples.dictionary` of one chain for each sequence, with asym_id 1, 2, ... and one entity_id for each sequence.

    Centres of neighbours are `apart` angstrom from each other. `restart`: each chain's residues are numbered from 0;
    else no number comes twice.
    """
    rng = np.random.default_rng([seed, 2])
    rows = ("aatype", "residue_index", "seq_mask", "all_atom_positions", "all_atom_mask")
    chains, start = [], 0
    for i, sequence in enumerate(sequences):
        num = len(sequence)
        d = examples.dictionary(num, seed=seed + i, missing=missing, sequence=sequence)
        x, mask = d["all_atom_positions"], d["all_atom_mask"][..., None]
        middle = x[d["all_atom_mask"] > 0].mean(0)
        place = np.array([apart * i, 0.6 * apart * (i % 2), 0.3 * apart * (i % 3)])
        d["all_atom_positions"] = (((x - middle) @ rotation(rng).T + place) * mask).astype(np.float32)
        d["residue_index"] = d["residue_index"] + start
        start += 0 if restart else num + 5
        chains.append({name: d[name] for name in rows} | {"asym_id": np.full(num, i + 1, np.int32)})
    whole = examples.dictionary(sum(map(len, sequences)), seed=seed)
    entities = [1 + list(dict.fromkeys(sequences)).index(s) for s in sequences]
    joined = {name: np.concatenate([c[name] for c in chains]) for name in chains[0]}
    entity_id = np.repeat(entities, [len(s) for s in sequences]).astype(np.int32)
    return whole | joined | {"entity_id": entity_id}


def targets(*args, **options) -> tuple[Targets, jax.Array]:
    """The same as `Targets` in JAX arrays, and entity_id."""
    d = dictionary(*args, **options)
    return jax.tree.map(jnp.asarray, interop.targets(d)), jnp.asarray(d["entity_id"])


def prediction(d: dict, seed: int = 1, noise: float = 1.0, near: float = 5.0) -> dict:
    """`examples.prediction` with every chain on a strand of its own, at `near` angstrom from the one before."""
    said = examples.prediction(d["aatype"], seed, noise)
    trans = np.array(said["trans"])
    for i, chain in enumerate(np.unique(d["asym_id"])):
        here = d["asym_id"] == chain
        strand = np.asarray(examples.strand(int(here.sum())).trans)
        line = np.asarray(examples.strand(len(here)).trans)[here]
        trans[:, here] += strand - line + np.float32([0, near * i, 0])
    return said | {"trans": jnp.asarray(trans)}
