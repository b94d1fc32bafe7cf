"""The commands for the learner's own files: `redelivery progress`, `redelivery reset` and `redelivery update`.

Exit statuses: 0 done, or nothing was to do; 1 the question was answered with no; 2 it can't be done, and why.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from .checkout import course_folder


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add these commands to the command line."""
    progress = commands.add_parser("progress", help="show which exercises are proved so far")
    progress.set_defaults(run=_progress)
    reset = commands.add_parser("reset", help="take an exercise, or one answer, back to what was handed out")
    reset.add_argument("exercise", metavar="NN", help="its number or name, such as 05")
    reset.add_argument("part", metavar="PART", nargs="?", help="only the answer to this part")
    reset.add_argument("--yes", action="store_true", help="don't ask first")
    reset.set_defaults(run=_reset)
    update = commands.add_parser("update", help="get the newest version of the course and keep your own work")
    update.set_defaults(run=_update)
    hand_out = commands.add_parser(
        "hand-out", help="for teachers: make a folder or a zip for learners, without solutions and tests"
    )
    hand_out.add_argument(
        "target", metavar="TARGET", help="a folder that is not there yet, or a name that ends in .zip"
    )
    hand_out.set_defaults(run=_hand_out)


def _progress(options: argparse.Namespace) -> int:
    from .progress import progress

    print(progress())
    return 0


def _hand_out(options: argparse.Namespace) -> int:
    from pathlib import Path

    from .hand_out import CannotHandOut, hand_out

    folder = course_folder()
    if folder is None:
        return _cannot("the course's folder is not there: this package was installed without it")
    try:
        count = hand_out(folder, Path(options.target))
    except CannotHandOut as error:
        return _cannot(str(error))
    print(f"{options.target}: {count} files for learners. Solutions, tests and the instructor's guide are not in it.")
    return 0


def _reset(options: argparse.Namespace) -> int:
    from .reset import CannotReset, plan

    folder = course_folder()
    if folder is None:
        return _cannot("the course's folder is not there: this package was installed without it")
    try:
        reset = plan(folder, options.exercise, options.part)
        if reset is None:
            print("Nothing to do: it is as handed out.")
            return 0
        if not options.yes and reset.replaces and not _agreed(reset.what):
            print("Nothing was changed.")
            return 1
        kept = reset.carry_out(datetime.now())
    except CannotReset as error:
        return _cannot(str(error))
    print(f"Reset {reset.what}.")
    if kept is not None:
        print(f"What was there is kept as {kept.relative_to(folder).as_posix()}.")
    print("If the notebook is open in JupyterLab, choose File > Reload Notebook from Disk there.")
    return 0


def _agreed(what: str) -> bool:
    print(f"Reset {what} to what was handed out? A copy of yours is kept. [y/N] ", end="", flush=True)
    try:
        answer = input()
    except EOFError:
        print("\nThere is nobody to ask; --yes resets without asking.")
        return False
    return answer.strip().lower() in ("y", "yes")


def _update(options: argparse.Namespace) -> int:
    from .update import CannotUpdate, update

    folder = course_folder()
    if folder is None:
        return _cannot("the course's folder is not there: this package was installed without it")
    try:
        done = update(folder, datetime.now())
    except CannotUpdate as error:
        return _cannot(str(error))
    if not done.changes:
        print("This is the newest version.")
        return 0
    print(f"Updated by {done.changes} commit{'s' * (done.changes > 1)}.")
    for name, other in done.beside:
        print(f"{name} is as you left it; the new version is beside it: {other}")
    for name, copy in done.kept:
        print(f"{name} is the new version; yours is kept as {copy}")
    for name in done.gone:
        print(f"{name} is as you left it; the course no longer has it")
    print("Close and open again what is open in JupyterLab; make lab installs what the new version may need.")
    return 0


def _cannot(why: str) -> int:
    print(f"redelivery: {why}", file=sys.stderr)
    return 2
