"""The client that a handler holds behaves as redis-py's does, but for what its module says.

The same steps are made with it, with fakeredis and, where there is one, on a real server.
"""

import ast
import gc
import importlib.util
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest
import redis
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redelivery.simulation.operations import (
    UNSUPPORTED,
    RedisCommand,
    RedisFailure,
    RedisReply,
    RedisTransaction,
    RedisUnwatch,
    RedisWatch,
)
from redelivery.simulation.redis_client import Redis, begin_delivery, make_client
from redelivery.simulation.redis_store import RedisStore

needs_lua = pytest.mark.skipif(not importlib.util.find_spec("lupa"), reason="the package lupa is not installed")
needs_server = pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on the PATH")


class World:
    """A store, and of each of its clients the watched keys and what it asked."""

    def __init__(self, prepare: Callable[[redis.Redis], None] | None = None) -> None:
        self.store = RedisStore(prepare)
        self.watched: dict[str, dict[bytes, bool]] = {}
        self.asked: list[Any] = []
        self.unsupported: list[str] = []

    def client(self, name: str = "A") -> Redis:
        self.watched[name] = {}
        return make_client(lambda request: self.ask(name, request), self.unsupported.append, self.store.scripts)

    def ask(self, name: str, request: Any) -> RedisReply:
        self.asked.append(request)
        watched = self.watched[name]
        if isinstance(request, RedisWatch):
            for key in request.keys:
                watched.setdefault(key, False)
            return RedisReply(b"OK")
        if isinstance(request, RedisUnwatch):
            watched.clear()
            return RedisReply(b"OK")
        if isinstance(request, RedisTransaction):
            dirty = any(watched.values())
            watched.clear()
            if dirty:
                return RedisReply(None)
            outcome = self.store.transact(request.commands)
        else:
            outcome = self.store.execute(request.arguments)
        for others in self.watched.values():
            others.update(dict.fromkeys(outcome.touched & others.keys(), True))
        return outcome.reply


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Redis:
    return world.client()


# -- the same steps on all of them -----------------------------------------------------------------------


def make(steps: str, a: redis.Redis, b: redis.Redis) -> list[tuple[str, Any]]:
    """Carry out the steps, statement by statement, and note what each gave."""
    space: dict[str, Any] = {"a": a, "b": b, "redis": redis, "A": a.pipeline(), "B": b.pipeline()}
    noted = []
    for node in ast.parse(steps).body:
        source = ast.unparse(node)
        try:
            gave = shown(eval(source, space) if isinstance(node, ast.Expr) else exec(source, space))
        except Exception as error:
            gave = type(error).__name__, str(error)
        noted.append((source, gave))
    return noted


def shown(value: Any) -> Any:
    if isinstance(value, redis.Redis):
        return "a client"
    if isinstance(value, Exception):
        return type(value).__name__, str(value)
    if isinstance(value, list):
        return [shown(one) for one in value]
    return value


