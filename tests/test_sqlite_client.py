"""The database connection that a handler holds behaves as `sqlite3.Connection` does, but for what its module says.

The same steps are made on both, and everything that can be observed after each step is compared.
"""

import ast
import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import sqlite_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from redelivery.simulation import sqlite_client
from redelivery.simulation.guards import guarded
from redelivery.simulation.operations import UNSUPPORTED, SqlFailure, SqlResult, SqlStatement
from redelivery.simulation.sqlite_client import Connection, Cursor
from redelivery.simulation.sqlite_store import Journal, SqliteStore

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT UNIQUE);
CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0)) WITHOUT ROWID;
CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, x REAL);
CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t(id));
CREATE TABLE log (line TEXT);
CREATE TABLE watched (x);
CREATE TRIGGER note AFTER INSERT ON watched BEGIN INSERT INTO log VALUES ('new ' || new.x); END;
CREATE VIEW both AS SELECT id, a FROM t;
INSERT INTO t VALUES (1, 10, 'one'), (2, 20.5, 'two'), (3, NULL, 'three');
INSERT INTO account VALUES ('666', 0);
"""


def prepare(connection: sqlite3.Connection) -> None:
    connection.executescript(SCHEMA)


PREPARED = sqlite3.connect(":memory:")
prepare(PREPARED)


def ours_on(store: SqliteStore, name: str = "A") -> Connection:
    store.begin(name)

    def ask(statement: SqlStatement) -> SqlResult | SqlFailure:
        outcome = store.execute(name, statement)
        assert outcome.told is not None, "nobody else is there to wait for"
        return outcome.told

    return Connection(ask)


@pytest.fixture
def db() -> Iterator[Connection]:
    """Ours alone."""
    with SqliteStore(prepare, "wal") as store:
        yield ours_on(store)


@pytest.fixture
def real() -> Iterator[sqlite3.Connection]:
    """The real one alone."""
    connection = new_real()
    yield connection
    connection.close()


def new_real() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    PREPARED.backup(connection)  # which leaves no trace in changes() and the like
    connection.execute("PRAGMA recursive_triggers=on")  # as sqlite_utils.Database does
    return connection


class Seen(NamedTuple):
    """What can be observed after one step."""

    step: str
    gave: Any
    state: tuple[Any, ...]


def shown(value: Any) -> Any:
    """A value so that it can be compared: with types, and without telling ours from the real thing."""
    if isinstance(value, sqlite3.Connection | Connection):
        return "the connection"
    if isinstance(value, sqlite3.Cursor | Cursor):
        return "a cursor"
    if isinstance(value, sqlite3.Row):
        return "Row", value.keys(), shown(tuple(value))
    if isinstance(value, list | tuple):
        return type(value).__name__, *map(shown, value)
    if isinstance(value, dict):
        return "dict", *((key, shown(item)) for key, item in value.items())
    if type(value).__module__.startswith("sqlite_utils"):
        return type(value).__name__
    return type(value).__name__, repr(value)


def attempt(get: Callable[[], Any]) -> Any:
    try:
        return shown(get())
    except Exception as error:
        # How Python words a wrong call differs between functions written in C and in Python.
        text = "" if isinstance(error, TypeError | AttributeError) else str(error)
        code = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlite_errorname", None)
        return "raised", type(error).__name__, text, *code


def make(steps: str, db: Any, watch_changes: bool = False, **more: Any) -> list[Seen]:
    """Carry out ``steps``, statement by statement, and note what can be observed after each one."""
    space: dict[str, Any] = {"db": db, "sqlite3": sqlite3, **more}
    noted = []
    for node in ast.parse(steps).body:
        source = ast.unparse(node)
        if isinstance(node, ast.Expr):
            gave = attempt(lambda source=source: eval(source, space))
        else:
            gave = attempt(lambda source=source: exec(source, space))
        state = [attempt(lambda: db.in_transaction), attempt(lambda: db.isolation_level)]
        if watch_changes:
            state.append(attempt(lambda: db.total_changes))
        if "c" in space:
            c = space["c"]
            state.append(attempt(lambda c=c: (c.description, c.rowcount, c.lastrowid)))
        noted.append(Seen(source, gave, tuple(state)))
    return noted


def blocks(text: str) -> list[str]:
    """The sequences of steps in ``text``; blank lines stand between them."""
    return [block for block in text.strip().split("\n\n") if block]


def assert_same(sequences: list[str], journal: Journal = "wal", watch_changes: bool = False, **more: Any) -> None:
    """Make all steps on both. ``more``: names, with functions that give their values for a connection."""
    found = []
    for steps in sequences:
        with SqliteStore(prepare, journal) as store:
            logs = []
            for db in (new_real(), ours_on(store)):
                logs.append(make(steps, db, watch_changes, **{name: get(db) for name, get in more.items()}))
                with contextlib.suppress(sqlite3.ProgrammingError):
                    db.close()
        for one, other in zip(*logs, strict=True):
            if one != other:
                found.append(f"{steps}\n  at    {one.step}\n  real: {one[1:]}\n  ours: {other[1:]}\n")
                break
    assert not found, f"{len(found)} of {len(sequences)} differ:\n" + "\n".join(found)


ROWS = """
c = db.execute('SELECT 1')
c.fetchone()
c.fetchone()
c.fetchone()

c = db.execute('SELECT id, a AS n, b FROM t ORDER BY id')
c.fetchmany()
c.fetchmany(5)
c.fetchall()
c.fetchmany(2)

c = db.execute('SELECT id FROM t ORDER BY id')
c.arraysize = 2
c.fetchmany()
c.fetchmany()
c.fetchmany()

c = db.execute('SELECT id FROM t ORDER BY id')
c.fetchmany(size=2)
c.fetchmany(-1)

c = db.execute('SELECT id FROM t ORDER BY id')
c.fetchmany('x')
c.fetchmany(1.5)

c = db.execute('SELECT id FROM t ORDER BY id')
list(c)
list(c)
c.fetchone()
next(c, 'end')

c = db.execute('SELECT id FROM t ORDER BY id')
next(c)
iter(c) is c
c.fetchall()
next(c)

c = db.execute('SELECT id, count(*) FROM t GROUP BY 1 HAVING 0')
c.fetchall()

c = db.execute('SELECT 1, 1.0, "x", x\\'00ff\\', NULL')
c.fetchall()

c = db.cursor()
c.fetchone()
c.fetchall()
list(c)
c.arraysize, c.row_factory
c.connection is db

c = db.execute('SELECT id AS "x [int]", count(*), 1+1, "lit" FROM t')
c.description

c = db.execute('SELECT * FROM t WHERE 0')

