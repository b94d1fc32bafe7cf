"""What a check says of the cell that it judges: in a real kernel, with and without the ids that JupyterLab sends."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from tests.test_cli import EXERCISE, PART, RIGHT, cell, notebook

FIRST = 'from redelivery import Retry, exercise\n\nex = exercise("05")'
CHECK = f'ex.check("{PART}", handle)'
REDIS = "record_and_check_redis"
ON_REDIS = """def handle(message, redis):
    with redis.pipeline() as pipe:
        pipe.set(f"done:{message.id}", 1, nx=True)
        pipe.execute()
"""
BROKEN = RIGHT.replace("with db.atomic():", "with db.atomic()")
#: A second connection to the verdict: nothing is searched, so that a test asks only which function is judged.
QUICK = """
from redelivery.checking.handler_part import HandlerPart
from redelivery.checking.part import Report
from redelivery.exploration.verdict import Proved
def check(self, exercise, program, **_):
    return Report(exercise, self.grade_id, self.points, Proved(7, 7))
HandlerPart.check = check
"""


MUTANTS = Path(__file__).parent / "mutants"


class Kernel:
    """A kernel in a folder of its own, and the number that stands before the next cell."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, "JPY_SESSION_NAME": "", **environment})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.folder = folder
        self.number = 0

    def run(self, source: str, cell_id: str | None = None) -> str:
        """Run a cell; what stands below it afterwards."""
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", {**content, "allow_stdin": False}, metadata=metadata)
        self.client.shell_channel.send(message)
        shown: list[str] = []
        while True:
            got = self.client.get_iopub_msg(timeout=120)
            if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, said = got["msg_type"], got["content"]
            if kind == "error":
                shown += said["traceback"]
            elif kind in ("display_data", "execute_result"):
                shown.append(said["data"]["text/plain"])
            elif kind == "stream":
                shown.append(said["text"])
            elif kind == "execute_input":
                self.number = said["execution_count"]
            elif kind == "status" and said["execution_state"] == "idle":
                return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(shown))

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    found = Kernel(tmp_path)
    yield found
    found.close()


def test_the_verdict_says_which_cell_it_judged_run_when(kernel: Kernel) -> None:
    """The whole way of a learner: a mistake in typing, an exception, another part's cell, a restart of the answer."""
    kernel.run(FIRST, "setup")
    kernel.run(RIGHT, PART)
    assert "PROVED" in (shown := kernel.run(CHECK, f"check_{PART}"))  # for real, once
    assert f"Judged: the cell {PART}, run as [2]." in shown
    kernel.run(QUICK)

    assert "SyntaxError" in kernel.run(BROKEN, PART)
    shown = kernel.run(CHECK, f"check_{PART}")
    assert "PROVED" not in shown and f"NOT CHECKED   {PART}" in shown
    assert f"the last run of the cell {PART}, as [5], failed (SyntaxError: expected ':', line 2)" in shown
    assert "`handle` is still that of when it was run as [2]. Mend the cell, run it, then check" in shown
    assert "`handle` is still that" in kernel.run(f'ex.replay("{PART}", handle, schedule="AA")')

    kernel.run(RIGHT, PART)
    assert f"the cell {PART}, run as [{kernel.number}]." in kernel.run(CHECK)
    kernel.run(f"{RIGHT}\nhandle(None, None)", PART)
    shown = kernel.run(CHECK)
    assert "NOT CHECKED" in shown and "failed (AttributeError" in shown and "still" not in shown

    kernel.run(RIGHT, PART)
    mine = kernel.number
    kernel.run(ON_REDIS, REDIS)
    shown = kernel.run(CHECK)
    assert f"`handle` is what the cell {REDIS}, run as [{mine + 1}], defined" in shown
    assert f"after the cell {PART} (run as [{mine}]). Run the cell {PART} again, then check" in shown
    assert f"the cell {REDIS}, run as [{mine + 1}]." in kernel.run(f'ex.check("{REDIS}", handle)')


