"""Answers in another process: the same verdicts as here, and nothing believed that comes through the pipe."""

from __future__ import annotations

import os
import socket
import struct
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redelivery.exercises.catalogue import part_of
from redelivery.exercises.verify import SETUP, judge
from redelivery.exploration.verdict import Undetermined
from redelivery.grading.sandbox import Sandbox, why_not
from redelivery.simulation import remote
from redelivery.simulation.calls import Call, MessageGiven, Tool
from redelivery.simulation.operations import (
    Acknowledge,
    DrawBytes,
    Hung,
    Raised,
    RedisCommand,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    Returned,
    SqlFailure,
    SqlResult,
    SqlStatement,
)
from redelivery.simulation.program import Cell
from redelivery.simulation.remote import RemoteProgram, SubmissionBroke
from redelivery.simulation.wire import Gone, Nonsense, Pipe, Silent, line_of, packed, request_of, unpacked
from tests.answers import Answer, answers
from tests.test_matrix import assert_stored, key, stored

#: Of each part's answers, the quicker ones come first; the slowest part in how many is left out, and which one in how
#: many is taken. `make soak` takes all.
SLOWER, EVERY = (None, 1) if os.environ.get("REDELIVERY_SOAK") else (2, 7)


def _quick() -> list[Answer]:
    """Of each part."""
    found: dict[str, list[tuple[float, Answer]]] = defaultdict(list)
    for answer in answers("mutants") + answers("variants"):
        row = stored().get((answer.kind, answer.exercise, answer.part, answer.name))
        if row is not None:
            found[answer.part].append((row.seconds, answer))
    chosen = []
    for of_part in found.values():
        of_part.sort(key=lambda pair: pair[0])
        chosen += of_part[: len(of_part) // SLOWER if SLOWER else None : EVERY]
    return [answer for _, answer in chosen]


QUICK = _quick()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One for all: these answers are the course's own."""
    with Sandbox(why_not() is None, seconds=3600, preload=frozenset({"redis"})) as opened:
        yield opened


def load(sandbox: Sandbox, part: str, source: str) -> RemoteProgram:
    return RemoteProgram(sandbox, [SETUP, Cell(part, source)])


@pytest.mark.parametrize("answer", QUICK, ids=lambda answer: f"{answer.kind}-{answer}")
def test_an_answer_in_another_process_is_judged_as_it_is_here(answer: Answer, sandbox: Sandbox) -> None:
    program = RemoteProgram(sandbox, answer.cells)
    judgement = judge(answer, program=program)
    program.close()
    assert not judgement.fault, f"{judgement.fault}. {judgement.explanation} Schedule: {judgement.schedule!r}"
    assert_stored(judgement.row)
    assert judgement.schedules == stored()[key(judgement.row)].schedules


def test_there_are_answers_of_each_part() -> None:
    assert {answer.part for answer in QUICK} == {answer.part for answer in answers("mutants")}


def test_a_process_that_has_to_be_ended_is_replaced_and_knows_what_the_first_one_knew(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second delivery hangs where nothing stops it; the search goes on and finds more than that."""
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 3.0)
    source = """
import ctypes, signal

def handle(message, db):
    row = db.execute("SELECT balance FROM account WHERE id = ?", [message.body["account"]]).fetchone()
    if row[0]:
        ctypes.CDLL(None).signal(signal.SIGALRM, 1)
        sum(range(10**15))
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [*message.body.values()][::-1])
"""
    program = load(sandbox, "record_and_check", source)
    report = part_of("05-record-and-check", "record_and_check").check("05-record-and-check", program)
    program.close()
    assert report.verdict.name == "stuck"
    assert report.diagnosis is not None
    assert report.diagnosis.name == "endless-loop"


HIDDEN = """
import sqlite_utils

def handle(message, db):
    done = vars(sqlite_utils).setdefault("done", set())
    if message.id in done:
        return
    done.add(message.id)
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [*message.body.values()][::-1])
"""


def test_what_is_hidden_in_a_module_is_named_also_with_a_process_for_each_call(sandbox: Sandbox) -> None:
    program = load(sandbox, "record_and_check", HIDDEN)
    program.apart = True
    report = part_of("05-record-and-check", "record_and_check").check("05-record-and-check", program)
    program.close()
    assert isinstance(report.verdict, Undetermined)
    assert "sqlite_utils.done" in report.explanation


def test_without_a_process_for_each_call_it_is_noticed_and_gets_no_verdict_as_right(sandbox: Sandbox) -> None:
    program = load(sandbox, "record_and_check", HIDDEN)
    report = part_of("05-record-and-check", "record_and_check").check("05-record-and-check", program)
    program.close()
    assert isinstance(report.verdict, Undetermined)


def test_an_answer_that_asks_otherwise_the_second_time_is_not_proved(sandbox: Sandbox) -> None:
    """Right in every run, but the order of two reads depends on how many runs the process has seen."""
    source = """
import sqlite3, sqlite_utils

def handle(message, db):
    vars(sqlite_utils)["runs"] = vars(sqlite_utils).get("runs", 0) + 1
    with db.atomic():
        if sqlite_utils.runs % 2:
            db.execute("SELECT 1 FROM processed").fetchall()
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?", [*message.body.values()][::-1]
            )
