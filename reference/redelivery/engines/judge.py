"""Claims, evaluated on what a real store holds at the moment; each on different contents once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..library.claims import Claim, told
from ..library.given import wanted
from ..library.mistakes import CannotCheck
from .port import Contents

STORES = ("connection", "conn", "session", "engine")


class EngineJudge:
    """``connection``: one on which no process works; ``engine``: SQLAlchemy over it, where that is wanted."""

    def __init__(
        self,
        claims: Sequence[Claim],
        connection: Any,
        make_engine: Callable[[Any], Any],
        messages: Sequence[Any],
        now: Callable[[], Contents],
    ) -> None:
        self._claims, self._connection, self._make_engine, self._messages = claims, connection, make_engine, messages
        self._now = now
        self._engine: Any = None
        self._wants = {id(c): wanted(c.function, STORES, f"the claim {c.name}") for c in claims}
        self._known: dict[tuple[Contents, bool], str | CannotCheck | None] = {}

    @property
    def has_always(self) -> bool:
        """Whether some claim has to hold at any time."""
        return any(claim.when != "final" for claim in self._claims)

    def look(self) -> None:
        """Evaluate all claims on what is there now, to be asked for later."""
        contents = self._now()
        for at_end in (True, False):
            if (contents, at_end) not in self._known:
                try:
                    self._known[contents, at_end] = self._wrong(at_end)
                except CannotCheck as error:
                    self._known[contents, at_end] = error

    def at_end(self, contents: Contents) -> str | None:
        """What is wrong with contents at the end of a run."""
        return self._told(contents, True)

    def at_any_time(self, contents: Contents) -> str | None:
        """What is wrong with what is committed at some time."""
        return self._told(contents, False)

    def _told(self, contents: Contents, at_end: bool) -> str | None:
        found = self._known[contents, at_end]
        if isinstance(found, CannotCheck):
            raise found
        return found

    def _wrong(self, at_end: bool) -> str | None:
        for claim in self._claims:
            if not at_end and claim.when == "final":
                continue
            wrong = self._one(claim, at_end)
            if wrong is not None:
                return wrong
        return None

    def _one(self, claim: Claim, at_end: bool) -> str | None:
        value = self._evaluate(claim)
        if claim.when == "as often as":
            if type(value) is not int:
                raise CannotCheck(f"{claim.name} has to count, that is to return an int; it returned {value!r}")
            counts = claim.messages
            if callable(counts):
                must = sum(bool(counts(message)) for message in self._messages)
            else:
                must = len(self._messages) if counts is None or counts < 0 else counts
            fits = value == must or (not at_end and value < must)
            return None if fits else f"{claim.name}: {value}, must be {must}"
        if value is True:
            return None
        if value is not False:
            raise CannotCheck(f"the claim {claim.name} has to return True or False; it returned {value!r}")
        return f"the claim {claim.name} {'does not hold' if at_end else 'did not hold all the time'}"

    def _evaluate(self, claim: Claim) -> Any:
        session: Any = None
        given: dict[str, Any] = {}
        for name in self._wants[id(claim)]:
            if name in ("connection", "conn"):
                given[name] = self._connection
                continue
            if self._engine is None:
                self._engine = self._make_engine(self._connection)
            if name == "engine":
                given[name] = self._engine
            else:
                from sqlalchemy.orm import Session

                given[name] = session = Session(self._engine)
        try:
            return claim.function(**given)
        except CannotCheck:
            raise
        except Exception as error:
            raise CannotCheck(
                f"the claim {claim.name} raised {told(error)}. It has to return True or False of whatever a run leaves"
            ) from None
        finally:
            if session is not None:
                session.close()
            self._connection.rollback()
