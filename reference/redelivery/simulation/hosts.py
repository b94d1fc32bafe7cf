"""Where learner code runs: in this interpreter, each call from its start.

A process is a function of what it was told. So what it asks after some answers is found out by running the call from
its start and telling it those answers; that it asks the same before is checked every time. At the first operation that
has no answer the call goes on if there is one at once (`Follow`), and is unwound otherwise: a crash is a call that was
unwound and not run again. No stack is ever switched, so this runs wherever Python does, in a browser, too.

What unwinding makes a learner's ``except`` and ``finally`` do reaches nothing, and the process whose memory they could
have changed is not used again.
"""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import inspect
import random
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from time import process_time
from types import FrameType
from typing import Any, NoReturn

import sqlite_utils

from . import boundary, guards
from .calls import Call, MessageGiven, Tool
from .chance import FEW, bits_counted
from .guards import NotAllowedHere
from .memory import Opaque, fingerprint, keeps_nothing, remembered
from .message import Message, Retry
from .operations import (
    CallService,
    DrawBytes,
    Hung,
    LookBack,
    Raised,
    ReadAttempt,
    ReadClock,
    RedisCommand,
    RedisReply,
    RedisTransaction,
    RedisUnwatch,
    RedisWatch,
    Request,
    Returned,
    SendPayment,
    Sleep,
    SqlFailure,
    SqlResult,
    SqlStatement,
    Told,
    Unrepeatable,
)
from .patience import Patience
from .process import Follow, Line, Node, last_edges, same_request
from .program import Program, _text, innermost_line
from .queue_client import Queue, payment_sender
from .sqlite_client import Connection, Opened
from .sqlite_store import exact

#: Seconds of computing without an operation after which a handler is taken for endless.
PATIENCE = 2.0
#: Seconds of waiting without computing after which it is; real waits that end (for a file, a thread) are shorter.
_PATIENCE_WAITING = 6.0
#: Where one delivery is endless, the next one is not waited for as long: this part of it.
LITTLE_PATIENCE = 0.25
#: How often a call that is unwound may ask for something in its ``except`` and ``finally`` before it is pushed out.
_LAST_WORDS = 3
#: Different memories after which a search tries without telling them apart.
_MOST_MEMORIES = 24
#: Deliveries to one process whose memories are tried afterwards.
_MEMORY_DEPTH = 4


class ProcessKilled(BaseException):
    """Raised in a call that does not go on, to unwind it. It can reach nothing any more."""


class GrowingMemory(Exception):
    """What processes remember takes ever new values: a counter, a list of what was done."""


class Stopped(Exception):
    """The search was stopped by the person at the keyboard."""


class _Instance:
    """One process: its own copy of the learner's code, and its clients of the stores."""

    def __init__(self, host: LocalHost, identity: int = 0) -> None:
        self.identity = identity
        self.functions = host.program.fresh(identity)
        self.entries = {name: self.functions.get(name) for name in host.entries}
        self.objects: dict[str, Any] = {}
        self.made: dict[str, Any] = {}
        """What objects held when they had just been made; only with ``record_stacks``."""
        """What the process has made once, by the name of its class."""
        self.seeded = host.program.seeded(identity)
        """What the functions of the module ``random`` draw from, once the process has seeded it."""
        self._host = host
        self.redis: Any = None
        if Tool.REDIS in host.tools:
            from .redis_client import make_client  # takes a while to import, and not everybody needs it

            self.redis = host._clients.pop() if host._clients else make_client(host.ask_redis, host.note_unsupported)
        self.renew()

    def renew(self) -> None:
        """Give it new connections, and forget what goes with a process."""
        host, known = self._host, object()
        self._known = known

        def ask(statement: SqlStatement) -> SqlResult | SqlFailure:
            active = host._active
            if active is not None and active.instance._known is not known:
                raise ProcessKilled  # a generator, say, of a process that is no more is collected just now
            return host.ask(statement)

        self.connection = Connection(ask, host.note_unsupported, host.look_back)
        if host.record_stacks:
            self.connection._count_read = host.counts_read.append
        self.db = sqlite_utils.Database(
            self.connection,  # type: ignore[arg-type]
            recursive_triggers=False,
            execute_plugins=False,
        )
        self.opened: list[Opened] = []
        """Further connections that the code has opened itself."""
        self.context = contextvars.Context()
        self.loops: Any = None
        """asyncio's policy, where the process has one."""
        self.db._supports_on_conflict = True
        self.db._supports_strict = True

    def fingerprint(self) -> Any:
        c = self.connection  # which takes no attributes of a learner's, as the real one
        client = (c._isolation_level, c.row_factory, c.text_factory, c._trace)  # it may be closed
        library = {k: v for k, v in vars(self.db).items() if k != "conn"}
        variables = sorted(((v.name, value) for v, value in self.context.items()), key=lambda item: item[0])
        if self.loops is not None:
            variables.append(("asyncio", self.loops.remembers()))
        if self.seeded is not None:
            variables.append(("random", self.seeded.getstate()))
        if not self.objects:
            return fingerprint({"": [client, library, variables], **self.entries})
        objects = {f"object {name}": self._content_of(thing) for name, thing in self.objects.items()}
        return fingerprint({"": [client, library, variables], **self.entries, **objects})

    def _content_of(self, thing: Any) -> Any:
        """A learner's object without the clients that it holds: those are told of already."""
        clients = {id(self.db), id(self.redis), id(self.connection)}
        attributes: dict[str, Any] | None = getattr(thing, "__dict__", None)
        if attributes is None or hasattr(type(thing), "__slots__"):
            return thing
        return {name: value for name, value in attributes.items() if id(value) not in clients}


