"""Made-up proteins of ideal geometry, and predictions of them, for the tests of losses."""

import jax
import jax.numpy as jnp
import numpy as np

from af2jax import interop
from af2jax.constants.atoms import ATOM14_MASK, ATOM14_SWAP, ATOM14_TO_ATOM37, ATOM37_MASK, ATOM37_TO_ATOM14
from af2jax.constants.residues import CODES
from af2jax.geometry import quaternion
from af2jax.geometry.angles import normalise
from af2jax.geometry.rigid import Rigid
from af2jax.protein import atoms
from af2jax.schema import Outputs, StructureOutput, Targets
from tests import support

LAYERS = 3
SEQUENCE = "GDEFYRKCSWAHMNVLQTIP"  # every type, the ambiguous ones first
CLASSES = {"distogram": 64, "masked_msa": 23, "resolved": None, "plddt": 50, "pae": 64}

# Compiler options for programs that run once or twice: they compile in about half the time.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def place(a, b, c, length, angle, dihedral):
    """The atom at `length` from `c`, at `angle` to b and `dihedral` to a (angstrom, radians)."""
    bond = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, bond)
    normal /= np.linalg.norm(normal)
    out = [-np.cos(angle), np.sin(angle) * np.cos(dihedral), np.sin(angle) * np.sin(dihedral)]
    return c + length * np.stack([bond, np.cross(normal, bond), normal], axis=1) @ out


def strand(num: int) -> Rigid:
    """[num] backbone frames of an extended chain with the mean geometry of peptide bonds."""
    phi, psi = np.deg2rad([-120, 130])
    n, ca, c = np.array([-0.525, 1.363, 0.0]), np.zeros(3), np.array([1.526, 0.0, 0.0])
    points = []
    for _ in range(num):
        points.append([n, ca, c])
        n = place(n, ca, c, 1.329, np.arccos(-0.4473), psi)
        ca, before = place(ca, c, n, 1.46, np.arccos(-0.5203), np.pi), c
        c = place(before, n, ca, 1.525, np.deg2rad(111), phi)
    n, ca, c = jnp.asarray(np.array(points, np.float32).swapaxes(0, 1))
    frames = Rigid.from_three_points(c, ca, n)  # C on the negative x axis
    return Rigid(frames.rot * jnp.array([[[-1.0, 1, -1]]]), frames.trans)


def torsions(aatype) -> jax.Array:
    """[N_res 7 2] of the extended chain: side chains stretched out, the ring of proline closed."""
    angle = np.tile(np.deg2rad([180, -120, 130, -60, 180, 180, 180]), (len(aatype), 1))
    angle[np.asarray(aatype) == CODES["P"], 3:5] = np.deg2rad([-25, 35])
    return jnp.asarray(np.stack([np.sin(angle), np.cos(angle)], axis=-1), jnp.float32)


def bent(aatype, seed: int = 0) -> jax.Array:
    """The torsions of `dictionary`: each turned a little."""
    noise = np.random.default_rng(seed).normal(size=(len(aatype), 7, 2))
    return normalise(torsions(aatype) + 0.3 * noise.astype(np.float32))


def exchangeable(code: int) -> list[tuple[int, int]]:
    """Columns of atom37 whose names a residue of this type may exchange."""
    swap, column = ATOM14_SWAP[code], ATOM14_TO_ATOM37[code]
    return [(column[i], column[swap[i]]) for i in range(14) if i < swap[i]]


def dictionary(
    num: int = 20,
    seed: int = 0,
    missing: float = 0.15,
    num_seq: int = 4,
    sequence: str = SEQUENCE,
    together: bool = True,
) -> dict[str, np.ndarray]:
    """AlphaFold's dictionary of a known structure: an extended chain, a share of its atoms not observed.

    `together`: two atoms that may exchange names were both observed, or neither.
    """
    rng = np.random.default_rng([seed, 1])
    aatype = np.array([CODES[x] for x in (sequence * num)[:num]], np.int32)
    codes = jnp.asarray(aatype)
    packed = atoms.atom14(codes, atoms.groups(codes, strand(num), bent(aatype, seed)))
    positions = np.take_along_axis(np.asarray(packed), ATOM37_TO_ATOM14[aatype][..., None], axis=1)
    seen = rng.uniform(size=(num, 37)) >= missing
    if together:
        for i, code in enumerate(aatype):
            for one, other in exchangeable(code):
                seen[i, other] = seen[i, one]
    mask = ATOM37_MASK[aatype] & seen
    return {
        "aatype": aatype,
        "residue_index": np.arange(num, dtype=np.int32),
        "seq_mask": np.ones(num, np.float32),
        "all_atom_positions": positions * mask[..., None],
        "all_atom_mask": mask.astype(np.float32),
        "resolution": np.float32(2.0),
        "true_msa": rng.integers(0, 22, (num_seq, num)).astype(np.int32),
        "bert_mask": (rng.uniform(size=(num_seq, num)) < 0.3).astype(np.float32),
        "use_clamped_fape": np.float32(1.0),
    }


def targets(**options) -> Targets:
    """The same as `Targets`, in JAX arrays."""
    return jax.tree.map(jnp.asarray, interop.targets(dictionary(**options)))


def prediction(aatype, seed: int = 1, noise: float = 1.0, num_seq: int = 4) -> dict:
    """What a network might say: rotations, translations, raw torsions and logits, around the extended chain."""
    rng, num = np.random.default_rng(seed), len(aatype)
    normal = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    turn = quaternion.update(0.2 * noise * normal(LAYERS, num, 3))
    sizes = {
        "distogram": (num, num),
        "masked_msa": (num_seq, num),
        "resolved": (num,),
        "plddt": (num,),
        "pae": (num, num),
    }
    true = strand(num)
    return {
        "rot": jnp.einsum("ixy,liyz->lixz", true.rot, turn),
        "trans": true.trans[None] + noise * normal(LAYERS, num, 3),
        "raw": torsions(aatype)[None] + 0.5 * noise * normal(LAYERS, num, 7, 2),
        "logits": {name: 2 * normal(*shape, CLASSES[name] or 37) for name, shape in sizes.items()},
    }


def perfect(aatype, seed: int = 0, **options) -> dict:
    """The prediction that every layer gets right, of `dictionary` with the same seed; logits are anything."""
    said = prediction(aatype, noise=0.0, **options)
    return said | {"raw": jnp.broadcast_to(bent(aatype, seed)[None], said["raw"].shape)}


def outputs(prediction: dict, aatype, seq_mask) -> Outputs:
    """The parts of `Outputs` that losses read. Differentiable."""
    frames, raw = Rigid(prediction["rot"], prediction["trans"]), prediction["raw"]
    sin_cos = normalise(raw)
    groups = atoms.groups(aatype, frames[-1], sin_cos[-1])
    atom14 = atoms.atom14(aatype, groups)
    structure = StructureOutput(
        frames=frames,
        torsions=sin_cos,
        torsions_raw=raw,
        groups=groups,
        atom14=atom14,
        atom14_mask=jnp.asarray(ATOM14_MASK)[aatype] & seq_mask[:, None],
        atom37=atoms.atom14_to_atom37(atom14, aatype),
        atom37_mask=atoms.atom37_mask(aatype, seq_mask),
        single=None,
    )
    return Outputs(None, None, None, None, structure, prediction["logits"])


def whole(num: int, **sizes) -> dict[str, np.ndarray]:
    """AlphaFold's dictionary of everything that the network and the losses read; `sizes` as in `support.dictionary`."""
    features = support.dictionary(num_res=num, **sizes)
    return features | dictionary(num, num_seq=len(features["msa_feat"]))
