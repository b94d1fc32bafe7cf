"""A fault of our own, planted in the search: reported as ours, for its part, and no other part loses anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from redelivery import __version__, cli
from redelivery.exercises import verify
from redelivery.exercises.catalogue import EXERCISES
from redelivery.exercises.exercise import NotPassed, exercise
from redelivery.exploration.reduction import RememberedEffects
from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.result import Kind
from redelivery.simulation.world import Effect, State
from tests.test_cli import EXERCISE, PART, RIGHT, cell, notebook
from tests.test_grading import hand_in

ON_REDIS = """def handle(message, redis):
    if redis.set(f"done:{message.id}", 1, nx=True):
        redis.incrby(f"balance:{message.body['account']}", message.body["amount"])
"""
PAY = "def pay(order_id, amount, db, send):\n    send(order_id, order_id, amount)\n"
OURS: list[BaseException] = [
    IndexError("tuple index out of range"),
    AssertionError(),
    MemoryError(),
    RecursionError("maximum recursion depth exceeded"),
    KeyError("/srv/ann/secret/notes.txt"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let every search of the part ``record_and_check`` fail in the middle."""

    def planted(error: BaseException) -> None:
        step = RememberedEffects.step

        def fails(self: RememberedEffects, state: State, process: int) -> Effect:
            if self.redis is None and state.contents:
                raise error
            return step(self, state, process)

        monkeypatch.setattr(RememberedEffects, "step", fails)

    return planted


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A notebook with a right answer, a wrong one, one that is right, and one that is missing."""
    cells = [cell("from redelivery import Retry"), cell(RIGHT, PART), cell(ON_REDIS, "record_and_check_redis")]
    path = tmp_path / f"{EXERCISE}.ipynb"
    path.write_text(json.dumps(notebook(*cells, cell('schedule = "AAAAAAAA"', "break_it"))), encoding="utf-8")
    return path


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(error).__name__)
def test_check_lists_every_part_and_says_whose_mistake_it_is(
    error: BaseException, plant: Any, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(error)
    assert cli.main(["check", "--json", str(path)]) == 4
    found = {part["part"]: part for part in json.loads(capsys.readouterr().out)["parts"]}
    assert list(found) == [part.grade_id for part in EXERCISES[EXERCISE]]
    faulty = found.pop(PART)
    assert (faulty["verdict"], faulty["points"], faulty["exhausted"]) == ("error", 0, False)
    assert "our mistake" in faulty["explanation"]
    assert all(part["fault"] is None for part in found.values())
    assert found["record_and_check_redis"]["verdict"] == "refuted"
    assert "grade_id request_once" in found["request_once"]["explanation"]


def test_what_to_send_names_the_place_and_no_file_of_the_learners(
    plant: Any, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(KeyError("/srv/ann/secret/notes.txt"))
    assert cli.main(["check", "--part", PART, str(path)]) == 4
    shown = capsys.readouterr().out
    assert shown.startswith(f"CHECKER FAULT   {PART}\n")
    for wanted in (
        f"redelivery {__version__}, Python 3.",
        f"part: {EXERCISE} {PART}",
        'searching "',
        "journal wal",
        'at schedule "A',
        "exploration/search.py:",
        "KeyError",
    ):
        assert wanted in shown
    for private in ("/home", "ann", str(Path.home()) + "/", str(path.parent), "site-packages"):
        assert private not in shown.partition("\n\n")[2]


def test_ctrl_c_is_no_fault(plant: Any, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(KeyboardInterrupt())
    assert cli.main(["check", str(path)]) == 130
    assert "fault" not in capsys.readouterr().out.lower()


def test_what_cannot_be_shown_is_a_fault_of_its_part(
    monkeypatch: pytest.MonkeyPatch, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the counterexample is there, and drawing it fails."""
    monkeypatch.setattr("redelivery.checking.shown.to_svg", lambda *_: 1 // 0)
    assert cli.main(["check", "--json", str(path)]) == 4
    found = {part["part"]: part for part in json.loads(capsys.readouterr().out)["parts"]}
    assert found[PART]["verdict"] == "proved"
    assert "ZeroDivisionError" in found["record_and_check_redis"]["fault"]


def test_a_notebook_shows_no_traceback(plant: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plant(IndexError("tuple index out of range"))
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(RIGHT, space)
    ex = exercise("05")
    with pytest.raises(NotPassed, match="the checker failed, which says nothing about your answer"):
        ex.check(PART, space["handle"])
    assert "CHECKER FAULT" in capsys.readouterr().out
    report = ex.report(PART, space["handle"])
    assert report.fault and "CHECKER FAULT" in report._repr_html_() and report.points == 0


def test_a_replay_that_fails_is_reported_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redelivery.exploration.replay.World.apply", lambda *_: 1 // 0)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(RIGHT, space)
    shown = exercise("05").replay(PART, space["handle"], schedule="AAA")
    assert "CHECKER FAULT" in str(shown)


def test_verify_goes_on_with_the_next_answer(plant: Any) -> None:
    plant(IndexError("tuple index out of range"))
    right = verify.Answer("variants", EXERCISE, PART, "right", RIGHT)
    other = verify.Answer("mutants", EXERCISE, "record_and_check_redis", "wrong", "# diagnosis: x\n" + ON_REDIS)
    first, second = verify.judge_all([right, other], jobs=1)
    assert (first.verdict, first.fault) == ("error", "the checker failed: IndexError: tuple index out of range")
    assert second.verdict == "refuted"
    assert "MISJUDGED" in verify.summary([first])


def test_grade_blames_itself_for_one_part(plant: Any, tmp_path: Path) -> None:
    plant(IndexError("tuple index out of range"))
    path = hand_in(tmp_path / "ann.ipynb", {PART: RIGHT, "record_and_check_redis": ON_REDIS})
    result = judge(Entry("ann", path, "ann.ipynb"), Limits(sandbox=False))
    kinds = {part.part: part.kind for part in result.parts}
    assert kinds.pop(PART) is Kind.FAULT
    assert kinds["record_and_check_redis"] is Kind.WRONG
    assert Kind.FAULT not in kinds.values()
    assert result.faults and "IndexError" in result.parts[0].details["fault"]


def test_a_command_that_fails_as_a_whole_says_what_to_send(
    monkeypatch: pytest.MonkeyPatch, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("redelivery.exercises.notebook._exercise_of", lambda *_: 1 // 0)
    assert cli.main(["check", str(path)]) == 4
    said = capsys.readouterr().err
    assert "That is our mistake" in said and "ZeroDivisionError" in said and "Traceback" not in said
