"""States and choices of a search over a real store: what the queue knows, computed, and what the store is in, as seen.

A state has two halves. `Seen` is what the store and the processes are in; only a real step tells what follows it, and
each is carried out once. `Queue` is what the queue knows, which follows by rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..exploration.schedule import BadSchedule
from ..simulation.world import Bounds

STEP, CRASH, SENT, REDELIVER, LOST, LAND = "", "!", "^", "+", "~", "land"
FAULTS = (CRASH, SENT, REDELIVER, LOST)
#: After so many exceptions a message is put aside.
TRIES = 3


class Choice(NamedTuple):
    """What happens next.

    ========  =====================================================================================
    ``A``     A makes a step
    ``A!``    A is killed; a statement of its that waits is carried out all the same when it can be
    ``A^``    A is killed when its COMMIT is on the way; it arrives some time later
    ``+A``    what A holds is delivered again
    ``A~``    A's acknowledgement is lost
    ``a``     what the dead A had sent arrives
    ``A>B``   of those that wait for what A's step releases, B goes on first
    ``A%B``   A's step closes a ring of waits, and B is the victim
    ========  =====================================================================================
    """

    kind: str
    process: int
    how: str = ""
    favoured: int = -1


class Standing(NamedTuple):
    """One process: ``node`` says what it was told in this delivery (-1: it has none), ``open`` what it has done in its
    open transaction (0: there is none), ``waits`` its place among those that wait (0: it does not), ``memory`` what it
    remembers between deliveries."""

    node: int
    open: int
    waits: int
    memory: int


class Ghost(NamedTuple):
    """What a dead process has left in the server: ``waits`` 0 where it is still on the way there."""

    owner: int
    open: int
    statement: int
    waits: int


class Seen(NamedTuple):
    """What the store and the processes are in. ``past`` is 0, or the number of all that was done since the store was
    last quiet, where states may not be merged."""

    contents: int
    processes: tuple[Standing, ...]
    ghosts: tuple[Ghost, ...] = ()
    past: int = 0


class Queue(NamedTuple):
    """What the queue knows: messages that wait to be delivered; per process what it holds, and whether that is the
    message's current delivery; bits of what is acknowledged and what was put aside; exceptions and deliveries so far;
    faults used, in the order of `FAULTS`."""

    waiting: tuple[int, ...]
    held: tuple[tuple[int, bool], ...]
    done: int
    dead: int
    tries: tuple[int, ...]
    attempts: tuple[int, ...]
    used: tuple[int, ...]


class State(NamedTuple):
    """Both halves."""

    seen: Seen
    queue: Queue


NOTHING = (-1, True)


def first_queue(messages: int, bounds: Bounds, both_hold: bool = False) -> Queue:
    """Before the first step. ``both_hold``: every process holds the one message from the start."""
    none = (0,) * len(FAULTS)
    if both_hold:
        held = tuple((0, n == bounds.consumers - 1) for n in range(bounds.consumers))
        return Queue((), held, 0, 0, (0,), (bounds.consumers,), none)
    zeros = (0,) * messages
    return Queue(tuple(range(messages)), (NOTHING,) * bounds.consumers, 0, 0, zeros, zeros, none)


def faults_left(queue: Queue, bounds: Bounds, kind: str) -> bool:
    """Whether one more fault of a kind is within the bounds. Both kinds of crash are crashes."""
    if sum(queue.used) >= bounds.faults:
        return False
    used = dict(zip(FAULTS, queue.used, strict=True))
    if kind in (CRASH, SENT):
        return used[CRASH] + used[SENT] < bounds.crashes
    return used[kind] < (bounds.redeliveries if kind == REDELIVER else bounds.lost_acks)


def _use(queue: Queue, kind: str) -> Queue:
    place = FAULTS.index(kind)
    return queue._replace(used=(*queue.used[:place], queue.used[place] + 1, *queue.used[place + 1 :]))


def _hold(queue: Queue, process: int, held: tuple[int, bool]) -> Queue:
    return queue._replace(held=(*queue.held[:process], held, *queue.held[process + 1 :]))


def _count(numbers: tuple[int, ...], place: int) -> tuple[int, ...]:
    return (*numbers[:place], numbers[place] + 1, *numbers[place + 1 :])


def _back(queue: Queue, message: int) -> Queue:
    return queue._replace(waiting=tuple(sorted((*queue.waiting, message))))


def receive(queue: Queue, process: int) -> Queue:
    """The first message in the queue goes to a process."""
    message = queue.waiting[0]
    queue = queue._replace(waiting=queue.waiting[1:], attempts=_count(queue.attempts, message))
    return _hold(queue, process, (message, True))


def acknowledge(queue: Queue, process: int, lost: bool = False) -> Queue:
    """A delivery's end. The acknowledgement of a delivery that was superseded is ignored."""
    message, current = queue.held[process]
    queue = _hold(queue, process, NOTHING)
    if lost:
        queue = _use(queue, LOST)
        return _back(queue, message) if current else queue
    return queue._replace(done=queue.done | 1 << message) if current else queue


