"""Where learner code runs: in this interpreter, each delivery in a greenlet that waits at its operation.

A process that asks for an operation is switched away from; it goes on when it is told the answer, or never:
that is what a crash is. Since a process is a function of what it was told, a run that is no longer there is
made again by telling a new one the same answers; that it then asks the same is checked every time.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import hashlib
import inspect
import itertools
import random
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from time import process_time
from types import FrameType
from typing import Any, NoReturn

import sqlite_utils
from greenlet import getcurrent, greenlet

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
from .process import Line, Node, last_edges, same_request
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
#: How often a killed process may ask for something in its ``except`` and ``finally`` before it is left alone.
_LAST_WORDS = 50
_KEPT_RUNS = 64
#: Different memories after which a search tries without telling them apart.
_MOST_MEMORIES = 24
#: Deliveries to one process whose memories are tried afterwards.
_MEMORY_DEPTH = 4
_graveyard: list[greenlet] = []


class ProcessKilled(BaseException):
    """Thrown into a process that will not be resumed, to unwind it. It can reach nothing any more."""


class GrowingMemory(Exception):
    """What processes remember takes ever new values: a counter, a list of what was done."""


class Stopped(Exception):
    """The search was stopped by the person at the keyboard."""


class _Instance:
    """One process: its own copy of the learner's code, and its clients of the stores."""

    def __init__(self, host: GreenletHost, identity: int = 0) -> None:
        self.identity = identity
        self.functions = host.program.fresh(identity)
        self.entries = {name: self.functions.get(name) for name in host.entries}
        self.objects: dict[str, Any] = {}
        self.made: dict[str, Any] = {}
        """What objects held when they had just been made; only with ``record_stacks``."""
        """What the process has made once, by the name of its class."""
        self.seeded = host.program.seeded(identity)
        """What the functions of the module ``random`` draw from, once the process has seeded it."""
        self.connection = Connection(host.ask, host.note_unsupported, host.look_back)
        if host.record_stacks:
            self.connection._count_read = host.counts_read.append
        self.db = sqlite_utils.Database(
            self.connection,  # type: ignore[arg-type]
            recursive_triggers=False,
            execute_plugins=False,
        )
        self.opened: list[Opened] = []
        """Further connections that the code has opened itself."""
        self.redis: Any = None
        if Tool.REDIS in host.tools:
            from .redis_client import make_client  # takes a while to import, and not everybody needs it

            self.redis = make_client(host.ask_redis, host.note_unsupported)
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
    """One delivery under way."""

    __slots__ = ("bits_drawn", "dead", "draws", "greenlet", "instance", "last_words", "line", "node", "number", "stack")

    def __init__(self, instance: _Instance) -> None:
        self.instance = instance
        self.greenlet: greenlet = None
        self.node: Node | None = None
        self.line: Line | None = None
        self.stack: tuple[Line, ...] = ()
        self.dead = False
        self.last_words = 0
        self.draws = self.bits_drawn = 0
        self.number = 0


