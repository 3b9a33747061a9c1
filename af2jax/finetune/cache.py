"""What a frozen trunk says, computed once for each example and kept on disk.

Where nothing trains but output heads and new heads, a step without dropout computes the same activations of the trunk
each time an example comes again. An entry is found by a hash of all that it follows from: the trunk's weights, its
configuration and precision, the number of recycles, and every array of the features. So an entry of other weights or
another crop is never used; it is left to be the first to go when the folder is full.
"""

import hashlib
import os
from functools import partial
from pathlib import Path

import jax
import numpy as np
from absl import logging

from af2jax.compilation import Jitted
from af2jax.errors import InputError
from af2jax.files import DAMAGED, whole
from af2jax.finetune.state import TrainState
from af2jax.heads import SCOPE
from af2jax.model.recycle import forward
from af2jax.pretrained.tree import digest, flatten
from af2jax.schema import Features, Outputs

FORMAT = "1"  # of the entries
LARGEST = 20 * 2**30  # bytes of a folder


class Cache:
    """The outputs of the frozen trunk of `state`, in `folder`, which holds `most` bytes at most.

    Raises:
        InputError: something trains that feeds back into the trunk, or dropout is on.
    """

    def __init__(self, state: TrainState, folder: str | os.PathLike, num_recycle: int, most: int = LARGEST):
        moving = {path.split("/")[0] for path in flatten(state.trained)}
        if other := sorted(moving - {SCOPE, "heads"}):
            raise InputError(f'a cache needs a frozen trunk, but {other[0]}/ trains; give recipe = "heads", or none')
        if state.setup.dropout:
            raise InputError("a cache holds activations without dropout; give dropout = false")
        setup, self.folder, self.most = state.setup, Path(folder), most
        trunk = {name: tree for name, tree in state.params.items() if name not in (SCOPE, "heads")}
        params = {name: tree for name, tree in state.params.items() if name != SCOPE}
        of_pairs = any(head.kind == "variant" or head.source == "pair" for _, head in setup.heads)
        pair = bool({"distogram", "pae"} & set(setup.read)) or of_pairs
        msa = "masked_msa" in setup.read
        what = (FORMAT, setup.model.clone(heads=()), num_recycle, pair, msa)
        self.key = hashlib.sha256(repr(what).encode() + digest(flatten(trunk))).digest()

        def compute(params: dict, features: Features) -> Outputs:
            outputs = forward(setup.model, params, features, num_recycle).replace(logits={})
            return outputs.replace(pair=outputs.pair if pair else None, msa=outputs.msa if msa else None)

        self.compute, self.tree = partial(Jitted(compute), params), None

    def __call__(self, features: Features) -> Outputs:
        """The outputs for one example, from disk or else computed and written."""
        file = self.folder / f"{hashlib.sha256(self.key + digest(_leaves(features))).hexdigest()}.npz"
        if (found := self._read(file, features)) is not None:
            return found
        outputs = jax.tree.map(np.asarray, self.compute(features))
        arrays = _leaves(outputs)
        self._make_room(sum(array.nbytes for array in arrays.values()))
        with whole(file) as partial, open(partial, "wb") as out:
            np.savez(out, **arrays)
        return outputs

    def _read(self, file: Path, features: Features) -> Outputs | None:
        if not file.exists():
            return None
        if self.tree is None:
            self.tree = jax.eval_shape(self.compute, features)
        try:
            with np.load(file, allow_pickle=False) as stored:
                arrays = [stored[name] for name in _leaves(self.tree)]
        except DAMAGED as error:
            logging.warning("%s is damaged (%s) and computed again", file, type(error).__name__)
            return None
        os.utime(file)  # the least recently used go first
        return jax.tree.unflatten(jax.tree.structure(self.tree), arrays)

    def _make_room(self, size: int) -> None:
        """Deletes entries, the longest unused first, until `size` more bytes fit."""
        files = sorted(self.folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        total = size + sum(file.stat().st_size for file in files)
        for file in files:
            if total <= self.most:
                break
            total -= file.stat().st_size
            file.unlink(missing_ok=True)


def _leaves(tree) -> dict:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}
