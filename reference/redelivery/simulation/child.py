"""The other end of `remote`: a process that holds a submission, and answers what its functions would do next.

There is nothing in here worth changing: no expected value, no solution, no verdict, no result. Whatever the
submission does to this module, it can only answer questions with it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import types
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, NamedTuple

from . import guards
from .confine import Confinement, confine, die_with_parent, first_to_go, keep_to_oneself
from .hosts import GrowingMemory, LocalHost
from .memory import CannotCopy
from .nest import CannotNest, Nest
from .process import Follow, Node
from .program import Cell, Quiet, SourceProgram
from .watchdog import Watchdog
from .wire import CLEAN, DIRTY, FIRST, NEXT, Gone, Pipe, packed, request_of, unpacked

TICK = 0.01
#: Seconds in which a killed process has to be gone.
_TO_DIE = 5.0
#: What a submission can write to.
_FOLDERS = ("/tmp", "/dev/shm")
#: Seconds between two looks at the memory of a submission's processes.
_LOOK = 0.1
#: Bytes that libraries may map without being counted.
_LIBRARIES = 64 << 20
_MOST_PRINTS = 200
_LONGEST_PRINT = 2000


def serve(control: socket.socket, confinement: Confinement, alone: bool, nests: bool = True) -> None:
    """Start a new process for each pipe that comes through ``control``; ends when ``control`` is closed.

    ``alone``: this is process 1 of its own process namespace. Then each submission gets a place of its own (`Nest`). To
    `NEXT`, another submission, the answer is `CLEAN` where that was so; otherwise, or without ``nests``, this place is
    not to be used again.
    """
    first_to_go()
    keep_to_oneself()
    if not alone:  # bubblewrap sees to it otherwise
        die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if not (alone and nests):
        _serve_one(control, confinement, alone)
        return
    place: tuple[Nest, socket.socket] | None = None
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        except OSError:
            return
        if data == NEXT:
            is_gone = place is None or place[0].end()
            if place is not None:
                place[1].close()
                place = None
            _quietly(control.send, CLEAN if is_gone else DIRTY)
            continue
        if not data or not descriptors:
            return
        try:
            place = place or _nested(control, descriptors[0], confinement)
        except CannotNest:
            _serve_one(control, confinement, alone, (data, descriptors[0]))
            return
        _hand_on(place[1], data, descriptors[0])


def _hand_on(there: socket.socket, data: bytes, descriptor: int) -> None:
    try:
        socket.send_fds(there, [data], [descriptor])
    except OSError:  # the place is gone, and whoever waits at the pipe hears of it
        pass
    os.close(descriptor)


def _nested(control: socket.socket, waiting: int, confinement: Confinement) -> tuple[Nest, socket.socket]:
    """A place for a submission, and where its pipes go. It gets neither ``control`` nor the pipe that is ``waiting``.

    Raises:
        CannotNest: the machine allows none.
    """
    ours, theirs = socket.socketpair()

    def serve_there() -> None:
        control.close()
        ours.close()
        os.close(waiting)
        _serve_one(theirs, confinement, alone=True)

    try:
        return Nest(serve_there), ours
    finally:
        theirs.close()


def _serve_one(
    control: socket.socket, confinement: Confinement, alone: bool, waiting: tuple[bytes, int] | None = None
) -> None:
    """Serve one submission. Where this is process 1 of a process namespace (``alone``), what else is there has been
    left by its earlier parts, and is killed before the `FIRST` process of another."""
    _signals_have_no_effect()
    held: list[int] = []
    own = _memory(os.getpid())
    looked = monotonic()
    while True:
        if monotonic() - looked >= _LOOK:  # also where somebody asks for one process after another
            _limit_together(held, own, confinement.together)
            looked = monotonic()
        if waiting is None:
            control.settimeout(_LOOK)
            try:
                data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            except TimeoutError:
                continue
            except OSError:
                return
        else:
            (data, descriptor), waiting = waiting, None
            descriptors = [descriptor]
        if data == NEXT:
            _quietly(control.send, DIRTY)
            continue
        if not data or not descriptors:
            return
        if alone and data == FIRST:
            _kill_everybody_else()
            held.clear()
            for folder in _FOLDERS:
                _empty(folder)
        process = os.fork()
        if process == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _hold(socket.socket(fileno=descriptors[0]), confinement)
            os._exit(0)
        held.append(process)
        os.close(descriptors[0])


def _signals_have_no_effect() -> None:
    """Process 1 of a namespace gets from within it only what it has asked for."""
    if os.getpid() == 1:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


class _Memory(NamedTuple):
    """What a process holds, in bytes."""

    resident: int
    unseen: int
    """Mapped from files or shared: it may be in memory without being resident here."""


def _memory(process: int) -> _Memory | None:
    """None where it is gone, or this machine doesn't say. Source: proc_pid_status(5)."""
    try:
        with open(f"/proc/{process}/status", "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return None
    found = {
        name: int(rest.split()[0]) << 10
        for name, _, rest in (line.partition(b":") for line in lines)
        if rest.endswith(b" kB")
    }
    if b"VmRSS" not in found:
        return None
    private = sum(found.get(name, 0) for name in (b"VmData", b"VmStk", b"VmExe", b"VmLib", b"RssShmem"))
    return _Memory(found[b"VmRSS"] + found.get(b"VmSwap", 0), max(found.get(b"VmSize", 0) - private, 0))


def _limit_together(processes: list[int], own: _Memory | None, most: int) -> None:
    """End the processes where they hold more than ``most`` bytes together. ``own``: what each has of this one."""
    used = {process: memory for process in processes if (memory := _memory(process))}
    processes[:] = used
    shared = own or _Memory(0, 0)
    resident = sum(max(memory.resident - shared.resident, 0) for memory in used.values())
    unseen = sum(max(memory.unseen - shared.unseen - _LIBRARIES, 0) for memory in used.values())
    if resident + unseen > most:
        for process in processes:
            _quietly(lambda one: os.kill(one, signal.SIGKILL), process)


def _kill_everybody_else() -> bool:
    """Whether all are gone."""
    until = monotonic() + _TO_DIE
    while monotonic() < until:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        sleep(0.0005)
    return False


def _empty(folder: str) -> None:
    places = [folder]
    for place in places:  # it grows; however deep it is, there is no recursion
        try:
            with os.scandir(place) as entries:
                found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError:
            continue
        for path, is_folder in found:
            if is_folder:
                places.append(path)
            else:
                _quietly(os.unlink, path)
    for place in reversed(places[1:]):
        _quietly(os.rmdir, place)


def _quietly(act: Callable[[Any], object], given: Any) -> None:
    try:
        act(given)
    except OSError:
        pass


def _hold(connection: socket.socket, confinement: Confinement) -> None:
    os.setsid()
    die_with_parent()
    leave, pipe = os._exit, Pipe(connection)  # before anybody can replace them
    confine(confinement)
    answers = _Answers()
    try:
        with guards.guarded() as silence:
            silence.listener = answers.printed
            answers.serve(pipe)
    except (Gone, KeyboardInterrupt):
        leave(0)
    except BaseException:
        leave(1)


class _Host:
    """One host, and the nodes that are known of its tree."""

    def __init__(self, host: LocalHost) -> None:
        self.host = host
        self.nodes: dict[int, Node] = {}
        self.told: dict[int, int] = {}
        self.counted = 0
        self.named = 0
        self.unsupported_said = False

    def add(self, number: int, parent: int | None, told: Any) -> Node:
        above = None if parent is None else self.nodes[parent]
        node = self.nodes[number] = Node(number, above, told, above.root if above else None)
        if above is not None:
            node.message = above.message
            self.told[id(told)] = number
        return node


class _Answers:
    def __init__(self) -> None:
        self._program: SourceProgram | None = None
        self._hosts: dict[int, _Host] = {}
        self._output: list[str] = []
        self._here: _Host | None = None
        self._next: list[Any] | None = None
        """A message that came while a call was at work, and is not for it."""

    def serve(self, pipe: Pipe) -> None:
        """Answer one message after the other. A call stays at work as long as the next message says what it is told;
        otherwise it is unwound, and run again should it be asked for."""
        self._pipe = pipe
        while True:
            message, self._next = self._next or pipe.receive(), None
            answer = self.to(message)
            if self._next is None:
                pipe.send(answer)

    def printed(self, text: str) -> None:
        here = self._here
        wanted = here is not None and here.host.record_stacks and not here.host.rebuilding
        if wanted and len(self._output) < _MOST_PRINTS:
            self._output.append(text[:_LONGEST_PRINT])

    def to(self, message: list[Any]) -> Any:
        """The answer to one message."""
        what, *rest = message
        if what == "open":
            return self._open(*rest)
        if what == "shape":
            return self._shape(*rest)
        if what == "value":
            return self._value(*rest)
        if what == "draws":
            assert self._program is not None
            return self._program.draws
        if what == "host":
            return self._new_host(*rest)
        if what == "close":
            held = self._hosts.pop(rest[0], None)
            if held is not None:
                held.host.close()
            return None
        held = self._here = self._hosts[rest[0]]
        host = held.host
        with Watchdog(TICK, lambda frame: host.tick(frame, TICK), host.interrupt):
            answer: Any = getattr(self, f"_{what.replace(' ', '_')}")(held, *rest[1:])
        self._here = None
        return answer

    def _open(self, cells: list[list[str]]) -> Any:
        self._program = SourceProgram([Cell(name, source) for name, source in cells])
        return [[error.cell, error.kind, error.text, error.line] for error in self._program.errors]

    def _shape(self, signatures: list[Any], cell: str) -> Any:
        assert self._program is not None
        try:
            return self._program.wrong_functions(signatures, cell)
        except CannotCopy as error:
            return {"x": str(error)}

    def _value(self, name: str) -> Any:
        assert self._program is not None
        value = self._program.value(name)
        if isinstance(value, str):
            value = str.__str__(value)
        if isinstance(value, dict):
            value = dict(dict.items(value))
        try:
            return ["value", packed(value)]
        except (TypeError, RecursionError):
            return ["type", type(value).__name__]

    def _new_host(self, number: int, calls: Any, messages: Any, options: list[Any]) -> Any:
        assert self._program is not None
        try:
            host = LocalHost(self._program, unpacked(calls), [(i, unpacked(body)) for i, body in messages])
        except CannotCopy as error:
            return {"x": str(error)}
        host.ignore_memory, host.tell_all_apart, host.record_stacks, host.patience, host.one_process = options
        self._hosts[number] = _Host(host)
        return None

    def _nodes(self, held: _Host, nodes: list[list[Any]]) -> None:
        for number, parent, told, request, memory, message in nodes:
            node = held.add(number, parent, unpacked(told))
            node.request, node.memory, node.message = request_of(request), memory, message

    def _adopt(self, held: _Host, histories: list[list[int]]) -> None:
        held.host.adopt({memory: (earlier, held.nodes[end]) for memory, earlier, end in histories})

    def _start(self, held: _Host, number: int, memory: int, message: int) -> Any:
        node = held.add(number, None, None)
        node.memory, node.message = memory, message
        return self._filled(held, held.host.start, node)

    def _go_on(self, held: _Host, number: int, parent: int, told: Any) -> Any:
        return self._filled(held, held.host.go_on, held.add(number, parent, unpacked(told)))

    def _filled(self, held: _Host, fill: Callable[[Node, Follow], None], node: Node) -> Any:
        last = node

        def follow(here: Node) -> Node | None:
            nonlocal last
            self._pipe.send(self._answer(held, here))
            message = self._pipe.receive()
            if message[:2] != ["go on", number] or message[3] != here.number:
                self._next = message
                return None
            last = held.add(message[2], here.number, unpacked(message[4]))
            return last

        number = next(number for number, one in self._hosts.items() if one is held)
        try:
            fill(node, follow)
        except GrowingMemory:
            return {"x": "growing"}
        except CannotCopy as error:
            return {"x": str(error) or "something that can't be copied"}
        return self._answer(held, last)

    def _answer(self, held: _Host, node: Node) -> Any:
        """What the process asks at ``node``, and what else has come out since the last answer."""
        host = held.host
        answer: dict[str, Any] = {"r": packed(node.request), "l": node.line}
        if node.ended and node.memory:
            answer["m"] = node.memory
        if host.unsupported is not None and not held.unsupported_said:
            held.unsupported_said = True
            answer["u"] = host.unsupported
        if host.record_stacks:
            answer["s"] = node.stack
            if self._output:
                answer["o"] = "".join(self._output)
                self._output.clear()
            if len(host.counts_read) > held.counted:
                new = host.counts_read[held.counted :]
                held.counted = len(host.counts_read)
                answer["c"] = [held.told[id(told)] for told in new if id(told) in held.told]
            if len(host.remembering) > held.named:
                held.named = len(host.remembering)
                answer["n"] = sorted(host.remembering)
        return answer

    def _again(self, held: _Host, root: int, end: int) -> Any:
        return [packed(request) for request in held.host.again(held.nodes[root], held.nodes[end].answers())]

    def _run(self, held: _Host, root: int, answers: list[Any]) -> Any:
        return [packed(request) for request in held.host.again(held.nodes[root], [unpacked(one) for one in answers])]

    def _rows(self, held: _Host, rows: list[list[Any]]) -> Any:
        return [
            [packed(request) for request in requests]
            for identity, deliveries in rows
            for requests in held.host.in_a_row(identity, [(n, [unpacked(a) for a in told]) for n, told in deliveries])
        ]

    def _memory_matters(self, held: _Host, ends: list[int], seconds: float, most: int) -> Any:
        from time import process_time

        return held.host.memory_matters([held.nodes[end] for end in ends], process_time() + seconds, most)


def _without_exercises() -> None:
    """Cells may import `redelivery.exercise`; what they get does nothing, and the exercises themselves are not here."""
    for name, content in (
        ("exercises", {}),
        ("exercises.exercise", {"exercise": lambda name: Quiet()}),
        ("workspace", {}),
        ("workspace.progress", {"progress": lambda *_: None}),
    ):
        module = types.ModuleType(f"redelivery.{name}")
        module.__path__ = []
        vars(module).update(content)
        sys.modules[module.__name__] = module


def main(descriptor: int, confinement: Confinement, alone: bool, nests: bool = True) -> None:
    """What `grading.sandbox` starts."""
    _without_exercises()
    serve(socket.socket(fileno=descriptor), confinement, alone, nests)
