"""What a running notebook has executed: which cell defined a name, run as what number, and how its last run ended.

A kernel sees a cell only when it is run. So a function that is handed to `ex.check` may be older than what stands in
its cell, or be another cell's::

    [3] record_and_check: def handle …          [4] ex.check → judges [3]
    [5] record_and_check: SyntaxError           [6] ex.check → not checked: the last run of the cell failed
    [7] record_and_check_redis: def handle …    [8] ex.check("record_and_check", handle) → not checked: it is [7]'s

Cells are known by the ids that JupyterLab sends along (they are the notebook's own). Other front ends send none, or ids
of their own; then a cell is recognised by its text, and where that fails nothing is claimed.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import re
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MISSING = object()
_CALLS = re.compile(r"\bex\.(check|report|replay|try_to_break)\(")
_ALIKE = 0.5
"""How much of a text must be another's to be taken for an edited version of it."""


@dataclass(frozen=True, slots=True)
class CellRun:
    """One run of one cell."""

    number: int | None
    """Its execution count."""
    cell: str
    """The cell's id as the front end calls it; empty where it doesn't."""
    source: str
    failed: str = ""
    """The exception with which it ended; empty where it ended well, or where nobody saw it."""
    bound: Mapping[str, Any] = field(default_factory=dict)
    """The names it gave a value to, among those that are watched, with the value."""
    at: float = 0.0
    """When it ended (seconds since 1970); for comparing with the time of a saved file only."""

    @property
    def shown(self) -> str:
        """How sentences call it: the number that stands before the cell."""
        return f"run as [{self.number}]" if self.number is not None else "run before"


@dataclass(frozen=True, slots=True)
class SavedNotebook:
    """The notebook as it was saved last: its code cells as (id, grade_id or empty, source), and when that was."""

    cells: tuple[tuple[str, str, str], ...]
    saved: float

    def grade_id(self, run: CellRun) -> str | None:
        """The part whose cell was run; empty: that of no part; None: nothing is known."""
        for cell, grade_id, _ in self.cells:
            if run.cell and cell == run.cell:
                return grade_id
        for _, grade_id, source in self.cells:
            if grade_id and source.strip() == run.source.strip():
                return grade_id
        return None


class Runs:
    """The runs of one kernel, from when it is told to watch."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._names: set[str] = set()
        self._before: dict[str, Any] = {}
        self.runs: list[CellRun] = []
        self.running = ""
        """The source of the cell that is being run."""
        self._recall()
        shell.events.register("pre_run_cell", self._start)
        shell.events.register("post_run_cell", self._end)

    def watch(self, names: Collection[str]) -> None:
        """Note who binds these names."""
        for name in set(names) - self._names:
            self._names.add(name)
            value = self._shell.user_ns.get(name, _MISSING)
            self._before[name] = value
            for place, run in reversed(list(enumerate(self.runs))):
                if value is not _MISSING and not run.failed and name in _binds(run.source):
                    bound = {**run.bound, name: value}
                    self.runs[place] = CellRun(run.number, run.cell, run.source, run.failed, bound, run.at)
                    break

    def _recall(self) -> None:
        """What was run before anybody watched; how it ended is not known."""
        history = list(self._shell.user_ns.get("In", ()))[:-1]
        self.runs = [CellRun(number, "", source) for number, source in enumerate(history) if source]

    def _start(self, info: Any) -> None:
        self.running = str(getattr(info, "raw_cell", "") or "")
        self._before = {name: self._shell.user_ns.get(name, _MISSING) for name in self._names}

    def _end(self, result: Any = None) -> None:
        info = getattr(result, "info", None)
        if info is None or getattr(info, "silent", False):
            return
        error = result.error_before_exec or result.error_in_exec
        if getattr(error, "is_verdict", False):  # a check in the answer's own cell
            error = None
        names = self._names & _binds(str(info.raw_cell)) if error is None else set()
        bound = {}
        for name in self._names:
            now = self._shell.user_ns.get(name, _MISSING)
            if now is not _MISSING and (now is not self._before.get(name, _MISSING) or name in names):
                bound[name] = now
        self.runs.append(
            CellRun(
                self._number(result),
                str(getattr(info, "cell_id", None) or ""),
                str(info.raw_cell),
                "" if error is None else _words(error),
                bound,
                time.time(),
            )
        )
        if isinstance(error, NameError) and (hint := self.missing(error.name or "")):
            print(hint)  # below the traceback

    def _number(self, result: Any) -> int:
        """The execution count; of a run that the kernel doesn't count (so nbval runs cells) the next one."""
        if result.info.store_history and result.execution_count is not None:
            return int(result.execution_count)
        return ((self.runs[-1].number or 0) if self.runs else 0) + 1

    def binder(self, name: str, value: Any) -> CellRun | None:
        """The last run that gave ``name`` the value that was handed over; None where nobody saw one."""
        return next((run for run in reversed(self.runs) if run.bound.get(name, _MISSING) is value), None)

    def binders(self, names: Sequence[str], values: Sequence[Any]) -> list[CellRun]:
        """The runs that gave ``names`` these values, in the order of the runs."""
        found = [run for name, value in zip(names, values, strict=False) if (run := self.binder(name, value))]
        return [self.runs[place] for place in sorted(set(map(self.place, found)))]

    def place(self, run: CellRun) -> int:
        """When ``run`` was, among all runs."""
        return next(i for i, one in enumerate(self.runs) if one is run)

    def failed_since(self, since: CellRun, names: Sequence[str], part: str, saved: SavedNotebook) -> CellRun | None:
        """The last run of the cell that ``since`` is a run of, where it is a later one, and failed."""
        later = self.runs[self.place(since) + 1 :]
        for run in reversed(later):
            if self._is_run_of(run, since, names, part, saved):
                return run if run.failed else None
        return None

    def _is_run_of(self, run: CellRun, since: CellRun, names: Sequence[str], part: str, saved: SavedNotebook) -> bool:
        if run.cell and since.cell:
            return run.cell == since.cell or (saved.grade_id(run) == part and bool(part))
        known = saved.grade_id(run)
        if known is not None:
            return known == part
        if not run.failed or not any(_mentions(run.source, name) for name in names):
            return False
        rivals = {r.source: r for r in self.runs if not r.failed and any(n in r.bound for n in names)}
        likeness = {source: _alike(source, run.source) for source in rivals}
        best = max(likeness, key=lambda source: likeness[source], default="")
        return best == since.source and likeness[best] >= _ALIKE

    # -- a name that is not there ----------------------------------------------------------------------

    def missing(self, name: str) -> str:
        """What to run where ``name`` is not defined and the running cell checks an answer; empty where it doesn't."""
        if not _CALLS.search(self.running):
            return ""
        if name in ("ex", "exercise"):
            return (
                "This kernel was started, or restarted, after the notebook's first cell was run: it knows nothing of "
                "your answers. Choose Run > Run All Above Selected Cell, then run this cell again."
            )
        if name not in self._names:
            return ""
        tried = next((run for run in reversed(self.runs) if run.failed and _mentions(run.source, name)), None)
        if tried is not None:
            how = f"{tried.shown}, failed ({tried.failed})"
            return f"The cell that defines `{name}`, {how}. Mend it, run it, then run this cell again."
        return (
            f"No cell that defines `{name}` has been run since this kernel was started. Run the answer's cell above, "
            "then run this cell again."
        )


