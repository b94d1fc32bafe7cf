"""Where a submission's code runs: a process of its own, as far away as this machine allows.

With bubblewrap: no network, a read-only view of Python and its packages and of nothing else of this machine, a small
private temp folder, process numbers of its own. Nothing of the course is in there but the part of the package that a
handler needs. With or without it, the limits of `simulation.confine`.

In a sandbox a process waits that never runs a submission's code. It makes a place for each submission
(`simulation.nest`), where nobody can name it or anything of another submission, and in it a process for each pipe::

    grader ── control ──▶ waiting process (number 1 in the sandbox)
        │                    └─ place of a submission (number 1 in there)
        │                          └─ fork ─▶ part 1, confined   ◀── pipe 1 ──┐
        │                          └─ fork ─▶ part 2, confined   ◀── pipe 2 ──┤
        └─────────────────────────────────────────────────────────────────────┘

Where the machine allows no such places, each submission gets a sandbox of its own, which takes longer.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..simulation.confine import Confinement
from ..simulation.nest import TEMP_SIZE
from ..simulation.wire import ANOTHER, CLEAN, FIRST, NEXT, Pipe
from . import scratch
from .allowance import Allowance
from .processors import WaitsForProcessors

_PACKAGE = Path(__file__).resolve().parents[1]
_INSIDE = "/course/redelivery"
#: Seconds in which the waiting process has to say whether it can serve another submission.
_TO_SAY = 60.0
#: Seconds in which bubblewrap has to show that it works here.
_TO_TRY = 300.0
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
#: sqlite-utils imports numpy where it is there, which takes a third of the time until a submission can be asked.
_NO_NUMPY = "sys.modules['numpy'] = None\n"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class NoSandbox(Exception):
    """bubblewrap is not there or does not work here; the message says why, and what to do."""


class SandboxLost(Exception):
    """The sandbox is not there any more."""


@functools.cache
def why_not() -> str | None:
    """Why bubblewrap can't be used on this machine; None if it can."""
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap is not installed (Debian, Ubuntu: sudo apt install bubblewrap)"
    try:
        tried = subprocess.run(
            [program, *_view(), "--", "/proc/self/exe", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TO_TRY,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    if tried.returncode != 0:
        said = tried.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return f"bubblewrap does not work here: {said[-1][:300]}"
    return None


def words(isolated: bool, limits: Confinement) -> tuple[str, ...]:
    """What is in force, for people; printed with each grading and kept with each result."""
    far = ("bubblewrap", "no network", "read-only system", "own processes", f"temp folder of {TEMP_SIZE >> 20} MiB")
    return (*(far if isolated else ("no bubblewrap",)), *limits.words())


class Sandbox:
    """The place for one submission, or for one after the other.

    ``seconds``: what it may take, as `Allowance` counts. ``preload``: of ``numpy`` and ``redis``, what the submission
    is going to use, so that it is imported once.

    Raises:
        NoSandbox: ``isolated``, and bubblewrap can't be used.
    """

    def __init__(
        self,
        isolated: bool = True,
        limits: Confinement | None = None,
        seconds: float = 120.0,
        preload: frozenset[str] = frozenset({"numpy"}),
    ) -> None:
        if isolated and (reason := why_not()):
            raise NoSandbox(reason)
        self._isolated = isolated
        self._limits = limits or Confinement()
        self._preload = preload
        self._process: subprocess.Popen[bytes] | None = None
        self._processors = WaitsForProcessors()
        self._allowance = Allowance(seconds, self._waits_for_processors)
        self._control: socket.socket | None = None
        self._folder: str | None = None
        self.nests = True
        """Whether a sandbox may serve several submissions, each in a place of its own."""

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def isolation(self) -> tuple[str, ...]:
        """What is in force."""
        return words(self._isolated, self._limits)

    def serves(self, isolated: bool, limits: Confinement, preload: frozenset[str]) -> bool:
        """Whether this is the place for a submission with these needs."""
        return (isolated, limits) == (self._isolated, self._limits) and preload <= self._preload

    def renew(self, seconds: float) -> None:
        """Make it ready for another submission, which finds no trace of the one before."""
        self._allowance = Allowance(seconds, self._waits_for_processors)
        if self._process is None or self._control is None:
            return
        if self._isolated and self._process.poll() is None:
            self._control.settimeout(_TO_SAY)
            try:
                self._control.send(NEXT)
                if self._control.recv(1) == CLEAN:
                    self._control.settimeout(None)
                    return
            except OSError:
                pass
        self.close()

    def left(self) -> float:
        """Seconds that the submission still has."""
        return self._allowance.left()

    def receive(self, pipe: Pipe, seconds: float) -> Any:
        """The next message from one of its pipes; see `Allowance.receive`."""
        return self._allowance.receive(pipe, seconds)

    def _waits_for_processors(self) -> float | None:
        return None if self._process is None else self._processors.seconds(self._process.pid)

    def session(self, first: bool) -> Pipe:
        """A pipe to a new process that holds nothing yet; with ``first``, all that were started before it are ended.

        Raises:
            SandboxLost: none can be started.
        """
        for _ in range(2):
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._start()
            assert self._control is not None
            ours, theirs = socket.socketpair()
            try:
                socket.send_fds(self._control, [FIRST if first else ANOTHER], [theirs.fileno()])
                return Pipe(ours)
            except OSError:
                ours.close()
                self.close()
            finally:
                theirs.close()
        raise SandboxLost("no process for the submission could be started")

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._folder = None if self._isolated else tempfile.mkdtemp(prefix=f"redelivery-submission-{os.getpid()}-")
        try:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp", "OPENBLAS_NUM_THREADS": "1"},
                cwd=self._folder or "/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        finally:
            theirs.close()
        self._control = ours

    def _command(self, descriptor: int) -> list[str]:
        code = f"import sys; sys.path[:0] = {[*self._path()]!r}\n"
        if "numpy" not in self._preload:
            code += _NO_NUMPY
        code += "from redelivery.simulation import child, confine\n"
        if "numpy" not in self._preload:
            code += "del sys.modules['numpy']\n"
        if "redis" in self._preload:
            code += "import redelivery.simulation.redis_client\n"
        limits = f"confine.Confinement(*{tuple(self._limits)!r})"
        code += f"child.main({descriptor}, {limits}, {self._isolated!r}, {self.nests!r})"
        python = [os.path.realpath(sys.executable), "-I", "-S", "-B", "-X", "utf8", "-c", code]
        if not self._isolated:
            return python
        program = shutil.which("bwrap")
        assert program is not None
        return [program, *_view(), "--as-pid-1", "--", *python]

    def _path(self) -> Sequence[str]:
        if self._isolated:
            return ["/course", *(f"/packages/{n}" for n, _ in enumerate(_site_packages()))]
        return [str(_PACKAGE.parent), *_site_packages()]

    def close(self) -> None:
        """End every process that was started for the submission."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            if self._process.poll() is None:
                try:
                    os.killpg(self._process.pid, 9)
                except OSError:
                    pass
                self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            scratch.remove(self._folder)
            self._folder = None


def _site_packages() -> list[str]:
    return list(dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


def _hidden(bound: Path, shown: Path) -> list[str]:
    """Options that hide the course, with its solutions and its checker, in a folder that is there to see."""
    course = _PACKAGE.parents[1] if _PACKAGE.parent.name == "reference" else _PACKAGE
    if not course.is_relative_to(bound) or Path(os.path.realpath(sys.executable)).is_relative_to(course):
        return []
    place = str(shown / course.relative_to(bound))
    return ["--tmpfs", place, "--remount-ro", place]


@functools.cache
def _view() -> tuple[str, ...]:
    """bubblewrap's options: what there is to see in the sandbox."""
    binds = [p for p in dict.fromkeys([*_SYSTEM, sys.base_prefix, sys.base_exec_prefix]) if os.path.exists(p)]
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    options += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]
    options += ["--proc", "/proc", "--size", str(TEMP_SIZE), "--tmpfs", "/tmp"]
    for path in binds:
        real = os.path.realpath(path)
        if os.path.islink(path) and path in _SYSTEM:
            options += ["--symlink", os.readlink(path), path]
        else:
            options += ["--ro-bind", real, path]
            options += _hidden(Path(real), Path(path))
    for path in _DEVICES:
        options += ["--dev-bind-try", path, path]
    for number, path in enumerate(_site_packages()):
        options += ["--ro-bind", path, f"/packages/{number}"]
        options += _hidden(Path(path), Path(f"/packages/{number}"))
    for name in ("__init__.py", "simulation"):
        options += ["--ro-bind", str(_PACKAGE / name), f"{_INSIDE}/{name}"]
    return (*options, "--remount-ro", "/", "--chdir", "/tmp")
