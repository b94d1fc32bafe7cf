"""Learner code in another process: this end asks, and believes nothing but requests.

Everything that decides a verdict is here: the stores, the queue, the schedule and the tree of what was told and asked.
The other end holds the submission and answers what it would do next. What it could gain by lying is nothing: each
history is asked for once and kept, so that whatever it answers is *one* function of what a process was told, and it is
this function that is searched. One that says otherwise for the same history when it is asked again, in a fresh process
and in another order (`RemoteHost.check_all`), gets no verdict at all.

What it says of itself (that it remembers nothing, that it draws nothing when it starts, that it goes round for ever) is
not believed either: whatever is proved with it is tried in processes that don't know the answer. They get delivery
after delivery, each as one that has carried out those before, and start as others do (`RemoteHost._is_as_it_says`)::

    grader  ── start 8 ─────────────▶  submission (a fork of its own for each part)
            ◀── SELECT … processed ──
            ── told: none ──────────▶
            ◀── UPDATE account … ────
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Mapping, Sequence, Set
from time import process_time
from types import FrameType
from typing import Any, NoReturn, Protocol

from . import guards
from .calls import Call, MessageGiven, Tool
from .hosts import _MOST_MEMORIES, GrowingMemory, _name, _same
from .memory import CannotCopy
from .operations import (
    Acknowledge,
    DrawBytes,
    Hung,
    LookBack,
    Perform,
    Raised,
    ReadAttempt,
    ReadClock,
    Receive,
    Received,
    RedisCommand,
    RedisTransaction,
    RedisUnwatch,
    RedisWatch,
    Request,
    Returned,
    SendPayment,
    Sleep,
    SqlResult,
    SqlStatement,
    Told,
    Unrepeatable,
)
from .process import Edge, Follow, Line, Node, last_edges, same_request
from .program import Cell, CellError
from .shape import Signatures
from .start import SUCCESSORS
from .wire import Gone, Nonsense, Pipe, Silent, line_of, packed, request_of, unpacked

#: Seconds within which the other end has to answer; it notices endless loops and waits by itself before that. These
#: and the following are not of the clock on the wall: the time in which it had no processor doesn't count.
ANSWER_SECONDS = 10.0
#: Seconds within which the cells have to be executed, each of which is stopped by itself after some.
OPENING_SECONDS = 30.0
#: Seconds within which all deliveries have to be carried out once more.
AGAIN_SECONDS = 60.0
_MOST_OUTPUT = 100_000
#: Calls of one replay that get a process of their own. Counterexamples have fewer; what goes round for ever has no end.
_MOST_APART = 12
#: Deliveries to one process, one after the other, that are tried; and how many such processes.
_IN_A_ROW, _MOST_CHAINS, _AT_A_TIME = 3, 40, 20
#: Of processes at work from the beginning, and of those that take the place of a killed one.
_OTHER_STARTS = (1, SUCCESSORS, SUCCESSORS + 1)
#: Processes that wait at the same time.
_MOST_PROCESSES = 40


class SubmissionBroke(Exception):
    """The process that holds the submission broke the rules or died; the message says how, for the learner."""


class CellsStalled(SubmissionBroke):
    """The cells never came to their end."""


class OutOfTime(Exception):
    """The time for the submission is over."""


class Opener(Protocol):
    """Whoever can start a process that holds nothing yet."""

    def session(self, first: bool) -> Pipe:
        """A pipe to a new one; with ``first``, all that were started before it are ended."""

    def left(self) -> float:
        """Seconds that the submission still has."""

    def receive(self, pipe: Pipe, seconds: float) -> Any:
        """The next message from a pipe that it has made, within ``seconds`` in which the submission could go on.

        Raises:
            OutOfTime: the submission's time is over.
            Silent, Gone, Nonsense: as `Pipe.receive`.
        """


class Session:
    """One process with the submission's cells executed in it."""

    def __init__(self, opener: Opener, cells: Sequence[Cell], first: bool = True) -> None:
        self._opener = opener
        self._first = first
        self._cells = [[cell.name, cell.source] for cell in cells]
        self._pipe: Pipe | None = None
        self.number = 0
        """Counts the processes that there were."""
        self._hosts = 0
        self.errors: tuple[CellError, ...] = ()
        self.open()

    def open(self) -> None:
        """Start a process and have it execute the cells."""
        self.close()
        self._pipe = self._opener.session(self._first)
        self.number += 1
        try:
            answer = self._ask(["open", self._cells], OPENING_SECONDS)
        except Silent:
            raise CellsStalled(
                f"the notebook's cells were not through after {OPENING_SECONDS:g} seconds, and could not be stopped: "
                "one of them waits for something or goes round for ever. Take it out"
            ) from None
        if not isinstance(answer, list) or len(answer) > 2 * len(self._cells) + 1:
            self.broke("did not say how the cells went")
        self.errors = tuple(_cell_error(one) for one in answer)

    def new_host(self) -> int:
        """A number for a host that no other has."""
        self._hosts += 1
        return self._hosts

    def ask(self, message: Any, seconds: float | None = None) -> Any:
        """The answer to a message.

        Raises:
            Silent: there was none in time; the process is gone now.
            SubmissionBroke: it died, or answered nonsense.
            OutOfTime: the submission's time is over.
        """
        if self._pipe is None:
            self.open()
        return self._ask(message, ANSWER_SECONDS if seconds is None else seconds)

    def _ask(self, message: Any, seconds: float) -> Any:
        if self._opener.left() <= 0:
            raise OutOfTime
        assert self._pipe is not None
        try:
            self._pipe.send(message)
            return self._opener.receive(self._pipe, seconds)
        except Silent:
            self.close()
            if self._opener.left() <= 0:
                raise OutOfTime from None
            raise
        except Gone:
            self.close()
            raise SubmissionBroke(
                "the process that runs the answer ended in the middle. Expected a function that returns or raises; "
                "something ended the interpreter, or used up its memory or its computing time"
            ) from None
        except Nonsense as error:
            self.broke(str(error))

    def broke(self, why: str) -> NoReturn:
        """The other end answered what can't be an answer."""
        self.close()
        raise SubmissionBroke(
            f"the process that runs the answer wrote on the grader's pipe what is no answer ({why}). Write nothing "
            "to file descriptors that your code has not opened"
        )

    def close(self) -> None:
        """End the process; `ask` starts another."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def _cell_error(one: Any) -> CellError:
    if isinstance(one, list) and len(one) == 4 and all(isinstance(text, str) for text in one[:3]):
        cell, kind, text, line = one
        if line is None or (type(line) is int and 0 <= line < 1_000_000):
            return CellError(cell[:200], guards_text(kind)[:80], guards_text(text), line)
    raise SubmissionBroke("the process that runs the answer did not say how the cells went")


def guards_text(text: str) -> str:
    """A text from the other end, fit for any page."""
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in text[:500])


class _Opaque:
    """Stands for a value that can't go through the pipe; only the name of its type is known."""


