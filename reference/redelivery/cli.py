"""The command line: `redelivery check`, `replay` and `verify`, and the commands of `grading` and `workspace`.

Exit statuses of ``check``: 0 every part (or the consumer) proved, 1 something refuted, stuck or erroneous, 3 nothing
worse than undetermined, 2 the notebook as a whole, or what is said of the consumer, can't be used, 4 the checker itself
failed in some part, whatever the others are. Of ``replay``: 0 the run ends right, 1 it does not, 2 it
can't be carried out. Of ``verify``: 0 every answer is judged rightly, 1 one is not, 2 there are no answers. Of every
command: 4 the checker itself failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from .engines.commands import add_engines
from .grading.commands import add_to as add_grading
from .library.commands import add_consumer, check_consumer, is_consumer, not_a_target
from .workspace.commands import add_to

if TYPE_CHECKING:
    from .checking.part import Part, Report
    from .display.matrix import Row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than a report has
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        print("redelivery: stopped by you", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        print(_failed(error), file=sys.stderr)
        return 4
    return status


def _failed(error: Exception) -> str:
    """What to say where a command as a whole can't go on for a fault of ours."""
    from .checking.fault import fault_of

    found = fault_of(error, "redelivery", " ".join(sys.argv[1:2]))
    lines = "\n".join(f"    {line}" for line in found.report.splitlines())
    return (
        "redelivery: the command itself failed. That is our mistake; please send these lines to those who gave you "
        f"this course:\n{lines}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="redelivery", description="Check message handlers under every schedule of redeliveries and crashes."
    )
    parser.add_argument("--version", action="version", version=f"redelivery {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check a consumer, or all parts of an exercise notebook")
    check.add_argument(
        "notebook", type=Path, metavar="TARGET", help="an exercise notebook, or a consumer: shop.consumers:handle"
    )
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    add_consumer(check)
    check.add_argument("--part", action="append", metavar="GRADE_ID", help="check only this part (may be repeated)")
    _add_seed(check)
    check.set_defaults(run=_check)
    replay = commands.add_parser("replay", help="carry out one schedule with the answer to one part")
    replay.add_argument("notebook", type=Path)
    replay.add_argument("part", metavar="GRADE_ID")
    replay.add_argument("schedule", help='such as "AA+ABB"')
    replay.add_argument(
        "--journal", choices=["wal", "rollback"], help="SQLite's journal mode (default: where it breaks)"
    )
    replay.add_argument("--scenario", type=int, metavar="N", help="the scenario's number (default: where it breaks)")
    replay.add_argument(
        "--messages", type=_numbers, default=(), metavar="N,N", help="only these messages, where values are drawn"
    )
    _add_seed(replay)
    replay.set_defaults(run=_replay)
    verify = commands.add_parser("verify", help="check the checker: judge the course's own wrong and right answers")
    verify.add_argument(
        "folder", type=Path, nargs="?", help="where mutants/ and variants/ are (default: the course's tests)"
    )
    verify.add_argument("--part", action="append", metavar="GRADE_ID", help="only this part (may be repeated)")
    verify.add_argument("--thorough", action="store_true", help="search within larger bounds")
    verify.add_argument("--jobs", type=int, default=0, metavar="N", help="processes (default: one a core)")
    verify.add_argument("--json", action="store_true", help="print the result as JSON")
    verify.add_argument(
        "--save", type=Path, metavar="FILE", help="write the matrix to FILE, too; with --part, its other rows stay"
    )
    verify.set_defaults(run=_verify)
    add_engines(commands)
    add_grading(commands)
    add_to(commands)
    return parser


def _add_seed(command: argparse.ArgumentParser) -> None:
    from .checking.seed import DEFAULT_SEED

    command.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="N",
        help=f"what values that hurt are drawn from (default: {DEFAULT_SEED}, as in the notebooks)",
    )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers of messages such as 3,4, not {text!r}") from None


def _check(options: argparse.Namespace) -> int:
    if is_consumer(options.notebook):
        return check_consumer(options)
    wrong = not_a_target(options.notebook)
    if wrong is not None:
        return _unusable(LookupError(wrong))

    from .simulation.lean import import_for

    import_for(options.notebook)
    from .checking.fault import checked
    from .checking.handler_part import with_progress, with_seed
    from .checking.part import NotChecked, Report
    from .display.progress import bar
    from .exercises.notebook import NotUsable, read_notebook
    from .simulation.guards import guarded
    from .workspace.record import note_file

    try:
        submission = read_notebook(options.notebook)
        parts = _chosen(submission.exercise, options.part)
    except (NotUsable, LookupError) as error:
        return _unusable(error)
    reports: list[Report] = []
    for part in parts:

        def judge(part: Part = part) -> Report:
            with guarded():
                program = submission.program(part.grade_id)
            if isinstance(program, NotChecked):
                return Report(submission.exercise, part.grade_id, part.points, program)
            with bar(part.grade_id, options.json) as told:
                report: Report = with_progress(with_seed(part, options.seed), told).check(submission.exercise, program)
            return replace(report, path=str(options.notebook))

        reports.append(checked(part, submission.exercise, judge))
        source = submission.source(part.grade_id)
        note_file(
            options.notebook, submission.exercise, part.grade_id, reports[-1].verdict.name, source, reports[-1].points
        )
    if options.json:
        print(json.dumps(_as_json(submission.exercise, reports), indent=1))
    else:
        _print(submission.exercise, reports)
    return _status(reports)


