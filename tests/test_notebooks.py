"""What every notebook of the course keeps to, and what the exercises say before and after they are solved."""

import json
import re
import statistics
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from redelivery.checking.handler_part import WEAKER, HandlerPart
from redelivery.exercises.break_it import BreakIt
from redelivery.exercises.catalogue import EXERCISES

ROOT = Path(__file__).parents[1]


def notebooks(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.ipynb"))


LESSONS, HANDED_OUT, SOLVED = notebooks("course"), notebooks("exercises"), notebooks("reference/solutions")
EXECUTED = LESSONS + SOLVED
ALL = EXECUTED + HANDED_OUT
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = 'raise NotImplementedError("write your answer here")'


def name_of(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


@cache
def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def cells(path: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == kind]


def nbgrader(cell: nbformat.NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


def by_grade_id(path: Path) -> dict[str, nbformat.NotebookNode]:
    return {nbgrader(cell)["grade_id"]: cell for cell in read(path).cells if nbgrader(cell)}


# Every notebook


def test_there_are_notebooks():
    assert LESSONS and HANDED_OUT and SOLVED


@each(ALL)
def test_is_a_valid_notebook(path):
    nbformat.validate(json.loads(path.read_text("utf-8")))
    assert read(path).metadata.kernelspec.name == "python3"


@each(ALL)
def test_cell_ids_are_unique_and_can_be_read(path):
    ids = [cell.id for cell in read(path).cells]
    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z][a-z0-9_-]{2,63}", name)] == []
    made_up = [name for name in ids if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", name)]
    assert made_up == [], "these look like the ids that JupyterLab makes up"


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.alternatives: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alternatives.append(dict(attributes).get("alt") or "")


def without_code(markdown: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)


@each(ALL)
def test_every_image_has_a_text_that_stands_for_it(path):
    images = _Images()
    for cell in cells(path, "markdown"):
        text = without_code(cell.source)
        images.alternatives += re.findall(r"!\[([^\]]*)\]\(", text)
        images.feed(text)
    for cell in cells(path, "code"):
        for output in cell.outputs:
            images.feed(output.get("data", {}).get("text/html", ""))
    assert [text for text in images.alternatives if len(text.strip()) < 20] == []


@each(ALL)
def test_local_links_lead_to_files(path):
    texts = [without_code(cell.source) for cell in cells(path, "markdown")]
    targets = [target for text in texts for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    targets += [target for text in texts for target in re.findall(r"(?:href|src)=[\"']([^\"']+)", text)]
    local = [urlsplit(target).path for target in targets if not urlsplit(target).scheme]
    missing = [target for target in local if target and not (path.parent / unquote(target)).exists()]
    assert missing == []


@each(ALL)
def test_topics_name_cells_of_the_notebook(path):
    topics = read(path).metadata.get("redelivery", {}).get("topics", {})
    ids = {cell.id for cell in read(path).cells}
    assert {topic: set(named) - ids for topic, named in topics.items() if set(named) - ids} == {}
    assert [topic for topic in topics if not re.fullmatch(r"[LQB]\d+", topic)] == []


#: Pages that teach nothing themselves and have no code: the glossary, the map of the lecture, the sources.
POINTERS = [path for path in LESSONS if path.name[:2] in ("93", "94", "96")]


@each([path for path in LESSONS if path not in POINTERS])
def test_a_lesson_says_what_it_teaches(path):
    assert read(path).metadata.redelivery.topics


@each([path for path in LESSONS if path not in POINTERS])
def test_code_cells_of_lessons_are_short(path):
    lengths = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in cells(path, "code")]
    assert max(lengths) <= 15
    assert statistics.median(lengths) <= 4


#: How fast text is read, in words a minute; how long a cell of code takes, a prediction, and a turn, in minutes.
READING, CELL, PREDICTION, TURN = 238, 1 / 6, 1 / 2, 2


def minutes(path: Path) -> float:
    """How long a lesson takes. What is folded away is not read."""
    texts = [cell.source for cell in cells(path, "markdown") if cell.id != "instructors"]
    texts = [re.sub(r"<details>.*?</details>|\]\([^)]*\)", " ", text, flags=re.DOTALL) for text in texts]
    words = sum(len(re.findall(r"[\w’'-]+", text)) for text in texts)
    predictions = sum(text.count("**Predict.**") for text in texts)
    turns = sum("your-turn" in cell.metadata.get("tags", []) for cell in cells(path, "code"))
    return words / READING + len(cells(path, "code")) * CELL + predictions * PREDICTION + turns * TURN


@each([path for path in LESSONS if path.name[0] == "0" or path.name[:2] == "90"])
def test_a_lesson_takes_no_longer_than_it_says(path):
    first = " ".join(cells(path, "markdown")[0].source.split())
    said = re.search(r"\b(?:takes|about) (?:\w+ to )?([\w-]+) minutes", first)
    assert said, "the first cell says how long it takes"
    number = {"twenty-five": 25}.get(said[1]) or int(said[1])
    assert minutes(path) <= number


#: They have no exercise, and are what one looks at after the others.
SHORT = ("06", "07")


@each([path for path in LESSONS if path.name[0] == "0" and path.name[:2] not in SHORT])
def test_a_lesson_is_a_sitting(path):
    assert 24 <= minutes(path) <= 40


IN_SQL = [
    part
    for parts in EXERCISES.values()
    for part in parts
    if isinstance(part, HandlerPart) and ("handle", ("message", "db")) in part.signatures
]


@pytest.mark.parametrize("part", IN_SQL, ids=lambda part: part.grade_id)
def test_a_proof_in_sqlite_says_that_it_holds_there_only(part):
    assert f"Not covered: {part.covered.partition('Not covered: ')[2]}".count(WEAKER) == 1


@each([path for path in LESSONS if path.name[:2] in ("03", "04", "05")])
def test_a_lesson_says_what_holds_in_sqlite_only(path):
    texts = [" ".join(cell.source.split()) for cell in cells(path, "markdown")]
    assert [text for text in texts if "SQLite" in text and "READ COMMITTED" in text and "default" in text]


# Executed ones


@each(EXECUTED)
def test_stored_outputs_come_from_one_run_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))


@each(EXECUTED)
def test_nothing_failed_in_that_run(path):
    failed = [cell.id for cell in cells(path, "code") for output in cell.outputs if output.output_type == "error"]
    assert failed == []


@each(EXECUTED)
def test_outputs_do_not_change_from_run_to_run(path):
    """An address in memory differs each time; nbval would find it only in the next run."""
    texts = [(cell.id, json.dumps(cell.outputs)) for cell in cells(path, "code")]
    assert [name for name, text in texts if re.search(r" at 0x[0-9a-f]{6,}", text)] == []


# Exercises


@each(HANDED_OUT)
def test_an_exercise_has_a_lesson_and_a_solution(path):
    assert path.name in [lesson.name for lesson in LESSONS]
    assert path.name in [solution.name for solution in SOLVED]
    assert read(path).metadata.redelivery.exercise == path.stem
    assert path.stem in EXERCISES


@each(EXECUTED)
def test_a_widget_is_stored_as_a_picture_and_a_text(path):
    """Without a kernel JupyterLab says "model not found" of anything else."""
    outputs = [output for cell in read(path).cells for output in cell.get("outputs", [])]
    assert [o for o in outputs if "application/vnd.jupyter.widget-view+json" in o.get("data", {})] == []


@each(HANDED_OUT)
def test_an_exercise_is_handed_out_without_outputs(path):
    assert [cell.id for cell in cells(path, "code") if cell.outputs or cell.execution_count] == []


@each(HANDED_OUT)
def test_an_exercise_has_the_parts_of_the_catalogue(path):
    graded = by_grade_id(path)
    parts = EXERCISES[path.stem]
    solutions = [name for name, cell in graded.items() if nbgrader(cell)["solution"]]
    assert solutions == [part.grade_id for part in parts]
    checks = {name: nbgrader(cell)["points"] for name, cell in graded.items() if nbgrader(cell)["grade"]}
    assert checks == {f"check_{part.grade_id}": part.points for part in parts}
    assert sum(checks.values()) == 10


@each(HANDED_OUT)
def test_check_cells_follow_their_answers_and_may_fail(path):
    names = list(by_grade_id(path))
    for part in EXERCISES[path.stem]:
        check = by_grade_id(path)[f"check_{part.grade_id}"]
        assert names.index(check.metadata.nbgrader.grade_id) == names.index(part.grade_id) + 1
        assert "raises-exception" in check.metadata.tags
        assert f'ex.check("{part.grade_id}", ' in check.source


@each(HANDED_OUT)
def test_what_is_locked_can_not_be_edited(path):
    for cell in by_grade_id(path).values():
        assert nbgrader(cell)["schema_version"] == 3
        assert cell.metadata.get("editable", True) is not nbgrader(cell)["locked"]
        assert cell.metadata.get("deletable", True) is False


@each(HANDED_OUT)
def test_the_first_code_cell_is_the_locked_one_that_imports(path):
    first = cells(path, "code")[0]
    assert nbgrader(first)["grade_id"] == "setup"
    assert "Retry" in first.source


@each(HANDED_OUT)
def test_hints_come_in_stages_and_say_something(path):
    for part in EXERCISES[path.stem]:
        cell = next(cell for cell in cells(path, "markdown") if cell.id == f"hints-{part.grade_id}")
        hints = re.findall(r"<details><summary>Hint (\d+)[^<]*</summary>(.*?)</details>", cell.source, re.DOTALL)
        assert [int(number) for number, _ in hints] == list(range(1, len(hints) + 1))
        assert len(hints) >= 3
        assert [number for number, text in hints if len(text.strip()) < 20] == []


@each(HANDED_OUT)
def test_the_consumer_to_break_is_shown_as_it_is(path):
    for part in EXERCISES[path.stem]:
        if isinstance(part, BreakIt):
            cell = by_grade_id(path)["consumer_to_break"]
            assert cell.cell_type == "markdown" and nbgrader(cell)["locked"]
            assert re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL) == [part.source]


