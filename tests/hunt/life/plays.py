"""What the parts demand, written down from the texts of the exercises: the broker, the payment service, the link.

Each play draws its own data, plays everything that is outside of the learner's code, and judges what is there when
nobody is at work.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import redis

from . import values
from .stage import CROWDS_END, Actor, Broken, Play, Stage

MOST_EXCEPTIONS = 3
Letter = tuple[str, dict[str, Any]]


class Stores:
    """The file and the server of a session, for the one who prepares and judges."""

    def __init__(self, file: Path, server: redis.Redis | None) -> None:
        self.file = file
        self.server = server

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """A connection for a moment; none is open while processes are forked."""
        connection = sqlite3.connect(self.file, timeout=600)
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives now."""
        with self.database() as connection:
            return connection.execute(query).fetchall()


class HandlerPlay(Play):
    """A broker that delivers at least once, to consumers that share one store."""

    tables: ClassVar[str] = ""
    tool: ClassVar[str] = "db"
    jobs: ClassVar[tuple[str, ...]] = ()
    """Roles of processes that are no consumers."""
    has_schema: ClassVar[bool] = False

    def __init__(self, draw: random.Random, stores: Stores, data: Sequence[Letter] | None) -> None:
        self.draw, self.stores = draw, stores
        self.waves: list[list[Letter]] = []
        self.messages: list[Letter] = []
        self.ready: list[int] = []
        self.later: list[int] = []
        self.held: dict[str, tuple[int, bool]] = {}
        self.done: set[int] = set()
        self.dead: set[int] = set()
        self.exceptions: Counter[int] = Counter()
        self.attempts: Counter[int] = Counter()
        self.due: Counter[str] = Counter()
        self.kept_back: dict[int, int] = {}
        self.restarts = draw.random() < 0.5
        if data is None:
            self.invent()
        else:
            self.take(data)

    # -- for the parts --------------------------------------------------------------------------------------

    def invent(self) -> None:
        """Draw the data: `waves`, and what the store holds at the start."""
        raise NotImplementedError

    def take(self, data: Sequence[Letter]) -> None:
        """Take the data given, all at once."""
        self.waves = [list(data)]

    def prepare(self) -> None:
        """What the store holds at the start."""
        with self.stores.database() as connection:
            connection.executescript(self.tables)
            self.fill(connection)
            connection.commit()

    def fill(self, connection: sqlite3.Connection) -> None:
        """The rows given."""

    def judge(self) -> None:
        """Everything published is acknowledged: raise `Broken` if the contract is."""
        raise NotImplementedError

    def glance(self) -> None:
        """No one is at work, but not everything is done."""

    def must_fail(self, message: int) -> bool:
        """Whether it belongs into the dead-letter queue."""
        return False

    # -- the broker -----------------------------------------------------------------------------------------

    def _cut(self, letters: list[Letter]) -> None:
        """Into waves."""
        draw = self.draw
        size = draw.choice([1, 2, 3, 5, len(letters)])
        self.waves = [letters[n : n + size] for n in range(0, len(letters), size)]
        for wave in self.waves:
            if draw.random() < 0.6:
                draw.shuffle(wave)

    def count(self) -> int:
        """How many messages a session has."""
        return self.draw.choice([1, 2, 2, 3, 4, 6, 10, 16])

    def _publish(self) -> None:
        for letter in self.waves.pop(0):
            self.messages.append(letter)
            self.ready.append(len(self.messages) - 1)

    def deliverable(self) -> list[int]:
        calls = self.stage.calls
        free = [m for m in self.ready if self.stage.calm or self.kept_back.get(m, 0) <= calls]
        return free or ([] if self.held else self.ready)

    def task_for(self, actor: Actor) -> Any:
        if actor.role == "consumer":
            return "deliver" if self.deliverable() else None
        return actor.role if self.due[actor.role] else None

    def begin(self, actor: Actor, task: Any) -> tuple[str, list[Any]]:
        if task == "deliver":
            return self._deliver(actor)
        self.due[task] = 0
        return self.job(task)

    def job(self, role: str) -> tuple[str, list[Any]]:
        """The call of a job."""
        raise NotImplementedError

    def _deliver(self, actor: Actor) -> tuple[str, list[Any]]:
        draw, can = self.draw, self.deliverable()
        message = can[0] if draw.random() < 0.7 else draw.choice(can)
        self.ready.remove(message)
        self.attempts[message] += 1
        self.held[actor.name] = (message, True)
        attempt = self.attempts[message]
        if self.stage.mood.lying:
            attempt = draw.choice([attempt, 1, attempt + draw.randint(1, 9), attempt + draw.randint(1, 5000)])
        redelivered = attempt > 1
        identity, body = self.messages[message]
        return "handle", [["message", identity, dict(body), attempt, redelivered], ["tool", self.tool]]

    def ended(self, actor: Actor, kind: str, value: Any, text: str, contended: bool) -> None:
        if actor.name not in self.held:
            self.job_ended(actor, kind, value, text)
            return
        message, current = self.held.pop(actor.name)
        stage = self.stage
        if current and kind == "returned":
            if self.must_fail(message):
                raise Broken(f"message {self.messages[message][0]!r} is invalid and was acknowledged")
            if not stage.calm and self.draw.random() < stage.mood.lost:
                stage.note(None, "      the acknowledgement is lost")
                (self.ready if self.draw.random() < 0.5 else self.later).append(message)
            else:
                self.done.add(message)
        elif current:
            if kind == "raised" and not contended and "database is locked" not in text:
                self.exceptions[message] += 1
            if self.exceptions[message] >= MOST_EXCEPTIONS:
                self.dead.add(message)
                if not self.must_fail(message):
                    raise Broken(f"message {self.messages[message][0]!r} ends in the dead-letter queue: {text}")
            else:
                self.ready.append(message)
        if not any(other.state != "idle" for other in stage.actors) and self.draw.random() < 0.4:
            self.glance()

    def job_ended(self, actor: Actor, kind: str, value: Any, text: str) -> None:
        """A job has ended."""

    def died(self, actor: Actor) -> None:
        if actor.name in self.held:
            message, current = self.held.pop(actor.name)
            if current:
                self.ready.append(message)

    def chance(self) -> None:
        draw = self.draw
        if self.jobs and draw.random() < 0.06 and self.stage.steps < CROWDS_END and (self.ready or self.held):
            self.due[draw.choice(self.jobs)] += 1
        if self.waves and draw.random() < 0.01:
            self._publish()

    def mischief(self) -> None:
        draw, stage = self.draw, self.stage
        kind = draw.random()
        if kind < 0.65:
            held = sorted(name for name, (_, current) in self.held.items() if current)
            if held:
                name = draw.choice(held)
                message, _ = self.held[name]
                self.held[name] = (message, False)
                self.ready.insert(0 if draw.random() < 0.7 else len(self.ready), message)
                stage.log.append(f"      message {self.messages[message][0]!r} is delivered again, {name} is at work")
        elif kind < 0.8:
            if self.later:
                self.ready.append(self.later.pop(draw.randrange(len(self.later))))
        elif kind < 0.9:
            stage.pass_time(draw.choice([1.0, 61.0, 3601.0, 90000.0, 3e6, 3.2e8]), "nothing happens")
        else:
            idle = [actor for actor in stage.actors if actor.state == "idle"]
            if idle and self.restarts:
                stage.retire(draw.choice(idle))

    def rest(self) -> bool:
        if self.later:
            self.ready, self.later = self.later, []
            if self.draw.random() < 0.6:
                self.stage.pass_time(self.draw.choice([61.0, 90000.0, 3e6, 3.2e8]), "nothing happens")
            return True
        if self.messages:
            self.judge()
        if self.waves:
            self._publish()
            return True
        return False

    def alone(self, role: str) -> Actor:
        """A process of this role, for an undisturbed call: one that has worked before, or a new one."""
        actor = next(a for a in self.stage.actors if a.role == role)
        if self.draw.random() < 0.3:
            self.stage.retire(actor)
            actor = next(a for a in self.stage.actors if a.role == role)
        return actor


