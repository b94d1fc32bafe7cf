"""From what an instructor has (folders, archives, single notebooks) to one entry for each notebook handed in.

Archives and folders are the learners' making as much as the notebooks are: nothing is unpacked under a name that
stands in them, links are not followed, and what can't be used becomes a result that says why, beside the others.

Who somebody is, and when something was handed in, is taken only from the layer that the instructor's platform made:
what is named on the command line, and the names directly in it. Below a learner's own folder or archive everything is
that learner's, whatever it is called there::

    submissions.zip ── Ann Öberg_1_assignsubmission_file_/ ── 05-record-and-check.ipynb
                    └─ Mal Lory_2_assignsubmission_file_/ ─── work.zip ── Ann Öberg_1_…/05-….ipynb   (Mal Lory's)
    └── the platform's names and times ─────────────────────┘            └── the learner's ──────┘

Layouts that are understood, below what is named on the command line:

========================================================= ========================================================
nbgrader                                                  ``submitted/LEARNER/ASSIGNMENT/NAME.ipynb``
a folder, or an archive, for each learner                 ``LEARNER/…/NAME.ipynb``, ``LEARNER.zip``
flat                                                      ``LEARNER.ipynb``
Moodle                                                    ``Full Name_12345_assignsubmission_file_/NAME.ipynb``
Canvas                                                    ``lastfirst_LATE_123_456_NAME.ipynb``
========================================================= ========================================================

What stands there and is no notebook gets a result, too, unless its learner has handed in a notebook besides.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from .. import __version__
from ..exercises.catalogue import EXERCISES
from . import judge
from .judge import LARGEST, Entry
from .result import SubmissionResult
from .unpacking import ARCHIVES, Member, TooMuch, bounded_memory, members, moment_of

_OTHER_ARCHIVES = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".cab", ".dmg", ".iso", ".zipx")
#: For each learner: files looked at, bytes unpacked, notebooks.
_MOST_MEMBERS = 5_000
_MOST_BYTES = 500_000_000
_MOST_NOTEBOOKS = 40
#: So many bytes also where there is little room: otherwise a learner gets only this part of what is there.
_LEAST_BYTES, _PART = 50_000_000, 8
#: Bytes for each learner that are unpacked at all, also what is thrown away.
_MOST_WORK = 2_000_000_000
#: Files for each learner of which it is said why they can't be used.
_MOST_REFUSED = 40
_DEEPEST = 3
_LONGEST_NAME = 120
_MOODLE = re.compile(r"^(?P<name>.+_\d+)_assignsubmission_(?:file|onlinetext)_?$")
_CANVAS = re.compile(r"^(?P<name>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)_\d+_.+$")
#: Of a file that is neither notebook nor archive.
_ENDING = re.compile(r"(\.ipynb)?\.[A-Za-z][A-Za-z0-9]{0,4}$", re.IGNORECASE)
_SKIPPED = frozenset({".ipynb_checkpoints", "__MACOSX", ".git", "__pycache__", ".Trash", ".Trashes", ".cache", ".venv"})
_OF_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "submission_metadata.yml"})
#: nbgrader's own, beside ``submitted``.
_NBGRADERS = frozenset({"source", "release", "autograded", "feedback", "nbgrader_config.py", "gradebook.db"})
#: What reading an archive may end in.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
    RecursionError,
    MemoryError,
    LookupError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    TooMuch,
)
#: What the learner's archive is not to blame for.
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TIMESTAMP = "timestamp.txt"


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed in: notebooks to judge, and what can't be used."""

    entries: tuple[Entry, ...]
    unusable: tuple[SubmissionResult, ...]
    late: frozenset[str] = frozenset()
    """Learners whose file the platform calls late."""
    sources: frozenset[str] | None = None
    """What was named on the command line, as the names of learners say it who are in several; None: not known."""
    around: tuple[str, ...] = ()
    """Folders that were taken for ones around the learners."""


class NothingThere(Exception):
    """There is nothing to grade; the message says where was looked and for what."""