STEPS = """
a.set("k", 1); a.get("k"); a.set("k", 2, nx=True); a.incr("k", 5); a.exists("k", "l"); a.delete("k"); a.get("k")
a.set("k", "v", get=True); a.setnx("k", 1); a.getdel("k"); a.mset({"x": 1, "y": 2.5}); a.mget("x", "y", "z")

a.set("t", 1, ex=100); a.expire("t", 50, nx=True); a.persist("t"); a.ttl("t"); a.expire("nope", 1); a.type("t")

a.hset("h", mapping={"f": 1}); a.hset("h", "g", 2); a.hgetall("h"); a.hincrby("h", "f"); a.hsetnx("h", "f", 9)
a.hmget("h", "f", "no"); a.hexists("h", "g"); dict(a.hscan_iter("h")); a.hget("h", "no"); a.hdel("h", "f", "g")

a.sadd("s", "x", "y"); a.smembers("s"); a.sismember("s", "x"); a.srem("s", "x"); set(a.sscan_iter("s")); a.scard("s")

a.zadd("z", {"m": 1.5, "n": 2}); a.zrange("z", 0, -1, withscores=True); a.zincrby("z", 0.5, "m"); a.zscore("z", "no")
a.zrank("z", "n"); a.zpopmin("z"); a.zrangebyscore("z", "-inf", "inf"); dict(a.zscan_iter("z"))
a.zadd("z", {"n": 3}, xx=True)

a.rpush("l", 1, 2, 3); a.lrange("l", 0, -1); a.lpop("l"); a.lrem("l", 0, 3); a.lindex("l", 0); a.lmove("l", "m")
a.llen("m")

a.xadd("st", {"a": 1}, id="1-1"); a.xrange("st"); a.xlen("st"); a.xread({"st": 0}); a.xdel("st", "1-1")

a.set("k", "v"); a.lpush("k", 1); a.incr("k"); a.execute_command("NOSUCH", 1); a.execute_command("GET")
a.hget("k", "f"); a.set("k", None); a.set("k", [1]); a.ping(); a.echo("x"); a.dbsize()
sorted(a.keys("*")); sorted(set(a.scan_iter("k*")))
a.flushall()

a.pipeline().set("k", 1).incr("k").get("k").execute()
a.pipeline(transaction=False).set("k", 1).incr("k").get("no").execute()
a.pipeline().execute(); a.pipeline().set("k", "x").incr("k").set("l", 1).execute(); a.get("l")
a.pipeline().set("k", "x").incr("k").set("l", 2).execute(raise_on_error=False); a.get("l")
a.pipeline(transaction=False).incr("k").set("l", 3).execute(raise_on_error=False)
a.pipeline().set("k", 7).execute_command("GET").execute(); a.get("k")
a.pipeline().set("k", 8).execute_command("NOSUCH", "x").execute(); a.get("k")
a.pipeline().hset("h", "f", 1).hgetall("h").expire("h", 100).execute()

A.watch("k"); A.get("k"); A.multi(); A.set("k", 1); b.get("k"); A.execute(); a.get("k")

A.watch("k"); b.set("k", 2); A.multi(); A.set("k", 1); A.execute(); a.get("k"); A.set("k", 5).execute()

a.set("k", 2); A.watch("k"); b.set("k", 2); A.multi(); A.get("k"); A.execute()

A.watch("k"); b.delete("k"); A.multi(); A.set("k", 1); A.execute()

A.watch("k", "l"); A.watch("m"); b.set("m", 2); A.multi(); A.execute()

A.watch("k"); b.set("k", 2); A.unwatch(); A.set("k", 1); A.execute(); A.execute()

A.watch("k"); A.set("k", 3); A.multi(); A.get("k"); A.execute()

A.watch("k"); a.set("k", 3); A.multi(); A.get("k"); A.execute()

A.watch("k"); b.set("k", 1); A.reset(); A.watch("l"); A.multi(); A.get("k"); A.execute()

A.watch("k"); B.watch("k"); A.multi(); B.multi(); A.incr("k"); B.incr("k"); A.execute(); B.execute(); a.get("k")

A.watch("k"); A.multi(); A.multi(); A.watch("l"); A.get("k"); A.execute(); A.watch("l"); A.reset()

A.watch("k"); A.multi(); A.set("k", 1); b.expire("k", 10); A.execute(); a.set("k", 0); A.watch("k"); b.expire("k", 100)
A.multi(); A.execute()

A.watch("k"); A.lpush("k", 1); A.multi(); A.incr("k"); A.execute(); a.execute_command("EXEC")
a.execute_command("DISCARD")

A.watch("k"); b.set("k", 1); A.execute_command("MULTI"); A.execute_command("SET", "l", 1); A.execute_command("DISCARD")
a.get("l")

a.transaction(lambda pipe: (pipe.multi(), pipe.incr("k")), "k"); a.transaction(lambda pipe: pipe.get("k"), "k")
tries = []
a.transaction(lambda pipe: (tries.append(1), len(tries) < 3 and b.incr("k"), pipe.multi(), pipe.get("k")), "k"); tries
a.transaction(lambda pipe: pipe.get("k"), "k", value_from_callable=True)
"""
LUA_STEPS = """
add = a.register_script("return redis.call('incrby', KEYS[1], ARGV[1])"); add(keys=["n"], args=[5])
add(["n"], [1], client=b)
a.script_exists(add.sha); p = a.pipeline(); add(["n"], [1], client=p); p.get("n"); p.execute()
a.eval("return {1, 'x', false}", 0); a.eval("return redis.error_reply('MY oops')", 0); a.evalsha(add.sha, 1, "n", 2)
a.script_load("return 7"); a.evalsha("6ea89e60a2f88a5c4f0e9ba5b2efec4a5b5cd5ec", 0)
a.evalsha(a.script_load("return 7"), 0)
a.pipeline().eval("return 1", 0).evalsha("nope", 0).execute(raise_on_error=False)

lock = a.lock("lock", timeout=10); lock.acquire(); lock.owned(); b.lock("lock").acquire(blocking=False); lock.extend(5)
a.ttl("lock"); lock.reacquire(); a.delete("lock"); lock.release(); lock.locked()
other = a.lock("other"); other.acquire(); other.release(); other.release(); other.acquire(token="x"); a.get("other")

A.watch("k"); a.eval("redis.call('set', 'k', 1)", 0); A.multi(); A.execute()
"""


