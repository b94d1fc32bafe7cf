"""Generated classes: right, wrong, unsolved, broken and hostile submissions, and what each is honestly worth."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from redelivery.exercises.catalogue import EXERCISES
from tests.answers import Answer, answers
from tests.attacks.hand_in import Attack, attacks
from tests.test_matrix import stored

HANDED_OUT = Path(__file__).parents[1] / "exercises"
#: Answers whose check takes longer (seconds by the stored table) are left out of large classes.
LONG = 3.0


def by_part() -> dict[str, list[Answer]]:
    """The answers of the corpus for each part, wrong and right ones mixed, those that take long left out."""
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers("mutants") + answers("variants"):
        row = stored().get((answer.kind, answer.exercise, answer.part, answer.name))
        if row is not None and row.seconds <= LONG:
            found[answer.part].append(answer)
    return found


def notebook(exercise: str, sources: dict[str, str]) -> dict[str, Any]:
    """An exercise as it was handed out, with these answers."""
    content: dict[str, Any] = json.loads((HANDED_OUT / f"{exercise}.ipynb").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution") and marks["grade_id"] in sources:
            cell["source"] = sources[marks["grade_id"]]
    return content


def write(folder: Path, learner: str, exercise: str, text: str) -> Path:
    """Hand in, as nbgrader lays it out."""
    path = folder / learner / exercise / f"{exercise}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


#: A fifth means harm.
KINDS = ("answers", "answers", "some", "broken", "hostile")
#: A tenth does.
MOSTLY_HONEST = (*["answers"] * 5, "some", "some", "broken", "broken", "hostile")


def generated(
    folder: Path, size: int, seed: int, hostile: Sequence[Attack] | None = None, kinds: Sequence[str] = KINDS
) -> dict[str, int | None]:
    """Write a class; the points of each learner, or None where the notebook can't be used."""
    chance = random.Random(seed)
    corpus = by_part()
    evil = list(attacks() if hostile is None else hostile)
    worth: dict[str, int | None] = {}
    for number in range(size):
        learner = f"learner{number:03}"
        exercise = chance.choice(sorted(EXERCISES))
        parts = {part.grade_id: part.points for part in EXERCISES[exercise]}
        kind = chance.choice(kinds) if kinds is KINDS else kinds[number % len(kinds)]
        if kind == "hostile":
            attack = evil[number % len(evil)]
            exercise = attack.exercise
            points = next(part.points for part in EXERCISES[exercise] if part.grade_id == attack.part)
            worth[learner] = points if attack.is_honest else 0
            write(folder, learner, exercise, json.dumps(notebook(exercise, {attack.part: attack.source})))
            continue
        chosen = {name: chance.choice(corpus[name]) for name in parts if corpus[name]}
        if kind == "some":
            chosen = dict(list(chosen.items())[: chance.randrange(len(chosen) + 1)])
        sources = {name: answer.source for name, answer in chosen.items()}
        worth[learner] = sum(parts[name] for name, answer in chosen.items() if answer.is_right)
        text = json.dumps(notebook(exercise, sources))
        if kind == "broken":
            text, worth[learner] = broken(chance, text, exercise, sources)
        write(folder, learner, exercise, text)
    return worth


def broken(chance: random.Random, text: str, exercise: str, sources: dict[str, str]) -> tuple[str, int | None]:
    """A notebook that went wrong on its way, and what it is worth."""
    match chance.randrange(4):
        case 0:
            return text[: len(text) // 2], None
        case 1:
            return json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), None
        case 2:
            return json.dumps(notebook(exercise, {name: source + "\n)" for name, source in sources.items()})), 0
        case _:
            return json.dumps(notebook(exercise, {name: f"raise ValueError({name!r})" for name in sources})), 0


def side_by_side(folder: Path, exercises: Iterable[str], most: int | None = None) -> dict[str, int]:
    """Every answer of the corpus once: learner *i* of an exercise has the *i*-th answer to each of its parts (the right
    ones come first). The points of each ``LEARNER/EXERCISE``."""
    worth: dict[str, int] = {}
    corpus = by_part()
    for exercise in exercises:
        parts = EXERCISES[exercise]
        rows = [corpus[part.grade_id] for part in parts]
        for number in range(max(map(len, rows))):
            if most is not None and number >= most:
                break
            chosen = [(part, row[-1 - number]) for part, row in zip(parts, rows, strict=True) if number < len(row)]
            learner = f"learner{number:03}"
            text = json.dumps(notebook(exercise, {part.grade_id: answer.source for part, answer in chosen}))
            write(folder, learner, exercise, text)
            worth[f"{learner}/{exercise}"] = sum(part.points for part, answer in chosen if answer.is_right)
    return worth
