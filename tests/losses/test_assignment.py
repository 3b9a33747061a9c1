"""Chain permutation: equal to comparing every assignment, the same under any names, and right for crops and gaps."""

from functools import partial
from itertools import permutations, product

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from af2jax import losses
from af2jax.geometry.superpose import superpose
from af2jax.losses.assignment import Chains, assign
from af2jax.losses.symmetry import matching, permute
from tests.losses import complexes, examples


def complex_of(copies, length=6, seed=0, labels=None):
    """Chains of several entities; entity e has `copies[e]`, chains of one shape each, anywhere."""
    rng = np.random.default_rng(seed)
    points, entity = [], []
    for e, num in enumerate(copies):
        shape = np.cumsum(rng.normal(size=(length + e, 3)) * 2, axis=0)
        for _ in range(num):
            points.append(shape @ complexes.rotation(rng).T + 25 * rng.normal(size=3))
            entity.append(e + 7)
    sizes = [len(x) for x in points]
    chain = np.repeat(np.arange(1, len(points) + 1) if labels is None else labels, sizes)
    index = np.concatenate([np.arange(n) for n in sizes])
    every = np.ones(sum(sizes), bool)
    return Chains(np.concatenate(points), every, index, chain, np.repeat(entity, sizes), every)


def said(known, seed=1, noise=1.0, order=None):
    """A prediction of `known`: moved as one, noisy, its chains among their copies in another order."""
    rng = np.random.default_rng(seed)
    points = known.points.copy()
    if order is not None:
        points = np.concatenate([known.points[known.asym_id == label] for label in order])
    points = points @ complexes.rotation(rng).T + 10 + noise * rng.normal(size=points.shape)
    return known._replace(points=points)


def rmsd(predicted, known, rows):
    """After superposition, by the function of `geometry`."""
    has = (rows >= 0) & predicted.seen & known.seen[rows]
    one, two = known.points[rows[has]], predicted.points[has]
    motion = superpose(one, two, np.ones(len(one)))
    return float(np.sqrt(((one @ motion.rot.T + motion.trans - two) ** 2).sum(-1).mean()))


def every_assignment(predicted, known):
    """Rows of every assignment of chains to copies, one by one."""
    groups = []
    for entity in np.unique(predicted.entity_id):
        chains = [np.unique(x.asym_id[x.entity_id == entity]) for x in (predicted, known)]
        groups.append([dict(zip(chains[0], p, strict=True)) for p in permutations(chains[1], len(chains[0]))])
    place = {(c, i): row for row, (c, i) in enumerate(zip(known.asym_id, known.residue_index, strict=True))}
    for choice in product(*groups):
        to = {a: b for part in choice for a, b in part.items()}
        yield np.array(
            [place.get((to[c], i), -1) for c, i in zip(predicted.asym_id, predicted.residue_index, strict=True)]
        )


def shuffled(chains, seed):
    """The same residues in another order, under other numbers of chains."""
    rng = np.random.default_rng(seed)
    labels = np.unique(chains.asym_id)
    new = rng.permutation(90 + np.arange(len(labels)))
    order = rng.permutation(len(chains.asym_id))
    renamed = chains._replace(asym_id=new[np.searchsorted(labels, chains.asym_id)])
    return Chains(*(x[order] for x in renamed)), order


GROUPS = [(1,), (2,), (3,), (4,), (5,), (2, 1), (2, 2), (3, 2), (1, 1, 1)]


@pytest.mark.parametrize("noise", [0.5, 12.0])
@pytest.mark.parametrize("copies", GROUPS, ids=str)
def test_it_is_the_best_of_all(copies, noise):
    for seed in range(3):
        known = complex_of(copies, seed=seed)
        predicted = said(known, seed + 10, noise)
        errors = [rmsd(predicted, known, rows) for rows in every_assignment(predicted, known)]
        np.testing.assert_allclose(rmsd(predicted, known, assign(predicted, known)), min(errors), rtol=1e-6)


@pytest.mark.parametrize(
    "copies", [(2,), (5,), (3, 2), (5, 5), (5, 5, 5), (6,), (8, 1), (12,), (6, 6), (7, 3)], ids=str
)
def test_an_order_is_found_whatever_the_names(copies):
    """Every residue gets the point that it was predicted from; so do shuffled residues of renamed chains."""
    known = complex_of(copies, seed=3)
    rng = np.random.default_rng(0)
    parts = np.split(np.arange(1, 1 + sum(copies)), np.cumsum(copies)[:-1])
    order = np.concatenate([rng.permutation(part) for part in parts])
    predicted = said(known, order=order)
    origin = np.concatenate([np.flatnonzero(known.asym_id == label) for label in order])
    np.testing.assert_array_equal(assign(predicted, known), origin)
    for seed in range(2):
        (one, first), (two, second) = shuffled(predicted, seed), shuffled(known, seed + 5)
        np.testing.assert_array_equal(second[assign(one, two)], origin[first])


