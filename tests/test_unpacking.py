"""Archives are unpacked in pieces, and all of it is counted: two kilobytes cost nobody his memory or his evening."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from redelivery.grading import intake, unpacking
from redelivery.grading.intake import Handed, collect
from redelivery.grading.unpacking import TooMuch, members

NOTEBOOK = b'{"cells": []}'
_PIECE = 1 << 20
MANY = 64 << 20


def zipped(path: Path, method: int, content: bytes = NOTEBOOK, times: int = 1) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        info = zipfile.ZipInfo("x.ipynb")
        info.compress_type = method
        with archive.open(info, "w", force_zip64=True) as file:
            for _ in range(times):
                file.write(content)
    return path


def unpacked(path: Path, count: unpacking.Counter | None = None) -> list[list[bytes]]:
    return [list(member.pieces()) for member in members(path, count)]


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_was_packed_comes_out_in_pieces(method: int, tmp_path: Path) -> None:
    content = os.urandom(3_000_000) + bytes(3_000_000)
    (pieces,) = unpacked(zipped(tmp_path / "x.zip", method, content))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= _PIECE


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_said_to_be_one(method: int, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", method, os.urandom(5000))
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)
    with pytest.raises((zipfile.BadZipFile, OSError, EOFError, lzma.LZMAError)):
        unpacked(path)


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_tar_archives_come_out_whatever_they_are_packed_with(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{ending}"
    content = os.urandom(2_500_000)
    mode = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}[ending]
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name in ("a/data.bin", "a/x.ipynb", "b" * 150 + "/y.ipynb"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    found = {member.name: b"".join(member.pieces()) for member in members(path, None) if "ipynb" in member.name}
    assert sorted(found) == ["a/x.ipynb", "b" * 150 + "/y.ipynb"]
    assert set(found.values()) == {content}


def long_name(path: Path) -> None:
    path.with_suffix(".tar.xz").write_bytes(lzma.compress(header("h", 1 << 28, b"x") + bytes(1 << 25), preset=0))


def long_gnu_name(path: Path) -> None:
    path.with_suffix(".tar.xz").write_bytes(lzma.compress(header("h", 1 << 28, b"L") + bytes(1 << 25), preset=0))


def passed_over(path: Path) -> None:
    packing = bz2.BZ2Compressor(1)
    data = [packing.compress(header("data.bin", MANY))]
    data += [packing.compress(bytes(_PIECE)) for _ in range(MANY // _PIECE)]
    data += [packing.compress(header("x.ipynb", 0) + bytes(1024)), packing.flush()]
    path.with_suffix(".tar.bz2").write_bytes(b"".join(data))


def folders_without_end(path: Path) -> None:
    path.with_suffix(".tar.xz").write_bytes(lzma.compress(header("d/", 0, tarfile.DIRTYPE) * 3000, preset=0))


def many_that_are_thrown_away(path: Path) -> None:
    inner = zipped(path.with_name("inner.zip"), zipfile.ZIP_DEFLATED, bytes(_PIECE), 3)
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(60):
            archive.writestr(f"{number}.zip", inner.read_bytes())
    inner.unlink()


BOMBS: dict[str, Callable[[Path], None]] = {
    "bzip2 in a zip": lambda path: (zipped(path.with_suffix(".zip"), zipfile.ZIP_BZIP2, bytes(_PIECE), 64), None)[1],
    "LZMA in a zip": lambda path: (zipped(path.with_suffix(".zip"), zipfile.ZIP_LZMA, bytes(_PIECE), 64), None)[1],
    "a name without end": long_name,
    "a name without end, GNU": long_gnu_name,
    "a file that is passed over": passed_over,
    "folders without end": folders_without_end,
    "many that are thrown away": many_that_are_thrown_away,
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_costs_its_learner_only(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LARGEST", 2_000_000)
    monkeypatch.setattr(intake, "_MOST_WORK", 40_000_000)
    monkeypatch.setattr(unpacking, "_MOST_HEADERS", 1000)
    sizes: list[int] = []
    counted = intake._Budget.unpacked

    def count(self: intake._Budget, size: int) -> None:
        sizes.append(size)
        counted(self, size)

    monkeypatch.setattr(intake._Budget, "unpacked", count)
    (tmp_path / "class").mkdir()
    BOMBS[what](tmp_path / "class" / "mallory")
    (tmp_path / "class" / "zoe.ipynb").write_bytes(NOTEBOOK)
    handed = collect([tmp_path / "class"], tmp_path / "scratch")
    assert [entry.learner for entry in handed.entries] == ["zoe"]
    assert {result.learner for result in handed.unusable} == {"mallory"}
    assert len(handed.unusable) <= intake._MOST_REFUSED
    assert max(sizes, default=0) <= unpacking._MOST_AT_ONCE
    assert sum(sizes) < 120_000_000
    kept = sum(path.stat().st_size for path in (tmp_path / "scratch").rglob("*") if path.is_file())
    assert kept < 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what this process alone took at most")
def test_two_kilobytes_take_no_gigabytes(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", zipfile.ZIP_BZIP2, bytes(_PIECE), 1500)
    assert path.stat().st_size < 3000
    look = (
        "import sys, pathlib; from redelivery.grading.unpacking import members\n"
        "one = next(files := members(pathlib.Path(sys.argv[1]), None)); print(len(next(one.pieces())))\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    said = subprocess.run([sys.executable, "-c", look, str(path)], capture_output=True, text=True, check=True)
    size, most = map(int, said.stdout.split())
    assert size <= _PIECE
    assert most < 500_000  # kilobytes


def test_memory_is_bounded_while_submissions_are_looked_for_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux bounds it")
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    monkeypatch.setattr(unpacking, "_MOST_MEMORY", 1 << 28)
    with unpacking.bounded_memory(), pytest.raises(MemoryError):
        bytes(1 << 30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_little_room_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_LEAST_BYTES", 5 * len(NOTEBOOK))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100}))
    for name in ("mallory", "zoe"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for number in range(9 if name == "mallory" else 1):
                archive.writestr(f"{number}.ipynb", NOTEBOOK)
    handed: Handed = collect([tmp_path], tmp_path.parent / f"{tmp_path.name}-scratch")
    assert sum(entry.learner == "mallory" for entry in handed.entries) == 5
    assert sum(entry.learner == "zoe" for entry in handed.entries) == 1


def test_what_is_too_much_says_so(tmp_path: Path) -> None:
    def count(size: int) -> None:
        raise TooMuch("more than one may have")

    with pytest.raises(TooMuch):
        unpacked(zipped(tmp_path / "x.zip", zipfile.ZIP_DEFLATED), count)
