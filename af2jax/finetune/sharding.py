"""Training on several devices: each takes its share of a batch, and parameters are the same on all of them.

Several hosts are one machine after `connect`: each process runs the same script, and brings its own share of a batch.
Gradients are summed over all devices, so that the state stays the same everywhere.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from af2jax.errors import InputError

AXIS = "data"
BY_HAND = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
EACH, ALL = PartitionSpec(AXIS), PartitionSpec()


def connect() -> None:
    """Joins the processes that Slurm, Open MPI or a TPU pod started; to be called before anything else of JAX.

    Where none of these did, each process has the variables JAX_COORDINATOR_ADDRESS (host:port of the first, the same
    for all), JAX_NUM_PROCESSES and JAX_PROCESS_ID (from 0 on); the first is one of JAX, the others are read here.

    Raises:
        InputError: nothing says which processes there are, or the variables are not numbers of that kind.
    """
    address, num, rank = (os.environ.get(name, "") for name in BY_HAND)
    given = {}
    if num or rank:
        if not (":" in address and num.isdecimal() and rank.isdecimal() and int(rank) < int(num)):
            raise InputError(
                f'JAX_COORDINATOR_ADDRESS="{address}", JAX_NUM_PROCESSES="{num}", JAX_PROCESS_ID="{rank}": give all '
                "three: host:port of the first process, how many there are, and which this is, from 0 on"
            )
        given = {"coordinator_address": address, "num_processes": int(num), "process_id": int(rank)}
    try:
        jax.distributed.initialize(**given)
    except ValueError as error:
        raise InputError(
            "there are no other processes to join; start with srun, mpirun, or on a TPU pod, or set "
            f"{', '.join(BY_HAND)} for each"
        ) from error


def mesh() -> Mesh | None:
    """All devices of all processes in a row, those of a process side by side; None where there is but one."""
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(devices), (AXIS,)) if len(devices) > 1 else None


def replicate(state, mesh: Mesh | None):
    """The `TrainState` on every device of `mesh`; its steps share batches between them.

    All processes must begin with the same state; JAX looks at that. Use the state that this returns, not the old one.

    Raises:
        InputError: devices share each example already.
    """
    if mesh is None:
        return state
    if (shards := state.setup.model.runtime.shards) > 1:
        raise InputError(f"{shards} devices share each protein (Runtime.shards) and cannot share a batch too")
    everywhere = NamedSharding(mesh, ALL)
    state = jax.device_get(state)  # what was read back is bound to a device, which the other hosts cannot reach
    return jax.device_put(state, everywhere).replace(setup=dataclasses.replace(state.setup, mesh=mesh))


def share(size: int, mesh: Mesh | None) -> slice:
    """Which examples of a batch of `size` this process brings.

    Raises:
        InputError: the devices cannot share the batch equally.
    """
    if mesh is None:
        return slice(0, size)
    first, num = _mine(mesh)
    each = _each(size, mesh.size)
    return slice(first * each, (first + num) * each)


def global_batch(batch: Any, mesh: Mesh) -> Any:
    """The batch over all devices, of the share that each process brings.

    Raises:
        InputError: the devices cannot share the batch equally.
    """
    _each(len(jax.tree.leaves(batch)[0]), _mine(mesh)[1])
    along = NamedSharding(mesh, EACH)
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(along, np.asarray(x)), batch)


def shared(add_up: Callable, mesh: Mesh | None) -> Callable:
    """`add_up(params, examples) -> (sum, what each example gives)`, each device adding up its share of the examples."""
    if mesh is None:
        return add_up

    def device(params, examples):
        total, given = add_up(params, examples)
        return jax.lax.psum(total, AXIS), given

    return jax.shard_map(device, mesh=mesh, in_specs=(ALL, EACH), out_specs=(ALL, EACH), check_vma=False)


def _mine(mesh: Mesh) -> tuple[int, int]:
    """(the first, the number) of the devices of this process."""
    mine = [index for index, device in enumerate(mesh.devices) if device.process_index == jax.process_index()]
    return mine[0], len(mine)


def _each(size: int, devices: int) -> int:
    if size % devices:
        raise InputError(
            f"{devices} devices cannot share {size} examples; give a batch_size that {devices} divides, or let JAX see "
            "fewer devices (CUDA_VISIBLE_DEVICES)"
        )
    return size // devices
