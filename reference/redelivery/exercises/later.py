"""The same message again, much later, after a long time and after many others; and many others while it is worked on.

Nobody has promised within what time a duplicate comes, or how many other messages come before it. A memory that is
swept by the clock, or holds the newest so many ids, has forgotten the message by then. Nor has anybody promised how
many others are done between two steps of one delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..scenarios import Bounds, Scenario

Message = tuple[str, dict[str, Any]]

#: So many other messages come between a message and its duplicate.
MANY = 100
_STRAIGHT = Bounds(
    consumers=1,
    faults=0,
    crashes=0,
    lost_acks=0,
    redeliveries=0,
    lock_timeouts=0,
    lost_answers=0,
    failures=0,
    expiries=0,
)
#: Two consumers, and nothing goes wrong.
_TOGETHER = _STRAIGHT._replace(consumers=2)
#: One consumer, nothing goes wrong, and time may pass twice.
_TIME = _STRAIGHT._replace(faults=2, expiries=2)


def later(
    make: Callable[[str, Sequence[Message], Bounds], Scenario],
    first: Message,
    others: Callable[[int], Message],
    resent: str = "",
) -> tuple[Scenario, ...]:
    """``first`` delivered again after another message and any time, and again at once; and after `MANY` others.

    ``make`` makes a scenario of messages that are different; ``others`` the n-th other message. ``resent``: the
    producer, too, may send ``first`` again, under this id: what is remembered by ids of messages doesn't help then.
    """
    many = [others(number) for number in range(MANY)]
    after_time = make("a duplicate after a long time", [first, many[0]], _TIME)
    after_one = make("a duplicate after another message", [first, many[0]], _STRAIGHT)
    after_many = make(f"a duplicate after {MANY} other messages", [first, *many], _STRAIGHT)
    sent_again = make(f"sent again after {MANY} other messages", [first, *many], _STRAIGHT)
    again_sent = make("sent again after another message", [first, many[0]], _STRAIGHT)
    again = (resent, first[1])
    return (
        _delivered(after_time, [first, many[0], first, first]),
        replace(
            _delivered(after_many, [first, *many, first]),
            near=_delivered(after_one, [first, many[0], first]),
            between=MANY,
        ),
        *(
            [
                replace(
                    _delivered(sent_again, [first, *many, again]),
                    near=_delivered(again_sent, [first, many[0], again]),
                    between=MANY,
                )
            ]
            if resent
            else []
        ),
    )


def overtaken(
    make: Callable[[str, Sequence[Message], Bounds], Scenario], first: Message, others: Callable[[int], Message]
) -> Callable[[int], Scenario]:
    """Number → ``first`` and so many other messages, which are to be handled while it is worked on."""

    def scenario(count: int) -> Scenario:
        words = f"{count} other message{'' if count == 1 else 's'} while one is worked on"
        made = make(words, [first, *map(others, range(count))], _TOGETHER)
        return replace(made, overtaken=count)

    return scenario


def _delivered(scenario: Scenario, messages: Sequence[Message]) -> Scenario:
    """``scenario`` with some of its messages delivered more than once."""
    return replace(scenario, messages=messages, intent=scenario.intent or _itself, only_if_right=True)


def _itself(identity: str, body: dict[str, Any]) -> object:
    return identity
