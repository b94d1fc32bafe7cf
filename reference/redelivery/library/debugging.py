"""Where a consumer stands at some moment of a run: its frame, to be looked at with a debugger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import FrameType

from ..exploration.replay import Run
from ..exploration.stage import Needs, host_of, stores, world_of
from ..simulation.guards import guarded
from ..simulation.hosts import GreenletHost
from ..simulation.live import LiveEffects
from ..simulation.process import Tree
from ..simulation.program import Program


@contextlib.contextmanager
def frame_after(program: Program, run: Run, number: int) -> Iterator[tuple[FrameType | None, str]]:
    """The user's innermost frame of the process that made step ``number`` of a run (or of another that is at work), as
    it stands after that step, and the process's letter. It is alive as long as the context lasts; nothing moves it.

    None: nobody is at work then.
    """
    scenario = run.scenario
    needs = Needs(True, True, True, True)
    host = host_of(program, scenario)
    assert isinstance(host, GreenletHost)
    host.tell_all_apart = True
    tree = Tree(host, shared=False, scripts=scenario.scripts)
    with stores(scenario, run.journal, needs) as both:
        try:
            with guarded():
                effects = LiveEffects(tree, both.sqlite, True, True, both.redis, True, True)
                world = world_of(tree, effects, scenario, scenario.bounds, run.journal, needs)
                state = world.initial(0)
                for choice in run.schedule[:number]:
                    state = world.apply(state, choice)
            last = run.schedule[number - 1].process if number else 0
            order = sorted(range(len(state.processes)), key=lambda index: index != last)
            for index in order:
                frame = host.frame_at(state.processes[index].node, program.files)
                if frame is not None and state.processes[index].message >= 0:
                    yield frame, run.letters[index]
                    return
            yield None, ""
        finally:
            host.close()
