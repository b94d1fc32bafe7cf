"""What was checked so far: `.redelivery/progress.json` in the course's folder.

Only exercises of the checkout count: `redelivery check` of a file `exercises/NN-….ipynb`, and `ex.check` in a notebook
that runs in `exercises/`. Submissions that lie elsewhere, lessons and the solved notebooks leave no trace.

Several kernels may write at once. Each reads the file again before it adds its part, holding a lock, and puts the new
file into the old one's place in one step. Without the lock the last to write would drop what the other added:

    kernel 1   read {}            write {ledger}
    kernel 2            read {}                    write {setnx}      ← ledger is gone
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .checkout import course_folder

FORMAT = 1
#: Set to ``off`` in the environment, nothing is recorded: the course's own tests check notebooks, too.
SWITCH = "REDELIVERY_PROGRESS"
_LOCK_SECONDS = 2.0


class Unwritable(Exception):
    """Progress can't be kept; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one part. Times are ISO 8601 with an offset; digests are of the answer's source."""

    verdict: str
    """The last verdict, as `redelivery check --json` names it."""
    at: str
    digest: str
    tries: int
    """How often an answer was judged: an unfinished or broken one (``error``) counts as none."""
    proved_at: str | None = None
    proved_digest: str | None = None
    """When an answer was first proved, and which."""
    points: int = 0
    """The most points that an answer was given."""


@dataclass(frozen=True, slots=True)
class Record:
    """All entries, by exercise and part, and what there is to say about the file."""

    entries: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def note_live(exercise: str, part: str, verdict: str, answers: tuple[Any, ...], points: int = 0) -> None:
    """Record a check in a running notebook, if it runs in the folder `exercises`. Never raises."""
    try:
        here = Path.cwd().resolve()
    except OSError:
        return
    _note(here, exercise, part, verdict, "\n".join(map(_source_of, answers)), points)


def note_file(notebook: Path, exercise: str, part: str, verdict: str, source: str, points: int = 0) -> None:
    """Record a check of a notebook file, if it is the learner's own of this exercise. Never raises."""
    if notebook.name == f"{exercise}.ipynb":
        _note(notebook.resolve().parent, exercise, part, verdict, source, points)


def _note(place: Path, exercise: str, part: str, verdict: str, source: str, points: int) -> None:
    folder = course_folder()
    if folder is None or place != folder / "exercises" or os.environ.get(SWITCH) == "off":
        return
    try:
        add(folder, exercise, part, verdict, source, datetime.now().astimezone(), points)
    except Unwritable:
        pass  # the verdict matters more; `progress()` says that none is kept


def _source_of(answer: Any) -> str:
    if not callable(answer):
        return repr(answer)
    try:
        return inspect.getsource(answer)
    except (OSError, TypeError):
        return repr(type(answer))


def file_of(folder: Path) -> Path:
    """Where progress is kept."""
    return folder / ".redelivery" / "progress.json"


def add(folder: Path, exercise: str, part: str, verdict: str, source: str, now: datetime, points: int = 0) -> None:
    """Add one verdict to what is recorded.

    Raises:
        Unwritable: it can't be kept; what was recorded before is as it was.
    """
    path = file_of(folder)
    try:
        path.parent.mkdir(exist_ok=True)
        with _locked(path.with_name("lock")):
            content = _load(path)
            parts = content["exercises"].setdefault(exercise, {})
            if not isinstance(parts, dict):
                parts = content["exercises"][exercise] = {}
            digest = hashlib.sha256(source.strip().encode("utf-8", "replace")).hexdigest()[:16]
            parts[part] = asdict(
                _after(_entry(parts.get(part)), verdict, digest, now.isoformat(timespec="seconds"), points)
            )
            _replace(path, json.dumps(content, indent=1))
    except OSError as error:
        raise Unwritable(_why(path, error)) from None