class RemoteProgram:
    """A submission's cells, executed elsewhere."""

    def __init__(self, opener: Opener, cells: Sequence[Cell]) -> None:
        self._opener = opener
        self.apart = False
        """Whether searches, too, give each call a process of its own."""
        self.is_otherwise = False
        """Whether it was found to be otherwise than it says of itself."""
        self._cells = tuple(cells)
        self._lines = {f"<{cell.name}>": cell.source.splitlines() for cell in cells}
        self.endless: set[Any] = set()
        self.known: dict[Any, Any] = {}
        self.other_threads: Set[int] = frozenset()  # those of another process
        self.session = Session(opener, cells)
        self.errors = list(self.session.errors)
        self._draws: bool | None = None
        self._second: Session | None = None
        self._beside = 0  # which first process it was started beside: a new one ends all others

    def in_time(self) -> None:
        """Go on only while there is time.

        Raises:
            OutOfTime: there is none left.
        """
        if self._opener.left() <= 0:
            raise OutOfTime

    def close(self) -> None:
        """End the processes."""
        self.session.close()
        if self._second is not None:
            self._second.close()

    def second_session(self, new: bool = False) -> Session:
        """Another process with the same cells, which knows nothing of the first; with ``new``, nor of any other."""
        if new or self._second is None or self._beside != self.session.number:
            if self._second is not None:
                self._second.close()
            self._second, self._beside = self.new_session(), self.session.number
        return self._second

    def new_session(self) -> Session:
        """One more process with the same cells. Whoever asks for it closes it."""
        return Session(self._opener, self._cells, first=False)

    @property
    def files(self) -> frozenset[str]:
        return frozenset(self._lines)

    @property
    def reached(self) -> frozenset[str]:
        return self.files

    @property
    def draws(self) -> bool:
        if self._draws is None:
            self._draws = self._ask_or_say(["draws"]) is True
        return self._draws

    def seeded(self, identity: int) -> random.Random | None:
        raise TypeError("the functions are in another process")

    def fresh(self, identity: int = 0) -> Mapping[str, Any]:
        raise TypeError("the functions are in another process")

    def wrong_functions(self, signatures: Signatures, cell: str) -> str | None:
        answer = self._ask_or_say(["shape", [[name, list(parameters)] for name, parameters in signatures], cell])
        if answer is not None and not isinstance(answer, str):
            self.session.broke("no sentence about the functions")
        return None if answer is None else guards_text(answer)

    def value(self, name: str) -> Any:
        answer = self._ask_or_say(["value", name])
        if isinstance(answer, list) and len(answer) == 2 and answer[0] == "type" and isinstance(answer[1], str):
            return type(guards_text(answer[1])[:80], (_Opaque,), {})()
        if isinstance(answer, list) and len(answer) == 2 and answer[0] == "value":
            try:
                return unpacked(answer[1])
            except Nonsense as error:
                self.session.broke(str(error))
        return self.session.broke("no value")

    def _ask_or_say(self, message: Any) -> Any:
        try:
            answer = self.session.ask(message)
        except Silent:
            raise SubmissionBroke("the process that runs the answer does not answer any more") from None
        if isinstance(answer, dict):
            raise CannotCopy(guards_text(str(answer.get("x"))))
        return answer

    def source(self, file: str) -> str:
        return "\n".join(self._lines.get(file, []))

    def source_line(self, file: str, line: int) -> str:
        lines = self._lines.get(file, [])
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""


