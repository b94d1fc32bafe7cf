"""Values that hurt: texts that are taken for one another, amounts and numbers at their edges.

Each rule is a way in which two different texts can be confused. A session draws its ids from several of them, so that
whoever keeps less of an id than all of it will, some day, meet two that are the same to them.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable

_LETTERS = string.ascii_lowercase


def _word(draw: random.Random, least: int = 1, most: int = 6) -> str:
    return "".join(draw.choice(_LETTERS) for _ in range(draw.randint(least, most)))


def _digits(draw: random.Random, least: int = 1, most: int = 5) -> str:
    return str(draw.randint(1, 9)) + "".join(draw.choice(string.digits) for _ in range(draw.randint(least, most) - 1))


def _either(draw: random.Random) -> str:
    return draw.choice([_word(draw), _digits(draw), _word(draw, 1, 2) + _digits(draw, 1, 3)])


def _case(draw: random.Random) -> list[str]:
    word = _word(draw) + _digits(draw, 1, 2)
    return [word, word.upper(), word.capitalize()]


def _folding(draw: random.Random) -> list[str]:
    word = _word(draw, 1, 3)
    return [*draw.choice([(f"{word}ß", f"{word}ss"), (f"{word}ς", f"{word}σ"), (f"{word}é", f"{word}É")])]


def _compatibility(draw: random.Random) -> list[str]:
    word = _word(draw, 1, 3)
    return [
        *draw.choice(
            [
                (f"{word}ﬁ", f"{word}fi"),
                (f"{word}²", f"{word}2"),
                (f"{word}８", f"{word}8"),
                (f"{word}é", f"{word}e\u0301"),
                (f"{word}K", f"{word}\u212a"),
            ]
        )
    ]


def _blanks(draw: random.Random) -> list[str]:
    word = _either(draw)
    return [word, *draw.sample([f" {word}", f"{word} ", f"{word}\t", f"{word}\n", f"  {word}", f"\u00a0{word}"], 2)]


def _inner_blanks(draw: random.Random) -> list[str]:
    one, two = _either(draw), _either(draw)
    return [f"{one} {two}", f"{one}  {two}", f"{one}{two}"]


def _numbers(draw: random.Random) -> list[str]:
    number = _digits(draw, 1, 4)
    return [number, *draw.sample([f"0{number}", f"00{number}", f"{number}.0", f"+{number}", f"{number}e0"], 2)]


def _beginnings(draw: random.Random) -> list[str]:
    word = _either(draw)
    longer = word + _either(draw)
    return [word, longer, longer + _either(draw)]


def _ends(draw: random.Random) -> list[str]:
    end = f"{draw.randrange(10**6):06}"
    return [f"{_word(draw, 2, 6)}-{end}", f"{_word(draw, 2, 6)}-{end}"]


def _long(draw: random.Random) -> list[str]:
    stem = _word(draw, 20, 20) * draw.choice([1, 2, 4, 13])
    return [stem + _digits(draw, 2, 2), stem + _word(draw, 2, 2)]


def _last_sections(draw: random.Random) -> list[str]:
    sign, end = draw.choice("-_/:.#|@"), _either(draw)
    return [f"{_either(draw)}{sign}{end}", f"{_either(draw)}{sign}{end}", end]


def _first_sections(draw: random.Random) -> list[str]:
    sign, beginning = draw.choice("-_/:.#|@ ,"), _either(draw)
    return [f"{beginning}{sign}{_either(draw)}", f"{beginning}{sign}{_either(draw)}", beginning]


def _signs(draw: random.Random) -> list[str]:
    one, two = _either(draw), _either(draw)
    return [one + sign + two for sign in draw.sample(["-", "_", "", "/", ".", "'", '"', "\\"], 3)]


def _patterns(draw: random.Random) -> list[str]:
    word = _word(draw, 1, 3)
    return [f"{word}{_digits(draw, 1, 1)}", *draw.sample([f"{word}%", f"{word}_", f"{word}*", f"{word}?", "%", "*"], 2)]


def _same_digits(draw: random.Random) -> list[str]:
    digits = _digits(draw, 2, 3)
    return [f"{_word(draw, 1, 2)}{digits}", f"{_word(draw, 3, 3)}{digits}", digits]


def _same_letters(draw: random.Random) -> list[str]:
    letters = list(_word(draw, 3, 5) + _digits(draw, 2, 2))
    other = letters[::-1]
    return ["".join(letters), "".join(other), "".join(sorted(letters))]


def _words_of_programs(draw: random.Random) -> list[str]:
    return draw.sample(["None", "null", "NULL", "True", "0", "-1", "nan", "o'8", "processed", "balance", "{}", "[]"], 2)


CONFUSIONS: tuple[Callable[[random.Random], list[str]], ...] = (
    _case,
    _folding,
    _compatibility,
    _blanks,
    _inner_blanks,
    _numbers,
    _beginnings,
    _ends,
    _long,
    _last_sections,
    _first_sections,
    _signs,
    _patterns,
    _same_digits,
    _same_letters,
    _words_of_programs,
)


def texts(draw: random.Random, count: int, plain: float = 0.2) -> list[str]:
    """``count`` different texts, neighbours from one confusion next to each other; a share is ``plain``."""
    found: dict[str, None] = {}
    while len(found) < count:
        few = [_either(draw) for _ in range(2)] if draw.random() < plain else draw.choice(CONFUSIONS)(draw)
        draw.shuffle(few)
        found.update(dict.fromkeys(few))
    return list(found)[:count]


def amounts(draw: random.Random, count: int, zero: bool = False, negative: bool = True) -> list[int]:
    """Amounts, often equal to one another."""
    usual = draw.choice([100, 1, 7, 50])
    found = []
    for _ in range(count):
        kind = draw.random()
        if kind < 0.45:
            found.append(usual)
        elif kind < 0.75 and negative:
            found.append(draw.choice([-usual, -1, -draw.randint(1, 999)]))
        elif kind < 0.9:
            found.append(draw.randint(1, 999))
        elif kind < 0.95:
            found.append(draw.choice([10**6, 10**9, 2**31, 2**31 - 1]))
        else:
            found.append(0 if zero else 2)
    return found


def numbers(draw: random.Random, count: int) -> list[int]:
    """Different numbers of accounts or customers, of which one begins or ends like another."""
    first = draw.choice([1, 6, 66, 7, 12, draw.randint(1, 999)])
    near = [first, first * 10 + draw.randrange(10), first + 1, int(f"{draw.randint(1, 9)}{first}"), first * 11, 10**9]
    draw.shuffle(near)
    return list(dict.fromkeys([first, *near, *range(2000, 2000 + count)]))[:count]


def run_together(draw: random.Random) -> list[tuple[str, int]]:
    """A text and a number each, that read alike when one is written behind the other, in either order."""
    digits = _digits(draw, 4, 5).replace("0", "1")
    one, two = 1 + draw.randrange(2), 3
    if draw.random() < 0.5:
        return [(digits[:one], int(digits[one:])), (digits[:two], int(digits[two:]))]
    return [(digits[one:], int(digits[:one])), (digits[two:], int(digits[:two]))]
