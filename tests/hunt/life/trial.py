"""Sessions of one answer, one after the other, until one is broken or as many are done as were wanted."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from .actor import Surroundings
from .outsider import Outsider
from .plays import IN_REDIS, PLAYS, Letter, Stores, roles
from .stage import LONGEST_LOG, Broken, Crew, GivenUp, Stage, a_mood


@dataclass(frozen=True)
class Trial:
    """What came of it."""

    sessions: int
    calls: int
    kills: int
    broken: str | None = None
    log: tuple[str, ...] = ()
    seed: str = ""
    given_up: str | None = None
    """Why there is no verdict."""


class Ground:
    """Where sessions take place: a folder in memory, where there is one, and a Redis server."""

    def __init__(self, folder: Path, with_redis: bool) -> None:
        self.folder = folder
        self.socket: str | None = None
        self.server: redis.Redis | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._outsider: Outsider | None = None
        if with_redis:
            self._start_redis()

    def _start_redis(self) -> None:
        self.socket = str(self.folder / "redis.sock")
        command = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        self.server = redis.Redis(unix_socket_path=self.socket)
        for _ in range(1000):
            try:
                self.server.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise RuntimeError("redis-server doesn't answer")

    def outsider(self) -> Outsider:
        """Somebody else who may use the file."""
        self._outsider = self._outsider or Outsider()
        return self._outsider

    def close(self) -> None:
        """Stop the server, and send somebody else away."""
        if self._outsider is not None:
            self._outsider.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def expire(self, seconds: float) -> None:
        """Let so much time pass in Redis: whose time has come is gone, the others have less left."""
        if self.server is None:
            return
        for key in self.server.scan_iter(count=1000):
            left = self.server.pttl(key)
            if left >= 0:
                rest = left - int(seconds * 1000)
                if rest <= 0:
                    self.server.delete(key)
                else:
                    self.server.pexpire(key, rest)


@contextlib.contextmanager
def a_ground(with_redis: bool = True) -> Iterator[Ground]:
    """A place for sessions, for as long as it is needed."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hunt-", dir=memory if memory.is_dir() else None))
    ground = Ground(folder, with_redis)
    try:
        yield ground
    finally:
        ground.close()
        shutil.rmtree(folder, ignore_errors=True)


def try_out(
    ground: Ground,
    part: str,
    source: str,
    seed: str,
    sessions: int,
    seconds: float = 1e9,
    data: Sequence[Letter] | None = None,
) -> Trial:
    """At most so many sessions, at most so many seconds; ends with the first that is broken."""
    try:
        code = compile(source, "<cell>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return Trial(0, 0, 0, given_up=f"{type(error).__name__}: {error}")
    crew = Crew(code)
    try:
        return _sessions(ground, part, crew, seed, sessions, seconds, data)
    finally:
        crew.close()


def _sessions(
    ground: Ground, part: str, crew: Crew, seed: str, sessions: int, seconds: float, data: Sequence[Letter] | None
) -> Trial:
    started, calls, kills, given_up = time.monotonic(), 0, 0, None
    silent = 0
    number = 0
    for number in range(sessions):
        if time.monotonic() - started > seconds:
            break
        own = f"{seed} {number}"
        stage, broken, why = _session(ground, part, crew, own, data)
        calls += stage.calls
        kills += sum(line.endswith("   is killed") for line in stage.log)
        if broken is not None:
            return Trial(number + 1, calls, kills, broken, tuple(_shortened(stage)), own)
        if why is not None:
            given_up, silent = why, silent + 1
            if silent >= 3:
                break
    return Trial(number + 1, calls, kills, given_up=given_up if silent >= 3 else None)


def _shortened(stage: Stage) -> list[str]:
    mood = stage.mood
    head = f"{mood}"
    log = stage.log
    if len(log) > LONGEST_LOG:
        log = [*log[:50], f"      … {len(log) - LONGEST_LOG} lines …", *log[50 - LONGEST_LOG :]]
    return [head, *log]


def _session(
    ground: Ground, part: str, crew: Crew, seed: str, data: Sequence[Letter] | None
) -> tuple[Stage, str | None, str | None]:
    draw, others = random.Random(seed), random.Random(f"{seed}, somebody else")
    mood = a_mood(draw)
    file = ground.folder / "run.db"
    for old in ground.folder.glob("run.db*"):
        old.unlink()
    in_redis = part in IN_REDIS
    if in_redis:
        assert ground.server is not None and ground.socket is not None, "this part needs redis-server"
        ground.server.flushall()
    play = PLAYS[part](draw, Stores(file, ground.server), data)
    in_sqlite = not in_redis and part not in ("at_most_once", "at_least_once")
    if in_sqlite:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute(f"PRAGMA journal_mode={mood.journal}")
    play.prepare()
    surroundings = Surroundings(
        str(file) if in_sqlite else None,
        ground.socket if in_redis else None,
        mood.patience,
        1 if mood.same_pid else None,
        draw.getrandbits(30) if mood.colliding_draws else None,
        mood.coarse_clock,
        draw.choice([0.0, 0.0, 1.5, -3600.0]),
    )
    stage = Stage(play, crew, surroundings, mood, draw, roles(part, draw))
    stage.on_time_passes = ground.expire if in_redis else None
    try:
        if play.has_schema:
            _call_schema(stage)
        if in_sqlite and not mood.faultless and others.random() < 0.2:
            stage.outsider, stage.outsiders_draw, stage.file = ground.outsider(), others, file
        stage.perform()
    except Broken as error:
        return stage, str(error), None
    except GivenUp as error:
        return stage, None, str(error)
    return stage, None, None


class _Schema:
    """The first call of all, undisturbed."""

    has_schema = False

    def __init__(self) -> None:
        self.kind, self.text = "", ""

    def begin(self, actor: Any, task: Any) -> tuple[str, list[Any]]:
        return "schema", [["tool", "db"]]

    def ended(self, actor: Any, kind: str, value: Any, text: str, contended: bool) -> None:
        self.kind, self.text = kind, text


def _call_schema(stage: Stage) -> None:
    play, first = stage.play, _Schema()
    stage.play = first  # type: ignore[assignment]
    try:
        stage.call_alone(stage.hire("schema"), None)
    finally:
        stage.dismiss()
        stage.play = play
    if first.kind != "returned":
        raise GivenUp(f"schema(db) ends in {first.text}")
