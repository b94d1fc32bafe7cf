"""No verdict by the clock on the wall: what computes is judged by what it has computed, on the busiest machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from redelivery.grading.allowance import GENEROUS, Allowance
from redelivery.grading.processors import WaitsForProcessors
from redelivery.simulation import hosts, patience, program
from redelivery.simulation.calls import Call
from redelivery.simulation.guards import guarded
from redelivery.simulation.hosts import LocalHost
from redelivery.simulation.operations import Hung, Request, Returned
from redelivery.simulation.patience import Endless, Patience
from redelivery.simulation.process import Node
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.remote import OutOfTime
from redelivery.simulation.wire import Pipe, Silent

TICK = 0.25


@pytest.fixture
def computes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Says how much processor time passes between two looks at it."""
    now, step = 0.0, 0.0

    def thread_time() -> float:
        nonlocal now
        now += step
        return now

    def set_step(seconds: float) -> None:
        nonlocal step
        step = seconds

    monkeypatch.setattr(patience, "thread_time", thread_time)
    return set_step


def ticks_until_endless(some: Patience, most: int = 10_000) -> tuple[int, Endless] | None:
    for number in range(1, most):
        if (endless := some.tick(TICK)) is not None:
            return number, endless
    return None


@pytest.mark.parametrize("share", [1.0, 0.2, 0.05])
def test_who_computes_may_compute_as_much_whatever_share_of_a_processor_it_gets(
    share: float, computes: Callable[[float], None]
) -> None:
    some = Patience(2.0, 6.0)
    computes(share * TICK)
    assert ticks_until_endless(some) == (pytest.approx(2.0 / (share * TICK), abs=1), Endless("computed", 2.0))


def test_who_waits_is_endless_when_nothing_was_computed_for_long(computes: Callable[[float], None]) -> None:
    some = Patience(2.0, 6.0)
    computes(0.0001)
    assert ticks_until_endless(some) == (24, Endless("waited", 6.0))
    some.restart()
    some.part = 0.25
    assert ticks_until_endless(some) == (6, Endless("waited", 6.0))


def test_a_sign_of_life_begins_anew(computes: Callable[[float], None]) -> None:
    some = Patience(2.0, 6.0)
    computes(TICK)
    for _ in range(100):
        some.restart()
        assert some.tick(TICK) is None


# -- handlers and cells --------------------------------------------------------------------------------------

LOOKS = """
looks = 0
def handle():
    global looks
    while looks < {}:
        looks += 1
        look()
"""


def request_of(source: str, look: Callable[[LocalHost], None]) -> Request:
    """What a handler asks that calls ``look``, during which the watchdog looks at it."""
    with guarded():
        some = SourceProgram([Cell("answer", source)])
        host = LocalHost(some, [Call("handle", ())])
        instance = hosts._Instance(host)
        instance.functions["handle"].__globals__["look"] = lambda: look(host)
        host._spare.append(instance)
        node = Node(0, None, None, None)
        host.start(node)
        host.close()
    assert node.request is not None
    return node.request


@pytest.mark.parametrize(("looks", "expected"), [(30, Returned), (80, Hung)])
def test_a_handler_that_computes_on_a_busy_machine_is_not_taken_for_endless(
    looks: int, expected: type, computes: Callable[[float], None]
) -> None:
    """A fifth of a processor: 30 looks are seven seconds by the clock, and 1.5 of computing."""
    computes(0.2 * TICK)
    request = request_of(LOOKS.format(looks), lambda host: host.tick(sys._getframe(1), TICK))
    assert type(request) is expected
    if isinstance(request, Hung):
        assert request.why == "it computed for 2 seconds without asking for anything: an endless loop"


def test_a_handler_that_waits_for_ever_is_said_to_wait(computes: Callable[[float], None]) -> None:
    computes(0.0)
    request = request_of(LOOKS.format(10**6), lambda host: host.tick(sys._getframe(1), TICK))
    assert request == Hung("it waited for 6 seconds without asking for anything: an endless wait")


