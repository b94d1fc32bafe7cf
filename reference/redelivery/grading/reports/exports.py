"""The forms in which other platforms take grades back.

=================================== ==================================================================================
``exports/moodle-grades.csv``       Moodle, *Upload grading worksheet*: the columns of the worksheet that it hands out
``exports/moodle-feedback.zip``     Moodle, *Upload multiple feedback files in a zip*: a file in each learner's folder
``exports/canvas-grades.csv``       Canvas, *Gradebook, Import*: one column for the assignment
``exports/github/NAME.json``        what GitHub Classroom's autograding reporter reads
=================================== ==================================================================================

Sources: docs.moodle.org, *Assignment activity, Offline grading* and ``mod/assign/feedback/offline``,
``mod/assign/feedback/file/importziplib.php``; community.canvaslms.com, *How do I import grades in the Gradebook*;
github.com/classroom-resources/autograding-grading-reporter.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..policy import Final
from ..result import Kind
from ..roster import Person
from .gradebook import harmless, number

MOODLE = ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed")
MOODLE_LAST = ("Last modified (submission)", "Last modified (grade)", "Feedback comments")
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_NUMBER = re.compile(r"^(?P<name>.+)_(?P<number>\d+)$")
#: So that the same grading makes the same file.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def totals(finals: Sequence[Final]) -> dict[str, tuple[float, int]]:
    """Points and what there was to earn, by learner; what there was is the same for all."""
    from .gradebook import part_columns

    most = sum(points for _, _, points in part_columns([final.result for final in finals]))
    found: dict[str, float] = {}
    for final in finals:
        found[final.result.learner] = found.get(final.result.learner, 0.0) + final.total
    return {learner: (points, most) for learner, points in sorted(found.items())}


def _handed_in(finals: Sequence[Final]) -> dict[str, str]:
    """The learners that handed something in, and when."""
    found: dict[str, str] = {}
    for final in finals:
        if not final.result.nothing:
            learner = final.result.learner
            found[learner] = max(found.get(learner, ""), final.result.attempt)
    return found


def _person(people: Mapping[str, Person], learner: str, title: str) -> str:
    person = people.get(learner)
    return person.columns.get(title, "") if person is not None else ""


def moodle(finals: Sequence[Final], people: Mapping[str, Person], folders: Mapping[str, str]) -> str:
    """The grading worksheet. ``folders``: learner → the name that Moodle's download gave."""
    there = _handed_in(finals)
    rows = []
    for learner, (points, most) in totals(finals).items():
        match = _NUMBER.match(folders.get(learner, learner))
        identifier = _person(people, learner, "Identifier") or (f"Participant {match['number']}" if match else "")
        rows.append(
            [
                identifier,
                _person(people, learner, "Full name") or (match["name"] if match else learner),
                _person(people, learner, "Email address"),
                "Submitted for grading" if learner in there else "No submission",
                number(points) if learner in there else "",
                number(float(most)),
                "Yes",
                "",
                "",
                "",
            ]
        )
    return _csv((*MOODLE, *MOODLE_LAST), rows)


def moodle_feedback(pages: Mapping[str, str], folders: Mapping[str, str]) -> bytes:
    """A zip with each learner's page, in a folder named as Moodle's download named it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for learner, page in sorted(pages.items()):
            folder = folders.get(learner, learner)
            if _NUMBER.match(folder):
                name = "".join(c for c in folder if c not in "/\\:" and c.isprintable())
                info = zipfile.ZipInfo(f"{name}_assignsubmission_file_/feedback.html", _NO_TIME)
                archive.writestr(info, page.encode("utf-8", "backslashreplace"), zipfile.ZIP_DEFLATED)
    return data.getvalue()


def canvas(finals: Sequence[Final], people: Mapping[str, Person], folders: Mapping[str, str], assignment: str) -> str:
    """The gradebook with one column, ``assignment``: as Canvas's export calls it, its number in brackets at the end."""
    there = _handed_in(finals)
    all_of_them = totals(finals)
    most = next(iter(all_of_them.values()), (0.0, 0))[1]
    rows = [["    Points Possible", "", "", "", "", str(most)]]
    for learner, (points, _) in all_of_them.items():
        match = _NUMBER.match(folders.get(learner, learner))
        own = [_person(people, learner, title) for title in CANVAS]
        own[0] = own[0] or learner
        own[1] = own[1] or (match["number"] if match else "")
        rows.append([*own, number(points) if learner in there else ""])
    return _csv((*CANVAS, assignment), rows)


def github(own: Sequence[Final]) -> dict[str, Any]:
    """The result of one learner for the autograding reporter."""
    tests = [
        {
            "name": f"{final.result.exercise} {part.part}",
            "status": "pass" if part.kind is Kind.RIGHT else "error" if part.kind is Kind.FAULT else "fail",
            "score": final.points[part.part],
            "message": part.explanation[:1000],
            "test_code": "",
            "filename": final.result.file,
            "line_no": part.details.get("line") or 0,
        }
        for final in own
        for part in final.result.parts
    ]
    right = tests and all(test["status"] == "pass" for test in tests)
    status = "pass" if right else "error" if any(test["status"] == "error" for test in tests) else "fail"
    return {"version": 1, "status": status, "max_score": sum(f.result.max_points for f in own), "tests": tests}


def _csv(titles: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(list(titles))
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()
