"""What each broker does when a consumer is killed, cut off, or takes too long: with real processes."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import Any

from ..failure import EngineFailure
from .port import BROKERS, Broker, broker_of, kind_of

#: Seconds that a worker may take for anything.
_PATIENCE = 60
KILLS = ("before effect", "before commit", "before ack", "cut")


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of one run: deliveries with what the broker said of each, and what the account holds in the end."""

    deliveries: tuple[tuple[str, dict[str, Any]], ...]
    balance: int
    told: tuple[str, ...] = ()

    @property
    def last_marks(self) -> dict[str, Any]:
        """What the broker said of the last delivery."""
        return self.deliveries[-1][1] if self.deliveries else {}


class Process:
    """A consumer's process, which prints what happens to it."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[dict[str, Any]] = []

    def until(self, what: str) -> dict[str, Any]:
        """Listen until it says something.

        Raises:
            EngineFailure: it ends without having said it.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))
            if self.said[-1]["what"] == what:
                return self.said[-1]
        error = self._process.stderr.read() if self._process.stderr is not None else ""
        raise EngineFailure(f"a consumer ended without {what!r}: {error.strip().splitlines()[-1:] or 'nothing'}")

    def go_on(self) -> None:
        """Let one that holds a message go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Listen to its end."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))
        self._process.wait(_PATIENCE)

    def kill(self) -> None:
        """Whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    @property
    def took(self) -> list[tuple[str, dict[str, Any]]]:
        """Its deliveries."""
        return [(said["message"], said["marks"]) for said in self.said if said["what"] == "took"]


class Worker(Process):
    """`redelivery.engines.live.worker` in a process of its own."""

    def __init__(self, broker: Broker, database: str, handler: str, where: str) -> None:
        arguments = [broker.name, broker.address, database, handler, where, str(broker.idle)]
        super().__init__(f"{__package__}.worker", arguments)


@contextlib.contextmanager
def _database() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "shop.db")
        connection = sqlite3.connect(path)
        connection.executescript(
            "CREATE TABLE account (balance INTEGER); INSERT INTO account VALUES (0);"
            "CREATE TABLE processed (message_id TEXT PRIMARY KEY);"
        )
        connection.close()
        yield path


def _balance(database: str) -> int:
    connection = sqlite3.connect(database)
    (found,) = connection.execute("SELECT balance FROM account").fetchone()
    connection.close()
    return int(found)


def killed(
    broker: Broker, where: str, handler: str = "naive", messages: Sequence[str] = ("8",), pause: float = 0.0
) -> Shown:
    """A first consumer dies where it is told to; a second one, started ``pause`` seconds later, takes what comes."""
    with _database() as database:
        broker.publish(*messages)
        first = Worker(broker, database, handler, where)
        second: Worker | None = None
        try:
            first.until("cut" if where == "cut" else "killed")
            first.end()
            sleep(pause)
            second = Worker(broker, database, handler, "nowhere")
            second.end()
            told = tuple(str(said["told"]) for said in second.said if said["what"] == "acked")
            return Shown((*first.took, *second.took), _balance(database), told)
        finally:
            first.kill()
            if second is not None:
                second.kill()


def overrun(broker: Broker) -> Shown:
    """A first consumer holds its message too long; a second one comes; then the first acknowledges after all."""
    with _database() as database:
        broker.publish("8")
        first = Worker(broker, database, "naive", "holds")
        second: Worker | None = None
        try:
            first.until("took")
            second = Worker(broker, database, "naive", "nowhere")
            second.end()
            first.go_on()
            first.end()
            told = tuple(str(said["told"]) for said in first.said if said["what"] == "acked")
            return Shown((*first.took, *second.took), _balance(database), told)
        finally:
            first.kill()
            if second is not None:
                second.kill()


