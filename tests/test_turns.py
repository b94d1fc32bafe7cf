"""The *your turn* cells: each can be solved with what the lesson has said, and wrong attempts are told so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from redelivery.lessons.lesson import lesson
from redelivery.lessons.parts import LESSONS as PARTS
from redelivery.lessons.turn import NotSolvedYet, Outcome, Solved
from redelivery.lessons.turns import TURNS
from tests.lesson_cells import LESSONS, ROOT, code_cells, run, value_of

ANSWERS = ROOT / "reference" / "solutions" / "turns"
ATTEMPTS = Path(__file__).parent / "turns"
PATHS = {path.stem.split("-")[0]: path for path in LESSONS}
ALL = [(number, name) for number, turns in TURNS.items() for name in turns]
each = pytest.mark.parametrize(("number", "name"), ALL)


def cell_of(number: str, name: str) -> Any:
    """The lesson's cell of a turn."""
    [cell] = [cell for cell in code_cells(PATHS[number]) if f'ex.turn("{name}"' in cell.source]
    return cell


def judged(number: str, name: str, source: str) -> Outcome:
    names = dict(run(PATHS[number])[1][cell_of(number, name).id])
    found = value_of(source, names, f"{number} {name}")
    assert isinstance(found, Outcome)
    return found


@pytest.mark.parametrize("number", TURNS)
def test_a_lesson_has_three_turns_or_more(number: str) -> None:
    tagged = [cell for cell in code_cells(PATHS[number]) if "your-turn" in cell.metadata.get("tags", [])]
    assert len(tagged) >= 3
    assert [cell.id for cell in tagged if "ex." not in cell.source] == []
    assert set(PATHS) == set(TURNS) == set(PARTS)


@each
def test_the_cell_comes_after_a_text_that_asks(number: str, name: str) -> None:
    import nbformat

    cells = nbformat.read(PATHS[number], as_version=4).cells
    place = next(place for place, cell in enumerate(cells) if cell.id == cell_of(number, name).id)
    assert cells[place - 1].source.startswith("**Your turn.**")


@each
def test_an_untouched_cell_says_not_solved_yet(number: str, name: str) -> None:
    stored = "".join(
        out.get("data", {}).get("text/plain", "") for out in cell_of(number, name).outputs if "data" in out
    )
    assert stored.startswith(f"NOT SOLVED YET   {name}\n")


@each
def test_a_way_to_write_it_is_right(number: str, name: str) -> None:
    source = (ANSWERS / number / f"{name}.py").read_text("utf-8")
    found = judged(number, name, source)
    assert isinstance(found, Solved), str(found)
    assert found.headline == f"SOLVED   {name}"
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("ex.turn")]
    assert len(lines) <= 12


@each
def test_wrong_attempts_are_told_what_is_wrong(number: str, name: str) -> None:
    attempts = sorted((ATTEMPTS / number).glob(f"{name}-*.py"))
    assert attempts
    for attempt in attempts:
        found = judged(number, name, attempt.read_text("utf-8"))
        assert isinstance(found, NotSolvedYet), attempt.name
        assert len(found.text) > 10 or found.shown is not None
        assert re.match(rf"NOT SOLVED YET   {name}\n.", str(found))


def test_every_answer_and_attempt_belongs_to_a_turn() -> None:
    files = {(path.parent.name, re.sub(r"-\d+$", "", path.stem)) for path in ANSWERS.rglob("*.py")}
    assert files == set(ALL)
    assert {(path.parent.name, re.sub(r"-\d+$", "", path.stem)) for path in ATTEMPTS.rglob("*.py")} == set(ALL)


def test_a_verdict_is_shown_as_html_with_the_run_that_it_rests_on() -> None:
    ex = lesson("00")

    def handle(message, db):  # type: ignore[no-untyped-def]
        db.execute("UPDATE account SET balance = balance + 100")

    shown = ex.turn("two_hundred", "AAAA", handle)._repr_mimebundle_()
    assert shown["text/html"].startswith("<div") and "NOT SOLVED YET" in shown["text/html"]
    assert "application/vnd.redelivery.film" in shown
    assert "SOLVED" in ex.turn("two_hundred", "A +A B", handle)._repr_mimebundle_()["text/plain"]
    with pytest.raises(LookupError, match="no turn"):
        ex.turn("nothing", "A")
    with pytest.raises(LookupError, match="no part"):
        ex.report("nothing", handle)
    with pytest.raises(LookupError, match="no lesson"):
        lesson("42")


OTHER_WAYS = [
    (
        "05b",
        "relay",
        """def relay(outbox, send):
    for identity, text in list(outbox.items()):
        send(identity, text)
        del outbox[identity]


ex.turn("relay", relay)""",
    ),
    (
        "03b",
        "enter_as_file",
        """def enter_as_file(folder, transfer_id, account):
    file = folder / f"{transfer_id}-{account}"
    if file.exists():
        return "is there already"
    try:
        open(file, "x").close()
    except FileExistsError:
        return "is there already"
    return "entered"


ex.turn("enter_as_file", enter_as_file)""",
    ),
]


@pytest.mark.parametrize(("number", "name", "source"), OTHER_WAYS)
def test_other_ways_are_right(number: str, name: str, source: str) -> None:
    found = judged(number, name, source)
    assert isinstance(found, Solved), str(found)


@pytest.mark.parametrize(
    ("number", "attempt", "told"),
    [
        ("00", "numbered_orders-3", "the table seen is empty"),
        ("01", "three_tries-3", "it returns None"),
        ("01", "by_number-3", "must be [5, 1, 6]"),
        ("01", "log_and_go_on-3", "swallowed-error"),
        ("02", "discount-3", "must be [(70, 50), (70, 50), (70, 50)]"),
        ("02", "newest_wins-3", "must be {'o8': (2, 100)}"),
        ("02", "one_mail_an_order-1", "mark-before-effect"),
        ("02", "one_mail_an_order-2", "ignored-count"),
        ("02", "one_mail_an_order-3", "check-then-act"),
    ],
)
def test_an_attempt_is_told_its_own_mistake(number: str, attempt: str, told: str) -> None:
    """What was right in the plainest case, and what was called by another mistake's name."""
    source = (ATTEMPTS / number / f"{attempt}.py").read_text("utf-8")
    assert told in str(judged(number, attempt.rsplit("-", 1)[0], source))
