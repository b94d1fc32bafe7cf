"""``feedback/LEARNER.html``: one page for one learner, complete in itself.

Everything that a learner wrote is escaped (Jinja's autoescape). There is one script at most, the stage's, which the
content security policy names by its hash; it allows no other, nor any request. Other learners do not occur in it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...display.page import script, script_hash
from ...display.svg import size_of
from ...exploration.diagnosis.names import DIAGNOSES
from ..policy import Final
from ..result import Kind, PartResult, SubmissionResult
from .gradebook import in_words, number

_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_WORDS = {Kind.RIGHT: ("✓", "right"), Kind.WRONG: ("✗", "wrong"), Kind.NOT_RUN: ("–", "not run"), Kind.FAULT: ("!", "")}


@functools.cache
def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(name)


def page(results: Sequence[SubmissionResult], finals: Sequence[Final] = ()) -> str:
    """The page for the results of one learner; ``finals``: the same with what the teacher's rules make of them."""
    shown = [(result, [_shown(part) for part in result.parts]) for result in results]
    ruled = [
        (final, number(final.total), in_words(final.late_seconds))
        for final in finals
        if final.notes or final.total != final.result.points
    ]
    films = any(part.film and part.picture for result in results for part in result.parts)
    ours = {"script": script(), "hash": script_hash()} if films else {"script": "", "hash": ""}
    return str(_template("feedback.html").render(learner=results[0].learner, results=shown, ruled=ruled, **ours))


def _shown(part: PartResult) -> dict[str, Any]:
    sign, word = _WORDS[part.kind]
    lines = part.answer.splitlines()
    line = part.details.get("line")
    data = base64.b64encode(part.picture.encode()).decode() if part.picture else ""
    return {
        "part": part,
        "sign": sign,
        "word": word or "not judged: the grader failed",
        "about": DIAGNOSES.get(part.diagnosis or "", ""),
        "lines": list(enumerate(lines, 1)),
        "line": line if isinstance(line, int) and 0 < line <= len(lines) else None,
        "picture": f"data:image/svg+xml;base64,{data}" if data else "",
        "size": size_of(part.picture),
    }


#: Names that some systems keep for devices.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(10))})


def file_names(learners: Iterable[str]) -> dict[str, str]:
    """A name for each learner's file, without ending: safe on every system, and no two alike."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for learner in sorted(set(learners)):
        plain = _SAFE.sub("-", learner).strip("-.")[:60]
        name, tries = plain, 0
        is_odd = plain != learner or plain.casefold().partition(".")[0] in _DEVICES
        while is_odd or not name or name.casefold() in taken:
            mark = hashlib.sha256(f"{tries or ''}{learner}".encode("utf-8", "backslashreplace")).hexdigest()[:8]
            name, is_odd, tries = f"{plain or 'learner'}-{mark}", False, tries + 1
        taken.add(name.casefold())
        names[learner] = name
    return names


def sorry(learner: str, why: str) -> str:
    """A page that says that there is none."""
    return str(_template("sorry.html").render(learner=learner, why=why))