def _after(old: Entry | None, verdict: str, digest: str, at: str, points: int) -> Entry:
    tries = (old.tries if old else 0) + (verdict != "error")
    proved_at, proved_digest = (old.proved_at, old.proved_digest) if old else (None, None)
    if verdict == "proved" and proved_at is None:
        proved_at, proved_digest = at, digest
    return Entry(verdict, at, digest, tries, proved_at, proved_digest, max(points, old.points if old else 0))


def read(folder: Path) -> Record:
    """What is recorded. A file that can't be read is moved aside; it and its kind are named in the notes."""
    path = file_of(folder)
    notes: list[str] = []
    content: dict[str, Any] = {}
    try:
        if path.exists():
            with _locked(path.with_name("lock")):
                content = _load(path)
        elif path.parent.exists() and not path.parent.is_dir():
            raise Unwritable(f"{path.parent} is a file; progress needs a folder there. Move the file away")
        _probe(path.parent if path.parent.exists() else folder)
    except Unwritable as error:
        notes.append(str(error))
    except OSError as error:
        notes.append(_why(path, error))
        content = content or _peek(path)
    for kept in sorted(path.parent.glob("progress.unreadable-*")) if path.parent.is_dir() else []:
        notes.append(f"An unreadable progress file was kept as .redelivery/{kept.name}; delete it when you like.")
    entries = {
        (exercise, part): entry
        for exercise, parts in content.get("exercises", {}).items()
        if isinstance(parts, dict)
        for part, value in parts.items()
        if (entry := _entry(value))
    }
    return Record(entries, tuple(notes))


def _entry(value: Any) -> Entry | None:
    """An entry as it was stored; None if it is none."""
    if not isinstance(value, dict):
        return None
    fields: dict[str, Any] = {name: value.get(name) for name in Entry.__dataclass_fields__}
    fields["points"] = value.get("points", 0)  # older files have none
    entry = Entry(**fields)
    texts = (entry.verdict, entry.at, entry.digest, entry.proved_at or "", entry.proved_digest or "")
    return (
        entry
        if all(isinstance(text, str) for text in texts)
        and isinstance(entry.tries, int)
        and isinstance(entry.points, int)
        else None
    )


def _load(path: Path) -> dict[str, Any]:
    """The file's content, an empty one if there is none. Moves a file aside that is no progress file.

    Raises:
        Unwritable: a later version of the course wrote it.
        OSError: it can't be read or moved.
    """
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or not isinstance(content.get("exercises"), dict):
            raise ValueError("no progress file")
        version = content["format"]
    except FileNotFoundError:
        return {"format": FORMAT, "exercises": {}}
    except (ValueError, KeyError, RecursionError):
        aside, count = f"progress.unreadable-{datetime.now():%Y-%m-%d-%H%M%S}", 1
        while path.with_name(f"{aside}-{count}.json").exists():
            count += 1
        path.rename(path.with_name(f"{aside}-{count}.json"))
        return {"format": FORMAT, "exercises": {}}
    if version != FORMAT:
        raise Unwritable(
            f"{path.name} in .redelivery has format {version!r}, and this version of the course knows {FORMAT}: "
            "progress is neither shown nor kept. Update the course"
        )
    return content


def _peek(path: Path) -> dict[str, Any]:
    """The content if it can be read and is sound, where nothing can be written."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    sound = isinstance(content, dict) and content.get("format") == FORMAT and isinstance(content.get("exercises"), dict)
    return content if sound else {}


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix="progress.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock; it goes with its holder, however that ends. Without locks here, or after a long wait, go on
    without: a verdict lost to a race is worth less than a check that hangs."""
    with open(path, "ab") as file:
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock
        except ImportError:  # a browser has the module without its functions
            yield
            return
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < end:
                    time.sleep(0.01)
                    continue
            except OSError:
                pass
            break
        yield


def _probe(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder):  # JupyterLite hangs where a file is unlinked while it is open
        pass


def _why(path: Path, error: OSError) -> str:
    return (
        f"Progress is not kept: {path.parent.name}/ in the course's folder can't be written ({error.strerror}). "
        "Everything else works as usual."
    )
