"""What runs the learner's code, shared by searches in which the same functions are called with the same arguments.

What a call asks next depends on what it was told, and on nothing else: not on the journal, not on who else takes part,
not on the faults. So what one search has found out needs no running again in another.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..simulation.process import Tree
from ..simulation.program import Program
from .scenario import Scenario
from .stage import AnyHost, host_of


@dataclass(slots=True)
class Hosted:
    """A host, and the tree of all that was asked there."""

    host: AnyHost
    tree: Tree
    broken: bool = False
    """A search was left in the middle of a call, so that the tree has an end that nothing is known of."""


class Hosts:
    """The hosts of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[tuple[str, bool, bool], Hosted] = {}
        self._all: list[Hosted] = []

    def of(self, scenario: Scenario, ignore_memory: bool = False, tell_all_apart: bool = False) -> Hosted:
        """The host for all calls of ``scenario``; for the two others see `LocalHost`."""
        called = repr((scenario.calls, scenario.messages, scenario.scripts, scenario.spread))
        key = (called, ignore_memory, tell_all_apart)
        found = self._known.get(key)
        if found is None or found.broken:
            host = host_of(self._program, scenario)
            host.ignore_memory, host.tell_all_apart = ignore_memory, tell_all_apart
            found = self._known[key] = Hosted(host, Tree(host, scripts=scenario.scripts))
            self._all.append(found)
        return found

    def close(self) -> None:
        """No search goes on."""
        for hosted in self._all:
            hosted.host.close()
            for node in hosted.tree.nodes:
                node.children.clear()  # or only the collector of garbage would find them
        self._known.clear()
        self._all.clear()
