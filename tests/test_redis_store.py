"""The simulated Redis server answers as Redis does, and its contents can be numbered, restored and aged.

The same random commands go to it, to plain fakeredis and, where there is one, to a real server.
"""

import importlib.util
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from redelivery.simulation.operations import UNSUPPORTED, RedisFailure
from redelivery.simulation.redis_client import _as_parsed
from redelivery.simulation.redis_commands import SUPPORTED
from redelivery.simulation.redis_store import BEGINNING, RedisContents, RedisStore, _freeze

needs_lua = pytest.mark.skipif(not importlib.util.find_spec("lupa"), reason="the package lupa is not installed")
needs_server = pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on the PATH")

KEYS = ("k1", "k2", "k3", "k4")
#: K, V, F, N: a key, a value, a field or member, a number. A bar separates alternatives.
COMMANDS = """
SET K V | SET K V NX | SET K V XX | SET K V KEEPTTL | SET K V GET | SET K V EX 100 GET | SET K V PX 100300 NX
SET K V NX GET | SET K V EX 100 PX 100 | SET K V FOO | SET K | GET K | GET | SETNX K V | SETEX K 100 V | GETDEL K
GETSET K V | MSET K V K V | MSETNX K V K V | MGET K K | INCR K | INCRBY K N | DECR K | DECRBY K N | INCRBYFLOAT K 0.5
APPEND K V | STRLEN K | GETRANGE K N N | SETRANGE K 3 V | SETBIT K 7 1 | GETBIT K 7
DEL K K | UNLINK K | EXISTS K K | TYPE K | RENAME K K | RENAMENX K K | KEYS * | KEYS k[12] | DBSIZE | FLUSHDB
EXPIRE K 100 | EXPIRE K 0 | EXPIRE K -1 | EXPIRE K 200 NX | EXPIRE K 200 XX | EXPIRE K 50 LT | EXPIRE K 20 GT
PEXPIRE K 100300 | PERSIST K | TTL K | HSET K F V | HSET K F V F V | HSETNX K F V | HGET K F | HDEL K F F
HINCRBY K F N | HLEN K | HEXISTS K F | HMGET K F F | HSTRLEN K F | HMSET K F V | HGETALL K | HKEYS K
SADD K V V | SREM K V | SISMEMBER K V | SMISMEMBER K V V | SCARD K | SMOVE K K V | SMEMBERS K | SUNION K K | SDIFF K K
SINTERSTORE K K K | SUNIONSTORE K K K | SDIFFSTORE K K K | ZADD K N F | ZADD K NX N F | ZADD K XX CH N F | ZADD K GT N F
ZADD K LT N F | ZADD K INCR N F | ZINCRBY K N F | ZREM K F | ZRANGE K 0 -1 WITHSCORES | ZREVRANGE K 0 -1 | ZSCORE K F
ZCARD K | ZRANK K F | ZPOPMIN K | ZPOPMAX K 2 | ZRANGEBYSCORE K -inf 2 | ZREMRANGEBYSCORE K -inf 1 | ZMSCORE K F F
ZREMRANGEBYRANK K 0 0 | ZCOUNT K 0 2 | ZUNIONSTORE K 2 K K | ZINTERSTORE K 2 K K | ZDIFFSTORE K 2 K K | ZINTER 2 K K
LPUSH K V | RPUSH K V V | LPUSHX K V | RPUSHX K V | LPOP K | RPOP K 2 | LRANGE K 0 -1 | LLEN K | LINDEX K N | LSET K N V
LREM K N V | LTRIM K N N | LINSERT K BEFORE V V | LMOVE K K LEFT RIGHT | RPOPLPUSH K K | LPOS K V
SORT K ALPHA | SORT K ALPHA STORE K | XADD K 5-1 a V | XADD K 7-1 a V | XLEN K | XTRIM K MAXLEN 1 | XRANGE K - +
PING | ECHO x
"""
#: What fakeredis does otherwise than Redis.
ONLY_LIKE_REDIS = """
SET K V EX 0 | PSETEX K 100300 V | GETEX K | GETEX K EX 50 | GETEX K PX 50300 | GETEX K PERSIST | HSET K F V F
HINCRBYFLOAT K F 0.5 | COPY K K | COPY K K REPLACE | XDEL K 5-1 | XREAD STREAMS K 0 | INCRBYFLOAT K x
NOSUCHCOMMAND K V
"""
ORDERLESS = ("SMEMBERS", "KEYS", "SUNION", "SDIFF", "HKEYS")
WRONG_TYPE_FIRST = ("HINCRBYFLOAT", "INCRBYFLOAT")  # which of two errors is found first


