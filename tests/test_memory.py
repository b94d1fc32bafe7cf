"""Each process gets memory of its own, and two memories have one fingerprint exactly where they are equal.

What learners write in a notebook is executed here as if it stood in one: its module is ``__main__``.
"""

import threading
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redelivery.simulation.memory import CannotCopy, Copier, Opaque, fingerprint, keeps_nothing, remembered


def notebook(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(dedent(source), space)
    return space


def memory(function: Callable[..., Any]) -> Any:
    return fingerprint({"handle": function})


REMEMBERING = {
    "a global set": """
        seen = set()
        def handle(x):
            seen.add(len(seen))
            return len(seen)
    """,
    "a global number": """
        count = 0
        def handle(x):
            global count
            count += 1
            return count
    """,
    "a global that was not there": """
        def handle(x):
            global count
            try:
                count += 1
            except NameError:
                count = 1
            return count
    """,
    "a global shared by two functions": """
        seen = []
        def note(x):
            seen.append(x)
        def handle(x):
            note(x)
            return list(seen)
    """,
    "nested containers": """
        seen = {"a": [({"b": []},)]}
        def handle(x):
            seen["a"][0][0]["b"].append(x)
            return repr(seen)
    """,
    "a container in a circle": """
        seen = []
        seen.append({"all": seen})
        def handle(x):
            seen[0]["all"].append(x)
            return len(seen), seen[0]["all"] is seen
    """,
    "a tuple in a circle": """
        pair = ([], 1)
        pair[0].append(pair)
        def handle(x):
            pair[0][0][0].append(x)
            return len(pair[0])
    """,
    "one list under two names": """
        one = two = []
        def handle(x):
            one.append(x)
            return len(two)
    """,
    "a closure": """
        def make():
            count = 0
            def handle(x):
                nonlocal count
                count += 1
                return count
            return handle
        handle = make()
    """,
    "two closures over one variable": """
        def make():
            seen = []
            def note(x):
                seen.append(x)
            def handle(x):
                note(x)
                return len(seen)
            return handle
        handle = make()
    """,
    "a default": """
        def handle(x, seen=[]):
            seen.append(x)
            return len(seen)
    """,
    "a keyword default": """
        def handle(x, *, seen={}):
            seen[len(seen)] = x
            return len(seen)
    """,
    "a function's attribute": """
        def handle(x):
            handle.count = getattr(handle, "count", 0) + 1
            return handle.count
    """,
    "a class's attribute": """
        class Ledger:
            seen = []
        def handle(x):
            Ledger.seen.append(x)
            return len(Ledger.seen)
    """,
    "a number in a class": """
        class Ledger:
            count = 0
            @classmethod
            def note(cls):
                cls.count += 1
                return cls.count
        def handle(x):
            return Ledger.note()
    """,
    "an attribute of the class above": """
        class Base:
            seen = []
        class Ledger(Base):
            pass
        def handle(x):
            Ledger.seen.append(x)
            return len(Ledger.seen)
    """,
    "an object": """
        class Ledger:
            def __init__(self):
                self.seen = []
            def note(self, x):
                self.seen.append(x)
                return len(self.seen)
        ledger = Ledger()
        def handle(x):
            return ledger.note(x)
    """,
    "a method": """
        class Ledger:
            def __init__(self):
                self.seen = []
            def note(self, x):
                self.seen.append(x)
                return len(self.seen)
        handle = Ledger().note
    """,
    "a callable object": """
        class Handler:
            count = 0
            def __call__(self, x):
                self.count += 1
                return self.count
        handler = Handler()
        def handle(x):
            return handler(x)
    """,
    "an object with slots": """
        class Ledger:
            __slots__ = ("count",)
            def __init__(self):
                self.count = 0
        ledger = Ledger()
        def handle(x):
            ledger.count += 1
            return ledger.count
    """,
    "a class with super()": """
        class Base:
            def __init__(self):
                self.seen = []
            def note(self, x):
                self.seen.append(x)
                return len(self.seen)
        class Ledger(Base):
            def __init__(self):
                super().__init__()
            def note(self, x):
                return "noted", super().note(x), isinstance(self, Base), __class__ is Ledger
        ledger = Ledger()
        def handle(x):
            return ledger.note(x), Ledger().note(x)
    """,
    "an object that refers to itself": """
        class Node:
            def __init__(self):
                self.next, self.count = self, 0
        node = Node()
        def handle(x):
            node.next.count += 1
            return node.count
    """,
    "a property": """
        class Ledger:
            def __init__(self):
                self._count = 0
            @property
            def count(self):
                return self._count
            @count.setter
            def count(self, value):
                self._count = value
            @staticmethod
            def more(count):
                return count + 1
        ledger = Ledger()
        def handle(x):
            ledger.count = Ledger.more(ledger.count)
            return ledger.count
    """,
    "a cached property": """
        import functools
        class Ledger:
            @functools.cached_property
            def seen(self):
                return []
        ledger = Ledger()
        def handle(x):
            ledger.seen.append(x)
            return len(ledger.seen)
    """,
    "an object as a key": """
        class Key:
            pass
        key = Key()
        seen = {key: 0}
        def handle(x):
            seen[key] += 1
            return seen[key]
    """,
    "an equal object as a key": """
        class Key:
            def __init__(self, name):
                self.name = name
            def __eq__(self, other):
                return self.name == other.name
            def __hash__(self):
                return hash(self.name)
        seen = {Key("a")}
        def handle(x):
            seen.add(Key(f"{len(seen)}"))
            return len(seen), Key("a") in seen
    """,
    "a dataclass": """
        from dataclasses import asdict, dataclass, field, fields, replace
        @dataclass
        class Ledger:
            name: str = "ledger"
            seen: list = field(default_factory=list)
        ledger = Ledger()
        def handle(x):
            ledger.seen.append(x)
            names = [each.name for each in fields(ledger)]
            return asdict(ledger), names, replace(ledger, name="new"), ledger == Ledger(seen=ledger.seen), Ledger()
    """,
    "a frozen dataclass with slots": """
        from dataclasses import FrozenInstanceError, dataclass
        @dataclass(frozen=True, slots=True, order=True)
        class Ledger:
            seen: list
        ledger = Ledger([])
        def handle(x):
            ledger.seen.append(x)
            try:
                ledger.seen = []
            except FrozenInstanceError:
                return len(ledger.seen), ledger == Ledger(ledger.seen)
    """,
    "a NamedTuple": """
        from typing import NamedTuple
        class Ledger(NamedTuple):
            seen: list
            name: str = "ledger"
            def note(self, x):
                self.seen.append(x)
                return self._replace(name="other"), self._asdict()
        ledger = Ledger([])
        def handle(x):
            return repr(ledger.note(x)), isinstance(ledger, Ledger), ledger[1]
    """,
    "a namedtuple": """
        import collections
        Ledger = collections.namedtuple("Ledger", "seen")
        ledger = Ledger([])
        def handle(x):
            ledger.seen.append(x)
            return repr(ledger)
    """,
    "an Enum as a key": """
        import enum
        class State(enum.Enum):
            NEW = 1
            OLD = 2
        seen = {State.NEW: 0}
        def handle(x):
            seen[State.NEW] += 1
            return seen[State.NEW], State(1) is State.NEW
    """,
    "an Enum's method": """
        import enum
        seen = []
        class State(enum.Enum):
            NEW = 1
            def note(self):
                seen.append(self.name)
                return len(seen)
        def handle(x):
            return State.NEW.note()
    """,
    "an abstract class": """
        from abc import ABC, abstractmethod
        class Base(ABC):
            @abstractmethod
            def note(self, x): ...
        class Ledger(Base):
            def __init__(self):
                self.seen = []
            def note(self, x):
                self.seen.append(x)
                return len(self.seen)
        ledger = Ledger()
        def handle(x):
            return ledger.note(x), isinstance(ledger, Base)
    """,
    "a Protocol": """
        from typing import Protocol
        class Noting(Protocol):
            def note(self, x): ...
        class Ledger:
            def __init__(self):
                self.seen = []
            def note(self, x):
                self.seen.append(x)
                return len(self.seen)
        ledger: Noting = Ledger()
        def handle(x, noting: type[Noting] = Noting):
            return ledger.note(x)
    """,
    "a generic class": """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Box(Generic[T]):
            def __init__(self):
                self.things = []
        box = Box[int]()
        def handle(x):
            box.things.append(x)
            return len(box.things)
    """,
    "a TypedDict": """
        from typing import TypedDict
        class Body(TypedDict):
            amount: int
        total = Body(amount=0)
        def handle(x):
            total["amount"] += 1
            return total, Body(amount=1)
    """,
    "an exception that holds something": """
        class Duplicate(Exception):
            seen = []
        def handle(x):
            try:
                raise Duplicate(x)
            except Duplicate as error:
                error.seen.append(error.args)
                return len(Duplicate.seen)
    """,
    "classes that are written down": """
        class Base:
            kinds = []
            def __init_subclass__(cls):
                Base.kinds.append(cls.__name__)
        class Ledger(Base):
            pass
        def handle(x):
            Base.kinds.append(x)
            return len(Base.kinds), issubclass(Ledger, Base)
    """,
    "a decorator": """
        import functools
        def counting(function):
            calls = []
            @functools.wraps(function)
            def inner(x):
                calls.append(x)
                return len(calls), function(x)
            return inner
        @counting
        def handle(x):
            return x
    """,
    "a decorator without wraps": """
        def counting(function):
            def inner(x, calls=[]):
                calls.append(x)
                return len(calls), function(x)
            return inner
        @counting
        @counting
        def handle(x):
            return x
    """,
    "functions that call each other": """
        seen = []
        def even(n):
            seen.append(n)
            return True if n == 0 else odd(n - 1)
        def odd(n):
            return False if n == 0 else even(n - 1)
        def handle(x):
            return even(4), len(seen)
    """,
    "a function in a container": """
        seen = []
        def note(x):
            seen.append(x)
            return len(seen)
        table = {"note": [note, lambda x: seen.append(x)]}
        def handle(x):
            table["note"][1](x)
            return table["note"][0](x)
    """,
    "a partial": """
        import functools
        def note(seen, x):
            seen.append(x)
            return len(seen)
        handle_with = functools.partial(note, [])
        def handle(x):
            return handle_with(x)
    """,
    "a bound method of a set": """
        seen = set()
        add = seen.add
        def handle(x):
            add(len(seen))
            return len(seen)
    """,
    "a bound method of a hidden list": """
        def handle(x, note=[].append, look=[].__len__):
            note(x)
            return len(note.__self__)
    """,
    "a context manager": """
        import contextlib
        seen = []
        @contextlib.contextmanager
        def noting(x):
            seen.append(x)
            yield len(seen)
        def handle(x):
            with noting(x) as count:
                return count
    """,
    "library containers": """
        import collections
        counter, last = collections.Counter(), collections.deque(maxlen=2)
        by_kind, ordered = collections.defaultdict(list), collections.OrderedDict()
        chained, mine = collections.ChainMap({}), collections.UserDict()
        def handle(x):
            counter["x"] += 1
            last.append(counter["x"])
            by_kind["x"].append(x)
            ordered[len(ordered)] = x
            chained[len(chained)] = x
            mine[len(mine)] = x
            return repr((counter, last, dict(by_kind), ordered, chained, mine)), last.maxlen
    """,
    "other library objects": """
        import datetime, decimal, itertools, random, re, types, uuid
        numbers, dice, spot = itertools.count(), random.Random(1), types.SimpleNamespace(n=0)
        data, pattern, day = bytearray(), re.compile("x"), datetime.date(2026, 1, 1)
        money, name = decimal.Decimal("1.5"), uuid.UUID(int=5)
        def handle(x):
            spot.n += 1
            data.append(1)
            kept = bool(pattern.match("x")), day.year, money * 2, name.int
            return next(numbers), dice.random(), spot.n, bytes(data), kept
    """,
    "a lock and what it protects": """
        import threading
        lock, again, count = threading.Lock(), threading.RLock(), 0
        def handle(x):
            global count
            with lock, again, again:
                count += 1
                return count
    """,
    "a condition": """
        import threading
        condition, seen = threading.Condition(), []
        def handle(x):
            with condition:
                seen.append(condition.acquire.__self__ is condition._lock)
                condition.notify_all()
            return list(seen)
    """,
    "a mark": """
        MISSING = object()
        last = MISSING
        def handle(x):
            global last
            was, last = last, x if last is MISSING else MISSING
            return was is MISSING
    """,
    "a module's name used inside": """
        import json
        seen = []
        def handle(x):
            import math
            seen.append(math.floor(1.5))
            return json.dumps(seen)
    """,
    "a comprehension and a lambda": """
        seen = []
        def handle(x):
            return [(lambda y: seen.append(y) or len(seen))(y) for y in range(2)]
    """,
    "everything by name": """
        seen = []
        def handle(x):
            globals()["seen"].append(x)
            return len(seen)
    """,
}  # fmt: skip


GAPS = {
    "an Enum's method": "an Enum is shared, and so is what its methods reach",
    "classes that are written down": "copying a class calls __init_subclass__ once more",
}
CASES = [
    pytest.param(source, id=name, marks=[pytest.mark.xfail(strict=True, reason=GAPS[name])] if name in GAPS else [])
    for name, source in REMEMBERING.items()
]


@pytest.mark.parametrize("source", CASES)
def test_copies_do_what_the_original_does_and_share_nothing(source: str):
    expected = notebook(source)["handle"]
    original = notebook(source)["handle"]
    first, second = repr(expected("x")), repr(expected("x"))
    assert first != second, "the example remembers nothing"
    untouched = memory(original)
    one, two = Copier().copy(original), Copier().copy(original)
    fresh = memory(one)
    assert memory(two) == fresh
    assert repr(one("x")) == first
    assert memory(original) == untouched
    assert memory(two) == fresh
    assert memory(one) != fresh
    assert repr(two("x")) == first
    assert memory(two) == memory(one)
    assert repr(one("x")) == second
    assert memory(two) != memory(one)
    assert memory(original) == untouched
    assert repr(original("x")) == first
    assert repr(Copier().copy(original)("x")) == second


@pytest.mark.parametrize("source", REMEMBERING.values(), ids=REMEMBERING.keys())
def test_what_remembers_is_not_taken_for_what_keeps_nothing(source: str):
    assert not keeps_nothing({"handle": notebook(source)["handle"]})


FORGETTING = {
    "nothing but locals": """
        def handle(x):
            seen = [x]
            seen.append(x)
            return seen
    """,
    "constants": """
        AMOUNT, NAMES = 100, ("a", frozenset({1}))
        def helper(x):
            return AMOUNT + len(NAMES)
        def handle(x, most=3):
            return helper(x) + most
    """,
    "a closure over a constant": """
        def make(amount):
            def handle(x):
                return [amount for _ in range(2)]
            return handle
        handle = make(5)
    """,
    "a module": """
        import json, math
        def handle(x):
            return json.dumps(math.pi)
    """,
}  # fmt: skip


@pytest.mark.parametrize("source", FORGETTING.values(), ids=FORGETTING.keys())
def test_what_keeps_nothing_is_seen_to(source: str):
    handle = notebook(source)["handle"]
    before = memory(handle)
    assert handle("x") == Copier().copy(handle)("x")
    assert memory(handle) == before
    assert keeps_nothing({"handle": handle})


# Fingerprints

ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(max_size=5)
)
DATA = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(ATOMS, inner, max_size=4)
        | st.sets(ATOMS, max_size=4)
    ),
    max_leaves=10,
)


