"""A network that compiles in a second: what it says has the form of AlphaFold's, so that a step can train it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import af2jax
from af2jax.config import preset
from af2jax.geometry import quaternion
from af2jax.geometry.angles import normalise
from af2jax.geometry.rigid import Rigid
from af2jax.model.alphafold import AlphaFold, initial
from af2jax.nn.dropout import Dropout
from af2jax.nn.layers import LayerNorm, Linear
from af2jax.protein import atoms
from af2jax.schema import Outputs, StructureOutput
from tests.losses import examples

N_RES = 6
READS = {"distogram": "pair", "pae": "pair", "resolved": "single", "plddt": "single", "masked_msa": "msa"}


class Toy(AlphaFold):
    """Linear layers in place of every room of AlphaFold, recycling and dropout included."""

    rate: float = 0.25

    @nn.compact
    def __call__(self, features, prev, frames=None):
        c = self.config
        s = Linear(c.c_s, name="input")(features.target_feat)
        s = nn.tanh(s + Linear(c.c_s, bias=False, name="recycle")(prev.msa_first_row))
        s = LayerNorm(name="single")(Dropout(self.rate)(s))
        row = Linear(c.evoformer.channels, name="trunk")(s)
        z = Linear(c.c_z, name="pair")(s)
        z = z[:, None] + z[None]
        moves = Linear(20, name="structure")(s)
        logits = {name: Linear(getattr(c.heads, name), name=f"heads_{name}") for name in vars(c.heads) if name in READS}
        msa = row[None] + Linear(c.evoformer.channels, name="msa")(features.msa.feat)
        rooms = {"pair": z, "single": s, "msa": msa}
        logits = {name: layer(rooms[READS[name]]) for name, layer in logits.items() if layer.features}
        structure = place(moves, s, features.aatype, features.seq_mask)
        return Outputs(msa, row, z, s, structure, logits)


def place(moves, s, aatype, mask) -> StructureOutput:
    """A frame for each residue, and every atom of it near the frame's origin."""
    n = len(moves)
    frames = Rigid(quaternion.update(moves[:, :3]), 10 * moves[:, 3:6])
    groups = Rigid(*(jnp.repeat(x[:, None], 8, axis=1) for x in (frames.rot, frames.trans)))
    raw = moves[None, :, 6:].reshape(1, n, 7, 2) + 0.1
    near = lambda num: frames.trans[:, None] + jnp.arange(num)[None, :, None]
    masks = atoms.atom14_mask(aatype, mask), atoms.atom37_mask(aatype, mask)
    return StructureOutput(frames[None], normalise(raw), raw, groups, near(14), masks[0], near(37), masks[1], s)


CONFIG = preset("tiny")
MODEL = Toy(CONFIG)
STILL = Toy(CONFIG, rate=0.0)  # without dropout, so that keys do not matter


def example(seed: int = 0, **labels):
    """(features, targets) of a made-up protein, with labels."""
    d = examples.whole(N_RES, num_seq=3, num_extra=4, num_templ=1, seed=seed)
    d["use_clamped_fape"] = np.float32(0)  # what is far away has a gradient too
    labels = {name: np.asarray(label) for name, label in labels.items()}
    return af2jax.interop.features(d), af2jax.interop.targets(d).replace(labels=labels)


def parameters(seed: int = 0) -> dict:
    """Parameters of the network, as NumPy arrays; one entry of the first kernel is -0.0."""
    features = example()[0].cycle(0)
    tree = MODEL.init(jax.random.key(seed), features, initial(features, CONFIG))["params"]
    rng = np.random.default_rng(seed)
    tree = jax.tree.map(lambda x: (np.asarray(x) + 0.1 * rng.normal(size=x.shape)).astype(np.float32), tree)
    tree["input"]["kernel"][0, 0] = -0.0
    return tree


def bits(tree) -> list[bytes]:
    """Every bit of every leaf; equal lists are equal trees to the bit."""
    data = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
    return [np.asarray(data(x)).tobytes() for x in jax.tree.leaves(tree)]
