"""`redelivery verify`: it finds a checker that judges wrongly, and says where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from redelivery.cli import main
from redelivery.display.matrix import Row, read
from redelivery.exercises.verify import Judgement
from tests.test_cli import redelivery

EXERCISE, PART = "05-record-and-check", "record_and_check"
RIGHT = """def handle(message, db):
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
"""
WRONG = """# diagnosis: check-then-act
def handle(message, db):
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():  # here
        return
    with db.atomic():
        db.execute(
            "UPDATE account SET balance = balance + ? WHERE id = ?",
            [message.body["amount"], message.body["account"]],
        )
        db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id])
"""
Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Put an answer where `verify` looks for it; returns the folder."""

    def plant(kind: str, name: str, source: str, exercise: str = EXERCISE, part: str = PART) -> Path:
        path = tmp_path / kind / exercise / part / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return tmp_path

    return plant


def verify(folder: Path, *options: str) -> int:
    return main(["verify", str(folder), "--jobs", "1", *options])


def test_all_judged_rightly(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant("variants", "or_ignore", RIGHT)
    folder = plant("mutants", "checks_outside", WRONG)
    assert verify(folder) == 0
    said = capsys.readouterr().out
    assert "MISJUDGED" not in said
    assert said.splitlines()[0].split() == ["answer", "verdict", "diagnosis", "schedule", "searched", "time"]
    assert "record_and_check/checks_outside  refuted  check-then-act" in said
    assert said.splitlines()[-3:] == [
        "1 wrong answers: 1 refuted",
        "1 right answers: 1 proved",
        "2 of 2 judged rightly.",
    ]


@pytest.mark.parametrize(
    ("kind", "source", "fault"),
    [
        ("mutants", WRONG.replace("check-then-act", "lost-update"), "diagnosed as check-then-act"),
        ("mutants", WRONG.replace("  # here", "").replace("return", "return  # here"), "points at line 3"),
        ("mutants", "# diagnosis: check-then-act\n" + RIGHT, "a wrong answer is proved"),
        ("mutants", "# diagnosis: check-then-act\nhandle = 8\n", "a wrong answer is error"),
        ("mutants", "", "a wrong answer is error"),
        ("variants", WRONG, "a right answer is refuted"),
    ],
    ids=["another name", "another line", "nothing wrong", "no handler", "empty", "wrong"],
)
def test_a_wrong_judgement_is_named(
    kind: str, source: str, fault: str, plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant("mutants", "planted_rightly", WRONG)
    folder = plant(kind, "planted_wrongly", source)
    assert verify(folder) == 1
    said = capsys.readouterr().out
    assert f"MISJUDGED  {kind[:-1]} {EXERCISE} {PART}/planted_wrongly: {fault}" in said
    assert said.count("MISJUDGED") == 1
    assert said.endswith("1 of 2 judged rightly.\n")


def test_the_command_itself_in_two_processes(plant: Plant) -> None:
    """With a dataclass, whose methods are made in whatever a worker takes for the main module."""
    dataclass = "from dataclasses import dataclass\n@dataclass\nclass Seen:\n    id: str\n"
    plant("variants", "dataclass", dataclass + RIGHT.replace("message.id", "Seen(message.id).id"))
    folder = plant("mutants", "planted_wrongly", WRONG.replace("check-then-act", "aba"))
    result = redelivery("verify", str(folder), "--jobs", "2")
    assert result.status == 1
    assert result.out.count("MISJUDGED") == 1
    assert result.out.endswith("1 of 2 judged rightly.\n")
    assert result.err == ""


def test_the_shape_of_the_json(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant("variants", "or_ignore", RIGHT)
    folder = plant("mutants", "planted_wrongly", WRONG.replace("check-then-act", "aba"))
    assert verify(folder, "--json") == 1
    whole = json.loads(capsys.readouterr().out)
    assert (whole["judged_rightly"], whole["judged_wrongly"]) == (1, 1)
    right, wrong = whole["answers"]
    assert set(right) == set(wrong) == {field.name for field in fields(Judgement)}
    assert (right["kind"], right["exercise"], right["part"]) == ("variants", EXERCISE, PART)
    assert (right["verdict"], right["diagnosis"], right["schedule"], right["fault"]) == ("proved", "", None, "")
    assert (wrong["name"], wrong["planted"], wrong["diagnosis"]) == ("planted_wrongly", "aba", "check-then-act")
    assert (wrong["verdict"], wrong["line"]) == ("refuted", 3)
    assert isinstance(wrong["schedule"], str) and "+A" in wrong["schedule"]
    assert wrong["schedules"] > 0 and wrong["seconds"] > 0 and wrong["explanation"]


def test_one_part_only(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant("variants", "or_ignore", RIGHT)
    folder = plant("mutants", "never_read", "1/0", part="request_once")
    assert verify(folder, "--part", PART) == 0
    assert capsys.readouterr().out.endswith("1 of 1 judged rightly.\n")
    assert verify(folder, "--part", PART, "--part", "request_once") == 1
    assert capsys.readouterr().out.endswith("1 of 2 judged rightly.\n")
    assert verify(folder, "--part", "zzz") == 2
    assert f"there are no answers to zzz in {folder}" in capsys.readouterr().err


def test_larger_bounds(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    """Four faults, two of them crashes, make many more schedules than two."""
    folder = plant("variants", "or_ignore", RIGHT)
    (folder / "mutants").mkdir()
    assert verify(folder) == 0
    default = json.loads(_json(folder, capsys))["answers"][0]
    larger = json.loads(_json(folder, capsys, "--thorough"))["answers"][0]
    assert default["verdict"] == larger["verdict"] == "proved"
    assert larger["schedules"] > 100 * default["schedules"]


def _json(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    capsys.readouterr()
    verify(folder, "--json", *options)
    return capsys.readouterr().out


# -- nothing to judge ------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(tmp_path / "nowhere") == 2
    assert "expected folders mutants and variants in" in capsys.readouterr().err


def test_a_folder_without_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(tmp_path) == 2
    assert "expected folders mutants and variants in" in capsys.readouterr().err
    (tmp_path / "mutants").mkdir()
    assert verify(tmp_path) == 2
    assert capsys.readouterr() == ("", f"redelivery: there are no answers in {tmp_path}\n")


def test_an_answer_to_nothing(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plant("mutants", "w", WRONG, part="zzz")
    assert verify(folder) == 2
    assert f"mutants/{EXERCISE}/zzz/w.py is of no part" in capsys.readouterr().err
    folder = plant("mutants", "w", WRONG, exercise="00-zzz")
    assert verify(folder) == 2
    assert "is of no exercise: the exercises are 01-" in capsys.readouterr().err


# -- the matrix in a file --------------------------------------------------------------------------------------


def test_save_writes_what_the_course_shows(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant("variants", "or_ignore", RIGHT)
    folder = plant("mutants", "checks_outside", WRONG)
    path = folder / "data" / "matrix.json"
    assert verify(folder, "--save", str(path)) == 0
    rows = read(path).rows
    assert [(row.kind, row.name, row.verdict) for row in rows] == [
        ("mutants", "checks_outside", "refuted"),
        ("variants", "or_ignore", "proved"),
    ]
    assert set(json.loads(path.read_text("utf-8"))["answers"][0]) == {field.name for field in fields(Row)}


def test_save_with_a_part_keeps_the_other_rows(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant("variants", "or_ignore", RIGHT)
    folder = plant("mutants", "no_function", "# diagnosis: aba\nx = 1\n", part="request_once")
    path = folder / "matrix.json"
    assert verify(folder, "--save", str(path)) == 1
    plant("mutants", "checks_outside", WRONG)
    (folder / "variants" / EXERCISE / PART / "or_ignore.py").unlink()
    assert verify(folder, "--save", str(path), "--part", PART) == 0
    assert [row.name for row in read(path).rows] == ["checks_outside", "no_function"]


def test_what_can_not_be_saved(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plant("mutants", "checks_outside", WRONG)
    path = folder / "matrix.json"
    assert verify(folder, "--save", str(path), "--thorough") == 2
    assert "leave out --thorough" in capsys.readouterr().err
    assert not path.exists()
    path.write_text("{}")
    assert verify(folder, "--save", str(path), "--part", PART) == 2
    assert "is no kill matrix" in capsys.readouterr().err
    assert path.read_text() == "{}"
