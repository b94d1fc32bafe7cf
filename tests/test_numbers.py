"""Numbers of schedules that nobody can read are printed as what they are: beyond 10^12. A program gets the integer."""

from __future__ import annotations

import json

import pytest

from redelivery.checking.part import Report
from redelivery.display.growth import Growth
from redelivery.display.matrix import Matrix, Row
from redelivery.display.numbers import count_words
from redelivery.exercises.verify import Judgement, as_json, matrix
from redelivery.exploration.verdict import Proved, Refuted
from redelivery.grading.judge import _result
from redelivery.grading.reports import feedback
from redelivery.grading.result import SubmissionResult

HUGE = 69_245_315_638_114
WORDS = "more than 10^12"


def proved(count: int) -> Report:
    return Report("05-record-and-check", "record_and_check", 3, Proved(count, 1), schedules=count)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (6_103_528, "6,103,528"), (10**12, "1,000,000,000,000"), (10**12 + 1, WORDS), (10**5000, WORDS)],
    ids=str.format("{}", "zero a_few the_last the_first endless").split(),
)
def test_where_counting_ends(count: int, words: str) -> None:
    assert count_words(count) == words


def test_the_headline_in_text_and_in_a_notebook() -> None:
    report = proved(HUGE)
    assert str(report).startswith(f"PROVED   record_and_check   {WORDS} schedules")
    assert f"{WORDS} schedules" in report._repr_html_()
    assert "69,245" not in str(report) + report._repr_html_()


def test_how_many_were_searched_before_one_broke_it() -> None:
    verdict = Refuted((), "wal", HUGE, 1, "account 666 holds 200, must hold 100")
    report = Report("05-record-and-check", "record_and_check", 3, verdict, schedules=HUGE)
    assert f"{WORDS} schedules searched." in str(report)
    assert f"{WORDS} schedules searched." in report._repr_html_()


def test_json_keeps_the_integer_and_can_be_written() -> None:
    assert json.loads(json.dumps(proved(HUGE).to_json()))["schedules"] == HUGE
    assert len(json.dumps(proved(10**6000).to_json())) > 4000


def test_the_matrix_of_the_command_and_of_the_page() -> None:
    row = Row("variants", "05-record-and-check", "record_and_check", "lease", "", "proved", "", None, HUGE, 1.0)
    judged = Judgement(
        *(getattr(row, name) for name in ("kind", "exercise", "part", "name", "planted", "verdict")),
        "",
        None,
        None,
        HUGE,
        1.0,
        "",
    )
    assert WORDS in matrix([judged])
    assert as_json([judged])["answers"][0]["schedules"] == HUGE
    assert WORDS in str(Matrix((row,)).of("05-record-and-check", "record_and_check")._table())


def test_a_feedback_page() -> None:
    part = _result(proved(HUGE), "def handle(message, db): ...")
    page = feedback.page([SubmissionResult("ann", "05-record-and-check", "ann.ipynb", (part,))])
    assert WORDS in page and "69,245" not in page and str(HUGE) not in page
    assert part.details["schedules"] == HUGE


def test_the_growth_of_a_search() -> None:
    assert WORDS in str(Growth({"faults": {2: (10, HUGE)}}).table)
