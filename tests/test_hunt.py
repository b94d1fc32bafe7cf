"""The hunter itself: it derives, real life decides, and what the checker says is compared with that."""

from __future__ import annotations

import ast
import contextlib
import itertools
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answers import answers
from tests.hunt import __main__ as command
from tests.hunt.book import Book
from tests.hunt.derive import PARTS, ROOT, Derived, changes, derived, origins
from tests.hunt.life import values
from tests.hunt.life.outsider import Outsider
from tests.hunt.operators import OPERATORS
from tests.hunt.report import DEFECT, UNCONFIRMED, cause, standing, summary

needs_life = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("redis-server") is None,
    reason="needs Linux and a real Redis server (sudo apt install redis-server)",
)
#: For each part a wrong answer, of another kind each time.
WRONG = {
    "at_most_once": "ack_after_effect",
    "at_least_once": "swallow_and_ack",
    "qos2_receiver": "memory_in_self",
    "order_total": "select_then_insert",
    "ledger": "settle_adds_then_marks",
    "setnx": "setnx_then_incrby",
    "versioned_balance": "early_is_dropped",
    "versioned_profile": "last_delivery_wins",
    "record_and_check": "lecture_three_statements",
    "record_and_check_redis": "setnx_then_incrby",
    "request_once": "new_uuid_a_call",
}


@contextlib.contextmanager
def a_life() -> Iterator[Any]:
    """The process that tries answers out."""
    helper = command.Helper("tests.hunt.life", 1000)
    try:
        yield helper
    finally:
        helper.close()


# -- deriving -----------------------------------------------------------------------------------------------


def test_the_same_seed_derives_the_same_answers_and_none_twice():
    first = list(itertools.islice(derived(7), 60))
    assert first == list(itertools.islice(derived(7), 60))
    assert first != list(itertools.islice(derived(8), 60))
    assert len({made.key for made in first}) == len(first)
    assert {made.part for made in first} == set(PARTS)
    for made in first:
        assert made.source != origins(made.part)[made.origin]


@pytest.mark.parametrize("operator", OPERATORS)
def test_each_operator_changes_something_somewhere(operator: str):
    """And leaves the tree that it was given as it was."""
    for part in PARTS:
        for source in origins(part).values():
            made = changes(source, operator)
            if made:
                assert source not in made
                for text in made:
                    ast.parse(text)
                return
    pytest.fail("it changes nothing")


def test_hurtful_texts_are_confused_by_what_they_are_made_for():
    """Each of these ways to keep less than all of an id meets, within a few draws, two ids that become one."""
    draw = random.Random(1)
    drawn = [values.texts(draw, 8) for _ in range(60)]
    assert all(len(set(texts)) == 8 for texts in drawn)
    for confused in (
        str.strip,
        str.casefold,
        lambda text: text[-4:],
        lambda text: text[:8],
        lambda text: text.lstrip("0"),
        lambda text: text.split("-")[-1],
        lambda text: "".join(filter(str.isalnum, text)),
        lambda text: "".join(filter(str.isdigit, text)),
        lambda text: "".join(sorted(text)),
    ):
        assert any(len(set(map(confused, texts))) < 8 for texts in drawn)


# -- life ---------------------------------------------------------------------------------------------------


def _wrong(part: str) -> str:
    return next(one.source for one in answers("mutants") if (one.part, one.name) == (part, WRONG[part]))


@needs_life
def test_life_breaks_a_wrong_answer_and_tells_how_and_doesnt_break_the_solution():
    """In the same number of sessions. Which of them breaks it is a matter of chance, that one does is not."""
    with a_life() as life:
        for part in PARTS:
            trial = life.ask(part=part, source=_wrong(part), seed="test", sessions=400)
            assert trial["broken"] is not None, part
            assert len(trial["log"]) > 2
            right = origins(part)["solution of the notebook"]
            trial = life.ask(part=part, source=right, seed="test", sessions=6)
            assert trial["broken"] is None and trial["given_up"] is None, (part, trial)
            assert trial["calls"] >= 6


def test_life_does_not_know_the_checker():
    """Neither the processes that run answers nor those that judge them import it."""
    code = "import sys, tests.hunt.life.__main__; print([m for m in sys.modules if m.startswith('redelivery')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- comparing ----------------------------------------------------------------------------------------------

