"""Predicted aligned errors in files: JSON of ColabFold, of AlphaFold (2, 3, the database) and of this package."""

import json
import os

import numpy as np

from af2jax.data.parse import printable, read_text
from af2jax.errors import InputError
from af2jax.typing import Float

KEYS = ("pae", "predicted_aligned_error")


def read_pae(
    path: str | os.PathLike, num_res: int, structure: str
) -> tuple[Float[np.ndarray, "N_res N_res"], dict[str, float]]:
    """The PAE of a structure of `num_res` residues, in angstrom, row aligned on; and the other numbers of the file.

    Raises:
        InputError: the file is missing, not JSON, has no PAE, or one of another size.
    """
    source = printable(str(path))
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{source} is not JSON that can be read ({printable(str(error))[:100]}); give a PAE file"
        ) from None
    found = found[0] if isinstance(found, list) and len(found) == 1 else found
    key = next((key for key in KEYS if isinstance(found, dict) and key in found), None)
    if key is None:
        raise InputError(f'{source} has no PAE: expected a table "{KEYS[0]}" or "{KEYS[1]}"; give a PAE file')
    try:
        pae = np.array(found[key], np.float64)
    except (ValueError, TypeError):
        pae = np.zeros(0)
    if pae.ndim != 2 or pae.shape[0] != pae.shape[1] or not np.isfinite(pae).all():
        raise InputError(f'{source}: "{key}" is not a square table of finite numbers; write it again')
    if len(pae) != num_res:
        raise InputError(
            f"{source}: a PAE of {len(pae)} residues, {printable(structure)} has {num_res}; give the PAE file of this "
            "structure"
        )
    return pae, {name: float(x) for name, x in found.items() if isinstance(x, int | float)}
