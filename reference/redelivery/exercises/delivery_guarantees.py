"""Exercise 01, delivery guarantees (topics L1 to L4, L17)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from ..scenarios import (
    STRAIGHT,
    BadSchedule,
    Batch,
    Bounds,
    Call,
    Contents,
    DrawnMessage,
    HandlerPart,
    Hints,
    Must,
    Program,
    Proved,
    Refuted,
    Scenario,
    Search,
    State,
    Tool,
    parse,
    replay,
    rows_of,
    to_text,
)
from .break_it import BreakIt
from .values.batch import Drawing
from .values.texts import kept

NAME = "01-delivery-guarantees"
_MESSAGES: Sequence[DrawnMessage] = [("8", {"amount": 100}), ("88", {"amount": 100})]


def _nothing(connection: sqlite3.Connection) -> None:
    """No table is needed."""


def _count(contents: Contents, identity: str) -> int:
    return next((int(str(n)) for name, n in rows_of(contents, "performed") if name == identity), 0)


def _faults(contents: Contents) -> int:
    return next((int(str(n)) for (n,) in rows_of(contents, "faults")), 0)


def _lost(contents: Contents, messages: Sequence[DrawnMessage] = _MESSAGES) -> str | None:
    for identity, _ in messages:
        if not _count(contents, identity):
            return f"message {identity} is lost: it was never processed"
    return None


def _repeated(state: State, messages: Sequence[DrawnMessage] = _MESSAGES) -> str | None:
    for number, count in enumerate(state.performed):
        if count > 1:
            return f"message {messages[number][0]} was processed twice"
    return None


def _repeated_without_fault(state: State) -> str | None:
    return None if any(state.faults) else _repeated(state)


def _lost_without_fault(contents: Contents) -> str | None:
    return None if _faults(contents) else _lost(contents)


def _processed(contents: Contents) -> str:
    return " ".join(f"{name!s}×{n!s}" if n != 1 else str(name) for name, n in rows_of(contents, "performed")) or "–"


def loop_scenario(function: str, consumers: int, messages: int = 2) -> Scenario:
    """Consumers that run the learner's loop."""
    return Scenario(
        f"{consumers} consumer{'s' if consumers > 1 else ''}",
        function,
        _MESSAGES[:messages],
        _nothing,
        lambda contents: None,
        Bounds(consumers=consumers),
        frozenset({"performed"}),
        (("processed", _processed),),
        musts=lambda done: [Must("processed", " ".join(name for name, _ in done) or "–", "performed")],
        loop=Call(function, (Tool.QUEUE, Tool.PROCESS)),
        uses_sqlite=False,
        family="loop",
        did="credited",
    )


def failing_work(function: str) -> Scenario:
    """One consumer, and work that may fail several times in a row: a loop that tries a few times and then
    acknowledges all the same has lost the message."""
    only = Bounds(1, faults=5, crashes=0, lost_acks=0, lost_answers=0, redeliveries=0, failures=5)
    return replace(loop_scenario(function, 1), name="work that fails again and again", bounds=only)


_MORE: Sequence[DrawnMessage] = [(identity, {"amount": 100}) for identity in ("8", "88", "9", "99", "7")]
_NO_FAULT = Bounds(1, 0, 0, 0, 0, 0, 0, 0, 0)


def more_messages(function: str, bounds: Bounds, **judged: Any) -> Scenario:
    """One consumer and five messages: a loop that counts, or remembers a few, does with the fourth what it didn't with
    the second."""
    name = f"{len(_MORE)} messages, one consumer"
    return replace(loop_scenario(function, 1), name=name, messages=_MORE, bounds=bounds, **judged)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a consumer's loop was measured to do: schedules that lose and that repeat a message, where there are."""

    loses: str | None
    repeats: str | None
    stuck: str | None = None
    sure: bool = True

    @property
    def name(self) -> str:
        """The delivery guarantee (L2)."""
        if not self.sure or self.stuck is not None:
            return "unknown"
        if self.loses is None:
            return "exactly once" if self.repeats is None else "at least once"
        return "at most once" if self.repeats is None else "neither"

    def __str__(self) -> str:
        if self.stuck is not None:
            return f"Measured: some message is never acknowledged ({self.stuck or 'without any fault'})."
        loses = "cannot lose" if self.loses is None else f"can lose ({self.loses or 'without any fault'})"
        repeats = "cannot repeat" if self.repeats is None else f"can repeat ({self.repeats or 'without any fault'})"
        return f"Measured over all schedules: {loses}, {repeats}: {self.name}."


