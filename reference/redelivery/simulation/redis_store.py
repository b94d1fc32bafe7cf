"""A Redis server of one's own: fakeredis without its clock, and its contents by number.

Time stands still in here, so nothing expires unless `RedisStore.later` says so: an expiry is kept as the
milliseconds that remain, and two moments with the same values and the same remaining times are the same contents.

What a client can see depends on the contents alone, not on how they came about. Hence the fields of a hash, the
members of a set and the keys of a database come in sorted order. Were a hash read in the order in which its fields
were set, a run carried on and a run restored to the same contents would differ.

SCAN and its like promise little, and keep no more here: what is there all the time is named at least once. They come
in four pages, whatever COUNT says: the first is empty though the cursor is not 0, the last names something again.
On which page an element stands depends on nothing but itself, so that what comes and goes meanwhile moves no other.
"""

from __future__ import annotations

import calendar
import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import redis

try:
    from fakeredis import FakeServer
    from fakeredis._command_args_parsing import Int
    from fakeredis._commands import SUPPORTED_COMMANDS
    from fakeredis._core import CommandItem, Database, Item
    from fakeredis._helpers import SimpleError, SimpleString, casematch
    from fakeredis._socket import FakeSocket
    from fakeredis.model import ExpiringMembersSet, Hash, StreamEntryKey, XStream, ZSet
except ImportError as error:
    raise ImportError("the Redis exercises need fakeredis 2.40 or a later 2.x: pip install -U fakeredis") from error

from .operations import UNSUPPORTED, RedisCommand, RedisFailure, RedisReply, RedisTransaction, RedisUnwatch, RedisWatch
from .redis_client import make_client, scripts_of, sha_of
from .redis_commands import NOT_IN_SCRIPTS, name_and_rest, refuse, unsupported
from .redis_scripts import Scripts

#: 2026-01-01 09:00 UTC, in milliseconds since 1970: the moment at which all runs begin.
BEGINNING = calendar.timegm((2026, 1, 1, 9, 0, 0)) * 1000

#: (key, kind, value, milliseconds until it expires or None), by key. The value is text for a string, a tuple of texts
#: for a list or a set, of pairs for a hash (field, value), a sorted set (member, score) or a stream (id, fields).
RedisContents = tuple[tuple[str, str, Any, int | None], ...]
#: The same inside: kind, value in bytes, milliseconds.
_Entry = tuple[str, Any, int | None]
_NOTHING: frozenset[bytes] = frozenset()
_VERSION = (7, 2)


class RedisOutcome(NamedTuple):
    """What carrying out one command, or one transaction, did."""

    reply: RedisReply
    touched: frozenset[bytes]
    """The keys whose watchers notice, even where the value is the same as before."""


class _FrozenDatabase(Database):
    """The keys, at the moment 0.0 for ever, and which of them were touched."""

    def __init__(self) -> None:
        super().__init__(None)
        self.touched: set[bytes] = set()
        self._absent: set[bytes] = set()

    def notify_watch(self, key: bytes) -> None:
        (self.touched if key in self._dict else self._absent).add(key)

    def command_done(self) -> None:
        """A key that was not there before a command, and is not there after it, was not touched."""
        if self._absent:
            self.touched.update(self._absent & self._dict.keys())
            self._absent.clear()

    def schedule_expiry(self, key: bytes, expireat: float | None) -> None:
        pass

    def expired(self, item: Any) -> bool:
        # Redis expires a key *at* its time, fakeredis after it. Here only what was given no time at all is met.
        return item.expireat is not None and item.expireat <= 0

    def _remove_expired(self) -> None:
        for key in [key for key, item in self._dict.items() if self.expired(item)]:
            del self._dict[key]

    def __iter__(self) -> Iterator[bytes]:
        self._remove_expired()
        return iter(sorted(self._dict))


