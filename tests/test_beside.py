"""A second effect beside the first: what is told is true of the run, whichever of the two was repeated or lost."""

from __future__ import annotations

from typing import Any

import pytest

from redelivery import lesson

CLAIM = "INSERT OR IGNORE INTO processed VALUES (?)"
CREDIT = "UPDATE account SET balance = balance + ?"
MAIL = "INSERT INTO outbox VALUES (?, ?)"


def mail_after(message: Any, db: Any) -> None:
    with db.atomic():
        if db.execute(CLAIM, [message.id]).rowcount == 1:
            db.execute(CREDIT, [message.body["amount"]])
    db.execute(MAIL, [message.id, "100 have come"])  # mail


def mail_after_if_new(message: Any, db: Any) -> None:
    with db.atomic():
        new = db.execute(CLAIM, [message.id]).rowcount == 1
        if new:
            db.execute(CREDIT, [message.body["amount"]])  # credit
    if new:
        db.execute(MAIL, [message.id, "100 have come"])  # mail


def mail_before_the_look(message: Any, db: Any) -> None:
    with db.atomic():
        claim = db.execute(CLAIM, [message.id])
        db.execute(MAIL, [message.id, "100 have come"])  # mail
        if claim.rowcount == 1:
            db.execute(CREDIT, [message.body["amount"]])


def no_mail(message: Any, db: Any) -> None:
    with db.atomic():
        if db.execute(CLAIM, [message.id]).rowcount == 1:
            db.execute(CREDIT, [message.body["amount"]])  # credit


def outbox_as_the_mark(message: Any, db: Any) -> None:
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO outbox VALUES (?, ?)", [message.id, ""]).rowcount == 1:  # mail
            db.execute(CREDIT, [message.body["amount"]])  # credit


def mail_about_the_account(message: Any, db: Any) -> None:
    with db.atomic():
        if db.execute(CLAIM, [message.id]).rowcount == 1:
            db.execute(CREDIT, [message.body["amount"]])
            db.execute(MAIL, ["666", "100 have come"])  # mail


def nobody_looks(message: Any, db: Any) -> None:
    with db.atomic():
        db.execute(CLAIM, [message.id])
        db.execute(CREDIT, [message.body["amount"]])
        db.execute(MAIL, [message.id, "100 have come"])


def line_of(function: Any, sign: str) -> int:
    """The line of a function that ends with a sign, in its file."""
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(n for n, line in enumerate(lines) if line.rstrip().endswith(f"# {sign}"))


@pytest.mark.parametrize(
    ("handle", "name", "told"),
    [
        (
            mail_after,
            "no-duplicate-check",
            "Nothing stopped the second row about message 8 in outbox: line {mail} wrote it again, although it was not "
            "credited again.",
        ),
        (
            mail_before_the_look,
            "no-duplicate-check",
            "Nothing stopped the second row about message 8 in outbox: line {mail} wrote it again, although it was not "
            "credited again.",
        ),
        (
            mail_after_if_new,
            "mark-before-effect",
            "What line {credit} did for message 8 was durable, the consumer crashed before line {mail} wrote its row "
            "into outbox; the next delivery found the message done and wrote none.",
        ),
        (
            no_mail,
            "wrong-effect",
            "Message 8 was credited by line {credit}, and nothing wrote a row about it into outbox.",
        ),
        (
            outbox_as_the_mark,
            "no-duplicate-check",
            "Nothing in outbox refuses a second row: line {mail} wrote one about message 8 again, and line {credit} "
            "credited it again.",
        ),
        (mail_about_the_account, "wrong-effect", "Line {mail} wrote no row into outbox that names message 8."),
    ],
)
def test_the_story_is_that_of_the_second_effect(handle: Any, name: str, told: str) -> None:
    report = lesson("05").report("credit_and_mail", handle)
    lines = {sign: line_of(handle, sign) for sign in ("mail", "credit") if f"{{{sign}}}" in told}
    assert f"   {name}   " in report.headline
    assert report.explanation == told.format(**lines)


def test_where_both_were_repeated_the_first_effect_tells_more() -> None:
    report = lesson("05").report("credit_and_mail", nobody_looks)
    assert "   ignored-count   " in report.headline
    assert "credited it again" in report.explanation
