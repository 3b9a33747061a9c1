"""Fingerprints: the shape of a chain as one vector, so that chains of one fold have vectors of one direction.

A fingerprint counts the pairs of residues that are near in space by what a rigid motion does not change: how far apart
they are in the sequence and in space, the secondary structure of each, the angle between the directions of the chain,
and on which side one passes the other, which tells a fold from its mirror image. It takes milliseconds, in NumPy; what
it is for is to say which of many chains are worth an alignment.
"""

import numpy as np
from scipy.spatial import cKDTree

from af2jax.metrics.ca_classes import CLASSES, ca_classes
from af2jax.typing import Float

APART = (4, 8, 16, 32, 64)  # residues along the chain, from which bins begin
NEAR = (7.5, 10.5, 13.5)  # angstrom, up to which bins go
ANGLES = (-0.4, 0.4)  # cosines between bins
SHAPE = (len(APART), len(NEAR), CLASSES, CLASSES, len(ANGLES) + 1, 2)
SIZE = int(np.prod(SHAPE))
MANY = 50  # fingerprints, from which on their mean says what all chains share


def fingerprint(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " F"]:
    """The fingerprint of a chain: float32 [`SIZE`] of length 1, or 0 where no two residues are near."""
    points = np.asarray(points, np.float64)
    found = np.zeros(SHAPE)
    if len(points) <= APART[0]:
        return found.reshape(-1).astype(np.float32)
    kind = ca_classes(points, len(points))
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    i, j = cKDTree(points).query_pairs(NEAR[-1], output_type="ndarray").T
    far = np.abs(i - j) >= APART[0]
    i, j = np.minimum(i, j)[far], np.maximum(i, j)[far]
    between = points[j] - points[i]
    cosine = np.sum(along[i] * along[j], axis=-1)
    side = np.sum(np.cross(along[i], along[j]) * between, axis=-1) > 0
    place = (
        np.searchsorted(APART, j - i, side="right") - 1,
        np.searchsorted(NEAR, np.linalg.norm(between, axis=-1)).clip(max=len(NEAR) - 1),
        kind[i],
        kind[j],
        np.searchsorted(ANGLES, cosine),
        side.astype(int),
    )
    np.add.at(found, place, 1)
    found = np.sqrt(found).reshape(-1)
    return (found / max(np.linalg.norm(found), 1e-6)).astype(np.float32)


def similarity(query: Float[np.ndarray, " F"], others: Float[np.ndarray, "N F"]) -> Float[np.ndarray, " N"]:
    """The cosine between a fingerprint and each of `others`, -1 to 1, from the mean of many `others`."""
    middle = others.mean(axis=0) if len(others) >= MANY else np.zeros(SIZE, np.float32)
    own, rest = query - middle, others - middle
    return rest @ own / np.maximum(np.linalg.norm(rest, axis=-1) * np.linalg.norm(own), 1e-6)
