"""A process is a function of what it was told; this tree remembers that function.

Each node stands for one history of answers within a delivery: it holds what the process asks next. Learner
code runs only for nodes that are not there yet::

    message 8 ──▶ SELECT … processed ──▶ none ──▶ UPDATE account … ──▶ 1 row ──▶ …
                                    └──▶ (8,) ──▶ returned
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .operations import Hung, Raised, Request, Returned, SqlFailure, SqlStatement, Told, Unrepeatable
from .sqlite_store import exact

Line = tuple[str, int]
#: A delivery that asks for more operations than this is taken for endless.
MOST_OPERATIONS = 300


class Node:
    """One history: ``told`` was the last answer, ``request`` is what the process asks next."""

    __slots__ = (
        "children",
        "depth",
        "line",
        "memory",
        "message",
        "number",
        "parent",
        "request",
        "root",
        "stack",
        "told",
    )

    def __init__(self, number: int, parent: Node | None, told: Told | None, root: Node | None) -> None:
        self.number = number
        self.parent = parent
        self.told = told
        self.root: Node = root or self
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: dict[Any, Node] = {}
        self.request: Request = Unrepeatable("never asked")
        self.line: Line | None = None
        self.stack: tuple[Line, ...] = ()
        """The learner's lines that led to the request, innermost first; only where the host records them."""
        self.memory = 0  # of a root: what the process remembers before; of an end: after
        self.message = -1

    @property
    def ended(self) -> bool:
        """Whether the delivery is over for the learner's code."""
        return isinstance(self.request, Returned | Raised | Hung | Unrepeatable)

    def answers(self) -> list[Told]:
        """Everything the process was told in this delivery, in order."""
        answers: list[Told] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            answers.append(node.told)  # type: ignore[arg-type]
            node = node.parent
        return answers[::-1]


class Host(Protocol):
    """Where learner code runs. How it finds an unknown node's request is its own affair."""

    def start(self, node: Node) -> None:
        """Fill in the request of a root: begin the delivery of its message with its memory."""

    def go_on(self, node: Node) -> None:
        """Fill in the request of a node: tell its parent what the node was told."""


class Tree:
    """Everything that is known of one program: what was told → what is asked next.

    Not ``shared``: each delivery has a root of its own, so that learner code runs for each of them (and prints).
    ``scripts``: calls that no learner's code answers, by number, each as the statements that it asks for.
    """

    def __init__(
        self, host: Host, shared: bool = True, scripts: Mapping[int, Sequence[SqlStatement]] | None = None
    ) -> None:
        self._host = host
        self._scripts = scripts or {}
        self._shared = shared
        self.most_operations = MOST_OPERATIONS
        self.nodes: list[Node] = []
        self._roots: dict[tuple[int, int], Node] = {}

    def root(self, memory: int, message: int) -> Node:
        """The beginning of a delivery of message number ``message`` to a process that remembers ``memory``."""
        node = self._roots.get((memory, message))
        if node is None:
            node = Node(len(self.nodes), None, None, None)
            node.memory, node.message = memory, message
            self.nodes.append(node)
            if self._shared:
                self._roots[memory, message] = node
            if message in self._scripts:
                node.request = self._scripts[message][0]
            else:
                self._host.start(node)
        return node

    @property
    def hosted(self) -> list[Node]:
        """The nodes that stand for learner code."""
        return [node for node in self.nodes if node.message not in self._scripts]

    def tell(self, node: Node, told: Told) -> Node:
        """What follows when the process at ``node`` is told ``told``."""
        key = exact(told)
        child = node.children.get(key)
        if child is None:
            child = Node(len(self.nodes), node, told, node.root)
            child.message = node.message
            self.nodes.append(child)
            if child.message in self._scripts:
                child.request = _follows(self._scripts[child.message], child.depth, told)
            elif child.depth > self.most_operations:
                child.request = Hung(f"it asks for more than {self.most_operations} operations in one delivery")
                child.line = node.line
            else:
                self._host.go_on(child)
            node.children[key] = child
        return child


def _follows(script: Sequence[SqlStatement], done: int, told: Told) -> Request:
    """What a script asks after ``done`` statements; an error ends it."""
    if isinstance(told, SqlFailure):
        return Raised("lock" if told.is_lock else "error", told.name, told.text)
    return script[done] if done < len(script) else Returned()
