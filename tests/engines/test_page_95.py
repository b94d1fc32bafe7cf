"""The statements of page 95, on a real PostgreSQL and a real MariaDB: each one that the page shows, as it shows it.

MySQL's own server is not run here. MariaDB differs in two things that the page says: the name for the new row, which it
does not have, and the number of a broken CHECK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.engines.there import need

PAGE = Path(__file__).parents[2] / "course/95-mysql-and-postgresql.ipynb"
TABLES = (
    "CREATE TABLE orders (order_id VARCHAR(64) PRIMARY KEY, amount INT)",
    "CREATE TABLE parent (id INT PRIMARY KEY)",
    "CREATE TABLE ledger (transfer_id VARCHAR(64), account INT, amount INT NOT NULL CHECK (amount <> 0),"
    " settled INT DEFAULT 0, parent INT, PRIMARY KEY (transfer_id, account),"
    " FOREIGN KEY (parent) REFERENCES parent (id))",
    "CREATE TABLE account (id INT PRIMARY KEY, balance INT, version INT)",
    "CREATE TABLE processed (message_id VARCHAR(64) PRIMARY KEY)",
    "INSERT INTO account VALUES (666, 0, 7)",
)
ONLY_MYSQL = " AS new"
BROKEN = {
    "unique": "INSERT INTO ledger (transfer_id, account, amount) VALUES ('t8', 666, -100)",
    "null": "INSERT INTO ledger (transfer_id, account, amount) VALUES ('t9', 666, NULL)",
    "check": "INSERT INTO ledger (transfer_id, account, amount) VALUES ('t9', 666, 0)",
    "foreign": "INSERT INTO ledger (transfer_id, account, amount, parent) VALUES ('t9', 666, 1, 5)",
}


def shown(engine: str) -> list[str]:
    """All statements that the page shows for an engine."""
    found: list[str] = []
    for cell in nbformat.read(PAGE, 4).cells:
        for block in re.findall(r"```sql\n(.*?)```", cell.source, re.DOTALL) if cell.cell_type == "markdown" else ():
            for_it, lines = True, []
            for line in block.splitlines():
                if line.startswith("-- "):
                    if any(name in line for name in ("SQLite", "PostgreSQL", "MySQL")):
                        for_it = engine in line
                elif for_it:
                    lines.append(line.partition("--")[0])
            found += [text for part in "\n".join(lines).split(";") if (text := " ".join(part.split()))]
    return [text for text in found if re.match(r"(?i)insert|update|select|begin|start|commit", text)]


@pytest.fixture
def postgres() -> Iterator[Any]:
    import psycopg

    from redelivery.engines.postgresql import OWN, _address

    with psycopg.connect(_address(OWN.get(), "postgres"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA page_95")
        connection.execute("SET search_path = page_95")
        for text in TABLES:
            connection.execute(text)
        yield connection
        connection.execute("ROLLBACK")
        connection.execute("DROP SCHEMA page_95 CASCADE")


@pytest.fixture
def mariadb() -> Iterator[Any]:
    from redelivery.engines.innodb import OWN, _connect

    connection = _connect(str(OWN.get().folder / "socket"), "root", None)
    connection.autocommit(True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE page_95 CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        cursor.execute("USE page_95")
        for text in TABLES:
            cursor.execute(text)
        yield cursor
        connection.rollback()
        cursor.execute("DROP DATABASE page_95")
    connection.close()


def test_the_page_has_statements_for_both() -> None:
    assert len(shown("PostgreSQL")) >= 10
    assert len(shown("MySQL")) >= 10
    assert sum(ONLY_MYSQL in text for text in shown("MySQL")) == 1


@need("postgres", "psycopg")
@pytest.mark.xdist_group("postgres")
def test_each_statement_runs_on_postgresql(postgres: Any) -> None:
    for text in shown("PostgreSQL"):
        postgres.execute(text)
    assert postgres.execute("SELECT balance, version FROM account").fetchone() == (200, 8)
    for text in (t for t in shown("PostgreSQL") if "DO NOTHING" in t):
        assert postgres.execute(text).rowcount == 0, "a duplicate"


@need("postgres", "psycopg")
@pytest.mark.xdist_group("postgres")
def test_errors_have_the_codes_of_the_page_in_postgresql(postgres: Any) -> None:
    import psycopg

    postgres.execute(BROKEN["unique"])
    for kind, code in (("unique", "23505"), ("null", "23502"), ("check", "23514"), ("foreign", "23503")):
        with pytest.raises(psycopg.Error) as caught:
            postgres.execute(BROKEN[kind])
        assert caught.value.sqlstate == code
        assert code in PAGE.read_text("utf-8")
    postgres.execute("BEGIN")
    with pytest.raises(psycopg.errors.UniqueViolation):
        postgres.execute(BROKEN["unique"])
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        postgres.execute("SELECT 1")


@need("mariadb", "pymysql")
@pytest.mark.xdist_group("mariadb")
def test_each_statement_runs_on_mariadb(mariadb: Any) -> None:
    for text in shown("MySQL"):
        if ONLY_MYSQL in text:  # as the page says for versions before 8.0.19
            text = text.replace(ONLY_MYSQL, "").replace("new.amount", "VALUES(amount)")
        mariadb.execute(text)
    mariadb.execute("SELECT balance, version FROM account")
    assert mariadb.fetchall() == ((200, 8),)


@need("mariadb", "pymysql")
@pytest.mark.xdist_group("mariadb")
def test_errors_and_counts_are_those_of_the_page_in_mariadb(mariadb: Any) -> None:
    import pymysql

    mariadb.execute(BROKEN["unique"])
    for kind, number in (("unique", 1062), ("null", 1048), ("check", 4025), ("foreign", 1452)):  # MySQL's CHECK: 3819
        with pytest.raises(pymysql.MySQLError) as caught:
            mariadb.execute(BROKEN[kind])
        assert caught.value.args[0] == number
    assert mariadb.execute(BROKEN["unique"].replace("INSERT", "INSERT IGNORE")) == 0
    upsert = "INSERT INTO orders VALUES ('o8', %s) ON DUPLICATE KEY UPDATE amount = VALUES(amount)"
    assert not mariadb.connection.client_flag & pymysql.constants.CLIENT.FOUND_ROWS, "it asks for rows changed"
    assert [mariadb.execute(upsert, [amount]) for amount in (100, 200, 200)] == [1, 2, 0]
    mariadb.execute("BEGIN")
    with pytest.raises(pymysql.err.IntegrityError):
        mariadb.execute(BROKEN["unique"])
    assert mariadb.execute("SELECT 1") == 1, "the transaction goes on"


@need("mariadb", "pymysql")
@pytest.mark.xdist_group("mariadb")
def test_two_ids_are_one_key_by_the_rules_of_a_collation(mariadb: Any) -> None:
    def entered(collation: str) -> int:
        mariadb.execute("DROP TABLE IF EXISTS keyed")
        mariadb.execute(f"CREATE TABLE keyed (id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE {collation} PRIMARY KEY)")
        return sum(mariadb.execute("INSERT IGNORE INTO keyed VALUES (%s)", [one]) for one in ("o8", "O8", "o8 "))

    assert entered("utf8mb4_general_ci") == 1
    assert entered("utf8mb4_bin") == 2, "exact, but for blanks at the end"


@need("postgres", "psycopg")
@pytest.mark.xdist_group("postgres")
def test_a_sequence_gives_nothing_back_in_postgresql(postgres: Any) -> None:
    postgres.execute("CREATE SEQUENCE transfer_id")
    postgres.execute("BEGIN")
    assert postgres.execute("SELECT nextval('transfer_id')").fetchone() == (1,)
    postgres.execute("ROLLBACK")
    assert postgres.execute("SELECT nextval('transfer_id')").fetchone() == (2,)


@need("mariadb", "pymysql")
@pytest.mark.xdist_group("mariadb")
def test_a_sequence_gives_nothing_back_in_mariadb(mariadb: Any) -> None:
    mariadb.execute("CREATE SEQUENCE transfer_id")
    mariadb.execute("CREATE TABLE sequence (id BIGINT)")
    mariadb.execute("INSERT INTO sequence VALUES (0)")
    for expected in (1, 2):
        mariadb.execute("BEGIN")
        mariadb.execute("SELECT NEXT VALUE FOR transfer_id")
        assert mariadb.fetchone() == (expected,)
        mariadb.execute("ROLLBACK")
    mariadb.execute("UPDATE sequence SET id = LAST_INSERT_ID(id + 1)")
    mariadb.execute("SELECT LAST_INSERT_ID()")
    assert mariadb.fetchone() == (1,)