"""
    program = load(sandbox, "record_and_check", source)
    report = part_of("05-record-and-check", "record_and_check").check("05-record-and-check", program)
    program.close()
    assert isinstance(report.verdict, Undetermined)


def test_a_dead_process_is_said_to_be_dead(sandbox: Sandbox) -> None:
    with pytest.raises(SubmissionBroke, match="ended in the middle"):
        load(sandbox, "claims", "import ctypes\nctypes.CDLL(None)._exit(3)")


def test_values_come_back_as_what_they_are(sandbox: Sandbox) -> None:
    program = load(sandbox, "claims", "claims = {'a': True, 'b': None}\nschedule = 'AA'\nother = object()")
    assert program.value("claims") == {"a": True, "b": None}
    assert program.value("schedule") == "AA"
    assert type(program.value("other")).__name__ == "object"
    assert program.value("nothing") is None
    program.close()


# -- the wire ------------------------------------------------------------------------------------------------

VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
REQUESTS = (
    st.builds(SqlStatement, st.text(max_size=40), st.lists(VALUES, max_size=4).map(tuple), st.just(False))
    | st.builds(RedisCommand, st.lists(st.binary(max_size=9), min_size=1, max_size=4).map(tuple))
    | st.builds(RedisTransaction, st.lists(st.tuples(st.binary(max_size=9)), max_size=3).map(tuple))
    | st.builds(DrawBytes, st.integers(0, 100), st.integers(0, 9), st.integers(0, 8))
    | st.builds(Returned, st.none() | st.integers() | st.text(max_size=9))
    | st.builds(Raised, st.sampled_from(["error", "retry", "lock"]), st.text(max_size=9), st.text(max_size=9))
    | st.builds(Hung, st.text(max_size=9))
)


@given(REQUESTS)
def test_a_request_arrives_as_it_was_sent(request: object) -> None:
    arrived = request_of(through_json(packed(request)))
    assert arrived == request
    assert type(arrived) is type(request)


TOLD = [
    SqlResult(((1, 1.0, "x", b"\x00", None),), ("a", "b", "c", "d", "e"), 1, 8, True),
    SqlFailure("OperationalError", "database is locked", 5, "SQLITE_BUSY", False),
    RedisReply((b"a", 1, None, RedisFailure("ResponseError", "no"), (b"b",))),
    Call("handle", (MessageGiven("8", {"account": 666, "amount": 100}), Tool.DB, 3, "x"), (Tool.REDIS,)),
    7,
    b"\xff",
]


@pytest.mark.parametrize("told", TOLD, ids=lambda told: type(told).__name__)
def test_an_answer_arrives_as_it_was_sent(told: object) -> None:
    arrived = unpacked(through_json(packed(told)))
    assert arrived == told
    assert repr(arrived) == repr(told)


def through_json(value: object) -> object:
    ours, theirs = (Pipe(end) for end in socket.socketpair())
    ours.send(value)
    arrived = theirs.receive(5)
    ours.close()
    theirs.close()
    return arrived


@pytest.mark.parametrize(
    "said",
    [
        None,
        "SELECT 1",
        [],
        {"n": []},
        {"n": ["Tool", "db"]},
        {"n": ["SqlStatement", 1, [], False]},
        {"n": ["SqlStatement", "SELECT ?", [True], False]},
        {"n": ["SqlStatement", "SELECT ?", [[1]], False]},
        {"n": ["SqlStatement", "x" * 2_000_000, [], False]},
        {"n": ["RedisCommand", []]},
        {"n": ["RedisCommand", ["GET"]]},
        {"n": ["Acknowledge", -1]},
        {"n": ["Acknowledge", True]},
        {"n": ["DrawBytes", 10**9, 1]},
        {"n": ["Returned", [1]]},
        {"n": ["Raised", "fatal", "E", ""]},
        {"n": ["SqlResult", [], None, 0, None, False]},
        {"b": "not base64!"},
        {"d": [[["x"], 1]]},
        {"a": 1, "b": 2},
    ],
    ids=str,
)
def test_what_is_no_request_is_refused(said: object) -> None:
    with pytest.raises(Nonsense):
        request_of(said)


@pytest.mark.parametrize("said", ["x", [1, 2], ["x", -1], ["x", 1.5], ["x"], {"x": 1}])
def test_what_is_no_place_in_the_source_is_refused(said: object) -> None:
    with pytest.raises(Nonsense):
        line_of(said)


def test_a_frame_may_not_be_huge_or_garbled_or_late() -> None:
    for raw, error in (
        (struct.pack("!I", 2**32 - 1), Nonsense),
        (struct.pack("!I", 3) + b"{{{", Nonsense),
        (struct.pack("!I", 8) + b"[1", Silent),
        (b"\x00", Silent),
    ):
        ours, theirs = socket.socketpair()
        theirs.sendall(raw)
        with pytest.raises(error):
            Pipe(ours).receive(0.2)
        theirs.close()
        ours.close()
    ours, theirs = socket.socketpair()
    theirs.close()
    with pytest.raises(Gone):
        Pipe(ours).receive(0.2)


def test_a_number_that_no_delivery_has_is_no_request(sandbox: Sandbox) -> None:
    assert request_of(packed(Acknowledge(0))) == Acknowledge(0)
    source = """
from redelivery.simulation.operations import Perform

def at_least_once(queue, process):
    queue._ask(Perform(5))
"""
    program = load(sandbox, "at_least_once", source)
    with pytest.raises(SubmissionBroke, match="has not received"):
        part_of("01-delivery-guarantees", "at_least_once").check("01-delivery-guarantees", program)
    program.close()