@pytest.fixture
def as_set_up(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel with the configuration that `make lab` writes."""
    setup = (Path(__file__).parents[1] / "scripts" / "setup").read_text(encoding="utf-8")
    config = setup.partition("ipython_kernel_config.json <<'END'\n")[2].partition("\nEND\n")[0]
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.json").write_text(config, encoding="utf-8")
    found = Kernel(tmp_path, IPYTHONDIR=str(tmp_path / "ipython"))
    yield found
    found.close()


def test_a_name_that_is_not_there_after_a_restart(as_set_up: Kernel) -> None:
    """Nothing of the notebook has been run since."""
    kernel = as_set_up
    shown = kernel.run(CHECK)
    assert "NameError: name 'ex' is not defined" in shown
    assert "Choose Run > Run All Above Selected Cell, then run this cell again." in shown
    kernel.run(FIRST, "setup")
    shown = kernel.run(CHECK)
    assert "NameError: name 'handle' is not defined" in shown
    assert "No cell that defines `handle` has been run since this kernel was started." in shown
    kernel.run(BROKEN, PART)
    assert "run as [4], failed (SyntaxError: expected ':', line 2). Mend it, run it" in kernel.run(CHECK)
    assert "Run All Above" not in kernel.run("print(ex2)")
    assert "No cell" not in kernel.run("handel")


def test_without_ids_a_failed_cell_is_known_by_its_text(kernel: Kernel) -> None:
    kernel.run(FIRST)
    kernel.run(QUICK)
    kernel.run(RIGHT)
    assert "PROVED" in kernel.run(CHECK)
    kernel.run(BROKEN)
    assert "the last run of this answer's cell, as [5], failed (SyntaxError" in kernel.run(CHECK)
    kernel.run(RIGHT)
    assert "PROVED" in kernel.run(CHECK)
    # Another part's cell fails; the function that is handed over is this part's all the same.
    kernel.run(ON_REDIS.replace("as pipe:", "as pipe"))
    assert "PROVED" in kernel.run(CHECK)
    assert "PROVED" in kernel.run("ex.check('record_and_check', lambda message, db: None)")


def test_a_check_in_the_answers_own_cell_is_no_failure_of_the_cell(kernel: Kernel) -> None:
    kernel.run(FIRST, "setup")
    shown = kernel.run(f"def handle(message, db):\n    pass\n\n{CHECK}", PART)
    assert "REFUTED" in shown
    kernel.run(QUICK)
    assert f"Judged: the cell {PART}, run as [2]." in kernel.run(CHECK)


def test_without_ids_the_saved_notebook_tells_the_cells(kernel: Kernel) -> None:
    path = kernel.folder / f"{EXERCISE}.ipynb"
    path.write_text(json.dumps(notebook(cell(FIRST), cell(RIGHT, PART), cell(ON_REDIS, REDIS))), encoding="utf-8")
    os.utime(path, (1, 1))
    kernel.run(FIRST)
    kernel.run(QUICK)
    kernel.run(RIGHT)
    assert f"Judged: the cell {PART}, run as [3]." in kernel.run(CHECK)
    kernel.run(ON_REDIS)
    assert f"`handle` is what the cell {REDIS}, run as [5], defined, after the cell {PART} (run as [3])" in kernel.run(
        CHECK
    )


def test_a_notebook_saved_with_another_text_gives_a_warning(kernel: Kernel) -> None:
    kernel.run(FIRST, "setup")
    kernel.run(QUICK)
    kernel.run(RIGHT, PART)
    path = kernel.folder / f"{EXERCISE}.ipynb"
    edited = cell(f"{RIGHT}    # edited\n", PART)
    path.write_text(json.dumps(notebook(cell(FIRST), edited)), encoding="utf-8")
    os.utime(path, (time.time() + 60, time.time() + 60))
    shown = kernel.run(CHECK)
    assert "PROVED" in shown
    assert f"saved since with another text in the cell {PART}. Run the cell to have that judged." in shown
    os.utime(path, (1, 1))  # saved before the run: the file is what is old
    assert "saved since" not in kernel.run(CHECK)


def test_what_was_run_before_the_first_cell_is_known_by_its_number(kernel: Kernel) -> None:
    kernel.run(RIGHT, PART)
    kernel.run(FIRST, "setup")
    kernel.run(QUICK)
    shown = kernel.run(CHECK)
    assert "PROVED" in shown and "NOT CHECKED" not in shown


def test_the_cells_behind_a_function_can_be_had(kernel: Kernel) -> None:
    """As `redelivery check` executes them: each once, as it was run last, without failures and checks."""
    kernel.run(FIRST, "setup")
    kernel.run("LIMIT = 1", "helper")
    kernel.run("LIMIT = 2", "helper")
    kernel.run("1 / 0", "other")
    kernel.run("def handle(message, db):\n    return LIMIT", PART)
    kernel.run(CHECK, f"check_{PART}")
    kernel.run("later = 1", "later")
    shown = kernel.run("from redelivery.workspace.kernel import executed\nexecuted([handle], ['handle'])")
    found: Any = eval(shown)
    assert [name for name, _ in found] == ["setup", "helper", PART]
    assert dict(found)["helper"] == "LIMIT = 2"


@pytest.mark.parametrize("cells", ["one", "two"])
def test_what_a_cell_draws_is_another_in_each_process(kernel: Kernel, cells: str) -> None:
    """A key that is made when the cell is run is gone after a crash, in the notebook as on the command line."""
    case = MUTANTS / "05-record-and-check" / "request_once" / "one_key_for_the_process.py"
    source = case.read_text(encoding="utf-8")
    kernel.run(FIRST, "setup")
    if cells == "two":
        above, _, source = source.partition("def pay")
        kernel.run(above, "above")
        source = "def pay" + source
    kernel.run(source, "request_once")
    shown = kernel.run('ex.check("request_once", pay)')
    assert "REFUTED   key-from-delivery" in shown
    assert 'Replay:  ex.replay("request_once", pay, schedule=' in shown


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('ex.check("recordandcheck", None)', "05-record-and-check has no part 'recordandcheck'; its parts are"),
        ('ex.replay("nothing", schedule="A")', "05-record-and-check has no part 'nothing'; its parts are"),
        ('exercise("17")', "there is no exercise '17'; there are"),
    ],
)
def test_a_wrong_name_is_told_in_one_line(kernel: Kernel, call: str, words: str) -> None:
    kernel.run(FIRST, "setup")
    shown = kernel.run(call)
    assert words in shown
    assert "Traceback" not in shown and ".py" not in shown


def test_outside_of_a_notebook_nothing_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    from redelivery import exercise
    from redelivery.workspace.kernel import executed

    space: dict[str, Any] = {"__name__": "__main__"}
    exec(RIGHT, space)
    assert exercise("05").report(PART, space["handle"]).judged == ""
    assert executed([space["handle"]], ["handle"]) is None
