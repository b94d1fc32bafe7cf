"""Handlers as nobody would write them, drawn by a seed: what the clients and the search are never to fall over.

Not whether they are judged rightly (`test_random_handlers` asks that) but whether they are judged at all: no exception
of ours leaves the checker, whatever a handler does with what it is given.

python -m tests.odd_handlers [FIRST_SEED [SECONDS]]   goes on for SECONDS (600) and prints what fell over, with its seed
"""

from __future__ import annotations

import ast
import contextlib
import functools
import random
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redelivery.checking.fault import checked
from redelivery.checking.handler_part import HandlerPart
from redelivery.checking.part import Report
from redelivery.exercises.catalogue import EXERCISES
from redelivery.simulation.guards import guarded
from redelivery.simulation.program import Cell, SourceProgram

Statements = Sequence[str]

VALUES = [
    *(
        "message.id",
        "message.body",
        "message",
        "message.attempt",
        "message.redelivered",
        "None",
        "True",
        "0",
        "-1",
        '""',
    ),
    *(
        "2**63",
        "2**63 - 1",
        "-2**63",
        "2**200",
        "1.5",
        'float("nan")',
        'float("inf")',
        "1e308 * 10",
        "1j",
        'b"\\x00\\xff"',
    ),
    *(
        '"\\ud800"',
        '"\\x00"',
        '"a" * 100_000',
        "bytearray(3)",
        'memoryview(b"ab")',
        "[]",
        "{}",
        "object()",
        "len",
        "...",
    ),
    *("time.time()", "time.time_ns()", "uuid.uuid4().hex", "uuid.uuid1().bytes", "random.random()", "os.getpid()"),
    *("datetime.datetime.now()", "datetime.date.today()", 'decimal.Decimal("1.5")', "os.urandom(3)", 'hash("a")'),
    *("secrets.token_hex(2)", "id(message)", "threading.get_ident()", "str(message)", "repr(message.body)"),
    *("json.dumps(message.body)", "sorted(message.body)", "list(message.body.values())[0]", '"é".encode("latin-1")'),
]
SQL = [
    *(
        "SELECT 1",
        "SELECT ?",
        "SELECT * FROM {t}",
        "SELECT count(*) FROM {t}",
        "SELECT rowid, * FROM {t} ORDER BY 1 DESC",
    ),
    *("INSERT INTO {t} VALUES (?)", "INSERT OR IGNORE INTO {t} VALUES (?)", "INSERT OR REPLACE INTO {t} VALUES (?)"),
    *("INSERT OR ROLLBACK INTO {t} VALUES (?)", "INSERT OR FAIL INTO {t} VALUES (?)", "REPLACE INTO {t} VALUES (?, ?)"),
    *(
        "INSERT OR ABORT INTO {t} VALUES (?, 5, 6)",
        "INSERT INTO {t} DEFAULT VALUES",
        "INSERT INTO {t} SELECT * FROM {t}",
    ),
    *("INSERT INTO {t} VALUES (?) RETURNING *", "DELETE FROM {t} RETURNING rowid", "UPDATE {t} SET rowid = rowid + 1"),
    *(
        "INSERT INTO {t} VALUES (?) ON CONFLICT DO NOTHING",
        "UPDATE account SET balance = balance + 1 RETURNING balance",
    ),
    *(
        "DELETE FROM {t}",
        "DELETE FROM {t} WHERE rowid = ?",
        "UPDATE account SET balance = ?",
        "DROP TABLE IF EXISTS {t}",
    ),
    *(
        "CREATE TABLE own (a, b DEFAULT CURRENT_TIMESTAMP)",
        "CREATE TABLE IF NOT EXISTS own (a PRIMARY KEY) WITHOUT ROWID",
    ),
    *("CREATE TABLE IF NOT EXISTS own (a INTEGER PRIMARY KEY AUTOINCREMENT, b)", "CREATE TEMP TABLE own (a)"),
    *("CREATE TABLE copy AS SELECT * FROM {t}", "ALTER TABLE {t} ADD COLUMN extra", "ALTER TABLE {t} RENAME TO other"),
    *("CREATE INDEX IF NOT EXISTS i ON {t} (1)", "CREATE VIEW IF NOT EXISTS v AS SELECT * FROM {t}", "DROP VIEW v"),
    "CREATE TRIGGER IF NOT EXISTS tr AFTER INSERT ON {t} BEGIN DELETE FROM {t}; END",
    "CREATE TRIGGER tr2 BEFORE UPDATE ON account BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    *(
        "BEGIN",
        "BEGIN IMMEDIATE",
        "BEGIN EXCLUSIVE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT s",
        "RELEASE s",
        "ROLLBACK TO s",
    ),
    *('SAVEPOINT "a b"', "RELEASE nobody", "PRAGMA foreign_keys = on", "PRAGMA journal_mode", "PRAGMA table_info({t})"),
    *(
        "PRAGMA journal_mode = delete",
        "PRAGMA user_version = 5",
        "PRAGMA data_version",
        "PRAGMA wal_checkpoint",
        "VACUUM",
    ),
    *(
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT * FROM {t}",
        "ATTACH ':memory:' AS m",
        "DETACH m",
    ),
    *(
        "SELECT changes(), total_changes(), last_insert_rowid()",
        "SELECT random(), hex(randomblob(2))",
        "SELEC 1",
        "",
        ";",
    ),
    *("SELECT julianday('now'), CURRENT_DATE, unixepoch()", "INSERT INTO {t} VALUES (CURRENT_TIMESTAMP)", "-- nothing"),
    *("SELECT 1; SELECT 2", "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"),
    *(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9) INSERT INTO {t} SELECT x FROM n",
        "SELECT :a",
    ),
    *("SELECT ?2", "SELECT load_extension('x')", "SELECT zeroblob(1000000000)", "SELECT abs(-9223372036854775808)"),
    *(
        "SELECT json_extract('{', '$')",
        "SELECT * FROM sqlite_master",
        "DELETE FROM sqlite_sequence",
        "SELECT nope FROM {t}",
    ),
    *("SELECT group_concat(name) FROM pragma_table_list", "VALUES (1), (2)", "SELECT * FROM generate_series(1, 3)"),
]
TABLES = [
    "processed",
    "account",
    "own",
    "sqlite_master",
    "nowhere",
    "intent",
    "customer",
    "received",
    "inbox",
    '"a b"',
    "v",
]
ON_DB: Statements = [
    *("db.execute({sql})", "db.execute({sql}, [{value}])", "db.execute({sql}, {value})", "db.conn.execute({sql})"),
    *("db.conn.execute({sql}, ({value},))", 'db.execute({sql}, {{"a": {value}}})', "x = db.execute({sql}).fetchone()"),
    *("x = db.execute({sql}).fetchall()[0][0]", "x = list(db.query({sql}))", "x = next(db.query({sql}))"),
    *("db.conn.executescript({sql})", "db.conn.executescript({sql} + ';' + {sql})", "db.executescript({sql})"),
    *(
        "db.conn.executemany({sql}, [[{value}], [{value}]])",
        "db.conn.commit()",
        "db.conn.rollback()",
        "db.conn.close()",
    ),
    *(
        "cursor = db.conn.cursor()",
        "cursor.execute({sql})",
        "cursor.execute({sql}, [{value}])",
        "x = cursor.fetchone()",
    ),
    *("x = cursor.fetchmany({value})", "x = cursor.rowcount", "x = cursor.lastrowid", "x = cursor.description"),
    *("cursor.close()", "x = db.conn.in_transaction", "x = db.conn.total_changes", "db.conn.isolation_level = None"),
    *(
        'db.conn.isolation_level = "EXCLUSIVE"',
        "db.conn.isolation_level = {value}",
        "db.conn.row_factory = sqlite3.Row",
    ),
    *("db.conn.row_factory = lambda c, r: r", "db.conn.text_factory = bytes", "db.conn.row_factory = {value}"),
    *("db.conn.interrupt()", "x = list(db.conn.iterdump())", 'db.conn.create_function("f", 1, lambda a: a)'),
    *("db.conn.backup(db.conn)", "db.conn.set_trace_callback(print)", "db.conn.set_progress_handler(lambda: 1, 10)"),
    *(
        "db.conn.setlimit(0, 1)",
        "x = db.conn.serialize()",
        "db.conn.nothing()",
        "x = db.conn.autocommit",
        "x = db.tables",
    ),
    *(
        'db["{t}"].insert({value})',
        'db["{t}"].insert({{"message_id": {value}}})',
        'db["{t}"].insert({{"a": {value}}}, alter=True)',
    ),
    *(
        'db["{t}"].upsert({{"id": {value}}}, pk="id")',
        'db["{t}"].insert_all([{{"a": 1}}, {{"b": {value}}}])',
        'db["{t}"].drop()',
    ),
    *('db["{t}"].update({value}, {{"balance": {value}}})', 'db["{t}"].delete({value})', 'x = db["{t}"].get({value})'),
    *(
        'x = list(db["{t}"].rows_where("1 = ?", [{value}]))',
        'db["{t}"].transform(rename={{"a": "b"}})',
        'x = db["{t}"].schema',
    ),
    *(
        'db["{t}"].create({{"a": int}}, pk="a")',
        'db["{t}"].create_index(["a"])',
        'db["{t}"].enable_fts(["a"])',
        "x = db.schema",
    ),
    *(
        'x = db["{t}"].count',
        'db["{t}"].delete_where()',
        'db["{t}"].add_column("c", str)',
        "db.vacuum()",
        "db.analyze()",
    ),
    *(
        'db["{t}"].insert({{"message_id": message.id}}, ignore=True)',
        'db["{t}"].insert({{"message_id": {value}}}, replace=True)',
    ),
    *(
        'db.create_view("v", "select 1")',
        "db.enable_wal()",
        "db.disable_wal()",
        'db.attach("m", ":memory:")',
        "db.close()",
    ),
    *(
        'x = db["{t}"].columns_dict',
        'x = db["{t}"].pks',
        'db["{t}"].duplicate("copy")',
        "x = db.supports_strict",
        "x = {{*db.tables}}",
    ),
    *(
        "db.register_function(lambda a: a)",
        "x = copy.copy(db)",
        "x = copy.deepcopy(message)",
        "x = pickle.dumps(message)",
    ),
    *("db.conn.__enter__()", "db.conn.__exit__(None, None, None)", "db.conn.__exit__(ValueError, ValueError(), None)"),
    *("sqlite3.connect(':memory:').execute('SELECT 1')", "x = sqlite3.Row", "db.conn.execute('SELECT 1').fetchone = 5"),
    *(
        "x = db.conn.blobopen('{t}', 'a', 1)",
        "db.conn.enable_load_extension(True)",
        "db.conn.execute(b'SELECT 1')",
        "db.begin()",
    ),
    *("db.commit()", "db.rollback()", "for row in db.conn.execute({sql}): db.conn.execute({sql})", "del db.conn"),
]
COMMANDS = [
    *(
        '"GET", {k}',
        '"SET", {k}, {v}',
        '"SET", {k}, {v}, "NX"',
        '"SET", {k}, {v}, "PX", {v}',
        '"INCRBY", {k}, {v}',
        '"DEL", {k}',
    ),
    *(
        '"HSET", {k}, "f", {v}',
        '"HINCRBY", {k}, "f", 1',
        '"SADD", {k}, {v}',
        '"SCARD", {k}',
        '"LPUSH", {k}, {v}',
        '"TTL", {k}',
    ),
    *(
        '"LRANGE", {k}, 0, -1',
        '"ZADD", {k}, 1, {v}',
        '"ZRANGEBYSCORE", {k}, "-inf", "+inf"',
        '"EXPIRE", {k}, {v}',
        '"TYPE", {k}',
    ),
    *(
        '"SCAN", 0',
        '"SSCAN", {k}, 0',
        '"KEYS", "*"',
        '"EVAL", "return redis.call(\'GET\', KEYS[1])", 1, {k}',
        '"TIME"',
        '"NOPE"',
    ),
    *(
        '"EVAL", "return {{1, 2.5, {{err = \'x\'}}}}", 0',
        '"EVAL", "while true do end", 0',
        '"EVAL", "error(\'a\')", 0',
        '"FLUSHALL"',
    ),
    *(
        '"EVALSHA", "abc", 0',
        '"WATCH", {k}',
        '"MULTI"',
        '"EXEC"',
        '"DISCARD"',
        '"UNWATCH"',
        '"BLPOP", {k}, 0',
        '"SUBSCRIBE", "c"',
    ),
    *(
        '"INFO"',
        '"CONFIG", "GET", "*"',
        '"SELECT", 1',
        '"DBSIZE"',
        '"RANDOMKEY"',
        '"RENAME", {k}, {k}',
        '"COPY", {k}, "z"',
        '"PING"',
    ),
    *(
        '"GETRANGE", {k}, 0, -1',
        '"SETRANGE", {k}, 9, {v}',
        '"SETBIT", {k}, 7, 1',
        '"APPEND", {k}, {v}',
        '"GETDEL", {k}',
        '"OBJECT", "HELP"',
    ),
    *(
        '"INCRBYFLOAT", {k}, {v}',
        '"PFADD", {k}, {v}',
        '"GEOADD", {k}, 1, 1, {v}',
        '"XADD", {k}, "*", "f", {v}',
        '"SORT", {k}',
        '"MGET"',
    ),
    *(
        '"SPOP", {k}',
        '"SRANDMEMBER", {k}',
        '"PERSIST", {k}',
        '"PEXPIREAT", {k}, 1',
        '"GETEX", {k}, "EX", 5',
        '"SHUTDOWN"',
        '"HELLO", 3',
    ),
]
ON_REDIS: Statements = [
    *(
        "x = redis.execute_command({command})",
        "redis.execute_command({command})",
        "x = redis.get({k})",
        "redis.incr({k})",
    ),
    *(
        "redis.set({k}, {v})",
        "x = redis.set({k}, {v}, nx=True, ex={v})",
        "redis.delete({k})",
        "x = redis.setnx({k}, {v})",
    ),
    *(
        "x = list(redis.scan_iter())",
        "x = redis.hgetall({k})",
        "x = redis.smembers({k})",
        "redis.hset({k}, mapping={{'a': {v}}})",
    ),
    *(
        "pipe = redis.pipeline()",
        "pipe = redis.pipeline(transaction=False)",
        "pipe.watch({k})",
        "pipe.multi()",
        "x = pipe.execute()",
    ),
    *(
        "pipe.set({k}, {v})",
        "pipe.incrby({k}, {v})",
        "x = pipe.get({k})",
        "pipe.reset()",
        "x = pipe.execute(raise_on_error=False)",
    ),
    *(
        "pipe.execute_command({command})",
        "pipe.immediate_execute_command({command})",
        "pipe.discard()",
        "pipe.unwatch()",
    ),
    *("x = redis.transaction(lambda p: p.incr({k}), {k})", "x = redis.eval('return ARGV[1]', 0, {v})", "redis.close()"),
    *(
        "x = redis.register_script('return 1')()",
        "lock = redis.lock({k}, timeout=5)",
        "lock.acquire()",
        "lock.release()",
    ),
    *(
        "x = lock.acquire(blocking=False)",
        "lock.extend(5)",
        "with redis.lock({k}): pass",
        "x = redis.pubsub()",
        "x = redis.monitor()",
    ),
    *(
        "redis.connection_pool.disconnect()",
        "x = redis.from_url('redis://localhost')",
        "x = redis.time()",
        "x = redis.ttl({k})",
    ),
    *(
        "redis.set_response_callback('GET', len)",
        "x = redis.client_id()",
        "x = redis.object('encoding', {k})",
        "x = len(pipe)",
    ),
    *(
        "redis.ping()",
        "x = redis.type({k})",
        "x = redis.get_encoder()",
        "x = redis.acl_whoami()",
        "redis.flushdb()",
        "x = redis.wait(1, 1)",
    ),
]
KEYS = [
    '"k"',
    '"balance:666"',
    'f"done:{message.id}"',
    'b"k"',
    '""',
    "message.id",
    "5",
    "None",
    '"k\\r\\n"',
    '"\\ud800"',
    "[]",
]
ANYWHERE: Statements = [
    *(
        "return",
        "return {value}",
        "raise Retry('later')",
        "raise Retry",
        "raise ValueError({value})",
        "raise KeyError",
        "pass",
    ),
    *(
        "raise KeyboardInterrupt",
        "raise SystemExit(3)",
        "raise MemoryError",
        "raise RecursionError",
        "raise GeneratorExit",
    ),
    *(
        "raise Exception({value}) from ValueError()",
        "raise Odd()",
        "raise BaseException('all')",
        "assert not {value}",
        "1 / 0",
    ),
    *(
        "time.sleep(1)",
        "time.sleep(-1)",
        "time.sleep({value})",
        "x = {value}",
        "print({value})",
        "sys.exit()",
        "os._exit(1)",
    ),
    *(
        "global STATE; STATE += 1",
        "SEEN.add(message.id)",
        "SEEN.append({value})",
        "CACHE[message.id] = {value}",
        "SEEN.clear()",
    ),
    *(
        "if message.id in SEEN: return",
        "if CACHE: return",
        "if x: return",
        "if not x: raise Retry('x')",
        "del x",
        "x.y = 1",
    ),
    *(
        "message.body.clear()",
        "message.body['amount'] = {value}",
        "message.id = 5",
        "del message.body",
        "message.__dict__.clear()",
    ),
    *(
        "def again(): again()\nagain()",
        "x = [lambda: x for _ in range(3)]",
        "x = (i for i in range(3))\nnext(x)",
        "import antigravity",
    ),
    *(
        "x = threading.Thread(target=print)\nx.start()",
        "LOCK.acquire()",
        "LOCK.release()",
        "input()",
        "open('x', 'w')",
        "os.fork()",
    ),
    *(
        "x = asyncio.run(asyncio.sleep(0))",
        "random.seed(5)",
        "x = random.choice([1, 2])",
        "gc.collect()",
        "pass",
    ),
    *(
        "sys.settrace(None)",
        "warnings.warn('x')",
        "logging.error('%s', {value})",
        "x = sys._getframe(1)",
        "x = globals()",
        "x = locals()",
    ),
    *(
        "exec('x = 5')",
        "x = eval('message')",
        "while True:\n    break",
        "for x in range(3): time.sleep(1)",
        "signal.alarm(1)",
        "x = vars()",
    ),
    *("x = len",),
    *(
        "class Odd2(Odd): pass\nraise Odd2",
        "type('T', (), {{}})().x",
        "contextlib.suppress(Exception).__enter__()",
        "x = iter(())\nnext(x)",
    ),
]
QUEUE: Statements = [
    *(
        "message = queue.receive()",
        "message = queue.receive()",
        "process(message)",
        "process(message)",
        "queue.ack(message)",
    ),
    *(
        "queue.ack(message)",
        "if message is None: return",
        "if message is None: return",
        "queue.ack(None)",
        "process(None)",
    ),
    *(
        "queue.receive({value})",
        "queue.ack({value})",
        "process({value})",
        "queue.nothing()",
        "x = queue.receive",
        "x = process",
    ),
]
SEND: Statements = [
    *(
        "send(order_id, order_id, amount)",
        "send(order_id, order_id, amount)",
        "send({value}, order_id, amount)",
        "x = send()",
    ),
    *(
        "send(order_id, {value}, amount)",
        "send(order_id, order_id, {value})",
        "send(key=1, order_id=2, amount=3)",
        "send(x, x, x)",
    ),
]
IMPORTS = (
    "import asyncio, contextlib, copy, datetime, decimal, gc, json, logging, os, pickle, random, secrets, signal\n"
    "import sqlite3, sys, threading, time, uuid, warnings\n"
    "from redelivery import Retry\n"
    "STATE, SEEN, CACHE, LOCK, x = 0, [], {}, threading.Lock(), None\n"
    "class Odd(Exception):\n    def __str__(self): raise ValueError('no text')\n"
)
_BLOCKS = [
    *(
        "if {value}:",
        "try:",
        "for _ in range(2):",
        "for _ in range({value} if type({value}) is int else 1):",
        "with contextlib.suppress(Exception):",
    ),
    *("while True:", "def inner():", "with LOCK:", "try:", "try:"),
]
_DB_BLOCKS = [
    "with db.atomic():",
    "with db.conn:",
    "with db.atomic():",
    "with contextlib.closing(db.conn.cursor()) as cursor:",
]
_REDIS_BLOCKS = [
    "with redis.pipeline() as pipe:",
    "with redis.lock('l', timeout=9):",
    "with redis.pipeline(False) as pipe:",
]
_ERRORS = [
    "Exception",
    "BaseException",
    "sqlite3.Error",
    "sqlite3.IntegrityError",
    "(ValueError, TypeError)",
    "Retry",
    "KeyError",
]
#: What one search of a part may compute (in seconds): long enough to get everywhere, too short for most to end.
SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Odd:
    """One answer that nobody would write."""

    seed: int
    exercise: str
    part: HandlerPart
    source: str

    def check(self, seconds: float = SECONDS) -> Report:
        """Judge it as `redelivery check` does, but impatiently."""

        def judge() -> Report:
            with guarded():
                program = SourceProgram([Cell(self.part.grade_id, self.source)])
            return self.part.check(self.exercise, program, seconds)

        return checked(self.part, self.exercise, judge)


