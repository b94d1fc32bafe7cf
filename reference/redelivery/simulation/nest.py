"""A place within the sandbox for one submission: process numbers, temp folder and mounts of its own.

The process that waits for submissions has Python and its packages imported, which takes most of the time until a
submission can be asked. It never runs a submission's code, and gives each a place of its own, in milliseconds::

    waiting process (number 1 in the sandbox)
       └─ namespaces ─▶ number 1 of the place, from which the submission's processes are forked

In there nobody can name the waiting process, or any of another submission: there is no number for it. With number 1 of
the place all its processes end. Sources: user_namespaces(7), pid_namespaces(7), mount_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from time import monotonic, sleep

from .confine import drop_capabilities

_NEW_MOUNTS, _NEW_IPC, _NEW_USERS, _NEW_PROCESSES = 0x00020000, 0x08000000, 0x10000000, 0x20000000
_NO_SUID, _NO_DEVICES, _NO_PROGRAMS = 2, 4, 8
_PR_SET_DUMPABLE = 4
_READY = b"ready"
#: Bytes of a submission's temp folder.
TEMP_SIZE = 64 << 20
#: Files in it: each takes a kilobyte of the kernel's memory that counts for nobody.
_TEMP_NAMES = 16_384
#: Seconds in which all processes of a place have to be gone.
_TO_DIE = 5.0


class CannotNest(Exception):
    """This machine allows no places within a sandbox."""


class Nest:
    """A place, in whose process 1 ``serve`` is called.

    Raises:
        CannotNest: the machine doesn't allow it.
    """

    def __init__(self, serve: Callable[[], None]) -> None:
        read, write = os.pipe()
        between = os.fork()
        if between == 0:
            try:
                os.close(read)
                _enter(serve, write)
            finally:
                os._exit(1)
        os.close(write)
        with os.fdopen(read, "rb") as words:
            said = words.read().split()
        self._process = next((int(word) for word in said if word.isdigit()), None)
        if self._process is None or _READY not in said:
            self.end()
            raise CannotNest

    def end(self) -> bool:
        """End all its processes. Whether they are gone."""
        process, self._process = self._process, None
        if process is None:
            return True
        until = monotonic() + _TO_DIE
        while monotonic() < until:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                return True
            sleep(0.0005)
        return False


def _enter(serve: Callable[[], None], write: int) -> None:
    """In a process in between, which only makes the namespaces: its first child is process 1 of the place."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USERS | _NEW_PROCESSES | _NEW_MOUNTS | _NEW_IPC) != 0:
        return
    libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else what is to be written belongs to root
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    process = os.fork()
    if process:
        os.write(write, f" {process} ".encode())
        os._exit(0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    temp = (
        b"tmpfs",
        b"/tmp",
        b"tmpfs",
        _NO_SUID | _NO_DEVICES,
        f"size={TEMP_SIZE},nr_inodes={_TEMP_NAMES},mode=1777".encode(),
    )
    processes = (b"proc", b"/proc", b"proc", _NO_SUID | _NO_DEVICES | _NO_PROGRAMS, None)
    if libc.mount(*temp) != 0 or libc.mount(*processes) != 0:
        return
    drop_capabilities()
    os.chdir("/tmp")
    os.write(write, b" %b " % _READY)
    os.close(write)
    serve()
    os._exit(0)