def collect(paths: Sequence[Path], scratch: Path, one_learner: str = "", without: Path | None = None) -> Handed:
    """All notebooks in ``paths``. Those in archives are copied into ``scratch``, under names of our own.

    ``one_learner``: everything belongs to this one. ``without``: a folder that is no learner's, wherever it stands.

    Raises:
        NothingThere: a path does not exist, or there is no notebook anywhere.
    """
    sources: list[_Source] = []
    with bounded_memory():
        for path in paths:
            if not path.exists():
                raise NothingThere(
                    f"there is no file or folder {path}. Expected notebooks, folders or archives of them"
                )
            source = _Source(path, scratch / f"{len(sources)}", one_learner)
            source.take(path, without)
            sources.append(source)
        handed = _kept_apart(sources, one_learner)
    if not handed.entries and not any(source.is_promising for source in sources):
        where = ", ".join(map(str, paths))
        raise NothingThere(
            f"no notebook in {where}. Expected LEARNER.ipynb, LEARNER/…ipynb, nbgrader's "
            "submitted/LEARNER/ASSIGNMENT/, or archives of these"
        )
    return handed


def _kept_apart(sources: Sequence[_Source], one_learner: str) -> Handed:
    """Learners of one name in two places are two learners, and so are those whose names look alike on a page."""
    places = Counter(name for source in sources for name in {owner.name for owner in source.owners()})
    taken: dict[str, tuple[int, _Owner]] = {}
    entries, unusable, late = [], [], set()
    for number, source in enumerate(sources):

        def named(owner: _Owner, source: _Source = source, number: int = number) -> str:
            if one_learner:
                return shown(one_learner)
            name = shown(f"{owner.name} ({source.name})" if places[owner.name] > 1 else owner.name)
            if taken.setdefault(unicodedata.normalize("NFC", name), (number, owner)) != (number, owner):
                mark = hashlib.sha256(f"{number} {owner.name}".encode("utf-8", "backslashreplace")).hexdigest()[:8]
                name = f"{name[: _LONGEST_NAME - 9]} {mark}"
            return name

        for owner, found in source.by_owner().items():
            learner = named(owner)
            if one_learner and any(s.has_notebooks for s in sources):
                found = [one for one in found if one.file is not None or one.problem]
            if owner.late:
                late.add(learner)
            notebooks = [one for one in found if one.file is not None]
            for one in notebooks[:_MOST_NOTEBOOKS]:
                assert one.file is not None
                entries.append(Entry(learner, one.file, one.shown, one.attempt))
            refused = [(one.shown, one.problem) for one in found if one.problem]
            if len(notebooks) > _MOST_NOTEBOOKS:
                over = notebooks[_MOST_NOTEBOOKS].shown
                why = f"it is one of {len(notebooks)} notebooks, of which the first {_MOST_NOTEBOOKS} are looked at"
                refused.append((over, f"{why}. Hand in one for each exercise"))
            if found and not notebooks and not refused:
                refused.append((found[0].shown, _nothing_usable(found)))
            if len(refused) > _MOST_REFUSED:
                more = len(refused) - _MOST_REFUSED + 1
                refused[_MOST_REFUSED - 1 :] = [
                    (refused[_MOST_REFUSED - 1][0], f"it and {more - 1} more can't be used")
                ]
            unusable += [
                SubmissionResult(learner, "", where, (), problem=f"{where}: {why}", version=__version__)
                for where, why in refused
            ]
    apart = frozenset(source.name for source in sources) if len(sources) > 1 else frozenset[str]()
    around = tuple(shown(source.around) for source in sources if source.around and not one_learner)
    return Handed(told_apart(entries), tuple(unusable), frozenset(late), apart, around)


