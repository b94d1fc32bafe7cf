"""What is searched: who takes part, prepared stores, and what must hold at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..simulation.calls import Call, MessageGiven, Role, Tool
from ..simulation.live import Hints
from ..simulation.operations import SqlStatement
from ..simulation.sqlite_store import Contents, Journal
from ..simulation.world import A_WHILE, Answer, Bounds, Cast, State

if TYPE_CHECKING:
    import redis

_LETTERS = {
    Role.CONSUMER: "ABCDEFGH",
    Role.LOOP: "ABCDEFGH",
    Role.JOB: "STUV",
    Role.SENDER: "ST",
    Role.RECEIVER: "R",
    Role.WRITER: "W",
}


def deliver(function: str, *tools: Tool) -> Callable[[str, dict[str, Any]], Call]:
    """How a message becomes a call: ``function(message, *tools)``."""
    return lambda identity, body: Call(function, (MessageGiven(identity, body), *tools))


Message = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Must:
    """What must be seen under a title of `Scenario.watched`, and where it is kept: a table, and the row whose first
    value is ``key`` (None: all of them). A closing call's answer is in the table ``answers``, under the call."""

    title: str
    text: str
    table: str
    key: object = None


@dataclass(frozen=True)
class Scenario:
    """What a part demands, for one set of messages.

    ``prepare`` fills an empty database (it is given a `sqlite3.Connection`). ``judge`` says in one sentence what
    is wrong with the contents at the end of a run in which everything got acknowledged; None when all claims hold.
    The contents are SQLite's tables, and beside them tables of what is kept elsewhere: see `everything`.
    """

    name: str
    entry: str
    messages: Sequence[tuple[str, dict[str, Any]]]
    prepare: Callable[[Any], None]
    judge: Callable[[Contents], str | None]
    bounds: Bounds = field(default_factory=Bounds)
    effects: frozenset[str] = frozenset()
    """The tables that hold the effect of a message; what is kept elsewhere is a mark."""
    watched: tuple[tuple[str, Callable[[Contents], str]], ...] = ()
    """What the timeline shows of the state: column title, and contents → text."""
    musts: Callable[[Sequence[Message]], Sequence[Must]] | None = None
    is_late: bool = False
    """The effect of a message that is done may be still to come, as one that a job has: not yet is not wrong."""
    """What the stores must show of these messages once they are done: what a picture sets beside a wrong value."""
    call: Callable[[str, dict[str, Any]], Call] | None = None
    """How a message becomes a call of a handler; None: ``entry(message, db)``."""
    opening: tuple[Call, ...] = ()
    """Undisturbed calls before everything else, which make tables."""
    closing: tuple[Call, ...] = ()
    """Undisturbed calls at the end, each by a new process; what they answer is in the contents that are judged."""
    job: Call | None = None
    jobs: int = 0
    """How many processes run the job."""
    runs: int = 0
    """How often the job may be started before the last acknowledgement."""
    hears: Callable[[Answer], str | None] | None = None
    """Where the job is a reader: what is wrong with its answer, in one sentence."""
    loop: Call | None = None
    packets: tuple[tuple[Call, str], ...] = ()
    """What a sender has to get answered, and how: two packets a message."""
    lanes: tuple[int, ...] = ()
    """How many of the packets each sender has, where there are several: so many messages are in flight at a time."""
    writer: str = ""
    """Who else writes to the database, in a few words; may be started ``runs`` times."""
    writes: tuple[str, ...] = ()
    """The statements of that one."""
    sure_acks: bool = False
    """The return of a call can't get lost, since nothing but the caller hears of it."""
    uses_redis: bool = False
    prepare_redis: Callable[[redis.Redis], None] | None = None
    redis_table: Callable[[str], str] = lambda key: "redis"
    """In which table of the contents a Redis key is shown."""
    redis_kinds: bool = False
    """The contents also say of what kind each Redis key is: see `everything`."""
    dead_letters: bool = True
    """A message that raises again and again is put aside."""
    expected_dead: int = 0
    """Messages (as bits) that must be put aside."""
    forbids: Callable[[State], str | None] | None = None
    """What must not be, at any time."""
    never: Callable[[Contents], str | None] | None = None
    """What must not be, at any time, in the committed contents; in one sentence."""
    uses_sqlite: bool = True
    family: str = "records"
    """Which rules of diagnosis fit: see `diagnosis`."""
    did: str = "applied"
    """What a sentence says of a message that had its effect."""
    intent: Callable[[str, dict[str, Any]], object] | None = None
    """What a message asks for: two messages of one intent must have one effect. None: its id says it."""
    hints: Hints = Hints.HONEST
    """What the queue says of how often it has delivered a message."""
    outsider: bool = False
    """Somebody who is no process here may hold a lock on the database for longer than a statement waits."""
    set_back: bool = False
    """Where time passes by a fault, the clock is set back by a good hour."""
    only_if_right: bool = False
    """Searched only where the scenarios before it found nothing: its counterexamples would take the place of theirs,
    which are nearer to the point."""
    between: int = 0
    """So many other messages come between a message and its duplicate, which is part of the verdict's words."""
    spread: tuple[int, ...] = ()
    """Of each message, the number that says what its deliveries draw, where draws are spread; see `chance.Identity`.
    Empty where they are not."""
    overtaken: int = 0
    """So many other messages are there to be handled while the first one is worked on."""
    near: Scenario | None = None
    """The same with one message between them: what is right there has forgotten the message."""
    beside: str = ""
    """An effect table that has to hold one row for each message, (…, its id, a text), beside the effect itself."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call that there can be; a handler's come first, and are numbered as the messages are."""
        make = self.call or deliver(self.entry, Tool.DB)
        own = () if self.loop or self.packets else tuple(make(identity, body) for identity, body in self.messages)
        rest = (self.job, self.loop, *(call for call, _ in self.packets), *self.closing)
        return own + tuple(call for call in rest if call is not None)

    def roles(self, bounds: Bounds) -> tuple[Role, ...]:
        """Who takes part."""
        if self.packets:
            senders = (Role.SENDER,) * max(len(self.lanes), 1)
            return (*senders, Role.RECEIVER, *((Role.WRITER,) if self.writes else ()))
        kind = Role.LOOP if self.loop else Role.CONSUMER
        return (kind,) * bounds.consumers + (Role.JOB,) * self.jobs

    @property
    def meets_others(self) -> bool:
        """Whether it is worth asking what happens when somebody else holds a lock: once for each kind of call. With
        many messages, or beside readers and writers, it gives nothing new."""
        if not self.uses_sqlite or self.writes or self.between or self.overtaken or self.hears is not None:
            return False
        return self.jobs == 1 or (self.jobs == 0 and (self.bounds.consumers > 1 or len(self.packets) > 0))

    @property
    def time_goes_on(self) -> bool:
        """Whether time passes from one delivery to the next."""
        return any(number >= 0 for number in self.spread)

    def journals(self, journals: Sequence[Journal]) -> Sequence[Journal]:
        """Those of ``journals`` that have to be searched: they differ in how processes get in one another's way, so
        where only one uses the database any of them stands for all."""
        if self.outsider:
            return journals
        users = sum(role is not Role.SENDER for role in self.roles(self.bounds))
        return journals if users > 1 else journals[:1]

    def letters(self, bounds: Bounds | None = None) -> tuple[str, ...]:
        """The processes' letters: A, B, … consumers; S, T jobs, or senders; R a receiver; W another writer."""
        roles = self.roles(bounds or self.bounds)
        return tuple(_LETTERS[role][roles[:place].count(role)] for place, role in enumerate(roles))

    def cast(self, bounds: Bounds) -> Cast:
        """What the world has to know."""
        calls = self.calls
        first = len(calls) - len(self.closing) - len(self.packets)
        return Cast(
            self.roles(bounds),
            0 if self.packets else len(self.messages),
            calls.index(self.job) if self.job else -1,
            self.runs,
            calls.index(self.loop) if self.loop else -1,
            tuple((first + n, answer) for n, (_, answer) in enumerate(self.packets)),
            self.dead_letters,
            self.uses_redis,
            self.sure_acks,
            self.lanes or (len(self.packets),),
            len(calls) if self.writes else -1,
            self.hears is not None,
            self.outsider,
            self.set_back,
            A_WHILE if self.time_goes_on else 0,
        )

    @property
    def scripts(self) -> dict[int, tuple[SqlStatement, ...]]:
        """What is not the learner's, by the number of the call, which comes after all of theirs."""
        return {len(self.calls): tuple(map(SqlStatement, self.writes))} if self.writes else {}

    @property
    def first_closing(self) -> int:
        """The number of the first closing call."""
        return len(self.calls) - len(self.closing)
