"""MariaDB under the search: its four levels, and the numbers that it gives out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from redelivery import Check, check
from redelivery.engines import mariadb
from redelivery.simulation.world import Bounds
from tests.engines import consumers
from tests.engines.consumers import FILES, LOOK, MARK, both_hold, make, with_faults
from tests.engines.there import need

pytestmark = [need("mariadb", "pymysql"), pytest.mark.xdist_group("mariadb")]

SNAPSHOT = "innodb_snapshot_isolation"


@contextmanager
def store(isolation: str, key: bool = False, schema: Any = None, **options: str) -> Iterator[Any]:
    from redelivery.engines.innodb import MariaStore

    found = MariaStore(isolation, schema or make(key), lambda: FILES | {__file__}, options)
    try:
        yield found
    finally:
        found.close()


def check_then_act(message: Any, connection: Any) -> None:
    cursor = connection.cursor()
    try:
        connection.begin()
        cursor.execute(LOOK, [message.id])
        if cursor.fetchone() is None:
            cursor.execute(consumers.CREDIT, [message.body["amount"], message.body["account"]])
            cursor.execute(MARK, [message.id])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def claim(message: Any, connection: Any) -> None:
    cursor = connection.cursor()
    try:
        connection.begin()
        if cursor.execute(MARK.replace("INSERT", "INSERT IGNORE"), [message.id]):
            cursor.execute(consumers.CREDIT, [message.body["amount"], message.body["account"]])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


@pytest.mark.parametrize(
    ("isolation", "options", "wrong", "schedules"),
    [
        ("READ UNCOMMITTED", {}, 96, 104),
        ("READ COMMITTED", {}, 96, 104),
        ("REPEATABLE READ", {SNAPSHOT: "OFF"}, 96, 104),
        ("REPEATABLE READ", {SNAPSHOT: "ON"}, 0, 163),
        ("SERIALIZABLE", {}, 0, 236),
    ],
)
def test_how_many_schedules_of_two_holders_end_wrong(
    isolation: str, options: dict[str, str], wrong: int, schedules: int
) -> None:
    with store(isolation, **options) as opened:
        outcome = both_hold(opened, check_then_act).run()
    assert (outcome.wrong, outcome.schedules) == (wrong, schedules), outcome


def test_a_claim_by_a_unique_key_is_proved_with_faults() -> None:
    with store("REPEATABLE READ", key=True) as opened:
        outcome = with_faults(opened, claim, bounds=Bounds(2, 1)).run()
    assert outcome.verdict == "proved", outcome


def test_a_search_repeated_sees_the_same() -> None:
    records = []
    for _ in range(3):
        with store("REPEATABLE READ") as opened:
            search = both_hold(opened, check_then_act)
            search.run()
            records.append(list(search._memo.items()))
    assert records[0] == records[1] == records[2]


def test_its_default_level_lets_a_check_then_act_through_and_a_token_replays_it() -> None:
    schema = "; ".join(consumers.tables(key=False))
    this = Check(looks, [{"id": "8"}], once, schema, store=mariadb(snapshot_isolation=False))
    found = this.run()
    assert (found.verdict, found.mistake) == ("refuted", "check-then-act")
    assert str(found.schedule).startswith("MariaDB ")
    assert not any(this.replay(str(found.schedule)).ends_right for _ in range(3))


def looks(message: Any, connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [message["id"]])
        if cursor.fetchone() is None:
            cursor.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
            cursor.execute(MARK, [message["id"]])
    connection.commit()


def once(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT balance FROM account WHERE id = 666")
        return bool(cursor.fetchone() == (100,))


# -- ids from the database (L13, Q13) --------------------------------------------------------------------------


def numbered(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE transfer (id INT AUTO_INCREMENT PRIMARY KEY, message VARCHAR(9) UNIQUE)")
        cursor.execute("CREATE SEQUENCE number NOCACHE")
        cursor.execute("CREATE TABLE seen (value INT)")


def gives_ids(message: Any, connection: Any) -> None:
    """Each transfer has an id of the table, and a number of the sequence."""
    cursor = connection.cursor()
    connection.begin()
    cursor.execute("INSERT INTO transfer (message) VALUES (%s) ON DUPLICATE KEY UPDATE message = message", [message.id])
    cursor.execute("INSERT INTO seen VALUES (NEXT VALUE FOR number)")
    connection.commit()


def test_numbers_have_gaps_after_a_rollback_and_never_repeat() -> None:
    """A consumer that was killed has used its numbers up."""
    ends: set[tuple[str, ...]] = set()

    def judge(contents: Any) -> str | None:
        values = [row[0] for row in dict(contents)["seen"]]
        ends.add(tuple(values))
        return "a number was given out twice" if len(set(values)) < len(values) else None

    with store("READ COMMITTED", schema=numbered) as opened:
        outcome = with_faults(opened, gives_ids, judge, Bounds(2, 1)).run()
    assert outcome.verdict == "proved", outcome
    assert ("1",) in ends
    assert any(values and values != tuple(str(n + 1) for n in range(len(values))) for values in ends), ends


def test_a_handler_through_check_is_proved_at_serializable() -> None:
    schema = "; ".join(consumers.tables(key=True))

    def inserts(message: Any, connection: Any) -> None:
        with connection.cursor() as cursor:
            if cursor.execute("INSERT IGNORE INTO processed VALUES (%s)", [message["id"]]):
                cursor.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
        connection.commit()

    result = check(inserts, messages=[{"id": "8"}], schema=schema, claim=once, store=mariadb("SERIALIZABLE"), faults=1)
    assert result.proved