@given(DATA)
def test_data_and_its_copy_have_one_fingerprint(data: Any):
    copied = Copier().copy(data)
    assert repr(copied) == repr(data) or isinstance(data, set | dict | list | tuple)
    assert copied == data
    assert fingerprint({"": copied}) == fingerprint({"": data})


def exactly(thing: Any) -> Any:
    """What two data have in common that are alike in every type and order."""
    if isinstance(thing, list | tuple):
        return type(thing).__name__, *map(exactly, thing)
    if isinstance(thing, dict):
        return "dict", *((exactly(key), exactly(value)) for key, value in thing.items())
    if isinstance(thing, set):
        return "set", frozenset(map(exactly, thing))
    return type(thing).__name__, repr(thing)


@given(DATA, DATA)
def test_different_data_have_different_fingerprints(one: Any, other: Any):
    assert (fingerprint({"": one}) == fingerprint({"": other})) == (exactly(one) == exactly(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("1", 1),
        ("a", b"a"),
        ([1], (1,)),
        ([1], {1}),
        ({1}, {1.0}),
        ({1}, {True}),
        ({1}, frozenset({1})),
        ([], {}),
        ({1: 2, 3: 4}, {3: 4, 1: 2}),
        ([[1], 2], [1, [2]]),
        (("again", 0), [("again", 0)]),
        (None, "None"),
    ],
)
def test_what_looks_alike_has_different_fingerprints(one: Any, other: Any):
    assert fingerprint({"": one}) != fingerprint({"": other})