class _There:
    """A host in a session."""

    __slots__ = ("host", "session", "waiting", "within")

    def __init__(self, session: Session, host: int) -> None:
        self.session = session
        self.host = host
        self.within = session.number
        """Which process of the session's the host is in."""
        self.waiting = -1
        """The number of the node at which a call waits there; only where there is one call a process."""

    @property
    def lives(self) -> bool:
        return self.within == self.session.number


class RemoteHost:
    """Asks another process what `LocalHost` would find out here.

    ``apart``: each call in a process of its own, made anew whenever it has to be repeated. Then not even what a
    submission hides in modules, files or the environment gets from one call to another. A replay is always so; a
    search only when it has to be (`RemoteProgram.apart`), since it takes a process for each question.
    """

    def __init__(
        self, program: RemoteProgram, calls: Sequence[Call], messages: Sequence[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        self._program = program
        self.endless = program.endless
        self._setting = [packed(calls), [[identity, packed(body)] for identity, body in messages]]
        self._may_ask = _requests_of(calls)
        self.starts_apart = program.draws
        self.stopped = False
        self.patience = 1.0
        self.record_stacks = False
        self.rebuilding = False
        self.remembering: set[str] = set()
        self.counts_read: list[SqlResult] = []
        self.unsupported: tuple[str, Line | None] | None = None
        self.calls = 0
        self.ignore_memory = False
        self.tell_all_apart = False
        self.one_process = False
        self._nodes: dict[int, Node] = {}
        self._histories: dict[int, tuple[int, Node]] = {}
        self._before: dict[int, int] = {}
        """What the process remembered when a call began, by the number of its root."""
        self._unrepeatable_line: Line | None = None
        self._there: _There | None = None
        self._roots_apart: set[int] = set()
        self._calls_apart: dict[int, _There] = {}
        """With ``apart``: where each call is, by the number of its root."""
        self._output = 0

    @property
    def _numbers_itself(self) -> bool:
        """Whether calls are in processes that know nothing of one another, so that each numbers memories for itself."""
        return self._program.apart or self.record_stacks

    def _is_apart(self, root: Node) -> bool:
        """Whether a call has a process of its own."""
        if self.one_process:
            return False
        if self._program.apart or (self.record_stacks and (self.calls <= _MOST_APART or self._before[root.number])):
            self._roots_apart.add(root.number)
        return root.number in self._roots_apart

    # -- what a tree asks ------------------------------------------------------------------------------

    def start(self, node: Node, follow: Follow | None = None) -> None:
        self.calls += 1
        self._before[node.number] = node.memory
        there = self._in_a_new_process(node) if self._is_apart(node) else self._in_the_first_process()
        self._fill(node, there, ["start", there.host, node.number, node.memory, node.message])

    def go_on(self, node: Node, follow: Follow | None = None) -> None:
        assert node.parent is not None
        if node.root.number in self._roots_apart:
            known = self._calls_apart.get(node.root.number)
            usable = known is not None and known.lives and known.waiting == node.parent.number
            there = known if known is not None and usable else self._in_a_new_process(node)
        else:
            there = self._in_the_first_process()
        self._fill(node, there, ["go on", there.host, node.number, node.parent.number, packed(node.told)])

    def rounds(self, node: Node, length: int, most: int) -> int:
        """For how many more operations, up to ``most``, the process at ``node`` goes on asking the same."""
        if node.root.number in self._roots_apart:
            there = self._in_a_new_process(node)
            self._hand_over(there, [node])
            there.waiting = -1
        else:
            there = self._in_the_first_process()
        edges = last_edges(node, length)[::-1]
        known = node.answers()
        for count in (*(n for n in (4 * length, 64 * length) if n < most), most):
            more = [_drawn(edges[n % length], n) for n in range(count)]
            try:
                said = there.session.ask(
                    ["run", there.host, node.root.number, [packed(told) for told in (*known, *more)]], AGAIN_SECONDS
                )
            except Silent:
                return 0
            if not isinstance(said, list) or len(said) > len(known) + count + 1:
                there.session.broke("no list of requests")
            for n, request in enumerate(said[len(known) + 1 :]):
                if not same_request(_checked(there.session, request), edges[(n + 1) % length].request):
                    return n + 1
            if len(said) < len(known) + count + 1:
                return max(len(said) - len(known) - 1, 0)
        return most

    def check_all(self, nodes: Sequence[Node]) -> Unrepeatable | None:
        """Have every delivery carried out once more, the last ones first, by a process that knows nothing of the first
        time; compare here what it asks."""
        ends = [n for n in nodes if n.ended and n.parent and not isinstance(n.request, Hung | Unrepeatable)]
        there: _There | None = None
        try:
            for end in reversed(ends):
                if there is None or self._program.apart:
                    if there is not None:
                        there.session.close()
                    there = self._begin(self._program.second_session(self._program.apart))
                    self._hand_over(there, self._family(end) if self._program.apart else nodes, with_requests=False)
                answer = there.session.ask(["again", there.host, end.root.number, end.number], AGAIN_SECONDS)
                wrong = self._differs(there.session, end, answer)
                if wrong is not None:
                    return wrong
            if there is not None:
                there.session.ask(["close", there.host])
            return self._is_as_it_says(ends)
        except Silent:
            return Unrepeatable("when it was run once more, the handler did not come to its end")

    def _is_as_it_says(self, ends: Sequence[Node]) -> Unrepeatable | None:
        """Is one process that gets delivery after delivery as the search took it to be, and one that starts as another
        does? Where not, the other end has remembered or drawn something, and said that it hasn't."""
        if self.one_process:
            return None
        rows = [(0, chain) for chain in _chains(ends)]
        if not self.starts_apart:
            first = {end.root.message: end for end in ends if end.root.memory == 0}
            rows += [(identity, [end]) for identity in _OTHER_STARTS for end in first.values()]
        for start in range(0, len(rows), 1 if self._program.apart else _AT_A_TIME):
            wrong = self._differ_in_a_row(rows[start : start + (1 if self._program.apart else _AT_A_TIME)])
            if wrong is not None:
                self._program.is_otherwise = True
                return wrong
        return None

    def _differ_in_a_row(self, rows: Sequence[tuple[int, Sequence[Node]]]) -> Unrepeatable | None:
        """``rows``: the identity with which a process starts, and the ends of the deliveries that it gets."""
        session = self._program.second_session(self._program.apart)
        number = session.new_host()
        options = [False, True, False, self.patience, True]
        answer = session.ask(["host", number, *self._setting, options])
        if isinstance(answer, dict):
            raise CannotCopy(guards_text(str(answer.get("x"))))
        told = [[i, [[end.root.message, [packed(one) for one in end.answers()]] for end in ends]] for i, ends in rows]
        said = session.ask(["rows", number, told], AGAIN_SECONDS)
        ends = [end for _, chain in rows for end in chain]
        if not isinstance(said, list) or len(said) != len(ends):
            session.broke("no list of lists")
        session.ask(["close", number])
        return next(
            (wrong for end, one in zip(ends, said, strict=True) if (wrong := self._differs(session, end, one))), None
        )

    def _differs(self, session: Session, end: Node, answer: Any) -> Unrepeatable | None:
        path: list[Node] = []
        node: Node | None = end
        while node is not None:
            path.append(node)
            node = node.parent
        path.reverse()
        if not isinstance(answer, list) or not answer or len(answer) > len(path):
            session.broke("no list of requests")
        for step, said in zip(path, answer, strict=False):
            request = _checked(session, said)
            if not _same(request, step.request):
                self._unrepeatable_line = step.line
                return Unrepeatable(
                    "two runs of the same schedule differ: told the same, the handler first asked for "
                    f"{_name(step.request)}, then for {_name(request)}. Random numbers, the clock, or memory outside "
                    "the handler may be the reason"
                )
        if len(answer) < len(path):
            session.broke("a list of requests that ends too early")
        return None

    @property
    def unrepeatable_line(self) -> Line | None:
        return self._unrepeatable_line

    def memory_matters(self, tree_nodes: Sequence[Node], deadline: float, most: int) -> bool | None:
        ends = [n.number for n in tree_nodes if n.ended and not isinstance(n.request, Hung | Unrepeatable)]
        there = self._in_the_first_process(tree_nodes)
        seconds = max(deadline - process_time(), 0.0)
        try:
            answer = there.session.ask(["memory matters", there.host, ends, seconds, most], seconds + ANSWER_SECONDS)
        except Silent:
            return None
        if answer is not None and type(answer) is not bool:
            there.session.broke("neither yes nor no")
        return answer

    def close(self) -> None:
        for there in self._calls_apart.values():
            there.session.close()
        self._calls_apart.clear()
        if self._there is not None and self._there.lives:
            try:
                self._there.session.ask(["close", self._there.host])
            except (Silent, SubmissionBroke, OutOfTime):
                pass

    def tick(self, frame: FrameType | None, seconds: float) -> None:
        """The other end looks for itself; here it is only the submission's time that may be over."""
        self._program.in_time()

    def interrupt(self) -> None:
        self.stopped = True

    # -- questions -------------------------------------------------------------------------------------

    def _in_the_first_process(self, nodes: Sequence[Node] = ()) -> _There:
        """The program's first process, with what this host knows in it."""
        if self._there is None or not self._there.lives:
            self._there = self._begin(self._program.session)
            known = nodes or list(self._nodes.values())
            if known:
                self._hand_over(self._there, known)
        return self._there

    def _in_a_new_process(self, node: Node) -> _There:
        """A process for one call alone, which has got as far as the parent of ``node``."""
        old = self._calls_apart.pop(node.root.number, None)
        if old is not None:
            old.session.close()
        if len(self._calls_apart) >= _MOST_PROCESSES:
            self._calls_apart.pop(next(iter(self._calls_apart))).session.close()
        there = self._calls_apart[node.root.number] = self._begin(self._program.new_session())
        if node.parent is not None or node.memory:
            self._hand_over(there, self._family(node.parent or node))
        return there

    def _family(self, node: Node) -> list[Node]:
        """A node with all before it, and those of the calls that left what the process remembered at its beginning."""
        found: dict[int, Node] = {}
        todo, memory = [node], self._before[node.root.number]
        while memory > 0:
            memory, end = self._histories[memory]
            todo.append(end)
        for end in todo:
            step: Node | None = end
            while step is not None:
                found[step.number] = step
                step = step.parent
        return [found[number] for number in sorted(found)]

    def _begin(self, session: Session) -> _There:
        number = session.new_host()
        options = [self.ignore_memory, self.tell_all_apart, self.record_stacks, self.patience, self.one_process]
        answer = session.ask(["host", number, *self._setting, options])
        if isinstance(answer, dict):
            raise CannotCopy(guards_text(str(answer.get("x"))))
        return _There(session, number)

    def _hand_over(self, there: _There, nodes: Sequence[Node], with_requests: bool = True) -> None:
        """Tell a process what others were told so far, and what they have answered, unless it is to say so itself."""
        known = [
            [
                node.number,
                node.parent.number if node.parent else None,
                packed(node.told),
                packed(node.request if with_requests else Returned()),
                self._before.get(node.number, node.memory),
                node.message,
            ]
            for node in nodes
        ]
        for start in range(0, len(known), 500):
            there.session.ask(["nodes", there.host, known[start : start + 500]])
        numbers = {node.number for node in nodes}
        histories = [[m, earlier, end.number] for m, (earlier, end) in self._histories.items() if end.number in numbers]
        there.session.ask(["adopt", there.host, histories], AGAIN_SECONDS)

    def _fill(self, node: Node, there: _There, question: list[Any]) -> None:
        self._nodes[node.number] = node
        try:
            answer = there.session.ask(question)
        except Silent:
            node.request = Hung("it asked for nothing and could not be stopped: an endless loop or an endless wait")
            node.line = node.parent.line if node.parent else None
            return
        if not isinstance(answer, dict):
            there.session.broke("no answer")
        there.waiting = node.number
        self._learn(node, there.session, answer)

    def _learn(self, node: Node, session: Session, answer: dict[str, Any]) -> None:
        problem = answer.get("x")
        if problem == "growing":
            raise GrowingMemory
        if problem is not None:
            raise CannotCopy(guards_text(str(problem)))
        request = node.request = _checked(session, answer.get("r"))
        if type(request) not in self._may_ask:
            session.broke(f"{type(request).__name__}, for which it was given nothing")
        if isinstance(request, Acknowledge | Perform) and request.delivery >= _deliveries(node):
            session.broke("a delivery that it has not received")
        try:
            node.line = self._place(answer.get("l"))
            stack = answer.get("s") or []
            if not isinstance(stack, list) or len(stack) > 10_000:
                session.broke("no stack")
            node.stack = tuple(line for one in stack if (line := self._place(one)))
            unsupported = answer.get("u")
            if isinstance(unsupported, list) and len(unsupported) == 2 and isinstance(unsupported[0], str):
                self.unsupported = self.unsupported or (guards_text(unsupported[0]), self._place(unsupported[1]))
        except Nonsense as error:
            session.broke(str(error))
        memory = answer.get("m", 0)
        if type(memory) is not int or not -1000 < memory < 1_000_000:
            session.broke("no number for what it remembers")
        if node.ended:
            if memory > 0 and self._numbers_itself:
                memory = len(self._histories) + 1
            if memory > 0 and memory not in self._histories:
                self._histories[memory] = (self._before[node.root.number], node)
                if self._numbers_itself and memory > _MOST_MEMORIES and not self.tell_all_apart:
                    raise GrowingMemory
            node.memory = memory  # of a call that asked for nothing the root is also the end
        self._note(answer)

    def _note(self, answer: dict[str, Any]) -> None:
        """What a replay wants to know besides."""
        output = answer.get("o")
        if isinstance(output, str) and self._output < _MOST_OUTPUT:
            self._output += len(output)
            guards.tell_listener(output[:_MOST_OUTPUT])
        counted = answer.get("c")
        for number in counted if isinstance(counted, list) else ():
            node = self._nodes.get(number) if type(number) is int else None
            if node is not None and isinstance(node.told, SqlResult):
                self.counts_read.append(node.told)
        names = answer.get("n")
        if isinstance(names, list):
            self.remembering |= {name[:200] for name in names[:100] if isinstance(name, str)}

    def _place(self, said: Any) -> Line | None:
        line = line_of(said)
        return line if line is None or line[0] in self._program.files else None


def _checked(session: Session, said: Any) -> Request:
    try:
        return request_of(said)
    except Nonsense as error:
        session.broke(str(error))


def _deliveries(node: Node) -> int:
    return sum(isinstance(told, Received) and told.message >= 0 for told in node.answers())


#: What may be asked with what a function is given.
_OF_TOOLS: dict[Tool, tuple[type, ...]] = {
    Tool.DB: (SqlStatement, LookBack),
    Tool.REDIS: (RedisCommand, RedisTransaction, RedisWatch, RedisUnwatch),
    Tool.QUEUE: (Receive, Acknowledge, Perform, ReadAttempt),
    Tool.PROCESS: (Receive, Acknowledge, Perform, ReadAttempt),
    Tool.SEND: (SendPayment,),
}


def _requests_of(calls: Sequence[Call]) -> frozenset[type]:
    """What processes that are called for these calls may ask for."""
    given = [argument for call in calls for argument in (*call.arguments, *call.made_with)]
    kinds: set[type] = {DrawBytes, Hung, Raised, ReadClock, Returned, Sleep, Unrepeatable}
    for argument in given:
        if isinstance(argument, Tool):
            kinds.update(_OF_TOOLS[argument])
        elif isinstance(argument, MessageGiven):
            kinds.add(ReadAttempt)
    return frozenset(kinds)


def _drawn(edge: Edge, number: int) -> Told:
    """What a process is told when it comes round: what is drawn is never the same twice."""
    if isinstance(edge.request, DrawBytes):
        return hashlib.shake_256(f"{number}".encode()).digest(edge.request.length)
    return edge.told


def _chains(ends: Sequence[Node]) -> list[list[Node]]:
    """Deliveries that one process could get one after the other, as the search knows them: of each kind, followed by
    one of each message."""
    kinds: dict[Any, Node] = {}
    for end in ends:
        kinds.setdefault((end.root.memory, end.root.message, _kind(end)), end)
    after: dict[int, dict[int, list[Node]]] = {}
    for end in kinds.values():
        after.setdefault(end.root.memory, {}).setdefault(end.root.message, []).append(end)
    turns = {
        (memory, message): itertools.cycle(there)
        for memory, by_message in after.items()
        for message, there in by_message.items()
    }
    chains: list[list[Node]] = []
    for first in after.get(0, {}).values():
        for end in first:
            for message in after.get(end.memory, {}):
                chain = [end, next(turns[end.memory, message])]
                while len(chain) < _IN_A_ROW and chain[-1].memory in after:
                    following = sorted(after[chain[-1].memory])
                    chain.append(next(turns[chain[-1].memory, following[len(chains) % len(following)]]))
                chains.append(chain)
    return chains[:: -(-len(chains) // _MOST_CHAINS) or 1]


def _kind(end: Node) -> tuple[Any, ...]:
    """What a delivery asked for, and how it went."""
    kind: list[Any] = []
    node: Node | None = end
    while node is not None:
        kind += [type(node.told), node.request]
        node = node.parent
    return tuple(kind)
