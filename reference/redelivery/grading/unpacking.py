"""What learners' archives hold, read so that neither memory nor time depends on what they say of themselves.

Two kilobytes of bzip2 unpack to gigabytes, in one step if one lets them. A header of a tar archive may say that a name
is a gigabyte long, and what nobody wants is unpacked to get past it. So everything is unpacked in pieces, and counted.
"""

from __future__ import annotations

import bz2
import contextlib
import copy
import datetime
import gzip
import io
import lzma
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

#: Endings of the archives that are understood.
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_PIECE = 1 << 20
#: Bytes that are read at once, at most: of names and headers, there are no longer ones.
_MOST_AT_ONCE = 16 << 20
#: Headers in a learner's tar archive, folders among them.
_MOST_HEADERS = 50_000
#: Bytes of memory that LZMA's dictionary may take.
_MOST_DICTIONARY = 256 << 20
#: Bytes of memory that may be added while submissions are looked for.
_MOST_MEMORY = 2 << 30
_MAGIC: tuple[tuple[bytes, Any], ...] = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


class TooMuch(Exception):
    """An archive, and what was unpacked before, is more than its learner may have."""


#: Told how many bytes have been unpacked; raises `TooMuch` where they are too many.
Counter = Callable[[int], None]


def _not_counted(size: int) -> None:
    """For what the instructor has made."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file or a folder in an archive."""

    name: str
    moment: str
    """When it was changed last (ISO 8601), or empty."""
    problem: str
    """Why it can't be unpacked."""
    pieces: Callable[[], Iterator[bytes]]
    """Its content, each piece of bounded size."""
    is_folder: bool = False


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """Within, this process may take so much more memory and no more: what needs it raises a MemoryError."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", "rb") as file:
        most = int(file.read().split()[0]) * resource.getpagesize() + _MOST_MEMORY
    if before[0] != resource.RLIM_INFINITY:
        most = min(most, before[0])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def members(path: Path, count: Counter | None) -> Iterator[Member]:
    """The files and folders in an archive. ``count``: of a learner's; None for what the instructor has named.

    Raises:
        TooMuch: as ``count`` says.
        zipfile.BadZipFile, tarfile.TarError, OSError, …: it is broken.
    """
    return _of_zip(path, count) if path.name.lower().endswith(".zip") else _of_tar(path, count)


def moment_of(seconds: float) -> str:
    """A time in seconds as ISO 8601; empty where it is none."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _folder(name: str) -> Member:
    return Member(name, "", "", lambda: iter(()), is_folder=True)


# -- zip ---------------------------------------------------------------------------------------------------


def _of_zip(path: Path, count: Counter | None) -> Iterator[Member]:
    counted = count or _not_counted
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                yield _folder(info.filename)
                continue
            problem = ""
            if stat.S_ISLNK(info.external_attr >> 16):
                problem = "it is a symbolic link, which is not followed. Pack the file itself"
            elif info.flag_bits & 1:
                problem = "it is encrypted. Pack it again without a password"
            year, month, day, hour, minute, second = info.date_time
            moment = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
            yield Member(info.filename, moment, problem, _zip_pieces(archive, info, counted))


def _zip_pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, count: Counter) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            yield from _bounded(archive, info, count)
            return
        with archive.open(info) as file:
            while piece := file.read(_PIECE):
                count(len(piece))
                yield piece

    return pieces


def _bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo, count: Counter) -> Iterator[bytes]:
    """What is packed with bzip2 or LZMA, which `zipfile` would unpack in one step."""
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    packed.CRC = None  # type: ignore[assignment]  # not compared: it is that of the content
    check = 0
    with archive.open(packed) as file:
        unpacking = bz2.BZ2Decompressor() if info.compress_type == zipfile.ZIP_BZIP2 else _lzma(file, info)
        while not unpacking.eof:
            piece = unpacking.decompress(file.read(1 << 16) if unpacking.needs_input else b"", _PIECE)
            if not piece and unpacking.needs_input and file.tell() >= info.compress_size:
                break
            count(len(piece))
            check = zlib.crc32(piece, check)
            yield piece
    if check != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")


def _lzma(file: IO[bytes], info: zipfile.ZipInfo) -> lzma.LZMADecompressor:
    """Source: APPNOTE.TXT of zip, 5.8.8: version (2 bytes), length of the properties (2), properties, data."""
    _, length = struct.unpack("<HH", file.read(4))
    has_end = info.flag_bits & 2
    size = struct.pack("<q", -1 if has_end else info.file_size)
    unpacking = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MOST_DICTIONARY)
    unpacking.decompress(file.read(length) + size, 0)
    return unpacking


# -- tar ---------------------------------------------------------------------------------------------------


class _Counted(io.RawIOBase):
    """A stream of which only so much is read."""

    def __init__(self, stream: IO[bytes], count: Counter) -> None:
        self._stream, self._count = stream, count

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Forward in pieces, each of which counts."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the beginning")
        while (left := offset - self._stream.tell()) > 0:
            if not self.read(min(left, _PIECE)):
                break
        return self._stream.tell() if left >= 0 else self._stream.seek(offset)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_AT_ONCE:
            raise tarfile.ReadError("a header that is longer than any")
        data = self._stream.read(size)
        self._count(len(data))
        return data


def _of_tar(path: Path, count: Counter | None) -> Iterator[Member]:
    counted = count or _not_counted
    with path.open("rb") as file:
        begins = file.read(6)
    opened: Any = next((open_it for magic, open_it in _MAGIC if begins.startswith(magic)), open)
    with opened(path, "rb") as stream, tarfile.open(fileobj=_Counted(stream, counted), mode="r:") as archive:
        for number, info in enumerate(archive, 1):
            if count is not None and number > _MOST_HEADERS:
                raise TooMuch(f"it has more than {_MOST_HEADERS:,} files and folders")
            if info.isdir():
                yield _folder(info.name)
                continue
            problem = "" if info.isreg() else "it is a link or a device, which is not followed. Pack the file itself"
            yield Member(info.name, moment_of(info.mtime), problem, _tar_pieces(archive, info))


def _tar_pieces(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        file = archive.extractfile(info)
        assert file is not None
        with file:
            while piece := file.read(_PIECE):
                yield piece

    return pieces