def given_back(broker: Broker, times: int = 6) -> int | None:
    """How often a message comes that is handed back each time, up to so many; None where it can't be handed back."""
    with _database() as database:
        broker.publish("8")
        worker = Worker(broker, database, "naive", "gives back")
        try:
            while len(worker.took) < times:
                try:
                    worker.until("took")
                except EngineFailure:
                    break
                if worker.said[-1]["what"] in ("idle", "can't give back"):
                    break
            if any(said["what"] == "can't give back" for said in worker.said):
                return None
            return len(worker.took)
        finally:
            worker.kill()


# -- the rules of the simulated queue --------------------------------------------------------------------------

#: Each rule, and what the simulated queue does.
RULES: Mapping[str, str] = {
    "a killed consumer's message comes again": "yes",
    "then before those that nobody has had": "yes",
    "while the first is still at work": "yes",
    "the first one's late acknowledgement": "ignored",
    "the second delivery is marked": "yes",
    "handed back again and again": "put aside after 3",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What one broker does, rule by rule."""

    name: str
    title: str
    does: Mapping[str, str] = field(default_factory=dict)

    def compared(self, rule: str) -> str:
        """``same``, ``other`` or ``not applicable``."""
        found = self.does[rule]
        if found.startswith("not applicable"):
            return "not applicable"
        return "same" if found == RULES[rule] else "other"


def rules_of(broker: Broker) -> Rules:
    """Try each rule on a broker that is running."""
    names = list(RULES)
    # Where a time-out brings the message back, it is over by the time that the next consumer asks.
    after_kill = killed(broker, "before effect", messages=("8", "9"), pause=2 * (broker.overrun or 0.0))
    order = [message for message, _ in after_kill.deliveries[1:]]
    again = "8" in order
    too_long = overrun(broker) if broker.overrun is not None else None
    came = too_long is not None and len(too_long.deliveries) > 1
    marked = after_kill.deliveries[1 + order.index("8")][1].get(broker.mark) if again else None
    unmarked = after_kill.deliveries[0][1].get(broker.mark)
    handed = given_back(broker)
    ends = "comes for ever" if handed is not None and handed >= 6 else f"put aside after {handed}"
    late = "not applicable: it never comes twice"
    if came and too_long is not None:
        late = {"accepted": "ignored"}.get(too_long.told[0] if too_long.told else "", "")
        late = late or (too_long.told[0] if too_long.told else "refused")
    does = {
        names[0]: "yes" if again else "no: it is lost",
        names[1]: "not applicable: it is lost" if not again else "yes" if order[:1] == ["8"] else "no: after them",
        names[2]: "not applicable: it waits for ever" if too_long is None else "yes" if came else "no",
        names[3]: late,
        names[4]: "not applicable: it is lost" if not again else "yes" if marked != unmarked else "no",
        names[5]: "not applicable: there is no way to" if handed is None else ends,
    }  # fmt: skip
    return Rules(broker.name, broker.title, does)


def can_run(name: str) -> str:
    """Why a broker can't run here, in a sentence; empty where it can."""
    from ..commands import PACKAGES
    from ..kinds import needed

    kind = kind_of(name)
    if importlib.util.find_spec(PACKAGES[kind]) is None:
        return f"the Python package {PACKAGES[kind]} is not here: pip install 'redelivery[brokers]'"
    try:
        needed(kind)
    except EngineFailure as error:
        return str(error)
    return ""


def everything(name: str) -> dict[str, Any]:
    """All that lesson 07 shows of a broker, from live runs."""
    with broker_of(name)() as broker:
        found: dict[str, Any] = {"title": broker.title, "mark": broker.mark}
        for handler in ("naive", "records"):
            for where in KILLS:
                shown = killed(broker, where, handler)
                found[f"{handler}, {where}"] = {
                    "deliveries": [[message, marks] for message, marks in shown.deliveries],
                    "balance": shown.balance,
                }
        found["rules"] = dict(rules_of(broker).does)
        if (dead := broker.dead_letters()) is not None:
            found["dead letters"] = dead
    return found


NAMES = tuple(BROKERS)
