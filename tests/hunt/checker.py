"""The checker as the hunt asks it: a process that answers lines of JSON with lines of JSON.

{"part": …, "source": …}    what it says of an answer
{"part": …, "source": …, "replay": schedule, "scenario": …, "journal": …}    is it so with real processes, too?
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import fakeredis  # noqa: F401  (a cell that is stopped while it imports this leaves half of it)

from redelivery.checking.handler_part import HandlerPart
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.notebook import failed
from redelivery.exercises.verify import SETUP
from redelivery.exploration.replay import replay
from redelivery.simulation.program import Cell, SourceProgram

from .derive import PARTS


def judge(part: str, source: str) -> dict[str, Any]:
    """The verdict on an answer, with what a counterexample is made of."""
    started = time.process_time()
    exercise = PARTS[part]
    program = SourceProgram([SETUP, Cell(part, source)])
    unusable = failed(part, program.errors)
    if unusable is not None:
        return {"verdict": "error", "why": unusable.reason}
    wanted = part_of(exercise, part)
    report: Any = wanted.check(exercise, program)
    found = {
        "verdict": report.verdict.name,
        "why": report.explanation if report.verdict.name in ("undetermined", "error") else "",
        "diagnosis": report.diagnosis.name if report.diagnosis else "",
        "schedule": report.schedule,
        "claim": report.headline,
        "seconds": round(time.process_time() - started, 3),
    }
    run = report.run
    if run is not None and report.verdict.name in ("refuted", "stuck"):
        found["scenario"] = run.scenario.name
        found["journal"] = run.journal
        found["data"] = [[identity, dict(body)] for identity, body in run.scenario.messages]
        found["story"] = report.timeline.to_text()[:6000] if report.timeline is not None else ""
    return found


def carried_out(part: str, source: str, scenario: str, journal: Any, schedule: list[Any]) -> str:
    """Carry out a counterexample by real processes, statement by statement: "" if it ends as wrong as predicted."""
    from tests.real_processes import Disagreement, NotSimulated, a_crew, carry_out, tables_of

    wanted = part_of(PARTS[part], part)
    assert isinstance(wanted, HandlerPart)
    program = SourceProgram([SETUP, Cell(part, source)])
    chosen = next(s for s in wanted.scenarios if s.name == scenario)
    report: Any = wanted.check(PARTS[part], program)
    run = replay(program, chosen, report.verdict.schedule, journal)
    if run.wrong is None:
        return "the replay doesn't end wrong"
    try:
        with a_crew() as crew, tempfile.TemporaryDirectory() as folder:
            cell = "from redelivery import Retry\n" + source
            contents = carry_out(run, cell, Path(folder) / "run.db", crew)
    except (Disagreement, NotSimulated) as error:
        return f"{type(error).__name__}: {error}"
    return "" if contents == tables_of(run) else "other contents"


#: Parts whose counterexamples consist of deliveries to one handler over one database.
CARRIED_OUT = ("record_and_check", "versioned_balance", "versioned_profile")


def main() -> None:
    """Serve until the input ends."""
    out, sys.stdout = sys.stdout, sys.stderr
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if "replay" in job:
                answer: dict[str, Any] = {
                    "replayed": carried_out(job["part"], job["source"], job["scenario"], job["journal"], job["replay"])
                }
            else:
                answer = judge(job["part"], job["source"])
        except BaseException:
            answer = {"verdict": "crash", "why": traceback.format_exc()[-1500:]}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
