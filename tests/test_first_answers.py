"""What a reader writes first in exercises 01 and 02: the verdict says nothing about it that isn't so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redelivery.checking.part import Report
from redelivery.exercises.exercise import exercise
from tests.lesson_cells import LESSONS, code_cells, run, value_of


def _judged(number: str, part: str, *answers: Callable[..., Any]) -> str:
    ex = exercise(number)
    report = ex.report(part, *answers)
    assert isinstance(report, Report)
    return str(report)


def skips_what_was_redelivered(queue: Any, process: Any) -> None:
    while (message := queue.receive()) is not None:
        if not message.redelivered:
            process(message)
        queue.ack(message)


def test_a_loop_that_believes_the_hint_is_measured_with_a_queue_that_has_forgotten() -> None:
    def at_most_once(queue: Any, process: Any) -> None:
        skips_what_was_redelivered(queue, process)

    said = _judged("01", "at_most_once", at_most_once)
    assert "message 8 was processed twice" in said
    assert "can repeat (" in said and "cannot repeat" not in said
    assert "The queue had forgotten the first delivery" in said


def schema(db: Any) -> None:
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER)")
    db.execute("CREATE TABLE revenue (amount INTEGER)")
    db.execute("INSERT INTO revenue VALUES (0)")


def stored_sum(db: Any) -> Any:
    return db.execute("SELECT amount FROM revenue").fetchone()[0]


def test_an_order_service_that_believes_the_hint_is_not_said_to_record_keys() -> None:
    def handle(message: Any, db: Any) -> None:
        if not message.redelivered:
            db.execute("UPDATE revenue SET amount = amount + :amount", message.body)

    said = _judged("02", "order_total", schema, handle, stored_sum)
    assert "key-from-message-id" in said
    assert "asked whether the queue had delivered each before, and it had not" in said
    assert "recorded" not in said


def test_what_is_kept_in_memory_alone_was_not_taken_for_done() -> None:
    [path] = [path for path in LESSONS if path.stem.startswith("02-")]
    [cell] = [cell for cell in code_cells(path) if cell.id == "batch-report"]
    said = str(value_of(cell.source, dict(run(path)[1][cell.id]), "batch"))
    assert "B acknowledged message m2, which had not been counted: all that was kept is in `batch`" in said


def test_a_total_that_is_no_number_has_no_right_answer() -> None:
    def handle(message: Any, db: Any) -> None:
        db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)

    def total(db: Any) -> Any:
        return db.execute("SELECT SUM(amount) FROM orders").fetchone()[0]

    said = _judged("02", "order_total", schema, handle, total)
    assert "has no right answer" in said and "does not find what is done" not in said
