"""DeepMind's structural loss of AlphaFold-Multimer (package alphafold-colabfold), whose body its code never reaches."""

import ast
import contextlib
import inspect
import textwrap
import types
from unittest import mock

import jax
import jax.numpy as jnp


def body():
    """`loss(self, value, batch)`: the method without the statement that raises before all others."""
    from alphafold.model import folding_multimer

    tree = ast.parse(textwrap.dedent(inspect.getsource(folding_multimer.StructureModule)))
    method = next(f for f in tree.body[0].body if isinstance(f, ast.FunctionDef) and f.name == "loss")
    raising = [x for x in method.body if isinstance(x, ast.Raise)]
    assert len(raising) == 1 and "NotImplementedError" in ast.unparse(raising[0])
    method.body.remove(raising[0])
    scope = dict(vars(folding_multimer))
    exec(compile(ast.Module([method], []), "loss", "exec"), scope)
    return scope["loss"]


@contextlib.contextmanager
def corrected(floor: bool = True):
    """The package with the tolerance of cos CA-C-N as in `theirs.corrected`.

    `floor`: and with FAPE's distance as in Algorithm 28 and in DeepMind's code for one chain, the root of d^2 + 1e-4;
    its code for complexes has the greater of d and 1e-4.
    """
    from alphafold.common import residue_constants as rc
    from alphafold.model import all_atom_multimer as atoms
    from alphafold.model import geometry

    bonds, fape = atoms.between_residue_bond_loss, atoms.frame_aligned_point_error

    def bond_loss(*args, **options):
        with mock.patch.object(rc, "between_res_bond_length_stddev_c_n", [rc.between_res_cos_angles_ca_c_n[1]] * 2):
            angle = bonds(*args, **options)["ca_c_n_loss_mean"]
        return bonds(*args, **options) | {"ca_c_n_loss_mean": angle}

    def error(*args, **options):
        distance = lambda a, b, epsilon: jnp.sqrt((a - b).dot(a - b) + epsilon)
        with mock.patch.object(geometry, "euclidean_distance", distance):
            return fape(*args, **options)

    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(atoms, "between_residue_bond_loss", bond_loss))
        if floor:
            patches.enter_context(mock.patch.object(atoms, "frame_aligned_point_error", error))
        patches.enter_context(jax.numpy_rank_promotion("allow"))
        patches.enter_context(jax.numpy_dtype_promotion("standard"))
        yield


def structural(prediction: dict, d: dict):
    """(loss, its parts) of the structure that `examples.prediction` has."""
    from alphafold.model import all_atom_multimer, folding_multimer, geometry
    from alphafold.model import config as configs

    config = configs.model_config("model_1_multimer_v3").model.heads.structure_module
    raw = prediction["raw"]
    frames = geometry.Rigid3Array.from_array(
        jnp.concatenate([prediction["rot"], prediction["trans"][..., None]], axis=-1)
    )
    sin_cos = folding_multimer.l2_normalize(raw)
    last = jax.tree.map(lambda x: x[-1], frames)
    groups = all_atom_multimer.torsion_angles_to_frames(d["aatype"], last, sin_cos[-1])
    atoms = all_atom_multimer.frames_and_literature_positions_to_atom14_pos(d["aatype"], groups)
    value = {
        "traj": frames.to_array(),
        "final_atom14_positions": atoms.to_array(),
        "sidechains": {
            "angles_sin_cos": sin_cos,
            "unnormalized_angles_sin_cos": raw,
            "frames": groups.to_array()[None],
            "atom_pos": atoms.to_array()[None],
        },
    }
    found = body()(types.SimpleNamespace(config=config), value, d)
    return found["loss"], {name: x for name, x in found.items() if name != "metrics"}
