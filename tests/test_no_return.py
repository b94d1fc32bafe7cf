"""What finding the point of no return takes."""

from __future__ import annotations

from typing import Any

import pytest

from redelivery.exercises.catalogue import part_of
from redelivery.exploration import no_return
from tests.answers import answers


def test_a_run_that_ends_right_is_found_at_once_also_where_time_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[tuple[int, bool | None]] = []
    whole = no_return._has_hope

    def counted(world: Any, effects: Any, scenario: Any, start: Any, hopeful: dict[Any, bool]) -> bool | None:
        before = len(hopeful)
        hope = whole(world, effects, scenario, start, hopeful)
        looked_at.append((len(hopeful) - before, hope))
        return hope

    monkeypatch.setattr(no_return, "_has_hope", counted)
    (answer,) = [a for a in answers("mutants") if a.name == "mark_then_credit_in_a_lock"]
    report = part_of(answer.exercise, answer.part).check(answer.exercise, answer.program())
    assert report.timeline is not None
    assert report.timeline.no_return is not None
    assert max(states for states, hope in looked_at if hope) <= 20
    assert looked_at[-1][1] is False, "the last one looked at is hopeless"
    assert sum(states for states, _ in looked_at[:-1]) <= 100, "what was looked at is not looked at again"
