"""What happens to an alignment on its way to the network (supplement, sections 1.2.6 to 1.2.8), as pure functions.

Codes are 0 to 19 amino acids, 20 X, 21 gap, 22 mask token. A random function takes the generator that it draws from.
"""

import numpy as np

from af2jax.constants.residues import GAP
from af2jax.typing import Bool, Float, Int

MASK = 22
CLASSES = 23
UNIFORM, PROFILE, KEPT = 0.1, 0.1, 0.1  # what becomes of a masked letter; the rest turns into the mask token
CHUNK = 512  # extra rows handled at once
DELETED_BLOCKS, DELETED_FRACTION = 5, 0.3  # number, and part of the rows in each


def deduplicate(codes: Int[np.ndarray, "N_seq N_res"]) -> Int[np.ndarray, "N_kept"]:
    """The indices of the first row of each kind, in their order."""
    first: dict[bytes, int] = {}
    for index, row in enumerate(codes):
        first.setdefault(row.tobytes(), index)
    return np.fromiter(first.values(), np.int64)


def profile(codes: Int[np.ndarray, "N_seq N_res"]) -> Float[np.ndarray, "N_res 22"]:
    """The frequency of each letter and of the gap at each position, over all rows."""
    n_seq, n_res = codes.shape
    cells = np.arange(n_res) * 22 + codes
    counts = np.bincount(cells.ravel(), minlength=n_res * 22).reshape(n_res, 22)
    return counts.astype(np.float32) / np.float32(n_seq)


def sample(
    rng: np.random.Generator, n_rows: int, max_clusters: int
) -> tuple[Int[np.ndarray, "N_seq"], Int[np.ndarray, "N_rest"]]:
    """The rows that become cluster centres, and the others, in random order; row 0 is always the first centre."""
    order = np.concatenate([[0], 1 + rng.permutation(n_rows - 1)])
    return order[:max_clusters], order[max_clusters:]


def block_delete(rng: np.random.Generator, n_rows: int) -> Int[np.ndarray, "N_kept"]:
    """Algorithm 1 "MSABlockDeletion": the rows that are left when five blocks, 30 % of the rows each, are deleted.

    A block starts at any row and ends at the last at the latest; blocks may overlap. Row 0, the query, always stays.
    """
    kept = np.ones(n_rows, bool)
    for start in rng.integers(n_rows, size=DELETED_BLOCKS):
        kept[start : start + int(DELETED_FRACTION * n_rows)] = False
    kept[0] = True
    return np.flatnonzero(kept)


def mask_bert(
    rng: np.random.Generator,
    codes: Int[np.ndarray, "N_seq N_res"],
    profile: Float[np.ndarray, "N_res 22"],
    fraction: float,
) -> tuple[Int[np.ndarray, "N_seq N_res"], Bool[np.ndarray, "N_seq N_res"]]:
    """The rows with a `fraction` of their letters replaced, and where (supplement, section 1.2.7).

    Of the chosen letters 10 % become an amino acid at random, 10 % a draw from the `profile` of their position, 10 %
    stay, 70 % become the mask token.
    """
    chosen = rng.random(codes.shape) < fraction
    column = np.nonzero(chosen)[1]
    count = len(column)
    cumulative = np.cumsum(profile, axis=1, dtype=np.float64)[column]
    from_profile = (cumulative <= rng.random(count)[:, None] * cumulative[:, -1:]).sum(axis=1)
    uniform = rng.integers(20, size=count)
    fate = rng.random(count)
    masked = codes.copy()
    masked[chosen] = np.select(
        [fate < UNIFORM, fate < UNIFORM + PROFILE, fate < UNIFORM + PROFILE + KEPT],
        [uniform, from_profile, codes[chosen]],
        MASK,
    )
    return masked, chosen