@each(SOLVED)
def test_a_solution_has_the_locked_cells_of_its_exercise(path):
    handed_out, solved = by_grade_id(ROOT / "exercises" / path.name), by_grade_id(path)
    assert list(solved) == list(handed_out)
    for name, cell in solved.items():
        assert cell.id == handed_out[name].id
        assert cell.metadata == handed_out[name].metadata
        if nbgrader(cell)["locked"]:
            assert cell.source == handed_out[name].source


@each(SOLVED)
def test_without_its_solutions_a_solved_cell_is_what_is_handed_out(path):
    for name, cell in by_grade_id(path).items():
        if not nbgrader(cell)["solution"]:
            assert BEGIN not in cell.source and END not in cell.source
            continue
        handed_out = by_grade_id(ROOT / "exercises" / path.name)[name].source
        assert cell.source.count(BEGIN) == cell.source.count(END) >= 1
        cleared = re.sub(rf"[ ]*{BEGIN}\n.*?{END}\n?", "", cell.source, flags=re.DOTALL)
        without_stub = re.sub(rf"[ ]*{re.escape(STUB)}\n?", "", handed_out)
        assert cleared.rstrip() == without_stub.rstrip()
        compile(handed_out, name, "exec")


@each(HANDED_OUT)
def test_an_exercise_does_not_hold_its_solution(path):
    assert [cell.id for cell in read(path).cells if BEGIN in cell.source or END in cell.source] == []


