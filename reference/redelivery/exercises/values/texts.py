"""The named ways in which two texts are taken for one another.

Left out is what no producer would send: empty texts, NUL, lone surrogates.
"""

from __future__ import annotations

import fnmatch
import hashlib
import html
import re
import unicodedata
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Literal
from urllib.parse import unquote, unquote_plus

from .confusion import Confusion, Family, by_key

Texts = Sequence[str]
Pairs = tuple[tuple[str, str], ...]
_WORDS = ("payment", "order", "invoice", "transfer", "parcel", "ticket", "refund")
#: Signs between the parts of an id.
SIGNS = "-_:/.|# "
#: Signs that are met less often; all of them go into one text.
_RARE_SIGNS = ",;@+=&~!"
#: Signs that mean something to SQL, Redis, Lua, JSON or a shell.
_QUOTES = "'\"\\%$*?[]{}()<>`^"
#: The signs that people drop one at a time.
_DROPPED = SIGNS + "'\""


def _number(random: Random, digits: int = 4) -> str:
    return str(random.randrange(10 ** (digits - 1), 10**digits))


def _word(random: Random) -> str:
    return random.choice(_WORDS)


def _long(random: Random, length: int) -> str:
    """A text of ``length`` characters, in parts as ids have them."""
    text = ""
    while len(text) < length:
        text += f"{_word(random)}{random.choice(SIGNS[:-1])}{_number(random)}{random.choice(SIGNS[:-1])}"
    return text[: length - 1] + random.choice("123456789")


# -- cut ---------------------------------------------------------------------------------------------------

#: Lengths at which people cut, by the length of the text that is drawn: short for the eye, long for the rest.
_CUTS = {
    8: (1, 2, 3, 4, 5, 6, 7, 8),
    24: (9, 10, 12, 15, 16, 18, 20, 24),
    64: (30, 32, 36, 40, 48, 50, 60, 64),
    260: (80, 100, 120, 128, 200, 250, 254, 255, 256),
}