@pytest.mark.parametrize("copies", [(4,), (3, 2)], ids=str)
def test_a_bad_prediction_gets_the_same_under_other_names(copies):
    known = complex_of(copies)
    predicted = said(known, noise=12.0)
    base = assign(predicted, known)
    for seed in range(4):
        (one, first), (two, second) = shuffled(predicted, seed), shuffled(known, seed + 5)
        np.testing.assert_array_equal(second[assign(one, two)], base[first])


def test_large_groups_are_no_worse_than_as_they_were():
    for seed in range(5):
        known = complex_of((7, 2), seed=seed)
        predicted = said(known, noise=3.0)
        found = assign(predicted, known)
        assert rmsd(predicted, known, found) <= rmsd(predicted, known, np.arange(len(found))) + 1e-9
        for label in np.unique(predicted.asym_id):  # whole chains, each once
            assert len(np.unique(known.asym_id[found[predicted.asym_id == label]])) == 1
        assert len(np.unique(found)) == len(found)


def test_equals_keep_their_order():
    """A homodimer on an exact axis, predicted exactly."""
    known = complex_of((1,), seed=2)
    turn = np.array([-1.0, -1, 1])
    points = np.concatenate([known.points + 20, (known.points + 20) * turn])
    twice = Chains(points, *(np.tile(x, 2) for x in known[1:]))._replace(asym_id=np.repeat([4, 3], len(known.seen)))
    np.testing.assert_array_equal(assign(twice, twice), np.arange(len(points)))


def test_copies_that_hardly_differ_are_told_apart():
    """A homodimer on an axis but for one atom, 0.2 angstrom aside; its chains are predicted the other way round."""
    known = complex_of((1,), seed=2)
    points = np.concatenate([known.points + 20, (known.points + 20) * np.array([-1.0, -1, 1])])
    points[0, 2] += 0.2
    twice = Chains(points, *(np.tile(x, 2) for x in known[1:]))._replace(asym_id=np.repeat([4, 3], len(known.seen)))
    other = np.roll(np.arange(len(points)), len(known.seen))
    np.testing.assert_array_equal(assign(twice._replace(points=points[other]), twice), other)