c = db.execute('SELECT id FROM t')
d = db.execute('SELECT id FROM t')
c.fetchone(), d.fetchone(), c.fetchone()
db.rollback()
c.fetchall()

c = db.execute('SELECT id FROM t')
c.fetchone()
c.execute('SELECT 7')
c.fetchall()

c = db.execute('SELECT id FROM t')
c.executescript('SELECT 1')
c.fetchall()

c = db.execute('VALUES (1), (2)')
c.fetchall()

c = db.execute('WITH x AS (SELECT 1 AS n) SELECT * FROM x')
c.fetchall()

c = db.execute('EXPLAIN QUERY PLAN DELETE FROM t')
c.fetchall()

c = db.execute("SELECT datetime('2020-01-01'), date('2020-01-01', '+1 day'), strftime('%Y', '2020-01-01'), date('?')")
c.fetchall()

c = db.execute('PRAGMA table_info(t)')
c.fetchall()

c = db.execute('SELECT * FROM pragma_table_info("t")')
c.fetchall()

c = db.execute('PRAGMA index_list(t)')
c.fetchall()

c = db.execute('SELECT type, name, tbl_name, sql FROM sqlite_master')
c.fetchall()

c = db.execute('PRAGMA user_version')
c.fetchall()

c = db.execute('PRAGMA integrity_check')
c.fetchall()

list(db.iterdump())

c = db.cursor()
c.setinputsizes([1])
c.setoutputsize(1, 2)
c.close()
c.fetchone()
c.execute('SELECT 1')
"""


def test_rows_are_fetched_as_from_the_real_module():
    assert_same(blocks(ROWS))


ODD_STATEMENTS = [
    "",
    "-- only a comment",
    "/* and another",
    " ;",
    "  \n",
    "SELECT 1;",
    "SELECT 1; -- and",
    "SELECT 1; /* x */ ;",
    "SELECT 1;;",
    ";;SELECT 1",
    "SELECT 1; SELECT 2",
    "SELEC",
    "SELECT ';' -- ?",
    "SELECT 1\0",
    "(SELECT 1)",
    'SELECT "',
    "SÉLECT",
    "/* x */ INSERT INTO t VALUES (7, 7, 7)",
    "-- x\nINSERT INTO t VALUES (7, 7, 7)",
    "\t\n insert into t DEFAULT VALUES",
    "Replace INTO t (a) VALUES (1)",
    ";INSERT INTO t VALUES (7, 7, 7)",
    "WITH x AS (SELECT 1 AS n) INSERT INTO t (a) SELECT n FROM x",
    "INSERT INTO t VALUES (7, 7, 7); SELECT 2",
    "INSERT INTO nowhere VALUES (1)",
    "UPDATE t SET nothing = 1",
    "DELETE t",
    "UPDATE both SET a = 1",
    "SELECT * FROM nowhere",
    "SELECT no_such()",
    "EXPLAIN QUERY PLAN INSERT INTO t VALUES (7, 7, 7)",
]


@pytest.mark.parametrize("sql", ODD_STATEMENTS)
def test_a_statement_in_an_odd_form_does_the_same(sql: str, db: Connection, real: sqlite3.Connection):
    steps = "c = db.execute(sql)\nc.fetchall()\ndb.rollback()\ndb.execute('SELECT count(*) FROM t').fetchall()"
    assert make(steps, db, sql=sql) == make(steps, real, sql=sql)


def test_what_is_no_text_is_refused_before_it_is_sent(db: Connection, real: sqlite3.Connection):
    for connection in (db, real):
        with pytest.raises(UnicodeEncodeError):
            connection.execute("SELECT \ud800")


PARAMETERS = """
c = db.execute('SELECT ?, ?', (1, 'x'))
c.fetchall()

c = db.execute('SELECT ?, ?', [1, None])
c.fetchall()

c = db.execute('SELECT ?', (1, 2))

c = db.execute('SELECT ?, ?', (1,))

c = db.execute('SELECT ?')

c = db.execute('SELECT 1', (1,))

c = db.execute('SELECT :a, @b, $c', {'a': 1, 'b': 2, 'c': 3, 'd': 4})
c.fetchall()

c = db.execute('SELECT :a, :b', {'a': 1})

c = db.execute('SELECT :a', {})

c = db.execute('SELECT ?', {})

c = db.execute('SELECT ?', {'a': 1})

c = db.execute('SELECT ?1, ?1, ?2', (1, 2))
c.fetchall()

c = db.execute('SELECT ?3', (1, 2, 3))
c.fetchall()

c = db.execute('SELECT ?3', (1,))

c = db.execute('SELECT ?1', {'1': 5})
c.fetchall()

c = db.execute('SELECT :a', {'a': 1, 'b': [], None: 3, 2: object()})
c.fetchall()

c = db.execute('SELECT :a -- :b', {'a': 1})
c.fetchall()

c = db.execute("SELECT ':b', 'it''s :c', :a /* :e */", {'a': 1})
c.fetchall()

c = db.execute('SELECT ?', 'x')
c.fetchall()

c = db.execute('SELECT ?', 'xy')

c = db.execute('SELECT ?', 5)

c = db.execute('SELECT ?', None)

c = db.execute('SELECT 1', 0)

c = db.execute('SELECT ?', {1})

c = db.execute('SELECT ?', (x for x in [1]))

c = db.execute('SELECT ?', range(1))
c.fetchall()

import types
c = db.execute('SELECT :a', types.MappingProxyType({'a': 1}))

import collections
c = db.execute('SELECT :a', collections.OrderedDict(a=1))
c.fetchall()
c = db.execute('SELECT :a', collections.defaultdict(int))
c.fetchall()
c = db.execute('SELECT :a', collections.ChainMap({'a': 1}))
pair = collections.namedtuple('pair', 'a b')
c = db.execute('SELECT ?, ?', pair(1, 2))
c.fetchall()

class Doubling(dict):
    def __missing__(self, key):
        return key * 2
c = db.execute('SELECT :ab', Doubling())
c.fetchall()

class Failing(dict):
    def __missing__(self, key):
        return 1 / 0
c = db.execute('SELECT :ab', Failing())

class Row:
    def __len__(self):
        return 1
    def __getitem__(self, index):
        return 5 + index
c = db.execute('SELECT ?', Row())
c.fetchall()

import datetime
c = db.execute('SELECT ?, ?', (datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5, 6)))
c.fetchall()
c = db.execute('SELECT :day', {'day': datetime.date(2026, 1, 2)})
c.fetchall()

class Money:
    def __conform__(self, protocol):
        return '5 €'
c = db.execute('SELECT ?', (Money(),))
c.fetchall()

