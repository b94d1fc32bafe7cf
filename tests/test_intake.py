"""What was handed in is found; what can't be used is said so, and nothing gets out of its place."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from redelivery.grading import intake
from redelivery.grading.intake import Handed, NothingThere, collect

NOTEBOOK = b'{"cells": []}'


def write(path: Path, content: bytes = NOTEBOOK) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pack(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def found(handed: Handed) -> list[tuple[str, str]]:
    return sorted((entry.learner, entry.shown) for entry in handed.entries)


@pytest.mark.parametrize(
    ("file", "learner"),
    [
        ("submitted/ann/hw5/05-record-and-check.ipynb", "ann"),
        ("course101/submitted/ann/hw5/my work.ipynb", "ann"),
        ("ann/05-record-and-check.ipynb", "ann"),
        ("ann/week 5/05-record-and-check.ipynb", "ann"),
        ("ann.ipynb", "ann"),
        ("Ann Öberg_12345_assignsubmission_file_/05-record-and-check.ipynb", "Ann Öberg_12345"),
        ("obergann_LATE_123_4567_05-record-and-check.ipynb", "obergann_LATE_123"),
        ("obergann_123_4567_05-record-and-check.ipynb", "obergann_123"),
    ],
)
def test_layouts(tmp_path: Path, file: str, learner: str) -> None:
    write(tmp_path / "class" / file)
    assert found(collect([tmp_path / "class"], tmp_path / "scratch")) == [(learner, file)]
    packed = pack(tmp_path / "class.zip", {file: NOTEBOOK})
    assert found(collect([packed], tmp_path / "scratch2")) == [(learner, file)]


def test_a_single_notebook_with_the_exercise_s_name_belongs_to_its_folder(tmp_path: Path) -> None:
    one = write(tmp_path / "ann" / "05-record-and-check.ipynb")
    assert found(collect([one], tmp_path / "scratch")) == [("ann", "05-record-and-check.ipynb")]


def test_archives_in_a_folder_and_in_an_archive(tmp_path: Path) -> None:
    inner = pack(tmp_path / "class" / "ann.zip", {"05-record-and-check.ipynb": NOTEBOOK})
    assert found(collect([tmp_path / "class"], tmp_path / "s")) == [("ann", "ann/05-record-and-check.ipynb")]
    outer = pack(tmp_path / "all.zip", {"ann.zip": inner.read_bytes(), "bob.ipynb": NOTEBOOK})
    assert [name for name, _ in found(collect([outer], tmp_path / "t"))] == ["ann", "bob"]


def test_a_tar_archive(tmp_path: Path) -> None:
    path = tmp_path / "class.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("ann/x.ipynb")
        info.size = len(NOTEBOOK)
        archive.addfile(info, io.BytesIO(NOTEBOOK))
        link = tarfile.TarInfo("bob/x.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    handed = collect([path], tmp_path / "scratch")
    assert found(handed) == [("ann", "ann/x.ipynb")]
    assert [(r.learner, "link" in r.problem) for r in handed.unusable] == [("bob", True)]


def test_two_learners_of_one_name_in_two_places_are_two(tmp_path: Path) -> None:
    one, two = (write(tmp_path / group / "ann.ipynb").parent for group in ("monday", "tuesday"))
    names = [name for name, _ in found(collect([one, two], tmp_path / "scratch"))]
    assert names == ["ann (monday)", "ann (tuesday)"]


def test_nbgrader_s_time_stamp_is_the_attempt(tmp_path: Path) -> None:
    write(tmp_path / "submitted/ann/hw5/x.ipynb")
    write(tmp_path / "submitted/ann/hw5/timestamp.txt", b"2026-11-24 10:00:00 UTC\n")
    (entry,) = collect([tmp_path], tmp_path / "scratch").entries
    assert entry.attempt == "2026-11-24 10:00:00 UTC"


def test_checkpoints_and_what_is_no_notebook_are_left_out(tmp_path: Path) -> None:
    for name in (
        "ann/.ipynb_checkpoints/x-checkpoint.ipynb",
        "__MACOSX/ann/._x.ipynb",
        "ann/notes.txt",
        ".git/x.ipynb",
    ):
        write(tmp_path / "class" / name)
    with pytest.raises(NothingThere, match="no notebook"):
        collect([tmp_path / "class"], tmp_path / "scratch")
    with pytest.raises(NothingThere, match="there is no file or folder"):
        collect([tmp_path / "nowhere"], tmp_path / "scratch")


def link_in_a_zip(path: Path) -> None:
    info = zipfile.ZipInfo("mallory/x.ipynb")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")


def encrypted(path: Path) -> None:
    pack(path, {"mallory/x.ipynb": NOTEBOOK})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)


def bomb(path: Path) -> None:
    pack(path, {"mallory/x.ipynb": bytes(3_000_000)})


def too_deep(path: Path) -> None:
    inner = path.with_name("inner.zip")
    content = pack(inner, {"x.ipynb": NOTEBOOK}).read_bytes()
    for _ in range(4):
        content = pack(inner, {"mallory/again.zip": content}).read_bytes()
    inner.unlink()
    path.write_bytes(content)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "upwards": lambda path: pack(path, {"mallory/../../../evil.ipynb": NOTEBOOK}),
    "absolute": lambda path: pack(path, {"/tmp/evil.ipynb": NOTEBOOK}),
    "backslashes": lambda path: pack(path, {"..\\..\\evil.ipynb": NOTEBOOK}),
    "a drive": lambda path: pack(path, {"C:/evil.ipynb": NOTEBOOK}),
    "a link": link_in_a_zip,
    "a password": encrypted,
    "a bomb": bomb,
    "no archive": lambda path: path.write_bytes(b"PK\x03\x04 this is none"),
    "cut off": lambda path: path.write_bytes(pack(path, {"mallory/x.ipynb": os.urandom(9000)}).read_bytes()[:5000]),
    "too deep": too_deep,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_costs_only_itself(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LARGEST", 1_000_000)
    folder = tmp_path / "class"
    write(folder / "ann.ipynb")
    HOSTILE[what](folder / "mallory.zip")
    before = sorted(tmp_path.rglob("*"))
    handed = collect([folder], tmp_path / "scratch")
    assert [entry.learner for entry in handed.entries] == ["ann"]
    assert len(handed.unusable) == 1
    assert handed.unusable[0].problem
    outside = [
        p for p in sorted(tmp_path.rglob("*")) if p not in before and tmp_path / "scratch" not in (p, *p.parents)
    ]
    assert outside == []
    assert not Path("/tmp/evil.ipynb").exists()


def test_an_archive_with_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_MEMBERS", 10)
    path = pack(tmp_path / "all.zip", {f"l{n}.ipynb": NOTEBOOK for n in range(12)})
    handed = collect([path], tmp_path / "scratch")
    assert len(handed.entries) == 10
    assert "more than 10 files" in handed.unusable[0].problem


def test_all_together_may_not_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_BYTES", 5 * len(NOTEBOOK))
    path = pack(tmp_path / "all.zip", {f"l{n}.ipynb": NOTEBOOK for n in range(8)})
    handed = collect([path], tmp_path / "scratch")
    assert (len(handed.entries), len(handed.unusable)) == (5, 3)


def test_links_and_devices_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    secret = write(tmp_path / "secret.ipynb", json.dumps({"cells": [], "secret": 1}).encode())
    write(folder / "ann.ipynb")
    (folder / "mallory.ipynb").symlink_to(secret)
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "outside").symlink_to(tmp_path)
    handed = collect([folder], tmp_path / "scratch")
    assert found(handed) == [("ann", "ann.ipynb")]
    assert sorted(r.learner for r in handed.unusable) == ["mallory", "pipe"]


def test_names_are_fit_for_a_page(tmp_path: Path) -> None:
    name = b"<script>\xff\x1b[31m" + b"x" * 150 + b".ipynb"
    write(tmp_path / "class" / os.fsdecode(name))
    (entry,) = collect([tmp_path / "class"], tmp_path / "scratch").entries
    assert entry.learner.startswith("<script>")
    assert entry.learner.isprintable()
    assert len(entry.learner) <= 120
    entry.learner.encode()
