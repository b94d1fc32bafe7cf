"""A delivery that loses every race it can lose, as often as it takes."""

from __future__ import annotations

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import EXERCISES
from redelivery.exercises.record_and_check import RECORD_AND_CHECK_REDIS
from redelivery.exercises.verify import SETUP
from redelivery.exploration.overtaken import OTHERS, lost_race
from redelivery.exploration.stage import opened
from redelivery.simulation.program import Cell, SourceProgram
from tests.answers import Answer, answers

TRIES = """
from redis import WatchError


def handle(message, redis):
    balance = f"balance:{{message.body['account']}}"
    for _ in {tries}:
        with redis.pipeline() as pipe:
            pipe.watch(balance)
            if pipe.exists(message.id):
                return
            pipe.multi()
            pipe.set(message.id, 1)
            pipe.incrby(balance, message.body["amount"])
            try:
                pipe.execute()
                return
            except WatchError:
                pass
"""
CROWD = RECORD_AND_CHECK_REDIS.crowd
assert CROWD is not None
CROWDED = [
    (exercise, part)
    for exercise, parts in EXERCISES.items()
    for part in parts
    if isinstance(part, HandlerPart) and part.crowd
]


def tries(text: str) -> SourceProgram:
    return SourceProgram([SETUP, Cell("record_and_check_redis", TRIES.format(tries=text))])


@pytest.mark.parametrize("most", [1, 3, 10, 100])
def test_a_loop_that_gives_up_is_found_whatever_its_limit(most: int) -> None:
    found = lost_race(tries(f"range({most})"), CROWD, "wal")
    assert found is not None
    others, refuted = found
    assert "must hold" in refuted.claim
    assert others >= most


@pytest.mark.parametrize("most", [1, 3, 10])
def test_no_more_others_are_shown_than_it_takes(most: int) -> None:
    found = lost_race(tries(f"range({most})"), CROWD, "wal")
    assert found is not None
    assert found[0] == most


def test_a_loop_that_goes_on_for_ever_is_right() -> None:
    assert lost_race(tries("iter(int, 1)"), CROWD, "wal") is None


def test_a_limit_beyond_what_is_tried_is_not_seen() -> None:
    """So the number is said in the bounds."""
    assert lost_race(tries(f"range({OTHERS[-1] + 1})"), CROWD, "wal") is None
    report = RECORD_AND_CHECK_REDIS.check("05-record-and-check", tries("iter(int, 1)"))
    assert f"up to {OTHERS[-1]} while one is worked on" in report.bounds_words


def test_it_is_replayed_from_what_the_report_prints() -> None:
    report = RECORD_AND_CHECK_REDIS.check("05-record-and-check", tries("range(4)"))
    assert report.verdict.name == "refuted"
    assert report.diagnosis is not None and report.diagnosis.name == "swallowed-conflict"
    again = RECORD_AND_CHECK_REDIS.replay(
        "05-record-and-check", tries("range(4)"), report.schedule or "", None, report.scenario
    )
    assert again.headline.startswith("ENDS WRONG")
    mended = RECORD_AND_CHECK_REDIS.replay(
        "05-record-and-check", tries("range(5)"), report.schedule or "", None, report.scenario
    )
    assert not mended.headline.startswith("ENDS WRONG")


@pytest.mark.parametrize(("exercise", "part"), CROWDED, ids=lambda value: getattr(value, "grade_id", None))
def test_right_answers_stand_it_in_every_part(exercise: str, part: HandlerPart) -> None:
    right: Answer = next(a for a in answers("variants") if a.part == part.grade_id and a.name == "solution")
    assert part.crowd is not None
    assert opened(right.program(), part.crowd(2)).overtaken == 2
    for journal in part.journals:
        assert lost_race(right.program(), part.crowd, journal) is None