def test_one_list_twice_is_not_two_equal_lists():
    one: list[int] = []
    assert fingerprint({"": [one, one]}) != fingerprint({"": [[], []]})


def test_a_set_has_one_fingerprint_in_any_order():
    items = [f"item {number}" for number in range(50)]
    assert fingerprint({"": set(items)}) == fingerprint({"": set(reversed(items))})


def test_fingerprints_can_be_keys():
    source = "\n".join(dedent(each) for each in REMEMBERING.values())
    things = {name: thing for name, thing in notebook(source).items() if not name.startswith("__")}
    assert isinstance(hash(fingerprint(things)), int)


def test_other_code_has_another_fingerprint():
    one, other = (notebook(f"def handle(x):\n    return {number}")["handle"] for number in (1, 2))
    assert memory(one) != memory(other)


def test_a_locked_lock_has_another_fingerprint():
    lock = threading.Lock()
    before = fingerprint({"": lock})
    with lock:
        assert fingerprint({"": lock}) != before
    assert fingerprint({"": lock}) == before


def test_a_copied_lock_is_free():
    lock, again = threading.Lock(), threading.RLock()
    with lock, again:
        assert Copier().copy(lock).acquire(blocking=False)
        assert Copier().copy(again) is not again


CACHED = """
import functools
calls = 0
@functools.lru_cache(maxsize={maxsize})
def look_up(x):
    return [x]
def handle(x):
    look_up(x).append(x)
    return len(look_up(x))
"""


