"""Who is in the class: a list that says who handed in nothing, and joins the names that platforms give to one learner.

Understood are lists with a header that names these columns, in any order and among others:

=============================== ======================================================================================
of one's own                    ``learner`` (or ``name``); also ``id``, ``email``
Canvas, gradebook export        ``Student``, ``ID``, ``SIS User ID``, ``SIS Login ID``, ``Section``
Moodle, grading worksheet       ``Identifier``, ``Full name``, ``Email address``
Moodle, participants and grades ``First name``, ``Last name`` (or ``Surname``), ``ID number``, ``Email address``
GitHub Classroom                ``identifier``, ``github_username``
=============================== ======================================================================================

A number that the platform puts into a name (``obergann_123``, ``Ann Öberg_123``) decides where the list has it; else
the name does, if only one person in the list has it. Nobody is joined by guessing: who fits two is left as handed in.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import __version__
from .intake import Handed, shown, told_apart
from .result import SubmissionResult

NOTHING = "handed in nothing"
_LARGEST = 20_000_000
_WITH_NUMBER = re.compile(r"^(?P<name>.+)_(?P<number>\d+)$")
#: Of a learner of whom two sources have something: ``ann (monday)``.
_WITH_SOURCE = re.compile(r"^(?P<name>.+) \((?P<source>[^()]+)\)$")


class BadRoster(Exception):
    """The list can't be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """One row. ``columns``: as they stand in the list, by its own titles."""

    learner: str
    numbers: frozenset[str]
    names: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=dict)


def rows_of_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Titles and rows of a file of comma (or semicolon, or tab) separated values, with or without a byte-order mark.

    Raises:
        BadRoster: it can't be read as such.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRoster(f"{path} can't be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise BadRoster(f"{path} has {len(data):,} bytes, more than {_LARGEST:,}")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise BadRoster(f"{path} is no table of comma-separated values: {error}") from None
    if not rows:
        raise BadRoster(f"{path} is empty. Expected a first line with titles")
    titles = [title.strip() for title in rows[0]]
    return titles, [dict(zip(titles, (cell.strip() for cell in row), strict=False)) for row in rows[1:]]


def read_roster(path: Path) -> list[Person]:
    """The people in the list.

    Raises:
        BadRoster: there is no such file, or no column with names in it.
    """
    titles, rows = rows_of_csv(path)
    by_title = {title.casefold(): title for title in titles}

    def get(row: Mapping[str, str], *wanted: str) -> str:
        return next((row.get(by_title[w], "") for w in wanted if w in by_title and row.get(by_title[w])), "")

    people: list[Person] = []
    seen: Counter[str] = Counter()
    for row in rows:
        name = get(row, "learner", "student", "full name", "name")
        name = name or " ".join(filter(None, [get(row, "first name"), get(row, "last name", "surname")]))
        name = name or get(row, "identifier", "github_username", "email", "email address", "id")
        if not name or name.casefold() in ("points possible", "student, test"):
            continue
        numbers = {get(row, title) for title in ("id", "identifier", "sis user id", "sis login id", "id number")}
        numbers |= {get(row, "github_username"), get(row, "email", "email address")}
        numbers = {number.removeprefix("Participant ").casefold() for number in numbers if number}
        seen[name] += 1
        people.append(Person(shown(name), frozenset(numbers), _names_of(name), row))
    if not people:
        raise BadRoster(
            f"{path} names nobody. Expected a column learner, Student (Canvas), Full name or First name and Last name "
            f"(Moodle), or identifier (GitHub Classroom); it has: {', '.join(titles)[:200]}"
        )
    return [
        replace(p, learner=shown(f"{p.learner} {min(p.numbers, default=str(n))}")) if seen[p.learner] > 1 else p
        for n, p in enumerate(people, 1)
    ]


def plain_name(text: str) -> str:
    """A name without accents, blanks, signs and capitals."""
    text = unicodedata.normalize("NFD", text).casefold()  # not NFKD: letters of another kind are another name
    return "".join(c for c in text if c.isalnum())