class _Session(FakeSocket):
    """The one connection to the server, with what fakeredis does otherwise than Redis, or by its own clock."""

    def __init__(self, store: RedisStore, server: FakeServer, database: _FrozenDatabase) -> None:
        server.dbs[0] = database
        super().__init__(server, 0, client_class=redis.Redis, client_info={"resp": 2})
        self._store = store
        self._database = database

    def carry_out(self, name: str, rest: tuple[bytes, ...], from_script: bool = False) -> Any:
        """What the command gives in fakeredis's terms; an error is returned, not raised."""
        signature = SUPPORTED_COMMANDS[name]
        reply = self._run_command(getattr(self, signature.func_name), signature, list(rest), from_script)
        self._database.command_done()
        if name in _WITHOUT_ORDER and type(reply) is list:
            reply.sort()
        elif name == "xread" and not reply:
            return None
        return reply

    def _moment(self) -> int:
        """The virtual time in milliseconds; whoever sees it depends on it."""
        self._store.clock_read = True
        return BEGINNING + self._store.now

    def time(self) -> list[bytes]:
        seconds, milliseconds = divmod(self._moment(), 1000)
        return [str(seconds).encode(), str(milliseconds * 1000).encode()]

    def expireat(self, key: CommandItem, timestamp: int, *args: bytes) -> int:
        return self._expireat(key, timestamp - self._moment() / 1000, *args)

    def pexpireat(self, key: CommandItem, ms_timestamp: int, *args: bytes) -> int:
        return self._expireat(key, (ms_timestamp - self._moment()) / 1000, *args)

    def expiretime(self, key: CommandItem) -> int:
        at = self.pexpiretime(key)
        return at if at < 0 else (at + 500) // 1000

    def pexpiretime(self, key: CommandItem) -> int:
        if key.value is None:
            return -2
        return -1 if key.expireat is None else round(key.expireat * 1000) + self._moment()

    def _ttl(self, key: CommandItem, scale: float) -> int:
        if not key:
            return -2
        if key.expireat is None:
            return -1
        left = round(key.expireat * 1000)
        return left if scale == 1000 else (left + 500) // 1000

    def set_(self, key: CommandItem, value: bytes, *args: bytes) -> Any:
        reply = super().set_(key, value, *args)
        if key.is_modified and any(casematch(one, b"exat") or casematch(one, b"pxat") for one in args):
            key.expireat = (key.expireat or 0) - self._moment() / 1000
        return reply

    def psetex(self, key: CommandItem, ms: int, value: bytes) -> SimpleString:
        reply: SimpleString = super().psetex(key, ms, value)
        key.expireat = ms / 1000
        return reply

    def getex(self, key: CommandItem, *args: bytes) -> Any:
        before = key.expireat
        value = super().getex(key, *args)
        if not key or (key.expireat is None and before is None):
            key._modified = key._expireat_modified = False
        elif len(args) == 2:
            given = int(args[1])
            seconds = given / (1000 if args[0][:1] in b"pP" else 1)
            key.expireat = seconds - self._moment() / 1000 if args[0][-2:].lower() == b"at" else seconds
        return value

    def sadd(self, key: CommandItem, *members: bytes) -> int:
        added: int = super().sadd(key, *members)
        key._modified = added > 0
        return added

    def zincrby(self, key: CommandItem, increment: float, member: bytes) -> float:
        before = key.value.get(member)
        score: float = super().zincrby(key, increment, member)
        if score == before:
            key._modified = False
        return score

    def copy(self, key: CommandItem, newkey: CommandItem, *args: bytes) -> int:
        replace = any(casematch(one, b"replace") for one in args)
        if len(args) > replace or key.key == newkey.key:
            refused: int = super().copy(key, newkey, *args)
            return refused
        if not key or (newkey and not replace):
            return 0
        newkey.value = _thaw(_freeze(key))
        newkey.expireat = key.expireat
        return 1

    def xadd(self, key: CommandItem, *args: bytes) -> bytes | None:
        at = 0
        while at < len(args) and args[at].lower() in _BEFORE_THE_ID:
            at += 1 if args[at].lower() == b"nomkstream" else 3 if args[at + 1 : at + 2] in ((b"~",), (b"=",)) else 2
        if args[at : at + 1] == (b"*",):
            last = key.value.last_id.ts if isinstance(key.value, XStream) else 0
            args = (*args[:at], f"{max(self._moment(), last)}-*".encode(), *args[at + 1 :])
        added: bytes | None = super().xadd(key, *args)
        return added

    def xdel(self, key: CommandItem, *args: bytes) -> int:
        deleted: int = super().xdel(key, *args)
        if deleted:
            self._db.notify_watch(key.key)  # `key.updated()` would remove an empty stream, which Redis keeps
        return deleted

    def xread(self, *args: bytes) -> Any:
        words = [one.lower() for one in args]
        named = args[words.index(b"streams") + 1 :] if b"streams" in words else ()
        for key in named[: len(named) // 2]:
            item = self._db.get(key)
            if item is not None and not isinstance(item.value, XStream):
                raise SimpleError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return super().xread(*args)

    def _scan(self, keys: Any, cursor: int, *args: bytes, scanned_key: bytes | None = None) -> list[Any]:
        given = dict(zip([word.lower() for word in args[::2]], args[1::2], strict=False))
        count = given.get(b"count", b"1")
        if count.isdigit() and int(count) > 0:  # else it will be refused
            args = (*args, b"count", b"1000000000")
        found: list[Any] = super()._scan(keys, 0, *args, scanned_key=scanned_key)[1]
        if cursor == 0:
            return [_SECOND_PAGE, []] if len(keys) else [b"0", []]
        first: list[Any] = []
        second: list[Any] = []
        for element in found:
            (second if zlib.crc32(element) & 1 else first).append(element)
        if cursor == int(_SECOND_PAGE):
            return [_THIRD_PAGE, first]
        if cursor == int(_THIRD_PAGE):
            return [_LAST_PAGE, second]
        return [b"0", (first or second)[:1] if cursor == int(_LAST_PAGE) else []]

    def select(self, _index: int) -> SimpleString:
        return SimpleString(b"OK")  # of 0, the only one that gets here


#: Cursors of SCAN and its like; those of Redis are no numbers of pages, either.
_SECOND_PAGE, _THIRD_PAGE, _LAST_PAGE = b"6", b"3", b"7"
_BEFORE_THE_ID = frozenset({b"nomkstream", b"maxlen", b"minid", b"limit"})
_ABOUT_SCRIPTS = frozenset({"eval", "evalsha", "script load", "script exists", "script flush"})
_ARITY_IN_SCRIPT = "ERR Wrong number of args calling Redis command from script"
#: fakeredis gives these in the order of Python's sets, which differs from one process to the next.
_WITHOUT_ORDER = frozenset({"smembers", "sinter", "sunion", "sdiff"})


class RedisStore:
    """One Redis server, and its contents by number.

    ``prepare`` fills it at the beginning. Contents are numbered in the order in which they are first seen; number 0
    is what ``prepare`` left. Only database 0 exists.
    """

    def __init__(self, prepare: Callable[[redis.Redis], None] | None = None) -> None:
        self.now = 0
        """Virtual milliseconds since the beginning; the caller sets it. It ages nothing: that's what `later` is for."""
        self.clock_read = False
        """Whether a command looked at the time of day, so that `now` matters."""
        self._database = _FrozenDatabase()
        self._session = _Session(self, FakeServer(version=_VERSION), self._database)
        self._scripts: Scripts | None = None
        self._live: dict[bytes, _Entry] = {}
        self._numbers: dict[tuple[tuple[bytes, _Entry], ...], int] = {}
        self._contents: list[dict[bytes, _Entry]] = []
        self._shown: dict[int, RedisContents] = {}
        self._next_expiry: dict[int, int | None] = {}
        self._later: dict[tuple[int, int], tuple[int, frozenset[bytes]]] = {}
        self._current = -1
        self._unsure = False  # a command failed halfway: who knows what it has changed
        self._missed = ""  # what this simulation has not, of what a script has called
        self._known: dict[bytes, bytes] = {}
        self.scripts: tuple[bytes, ...] = ()
        """The Lua scripts that ``prepare`` loaded: EVALSHA knows them."""
        if prepare is not None:
            client: Any = self.client()
            prepare(client)
            self.scripts = scripts_of(client)
            self._known = {sha_of(script): script for script in self.scripts}
        self.number_contents()

    def close(self) -> None:
        """Let go of the server."""
        self._scripts = None
        self._database._dict.clear()
        with contextlib.suppress(AttributeError):
            self._session.close()

    def __enter__(self) -> RedisStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: RedisCommand | RedisTransaction | RedisWatch | RedisUnwatch) -> RedisReply:
        """For ``prepare``, while nobody else is there."""
        if isinstance(request, RedisCommand):
            return self.execute(request.arguments).reply
        if isinstance(request, RedisTransaction):
            return self.transact(request.commands).reply
        return RedisReply(b"OK")

    @staticmethod
    def _refuse_to_prepare(what: str) -> None:
        raise NotImplementedError(what)

    # -- commands --------------------------------------------------------------------------------------

    def execute(self, arguments: tuple[bytes, ...]) -> RedisOutcome:
        """Carry out one command."""
        refused = refuse(arguments)
        if refused is not None:
            return RedisOutcome(RedisReply(refused), _NOTHING)
        value = self._carry_out(arguments)
        return RedisOutcome(RedisReply(value), self._settle())

    def transact(self, commands: tuple[tuple[bytes, ...], ...]) -> RedisOutcome:
        """Carry out what stands between MULTI and EXEC: all of it, whatever the single commands answer; or, where
        Redis would not have queued one of them, nothing."""
        if any(refuse(arguments) for arguments in commands):
            text = "Transaction discarded because of previous errors."
            return RedisOutcome(RedisReply(RedisFailure("ExecAbortError", text)), _NOTHING)
        values = tuple([self._carry_out(arguments) for arguments in commands])
        return RedisOutcome(RedisReply(values), self._settle())

    def _carry_out(self, arguments: tuple[bytes, ...]) -> Any:
        name, rest = name_and_rest(arguments)
        try:
            if name == "unwatch":  # between MULTI and EXEC: what was watched has been looked at already
                return b"OK"
            if name in _ABOUT_SCRIPTS:
                return _told(self._about_scripts(name, rest), name)
            return _told(self._session.carry_out(name, rest), name)
        except SimpleError as error:
            return _failure(error, name)
        except Exception as error:  # a mistake in fakeredis: say so, rather than end the search with a traceback
            self._unsure = True
            return unsupported(f"{name.upper()} with these arguments ({type(error).__name__}: {error})")

    def _settle(self) -> frozenset[bytes]:
        """Look again at every key that was touched."""
        database = self._database
        touched = frozenset(database.touched)
        if not touched and not self._unsure:
            return _NOTHING
        database.touched.clear()
        items = database._dict
        for key in {*touched, *self._live, *items} if self._unsure else touched:
            item = items.get(key)
            if item is None or database.expired(item):
                items.pop(key, None)
                self._live.pop(key, None)
            else:
                self._live[key] = _freeze(item)
        self._current, self._unsure = -1, False
        return touched

    # -- scripts ---------------------------------------------------------------------------------------

    def _about_scripts(self, name: str, rest: tuple[bytes, ...]) -> Any:
        """EVAL, EVALSHA, SCRIPT. Only what ``prepare`` loaded stays loaded: otherwise the answer to EVALSHA would
        depend on what other runs did. (The client sends EVAL for each script that it has loaded itself.)"""
        if name == "script load":
            return sha_of(rest[0])
        if name == "script exists":
            return [int(sha.lower() in self._known) for sha in rest]
        if name == "script flush":
            return SimpleString(b"OK")
        script, numkeys, *others = rest
        if name == "evalsha":
            known = self._known.get(script.lower())
            if known is None:
                raise SimpleError("NOSCRIPT No matching script. Please use EVAL.")
            script = known
        count = Int.decode(numkeys)
        if count > len(others):
            raise SimpleError("ERR Number of keys can't be greater than number of args")
        if count < 0:
            raise SimpleError("ERR Number of keys can't be negative")
        if self._scripts is None:
            try:
                self._scripts = Scripts(self._call_from_script)
            except ImportError:
                raise SimpleError(f"ERR {UNSUPPORTED}Lua scripts, without the package lupa") from None
        self._missed = ""
        try:
            reply = self._scripts.run(script, tuple(others[:count]), tuple(others[count:]))
        except MemoryError:
            self._scripts = None
            raise SimpleError(f"ERR {UNSUPPORTED}a script that needs so much memory") from None
        except SimpleError as error:
            reply = error
        # Even where the script has caught it: its answer is worth nothing.
        return SimpleError(f"ERR {self._missed}, in a script") if self._missed else reply

    def _call_from_script(self, arguments: tuple[bytes, ...]) -> Any:
        refused = refuse(arguments)
        if refused is not None:
            if refused.text.startswith("unknown command"):
                return SimpleError("ERR Unknown Redis command called from script")
            if refused.text.startswith("wrong number"):
                return SimpleError(_ARITY_IN_SCRIPT)
            self._missed = refused.text
            return SimpleError("ERR " + refused.text)
        name, rest = name_and_rest(arguments)
        if name in NOT_IN_SCRIPTS:
            return SimpleError("ERR This Redis command is not allowed from script")
        return self._session.carry_out(name, rest, from_script=True)

    # -- contents --------------------------------------------------------------------------------------

    @property
    def current(self) -> int:
        """The number of the present contents."""
        return self.number_contents()

    def number_contents(self) -> int:
        """The number of the contents as they are now."""
        if self._current < 0:
            self._current = self._number(self._live)
        return self._current

    def _number(self, entries: dict[bytes, _Entry]) -> int:
        key = tuple(sorted(entries.items(), key=_by_key))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._contents)
            self._contents.append(dict(key))
        return number

    def contents(self, number: int) -> RedisContents:
        """The contents with this number, as text."""
        shown = self._shown.get(number)
        if shown is None:
            entries = self._contents[number].items()
            shown = tuple(sorted((_text(key), kind, _text(value), ttl) for key, (kind, value, ttl) in entries))
            self._shown[number] = shown
        return shown

    def load(self, contents: RedisContents) -> None:
        """Make the present contents these."""
        self.restore(
            self._number({_as_bytes(key): (kind, _as_bytes(value), ttl) for key, kind, value, ttl in contents})
        )

    def client(self, decode: bool = False) -> redis.Redis:
        """A client of this server, for somebody who is there alone."""
        return make_client(self._ask, self._refuse_to_prepare, decode=decode)

    def restore(self, number: int) -> None:
        """Make the present contents those with this number."""
        if number == self._current:
            return
        wanted, live, items = self._contents[number], self._live, self._database._dict
        for key in [key for key in live if key not in wanted]:
            del live[key], items[key]
        for key, entry in wanted.items():
            if live.get(key) != entry:
                item: Any = Item(_thaw(entry))
                ttl = entry[2]
                if ttl is not None:
                    item.expireat = ttl / 1000
                items[key] = item
                live[key] = entry
        self._current = number

    def next_expiry(self, number: int) -> int | None:
        """After how many milliseconds something in these contents expires first. None: nothing ever does."""
        if number not in self._next_expiry:
            times = [ttl for _, _, ttl in self._contents[number].values() if ttl is not None]
            self._next_expiry[number] = min(times, default=None)
        return self._next_expiry[number]

    def later(self, number: int, ms: int) -> tuple[int, frozenset[bytes]]:
        """What the contents become when ``ms`` milliseconds pass, and the keys that expire. Changes nothing itself."""
        found = self._later.get((number, ms))
        if found is None:
            expired, left = [], {}
            for key, entry in self._contents[number].items():
                kind, value, ttl = entry
                if ttl is None:
                    left[key] = entry
                elif ttl <= ms:
                    expired.append(key)
                else:
                    left[key] = (kind, value, ttl - ms)
            found = self._later[number, ms] = (self._number(left), frozenset(expired))
        return found


