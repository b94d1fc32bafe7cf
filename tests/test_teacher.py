"""What a teacher gets: one row a learner, lateness, points by hand, rosters, the forms of other platforms."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import html5lib
import jsonschema
import pytest
import yaml

from redelivery.cli import main
from redelivery.exercises.notebook import read_notebook
from redelivery.grading import batch, scratch
from redelivery.grading.batch import Journal
from redelivery.grading.intake import Handed
from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.policy import BadPolicy, Late, Override, due_of, finals, moment_of
from redelivery.grading.reports import exports, feedback, similarity
from redelivery.grading.reports.gradebook import harmless
from redelivery.grading.result import Kind, PartResult, SubmissionResult
from redelivery.grading.roster import BadRoster, Joined, read_roster

ROOT = Path(__file__).parents[1]
LOOP = """
def handle(message, db):
    total = 0
    for key, value in sorted(message.body.items()):
        if isinstance(value, int) and value > total:
            total += value * 2
        else:
            total -= len(str(key)) % 7
    while total > 10:
        total = total // 3 + (1 if total % 2 else 0)
    return {"total": [total, -total], "key": {k: v for k, v in message.body.items() if v}}
"""
RENAMED = LOOP.replace("total", "t").replace("key", "k2").replace("10", "99")
OTHER = """
def handle(message, db):
    with db.atomic():
        try:
            db.execute("INSERT INTO processed VALUES (?)", [message.id])
        except Exception as error:
            raise ValueError("no") from error
        assert message.attempt >= 1, lambda: [x for x in range(3)]
        db.execute("UPDATE account SET balance = 1", ())
        del message.body["x"]; global y; y = not None
