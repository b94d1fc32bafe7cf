"""Progress: what is recorded, where from, and that nothing of it gets lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from redelivery.exercises.catalogue import EXERCISES
from redelivery.workspace import record
from redelivery.workspace.progress import progress_of
from tests.checkouts import NOW, make_checkout, redelivery, run

EX, PART = "05-record-and-check", "record_and_check"


def add(
    folder: Path, verdict: str, part: str = PART, source: str = "x", now: datetime = NOW, exercise: str = EX
) -> None:
    record.add(folder, exercise, part, verdict, source, now)


def shown(folder: Path) -> str:
    return str(progress_of(record.read(folder), folder))


# -- one entry -------------------------------------------------------------------------------------------


def test_nothing_yet(tmp_path):
    text = shown(tmp_path)
    parts = [part for all_parts in EXERCISES.values() for part in all_parts]
    assert text.startswith(f"0 of {len(parts)} parts proved, 0 of {sum(part.points for part in parts)} points")
    assert text.count("·") == len(parts) + 1  # the legend has one, too
    assert "Next: read course/01-delivery-guarantees.ipynb, then do at_most_once in" in text or "is missing" in text
    assert list(tmp_path.iterdir()) == []


def test_what_was_proved_once_stays_proved(tmp_path):
    add(tmp_path, "refuted", source="first")
    add(tmp_path, "proved", source="second", now=NOW + timedelta(days=1))
    add(tmp_path, "stuck", source="third", now=NOW + timedelta(days=2))
    add(tmp_path, "error", source="fourth", now=NOW + timedelta(days=3))
    entry = record.read(tmp_path).entries[EX, PART]
    assert (entry.verdict, entry.at, entry.tries) == ("error", "2030-01-05T03:04:05", 3)
    assert entry.proved_at == "2030-01-03T03:04:05"
    assert entry.proved_digest not in (entry.digest, None)
    assert "✓ record_and_check (last check: not checked)" in shown(tmp_path)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("proved", "✓ record_and_check "),
        ("refuted", "~ record_and_check (last check: refuted)"),
        ("stuck", "~ record_and_check (last check: stuck)"),
        ("undetermined", "~ record_and_check (last check: undetermined)"),
        ("error", "· record_and_check "),
    ],
)
def test_how_a_verdict_is_shown(tmp_path, verdict, said):
    add(tmp_path, verdict)
    assert said in shown(tmp_path)
    html = progress_of(record.read(tmp_path), tmp_path)._repr_html_()
    state = {"✓": "proved", "~": "tried", "·": "not yet"}[said[0]]
    assert f"{said[0]} record_and_check<br>{state}" in html


def test_what_comes_next(tmp_path):
    (tmp_path / "exercises").mkdir()
    for name in EXERCISES:
        (tmp_path / f"exercises/{name}.ipynb").touch()
    first, second, *_ = EXERCISES["01-delivery-guarantees"]
    add(tmp_path, "proved", first.grade_id, exercise="01-delivery-guarantees")
    assert f"Next: {second.grade_id} in exercises/01" in shown(tmp_path)
    add(tmp_path, "stuck", second.grade_id, exercise="01-delivery-guarantees")
    assert "The last check: stuck. Its hints" in shown(tmp_path)
    (tmp_path / "exercises/01-delivery-guarantees.ipynb").unlink()
    assert "redelivery reset 01" in shown(tmp_path)
    for name, parts in EXERCISES.items():
        for part in parts:
            add(tmp_path, "proved", part.grade_id, exercise=name)
    assert "Every part of every exercise is proved." in shown(tmp_path)


# -- files that are not as they should be ----------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000, b"{}"])
def test_an_unreadable_file_is_moved_aside(tmp_path, content):
    for reading_first in (True, False):
        folder = tmp_path / str(reading_first)
        record.file_of(folder).parent.mkdir(parents=True)
        record.file_of(folder).write_bytes(content)
        if reading_first:
            assert "An unreadable progress file was kept as .redelivery/progress.unreadable-" in shown(folder)
        add(folder, "proved")
        assert "✓ record_and_check" in shown(folder)
        (aside,) = record.file_of(folder).parent.glob("progress.unreadable-*")
        assert aside.read_bytes() == content
        assert aside.name in shown(folder)


def test_entries_that_are_none_and_those_of_other_versions_stay(tmp_path):
    path = record.file_of(tmp_path)
    path.parent.mkdir()
    odd = {"ledger": 5, "setnx": {"verdict": ["x"], "tries": "many"}}
    later = {"99-later": {"a_part": {"verdict": "proved"}}, "98-odd": []}
    path.write_text(json.dumps({"format": 1, "exercises": {"03-unique-constraints": odd, **later}, "more": 1}), "utf-8")
    assert shown(tmp_path).startswith("0 of")
    add(tmp_path, "proved")
    stored = json.loads(path.read_text("utf-8"))
    assert stored["more"] == 1
    assert stored["exercises"].items() >= {"03-unique-constraints": odd, **later}.items()


def test_a_file_of_a_later_format_is_left_alone(tmp_path):
    path = record.file_of(tmp_path)
    path.parent.mkdir()
    path.write_text('{"format": 2, "exercises": {}}', "utf-8")
    with pytest.raises(record.Unwritable, match="format 2"):
        add(tmp_path, "proved")
    assert "Update the course" in shown(tmp_path)
    assert path.read_text("utf-8") == '{"format": 2, "exercises": {}}'


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / ".redelivery").touch()
    with pytest.raises(record.Unwritable, match="can't be written"):
        add(tmp_path, "proved")
    assert ".redelivery is a file" in shown(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_still_read(tmp_path):
    add(tmp_path, "proved")
    folder = record.file_of(tmp_path).parent
    for path, mode in ((folder / "lock", 0o444), (folder, 0o555)):
        path.chmod(mode)
    try:
        text = shown(tmp_path)
    finally:
        folder.chmod(0o755)
    assert "✓ record_and_check" in text
    assert "Progress is not kept" in text


def test_a_full_disk_costs_the_new_verdict_only(tmp_path, monkeypatch):
    add(tmp_path, "refuted")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(record.Unwritable, match="No space left"):
        add(tmp_path, "proved")
    assert "~ record_and_check" in shown(tmp_path)
    assert sorted(path.name for path in record.file_of(tmp_path).parent.iterdir()) == ["lock", "progress.json"]


# -- two at once -----------------------------------------------------------------------------------------


def _add_many(folder: Path, name: str) -> None:
    for number in range(25):
        record.add(folder, EX, f"{name}{number}", "proved", "x", NOW)


def test_kernels_that_write_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_many, args=(tmp_path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert len(record.read(tmp_path).entries) == 75


def test_a_lock_that_is_never_given_back_holds_nobody_up(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(record, "_LOCK_SECONDS", 0.05)
    add(tmp_path, "refuted")
    with open(record.file_of(tmp_path).with_name("lock"), "ab") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        add(tmp_path, "proved")
    assert "✓ record_and_check" in shown(tmp_path)


# -- who may record --------------------------------------------------------------------------------------

LIVE = (
    "from redelivery import exercise\ntry:\n    exercise('05').check('break_it', 'A')\nexcept Exception as e: print(e)"
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkout(tmp_path_factory.mktemp("a learner's") / "course's folder")


@pytest.fixture(autouse=True)
def without_progress(request: pytest.FixtureRequest):
    if "checkout" in request.fixturenames:
        shutil.rmtree(request.getfixturevalue("checkout") / ".redelivery", ignore_errors=True)


def recorded(checkout: Path) -> set[str]:
    return {part for _, part in record.read(checkout).entries}


def test_the_command_line_records_the_learners_own_notebook(checkout):
    done = redelivery(checkout, "check", f"exercises/{EX}.ipynb", "--part", "break_it", "--part", PART)
    assert done.returncode == 1
    assert recorded(checkout) == {"break_it", PART}
    assert "0 of" in redelivery(checkout, "progress").stdout


def test_a_solved_part_is_proved_after_a_restart(checkout):
    path = checkout / f"exercises/{EX}.ipynb"
    before = path.read_bytes()
    shutil.copy(Path(__file__).parents[1] / f"reference/solutions/{EX}.ipynb", path)
    try:
        assert redelivery(checkout, "check", str(path), "--part", PART).returncode == 0
    finally:
        path.write_bytes(before)
    assert "✓ record_and_check " in redelivery(checkout, "progress").stdout
    assert "✓ record_and_check " in run(checkout, "-c", "from redelivery import progress; print(progress())").stdout


def test_submissions_elsewhere_leave_no_trace(checkout, tmp_path):
    notebook = (checkout / f"exercises/{EX}.ipynb").read_bytes()
    inside = checkout / "exercises" / "backup"
    inside.mkdir(exist_ok=True)
    for path in (tmp_path / f"{EX}.ipynb", inside / f"{EX}.ipynb", checkout / "exercises" / f"{EX}.new.ipynb"):
        path.write_bytes(notebook)
        redelivery(checkout, "check", str(path), "--part", "break_it")
        path.unlink()
    assert not (checkout / ".redelivery").exists()


@pytest.mark.parametrize(("place", "parts"), [("exercises", {"break_it"}), ("course", set()), (".", set())])
def test_a_live_check_records_in_the_folder_of_the_exercises_only(checkout, place, parts):
    assert "0 of" in run(checkout, "-c", LIVE, cwd=checkout / place).stdout
    assert recorded(checkout) == parts


def test_a_check_goes_on_where_nothing_can_be_recorded(checkout):
    (checkout / ".redelivery").touch()
    try:
        done = run(checkout, "-c", LIVE, cwd=checkout / "exercises")
        assert "0 of" in done.stdout and done.stderr == ""
    finally:
        (checkout / ".redelivery").unlink()


def test_the_tests_record_nothing():
    assert os.environ[record.SWITCH] == "off"
