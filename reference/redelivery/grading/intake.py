"""From what an instructor has (folders, archives, single notebooks) to one entry for each notebook handed in.

Archives and folders are the learners' making as much as the notebooks are: nothing is unpacked under a name that
stands in them, links are not followed, and what can't be used becomes a result that says why, beside the others.

Layouts that are understood, below what is named on the command line:

========================================================= ========================================================
nbgrader                                                  ``submitted/LEARNER/ASSIGNMENT/NAME.ipynb``
a folder, or an archive, for each learner                 ``LEARNER/…/NAME.ipynb``, ``LEARNER.zip``
flat                                                      ``LEARNER.ipynb``
Moodle                                                    ``Full Name_12345_assignsubmission_file_/NAME.ipynb``
Canvas                                                    ``lastfirst_LATE_123_456_NAME.ipynb``
========================================================= ========================================================
"""

from __future__ import annotations

import datetime
import os
import re
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from .. import __version__
from ..exercises.catalogue import EXERCISES
from .judge import LARGEST, Entry
from .result import SubmissionResult

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_MOST_MEMBERS = 20_000
_MOST_BYTES = 4_000_000_000
_DEEPEST = 3
_LONGEST_NAME = 120
_MOODLE = re.compile(r"^(?P<name>.+_\d+)_assignsubmission_(?:file|onlinetext)_?$")
_CANVAS = re.compile(r"^(?P<name>[^_]+(?:_LATE)?_\d+)_\d+_.+$")
_SKIPPED = frozenset({".ipynb_checkpoints", "__MACOSX", ".git"})


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed in: notebooks to judge, and what can't be used."""

    entries: tuple[Entry, ...]
    unusable: tuple[SubmissionResult, ...]


class NothingThere(Exception):
    """There is nothing to grade; the message says where was looked and for what."""


def collect(paths: Sequence[Path], scratch: Path) -> Handed:
    """All notebooks in ``paths``. Those in archives are copied into ``scratch``, under names of our own.

    Raises:
        NothingThere: a path does not exist, or there is no notebook anywhere.
    """
    sources: list[_Source] = []
    for path in paths:
        if not path.exists():
            raise NothingThere(f"there is no file or folder {path}. Expected notebooks, folders or archives of them")
        source = _Source(path, scratch / f"{len(sources)}")
        source.take(path)
        sources.append(source)
    entries, unusable = _kept_apart(sources)
    if not entries and not unusable:
        where = ", ".join(map(str, paths))
        raise NothingThere(
            f"no notebook in {where}. Expected LEARNER.ipynb, LEARNER/…ipynb, nbgrader's "
            "submitted/LEARNER/ASSIGNMENT/, or archives of these"
        )
    return Handed(tuple(entries), tuple(unusable))


def _kept_apart(sources: Sequence[_Source]) -> tuple[list[Entry], list[SubmissionResult]]:
    """Learners of one name in two places are two learners."""
    places = Counter(name for source in sources for name in source.learners())
    entries, unusable = [], []
    for source in sources:

        def named(learner: str, source: _Source = source) -> str:
            return f"{learner} ({source.name})" if places[learner] > 1 else learner

        entries += [replace(entry, learner=named(entry.learner)) for entry in source.entries]
        unusable += [replace(result, learner=named(result.learner)) for result in source.unusable]
    return entries, unusable