def templates(text: str) -> list[str]:
    return [one.strip() for line in text.strip().splitlines() for one in line.split("|") if one.strip()]


def filled(template: str, choose: random.Random) -> tuple[bytes, ...]:
    values = {"K": KEYS, "V": ("1", "2", "10", "a", "-5", "3.5", ""), "F": ("f", "g", "b"), "N": ("0", "1", "2", "-1")}
    return tuple(choose.choice(values.get(word, (word,))).encode() for word in template.split())


def sequences(text: str, length: int = 40) -> st.SearchStrategy[list[tuple[bytes, ...]]]:
    ready = templates(text)

    def make(seed: int) -> list[tuple[bytes, ...]]:
        choose = random.Random(seed)
        return [filled(choose.choice(ready), choose) for _ in range(length)]

    return st.integers(0, 2**32).map(make)


def ours(store: RedisStore, command: tuple[bytes, ...]) -> Any:
    return comparable(command, _as_parsed(store.execute(command).reply.value))


def theirs(client: redis.Redis, command: tuple[bytes, ...]) -> Any:
    try:
        return comparable(command, client.execute_command(*command))
    except redis.RedisError as error:
        return comparable(command, error)


def comparable(command: tuple[bytes, ...], reply: Any) -> Any:
    name = command[0].decode()
    if isinstance(reply, Exception):
        return type(reply).__name__, "" if name in WRONG_TYPE_FIRST else str(reply)
    if name == "HGETALL":
        return sorted(zip(reply[::2], reply[1::2], strict=True))
    if name == "TTL":
        return about(reply)
    return sorted(reply) if name in ORDERLESS and isinstance(reply, list) else reply


def about(seconds: int) -> int:
    """So that the test may be slow: real servers don't wait."""
    return seconds if seconds < 0 else round(seconds, -1)


def raw(client: redis.Redis) -> redis.Redis:
    """Replies as the server gives them."""
    client.response_callbacks.clear()
    return client


def all_of(client: redis.Redis) -> RedisContents:
    """What another server holds, as `RedisStore.contents` tells it; a remaining time in seconds, roughly."""
    look: dict[bytes, Callable[[Any], Any]] = {
        b"string": lambda key: client.execute_command("GET", key),
        b"list": lambda key: tuple(client.execute_command("LRANGE", key, 0, -1)),
        b"set": lambda key: tuple(sorted(client.execute_command("SMEMBERS", key))),
        b"hash": lambda key: tuple(sorted(in_pairs(client.execute_command("HGETALL", key)))),
        b"zset": lambda key: tuple(
            (m, float(s)) for m, s in in_pairs(client.execute_command("ZRANGE", key, 0, -1, "WITHSCORES"))
        ),
        b"stream": lambda key: tuple(
            (one, tuple(fields)) for one, fields in client.execute_command("XRANGE", key, "-", "+")
        ),
    }
    found = []
    for key in sorted(client.execute_command("KEYS", "*")):
        kind = client.execute_command("TYPE", key)
        ttl = client.execute_command("TTL", key)
        found.append((key.decode(), kind.decode(), as_text(look[kind](key)), None if ttl == -1 else about(ttl)))
    return tuple(found)