"""


def part(name: str, points: int, most: int, answer: str = "", diagnosis: str | None = None) -> PartResult:
    kind = Kind.RIGHT if points else Kind.WRONG
    details = {"diagnosis": {"name": diagnosis}} if diagnosis else {}
    return PartResult(name, kind, points, most, "proved" if points else "refuted", "why", details, "text", "", answer)


def result(learner: str, claims: int = 3, total: int = 0, attempt: str = "", **more: Any) -> SubmissionResult:
    parts = (part("claims", claims, 3), part("order_total", total, 5), part("break_it", 2, 2))
    return SubmissionResult(learner, "02-idempotence", f"{learner}/x.ipynb", parts, attempt=attempt, **more)


RESULTS = {
    "Ann Öberg_1": result("Ann Öberg_1", total=5, attempt="2026-11-28T10:00:00+00:00"),
    "Bob Baker_2": result("Bob Baker_2", attempt="2026-11-30T12:00:00+00:00"),
    "Cy_3": SubmissionResult("Cy_3", "", "Cy_3/x.ipynb", (), problem="Cy_3/x.ipynb: no notebook"),
}
WORKSHEET = """Identifier,Full name,Email address,Status,Grade,Maximum Grade
Participant 1,Ann Öberg,ann@x.org,Submitted,,10
Participant 2,Bob Baker,bob@x.org,Submitted,,10
Participant 3,Cy,cy@x.org,Submitted,,10
Participant 9,Zoe Young,zoe@x.org,No submission,,10
"""


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, Path]]:
    """`redelivery grade` on a class whose judgement is known: all but the judging."""
    folder = tmp_path / "class"
    for learner in RESULTS:
        path = folder / f"{learner}_assignsubmission_file_" / "x.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text("{}", "utf-8")
    (tmp_path / "roster.csv").write_bytes(b"\xef\xbb\xbf" + WORKSHEET.encode())
    times: dict[str, int] = {}

    def judge_all(entries: list[Entry], limits: Limits, jobs: int) -> Any:
        for entry in entries:
            times[entry.learner] = times.get(entry.learner, 0) + 1
            number = {"Ann Öberg": "Ann Öberg_1", "Bob Baker": "Bob Baker_2", "Cy": "Cy_3"}.get(
                entry.learner, entry.learner
            )
            known = RESULTS[number]
            yield SubmissionResult(
                entry.learner,
                known.exercise,
                entry.shown,
                known.parts,
                known.problem.replace(known.file, entry.shown),
                attempt=known.attempt,
                digest=batch.digest(entry.path),
                version=batch.__version__,
                trusted=limits.sandbox,
                seed=limits.seed,
                limit=limits.seconds,
            )

    monkeypatch.setattr(batch, "judge_all", judge_all)

    def grade(*options: str) -> tuple[int, Path]:
        out = tmp_path / "out"
        arguments = ["grade", str(folder), "--out", str(out), "--no-sandbox", *options]
        return main(arguments), out

    grade.times = times  # type: ignore[attr-defined]
    grade.roster = str(tmp_path / "roster.csv")  # type: ignore[attr-defined]
    return grade


def table(path: Path) -> dict[str, dict[str, str]]:
    rows = rows_of(path)
    return {next(iter(row.values())): row for row in rows}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_one_row_a_learner(graded: Any) -> None:
    status, out = graded("--roster", graded.roster, "--due", "2026-11-29", "--late", "10% a day, at most 50%")
    assert status == 3  # Cy's can't be used
    rows = table(out / "grades.csv")
    assert sorted(rows) == ["Ann Öberg", "Bob Baker", "Cy", "Zoe Young"]
    assert (rows["Ann Öberg"]["total"], rows["Ann Öberg"]["maximum"], rows["Ann Öberg"]["late"]) == ("10", "10", "")
    assert rows["Bob Baker"]["02-idempotence/claims (3)"] == "3"
    assert rows["Bob Baker"]["taken_off"] == "02-idempotence 10%"
    assert rows["Bob Baker"]["total"] == "4.5"
    assert rows["Zoe Young"]["problem"] == "handed in nothing"
    assert "no notebook" in rows["Cy"]["problem"]
    assert sorted(table(out / "grades-long.csv")) == sorted(rows)


@pytest.mark.parametrize(
    ("policy", "hours", "percent"),
    [
        ("10% a day, at most 50%", 0, 0),
        ("10% a day, at most 50%", 1, 10),
        ("10% a day, at most 50%", 25, 20),
        ("10% a day, at most 50%", 24 * 30, 50),
        ("5% an hour", 3.5, 20),
        ("50% per week", 24 * 15, 100),
        ("20% once", 900, 20),
        ("12.5 % each day , at most 25 %", 900, 25),
    ],
)
def test_lateness(policy: str, hours: float, percent: float) -> None:
    assert Late.of(policy).percent(hours * 3600) == percent


@pytest.mark.parametrize("text", ["", "10", "10% a", "a day", "-5% a day", "10% a day at most", "nan% once"])
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(BadPolicy, match="Expected"):
        Late.of(text)


def test_moments() -> None:
    assert moment_of("2026-11-24 10:00:00 UTC") == moment_of("2026-11-24T11:00:00+01:00")
    assert moment_of("no date") is None
    assert due_of("2026-11-29") > due_of("2026-11-29T23:00")
    with pytest.raises(BadPolicy, match="is no date"):
        due_of("tomorrow")


def test_points_by_hand_are_kept_over_grading_again(graded: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = graded()
    (out / "overrides.csv").write_text(
        "learner,part,points,reason\nBob Baker_2,order_total,4,works on my machine\nNobody,claims,3,x\n", "utf-8"
    )
    for _ in range(2):
        graded("--resume")
        row = table(out / "grades.csv")["Bob Baker_2"]
        assert (row["total"], row["02-idempotence/order_total (5)"]) == ("9", "4")
        assert "0 → 4 (works on my machine)" in row["by_hand"]
        assert "Nobody" in capsys.readouterr().err
    page = (
        out / "feedback" / next(p.name for p in (out / "feedback").iterdir() if p.name.startswith("Bob"))
    ).read_text("utf-8")
    assert "works on my machine" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learner,part,points\nx,y,1\n", "no column reason"),
        ("learner,part,points,reason\nx,y,nan,z\n", "line 2"),
        ("learner,part,points,reason\nx,y,-1,z\n", "line 2"),
        ("learner,part,points,reason\n,y,1,z\n", "expected a learner"),
        ("", "empty"),
    ],
)
def test_overrides_that_can_t_be_read_are_said_before_anything_is_graded(
    text: str, said: str, graded: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "o.csv"
    path.write_text(text, "utf-8")
    assert graded("--overrides", str(path))[0] == 2
    assert said in capsys.readouterr().err
    assert graded.times == {}


def test_lateness_by_hand() -> None:
    late = result("ann", attempt="2026-12-05T00:00:00+00:00")
    ((final,), unused) = finals([late], due_of("2026-11-29"), Late(10, 86400), [Override("ann", "late", 0, "ill")])
    assert (final.percent, final.total, unused) == (0, 5, [])
    assert final.late_seconds > 0


def test_one_learner_again_and_all_others_as_they_were(graded: Any) -> None:
    _, out = graded()
    before = table(out / "grades.csv")
    status, _ = graded("--only", "Bob Baker_2")
    assert status == 3
    assert graded.times == {"Ann Öberg_1": 1, "Bob Baker_2": 2, "Cy_3": 1}
    assert table(out / "grades.csv") == before
    assert graded("--only", "Bob")[0] == 2


def test_without_names(graded: Any) -> None:
    _, out = graded("--roster", graded.roster, "--anonymous")
    names = table(out / "names.csv")
    assert sorted(names) == ["Ann Öberg", "Bob Baker", "Cy", "Zoe Young"]
    first = {p: p.read_text("utf-8") for p in out.rglob("*") if p.is_file()}
    for path, text in first.items():
        if path.name not in ("names.csv", "results.jsonl"):
            assert not any(name in text for name in ("Ann", "Öberg", "Bob", "Baker", "Zoe", "Cy_3")), path
    graded("--roster", graded.roster, "--anonymous", "--resume")
    assert table(out / "names.csv") == names
    assert {p for p in out.rglob("*") if p.is_file()} == set(first)


@pytest.mark.parametrize(
    "bad", [["--timeout", "nan"], ["--timeout", "inf"], ["--out", ""], ["--out", " "], ["--late", "x"], ["--due", "x"]]
)
def test_options_that_make_no_sense(bad: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.ipynb").write_text("{}")
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out"), "--no-sandbox", *bad]) == 2
    assert capsys.readouterr().err.startswith("redelivery: --")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_loses_nothing(
    graded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = graded()
    before = (out / "results.jsonl").read_bytes()

    def full(self: object, result: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_write", full)
    assert graded("--resume")[0] == 2
    assert "No space left on device. Make room" in capsys.readouterr().err
    assert (out / "results.jsonl").read_bytes() == before


def test_a_page_that_fails_costs_one_learner(
    graded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = feedback.page

    def page(results: list[SubmissionResult], more: Any = ()) -> str:
        if results[0].learner.startswith("Bob"):
            raise MemoryError
        return real(results, more)

    monkeypatch.setattr(feedback, "page", page)
    status, out = graded()
    assert status == 4
    assert "of Bob Baker_2: MemoryError" in capsys.readouterr().err
    assert len(list((out / "feedback").iterdir())) == 3
    assert (out / "grades.csv").exists()


def test_time_outs_are_tried_again_where_the_limit_is_another(tmp_path: Path) -> None:
    cut = SubmissionResult("ann", "", "x", (), problem="x: the time for this submission, 1 s, was over", limit=1.0)
    Journal(tmp_path / "r", keep=False).add(cut)
    assert [*Journal(tmp_path / "r", keep=True, limit=1.0).known.values()] == [cut]
    assert Journal(tmp_path / "r", keep=True, limit=9.0).known == {}


def test_partial_credit_is_given_as_the_learner_was_told(tmp_path: Path) -> None:
    from redelivery.exercises.claims import OPERATIONS
    from redelivery.exercises.idempotence import CLAIMS, NAME
    from redelivery.grading.judge import _result
    from tests.test_claims import RIGHT

    worth = []
    for wrong in range(9):
        claims = {name: RIGHT[name] != (place < wrong) for place, name in enumerate(OPERATIONS)}
        (one,) = [_result(CLAIMS.judge(NAME, claims), "")]
        whole = SubmissionResult("ann", NAME, "x", (one,))
        assert finals([whole], None, Late(), [], True)[0][0].total == CLAIMS.judge(NAME, claims).points
        worth.append(tuple(finals([whole], None, Late(), [], partial)[0][0].total for partial in (False, True)))
    assert worth == [(3, 3), (0, 2), (0, 1), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]


def test_a_byte_order_mark_costs_nobody_a_point(tmp_path: Path) -> None:
    path = tmp_path / "02-idempotence.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + (ROOT / "exercises" / path.name).read_bytes())
    assert read_notebook(path).exercise == "02-idempotence"


# -- rosters -----------------------------------------------------------------------------------------------

ROSTERS = {
    "own": "learner;id\nAnn Öberg;1\nBob Baker;2\n",
    "canvas": "Student,ID,SIS User ID,SIS Login ID,Section,Week 5 (77)\n    Points Possible,,,,,10\n"
    '"Öberg, Ann",1,s1,ann,A,\n"Baker, Bob",2,s2,bob,A,\n"Student, Test",,,,A,\n',
    "moodle participants": "First name,Last name,ID number,Email address\nAnn,Öberg,1,a@x\nBob,Baker,2,b@x\n",
    "moodle worksheet": WORKSHEET,
    "github classroom": "identifier,github_username,github_id,name\nAnn Öberg,ann,1,\nBob Baker,bob,2,\n",
}
HANDED = {
    "own": ["Ann Öberg", "1", "ann_oberg"],
    "canvas": ["obergann_1", "ann", "s1", "Ann Oberg"],
    "moodle participants": ["Ann Öberg_1", "a@x", "ann oberg"],
    "moodle worksheet": ["Ann Öberg_1", "ann@x.org"],
    "github classroom": ["ann", "Ann Öberg"],
}


@pytest.mark.parametrize("kind", ROSTERS)
def test_rosters(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        path.write_bytes(ROSTERS[kind].encode(encoding))
        for name in HANDED[kind]:
            joined = Joined(Handed((Entry(name, path, "x"),), ()), read_roster(path))
            first = {"canvas": "Öberg, Ann", "github classroom": "Ann Öberg"}.get(kind, "Ann Öberg")
            assert [e.learner for e in joined.handed.entries] == [first], (name, encoding)
            assert all(r.nothing for r in joined.handed.unusable)
            assert len(joined.handed.unusable) == len(read_roster(path)) - 1


def test_the_same_learner_in_two_archives_is_one_and_nobody_is_joined_by_guessing(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("learner,id\nann,1\nKim Lee,2\nKim Lee,3\nmallory,4\n", "utf-8")
    names = ["ann (monday.zip)", "ann (tuesday.zip)", "Kim Lee", "Kim Lee_3", "ann (mallory.zip)", "eve"]
    joined = Joined(Handed(tuple(Entry(name, path, "x") for name in names), ()), read_roster(path))
    assert [e.learner for e in joined.handed.entries] == ["ann", "ann", "Kim Lee", "Kim Lee 3", "mallory", "eve"]
    assert joined.strangers == {"Kim Lee", "eve"}


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "empty"), (b"a,b\n1,2\n", "names nobody"), (b"\x00" * 30_000_000, "bytes")]
)
def test_what_is_no_roster(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(data)
    with pytest.raises(BadRoster, match=said):
        read_roster(tmp_path / "r")
    with pytest.raises(BadRoster, match="can't be read"):
        read_roster(tmp_path / "nowhere")


# -- forms of other platforms, read back by parsers that are not ours -------------------------------------------


def test_moodle_s_forms(graded: Any) -> None:
    _, out = graded("--roster", graded.roster)
    read = rows_of(out / "exports" / "moodle-grades.csv")
    assert tuple(read[0]) == (*exports.MOODLE, *exports.MOODLE_LAST)
    grades = {row["Identifier"]: row["Grade"] for row in read}
    assert grades == {"Participant 1": "10", "Participant 2": "5", "Participant 3": "0", "Participant 9": ""}
    archive = zipfile.ZipFile(out / "exports" / "moodle-feedback.zip")
    assert archive.testzip() is None
    # mod_assign's importziplib splits at the first four underscores: name, number, kind, plugin, file.
    for name in archive.namelist():
        who, number, kind, plugin, rest = name.replace("/", "").split("_", 4)
        assert (who, int(number)) in {("Ann Öberg", 1), ("Bob Baker", 2), ("Cy", 3)}
        assert (kind, plugin, rest) == ("assignsubmission", "file", "feedback.html")
        html5lib.HTMLParser(strict=True).parse(archive.read(name))
    assert len(archive.namelist()) == 3


def test_canvas_s_form(graded: Any) -> None:
    _, out = graded("--roster", graded.roster, "--assignment", "Week 5 (77)")
    read = rows_of(out / "exports" / "canvas-grades.csv")
    assert list(read[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Week 5 (77)"]
    assert (read[0]["Student"].strip(), read[0]["Week 5 (77)"]) == ("Points Possible", "10")
    assert {row["ID"]: row["Week 5 (77)"] for row in read}["2"] == "5"


#: After github.com/classroom-resources/autograding-grading-reporter.
REPORTER = {
    "type": "object",
    "required": ["version", "status", "max_score", "tests"],
    "properties": {
        "version": {"const": 1},
        "status": {"enum": ["pass", "fail", "error"]},
        "max_score": {"type": "number"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "status", "score"],
                "properties": {
                    "name": {"type": "string"},
                    "status": {"enum": ["pass", "fail", "error"]},
                    "score": {"type": "number"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def test_github_classroom_s_form(graded: Any) -> None:
    _, out = graded()
    found = [json.loads(p.read_text("utf-8")) for p in sorted((out / "exports" / "github").iterdir())]
    for one in found:
        jsonschema.validate(one, REPORTER)
    assert sorted(sum(test["score"] for test in one["tests"]) for one in found) == [0, 5, 10]
    markdown = (out / "summary.md").read_text("utf-8")
    assert "| 02-idempotence | claims | 3/3 |" in markdown


def test_the_workflow_for_github_is_one() -> None:
    workflow = yaml.safe_load((ROOT / "scripts" / "github" / "grade.yml").read_text("utf-8"))
    assert set(workflow) == {"name", True, "permissions", "jobs"}  # YAML 1.1 reads `on` as true
    steps = workflow["jobs"]["grade"]["steps"]
    assert all(set(step) & {"uses", "run"} for step in steps)
    script = next(step["run"] for step in steps if "redelivery grade" in step.get("run", ""))
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
    for option in ("--one-learner", "--out"):
        assert option in script


def test_the_page_of_the_class(graded: Any) -> None:
    _, out = graded("--roster", graded.roster)
    page = (out / "class.html").read_text("utf-8")
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert tree.find(".//script") is None
    assert "handed in nothing" in page


# -- what is alike -----------------------------------------------------------------------------------------


def test_answers_that_are_alike_are_listed() -> None:
    answers = {"ann": LOOP, "bob": RENAMED, "cleo": OTHER, "dan": "def handle(:", "eve": "", "fay": "x = " + "[" * 300}
    found = similarity.pairs([_answering(who, text) for who, text in answers.items()])
    assert [(p.one, p.other, p.percent) for p in found] == [("ann", "bob", 100)]
    read = list(csv.DictReader(io.StringIO(similarity.to_csv(found))))
    assert read == [
        {"exercise": "05-record-and-check", "part": "record_and_check", "one": "ann", "other": "bob", "alike": "100%"}
    ]


def test_what_most_write_and_what_was_handed_out_is_not_alike() -> None:
    many = [_answering(f"l{n}", LOOP) for n in range(20)]
    assert similarity.pairs(many) == []
    solution = json.loads((ROOT / "reference" / "solutions" / "05-record-and-check.ipynb").read_text("utf-8"))
    cell = next(c for c in solution["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "record_and_check")
    assert similarity.pairs([_answering(who, "".join(cell["source"])) for who in ("ann", "bob")]) == []


def _answering(learner: str, answer: str) -> SubmissionResult:
    return SubmissionResult(learner, "05-record-and-check", "x", (part("record_and_check", 0, 3, answer),))


# -- left-overs --------------------------------------------------------------------------------------------


def test_what_a_killed_grading_has_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(scratch, "_STORES", tmp_path / "shm")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = [tmp_path / f"redelivery-grade-{dead.pid}-x", tmp_path / "shm" / f"redelivery-store-{dead.pid}-y"]
    stays = [tmp_path / f"redelivery-grade-{os.getpid()}-x", tmp_path / "redelivery-notes", tmp_path / "other"]
    for place in (*gone, *stays):
        place.mkdir(parents=True)
        (place / "notebook.ipynb").write_text("{}")
    assert scratch.sweep() == 2
    assert not any(place.exists() for place in gone)
    assert all((place / "notebook.ipynb").exists() for place in stays)


# -- a messy class -----------------------------------------------------------------------------------------


def test_names_of_the_anonymous_are_no_formulas_and_no_two_alike(
    graded: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    evil = "=cmd|x"
    (tmp_path / "class" / evil).mkdir()
    (tmp_path / "class" / evil / "x.ipynb").write_text("{}", "utf-8")
    monkeypatch.setitem(RESULTS, evil, result(evil))
    _, out = graded("--anonymous")
    first = table(out / "names.csv")
    assert f"'{evil}" in first
    assert evil not in first
    kept = [row for row in rows_of(out / "names.csv") if row["called"] != "learner 002"]
    with (out / "names.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["learner", "called"])
        writer.writeheader()
        writer.writerows(kept)
    graded("--anonymous", "--resume")
    second = table(out / "names.csv")
    assert {row["learner"]: row["called"] for row in kept}.items() <= {
        k: v["called"] for k, v in second.items()
    }.items()
    assert len({row["called"] for row in second.values()}) == len(RESULTS)


def test_two_gradings_into_one_folder_do_not_lose_each_other_s_results(
    graded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inner: list[int] = []
    judge_all = batch.judge_all

    def while_another_begins(entries: Any, limits: Any, jobs: int) -> Any:
        for found in judge_all(entries, limits, jobs):
            if not inner:
                inner.append(-1)
                inner[0] = graded("--resume")[0]
            yield found

    monkeypatch.setattr(batch, "judge_all", while_another_begins)
    status, out = graded()
    assert (status, inner) == (3, [2])
    assert "another grading writes into" in capsys.readouterr().err
    assert len(rows_of(out / "grades.csv")) == len(RESULTS)


def test_the_seed_is_that_of_the_results_where_its_file_is_gone(graded: Any) -> None:
    _, out = graded("--seed", "77")
    (out / "seed.txt").write_text("?", "utf-8")
    with (out / "results.jsonl").open("ab") as file:
        file.write(b'[]\n3\n\xff\n{"format": 1}\n' + bytes(9) + b"\n")
    graded("--resume")
    assert (out / "seed.txt").read_text("utf-8") == "77\n"
    assert set(graded.times.values()) == {1}


def test_what_stands_in_the_file_now_counts(graded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graded, changed and graded, changed back: nothing is judged a third time, and the first result counts."""
    name = "Ann Öberg_1"
    path = tmp_path / "class" / f"{name}_assignsubmission_file_" / "x.ipynb"
    _, out = graded("--seed", "1")
    path.write_text("{ }", "utf-8")
    monkeypatch.setitem(RESULTS, name, result(name, claims=0, total=0))
    graded("--resume")
    assert table(out / "grades.csv")[name]["total"] == "2"
    path.write_text("{}", "utf-8")
    graded("--resume")
    assert table(out / "grades.csv")[name]["total"] == "10"
    assert graded.times[name] == 2