def _words(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        where = f", line {error.lineno}" if error.lineno else ""
        return f"{type(error).__name__}: {error.msg}{where}"
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__


def _binds(source: str) -> frozenset[str]:
    """The names that a cell's own lines define or assign; empty where it can't be read."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(m for m in re.findall(r"^(?:def|class)\s+(\w+)", source, re.MULTILINE))
    found: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif not isinstance(node, ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return frozenset(found)


def _mentions(source: str, name: str) -> bool:
    """Whether a text, which may be no Python, sets out to define a name."""
    return re.search(rf"^(?:async\s+)?(?:def|class)\s+{name}\b|^{name}\s*[:=]", source, re.MULTILINE) is not None


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def saved_notebook(shell: Any, exercise: str, parts: Collection[str]) -> SavedNotebook:
    """The notebook that this kernel belongs to, as it was saved last; one without cells where it can't be told.

    JupyterLab and VS Code say where it is; elsewhere it is the exercise's file in the working folder. The course's
    grade_ids are also its cells' ids, so that they are known without the file.
    """
    known = tuple((part, part, "") for part in parts)
    session = os.environ.get("JPY_SESSION_NAME", "")
    named = [session, str(shell.user_ns.get("__vsc_ipynb_file__", "")), f"{exercise}.ipynb"]
    for name in named:
        if not name.endswith(".ipynb"):
            continue
        for path in (Path(name), Path(Path(name).name)):
            cells = _cells(path)
            if cells and any(grade_id in parts for _, grade_id, _ in cells):
                return SavedNotebook(cells, path.stat().st_mtime)
    return SavedNotebook(known, 0.0)


def _cells(path: Path) -> tuple[tuple[str, str, str], ...]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = []
        for cell in content["cells"]:
            if cell["cell_type"] == "code":
                grading = cell.get("metadata", {}).get("nbgrader", {})
                grade_id = str(grading.get("grade_id", "")) if grading.get("solution") else ""
                found.append((str(cell.get("id", "")), grade_id, "".join(cell["source"])))
        return tuple(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()


@dataclass(frozen=True, slots=True)
class Judged:
    """Which run of which cell a check judges."""

    words: str
    """For the report; empty where nothing is known for sure."""
    warning: str = ""
    """The notebook was saved with another text in that cell after it was run."""
    run: CellRun | None = None


@dataclass(frozen=True, slots=True)
class NotThis:
    """What was handed over is not what the part's cell holds; the reason says what to do."""

    reason: str


def runs_of(shell: Any) -> Runs:
    """The runs of a shell, which is watched from the first call on."""
    found: Runs | None = getattr(shell, "_redelivery_runs", None)
    if found is None:
        found = shell._redelivery_runs = Runs(shell)
    return found


def shell_of() -> Any:
    """The IPython shell that runs this; None outside of one."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def watch(names: Collection[str]) -> None:
    """Note from now on which cells bind ``names``. Does nothing outside of a notebook."""
    shell = shell_of()
    if shell is not None and hasattr(shell, "events"):
        runs_of(shell).watch(names)


def judged(
    exercise: str, part: str, names: Sequence[str], values: Sequence[Any], parts: Collection[str]
) -> Judged | NotThis:
    """Which cell's run the ``values`` of ``names`` come from, or why they are not what ``part``'s cell holds.

    ``parts``: all grade_ids of the exercise.
    """
    shell = shell_of()
    if shell is None or not hasattr(shell, "events"):
        return Judged("")
    runs = runs_of(shell)
    saved = saved_notebook(shell, exercise, parts)
    said = []
    for run in runs.binders(names, values):
        own = [name for name, value in zip(names, values, strict=False) if run.bound.get(name, _MISSING) is value]
        said.append(_origin(runs, run, part, own, saved, parts))
    refused = [one for one in said if isinstance(one, NotThis)]
    return refused[-1] if refused else said[-1] if said else Judged("")


def _origin(
    runs: Runs, run: CellRun, part: str, names: Sequence[str], saved: SavedNotebook, parts: Collection[str]
) -> Judged | NotThis:
    owner = run.cell if run.cell in parts else saved.grade_id(run)
    what = " and ".join(f"`{name}`" for name in names)
    plural = len(names) > 1
    if owner and owner != part:
        mine = next((r for r in reversed(runs.runs) if part in (r.cell, saved.grade_id(r))), None)
        before = f", after the cell {part} ({mine.shown})" if mine is not None else ""
        return NotThis(
            f"{what} {'are' if plural else 'is'} what the cell {owner}, {run.shown}, defined{before}. "
            f"Run the cell {part} again, then check"
        )
    failed = run if run.failed else runs.failed_since(run, names, part if owner == part else "", saved)
    if failed is not None:
        cell = f"the cell {part}" if owner == part else "this answer's cell"
        still = "are still those" if plural else "is still that"
        older = "" if failed is run else f"; {what} {still} of when it was {run.shown}"
        return NotThis(
            f"the last run of {cell}, as [{failed.number}], failed ({failed.failed}){older}. Mend the cell, run it, "
            "then check"
        )
    if owner == part:
        return Judged(f"Judged: the cell {part}, {run.shown}.", _edited(run, part, saved), run)
    if owner == "" and run.cell and any(grade_id == part for _, grade_id, _ in saved.cells):
        return Judged(f"Judged: {what} of another cell, {run.shown}; what counts is the cell {part}.", "", run)
    return Judged("", "", run)


def _edited(run: CellRun, part: str, saved: SavedNotebook) -> str:
    """A warning, where the notebook was saved after the run with another text in the cell."""
    source = next((source for _, grade_id, source in saved.cells if grade_id == part), run.source)
    if not run.at or saved.saved <= run.at or source.strip() == run.source.strip():
        return ""
    return f"The notebook was saved since with another text in the cell {part}. Run the cell to have that judged."


def executed(values: Sequence[Any], names: Sequence[str]) -> list[tuple[str, str]] | None:
    """The cells that make the namespace in which ``names`` have these ``values``: (name, source) in the order in which
    they were run, the one that defines them last. None where that is not known.

    For a check that executes the learner's cells again for each process; see `program.live_program`.

    Of a cell that was run several times only the last run before the definition counts; cells that failed, and those
    that call ``ex.check`` and its like, are left out. A cell is called by its id (in this course's exercises the
    grade_id), else ``In [7]``.
    """
    shell = shell_of()
    found = [] if shell is None or not hasattr(shell, "events") else runs_of(shell).binders(names, values)
    if not found or any(run.failed for run in found):
        return None
    runs, run = runs_of(shell), found[-1]
    kept: dict[str, CellRun] = {}
    for one in runs.runs[: runs.place(run) + 1]:
        if not one.failed and not _CALLS.search(one.source):
            name = one.cell or f"In [{one.number}]"
            kept.pop(name, None)
            kept[name] = one
    return [(name, one.source) for name, one in kept.items()]


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext redelivery.workspace.kernel``: watch from the start, so that a check cell that is run first after a
    restart can say what to run. `make lab` loads it in every kernel."""
    runs_of(shell)
