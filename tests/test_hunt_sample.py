"""What the checker says of a fixed sample of derived answers, whose fate in real life is known."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from tests.hunt import checker
from tests.hunt.derive import PARTS
from tests.hunt.operators import OPERATORS
from tests.hunt.sample import NOT_BROKEN, SIZE, Known, sample
from tests.test_hunt import a_life, needs_life

SAMPLE = sample()


def test_the_sample_is_spread_over_parts_and_operators():
    assert len(SAMPLE) == SIZE == len({known.made.key for known in SAMPLE})
    assert {known.made.part for known in SAMPLE} == set(PARTS)
    assert {operator for known in SAMPLE for operator in known.made.operators} >= set(list(OPERATORS)[:10])
    fates = Counter(known.broken is None for known in SAMPLE)
    assert fates[True] == NOT_BROKEN


@pytest.mark.parametrize("part", PARTS)
def test_the_checker_agrees_with_life_on_the_sample(part: str):
    """What was broken isn't proved, and what wasn't is not refuted."""
    wrongly = []
    for known in (one for one in SAMPLE if one.made.part == part):
        said = checker.judge(part, known.made.source)["verdict"]
        expected = ("proved",) if known.broken is None else ("refuted", "stuck")
        if said not in expected:
            wrongly.append(f"{known.made.key} {said}, in life {known.broken or 'not broken'}\n{known.made.source}")
    assert not wrongly, "\n".join(wrongly)


@needs_life
def test_some_of_the_sample_meet_the_same_fate_again():
    draw = random.Random()
    broken = [known for known in SAMPLE if known.broken is not None and known.sessions <= 5]
    right = [known for known in SAMPLE if known.broken is None]
    with a_life() as life:
        for known in draw.sample(broken, 6):
            assert _live(life, known, 500)["broken"] is not None, known.made.source
        for known in draw.sample(right, 2):
            trial = _live(life, known, 5)
            assert trial["broken"] is None, json.dumps(trial, indent=1)


def _live(life: Any, known: Known, sessions: int) -> dict[str, Any]:
    trial: dict[str, Any] = life.ask(
        part=known.made.part, source=known.made.source, seed=known.seed.rpartition(" ")[0], sessions=sessions
    )
    return trial
