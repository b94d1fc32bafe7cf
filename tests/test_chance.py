"""Random bits as bad as they may be: what is short comes twice, what is long never does."""

from __future__ import annotations

import itertools
import random
import secrets
import string
import uuid
from collections.abc import Callable

import pytest

from redelivery.exploration.full import search_all
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved
from redelivery.simulation import guards
from redelivery.simulation.chance import Identity, bits_counted, drawn, whole_number
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.world import Bounds
from tests.agreement import ONE_MESSAGE

MESSAGES, ATTEMPTS = range(6), range(1, 7)


class Delivery:
    """What a handler draws from."""

    def __init__(self, who: Identity) -> None:
        self.who, self.serial, self.before = who, 0, 0

    def in_learner_code(self) -> bool:
        return True

    def seeded(self) -> None:
        return None

    def draw_bytes(self, count: int, bits: int | None = None) -> bytes:
        self.serial += 1
        before, self.before = self.before, self.before + bits_counted(8 * count if bits is None else bits)
        return drawn(self.who, count, self.serial, before)


def made(make: Callable[[], object], message: int, attempt: int) -> object:
    with guards.guarded():
        guards.source = Delivery(Identity(message, attempt))  # type: ignore[assignment]
        try:
            return make()
        finally:
            guards.source = None


LONG: list[Callable[[], object]] = [
    uuid.uuid4,
    lambda: uuid.uuid1(),
    lambda: uuid.uuid4().hex[:16],
    lambda: uuid.uuid4().hex[-16:],
    lambda: secrets.token_hex(16),
    lambda: secrets.token_hex(8),
    lambda: secrets.token_urlsafe(),
    lambda: secrets.randbits(64),
    lambda: random.random(),
    lambda: random.getrandbits(128),
    lambda: "".join(random.choices(string.ascii_letters, k=20)),
    lambda: "".join(random.choice(string.hexdigits) for _ in range(20)),
    lambda: "".join(secrets.choice(string.digits) for _ in range(20)),
    lambda: secrets.token_hex(4) + secrets.token_hex(4),
]
SHORT: list[Callable[[], object]] = [
    lambda: uuid.uuid4().hex[:1],
    lambda: uuid.uuid4().hex[:10],
    lambda: uuid.uuid4().hex[-4:],
    lambda: uuid.uuid4().time_low,
    lambda: uuid.uuid4().int % 10_000,
    lambda: uuid.uuid1().hex[-12:],
    lambda: secrets.token_hex(1),
    lambda: secrets.token_hex(4),
    lambda: random.randrange(16),
    lambda: random.randint(0, 9_999),
    lambda: int(random.random() * 10**8),
    lambda: random.choice("abcdef"),
    lambda: "".join(random.choices(string.ascii_letters, k=5)),
    lambda: "".join(secrets.choice(string.digits) for _ in range(3)),
]


@pytest.mark.parametrize("make", LONG)
def test_what_is_long_is_never_the_same(make: Callable[[], object]) -> None:
    found = [made(make, m, a) for m, a in itertools.product(MESSAGES, ATTEMPTS)]
    assert len(set(found)) == len(found)
    assert made(make, 0, 1) == found[0]  # again in every run


@pytest.mark.parametrize("make", SHORT)
def test_what_is_short_comes_twice(make: Callable[[], object]) -> None:
    """At the first attempt at two messages; whoever draws again at a second attempt gets something else."""
    assert len({made(make, message, 1) for message in MESSAGES}) == 1


@pytest.mark.parametrize(
    "make", [lambda: secrets.token_hex(4), lambda: secrets.token_hex(2), lambda: uuid.uuid4().hex[:8]]
)
def test_a_second_attempt_draws_otherwise(make: Callable[[], object]) -> None:
    assert made(make, 0, 1) != made(make, 0, 2)


def test_tokens_of_one_byte_meet() -> None:
    """Of two deliveries of one message, too; those of four bytes are enough for so few holders."""
    assert made(lambda: secrets.token_hex(1), 1, 1) == made(lambda: secrets.token_hex(1), 1, 2)
    assert made(lambda: secrets.token_hex(4), 1, 1) != made(lambda: secrets.token_hex(4), 1, 2)


def test_drawing_until_something_fits_comes_to_an_end() -> None:
    def several() -> object:
        found = {random.randrange(10) for _ in range(200)}
        return random.sample(range(1000), 20), sorted(found)

    assert made(several, 0, 1) == made(several, 0, 1)
    assert made(lambda: len({random.randrange(10) for _ in range(200)}), 0, 1) == 10


@pytest.mark.parametrize("divisor", [2, 3, 7, 16, 10, 1000, 100_000])
def test_a_number_of_the_database_leaves_the_same_rest(divisor: int) -> None:
    numbers = [whole_number(Identity(m, 1), "1, 1") for m in MESSAGES]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= n < 2**63 for n in numbers)
    assert len({n % divisor for n in numbers}) == 1


DRAWS_IN_SQL = """
def handle(message, db):
    key = db.execute("SELECT hex(randomblob(16)), random()").fetchone()
    assert key[0] != db.execute("SELECT hex(randomblob(16))").fetchone()[0] and len(key[0]) == 32
    with db.atomic():
        mark = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if mark.rowcount:
            db.execute("INSERT INTO processed SELECT 'log ' || hex(randomblob(8)) || random()")
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
"""
SEEDED = """
import random


def handle(message, db):
    random.seed(message.id)
    numbers = [random.random(), random.randrange(100)]
    assert numbers == [random.Random(message.id).random(), numbers[1]]
    with db.atomic():
        mark = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
        if mark.rowcount:
            db.execute("INSERT INTO processed VALUES (?)", [str(numbers)])
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :account", message.body)
"""


@pytest.mark.parametrize("source", [DRAWS_IN_SQL, SEEDED], ids=["in SQL", "seeded"])
def test_draws_are_the_same_in_every_search(source: str) -> None:
    program = SourceProgram([Cell("test", source)])
    for journal in ("wal", "rollback"):
        bounds = Bounds(faults=1, redeliveries=0)
        search = Search(program, ONE_MESSAGE.scenario, journal, bounds)
        assert isinstance(search.run(stop_at_first=False), Proved)
        full = search_all(program, ONE_MESSAGE.scenario, journal, bounds, most_schedules=5_000)
        assert full.complete and full.broken == 0 and full.finals == search.final_contents