def _names_of(name: str) -> frozenset[str]:
    """The forms in which platforms write a name: as it is, and with the last name first."""
    last, comma, first = name.partition(",")
    if comma:
        return frozenset({plain_name(name), plain_name(first + last)})
    words = name.split()
    turned = {plain_name("".join(words[n:] + words[:n])) for n in range(len(words))}
    return frozenset({plain_name(name), *turned}) - {""}


def _is_called(handed: str, learner: str) -> bool:
    """Whether this is how the list writes the name, with what the grader has added to it or without."""
    source = _WITH_SOURCE.match(handed)
    names = (handed, source["name"], source["source"].partition(".")[0]) if source is not None else (handed,)
    return unicodedata.normalize("NFC", learner) in (unicodedata.normalize("NFC", name) for name in names)


class Joined:
    """What was handed in, by the names of the list; ``strangers`` are in no row of it."""

    def __init__(self, handed: Handed, people: Sequence[Person]) -> None:
        self.people = tuple(people)
        self._by_number: dict[str, list[Person]] = defaultdict(list)
        self._by_name: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            for number in person.numbers:
                self._by_number[number].append(person)
            for name in person.names:
                self._by_name[name].append(person)
        learners = {one.learner for one in handed.entries} | {one.learner for one in handed.unusable}
        self.person_of: dict[str, Person] = {}
        for learner in sorted(learners):
            found = self._person(learner, handed.sources)
            if found is not None:
                self.person_of[learner] = found
        for learner in self._look_alikes():
            del self.person_of[learner]
        self.strangers = frozenset(learners - set(self.person_of))
        named = {learner: joined.learner for learner, joined in self.person_of.items()}
        there = set(named.values())
        missing = [
            SubmissionResult(person.learner, "", "", (), problem=NOTHING, version=__version__, nothing=True)
            for person in people
            if person.learner not in there
        ]
        self.handed = Handed(
            told_apart(replace(entry, learner=named.get(entry.learner, entry.learner)) for entry in handed.entries),
            (*(replace(r, learner=named.get(r.learner, r.learner)) for r in handed.unusable), *missing),
            frozenset(named.get(learner, learner) for learner in handed.late),
            handed.sources,
            handed.around,
        )

    def _person(self, learner: str, sources: frozenset[str] | None) -> Person | None:
        source = _WITH_SOURCE.match(learner)
        if source is not None and (sources is None or source["source"] in sources):
            own = re.sub(r"(\.tar)?\.\w+$", "", source["source"])
            found = self._one(own) or self._one(source["name"])  # an archive of one person's is that person's
            return found or self._one(learner)
        return self._one(learner)

    def _look_alikes(self) -> list[str]:
        """Who is joined by a name that only resembles that of somebody who has handed in under the name itself."""
        own: dict[str, list[str]] = defaultdict(list)
        for learner, person in self.person_of.items():
            source = _WITH_SOURCE.match(learner)
            name = source["name"] if source is not None else learner
            if not self._numbers_of(name):
                own[person.learner].append(learner)
        return [
            one
            for learner, several in own.items()
            if any(_is_called(other, learner) for other in several)
            for one in several
            if not _is_called(one, learner)
        ]

    def _numbers_of(self, learner: str) -> list[Person]:
        match = _WITH_NUMBER.match(learner)
        return self._by_number.get(learner.casefold()) or (self._by_number.get(match["number"], []) if match else [])

    def _one(self, learner: str) -> Person | None:
        found = self._by_number.get(learner.casefold(), [])
        match = _WITH_NUMBER.match(learner)
        if not found and match is not None:
            found = self._by_number.get(match["number"], [])
            named = self._by_name.get(plain_name(match["name"]), [])
            if found and named and not any(person in named for person in found):
                return None  # ann_2 is no Bob, who has the number 2
        if not found:
            found = self._by_name.get(plain_name(learner), [])
        if not found and match is not None and not any(n.isdigit() for n in self._by_number):
            found = self._by_name.get(plain_name(match["name"]), [])
        return found[0] if len(found) == 1 else None