def blocks(text: str) -> list[str]:
    return [block for block in text.strip().split("\n\n") if block]


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
    try:
        for _ in range(200):
            if socket.exists():
                break
            time.sleep(0.02)
        yield lambda: redis.Redis(unix_socket_path=str(socket))
    finally:
        process.terminate()
        process.wait()


@needs_server
@pytest.mark.parametrize("steps", blocks(STEPS))
def test_steps_as_on_a_real_server(world: World, server: Callable[[], redis.Redis], steps: str) -> None:
    server().flushall()
    assert make(steps, world.client("A"), world.client("B")) == make(steps, server(), server())


@needs_server
@needs_lua
@pytest.mark.parametrize("steps", blocks(LUA_STEPS))
def test_scripts_as_on_a_real_server(world: World, server: Callable[[], redis.Redis], steps: str) -> None:
    server().flushall()
    server().script_flush()
    assert make(steps, world.client("A"), world.client("B")) == make(steps, server(), server())


@pytest.mark.parametrize("steps", blocks(STEPS)[10:])
def test_pipelines_as_with_fakeredis(world: World, steps: str) -> None:
    if "NOSUCH" in steps:
        pytest.skip("fakeredis words this error otherwise")
    fake = fakeredis.FakeServer(version=(7, 2))
    theirs = make(steps, fakeredis.FakeRedis(server=fake), fakeredis.FakeRedis(server=fake))
    assert make(steps, world.client("A"), world.client("B")) == theirs


moves = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(
            [
                "watch('k')",
                "watch('l')",
                "multi()",
                "incr('k')",
                "incr('l')",
                "get('k')",
                "execute()",
                "reset()",
                "unwatch()",
            ]
        ),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(moves)
@example([("A", "watch('k')"), ("A", "multi()"), ("A", "unwatch()"), ("A", "execute()")])
@example([("A", "watch('k')"), ("A", "multi()"), ("A", "unwatch()"), ("B", "incr('k')"), ("A", "execute()")])
def test_two_watchers_as_with_fakeredis(chosen: list[tuple[str, str]]) -> None:
    steps = "\n".join(f"{pipeline}.{call}" for pipeline, call in chosen)
    world = World()
    fake = fakeredis.FakeServer(version=(7, 2))
    theirs = make(steps, fakeredis.FakeRedis(server=fake), fakeredis.FakeRedis(server=fake))
    assert make(steps, world.client("A"), world.client("B")) == theirs


# -- what is asked ---------------------------------------------------------------------------------------


def asked(world: World) -> list[Any]:
    found, world.asked = world.asked, []
    return found


def test_each_command_is_one_operation(world: World, client: Redis) -> None:
    client.set("k", 1, ex=5)
    client.pipeline(transaction=False).get("k").incr("k").execute()
    assert asked(world) == [
        RedisCommand((b"SET", b"k", b"1", b"EX", b"5")),
        RedisCommand((b"GET", b"k")),
        RedisCommand((b"INCRBY", b"k", b"1")),
    ]


def test_a_transaction_is_one_operation(world: World, client: Redis) -> None:
    client.pipeline().get("k").set("k", "é").execute()
    client.pipeline().execute()
    assert asked(world) == [RedisTransaction(((b"GET", b"k"), (b"SET", b"k", "é".encode())))]


def test_watching(world: World, client: Redis) -> None:
    with client.pipeline() as pipe:
        pipe.watch("k", "l")
        pipe.get("k")
        pipe.multi()
        pipe.set("k", 1)
        pipe.execute()
    with client.pipeline() as pipe:
        pipe.watch("k")
    client.pipeline().get("k").execute()
    assert asked(world) == [
        RedisWatch((b"k", b"l")),
        RedisCommand((b"GET", b"k")),
        RedisTransaction(((b"SET", b"k", b"1"),)),
        RedisWatch((b"k",)),
        RedisUnwatch(),
        RedisTransaction(((b"GET", b"k"),)),
    ]


def test_no_unwatch_where_nothing_is_watched(world: World, client: Redis) -> None:
    client.execute_command("UNWATCH")
    client.execute_command("MULTI")
    assert asked(world) == []


@needs_lua
def test_loading_a_script_takes_no_step(world: World, client: Redis) -> None:
    script = client.register_script("return 1")
    assert script() == 1
    assert script() == 1
    assert asked(world) == [RedisCommand((b"EVAL", b"return 1", b"0"))] * 2


@needs_lua
def test_scripts_that_were_loaded_before_the_run() -> None:
    shas = []
    world = World(lambda client: shas.append(client.script_load("return 7")))
    client = world.client()
    assert client.evalsha(shas[0], 0) == 7
    begin_delivery(client)
    assert client.script_exists(shas[0]) == [True]


# -- what a delivery leaves -------------------------------------------------------------------------------


