"""A live run: operations carried out on a real store, one after the other."""

from __future__ import annotations

import hashlib
import sqlite3

from .operations import DrawBytes, Hung, ReadAttempt, SqlFailure, SqlStatement, Told
from .process import Node, Tree
from .sqlite_store import Outcome, SqliteStore
from .world import Effect, State


class NeedsAttempts(Exception):
    """A handler looks at ``message.attempt``, so that attempts have to be counted in the state."""


class SchemaChanges(Exception):
    """A handler has changed the schema, so that reading it is a step like any other."""


def drawn(request: DrawBytes, message: int, attempt: int) -> bytes:
    """Bytes that no other delivery gets, and that this one gets again in every run: they depend on the message, on
    how often it had been delivered, and on how many were drawn before."""
    seed = f"{message}/{attempt}/{request.serial}".encode()
    return hashlib.shake_256(seed).digest(request.length)


class LiveEffects:
    """Carries out what the rules ask for. Learner code is asked through the tree.

    ``track``: number the contents after each commit. Only a search needs that; a plain run looks at the end.
    """

    def __init__(self, tree: Tree, store: SqliteStore, count_attempts: bool, track: bool) -> None:
        self.tree = tree
        self.store = store
        self.count_attempts = count_attempts
        self.track = track
        self.statements = 0
        self._version = store.data_version()
        self._schema_known_to_change = store.schema_changed

    def begin(self, state: State, process: int, root: Node, attempt: int) -> Effect:
        self.store.begin(process)
        return self._free(process, root, attempt)

    def step(self, state: State, process: int) -> Effect:
        node = self.tree.nodes[state.processes[process].node]
        return self._after(state, process, node, self.carry_out(process, node, False))

    def time_out(self, state: State, process: int) -> Effect:
        node = self.tree.nodes[state.processes[process].node]
        return self._after(state, process, node, self.store.time_out(process))

    def end(self, state: State, process: int) -> None:
        self.store.end(process)

    def carry_out(self, process: int, node: Node, free: bool) -> Outcome:
        """Carry out the statement that ``node`` asks for."""
        request = node.request
        assert isinstance(request, SqlStatement)
        self.statements += 1
        outcome = self.store.execute(process, request)
        if self.store.schema_changed and not self._schema_known_to_change:
            raise SchemaChanges
        return outcome

    def read_attempt(self, node: Node, told: int | bytes) -> None:
        """``node`` is told how often its message was delivered, or random bytes."""

    def _after(self, state: State, process: int, node: Node, outcome: Outcome) -> Effect:
        if outcome.told is None:
            return Effect(node.number, outcome.transaction, state.contents, False, True)
        changed = outcome.committed and self._has_changed(state, process)
        refused = isinstance(outcome.told, SqlFailure) and outcome.told.is_lock
        child = self.tree.tell(node, outcome.told)
        if isinstance(outcome.told, SqlFailure) and outcome.told.code == sqlite3.SQLITE_INTERRUPT:
            child.request = Hung(outcome.told.text)
        effect = self._free(process, child, state.processes[process].attempt)
        return effect._replace(changed=changed, refused=refused) if changed or refused else effect

    def _has_changed(self, state: State, process: int) -> bool:
        if not self.track:
            return False
        self.store.number_contents()
        version = self.store.data_version()
        changed = version != self._version
        self._version = version
        if changed:
            for other in range(len(state.processes)):
                if other != process:
                    self.store.mark_stale(other)
        return changed

    def _free(self, process: int, node: Node, attempt: int) -> Effect:
        """Carry out what takes no step of its own."""
        store = self.store
        while True:
            request = node.request
            kind = type(request)
            if kind is SqlStatement:
                if store.takes_a_step(process, request):  # type: ignore[arg-type]
                    break
                outcome = self.carry_out(process, node, True)
                assert outcome.told is not None, "what takes no step can't wait"
                told: Told = outcome.told
            elif kind is ReadAttempt:
                if not self.count_attempts:
                    raise NeedsAttempts
                told = attempt
                self.read_attempt(node, told)
            elif kind is DrawBytes:
                if not self.count_attempts:
                    raise NeedsAttempts
                told = drawn(request, node.message, attempt)  # type: ignore[arg-type]
                self.read_attempt(node, told)
            else:
                break
            node = self.tree.tell(node, told)
        return Effect(node.number, store.transaction(process), store.current)
