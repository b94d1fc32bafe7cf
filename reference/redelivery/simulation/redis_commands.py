"""Which Redis commands this simulation knows, and what Redis refuses before it carries anything out."""

from __future__ import annotations

import functools
from typing import Any

from .operations import UNSUPPORTED, RedisFailure

_PLAIN = """
append copy dbsize decr decrby del echo eval evalsha exists expire expireat expiretime flushall flushdb get getbit
getdel getex getrange getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hscan hset hsetnx
hstrlen hvals incr incrby incrbyfloat keys lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem lset ltrim
mget mset msetnx persist pexpire pexpireat pexpiretime ping psetex pttl rename renamenx rpop rpoplpush rpush rpushx
sadd scan scard sdiff sdiffstore select set setbit setex setnx setrange sinter sinterstore sismember smembers
smismember smove sort srem sscan strlen substr sunion sunionstore time ttl type unlink xadd xdel xlen xrange xread
xrevrange xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmscore zpopmax
zpopmin zrange zrangebylex zrangebyscore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange
zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore
"""
#: Whatever is deterministic, needs nobody else to act, and belongs to the contents rather than to a connection.
SUPPORTED = frozenset(_PLAIN.split()) | {"script load", "script exists", "script flush", "unwatch"}
#: These carry out others, or need a connection of their own, which a script hasn't.
NOT_IN_SCRIPTS = frozenset({"eval", "evalsha", "select", "script load", "script exists", "script flush", "unwatch"})
_UNDESCRIBED = """
asking bgrewriteaof bitfield_ro client cluster config debug discard eval_ro evalsha_ro exec failover hello info latency
lolwut memory migrate module monitor multi object psync quit readonly readwrite replconf replicaof role shutdown
slaveof slowlog sync touch unwatch wait waitaof watch xinfo xgroup
"""
#: Commands of Redis for which fakeredis keeps no description.
_ALSO_KNOWN = frozenset(_UNDESCRIBED.split())
_WITH_SUBCOMMANDS = frozenset({"script", "object", "client", "config", "memory", "xgroup", "xinfo", "acl", "function"})
_LARGEST_OFFSET = 1_000_000


@functools.lru_cache(maxsize=4096)
def name_and_rest(arguments: tuple[bytes, ...]) -> tuple[str, tuple[bytes, ...]]:
    """The command's name in small letters, with its subcommand where it has one, and what follows it."""
    name = arguments[0].decode("utf-8", "replace").lower()
    if name in _WITH_SUBCOMMANDS and len(arguments) > 1:
        return f"{name} {arguments[1].decode('utf-8', 'replace').lower()}", arguments[2:]
    return name, arguments[1:]


@functools.lru_cache(maxsize=1024)
def _arity(name: str) -> int | None:
    """How many words the command has, its name included; negative: at least so many. None: no such command."""
    from fakeredis.model import get_all_commands_info

    about: Any = get_all_commands_info().get(name.encode())
    return None if about is None else int(about[1])


@functools.lru_cache(maxsize=4096)
def refuse(arguments: tuple[bytes, ...]) -> RedisFailure | None:
    """What Redis answers at once, or, within a MULTI, when it should queue the command. None: it accepts it."""
    if not arguments or not arguments[0].strip():
        return RedisFailure("ResponseError", "unknown command ''")
    name, rest = name_and_rest(arguments)
    arity = _arity(name)
    if name not in SUPPORTED:
        if arity is None and _arity(name.split()[0]) is None and name.split()[0] not in _ALSO_KNOWN:
            shown = "".join(f"'{word.decode('utf-8', 'replace')}' " for word in arguments[1:])
            text = f"unknown command '{arguments[0].decode('utf-8', 'replace')}', with args beginning with: {shown}"
            return RedisFailure("ResponseError", text)
        return unsupported(f"the Redis command {name.upper()}")
    words = len(rest) + 1 + name.count(" ")
    if arity is not None and (words != arity if arity > 0 else words < -arity):
        return RedisFailure("ResponseError", f"wrong number of arguments for '{name.replace(' ', '|')}' command")
    special = _SPECIAL.get(name)
    reason = special(rest) if special else None
    return unsupported(reason) if reason else None


def unsupported(what: str) -> RedisFailure:
    """The error for what this simulation has not."""
    return RedisFailure("ResponseError", UNSUPPORTED + what)


def _other_database(rest: tuple[bytes, ...]) -> str | None:
    return None if rest == (b"0",) else "any other Redis database than 0"


def _has(word: bytes, what: str) -> Any:
    return lambda rest: what if any(one.upper() == word for one in rest) else None


def _far_offset(rest: tuple[bytes, ...]) -> str | None:
    return f"an offset over {_LARGEST_OFFSET:,}" if rest[1].isdigit() and int(rest[1]) > _LARGEST_OFFSET else None


def _unsorted(rest: tuple[bytes, ...]) -> str | None:
    words = [one.upper() for one in rest]
    by = words.index(b"BY") + 1 if b"BY" in words else 0
    return "SORT without an order (BY nosort)" if by and b"*" not in b"".join(words[by : by + 1]) else None


_SPECIAL = {
    "select": _other_database,
    "copy": _has(b"DB", "any other Redis database than 0"),
    "xread": _has(b"BLOCK", "waiting for a stream (XREAD BLOCK)"),
    "setrange": _far_offset,
    "setbit": _far_offset,
    "sort": _unsorted,
}
