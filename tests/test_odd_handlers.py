"""Whatever a handler does with what it is given, no exception of ours leaves the checker.

`python -m tests.odd_handlers` goes on for as long as one likes.
"""

from __future__ import annotations

import json

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.checking.part import Report
from redelivery.display.plain import plain
from redelivery.display.svg import as_image
from redelivery.exercises.catalogue import part_of
from tests.odd_handlers import Odd, odd

CREDIT = """
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
"""
#: What fell over once: (part, source).
FELL_OVER = {
    "the connection is closed": ("record_and_check", f"def handle(message, db):{CREDIT}    db.close()\n"),
    "half a character is stored": (
        "record_and_check",
        "def handle(message, db):\n    db.execute('INSERT INTO processed VALUES (?)', ['\\udcff'])\n",
    ),
    "an amount that is no number": (
        "request_once",
        "def pay(order_id, amount, db, send):\n    send(order_id, order_id, bytearray(3))\n",
    ),
}


def judged_without_a_fault(answer: Odd) -> Report:
    report = answer.check(0.2)
    assert report.fault is None, f"{report.fault}\n{answer.source}"
    json.dumps(report.to_json()).encode()
    for text in report._repr_mimebundle_().values():
        text.encode()
    return report


@pytest.mark.parametrize("seed", range(12))
def test_an_odd_handler_is_judged(seed: int) -> None:
    judged_without_a_fault(odd(seed))


@pytest.mark.parametrize("what", FELL_OVER)
def test_what_fell_over_once_is_judged(what: str) -> None:
    name, source = FELL_OVER[what]
    part = part_of("05-record-and-check", name)
    assert isinstance(part, HandlerPart)
    report = judged_without_a_fault(Odd(0, "05-record-and-check", part, source))
    assert report.verdict.name in ("proved", "undetermined") if "closed" in what else not report.passed


def test_the_answers_are_many_and_other_each_time() -> None:
    """A walk in which all of them are unfit to be run would find nothing."""
    answers = [odd(seed) for seed in range(200)]
    assert len({answer.source for answer in answers}) == 200
    assert len({answer.part.grade_id for answer in answers}) >= 10
    for answer in answers:
        compile(answer.source, "<odd>", "exec", dont_inherit=True)


def test_text_that_no_page_can_hold() -> None:
    assert plain("a\x00b\ud800c\td\ne ✓ é") == "a\\x00b\\ud800c\td\ne ✓ é"
    assert "base64" in as_image("<svg>\udcff</svg>", "a picture")