def give_back(queue: Queue, process: int, counts: bool) -> Queue:
    """An exception: the message comes again, or is put aside after the third that counts."""
    message, current = queue.held[process]
    queue = _hold(queue, process, NOTHING)
    if not current:
        return queue
    if counts:
        queue = queue._replace(tries=_count(queue.tries, message))
        if queue.tries[message] >= TRIES:
            return queue._replace(dead=queue.dead | 1 << message)
    return _back(queue, message)


def crash(queue: Queue, process: int, kind: str) -> Queue:
    """A process is killed: what it had not acknowledged comes again."""
    message, current = queue.held[process]
    queue = _use(_hold(queue, process, NOTHING), kind)
    return _back(queue, message) if current and message >= 0 else queue


def redeliver(queue: Queue, process: int) -> Queue:
    """What a process holds is delivered again while it is at work."""
    message, _ = queue.held[process]
    return _back(_use(_hold(queue, process, (message, False)), REDELIVER), message)


# -- text ------------------------------------------------------------------------------------------------------

_PARTS = re.compile(r"\+([A-H])|([A-H])([!^~])?(?:([>%])([A-Ha-h]))?|([a-h])(?:([>%])([A-Ha-h]))?")


def text_of(choices: Iterable[Choice], owners: Sequence[int] = ()) -> str:
    """A schedule as text."""
    return "".join(_text(choice) for choice in choices)


def _text(choice: Choice) -> str:
    letter = "ABCDEFGH"[choice.process]
    favoured = ""
    if choice.how:
        name = choice.favoured
        favoured = choice.how + ("ABCDEFGH"[name] if name < 100 else "abcdefgh"[name - 100])
    if choice.kind == REDELIVER:
        return "+" + letter
    if choice.kind == LAND:
        return letter.lower() + favoured
    return letter + choice.kind + favoured


def parse(text: str, consumers: int) -> tuple[Choice, ...]:
    """The schedule that a text stands for.

    Raises:
        BadSchedule: with the position of what can't be read.
    """
    found: list[Choice] = []
    position = 0
    packed = "".join(text.split())
    while position < len(packed):
        part = _PARTS.match(packed, position)
        if part is None:
            raise BadSchedule(
                f"position {position + 1} of {packed!r}: expected a consumer's letter (A, B, … for a step, A! killed, "
                "A^ killed with its COMMIT on the way, +A delivered again, A~ acknowledgement lost, a for what the "
                f"dead A had sent), not {packed[position]!r}"
            )
        again, letter, mark, how, favoured, dead, dead_how, dead_favoured = part.groups()
        name = (again or letter or dead).upper()
        if ord(name) - ord("A") >= consumers:
            raise BadSchedule(f"position {position + 1} of {packed!r}: there is no consumer {name}")
        kind = REDELIVER if again else LAND if dead else mark or STEP
        whom = favoured or dead_favoured or ""
        place = -1 if not whom else ord(whom.upper()) - ord("A") + (100 if whom.islower() else 0)
        found.append(Choice(kind, ord(name) - ord("A"), how or dead_how or "", place))
        position = part.end()
    return tuple(found)
