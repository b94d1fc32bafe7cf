"""Every wrong answer is refuted with its planted diagnosis and line, every right one proved, as the course says."""

from __future__ import annotations

import os

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.verify import judge
from redelivery.exploration.diagnosis import DIAGNOSES
from tests.answers import Answer, answers
from tests.test_matrix import assert_stored, stored

MUTANTS, VARIANTS = answers("mutants"), answers("variants")
#: Seconds by the stored table above which an answer is judged in `make soak` and `make matrix` only.
LONG = 1.5


def in_its_time(answer: Answer) -> object:
    """The answer, to be skipped where it would take long."""
    row = stored().get((answer.kind, answer.exercise, answer.part, answer.name))
    is_long = row is not None and row.seconds > LONG and not os.environ.get("REDELIVERY_SOAK")
    skip = pytest.mark.skipif(is_long, reason="takes long: make soak")
    return pytest.param(answer, marks=skip, id=f"{answer.kind}-{answer}")


@pytest.mark.parametrize("answer", [in_its_time(answer) for answer in MUTANTS + VARIANTS])
def test_an_answer_is_judged_as_it_was_written_and_as_the_matrix_says(answer: Answer) -> None:
    """A wrong one is refuted or stuck, with its diagnosis and a line that is marked; a right one is proved."""
    judgement = judge(answer)
    assert not judgement.fault, f"{judgement.fault}. {judgement.explanation} Schedule: {judgement.schedule!r}"
    assert_stored(judgement.row)


def test_every_part_has_variants_and_mutants() -> None:
    assert {m.part for m in MUTANTS} == {v.part for v in VARIANTS}
    assert len(MUTANTS) >= 45
    assert len(VARIANTS) >= 35


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_planted_diagnoses_are_public_names_and_lines_are_marked(mutant: Answer) -> None:
    assert mutant.diagnosis in DIAGNOSES
    assert mutant.lines


def test_a_counterexample_breaks_the_answer_again_when_it_is_replayed() -> None:
    for mutant in MUTANTS[::60]:
        part = part_of(mutant.exercise, mutant.part)
        report = part.check(mutant.exercise, mutant.program())
        assert report.points == 0
        assert report.schedule is not None
        given = (mutant.exercise, mutant.program(), report.schedule, None, report.scenario)
        shown = part.replay(*given, report.messages) if isinstance(part, HandlerPart) else part.replay(*given)
        assert not shown.ends_right, mutant.name


def test_a_proved_answer_gets_all_points() -> None:
    for variant in VARIANTS:
        if variant.name == "solution":
            report = part_of(variant.exercise, variant.part).check(variant.exercise, variant.program())
            assert report.points == report.max_points


def test_an_invalid_message_that_is_put_off_again_and_again_is_named() -> None:
    (mutant,) = [mutant for mutant in MUTANTS if mutant.name == "zero_is_put_off"]
    report = part_of(mutant.exercise, mutant.part).check(mutant.exercise, mutant.program())
    assert "Message 88 is invalid and belongs into the dead-letter queue; Retry means" in str(report)