def test_nobody_waits_for_all_that_another_has_handed_in(tmp_path: Path) -> None:
    entries = [
        Entry(name, tmp_path / "x", f"{name}{n}") for name, n in (("ann", 1), ("mal", 1), ("mal", 2), ("zoe", 1))
    ]
    order: list[str] = []

    def judging(waiting: Any) -> Any:
        order.extend(entry.shown for entry in waiting)
        return iter(())

    journal = Journal(tmp_path / "r", keep=False)
    batch.grade(entries, journal, Limits(), judging, lambda: None)
    assert order == ["ann1", "mal1", "zoe1", "mal2"]


def test_who_only_looks_like_somebody_is_not_joined(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("learner,id\nAnn,1\nBob,2\nMax (Bob),3\nJosé,4\nKim Lee,5\n", "utf-8")
    names = ["Ann", "ann_2", "Ａnn", "x (Bob)", "Max (Bob)", "Jose", "José", "Jose\u0301", "Lee Kim"]
    handed = Handed(tuple(Entry(name, path, "x") for name in names), (), sources=frozenset())
    joined = Joined(handed, read_roster(path))
    assert {name: person.learner for name, person in joined.person_of.items()} == {
        "Ann": "Ann",
        "Max (Bob)": "Max (Bob)",
        "José": "José",
        "Jose\u0301": "José",
        "Lee Kim": "Kim Lee",
    }
    assert [entry.shown for entry in joined.handed.entries if entry.learner == "José"] == ["x", "x (2)"]


@pytest.mark.parametrize("cell", ["＝1+1", "\n=1", " =1", "a;=1", "a; +1", "--1", "-²"])
def test_no_spreadsheet_takes_it_for_a_formula(cell: str) -> None:
    for piece in harmless(cell).split(";"):
        assert not piece.strip().startswith(("=", "+", "-", "＝"))


def test_a_time_limit_may_be_as_long_as_one_likes(tmp_path: Path) -> None:
    notebook = tmp_path / "class" / "ann.ipynb"
    notebook.parent.mkdir()
    notebook.write_text("{}", "utf-8")
    out = str(tmp_path / "out")
    assert main(["grade", str(notebook.parent), "--out", out, "--no-sandbox", "--timeout", "1e9"]) == 3


def test_what_a_notebook_says_of_itself_fits_into_a_gradebook(tmp_path: Path) -> None:
    content = {"cells": [], "metadata": {"redelivery": {"exercise": "x\n\x1b[31m=" * 2_000_000}}}
    path = tmp_path / "mal.ipynb"
    path.write_text(json.dumps(content), "utf-8")
    found = judge(Entry("mal", path, "mal.ipynb"), Limits(sandbox=False))
    assert len(found.problem) <= 1000
    assert found.problem.isprintable()


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "mal.ipynb"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    assert batch.digest(path) == ""
    found = judge(Entry("mal", path, "mal.ipynb"), Limits(sandbox=False))
    assert "bytes, more than" in found.problem


@pytest.mark.parametrize("what", ["a link", "a pipe"])
def test_what_is_no_file_any_more_when_it_is_judged(what: str, tmp_path: Path) -> None:
    """In a folder that a class shares it may have been one when submissions were looked for."""
    path = tmp_path / "mal.ipynb"
    if what == "a link":
        path.symlink_to(ROOT / "reference" / "solutions" / "02-idempotence.ipynb")
    else:
        os.mkfifo(path)
    assert batch.digest(path) == ""
    found = judge(Entry("mal", path, "mal.ipynb"), Limits(sandbox=False))
    assert (found.points, found.faults) == (0, False)
    assert "no ordinary file" in found.problem


def test_an_override_may_call_a_learner_as_the_gradebook_does() -> None:
    given = [Override("'=1+1", "claims", 1.0, "by hand")]
    (final,), unused = finals([result("=1+1")], None, Late(), given)
    assert (final.points["claims"], unused) == (1.0, [])