class _Run:
    """One call, from its start to the first operation that has no answer, or to its end."""

    __slots__ = (
        "beyond",
        "bits_drawn",
        "dead",
        "differs_at",
        "draws",
        "failure",
        "goes_round",
        "instance",
        "last_words",
        "line",
        "number",
        "path",
        "place",
        "request",
        "stack",
    )

    def __init__(
        self, instance: _Instance, path: Sequence[Node], beyond: Callable[[Request], Told | None] | None
    ) -> None:
        self.instance = instance
        self.path = path
        """What is known already, from the beginning of the call: it is told what these nodes were told."""
        self.place = 0
        """Where it is on that path."""
        self.beyond = beyond
        """What it is told at an operation after that; None: nothing, and it is unwound."""
        self.goes_round = False
        """It is told thousands of times what it was told before, and nobody wants to know at which line."""
        self.request: Request | None = None
        """What it asked when it was unwound, or how it ended."""
        self.differs_at: Node | None = None
        """Where it asked something else than the path says."""
        self.failure: BaseException | None = None
        """Raised by ``beyond``, and to be raised again outside of the learner's code."""
        self.line: Line | None = None
        self.stack: tuple[Line, ...] = ()
        self.dead = False
        """It is being unwound: it reaches nothing any more."""
        self.last_words = 0
        self.draws = self.bits_drawn = 0
        self.number = 0

    @property
    def repeats(self) -> bool:
        """Whether it does again what is known."""
        return self.dead or self.place + 1 < len(self.path)