def test_a_cache_is_not_shared():
    original = notebook(CACHED.format(maxsize=5))["handle"]
    one, two = Copier().copy(original), Copier().copy(original)
    assert [one("x"), one("x"), two("x")] == [2, 3, 2]
    assert one.__globals__["look_up"].cache_parameters() == {"maxsize": 5, "typed": False}


@pytest.mark.parametrize("maxsize", [5, None])
def test_what_is_in_a_cache_is_memory(maxsize: int | None):
    original = notebook(CACHED.format(maxsize=maxsize))["handle"]
    one, two = Copier().copy(original), Copier().copy(original)
    fresh = memory(one)
    one("x")
    assert memory(one) != fresh
    assert memory(two) == fresh
    two("y")
    assert memory(two) not in (fresh, memory(one))
    two.__globals__["look_up"].cache_clear()
    two("x")
    assert memory(two) == memory(one)
    two("x")  # changes what the cache holds, not its size
    assert memory(two) != memory(one)


UNCOMPARABLE = {
    "a generator": "kept = (x for x in [1])",
    "an iterator": "kept = iter([1])",
    "a file": "import os; kept = open(os.devnull)",
    "a database": "import sqlite3; kept = sqlite3.connect(':memory:')",
    "a coroutine's frame": "import sys; kept = sys._getframe()",
}