def told_apart(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """No two notebooks of a learner are called the same: of a folder and an archive, or of two archives."""
    taken: set[tuple[str, str]] = set()
    found = []
    for entry in entries:
        name, number = entry.shown, 1
        while (entry.learner, name) in taken:
            number += 1
            name = f"{entry.shown} ({number})"
        taken.add((entry.learner, name))
        found.append(replace(entry, shown=name))
    return tuple(found)


def _nothing_usable(found: Sequence[_Found]) -> str:
    names = [one.layer[-1] for one in found if one.layer[-1]]
    if not names:
        return "handed in, nothing usable: the folder is empty. Expected a notebook (.ipynb)"
    listed = ", ".join(shown(name) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"handed in, nothing usable: {listed}. Expected a notebook (.ipynb), or a zip or tar archive with one"


@dataclass(frozen=True, slots=True)
class _Owner:
    """Who something belongs to, as the platform's layer says it."""

    name: str
    late: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file. ``layer``: its path in the platform's layer; for one in a learner's archive, that of the archive."""

    layer: tuple[str, ...]
    shown: str
    attempt: str = ""
    file: Path | None = None
    """The notebook."""
    problem: str = ""
    """Why it can't be used. Neither: it is something else, of which nothing is said beside a notebook."""


class _Budget:
    """What a learner's archives may still unpack to."""

    __slots__ = ("bytes", "members", "others", "work")

    def __init__(self, most: int) -> None:
        self.bytes, self.work = most, _MOST_WORK
        self.members = self.others = _MOST_MEMBERS

    def unpacked(self, size: int) -> None:
        """Count what was unpacked, whatever becomes of it.

        Raises:
            TooMuch: it is more than a learner may have.
        """
        self.work -= size
        if self.work < 0:
            raise TooMuch(f"what was unpacked of the learner's is more than {_MOST_WORK:,} bytes")


class _Source:
    """One path of the command line."""

    def __init__(self, path: Path, scratch: Path, one_learner: str = "") -> None:
        self.name = shown(path.name or str(path.resolve()))
        self._top = path
        self._scratch = scratch
        self._found: list[_Found] = []
        self._stamps: dict[tuple[str, ...], str] = {}
        """What nbgrader noted, by the folder of the platform's layer that it stands in."""
        self._copied = 0
        self._one = one_learner
        self._layout: tuple[tuple[str, ...], bool] = ((), False)
        most = _most_bytes(scratch)
        self._budgets: dict[str, _Budget] = defaultdict(lambda: _Budget(most))
        self.around = ""
        """A folder that is taken for one around the learners, since it looks like that."""
        self.is_promising = False
        """Whether there is anything that somebody may have meant for a notebook."""

    @property
    def has_notebooks(self) -> bool:
        """Whether there is any."""
        return any(one.file is not None for one in self._found)

    # -- who it belongs to -----------------------------------------------------------------------------

    def owners(self) -> set[_Owner]:
        """Everybody in here."""
        return set(self.by_owner())

    def by_owner(self) -> dict[_Owner, list[_Found]]:
        """What each has handed in."""
        root, is_nbgrader = self._layout
        found: dict[_Owner, list[_Found]] = defaultdict(list)
        for one in self._found:
            layer = one.layer
            if is_nbgrader and root and layer[: len(root)] != root and layer[0] in _NBGRADERS:
                continue
            parts = self._below_root(layer)
            stamp = self._stamps.get(layer[:-1]) if is_nbgrader and len(parts) == 3 else None
            if parts[-1] == _TIMESTAMP and is_nbgrader:
                continue
            if stamp:
                one = _Found(layer, one.shown, stamp, one.file, one.problem)
            found[self._owner(parts)].append(one)
        return dict(sorted(found.items(), key=lambda item: item[0].name))

    def _root(self, layers: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], bool]:
        """The folders before those that name learners, and whether they are nbgrader's."""
        layers = list(layers)  # a note beside the folders of the learners, or an empty one, says nothing about them
        layers = [one for one in layers if len(one) > 2 or _is_notebook(one[-1]) or _is_archive(one[-1])] or layers
        firsts = {layer[0] for layer in layers}
        if "submitted" in firsts and firsts - {"submitted"} <= _NBGRADERS:
            return ("submitted",), True
        if self._outer() == "submitted":
            return (), True
        if len(firsts) != 1 or not all(len(layer) > 2 for layer in layers):
            only = next(iter(firsts)) if len(firsts) == 1 else ""
            if only and only == self._outer() and all(len(layer) > 1 for layer in layers):
                return (only,), False
            return (), False
        (first,) = firsts
        if _MOODLE.match(first):
            return (), False
        if {layer[1] for layer in layers} == {"submitted"}:
            return (first, "submitted"), True
        is_platforms = all(_MOODLE.match(layer[1]) for layer in layers)
        if first != self._outer() and (is_platforms or len({layer[1] for layer in layers}) > 1):
            self.around = first
        if first == self._outer() or self.around:
            return (first,), False
        return (), False

    def _below_root(self, layer: tuple[str, ...]) -> tuple[str, ...]:
        root, _ = self._layout
        return layer[len(root) :] if layer[: len(root)] == root and len(layer) > len(root) else layer

    def _outer(self) -> str:
        """The name of what was named on the command line."""
        if self._top.is_dir():
            return self._top.resolve().name
        return _without_ending(PurePosixPath(self._top.name)).name if _is_archive(self._top.name) else ""

    def _owner(self, parts: tuple[str, ...]) -> _Owner:
        stem = _without_ending(PurePosixPath(parts[-1] or ".")).name
        if len(parts) == 1 and (match := _CANVAS.match(stem)):
            return _Owner(f"{match['name']}_{match['number']}", bool(match["late"]))
        if len(parts) > 1:
            match = _MOODLE.match(parts[0])
            return _Owner(match["name"] if match else parts[0])
        if stem not in EXERCISES:
            is_other = not (_is_notebook(parts[-1]) or _is_archive(parts[-1]))
            return _Owner((_ENDING.sub("", stem) if is_other else "") or stem)
        return _Owner(self._outer() or self._top.resolve().parent.name)

    def _budget(self, layer: tuple[str, ...]) -> _Budget:
        return self._budgets["" if self._one else self._owner(self._below_root(layer)).name]

    # -- what there is ---------------------------------------------------------------------------------

    def refuse(self, layer: tuple[str, ...], inside: PurePosixPath, why: str) -> None:
        """Note that something can't be used."""
        self.is_promising = True
        self._found.append(_Found(layer, shown(str(inside)), problem=why))

    def _other(self, layer: tuple[str, ...], inside: PurePosixPath) -> None:
        """Something that is neither a notebook nor an archive."""
        name = inside.name.lower()
        if name in _OF_SYSTEMS:
            return
        self.is_promising |= ".ipynb" in name or name.endswith(_OTHER_ARCHIVES)
        self._found.append(_Found(layer, shown(str(inside))))

    # -- folders ---------------------------------------------------------------------------------------

    def take(self, path: Path, without: Path | None = None) -> None:
        """A file, an archive or a folder, named by the instructor."""
        if path.is_dir():
            found = [
                (PurePosixPath(os.fsdecode(place.relative_to(path).as_posix())), problem)
                for place, problem in _walk(path, without)
            ]
            self._layout = self._root({inside.parts for inside, _ in found})
            for inside, problem in found:
                if problem:
                    self.refuse((*inside.parts, ""), inside, problem)
                else:
                    self._take_found(path / inside, inside)
        elif _is_archive(path.name):
            with contextlib.suppress(*_BROKEN):
                self._layout = self._root(
                    {_inner(m.name) for m in members(path, None) if _is_shown(m.name) and not m.is_folder}
                )
            self._open(path, PurePosixPath(path.name), PurePosixPath(), None, "", 1)
        else:
            self._take_found(path, PurePosixPath(path.name))

    def _take_found(self, path: Path, inside: PurePosixPath) -> None:
        layer = inside.parts
        budget = self._budget(layer)
        is_wanted = _is_archive(path.name) or _is_notebook(path.name)
        if is_wanted:
            budget.members -= 1
            if budget.members < 0:
                return self._too_many(layer, inside, budget.members)
        else:
            budget.others -= 1
            if budget.others < 0:
                return None
        try:
            state = path.lstat()
        except OSError as error:
            return self.refuse(layer, inside, f"it can't be read ({error.strerror})")
        if stat.S_ISDIR(state.st_mode):  # with nothing in it
            self._found.append(_Found((*layer, ""), shown(str(inside))))
            return None
        if path.name == _TIMESTAMP:
            self._stamps[layer[:-1]] = _timestamp(path)
        if not is_wanted:
            return self._other(layer, inside)
        if stat.S_ISLNK(state.st_mode):
            return self.refuse(layer, inside, "it is a symbolic link, which is not followed. Hand in the file itself")
        if not stat.S_ISREG(state.st_mode):
            return self.refuse(layer, inside, "it is no ordinary file. Hand in the notebook itself")
        if not os.access(path, os.R_OK):
            return self.refuse(layer, inside, "it can't be read (permission denied)")
        moment = moment_of(state.st_mtime)
        if _is_archive(path.name):
            return self._open(path, inside, _without_ending(inside), layer, moment, 1)
        self._found.append(_Found(layer, shown(str(inside)), moment, path))
        return None

    def _too_many(self, layer: tuple[str, ...], inside: PurePosixPath, left: int) -> None:
        if left == -1:
            self.refuse(layer, inside, f"there are more than {_MOST_MEMBERS:,} files. Pack only the notebook")

    # -- archives --------------------------------------------------------------------------------------

    def _open(
        self,
        path: Path,
        inside: PurePosixPath,
        below: PurePosixPath,
        layer: tuple[str, ...] | None,
        moment: str,
        depth: int,
    ) -> None:
        """``layer`` and ``moment``: of a learner's archive; None, one that the instructor has named."""
        held = len(self._found)
        folders: set[tuple[str, ...]] = set()
        try:
            for member in members(path, None if layer is None else self._budget(layer).unpacked):
                if member.is_folder or _is_junk(_inner(member.name)[-1]):
                    folders.add(_inner(member.name)[: None if member.is_folder else -1])
                elif not self._take_member(member, below, layer, moment, depth):
                    break
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno in _DISK_FULL:
                raise
            why = f"the archive can't be read ({_why(error)}). Pack it again"
            return self.refuse(layer or (path.name,), inside, why)
        if layer is not None and len(self._found) == held:
            self._other(layer, inside)
        if layer is None:
            self._without_anything(folders, below)
        return None

    def _without_anything(self, folders: set[tuple[str, ...]], below: PurePosixPath) -> None:
        """Note the folders of the instructor's archive in which nothing is."""
        full = {one.layer[:length] for one in self._found for length in range(len(one.layer))}
        full |= {folder[:length] for folder in folders for length in range(len(folder))}
        for folder in sorted(folders - full):
            if folder and not _SKIPPED & set(folder):
                self._found.append(_Found((*folder, ""), shown(str(below / PurePosixPath(*folder)))))

    def _take_member(
        self, member: Member, below: PurePosixPath, layer: tuple[str, ...] | None, moment: str, depth: int
    ) -> bool:
        """Whether to go on."""
        name = PurePosixPath(member.name.replace("\\", "/"))
        inner = _inner(member.name)
        inside = below / PurePosixPath(*inner)
        if not _is_shown(member.name):
            return True
        mine, moment = (inner, member.moment) if layer is None else (layer, moment)
        budget = self._budget(mine)
        budget.members -= 1
        if budget.members < 0:
            self._too_many(mine, inside, budget.members)
            return layer is None
        if layer is None and name.name == _TIMESTAMP and not member.problem:
            self._stamps[inner[:-1]] = shown(next(member.pieces(), b"")[:200].decode("utf-8", "replace").strip())
        if not (_is_archive(name.name) or _is_notebook(name.name)):
            self._other(mine, inside)
            return True
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            self.refuse(mine, inside, "its name in the archive leads outside. Pack it again")
        elif member.problem:
            self.refuse(mine, inside, member.problem)
        else:
            self._unpack(member, name, inside, mine, moment, depth, budget)
        return True

    def _unpack(
        self,
        member: Member,
        name: PurePosixPath,
        inside: PurePosixPath,
        layer: tuple[str, ...],
        moment: str,
        depth: int,
        budget: _Budget,
    ) -> None:
        ending = next((e for e in (".ipynb", *ARCHIVES) if name.name.lower().endswith(e)), "")
        target = self._scratch / f"{self._copied}{ending}"
        self._copied += 1
        try:
            fits = self._copy(member, target, budget)
        except RuntimeError as error:  # zipfile's word for a password
            return self.refuse(layer, inside, f"it can't be unpacked ({str(error)[:120]})")
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno in _DISK_FULL:
                raise
            if isinstance(error, MemoryError):
                budget.work = 0
            target.unlink(missing_ok=True)
            return self.refuse(layer, inside, f"it can't be unpacked ({_why(error)})")
        if not fits:
            target.unlink(missing_ok=True)
            return self.refuse(
                layer, inside, f"it unpacks to more than {LARGEST:,} bytes, or with the learner's others to too many"
            )
        if _is_archive(name.name):
            if depth >= _DEEPEST:
                return self.refuse(layer, inside, "it is an archive within archives, too deep to be looked into")
            self._open(target, inside, _without_ending(inside), layer, moment, depth + 1)
            return target.unlink(missing_ok=True)
        self._found.append(_Found(layer, shown(str(inside)), moment, target))
        return None

    def _copy(self, member: Member, target: Path, budget: _Budget) -> bool:
        """Whether it is small enough."""
        target.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with target.open("xb") as copy:
            for piece in member.pieces():
                size += len(piece)
                budget.bytes -= len(piece)
                budget.unpacked(len(piece))
                if size > LARGEST or budget.bytes < 0:
                    budget.bytes += size  # what is thrown away costs nothing
                    return False
                copy.write(piece)
        return True


def _inner(name: str) -> tuple[str, ...]:
    """The path of a member of an archive, without what leads out of it."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in ("..", "/", "")) or ("?",)


def _is_shown(name: str) -> bool:
    parts = _inner(name)
    return not (_SKIPPED & set(parts) or parts[-1].startswith("._"))


def _walk(folder: Path, without: Path | None) -> Iterator[tuple[Path, str]]:
    """All files, and folders that are empty; with why, folders that can't be looked into. ``without``: what is not the
    learners'. Folders may be as deep as they like."""
    todo = [folder]
    while todo:
        place = todo.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if place == folder:
                raise
            yield place, f"the folder can't be looked into ({error.strerror})"
            continue
        found = [e for e in found if not (e.name in _SKIPPED if e.is_dir(follow_symlinks=False) else _is_junk(e.name))]
        if not found and place != folder:
            yield place, ""
        below = []
        for entry in found:
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False):
                yield path, ""
            elif not _is_same(path, without):
                below.append(path)
        todo += reversed(below)


