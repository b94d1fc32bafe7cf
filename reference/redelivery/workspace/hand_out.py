"""What learners get: the course without solutions, right and wrong answers, attacks, tests and the instructor's guide.

It is chosen by what goes in, not by what stays out: a folder that is new here stays here until somebody lists it.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

#: Files and folders that go in, as they are in the course's folder.
_GOES_IN = (
    "LICENSE",
    "Makefile",
    "README.md",
    "README.zh.md",
    "environment.yml",
    "pyproject.toml",
    "course",
    "docs",
    "exercises",
    "reference/redelivery",
    "scripts/lab",
    "scripts/setup",
    "scripts/slides",
    "scripts/update",
)
#: Of these what is a teacher's, what was built, and what somebody has made of it.
_STAYS = re.compile(r"(^|/)(instructor|__pycache__|backup)(/|$)|\.new\.ipynb$|\.py[co]$|(^|/)\.")
_FOLDER = "delivered-twice"
_NOTE = """
This folder was made for learners. Solutions, the checker's own tests and the instructor's guide are with whoever
teaches the course; `redelivery verify` and `make test`, which need them, do nothing here.
"""
#: So that the same course makes the same archive.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class CannotHandOut(Exception):
    """It can't be made; the message says why, and what to do."""


def files(course: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """What learners get, by path."""
    for name in _GOES_IN:
        start = course / name
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            inside = PurePosixPath(path.relative_to(course).as_posix())
            if path.is_symlink() or not path.is_file() or _STAYS.search(str(inside)):
                continue
            yield inside, _content(course, inside, path)


def _content(course: Path, inside: PurePosixPath, path: Path) -> bytes:
    if inside.parts[0] == "exercises" and inside.suffix == ".ipynb":  # as handed out, whatever stands in it now
        kept = course / "reference" / "redelivery" / "handed_out" / inside.name
        if kept.is_file():
            return kept.read_bytes()
    data = path.read_bytes()
    return data.rstrip() + b"\n" + _NOTE.encode() if str(inside) == "README.md" else data


def hand_out(course: Path, target: Path) -> int:
    """Make the folder or, where ``target`` ends in .zip, the archive; the number of files.

    Raises:
        CannotHandOut: it is there already, or can't be written.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise CannotHandOut(f"{target} is there already. Name another, or take it away first")
    try:
        if target.suffix.lower() == ".zip":
            return _packed(course, target)
        count = 0
        for inside, data in files(course):
            place = target / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            shutil.copymode(course / inside, place)
            count += 1
        return count
    except OSError as error:
        raise CannotHandOut(f"{error.filename or target} can't be written to: {error.strerror}") from None


def _packed(course: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(target.name + ".new")
    count = 0
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, data in files(course):
            info = zipfile.ZipInfo(f"{_FOLDER}/{inside}", _NO_TIME)
            info.external_attr = (course / inside).stat().st_mode << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
            count += 1
    new.replace(target)
    return count