@pytest.mark.parametrize(("share", "error"), [(0.01, None), (1e3, "it computed for 4 seconds and was stopped")])
def test_a_cell_may_compute_as_much_on_a_busy_machine(
    share: float, error: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It computes for a second or so by this machine's clock, which is ``share`` of that by the processor's."""
    real = time.thread_time
    monkeypatch.setattr(patience, "thread_time", lambda: share * real())
    monkeypatch.setattr(program, "_CELL_WAITS", 1e9)
    source = "for number in range(20_000_000):\n    pass"
    found = SourceProgram([Cell("answer", source)])
    assert [one.text for one in found.errors] == ([] if error is None else [error])


# -- a submission's time -------------------------------------------------------------------------------------


@pytest.fixture
def pipes() -> Iterator[tuple[Pipe, Pipe]]:
    ours, theirs = socket.socketpair()
    yield Pipe(ours), Pipe(theirs)
    ours.close()
    theirs.close()


def test_a_submission_that_has_no_processor_is_waited_for(pipes: tuple[Pipe, Pipe]) -> None:
    """Its answer comes after eight times the seconds that it has for one, in all of which it was ready."""
    ours, theirs = pipes
    allowance = Allowance(60.0, time.monotonic)
    threading.Timer(0.8, lambda: theirs.send("late")).start()
    assert allowance.receive(ours, 0.1) == "late"
    assert allowance.left() > 59.0


def test_a_submission_that_could_go_on_is_not(pipes: tuple[Pipe, Pipe]) -> None:
    ours, _ = pipes
    allowance = Allowance(2.0, lambda: 0.0)
    with pytest.raises(Silent):
        allowance.receive(ours, 0.1)
    assert allowance.left() > 0
    with pytest.raises(Silent):
        allowance.receive(ours, 60.0)
    assert allowance.left() <= 0
    with pytest.raises(OutOfTime):
        allowance.receive(ours, 60.0)


def test_what_is_not_charged_ends_too(pipes: tuple[Pipe, Pipe]) -> None:
    """Where no machine says who was ready, and where it says that nobody ever had a processor."""
    ours, _ = pipes
    for not_charged in (lambda: None, time.monotonic):
        allowance = Allowance(0.1, not_charged)
        started = time.monotonic()
        while allowance.left() > 0:
            with pytest.raises(Silent):
                allowance.receive(ours, 0.05)
        assert time.monotonic() - started >= 0.05 * GENEROUS


def test_what_the_grader_computes_is_charged() -> None:
    allowance = Allowance(0.2, lambda: 0.0)
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        pass
    assert allowance.left() <= 0


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="this machine does not say who was ready")
def test_linux_says_how_long_a_process_and_those_below_it_were_ready() -> None:
    """Two that never wait, on one processor: each is ready half of the time. One that sleeps never is."""
    one = min(os.sched_getaffinity(0))
    busy = f"import os\nos.sched_setaffinity(0, [{one}])\nwhile True: pass"
    below = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])"
    sources = [below, busy, "import time; print(flush=True); time.sleep(3600)"]
    command, pipe = [sys.executable, "-c"], subprocess.PIPE
    started = [subprocess.Popen([*command, source], start_new_session=True, stdout=pipe) for source in sources]
    try:
        assert started[2].stdout is not None
        assert started[2].stdout.readline()
        waits = [WaitsForProcessors() for _ in sources]
        while (waits[0].seconds(started[0].pid) or 0) < 0.5:
            time.sleep(0.05)
        asleep, before = waits[2], waits[2].seconds(started[2].pid)
        assert before is not None
        enough = (waits[0].seconds(started[0].pid) or 0) + 0.5
        while (waits[0].seconds(started[0].pid) or 0) < enough:
            time.sleep(0.05)
        assert (asleep.seconds(started[2].pid) or 0) - before < 0.25
        assert WaitsForProcessors().seconds(2**22 + 1) is None
    finally:
        for process in started:
            os.killpg(process.pid, 9)
            process.communicate()
