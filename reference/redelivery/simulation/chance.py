"""Random bits as bad as they may be: deterministic, and never kinder than life.

Two draws of few bits are equal sooner or later, so here they are at once: the first `FEW` bits that a delivery draws
are those that the delivery of another message draws at its same attempt. Two uuids begin and end alike, and differ in
the middle. Draws of many bits are never equal, and a second attempt at a message draws otherwise than the first: who
relies on getting the same again is wrong, too. Holders of one lock are few, so that their tokens are equal only up to
`VERY_FEW` bits, and at the attempts at every other message.

What is seldom drawn happens sooner or later, too: one in a thousand takes another branch. Where many messages are
handled, their draws are spread (`Identity.spread`): over them all every small number is drawn, and both extremes.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

#: So many bits are few, where every message draws some; and so many where there are only some processes.
FEW, VERY_FEW = 40, 16
#: So many bits of a large draw are its own.
_OWN = 24
#: As if a large draw had used up so many of the first bits.
LARGE, LARGE_COUNTS = 48, 24
_UUID = 128
#: What version and variant of a uuid add to that rest.
_OF_VERSION = ((4 << 76) + (2 << 62)) % 10**6
#: The golden ratio, less one, as a fraction of so many bits.
_GOLDEN_BITS = 32
_GOLDEN = 2_654_435_769
#: Every whole number up to 16 divides it, and every power of ten up to a million.
_ROUND = 720_720 * 10**6


#: What draws are where they are not spread: see `Identity`.
ALIKE, LOW, HIGH = -1, -2, -3


class Identity(NamedTuple):
    """Who draws: an ``attempt`` at message number ``message``.

    ``spread``: the number that says what is drawn, where draws are to be spread; `ALIKE` where they are to be alike,
    and `LOW` or `HIGH` where the bits that are equal are all 0 or all 1, too.
    """

    message: int
    attempt: int
    spread: int = ALIKE


_TOKENS = {LOW: 0, HIGH: (1 << VERY_FEW) - 1}
_RESTS = {LOW: 0, HIGH: _ROUND - 1}


def bits_counted(bits: int) -> int:
    """How many of the first bits a draw of so many takes."""
    return bits if bits < LARGE else LARGE_COUNTS


def drawn(who: Identity, length: int, serial: object, before: int = 0) -> bytes:
    """``length`` random bytes, the ``serial``-th draw, after ``before`` bits drawn earlier: the same each time."""
    bits = 8 * length
    own = _number(bits, "own", who.message, who.attempt, serial)
    if who.spread >= 0:
        return _spread(who, bits, own, before).to_bytes(length, "big")
    most = bits if bits < LARGE else min(FEW, bits - _OWN)
    leading = max(0, min(most, FEW - before))
    trailing = 0 if bits < LARGE else min(FEW, bits - _OWN - most)
    value = own & ((1 << bits - leading) - 1)
    if leading:
        value |= (_first_bits(who) >> FEW - before - leading & ((1 << leading) - 1)) << bits - leading
    if trailing:
        value = value >> trailing << trailing | _first_bits(who) & ((1 << trailing) - 1)
    return (_round(value) if bits == _UUID else value).to_bytes(length, "big")


def whole_number(who: Identity, serial: object) -> int:
    """64 random bits as SQL's ``random()`` gives them; of two, the rest after division by a round number is equal."""
    rest = _place(who) if who.spread >= 0 else _RESTS.get(who.spread, _first_bits(who) % _ROUND)
    return rest + _ROUND * _number(23, "number", who.message, who.attempt, serial)


def start_bytes(identity: int, successor: int, length: int, serial: int) -> bytes:
    """``length`` random bytes for a process that starts. Of those there are few, and each draws once: very few bits are
    equal, in all that are no successors (0)."""
    bits = 8 * length
    own, alike = _number(bits, "start", identity, serial), min(bits, VERY_FEW)
    shared = _number(VERY_FEW, "starts", successor, serial) >> VERY_FEW - alike
    return (own & ((1 << bits - alike) - 1) | shared << bits - alike).to_bytes(length, "big")


def _place(who: Identity) -> int:
    """Of this attempt among all that draw what is spread."""
    return 2 * who.spread + (who.attempt - 1) % 2


def _spread(who: Identity, bits: int, own: int, before: int) -> int:
    """The first draw: a place on the whole range, no two near one another (the golden ratio sees to that), and the
    smallest and the largest now and then; of a uuid, the rest after division by a million goes up one by one."""
    place = _place(who)
    if before:
        return own
    leading = min(bits, _GOLDEN_BITS)
    ends = {5: 0, 37: (1 << _GOLDEN_BITS) - 1}
    first = ends.get(place % 64, place * _GOLDEN % (1 << _GOLDEN_BITS)) >> _GOLDEN_BITS - leading
    value = own & ((1 << bits - leading) - 1) | first << bits - leading
    return _round(value >> 20 << 20) + (place - _OF_VERSION) % 10**6 if bits == _UUID else value


def _first_bits(who: Identity) -> int:
    token = _TOKENS.get(who.spread, -1)
    if token < 0:
        token = _number(VERY_FEW, "token", who.attempt if who.message % 2 == 0 else 1)
    return token << FEW - VERY_FEW | _number(FEW - VERY_FEW, "key", who.attempt)


def _round(value: int) -> int:
    """A uuid's bits so that the rest of the whole number after division by a million is always the same. The bits of
    version and variant, which are overwritten, are left out."""
    value &= ~(0xF << 76 | 0x3 << 62 | 0x3FFF << 40)
    digits = (-value * pow(1 << 40, -1, 5**6)) % 5**6
    return value | digits << 40


def _number(bits: int, *seed: object) -> int:
    digest = hashlib.shake_256("/".join(map(str, seed)).encode()).digest((bits + 7) // 8)
    return int.from_bytes(digest, "big") >> -bits % 8
