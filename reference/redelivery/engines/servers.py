"""Servers of our own: in a temp folder, without privileges, reached by nobody else, and gone afterwards.

A folder says whose it is. When a process of ours was killed and could not clear up, the next one does::

    redelivery-engines-1000/
        4711-k3x9/            made by process 4711
            owner             "4711 88121": its number, and when it started
            server            the number of the server's process
            data/ log
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from .failure import EngineFailure

#: Seconds that a server may take to start, and to stop before it is killed.
STARTS, _STOPS = 300.0, 10.0
_real_kill = os.kill
_real_pid = os.getpid


def root_folder() -> Path:
    """Where the folders of all servers of this user are."""
    return Path(tempfile.gettempdir()) / f"redelivery-engines-{os.getuid()}"


def _started(pid: int) -> str:
    """When a process started, as the system counts; empty where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    said = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return " ".join(said.stdout.split())


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
        return said.stdout


def sweep() -> int:
    """Stop and remove what processes that are gone have left; returns how many servers that was."""
    count = 0
    for folder in sorted(root_folder().glob("*-*")):
        try:
            pid, _, started = (folder / "owner").read_text().partition(" ")
            alive = _started(int(pid)) == started.strip() != ""
        except (OSError, ValueError):
            alive = folder.exists() and _is_new(folder)
        if not alive:
            count += 1
            _clear(folder)
    return count


def _is_new(folder: Path) -> bool:
    """A folder whose owner is about to write its name into it."""
    with contextlib.suppress(ValueError):
        return _started(int(folder.name.partition("-")[0])) != ""
    return False


def _clear(folder: Path) -> None:
    """Kill the server of a folder, with its children, and remove the folder."""
    for pid in _servers_of(folder):
        with contextlib.suppress(OSError):
            _real_kill(pid, signal.SIGCONT)
            _real_kill(pid, signal.SIGKILL)
    until = monotonic() + _STOPS
    while any(_started(pid) for pid in _servers_of(folder)) and monotonic() < until:
        sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


def _servers_of(folder: Path) -> list[int]:
    """The processes that were started for a folder: each names it in its command, or in its environment."""
    found = []
    text = str(folder)
    for place in Path("/proc").glob("[0-9]*") if Path("/proc/self").exists() else ():
        pid = int(place.name)
        if pid == _real_pid():
            continue
        with contextlib.suppress(OSError):
            if text in _command_of(pid) or f"{_MARK}={text}".encode() in (place / "environ").read_bytes():
                found.append(pid)
    if not found:
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / "server").read_text())
            if text in _command_of(pid):
                found.append(pid)
    return found


_MARK = "REDELIVERY_ENGINE_FOLDER"


def as_nobody() -> dict[str, Any]:
    """As whom a server runs: never as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A port on the loopback that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _new_folder() -> Path:
    root = root_folder()
    for again in range(5):
        root.mkdir(mode=0o755, exist_ok=True)
        if root.stat().st_uid != os.getuid():
            raise EngineFailure(f"{root} belongs to somebody else: set TMPDIR to a folder of your own")
        try:
            return Path(tempfile.mkdtemp(prefix=f"{_real_pid()}-", dir=root))
        except FileNotFoundError:  # the last of the others has just been stopped
            if again == 4:
                raise
    raise AssertionError


class Server:
    """A server's process and its folder. Used as a context manager, or stopped at exit."""

    def __init__(self, title: str) -> None:
        sweep()
        self.title = title
        self.folder = _new_folder()
        self._owner = _real_pid()
        (self.folder / "owner").write_text(f"{self._owner} {_started(self._owner)}")
        self.user = as_nobody()
        self.folder.chmod(0o755 if self.user else 0o700)
        if self.user:
            os.chown(self.folder, self.user["user"], self.user["group"])
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PG", "REDELIVERY_", "COVERAGE"))},
            "LC_ALL": "C",
            "TZ": "UTC",
            "HOME": str(self.folder),
            _MARK: str(self.folder),
        }
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    def run(self, command: Sequence[str | Path], what: str) -> None:
        """Run a program to its end.

        Raises:
            EngineFailure: it fails.
        """
        try:
            done = subprocess.run(
                list(map(str, command)),
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=STARTS,
                **self.user,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self.stop()
            raise EngineFailure(f"{self.title} can't be prepared ({what}: {error})") from None
        if done.returncode:
            self.stop()
            raise EngineFailure(f"{self.title} can't be prepared ({what}: {_last(done.stderr + done.stdout)})")

    def start(
        self,
        command: Sequence[str | Path],
        ready: Callable[[], bool],
        more: Mapping[str, str] | None = None,
        seconds: float = STARTS,
    ) -> None:
        """Start the server and wait until it answers.

        Raises:
            EngineFailure: it ends, or does not answer within ``seconds``.
        """
        with open(self.folder / "log", "ab") as log:
            try:
                self.process = subprocess.Popen(
                    list(map(str, command)),
                    env={**self.environment, **(more or {})},
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **self.user,
                )
            except OSError as error:
                self.stop()
                raise EngineFailure(f"{self.title} can't be started: {error}") from None
        (self.folder / "server").write_text(str(self.process.pid))
        until = monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                said = self.said()
                self.stop()
                raise EngineFailure(f"{self.title} does not start: {said}")
            if monotonic() > until:
                said = self.said()
                self.stop()
                raise EngineFailure(
                    f"{self.title} has not answered for {seconds:.0f} seconds after it was started; it said: {said}"
                )
            sleep(0.02)

    def said(self) -> str:
        """The last line of its log that says something."""
        with contextlib.suppress(OSError):
            return _last((self.folder / "log").read_bytes())
        return "nothing"

    @property
    def alive(self) -> bool:
        """Whether the server's process is there."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End the server, and remove its folder. May be called again; a forked child leaves both alone."""
        if _real_pid() != self._owner:
            return
        atexit.unregister(self.stop)
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.process.send_signal(signal.SIGQUIT if self.title == "PostgreSQL" else signal.SIGTERM)
            try:
                self.process.wait(_STOPS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        _clear(self.folder)
        with contextlib.suppress(OSError):
            root_folder().rmdir()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _last(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing"


class OwnServer:
    """One server for all that this process searches, started by ``make`` when it is first asked for."""

    def __init__(self, make: Callable[[], Server]) -> None:
        self._make = make
        self._server: Server | None = None

    def get(self) -> Server:
        """The server, started again if it has ended.

        Raises:
            EngineFailure: there is none, or it does not start.
        """
        if self._server is None or not self._server.alive:
            self._server = self._make()
        return self._server

    def stop(self) -> None:
        """Stop it, if there is one."""
        if self._server is not None:
            self._server.stop()
            self._server = None