import decimal
c = db.execute('SELECT ?', (decimal.Decimal(1),))
c = db.execute('SELECT 1, ?, ?', (1, []))
c = db.execute('SELECT :a', {'a': {}})
c = db.execute('SELECT :b, :a', {'a': {}, 'b': 1})
c = db.execute('INSERT INTO t (a) VALUES (?)', ([],))
db.in_transaction

import enum
class Count(enum.IntEnum):
    ONE = 1
class Text(str):
    pass
c = db.execute('SELECT ?, ?, ?', (Count.ONE, Text('x'), True))
c.fetchall()

c = db.execute('SELECT ?', (2**63 - 1,))
c.fetchall()
c = db.execute('SELECT ?', (2**63,))
c = db.execute('SELECT :a', {'a': -2**70})

c = db.execute('SELECT ?, ?, ?', (float('nan'), float('inf'), -0.0))
c.fetchall()

c = db.execute('SELECT ?, ?, ?', (bytearray(b'x'), memoryview(b'yz'), b''))
c.fetchall()

c = db.execute('SELECT ?', ['\\ud800'])

c = db.execute('SELECT ?, ?', ['ä\\0ö', '😀'])
c.fetchall()

c = db.execute(1)
c = db.execute()
c = db.execute(b'SELECT 1')
c = db.execute(None)
c = db.execute('SELECT 1', (), 2)
c = db.execute(sql='SELECT 1')

c = db.execute('INSERT INTO t (a) VALUES (?)', (1, 2))
db.in_transaction
c = db.execute('INSERT INTO t (a) VALUES (?)', (5,))
db.commit()
db.execute('SELECT * FROM t').fetchall()
"""


def test_parameters_are_bound_as_by_the_real_module():
    assert_same(blocks(PARAMETERS))


WRITES = """
c = db.execute("INSERT INTO t VALUES (9, 1, 'n')")
c.fetchall()
db.commit()
db.execute('SELECT * FROM t').fetchall()

c = db.execute('INSERT INTO t (a) VALUES (1), (2)')
db.rollback()
db.execute('SELECT count(*) FROM t').fetchall()

c = db.execute('UPDATE t SET a = a + 1')
c = db.execute('UPDATE t SET a = 1 WHERE id = 99')
c = db.execute('DELETE FROM t')
db.commit()

c = db.execute('DELETE FROM t WHERE id > 1 RETURNING id, a')
c.fetchone()
c.fetchone()
c.fetchone()
db.commit()

c = db.execute('DELETE FROM t WHERE id > 1 RETURNING id')
c.fetchmany(1)
c.fetchmany(2)

c = db.execute('DELETE FROM t WHERE id > 1 RETURNING id')
list(c)

c = db.execute('DELETE FROM t WHERE id > 100 RETURNING id')
c.fetchall()

c = db.execute("INSERT INTO t (b) VALUES ('q') RETURNING id AS n, a")
c.fetchone()
c.rowcount

c = db.execute('INSERT OR IGNORE INTO t VALUES (1, 1, 1)')

c = db.execute('INSERT OR REPLACE INTO t VALUES (1, 1, 1)')

c = db.execute('REPLACE INTO t VALUES (1, 1, 1)')

c = db.execute('INSERT INTO t VALUES (1, 1, 1) ON CONFLICT DO NOTHING')

c = db.execute('INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET a = 5')

c = db.execute('INSERT INTO t VALUES (8, 1, 1) ON CONFLICT (id) DO UPDATE SET a = 5')
c = db.execute('INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET a = 5')

c = db.cursor()
c.execute('INSERT INTO t VALUES (50, 1, 50)')
c.execute('INSERT OR IGNORE INTO t VALUES (1, 1, 1)')
c.execute('DELETE FROM t')
c.execute('SELECT 1')
c = db.cursor()
c.lastrowid
c.execute('SELECT 1')

c = db.cursor()
c.execute('INSERT INTO t VALUES (50, 1, 50)')
c.execute('INSERT INTO t VALUES (50, 1, 50)')

c = db.execute("INSERT INTO account VALUES ('1', 5)")

c = db.execute('INSERT INTO watched VALUES (1)')
c = db.execute('SELECT * FROM log')
c.fetchall()

c = db.execute('UPDATE t SET a = 1')
c = db.execute('SELECT changes(), last_insert_rowid()')
c.fetchall()
c = db.execute('INSERT INTO auto (x) VALUES (1)')
c = db.execute('SELECT changes(), last_insert_rowid()')
c.fetchall()

c = db.executemany('INSERT INTO t (a) VALUES (?)', [(1,), (2,)])
db.commit()

c = db.executemany('INSERT INTO t (a) VALUES (?)', [])
db.in_transaction

c = db.executemany('INSERT INTO t (a) VALUES (:a)', ({'a': i} for i in range(3)))

c = db.executemany('UPDATE t SET a = ? WHERE id = ?', [(1, 1), (2, 2), (3, 99)])

c = db.cursor()
c.executemany('INSERT INTO t (id, b) VALUES (?, ?)', [(10, 'x'), (11, 'one'), (12, 'y')])
db.execute('SELECT id FROM t ORDER BY id').fetchall()

c = db.cursor()
c.executemany('INSERT INTO t (id) VALUES (?)', [(10,), (11, 12)])
db.execute('SELECT id FROM t ORDER BY id').fetchall()

c = db.cursor()
c.executemany('INSERT INTO t (id) VALUES (?)', 5)
c.executemany('INSERT INTO t (id) VALUES (?)', [5])
c.executemany(1, [(1,)])
c.executemany('DELETE FROM t')

c = db.cursor()
c.executemany('SELECT ?', [(1,)])
c.executemany('SELECT ?', [])
c.executemany('VALUES (?)', [(1,)])
c.executemany('PRAGMA user_version', [()])
c.executemany('BEGIN', [()])
c.executemany('', [()])
c.executemany('EXPLAIN SELECT ?', [(1,)])

c = db.cursor()
c.executemany('DELETE FROM nowhere', [()])
c.executemany('DELETE FROM t; SELECT 1', [()])
c.executemany('CREATE TABLE q (x)', [()])
c.executemany('WITH x AS (SELECT ? AS v) INSERT INTO t (a) SELECT v FROM x', [(1,), (2,)])
db.in_transaction

c = db.executemany('INSERT INTO t (id) VALUES (?) RETURNING id', [(10,)])
c.rowcount
c.fetchall()
db.execute('SELECT * FROM t').fetchall()

c = db.executemany('INSERT INTO t DEFAULT VALUES RETURNING id', [(), (), ()])
c.fetchone()
db.execute('SELECT * FROM t').fetchall()

c = db.cursor()
c.executemany('UPDATE t SET a = 5 RETURNING id', [()] * 5)
c.fetchmany(1)
c.rowcount
c.fetchall()
c.rowcount

