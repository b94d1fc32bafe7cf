"""Schedules and their text form.

A schedule is a string of choices: ``A`` (A makes a step), ``A!`` (A crashes), ``+A`` (what A holds is delivered
again), ``A~`` (what A sends is lost), ``A^`` (the answer to A is lost), ``A?`` (A's wait for a lock times out),
``A-`` (A's next fallible operation fails), ``@`` (time passes). Blanks may stand anywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from ..simulation.choices import CONSUMERS_OWN, FAULT_INDEX, FAULTS, TIME_IS_LEFT, Choice, Kind, fault_of

_AFTER = {fault.sign[-1]: fault.kind for fault in FAULTS if fault.sign.startswith("{}")}
Schedule = tuple[Choice, ...]


class BadSchedule(ValueError):
    """A text is no schedule, or a schedule asks for what can't happen; the message says where and why."""


#: Characters of a schedule; counterexamples have some tens.
_LONGEST = 20_000
_LETTERS = tuple(chr(ord("A") + i) for i in range(26))


def to_text(schedule: Iterable[Choice], letters: Sequence[str] = _LETTERS) -> str:
    """The text form of a schedule of processes with these letters."""
    return "".join(choice_text(choice, letters) for choice in schedule)


def choice_text(choice: Choice, letters: Sequence[str] = _LETTERS) -> str:
    """The text form of one choice."""
    sign = "{}" if choice.kind is Kind.STEP else fault_of(choice.kind).sign
    return sign.format(letters[choice.process]) if "{" in sign else sign


def parse(text: str, letters: Sequence[str] = ()) -> Schedule:
    """The schedule that ``text`` stands for.

    ``letters``: those of the processes there are, for a better message; by default any capital letter will do.

    Raises:
        BadSchedule: with the position of what can't be read, and what may stand there.
    """
    if not isinstance(text, str):
        raise BadSchedule(f'a schedule is a text such as "AAB+A", not {type(text).__name__}')
    if len(text) > _LONGEST:
        raise BadSchedule(
            f"a schedule of {len(text):,} characters, more than {_LONGEST:,}. Leave out what follows by itself"
        )
    choices: list[Choice] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character.isspace():
            continue
        if character == "@":
            choices.append(Choice(Kind.TIME, 0))
            continue
        if character == "+":
            plus = position - 1
            while position < len(text) and text[position].isspace():
                position += 1
            if position == len(text) or not _is_letter(text[position]):
                raise _unreadable(text, plus, letters, "after + comes the letter of the process")
            choices.append(Choice(Kind.REDELIVER, _position(text, position, letters)))
            position += 1
            continue
        if not _is_letter(character):
            raise _unreadable(text, position - 1, letters, f"{character!r} can't stand here (one mark a letter)")
        process = _position(text, position - 1, letters)
        after = position
        while after < len(text) and text[after].isspace():
            after += 1
        kind = _AFTER.get(text[after]) if after < len(text) else None
        if kind is None:
            choices.append(Choice(Kind.STEP, process))
        else:
            choices.append(Choice(kind, process))
            position = after + 1
    return tuple(choices)


def cost_of(schedule: Sequence[Choice]) -> tuple[int, int, int, int]:
    """How small a counterexample is: faults, those of them that befall a consumer, switches, length."""
    faults = [choice.kind for choice in schedule if choice.kind in FAULT_INDEX and choice != TIME_IS_LEFT]
    own = sum(kind in CONSUMERS_OWN for kind in faults)
    steps = [choice.process for choice in schedule if choice.kind is Kind.STEP]
    switches = sum(a != b for a, b in itertools.pairwise(steps))
    return (len(faults), own, switches, len(schedule))


def _is_letter(character: str) -> bool:
    return "A" <= character <= "Z"


def _position(text: str, position: int, letters: Sequence[str]) -> int:
    name = text[position]
    if letters and name not in letters:
        raise _unreadable(text, position, letters, f"there is no process {name}")
    return letters.index(name) if letters else ord(name) - ord("A")


def _unreadable(text: str, position: int, letters: Sequence[str], why: str) -> BadSchedule:
    names = ", ".join(letters) if letters else "A, B, …"
    signs = ", ".join(f"{fault.sign.format('A')} ({fault.short})" for fault in FAULTS)
    return BadSchedule(
        f"position {position + 1} of {text!r}: {why}. A schedule is made of the processes' letters ({names}) for a "
        f"step, and of {signs}; the table in the exercise says which of these there are here"
    )
