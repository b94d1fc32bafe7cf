"""What was handed in is found; what can't be used is said so, and nothing gets out of its place."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from redelivery.grading import intake, scratch
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
        ("ann.lee.ipynb", "ann.lee"),
        ("J. Doe.zip.ipynb", "J. Doe.zip"),
        ("Ann Öberg_12345_assignsubmission_file_/05-record-and-check.ipynb", "Ann Öberg_12345"),
        ("obergann_LATE_123_4567_05-record-and-check.ipynb", "obergann_123"),
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


def test_a_learner_with_too_many_files_costs_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_MEMBERS", 10)
    members = {f"mallory/l{n}.ipynb": NOTEBOOK for n in range(12)} | {f"l{n}.ipynb": NOTEBOOK for n in range(12)}
    handed = collect([pack(tmp_path / "all.zip", members)], tmp_path / "scratch")
    assert len(handed.entries) == 22
    assert [(r.learner, "more than 10 files" in r.problem) for r in handed.unusable] == [("mallory", True)]


@pytest.mark.parametrize("layout", ["{}", "submitted/{}/hw5", "class/{}", "{}_7_assignsubmission_file_"])
def test_bytes_are_counted_for_each_learner(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_BYTES", 5 * len(NOTEBOOK))
    members = {f"{layout.format('mallory')}/l{n}.ipynb": NOTEBOOK for n in range(8)}
    members |= {f"{layout.format(name)}/x.ipynb": NOTEBOOK for name in ("ann", "bob")}
    handed = collect([pack(tmp_path / "class.zip", members)], tmp_path / "scratch")
    assert (len(handed.entries), len(handed.unusable)) == (7, 3)
    assert len({entry.learner for entry in handed.entries}) == 3
    assert len({result.learner for result in handed.unusable}) == 1


def test_a_learner_with_many_notebooks_does_not_fill_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_NOTEBOOKS", 3)
    packed = pack(tmp_path / "inner.zip", {f"{n}.ipynb": NOTEBOOK for n in range(9)}).read_bytes()
    handed = collect([pack(tmp_path / "all.zip", {"m.zip": packed, "ann.ipynb": NOTEBOOK})], tmp_path / "scratch")
    assert [entry.learner for entry in handed.entries] == ["ann", "m", "m", "m"]
    assert "one of 9 notebooks" in handed.unusable[0].problem


IMPERSONATES = {
    "moodle in moodle": ("Bob Baker_222_assignsubmission_file_/", "Mal Lory_111_assignsubmission_file_/work.zip"),
    "submitted in moodle": (
        "submitted/Bob Baker_222_assignsubmission_file_/",
        "Mal Lory_111_assignsubmission_file_/work.zip",
    ),
    "canvas in canvas": ("bakerbob_222_9_", "lorymal_111_8_work.zip"),
    "a folder in canvas": ("Bob Baker_222/", "lorymal_111_8_work.zip"),
    "submitted in a folder": ("submitted/Bob Baker_222/hw5/", "mallory/work.zip"),
    "submitted twice": ("course/submitted/Bob Baker_222/hw5/", "submitted/mallory/hw5/work.zip"),
    "a folder in an archive": ("Bob Baker_222/", "mallory.zip"),
    "upwards": ("../Bob Baker_222/", "mallory.zip"),
}


@pytest.mark.parametrize("unpacked", [False, True], ids=["packed", "unpacked"])
@pytest.mark.parametrize("what", IMPERSONATES)
def test_nobody_is_somebody_else(what: str, unpacked: bool, tmp_path: Path) -> None:
    """Neither from an archive nor from folders below one's own: the name, and the time, are the platform's."""
    below, upload = IMPERSONATES[what]
    victim = {
        "moodle in moodle": "Bob Baker_222_assignsubmission_file_/x.ipynb",
        "submitted in moodle": "Bob Baker_222_assignsubmission_file_/x.ipynb",
        "canvas in canvas": "bakerbob_222_9_x.ipynb",
        "submitted twice": "submitted/Bob Baker_222/hw5/x.ipynb",
    }.get(what, "Bob Baker_222/x.ipynb")
    work = {f"{below}x.ipynb": NOTEBOOK, f"{below}timestamp.txt": b"2000-01-01 00:00:00 UTC"}
    folder = tmp_path / "class"
    write(folder / victim)
    if unpacked:
        if ".." in below or what.startswith("canvas"):
            pytest.skip("nothing to unpack to")
        for name, content in work.items():
            write(folder / upload.removesuffix("work.zip").removesuffix(".zip") / name, content)
    else:
        pack(folder / upload, work)
    handed = collect([folder], tmp_path / "scratch")
    mallorys = {e.learner for e in handed.entries if e.shown != victim}
    mallorys |= {r.learner for r in handed.unusable}
    victims = [e for e in handed.entries if e.shown == victim]
    assert [e.learner for e in victims] in (["Bob Baker_222"], ["bakerbob_222"])
    assert mallorys.isdisjoint({"Bob Baker_222", "bakerbob_222"})
    assert len(mallorys) == 1
    assert all(e.attempt[:4] != "2000" and e.attempt[:4] != "1980" for e in handed.entries)


def test_what_is_no_notebook_gets_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    for name in (
        "ann.ipynb",
        "bob.rar",
        "eve.IPYNB",
        "carl/answer.py",
        "dora/05.ipynb.txt",
        "gil/notes.txt",
        "gil/x.ipynb",
    ):
        write(folder / name)
    (folder / "fred").mkdir()
    write(folder / "Hal_9_assignsubmission_onlinetext_/onlinetext.html")
    write(folder / ".DS_Store")
    pack(folder / "ida.zip", {"answer.py": b""})
    pack(folder / "jo.zip", {})
    handed = collect([folder], tmp_path / "scratch")
    assert [name for name, _ in found(handed)] == ["ann", "eve", "gil"]
    rows = {result.learner: result.problem for result in handed.unusable}
    assert sorted(rows) == ["Hal_9", "bob", "carl", "dora", "fred", "ida", "jo"]
    assert all("nothing usable" in why for why in rows.values())
    assert "answer.py" in rows["carl"]
    assert "05.ipynb.txt" in rows["dora"]


def test_names_that_look_alike_stay_two(tmp_path: Path) -> None:
    names = ["x" * 130 + "1", "x" * 130 + "2", "bo\u200bb", "bo\u200cb", "bo?b", " bob"]
    for name in names:
        write(tmp_path / "class" / name / "x.ipynb")
    handed = collect([tmp_path / "class"], tmp_path / "scratch")
    assert len({entry.learner for entry in handed.entries}) == len(names)


def test_a_folder_around_the_learners_is_no_learner(tmp_path: Path) -> None:
    for number, names in enumerate(
        (
            ["class/ann.ipynb", "class/bob.ipynb"],
            ["wrapped/ann/05-record-and-check.ipynb", "wrapped/bob/05-record-and-check.ipynb"],
            ["w/Ann_1_assignsubmission_file_/x.ipynb", "w/Bob_2_assignsubmission_file_/y.ipynb"],
        )
    ):
        path = pack(tmp_path / f"{number}" / "class.zip", dict.fromkeys(names, NOTEBOOK))
        assert len({name for name, _ in found(collect([path], tmp_path / f"s{number}"))}) == 2


def test_everything_belongs_to_one_learner_where_it_is_said(tmp_path: Path) -> None:
    write(tmp_path / "class" / "submitted/bob/hw/x.ipynb")
    write(tmp_path / "class" / "notes.txt")
    handed = collect([tmp_path / "class"], tmp_path / "scratch", one_learner="ann")
    assert [name for name, _ in found(handed)] == ["ann"]
    assert handed.unusable == ()


def test_nbgrader_s_other_folders_are_nobody(tmp_path: Path) -> None:
    for name in ("source/hw5/x.ipynb", "submitted/ann/hw5/x.ipynb", "release/hw5/x.ipynb", "gradebook.db"):
        write(tmp_path / "course" / name)
    assert [name for name, _ in found(collect([tmp_path / "course"], tmp_path / "scratch"))] == ["ann"]


def test_links_and_devices_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    secret = write(tmp_path / "secret.ipynb", json.dumps({"cells": [], "secret": 1}).encode())
    write(folder / "ann.ipynb")
    (folder / "mallory.ipynb").symlink_to(secret)
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "outside").symlink_to(tmp_path)
    handed = collect([folder], tmp_path / "scratch")
    assert found(handed) == [("ann", "ann.ipynb")]
    assert sorted(r.learner for r in handed.unusable) == ["mallory", "outside", "pipe"]


def test_names_are_fit_for_a_page(tmp_path: Path) -> None:
    name = b"<script>\xff\x1b[31m" + b"x" * 150 + b".ipynb"
    write(tmp_path / "class" / os.fsdecode(name))
    (entry,) = collect([tmp_path / "class"], tmp_path / "scratch").entries
    assert entry.learner.startswith("<script>")
    assert entry.learner.isprintable()
    assert len(entry.learner) <= 120
    entry.learner.encode()


@pytest.mark.parametrize(
    ("beside", "wrapped"),
    [
        ("hw5/submission_metadata.yml", "hw5/{}/05-record-and-check.ipynb"),
        ("hw5/README.txt", "hw5/{}/05-record-and-check.ipynb"),
        ("hw5/fred/", "hw5/{}/05-record-and-check.ipynb"),
        ("README.md", "submitted/{}/hw5/x.ipynb"),
        ("README.md", "hw5/{}_7_assignsubmission_file_/x.ipynb"),
    ],
)
def test_a_note_or_an_empty_folder_makes_nobody_of_a_class_one(beside: str, wrapped: str, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        write(tmp_path / "class" / wrapped.format(name))
    if beside.endswith("/"):
        (tmp_path / "class" / beside).mkdir()
    else:
        write(tmp_path / "class" / beside, b"note")
    handed = collect([tmp_path / "class"], tmp_path / "scratch")
    assert [entry.learner.removesuffix("_7") for entry in handed.entries] == ["ann", "bob"]
    assert {"fred"} >= {result.learner for result in handed.unusable} - {"README"}
    if wrapped.startswith("hw5"):
        assert handed.around == ("hw5",)


def test_folders_as_deep_as_they_like(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    write(folder / "zoe" / "x.ipynb")
    for learner, name, levels in (("deep", "d", 1300), ("long", "d" * 200, 40)):
        (folder / learner).mkdir()
        here = os.open(folder / learner, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
    try:
        handed = collect([folder], tmp_path / "scratch")
        assert [entry.learner for entry in handed.entries] == ["zoe"]
        assert {result.learner for result in handed.unusable} == {"deep", "long"}
        scratch.remove(folder / "deep")
        assert not (folder / "deep").exists()
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_folders_with_nothing_that_can_be_seen_get_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "class"
    write(folder / "ann" / "x.ipynb")
    write(folder / "bob" / ".DS_Store")
    write(folder / "closed" / "x.ipynb")
    write(folder / "results" / "grades" / "grades.csv")
    look = os.scandir

    def refused(place: Path) -> object:
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied")
        return look(place)

    monkeypatch.setattr(os, "scandir", refused)
    handed = collect([folder], tmp_path / "scratch", without=folder / "results")
    rows = {result.learner: result.problem for result in handed.unusable}
    assert sorted(rows) == ["bob", "closed"]
    assert "Permission denied" in rows["closed"]


def test_no_two_notebooks_of_a_learner_are_called_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    write(folder / "ann" / "x.ipynb")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(folder / "ann.zip", "w") as archive:
        archive.writestr("x.ipynb", NOTEBOOK)
        archive.writestr("x.ipynb", NOTEBOOK + b" ")
    handed = collect([folder], tmp_path / "scratch")
    assert [entry.shown for entry in handed.entries] == ["ann/x.ipynb", "ann/x.ipynb (2)", "ann/x.ipynb (3)"]


def test_many_files_beside_it_hide_no_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_MEMBERS", 10)
    for number in range(30):
        write(tmp_path / "class" / "ann" / f"data{number}.csv")
    write(tmp_path / "class" / "ann" / "x.ipynb")
    assert found(collect([tmp_path / "class"], tmp_path / "scratch")) == [("ann", "ann/x.ipynb")]


@pytest.mark.parametrize("is_packed", [False, True], ids=["folder", "archive"])
def test_whatever_stands_there_gets_a_row(is_packed: bool, tmp_path: Path) -> None:
    """Hidden notebooks, folders with nothing but a system's files, names that look the same."""
    folder = tmp_path / "class"
    for name in (
        ".ann/x.ipynb",
        ".bob.ipynb",
        "Jos\u00e9/x.ipynb",
        "Jose\u0301/x.ipynb",
        "junk/.DS_Store",
        "zoe/x.ipynb",
    ):
        write(folder / name)
    (folder / "empty").mkdir()
    if is_packed:
        shutil.make_archive(str(tmp_path / "class"), "zip", folder)
    handed = collect([tmp_path / "class.zip" if is_packed else folder], tmp_path / "scratch")
    names = [entry.learner for entry in handed.entries]
    assert len(names) == 5
    assert {".ann", ".bob", "zoe"} < set(names)
    assert len({unicodedata.normalize("NFC", name) for name in names}) == 5
    assert sorted(result.learner for result in handed.unusable) == ["empty", "junk"]


@pytest.mark.parametrize("is_packed", [False, True], ids=["folder", "archive"])
def test_learners_in_one_folder_whose_notebooks_are_called_after_them(is_packed: bool, tmp_path: Path) -> None:
    for name in ("submission_1/ann.ipynb", "submission_2/bob.ipynb", "submission_metadata.yml"):
        write(tmp_path / "class" / "assignment_7_export" / name)
    if is_packed:
        shutil.make_archive(str(tmp_path / "class"), "zip", tmp_path / "class")
    handed = collect([tmp_path / ("class.zip" if is_packed else "class")], tmp_path / "scratch")
    assert [entry.learner for entry in handed.entries] == ["submission_1", "submission_2"]
    assert handed.unusable == ()
    assert handed.around == ("assignment_7_export",)