c = db.cursor()
c.executemany('UPDATE t SET a = ? WHERE id = ? RETURNING id', [(1, 99), (2, 1)])
c.fetchall()
c.executemany('UPDATE t SET a = ? WHERE id = ? RETURNING id', [(1, 99), (2, 1), (3, 2)])
c.fetchall()
db.execute('SELECT * FROM t').fetchall()
db.rollback()

c = db.executemany('INSERT INTO t (id) VALUES (?) RETURNING id', [(10,), (11,)])
c.fetchall()

c = db.cursor()
c.executemany('INSERT INTO t (id) VALUES (?)', (1 / (2 - i) and (i + 10,) for i in range(4)))
db.in_transaction
db.execute('SELECT id FROM t ORDER BY id').fetchall()

c = db.execute('SELECT id FROM t')
c.executemany('INSERT INTO t (a) VALUES (?)', [(1,)])
c.fetchall()
"""


def test_writing_reports_what_the_real_module_reports():
    assert_same(blocks(WRITES))


SCRIPTS = """
c = db.executescript('CREATE TABLE z (x); INSERT INTO z VALUES (1); SELECT * FROM z;')
c.fetchall()

db.execute('INSERT INTO t (a) VALUES (5)')
db.executescript('SELECT 1')
db.rollback()
db.execute('SELECT count(*) FROM t').fetchall()

db.executescript('BEGIN; INSERT INTO t (a) VALUES (1);')
db.in_transaction
db.rollback()
db.execute('SELECT count(*) FROM t').fetchall()

db.executescript('INSERT INTO t (id) VALUES (10); INSERT INTO t (id) VALUES (10); INSERT INTO t (id) VALUES (11);')
db.execute('SELECT id FROM t ORDER BY id').fetchall()

db.executescript('')
db.executescript('-- x')
db.executescript('SELECT 1; /* unfinished')
db.executescript("SELECT 'unfinished")
db.executescript("SELECT ';'; -- ; x\\n SELECT 2")
db.executescript(';;')
db.executescript('SELECT 1; SELEC 2; SELECT 3')
db.executescript('(SELECT 1)')
db.executescript(5)
db.executescript(b'x')
db.executescript('SELECT 1\\0')
db.executescript('COMMIT')

db.executescript('CREATE TRIGGER u AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); SELECT 2; END; SELECT 1')
db.execute('INSERT INTO t (a) VALUES (1)')
db.execute('SELECT * FROM log').fetchall()

db.executescript("INSERT INTO t (a, b) VALUES (?, ':x'); INSERT INTO t (a, b) VALUES (:a, :b)")
db.execute('SELECT * FROM t').fetchall()

db.executescript('BEGIN; CREATE TABLE q (x); INSERT INTO q VALUES (1); COMMIT')
db.execute('SELECT * FROM q').fetchall()

db.executescript('begin; begin')
db.in_transaction

c = db.execute('INSERT INTO t (a) VALUES (1)')
c.executescript('INSERT INTO t (a) VALUES (1)')
"""


def test_a_script_commits_first_and_does_the_same():
    assert_same(blocks(SCRIPTS))


TRANSACTIONS = """
db.isolation_level = None
db.execute('INSERT INTO t (a) VALUES (1)')
db.execute('BEGIN')
db.execute('INSERT INTO t (a) VALUES (1)')
db.rollback()
db.execute('SELECT count(*) FROM t').fetchall()

db.isolation_level = 'IMMEDIATE'
db.execute('SELECT 1')
db.execute('INSERT INTO t (a) VALUES (1)')

db.isolation_level = 'exclusive'
db.isolation_level
db.execute('DELETE FROM t')

db.isolation_level = 'Deferred'
db.isolation_level = 'x'
db.isolation_level = 5
db.isolation_level = ''
db.isolation_level = 'IMMEDIATE '
db.isolation_level = b''
db.isolation_level = True
db.isolation_level = '\\0'
del db.isolation_level

db.execute('INSERT INTO t (a) VALUES (1)')
db.isolation_level = 'IMMEDIATE'
db.isolation_level = None
db.in_transaction
db.execute('SELECT count(*) FROM t').fetchall()

db.execute('INSERT INTO t (a) VALUES (1)')
db.execute('CREATE TABLE q (x)')
db.rollback()
db.execute('SELECT * FROM q')

db.execute('CREATE TABLE q (x)')
db.in_transaction
db.execute('DROP TABLE q')

db.execute('BEGIN')
db.execute('BEGIN')
db.execute('COMMIT')
db.execute('COMMIT')
db.execute('ROLLBACK')
db.commit()
db.rollback()

db.execute('BEGIN IMMEDIATE')
db.rollback()
db.execute('BEGIN EXCLUSIVE')
db.commit()
db.execute('begin transaction')
db.execute('end transaction')

db.execute('SAVEPOINT a')
db.execute('INSERT INTO t (a) VALUES (1)')
db.execute('SAVEPOINT b')
db.execute('DELETE FROM t')
db.execute('ROLLBACK TO b')
db.execute('RELEASE b')
db.execute('RELEASE a')
db.execute('SELECT count(*) FROM t').fetchall()

db.execute('SAVEPOINT a')
db.execute('RELEASE x')
db.execute('ROLLBACK TO x')
db.execute('SAVEPOINT A')
db.execute('RELEASE a')
db.execute('RELEASE a')

db.execute('SAVEPOINT "Ä b"')
db.execute('RELEASE "ä b"')
db.execute('RELEASE SAVEPOINT "Ä B"')

db.execute('SAVEPOINT a')
db.rollback()
db.execute('RELEASE a')

db.execute('BEGIN')
db.execute('SAVEPOINT a')
db.execute('RELEASE a')
db.execute('SAVEPOINT a')
db.execute('COMMIT')

db.execute('INSERT INTO t (a) VALUES (1)')
db.execute('SAVEPOINT a')
db.execute('DELETE FROM t')
db.execute('ROLLBACK TO a')
db.commit()
db.execute('SELECT count(*) FROM t').fetchall()

with db:
    db.execute('INSERT INTO t (a) VALUES (1)')
db.rollback()
db.execute('SELECT count(*) FROM t').fetchall()

with db:
    db.execute('INSERT INTO t (a) VALUES (1)')
    1 / 0
db.execute('SELECT count(*) FROM t').fetchall()

with db as same:
    assert same is db

with db:
    db.commit()

with db:
    db.execute('BEGIN')

db.execute('PRAGMA foreign_keys=on')
db.execute('PRAGMA foreign_keys').fetchall()
db.execute('INSERT INTO child VALUES (1, 99)')
db.execute('INSERT INTO child VALUES (1, 1)')
db.commit()

