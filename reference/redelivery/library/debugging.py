"""Where a consumer stands at some moment of a run: its frame, to be looked at with a debugger."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FrameType

from ..exploration.replay import Run
from ..exploration.stage import Needs, host_of, stores, world_of
from ..simulation.guards import guarded, lifted
from ..simulation.hosts import LocalHost
from ..simulation.live import LiveEffects
from ..simulation.process import Tree
from ..simulation.program import Program


def look_after(program: Program, run: Run, number: int, look: Callable[[FrameType, str], None]) -> None:
    """Call ``look`` with the user's innermost frame of the process that made step ``number`` of a run (or of another
    that is at work), as it stands after that step, and the process's letter. Nobody is looked at where nobody is at
    work then.
    """
    scenario = run.scenario
    needs = Needs(True, True, True, True)
    host = host_of(program, scenario)
    assert isinstance(host, LocalHost)
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
            for index in sorted(range(len(state.processes)), key=lambda index: index != last):
                process = state.processes[index]
                node = tree.nodes[process.node]
                if process.message < 0 or node.ended:
                    continue
                with guarded():
                    if host.look_at(node, partial(_visit, look, run.letters[index])):
                        return
        finally:
            host.close()


def _visit(look: Callable[[FrameType, str], None], letter: str, frame: FrameType) -> None:
    with lifted():
        look(frame, letter)