def in_pairs(flat: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def as_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return tuple(map(as_text, value)) if isinstance(value, tuple) else value


def in_seconds(contents: RedisContents) -> RedisContents:
    return tuple(
        (key, kind, value[:-1] if kind == "stream" else value, None if ttl is None else about((ttl + 500) // 1000))
        for key, kind, value, ttl in contents
    )


@pytest.fixture
def store() -> Iterator[RedisStore]:
    with RedisStore() as made:
        yield made


def run(store: RedisStore, text: str) -> Any:
    """Carry out one command, written as on a command line; its plain reply."""
    return store.execute(tuple(word.encode() for word in text.split())).reply.value


def touched(store: RedisStore, text: str) -> set[str]:
    return {key.decode() for key in store.execute(tuple(word.encode() for word in text.split())).touched}


# -- the same answers ----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(sequences(COMMANDS))
def test_answers_as_fakeredis(commands: list[tuple[bytes, ...]]) -> None:
    plain = raw(fakeredis.FakeRedis(server=fakeredis.FakeServer(version=(7, 2)), protocol=2))
    with RedisStore() as store:
        for command in commands:
            assert (command, ours(store, command)) == (command, theirs(plain, command))
        assert in_seconds(store.contents(store.current)) == all_of(plain)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], redis.Redis]]:
    """A real Redis server; gives clients of it."""
    socket = tmp_path_factory.mktemp("redis") / "socket"
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(socket.parent),
    ]
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)

    def client() -> redis.Redis:
        return redis.Redis(unix_socket_path=str(socket), protocol=2)

    try:
        wait_for(socket)
        yield client
    finally:
        process.terminate()
        process.wait()


def wait_for(socket: Path) -> None:
    for _ in range(200):
        if socket.exists():
            return
        time.sleep(0.02)
    raise TimeoutError("redis-server did not start")


@needs_server
@settings(max_examples=15, deadline=None)
@given(sequences(COMMANDS + ONLY_LIKE_REDIS))
def test_answers_and_touches_as_a_real_server(
    server: Callable[[], redis.Redis], commands: list[tuple[bytes, ...]]
) -> None:
    real, watchers = raw(server()), {key: server() for key in KEYS}
    real.flushall()
    with RedisStore() as store:
        for command in commands:
            watching = {}
            for key, client in watchers.items():
                watching[key] = client.pipeline()
                watching[key].watch(key)
                watching[key].multi()
                watching[key].ping()
            expected = theirs(real, command)
            noticed = set()
            for key, pipeline in watching.items():
                try:
                    pipeline.execute()
                except redis.WatchError:
                    noticed.add(key.encode())
            outcome = store.execute(command)
            assert (command, comparable(command, _as_parsed(outcome.reply.value))) == (command, expected)
            assert (command, set(outcome.touched)) == (command, noticed)
        assert in_seconds(store.contents(store.current)) == all_of(real)


def test_every_supported_command_is_one_of_fakeredis() -> None:
    from fakeredis._commands import SUPPORTED_COMMANDS

    scripting = {"eval", "evalsha", "script load", "script exists", "script flush"}
    assert SUPPORTED - scripting <= SUPPORTED_COMMANDS.keys()


# -- contents by number --------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(sequences(COMMANDS + ONLY_LIKE_REDIS), st.integers(0, 2**32))
def test_contents_can_be_restored_and_decide_what_follows(commands: list[tuple[bytes, ...]], seed: int) -> None:
    with RedisStore() as store:
        numbers = [store.current]
        followed = {}
        for command in commands:
            before = store.current
            outcome = store.execute(command)
            followed[before, command] = outcome, store.current
            numbers.append(store.current)
            items = store._database._dict
            assert store._live == {key: _freeze(item) for key, item in items.items()}, "something changed unnoticed"
        choose = random.Random(seed)
        steps = list(followed.items())
        choose.shuffle(steps)
        for (before, command), expected in steps:
            shown = store.contents(before)
            store.restore(before)
            assert store.current == before
            assert store.contents(before) == shown
            assert (store.execute(command), store.current) == expected


def test_number_zero_is_what_prepare_left() -> None:
    def prepare(client: redis.Redis) -> None:
        client.set("balance", 0)
        client.hset("account", mapping={"b": "2", "a": "1"})
        with client.pipeline() as both:
            both.zadd("board", {"x": 1.5}).expire("board", 10)
            both.execute()

    with RedisStore(prepare) as store:
        assert store.current == 0
        assert store.contents(0) == (
            ("account", "hash", (("a", "1"), ("b", "2")), None),
            ("balance", "string", "0", None),
            ("board", "zset", (("x", 1.5),), 10_000),
        )


def test_equal_contents_have_one_number(store: RedisStore) -> None:
    run(store, "SADD s b a")
    first = store.current
    run(store, "SADD s c")
    assert store.current != first
    run(store, "SREM s c")
    assert store.current == first
    store.restore(0)
    assert run(store, "EXISTS s") == 0
    store.restore(first)
    assert run(store, "SMEMBERS s") == (b"a", b"b")


