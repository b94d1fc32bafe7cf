"""The line that a report prints for seeing its run again leads to that run: for every refuted answer of the corpus, on
the command line and in a notebook."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from redelivery import cli
from redelivery.checking.part import Replay, Report
from redelivery.exercises.catalogue import EXERCISES, part_of
from redelivery.exercises.exercise import exercise
from redelivery.workspace.caller import Caller
from tests.answers import Answer
from tests.films import RACE
from tests.test_corpus import MUTANTS, in_its_time


def notebook(path: Path, answer: Answer) -> None:
    """An exercise's notebook with one answer in it."""
    cells = [nbformat.v4.new_code_cell("from redelivery import Retry, exercise")]
    for part in EXERCISES[answer.exercise]:
        source = answer.source if part.grade_id == answer.part else "pass"
        cell = nbformat.v4.new_code_cell(source, id=part.grade_id)
        cell.metadata["nbgrader"] = {"grade_id": part.grade_id, "solution": True, "grade": False, "locked": False}
        cells.append(cell)
    content = nbformat.v4.new_notebook(cells=cells, metadata={"redelivery": {"exercise": answer.exercise}})
    nbformat.write(content, path)


def same_end(report: Report, text: str) -> bool:
    """Whether a replay's text tells the run of the report: each of its steps."""
    assert report.timeline is not None
    told = report.timeline.to_text()  # of a long one not all
    return all(row.text in text for row in report.timeline.rows if row.text in told)


#: One of five; `make soak` takes all.
TAKEN = MUTANTS if "REDELIVERY_SOAK" in os.environ else MUTANTS[::5]


@pytest.mark.parametrize("answer", [in_its_time(answer) for answer in TAKEN])
def test_each_printed_line_leads_to_the_run_that_it_stands_below(
    answer: Answer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part: Any = part_of(answer.exercise, answer.part)
    report = part.check(answer.exercise, answer.program())
    if report.schedule is None:
        pytest.skip("nothing to replay")
    path = tmp_path / "with a blank.ipynb"
    notebook(path, answer)
    what, line = replace(report, path=str(path)).again
    assert what == "Replay"
    command, *arguments = shlex.split(line)
    assert command == "redelivery"
    status = cli.main(arguments)
    shown = capsys.readouterr().out
    assert status == 1, shown
    assert same_end(report, shown), f"{line}\n\n{report}\n\n{shown}"

    space: dict[str, Any] = {"__name__": "__main__"}
    exec("from redelivery import Retry, exercise", space)
    space["ex"] = exercise(answer.exercise)
    space["answer"] = answer.source
    what, line = replace(report, caller=Caller("ex", ("answer",))).again
    again = eval(line, space)
    assert isinstance(again, Replay), f"{line}\n\n{again}"
    assert not again.ends_right
    assert same_end(report, str(again)), f"{line}\n\n{report}\n\n{again}"


# -- in whose words ------------------------------------------------------------------------------------------


def asked(code: str, **more: Any) -> Report:
    """What a cell of a notebook is told, whose last line begins with ``report =``."""
    space: dict[str, Any] = {"__name__": "__main__", "RACE": RACE, **more}
    exec("from redelivery import Retry, exercise\nex = exercise('05')\n" + RACE, space)
    exec(code, space)
    report = space["report"]
    assert isinstance(report, Report)
    if report.again[0] == "Replay":
        again = eval(report.again[1], space)
        assert isinstance(again, Replay)
        assert again.run.wrong == report.claim
    return report


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('report = ex.report("record_and_check", handle)', "handle"),
        ('check_and_mark = handle\nreport = ex.report("record_and_check", check_and_mark)', "handle"),
        ('mine = handle\ndel handle\nreport = ex.report("record_and_check", mine)', "mine"),
        ('report = ex.report("record_and_check", RACE)', "RACE"),
        ('def told(one):\n    return ex.report("record_and_check", one)\nreport = told(handle)', "handle"),
        ('for one in [handle]:\n    report = ex.report("record_and_check", one)', "handle"),
    ],
)
def test_the_answer_is_called_as_the_caller_calls_it(code: str, words: str) -> None:
    how = 'schedule="AAAA+ABBBBBBBAAA"'
    assert asked(code).again == ("Replay", f'ex.replay("record_and_check", {words}, {how})')


def test_a_call_is_repeated_as_it_stands(tmp_path: Path) -> None:
    """Its words are looked up where the cell's source is: IPython keeps it, as a file is kept."""
    code = 'def make():\n    return handle\nreport = ex.report("record_and_check", (lambda: make())())\n'
    path = tmp_path / "cell.py"
    path.write_text(code, "utf-8")
    space: dict[str, Any] = {"__name__": "__main__"}
    exec("from redelivery import exercise\nex = exercise('05')\n" + RACE, space)
    hidden = {**space, "handle": None}
    hidden["_handle"] = space["handle"]
    exec(compile(code.replace("return handle", "return _handle"), str(path), "exec"), hidden)
    assert hidden["report"].again[1].startswith('ex.replay("record_and_check", (lambda: make())(), schedule=')


def test_where_there_are_no_words_the_schedule_is_told() -> None:
    report = asked('hidden, handle = [handle], None\nreport = ex.report("record_and_check", hidden[0])')
    assert report.again == ("Schedule", "AAAA+ABBBBBBBAAA")
    assert str(report).endswith("Schedule:  AAAA+ABBBBBBBAAA")


def test_an_exercise_without_a_name_is_asked_for() -> None:
    report = asked('own = exercise("05").report\nex = None\nreport = own("record_and_check", handle)')
    assert report.again[1].startswith('exercise("05").replay("record_and_check", handle,')


def test_scenario_and_journal_stand_where_they_matter() -> None:
    report = asked('report = ex.report("record_and_check", handle)')
    elsewhere = replace(report, scenario=2, verdict=replace(report.verdict, journal="rollback"))  # type: ignore[type-var]
    assert elsewhere.again[1].endswith(', scenario=2, journal="rollback")')
    assert replace(elsewhere, caller=None).again[1].endswith('"AAAA+ABBBBBBBAAA" --scenario 2 --journal rollback')
