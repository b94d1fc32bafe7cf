"""A whole class from the command line: nothing lost, nothing graded twice, the same result each time."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import html5lib
import jsonschema
import junitparser
import pytest

from redelivery import __version__
from redelivery.cli import main
from redelivery.display.page import film_text, script, script_hash
from redelivery.display.svg import to_svg
from redelivery.exercises.exercise import exercise
from redelivery.grading import cluster
from redelivery.grading.batch import Journal, Worker, digest, grade
from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.reports import feedback, gradescope, junit, summary
from redelivery.grading.reports.gradebook import counting, harmless, to_csv
from redelivery.grading.result import Kind, PartResult, SubmissionResult
from redelivery.grading.sandbox import why_not
from tests.attacks.hand_in import EXERCISES, attacks
from tests.films import RACE

ROOT = Path(__file__).parents[1]
NO_SANDBOX = why_not()
#: Where bubblewrap is missing, what does not need it is tested all the same.
UNSAFE = ["--no-sandbox"] if NO_SANDBOX else []
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def hand_in(path: Path, answers: dict[str, str], exercise: str = "05-record-and-check") -> Path:
    """An exercise's notebook with these answers."""
    content = json.loads((EXERCISES / f"{exercise}.ipynb").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in answers and cell["metadata"]["nbgrader"]["solution"]:
            cell["source"] = answers[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def solved(exercise: str) -> dict[str, str]:
    content = json.loads((ROOT / "reference" / "solutions" / f"{exercise}.ipynb").read_text(encoding="utf-8"))
    found = {}
    for cell in content["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution"):
            found[marks["grade_id"]] = "".join(cell["source"])
    return found


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six submissions: all right, half right, unsolved, hostile names, no JSON, another notebook."""
    folder = tmp_path_factory.mktemp("class") / "submitted"
    hand_in(folder / "ann" / "hw2" / "02.ipynb", solved("02-idempotence"), "02-idempotence")
    hand_in(folder / "bob" / "hw5" / "05.ipynb", {"record_and_check": RACE, "break_it": 'schedule = "AAA+ABBAA?"'})
    hand_in(folder / "cleo" / "hw5" / "05.ipynb", {})
    hand_in(folder / "=1+1" / "hw5" / "05.ipynb", {"record_and_check": f"raise ValueError({EVIL!r})"})
    (folder / "dan" / "hw5").mkdir(parents=True)
    (folder / "dan" / "hw5" / "05.ipynb").write_text("{not JSON")
    (folder / "eve" / "hw5").mkdir(parents=True)
    (folder / "eve" / "hw5" / "other.ipynb").write_text('{"cells": [], "metadata": {}}')
    return folder


@pytest.fixture(scope="module")
def graded(class_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("graded")
    assert main(["grade", str(class_folder), "--out", str(out), *UNSAFE]) == 3
    return out


def rows(out: Path) -> dict[str, dict[str, str]]:
    return {row["learner"]: row for row in csv.DictReader(io.StringIO((out / "grades-long.csv").read_text("utf-8")))}


def test_the_gradebook(graded: Path) -> None:
    found = rows(graded)
    assert sorted(found) == ["'=1+1", "ann", "bob", "cleo", "dan", "eve"]
    assert (found["ann"]["points"], found["ann"]["exercise"]) == ("10", "02-idempotence")
    assert (found["bob"]["points"], found["bob"]["record_and_check"], found["bob"]["break_it"]) == ("2", "0", "2")
    assert found["bob"]["not_run"] == "record_and_check_redis request_once"
    assert found["cleo"]["points"] == "0"
    assert "JSON" in found["dan"]["problem"]
    assert "not of an exercise" in found["eve"]["problem"]
    assert {row["version"] for row in found.values()} == {__version__}
    assert {row["counts"] for row in found.values()} == {"latest"}
    assert {row["trusted"] for row in found.values()} == {"no: untrusted" if NO_SANDBOX else "yes"}


def files(out: Path) -> dict[str, bytes]:
    skipped = {"results.jsonl", "class.html"}  # with times in them
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name not in skipped}


def test_grading_again_with_the_same_seed_gives_the_same(class_folder: Path, graded: Path, tmp_path: Path) -> None:
    seed = (graded / "seed.txt").read_text("utf-8").strip()
    again = ["--out", str(tmp_path / "again"), "--jobs", "1", "--seed", seed, *UNSAFE]
    assert main(["grade", str(class_folder), *again]) == 3
    assert files(tmp_path / "again") == files(graded)


def test_json(class_folder: Path, graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also: with --resume nothing is judged again that is known."""
    before = (graded / "results.jsonl").read_bytes()
    assert main(["grade", str(class_folder), "--out", str(graded), "--resume", "--json", *UNSAFE]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["summary"]["submissions"] == 6
    assert said["summary"]["not_usable"] == 2
    assert {m["diagnosis"] for m in said["summary"]["mistakes"]} == {"check-then-act"}
    assert [r["learner"] for r in said["results"]] == sorted(r["learner"] for r in said["results"])
    assert (graded / "results.jsonl").read_bytes() == before


def test_the_summary_names_nobody(graded: Path) -> None:
    text = (graded / "summary.txt").read_text("utf-8")
    assert "1 × check-then-act" in text
    assert "Isolation: " in text
    for name in ("ann", "bob", "cleo", "=1+1"):
        assert name not in text.split()


def test_results_of_an_earlier_grading_are_not_mixed_in(
    class_folder: Path, graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", str(class_folder), "--out", str(graded), *UNSAFE]) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no file or folder"),
        ([str(ROOT / "scripts")], "no notebook"),
        ([str(EXERCISES), "--timeout", "0"], "number of seconds over 0"),
    ],
)
def test_nothing_to_grade(arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grade", *arguments, "--out", str(tmp_path / "out"), *UNSAFE]) == 2
    assert said in capsys.readouterr().err


def test_without_bubblewrap_one_has_to_say_so(
    class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("redelivery.grading.sandbox.why_not", lambda: "bubblewrap is not installed")
    assert main(["grade", str(class_folder), "--out", str(tmp_path / "out")]) == 2
    assert "--no-sandbox" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    one = class_folder / "ann"
    assert main(["grade", str(one), "--out", str(tmp_path / "out"), "--no-sandbox"]) == 0
    assert "UNTRUSTED" in capsys.readouterr().out
    assert [row["trusted"] for row in rows(tmp_path / "out").values()] == ["no: untrusted"]
    assert "not trusted" in next((tmp_path / "out" / "feedback").iterdir()).read_text("utf-8")


# -- forms -------------------------------------------------------------------------------------------------


def test_feedback_is_html_without_requests_and_with_no_script_but_the_stage_s(graded: Path) -> None:
    pages = sorted((graded / "feedback").glob("*.html"))
    assert len(pages) == 6
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    for path in pages:
        tree = parser.parse(path.read_text("utf-8"))
        scripts = [element.text for element in tree.iter("script")]
        films = [element.get("data-film") for element in tree.iter() if element.get("data-film")]
        assert scripts == ([script()] if films else [])
        policy = tree.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
        assert ("script-src" in policy) is bool(films)
        if films:
            assert policy.endswith(f"; script-src '{script_hash()}'")
            assert all(json.loads(film)["steps"] for film in films)
        assert [e for e in tree.iter() if any(name.startswith("on") for name in e.attrib)] == []
        sources = [e.get("src") or e.get("href") for e in tree.iter() if e.get("src") or e.get("href")]
        assert all(str(source).startswith("data:image/svg+xml;base64,") for source in sources)
        assert all(image.get("alt") for image in tree.iter("img"))
    bob = (graded / "feedback" / "bob.html").read_text("utf-8")
    assert "check-then-act" in bob
    assert "▶" in bob
    assert "data-film" in bob
    for other in ("ann", "cleo", "dan", "eve"):
        assert other not in bob.replace("and", "").split()


def test_junit_is_what_a_reader_of_it_reads(graded: Path) -> None:
    read = junitparser.JUnitXml.fromfile(str(graded / "junit.xml"))
    assert (read.tests, read.failures, read.errors) == (17, 1, 0)
    assert read.skipped == 12
    names = {suite.name for suite in read}
    assert "ann 02-idempotence" in names


GRADESCOPE = {
    "type": "object",
    "required": ["score", "tests"],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": {"type": "string"},
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
                    "extra_data": {"type": "object"},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""After https://gradescope-autograders.readthedocs.io/en/latest/specs/"""


def test_gradescope_s_form(graded: Path) -> None:
    found = sorted((graded / "gradescope").glob("*.json"))
    assert len(found) == 6
    for path in found:
        jsonschema.validate(json.loads(path.read_text("utf-8")), GRADESCOPE)
    ann = json.loads((graded / "gradescope" / "ann.json").read_text("utf-8"))
    assert ann["score"] == 10 == sum(test["score"] for test in ann["tests"])


def result(learner: str = "ann", **more: Any) -> SubmissionResult:
    part = PartResult("claims", Kind.WRONG, 0, 3, "refuted", "a\x00\x1b[31m\ud800 b", {"line": 1}, EVIL, "", EVIL)
    return SubmissionResult(learner, "02-idempotence", "x.ipynb", (part,), **more)


def test_texts_that_no_form_can_hold(tmp_path: Path) -> None:
    evil = result(EVIL)
    assert SubmissionResult.from_json(json.loads(json.dumps(evil.to_json()))) == evil
    (tmp_path / "x.xml").write_text(junit.to_junit([evil]), "utf-8")
    assert junitparser.JUnitXml.fromfile(str(tmp_path / "x.xml")).failures == 1
    assert "<script" not in feedback.page([evil]).encode("utf-8", "backslashreplace").decode()
    jsonschema.validate(gradescope.to_gradescope(evil), GRADESCOPE)
    assert EVIL not in summary.as_text(summary.as_data([evil], "latest"))


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless("-5") == "-5"
    read = next(csv.DictReader(io.StringIO(to_csv([result(cell)], "latest"), newline="")))
    assert read["learner"].startswith("'")


def test_names_of_files_are_safe_and_no_two_alike() -> None:
    learners = ["ann", "Ann", "ANN", "../../etc/passwd", "", "..", "con", "a" * 300, "安", "名", "a/b", "a-b", EVIL]
    names = feedback.file_names(learners)
    assert len({name.casefold() for name in names.values()}) == len(learners)
    for name in names.values():
        assert not name.startswith(".")
        assert set("/\\<>:\"'|?* ").isdisjoint(name)
        assert 0 < len(name) < 90


def test_which_attempt_counts() -> None:
    early, late = result(attempt="2026-11-01"), result(attempt="2026-11-02")
    right = PartResult("claims", Kind.RIGHT, 3, 3, "proved", "")
    early = SubmissionResult(**{**{f: getattr(early, f) for f in early.__slots__}, "parts": (right,)})
    assert [r.points for r in counting([late, early], "latest")] == [0]
    assert [r.points for r in counting([late, early], "best")] == [3]


# -- the batch ---------------------------------------------------------------------------------------------


def worker_that(tmp_path: Path, code: str) -> Worker:
    worker = Worker()
    worker.command = (sys.executable, "-c", code)
    worker.grace = 1.0
    return worker


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Entry("ann", hand_in(tmp_path / "ann.ipynb", {}), "ann.ipynb")


def test_a_worker_that_hangs_is_ended(entry: Entry, tmp_path: Path) -> None:
    worker = worker_that(tmp_path, "import time; time.sleep(600)")
    found = worker.judge(entry, Limits(seconds=0.5))
    assert (found.fault, found.points) == (False, 0)
    assert "the time for this submission" in found.problem


def test_a_worker_that_computes_without_end_is_ended_long_before_the_clock_on_the_wall_says_so(
    entry: Entry, tmp_path: Path
) -> None:
    worker = worker_that(tmp_path, "while True: pass")
    worker.grace = 1.0 - 100_000.0
    found = worker.judge(entry, Limits(seconds=100_000.0))
    assert (found.fault, found.points) == (False, 0)
    assert "the time for this submission" in found.problem


def test_a_worker_that_dies_is_replaced_once_and_then_it_is_the_grader_s_fault(entry: Entry, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    code = f"import sys, os; sys.stdin.readline(); open({str(marks)!r}, 'a').write('x'); os.kill(os.getpid(), 9)"
    found = worker_that(tmp_path, code).judge(entry, Limits())
    assert found.fault
    assert found.digest == digest(entry.path)
    assert marks.read_text() == "xx"


def test_a_worker_that_dies_once_costs_nothing(entry: Entry, tmp_path: Path) -> None:
    answer = json.dumps(result().to_json())
    flag = tmp_path / "flag"
    code = (
        f"import sys, os, pathlib; sys.stdin.readline(); flag = pathlib.Path({str(flag)!r})\n"
        f"if not flag.exists(): flag.touch(); os._exit(3)\n"
        f"print({answer!r}, flush=True)"
    )
    assert worker_that(tmp_path, code).judge(entry, Limits()) == result()


def test_what_a_killed_grading_has_done_is_not_done_again(tmp_path: Path) -> None:
    """kill -9 in the middle of a class, with a line half written; then --resume."""
    folder, out = tmp_path / "class", tmp_path / "out"
    for number in range(6):
        hand_in(folder / f"learner{number}" / "02.ipynb", solved("02-idempotence"), "02-idempotence")
    command = [sys.executable, "-m", "redelivery.cli", "grade", str(folder), "--out", str(out), "--jobs", "1", *UNSAFE]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    journal = out / "results.jsonl"
    until = time.monotonic() + 600
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = [line for line in journal.read_bytes().split(b"\n")[:-1]]
    assert 2 <= len(kept) < 6
    journal.write_bytes(b"\n".join(kept) + b"\n" + kept[0][: len(kept[0]) // 2])
    assert subprocess.run([*command, "--resume"], stdout=subprocess.DEVNULL).returncode == 0
    lines = journal.read_bytes().split(b"\n")[:-1]
    assert lines[: len(kept)] == kept
    assert sorted(json.loads(line)["learner"] for line in lines) == [f"learner{number}" for number in range(6)]
    assert {row["points"] for row in rows(out).values()} == {"10"}


def test_a_changed_notebook_is_judged_again(entry: Entry, tmp_path: Path) -> None:
    judged: list[str] = []

    def judging(entries: Sequence[Entry]) -> Iterator[SubmissionResult]:
        for one in entries:
            judged.append(one.learner)
            yield SubmissionResult(one.learner, "x", one.shown, (), digest=digest(one.path), version=__version__)

    for _ in range(2):
        journal = Journal(tmp_path / "results.jsonl", keep=True)
        grade([entry], journal, Limits(), judging, lambda: None)
        journal.close()
    assert judged == ["ann"]
    entry.path.write_text("{}")
    journal = Journal(tmp_path / "results.jsonl", keep=True)
    grade([entry], journal, Limits(), judging, lambda: None)
    journal.close()
    assert judged == ["ann", "ann"]


def test_a_grader_s_fault_is_not_taken_for_a_result(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "results.jsonl", keep=True)
    journal.add(SubmissionResult("ann", "", "x", (), fault=True))
    journal.close()
    assert Journal(tmp_path / "results.jsonl", keep=True).known == {}


# -- large and broken notebooks ------------------------------------------------------------------------------


def test_a_notebook_of_a_hundred_megabytes(tmp_path: Path) -> None:
    path = hand_in(tmp_path / "ann.ipynb", {"claims": solved("02-idempotence")["claims"]}, "02-idempotence")
    content = json.loads(path.read_text("utf-8"))
    cell = next(c for c in content["cells"] if c["cell_type"] == "code")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 100_000_000}]
    path.write_text(json.dumps(content), "utf-8")
    found = judge(Entry("ann", path, "ann.ipynb"), Limits(sandbox=not NO_SANDBOX))
    assert [part.kind for part in found.parts if part.part == "claims"] == [Kind.RIGHT]


def test_ten_thousand_cells(tmp_path: Path) -> None:
    path = hand_in(tmp_path / "ann.ipynb", {"claims": solved("02-idempotence")["claims"]}, "02-idempotence")
    content = json.loads(path.read_text("utf-8"))
    more = [{"cell_type": "code", "metadata": {}, "source": f"x{n} = {n}", "outputs": []} for n in range(10_000)]
    content["cells"][1:1] = more
    path.write_text(json.dumps(content), "utf-8")
    found = judge(Entry("ann", path, "ann.ipynb"), Limits(sandbox=not NO_SANDBOX))
    assert [part.kind for part in found.parts if part.part == "claims"] == [Kind.RIGHT]


def test_empty_cells_cost_nothing_and_too_many_are_said(tmp_path: Path) -> None:
    path = hand_in(tmp_path / "ann.ipynb", {"claims": solved("02-idempotence")["claims"]}, "02-idempotence")
    content = json.loads(path.read_text("utf-8"))
    for source, kind in (("", Kind.RIGHT), ("1", Kind.NOT_RUN)):
        more = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []}] * 300_000
        path.write_text(json.dumps({**content, "cells": [*more, *content["cells"]]}), "utf-8")
        found = judge(Entry("ann", path, "ann.ipynb"), Limits(sandbox=not NO_SANDBOX))
        (claims,) = (part for part in found.parts if part.part == "claims")
        assert claims.kind is kind
    assert "cells with code" in claims.explanation


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[1, 2]", "no notebook"),
        (b'{"cells": 1}', "no notebook"),
        (b'{"cells": [{"cell_type": 1}, null, 3]}', "exercise"),
        (b'{"cells": [], "metadata": {"redelivery": {"exercise": "99-later"}}}', "99-later"),
    ],
    ids=str,
)
def test_what_is_no_notebook(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    found = judge(Entry("ann", path, "ann/x.ipynb"), Limits(sandbox=not NO_SANDBOX))
    assert said in found.problem
    assert str(tmp_path) not in found.problem
    assert not found.faults


def test_without_isolation_the_points_are_the_same() -> None:
    """Where there is no bubblewrap, the child still has its limits."""
    chosen = [a for a in attacks() if a.name in ("remembers_in_a_module", "exit_at_import")]
    assert len(chosen) == 2
    for attack in chosen:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = attack.write(Path(folder))
            found = judge(Entry("mallory", path, attack.name), Limits(seconds=attack.seconds, sandbox=False))
        assert found.points == 0
        assert not found.trusted
        assert "no bubblewrap" in found.isolation


# -- a cluster -----------------------------------------------------------------------------------------------


def test_a_cluster_that_loses_a_worker_in_the_middle(tmp_path: Path) -> None:
    """Two workers, one killed while it judges: nothing lost, nothing twice."""
    from distributed import Client, LocalCluster

    folder, out = tmp_path / "class", tmp_path / "out"
    for number in range(6):
        hand_in(folder / f"learner{number}" / "02.ipynb", solved("02-idempotence"), "02-idempotence")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local,
        Client(local) as client,
    ):
        pids = list(client.run(os.getpid).values())
        command = [sys.executable, "-m", "redelivery.cli", "grade", str(folder), "--out", str(out)]
        grading = subprocess.Popen([*command, "--scheduler", local.scheduler_address, *UNSAFE])
        journal = out / "results.jsonl"
        until = time.monotonic() + 600
        while not (journal.exists() and journal.read_bytes()) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(pids[0], signal.SIGKILL)
        assert grading.wait(600) == 0
    learners = sorted(json.loads(line)["learner"] for line in journal.read_bytes().split(b"\n")[:-1])
    assert learners == [f"learner{number}" for number in range(6)]
    assert {row["points"] for row in rows(out).values()} == {"10"}


def test_no_cluster_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(cluster.NoCluster, match=r"redelivery\[cluster\]"):
        list(cluster.judge_on("tcp://127.0.0.1:1", [entry], Limits()))


def test_a_scheduler_that_is_not_there_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    out = tmp_path / "out"
    assert main(["grade", str(entry.path), "--out", str(out), "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "redelivery[cluster]" in capsys.readouterr().err
    assert not out.exists()


def test_workers_that_can_t_isolate_are_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def run(self, function: Any) -> dict[str, str | None]:
            return {"tcp://a": None, "tcp://b": "bubblewrap is not installed"}

    with pytest.raises(cluster.NoCluster, match=r"1 of 2 Dask workers can't isolate submissions, such as tcp://b"):
        cluster._needs_sandboxes(Client())


# -- in a browser ------------------------------------------------------------------------------------------


BROWSER = next((f for n in ("chromium", "chromium-browser", "google-chrome") if (f := shutil.which(n))), None)


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)")
def test_nothing_runs_in_the_feedback_page(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    evil = result(EVIL, problem=EVIL, attempt=EVIL, isolation=(EVIL,))
    path = tmp_path / "evil.html"
    path.write_text(feedback.page([evil]), "utf-8", errors="backslashreplace")
    requests: list[str] = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_timeout(200)
        assert page.title().startswith("Feedback: <script>")
        assert page.evaluate("document.querySelectorAll('script, [onerror]').length") == 0
        browser.close()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)")
def test_the_stage_is_in_the_feedback_page_and_nothing_else_runs(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    report = exercise("05").report("record_and_check", RACE)
    film = film_text(report.film).replace("8 not in processed", json.dumps(EVIL)[1:-1])
    picture = to_svg(report.timeline, report.headline, report.explanation)
    part = PartResult("x", Kind.WRONG, 0, 3, "refuted", EVIL, {"line": 1}, EVIL, picture, EVIL, film=film)
    path = tmp_path / "bob.html"
    shown = SubmissionResult("bob", "05-record-and-check", "x.ipynb", (part,))
    path.write_text(feedback.page([shown]), "utf-8", errors="backslashreplace")
    said: list[str] = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        page.get_by_role("button", name="Step through it").click()
        for _ in range(9):
            page.keyboard.press("ArrowRight")
        assert "200" in page.locator(".rd-store .rd-bad").inner_text()
        assert EVIL in page.locator(".rd-note").first.inner_text()
        assert page.title() == "Feedback: bob"
        assert page.evaluate("document.querySelectorAll('script, [onerror]').length") == 1
        browser.close()
    assert said == []
