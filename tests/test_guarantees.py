"""What a consumer's loop is measured to guarantee, and that the schedules named as witnesses show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redelivery.exercises.delivery_guarantees import Guarantee, guarantee, loop_scenario
from redelivery.exercises.verify import SETUP
from redelivery.exploration.replay import Run
from redelivery.exploration.replay import replay as replay_schedule
from redelivery.exploration.scenario import Scenario
from redelivery.exploration.schedule import parse
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.world import Bounds

ACK_FIRST = """
def consume(queue, process):
    while (message := queue.receive()) is not None:
        queue.ack(message)
        process(message)
"""
ACK_AFTER = """
def consume(queue, process):
    while (message := queue.receive()) is not None:
        process(message)
        queue.ack(message)
"""
WHATEVER_HAPPENS = """
def consume(queue, process):
    while (message := queue.receive()) is not None:
        try:
            process(message)
        finally:
            queue.ack(message)
"""
#: What many hope for: it remembers what was done, and acknowledges only that. A restart forgets.
REMEMBERS = """
done = set()

def consume(queue, process):
    while (message := queue.receive()) is not None:
        if message.id not in done:
            process(message)
            done.add(message.id)
        queue.ack(message)
"""
NEVER_ACKS = """
def consume(queue, process):
    while (message := queue.receive()) is not None:
        if message.redelivered:
            continue
        process(message)
"""
NO_FAULTS = Bounds(consumers=1, faults=0)


def _program(source: str) -> SourceProgram:
    return SourceProgram([SETUP, Cell("consume", source)])


def _scenario(consumers: int) -> Scenario:
    return replace(loop_scenario("consume", consumers), judge=lambda contents: None)


def _replayed(source: str, schedule: str, consumers: int = 1) -> Run:
    scenario = _scenario(consumers)
    return replay_schedule(_program(source), scenario, parse(schedule, scenario.letters()))


def _performed(run: Run) -> tuple[int, ...]:
    state = run.events[-1].state
    assert state is not None
    return state.performed


@pytest.mark.parametrize("consumers", [1, 2])
@pytest.mark.parametrize(
    ("source", "name"),
    [
        (ACK_FIRST, "at most once"),
        (ACK_AFTER, "at least once"),
        (WHATEVER_HAPPENS, "neither"),
        (REMEMBERS, "at least once"),
    ],
    ids=["ack first", "ack after", "ack in finally", "remembers"],
)
def test_a_loop_has_the_guarantee_that_is_expected(source: str, name: str, consumers: int) -> None:
    found = guarantee(_program(source), "consume", consumers)
    assert found.name == name, str(found)


@pytest.mark.parametrize("source", [ACK_FIRST, ACK_AFTER, WHATEVER_HAPPENS, REMEMBERS])
def test_witnesses_replay_to_what_they_claim(source: str) -> None:
    found = guarantee(_program(source), "consume")
    assert found.loses is not None or found.repeats is not None
    if found.loses is not None:
        run = _replayed(source, found.loses)
        assert run.ended
        assert 0 in _performed(run), found.loses
    if found.repeats is not None:
        assert 2 in _performed(_replayed(source, found.repeats)), found.repeats


@pytest.mark.parametrize("source", [ACK_FIRST, ACK_AFTER, WHATEVER_HAPPENS, REMEMBERS])
def test_without_faults_every_sound_loop_is_exactly_once(source: str) -> None:
    found = guarantee(_program(source), "consume", bounds=NO_FAULTS)
    assert found == Guarantee(None, None)
    assert found.name == "exactly once"


def test_with_faults_no_loop_is_exactly_once() -> None:
    for source in (ACK_FIRST, ACK_AFTER, WHATEVER_HAPPENS, REMEMBERS):
        assert guarantee(_program(source), "consume").name != "exactly once"


def test_a_loop_that_never_acknowledges_has_no_guarantee() -> None:
    found = guarantee(_program(NEVER_ACKS), "consume")
    assert found.name == "unknown"
    assert found.stuck is not None
    assert "never acknowledged" in str(found)


def test_the_measurement_is_said_in_words() -> None:
    assert str(Guarantee("AAA!", None)) == "Measured over all schedules: can lose (AAA!), cannot repeat: at most once."
    assert str(Guarantee(None, "")) == (
        "Measured over all schedules: cannot lose, can repeat (without any fault): at least once."
    )
