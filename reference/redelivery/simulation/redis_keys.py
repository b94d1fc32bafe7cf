"""Which keys a Redis command names, and whether it may write: for diagnosis and display, not for the rules."""

from __future__ import annotations

_READING = frozenset(
    b"get mget exists ttl pttl type strlen getrange hget hmget hgetall hexists hkeys hvals hlen smembers sismember "
    b"smismember scard zscore zrange zrank zcard zcount zrangebyscore lrange llen lindex lpos keys scan hscan sscan "
    b"zscan expiretime pexpiretime dbsize time getbit xlen xrange object watch".split()
)
_EVERY = frozenset(b"mget del unlink exists watch sinter sunion sdiff".split())
_NONE = frozenset(b"keys scan dbsize time flushall flushdb script ping echo select".split())


def writes(command: tuple[bytes, ...]) -> bool:
    """Whether the command may change something."""
    return command[0].lower() not in _READING


def keys_of(command: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The keys that the command names."""
    name = command[0].lower()
    if name in _NONE or len(command) < 2:
        return ()
    if name in (b"eval", b"evalsha"):
        count = int(command[2]) if len(command) > 2 and command[2].isdigit() else 0
        return command[3 : 3 + count]
    if name in (b"mset", b"msetnx"):
        return command[1::2]
    return command[1:] if name in _EVERY else command[1:2]
