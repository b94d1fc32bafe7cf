"""What a process that holds a submission gives up before it looks at it: limits of the kernel that it can't lift.

On Linux also all rights that not everybody has, and by a seccomp filter all system calls but those that Python needs
(`system_calls`): no new processes (threads are allowed), no signals to others, no sockets, no look into other
processes, nobody else's limits or priority. Sources: seccomp(2), capset(2), getrlimit(2), linux/filter.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from typing import NamedTuple

from .system_calls import CLONE, CLONE3, MACHINES, ONLY, allowed

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 1, 4, 38, 22, 2
_CLONE_THREAD = 0x10000
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUALS, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000
#: capset(2) of the third version: two words of each of three sets.
_CAPABILITIES_3 = 0x20080522


class Confinement(NamedTuple):
    """Limits for one process; sizes in bytes, times in seconds of computing."""

    memory: int = 2 << 30
    computing: int = 120
    file_size: int = 32 << 20
    processes: int = 64
    files: int = 128
    together: int = 3 << 30
    """Memory of all processes of a submission, counted while they run."""

    def words(self) -> tuple[str, ...]:
        """What is in force, for people."""
        memory = f"memory {self.memory >> 30} GiB a process, {self.together >> 30} GiB together"
        limits = (memory, f"computing time {self.computing} s")
        return (*limits, f"files of {self.file_size >> 20} MiB", *(("no new processes", "no sockets") * has_filter()))


def has_filter() -> bool:
    """Whether this machine's system calls are known here."""
    return sys.platform == "linux" and platform.machine() in MACHINES


def keep_to_oneself() -> None:
    """Others of the same user can't look into this process's memory or descriptors."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent() -> None:
    """This process is ended when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def confine(limits: Confinement) -> None:
    """Set the limits for this process, for good.

    Raises:
        OSError: the kernel refused one.
    """
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.computing),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(kind)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):
            if sys.platform == "linux":
                raise
    if sys.platform == "linux":
        drop_capabilities()
    if has_filter():
        _filter_calls()


def drop_capabilities() -> None:
    """Give up every right that not everybody has; new ones can't be got any more.

    Raises:
        OSError: the kernel refused it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    done = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and libc.capset(header, none) == 0
    if not done:
        number = ctypes.get_errno()
        raise OSError(number, f"giving up capabilities: {os.strerror(number)}")


def first_to_go() -> None:
    """Where the machine runs out of memory, this process and those that it starts are ended before others."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


def _filter_calls() -> None:
    audit, column = MACHINES[platform.machine()]
    refuse, allow = (_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUALS, 1, 0, audit),
        refuse,
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        refuse,
        (_EQUALS, 0, 1, CLONE3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for number in allowed(column):
        program += [(_EQUALS, 0, 1, number), allow]
    for call in ONLY:
        values = [*call.values, *([os.getpid()] if call.itself else [])]
        tests = [step for value in values for step in ((_EQUALS, 0, 1, value), allow)]
        program += [(_EQUALS, 0, len(tests) + 2, call.numbers[column])]
        program += [(_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * call.argument), *tests, refuse]
    program += [
        (_EQUALS, 0, 3, CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _CLONE_THREAD),
        allow,
        refuse,
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    for instruction in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _FILTER, ctypes.cast(header, ctypes.c_void_p), 0, 0),
    ):
        if libc.prctl(*instruction) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"prctl({instruction[0]}): {os.strerror(number)}")
