"""What lesson 06 counts: of all schedules of two consumers that hold one message, how many end wrong, at each level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engines.check import handlers
from ..engines.port import Contents, Store
from ..engines.search import Search
from ..engines.stores import LEVELS
from ..simulation.world import Bounds

_LOOK = "SELECT 1 FROM processed WHERE message_id = %s"
_MARK = "INSERT INTO processed VALUES (%s)"
_CREDIT = "UPDATE account SET balance = balance + 100 WHERE id = 666"
_ENTER = "INSERT INTO ledger VALUES (100)"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext(%s))"
_ONE = [("8", {"amount": 100})]


def _looks(effect: str, lock: bool = False) -> Callable[[Any, Any], None]:
    def handle(message: Any, connection: Any) -> None:
        with _transaction(connection) as cursor:
            if lock:
                cursor.execute(_LOCK, [message.id])
            cursor.execute(_LOOK, [message.id])
            if cursor.fetchone() is None:
                cursor.execute(effect)
                cursor.execute(_MARK, [message.id])

    return handle


def _claims(message: Any, connection: Any) -> None:
    postgres = hasattr(connection, "pgconn")
    claim = _MARK + " ON CONFLICT DO NOTHING" if postgres else _MARK.replace("INSERT", "INSERT IGNORE")
    with _transaction(connection) as cursor:
        cursor.execute(claim, [message.id])
        if cursor.rowcount:
            cursor.execute(_CREDIT)


class _transaction:
    """A cursor in a transaction, of either driver."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __enter__(self) -> Any:
        if not hasattr(self._connection, "pgconn"):
            self._connection.begin()
        return self._connection.cursor()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()


#: (name, handler, whether `processed` has a unique key)
CONSUMERS: tuple[tuple[str, Callable[[Any, Any], None], bool], ...] = (
    ("looks", _looks(_CREDIT), False),
    ("keyed", _looks(_CREDIT), True),
    ("claims", _claims, True),
    ("enters", _looks(_ENTER), False),
    ("enters, advisory lock", _looks(_ENTER, lock=True), False),
)


def _schema(key: bool) -> Callable[[Any], None]:
    def make(connection: Any) -> None:
        cursor = connection.cursor()
        for statement in (
            "CREATE TABLE account (id INT PRIMARY KEY, balance INT)",
            "INSERT INTO account VALUES (666, 0)",
            f"CREATE TABLE processed (message_id VARCHAR(64){' PRIMARY KEY' if key else ''})",
            "CREATE TABLE ledger (amount INT)",
        ):
            cursor.execute(statement)

    return make


def _judge(contents: Contents) -> str | None:
    found = dict(contents)
    total = int(str(found["account"][0][1])) + sum(int(str(row[0])) for row in found["ledger"])
    return None if total == 100 else f"666 holds {total}"


def _store(engine: str, level: str, key: bool, options: dict[str, str]) -> Store:
    if engine == "postgres":
        from ..engines.postgresql import PostgresStore

        return PostgresStore(level, _schema(key), lambda: ())
    from ..engines.innodb import MariaStore

    return MariaStore(level, _schema(key), lambda: (), options)


def wrong_of_all(engine: str, *names: str) -> str:
    """A table: for each level, and each of these consumers, how many of all schedules credit twice.

    Raises:
        EngineFailure: the engine is not here.
    """
    chosen = [one for one in CONSUMERS if (one[0] in names if names else "," not in one[0])]
    rows = [["", *(name for name, _, _ in chosen)]]
    for level in LEVELS[engine]:
        snapshots: tuple[dict[str, str], ...] = ({},)
        if engine == "mariadb" and level == "REPEATABLE READ":
            snapshots = ({"innodb_snapshot_isolation": "OFF"}, {"innodb_snapshot_isolation": "ON"})
        for options in snapshots:
            named = level + (f", snapshot isolation {next(iter(options.values()))}" if options else "")
            rows.append([named, *(_count(engine, level, handler, key, options) for _, handler, key in chosen)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _count(engine: str, level: str, handler: Callable[[Any, Any], None], key: bool, options: dict[str, str]) -> str:
    store = _store(engine, level, key, options)
    try:
        search = Search(
            store,
            lambda number: handlers({"handle": handler}),
            _ONE,
            Bounds(2, 0),
            _judge,
            both_hold=True,
            all_of_them=True,
        )
        outcome = search.run()
    finally:
        store.close()
    if outcome.verdict == "undetermined":
        return outcome.reason
    return f"{outcome.wrong} of {outcome.schedules}"
