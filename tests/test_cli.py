"""The command line: bad input gets a clear message and the exit status that the exercises' conventions promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from redelivery.checking.handler_part import HandlerPart
from redelivery.cli import main

EXERCISE = "05-record-and-check"
PART = "record_and_check"
PARTS = ["record_and_check", "record_and_check_redis", "request_once", "break_it"]
RIGHT = """def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
"""
WRONG = RIGHT.replace("OR IGNORE", "OR REPLACE")


def cell(source: Any, grade_id: str | None = None) -> dict[str, Any]:
    """A code cell; with a ``grade_id`` the solution of a part."""
    metadata = {"nbgrader": {"grade": False, "grade_id": grade_id, "locked": False, "solution": True}}
    return {
        "cell_type": "code",
        "metadata": metadata if grade_id else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def notebook(*cells: Any, metadata: Any = None) -> dict[str, Any]:
    """A notebook of this exercise."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"redelivery": {"exercise": EXERCISE}} if metadata is None else metadata,
        "cells": list(cells),
    }


class Result:
    """What one call of the command gave."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be JSON and nothing else."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def text(self) -> str:
        return self.out + self.err


def redelivery(*arguments: str, encoding: str = "utf-8") -> Result:
    """Call the command; no traceback may show."""
    run = subprocess.run(
        [sys.executable, "-m", "redelivery.cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    result = Result(run.returncode, run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace"))
    assert "Traceback" not in result.text, result.text
    return result


@pytest.fixture
def write(tmp_path: Path):
    def write(content: object, name: str = "answer.ipynb") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


# -- the notebook as a whole -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "no notebook", id="empty"),
        pytest.param(bytes(range(256)), "no notebook", id="binary"),
        pytest.param(b"{", "no notebook", id="not JSON"),
        pytest.param(b"[" * 100_000, "no notebook", id="too deep"),
        pytest.param([], "no notebook of format 4", id="a list"),
        pytest.param(None, "no notebook of format 4", id="null"),
        pytest.param(
            {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": []}]}, "no notebook of format 4", id="format 3"
        ),
        pytest.param(notebook(cell(RIGHT, PART), metadata={}), "its metadata names none", id="no metadata"),
        pytest.param(
            notebook(cell(RIGHT, PART), metadata={"redelivery": {"exercise": "99-x"}}), "99-x", id="another exercise"
        ),
        pytest.param(
            notebook(cell(RIGHT, PART), metadata={"redelivery": {"exercise": ["x"]}}),
            "exercise",
            id="odd metadata",
        ),
        pytest.param(notebook(cell(RIGHT)), "no solution cell", id="no solution cell"),
        pytest.param(notebook(cell("#" + "x" * 21_000_000, PART)), "bytes, more than", id="huge"),
    ],
)
def test_a_notebook_that_cannot_be_used(write, content: object, said: str) -> None:
    result = redelivery("check", write(content), "--json")
    assert result.status == 2
    assert result.out == ""
    assert said in result.err


@pytest.mark.parametrize(
    "path",
    [
        "no-such-file.ipynb",
        "/dev/null/x.ipynb",
        ".",
        pytest.param("x" * 300, id="a long name"),
    ],
)
def test_a_file_that_is_none(path: str) -> None:
    result = redelivery("check", path)
    assert result.status == 2
    assert result.err.startswith("redelivery: ")


# -- one part --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("def handle(message, db)\n    pass", "line 1", id="syntax error"),
        pytest.param("def handle(message, db):\n\tx = 1\n        y = 2\n", "TabError", id="tabs"),
        pytest.param("x = '\0'", "null bytes", id="null byte"),
        pytest.param("x = '\ud800'", "surrogate", id="lone surrogate"),
        pytest.param(
            "x = " + "-" * 100_000 + "1",
            "can't be read",
            id="too deep for the parser",
        ),
        pytest.param(
            "def f(): return a" + ".b" * 50_000,
            "can't be read",
            id="too deep for the tree",
        ),
        pytest.param("%%timeit\n" + RIGHT, "there is none", id="cell magic"),
        pytest.param("raise ValueError('no')\n" + RIGHT, "ValueError: no", id="raises"),
        pytest.param(RIGHT + "1/0", "ZeroDivisionError", id="raises at its end"),
        pytest.param("import sys\nsys.exit(0)", "SystemExit", id="exits"),
        pytest.param(
            "raise KeyboardInterrupt",
            "KeyboardInterrupt",
            id="interrupts",
        ),
        pytest.param("import os\nos._exit(0)\n" + RIGHT, "os._exit", id="really exits"),
        pytest.param("input()\n" + RIGHT, "input()", id="asks"),
        pytest.param("x = 1", "there is none", id="no handler"),
        pytest.param("", "there is none", id="empty cell"),
        pytest.param("handle = 5", "of type int", id="a number"),
        pytest.param("def handle(): pass", "2 parameters", id="no parameter"),
        pytest.param("def handle(message): pass", "2 parameters", id="one parameter"),
        pytest.param("def handle(a, b, c): pass", "2 parameters", id="three parameters"),
        pytest.param("def handle(*, message, db): pass", "2 parameters", id="keyword-only"),
        pytest.param("def handle(self, message, db): pass", "2 parameters", id="self"),
        pytest.param("async def handle(message, db): pass", "an async function", id="async"),
        pytest.param("def handle(message, db): yield", "a generator", id="generator"),
        pytest.param("class handle: pass", "2 parameters", id="class"),
        pytest.param(
            "class H:\n    __signature__ = 5\n    def __call__(self, m, d): pass\nhandle = H()",
            "",
            id="odd",
        ),
        pytest.param("def handle(message, db):\n    raise NotImplementedError", "not solved yet", id="unsolved"),
    ],
)
def test_a_cell_that_cannot_be_checked(write, source: str, said: str) -> None:
    result = redelivery("check", write(notebook(cell(source, PART))), "--part", PART, "--json")
    assert result.status == 1
    part = result.json["parts"][0]
    assert part["verdict"] == "error"
    assert said in part["explanation"]
    assert part["points"] == 0


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("%time 1\n!ls\n" + RIGHT, id="magics"),
        pytest.param(
            "files = !ls\nspent = %time 1\n" + RIGHT,
            id="magics assigned",
        ),
        pytest.param(
            "print('hello')\n" + RIGHT,
            id="prints",
        ),
        pytest.param(
            "import sys\nprint('hello', file=sys.stderr)\n" + RIGHT,
            id="prints to standard error",
        ),
        pytest.param(RIGHT.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(RIGHT.replace("(message, db)", "(message, db, retries=3)"), id="a default"),
        pytest.param(RIGHT.replace("def handle", "def f") + "handle = lambda *a: f(*a)", id="lambda"),
        pytest.param([line + "\n" for line in RIGHT.splitlines()], id="a list of lines"),
    ],
)
def test_a_cell_that_is_odd_and_right(write, source: object) -> None:
    result = redelivery("check", write(notebook(cell(source, PART))), "--part", PART, "--json")
    assert result.json["parts"][0]["verdict"] == "proved"
    assert result.status == 0
    assert result.err == ""


def test_a_cell_twice_and_a_cell_missing(write) -> None:
    result = redelivery("check", write(notebook(cell(RIGHT, PART), cell(RIGHT, PART))), "--json")
    assert result.status == 1
    twice, *_, missing = result.json["parts"]
    assert (twice["verdict"], missing["verdict"]) == ("error", "error")
    assert "has 2" in twice["explanation"]
    assert "break_it" in missing["explanation"]


def test_the_same_part_named_twice_counts_once(write) -> None:
    result = redelivery("check", write(notebook(cell(RIGHT, PART))), "--part", PART, "--part", PART, "--json")
    assert result.json["max_points"] == 3


def test_an_unknown_part(write) -> None:
    result = redelivery("check", write(notebook(cell(RIGHT, PART))), "--part", "zzz")
    assert result.status == 2
    assert f"its parts are {', '.join(PARTS)}" in result.err


def test_the_shape_of_the_json(write) -> None:
    answer = redelivery("check", write(notebook(cell(WRONG, PART), cell('schedule = "A"', "break_it"))), "--json")
    assert answer.status == 1
    whole = answer.json
    assert (whole["exercise"], whole["points"], whole["max_points"]) == (EXERCISE, 0, 10)
    assert [part["part"] for part in whole["parts"]] == PARTS
    part = whole["parts"][0]
    promised = "part verdict points max_points schedules exhausted bounds claim diagnosis explanation line schedule"
    assert set(promised.split()) <= set(part)
    assert part["verdict"] == "refuted"
    assert part["exhausted"] is False
    assert isinstance(part["line"], int)
    assert part["bounds"]["consumers"] == 2
    assert part["bounds"]["faults"] == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_knows_few_characters(write, encoding: str) -> None:
    result = redelivery("check", write(notebook(cell(WRONG, PART))), "--part", PART, encoding=encoding)
    assert result.status == 1
    assert result.out.startswith("REFUTED")


def test_surrogates_and_control_characters_in_an_exception(write) -> None:
    source = "def handle(message, db):\n    raise ValueError('\\ud800 \\x00 \\x1b[31m')"
    result = redelivery("check", write(notebook(cell(source, PART))), "--part", PART)
    assert result.status == 1
    assert "\x1b" not in result.out
    assert redelivery("check", write(notebook(cell(source, PART))), "--part", PART, "--json").status == 1


# -- break it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("5", "of type int"),
        ("None", "there is none"),
        ("''", "no schedule yet"),
        ("'C'", "there is no process C"),
        ("'a'", "'a' can't stand here"),
        ("'🎉'", "can't stand here"),
        ("b'A'", "of type bytes"),
        ("['A']", "of type list"),
        ("'++A'", "after +"),
        ("'A' * 5000", "has nothing to do"),
        ("'A!' * 9", "holds no message"),
    ],
)
def test_a_schedule_that_is_none(write, schedule: str, said: str) -> None:
    path = write(notebook(cell(f"schedule = {schedule}", "break_it")))
    result = redelivery("check", path, "--part", "break_it", "--json")
    assert result.status == 1
    assert result.json["parts"][0]["verdict"] == "error"
    assert said in result.json["parts"][0]["explanation"]


# -- replay ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["C"], "there is no process C"),
        (["a"], "'a' can't stand here"),
        (["Ａ"], "can't stand here"),
        (["🎉"], "can't stand here"),
        (["A" * 3000], "has nothing to do"),
        (["A!"], "holds no message"),
        (["+A"], "holds no message"),
        (["A?"], "not waiting for a lock"),
        (["A-"], "may fail"),
        (["@"], "expire"),
        (["A~"], "holds no message"),
        (["A", "--scenario", "0"], "there is no scenario 0"),
        (["A", "--scenario=-1"], "there is no scenario -1"),
        (["B", "--scenario", "3"], "there is no process B"),
        (["A", "--journal", "x"], "invalid choice"),
    ],
)
def test_a_replay_that_is_not_possible(write, arguments: list[str], said: str) -> None:
    result = redelivery("replay", write(notebook(cell(RIGHT, PART))), PART, *arguments)
    assert result.status == 2
    assert result.out == ""
    assert said in result.err


@pytest.mark.parametrize(
    ("source", "schedule", "status", "said"),
    [
        (RIGHT, "", 0, "ENDS RIGHT"),
        (RIGHT, " A A\n+A B ", 0, "ENDS RIGHT"),
        (WRONG, "AA+ABB", 1, "ENDS WRONG"),
        ("def handle(message, db): 1/0", "A", 1, "dead-letter"),
        ("def handle(message, db):\n    while True: pass", "A", 1, "STUCK"),
        ("async def handle(message, db): pass", "A", 2, "async"),
        pytest.param("raise KeyboardInterrupt", "A", 2, "KeyboardInterrupt"),
        ("def handle(message, db", "A", 2, "SyntaxError"),
    ],
)
def test_a_replay_and_its_status(write, source: str, schedule: str, status: int, said: str) -> None:
    result = redelivery("replay", write(notebook(cell(source, PART))), PART, schedule)
    assert said in result.text
    assert result.status == status


def test_a_thread_left_running_does_not_keep_the_command_from_ending(write) -> None:
    source = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n" + RIGHT
    try:
        result = redelivery("check", write(notebook(cell(source, PART))), "--part", PART)
    except subprocess.TimeoutExpired as error:
        raise AssertionError("the command does not end") from error
    assert result.status == 0


# -- what starting costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
def test_numpy_is_imported_only_for_a_notebook_that_names_it(write, named: bool) -> None:
    path = write(notebook(*([cell("import numpy")] if named else []), cell(RIGHT, PART)))
    code = (
        "import sys; from redelivery.cli import main; status = main(sys.argv[1:]); import sqlite_utils.db; "
        "print(status, 'numpy' in sys.modules, sqlite_utils.db.np is not None)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "check", "--part", PART, path], capture_output=True, text=True, check=True
    )
    pytest.importorskip("numpy")
    assert run.stdout.splitlines()[-1] == f"0 {named} {named}"


def test_redis_is_imported_only_for_a_part_that_uses_it(write) -> None:
    path = write(notebook(cell(RIGHT, PART)))
    code = (
        "import sys; from redelivery.cli import main; main(sys.argv[1:]); "
        "print(sorted({'redis', 'fakeredis'} & {*sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "check", "--part", PART, path], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_demonstration_in_a_notebook_is_not_searched_while_the_notebook_is_checked(
    write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        notebook(
            cell("from redelivery import exercise\nex = exercise('05')"),
            cell(WRONG + f"\nex.report({PART!r}, handle)"),
            cell(RIGHT + f"\nex.check({PART!r}, handle)", PART),
        )
    )
    checked = []
    real = HandlerPart.check

    def check(self: HandlerPart, *arguments: Any, **named: Any) -> Any:
        checked.append(self.grade_id)
        return real(self, *arguments, **named)

    monkeypatch.setattr(HandlerPart, "check", check)
    assert main(["check", "--part", PART, path]) == 0
    assert checked == [PART]