def test_what_is_no_text_is_kept(store: RedisStore) -> None:
    store.execute((b"SET", b"\xff", b"\x00\xfe"))
    number = store.current
    assert store.contents(number) == (("\udcff", "string", "\x00\udcfe", None),)
    store.restore(0)
    store.restore(number)
    assert store.execute((b"GET", b"\xff")).reply.value == b"\x00\xfe"


def test_a_copy_is_one_of_its_own(store: RedisStore) -> None:
    run(store, "SADD a 1")
    run(store, "COPY a b")
    run(store, "SADD a 2")
    assert run(store, "SMEMBERS b") == (b"1",)


def test_orders_are_those_of_the_contents(store: RedisStore) -> None:
    run(store, "HSET h b 1")
    run(store, "HSET h a 2")
    assert run(store, "HGETALL h") == (b"a", b"2", b"b", b"1")
    for key in ("z", "y", "x"):
        run(store, f"SET {key} 1")
    assert run(store, "KEYS *") == (b"h", b"x", b"y", b"z")


def scanned(store: RedisStore, command: str, rest: str = "", meanwhile: Sequence[str] = ()) -> list[Any]:
    """The pages of a full iteration, with other commands carried out between them."""
    cursor, pages = b"0", []
    while not pages or cursor != b"0":
        cursor, page = run(store, f"{command} {cursor.decode()} {rest}".rstrip())
        pages.append(page)
        for other in meanwhile:
            run(store, other)
    return pages


@pytest.mark.parametrize("count", [1, 5, 1000])
@pytest.mark.parametrize("keys", [1, 2, 30])
def test_a_scan_comes_in_pages_and_names_something_twice(store: RedisStore, keys: int, count: int) -> None:
    """What Redis leaves open is as hard as it may be: an empty page with more to come, and a key named again."""
    for i in range(keys):
        run(store, f"SET k{i:02} 1")
    run(store, "SET other 1")
    pages = scanned(store, "SCAN", f"MATCH k* COUNT {count}")
    assert pages[0] == ()
    named = [key for page in pages for key in page]
    assert set(named) == {f"k{i:02}".encode() for i in range(keys)}
    assert len(named) == keys + 1
    assert scanned(store, "SCAN", "MATCH x*") == [(), (), (), ()]
    assert run(store, "SCAN 17") == (b"0", ())
    run(store, "FLUSHALL")
    assert run(store, "SCAN 0") == (b"0", ())


@pytest.mark.parametrize(
    ("fill", "command", "others"),
    [
        ("SET k{} 1", "SCAN", ("DEL k7", "SET new 1")),
        ("SADD c k{}", "SSCAN c", ("SREM c k7", "SADD c new")),
        ("HSET c k{} 1", "HSCAN c", ("HDEL c k7", "HSET c new 1")),
        ("ZADD c {0} k{0}", "ZSCAN c", ("ZREM c k7", "ZADD c 1 new")),
    ],
)
def test_what_is_there_all_the_time_is_named(store: RedisStore, fill: str, command: str, others: Sequence[str]) -> None:
    for i in range(9):
        run(store, fill.format(i))
    pages = scanned(store, command, meanwhile=others)
    named = [one for page in pages for one in page]
    assert {f"k{i}".encode() for i in range(9) if i != 7} <= set(named)
    assert max(named.count(f"k{i}".encode()) for i in range(9)) == 2


def test_a_scan_says_what_is_wrong_with_its_arguments(store: RedisStore) -> None:
    run(store, "SET k 1")
    assert run(store, "SCAN 0 COUNT 0") == RedisFailure("ResponseError", "syntax error")
    assert "not an integer" in run(store, "SCAN 0 COUNT x").text


# -- time ----------------------------------------------------------------------------------------------


def test_nothing_expires_by_itself(store: RedisStore) -> None:
    run(store, "SET k v PX 1")
    time.sleep(0.01)
    assert run(store, "GET k") == b"v"
    assert run(store, "PTTL k") == 1