@pytest.mark.parametrize("source", UNCOMPARABLE.values(), ids=UNCOMPARABLE.keys())
def test_what_can_not_be_copied_is_named(source: str):
    space = notebook(source + "\ndef handle(x):\n    return kept")
    kind = type(space["kept"]).__name__
    with pytest.raises(CannotCopy, match=rf"^an? (object of type )?(\w+\.)*{kind}$"):
        Copier().copy(space["handle"])
    with pytest.raises(Opaque):
        memory(space["handle"])
    assert not keeps_nothing({"handle": space["handle"]})


def test_annotations_are_no_memory():
    source = """
        Names = list[str] | dict[str, int]
        def handle(x: Names, y: "not to be found" = None) -> tuple[int, ...] | None:
            return Names
    """
    handle = notebook(source)["handle"]
    assert Copier().copy(handle)(1) == list[str] | dict[str, int]
    assert memory(Copier().copy(handle)) == memory(Copier().copy(handle))


def test_what_belongs_to_a_library_is_shared():
    import json

    for thing in (json, json.dumps, json.JSONDecoder, len, dict, threading.Lock):
        assert Copier().copy(thing) is thing
        assert fingerprint({"": thing}) == fingerprint({"": thing})


def test_one_copier_copies_each_thing_once():
    space = notebook("seen = []\ndef one():\n    seen.append(1)\ndef two():\n    return seen")
    copier = Copier()
    one, two = copier.copy(space["one"]), copier.copy(space["two"])
    one()
    assert two() == [1]
    assert space["seen"] == []