class LocalHost:
    """Runs functions of ``program`` as ``calls`` say; nodes name calls by position.

    ``messages`` are the (id, body) pairs that a loop may receive.
    """

    def __init__(
        self, program: Program, calls: Sequence[Call], messages: Sequence[tuple[str, Mapping[str, Any]]] = ()
    ) -> None:
        self.program = program
        self.endless = program.endless
        self._known = program.known
        self._what = repr((calls, messages))
        self.calls_known = calls
        self.messages = messages
        self.entries = tuple(dict.fromkeys(call.name for call in calls))
        self.tools = frozenset(a for call in calls for a in (*call.arguments, *call.made_with) if isinstance(a, Tool))
        self.stopped = False
        self._patience = Patience(PATIENCE, _PATIENCE_WAITING)
        self.record_stacks = False
        self._rebuilding = False
        self.remembering: set[str] = set()
        """Names in which some process remembered something after a delivery; only with ``record_stacks``."""
        self.counts_read: list[SqlResult] = []
        """Statements' results whose rowcount was looked at; only with ``record_stacks``."""
        self.unsupported: tuple[str, Line | None] | None = None
        """What a handler asked for that this simulation has not, and where."""
        self.calls = 0
        """Handler calls begun."""
        self._thread = threading.get_ident()
        self._active: _Run | None = None
        self._progress = 0
        self._last_progress = -1
        self.ignore_memory = False
        """Take every process for fresh after each delivery; `memory_matters` says afterwards whether that was right."""
        self.tell_all_apart = False
        """Tell apart any number of memories."""
        self.one_process = False
        """All calls are made by one process, one after the other, which lives as long as the host."""
        self._now = 0
        """What that process remembers now."""
        self._before: dict[int, int] = {}
        """What it remembered at the beginning of each call, by the number of the call's root."""
        self._latest: tuple[int, _Instance] | None = None
        """What a process remembers that has come to the end of a call, and is as it was then."""
        self._clients: list[Any] = []
        """Redis clients of processes that are no more."""
        self._memories: dict[Any, int] = {}
        self._identities: set[int] = set()
        """Of processes whose memory at their start has its number."""
        self.starts_apart = program.draws
        """Whether processes that start are told apart; see `World`."""
        self._histories: list[tuple[int, Node] | None] = [None]
        boundary.listen()
        functions = program.fresh()
        entries = {name: functions.get(name) for name in self.entries}
        self.unsupported = boundary.held(entries, program.files, program.other_threads)
        codes = boundary.code_of(entries, program.files)
        names = boundary.names_in(codes)
        self._modules = boundary.Modules(entries, names)
        self._event_loops: Any = None
        if "asyncio" in names or any(code.co_flags & inspect.CO_COROUTINE for code in codes):
            from . import event_loop  # takes a while to import, and few need it

            self._event_loops = event_loop
        self._keeps_loops = bool(names & {"get_event_loop", "set_event_loop"})
        self._keeps_nothing = keeps_nothing(entries) and not self._keeps_loops
        self._spare: list[_Instance] = []  # of processes that are done; only where they keep nothing

    @property
    def patience(self) -> float:
        """The part of the usual patience with a delivery that asks for nothing."""
        return self._patience.part

    @patience.setter
    def patience(self, part: float) -> None:
        self._patience.part = part

    # -- what a tree asks ------------------------------------------------------------------------------

    @property
    def rebuilding(self) -> bool:
        """Something is being repeated: the memory that earlier calls left, or a call up to where it has been before."""
        return self._rebuilding or (self._active is not None and self._active.repeats)

    def start(self, node: Node, follow: Follow | None = None) -> None:
        if self.one_process:
            self._before[node.number] = self._now
        self._go(node, follow)

    def go_on(self, node: Node, follow: Follow | None = None) -> None:
        self._go(node, follow)

    def _go(self, node: Node, follow: Follow | None) -> None:
        """Find out what the process asks at ``node``, and at those which ``follow`` says come after it."""
        path = _path_to(node)

        def beyond(request: Request) -> Told | None:
            nonlocal node
            self._settle(run, node, request)
            child = None if follow is None else follow(node)
            if child is None:
                return None
            node = child
            return child.told

        run = _Run(self._process_for(node.root), path, beyond)
        asked = self._live(run, node.message)
        if run.differs_at is not None:
            node.request = self._differs(run.differs_at, asked, run.line)
            node.line = self._unrepeatable_line
        elif isinstance(asked, Returned | Raised | Hung):
            self._settle(run, node, asked)

    def _told(self, end: Node, instance: _Instance) -> _Run:
        """A process that was told in one call what led to ``end``."""
        run = _Run(instance, _path_to(end), None)
        self._live(run, end.message)
        return run

    def _check_again(self, node: Node) -> Unrepeatable | None:
        """Run an ended delivery once more from its start; what it asks must be what it asked."""
        if node.parent is None or isinstance(node.request, Hung | Unrepeatable):
            return None
        run = self._told(node, self._process_for(node.root))
        asked = run.request
        assert asked is not None
        if run.differs_at is None and _same(asked, node.request):
            return None
        return self._differs(run.differs_at or node, asked, run.line)

    def check_all(self, nodes: Sequence[Node]) -> Unrepeatable | None:
        for node in nodes:
            if node.ended and not self._was_the_same(node) and (wrong := self._check_again(node)):
                return wrong
        return None

    def _was_the_same(self, node: Node) -> bool:
        """Whether an ended delivery has been run before by another host of the same program, and asked the same; if it
        is the first of its kind, this is noted for others."""
        key = self._history(node)
        if key is None:
            return False
        asked: list[Request] = []
        step: Node | None = node
        while step is not None:
            asked.append(step.request)
            step = step.parent
        before = self._known.setdefault(key, asked)
        return before is not asked and len(before) == len(asked) and all(map(_same, before, asked))

    def _history(self, node: Node) -> Any:
        """What has happened to the process at ``node``, for comparison with other hosts of the same program; None where
        it remembers something from before."""
        if node.root.memory > 0:
            return None
        return (self._what, node.root.memory, node.root.message, exact(tuple(node.answers())))

    def again(self, root: Node, answers: Sequence[Told]) -> list[Request]:
        """What a new run of the call at ``root`` asks when it is told ``answers`` one after the other."""
        return self._asked(self._process_for(root), root.message, answers)

    def _asked(self, instance: _Instance, call: int, answers: Sequence[Told]) -> list[Request]:
        asked: list[Request] = []
        left = iter(answers)

        def beyond(request: Request) -> Told | None:
            asked.append(request)
            return next(left, None)

        last = self._live(_Run(instance, (), beyond), call)
        return asked if asked and asked[-1] is last else [*asked, last]

    def in_a_row(self, identity: int, deliveries: Sequence[tuple[int, Sequence[Told]]]) -> list[list[Request]]:
        """With `one_process`: what a new process that starts with this identity asks in each of these deliveries, as
        (call, what it is told), one after the other."""
        instance = self._new(identity)
        return [self._asked(instance, call, told) for call, told in deliveries]

    def rounds(self, node: Node, length: int, most: int) -> int:
        """The process at ``node`` has come round, and asks what it asked ``length`` operations before. For how many
        more operations, up to ``most``, does it go on asking the same if it is told the same?"""
        history = self._history(node)
        if history is not None:
            if (known := self._known.get((length, most, history))) is not None:
                return known  # type: ignore[no-any-return]
            same = self._known[length, most, history] = self._rounds(node, length, most)
            return same
        return self._rounds(node, length, most)

    def _rounds(self, node: Node, length: int, most: int) -> int:
        edges = last_edges(node, length)[::-1]
        same = -1

        def beyond(request: Request) -> Told | None:
            nonlocal same
            same += 1
            if same >= most or (same and not same_request(request, edges[same % length].request)):
                return None
            asked, told = edges[same % length]
            if isinstance(asked, DrawBytes):  # never the same twice
                told = hashlib.shake_256(f"{same}".encode()).digest(asked.length)
            return told

        run = _Run(self._process_for(node.root), _path_to(node), beyond)
        run.goes_round = True
        asked = self._live(run, node.message)
        ended = isinstance(asked, Returned | Raised | Hung)
        return 0 if run.differs_at is not None else max(same + ended, 0)

    def adopt(self, histories: Mapping[int, tuple[int, Node]]) -> None:
        """Take over from a host that is no more: what processes remember, as a number → the number of what they
        remembered before, and the end of the call that changed it."""
        self._histories = [None, *(histories.get(n) for n in range(1, max(histories, default=0) + 1))]
        for number in (0, *histories):
            try:
                self._memories[self._instance_with(number).fingerprint()] = number
            except Opaque:
                self._memories["after", number] = number

    @property
    def unrepeatable_line(self) -> Line | None:
        """Where two runs of one schedule differed."""
        return self._unrepeatable_line

    def close(self) -> None:
        """Nothing waits, so there is nothing to end."""

    def look_at(self, node: Node, visit: Callable[[FrameType], None]) -> bool:
        """Call ``visit`` with the innermost of the learner's frames at a node that has not ended, while it is there;
        whether there is one."""
        found = False

        def beyond(request: Request) -> None:
            nonlocal found
            frame = _innermost(sys._getframe(1), self.program.files)
            if frame is not None:
                found = True
                visit(frame)

        self._live(_Run(self._process_for(node.root), _path_to(node), beyond), node.message)
        return found

    # -- runs ------------------------------------------------------------------------------------------

    def _process_for(self, root: Node) -> _Instance:
        """A process that remembers what the one remembered to which the call at ``root`` was made."""
        return self._instance_with(self._before.get(root.number, self._now) if self.one_process else root.memory)

    def _instance_with(self, memory: int) -> _Instance:
        if self._latest is not None and self._latest[0] == memory:
            instance, self._latest = self._latest[1], None
            return instance
        earlier: list[Node] = []  # the ends of the calls that it remembers, the last one first
        start = memory
        while start > 0 and (history := self._histories[start]) is not None:
            start, end = history
            earlier.append(end)
        if not earlier:
            return self._spare.pop() if self._spare else self._new(-memory)
        outermost, self._rebuilding = self._rebuilding, True
        try:
            instance = self._new(-start)
            for end in reversed(earlier):
                self._told(end, instance)
        finally:
            self._rebuilding = outermost
        return instance

    def _new(self, identity: int = 0) -> _Instance:
        """A process that has just started."""
        outermost, self._rebuilding = self._rebuilding, self._rebuilding or self.calls > 0
        try:
            return _Instance(self, identity)
        finally:
            self._rebuilding = outermost

    def _live(self, run: _Run, number: int) -> Request:
        """Run a call until it is unwound or ends; what it asked last, or how it ended."""
        self.calls += 1
        instance = run.instance
        instance.connection._begin_delivery()
        for opened in instance.opened:
            opened._begin_delivery()
        if not self._keeps_loops:
            instance.loops = None
        if instance.redis is not None:
            from .redis_client import begin_delivery

            begin_delivery(instance.redis)
        loops, trace, around = self._event_loops, sys.gettrace(), (self._active, guards.source)
        self._thread = threading.get_ident()
        if loops is not None:
            loops.install()
            outer = loops.leave()
        self._progress += 1
        self._active, guards.source = run, self
        ended: Request | None = None
        try:
            ended = instance.context.run(self._call, run, self.calls_known[number])
        except ProcessKilled:
            pass
        finally:
            self._active, guards.source = around
            if sys.gettrace() is not trace:
                sys.settrace(trace)
            if loops is not None:
                loops.back(outer)
        if self.stopped:
            raise Stopped
        if run.failure is not None:
            raise run.failure
        if run.request is not None:
            self._let_go_of(instance, run)
            return run.request
        assert ended is not None
        run.request = ended
        if run.place + 1 < len(run.path):
            run.differs_at = run.path[run.place]
        return ended

    def _call(self, run: _Run, call: Call) -> Request:
        """The life of one call."""
        try:
            value = self._function(run.instance, call)(*self._given(run.instance, call.arguments))
            return Returned(value) if type(value) in (int, str) else Returned()
        except ProcessKilled:
            return Returned()
        except BaseException as error:
            if run.dead:
                _let_go(error)
                return Returned()
            run.line = innermost_line(error, self.program.files) or run.line or self._line_before(run)
            raised = _describe(error, self.program.files)
            _let_go(error)
            return raised

    @staticmethod
    def _line_before(run: _Run) -> Line | None:
        """That of the last operation on the path that the run has come."""
        return run.path[run.place - 1].line if 0 < run.place <= len(run.path) else None

    def _let_go_of(self, instance: _Instance, run: _Run) -> None:
        """A process in which a call was unwound is not used again, but for what can't remember anything of it."""
        if run.last_words <= _LAST_WORDS and not isinstance(run.request, Hung):
            if self._is_forgetful(instance) and not self.starts_apart:
                instance.renew()
                self._spare.append(instance)
            elif instance.redis is not None:
                self._clients.append(instance.redis)

    def _is_forgetful(self, instance: _Instance) -> bool:
        """Whether there is nothing in which the process could remember anything."""
        return self._keeps_nothing and not instance.objects and instance.seeded is None

    def _function(self, instance: _Instance, call: Call) -> Callable[..., Any]:
        name, _, method = call.function.partition(".")
        if not method:
            return instance.functions[name]  # type: ignore[no-any-return]
        thing = instance.objects.get(name)
        if thing is None:
            thing = instance.objects[name] = instance.functions[name](*self._given(instance, call.made_with))
            if self.record_stacks:
                instance.made.update(remembered({name: thing}))
        return getattr(thing, method)  # type: ignore[no-any-return]

    def _given(self, instance: _Instance, arguments: Sequence[Any]) -> list[Any]:
        given: list[Any] = []
        queue: Queue | None = None
        for argument in arguments:
            kind = type(argument)
            if kind is MessageGiven:
                given.append(Message(argument.id, argument.body, self._ask_attempt))
            elif argument is Tool.DB:
                given.append(instance.db)
            elif argument is Tool.REDIS:
                given.append(instance.redis)
            elif argument is Tool.SEND:
                given.append(payment_sender(self.ask_elsewhere))
            elif kind is Tool:
                queue = queue or Queue(self.ask_elsewhere, self._ask_attempt, self.messages)
                given.append(queue if argument is Tool.QUEUE else queue.process)
            else:
                given.append(argument)
        return given

    def _settle(self, run: _Run, node: Node, request: Request) -> None:
        if self.unsupported is None and (left := self._modules.left()) is not None:
            self.unsupported = left, run.line
        node.request, node.line, node.stack = request, run.line, run.stack
        if isinstance(request, Returned | Raised):
            instance = run.instance
            if not self._keeps_loops:
                instance.loops = None  # the next delivery has another, whatever this one did with it
            if self._is_forgetful(instance):
                node.memory = -instance.identity
                if not self.starts_apart:
                    self._spare.append(instance)
            elif self.one_process:
                self._now = self._memory_after(run, node)
                self._latest = self._now, instance
            elif self.ignore_memory:
                node.memory = -instance.identity
            else:
                node.memory = self._memory_after(run, node)
            if isinstance(request, Returned):
                node.line = node.parent.line if node.parent else None

    def _differs(self, node: Node, request: Request, line: Line | None) -> Unrepeatable:
        self._unrepeatable = Unrepeatable(
            "two runs of the same schedule differ: told the same, the handler first asked for "
            f"{_name(node.request)}, then for {_name(request)}. Random numbers, the clock, or memory outside the "
            "handler may be the reason"
        )
        self._unrepeatable_line = line or node.line
        return self._unrepeatable

    _unrepeatable = Unrepeatable("")
    _unrepeatable_line: Line | None = None

    def _memory_after(self, run: _Run, node: Node) -> int:
        """The number of what the process remembers after this delivery; 0 is a fresh memory."""
        try:
            after: Any = run.instance.fingerprint()
            if not self._memories:
                self._memories[_Instance(self).fingerprint()] = 0
            if run.instance.identity and run.instance.identity not in self._identities:
                self._identities.add(run.instance.identity)
                fresh = _Instance(self, run.instance.identity).fingerprint()
                self._memories.setdefault(fresh, -run.instance.identity)
        except Opaque:
            after = ("after", node.number)
        if self.record_stacks:
            self._note_memory(run)
        number = self._memories.get(after)
        if number is None:
            if len(self._histories) > _MOST_MEMORIES and not (self.tell_all_apart or self.one_process):
                raise GrowingMemory
            if not self._memories:
                self._memories["nothing is known of a fresh one"] = 0
            number = self._memories[after] = len(self._histories)
            before = self._before[node.root.number] if self.one_process else node.root.memory
            self._histories.append((before, node))
        return number

    def memory_matters(self, tree_nodes: Sequence[Node], deadline: float, most: int) -> bool | None:
        """With `ignore_memory`: does a process that has done a few deliveries behave otherwise than a fresh one?

        Every known history is told again to processes with each memory that up to `_MEMORY_DEPTH` deliveries can
        leave. None: there are more than ``most``, or too many to try before ``deadline`` (of `process_time`).
        """
        ends = [node for node in tree_nodes if node.ended and not isinstance(node.request, Hung | Unrepeatable)]
        level, seen = [0], {0}
        for _ in range(_MEMORY_DEPTH):
            reached: list[int] = []
            for memory in level:
                for end in ends:
                    if process_time() > deadline or len(seen) > most:
                        return None
                    run = self._told(end, self._instance_with(memory))
                    if run.differs_at is not None or not _same(run.request or end.request, end.request):
                        return True
                    after = self._note_history(run, memory, end)
                    if after not in seen:
                        seen.add(after)
                        reached.append(after)
            level = reached
            if not level:
                return False
        return False

    def _fresh_fingerprint(self) -> Any:
        try:
            return _Instance(self).fingerprint()
        except Opaque:
            return "a fresh one, of which nothing is known"

    def _note_history(self, run: _Run, memory: int, end: Node) -> int:
        try:
            after: Any = run.instance.fingerprint()
        except Opaque:
            after = ("after", memory, end.number)
        number = self._memories.get(after)
        if number is None:
            if not self._memories:
                self._memories[self._fresh_fingerprint()] = 0
                return self._note_history(run, memory, end)
            number = self._memories[after] = len(self._histories)
            self._histories.append((memory, end))
        return number

    def _note_memory(self, run: _Run) -> None:
        before = {**remembered(_Instance(self, run.instance.identity).entries), **run.instance.made}
        after = remembered({**run.instance.entries, **run.instance.objects})
        # A function or object that holds what changed has changed, too; the innermost names are the ones to show.
        different = {name for name, value in after.items() if name and before.get(name) != value}
        changed = {name for name in different if not _holds_client(after[name])}
        plain = {name for name in changed if not _holds_code(after[name])}
        self.remembering |= plain or changed

    # -- called from inside learner code ---------------------------------------------------------------

    def ask(self, statement: SqlStatement) -> SqlResult | SqlFailure:
        """Hand an operation to the world and wait."""
        told = self._ask(statement)
        assert isinstance(told, SqlResult | SqlFailure)
        return told

    def ask_redis(self, request: RedisCommand | RedisTransaction | RedisWatch | RedisUnwatch) -> RedisReply:
        """Hand a Redis operation to the world and wait."""
        told = self._ask(request)
        assert isinstance(told, RedisReply)
        return told

    def ask_elsewhere(self, request: Request) -> Told:
        """Hand an operation on the queue or another service to the world and wait."""
        return self._ask(request)

    def open_database(self, options: dict[str, Any]) -> Opened:
        """A further connection of the process that is at work, as `sqlite3.connect` makes it with these options."""
        run = self._active
        assert run is not None
        instance = run.instance
        opened = Opened(self.ask, self.note_unsupported, self.look_back)
        opened.opened_with(options, [instance.connection, *instance.opened])
        instance.opened = [one for one in instance.opened if not one._closed] + [opened]
        return opened

    def connection_now(self) -> Connection:
        """The connection of the process that is at work."""
        run = self._active
        if run is None:
            raise NotAllowedHere("there is no process at work")
        return run.instance.connection

    def read_clock(self, steady: bool) -> int:
        """Milliseconds since the world's moment."""
        told = self._ask(ReadClock(steady))
        assert isinstance(told, int)
        return told

    def look_back(self, what: str) -> int:
        """What the connection of the process did in earlier deliveries; see `LookBack`."""
        told = self._ask(LookBack(what))
        assert isinstance(told, int)
        return told

    def is_learners(self, file: str) -> bool:
        """Whether a file is the learner's."""
        return file in self.program.files

    def sleep(self) -> None:
        """Wait; the schedule decides for how long."""
        self._ask(Sleep())

    def _ask_attempt(self) -> int:
        told = self._ask(ReadAttempt())
        assert isinstance(told, int)
        return told

    def in_learner_code(self) -> bool:
        """Whether the call comes from inside a handler that is under way."""
        run = self._active
        return run is not None and not run.dead and threading.get_ident() == self._thread

    def draw_bytes(self, count: int, bits: int | None = None) -> bytes:
        """Random bytes for the handler under way, from the world, of which it will use so many ``bits``."""
        run = self._active
        assert run is not None
        run.draws += 1
        before, run.bits_drawn = run.bits_drawn, run.bits_drawn + bits_counted(8 * count if bits is None else bits)
        told = self._ask(DrawBytes(count, run.draws, min(before, FEW)))
        assert isinstance(told, bytes)
        return told

    def seeded(self) -> random.Random | None:
        """What ``random`` draws from in the process under way, where it has seeded it."""
        run = self._active
        return run.instance.seeded if run is not None else None

    def seed(self, *arguments: Any, **named: Any) -> None:
        """The process under way seeds ``random``."""
        run = self._active
        assert run is not None
        if arguments[:1] in ((), (None,)) and named.get("a") is None:
            run.instance.seeded = None
            return
        run.instance.seeded = random.Random(0)
        run.instance.seeded.seed(*arguments, **named)

    def process_number(self) -> int:
        """What tells the process of the handler under way from others. A delivery may be the first after a restart, so
        each has its own."""
        run = self._active
        assert run is not None
        run.number = run.number or 2 + int.from_bytes(self.draw_bytes(2))
        return run.number

    def _ask(self, request: Request) -> Told:
        run = self._active
        if run is None or threading.get_ident() != self._thread:
            self.note_unsupported("a store, the queue or a message used outside of the function that was given it")
            raise NotAllowedHere(
                "the stores, the queue and the message can only be used inside the function that was given them, "
                "in the thread that called it"
            )
        if run.dead:
            run.last_words += 1
            if run.last_words > _LAST_WORDS:
                self._push_out(run, sys._getframe(1))
            raise ProcessKilled
        self._progress += 1
        path, place = run.path, run.place
        if place + 1 < len(path):
            node = path[place]
            if _same(request, node.request):
                run.place = place + 1
                return path[place + 1].told  # type: ignore[return-value]
            run.differs_at = node
        if run.goes_round and run.differs_at is None:
            assert run.beyond is not None
            told = run.beyond(request)
            if told is not None:
                return told
        files = self.program.files
        frame = _innermost(sys._getframe(2), files)
        run.line = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None
        if self.record_stacks:
            run.stack = _stack(frame, files)
        if run.beyond is not None and run.differs_at is None and not run.goes_round:
            told = self._outside(run, request)
            if told is not None:
                return told
        self._give_up(run, request)
        raise ProcessKilled

    def _outside(self, run: _Run, request: Request) -> Told | None:
        """What the run is told, found out where the learner's code is not at work."""
        assert run.beyond is not None
        loops = self._event_loops
        inner = loops.leave() if loops is not None else None
        self._active, guards.source = None, None
        try:
            return run.beyond(request)
        except BaseException as error:
            run.failure = error
            return None
        finally:
            self._active, guards.source = run, self
            if loops is not None:
                loops.back(inner)

    @staticmethod
    def _give_up(run: _Run, request: Request) -> None:
        """From now on the learner's code, which has asked this, reaches nothing; it is to be left."""
        run.request, run.dead = request, True
        for connection in (run.instance.connection, *run.instance.opened):
            connection._in_transaction = False

    def _push_out(self, run: _Run, frame: FrameType | None) -> None:
        """Raise once more some lines further on: the code catches what it is told. How many lines further differs from
        time to time, so that sooner or later it is a line at which nothing is caught::

            while True:
                try:                      # here, say
                    queue.receive()
                except:
                    continue              # or here
        """
        lines = run.last_words % 11

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal lines
            if event == "line":
                lines -= 1
                if lines < 0:
                    raise ProcessKilled
            return trace

        while frame is not None and frame.f_code is not _THE_CALL:
            frame.f_trace = trace
            frame = frame.f_back
        sys.settrace(trace)

    def unwinds(self) -> bool:
        """Whether the call comes from inside a handler that was killed."""
        run = self._active
        return run is not None and run.dead and threading.get_ident() == self._thread

    def event_loop_policy(self) -> Any:
        """asyncio's policy for the process whose handler asks; None outside of handlers."""
        run = self._active
        if run is None or threading.get_ident() != self._thread:
            return None
        run.instance.loops = run.instance.loops or self._event_loops.Policy()
        return run.instance.loops

    def hang(self, why: str) -> NoReturn:
        """The handler under way waits for what never comes."""
        run = self._active
        assert run is not None
        run.line = self._line_now() or run.line
        self._give_up(run, Hung(f"{why}: an endless wait"))
        raise ProcessKilled

    def note_unsupported(self, what: str) -> None:
        """Learner code asked for something that the simulation has not."""
        if self.unsupported is None:
            self.unsupported = what, self._line_now() or (self._active.line if self._active else None)

    def _line_now(self) -> Line | None:
        """The innermost of the learner's lines that are under way."""
        stack = _stack(sys._getframe(1), self.program.files)
        return stack[0] if stack else None

    # -- called by the watchdog ------------------------------------------------------------------------

    def tick(self, frame: FrameType | None, seconds: float) -> None:
        """Every so many seconds: has the learner's code asked anything since? If not for long, leave it there."""
        run = self._active
        if run is None or threading.get_ident() != self._thread:
            self._patience.restart()
            return
        if run.dead and (isinstance(run.request, Hung) or self.stopped):
            run.last_words += 1
            self._push_out(run, frame)
            raise ProcessKilled
        if self._progress != self._last_progress:
            self._last_progress = self._progress
            self._patience.restart()
            return
        endless = self._patience.tick(seconds)
        if endless is None:
            return
        learners = _innermost(frame, self.program.files)
        if learners is not None:
            run.line = (learners.f_code.co_filename, learners.f_lineno)
        self._patience.part = LITTLE_PATIENCE
        what = "loop" if endless.did == "computed" else "wait"
        self._give_up(run, Hung(f"{endless} without asking for anything: an endless {what}"))
        self._push_out(run, frame)
        raise ProcessKilled

    def interrupt(self) -> None:
        """Ctrl-C: leave learner code where it is, and stop."""
        self.stopped = True
        run = self._active
        if run is not None and threading.get_ident() == self._thread:
            self._give_up(run, Hung("stopped by you"))
            self._push_out(run, sys._getframe(1))
            raise ProcessKilled


