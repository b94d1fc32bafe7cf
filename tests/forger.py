"""The other end of the pipe, forged: a process of no submission's that answers as it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

from redelivery.simulation.wire import Gone, Pipe

#: (question, number of the question) → answer; Gone ends the process.
Answering = Callable[[list[Any], int], Any]


class Forger:
    """An opener whose processes are threads of this one."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def session(self, first: bool) -> Pipe:
        """A pipe to a new one."""
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(Pipe(theirs),), daemon=True).start()
        return Pipe(ours)

    def _serve(self, pipe: Pipe) -> None:
        number = 0
        try:
            while True:
                pipe.send(self._answering(pipe.receive(), number))
                number += 1
        except Gone:
            pipe.close()

    def left(self) -> float:
        """Seconds that the submission still has."""
        return 60.0

    def receive(self, pipe: Pipe, seconds: float) -> Any:
        """The next message from a pipe."""
        return pipe.receive(seconds)


def asking(request: Any, then: Any = None) -> Answering:
    """Answers that ask for ``request`` first, in every call, and end with ``then`` (plain data, as on the wire)."""
    end = {"n": ["Returned", None]} if then is None else then

    def answer(question: list[Any], number: int) -> Any:
        what = question[0]
        if what == "open":
            return []
        if what in ("start", "go on"):
            return {"r": request if what == "start" else end, "l": None}
        if what == "draws":
            return False
        if what in ("again", "run"):
            return [request, end]
        return None

    return answer