def _is_junk(name: str) -> bool:
    """Whether it is of a system's: hidden, and no notebook or archive."""
    return name.startswith("._") or (name.startswith(".") and not (_is_notebook(name) or _is_archive(name)))


def _is_same(one: Path, other: Path | None) -> bool:
    return other is not None and one.name == other.name and one.resolve() == other.resolve()


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _without_ending(path: PurePosixPath) -> PurePosixPath:
    name = path.name
    for ending in (".ipynb", *sorted(ARCHIVES, key=len, reverse=True)):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return path.with_name(name[: -len(ending)])
    return path


def _timestamp(note: Path) -> str:
    """nbgrader's note of when it was handed in."""
    try:
        if note.is_symlink() or not note.is_file() or note.stat().st_size > 200:
            return ""
        return shown(note.read_text(encoding="utf-8", errors="replace").strip())
    except OSError:
        return ""


def _most_bytes(scratch: Path) -> int:
    """What a learner's archives may unpack to: less where there is little room, so that it is enough for the class."""
    there = next((place for place in scratch.parents if place.exists()), Path())
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        return _MOST_BYTES
    return min(_MOST_BYTES, max(_LEAST_BYTES, free // _PART))


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, TooMuch) else f"{type(error).__name__}: {shown(str(error))}"


def shown(text: str) -> str:
    """A name from outside, fit for any page: one line, no control characters, not too long."""
    return judge.shown(text, _LONGEST_NAME)
