"""Pairs of answers that are alike beyond what was handed out, for a teacher to look at; it changes nobody's points.

An answer's syntax tree is written down without names, texts and numbers, so that renaming hides nothing, and cut into
overlapping pieces. Pieces of the stub, of the course's own solutions and of what many in the class write say nothing
and are left out; how many of the rest two answers share is how alike they are. (The same idea as winnowing: Schleimer,
Wilkerson, Aiken, Winnowing: local algorithms for document fingerprinting, 2003, without its sampling, since answers are
short.)
"""

from __future__ import annotations

import ast
import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

from ..result import SubmissionResult
from .gradebook import harmless

#: Nodes in a piece; pieces of its own that an answer must have; what is alike from there on.
_PIECE, _LEAST, _ALIKE = 8, 12, 0.6
#: What more than this part of the class writes, and more than so many, is common.
_COMMON, _FEW = 0.25, 4
_MOST_NODES = 5_000
_ROOT = Path(__file__).resolve().parents[4]
_NOTHING = (ast.Load, ast.Store, ast.Del)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one part."""

    exercise: str
    part: str
    one: str
    other: str
    percent: int
    """Of the smaller one's own pieces, those that are in the other, too."""


def pieces(source: str) -> frozenset[int]:
    """What an answer consists of; nothing where it can't be read."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    words: list[str] = []
    todo: list[ast.AST] = [tree]
    while todo and len(words) < _MOST_NODES:
        node = todo.pop()
        if isinstance(node, _NOTHING):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        words.append(type(node).__name__ + (node.attr if isinstance(node, ast.Attribute) else ""))
        todo += reversed(list(ast.iter_child_nodes(node)))
    return frozenset(hash(tuple(words[i : i + _PIECE])) for i in range(len(words) - _PIECE + 1))


@cache
def _ours(exercise: str) -> dict[str, frozenset[int]]:
    """The pieces of what was handed out and of our own solutions, where they are here, by part."""
    found: dict[str, frozenset[int]] = defaultdict(frozenset)
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "handed_out", _ROOT / "reference" / "solutions"):
        try:
            cells = json.loads((folder / f"{exercise}.ipynb").read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, LookupError):
            continue
        for cell in cells:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if name:
                found[name] |= pieces("".join(cell["source"]))
    return dict(found)


def pairs(results: Sequence[SubmissionResult]) -> list[Pair]:
    """Those that are alike, the most alike first."""
    answers: dict[tuple[str, str], dict[str, frozenset[int]]] = defaultdict(dict)
    for result in results:
        for part in result.parts:
            own = pieces(part.answer) - _ours(result.exercise).get(part.part, frozenset())
            answers[result.exercise, part.part][result.learner] = own
    found = [
        Pair(exercise, part, one, other, percent)
        for (exercise, part), by_learner in answers.items()
        for one, other, percent in _alike(by_learner)
    ]
    return sorted(found, key=lambda pair: (-pair.percent, pair.exercise, pair.part, pair.one, pair.other))


def to_csv(found: Sequence[Pair]) -> str:
    """The pairs as a table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["exercise", "part", "one", "other", "alike"])
    for pair in found:
        row = [pair.exercise, pair.part, pair.one, pair.other, f"{pair.percent}%"]
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue()


def _alike(by_learner: dict[str, frozenset[int]]) -> Iterable[tuple[str, str, int]]:
    times = Counter(piece for own in by_learner.values() for piece in own)
    most = max(_FEW, _COMMON * len(by_learner))
    rare = {learner: {p for p in own if times[p] <= most} for learner, own in by_learner.items()}
    for one, other in combinations(sorted(rare), 2):
        fewer = min(len(rare[one]), len(rare[other]))
        if fewer >= _LEAST and (share := len(rare[one] & rare[other]) / fewer) >= _ALIKE:
            yield one, other, round(100 * share)