def _says(what: str, found: Any, must: Any) -> str:
    return f"{what} is {found!r}, must be {must!r}"


class RecordAndCheck(HandlerPlay):
    """Payments, each to be credited once."""

    tables = """CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
    CREATE TABLE processed (message_id TEXT PRIMARY KEY);"""

    def invent(self) -> None:
        draw, count = self.draw, self.count()
        ids, amounts = values.texts(draw, count), values.amounts(draw, count, zero=True)
        accounts = values.numbers(draw, draw.choice([1, 1, 2, 3]))
        self.opening = {account: draw.choice([0, 0, 50, 1000, -7, draw.randint(1, 99)]) for account in accounts}
        letters = []
        for identity, amount in zip(ids, amounts, strict=True):
            account = accounts[0] if draw.random() < 0.6 else draw.choice(accounts)
            letters.append((identity, {"account": account, "amount": amount}))
        if draw.random() < 0.2:
            for identity, number in values.run_together(draw):
                if identity not in ids:
                    account, amount = (number, 100) if draw.random() < 0.7 else (accounts[0], number)
                    self.opening.setdefault(account, 5)
                    letters.append((identity, {"account": account, "amount": amount}))
        self._cut(letters)

    def take(self, data: Sequence[Letter]) -> None:
        super().take(data)
        self.opening = {body["account"]: self.draw.choice([0, 20, 500]) for _, body in data}

    def fill(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO account VALUES (?, ?)", self.opening.items())

    def must(self) -> dict[int, int]:
        must = dict(self.opening)
        for _, body in self.messages:
            must[body["account"]] += body["amount"]
        return must

    def judge(self) -> None:
        found = dict(self.stores.rows("SELECT id, balance FROM account"))
        for account, balance in self.must().items():
            if found.get(account) != balance:
                raise Broken(_says(f"the balance of account {account}", found.get(account), balance))
        if len(found) != len(self.opening):
            raise Broken(f"the accounts are {sorted(found)}, must be {sorted(self.opening)}")


class RecordAndCheckRedis(RecordAndCheck):
    """The same in Redis."""

    tool = "redis"

    def prepare(self) -> None:
        assert self.stores.server is not None
        for account, balance in self.opening.items():
            self.stores.server.set(f"balance:{account}", balance)

    def judge(self) -> None:
        assert self.stores.server is not None
        for account, balance in self.must().items():
            key = f"balance:{account}"
            try:
                found = self.stores.server.get(key)
            except redis.ResponseError as error:
                raise Broken(f"{key} can't be read: {error}") from None
            if found != str(balance).encode():
                raise Broken(_says(key, found, str(balance).encode()))


class _Reading(HandlerPlay):
    """Parts with a function that reads; it is called in between as well."""

    jobs = ("reader",)

    def questions(self) -> list[tuple[str, list[Any], int]]:
        """What to ask, and what it must answer now."""
        raise NotImplementedError

    def job(self, role: str) -> tuple[str, list[Any]]:
        name, arguments, _ = self.draw.choice(self.questions())
        return name, arguments

    def job_ended(self, actor: Actor, kind: str, value: Any, text: str) -> None:
        self.answer = (kind, value, text)

    def task_for(self, actor: Actor) -> Any:
        return super().task_for(actor)

    def begin(self, actor: Actor, task: Any) -> tuple[str, list[Any]]:
        if isinstance(task, tuple):
            return task[1], task[2]
        return super().begin(actor, task)

    def judge(self) -> None:
        questions = self.questions()
        if len(questions) > 3:
            questions = self.draw.sample(questions, 3) if self.waves else questions
        for name, arguments, must in questions:
            actor = self.alone("reader")
            self.stage.call_alone(actor, ("ask", name, arguments))
            kind, value, text = self.answer
            shown = f"{name}({', '.join(str(a) for a in arguments if not isinstance(a, list))})"
            if kind != "returned":
                raise Broken(f"{shown} ends in {text}")
            if value != must or text != "int":
                raise Broken(_says(f"what {shown} returns, of type {text},", value, must))


class OrderTotal(_Reading):
    """Orders, each counted once, under whatever message id it comes."""

    has_schema = True

    def invent(self) -> None:
        draw, count = self.draw, self.count()
        orders = values.texts(draw, count)
        letters = [
            (order, amount) for order, amount in zip(orders, values.amounts(draw, count, negative=False), strict=True)
        ]
        again = [draw.choice(letters) for _ in range(draw.choice([0, 1, count]))]
        everything = letters + again
        ids = values.texts(draw, len(everything))
        if draw.random() < 0.3:
            ids = [draw.choice(orders) if draw.random() < 0.3 else identity for identity in ids]
            ids = list(dict.fromkeys(ids)) + [f"m{n}" for n in range(len(ids))]
        sent = [
            (identity, {"order_id": order, "amount": amount})
            for identity, (order, amount) in zip(ids, everything, strict=False)
        ]
        self._cut(sent)

    def questions(self) -> list[tuple[str, list[Any], int]]:
        total = sum({body["order_id"]: body["amount"] for _, body in self.messages}.values())
        return [("total", [["tool", "db"]], total)]


class Setnx(_Reading):
    """Legs of transfers in Redis, each counted once."""

    tool = "redis"
    signs = True

    def invent(self) -> None:
        draw, count = self.draw, self.count()
        transfers = values.texts(draw, max(1, count // 2) + 1)
        accounts = values.numbers(draw, draw.choice([1, 2, 3]) + 1)
        self.untouched = accounts.pop()
        self.accounts = accounts
        legs: dict[tuple[str, int], int] = {}
        for amount in values.amounts(draw, count, negative=True):
            legs.setdefault((draw.choice(transfers), draw.choice(accounts)), amount or 1)
        if draw.random() < 0.2:
            for transfer, account in values.run_together(draw):
                if account != self.untouched:
                    legs.setdefault((transfer, account), 100)
                    accounts += [account] * (account not in accounts)
        everything = list(legs.items())
        everything += [draw.choice(everything) for _ in range(draw.choice([0, 0, 1, 3]))]
        ids = values.texts(draw, len(everything))
        self._cut(
            [
                (identity, {"transfer_id": transfer, "account": account, "amount": amount})
                for identity, ((transfer, account), amount) in zip(ids, everything, strict=True)
            ]
        )

    def take(self, data: Sequence[Letter]) -> None:
        super().take(data)
        self.accounts = sorted({body["account"] for _, body in data})
        self.untouched = max(self.accounts) + 1

    def prepare(self) -> None:
        """The server is empty."""

    def _must(self, opening: dict[int, int]) -> dict[int, int]:
        must = dict(opening)
        legs = {(body["transfer_id"], body["account"]): body["amount"] for _, body in self.messages}
        for (_, account), amount in legs.items():
            must[account] += amount
        return must

    def questions(self) -> list[tuple[str, list[Any], int]]:
        must = self._must(dict.fromkeys([*self.accounts, self.untouched], 0))
        return [("balance", [["tool", "redis"], account], balance) for account, balance in must.items()]


class Ledger(Setnx):
    """Legs of transfers in SQLite, settled by a job."""

    tool = "db"
    jobs = ("settler", "settler too")
    has_schema = True
    tables = "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);"

    def invent(self) -> None:
        super().invent()
        draw = self.draw
        self._open()
        if draw.random() < 0.4:
            transfer = values.texts(draw, 1)[0]
            invalid = {"transfer_id": f"{transfer} invalid", "account": draw.choice(self.accounts), "amount": 0}
            draw.choice(self.waves).append((f"{transfer}-0", invalid))

    def take(self, data: Sequence[Letter]) -> None:
        super().take(data)
        self._open()

    def _open(self) -> None:
        accounts = [*self.accounts, self.untouched]
        self.opening = {account: self.draw.choice([0, 50, 1000, -20]) for account in accounts}

    def prepare(self) -> None:
        HandlerPlay.prepare(self)

    def fill(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO account VALUES (?, ?)", self.opening.items())

    def must_fail(self, message: int) -> bool:
        return self.messages[message][1]["amount"] == 0

    def job(self, role: str) -> tuple[str, list[Any]]:
        return "settle", [["tool", "db"]]

    def job_ended(self, actor: Actor, kind: str, value: Any, text: str) -> None:
        self.answer = (kind, value, text)

    def judge(self) -> None:
        self.stage.call_alone(self.alone("settler"), ("settle", "settle", [["tool", "db"]]))
        found = dict(self.stores.rows("SELECT id, balance FROM account"))
        ended = "" if self.answer[0] == "returned" else f"; the last settle ended in {self.answer[2]}"
        for account, balance in self._must(self.opening).items():
            if found.get(account) != balance:
                raise Broken(_says(f"the balance of account {account}", found.get(account), balance) + ended)
        if len(found) != len(self.opening):
            raise Broken(f"the accounts are {sorted(found)}, must be {sorted(self.opening)}")


class VersionedBalance(HandlerPlay):
    """Changes of balances, to be applied once each and in the order of their versions."""

    tables = "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, version INTEGER);"

    def invent(self) -> None:
        draw = self.draw
        self.opening: dict[int, tuple[int, int]] = {}
        accounts = values.numbers(draw, draw.choice([1, 1, 2, 3]))
        streams: list[list[Letter]] = []
        first_version = draw.choice([0, 1, 7, 9, 99, draw.randint(0, 50)])
        total = self.count()
        for account in accounts:
            balance, version = draw.choice([0, 500, -20, 7]), first_version + draw.choice([0, 0, 1, 3])
            self.opening[account] = (balance, version)
            stream = []
            amounts = values.amounts(draw, max(1, total // len(accounts)), zero=True)
            for number, amount in enumerate(amounts):
                change = -amounts[number - 1] if number and draw.random() < 0.4 else amount
                amounts[number] = change
                body = {"account": account, "amount": change, "version": version, "balance": balance}
                stream.append(("", body))
                version, balance = version + 1, balance + change
            streams.append(stream)
        letters = []
        while any(streams):
            letters.append(draw.choice([stream for stream in streams if stream]).pop(0))
        ids = values.texts(draw, len(letters))
        letters = [(identity, body) for identity, (_, body) in zip(ids, letters, strict=True)]
        draw_order = draw.random()
        if draw_order < 0.3:
            letters.reverse()
        elif draw_order < 0.6:
            draw.shuffle(letters)
        self._cut(letters)
        self._keep_one_back(letters)

    def _keep_one_back(self, letters: list[Letter]) -> None:
        """Sometimes all in one wave, and one comes only after many deliveries of the others."""
        draw = self.draw
        if draw.random() < 0.35:
            self.waves = [[letter for wave in self.waves for letter in wave]]
            self.kept_back = {draw.randrange(len(letters)): draw.choice([4, 15, 40, 120, 300])}

    def take(self, data: Sequence[Letter]) -> None:
        super().take(data)
        self.opening = {}
        for _, body in sorted(data, key=lambda letter: -int(letter[1]["version"])):
            self.opening[body["account"]] = (body["balance"], body["version"])

    def fill(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO account VALUES (?, ?, ?)", [(a, *row) for a, row in self.opening.items()])

    def rest(self) -> bool:
        if self.waves and self.messages and self.ready:
            self._publish()
            return True
        return super().rest()

    def chance(self) -> None:
        super().chance()
        if self.waves and (not self.ready or self.draw.random() < 0.05):
            self._publish()

    def judge(self) -> None:
        found = {row[0]: row[1:] for row in self.stores.rows("SELECT * FROM account")}
        must = dict(self.opening)
        for _, body in self.messages:
            balance, version = must[body["account"]]
            must[body["account"]] = (balance + body["amount"], version + 1)
        for account, row in must.items():
            if found.get(account) != row:
                raise Broken(_says(f"(balance, version) of account {account}", found.get(account), row))
        if len(found) != len(must):
            raise Broken(f"the accounts are {sorted(found)}, must be {sorted(must)}")

    def glance(self) -> None:
        everything = [letter for letters in [self.messages, *self.waves] for letter in letters]
        for account, balance, version in self.stores.rows("SELECT * FROM account"):
            first, start = self.opening[account]
            before = [b for _, b in everything if b["account"] == account and b["version"] < version]
            must = first + sum(body["amount"] for body in before)
            if balance != must or version < start:
                raise Broken(f"account {account} has version {version} and balance {balance}, must have {must} then")


class VersionedProfile(HandlerPlay):
    """Addresses, of which the one with the highest version stays."""

    tables = "CREATE TABLE customer (id INTEGER PRIMARY KEY, address TEXT, version INTEGER);"

    def invent(self) -> None:
        draw, count = self.draw, self.count()
        customers = values.numbers(draw, draw.choice([1, 1, 2, 3]))
        addresses = values.texts(draw, count + len(customers), plain=0.4)
        self.opening = {
            customer: (addresses.pop(), draw.choice([0, 0, 1, 3, 9, 50, draw.randint(0, 99)])) for customer in customers
        }
        letters, used = [], {(customer, version) for customer, (_, version) in self.opening.items()}
        for identity in values.texts(draw, count):
            customer = customers[0] if draw.random() < 0.6 else draw.choice(customers)
            near = [version for other, version in used if other == customer]
            version = max(0, draw.choice(near) + draw.choice([1, 1, 2, 7, 10, -1, -1, -2, 90, 10**6]))
            while (customer, version) in used:
                version += draw.choice([1, 1, 3])
            used.add((customer, version))
            address = draw.choice(addresses) if draw.random() < 0.2 else addresses.pop()
            addresses.append(address)
            letters.append((identity, {"customer": customer, "address": address, "version": version}))
        self._cut(letters)

    def take(self, data: Sequence[Letter]) -> None:
        super().take(data)
        self.opening = {body["customer"]: ("Nowhere 1", self.draw.choice([0, 0, 3])) for _, body in data}

    def fill(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO customer VALUES (?, ?, ?)", [(c, *row) for c, row in self.opening.items()])

    def _check(self, letters: list[Letter]) -> None:
        found = {row[0]: row[1:] for row in self.stores.rows("SELECT * FROM customer")}
        must = dict(self.opening)
        for _, body in letters:
            if body["version"] > must[body["customer"]][1]:
                must[body["customer"]] = (body["address"], body["version"])
        for customer, row in must.items():
            if found.get(customer) != row:
                raise Broken(_says(f"(address, version) of customer {customer}", found.get(customer), row))
        if len(found) != len(must):
            raise Broken(f"the customers are {sorted(found)}, must be {sorted(must)}")

    def judge(self) -> None:
        self._check(self.messages)


class Loop(Play):
    """Consumers that run the learner's loop; the work is recorded outside."""

    function = ""

    def __init__(self, draw: random.Random, stores: Stores, data: Sequence[Letter] | None) -> None:
        self.draw = draw
        count = draw.choice([1, 2, 2, 3, 5])
        self.messages = list(data or ((text, {"amount": 100}) for text in values.texts(draw, count, plain=0.8)))
        self.ready = list(range(len(self.messages)))
        self.deliveries: Counter[int] = Counter()
        self.performed: Counter[int] = Counter()
        self.done: set[int] = set()
        self.held: dict[str, list[list[Any]]] = {}
        self.seen_none: set[str] = set()
        self.stopped: set[str] = set()
        self.faults = 0
        self.idle_polls = 0
        self.failing = 0
        self.has_schema = False

    def prepare(self) -> None:
        """There is no store."""

    def task_for(self, actor: Actor) -> Any:
        if actor.name in self.stopped:
            return None
        return "run" if self.ready else None

    def begin(self, actor: Actor, task: Any) -> tuple[str, list[Any]]:
        self.held[actor.name] = []
        self.seen_none.discard(actor.name)
        return self.function, [["tool", "queue"], ["tool", "process"]]

    def told(self, actor: Actor, what: str, argument: Any) -> tuple[str, Any]:
        held, draw, stage = self.held[actor.name], self.draw, self.stage
        may_fail = not stage.calm and draw.random() < stage.mood.lost
        if what == "receive":
            return "value", self._receive(actor)
        if not 0 <= argument < len(held):
            return "raise", ("StaleDelivery", "this message was received before the loop was started again")
        message, status = held[argument]
        if what == "process":
            if not stage.calm and (self.failing or may_fail):
                self.failing = self.failing - 1 if self.failing else draw.choice([0, 0, 1, 4, 9])
                self.faults += 1
                return "raise", ("RuntimeError", "the work failed")
            self.performed[message] += 1
            self._performed(message)
            return "value", "done"
        if status == "superseded":
            return "raise", ("StaleDelivery", "the queue has delivered this message again meanwhile")
        if status == "acknowledged":
            return "value", "acknowledged"
        if may_fail:
            self.faults += 1
            if draw.random() < 0.5:
                held[argument][1] = "acknowledged"
                self.done.add(message)
                return "raise", ("ConnectionError", "the confirmation got lost")
            return "raise", ("ConnectionError", "the acknowledgement got lost")
        held[argument][1] = "acknowledged"
        self.done.add(message)
        return "value", "acknowledged"

    def _receive(self, actor: Actor) -> Any:
        draw = self.draw
        if not self.ready:
            self.seen_none.add(actor.name)
            self.idle_polls += 1
            if self.idle_polls > 300 and all(a.state != "idle" or a.name in self.stopped for a in self.stage.actors):
                if len(self.done) < len(self.messages):
                    raise Broken("the loop goes on asking, and never acknowledges what it holds")
                self.judge()
                self.ready = []
            if self.idle_polls > 400:
                self.stopped.add(actor.name)
            return None
        self.idle_polls = 0
        message = self.ready.pop(0 if draw.random() < 0.7 else draw.randrange(len(self.ready)))
        self.deliveries[message] += 1
        attempt = self.deliveries[message]
        if attempt > 1 and self.stage.mood.lying and draw.random() < 0.5:
            attempt = draw.choice([1, attempt + draw.randint(1, 90)])
        self.held[actor.name].append([message, "held"])
        identity, body = self.messages[message]
        return [len(self.held[actor.name]) - 1, identity, dict(body), attempt, attempt > 1]

    def _performed(self, message: int) -> None:
        raise NotImplementedError

    def _let_go(self, actor: Actor) -> None:
        for message, status in self.held.pop(actor.name, []):
            if status == "held":
                self.ready.append(message)

    def ended(self, actor: Actor, kind: str, value: Any, text: str, contended: bool) -> None:
        self._let_go(actor)
        if kind != "returned":
            self.stage.retire(actor)
        elif actor.name not in self.seen_none:
            self.stopped.add(actor.name)

    def died(self, actor: Actor) -> None:
        self.faults += 1
        self._let_go(actor)

    def mischief(self) -> None:
        held = [one for name in sorted(self.held) for one in self.held[name] if one[1] == "held"]
        if held:
            one = self.draw.choice(held)
            one[1] = "superseded"
            self.faults += 1
            self.ready.insert(0, one[0])
            self.stage.log.append(f"      message {self.messages[one[0]][0]!r} is delivered again meanwhile")

    def rest(self) -> bool:
        self.judge()
        return False

    def _lost(self) -> str | None:
        for number, (identity, _) in enumerate(self.messages):
            if not self.performed[number]:
                return f"message {identity!r} is lost: it was never processed"
        return None

    def judge(self) -> None:
        """Nothing is deliverable any more."""
        raise NotImplementedError


class AtMostOnce(Loop):
    """Never twice, and without faults none lost."""

    function = "at_most_once"

    def _performed(self, message: int) -> None:
        if self.performed[message] > 1:
            raise Broken(f"message {self.messages[message][0]!r} was processed twice")

    def judge(self) -> None:
        lost = self._lost()
        if not self.faults and lost:
            raise Broken(lost)


class AtLeastOnce(Loop):
    """None lost, and without faults none twice."""

    function = "at_least_once"

    def _performed(self, message: int) -> None:
        if self.performed[message] > 1 and not self.faults:
            raise Broken(f"message {self.messages[message][0]!r} was processed twice, without any fault")

    def judge(self) -> None:
        lost = self._lost()
        if lost:
            raise Broken(lost)


class Link(Play):
    """A sender with QoS 2, with at most two packets in flight, and somebody who empties the inbox.

    A packet that is lost is as good as not sent; what matters is the answer that is lost, after which it is repeated.
    """

    has_schema = False

    def __init__(self, draw: random.Random, stores: Stores, data: Sequence[Letter] | None) -> None:
        self.draw, self.stores = draw, stores
        if data is None:
            payloads = [text.replace("\x1f", "") for text in values.texts(draw, draw.choice([1, 2, 3, 6, 10]), 0.5)]
            payloads += [draw.choice(payloads) for _ in range(draw.choice([0, 1, 3]))]
            ids = draw.choice([[7], [7, 70], [1, 65535], [1, 2, 3]])
            self.waiting = [(draw.choice(ids), payload) for payload in payloads]
        else:
            self.waiting = [(body["packet_id"], payload) for payload, body in data]
        self.sent: Counter[str] = Counter(payload for _, payload in self.waiting)
        self.slots: dict[int, list[Any]] = {}
        self.at_once = draw.choice([1, 2, 2])
        self.collected: Counter[str] = Counter()
        self.due = False
        self.handed: tuple[int, str] | None = None
        self.fill_slots()

    def prepare(self) -> None:
        with self.stores.database() as connection:
            connection.executescript(
                "CREATE TABLE received (packet_id INTEGER PRIMARY KEY);"
                "CREATE TABLE inbox (id INTEGER PRIMARY KEY, payload TEXT);"
            )

    def fill_slots(self) -> None:
        while self.waiting and len(self.slots) < self.at_once and self.waiting[0][0] not in self.slots:
            packet, payload = self.waiting.pop(0)
            self.slots[packet] = ["PUBLISH", payload]

    def task_for(self, actor: Actor) -> Any:
        if actor.role == "emptier":
            return "empty" if self.due else None
        return "packet" if self.slots else None

    def begin(self, actor: Actor, task: Any) -> tuple[str, list[Any]]:
        if task == "empty":
            self.due = False
            return "empty the inbox", []
        packet = self.draw.choice(sorted(self.slots))
        phase, payload = self.slots[packet]
        self.handed = (packet, phase)
        if phase == "PUBLISH":
            return "Receiver.on_publish", [packet, payload]
        return "Receiver.on_pubrel", [packet]

    def ended(self, actor: Actor, kind: str, value: Any, text: str, contended: bool) -> None:
        if actor.role == "emptier":
            if kind == "returned":
                self.collected.update(value)
            return
        assert self.handed is not None
        packet, phase = self.handed
        if kind != "returned":
            self.stage.retire(actor)
            return
        lost = not self.stage.calm and self.draw.random() < self.stage.mood.lost
        if lost:
            self.stage.note(None, "      the answer is lost")
        elif phase == "PUBLISH" and value == "PUBREC":
            self.slots[packet][0] = "PUBREL"
        elif phase == "PUBREL" and value == "PUBCOMP":
            del self.slots[packet]
            self.fill_slots()

    def died(self, actor: Actor) -> None:
        """The sender repeats."""

    def chance(self) -> None:
        if self.draw.random() < 0.05 and self.slots and self.stage.mood.policy != "straight":
            self.due = True

    def mischief(self) -> None:
        self.stage.pass_time(self.draw.choice([1.0, 3601.0, 3.2e8]), "nothing happens")

    def rest(self) -> bool:
        found = self.collected + Counter(str(row[0]) for row in self.stores.rows("SELECT payload FROM inbox"))
        if found != self.sent:
            for payload in sorted({*found, *self.sent}):
                if found[payload] != self.sent[payload]:
                    raise Broken(
                        f"{payload!r} got into the inbox {found[payload]} times, was sent {self.sent[payload]} times"
                    )
        return False


class Requests(Play):
    """Orders to be paid, and the payment service."""

    has_schema = False

    def __init__(self, draw: random.Random, stores: Stores, data: Sequence[Letter] | None) -> None:
        self.draw, self.stores = draw, stores
        if data is None:
            count = draw.choice([1, 2, 3, 5, 20])
            self.orders = list(zip(values.texts(draw, count), values.amounts(draw, count, negative=False), strict=True))
            if draw.random() < 0.2:
                orders = {order for order, _ in self.orders}
                self.orders += [pair for pair in values.run_together(draw) if pair[0] not in orders]
        else:
            self.orders = [(body["order_id"], body["amount"]) for _, body in data]
        self.ready = list(range(len(self.orders)))
        self.held: dict[str, int] = {}
        self.known: dict[str, tuple[str, Any]] = {}
        self.paid: list[tuple[str, Any]] = []

    def prepare(self) -> None:
        with self.stores.database() as connection:
            connection.execute("CREATE TABLE intent (order_id TEXT PRIMARY KEY, key TEXT)")
            connection.commit()

    def task_for(self, actor: Actor) -> Any:
        return "pay" if self.ready else None

    def begin(self, actor: Actor, task: Any) -> tuple[str, list[Any]]:
        order = self.ready.pop(0 if self.draw.random() < 0.7 else self.draw.randrange(len(self.ready)))
        self.held[actor.name] = order
        return "pay", [*self.orders[order], ["tool", "db"], ["tool", "send"]]

    def told(self, actor: Actor, what: str, argument: Any) -> tuple[str, Any]:
        stage, draw = self.stage, self.draw
        may_fail = not stage.calm and draw.random() < stage.mood.lost
        if may_fail and draw.random() < 0.5:
            return "raise", ("ConnectionError", "the request got lost")
        key, order, amount = argument
        if key in self.known:
            if self.known[key] != (order, amount):
                return "raise", ("ValueError", f"the key {key!r} stands for another payment")
        else:
            self.known[key] = (order, amount)
            self.paid.append((order, amount))
        if may_fail:
            return "raise", ("ConnectionError", "the answer got lost")
        return "value", "paid"

    def ended(self, actor: Actor, kind: str, value: Any, text: str, contended: bool) -> None:
        order = self.held.pop(actor.name)
        if kind != "returned":
            self.ready.append(order)

    def died(self, actor: Actor) -> None:
        self.ready.append(self.held.pop(actor.name))

    def mischief(self) -> None:
        idle = [actor for actor in self.stage.actors if actor.state == "idle"]
        if idle and self.draw.random() < 0.5:
            self.stage.retire(self.draw.choice(idle))
        else:
            self.stage.pass_time(self.draw.choice([1.0, 3601.0, 90000.0, 3.2e8]), "nothing happens")

    def rest(self) -> bool:
        times = Counter(order for order, _ in self.paid)
        for order, amount in self.orders:
            if times[order] != 1:
                raise Broken(f"order {order!r} is paid {times[order]} times, must be paid once")
            if (order, amount) not in self.paid:
                raise Broken(f"order {order!r} is not paid with {amount}")
        if len(self.paid) != len(self.orders):
            raise Broken("something else has been paid")
        return False


PLAYS: dict[str, Any] = {
    "at_most_once": AtMostOnce,
    "at_least_once": AtLeastOnce,
    "qos2_receiver": Link,
    "order_total": OrderTotal,
    "ledger": Ledger,
    "setnx": Setnx,
    "versioned_balance": VersionedBalance,
    "versioned_profile": VersionedProfile,
    "record_and_check": RecordAndCheck,
    "record_and_check_redis": RecordAndCheckRedis,
    "request_once": Requests,
}
IN_REDIS = {"setnx", "record_and_check_redis"}


def roles(part: str, draw: random.Random) -> tuple[str, ...]:
    """Which processes a session has."""
    if part == "qos2_receiver":
        return ("receiver", "emptier")
    consumers = ("consumer",) * draw.choice([1, 2, 2, 2, 3])
    if part == "ledger":
        return (*consumers, "settler", "settler too")
    if part in ("order_total", "setnx"):
        return (*consumers, "reader")
    return consumers


__all__ = ["IN_REDIS", "PLAYS", "Stage", "Stores", "roles"]