class _Source:
    """One path of the command line."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self.name = shown(path.name or str(path.resolve()))
        self._top = path
        self._scratch = scratch
        self.entries: list[Entry] = []
        self.unusable: list[SubmissionResult] = []
        self._copied = 0
        self._bytes = 0

    def learners(self) -> set[str]:
        return {entry.learner for entry in self.entries} | {result.learner for result in self.unusable}

    def refuse(self, inside: PurePosixPath, why: str) -> None:
        """Note that something can't be used."""
        where = shown(str(inside))
        self.unusable.append(
            SubmissionResult(self._learner(inside), "", where, (), problem=f"{where}: {why}", version=__version__)
        )

    def add(self, inside: PurePosixPath, file: Path, attempt: str) -> None:
        """Note a notebook."""
        self.entries.append(Entry(self._learner(inside), file, shown(str(inside)), attempt))

    # -- folders ---------------------------------------------------------------------------------------

    def take(self, path: Path) -> None:
        """A file, an archive or a folder, named by the instructor."""
        if path.is_dir():
            for found in _walk(path):
                self._take_found(found, PurePosixPath(os.fsdecode(found.relative_to(path).as_posix())))
        elif _is_archive(path.name):
            self._open(path, PurePosixPath(path.name), PurePosixPath(), 1)
        else:
            self.add(PurePosixPath(path.name), path, _moment(path.stat().st_mtime))

    def _take_found(self, path: Path, inside: PurePosixPath) -> None:
        if not (_is_archive(path.name) or path.name.endswith(".ipynb")):
            return
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            return self.refuse(inside, f"it can't be read ({error.strerror})")
        if stat.S_ISLNK(mode):
            return self.refuse(inside, "it is a symbolic link, which is not followed. Hand in the file itself")
        if not stat.S_ISREG(mode):
            return self.refuse(inside, "it is no ordinary file. Hand in the notebook itself")
        if not os.access(path, os.R_OK):
            return self.refuse(inside, "it can't be read (permission denied)")
        if _is_archive(path.name):
            return self._open(path, inside, _without_ending(inside), 1)
        return self.add(inside, path, _timestamp(path) or _moment(path.stat().st_mtime))

    # -- archives --------------------------------------------------------------------------------------

    def _open(self, path: Path, inside: PurePosixPath, below: PurePosixPath, depth: int) -> None:
        try:
            members = _zip_members(path) if path.name.lower().endswith(".zip") else _tar_members(path)
            for count, member in enumerate(members):
                if count >= _MOST_MEMBERS:
                    return self.refuse(inside, f"it holds more than {_MOST_MEMBERS:,} files")
                self._take_member(member, below, depth)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError, ValueError) as error:
            self.refuse(
                inside, f"the archive can't be read ({type(error).__name__}: {str(error)[:120]}). Pack it again"
            )

    def _take_member(self, member: _Member, below: PurePosixPath, depth: int) -> None:
        name = PurePosixPath(member.name.replace("\\", "/"))
        inside = below / PurePosixPath(*(part for part in name.parts if part not in ("..", "/", "")))
        if _SKIPPED & set(name.parts) or name.name.startswith("._"):
            return
        if not (_is_archive(name.name) or name.name.endswith(".ipynb")):
            return
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            return self.refuse(inside, "its name in the archive leads outside. Pack it again")
        if member.problem:
            return self.refuse(inside, member.problem)
        target = self._scratch / f"{self._copied}{''.join(PurePosixPath(name.name).suffixes[-2:])[-20:]}"
        target = target if _is_archive(target.name) or target.suffix == ".ipynb" else target.with_suffix(".ipynb")
        self._copied += 1
        try:
            size = self._copy(member, target)
        except RuntimeError as error:  # zipfile's word for a password
            return self.refuse(inside, f"it can't be unpacked ({str(error)[:120]})")
        if size is None:
            target.unlink(missing_ok=True)
            return self.refuse(inside, f"it unpacks to more than {LARGEST:,} bytes, or all together to too many")
        if _is_archive(name.name):
            if depth >= _DEEPEST:
                return self.refuse(inside, "it is an archive within archives, too deep to be looked into")
            self._open(target, inside, _without_ending(inside), depth + 1)
            return target.unlink(missing_ok=True)
        return self.add(inside, target, member.moment)

    def _copy(self, member: _Member, target: Path) -> int | None:
        """How many bytes were written; None if there are too many."""
        target.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with member.open() as source, target.open("xb") as copy:
            while piece := source.read(1 << 20):
                size += len(piece)
                self._bytes += len(piece)
                if size > LARGEST or self._bytes > _MOST_BYTES:
                    return None
                copy.write(piece)
        return size

    # -- names -----------------------------------------------------------------------------------------

    def _learner(self, inside: PurePosixPath) -> str:
        parts = list(inside.parts)
        if "submitted" in parts[:-1]:
            parts = parts[parts.index("submitted") + 1 :]
        stem = _without_ending(PurePosixPath(parts[-1])).name
        if match := (_CANVAS.match(stem) if len(parts) == 1 else _MOODLE.match(parts[0])):
            return shown(match["name"])
        if len(parts) > 1:
            return shown(parts[0])
        if stem not in EXERCISES:
            return shown(stem)
        place = self._top if self._top.is_dir() else self._top.resolve().parent
        outer = _without_ending(PurePosixPath(self._top.name)) if _is_archive(self._top.name) else None
        return shown(outer.name if outer is not None else place.resolve().name)


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive."""

    name: str
    moment: str
    problem: str
    archive: zipfile.ZipFile | tarfile.TarFile
    info: zipfile.ZipInfo | tarfile.TarInfo

    def open(self) -> IO[bytes]:
        if isinstance(self.archive, zipfile.ZipFile):
            assert isinstance(self.info, zipfile.ZipInfo)
            return self.archive.open(self.info)
        assert isinstance(self.info, tarfile.TarInfo)
        file = self.archive.extractfile(self.info)
        assert file is not None
        return file


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            problem = ""
            if stat.S_ISLNK(info.external_attr >> 16):
                problem = "it is a symbolic link, which is not followed. Pack the file itself"
            elif info.flag_bits & 1:
                problem = "it is encrypted. Pack it again without a password"
            year, month, day, hour, minute, second = info.date_time
            moment = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
            yield _Member(info.filename, moment, problem, archive, info)


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            problem = "" if info.isreg() else "it is a link or a device, which is not followed. Pack the file itself"
            yield _Member(info.name, _moment(info.mtime), problem, archive, info)


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in [*sorted(name for name in folders if (Path(place) / name).is_symlink()), *sorted(files)]:
            if not name.startswith("."):
                yield Path(place) / name


def _is_archive(name: str) -> bool:
    return name.lower().endswith(_ARCHIVES)


def _without_ending(path: PurePosixPath) -> PurePosixPath:
    name = path.name
    for ending in (".ipynb", *sorted(_ARCHIVES, key=len, reverse=True)):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return path.with_name(name[: -len(ending)])
    return path


def _timestamp(notebook: Path) -> str:
    """nbgrader's note of when it was handed in."""
    note = notebook.parent / "timestamp.txt"
    try:
        if note.is_symlink() or not note.is_file() or note.stat().st_size > 200:
            return ""
        return shown(note.read_text(encoding="utf-8", errors="replace").strip())
    except OSError:
        return ""


def _moment(seconds: float) -> str:
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def shown(text: str) -> str:
    """A name from outside, fit for any page: one line, no control characters, not too long."""
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else "?" for c in text).strip() or "?"
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