def test_a_delivery_starts_afresh(world: World, client: Redis) -> None:
    left = client.pipeline()
    left.watch("k")
    client.set_response_callback("GET", lambda reply: "mine")
    client.remembered = 1  # type: ignore[attr-defined]
    sha = client.script_load("return 1")
    assert client.script_exists(sha) == [True]
    client.execute_command("MULTI")
    assert client.get("k") == "mine"
    begin_delivery(client)
    asked(world)
    assert client.script_exists(sha) == [False]
    assert not hasattr(client, "remembered")
    assert client.get("k") is None
    left.reset()
    del left
    client.pipeline().get("k").execute()
    assert asked(world) == [RedisCommand((b"GET", b"k")), RedisTransaction(((b"GET", b"k"),))]


def test_a_pipeline_of_an_earlier_delivery_reaches_nothing(world: World, client: Redis) -> None:
    left = client.pipeline()
    left.watch("k")
    begin_delivery(client)
    asked(world)
    with pytest.raises(redis.RedisError):
        left.get("k")
    assert asked(world) == []


def test_a_pipeline_that_is_collected_sends_nothing(world: World, client: Redis) -> None:
    forgotten = client.pipeline()
    forgotten.watch("k")
    asked(world)
    del forgotten
    gc.collect()
    assert asked(world) == []
    client.get("k")
    client.pipeline().get("k").execute()
    assert asked(world) == [RedisCommand((b"GET", b"k")), RedisUnwatch(), RedisTransaction(((b"GET", b"k"),))]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_process_that_is_killed(steps: int) -> None:
    world, left = World(), steps
    after: list[Any] = []

    def ask(request: Any) -> RedisReply:
        nonlocal left
        left -= 1
        if left > 0:
            return world.ask("A", request)
        after.append(request)
        raise Killed  # also when its `with` block still wants to unwatch

    def handler() -> None:
        with client.pipeline() as pipe:
            pipe.watch("k")
            pipe.get("k")
            pipe.multi()
            pipe.incr("k")
            pipe.execute()
        client.set("done", 1)

    client = make_client(ask, world.unsupported.append)
    world.watched["A"] = {}
    with pytest.raises(Killed):
        handler()
    assert set(after[1:]) <= {RedisUnwatch()}
    begin_delivery(client)
    left = 100
    handler()
    assert world.store.execute((b"GET", b"done")).reply.value == b"1"


def test_a_connection_that_breaks(world: World) -> None:
    broken = [False]

    def ask(request: Any) -> RedisReply:
        if broken[0]:
            return RedisReply(RedisFailure("ConnectionError", "the answer was lost"))
        return world.ask("A", request)

    client = make_client(ask, world.unsupported.append)
    world.watched["A"] = {}
    pipe = client.pipeline()
    pipe.watch("k")
    broken[0] = True
    with pytest.raises(redis.ConnectionError, match="the answer was lost"):
        client.get("k")
    with pytest.raises(redis.WatchError):
        pipe.get("k")
    broken[0] = False
    assert client.get("k") is None
    assert client.pipeline().incr("k").execute() == [1]


# -- what there is not -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        *('a.blpop("l")', 'a.publish("c", "m")', "a.pubsub()", "a.monitor()", 'a.spop("s")', "a.config_get()"),
        *("a.select(1)", 'a.execute_command("SUBSCRIBE", "c")', 'a.xread({"s": 0}, block=1)', "a.wait(1, 1)"),
        *('a.pipeline().get("k").blpop("l").execute()', 'a.pipeline(transaction=False).spop("s").execute()'),
        *('A.watch("k"); X = a.pipeline(); X.watch("k")', 'A.watch("k"); a.pipeline().get("k").get("k").execute()'),
    ],
)
def test_what_there_is_not_says_so(world: World, steps: str) -> None:
    (*_, (_, gave)) = make(steps, world.client("A"), world.client("B"))
    name, text = gave
    assert name == "ResponseError"
    assert UNSUPPORTED in text
    assert len(world.unsupported) == 1
    assert world.unsupported[0].startswith(UNSUPPORTED)


def test_one_command_beside_a_watching_pipeline(world: World, client: Redis) -> None:
    """It needs no transaction of its own, so that what is watched stays watched."""
    watching = client.pipeline()
    watching.watch("k")
    assert client.pipeline().incr("l").execute() == [1]
    watching.multi()
    watching.get("l")
    assert watching.execute() == [b"1"]
    assert world.unsupported == []


def test_a_client_says_where_it_leads(client: Redis) -> None:
    assert "simulated" in repr(client)
    assert isinstance(client, redis.Redis)
    assert client.get_encoder().encode("é") == "é".encode()
    client.close()
    with client as same:
        assert same.ping()
