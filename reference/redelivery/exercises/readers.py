"""A reader that is asked in between, again and again, by a process that goes on living.

What has been acknowledged when it is asked counts, what has not been delivered when it answers does not, and what is
under way may count already::

    8 acknowledged    reader asked ── 88 under way ── reader answers    88 acknowledged    reader asked
                      8, or 8 and 88                                                       8 and 88
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from ..scenarios import Answer, Call, Scenario

READINGS = 3


def with_reader(scenario: Scenario, reader: Call, amount: Callable[[dict[str, Any]], int]) -> Scenario:
    """``scenario`` with ``reader`` called `READINGS` times, at any time. It must return the sum of the amounts."""
    messages = scenario.messages
    intents = [scenario.intent(*message) if scenario.intent else message[0] for message in messages]
    worth = {intent: amount(body) for intent, (_, body) in zip(intents, messages, strict=True)}

    def named(bits: int) -> set[object]:
        return {intent for number, intent in enumerate(intents) if bits >> number & 1}

    def hears(answer: Answer) -> str | None:
        counted = named(answer.acknowledged)
        possible = _sums(sum(map(worth.__getitem__, counted)), [worth[i] for i in named(answer.delivered) - counted])
        if type(answer.value) is int and answer.value in possible:
            return None
        return f"{reader} {_found(answer)} in between, must return {' or '.join(map(str, sorted(possible)))}"

    return replace(
        scenario,
        name=f"{scenario.name}, read in between",
        job=reader,
        jobs=1,
        runs=READINGS,
        hears=hears,
        only_if_right=True,
    )


def _found(answer: Answer) -> str:
    if answer.raised:
        return f"raises {answer.raised}"
    return f"returns {answer.value if type(answer.value) is int else 'something that is not an int'}"


def asked_at_times(scenario: Scenario, reader: Call) -> Scenario:
    """``scenario``, to be run straight, with ``reader`` called after some of the messages. What it returns then is not
    looked at, only that it returns an int: what it does when it is called must not harm what comes later."""

    def hears(answer: Answer) -> str | None:
        return None if type(answer.value) is int else f"{reader} {_found(answer)} in between, must return an int"

    return replace(scenario, job=reader, jobs=1, runs=runs_among(scenario.messages), hears=hears)


def runs_among(messages: Sequence[Any]) -> int:
    """How often a job runs while so many messages are run straight, each of them twice."""
    return 2 + len(messages) // 10


def _sums(counted: int, more: Sequence[int]) -> set[int]:
    """The sums with any of ``more``."""
    return {counted + sum(some) for size in range(len(more) + 1) for some in combinations(more, size)}