def test_time_passes_when_told(store: RedisStore) -> None:
    run(store, "SET lock A PX 1500")
    run(store, "SET lease B EX 4")
    run(store, "SET stays C")
    number = store.current
    assert store.next_expiry(number) == 1500
    sooner, expired = store.later(number, 1000)
    assert expired == frozenset()
    assert store.current == number, "asking changes nothing"
    later, expired = store.later(number, 1500)
    assert expired == {b"lock"}
    assert store.later(sooner, 500) == (later, {b"lock"})
    store.restore(sooner)
    assert run(store, "PTTL lock") == 500
    assert run(store, "TTL lock") == 1
    store.restore(later)
    assert run(store, "GET lock") is None
    assert run(store, "PTTL lease") == 2500
    assert store.next_expiry(later) == 2500
    last, expired = store.later(later, 10_000)
    assert expired == {b"lease"}
    assert store.next_expiry(last) is None
    assert [key for key, *_ in store.contents(last)] == ["stays"]
    assert not store.clock_read


def test_the_time_of_day(store: RedisStore) -> None:
    run(store, "SET k v EX 10")
    assert not store.clock_read
    assert run(store, "TIME") == (str(BEGINNING // 1000).encode(), b"0")
    assert store.clock_read
    store.now = 2_500
    assert run(store, "TIME") == (str(BEGINNING // 1000 + 2).encode(), b"500000")
    assert run(store, "PTTL k") == 10_000, "setting the time of day ages nothing"
    at = BEGINNING // 1000 + 60
    for command in (f"SET k v EXAT {at}", f"SET k v PXAT {at}000", f"EXPIREAT k {at}", f"PEXPIREAT k {at}000"):
        store.restore(0)
        run(store, "SET k v")
        run(store, command)
        assert (command, run(store, "PTTL k")) == (command, 57_500)
        assert run(store, "EXPIRETIME k") == at
        assert run(store, "PEXPIRETIME k") == at * 1000
    run(store, f"GETEX k EXAT {at + 1}")
    assert run(store, "PTTL k") == 58_500
    run(store, f"EXPIREAT k {at - 600}")
    assert run(store, "EXISTS k") == 0
    run(store, f"SET k v EXAT {at - 600}")
    assert run(store, "EXISTS k") == 0


def test_ids_of_a_stream(store: RedisStore) -> None:
    assert run(store, "XADD s * a *") == f"{BEGINNING}-0".encode()
    assert run(store, "XADD s * a 1") == f"{BEGINNING}-1".encode()
    assert run(store, "XADD s MAXLEN ~ 1000 * a 1") == f"{BEGINNING}-2".encode()
    run(store, f"XDEL s {BEGINNING}-0 {BEGINNING}-1 {BEGINNING}-2")
    emptied = store.current
    store.restore(0)
    store.restore(emptied)
    assert run(store, "XADD s * a 1") == f"{BEGINNING}-3".encode(), "an id is never given twice"


# -- what a watcher notices ----------------------------------------------------------------------------


def test_touched_keys(store: RedisStore) -> None:
    assert touched(store, "SET k 1") == {"k"}
    assert touched(store, "SET k 1") == {"k"}, "the same value again"
    assert touched(store, "SET k 2 NX") == set()
    assert touched(store, "GET k") == set()
    assert touched(store, "DEL k nothing") == {"k"}
    assert touched(store, "DEL k") == set()
    assert touched(store, "MSET a 1 b 2") == {"a", "b"}
    assert touched(store, "RENAME a c") == {"a", "c"}
    assert touched(store, "EXPIRE c 10") == {"c"}
    assert touched(store, "PERSIST c") == {"c"}
    assert touched(store, "PERSIST c") == set()
    assert touched(store, "SADD s x") == {"s"}
    assert touched(store, "SADD s x") == set()
    assert touched(store, "INCR s") == set(), "an error"
    assert touched(store, "FLUSHALL") == {"b", "c", "s"}


def test_a_transaction_touches_what_it_leaves_as_it_was(store: RedisStore) -> None:
    outcome = store.transact(((b"SET", b"k", b"1"), (b"DEL", b"k")))
    assert outcome.reply.value == (b"OK", 1)
    assert outcome.touched == {b"k"}
    assert store.current == 0


# -- transactions --------------------------------------------------------------------------------------


def test_a_transaction_goes_on_after_an_error(store: RedisStore) -> None:
    outcome = store.transact(((b"SET", b"k", b"a"), (b"INCR", b"k"), (b"SET", b"l", b"b")))
    first, second, third = outcome.reply.value
    assert (first, third) == (b"OK", b"OK")
    assert second == RedisFailure("ResponseError", "value is not an integer or out of range")
    assert outcome.touched == {b"k", b"l"}


@pytest.mark.parametrize("bad", [(b"NOSUCH",), (b"GET",), (b"SET", b"k"), (b"BLPOP", b"l", b"0")])
def test_what_cannot_be_queued_discards_the_transaction(store: RedisStore, bad: tuple[bytes, ...]) -> None:
    outcome = store.transact(((b"SET", b"k", b"a"), bad))
    assert outcome.reply.value == RedisFailure("ExecAbortError", "Transaction discarded because of previous errors.")
    assert outcome.touched == frozenset()
    assert store.current == 0


# -- what there is not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        *("BLPOP l 0", "BRPOP l 0", "BLMOVE a b LEFT LEFT 0", "BZPOPMIN z 0", "WAIT 1 0", "XREAD BLOCK 0 STREAMS s 0"),
        *("SUBSCRIBE c", "PUBLISH c m", "MONITOR", "SPOP s", "SRANDMEMBER s", "RANDOMKEY", "HRANDFIELD h"),
        *("ZRANDMEMBER z", "CONFIG SET a b", "CLIENT KILL x", "SHUTDOWN", "SCRIPT KILL", "CLUSTER INFO", "SELECT 1"),
        *(
            "DUMP k",
            "RESTORE k 0 x",
            "MOVE k 1",
            "COPY a b DB 1",
            "XGROUP CREATE s g 0",
            "OBJECT ENCODING k",
            "SWAPDB 0 1",
        ),
        *("HEXPIRE h 1 FIELDS 1 f", "SETRANGE k 500000000 x", "SORT s BY nosort", "FUNCTION LIST", "DEBUG SLEEP 1"),
    ],
)
def test_unsupported_commands_say_so(store: RedisStore, command: str) -> None:
    failure = run(store, command)
    assert failure.name == "ResponseError"
    assert failure.text.startswith(UNSUPPORTED)


# -- scripts -------------------------------------------------------------------------------------------


def script(store: RedisStore, text: str, *keys: str) -> Any:
    words = ("EVAL", text, str(len(keys)), *keys, "argument")
    return store.execute(tuple(word.encode() for word in words)).reply.value


SCRIPTS = """
return 1
return {1, 2, {3, 'x'}}
return nil
return false
return true
return 3.99
return {1, nil, 3}
return {1, false, 2}
return {ok = 'fine'}
return {err = 'MY oops'}
return redis.error_reply('oops')
return redis.status_reply('x')
return redis.call('set', 'a', '1')
return redis.call('get', 'nope')
return {redis.call('get', 'a'), redis.call('get', 'nope')}
redis.call('lpush', 'l', 1, 2) return redis.call('lrange', 'l', 0, -1)
local x = redis.call('get', 'l') return x
return redis.pcall('get', 'l')
local reply = redis.pcall('get', 'l') return reply.err
local ok, problem = pcall(redis.call, 'get', 'l') return problem
local x = redis.call('foo') return x
local x = redis.call('get') return x
local x = redis.call('eval', 'return 1', 0) return x
x = 1
return y
return #KEYS + #ARGV
return {KEYS[1], ARGV[1]}
error('boom')
error({err = 'MY x'})
return this is no Lua
return cjson.encode({1, 2, {x = 'y'}})
return cjson.encode(cjson.decode('{"a":[1,2.5,null,true,"x"]}'))
return redis.sha1hex('')
return ('x'):rep(3)
local t = {3, 1, 2} table.sort(t) return t
return redis.call('incrby', 'n', 3)
return redis.call('zadd', 'z', 1.5, 'm')
return redis.call('zscore', 'z', 'm')
if redis.call('set', 'q', 'v', 'nx', 'px', 1000) then return 1 else return 0 end
if redis.call('set', 'q', 'v', 'nx', 'px', 1000) then return 1 else return 0 end
return redis.call('get', 'n') + 1
return redis.call('set', 'k', 10.5)
return redis.call('get', 'k')
return loadstring('return 5')()
string.rep = nil
return os.time()
return redis.call('type', 'l').ok
"""


@needs_lua
@needs_server
def test_scripts_answer_as_on_a_real_server(server: Callable[[], redis.Redis], store: RedisStore) -> None:
    real = raw(server())
    real.flushall()
    for text in SCRIPTS.strip().splitlines():
        command = (b"EVAL", text.encode(), b"1", b"key", b"argument")
        assert (text, ours(store, command)) == (text, theirs(real, command))


@needs_lua
def test_a_script_is_one_step_with_all_its_effects(store: RedisStore) -> None:
    text = b"redis.call('set', KEYS[1], 1) redis.call('incr', KEYS[2]) return redis.call('get', KEYS[1])"
    outcome = store.execute((b"EVAL", text, b"2", b"a", b"b"))
    assert outcome.reply.value == b"1"
    assert outcome.touched == {b"a", b"b"}


@needs_lua
def test_a_script_that_fails_keeps_what_it_did(store: RedisStore) -> None:
    outcome = store.execute((b"EVAL", b"redis.call('set', 'a', 'x') redis.call('incr', 'a')", b"0"))
    assert outcome.reply.value.text.startswith("value is not an integer")
    assert outcome.touched == {b"a"}
    assert run(store, "GET a") == b"x"


@needs_lua
@pytest.mark.parametrize(
    "text",
    [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local t = {} while true do t[#t + 1] = ('x'):rep(10000000) .. #t end",
        "local x = redis.pcall('spop', 's') return 1",
        "return bit.band(1, 2)",
    ],
)
def test_a_script_can_do_no_harm(store: RedisStore, text: str) -> None:
    assert script(store, text).text.startswith(UNSUPPORTED)
    assert script(store, "return {KEYS[1], 1}", "k") == (b"k", 1), "others still run"


@needs_lua
@pytest.mark.parametrize(
    "text",
    [
        "return python.eval('1')",
        "return io.open('/etc/hostname')",
        "return require('os')",
        "return debug.getinfo(1)",
        "return getfenv(0)",
        "return cjson.null.__class__",
        "return loadstring('\\27Lua')()",
        "return package.path",
        "return dofile('x')",
        "return collectgarbage()",
        "getmetatable('').__index.rep = nil",
        "getmetatable(_G).__index = nil",
        "return redis.call.__globals__",
        "return redis.call(cjson.null)",
    ],
)
def test_a_script_reaches_nothing_but_the_commands(store: RedisStore, text: str) -> None:
    assert isinstance(script(store, text), RedisFailure)
    assert script(store, "return ('x'):rep(2)") == b"xx"


@needs_lua
def test_what_a_script_leaves_is_gone(store: RedisStore) -> None:
    assert script(store, "KEYS.x = 1 ARGV.y = 2 rawset(_G, 'z', 3) rawset(string, 'w', 4) return 1") == 1
    assert script(store, "return {rawget(_G, 'z') or 0, string.w or 0, KEYS.x or 0}") == (0, 0, 0)
    assert script(store, "return math.random(1000)") == script(store, "return math.random(1000)")
    assert script(store, "return tostring({}) .. tostring(cjson.null)") == b"table: (nil)userdata: (nil)"


def test_a_script_needs_lupa(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    failure = script(store, "return 1")
    assert failure == RedisFailure("ResponseError", UNSUPPORTED + "Lua scripts, without the package lupa")


@needs_lua
def test_which_scripts_are_loaded_does_not_depend_on_other_runs() -> None:
    def prepare(client: redis.Redis) -> None:
        client.script_load("return 7")

    with RedisStore(prepare) as store:
        sha = store.execute((b"SCRIPT", b"LOAD", b"return 8")).reply.value
        no_script = RedisFailure("NoScriptError", "No matching script. Please use EVAL.")
        assert store.execute((b"EVALSHA", sha, b"0")).reply.value == no_script
        (known,) = store._known
        assert store.execute((b"EVALSHA", known, b"0")).reply.value == 7
        assert store.execute((b"SCRIPT", b"EXISTS", known, sha)).reply.value == (1, 0)
        assert store.scripts == (b"return 7",)