#: One fault, the plainest first: a crash, work that fails, a lost acknowledgement, a lost confirmation.
_PLAINEST = "!-~^"
#: So many steps of a run are tried.
_EARLY = 8


def _plainest(program: Program, scenario: Scenario) -> str | None:
    """The plainest single fault after which it goes wrong, as early as it does; None where none of these does it."""
    for sign in _PLAINEST:
        for steps in range(_EARLY):
            text = "A" * (steps + 1) + sign
            try:
                run = replay(program, scenario, parse(text, scenario.letters()), "wal")
            except BadSchedule:
                continue
            if run.wrong is not None:
                return text
    return None


def guarantee(program: Program, function: str, consumers: int = 1, bounds: Bounds | None = None) -> Guarantee:
    """Measure the guarantee of a consumer's loop, over every schedule within the bounds."""
    scenario = loop_scenario(function, consumers)
    bounds = bounds or scenario.bounds
    loses = Search(program, replace(scenario, judge=_lost), "wal", bounds).run()
    if isinstance(loses, Proved) and bounds is scenario.bounds:
        loses = Search(program, replace(failing_work(function), judge=_lost), "wal").run()
    repeating: dict[str, Any] = {"forbids": _repeated}
    search = Search(program, replace(scenario, **repeating), "wal", bounds)
    repeats = search.run()
    if isinstance(repeats, Proved) and search.hints_matter:
        repeating["hints"] = Hints.FORGOTTEN
        repeats = Search(program, replace(scenario, **repeating), "wal", bounds).run()
    letters = scenario.letters(bounds)

    def found(verdict: object, **judged: Any) -> str | None:
        if not isinstance(verdict, Refuted):
            return None
        return _plainest(program, replace(scenario, **judged)) or to_text(verdict.schedule, letters)

    verdicts = (loses, repeats)
    sure = all(isinstance(verdict, Proved | Refuted) for verdict in verdicts)
    stuck = next((to_text(v.schedule, letters) for v in verdicts if v.name == "stuck"), None)  # type: ignore[union-attr]
    return Guarantee(found(loses, judge=_lost), found(repeats, **repeating), stuck if not sure else None, sure)


def _measure(part: HandlerPart, program: Program) -> str:
    return str(guarantee(program, part.grade_id))


@cache
def _confused(function: str, seed: int) -> Batch:
    """Messages for a loop that remembers ids: without a fault each is processed once, whatever the guarantee."""
    drawing = Drawing(seed, function)
    drawing.identities(lambda text: (text, {"amount": 100}))

    def make(name: str, some: Sequence[DrawnMessage]) -> Scenario:
        return replace(
            loop_scenario(function, 1),
            name=name,
            messages=list(some),
            bounds=STRAIGHT._replace(faults=0),
            forbids=partial(_repeated, messages=some),
            judge=partial(_lost, messages=some),
        )

    return drawing.batch(make, again=False)


AT_MOST_ONCE = HandlerPart(
    "at_most_once",
    2,
    (
        *(replace(loop_scenario("at_most_once", n), forbids=_repeated, judge=_lost_without_fault) for n in (1, 2)),
        more_messages(
            "at_most_once",
            Bounds(1, faults=1, redeliveries=0, lock_timeouts=0, expiries=0),
            forbids=partial(_repeated, messages=_MORE),
        ),
    ),
    (("at_most_once", ("queue", "process")),),
    ("wal",),
    drawn=partial(_confused, "at_most_once"),
    covered="Proved: within these bounds no message is ever processed twice, and without faults none is lost. Not "
    "covered: what is lost when something fails, which this guarantee allows.",
    measure=_measure,
)

