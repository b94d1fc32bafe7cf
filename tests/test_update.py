"""`make update`: a newer version of the course comes in, and what a learner wrote stays."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from redelivery.workspace.update import CannotUpdate, update
from tests.checkouts import NOW, STAMP, make_checkout, redelivery

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
EX = "exercises/05-record-and-check.ipynb"
NEW = "exercises/05-record-and-check.new.ipynb"
LESSON = "course/01-delivery-guarantees.ipynb"
OTHER = "exercises/01-delivery-guarantees.ipynb"


def notebook(*sources: str, output: str = "") -> str:
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    cells = [
        {"cell_type": "code", "id": f"c-{n}", "metadata": {}, "source": s, "outputs": outputs, "execution_count": None}
        for n, s in enumerate(sources)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}, indent=1)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


class Course:
    """Where the course is published, and a learner's clone."""

    def __init__(self, folder: Path) -> None:
        self.author, self.learner = folder / "author", folder / "a learner's"
        self.author.mkdir()
        git(self.author, "init", "--quiet", "--initial-branch=main")
        self.publish({EX: notebook("stub"), OTHER: notebook("stub"), LESSON: notebook("a", "b"), "README.md": "one\n"})
        git(folder, "clone", "--quiet", str(self.author), str(self.learner))

    def publish(self, files: dict[str, str | None]) -> None:
        for name, text in files.items():
            path = self.author / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8") if text is not None else path.unlink()
        git(self.author, "add", "--all")
        git(self.author, "commit", "--quiet", "--message", "newer")

    def write(self, name: str, text: str) -> None:
        (self.learner / name).write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.learner / name).read_text("utf-8")

    def everything(self) -> dict[str, bytes]:
        paths = (path for path in self.learner.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {str(path.relative_to(self.learner)): path.read_bytes() for path in paths}

    def is_newest(self) -> bool:
        return git(self.learner, "rev-parse", "HEAD") == git(self.author, "rev-parse", "HEAD")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def test_nothing_new(course):
    course.write(EX, notebook("mine"))
    assert update(course.learner, NOW).changes == 0
    assert course.read(EX) == notebook("mine")


def test_a_plain_pull_refuses_and_destroys_nothing(course):
    """So that whoever doesn't know of `make update` loses nothing either."""
    course.write(EX, notebook("mine"))
    course.publish({EX: notebook("stub 2")})
    with pytest.raises(subprocess.CalledProcessError):
        git(course.learner, "pull", "--quiet")
    assert course.read(EX) == notebook("mine")


def test_work_in_an_exercise_that_is_new_upstream_as_well(course):
    course.write(EX, notebook("mine"))
    course.publish({EX: notebook("stub 2"), LESSON: notebook("a", "c")})
    done = update(course.learner, NOW)
    assert (done.changes, done.beside, done.kept, done.gone) == (1, ((EX, NEW),), (), ())
    assert course.read(EX) == notebook("mine")
    assert course.read(NEW) == notebook("stub 2")
    assert course.read(LESSON) == notebook("a", "c")
    assert course.is_newest()
    assert not (course.learner / "exercises/backup").exists() or not list(
        (course.learner / "exercises/backup").iterdir()
    )


def test_the_next_update_has_nothing_in_its_way(course):
    course.write(EX, notebook("mine"))
    for number in range(3):
        course.publish({EX: notebook(f"stub {number}")})
        update(course.learner, NOW)
        assert (course.read(EX), course.read(NEW)) == (notebook("mine"), notebook(f"stub {number}"))
    assert course.is_newest()


def test_work_in_the_new_version_beside_is_kept(course):
    course.write(EX, notebook("mine"))
    course.publish({EX: notebook("stub 2")})
    update(course.learner, NOW)
    course.write(NEW, notebook("mine, moved over"))
    course.publish({EX: notebook("stub 3")})
    ((name, copy),) = update(course.learner, NOW).kept
    assert (name, course.read(copy)) == (NEW, notebook("mine, moved over"))
    assert course.read(NEW) == notebook("stub 3")


def test_work_that_nothing_new_touches_is_left_alone(course):
    course.write(EX, notebook("mine"))
    course.write(LESSON, notebook("a, tried out", "b"))
    course.publish({OTHER: notebook("stub 2"), "README.md": "two\n"})
    done = update(course.learner, NOW)
    assert (done.beside, done.kept) == ((), ())
    assert (course.read(EX), course.read(LESSON)) == (notebook("mine"), notebook("a, tried out", "b"))
    assert course.read(OTHER) == notebook("stub 2")


def test_a_changed_lesson_becomes_the_new_one_and_a_copy_is_kept(course):
    course.write(LESSON, notebook("a, tried out", "b"))
    course.write("README.md", "mine\n")
    course.publish({LESSON: notebook("a", "c"), "README.md": "two\n"})
    done = update(course.learner, NOW)
    assert dict(done.kept) == {
        LESSON: f"course/backup/01-delivery-guarantees.{STAMP}.ipynb",
        "README.md": f"backup/README.{STAMP}.md",
    }
    assert (course.read(LESSON), course.read("README.md")) == (notebook("a", "c"), "two\n")
    assert course.read(dict(done.kept)[LESSON]) == notebook("a, tried out", "b")
    assert course.is_newest()


@pytest.mark.parametrize("name", [EX, LESSON])
def test_a_notebook_that_was_only_run_is_renewed(course, name):
    sources = ["stub"] if name == EX else ["a", "b"]
    course.write(name, notebook(*sources, output="mine"))
    course.publish({name: notebook("newer")})
    done = update(course.learner, NOW)
    assert (done.beside, done.kept) == ((), ())
    assert course.read(name) == notebook("newer")
    assert [name for name in course.everything() if "backup" in name or ".new." in name] == []


def test_files_that_the_course_brings_where_the_learner_has_some(course):
    course.write("exercises/02-x.ipynb", notebook("my own"))
    course.write("course/02-x.ipynb", notebook("my own"))
    course.publish({"exercises/02-x.ipynb": notebook("stub"), "course/02-x.ipynb": notebook("lesson")})
    done = update(course.learner, NOW)
    assert course.read("exercises/02-x.ipynb") == notebook("my own")
    assert course.read("exercises/02-x.new.ipynb") == notebook("stub")
    assert course.read(dict(done.kept)["course/02-x.ipynb"]) == notebook("my own")
    assert course.is_newest()


def test_files_that_the_course_takes_away(course):
    course.write(EX, notebook("mine"))
    course.publish({EX: None, OTHER: None})
    done = update(course.learner, NOW)
    assert done.gone == (EX,)
    assert course.read(EX) == notebook("mine")
    assert not (course.learner / OTHER).exists()


def test_work_that_was_staged(course):
    course.write(EX, notebook("mine"))
    git(course.learner, "add", EX)
    course.publish({EX: notebook("stub 2")})
    update(course.learner, NOW)
    assert (course.read(EX), course.read(NEW)) == (notebook("mine"), notebook("stub 2"))


def test_an_exercise_that_the_learner_deleted_comes_back(course):
    (course.learner / EX).unlink()
    course.publish({EX: notebook("stub 2")})
    update(course.learner, NOW)
    assert course.read(EX) == notebook("stub 2")


# -- not possible ----------------------------------------------------------------------------------------


def refused(course: Course, said: str) -> None:
    before = course.everything()
    with pytest.raises(CannotUpdate, match=said):
        update(course.learner, NOW)
    assert course.everything() == before


def test_commits_of_ones_own_and_the_way_out_that_is_named(course):
    course.write(EX, notebook("mine"))
    git(course.learner, "commit", "--quiet", "--all", "--message", "my work")
    course.publish({EX: notebook("stub 2")})
    refused(course, "1 commit of its own")
    git(course.learner, "branch", "my-commits")
    git(course.learner, "reset", "--soft", git(course.learner, "merge-base", "HEAD", "@{u}").strip())
    update(course.learner, NOW)
    assert (course.read(EX), course.read(NEW)) == (notebook("mine"), notebook("stub 2"))


def test_no_checkout_no_branch_no_network(course, tmp_path):
    with pytest.raises(CannotUpdate, match="no git checkout"):
        update(tmp_path, NOW)
    inside = course.learner / "course"
    with pytest.raises(CannotUpdate, match="no git checkout"):
        update(inside, NOW)
    git(course.learner, "switch", "--quiet", "--detach")
    refused(course, "follows no branch")
    git(course.learner, "switch", "--quiet", "main")
    course.author.rename(tmp_path / "moved")
    refused(course, "could not be fetched. Git says:\n")


def test_a_merge_under_way(course):
    git(course.learner, "switch", "--quiet", "--create", "side")
    course.write("README.md", "side\n")
    git(course.learner, "commit", "--quiet", "--all", "--message", "side")
    git(course.learner, "switch", "--quiet", "main")
    git(course.learner, "merge", "--quiet", "--no-commit", "--no-ff", "side")
    refused(course, "a merge is under way")


def test_no_copies_no_update(course):
    course.write(LESSON, notebook("mine"))
    course.write("course/backup", "a file")
    course.publish({LESSON: notebook("newer")})
    refused(course, "no copies of your files")


def test_git_that_refuses_leaves_all_as_it_was(course):
    """A folder stands where the course brings a file."""
    course.write(EX, notebook("mine"))
    (course.learner / "new.txt").mkdir()
    (course.learner / "new.txt/mine").touch()
    course.publish({EX: notebook("stub 2"), "new.txt": "new\n"})
    refused(course, "everything is as before. Git says:\n")
    assert not list((course.learner / "exercises/backup").iterdir())


def test_the_command_says_what_it_did(tmp_path):
    author, learner = make_checkout(tmp_path / "author"), tmp_path / "learner"
    git(author, "init", "--quiet", "--initial-branch=main")
    git(author, "add", "--all")
    git(author, "commit", "--quiet", "--message", "course")
    git(tmp_path, "clone", "--quiet", str(author), str(learner))
    (learner / EX).write_text(notebook("mine"), "utf-8")
    (author / EX).write_text(notebook("newer"), "utf-8")
    git(author, "commit", "--quiet", "--all", "--message", "newer")
    done = redelivery(learner, "update")
    assert done.returncode == 0, done.stderr
    assert f"{EX} is as you left it; the new version is beside it: {NEW}" in done.stdout
    assert redelivery(learner, "update").stdout == "This is the newest version.\n"
    assert git(learner, "status", "--porcelain").split() == ["M", EX]
    git(learner, "switch", "--quiet", "--detach")
    assert redelivery(learner, "update").returncode == 2
