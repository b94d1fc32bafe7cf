"""A process is a function of what it was told; this tree remembers that function.

Each node stands for one history of answers within a delivery: it holds what the process asks next. Learner
code runs only for nodes that are not there yet::

    message 8 ──▶ SELECT … processed ──▶ none ──▶ UPDATE account … ──▶ 1 row ──▶ …
                                    └──▶ (8,) ──▶ returned

**Rounds.** A process that asks again and again what it asked before, and is told the same each time, goes round. Its
tree would be a line without end, or with a very late one. So after a few rounds its code alone is told the same answers
on and on, thousands of times, in a run beside. Either it asks for something else at last: then that far node is made,
one round before, and a search may take the whole way to it as one move (`Node.skip`). Or it doesn't, and is taken for
endless: then the line is bent into a circle, and the process has finitely many nodes::

    SET lock NX ──▶ none ──▶ sleep ──▶ SET lock NX ──▶ none ──▶ sleep ──▶ SET lock NX ──▶ none ──▶ sleep ──┐
                                                                  ▲└──▶ OK ──▶ …                           │
                                                                  └────────────────────────────────────────┘

Told something else anywhere on the circle, it leaves it, as it would have left the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .chance import ALIKE, Identity
from .operations import (
    DrawBytes,
    Hung,
    Raised,
    ReadClock,
    Receive,
    RedisReply,
    RedisTransaction,
    Request,
    Returned,
    SqlFailure,
    SqlResult,
    SqlStatement,
    Told,
    Unrepeatable,
)
from .sqlite_store import exact, flags_after, sets_flag

Line = tuple[str, int]
#: A delivery that asks for more operations than this, and does not go round, is taken for endless.
MOST_OPERATIONS = 2_000
#: Rounds that a process has to go, equal to the letter, before it is followed beyond.
ROUNDS = 2
#: A round of more operations than this is not recognised as one.
_MOST_IN_ROUND = 40
#: So many rounds is a process followed; one that goes on after them is taken for endless.
MOST_ROUNDS = 4_000
#: As many again, where one like it (the same line, the same statements, other messages) has been found endless.
_FEW_ROUNDS = 300
#: The same for a wait for a moment, which is met with another moment each time.
_FEW_ROUNDS_BY_THE_CLOCK = 40


#: Up to here the numbers of messages whose draws are spread are those of their earlier deliveries, doubled.
_SMALL = 100


class Node:
    """One history: ``told`` was the last answer, ``request`` is what the process asks next."""

    __slots__ = (
        "children",
        "circles",
        "contended",
        "depth",
        "line",
        "memory",
        "message",
        "number",
        "parent",
        "polls",
        "request",
        "root",
        "skip",
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
        self.circles = False
        """The node is on a circle: told the same for ever, the process would ask the same for ever."""
        self.contended: bool = parent is not None and (parent.contended or _is_contention(parent.request, told))
        """In this call the process was refused a lock, or others were faster than its EXEC."""
        self.polls: bool | None = None
        """Of a process that asks for a message and was told that there is none: see `Tree.polls_for_ever`."""
        self.skip: Skip | None = None
        """Where the same answers lead in the end; None where the process does not go round."""

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


#: Says at which node a call that is at work goes on: the child of the one it is at, which has just been found out and
#: has not been told of before; None where it goes on later, or never.
Follow = Callable[[Node], Node | None]


class Skip(NamedTuple):
    """The way on from a node of a process that goes round: if it is told ``answers`` once more, and nothing else has
    changed by then, it will be told them until it has arrived at ``node``, one round before it asks something else."""

    answers: tuple[Told, ...]
    node: Node
    operations: int
    """How many there are on the way."""


def _is_contention(request: Request, told: Told | None) -> bool:
    if isinstance(told, SqlFailure):
        return told.is_lock
    return isinstance(request, RedisTransaction) and isinstance(told, RedisReply) and told.value is None


_BY_ROWID = re.compile(r"\s*select\b.*\bwhere\s+\W?(?:rowid|oid|_rowid_)\W?\s*=\s*\?\s*", re.IGNORECASE | re.DOTALL)


class Host(Protocol):
    """Where learner code runs. How it finds an unknown node's request is its own affair."""

    endless: set[Any]
    """Kinds of rounds that were followed to the limit; kept for as long as the program."""

    def start(self, node: Node, follow: Follow | None = None) -> None:
        """Fill in the request of a root: begin the delivery of its message with its memory. A host that has the call at
        work then may carry on at the nodes that ``follow`` names, as long as it names one, and fill in theirs."""

    def go_on(self, node: Node, follow: Follow | None = None) -> None:
        """Fill in the request of a node: tell its parent what the node was told. ``follow``: as for `start`."""

    def rounds(self, node: Node, length: int, most: int) -> int:
        """The process at ``node`` has come round, and asks what it asked ``length`` operations before. For how many
        more operations, up to ``most``, does it go on asking the same if it is told the same? Leaves no trace."""


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
        self.spread: Sequence[int] = ()
        """Of each message, the number that says what its deliveries draw, where draws are spread."""
        self.nodes: list[Node] = []
        self._roots: dict[tuple[int, int], Node] = {}
        self._to_begin: set[int] = set()
        self.flags_set = False
        """A process has set a flag of its connection."""
        self.circles: set[Line] = set()
        """The lines at which processes were taken for endless."""
        self.skips: set[Line] = set()
        """The lines at which processes went round, and asked something else in the end."""
        self._stand_ins: dict[int, Node | None] = {}
        """What stands for nodes that a call at work came by, where they have come round, until they are told of."""

    @property
    def starts_apart(self) -> bool:
        """Whether processes that start are told apart by what they draw then; see `World`."""
        return bool(getattr(self._host, "starts_apart", False))

    def identity(self, node: Node, attempt: int) -> Identity:
        """Who draws at ``node``."""
        number = self.spread[node.message] if node.message < len(self.spread) else ALIKE
        return Identity(node.message, attempt, number)

    def delivered_before(self, node: Node) -> int:
        """How often the queue says that it had delivered a message already when the run began: where draws are spread
        these are all small numbers and some of each size, and none for every other message."""
        number = self.spread[node.message] if node.message < len(self.spread) else 0
        if number <= 0 or number % 2 == 0:
            return 0
        return number // 2 if number < _SMALL else min(int(_SMALL / 2 * 1.1 ** (number - _SMALL)), 10**9)

    def root(self, memory: int, message: int) -> Node:
        """The beginning of a delivery of message number ``message`` to a process that remembers ``memory``. What is
        asked there is known as soon as it has `begun`."""
        node = self._roots.get((memory, message))
        if node is None:
            node = Node(len(self.nodes), None, None, None)
            node.memory, node.message = memory, message
            self.nodes.append(node)
            if self._shared:
                self._roots[memory, message] = node
            self._to_begin.add(node.number)
        return node

    def begun(self, root: Node, at_once: Callable[[Node], Told | None]) -> None:
        """The call at ``root`` begins. ``at_once``: as in `tell`."""
        if root.number in self._to_begin:
            self._to_begin.discard(root.number)
            if root.message in self._scripts:
                root.request = self._scripts[root.message][0]
            else:
                self._host.start(root, lambda here: self._followed(here, at_once))

    @property
    def hosted(self) -> list[Node]:
        """The nodes that stand for learner code."""
        return [node for node in self.nodes if node.message not in self._scripts]

    def tell(self, node: Node, told: Told, at_once: Callable[[Node], Told | None] | None = None) -> Node:
        """What follows when the process at ``node`` is told ``told``. ``at_once``: what it is told, at nodes that come
        directly afterwards, without anybody else having a turn; it may be asked for or not."""
        key = exact(told)
        child = node.children.get(key)
        if child is None:
            follow = None if at_once is None else lambda here: self._followed(here, at_once)
            child = self._child(node, told, follow=follow)
            node.children[key] = child = self._stand_in(child) or child
        return child

    def _child(self, node: Node, told: Told, counted: bool = True, follow: Follow | None = None) -> Node:
        child = self._told(node, told, counted)
        if child.message in self._scripts:
            child.request = _follows(self._scripts[child.message], child.depth, told)
        elif not self._is_too_long(child):
            self._host.go_on(child, follow)
        return child

    def _told(self, node: Node, told: Told, counted: bool = True) -> Node:
        """A node of which only that is known."""
        child = Node(len(self.nodes), node, told, node.root)
        child.message = node.message
        self.nodes.append(child)
        if not counted:
            child.depth = node.depth
        self.flags_set = self.flags_set or (type(node.request) is SqlStatement and sets_flag(node.request.sql))
        return child

    def looks_up_its_row(self, node: Node) -> bool:
        """Whether the process asks for the row that it has just inserted, by its rowid: sqlite-utils does so after each
        ``insert``. A row that was replaced by then has another one."""
        request = node.request
        if not isinstance(request, SqlStatement) or len(request.parameters) != 1 or request.named:
            return False
        rowid = request.parameters[0]
        if not isinstance(rowid, int) or _BY_ROWID.fullmatch(request.sql) is None:
            return False
        return any(isinstance(told, SqlResult) and told.lastrowid == rowid for told in reversed(node.answers()))

    def missed_its_row(self, number: int, now: int) -> bool:
        """Whether a process that was at node ``number``, and is at ``now``, has looked for its own row in vain."""
        before = self.nodes[number]
        if now == number or not self.looks_up_its_row(before):
            return False
        after: Node | None = self.nodes[now]
        while after is not None and after.parent is not before:
            after = after.parent
        return after is not None and isinstance(after.told, SqlResult) and not after.told.rows

    def _is_too_long(self, child: Node) -> bool:
        if child.depth <= self.most_operations:
            return False
        child.request = Hung(f"it asks for more than {self.most_operations:,} operations in one delivery")
        child.line = child.parent.line if child.parent is not None else None
        return True

    def _followed(self, here: Node, at_once: Callable[[Node], Told | None]) -> Node | None:
        """Where a call that is at work goes on at once."""
        stand_in = self._gone_round(here)
        if here.parent is not None:
            key = exact(here.told)
            if here.parent.children.get(key) is not here:
                self._stand_ins[here.number] = stand_in  # `tell` is about to put it there
            elif stand_in is not None:
                here.parent.children[key] = stand_in
        told = at_once(here) if stand_in is None else None
        if told is None:
            return None
        child = here.children[exact(told)] = self._told(here, told)
        return None if self._is_too_long(child) else child

    def _stand_in(self, child: Node) -> Node | None:
        """What stands for a node at which the process has come round for ever."""
        if child.number in self._stand_ins:
            return self._stand_ins.pop(child.number)
        return None if child.ended or child.message in self._scripts else self._gone_round(child)

    def flags_after(self, node: Node, flags: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
        """The flags of a connection, as in `Past`, after the call that ends at ``node``, when they were ``flags``."""
        if not self.flags_set:
            return flags
        edges = []
        while node.parent is not None:
            if type(node.parent.request) is SqlStatement and type(node.told) is SqlResult:
                edges.append((node.parent.request.sql, node.told.in_transaction))
            node = node.parent
        for sql, in_transaction in reversed(edges):
            if sets_flag(sql):
                flags = flags_after(flags, sql, in_transaction)
        return flags

    def _gone_round(self, node: Node) -> Node | None:
        """Whether the process has just come round for the `ROUNDS`-th time. If its circle has no end, the node that
        stands for this one; if it has, the way to it is noted."""
        edges, length = _round_before(node)
        if not length:
            return None
        answers = tuple(edge.told for edge in edges[length - 1 :: -1])
        kind = (node.line, tuple(map(_kind, edges[:length])))
        waits = any(isinstance(edge.request, ReadClock) for edge in edges[:length])
        few = _FEW_ROUNDS_BY_THE_CLOCK if waits else _FEW_ROUNDS
        most = (few if kind in self._host.endless else MOST_ROUNDS) * length
        same = self._host.rounds(node, length, most)
        if same >= most:
            self._host.endless.add(kind)
            self.circles |= {node.line} if node.line else set()
            start = node
            for _ in range(length):
                assert start.parent is not None
                start = start.parent
                start.circles = True
            return start
        ahead = (same // length - 1) * length
        draws = any(isinstance(edge.request, DrawBytes) for edge in edges[:length])
        if ahead > 0 and not draws:  # what is drawn on the way would be another thing each time
            self.skips |= {node.line} if node.line else set()
            line = self._line(node, (answers * (same // length))[: ahead + length - 1])
            for phase in range(length):  # at some of them the process never stops
                line[phase].skip = Skip(answers[phase:] + answers[:phase], line[ahead + phase], ahead)
        return None

    def _line(self, node: Node, answers: Sequence[Told]) -> list[Node]:
        """``node`` and those after it when it is told ``answers``; they don't count as operations."""
        line, rest = [node], iter(answers)

        def follow(here: Node) -> Node | None:
            told = next(rest, None)
            if told is None:
                return None
            child = here.children[exact(told)] = self._told(here, told, counted=False)
            return child

        for place, told in enumerate(answers, 1):
            key = exact(told)
            following = line[-1].children.get(key)
            if following is None:
                rest = iter(answers[place:])
                following = line[-1].children[key] = self._child(line[-1], told, counted=False, follow=follow)
            line.append(following)
        return line

    def polls_for_ever(self, node: Node) -> bool:
        """Whether the process at ``node``, which asks for a message and was last told that there is none, would ask
        again and again if that went on, and do nothing else but what it has just done in between."""
        if node.polls is None:
            edges = last_edges(node)
            length = 1 + next((i for i, e in enumerate(edges) if isinstance(e.request, Receive)), len(edges))
            most = MOST_ROUNDS * length
            node.polls = length <= len(edges) and self._host.rounds(node, length, most) >= most
            self.circles |= {node.line} if node.polls and node.line else set()
        return node.polls


class Edge(NamedTuple):
    """What a process asked, and what it was told."""

    request: Request
    told: Told


def last_edges(node: Node, most: int = ROUNDS * _MOST_IN_ROUND) -> list[Edge]:
    """What the process at ``node`` asked and was told last, backwards."""
    edges: list[Edge] = []
    while node.parent is not None and len(edges) < most:
        edges.append(Edge(node.parent.request, node.told))  # type: ignore[arg-type]
        node = node.parent
    return edges


def _round_before(node: Node) -> tuple[list[Edge], int]:
    """What the process at ``node`` asked and was told last, backwards, and the number of operations in a round, where
    the last `ROUNDS` rounds were equal and it begins another; else 0."""
    request = node.request
    edges: list[Edge] = []
    before = node
    for length in range(1, _MOST_IN_ROUND + 1):
        parent = before.parent
        if parent is None:
            break
        if same_request(parent.request, request):
            if not edges:
                edges = last_edges(node)
            if length > len(edges) // ROUNDS:
                break
            if all(_like(edges[i]) == _like(edges[i + length]) for i in range((ROUNDS - 1) * length)):
                return edges, length
        before = parent
    return edges, 0


def same_request(one: Request, other: Request) -> bool:
    """Whether two requests are the same in equal rounds: which random bytes they draw is no difference."""
    if type(one) is not type(other):
        return False
    return one.length == other.length if isinstance(one, DrawBytes) and isinstance(other, DrawBytes) else one == other


def _kind(edge: Edge) -> Any:
    """What rounds of one kind have in common; the time of day is nothing of it."""
    told = None if isinstance(edge.request, ReadClock) else exact(edge.told)
    return type(edge.request), edge.request[:1], told


def _like(edge: Edge) -> Any:
    return ("draws", edge.request.length) if isinstance(edge.request, DrawBytes) else (edge.request, exact(edge.told))


def _follows(script: Sequence[SqlStatement], done: int, told: Told) -> Request:
    """What a script asks after ``done`` statements; an error ends it."""
    if isinstance(told, SqlFailure):
        return Raised("lock" if told.is_lock else "error", told.name, told.text)
    return script[done] if done < len(script) else Returned()
