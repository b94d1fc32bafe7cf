"""``results.json`` as Gradescope's autograders write it, for one submission.

Source of the form: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

from typing import Any

from ..result import Kind, SubmissionResult


def to_gradescope(result: SubmissionResult) -> dict[str, Any]:
    """The result of one submission."""
    said = [result.problem] if result.problem else []
    if not result.trusted:
        said.append("Graded without isolation: these results are not trusted.")
    if result.isolation:
        said.append(f"Isolation: {', '.join(result.isolation)}.")
    return {
        "score": result.points,
        "output": "\n".join(said),
        "output_format": "text",
        "visibility": "visible",
        "extra_data": {"version": result.version, "exercise": result.exercise, "trusted": result.trusted},
        "tests": [
            {
                "name": part.part,
                "number": str(number),
                "score": part.points,
                "max_score": part.max_points,
                "status": "passed" if part.kind is Kind.RIGHT else "failed",
                "output": part.text or part.explanation,
                "output_format": "text",
                "visibility": "visible",
                "tags": [part.diagnosis] if part.diagnosis else [],
                "extra_data": {"kind": part.kind.value},
            }
            for number, part in enumerate(result.parts, 1)
        ],
    }