class GreenletHost:
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
        self.rebuilding = False
        """Earlier deliveries are being repeated, to make the memory that they left."""
        self.remembering: set[str] = set()
        """Names in which some process remembered something after a delivery; only with ``record_stacks``."""
        self.counts_read: list[SqlResult] = []
        """Statements' results whose rowcount was looked at; only with ``record_stacks``."""
        self.unsupported: tuple[str, Line | None] | None = None
        """What a handler asked for that this simulation has not, and where."""
        self.calls = 0
        """Handler calls begun."""
        self._runs: dict[int, _Run] = {}  # by the number of the node at which they wait
        self._active: _Run | None = None
        self._progress = 0
        self._last_progress = -1
        self.ignore_memory = False
        """Take every process for fresh after each delivery; `memory_matters` says afterwards whether that was right."""
        self.tell_all_apart = False
        """Tell apart any number of memories."""
        self.one_process = False
        """All calls are made by one process, one after the other, which lives as long as the host."""
        self._only: _Instance | None = None
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

    def start(self, node: Node) -> None:
        run = self._begin(node.memory, node.message)
        self._settle(run, node, self._resume(run, None))

    def go_on(self, node: Node) -> None:
        parent = node.parent
        assert parent is not None
        run = self._runs.pop(parent.number, None) or self._run_again(parent)
        if run is None:
            node.request, node.line = self._unrepeatable, self._unrepeatable_line
            return
        self._settle(run, node, self._resume(run, node.told))

    def _check_again(self, node: Node) -> Unrepeatable | None:
        """Run an ended delivery once more from its start; what it asks must be what it asked."""
        if node.parent is None or isinstance(node.request, Hung | Unrepeatable):
            return None
        run = self._run_again(node.parent)
        if run is None:
            return self._unrepeatable
        request = self._resume(run, node.told)
        if not _same(request, node.request):
            return self._differs(node, request, run.line)
        return None

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
        run = self._begin(root.memory, root.message)
        requests = [self._resume(run, None)]
        for told in answers:
            if run.greenlet.dead or run.dead:
                break
            requests.append(self._resume(run, told))
        self._kill(run)
        return requests

    def in_a_row(self, identity: int, deliveries: Sequence[tuple[int, Sequence[Told]]]) -> list[list[Request]]:
        """With `one_process`: what a new process that starts with this identity asks in each of these deliveries, as
        (call, what it is told), one after the other."""
        self._only = _Instance(self, identity)
        found = []
        for place, (call, told) in enumerate(deliveries):
            root = Node(place, None, None, None)
            root.message = call
            found.append(self.again(root, told))
        return found

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
        run = self._run_again(node)
        if run is None:
            return 0
        same = 0
        try:
            while same < most:
                asked, told = edges[same % length]
                if isinstance(asked, DrawBytes):  # never the same twice
                    told = hashlib.shake_256(f"{same}".encode()).digest(asked.length)
                request = self._resume(run, told)
                same += 1
                if not same_request(request, edges[same % length].request):
                    break
        finally:
            self._kill(run)
        return same

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
        """Unwind every run that still waits."""
        for run in self._runs.values():
            self._kill(run)
        self._runs.clear()

    # -- runs ------------------------------------------------------------------------------------------

    def _begin(self, memory: int, message: int) -> _Run:
        if self.one_process:
            self._only = self._only or _Instance(self)
            return self._deliver(self._only, message)
        instance = self._instance_with(memory)
        return self._deliver(instance, message)

    def _instance_with(self, memory: int) -> _Instance:
        history = self._histories[memory] if memory > 0 else None
        if history is None:
            return self._spare.pop() if self._spare else _Instance(self, -memory)
        earlier, end = history
        instance = self._instance_with(earlier)
        outermost, self.rebuilding = self.rebuilding, True
        run = self._deliver(instance, end.root.message)
        self._resume(run, None)
        for told in end.answers():
            if run.greenlet.dead:
                break
            self._resume(run, told)
        self.rebuilding = outermost
        return instance

    def _deliver(self, instance: _Instance, number: int) -> _Run:
        self.calls += 1
        run = _Run(instance)
        instance.connection._begin_delivery()
        for opened in instance.opened:
            opened._begin_delivery()
        if not self._keeps_loops:
            instance.loops = None
        if instance.redis is not None:
            from .redis_client import begin_delivery

            begin_delivery(instance.redis)
        call = self.calls_known[number]
        run.greenlet = greenlet(lambda _: self._live(run, call))
        run.greenlet.gr_context = instance.context
        return run

    def _live(self, run: _Run, call: Call) -> Request:
        """The life of one call, inside its greenlet."""
        try:
            value = self._function(run.instance, call)(*self._given(run.instance, call.arguments))
            return Returned(value) if type(value) in (int, str) else Returned()
        except ProcessKilled:
            return Returned()
        except BaseException as error:
            run.line = innermost_line(error, self.program.files) or run.line
            raised = _describe(error, self.program.files)
            _let_go(error)
            return raised

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

    def _resume(self, run: _Run, told: Told | None) -> Request:
        self._active = run
        self._progress += 1
        try:
            request: Any = self._switch_to(run, lambda: run.greenlet.switch(told))
        finally:
            self._active = None
        if self.stopped:
            raise Stopped
        if not isinstance(request, Request):
            run.dead = True
            bury(run.greenlet)
            return Hung("it left the handler in the middle, by switching greenlets")
        return request

    def _switch_to(self, run: _Run, switch: Callable[[], Any]) -> Any:
        """Let a run go on until it asks."""
        loops, guards.source = self._event_loops, self
        if loops is None:
            try:
                return switch()
            finally:
                guards.source = None
        loops.install()
        outer = loops.leave()
        try:
            return switch()
        finally:
            loops.back(outer)
            guards.source = None

    def _settle(self, run: _Run, node: Node, request: Request) -> None:
        if self.unsupported is None and (left := self._modules.left()) is not None:
            self.unsupported = left, run.line
        node.request, node.line, node.stack = request, run.line, run.stack
        run.node = node
        if isinstance(request, Returned | Raised):
            if not self._keeps_loops:
                run.instance.loops = None  # the next delivery has another, whatever this one did with it
            if self.one_process:
                pass  # it goes on with what it remembers
            elif self._keeps_nothing and not run.instance.objects and run.instance.seeded is None:
                node.memory = -run.instance.identity
                if not self.starts_apart:
                    self._spare.append(run.instance)
            elif self.ignore_memory:
                node.memory = -run.instance.identity
            else:
                node.memory = self._memory_after(run, node)
            if isinstance(request, Returned):
                node.line = node.parent.line if node.parent else None
        elif isinstance(request, Hung):
            run.dead = True
        else:
            self._runs[node.number] = run
            if len(self._runs) > _KEPT_RUNS:
                oldest = next(iter(self._runs))
                self._kill(self._runs.pop(oldest))

    def _run_again(self, node: Node) -> _Run | None:
        """A run that waits at ``node``, made by telling a new one the same answers. Where there is one process, which
        goes on meanwhile, another one is told them, and may do otherwise, since it remembers nothing."""
        path = []
        step: Node | None = node
        while step is not None:
            path.append(step)
            step = step.parent
        path.reverse()
        if self.one_process:
            run = self._deliver(_Instance(self), node.root.message)
        else:
            run = self._begin(node.root.memory, node.root.message)
        request = self._resume(run, None)
        for index, step in enumerate(path):
            if not _same(request, step.request):
                if not self.one_process:
                    self._differs(step, request, run.line)
                self._kill(run)
                return None
            if index + 1 < len(path):
                request = self._resume(run, path[index + 1].told)
        return run

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

    def _kill(self, run: _Run) -> None:
        """Unwind a run that will never be resumed. Its ``except`` and ``finally`` reach nothing."""
        if run.dead or run.greenlet.dead:
            return
        run.dead = True
        for connection in (run.instance.connection, *run.instance.opened):
            connection._in_transaction = False
        self._active = run
        self._progress += 1
        try:
            self._switch_to(run, lambda: run.greenlet.throw(ProcessKilled))
        finally:
            self._active = None
        if not run.greenlet.dead:
            bury(run.greenlet)

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
            if len(self._histories) > _MOST_MEMORIES and not self.tell_all_apart:
                raise GrowingMemory
            if not self._memories:
                self._memories["nothing is known of a fresh one"] = 0
            number = self._memories[after] = len(self._histories)
            self._histories.append((node.root.memory, node))
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
                    run = self._begin(memory, end.root.message)
                    if not self._same_again(run, end):
                        return True
                    after = self._note_history(run, memory, end)
                    if after not in seen:
                        seen.add(after)
                        reached.append(after)
            level = reached
            if not level:
                return False
        return False

    def _same_again(self, run: _Run, end: Node) -> bool:
        path: list[Node] = []
        node: Node | None = end
        while node is not None:
            path.append(node)
            node = node.parent
        request = self._resume(run, None)
        for step, following in itertools.zip_longest(reversed(path), reversed(path[:-1])):
            if not _same(request, step.request):
                self._kill(run)
                return False
            if following is not None:
                request = self._resume(run, following.told)
        return True

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
        """Hand an operation to the world and wait. Called in the learner's greenlet."""
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

    def frame_at(self, node: int, files: frozenset[str]) -> FrameType | None:
        """The innermost frame in ``files`` of the run that waits at a node, by its number; None where none does."""
        run = self._runs.get(node)
        frame: FrameType | None = run.greenlet.gr_frame if run is not None else None
        while frame is not None and frame.f_code.co_filename not in files:
            frame = frame.f_back
        return frame

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
        return run is not None and getcurrent() is run.greenlet and not run.dead

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
        if run is None or getcurrent() is not run.greenlet:
            self.note_unsupported("a store, the queue or a message used outside of the function that was given it")
            raise NotAllowedHere(
                "the stores, the queue and the message can only be used inside the function that was given them, "
                "in the thread that called it"
            )
        if run.dead:
            run.last_words += 1
            if run.last_words > _LAST_WORDS:
                self._hub_of(run).switch(None)
            raise ProcessKilled
        frame = sys._getframe(2)
        files = self.program.files
        while frame is not None and frame.f_code.co_filename not in files:
            frame = frame.f_back  # type: ignore[assignment]
        run.line = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None
        if self.record_stacks:
            run.stack = _stack(frame, files)
        hub, loops = self._hub_of(run), self._event_loops
        if loops is None:
            told: Told = hub.switch(request)
            return told
        inner = loops.leave()
        try:
            told = hub.switch(request)
            return told
        finally:
            loops.back(inner)

    def unwinds(self) -> bool:
        """Whether the call comes from inside a handler that was killed."""
        run = self._active
        return run is not None and getcurrent() is run.greenlet and run.dead

    def event_loop_policy(self) -> Any:
        """asyncio's policy for the process whose handler asks; None outside of handlers."""
        run = self._active
        if run is None or getcurrent() is not run.greenlet:
            return None
        run.instance.loops = run.instance.loops or self._event_loops.Policy()
        return run.instance.loops

    def hang(self, why: str) -> NoReturn:
        """The handler under way waits for what never comes."""
        run = self._active
        assert run is not None
        run.line, run.dead = self._line_now() or run.line, True
        bury(run.greenlet)
        self._hub_of(run).switch(Hung(f"{why}: an endless wait"))
        raise ProcessKilled

    def note_unsupported(self, what: str) -> None:
        """Learner code asked for something that the simulation has not."""
        if self.unsupported is None:
            self.unsupported = what, self._line_now() or (self._active.line if self._active else None)

    def _line_now(self) -> Line | None:
        """The innermost of the learner's lines that are under way."""
        stack = _stack(sys._getframe(1), self.program.files)
        return stack[0] if stack else None

    @staticmethod
    def _hub_of(run: _Run) -> greenlet:
        parent = run.greenlet.parent
        assert parent is not None
        return parent

    # -- called by the watchdog ------------------------------------------------------------------------

    def tick(self, frame: FrameType | None, seconds: float) -> None:
        """Every so many seconds: has the learner's code asked anything since? If not for long, leave it there."""
        run = self._active
        if run is None or self._progress != self._last_progress or getcurrent() is not run.greenlet:
            self._last_progress = self._progress
            self._patience.restart()
            return
        endless = self._patience.tick(seconds)
        if endless is None:
            return
        while frame is not None and frame.f_code.co_filename not in self.program.files:
            frame = frame.f_back
        if frame is not None:
            run.line = (frame.f_code.co_filename, frame.f_lineno)
        run.dead = True
        bury(run.greenlet)
        self._patience.part = LITTLE_PATIENCE
        self._hub_of(run).switch(
            Hung(f"{endless} without asking for anything: an endless {'loop' if endless.did == 'computed' else 'wait'}")
        )

    def interrupt(self) -> None:
        """Ctrl-C: leave learner code where it is, and stop."""
        self.stopped = True
        run = self._active
        if run is not None and getcurrent() is run.greenlet:
            run.dead = True
            bury(run.greenlet)
            self._hub_of(run).switch(Hung("stopped by you"))


def bury(dead: greenlet) -> None:
    """Keep a greenlet that can't be unwound for good: collecting it would resume it."""
    _graveyard.append(dead)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dead))


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


def _stack(frame: FrameType | None, files: frozenset[str]) -> tuple[Line, ...]:
    """The learner's lines from ``frame`` outwards."""
    lines: list[Line] = []
    while frame is not None:
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