def test_replacements_are_put_in():
    import time

    space = notebook("from time import sleep\nimport time\ndef handle(x):\n    return sleep(x)")
    copied = Copier({id(time.sleep): lambda seconds: ("slept", seconds)}).copy(space["handle"])
    assert copied(3600) == ("slept", 3600)


def test_a_copy_keeps_name_documentation_and_annotations():
    handle = notebook('def handle(x: int) -> str:\n    """Does it."""')["handle"]
    copied = Copier().copy(handle)
    assert (copied.__name__, copied.__doc__, copied.__module__) == ("handle", "Does it.", "__main__")
    assert copied.__annotations__ == {"x": int, "return": str}
    assert copied.__code__ is handle.__code__


# Where memory is kept, for a reader


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("a global set", "seen"),
        ("a global number", "count"),
        ("a closure", "count"),
        ("a default", "seen"),
        ("a keyword default", "seen"),
        ("a function's attribute", "count"),
        ("a class's attribute", "seen"),
        ("an attribute of the class above", "seen"),
        ("an object", "seen"),
        ("a decorator", "calls"),
        ("a partial", "handle_with"),
    ],
)
def test_the_name_in_which_something_is_remembered_is_found(kind: str, name: str):
    handle = notebook(REMEMBERING[kind])["handle"]
    before = remembered({"handle": handle})
    handle("x")
    after = remembered({"handle": handle})
    assert name in {each for each, value in after.items() if before.get(each) != value}


HOLDS_ITSELF = """
import functools

ALL = set()

class One:
    def __init__(self, name):
        self.name = name
        self.siblings = ALL
        ALL.add(self)

    @functools.lru_cache(maxsize=None)
    def asked(self, what):
        return what
"""


@pytest.mark.parametrize("make", ["one = One('a')", "one = One('a'); one.asked(1)", "ALL.add(frozenset([One('a')]))"])
def test_what_holds_itself_is_told_in_the_end_and_alike(make: str) -> None:
    """A set whose elements know it, an object in the cache of its own method."""

    def told(more: str = "") -> Any:
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(f"{HOLDS_ITSELF}\n{make}\n{more}", space)
        return fingerprint({"one": space.get("one"), "all": space["ALL"], "kind": space["One"]})

    assert told() == told()
    assert told() != told("One('b')")
    assert told() != told(
        "next(iter(o for o in ALL if type(o) is One)).asked(2)" if "frozen" not in make else "One('c')"
    )