@each(SOLVED)
def test_a_solution_shows_other_right_answers_and_wrong_ones(path):
    """As the stored outputs say; nbval compares them with a new run."""
    shown = {
        cell.id: "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for cell in cells(path, "code")
        if "ex.report(" in cell.source
    }
    right = [name for name in shown if name.startswith("alternative-")]
    wrong = [name for name in shown if name.startswith("wrong-")]
    assert len(right) >= 3 and len(wrong) >= 2
    assert [name for name in right if not shown[name].startswith("PROVED")] == []
    assert [name for name in wrong if not shown[name].startswith(("REFUTED", "STUCK"))] == []


def check(path: Path) -> tuple[int, dict]:
    command = [sys.executable, "-m", "redelivery.cli", "check", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@each(HANDED_OUT)
def test_an_unsolved_exercise_fails_its_check(path):
    status, result = check(path)
    assert status == 1
    assert (result["points"], result["max_points"]) == (0, 10)
    assert [part["part"] for part in result["parts"]] == [part.grade_id for part in EXERCISES[path.stem]]
    assert {part["verdict"] for part in result["parts"]} == {"error"}
    assert [
        part["part"] for part in result["parts"] if not re.search("not solved|no schedule", part["explanation"])
    ] == []


# Each model answer is pasted and checked in test_pasted; these two are checked with all that stands around it.
@each([path for path in SOLVED if path.name[:2] in ("01", "05")])
def test_a_solution_passes_its_check(path):
    status, result = check(path)
    assert status == 0, result
    assert (result["points"], result["max_points"]) == (10, 10)
    assert {part["verdict"] for part in result["parts"]} == {"proved"}


# The first cell of the course


INSTALL_CHECK = next(
    cell for cell in cells(ROOT / "course" / "00-start-here.ipynb", "code") if cell.id == "install-check"
).source


def test_the_install_check_says_ready(capsys):
    exec(INSTALL_CHECK, {})
    assert capsys.readouterr().out == "ready\n"


def test_the_install_check_names_a_package_that_is_too_old(capsys, monkeypatch):
    from importlib import metadata

    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "3.30" if name == "sqlite-utils" else real(name))
    exec(INSTALL_CHECK, {})
    assert re.match(r"Not ready: sqlite-utils must be \S+\. Close .* make lab", capsys.readouterr().out)


def test_the_install_check_names_what_is_missing(capsys, monkeypatch):
    from importlib import metadata

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    exec(INSTALL_CHECK, {})
    assert re.match(r"Not ready: \S+ is not installed\. Close", capsys.readouterr().out)


def test_the_install_check_names_an_old_python(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sys", SimpleNamespace(version_info=(3, 10, 9)))
    exec(INSTALL_CHECK, {})
    assert capsys.readouterr().out.startswith("Not ready: Python is older than 3.11. Close")