class _Writer:
    """Draws the body of a function."""

    def __init__(self, rng: random.Random, arguments: Sequence[str]) -> None:
        self.rng = rng
        self.arguments = arguments
        self.pools: list[Statements] = [ANYWHERE]
        self.blocks = list(_BLOCKS)
        if "db" in arguments or "self" in arguments:
            self.pools += [ON_DB] * 4
            self.blocks += _DB_BLOCKS * 2
        if "redis" in arguments:
            self.pools += [ON_REDIS] * 4
            self.blocks += _REDIS_BLOCKS * 2
        if "queue" in arguments:
            self.pools += [QUEUE] * 5
        if "send" in arguments:
            self.pools += [SEND] * 3

    def body(self, depth: int = 0) -> list[str]:
        lines: list[str] = []
        for _ in range(self.rng.choice((1, 1, 2, 2, 3, 4))):
            if depth < 3 and self.rng.random() < 0.3:
                lines += self.block(depth)
            else:
                lines += self.statement().split("\n")
        return lines

    def block(self, depth: int) -> list[str]:
        opening = self.filled(self.rng.choice(self.blocks))
        inside = ["    " + line for line in self.body(depth + 1)]
        if opening == "try:":
            ending = self.rng.choice(["pass", "raise", "return", "x = 5", *(self.statement() for _ in range(3))])
            after = [f"except {self.rng.choice(_ERRORS)}:"] if self.rng.random() < 0.85 else ["finally:"]
            return [opening, *inside, *after, *("    " + line for line in ending.split("\n"))]
        if opening == "while True:":
            inside.append("    " + self.rng.choice(["break", "time.sleep(1)", "x = 5", "break"]))
        if opening == "def inner():":
            return [opening, *inside, self.rng.choice(["inner()", "inner()", "x = inner", "return inner"])]
        return [opening, *inside]

    def statement(self) -> str:
        return self.filled(self.rng.choice(self.rng.choice(self.pools)))

    def filled(self, template: str) -> str:
        rng = self.rng
        found = template
        if "{" in template:
            value = rng.choice(VALUES if rng.random() < 0.6 else VALUES[:10])
            table = rng.choice(TABLES if rng.random() < 0.5 else TABLES[:3])
            key = rng.choice(KEYS if rng.random() < 0.4 else KEYS[:3])
            command = rng.choice(COMMANDS).format(k=key, v=value)
            sql = repr(rng.choice(SQL).replace("{t}", table))
            found = template.format(value=value, t=table, sql=sql, k=key, v=value, command=command)
        if "message" not in self.arguments and "queue" not in self.arguments:
            found = found.replace("message.body", "{}").replace("message.id", '"8"').replace("message", '"m"')
        return found


