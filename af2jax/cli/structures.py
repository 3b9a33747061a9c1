"""The structures that a command is given: files, and folders of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from af2jax.errors import InputError

SUFFIXES = (".cif", ".mmcif", ".pdb", ".ent")  # of two files of one name in a folder, the first


def named(paths: Sequence[Path], results: str = "", chains: bool = False) -> dict[str, Path]:
    """The files by the name of their results.

    Args:
        results: in folders, files whose name ends so are left out, as results; "": none are.
        chains: FILE:A,B is read as some of the chains of a file.

    Raises:
        InputError: there is none, one is missing, or two would write the same files.
    """
    from af2jax.files import file_name, path_and_chain

    if not paths:
        raise InputError("no structure is given; give mmCIF or PDB files, or folders of them")
    jobs: dict[str, Path] = {}
    parted = path_and_chain if chains else lambda path: (path, None)
    for path in paths:
        if not parted(path)[0].exists():
            raise InputError(f"{path}: no such file; check the path")
        for file in _inside(path, results) if path.is_dir() else [path]:
            own, chain = parted(file)
            name = file_name(parts(own)[0] + (f"_{chain}" if chain else ""))
            if name in jobs:
                raise InputError(f"{jobs[name]} and {file} would write the same files; rename one")
            jobs[name] = file
    if not jobs:
        folders = ", ".join(map(str, paths))
        raise InputError(f"no structures in {folders}: files must end in {', '.join(SUFFIXES)} (.gz too)")
    return jobs


def parts(file: Path) -> tuple[str, str]:
    """The name of a file, without what says that it is packed, in two: before the last dot, and from there on."""
    from af2jax.data.formats import plain

    path = Path(plain(file.name))
    return path.stem, path.suffix.lower()


def _inside(folder: Path, results: str) -> Iterator[Path]:
    """The structures in a folder, one for each name."""
    best: dict[str, Path] = {}
    for file in sorted(f for f in folder.iterdir() if f.is_file()):
        name, suffix = parts(file)
        if suffix in SUFFIXES and not (results and name.endswith(results)) and not name.startswith("."):
            best[name] = min(best.get(name, file), file, key=lambda f: SUFFIXES.index(parts(f)[1]))
    yield from best.values()
