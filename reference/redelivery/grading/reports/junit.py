"""JUnit XML, which continuous integration servers and learning platforms read.

Source of the form: https://github.com/testmoapp/junitxml. An answer that is wrong is a failure, one that was not run is
skipped, and the grader's own fault is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as xml

from ..result import Kind, SubmissionResult

#: What XML 1.0 can't hold.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(results: Sequence[SubmissionResult]) -> str:
    """One suite for each submission, one case for each part."""
    cases = [part for result in results for part in result.parts]
    root = xml.Element("testsuites", _counts([part.kind for part in cases], results))
    for result in results:
        kinds = [part.kind for part in result.parts]
        name = f"{result.learner} {result.exercise}".strip()
        suite = xml.SubElement(root, "testsuite", {"name": legal(name), **_counts(kinds, [result])})
        for part in result.parts:
            case = xml.SubElement(suite, "testcase", {"name": part.part, "classname": legal(name)})
            if part.kind is not Kind.RIGHT:
                tag = {Kind.WRONG: "failure", Kind.NOT_RUN: "skipped", Kind.FAULT: "error"}[part.kind]
                about = {"message": legal(part.explanation)[:1000]}
                if part.kind is not Kind.NOT_RUN:
                    about["type"] = part.diagnosis or part.verdict
                xml.SubElement(case, tag, about).text = legal(part.text)
            xml.SubElement(case, "system-out").text = f"{part.points} of {part.max_points} points"
        if not result.parts:
            case = xml.SubElement(suite, "testcase", {"name": "notebook", "classname": legal(name)})
            tag = "error" if result.fault else "skipped"
            xml.SubElement(case, tag, {"message": legal(result.problem)})
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _counts(kinds: Sequence[Kind], results: Sequence[SubmissionResult]) -> dict[str, str]:
    whole = [result for result in results if not result.parts]
    return {
        "tests": str(len(kinds) + len(whole)),
        "failures": str(kinds.count(Kind.WRONG)),
        "errors": str(kinds.count(Kind.FAULT) + sum(result.fault for result in whole)),
        "skipped": str(kinds.count(Kind.NOT_RUN) + sum(not result.fault for result in whole)),
    }


def legal(text: str) -> str:
    """A text that XML can hold."""
    return _ILLEGAL.sub("�", text)