class TestCrops:
    """Parts of chains, of known structures with gaps."""

    KNOWN = complex_of((3, 1), length=20)

    def crop(self, keep):
        predicted = said(self.KNOWN, order=[3, 1, 2, 4])
        origin = np.concatenate([np.flatnonzero(self.KNOWN.asym_id == label) for label in (3, 1, 2, 4)])
        return Chains(*(x[keep] for x in predicted)), origin[keep]

    def test_windows_of_chains(self):
        """Each chain has another window, and the third copy none."""
        i, chain = self.KNOWN.residue_index, self.KNOWN.asym_id
        keep = ((chain == 1) & (i < 8)) | ((chain == 2) & (i > 11)) | ((chain == 4) & (i > 4))
        predicted, origin = self.crop(keep)
        np.testing.assert_array_equal(assign(predicted, self.KNOWN), origin)

    def test_gaps_of_the_known_structure(self):
        """Residues that are not in the file have no row; those without CA have one and are not compared."""
        predicted, origin = self.crop(np.ones(len(self.KNOWN.seen), bool))
        rng = np.random.default_rng(1)
        there, seen = rng.uniform(size=(2, len(origin))) < 0.7
        known = self.KNOWN._replace(points=np.where(seen[:, None], self.KNOWN.points, 1e3), seen=seen)
        less = Chains(*(x[there] for x in known))
        new = np.where(there, np.cumsum(there) - 1, -1)
        np.testing.assert_array_equal(assign(predicted, less), new[origin])
        masked = known._replace(present=there)
        np.testing.assert_array_equal(assign(predicted, masked), np.where(there, np.arange(len(there)), -1)[origin])

    def test_a_copy_of_which_little_is_known(self):
        """Of chain 2 two residues: they fit any chain, and yet the two whole copies stay with whole chains."""
        known = self.KNOWN._replace(seen=(self.KNOWN.asym_id != 2) | (self.KNOWN.residue_index < 2))
        predicted, origin = self.crop(self.KNOWN.asym_id < 3)  # predicted from chains 3 and 1
        np.testing.assert_array_equal(assign(predicted, known), origin)

    def test_too_few_known_copies(self):
        predicted, origin = self.crop(np.ones(len(self.KNOWN.seen), bool))
        known = self.KNOWN._replace(present=self.KNOWN.asym_id != 1)
        np.testing.assert_array_equal(assign(predicted, known), np.where(self.KNOWN.asym_id[origin] == 1, -1, origin))

    def test_two_of_many_copies(self):
        many = complex_of((11,), length=9)
        predicted = Chains(*(x[(many.asym_id == 5) | (many.asym_id == 9)] for x in said(many)))
        rows = assign(predicted._replace(asym_id=predicted.asym_id % 2 + predicted.asym_id // 9), many)
        np.testing.assert_array_equal(rows, np.flatnonzero((many.asym_id == 5) | (many.asym_id == 9)))

    @pytest.mark.parametrize("copies", [(3, 1), (7, 2)], ids=str)
    def test_nothing_to_compare(self, copies):
        known = complex_of(copies)
        num, none = len(known.seen), np.zeros(len(known.seen), bool)
        every = np.arange(num)
        np.testing.assert_array_equal(assign(known, known._replace(seen=none)), every)
        np.testing.assert_array_equal(assign(known._replace(points=known.points * np.nan), known), every)
        for one, two in ((known, known._replace(present=none)), (known._replace(present=none), known)):
            np.testing.assert_array_equal(assign(one, two), -1)
        np.testing.assert_array_equal(assign(known, known._replace(entity_id=known.entity_id + 50)), -1)


@pytest.fixture(scope="module")
def known():
    """Three copies and another chain: targets and entity_id."""
    return complexes.targets(("GDEFYRK", "GDEFYRK", "GDEFYRK", "MNVLQ"), apart=15.0)


@pytest.fixture(scope="module")
def order(known):
    """Rows of chains 2, 3, 1 and 4."""
    asym_id = np.asarray(known[0].asym_id)
    return np.concatenate([np.flatnonzero(asym_id == label) for label in (2, 3, 1, 4)])


@pytest.fixture(scope="module")
def outputs(known, order):
    """Whose CA atoms are the known ones, a little off, chains in that order."""
    targets, _ = known
    build = jax.jit(examples.outputs, compiler_options=examples.QUICK)
    made = build(examples.prediction(targets.aatype), targets.aatype, targets.seq_mask)
    near = targets.positions[order] + 0.3 * jax.random.normal(jax.random.key(0), targets.positions.shape)
    return made.replace(structure=made.structure.replace(atom37=near))


@pytest.mark.medium("compiles the losses of complexes")
class TestTargets:
    """The losses of permuted targets, under jit."""

    def test_atoms_follow_their_chains(self, known, outputs, order):
        targets, entity_id = known
        found = jax.jit(permute)(outputs, targets, entity_id, targets, entity_id)
        np.testing.assert_array_equal(found.atom_mask, targets.atom_mask[order])
        np.testing.assert_array_equal(found.positions, targets.positions[order])
        same = found.replace(positions=targets.positions, atom_mask=targets.atom_mask)
        chex.assert_trees_all_equal(same, targets)

    def test_permuted_again_it_is_the_same(self, known, outputs):
        targets, entity_id = known
        once = permute(outputs, targets, entity_id, targets, entity_id)
        twice = permute(outputs, once, entity_id, targets, entity_id)
        chex.assert_trees_all_equal(once, twice)

    def test_one_chain_keeps_its_atoms(self, outputs):
        targets = examples.targets(num=26)
        one = jnp.ones(26, jnp.int32)
        kept = permute(outputs, targets, one, targets, one)
        chex.assert_trees_all_equal(kept, targets)

    def test_a_crop_of_a_padded_whole(self, known, outputs, order):
        targets, entity_id = known
        keep = np.r_[1:6, 8:12, 21:24]
        cut = lambda x: x[keep] if jnp.shape(x)[:1] == entity_id.shape else x
        part, out = (
            jax.tree.map(cut, targets),
            outputs.replace(structure=outputs.structure.replace(atom37=outputs.structure.atom37[keep])),
        )
        grow = lambda x: jnp.pad(x, [(0, 5)] + [(0, 0)] * (x.ndim - 1)) if x.shape[:1] == entity_id.shape else x
        found = permute(out, part, entity_id[keep], jax.tree.map(grow, targets), grow(entity_id))
        np.testing.assert_array_equal(found.positions, targets.positions[order][keep])
        np.testing.assert_array_equal(found.atom_mask, targets.atom_mask[order][keep])

    def test_under_grad_scan_and_vmap(self, known, outputs, order):
        """Nothing of the choice is differentiated; batches are taken one by one."""
        targets, entity_id = known

        def loss(atom37, out, permuted):
            out = out.replace(structure=out.structure.replace(atom37=atom37))
            right = permute(out, targets, entity_id, targets, entity_id) if permuted else targets
            return losses.LOSSES["center_of_mass"](out, right) + jnp.mean(atom37**2)

        gradient = partial(jax.jit, static_argnums=2)(jax.value_and_grad(loss))
        value, grad = gradient(outputs.structure.atom37, outputs, True)
        assert np.isfinite(grad).all() and np.isfinite(value)
        rows = lambda out: matching(out, targets, entity_id, targets, entity_id)
        two = jax.tree.map(lambda x: jnp.stack([x, x[::-1] if x.shape == targets.positions.shape else x]), outputs)
        expected = np.stack([rows(jax.tree.map(lambda x, i=i: x[i], two)) for i in range(2)])
        np.testing.assert_array_equal(expected[0], order)
        np.testing.assert_array_equal(jax.jit(jax.vmap(rows))(two), expected)
        np.testing.assert_array_equal(jax.jit(lambda x: jax.lax.map(rows, x))(two), expected)
