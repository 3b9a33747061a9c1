"""DeepMind's archive from a server of our own: whole, broken off, hostile, damaged."""

import io
import tarfile

import numpy as np
import pytest

import af2jax
from af2jax.config import preset
from af2jax.errors import InputError, WeightsError
from af2jax.pretrained.download import PRESETS, fetch_params
from af2jax.pretrained.export import marker_of
from tests import support, web
from tests.web import Fault

NAME = "params_tiny.npz"
FLAT = support.rule_flat(preset("tiny"))


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


GOOD = npz(**FLAT)


def tar(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """An archive of files, (name, content), and of members of other kinds."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return file.getvalue()


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


@pytest.fixture
def site():
    with web.serve() as site:
        yield site


@pytest.fixture
def fetch(site, tmp_path):
    """`fetch(archive)`: what `fetch_params` makes of an archive; `fetch.left()`: the files in the folder then."""

    def fetch(archive: bytes | None = None, **options):
        if archive is not None:
            site.files["p.tar"] = archive
        fetch.said = []
        return fetch_params(fetch.out, site.url("p.tar"), ("tiny",), say=fetch.said.append, **options)

    fetch.out = tmp_path / "params"
    fetch.left = lambda: sorted(p.name for p in fetch.out.iterdir())
    return fetch


DONE = ["LICENSE", "NOTICE.txt", "download_finished.txt", NAME]


def test_a_folder_that_af2jax_loads(site, fetch):
    seen = []
    files = fetch(tar(("LICENSE", b"CC"), (NAME, GOOD)), progress=lambda done, total: seen.append(done))
    assert fetch.left() == DONE and [f.name for f in files] == [NAME, "download_finished.txt"]
    assert (fetch.out / NAME).read_bytes() == GOOD and seen[-1] == len(site.files["p.tar"])
    flat = af2jax.pretrained.to_deepmind(af2jax.load("tiny", fetch.out)[1], "tiny")
    assert all(np.array_equal(flat[key], FLAT[key]) for key in FLAT)
    notice = (fetch.out / "NOTICE.txt").read_text()
    assert "DeepMind" in notice and "https://creativecommons.org/licenses/by/4.0/" in notice
    assert site.url("p.tar") in notice and "Changes: none" in notice


def test_what_is_there_is_checked_and_not_downloaded_again(site, fetch):
    fetch(tar((NAME, GOOD)))
    site.asked.clear()
    (fetch.out / "download_finished.txt").unlink()
    fetch()
    assert not site.asked and fetch.said == [f"{NAME}: there already, and right"]
    assert "download_finished.txt" in fetch.left()
    (fetch.out / NAME).write_bytes(GOOD[:-1000])
    fetch()
    assert (fetch.out / NAME).read_bytes() == GOOD and len(site.asked) == 1


def test_a_download_that_broke_goes_on(site, fetch):
    archive = tar((NAME, GOOD))
    site.faults["p.tar"] = [Fault(stop=len(archive) // 2), Fault(404)]
    with pytest.raises(InputError, match="404"):
        fetch(archive)
    assert fetch.left() == ["p.tar.part", "p.tar.part.tag"]
    fetch()
    assert site.asked[-1][1] == f"bytes={len(archive) // 2}-" and fetch.left() == DONE[1:]


def test_a_folder_that_is_no_longer_right_loses_its_marker(fetch):
    fetch(tar((NAME, GOOD)))
    (fetch.out / NAME).write_bytes(b"")
    with pytest.raises(WeightsError, match="missing"):
        fetch(tar(("x", b"")))
    assert "download_finished.txt" not in fetch.left()


def test_the_archive_stays_on_request(fetch):
    fetch(tar((NAME, GOOD)), keep=True)
    assert "p.tar" in fetch.left()


def test_nothing_leaves_the_folder_and_no_link_is_followed(fetch, tmp_path):
    (tmp_path / "secret.npz").write_bytes(GOOD)
    fetch(
        tar(
            ("../evil.txt", b"x"),
            ("/etc/evil.npz", b"x"),
            ("params_other.npz", b"x"),
            special(NAME, tarfile.SYMTYPE, "../secret.npz"),
            special("LICENSE", tarfile.LNKTYPE, "/etc/passwd"),
            special(f"deep/{NAME}", tarfile.CHRTYPE),
            special("params", tarfile.SYMTYPE, ".."),
            (f"params/../../{NAME}", GOOD),
        )
    )
    assert fetch.left() == DONE[1:] and not (fetch.out / NAME).is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["params", "secret.npz"]


@pytest.mark.parametrize(
    "content, reason",
    [
        (GOOD[:-1000], "is damaged"),
        (b"<!DOCTYPE html>", r"is a web page \(HTML\)"),
        (npz(**FLAT | {next(iter(FLAT)): np.zeros(3, np.float32)}), "is not tiny nor any other preset"),
        (npz(**FLAT | {next(iter(FLAT)): np.full_like(FLAT[next(iter(FLAT))], np.nan)}), "not finite"),
        (npz(**dict(list(FLAT.items())[1:])), "1 missing"),
        (None, "missing"),
    ],
    ids=["truncated", "html", "shape", "nan", "array missing", "file missing"],
)
def test_a_file_that_is_not_right_is_named_and_takes_no_name(fetch, content, reason):
    with pytest.raises(
        WeightsError, match=rf"1 of 1 files are missing or damaged: {NAME} \({NAME}.*{reason}"
    ) as caught:
        fetch(tar(("LICENSE", b"CC"), *([(NAME, content)] if content else [])))
    assert "\n" not in str(caught.value) and ".part" not in str(caught.value)
    assert fetch.left() == ["LICENSE", "NOTICE.txt"]


def test_a_flipped_bit_anywhere_in_the_numbers(fetch):
    content = bytearray(GOOD)
    content[len(GOOD) // 2] ^= 1
    with pytest.raises(WeightsError, match="damaged"):
        fetch(tar((NAME, bytes(content))))


def test_one_bad_file_leaves_the_others(site, tmp_path):
    site.files["p.tar"] = tar((NAME, GOOD), ("params_model_1.npz", GOOD))
    with pytest.raises(WeightsError, match=r"1 of 2 .*: params_model_1.npz \(.* is not model_1 but tiny"):
        fetch_params(tmp_path, site.url("p.tar"), ("tiny", "model_1"), keep=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["NOTICE.txt", NAME]


@pytest.mark.parametrize("archive", [b"", b"no archive" * 1000, tar((NAME, GOOD))[: len(GOOD) // 2]])
def test_what_is_no_archive_does_not_stay(fetch, archive):
    with pytest.raises(InputError, match=r"is a damaged archive .*; it was deleted, download it again"):
        fetch(archive)
    assert fetch.left() == ["NOTICE.txt"]


def test_a_sparse_file_could_be_of_any_size(fetch):
    with pytest.raises(WeightsError, match=rf"{NAME}: missing"):
        fetch(tar(special(NAME, tarfile.GNUTYPE_SPARSE)))


def test_a_disk_that_fills_up(fetch, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("af2jax.pretrained.download.shutil.copyfileobj", full)
    with pytest.raises(InputError, match=r"cannot be unpacked in .*: No space left on device"):
        fetch(tar((NAME, GOOD)))
    monkeypatch.undo()
    fetch()
    assert fetch.left() == DONE[1:]


def test_the_archive_of_2022_has_fifteen_files():
    assert len(PRESETS) == len(set(PRESETS)) == 15 and all(preset(name).name == name for name in PRESETS)
    markers = {"download_finished.txt", "download_complexes_multimer_v3_finished.txt"}  # ColabFold's
    assert {marker_of(name) for name in PRESETS} == markers
