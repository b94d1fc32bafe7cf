"""Claims about idempotence are compared with what the operations do, and a state shows where a claim is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from redelivery.exercises.claims import OPERATIONS, contradiction, states_of
from redelivery.exercises.idempotence import CLAIMS, NAME

RIGHT = {name: contradiction(operation) is None for name, operation in OPERATIONS.items()}


def test_four_are_idempotent_and_four_are_not() -> None:
    assert [name for name, idempotent in RIGHT.items() if idempotent] == [
        "raise_to_minimum",
        "keep_last_digit",
        "note_once",
        "drop_coupon",
    ]


def test_the_right_claims_get_all_points() -> None:
    report = CLAIMS.judge(NAME, RIGHT)
    assert report.passed
    assert report.points == 3


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_wrong_claim_is_shown_by_a_state(name: str) -> None:
    report = CLAIMS.judge(NAME, RIGHT | {name: not RIGHT[name]})
    assert report.verdict.name == "refuted"
    assert report.points == 2
    assert report.diagnosis is not None
    assert report.diagnosis.name == "wrong-claim"
    assert name in report.explanation
    if not RIGHT[name]:
        assert "once to" in report.explanation


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_contradicting_state_is_the_first_of_those_tried(name: str) -> None:
    found = contradiction(OPERATIONS[name])
    if found is not None:
        assert found[0] in list(states_of(OPERATIONS[name]))
        assert found[1] != found[2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "there is none"),
        ([True] * 8, "it is of type list"),
        ({}, "not solved yet"),
        (RIGHT | {"toggle": "no"}, "expected True or False for toggle"),
        (RIGHT | {"sort": True}, "none of the operations"),
    ],
)
def test_an_answer_of_another_shape_is_explained(answer: Any, words: str) -> None:
    report = CLAIMS.judge(NAME, answer)
    assert report.verdict.name == "error"
    assert words in report.explanation