def nearest_clusters(
    msa: Int[np.ndarray, "N_seq N_res"],
    extra: Int[np.ndarray, "N_extra N_res"],
    msa_mask: Bool[np.ndarray, "N_seq N_res"],
    extra_mask: Bool[np.ndarray, "N_extra N_res"],
) -> Int[np.ndarray, "N_extra"]:
    """The row of `msa` that each row of `extra` agrees with in most positions; of equals the first.

    Only letters agree: gaps, mask tokens and masked positions do not.
    """
    centres = _one_hot_rows(msa, msa_mask).T
    nearest = [
        np.argmax(_one_hot_rows(extra[i : i + CHUNK], extra_mask[i : i + CHUNK]) @ centres, axis=1)
        for i in range(0, len(extra), CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.int32), *nearest]).astype(np.int32)


def summarise(
    assignment: Int[np.ndarray, "N_extra"],
    msa: Int[np.ndarray, "N_seq N_res"],
    extra: Int[np.ndarray, "N_extra N_res"],
    deletions: Int[np.ndarray, "N_seq N_res"],
    extra_deletions: Int[np.ndarray, "N_extra N_res"],
    msa_mask: Bool[np.ndarray, "N_seq N_res"],
    extra_mask: Bool[np.ndarray, "N_extra N_res"],
) -> tuple[Float[np.ndarray, "N_seq N_res 23"], Float[np.ndarray, "N_seq N_res"]]:
    """The letter frequencies and the mean number of deletions of each cluster, its centre included.

    Means are over the rows present at a position (DeepMind adds 1e-6 to that number, a relative difference of 1e-6
    at most); a position that no row fills is zero.
    """
    n_seq, n_res = msa.shape
    counts = np.zeros(n_seq * n_res * CLASSES, np.float32)
    deleted = np.zeros(n_seq * n_res, np.float32)
    rows = [(np.arange(n_seq), msa, deletions, msa_mask)] + [
        (assignment[i : i + CHUNK], extra[i : i + CHUNK], extra_deletions[i : i + CHUNK], extra_mask[i : i + CHUNK])
        for i in range(0, len(extra), CHUNK)
    ]
    for cluster, codes, removed, mask in rows:
        cells = (cluster[:, None] * n_res + np.arange(n_res)[None])[mask]
        np.add.at(counts, cells * CLASSES + codes[mask], np.float32(1))
        np.add.at(deleted, cells, removed[mask].astype(np.float32))
    counts = counts.reshape(n_seq, n_res, CLASSES)
    present = np.maximum(counts.sum(axis=-1), 1)
    return counts / present[..., None], deleted.reshape(n_seq, n_res) / present


def deletion_features(
    deletions: Int[np.ndarray, "*axes"] | Float[np.ndarray, "*axes"],
) -> tuple[Float[np.ndarray, "*axes"], Float[np.ndarray, "*axes"]]:
    """Whether residues were left out before each position (0 or 1), and 2/pi atan(d/3) of their number d; float32."""
    deletions = deletions.astype(np.float32)
    return np.clip(deletions, 0, 1), np.arctan(deletions / 3) * np.float32(2 / np.pi)


def msa_feat(
    msa: Int[np.ndarray, "N_seq N_res"],
    deletions: Int[np.ndarray, "N_seq N_res"],
    cluster_profile: Float[np.ndarray, "N_seq N_res 23"],
    deletion_mean: Float[np.ndarray, "N_seq N_res"],
) -> Float[np.ndarray, "N_seq N_res 49"]:
    """Features of the clustered rows (supplement, Table 1): letter 23, has deletion, deletions, profile 23, mean."""
    has_deletion, deletion_value = deletion_features(deletions)
    feat = np.zeros((*msa.shape, 49), np.float32)
    np.put_along_axis(feat, msa[..., None].astype(np.int64), 1, axis=-1)
    feat[..., 23] = has_deletion
    feat[..., 24] = deletion_value
    feat[..., 25:48] = cluster_profile
    feat[..., 48] = deletion_features(deletion_mean)[1]
    return feat


def _one_hot_rows(codes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Letters as 0 and 1, a row's positions side by side: float32 [N, N_res * 21], zero where no letter is."""
    letters = np.where(mask, codes, GAP)[..., None] == np.arange(GAP, dtype=codes.dtype)
    return letters.reshape(len(codes), -1).astype(np.float32)