def odd(seed: int) -> Odd:
    """The answer of this seed: drawn as a whole, or one of the course's own with odd statements put in."""
    rng = random.Random(seed)
    exercise = rng.choice(list(EXERCISES))
    part = rng.choice([part for part in EXERCISES[exercise] if isinstance(part, HandlerPart)])
    for _ in range(20):
        source = _drawn(rng, part) if rng.random() < 0.4 else _put_in(rng, exercise, part)
        with contextlib.suppress(SyntaxError, ValueError):
            compile(source, "<odd>", "exec", dont_inherit=True)
            break
    return Odd(seed, exercise, part, source)


def _drawn(rng: random.Random, part: HandlerPart) -> str:
    lines: list[str] = [IMPORTS]
    methods: dict[str, list[str]] = {}
    for name, arguments in part.signatures:
        owner, _, method = name.rpartition(".")
        if name[0].isupper() and not owner:
            methods[name] = [f"def __init__(self, {', '.join(arguments)}):\n    self.db = db"]
            continue
        quiet = name == "schema" and rng.random() < 0.7
        body = ["pass"] if quiet else _Writer(rng, arguments).body()
        body = ["db = self.db", *body] if owner else body
        written = f"def {method}({', '.join(arguments)}):\n" + textwrap.indent("\n".join(body), "    ")
        if owner:
            methods.setdefault(owner, []).append(written)
        else:
            lines.append(written)
    for owner, texts in methods.items():
        lines += [f"class {owner}:", *(textwrap.indent(text, "    ") for text in texts)]
    return "\n".join(lines) + "\n"