AT_LEAST_ONCE = HandlerPart(
    "at_least_once",
    2,
    (
        *(
            replace(scenario, forbids=_repeated_without_fault, judge=_lost)
            for scenario in (
                loop_scenario("at_least_once", 1),
                loop_scenario("at_least_once", 2),
                failing_work("at_least_once"),
            )
        ),
        more_messages("at_least_once", _NO_FAULT._replace(faults=4, failures=4), judge=partial(_lost, messages=_MORE)),
        more_messages(
            "at_least_once",
            Bounds(1, faults=1, redeliveries=0, lock_timeouts=0, expiries=0),
            judge=partial(_lost, messages=_MORE),
        ),
    ),
    (("at_least_once", ("queue", "process")),),
    ("wal",),
    drawn=partial(_confused, "at_least_once"),
    covered="Proved: within these bounds, and where work fails up to five times in a row, no message is ever lost, and "
    "without faults none is processed twice. Not covered: repetitions when something fails, which this guarantee "
    "allows and the next lessons make harmless.",
    measure=_measure,
)

_INBOX = """
CREATE TABLE received (packet_id INTEGER PRIMARY KEY);
CREATE TABLE inbox (id INTEGER PRIMARY KEY, payload TEXT);
"""
#: Whoever empties the inbox. What was taken out is kept, since it counts as received.
_TAKEN = "CREATE TABLE taken (payload TEXT)"
_EMPTYING = ("BEGIN IMMEDIATE", "INSERT INTO taken SELECT payload FROM inbox", "DELETE FROM inbox", "COMMIT")


def _make_inbox(connection: sqlite3.Connection) -> None:
    connection.executescript(_INBOX)


def _make_inbox_that_is_emptied(connection: sqlite3.Connection) -> None:
    connection.executescript(_INBOX + _TAKEN)


def _publish(packet: int, payload: str) -> tuple[tuple[Call, str], tuple[Call, str]]:
    made = (Tool.DB,)
    return (
        (Call("Receiver.on_publish", (packet, payload), made), "PUBREC"),
        (Call("Receiver.on_pubrel", (packet,), made), "PUBCOMP"),
    )


def _payloads(contents: Contents) -> str:
    return " ".join(str(row[-1]) for row in rows_of(contents, "inbox")) or "–"


def _taken(contents: Contents) -> str:
    return " ".join(str(row[-1]) for row in rows_of(contents, "taken")) or "–"


def _ids(contents: Contents) -> str:
    return " ".join(str(row[0]) for row in rows_of(contents, "received")) or "–"


def received(contents: Contents) -> list[str]:
    """The payloads that are in the inbox, or were taken out of it."""
    return sorted(str(row[-1]) for table in ("inbox", "taken") for row in rows_of(contents, table))


def qos2_scenario(name: str, *lanes: Sequence[tuple[int, str]], bounds: Bounds, emptied: int = 0) -> Scenario:
    """Senders that publish the messages of their lanes, (packet id, payload) each, with QoS 2 over a lossy link: one
    after the other in a lane, and as many in flight as there are lanes. The inbox is ``emptied`` so often."""
    sent = [message for lane in lanes for message in lane]
    wanted = sorted(payload for _, payload in sent)

    def judge(contents: Contents) -> str | None:
        found = received(contents)
        for payload in wanted:
            many, must = found.count(payload), wanted.count(payload)
            if many != must:
                return f"the inbox got {payload or 'an empty payload'} {_times(many)}, must get it {_times(must)}"
        return None if len(found) == len(wanted) else "the inbox got something that was never sent"

    return Scenario(
        name,
        "Receiver",
        [(payload, {"packet_id": packet}) for packet, payload in sent],
        _make_inbox_that_is_emptied if emptied else _make_inbox,
        judge,
        bounds,
        frozenset({"inbox"}),
        (("inbox", _payloads), *((("taken", _taken),) if emptied else ()), ("received", _ids)),
        musts=None if emptied else lambda done: [Must("inbox", " ".join(name for name, _ in done) or "–", "inbox")],
        packets=tuple(pair for packet, payload in sent for pair in _publish(packet, payload)),
        lanes=tuple(2 * len(lane) for lane in lanes),
        writer="whoever empties the inbox",
        writes=_EMPTYING if emptied else (),
        runs=emptied,
        family="link",
        did="credited",
    )


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")


