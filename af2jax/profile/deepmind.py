"""DeepMind's own network beside ours, where its package and Haiku are installed: one pass, as it is shipped."""

from af2jax.errors import InputError
from af2jax.profile.measure import Program, program
from af2jax.profile.programs import How, Sizes, dictionary, weights

CHUNK = 4  # its `subbatch_size` as shipped


def check(name: str) -> None:
    """Raises InputError where the packages are missing, or the preset is of the other of DeepMind's networks."""
    from importlib.util import find_spec

    from af2jax.config import preset

    if not (find_spec("alphafold") and find_spec("haiku")):
        raise InputError('--compare runs DeepMind\'s code: pip install "alphafold-colabfold==2.3.18" dm-haiku')
    if name in ("tiny", "mini") or preset(name).relpos != "residue":
        raise InputError(f"--compare knows DeepMind's networks of one chain, not {name}; give --model model_1_ptm")


def one_pass(how: How, sizes: Sizes) -> Program:
    """One pass in float32 with chunks of four rows; all that it returns is kept, as its own prediction does."""
    import haiku as hk
    import jax
    import jax.numpy as jnp
    import numpy as np
    from alphafold.model import config as configs
    from alphafold.model import modules

    c = configs.model_config(how.preset).model
    c.global_config.update({"bfloat16": False, "deterministic": True, "subbatch_size": CHUNK})
    e = c.embeddings_and_evoformer
    for stack in (e.evoformer, e.template.template_pair_stack):  # as the files of these presets have them
        stack.triangle_multiplication_outgoing.fuse_projection_weights = False
        stack.triangle_multiplication_incoming.fuse_projection_weights = False

    def iteration(batch, prev):
        one = {k: v[None] for k, v in batch.items()}
        module = modules.AlphaFoldIteration(c, c.global_config)
        return module(one, prev, is_training=False, compute_loss=False, ensemble_representations=False)

    params: dict = {}
    for key, value in weights(how.preset).items():
        scope, leaf = key.removeprefix("alphafold/").split("//")
        params.setdefault(scope, {})[leaf] = value
    num = sizes.residues
    batch = dictionary(sizes) | {
        "atom14_atom_exists": np.ones((num, 14), np.float32),
        "atom37_atom_exists": np.ones((num, 37), np.float32),
        "residx_atom37_to_atom14": np.zeros((num, 37), np.int32),
    }
    prev = {
        "prev_pos": np.zeros((num, 37, 3), np.float32),
        "prev_msa_first_row": np.zeros((num, 256), np.float32),
        "prev_pair": np.zeros((num, num, 128), np.float32),
    }
    apply = hk.transform(iteration).apply
    function = lambda params, batch, prev: apply(params, jax.random.PRNGKey(0), batch, prev)
    return program(function, params, {k: jnp.asarray(v) for k, v in batch.items()}, prev, thrifty=False)
