"""Each demand of a part's text is judged, and each fault that it names can strike.

`demands.toml` says which wrong answers break a demand. Nothing here names a part: what there is comes from the
exercises and from their texts.
"""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import EXERCISES, part_of
from redelivery.exercises.verify import judge
from redelivery.exploration.search import Search
from redelivery.simulation.choices import FAULT_INDEX, Kind
from tests.answers import FOLDER, Answer, answers

DEMANDS: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "demands.toml").read_text("utf-8"))
PARTS = {p.grade_id: (e, p) for e, parts in EXERCISES.items() for p in parts if isinstance(p, HandlerPart)}
MUTANTS = {(a.part, a.name): a for a in answers("mutants")}
SOLUTIONS = {a.part: a for a in answers("variants") if a.name == "solution"}
#: How a text names a fault.
NAMES = {
    "!": ("crash", "killed"),
    "?": ("lock wait that times out", "wait for a lock that times out"),
    "~": ("lost acknowledgement", "lost request", "lost packet"),
    "^": ("lost confirmation", "lost answer to", "a lost request, a lost answer"),
    "+": ("extra delivery",),
    "-": ("work that fails",),
    "@": ("passing of time", "time passes"),
    "T": ("in flight at the same time",),
    "W": ("Somebody else empties",),
    "S": ("two runs may overlap", "also by a process that has asked before"),
}


@cache
def source_of(part: str) -> str:
    """The text that sets a part's task."""
    notebook = Path(__file__).parents[1] / "exercises" / f"{PARTS[part][0]}.ipynb"
    (cell,) = [c for c in json.loads(notebook.read_text("utf-8"))["cells"] if c["id"] == f"task-{part}"]
    return "".join(cell["source"])


def text_of(part: str) -> str:
    """The same in one line."""
    return " ".join(source_of(part).split())


def sentences_of(part: str) -> list[str]:
    """The sentences that say what is demanded: from those words on, else all that are numbered."""
    text = source_of(part).partition("**Write your answer")[0].partition("**What the check tries**")[0]
    start = text.find("**What is demanded**")
    text = text[start:] if start >= 0 else text[text.find("\n1. ") :]
    text = re.sub(r"^\*\*What is demanded\*\*(, beside[^:]*)?:?", "", text)
    text = " ".join(re.sub(r"(?m)^\d+\. ", "", text).split())
    found = re.split(r"(?<=[.)])\*{0,2} (?=[A-Z*`(])", text)
    return [sentence.strip() for sentence in found if sentence.strip()]


def broken_by() -> list[Any]:
    return [
        pytest.param(part, name, id=f"{part}/{name}")
        for part, entry in DEMANDS.items()
        for name in sorted({n for d in entry["demands"] for n in d["broken_by"]})
    ]


def faults() -> list[Any]:
    return [
        pytest.param(part, mark, id=f"{part} {mark}") for part, entry in DEMANDS.items() for mark in entry["faults"]
    ]


@cache
def judged(mutant: Answer) -> Any:
    return judge(mutant)


def test_a_text_counts_the_sets_of_messages_and_the_messages_that_there_are() -> None:
    ledger, loop = (
        part_of(exercise, name)
        for exercise, name in (("03-unique-constraints", "ledger"), ("01-delivery-guarantees", "at_least_once"))
    )
    assert isinstance(ledger, HandlerPart) and isinstance(loop, HandlerPart)
    assert len(ledger.scenarios) == 14 and "in fourteen sets of messages" in text_of("ledger")
    assert max(len(s.messages) for s in loop.scenarios) == 5
    notebook = Path(__file__).parents[1] / "exercises" / "01-delivery-guarantees.ipynb"
    assert "One consumer also gets five messages" in notebook.read_text("utf-8")


def test_every_part_has_its_demands() -> None:
    assert set(DEMANDS) == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_text_says_what_is_held_against_an_answer_and_nothing_else_demands(part: str) -> None:
    says = [d["says"] for d in DEMANDS[part]["demands"]]
    said = [*says, *DEMANDS[part].get("tells", [])]
    assert [words for words in said if words not in text_of(part)] == []
    uncovered = [s for s in sentences_of(part) if not any(words in s or s in words for words in said)]
    assert uncovered == [], "sentences of the task that nothing judges; add them to tests/demands.toml"


@pytest.mark.parametrize(("part", "name"), broken_by())
def test_an_answer_that_breaks_a_demand_is_refuted(part: str, name: str) -> None:
    assert judged(MUTANTS[part, name]).verdict in ("refuted", "stuck")


@pytest.mark.parametrize("part", PARTS)
def test_every_fault_that_a_text_names_is_listed(part: str) -> None:
    named = {mark for mark, names in NAMES.items() if any(name in text_of(part) for name in names)}
    assert named - set(DEMANDS[part]["faults"]) == set()


@pytest.mark.parametrize(("part", "mark"), faults())
def test_a_fault_strikes_whoever_mishandles_it(part: str, mark: str) -> None:
    """In the counterexample of a wrong answer; and in some schedule of the solution, where that has to do with it."""
    schedules = [judged(MUTANTS[part, name]).schedule for name in DEMANDS[part]["faults"][mark]]
    assert any(mark in (schedule or "") for schedule in schedules), schedules
    assert mark == "@" or mark in struck(part), f"no schedule of the solution has {mark}"


@cache
def struck(part: str) -> frozenset[str]:
    """The marks of faults that strike the solution, and the letters of those who are at work."""
    exercise, demanded = PARTS[part]
    program = SOLUTIONS[part].program()
    opened = demanded.opened(program)
    assert isinstance(opened, HandlerPart), exercise
    found: set[str] = set()
    for scenario in opened.scenarios:
        search = Search(program, scenario, "wal")
        search.run()
        letters = scenario.letters()
        for step in search._steps:
            found |= {kind.value for kind, place in FAULT_INDEX.items() if step.state.faults[place]}
            if step.choice is not None and step.choice.kind is Kind.STEP:
                found.add(letters[step.choice.process])
    return frozenset(found)
