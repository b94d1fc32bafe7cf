"""The text form of schedules: what is written can be read again, and what can't be read is explained."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redelivery.exploration.schedule import BadSchedule, Schedule, choice_text, cost_of, parse, to_text
from redelivery.simulation.choices import FAULT_INDEX, FAULTS, Choice, Kind
from redelivery.simulation.world import Bounds

LETTERS = string.ascii_uppercase
CHOICES = st.builds(Choice, st.sampled_from(Kind), st.integers(0, 25)).map(
    lambda choice: Choice(Kind.TIME, 0) if choice.kind is Kind.TIME else choice
)
SCHEDULES = st.lists(CHOICES, max_size=30).map(tuple)
BLANKS = st.text(" \t\n", max_size=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("A", (Choice(Kind.STEP, 0),)),
        ("B!", (Choice(Kind.CRASH, 1),)),
        ("+C", (Choice(Kind.REDELIVER, 2),)),
        ("A~", (Choice(Kind.LOST, 0),)),
        ("A^", (Choice(Kind.ANSWER_LOST, 0),)),
        ("A?", (Choice(Kind.LOCK_TIMEOUT, 0),)),
        ("A-", (Choice(Kind.FAIL, 0),)),
        ("@", (Choice(Kind.TIME, 0),)),
        ("AA+AB!", (Choice(Kind.STEP, 0), Choice(Kind.STEP, 0), Choice(Kind.REDELIVER, 0), Choice(Kind.CRASH, 1))),
        ("Z", (Choice(Kind.STEP, 25),)),
    ],
)
def test_each_kind_has_its_text(text: str, expected: Schedule):
    assert parse(text) == expected
    assert to_text(expected) == text


def test_every_kind_has_a_text_of_its_own():
    assert len({choice_text(Choice(kind, 0)) for kind in Kind}) == len(Kind)


@given(SCHEDULES)
def test_what_is_written_can_be_read_again(schedule: Schedule):
    assert parse(to_text(schedule)) == schedule
    assert parse(to_text(schedule), LETTERS) == schedule


@given(SCHEDULES, st.data())
def test_blanks_may_stand_anywhere(schedule: Schedule, data: st.DataObject):
    spread = "".join(data.draw(BLANKS) + character for character in to_text(schedule)) + data.draw(BLANKS)
    assert parse(spread) == schedule


@given(st.text() | st.text("ABab!+~^?-@ \n1", max_size=20))
def test_any_text_is_a_schedule_or_explained(text: str):
    try:
        schedule = parse(text)
    except BadSchedule as error:
        position = re.match(r"position (\d+) of ", str(error))
        assert position is not None
        assert 1 <= int(position[1]) <= len(text)
    else:
        assert to_text(schedule) == "".join(text.split())


@given(SCHEDULES, SCHEDULES, st.sampled_from("ab1!~^?-/.é"))
def test_the_error_names_the_position(before: Schedule, after: Schedule, wrong: str):
    start = to_text((*before, Choice(Kind.CRASH, 0)))  # after which no mark can stand
    with pytest.raises(BadSchedule) as caught:
        parse(start + wrong + to_text(after))
    assert str(caught.value).startswith(f"position {len(start) + 1} of ")
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize(("text", "position"), [("+", 1), ("AB+", 3), ("A+ +B", 2), ("+a", 1), ("AA+@", 3)])
def test_a_plus_needs_a_letter(text: str, position: int):
    with pytest.raises(BadSchedule, match=rf"^position {position} of .*after \+ comes the letter"):
        parse(text)


@pytest.mark.parametrize(("text", "position"), [("ABC", 3), ("A+C", 3), ("C!", 1), (" C", 2)])
def test_a_letter_without_a_process_is_an_error(text: str, position: int):
    assert parse(text)
    with pytest.raises(BadSchedule, match=rf"^position {position} of .*there is no process C.*letters \(A, B\)"):
        parse(text, ["A", "B"])


def test_the_error_says_what_may_stand_there():
    with pytest.raises(BadSchedule) as caught:
        parse("x")
    named = {text for kind in FAULT_INDEX for text in [choice_text(Choice(kind, 0))] if text in str(caught.value)}
    assert named == {choice_text(Choice(kind, 0)) for kind in FAULT_INDEX}


@pytest.mark.parametrize("thing", [None, 5, b"AB", ["A"], ("A", "B")])
def test_what_is_no_text_is_no_schedule(thing: object):
    with pytest.raises(BadSchedule, match=f"not {type(thing).__name__}"):
        parse(thing)  # type: ignore[arg-type]


def test_a_bad_schedule_is_a_value_error():
    assert issubclass(BadSchedule, ValueError)


@given(st.integers(0, 25))
def test_letters_are_positions(position: int):
    assert chr(ord("A") + position) == LETTERS[position]
    assert parse(chr(ord("A") + position)) == (Choice(Kind.STEP, position),)


# How small a counterexample is


@pytest.mark.parametrize(
    "texts",
    [
        ["AB", "A+A"],  # fewer faults first, though it switches
        ["AB+A", "AAA!"],  # then faults of the queue before those of a consumer
        ["AAAAAA+A", "AB+A"],  # then fewer switches
        ["AB+A", "AAB+A"],  # then the shorter one
    ],
)
def test_the_smaller_counterexample_costs_less(texts: list[str]):
    costs = [cost_of(parse(text)) for text in texts]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)


@given(SCHEDULES, CHOICES)
def test_a_longer_schedule_never_costs_less(schedule: Schedule, choice: Choice):
    assert cost_of(schedule) < cost_of((*schedule, choice))


def test_the_table_of_faults_is_whole() -> None:
    """Each fault has a row, a bound, and a sign that no other has."""
    assert set(FAULT_INDEX) == set(Kind) - {Kind.STEP}
    assert {fault.bound for fault in FAULTS} == set(Bounds._fields) - {"consumers", "faults"}
    assert len({fault.sign for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert parse(fault.sign.format("A")) == (Choice(fault.kind, 0),)
        assert fault.sign.format("A").strip("A") == fault.kind.value
