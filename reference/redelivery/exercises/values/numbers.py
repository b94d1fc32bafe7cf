"""The named ways in which two whole numbers are taken for one another, or become others.

All of them fit into 63 bits and a sign, with room for sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from .confusion import Confusion, Family, by_key


def _first(count: int, number: int) -> str:
    return str(number)[:count]


def _modulo(divisor: int, number: int) -> int:
    return number % divisor


def _ids() -> Iterator[Family[int]]:
    """For numbers that name something: an account, a customer."""
    yield Family(
        lambda r: (n := r.randrange(100, 999), n * 10, n * 100 + 1, int(f"{r.randrange(1, 9)}{n}"), n // 10),
        (
            *(by_key(f"their first {n} digits are equal", partial(_first, n)) for n in (1, 2, 3)),
            *(by_key(f"their last {n} digits are equal", partial(_modulo, 10**n)) for n in (1, 2, 3)),
            Confusion("one is the beginning of the other", lambda a, b: str(b).startswith(str(a))),
            Confusion("one is the beginning of the other", lambda a, b: str(a).startswith(str(b))),
            Confusion("one is a part of the other", lambda a, b: str(a) in str(b)),
            Confusion("one is a part of the other", lambda a, b: str(b) in str(a)),
            by_key("only zeros at their ends keep them apart", lambda i: str(i).rstrip("0")),
        ),
    )
    yield Family(
        lambda r: (n := r.randrange(1000, 9999), n + (5**6 << 32)),
        (
            *(by_key(f"modulo {m} they are equal", partial(_modulo, m)) for m in (2, 4, 5, 8, 10, 16, 25, 50, 64, 100)),
            *(by_key(f"modulo {m} they are equal", partial(_modulo, m)) for m in (128, 256, 1000, 1024, 10**4, 10**6)),
            *(by_key(f"their last {n} bits are equal", partial(_modulo, 2**n)) for n in (8, 16, 31, 32)),
        ),
    )
    yield Family(
        lambda r: (int(t := "".join(r.sample("123456789", 4))), int(t[::-1])),
        (
            by_key("they have the same digits in another order", lambda i: "".join(sorted(str(i)))),
            by_key("their digits have the same sum", lambda i: sum(map(int, str(i)))),
            by_key("they are equally long", lambda i: len(str(i))),
            by_key("one is the other, read backwards", lambda i: min(str(i), str(i)[::-1])),
        ),
    )
    # 7 * 9 * 11 * 13 and a few more: what people take for a number of shards.
    yield Family(
        lambda r: (n := r.randrange(100, 999), n + 720720),
        tuple(by_key(f"modulo {m} they are equal", partial(_modulo, m)) for m in (3, 6, 7, 9, 11, 12, 13)),
    )


#: Every way in which a number that names something can be taken for another, but for floats.
NUMBERS: tuple[Family[int], ...] = tuple(_ids())
#: Not where a store's own scripts calculate in floats, as Lua does.
FLOATS: Family[int] = Family(
    lambda r: (n := 2**53 + 4 * r.randrange(1, 1000), n + 1),
    (
        by_key("as floats they are equal", float),
        by_key("without their last digit they are equal", lambda i: i // 10),
        *(by_key(f"their first {n} digits are equal", partial(_first, n)) for n in (4, 6, 8, 10, 12, 15)),
    ),
)


@dataclass(frozen=True, slots=True)
class Distortion:
    """``words`` say what becomes of an amount: "it has lost its sign"."""

    words: str
    distort: Callable[[int], int]


def _wrapped(bits: int) -> Callable[[int], int]:
    half = 1 << bits - 1
    return lambda amount: (amount + half) % (2 * half) - half


#: What can become of an amount that is not kept as it came. Floats hold all that people pay, so they are not among it.
DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("it has lost its sign", abs),
    Distortion("a debit is taken for nothing", lambda amount: max(amount, 0)),
    Distortion("it is turned round", lambda amount: -amount),
    Distortion("it is 100", lambda amount: 100),
    Distortion("it is at most 1,000", lambda amount: min(amount, 1_000)),
    Distortion("it is rounded to hundreds", lambda amount: round(amount, -2)),
    Distortion("it is rounded to tens", lambda amount: round(amount, -1)),
    Distortion("it is taken modulo 1,000", lambda amount: amount % 1_000),
    *(Distortion(f"it has got {bits} bits", _wrapped(bits)) for bits in (8, 16, 32)),
    Distortion("it has got 32 bits without a sign", lambda amount: amount % 2**32),
    Distortion("of its digits the first six are left", lambda amount: int(str(amount)[:6])),
    Distortion("it is at most what 32 bits hold", lambda amount: min(amount, 2**31 - 1)),
)


def amounts(random: Random) -> Sequence[int]:
    """Amounts that are not what they were after any of `DISTORTIONS`. None is 0. All are below 10**13, so that they and
    their sums are exact in floats too, in the short form of Lua as well."""
    return (
        random.randrange(1, 9),
        random.randrange(11, 99),
        -random.randrange(101, 140),
        random.randrange(130, 999) * 10 + random.randrange(1, 9),
        -random.randrange(2_000, 9_000),
        random.randrange(40_000, 60_000) * 10 + 1,
        2**31 + random.randrange(1_000),
        -(2**31) - random.randrange(2, 1_000),
        2**32 + random.randrange(1, 1_000),
        -(2**40) - random.randrange(1_000),
    )


@dataclass(frozen=True, slots=True)
class Disorder:
    """``words`` say why an older version may be taken for a newer one, or for the same."""

    words: str
    rank: Callable[[int], float | str]
    """By what versions are compared."""


#: Ways to compare two versions wrongly.
DISORDERS: tuple[Disorder, ...] = (
    Disorder("as texts, 10 comes before 9", str),
    *(Disorder(f"version numbers have got {bits} bits", _wrapped(bits)) for bits in (8, 16, 32)),
    Disorder("as floats they are equal", float),
    *(Disorder(f"they are taken modulo {m}", partial(_modulo, m)) for m in (10, 100, 256, 1000)),
    Disorder("only their last digit counts", lambda version: str(version)[-1]),
    Disorder("only their first digit counts", lambda version: str(version)[0]),
    Disorder("tens count as equal", lambda version: version // 10),
    Disorder("at most 100 is counted", lambda version: min(version, 100)),
    Disorder("their length counts", lambda version: len(str(version))),
)


def versions(random: Random) -> Sequence[tuple[int, int]]:
    """Pairs (older, newer) in which each of `DISORDERS` does not say that the second is newer."""
    start = 2**53 + 4 * random.randrange(1_000)
    return (
        (0, 1),
        (9, 10),
        (n := random.randrange(2, 8), n + 1),
        (99, 100),
        (n := random.randrange(20, 90) * 10 + 9, n + 1),
        (127, 128),
        (255, 256),
        (n := random.randrange(300, 900), n + 1_000),
        (2**15 - 1, 2**15),
        (2**16 - 1, 2**16),
        (2**31 - 1, 2**31),
        (2**32 - 1, 2**32),
        (start, start + 1),
    )