def _chosen(exercise: str, names: Sequence[str] | None) -> Sequence[Part]:
    from .exercises.catalogue import EXERCISES, part_of

    return [part_of(exercise, name) for name in dict.fromkeys(names)] if names else EXERCISES[exercise]


def _as_json(exercise: str, reports: Sequence[Report]) -> dict[str, object]:
    return {
        "exercise": exercise,
        "points": sum(report.points for report in reports),
        "max_points": sum(report.max_points for report in reports),
        "parts": [report.to_json() for report in reports],
    }


def _print(exercise: str, reports: Sequence[Report]) -> None:
    for report in reports:
        print(report)
        print()
    points, most = sum(r.points for r in reports), sum(r.max_points for r in reports)
    print(f"{exercise}: {points} of {most} points")


def _status(reports: Sequence[Report]) -> int:
    names = {report.verdict.name for report in reports}
    if any(report.fault for report in reports):
        return 4
    if names <= {"proved"}:
        return 0
    return 3 if names <= {"proved", "undetermined"} else 1


def _replay(options: argparse.Namespace) -> int:
    from .simulation.lean import import_for

    import_for(options.notebook)
    from .checking.handler_part import HandlerPart, with_seed
    from .checking.part import UNSOLVED, NotChecked, is_unsolved
    from .exercises.catalogue import part_of
    from .exercises.notebook import NotUsable, read_notebook
    from .exploration.schedule import BadSchedule
    from .simulation.guards import guarded

    try:
        submission = read_notebook(options.notebook)
        part = part_of(submission.exercise, options.part)
        with guarded():
            program = submission.program(part.grade_id)
        if isinstance(program, NotChecked):
            raise NotUsable(program.reason)
        rest = (submission.exercise, program, options.schedule, options.journal, options.scenario)
        if isinstance(part, HandlerPart):
            shown = with_seed(part, options.seed).replay(*rest, options.messages)
        elif options.messages:
            raise BadSchedule(f"--messages is for parts whose values are drawn, and {part.grade_id} has none")
        else:
            shown = part.replay(*rest)
        if is_unsolved(shown.run):
            raise NotUsable(UNSOLVED.format(part.grade_id))
    except (NotUsable, LookupError, BadSchedule) as error:
        return _unusable(error)
    print(shown)
    return 0 if shown.ends_right else 1


def _verify(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .display.matrix import write
    from .exercises import verify

    folder = options.folder or verify.own_folder()
    if folder is None or not (folder / "mutants").is_dir():
        where = folder or "the folder tests beside this package"
        return _unusable(LookupError(f"expected folders mutants and variants in {where}; name the folder they are in"))
    if options.save and options.thorough:
        return _unusable(ValueError("--save keeps what default bounds give: leave out --thorough"))
    chosen = [
        answer
        for kind in ("variants", "mutants")
        for answer in verify.answers(folder, kind)
        if not options.part or answer.part in options.part
    ]
    if not chosen:
        parts = f" to {', '.join(options.part)}" if options.part else ""
        return _unusable(LookupError(f"there are no answers{parts} in {folder}"))
    try:
        verify.name_parts(chosen)
        kept = _other_rows(options.save, options.part) if options.save else []
    except (LookupError, ValueError) as error:
        return _unusable(error)
    judged = verify.judge_all(chosen, options.jobs, options.thorough)
    quiet = None if sys.stderr.isatty() else True
    judgements = list(tqdm(judged, total=len(chosen), unit="answer", disable=quiet, leave=False))
    if options.save:
        write(options.save, [*kept, *(judgement.row for judgement in judgements)])
    if options.json:
        print(json.dumps(verify.as_json(judgements), indent=1))
    else:
        print(verify.matrix(judgements))
        print()
        print(verify.summary(judgements))
    return 1 if any(judgement.fault for judgement in judgements) else 0


def _other_rows(path: Path, parts: Sequence[str] | None) -> list[Row]:
    """The rows of a stored matrix that are not judged again."""
    from .display.matrix import read

    if not parts or not path.exists():
        return []
    return [row for row in read(path).rows if row.part not in parts]


def _unusable(error: Exception) -> int:
    text = str(error.args[0]) if error.args else str(error)
    print(f"redelivery: {text}", file=sys.stderr)
    return 2


def entry() -> None:
    """What the command calls: a thread that an answer left running does not keep it from ending."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if any(not t.daemon for t in threading.enumerate() if t is not threading.main_thread()):
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    entry()