UNBROKEN: dict[str, Any] = {
    "sessions": 9,
    "calls": 9,
    "kills": 0,
    "broken": None,
    "log": [],
    "seed": "",
    "given_up": None,
}
BROKEN = UNBROKEN | {"broken": "the balance is 200, must be 100", "log": ["consumer 1   is killed"]}


def test_the_checkers_word_is_compared_with_life():
    assert standing({"verdict": "proved"}, UNBROKEN) == "proved"
    assert standing({"verdict": "proved"}, BROKEN) == DEFECT
    assert standing({"verdict": "stuck"}, BROKEN) == "refuted, broken for real"
    assert standing({"verdict": "refuted"}, BROKEN | {"with_data": True}) == "refuted, broken with its data"
    assert standing({"verdict": "refuted"}, UNBROKEN) == UNCONFIRMED
    assert standing({"verdict": "refuted", "replayed": ""}, UNBROKEN) == "refuted, replayed"
    assert standing({"verdict": "undetermined"}, BROKEN) == "undetermined"
    assert cause("no end after 12,000 steps at 'x'") == cause("no end after 9 steps at 'y'")


class _Says:
    """Stands for a helper: says one thing."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def ask(self, **job: Any) -> dict[str, Any]:
        return dict(self._answer)

    def close(self) -> None:
        """There is nothing to close."""


def test_what_is_proved_and_broken_is_kept_with_both_stories_and_makes_the_hunt_fail(tmp_path: Path, capsys: Any):
    arguments = command.arguments_of(["--folder", str(tmp_path), "--report"])
    made = Derived("setnx", "solution", ("drop-statement",), "def handle(message, redis):\n    pass\n")
    hunter = command.Hunter(Book(tmp_path), arguments)
    hunter.life, hunter.checker = _Says(BROKEN), _Says({"verdict": "proved", "why": ""})  # type: ignore[assignment]
    hunter.hunt(made)
    (source,) = tmp_path.glob("found/*/*.py")
    (story,) = tmp_path.glob("found/*/*.txt")
    assert made.source in source.read_text("utf-8")
    assert "is killed" in story.read_text("utf-8")
    assert command.main(["--folder", str(tmp_path), "--report"]) == 1
    assert "1  proved, broken for real" in capsys.readouterr().out
    # The hunt goes on where it was: nothing is asked again, and what was found is still known.
    again = command.Hunter(Book(tmp_path), arguments)
    assert again.book.life[made.key]["broken"] == BROKEN["broken"]
    found = summary(again.book, again.fingerprint)
    assert found["standing"][DEFECT] == 1 and found["by_operator"] == {"drop-statement": {DEFECT: 1}}


def test_an_interrupted_line_costs_nothing_else(tmp_path: Path):
    book = Book(tmp_path)
    made = Derived("setnx", "solution", ("drop-statement",), "x = 1\n")
    book.answer(made)
    book.lived(made, UNBROKEN, with_data=False)
    with (tmp_path / "life.jsonl").open("a") as file:
        file.write('{"key": "half a li')
    assert Book(tmp_path).life[made.key]["sessions"] == 9


@pytest.mark.parametrize(("kind", "refused"), [("read", "COMMIT"), ("write", "INSERT INTO t VALUES (1)")])
def test_somebody_else_holds_a_lock_until_it_is_released(tmp_path: Path, kind: str, refused: str):
    file = tmp_path / "run.db"
    with (
        contextlib.closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as mine,
        contextlib.closing(Outsider()) as outsider,
    ):
        mine.execute("CREATE TABLE t (x)")
        assert outsider.hold(file, kind)
        mine.execute("BEGIN")
        if refused == "COMMIT":
            mine.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            mine.execute(refused)
        outsider.release()
        assert not outsider.holds
        mine.execute(refused)


def test_somebody_else_goes_without_a_lock_that_is_not_to_be_had(tmp_path: Path):
    file = tmp_path / "run.db"
    with (
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as mine,
        contextlib.closing(Outsider()) as outsider,
    ):
        mine.execute("CREATE TABLE t (x)")
        mine.execute("BEGIN IMMEDIATE")
        assert not outsider.hold(file, "write") and not outsider.holds