def _cut() -> Iterator[Family[str]]:
    for length, counts in _CUTS.items():
        yield Family(
            partial(_apart, length, True),
            tuple(by_key(f"their last {_characters(n)} equal", partial(_last, n)) for n in counts),
        )
        yield Family(
            partial(_apart, length, False),
            tuple(by_key(f"their first {_characters(n)} equal", partial(_first, n)) for n in counts),
        )
    yield Family(
        lambda r: ("a1" + (middle := _long(r, 8)) + "9z", "b2" + middle + "8y"),
        (
            by_key("only their first and last two characters differ", lambda text: text[2:-2]),
            by_key("their middle is equal", lambda text: text[len(text) // 2 - 2 : len(text) // 2 + 2]),
        ),
    )


def _first(count: int, text: str) -> str:
    return text[:count]


def _last(count: int, text: str) -> str:
    return text[-count:]


def _without(sign: str, text: str) -> str:
    return text.replace(sign, "")


def _characters(count: int) -> str:
    return "character is" if count == 1 else f"{count} characters are"


def _apart(length: int, at_the_front: bool, random: Random) -> Texts:
    one, other = random.sample("abcdefgh", 2)
    same = _long(random, length)
    return (one + same, other + same) if at_the_front else (same + one, same + other)


# -- signs -------------------------------------------------------------------------------------------------


def _signs() -> Iterator[Family[str]]:
    for sign in SIGNS:
        yield Family(partial(_around, sign), tuple(_about(sign)))
    yield Family(_with_rare_signs, tuple(confusion for sign in _RARE_SIGNS for confusion in _about(sign)))
    for sign in _DROPPED[len(SIGNS) :]:
        yield Family(
            partial(_with_or_without, sign),
            (by_key(f"only {sign} keeps them apart", partial(_without, sign)),),
        )
    yield Family(
        lambda r: (f"{(w := _word(r))}_{(n := _number(r))}", f"{w}{n}", f"{w} {n}", f"{w}-{n}", f"'{w} {n}'"),
        (
            by_key("only signs keep them apart", lambda text: re.sub(r"\W", "", text)),
            by_key("only signs and underlines keep them apart", lambda text: re.sub(r"[\W_]", "", text)),
            by_key("their letters and digits are equal", lambda text: "".join(filter(str.isalnum, text))),
            by_key("the kind of sign keeps them apart", lambda text: re.sub(r"[^a-z0-9]+", "-", text.lower())),
            by_key("signs around them keep them apart", lambda text: re.sub(r"^\W+|\W+$", "", text)),
            by_key("their first words are equal", lambda text: _matched(r"\W*([a-z]+)", text)),
        ),
    )


def _with_or_without(sign: str, random: Random) -> Texts:
    word, number = _word(random), _number(random)
    return f"{word}{sign}{number}", f"{word}{number}"


def _about(sign: str) -> Iterable[Confusion[str]]:
    name = "blank" if sign == " " else sign
    return (
        by_key(f"they are equal after the last {name}", lambda text: text.split(sign)[-1]),
        by_key(f"they are equal before the first {name}", lambda text: text.split(sign)[0]),
        by_key(f"they are equal before the last {name}", lambda text: text.rpartition(sign)[0] or text),
        by_key(f"they are equal after the first {name}", lambda text: text.partition(sign)[2] or text),
        *((by_key(f"only {name} keeps them apart", lambda text: text.replace(sign, "")),) if sign in _DROPPED else ()),
    )


def _around(sign: str, random: Random) -> Texts:
    word, other = random.sample(_WORDS, 2)
    year, number, later = _number(random), _number(random), _number(random, 5)
    parts = (word, year, number)
    return sign.join(parts), sign.join((other, year, number)), sign.join((word, year, later)), "".join(parts)


def _with_rare_signs(random: Random) -> Texts:
    signs = random.sample(_RARE_SIGNS, len(_RARE_SIGNS))
    parts = [_number(random, 2) for _ in range(len(signs) + 1)]

    def join(parts: list[str]) -> str:
        return "".join(part + sign for part, sign in zip(parts, signs, strict=False)) + parts[-1]

    whole = join(parts)
    return whole, join([*parts[:-1], _number(random, 3)]), join([_number(random, 3), *parts[1:]])


# -- capitals, blanks, forms -------------------------------------------------------------------------------


def _capitals(random: Random) -> Texts:
    text, number = f"{_word(random)}-{_number(random)}{random.choice('xyz')}", _number(random)
    folded = (f"É{number}", f"é{number}", f"Straße {number}", f"STRASSE {number}", f"\u212a{number}", f"k{number}")
    # Exchanged, capitals keep texts apart, but for such as have none of their own: ß and the sign for kelvin.
    return (text, text.upper(), text.capitalize(), *folded, f"Strasse {number}", f"K{number}")


def _blanks(random: Random) -> Texts:
    word, number = _word(random), _number(random)
    text = f"{word} {number}"
    return text, f"{text} ", f" {text}", f"{word}  {number}", f"{word}{number}", f"{text}\u00a0", f"{text}  "


def _looks() -> Iterator[Family[str]]:
    yield Family(
        _capitals,
        (
            by_key("only capitals keep them apart", str.lower),
            by_key("only capitals keep them apart (upper)", str.upper),
            by_key("only capitals keep them apart (casefold)", str.casefold),
            by_key("only ASCII capitals keep them apart", lambda text: text.encode().lower()),
            by_key("only the capital at their beginning keeps them apart", str.capitalize),
            by_key("only capitals keep them apart (title)", str.title),
            by_key("their capitals exchanged, they are equal (swapcase)", str.swapcase),
        ),
    )
    yield Family(
        _blanks,
        (
            by_key("only blanks around them keep them apart", str.strip),
            by_key("only blanks behind them keep them apart", str.rstrip),
            by_key("only blanks before them keep them apart", str.lstrip),
            by_key("only plain blanks around them keep them apart", lambda text: text.strip(" ")),
            by_key("only plain blanks behind them keep them apart", lambda text: text.rstrip(" ")),
            by_key("only the number of blanks keeps them apart", lambda text: re.sub(" +", " ", text)),
            by_key("only the number of blanks, anywhere, keeps them apart", lambda text: " ".join(text.split())),
            by_key("only blanks keep them apart", lambda text: "".join(text.split())),
            by_key("only plain blanks keep them apart", lambda text: text.replace(" ", "")),
        ),
    )
    yield Family(
        lambda r: (f"Café {(n := _number(r))}", f"Cafe\u0301 {n}", f"Cafe {n}", f"Cafè {n}"),
        (
            *(by_key(f"they are one text in the form {form}", partial(_normalized, form)) for form in _FORMS),
            by_key("only accents keep them apart", _without_accents),
            by_key("only what is not ASCII keeps them apart", lambda text: text.encode("ascii", "ignore")),
        ),
    )
    yield Family(
        lambda r: (
            f"ﬁ{(n := _number(r))}",
            f"fi{n}",
            f"fi{n[:3]}{_wide(n[3])}",
            f"Ł{n}",
            f"Č{n}",
            f"fi\u00ad{n}",
            f"fi{n}👍",
        ),
        (
            by_key("they look alike (NFKC)", lambda text: unicodedata.normalize("NFKC", text)),
            by_key("they look alike (NFKD)", lambda text: unicodedata.normalize("NFKD", text)),
            *(
                by_key(f"in {code} they are the same question marks", partial(_encoded, code))
                for code in ("ascii", "latin-1")
            ),
            by_key(
                "only characters beyond U+FFFF keep them apart",
                lambda text: "".join(c for c in text if ord(c) < 0x10000),
            ),
            by_key("only what can't be seen keeps them apart", lambda text: "".join(filter(str.isprintable, text))),
        ),
    )


Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")


def _normalized(form: Form, text: str) -> str:
    return unicodedata.normalize(form, text)


def _encoded(code: str, text: str) -> bytes:
    return text.encode(code, "replace")


def _wide(digit: str) -> str:
    return chr(ord(digit) - ord("0") + ord("０"))


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _lines(random: Random) -> Texts:
    word, number = _word(random), _number(random)
    return f"{word} {number}", f"{word}\n{number}", f"{word}\t{number}", f"{word} {number}\n", f"{word}\r\n{number}"


#: For texts that people write, and no id: an address has lines.
LINES: Family[str] = Family(
    _lines,
    (
        by_key("only line breaks keep them apart", lambda text: text.replace("\n", " ")),
        by_key("only the kind of line break keeps them apart", lambda text: text.replace("\r\n", "\n")),
        by_key("only white space keeps them apart", lambda text: re.sub(r"\s+", " ", text)),
        by_key("only a line break at the end keeps them apart", lambda text: text.rstrip("\n")),
        by_key("their first lines are equal", lambda text: text.splitlines()[0]),
    ),
)


# -- read as something else --------------------------------------------------------------------------------


def _readings() -> Iterator[Family[str]]:
    yield Family(
        _plain_numbers,
        (
            by_key("as whole numbers they are equal", _as_int),
            by_key("as numbers they are equal", _as_float),
            by_key("in hexadecimal they are equal", _as_hex),
            by_key("only zeros before them keep them apart", lambda text: text.lstrip("0")),
            by_key("only zeros around them keep them apart", lambda text: text.strip("0")),
            by_key("they begin with the same number", lambda text: _matched(r"\s*[+-]?0*(\d+)", text)),
        ),
    )
    yield Family(
        lambda r: (str(n := 2**53 + 4 * r.randrange(1000)), str(n + 1), f"{str(n)[:-1]}{_wide(str(n)[-1])}"),
        (by_key("as floats they are equal", _as_float), by_key("as Python reads numbers they are equal", _as_int)),
    )
    yield Family(
        _counted,
        (
            by_key("their digits are equal", lambda text: re.sub(r"\D", "", text)),
            by_key("only digits keep them apart", lambda text: re.sub(r"\d", "", text)),
            by_key("the number at their end is equal", lambda text: _matched(r".*?(\d+)$", text)),
            by_key("the first number in them is equal", lambda text: _matched(r"\D*(\d+)", text)),
            by_key("their letters are equal", lambda text: "".join(filter(str.isalpha, text))),
        ),
    )
    yield Family(
        lambda r: (f"{(w := _word(r))} {(n := _number(r))}", f"{w}%20{n}", f"{w}+{n}", f"{w}&amp;{n}", f"{w}&{n}"),
        (
            by_key("only that one is encoded as in an address of the web keeps them apart", unquote),
            by_key("only that one is encoded as in a form keeps them apart", unquote_plus),
            by_key("only that one is escaped for HTML keeps them apart", html.unescape),
        ),
    )
    yield Family(
        lambda r: r.sample(("None", "null", "nil"), 3),
        (by_key("both are words for nothing", lambda t: None if t.lower() in ("none", "null", "nil") else t),),
    )


def _plain_numbers(random: Random) -> Texts:
    digit, after = random.sample("123456789", 2)
    number = f"{digit}0"
    return (
        number,
        f"0{number}",
        f"{number}.0",
        f"{digit}e1",
        f"+{number}",
        f" {number}",
        f"{digit}_0",
        f"0x{number}",
        f"{number}{'abcdef'[int(after) % 6]}h",
    )


def _counted(random: Random) -> Texts:
    one, other = random.sample(_WORDS, 2)
    number, later = _number(random), _number(random, 3)
    return f"{one}-{number}", f"{other}-{number}", f"{one}-{number}-{later}", f"{one}{number[:2]}-{number[2:]}"


def _matched(pattern: str, text: str) -> str:
    found = re.match(pattern, text)
    return text if found is None else found.group(1)


def _as_int(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return text


def _as_float(text: str) -> object:
    """As a column of SQLite with the affinity REAL or NUMERIC takes it."""
    return float(text) if re.fullmatch(r"\s*[+-]?\d+(\.\d*)?(e\d+)?\s*", text, re.ASCII) else text


def _as_hex(text: str) -> object:
    try:
        return int(text, 16)
    except ValueError:
        return text


# -- added up ----------------------------------------------------------------------------------------------


def _sums() -> Iterator[Family[str]]:
    yield Family(
        _turned,
        (
            by_key("they have the same characters in another order", lambda text: "".join(sorted(text))),
            by_key("their characters have the same sum", lambda text: sum(map(ord, text))),
            by_key("they consist of the same characters", frozenset),
            by_key("they are equally long", len),
            by_key("one is the other, read backwards", lambda text: min(text, text[::-1])),
        ),
    )
    yield Family(
        _crc32,
        (
            by_key("their crc32 is equal", lambda text: zlib.crc32(text.encode())),
            by_key("their crc32, modulo 1000, is equal", lambda text: zlib.crc32(text.encode()) % 1000),
        ),
    )
    yield Family(_adler32, (by_key("their adler32 is equal", lambda text: zlib.adler32(text.encode())),))
    for name, (first, modulus) in _DIGESTS.items():
        yield Family(
            partial(_one_of, first),
            tuple(
                by_key(f"the first {n} digits of their {name} are equal", partial(_first_digits, name, n))
                for n in (2, 4, 6, 7, 8)
            ),
        )
        if modulus:
            yield Family(
                partial(_one_of, modulus),
                tuple(
                    by_key(f"their {name}, as a number modulo 10**{n}, is equal", partial(_digest_modulo, name, n))
                    for n in (1, 2, 3, 4, 6, 8, 9)
                ),
            )
    for name, pairs in _UUID5.items():
        space = getattr(uuid, f"NAMESPACE_{name}")
        yield Family(
            partial(_one_of, pairs),
            (
                by_key(
                    f"the first 8 digits of their uuid5 ({name}) are equal",
                    partial(_uuid5, space),
                ),
            ),
        )


def _one_of(pairs: Pairs, random: Random) -> Texts:
    return random.choice(pairs)


def _uuid5(space: uuid.UUID, text: str) -> str:
    return str(uuid.uuid5(space, text))[:8]


def _turned(random: Random) -> Texts:
    word, digits = _word(random), "".join(random.sample("123456789", 3))
    return f"{word}{digits}", f"{word}{digits[::-1]}", f"{word}{digits}"[::-1]


def _crc32(random: Random) -> Texts:
    tail = _number(random)
    return tuple(text + tail for text in random.choice(_CRC32))


def _adler32(random: Random) -> Texts:
    """It adds up the characters, and these sums: +1 -2 +1 in a row leaves both as they were."""
    head = _word(random) + _number(random)
    return f"{head}-bdb", f"{head}-cbc"


def _first_digits(name: str, count: int, text: str) -> str:
    digits: str = getattr(hashlib, name)(text.encode()).hexdigest()
    return digits[:count]


def _digest_modulo(name: str, exponent: int, text: str) -> int:
    return int(_first_digits(name, 1000, text), 16) % int(10**exponent)


def _payments(*numbers: tuple[int, int]) -> Pairs:
    return tuple((f"payment-{one}", f"payment-{other}") for one, other in numbers)


# Found by trying numbers one after the other; a test calculates that they collide.
_CRC32: Pairs = (("t93938548", "t31380009"), ("t49395283", "t52570036"), ("t98264333", "t83481186"))
#: Digest → pairs with equal first 8 digits, pairs with equal numbers modulo 10**9.
_DIGESTS: dict[str, tuple[Pairs, Pairs]] = {
    "md5": (
        _payments((86334, 195915), (40674, 376019), (54711, 62477)),
        _payments((73400, 161034), (106934, 245927), (349575, 390977)),
    ),
    "sha1": (
        _payments((177762, 270599), (209733, 388238), (95413, 310144)),
        _payments((86569, 393380), (84058, 353347), (17021, 388551)),
    ),
    "sha256": (
        _payments((154156, 281461), (141609, 275370), (152710, 287103)),
        _payments((257892, 348527), (45982, 175102), (287056, 398502)),
    ),
    "blake2b": (_payments((74505, 100139), (23560, 133734), (190815, 392719)), ()),
}
_UUID5: dict[str, Pairs] = {
    "DNS": _payments((27456, 354955), (125267, 215013), (22896, 335741)),
    "URL": _payments((229194, 324978), (181322, 395753), (130811, 281829)),
    "OID": _payments((130799, 191716), (233533, 341062), (51236, 104030)),
}


# -- read as a pattern -------------------------------------------------------------------------------------


def _patterns() -> Iterator[Family[str]]:
    """The one that was there first, or the one that comes later, is read as a pattern, or is a part of the other."""
    for name, signs, fits in (("LIKE", "_%", _like), ("GLOB", "?*", _glob), ("a regular expression", ".", _regular)):
        for sign in signs:
            yield Family(
                partial(_wild, sign),
                (
                    Confusion(f"read as {name}, the later one fits the earlier", partial(_turned_round, fits)),
                    Confusion(f"read as {name}, the earlier one fits the later", fits),
                ),
            )
    yield Family(
        lambda r: (f"{(w := _word(r))}[0-9]", f"{w}{_number(r, 1)}", f"{w}[{_number(r, 1)}]"),
        (Confusion("read as GLOB, with brackets, the earlier one fits the later", _glob),),
    )
    yield Family(
        _nested,
        (
            Confusion("the later one is the beginning of the earlier", lambda a, b: a.startswith(b)),
            Confusion("the earlier one is the beginning of the later", lambda a, b: b.startswith(a)),
            Confusion("the later one is the end of the earlier", lambda a, b: a.endswith(b)),
            Confusion("the earlier one is the end of the later", lambda a, b: b.endswith(a)),
            Confusion("the later one is a part of the earlier", lambda a, b: b in a),
            Confusion("the earlier one is a part of the later", lambda a, b: a in b),
        ),
    )


def _turned_round(fits: Callable[[str, str], bool], known: str, new: str) -> bool:
    return fits(new, known)


def _wild(sign: str, random: Random) -> Texts:
    word, (one, other) = _word(random), random.sample("abcdefgh", 2)
    return f"{word}{one}9", f"{word}{sign}9", f"{word}{other}9"


def _nested(random: Random) -> Texts:
    word, number = _word(random), _number(random, 6)
    return f"{word}{number}", f"{word}{number}8", f"{word}{number[:3]}", number, number[1:4], f"a{number[1:4]}"


def _like(pattern: str, text: str) -> bool:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.IGNORECASE | re.DOTALL) is not None


def _glob(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern)


def _regular(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return pattern == text


#: Every way in which an id can be taken for another. What people get wrong most often comes first.
TEXTS: tuple[Family[str], ...] = (*_cut(), *_signs(), *_looks(), *_readings(), *_sums(), *_patterns())


#: Signs that stand between the texts of a list.
_BETWEEN = (*SIGNS, ",", ";", "\n", ", ", '", "', "', '")


def lists(random: Random) -> Iterator[tuple[str, ...]]:
    """Three texts each, of which the last is the list of the others: looked for in a list of all, it is found."""
    for sign in _BETWEEN:
        one, other = f"{_word(random)}{_number(random)}", f"{_number(random)}"
        yield one, other, f"{one}{sign}{other}"


def compact(random: Random) -> tuple[str, ...]:
    """As few texts as will do for every confusion of `TEXTS` to strike, if they are alike in everything else.

    Nearly all are one long text with one thing changed, which is no pleasure to read: what they find, those of a family
    show better.
    """
    signs = random.sample(_RARE_SIGNS + _QUOTES, len(_RARE_SIGNS + _QUOTES))
    long = _long(random, 190).replace(" ", "-")
    base = f"{_word(random)}é{''.join(_DROPPED)}Ł{_word(random)}{''.join(s + _number(random, 1) for s in signs)}{long}"
    same, head, ruled = base + _number(random, 1), _word(random)[:3], base.replace("-", "_", 1)
    number = str(random.randrange(11, 78))
    wild = [head + sign + "9" for sign in ("a", "_", "?", ".", "[ab]", "b")]
    whole = 2**53 + 4 * random.randrange(1000)
    crossed = [text for pairs in _pairs() for text in random.choice(pairs)]
    return (
        base,
        base + "K",
        base + "B",
        base + "\u212a",
        *(base.replace(sign, "", 1) for sign in _DROPPED),
        ruled,
        base[0].upper() + base[1:],
        f"{base} ",
        f" {base}",
        base.replace(" ", "  ", 1),
        base.replace("é", "e\u0301", 1),
        base.replace("é", "è", 1),
        base.replace("Ł", "Č", 1),
        base[:-1] + _wide(base[-1]),
        base + "👍",
        base.replace("é", "é\u00ad", 1),
        f"\ufeff{base}",
        f"{base}'",
        base.replace(" ", "%20", 1),
        base.replace(" ", "+", 1),
        base.replace("&", "&amp;", 1),
        base[::-1],
        same[: len(same) // 2],
        base[len(base) // 2 :],
        head + base,
        *wild,
        number,
        f"0{number}",
        f"{number}.0",
        f"{number}h",
        str(whole),
        str(whole + 1),
        *random.sample(("None", "null", "nil"), 2),
        *crossed,
        *_crc32(random),
        *_adler32(random),
    )


def kept(random: Random) -> tuple[str, ...]:
    """As few texts as will do for no way of looking at a text, of `TEXTS` and `LINES`, to give back all of them as they
    were: for a text that has to be kept, and is compared with nothing."""
    base = compact(random)[0]
    number = str(random.randrange(11, 78))
    return (
        f" {base.replace('é', 'e' + chr(0x301), 1).replace(' ', '  ', 1)}👍 ",
        f"É{base}%20+&amp;{_wide(number[0])}\u00ad",
        f"0{number}",
        f"{number}.0",
        str(2**53 + 4 * random.randrange(1000) + 1),
        "None",
        *_lines(random)[1:],
    )


def _pairs() -> Iterator[Pairs]:
    for first, modulus in _DIGESTS.values():
        yield from (pairs for pairs in (first, modulus) if pairs)
    yield from _UUID5.values()
