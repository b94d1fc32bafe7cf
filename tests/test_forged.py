"""Whatever comes through the pipe is the submission's fault: it gets a verdict or a reason, and no report is spoilt."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from redelivery.display.page import film_text
from redelivery.display.plain import plain
from redelivery.display.svg import to_svg
from redelivery.exercises.catalogue import part_of
from redelivery.grading.judge import MOST_SOURCE, Entry, Limits, judge
from redelivery.grading.result import Kind
from redelivery.grading.sandbox import why_not
from redelivery.simulation.memory import CannotCopy
from redelivery.simulation.program import Cell
from redelivery.simulation.remote import RemoteProgram, SubmissionBroke
from redelivery.simulation.wire import Nonsense, unpacked
from tests.forger import Forger, asking
from tests.test_grading import hand_in


def deep(levels: int) -> Any:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return nested


def sql(text: str, parameters: Any = (), named: bool = False) -> Any:
    return {"n": ["SqlStatement", text, list(parameters), named]}


def redis(*words: bytes) -> Any:
    return {"n": ["RedisCommand", [{"b": base64.b64encode(word).decode()} for word in words]]}


ASKED: dict[str, Any] = {
    "zero in SQL": sql("SELECT '\x00'"),
    "half a character in SQL": sql("SELECT '\ud800'"),
    "half a character": sql("SELECT ?", ["\ud800"]),
    "too large a number": sql("SELECT ?", [2**70]),
    "no number": sql("SELECT ?", [float("nan")]),
    "a name twice": sql("SELECT :a", [["a", 1], ["a", 2]], True),
    "control characters": sql("UPDATE account SET balance = '\x01\x0b\x1b[31m\ufffe' -- \x02 ]]> <b>"),
    "bytes in a balance": sql("UPDATE account SET balance = x'ff'"),
    "infinite": sql("UPDATE account SET balance = 1e308 * 10"),
    "nobody's": sql("UPDATE account SET id = NULL"),
    "another file": sql("ATTACH '/tmp/evil.db' AS evil"),
    "a copy in a file": sql("VACUUM INTO '/tmp/evil.db'"),
    "deep SQL": sql("SELECT " + "(" * 990 + "1" + ")" * 990),
    "odd name": sql('CREATE TABLE "a\x01b" (x)'),
    "Redis": redis(b"GET", b"a"),
    "Redis without a name": redis(b""),
    "Redis with a blank": redis(b"  ", b"x"),
    "Redis in bytes": redis(b"\xff\xfe\x00"),
    "no command": redis(b"NOTHING", b"x"),
    "Redis transaction": {"n": ["RedisTransaction", [[{"b": "R0VU"}, {"b": "YQ=="}]]]},
    "watch": {"n": ["RedisWatch", [{"b": "YQ=="}]]},
    "receive": {"n": ["Receive"]},
    "acknowledge": {"n": ["Acknowledge", 0]},
    "perform": {"n": ["Perform", 0]},
    "payment": {"n": ["SendPayment", "k", "o", 2**80]},
    "look back": {"n": ["LookBack", "rowid"]},
    "draws": {"n": ["DrawBytes", 65_536, 999_999, 999_999]},
    "hung": {"n": ["Hung", "\x01\ud800"]},
    "raised": {"n": ["Raised", "error", "E\x01", "\ud800"]},
    "returned": {"n": ["Returned", "\x01\ud800" * 1000]},
    "nested": deep(600),
    "nested more": deep(5000),
    "nested in a key": {"d": [[deep(600), 1]]},
    "a list for a name": {"n": [[1], 2]},
    "nothing": {"n": []},
}
PARTS = (
    ("05-record-and-check", "record_and_check"),
    ("05-record-and-check", "record_and_check_redis"),
    ("01-delivery-guarantees", "at_least_once"),
)


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize(("exercise", "name"), PARTS)
def test_what_is_asked_is_no_fault_of_ours(exercise: str, name: str, what: str) -> None:
    program = RemoteProgram(Forger(asking(ASKED[what])), [Cell(name, "")])
    try:
        report = part_of(exercise, name).check(exercise, program)
    except (SubmissionBroke, CannotCopy) as error:
        assert str(error).isprintable()
        return
    finally:
        program.close()
    assert not report.passed
    json.dumps(report.to_json())
    assert plain(str(report)) == str(report)
    if report.timeline is not None:
        ElementTree.fromstring(plain(to_svg(report.timeline, report.headline, report.explanation)).encode())
        assert json.loads(film_text(report.film))["steps"]
    assert not Path("/tmp/evil.db").exists()


def test_who_may_ask_for_what() -> None:
    for (exercise, name), what in ((PARTS[0], "Redis"), (PARTS[0], "receive"), (PARTS[2], "zero in SQL")):
        program = RemoteProgram(Forger(asking(ASKED[what])), [Cell(name, "")])
        with pytest.raises(SubmissionBroke, match="for which it was given nothing"):
            part_of(exercise, name).check(exercise, program)
        program.close()


def test_what_is_nested_too_deep_is_nonsense() -> None:
    assert unpacked(deep(30)) is not None
    for levels in (60, 600, 100_000):
        with pytest.raises(Nonsense, match="nested more than"):
            unpacked(deep(levels))


@pytest.mark.parametrize("size", [MOST_SOURCE + 1, 60_000_000])
def test_a_notebook_of_code_that_is_too_large_costs_itself(size: int, tmp_path: Path) -> None:
    path = hand_in(tmp_path / "ann.ipynb", {"claims": "# " + "x" * size}, "02-idempotence")
    found = judge(Entry("ann", path, "ann.ipynb"), Limits(sandbox=why_not() is None))
    assert {part.kind for part in found.parts} == {Kind.NOT_RUN}
    assert "characters of code" in found.parts[0].explanation
    assert len(json.dumps(found.to_json())) < 1_000_000
