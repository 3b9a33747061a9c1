"""DeepMind's parameters from their archive: downloaded, unpacked without trusting it, every array looked at."""

import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from af2jax.errors import InputError, WeightsError
from af2jax.files import whole, write
from af2jax.pretrained import npz
from af2jax.pretrained.export import marker_of
from af2jax.pretrained.load import checked
from af2jax.transfer import Progress, download, name_in

URL = "https://storage.googleapis.com/alphafold/alphafold_params_2022-12-06.tar"
FAMILIES = ("model_{}", "model_{}_ptm", "model_{}_multimer_v3")
PRESETS = tuple(family.format(i) for family in FAMILIES for i in range(1, 6))
NOTICE = """The files params_*.npz in this folder are the parameters of AlphaFold, made by
DeepMind Technologies Limited.

Source:  {url}
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0), https://creativecommons.org/licenses/by/4.0/
Changes: none; the files are as they were in the archive.

Whoever passes them on names DeepMind, gives this licence, and says what was changed. Work that uses them cites
Jumper et al. (2021), https://doi.org/10.1038/s41586-021-03819-2, and for complexes Evans et al. (2021),
https://doi.org/10.1101/2021.10.04.463034. The parameters come without warranty.
"""
Say = Callable[[str], None]


def fetch_params(
    out: str | Path,
    url: str = URL,
    presets: Sequence[str] = PRESETS,
    *,
    keep: bool = False,
    progress: Progress | None = None,
    say: Say = lambda line: None,
) -> list[Path]:
    """A complete, checked folder of the parameter files of `presets`, downloaded unless they are there already.

    Beside them lie NOTICE.txt, which the licence asks for, and, written last, the markers by which ColabFold knows that
    a folder is complete. A file takes its name only after its arrays are found to be those of its preset, and finite.

    Args:
        keep: the archive stays when all is done.
        progress: of the download, called with (bytes so far, bytes in all).
        say: called with a line about each file that was checked.

    Raises:
        InputError: the download failed, there is no space, or the archive is damaged.
        WeightsError: the archive lacks files, or holds damaged ones; the others stay.
    """
    out = Path(out)
    wanted = {f"params_{name}.npz": name for name in presets}
    markers = [out / name for name in dict.fromkeys(map(marker_of, presets))]
    problems = {}
    for file, name in wanted.items():
        reason = _problem(out / file, name) if (out / file).exists() else "missing"
        if reason:
            problems[file] = reason
        else:
            say(f"{file}: there already, and right")
    if problems:
        for marker in markers:
            marker.unlink(missing_ok=True)
        archive = out / name_in(url)
        if not archive.exists():
            download(url, archive, space=2.0, progress=progress)
        write(out / "NOTICE.txt", NOTICE.format(url=url))
        problems = _unpacked(url, archive, out, {file: wanted[file] for file in problems}, say)
        if problems or not keep:
            archive.unlink()
    if problems:
        names, (file, reason) = ", ".join(problems), next(iter(problems.items()))
        raise WeightsError(
            f"{url}: {len(problems)} of {len(wanted)} files are missing or damaged: {names} ({file}: {reason})"
        )
    return [out / file for file in wanted] + [write(marker, "") for marker in markers]


def _unpacked(url: str, archive: Path, out: Path, wanted: dict[str, str], say: Say) -> dict[str, str]:
    """`unpack`, with its faults in one line each; a damaged archive does not stay."""
    try:
        return unpack(archive, out, wanted, say)
    except tarfile.TarError as error:
        archive.unlink()
        raise InputError(f"{url} is a damaged archive ({error}); it was deleted, download it again") from error
    except OSError as error:
        raise InputError(f"{archive} cannot be unpacked in {out}: {error.strerror or error}") from error


def unpack(archive: Path, out: Path, wanted: dict[str, str], say: Say = lambda line: None) -> dict[str, str]:
    """Unpacks the files `wanted`, {file: preset}, and LICENSE, one by one; returns {file: reason} of those not right.

    Only regular files are read, and only the last part of their names is used: links, devices and paths lead nowhere,
    and no file is larger than the archive.

    Raises:
        tarfile.TarError: not an archive, or a damaged one.
    """
    problems = dict.fromkeys(wanted, "missing")
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            file = PurePosixPath(member.name).name
            if not member.isreg() or member.issparse() or not (file in wanted or file == "LICENSE"):
                continue
            try:
                with whole(out / file) as partial:
                    with open(partial, "wb") as target:
                        shutil.copyfileobj(tar.extractfile(member), target, 2**20)
                    reason = _problem(partial, wanted[file]) if file in wanted else None
                    if reason:
                        raise WeightsError(reason.replace(str(partial), file))
            except WeightsError as error:
                problems[file] = str(error)
                continue
            problems.pop(file, None)
            say(f"{file}: unpacked and checked")
    return problems


def _problem(path: Path, preset: str) -> str | None:
    """What is wrong with a parameter file; None if nothing."""
    try:
        checked(npz.read(path), preset, str(path))
    except WeightsError as error:
        return str(error)
    return None