db.execute('PRAGMA foreign_keys=on')
db.execute('BEGIN')
db.execute('PRAGMA defer_foreign_keys=on')
db.execute('INSERT INTO child VALUES (1, 99)')
db.commit()
db.rollback()

db.execute('PRAGMA foreign_keys=on')
db.execute('BEGIN')
db.execute('PRAGMA defer_foreign_keys=on')
db.execute('INSERT INTO child VALUES (1, 99)')
with db:
    pass
db.execute('SELECT count(*) FROM child').fetchall()

try:
    db.execute('INSERT INTO made_later VALUES (1)')
except sqlite3.OperationalError:
    db.execute('CREATE TABLE made_later (x)')
    db.execute('INSERT INTO made_later VALUES (1)')
db.rollback()
db.execute('SELECT count(*) FROM made_later').fetchall()
"""


def test_transactions_begin_and_end_where_the_real_ones_do():
    assert_same(blocks(TRANSACTIONS))


ERRORS = """
c = db.cursor()
c.execute("INSERT INTO t VALUES (1, 1, 'x')")
c.execute("INSERT INTO t VALUES (5, 1, 'one')")
c.execute('UPDATE account SET balance = -1')
c.execute('UPDATE account SET balance = NULL')
c.execute("INSERT INTO account VALUES ('666', 1)")
c.execute("INSERT INTO t VALUES ('text', 1, 1)")
db.in_transaction

db.execute('INSERT INTO t (a) VALUES (1)')
db.execute('INSERT OR ROLLBACK INTO t VALUES (1, 1, 1)')
db.execute('SELECT count(*) FROM t').fetchall()

db.execute('INSERT OR FAIL INTO t (id) VALUES (20), (1), (21)')
db.execute('SELECT id FROM t ORDER BY id').fetchall()

db.execute('INSERT OR ABORT INTO t (id) VALUES (20), (1), (21)')
db.execute('SELECT id FROM t ORDER BY id').fetchall()

c = db.cursor()
c.execute('SELECT 9223372036854775807 + 1')
c.fetchall()
c.execute('SELECT json(1, 2)')
c.execute('SELECT raise(1)')
c.execute('SELECT id FROM t a, t b')
c.execute("INSERT INTO t (a) SELECT json('x')")
db.in_transaction

c = db.execute('SELECT 1, 2')
c.execute('SELEC')
c.fetchall()
c.execute('SELECT 1, 2')
c.execute('INSERT INTO t VALUES (1, 1, 1)')
c.fetchall()
c.execute('SELECT 1')
c.execute('SELECT ?', ())
c.fetchall()

c = db.execute('DELETE FROM t')
c.execute('CREATE TABLE q (x)')
c.execute('CREATE TABLE q (x)')
c.execute('DROP TABLE nowhere')
c.execute('ALTER TABLE t ADD COLUMN n')
c.execute('SELECT * FROM t')
c.execute('CREATE TABLE copy AS SELECT * FROM t')

db.Error is sqlite3.Error, db.IntegrityError is sqlite3.IntegrityError, db.Warning is sqlite3.Warning
db.nothing
db.mine = 1
db.in_transaction = True
db.total_changes = 1
c = db.cursor()
c.nothing
c.mine = 1
c.rowcount = 1

import copy, pickle
copy.copy(db)
pickle.dumps(db)

db.close()
db.execute('SELECT 1')
db.commit()
db.rollback()
db.cursor()
db.executescript('')
db.executemany('DELETE FROM t', [])
with db:
    pass
db.row_factory
db.interrupt()
list(db.iterdump())
db.isolation_level = None
db.close()

c = db.execute('SELECT 1')
db.close()
c.fetchone()
c.fetchall()
c.fetchmany()
list(c)
c.execute('SELECT 1')
c.close()

c = db.execute('SELECT 1')
c.close()
c.fetchone()
c.fetchmany()
list(c)
c.execute('SELECT 1')
c.executemany('DELETE FROM t', [])
c.executescript('')
c.close()

db.execute('INSERT INTO t (a) VALUES (5)')
db.close()
"""


def test_errors_are_those_of_the_real_module():
    assert_same(blocks(ERRORS))


FACTORIES = """
db.row_factory = sqlite3.Row
c = db.execute('SELECT id, a FROM t')
r = c.fetchone()
r['id'], r['ID'], r[0], r[-1], r[0:1], len(r), r.keys(), tuple(r), dict(r)
r['x']
r[9]
c.fetchmany(1)
list(c)

db.row_factory = sqlite3.Row
a = db.execute('SELECT 1 AS x').fetchone()
b = db.execute('SELECT 1 AS x').fetchone()
y = db.execute('SELECT 1 AS y').fetchone()
a == b, a == y, a != b, hash(a) == hash(b), a == (1,)

class Row(sqlite3.Row):
    pass
db.row_factory = Row
r = db.execute('SELECT 5 AS "a""b"').fetchone()
r.keys(), type(r).__name__

db.row_factory = lambda cursor, row: dict(zip([column[0] for column in cursor.description], row))
c = db.execute('SELECT id, a FROM t')
c.fetchone()
c.fetchmany(1)
list(c)

db.row_factory = lambda cursor, row: 1 / 0
c = db.execute('SELECT id FROM t')
c.fetchone()
c.fetchone()

db.row_factory = dict
c = db.execute('SELECT 1')
c.fetchall()

db.row_factory = 5
c = db.execute('SELECT 1')
c.fetchall()

c = db.execute('SELECT 1 AS x')
c.row_factory = sqlite3.Row
c.fetchone()
db.row_factory

c = db.cursor()
db.row_factory = sqlite3.Row
c.execute('SELECT 1')
c.fetchone()

db.text_factory = bytes
c = db.execute('SELECT b, id FROM t')
c.fetchall()

db.text_factory = bytearray
db.execute('SELECT b, id FROM t').fetchall()

db.text_factory = lambda data: data.decode() + '!'
db.execute("SELECT 'ä', x'00', 1").fetchall()

db.text_factory = lambda data: 1 / 0
db.execute('SELECT b FROM t').fetchall()

c = db.cursor(sqlite3.Cursor)
c = db.cursor(factory=lambda connection: 5)
c = db.cursor(None)
c = db.cursor(5)
"""


def test_factories_make_the_same_rows_and_texts():
    assert_same(blocks(FACTORIES))


CHANGES = """
db.execute('INSERT INTO t (a) VALUES (1), (2)')
db.execute('UPDATE t SET a = 1')
db.execute('DELETE FROM t WHERE id = 1')
db.execute('INSERT OR IGNORE INTO t VALUES (2, 2, 2)')
db.execute('INSERT INTO t VALUES (2, 2, 2)')
db.rollback()
db.executemany('UPDATE t SET a = ?', [(1,), (2,)])
db.executescript('DELETE FROM t; SELECT 1')
db.execute('CREATE TABLE q AS SELECT * FROM t')
db.execute('DROP TABLE q')
"""


def test_total_changes_counts_what_statements_report():
    assert_same([CHANGES], watch_changes=True)


# sqlite-utils on top


@pytest.fixture
def same_savepoint_names() -> Iterator[None]:
    with guarded():
        yield


UTILS = """
u['t'].insert({'id': 9, 'a': 1, 'b': 'n'})
u['t'].last_pk
list(u['t'].rows)