@functools.cache
def _own(exercise: str, part: str) -> tuple[str, ...]:
    """The course's answers to a part."""
    folder = Path(__file__).parent
    found = [
        path for kind in ("mutants", "variants") for path in sorted((folder / kind / exercise / part).glob("*.py"))
    ]
    return tuple(path.read_text(encoding="utf-8") for path in found)


def _put_in(rng: random.Random, exercise: str, part: HandlerPart) -> str:
    tree = ast.parse(rng.choice(_own(exercise, part.grade_id)))
    arguments = next(
        arguments for name, arguments in part.signatures if (name != "schema" and name[0].islower()) or "." in name
    )
    writer = _Writer(rng, arguments)
    for _ in range(rng.choice((1, 1, 2, 3))):
        bodies = [
            body
            for node in ast.walk(tree)
            for name in ("body", "orelse", "handlers", "finalbody")
            if isinstance(body := getattr(node, name, None), list) and body and isinstance(body[0], ast.stmt)
        ]
        inner = [body for body in bodies if body is not tree.body]
        body = rng.choice(inner or bodies)
        place = rng.randrange(len(body) + 1)
        lines = writer.block(2) if rng.random() < 0.3 else writer.statement().split("\n")
        with contextlib.suppress(SyntaxError, ValueError):
            text = "def f():\n" + textwrap.indent("\n".join(lines), "    ")
            new = ast.parse(text).body[0]
            assert isinstance(new, ast.FunctionDef)
            if rng.random() < 0.2 and place < len(body):
                body[place : place + 1] = new.body
            else:
                body[place:place] = new.body
    return IMPORTS + ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def main(first: int, seconds: float) -> int:
    """Go on for ``seconds``; the number of those that fell over."""
    until = time.monotonic() + seconds
    tally: Counter[str] = Counter()
    seed = first
    while time.monotonic() < until:
        answer = odd(seed)
        report = answer.check()
        tally[report.verdict.name if not report.fault else "FAULT"] += 1
        if report.fault:
            print(f"--- seed {seed}: {answer.exercise} {answer.part.grade_id}\n{report.fault}", flush=True)
        seed += 1
    print(f"seeds {first} to {seed - 1}: {dict(tally)}", flush=True)
    return tally["FAULT"]


if __name__ == "__main__":
    begin, *rest = map(float, sys.argv[1:] or ["0"])
    sys.exit(main(int(begin), *(rest or [600.0])) > 0)
