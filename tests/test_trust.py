"""The corpus of wrong and right answers, each compared with the run of all its schedules one by one.

`test_reduction.py` compares the searches among themselves, and a few answers in full. Here is a sample of others; with
REDELIVERY_SOAK=1 (`make soak`) all answers are compared, at four bounds, as far as they have at most 200,000 schedules
(REDELIVERY_SOAK_SCHEDULES).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from redelivery.simulation.sqlite_store import Journal
from tests.agreement import FAR, JOURNALS, ONE_MESSAGE, SOAK, TWO_MESSAGES, Agreed, Reach, TooMany, compare
from tests.answers import Answer, answers

ALL = [answer for answer in answers("mutants") + answers("variants") if answer.part == "record_and_check"]
MOST_SCHEDULES = int(os.environ.get("REDELIVERY_SOAK_SCHEDULES", "200000")) if SOAK else 2_500
#: One of each kind: mistakes in the order, in the transaction, in the lock, in the memory, in trusting the queue.
SAMPLE = {
    "attempt_above_one",
    "balance_read_before",
    "both_errors_are_duplicates",
    "check_only_redelivered",
    "claim_context_manager",
    "compare_and_set_balance",
    "effect_first_mark_decides",
    "immediate_busy_means_done",
    "mutable_default",
    "no_rollback_of_its_own",
    "redelivered_means_done",
    "select_then_implicit_begin",
    "three_tries_then_nothing",
}
REACHES = (ONE_MESSAGE, TWO_MESSAGES, *FAR) if SOAK else (ONE_MESSAGE, TWO_MESSAGES)
CASES = [
    (answer, reach, journal)
    for answer in ALL
    if SOAK or answer.name in SAMPLE
    for reach in REACHES
    for journal in JOURNALS
]


def test_the_sample_is_there() -> None:
    assert {answer.name for answer in ALL} >= SAMPLE


@pytest.mark.parametrize(("answer", "reach", "journal"), CASES, ids=str)
def test_the_full_search_says_the_same(
    answer: Answer, reach: Reach, journal: Journal, record_property: Callable[[str, object], None]
) -> None:
    found = compare(
        answer.program(),
        reach,
        journal,
        most_schedules=MOST_SCHEDULES // 10 if reach in FAR else MOST_SCHEDULES,
        most_states=200_000 if SOAK else 10_000,
        circles=re.search(r"\bRetry\b|\bwhile True\b", answer.source) is not None,
    )
    if SOAK and isinstance(found, TooMany):
        pytest.skip("more schedules than can be run")
    assert isinstance(found, Agreed)
    record_property("answers: compared", 1)
    record_property("answers: schedules", found.schedules)