def _freeze(item: Any) -> _Entry:
    """What an item of fakeredis holds, as a plain value; what has no order of its own is put in order."""
    value, expireat = item.value, item.expireat
    ttl = None if expireat is None else round(expireat * 1000)
    kind = type(value)
    if kind is bytes:
        return "string", value, ttl
    if kind is list:
        return "list", tuple(value), ttl
    if kind is Hash:
        pairs = tuple(sorted(value._values.items()))
        value._values = dict(pairs)
        return "hash", pairs, ttl
    if kind is ExpiringMembersSet:
        members = tuple(sorted(value._values))
        value._values = dict.fromkeys(members)
        value._members = None
        return "set", members, ttl
    if kind is ZSet:
        scored = tuple((member, score) for score, member in value._byscore)
        value._bylex = dict(scored)
        return "zset", scored, ttl
    if kind is XStream:
        entries = tuple((one.encode(), tuple(value._values_dict[one])) for one in value._ids)
        return "stream", (*entries, (value.last_id.encode(), ())), ttl
    raise TypeError(f"fakeredis keeps a {kind.__name__} where this simulation knows none")


def _thaw(entry: _Entry) -> Any:
    """The value of an item of fakeredis."""
    kind, value, _ = entry
    if kind == "string":
        return value
    if kind == "list":
        return list(value)
    if kind == "hash":
        made = Hash()
        made._values = dict(value)
        return made
    if kind == "set":
        return ExpiringMembersSet(dict.fromkeys(value))
    if kind == "zset":
        scored = ZSet()
        scored._bylex = dict(value)
        scored._byscore.update((score, member) for member, score in value)
        return scored
    stream = XStream()
    for one, fields in value[:-1]:
        stream.add(fields, StreamEntryKey.parse_str(one))
    stream._last_id = StreamEntryKey.parse_str(value[-1][0])
    return stream


