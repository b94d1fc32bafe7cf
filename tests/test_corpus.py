"""Every wrong answer is refuted with its planted diagnosis and line, every right one proved."""

from __future__ import annotations

import pytest

from redelivery.exercises.catalogue import part_of
from redelivery.exploration.diagnosis import DIAGNOSES
from tests.answers import Answer, answers

MUTANTS, VARIANTS = answers("mutants"), answers("variants")


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_wrong_answer_is_refuted_with_its_diagnosis(mutant: Answer) -> None:
    report = part_of(mutant.exercise, mutant.part).check(mutant.exercise, mutant.program())
    assert report.verdict.name in ("refuted", "stuck"), str(report)
    assert report.diagnosis is not None
    assert report.diagnosis.name == mutant.diagnosis, str(report)
    assert report.line in mutant.lines, str(report)
    assert report.points == 0


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_right_answer_is_proved(variant: Answer) -> None:
    report = part_of(variant.exercise, variant.part).check(variant.exercise, variant.program())
    assert report.verdict.name == "proved", str(report)
    assert report.points == report.max_points


def test_every_part_has_variants_and_mutants() -> None:
    assert {m.part for m in MUTANTS} == {v.part for v in VARIANTS}
    assert len(MUTANTS) >= 45
    assert len(VARIANTS) >= 35


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_planted_diagnoses_are_public_names_and_lines_are_marked(mutant: Answer) -> None:
    assert mutant.diagnosis in DIAGNOSES
    assert mutant.lines


def test_a_counterexample_breaks_the_answer_again_when_it_is_replayed() -> None:
    for mutant in MUTANTS[::10]:
        part = part_of(mutant.exercise, mutant.part)
        report = part.check(mutant.exercise, mutant.program())
        assert report.schedule is not None
        shown = part.replay(mutant.exercise, mutant.program(), report.schedule, None, None)
        assert not shown.ends_right, mutant.name
