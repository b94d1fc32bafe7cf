"""Answers derived from all solutions and variants: in an order that a seed decides, none of them twice."""

from __future__ import annotations

import ast
import functools
import hashlib
import itertools
import json
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .operators import OPERATORS

ROOT = Path(__file__).parents[2]
PARTS = {
    "at_most_once": "01-delivery-guarantees",
    "at_least_once": "01-delivery-guarantees",
    "qos2_receiver": "01-delivery-guarantees",
    "order_total": "02-idempotence",
    "ledger": "03-unique-constraints",
    "setnx": "03-unique-constraints",
    "versioned_balance": "04-version-preconditions",
    "versioned_profile": "04-version-preconditions",
    "record_and_check": "05-record-and-check",
    "record_and_check_redis": "05-record-and-check",
    "request_once": "05-record-and-check",
}


@dataclass(frozen=True)
class Derived:
    """One answer and how it came about."""

    part: str
    origin: str
    operators: tuple[str, ...]
    source: str

    @property
    def key(self) -> str:
        """A name by which it is known again: the part and the source decide it alone."""
        return hashlib.sha256(f"{self.part}\n{self.source}".encode()).hexdigest()[:16]


@functools.cache
def origins(part: str) -> dict[str, str]:
    """The right answers to a part, by name: the solution of the notebook and the variants."""
    found = {}
    notebook = json.loads((ROOT / "reference" / "solutions" / f"{PARTS[part]}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        grading = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and grading.get("solution") and grading.get("grade_id") == part:
            found["solution of the notebook"] = _plain("".join(cell["source"]))
    for path in sorted((ROOT / "tests" / "variants" / PARTS[part] / part).glob("*.py")):
        found[path.stem] = _plain(path.read_text("utf-8"))
    return found


def _plain(source: str) -> str:
    """Without comments, in one style."""
    return ast.unparse(ast.parse(source)) + "\n"


SAMPLE = 12
"""So many of what an operator makes of a source are kept, by chance."""


@functools.lru_cache(maxsize=10_000)
def changes(source: str, operator: str) -> tuple[str, ...]:
    """A sample of everything that an operator makes of a source; the same one each time."""
    draw = random.Random(f"{operator}\n{source}")
    found: list[str] = []
    for number, changed in enumerate(OPERATORS[operator](ast.parse(source))):
        place = number if number < SAMPLE else draw.randrange(number + 1)
        if place < SAMPLE:
            text = _text(changed)
            if text is not None and text != source and text not in found:
                found[place : place + 1] = [text]
    return tuple(found)


def _text(changed: ast.Module) -> str | None:
    """Its source; None if it is no program."""
    try:
        text = ast.unparse(ast.fix_missing_locations(changed)) + "\n"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<cell>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, TypeError):
        return None
    return text


def derived(seed: int, parts: tuple[str, ...] = tuple(PARTS)) -> Iterator[Derived]:
    """Answers without end: parts in turn, operators in turn for each part, the rest by chance. Every fourth answer has
    been changed twice."""
    draw = random.Random(seed)
    seen: set[str] = set()
    decks: dict[str, list[str]] = {part: [] for part in parts}
    misses = 0
    while misses < 10_000:
        for part in parts:
            deck = decks[part]
            if not deck:
                deck.extend(draw.sample(list(OPERATORS), len(OPERATORS)))
            operator = deck.pop()
            made = _one(draw, part, operator)
            if made is None or made.key in seen:
                misses += 1
                continue
            misses = 0
            seen.add(made.key)
            yield made


def _one(draw: random.Random, part: str, operator: str) -> Derived | None:
    """An answer by this operator, of whatever origin it applies to."""
    names = list(origins(part))
    for name in draw.sample(names, min(len(names), 6)):
        found = changes(origins(part)[name], operator)
        if not found:
            continue
        source, operators = draw.choice(found), [operator]
        if draw.random() < 0.25:
            second = draw.choice(list(OPERATORS))
            some = itertools.islice(OPERATORS[second](ast.parse(source)), draw.randrange(40), None)
            again = next((text for changed in some if (text := _text(changed)) and text != source), None)
            if again is not None:
                source = again
                operators.append(second)
        return Derived(part, name, tuple(operators), source)
    return None