#: The code below which all frames are a call's.
_THE_CALL = LocalHost._call.__code__


def _path_to(node: Node) -> list[Node]:
    """The nodes from the beginning of a call to ``node``."""
    path = []
    step: Node | None = node
    while step is not None:
        path.append(step)
        step = step.parent
    path.reverse()
    return path


def _holds_code(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and bool(value)
        and value[0] in ("function", "class", "method", "cached", "module", "entry")
    )


def _holds_client(value: Any) -> bool:
    """Whether a fingerprint is that of a connection, or of something that leads to one: no memory of its own."""
    return isinstance(value, tuple) and (value[:1] == ("client",) or any(map(_holds_client, value)))


def _let_go(error: BaseException) -> None:
    """Drop what an exception keeps alive (frames, and with them whole worlds), whatever its class says of that."""
    for name in ("__traceback__", "__context__", "__cause__"):
        with contextlib.suppress(Exception):
            vars(BaseException)[name].__set__(error, None)


def _innermost(frame: FrameType | None, files: frozenset[str]) -> FrameType | None:
    """The innermost of a call's frames that is in one of the files."""
    while frame is not None and frame.f_code is not _THE_CALL:
        if frame.f_code.co_filename in files:
            return frame
        frame = frame.f_back
    return None


def _stack(frame: FrameType | None, files: frozenset[str]) -> tuple[Line, ...]:
    """The learner's lines from ``frame`` outwards."""
    lines: list[Line] = []
    while frame is not None and frame.f_code is not _THE_CALL:
        if frame.f_code.co_filename in files:
            lines.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return tuple(lines)