def _by_key(pair: tuple[bytes, _Entry]) -> bytes:
    return pair[0]


def _told(reply: Any, name: str) -> Any:
    """A reply of fakeredis as a plain value."""
    kind = type(reply)
    if kind is bytes or kind is int or reply is None:
        return reply
    if kind is SimpleString:
        return reply.value
    if kind is list or kind is tuple:
        return tuple([_told(one, name) for one in reply])
    if isinstance(reply, SimpleError):
        return _failure(reply, name)
    if kind is bool:
        return int(reply)
    if kind is str:
        return reply.encode()
    raise TypeError(f"a reply of type {kind.__name__}")


def _failure(error: SimpleError, name: str) -> RedisFailure:
    text = error.value
    if text == f"ERR invalid expire time in {name}":
        text = f"ERR invalid expire time in '{name}' command"
    elif text == _ARITY_IN_SCRIPT and name not in _ABOUT_SCRIPTS:
        text = f"ERR wrong number of arguments for '{name}' command"
    parser: Any = redis.connection.DefaultParser
    parsed = parser.parse_error(text)
    return RedisFailure(type(parsed).__name__, str(parsed))


def _as_bytes(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return tuple(map(_as_bytes, value)) if isinstance(value, tuple) else value


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return tuple(map(_text, value)) if isinstance(value, tuple) else value
