"""A session: processes, let go in random order and killed at random, until all is done or a claim is broken.

The stage knows processes and chance; what they have to do, and what is demanded of them, is a `Play`'s affair.

    actor A   halted ──go──▶ carries out its statement ──▶ halted before the next …
    actor B          halted ─────────────────────────────────kill -9
    the stage  picks A        picks A again, or B, or lets time pass, or does mischief of the play

While a process waits for a lock, SQLite itself waits; the stage goes on with the others.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import random
import select
import signal
import socket
import time
import types
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from .actor import Surroundings, be_an_actor
from .outsider import Outsider

#: Seconds in which a process that doesn't wait for a lock has usually halted again. Nothing but speed depends on it.
USUALLY = 0.002
#: Seconds without a sign of life after which a session is given up, without a verdict.
PATIENCE = 120.0
#: Halts after which a session goes on without faults, and after which one that doesn't end is stuck (below).
FAULTS_END = 2_000
#: Halts that a process passes without asking, where nobody could come in between. Twenty of them count as one, so that
#: a loop without end is stuck within seconds.
AT_ONCE = 400
#: Halts after which one call is carried out after the other, so that contention can't last.
CROWDS_END = 6_000
MOST_STEPS = 12_000
#: Halts of a calm session after which much time passes: what expires is gone long before anybody is stuck.
TIME_GOES_ON = 1_000
LONGEST_LOG = 400


class Broken(Exception):
    """A claim of the part's contract is broken."""


class GivenUp(Exception):
    """The session has no verdict; says why."""


@dataclass
class Actor:
    """A process as the stage sees it."""

    name: str
    role: str
    pid: int
    end: socket.socket
    state: str = "idle"
    """idle, halted, asks or runs."""
    question: tuple[str, Any] = ("", None)
    task: Any = None
    """What the play has given it to do."""


@dataclass
class Mood:
    """How a session treats its processes; drawn once a session."""

    kills: float
    mischief: float
    lost: float
    """Of what is sent, so much is lost on its way, and as much of the answers."""
    policy: str
    """uniform, sticky, stall or straight."""
    sticky: float = 0.8
    stall: int = 20
    patience: float = 0.05
    journal: str = "wal"
    lying: bool = False
    """The hints on deliveries lie."""
    coarse_clock: bool = False
    same_pid: bool = False
    colliding_draws: bool = False

    @property
    def faultless(self) -> bool:
        """Nothing may go wrong."""
        return not (self.kills or self.mischief or self.lost)


def a_mood(draw: random.Random) -> Mood:
    """Every fifth session has no fault, and as many are straight: one thing after the other."""
    policy = draw.choice(["uniform", "uniform", "sticky", "sticky", "stall", "straight"])
    faults = draw.random() >= 0.2
    kills = draw.choice([0, 0.004, 0.02, 0.05]) if faults else 0
    mischief = draw.choice([0.01, 0.05, 0.15]) if faults else 0
    lost = draw.choice([0, 0.1, 0.3, 0.8]) if faults else 0
    return Mood(
        kills,
        mischief,
        lost,
        policy,
        draw.choice([0.5, 0.8, 0.95]),
        draw.choice([5, 20, 60, 200]),
        draw.choice([0, 0, 0.01, 0.05, 0.3]),
        draw.choice(["wal", "delete"]),
        draw.random() < 0.3,
        draw.random() < 0.2,
        draw.random() < 0.15,
        draw.random() < 0.3,
    )


class Play(ABC):
    """What the processes have to do, and what is demanded of it."""

    stage: Stage

    @abstractmethod
    def task_for(self, actor: Actor) -> Any:
        """What an idle actor could do now; None if nothing. Must not change anything."""

    @abstractmethod
    def begin(self, actor: Actor, task: Any) -> tuple[str, list[Any]]:
        """The actor does it: the function to call, and its arguments."""

    def told(self, actor: Actor, what: str, argument: Any) -> tuple[str, Any]:
        """Do what an actor asks for: ("value" or "raise", what)."""
        raise AssertionError(what)

    @abstractmethod
    def ended(self, actor: Actor, kind: str, value: Any, text: str, contended: bool) -> None:
        """The actor's call has ended."""

    @abstractmethod
    def died(self, actor: Actor) -> None:
        """The actor was killed while it was at work."""

    def chance(self) -> None:
        """What may happen at any time and is no fault: a job is started, a reader asks."""
        return

    @abstractmethod
    def mischief(self) -> None:
        """Something goes wrong."""

    @abstractmethod
    def rest(self) -> bool:
        """Nobody is at work and there is nothing to do: judge. False if this is the end of the session."""