def _same(one: Request, other: Request) -> bool:
    if isinstance(one, Raised) and isinstance(other, Raised):
        return one[:2] == other[:2]  # the text may hold an address
    return type(one) is type(other) and one == other


def _name(request: Request) -> str:
    if isinstance(request, SqlStatement):
        return f"{' '.join(request.sql.split())[:80]!r} with {request.parameters!r}"
    if isinstance(request, RedisCommand):
        return "Redis " + b" ".join(request.arguments).decode(errors="replace")[:80]
    if isinstance(request, RedisTransaction):
        return "EXEC"
    if isinstance(request, CallService):
        return f"a request to {request.service}"
    if isinstance(request, SendPayment):
        return f"send({request.key!r}, {request.order!r}, {request.amount})"
    if isinstance(request, Raised):
        return f"the exception {request.name}"
    if isinstance(request, Returned):
        return "its return"
    if isinstance(request, LookBack):
        return "cursor.lastrowid" if request.what == "rowid" else "connection.total_changes"
    return "message.attempt" if isinstance(request, ReadAttempt) else type(request).__name__


def _contention() -> tuple[type[Exception], ...]:
    """Others were faster. As with "database is locked", that is nobody's fault, so it counts towards no dead letter."""
    exceptions = sys.modules.get("redis.exceptions")
    return () if exceptions is None else (exceptions.WatchError, exceptions.LockError)


def _row_is_gone(error: BaseException) -> bool:
    """sqlite-utils looks up each row that it has inserted, and finds none where somebody has replaced it meanwhile."""
    if not isinstance(error, StopIteration) or error.__traceback__ is None:
        return False
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return str(traceback.tb_frame.f_globals.get("__name__", "")).startswith("sqlite_utils")


def _describe(error: BaseException, files: frozenset[str]) -> Raised:
    kind = "error"
    if isinstance(error, Retry):
        kind = "retry"
    elif (isinstance(error, _contention()) or _row_is_gone(error)) or (
        isinstance(error, sqlite3.OperationalError)
        and ((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in (5, 6) or "database is locked" in _text(error))
    ):
        kind = "lock"
    return Raised(kind, type(error).__name__, _text(error))
