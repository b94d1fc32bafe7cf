"""Where archives are unpacked: a folder that is gone after the grading, and where that was killed in the middle, after
the next one's start.

The folder's name holds the number of the process that made it, and a lock in it is held as long as that lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "redelivery-grade-"
#: The sandbox's folder where there is no bubblewrap, and those of the simulated stores.
_OTHERS = re.compile(r"^redelivery-(?:grade|submission|store)-(?P<process>\d+)-")
_LOCK = ".lock"
_STORES = Path("/dev/shm")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as name:
        place = Path(name)
        with open(place / _LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield place


def sweep() -> int:
    """Take away what gradings of this user have left that were killed; the number of folders."""
    swept = 0
    for where in dict.fromkeys((Path(tempfile.gettempdir()), _STORES)):
        try:
            found = sorted(where.iterdir())
        except OSError:
            continue
        for place in found:
            match = _OTHERS.match(place.name)
            if match and _is_ours(place) and not _lives(int(match["process"])) and not _is_held(place):
                remove(place)
                swept += 1
    return swept


def remove(place: Path | str) -> None:
    """Take away a folder that a submission wrote into, however deep it is; what can't be taken away stays."""
    try:
        shutil.rmtree(place, ignore_errors=True)
    except RecursionError:
        nowhere = subprocess.DEVNULL
        subprocess.run(["rm", "-rf", "--", str(place)], stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)


def _is_ours(place: Path) -> bool:
    try:
        state = place.lstat()
    except OSError:
        return False
    return place.is_dir() and not place.is_symlink() and state.st_uid == os.getuid()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _is_held(place: Path) -> bool:
    """Whether a grading on another machine, or in another container, holds it."""
    try:
        lock = os.open(place / _LOCK, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)  # it may be a pipe
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
        return False
    except FileNotFoundError:
        return False
    except OSError:
        return True