_LINK = Bounds(consumers=1, faults=2, crashes=1, lost_acks=2)
_ONE_FAULT = _LINK._replace(faults=1, lost_acks=1)
_ONE_WAIT = _ONE_FAULT._replace(lost_acks=0)


#: Packet ids in flight at the same time that are easily taken for one another. One sender has the first of each pair,
#: the other the second, so that none is in flight twice.
_IN_FLIGHT = (
    *((7, 70), (1, 11), (12, 21), (1, 257), (7, 17), (3, 1003), (255, 65535), (5, 10005)),
    *((2, 3), (40, 44), (120, 129), (5001, 5999)),
    # Their difference can be divided by 2 ** 15; by 1024 and 62; 127 and 63; 255; 1001 and 60; 500 and 128; and so on.
    *((1, 32769), (7, 63495), (1, 64009), (9, 65289), (3, 60063), (11, 64011), (13, 65461), (17, 65277), (21, 64826)),
)


@cache
def _publications(seed: int) -> Batch:
    drawing = Drawing(seed, "qos2_receiver")
    pairs = drawing.among(_IN_FLIGHT)

    def two(one: str, other: str) -> list[DrawnMessage]:
        return [
            (text, {"packet_id": packet, "sender": n})
            for n, (text, packet) in enumerate(zip((one, other), next(pairs), strict=True))
        ]

    # A payload is kept, and compared with nothing: what shows most ways of changing it will do.
    texts = kept(drawing.random)
    for one, other in zip(texts[::2], texts[1::2], strict=True):
        drawing.add("payloads that are easily confused", two(one, other))
    drawing.add("an empty payload", two("", "20°"))
    for _ in _IN_FLIGHT:
        drawing.add("packet ids that are easily confused", two("20°", "20°"))
    # What is remembered of the first use of an id shows at the third, when the second has not been released.
    drawing.add("a packet id that is used again and again", [("20°", {"packet_id": 7, "sender": 0})] * 3)

    def make(name: str, some: Sequence[DrawnMessage]) -> Scenario:
        lanes = [[(body["packet_id"], text) for text, body in some if body["sender"] == n] for n in (0, 1)]
        return qos2_scenario(name, *filter(None, lanes), bounds=_ONE_FAULT)

    return drawing.batch(make)


QOS2_RECEIVER = HandlerPart(
    "qos2_receiver",
    4,
    (
        qos2_scenario("one message", [(7, "20°")], bounds=_LINK),
        qos2_scenario("an id used again, an equal payload", [(7, "20°"), (7, "20°"), (70, "21°")], bounds=_LINK),
        qos2_scenario("an inbox that is emptied", [(7, "20°")], bounds=_ONE_FAULT, emptied=1),
        # The wait that times out may be that of the release: then the next message with this id shows it.
        qos2_scenario("an id used again, beside a lock", [(7, "20°"), (7, "20°")], bounds=_ONE_WAIT, emptied=1),
        qos2_scenario("two messages in flight", [(7, "20°")], [(70, "20°")], bounds=_ONE_FAULT),
    ),
    (
        ("Receiver", ("db",)),
        ("Receiver.on_publish", ("self", "packet_id", "payload")),
        ("Receiver.on_pubrel", ("self", "packet_id")),
    ),
    drawn=_publications,
    covered="Proved: within these bounds each message gets into the inbox exactly once, also where two are in flight "
    "and where somebody else holds the lock. Not covered: a link that reorders or delays, several receivers, and what "
    "whoever empties the inbox does with it: QoS 2 ends at the next hop.",
)

BROKEN = """from contextlib import suppress

done = set()


def consume(queue, process):
    while (message := queue.receive()) is not None:
        if message.id not in done:
            process(message)
            done.add(message.id)
        with suppress(ConnectionError):
            queue.ack(message)
"""
BREAK_IT = BreakIt(
    "break_it",
    2,
    replace(loop_scenario("consume", 1), forbids=_repeated, judge=_lost),
    BROKEN,
    wanted="message 88 was processed twice",
)

PARTS = (AT_MOST_ONCE, AT_LEAST_ONCE, QOS2_RECEIVER, BREAK_IT)