u['t'].insert({'id': 1, 'a': 1, 'b': 'n'})
u['t'].insert({'id': 1, 'a': 1, 'b': 'n'}, ignore=True)
u['t'].insert({'id': 1, 'a': 1, 'b': 'n'}, replace=True)
list(u['t'].rows)

u['t'].insert_all([{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}])
u['t'].insert_all([{'a': 1, 'b': 'z'}, {'a': 2, 'b': 'x'}])
u['t'].insert_all(({'a': i} for i in range(250)), batch_size=100)
u['t'].count
u['t'].insert({'a': 1, 'no column': 3})

u['t'].upsert({'id': 1, 'a': 7}, pk='id')
u['t'].upsert({'id': 77, 'a': 7}, pk='id')
u['t'].upsert_all([{'id': 1, 'a': 8}, {'id': 78, 'a': 7}], pk='id')
u['t'].upsert({'a': 1})
list(u['t'].rows)
u['account'].upsert({'name': '666', 'balance': 5}, pk='name')
list(u['account'].rows)

u['t'].update(1, {'a': 5})
u['t'].update(99, {'a': 5})
u['t'].delete(1)
u['t'].delete(99)
u['t'].delete_where('id > ?', [2])
u['t'].get(2)
u['t'].get(99)
list(u['t'].rows)

list(u['t'].rows_where('a > :a', {'a': 5}, order_by='id desc', select='id', limit=1))
u['t'].count_where('a is null')
list(u['t'].pks_and_rows_where())

list(u.query('select * from t where id = ?', [1]))
list(u.query('select * from t where id = :id', {'id': 2}))
list(u.query('insert into t (a) values (1) returning id'))
list(u.query('update t set a = 1'))
list(u.query('select * from nowhere'))
next(u.query('select id from t'))
u['t'].count

c = u.execute('insert into t (a) values (?)', [5])
db.in_transaction
c = u.execute('insert into t values (1, 1, 1)')
c = u.execute('update t set a = 1')
u.execute('begin immediate')
u.execute('update t set a = 3')
u.execute('commit')
list(u['t'].rows)

u['t'].lookup({'b': 'one'})
u['k'].lookup({'name': 'x'})
u['k'].lookup({'name': 'x'})
u['k'].schema

u['n'].create({'id': int, 'x': str, 'y': float}, pk='id', not_null={'x'}, defaults={'x': 'q'})
u['n'].insert({'id': 1})
u['m'].insert({'id': 1, 'z': [1], 'd': {'a': 1}, 'f': 1.5, 'b': b'x', 't': True, 'n': None}, pk='id', strict=True)
u['h'].insert({'a': 5}, hash_id='id')
u.schema
u['m'].drop()
u['t'].add_column('q', int)
u['t'].create_index(['a'])
u['t'].indexes
u.create_view('v', 'select 1 as x')
u.table_names(), u.view_names()

u['t'].exists(), u['nope'].exists(), u['t'].pks, u['t'].columns_dict, u['child'].foreign_keys
u['log'].insert({'line': 'q'})
u['log'].use_rowid, u['log'].last_rowid
u['log'].get(1)
u['watched'].insert({'x': 1})
u['watched'].last_rowid
list(u['log'].rows)

with u.atomic():
    u['t'].insert({'a': 1})
    u.execute('update t set a = 2')
list(u['t'].rows)

with u.atomic():
    u['t'].insert({'a': 1})
    1 / 0
u['t'].count

with u.atomic():
    u['t'].insert({'a': 1})
    try:
        with u.atomic():
            u['t'].insert({'a': 2})
            1 / 0
    except ZeroDivisionError:
        pass
    u['t'].insert({'a': 3})
list(u['t'].rows)

with u.atomic():
    with u.atomic():
        u['t'].delete(1)
        list(u.query('select 1'))
u['t'].count

with u.atomic():
    try:
        u['t'].insert({'id': 1})
    except sqlite3.IntegrityError:
        pass
    u['t'].insert({'id': 100})
u['t'].count

with db:
    u['t'].insert({'a': 1})
    1 / 0
u['t'].count

u.begin()
u.commit()
u.begin()
u['t'].insert({'a': 1})
u.rollback()
u['t'].count
u.executescript('insert into t (a) values (1); insert into t (a) values (2)')
u['t'].count

u.conn.row_factory = sqlite3.Row
list(u.query('select 1 as x'))
list(u['t'].rows)