class Crew:
    """The processes of one answer, of which each may play in many sessions."""

    def __init__(self, code: types.CodeType) -> None:
        self._code = code
        self._free: list[tuple[int, socket.socket]] = []
        self._all: dict[int, socket.socket] = {}

    def take(self) -> tuple[int, socket.socket]:
        """A process that nobody uses; it has still to be told to begin afresh."""
        if self._free:
            return self._free.pop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                for end in self._all.values():
                    end.close()
                be_an_actor(theirs, self._code)
            finally:
                os._exit(9)
        theirs.close()
        self._all[pid] = ours
        return pid, ours

    def give_back(self, pid: int, end: socket.socket) -> None:
        """It waits for something to do, and can be used again."""
        self._free.append((pid, end))

    def kill(self, pid: int) -> None:
        """``kill -9``; its locks are gone when this returns."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        self._all.pop(pid).close()

    def gone(self, pid: int) -> int:
        """It has ended by itself: with which status."""
        _, status = os.waitpid(pid, 0)
        return status

    def close(self) -> None:
        """Kill all of them."""
        for pid in list(self._all):
            self.kill(pid)


@dataclass
class Stage:
    """The processes of one session."""

    play: Play
    crew: Crew
    surroundings: Surroundings
    mood: Mood
    draw: random.Random
    roles: tuple[str, ...]
    """One process for each, by role."""
    actors: list[Actor] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    clock: float = 0.0
    steps: int = 0
    calls: int = 0
    calm: bool = False
    on_time_passes: Any = None
    outsider: Outsider | None = None
    """Somebody else who uses ``file``, and comes and goes as ``outsiders_draw`` says."""
    outsiders_draw: random.Random = field(default_factory=random.Random)
    file: Path | None = None
    _outsider_until: int = 0
    _last: Actor | None = None
    _stalled: Actor | None = None
    _stalled_until: int = 0
    _number: int = 0

    def __post_init__(self) -> None:
        self.play.stage = self

    # -- the session ----------------------------------------------------------------------------------------

    def perform(self) -> None:
        """The whole session.

        Raises:
            Broken: a claim is broken; the log says how it came.
            GivenUp: no verdict.
        """
        try:
            for role in self.roles:
                self.hire(role)
            while True:
                self._step()
        except _TheEnd:
            return
        finally:
            if self.outsider is not None:
                self.outsider.release()
            self.dismiss()

    def _step(self) -> None:
        self.steps += 1
        if self.steps > FAULTS_END:
            self.calm = True
            if self.steps % TIME_GOES_ON == 0:
                self.pass_time(4e7, "it is calm")
        self._outsider_comes_and_goes()
        if self.steps > CROWDS_END:
            self.mood.policy = "straight"
        if self.steps > MOST_STEPS:
            raise Broken(
                f"it is stuck: {MOST_STEPS:,} steps, {FAULTS_END:,} of them with faults, and not everything done"
            )
        self.hear(0)
        self.play.chance()
        mood, draw = self.mood, self.draw
        if not self.calm and mood.mischief and draw.random() < mood.mischief:
            self.play.mischief()
        able = [a for a in self.actors if a.state in ("halted", "asks") or (a.state == "idle" and self._task(a))]
        if self.steps > CROWDS_END:
            able = [a for a in able if a.state != "idle"] or able
        if not able:
            if any(a.state == "runs" for a in self.actors):
                self.hear(PATIENCE)
            elif not self.play.rest():
                raise _TheEnd
            return
        actor = self._pick(able)
        at_work = actor.state != "idle"
        if at_work and not self.calm and mood.kills and draw.random() < mood.kills:
            self.kill(actor)
        elif actor.state == "halted":
            self._go(actor)
        elif actor.state == "asks":
            self._answer(actor)
        else:
            self.start(actor, self._task(actor))

    def _outsider_comes_and_goes(self) -> None:
        """Somebody else holds a lock for some steps, where the session has one."""
        outsider, draw = self.outsider, self.outsiders_draw
        if outsider is None:
            return
        if outsider.holds:
            if self.calm or self.steps >= self._outsider_until:
                outsider.release()
                self.log.append("      somebody else releases the lock")
        elif not self.calm and draw.random() < 0.05:
            kind = draw.choice(["read", "write"])
            if self.file is not None and outsider.hold(self.file, kind):
                self._outsider_until = self.steps + draw.choice([1, 3, 10, 40])
                self.log.append(f"      somebody else holds a lock, to {kind}")

    def _task(self, actor: Actor) -> Any:
        return self.play.task_for(actor)

    def _pick(self, able: list[Actor]) -> Actor:
        draw, policy = self.draw, self.mood.policy
        if policy in ("sticky", "straight") and self._last in able and self._last.state != "idle":
            assert self._last is not None
            if policy == "straight" or draw.random() < self.mood.sticky:
                return self._last
        if policy == "stall":
            if self.steps >= self._stalled_until:
                self._stalled = draw.choice(able)
                self._stalled_until = self.steps + draw.randint(1, 2 * self.mood.stall)
            others = [actor for actor in able if actor is not self._stalled]
            able = others or able
        self._last = draw.choice(able)
        return self._last

    @property
    def _credits(self) -> int:
        if self.mood.policy == "straight" and (self.calm or not self.mood.kills):
            return AT_ONCE
        return 0

    # -- processes ------------------------------------------------------------------------------------------

    def hire(self, role: str) -> Actor:
        """A new process."""
        pid, end = self.crew.take()
        self._number += 1
        actor = Actor(f"{role} {self._number}", role, pid, end)
        self.actors.append(actor)
        end.send(marshal.dumps(("fresh", tuple(self.surroundings))))
        return actor

    def start(self, actor: Actor, task: Any) -> None:
        """Have an idle actor do something."""
        name, arguments = self.play.begin(actor, task)
        actor.task = task
        self.calls += 1
        shown = ", ".join(_shown(argument) for argument in arguments)
        self.note(actor, f"{name}({shown})")
        self._send(actor, "call", name, arguments, self._credits, self.clock)

    def _go(self, actor: Actor) -> None:
        self._send(actor, "go", self._credits, self.clock)

    def _answer(self, actor: Actor) -> None:
        what, argument = actor.question
        if what == "sleep":
            self.pass_time(min(argument, 3600.0), f"{actor.name} sleeps")
            kind, value = "value", None
        else:
            kind, value = self.play.told(actor, what, argument)
            self.note(actor, f"   {what} {argument if what == 'send' else ''} → {value}")
        self._send(actor, "told", kind, value, self.clock)

    def _send(self, actor: Actor, *words: Any) -> None:
        actor.state = "runs"
        try:
            actor.end.send(marshal.dumps(words))
        except OSError:
            self._gone(actor)
        self._listen([actor], USUALLY)

    def kill(self, actor: Actor) -> None:
        """``kill -9``, in the middle of its work; another process takes its place."""
        self.note(actor, "   is killed")
        self.crew.kill(actor.pid)
        self.actors.remove(actor)
        self.play.died(actor)
        self.hire(actor.role)

    def retire(self, actor: Actor) -> None:
        """An idle process ends; another one takes its place."""
        self.crew.give_back(actor.pid, actor.end)
        self.actors.remove(actor)
        self.hire(actor.role)

    def dismiss(self) -> None:
        """Let everybody go."""
        for actor in self.actors:
            if actor.state == "idle":
                self.crew.give_back(actor.pid, actor.end)
            else:
                self.crew.kill(actor.pid)
        self.actors.clear()

    def _gone(self, actor: Actor) -> NoReturn:
        status = self.crew.gone(actor.pid)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
            raise Broken(f"{actor.name} computes without end")
        raise GivenUp(f"{actor.name} ended by itself, status {status}")

    # -- hearing --------------------------------------------------------------------------------------------

    def hear(self, seconds: float) -> None:
        """Take in what running actors say, waiting at most so long for the first word."""
        running = [actor for actor in self.actors if actor.state == "runs"]
        if running and not self._listen(running, seconds) and seconds == PATIENCE:
            raise GivenUp(f"no sign of life from {', '.join(a.name for a in running)} in {PATIENCE:.0f} seconds")

    def _listen(self, actors: list[Actor], seconds: float) -> bool:
        ready, _, _ = select.select([actor.end for actor in actors], [], [], seconds)
        for actor in actors:
            if actor.end in ready:
                data = actor.end.recv(1 << 20)
                if not data:
                    self._gone(actor)
                self._heard(actor, marshal.loads(data))
        return bool(ready)

    def _heard(self, actor: Actor, words: tuple[Any, ...]) -> None:
        kind, trail, *rest = words
        self.steps += len(trail) // 20
        for what in trail:
            self.note(actor, f"   {what}")
        if kind == "at":
            actor.state = "halted"
        elif kind == "ask":
            actor.state, actor.question = "asks", (rest[0], rest[1])
        else:
            outcome, value, text, contended = rest
            if outcome == "unusable":
                raise GivenUp(text)
            actor.state = "idle"
            self.note(actor, f"   {outcome} {value if outcome == 'returned' else text}")
            self.play.ended(actor, outcome, value, text, contended)

    # -- time and the log -----------------------------------------------------------------------------------

    def pass_time(self, seconds: float, why: str) -> None:
        """The clock goes on for everybody."""
        self.clock += seconds
        self.log.append(f"      {why}: {seconds:g} s pass")
        if self.on_time_passes is not None:
            self.on_time_passes(seconds)

    def note(self, actor: Actor | None, what: str) -> None:
        """A line of the log."""
        self.log.append(f"{actor.name if actor else '':<12} {what}")

    def call_alone(self, actor: Actor, task: Any) -> None:
        """One call from its begin to its end, while nobody else does anything."""
        if self.outsider is not None:
            self.outsider.release()
        self.start(actor, task)
        deadline = time.monotonic() + PATIENCE
        steps = 0
        while actor.state != "idle":
            steps += 1
            if steps > MOST_STEPS:
                raise Broken(f"{actor.name} doesn't come to an end, alone and without faults")
            if actor.state == "runs":
                self._listen([actor], 1.0)
                if time.monotonic() > deadline and actor.state == "runs":
                    raise GivenUp(f"no sign of life from {actor.name}")
            elif actor.state == "halted":
                self._go(actor)
            else:
                self._answer(actor)


class _TheEnd(Exception):
    """The session is over."""


def _shown(argument: Any) -> str:
    if isinstance(argument, list):
        kind, *rest = argument
        if kind == "tool":
            return str(rest[0])
        identity, body, attempt, redelivered = rest
        return f"message {identity!r} {body}, attempt {attempt}{', redelivered' if redelivered else ''}"
    return repr(argument)
