"""Reading a parameter file without trusting it: no pickle, sizes known before anything is allocated, damage named."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np

from af2jax.errors import WeightsError
from af2jax.files import DAMAGED

MAX_BYTES = 4 * 2**30  # of all arrays together; DeepMind's files hold 0.37e9 bytes
AGAIN = "delete it and download it again"


def read(path: Path) -> dict[str, np.ndarray]:
    """{"scope//name": array} of an .npz of floating-point arrays.

    Raises:
        WeightsError: not an .npz, damaged, too large, or holding anything but floating-point numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
            total = sum(_declared(path, archive, m) for m in members.values())
            if total > MAX_BYTES:
                raise WeightsError(
                    f"{path} would need {total / 1e9:.1f} GB of memory, more than any AlphaFold parameters"
                )
            return {name: _array(archive, member) for name, member in members.items()}
    except WeightsError:
        raise
    except FileNotFoundError as error:
        raise WeightsError(f"{path} does not exist") from error
    except DAMAGED as error:
        raise WeightsError(f"{path} {_what_it_is(path)}: {AGAIN}") from error


def _declared(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """The bytes that a member's header declares; nothing but the header is read."""
    where = f"{path}, array {member.filename}"
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(file)
        except ValueError as error:
            raise WeightsError(f"{where}: not a NumPy array: {AGAIN}") from error
        start = file.tell()
    if dtype.kind == "O":
        raise WeightsError(f"{where}: holds pickled Python objects, which could run code; it is not read")
    if dtype.kind != "f":
        raise WeightsError(f"{where}: holds {dtype}, expected floating-point numbers")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size != member.file_size - start:
        raise WeightsError(f"{where}: declares {size} bytes but stores {member.file_size - start}: {AGAIN}")
    return size


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)  # the zip checks its CRC


def _what_it_is(path: Path) -> str:
    """Why a file is not an .npz, from its first bytes."""
    if os.path.isdir(path):
        return "is a folder, not an .npz file"
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        return "is empty"
    if start.lstrip()[:1] == b"<":
        return "is a web page (HTML), not an .npz file"
    if start[:1] == b"\x80":
        return "is a pickle, which could run code; it is not read, get the .npz instead"
    if start[:2] == b"PK":
        return "is damaged: an incomplete or altered .npz"
    return "is not an .npz file"