u.close()
u['t'].count
"""


@pytest.mark.usefixtures("same_savepoint_names")
@pytest.mark.parametrize("journal", ["wal", "rollback"])
def test_sqlite_utils_finds_no_difference(journal: Journal):
    def database(db: Any) -> sqlite_utils.Database:
        if isinstance(db, sqlite3.Connection):
            return sqlite_utils.Database(db)
        u = sqlite_utils.Database(db, recursive_triggers=False, execute_plugins=False)
        u._supports_on_conflict = u._supports_strict = True
        return u

    assert_same(blocks(UTILS), journal, u=database)


# Anything in any order

VALUES = ["NULL", "1", "2", "3.5", "'x'", "?", ":v"]
STATEMENTS = [
    "",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "SELEC",
    "INSERT INTO t (a) VALUES ({0})",
    "INSERT INTO t VALUES ({0}, {1}, {0})",
    "REPLACE INTO t VALUES ({0}, 1, {1})",
    "INSERT OR IGNORE INTO t VALUES ({0}, 1, 1)",
    "INSERT INTO t (id) VALUES ({0}) ON CONFLICT DO UPDATE SET a = {1}",
    "UPDATE t SET a = {0}",
    "UPDATE t SET id = {0} WHERE id = {1}",
    "UPDATE account SET balance = balance - {0}",
    "DELETE FROM t WHERE id = {0}",
    "DELETE FROM t RETURNING id",
    "WITH n AS (SELECT {0} AS v) INSERT INTO t (a) SELECT v FROM n",
    "SELECT id, a, b FROM t ORDER BY id",
    "SELECT {0}, {1}",
    "SELECT changes(), last_insert_rowid()",
    "INSERT INTO watched VALUES ({0})",
    "SELECT line FROM log",
    "CREATE TABLE IF NOT EXISTS n (x)",
    "DROP TABLE n",
    "INSERT INTO n VALUES ({0})",
    "PRAGMA foreign_keys",
]
SOURCES = st.builds(
    lambda sql, one, two: sql.format(one, two), st.sampled_from(STATEMENTS), *[st.sampled_from(VALUES)] * 2
)
PARAMETER_SETS = st.sampled_from(["", ", (5,)", ", {'v': 6}", ", (1, 2)"])


def is_dml(sql: str) -> bool:
    return sql.startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))


LEVELS = st.sampled_from([None, "", "IMMEDIATE", "EXCLUSIVE"])
STEPS = st.one_of(
    # All rows are fetched at once, because a statement read halfway is one of the differences.
    st.builds(lambda sql, given: f"c = db.execute({sql!r}{given}); c.fetchall()", SOURCES, PARAMETER_SETS),
    st.builds(lambda sql, given: f"c.execute({sql!r}{given}); c.fetchall()", SOURCES, PARAMETER_SETS),
    st.builds(lambda sql: f"c.executemany({sql!r}, [(7,), (8,)])", SOURCES.filter(is_dml)),
    st.builds(lambda first, then: f"c.executescript({first + '; ' + then!r})", SOURCES, SOURCES),
    st.builds(lambda sql: f"with db: c.execute({sql!r}).fetchall()", SOURCES),
    st.builds(lambda level: f"db.isolation_level = {level!r}", LEVELS),
    st.sampled_from(
        ["c.fetchone()", "db.commit()", "db.rollback()", "c = db.cursor()", "db.row_factory = sqlite3.Row"]
    ),
)


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[Journal, SqliteStore]]:
    both: dict[Journal, SqliteStore] = {
        "wal": SqliteStore(prepare, "wal"),
        "rollback": SqliteStore(prepare, "rollback"),
    }
    yield both
    for store in both.values():
        store.close()


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(steps=st.lists(STEPS, min_size=3, max_size=15), journal=st.sampled_from(["wal", "rollback"]))
def test_random_steps_do_the_same(stores: dict[Journal, SqliteStore], steps: list[str], journal: Journal):
    store = stores[journal]
    store.number_contents()
    store.restore(0)
    last = ["db.rollback()", "db.execute('SELECT * FROM t ORDER BY id').fetchall()"]
    text = "\n".join(["c = db.cursor()", *steps, *last])
    real = new_real()
    try:
        assert make(text, ours_on(store)) == make(text, real)
    finally:
        real.close()


# What differs, as the module's docstring says


def listed_differences() -> list[str]:
    doc = sqlite_client.__doc__ or ""
    return [" ".join(item.split()) for item in re.split(r"\n- ", doc)[1:]]


def test_rows_are_fetched_at_once(db: Connection, real: sqlite3.Connection):
    sql = "SELECT abs(CASE id WHEN 3 THEN -9223372036854775808 ELSE id END) FROM t ORDER BY id"
    assert real.execute(sql).fetchone() == (1,)
    with pytest.raises(sqlite3.OperationalError, match="integer overflow"):
        db.execute(sql)


def test_a_cursor_read_halfway_holds_no_lock():
    with SqliteStore(prepare, "rollback") as store:
        ours_on(store).execute("SELECT id FROM t").fetchone()
        store.begin("B")
        assert store.execute("B", SqlStatement("DELETE FROM t")).told is not None


def test_a_cursor_read_halfway_hinders_no_commit(db: Connection, real: sqlite3.Connection):
    read_halfway = [connection.execute("UPDATE t SET a = 1 RETURNING id") for connection in (db, real)]
    with pytest.raises(sqlite3.OperationalError, match="cannot commit transaction - SQL statements in progress"):
        real.commit()
    db.commit()
    assert [cursor.fetchone() for cursor in read_halfway] == [(1,), (1,)]


def test_total_changes_counts_what_triggers_change(db: Connection, real: sqlite3.Connection):
    for connection in (db, real):
        connection.execute("INSERT INTO watched VALUES (1)")
    assert (db.total_changes, real.total_changes) == (2, 2)


def test_text_has_to_be_utf_8(db: Connection, real: sqlite3.Connection):
    sql = "SELECT cast(x'ff' AS text)"
    for connection in (db, real):
        connection.text_factory = bytes
    assert real.execute(sql).fetchone() == (b"\xff",)
    with pytest.raises(sqlite3.OperationalError, match="Could not decode to UTF-8"):
        db.execute(sql)


def test_neither_class_is_derived_from_the_real_one(db: Connection):
    assert not isinstance(db, sqlite3.Connection)
    assert not isinstance(db.cursor(), sqlite3.Cursor)


UNSUPPORTED_SQL = [
    "ATTACH ':memory:' AS x",
    ";ATTACH ':memory:' AS x",
    "DETACH main",
    "VACUUM",
    "; VACUUM",
    "/* x */ VACUUM INTO 'x.db'",
    "CREATE TEMP TABLE x (y)",
    "CREATE TEMPORARY TABLE x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE x USING fts5(y)",
    "PRAGMA journal_mode = delete",
    "ANALYZE",
    "ANALYZE t",
    "PRAGMA locking_mode = exclusive",
    "PRAGMA database_list",
    "PRAGMA table_list",
    "SELECT * FROM sqlite_temp_master",
    "SELECT * FROM sqlite_temp_schema",
    "PRAGMA max_page_count(1)",
    "PRAGMA wal_checkpoint",
    "PRAGMA user_version = 5",
    "PRAGMA writable_schema = on",
    "PRAGMA no_such_pragma",
    "SELECT load_extension('x')",
    "SELECT total_changes()",
]


@pytest.mark.parametrize("sql", UNSUPPORTED_SQL)
def test_sql_that_is_not_supported_says_so(sql: str, db: Connection):
    with pytest.raises(sqlite3.NotSupportedError) as caught:
        db.execute(sql)
    assert str(caught.value).startswith("not supported in this simulation: ")
    assert db.execute("SELECT count(*) FROM t").fetchone() == (3,)


SUPPORTED = {name for name, kind in vars(sqlite3).items() if isinstance(kind, type) and issubclass(kind, Exception)} | {
    "autocommit",
    "close",
    "commit",
    "cursor",
    "execute",
    "executemany",
    "executescript",
    "in_transaction",
    "interrupt",
    "isolation_level",
    "iterdump",
    "rollback",
    "set_trace_callback",
    "row_factory",
    "text_factory",
    "total_changes",
}


@pytest.mark.parametrize("name", [name for name in dir(sqlite3.Connection) if not name.startswith("_")])
def test_every_public_attribute_is_supported_or_says_that_it_is_not(name: str, db: Connection):
    if name in SUPPORTED:
        getattr(db, name)
        return
    with pytest.raises(sqlite3.NotSupportedError) as caught:
        getattr(db, name)
    assert str(caught.value) == f"not supported in this simulation: Connection.{name}"


@pytest.mark.parametrize("name", [name for name in dir(sqlite3.Cursor) if not name.startswith("_")])
def test_a_cursor_has_every_public_attribute(name: str, db: Connection):
    getattr(db.cursor(), name)


def test_calling_a_connection_and_other_cursor_classes_are_not_supported(db: Connection):
    class Mine(sqlite3.Cursor):
        pass

    for use in (lambda: db("SELECT 1"), lambda: db.cursor(Mine)):
        with pytest.raises(sqlite3.NotSupportedError, match=f"^{UNSUPPORTED}"):
            use()


def test_whoever_wants_to_know_is_told_what_was_refused(db: Connection):
    refused: list[str] = []
    listening = Connection(db._ask, refused.append)
    for use in (lambda: listening.backup, lambda: listening.execute("VACUUM")):
        with pytest.raises(sqlite3.NotSupportedError):
            use()
    assert refused == ["Connection.backup", "VACUUM"]


def test_a_time_out_is_the_schedules_decision():
    with SqliteStore(prepare, "wal") as store:
        ours_on(store).execute("BEGIN IMMEDIATE")
        impatient = ours_on(store, "B")
        assert impatient.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        assert impatient.execute("PRAGMA busy_timeout = 60000").fetchone() == (60000,)
        started = time.monotonic()
        assert store.execute("B", SqlStatement("DELETE FROM t")).told is None
        assert time.monotonic() - started < 30
        told = store.time_out("B").told
        assert isinstance(told, SqlFailure)
        with pytest.raises(sqlite3.OperationalError, match=r"^database is locked$") as caught:
            sqlite_client.raise_as_sqlite(told)
        assert caught.value.sqlite_errorname == "SQLITE_BUSY"


def test_a_flag_lasts_for_one_delivery():
    with SqliteStore(prepare, "wal") as store:
        db = ours_on(store)
        flags = ("foreign_keys", "legacy_alter_table")
        for flag in flags:
            db.execute(f"PRAGMA {flag} = on")
            assert db.execute(f"PRAGMA {flag}").fetchone() == (1,)
        store.begin("A")
        assert [db.execute(f"PRAGMA {flag}").fetchone() for flag in flags] == [(0,), (0,)]


def test_wal_mode_is_as_it_is() -> None:
    """Setting it answers with the mode that there is, and in a transaction as the real module does."""
    for mode, answer in (("wal", "wal"), ("memory", "delete")):
        asked: list[str] = []

        def ask(statement: SqlStatement, mode: str = mode, asked: list[str] = asked) -> SqlResult:
            asked.append(statement.sql)
            return SqlResult(((mode,),), ("journal_mode",), -1, 0, statement.sql == "BEGIN")

        connection = Connection(ask)
        assert connection.execute("PRAGMA journal_mode=wal;").fetchone() == (answer,)
        assert asked == ["PRAGMA journal_mode"]


DIFFERENCES: dict[str, list[Callable[..., None]]] = {
    "a statement's rows are fetched at once": [
        test_rows_are_fetched_at_once,
        test_a_cursor_read_halfway_holds_no_lock,
        test_a_cursor_read_halfway_hinders_no_commit,
    ],
    "text that is no UTF-8": [test_text_has_to_be_utf_8],
    "a connection is no instance": [test_neither_class_is_derived_from_the_real_one],
    "setting WAL mode changes nothing": [test_wal_mode_is_as_it_is],
    "functions, collations, callbacks": [test_sql_that_is_not_supported_says_so],
    "how long a wait for a lock lasts": [test_a_time_out_is_the_schedules_decision],
    "flags set by PRAGMA last for one delivery": [test_a_flag_lasts_for_one_delivery],
}


def test_the_docstring_lists_the_differences_tested_here():
    listed = listed_differences()
    assert len(listed) == len(DIFFERENCES)
    for text, beginning in zip(listed, DIFFERENCES, strict=True):
        assert text.startswith(beginning)


# Between deliveries


def test_a_new_delivery_reopens_a_closed_connection(db: Connection):
    db.execute("INSERT INTO t (a) VALUES (1)")
    db.close()
    db._begin_delivery()
    assert not db.in_transaction
    assert db.total_changes == 0
    assert db.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_the_same_call_with_a_value_that_is_no_number_asks_the_same():
    asked: list[SqlStatement] = []

    def ask(statement: SqlStatement) -> SqlResult:
        asked.append(statement)
        return SqlResult((), None, -1, None, False)

    for _ in range(2):
        Connection(ask).execute("SELECT ?", (float("nan"),))
    assert asked[0] == asked[1]


def test_named_parameters_ask_the_same_in_any_order():
    asked: list[SqlStatement] = []

    def ask(statement: SqlStatement) -> SqlResult:
        asked.append(statement)
        return SqlResult((), None, -1, None, False)

    for pairs in ({"a": 1, "b": 2}, {"b": 2, "c": 3, "a": 1}):
        Connection(ask).execute("SELECT :a, :b", pairs)
    assert asked[0] == asked[1]


def test_what_is_not_an_answer_of_sqlite_passes_through():
    def ask(statement: SqlStatement) -> SqlResult:
        raise KeyboardInterrupt

    connection = Connection(ask)
    with pytest.raises(KeyboardInterrupt):
        connection.execute("INSERT INTO t VALUES (1)")


def test_an_overflow_is_an_overflow_error():
    failure = SqlFailure("OverflowError", "too large", 0, "", False)
    with pytest.raises(OverflowError, match=r"^too large$"):
        Connection(lambda statement: failure).execute("SELECT 1")


def test_a_trace_callback_is_told_each_statement_with_its_values() -> None:
    """As the real module tells it; what the callback raises is nobody's business."""
    told: dict[str, list[str]] = {"real": [], "ours": []}
    real = sqlite3.connect(":memory:")
    real.execute("CREATE TABLE t (a, b)")
    ours = Connection(lambda statement: SqlResult((), None, 1, 0, not statement.sql.startswith(("CREATE", "COMMIT"))))
    for name, connection in (("real", real), ("ours", ours)):
        connection.set_trace_callback(told[name].append)  # type: ignore[attr-defined]
        connection.execute("INSERT INTO t VALUES (?, ?)", ["it's", b"\x01"])  # type: ignore[attr-defined]
        connection.execute("INSERT INTO t VALUES (:a, :b)", {"a": 1.5, "b": None})  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]
    assert [sql.strip() for sql in told["ours"]] == [sql.strip() for sql in told["real"]]
    ours.set_trace_callback(lambda sql: 1 / 0)
    ours.execute("SELECT 1")
