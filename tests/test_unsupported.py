"""What the simulation has not is *undetermined*, with its name and its line; never proved, refuted or stuck.

Whether the answer lets the refusal through or swallows it, and the same in a notebook, on the command line and in a
grader's child process. Beside each use that is refused stands what must go on working.
"""

from __future__ import annotations

import linecache
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from redelivery import Retry
from redelivery.checking.part import Report
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.exercise import exercise
from redelivery.exercises.verify import SETUP
from redelivery.grading.sandbox import Sandbox, why_not
from redelivery.simulation import program as programs
from redelivery.simulation.guards import guarded
from redelivery.simulation.program import Cell, SourceProgram
from redelivery.simulation.remote import RemoteProgram
from tests.test_hunted import answers

EXERCISE, PART = "05-record-and-check", "record_and_check"
WAYS = ("notebook", "check", "grade")
PLACE = tempfile.gettempdir()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(why_not() is None, seconds=3600) as opened:
        yield opened


def judge(way: str, name: str, source: str, sandbox: Sandbox, part: str = PART, number: str = EXERCISE) -> Report:
    """The report on an answer, as one of three people gets it."""
    wanted = part_of(number, part)
    if way == "notebook":
        file = f"<{name} in a notebook>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        space: dict[str, object] = {"__name__": "__main__", "Retry": Retry}
        exec(compile(source, file, "exec", dont_inherit=True), space)
        return exercise(number).report(part, *[space[name] for name in wanted.names])
    if way == "check":
        with guarded():
            program = SourceProgram([SETUP, Cell(part, source)])
        assert not program.errors
        return wanted.check(number, program)
    remote = RemoteProgram(sandbox, [SETUP, Cell(part, source)])
    assert not remote.errors
    try:
        return wanted.check(number, remote)
    finally:
        remote.close()


def marked(source: str) -> int:
    return next(n for n, line in enumerate(source.splitlines(), 1) if line.endswith("# here"))


#: ### what is named: name of the case
OUTSIDE = answers(f"""
### threads: thread
import threading
def handle(message, db):
    worker = threading.Thread(target=print)
    worker.start()  # here
    worker.join()
    @ONCE
### threads: timer
import threading
def handle(message, db):
    threading.Timer(5, print).start()  # here
    @ONCE
### threads: low_level
import _thread
def handle(message, db):
    _thread.start_new_thread(print, ())  # here
    @ONCE
### threads: executor
from concurrent.futures import ThreadPoolExecutor
def handle(message, db):
    with ThreadPoolExecutor() as pool:
        pool.submit(print, 1).result()  # here
    @ONCE
### threads: works_there
from concurrent.futures import ThreadPoolExecutor
def work(message, db):
    @ONCE
def handle(message, db):
    with ThreadPoolExecutor() as pool:
        pool.submit(work, message, db).result()  # here
### threads: executor_of_the_cell
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor()
def handle(message, db):
    pool.submit(print, 1).result()  # here
    @ONCE
### threads: to_thread
import asyncio
async def credit(message, db):
    await asyncio.to_thread(print, 1)  # here
    @ONCE
def handle(message, db):
    asyncio.run(credit(message, db))
### threads: run_in_executor
import asyncio
async def credit(message, db):
    await asyncio.get_running_loop().run_in_executor(None, print)  # here
    @ONCE
def handle(message, db):
    asyncio.run(credit(message, db))
### threads: worker_of_the_cell
import queue, threading
todo, done = queue.Queue(), queue.Queue()
def work():  # here
    while True:
        done.put(todo.get())
threading.Thread(target=work, daemon=True).start()
def handle(message, db):
    todo.put(message.id)
    done.get()
    @ONCE
### other processes: process_pool
from concurrent.futures import ProcessPoolExecutor
def handle(message, db):
    with ProcessPoolExecutor() as pool:  # here
        pool.submit(print, 1).result()
    @ONCE
### other processes: process
import multiprocessing
def handle(message, db):
    multiprocessing.Process(target=print).start()  # here
    @ONCE
### other processes: shared_value
import multiprocessing
def handle(message, db):
    multiprocessing.Value("i", 0)  # here
    @ONCE
### other processes: subprocess
import subprocess
def handle(message, db):
    subprocess.run(["true"])  # here
    @ONCE
### other processes: system
import os
def handle(message, db):
    os.system("true")  # here
    @ONCE
### other processes: fork
import os
def handle(message, db):
    os.fork()  # here
    @ONCE
### other processes: subprocess_exec
import asyncio
async def credit(message, db):
    await asyncio.create_subprocess_exec("true")  # here
    @ONCE
def handle(message, db):
    asyncio.run(credit(message, db))
### os._exit: exit
import os
def handle(message, db):
    os._exit(3)  # here
    @ONCE
### input(): input
def handle(message, db):
    input()  # here
    @ONCE
### signals: alarm
import signal
def handle(message, db):
    signal.alarm(3)  # here
    @ONCE
### signals: alarm_that_raises
import signal
def handle(message, db):
    def ring(*_):
        raise TimeoutError
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 5)  # here
    @ONCE
### a file opened for writing: open
def handle(message, db):
    with open("{PLACE}/unsupported.txt", "a") as file:  # here
        file.write(message.id)
    @ONCE
### a file opened for writing: path
from pathlib import Path
def handle(message, db):
    Path("{PLACE}/unsupported.txt").write_text(message.id)  # here
    @ONCE
### a file opened for writing: os_open
import os
def handle(message, db):
    os.open("{PLACE}/unsupported.txt", os.O_CREAT | os.O_RDWR)  # here
    @ONCE
### a file opened for writing: pickle
import pickle
def handle(message, db):
    pickle.dump(message.body, open("{PLACE}/unsupported.pickle", "wb"))  # here
    @ONCE
### a file opened for writing: dumb_dbm
from dbm import dumb
def handle(message, db):
    dumb.open("{PLACE}/unsupported", "c")  # here
    @ONCE
### a file opened for writing: log_file
import logging
def handle(message, db):
    logging.FileHandler("{PLACE}/unsupported.log")  # here
    @ONCE
### a file opened for writing: file_of_the_cell
log = open("{PLACE}/unsupported-log.txt", "a")
def handle(message, db):
    log.write(message.id)  # here
    @ONCE
### a file opened for writing: file_of_the_cell_in_an_object
class Seen:
    def __init__(self):
        self.file = open("{PLACE}/unsupported-seen.txt", "a+")
    def add(self, key):
        self.file.write(key)
seen = Seen()
def handle(message, db):
    seen.add(message.id)  # here
    @ONCE
### temporary files: named
import tempfile
def handle(message, db):
    with tempfile.NamedTemporaryFile() as file:  # here
        file.write(b"8")
    @ONCE
### temporary files: anonymous
import tempfile
def handle(message, db):
    with tempfile.TemporaryFile() as file:  # here
        file.write(b"8")
    @ONCE
### changes of files: folder
import os
def handle(message, db):
    os.mkdir("{PLACE}/unsupported-folder")  # here
    @ONCE
### changes of files: link
import os
def handle(message, db):
    os.symlink("a", "{PLACE}/unsupported-link")  # here
    @ONCE
### changes of files: removal
import os
def handle(message, db):
    os.remove("{PLACE}/unsupported-never-there")  # here
    @ONCE
### locks on files: flock
import fcntl, os
def handle(message, db):
    with open(os.__file__) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # here
        @ONCE
### an SQLite database of its own: file
import sqlite3
def handle(message, db):
    own = sqlite3.connect("{PLACE}/unsupported.db")  # here
    own.execute("CREATE TABLE IF NOT EXISTS seen (id)")
    @ONCE
### an SQLite database of its own: sqlite_utils
import sqlite_utils
def handle(message, db):
    sqlite_utils.Database("{PLACE}/unsupported.db")["seen"].insert({{"id": message.id}})  # here
    @ONCE
### an SQLite database of its own: file_of_the_cell_as_well
import sqlite3
own = sqlite3.connect("{PLACE}/unsupported-of-the-cell.db", check_same_thread=False)
def handle(message, db):
    own.execute("CREATE TABLE IF NOT EXISTS seen (id)")  # here
    @ONCE
### an SQLite database of its own: shared_memory
import sqlite3
def handle(message, db):
    sqlite3.connect("file:x?mode=memory&cache=shared", uri=True)  # here
    @ONCE
### an SQLite database of its own: attached
import sqlite3
def handle(message, db):
    sqlite3.connect(":memory:").execute("ATTACH '{PLACE}/unsupported.db' AS other")  # here
    @ONCE
### an SQLite database of its own: vacuum_into
import sqlite3
def handle(message, db):
    sqlite3.connect(":memory:").execute("VACUUM INTO '{PLACE}/unsupported.db'")  # here
    @ONCE
### the network: socket
import socket
def handle(message, db):
    socket.create_connection(("127.0.0.1", 1))  # here
    @ONCE
### the network: urllib
import urllib.request
def handle(message, db):
    urllib.request.urlopen("http://127.0.0.1:1/")  # here
    @ONCE
### the network: redis_of_its_own
import redis
def handle(message, db):
    redis.Redis().ping()  # here
    @ONCE
### the network: stream
import asyncio
async def credit(message, db):
    await asyncio.open_connection("127.0.0.1", 1)  # here
    @ONCE
def handle(message, db):
    asyncio.run(credit(message, db))
### a change of os.environ: set
import os
def handle(message, db):
    os.environ["LAST"] = message.id  # here
    @ONCE
### a change of os.environ: removed
import os
def handle(message, db):
    os.environ.pop("PATH", None)  # here
    @ONCE
### a time-out of asyncio: wait_for
import asyncio
async def credit(message, db):
    await asyncio.sleep(1)
    @ONCE
def handle(message, db):
    asyncio.run(asyncio.wait_for(credit(message, db), 5))  # here
""")


def swallowed(source: str) -> str:
    """The same with the refusal swallowed at the line where it comes."""
    lines = source.splitlines()
    number = marked(source) - 1
    indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
    end = number + 1
    if lines[number].split("#")[0].rstrip().endswith(":"):
        while end < len(lines) and lines[end].startswith(indent + " "):
            end += 1
    body = ["    " + line for line in lines[number:end]]
    return "\n".join(
        [*lines[:number], f"{indent}try:", *body, f"{indent}except BaseException:", f"{indent}    pass"]
    ) + ("\n" + "\n".join(lines[end:]) + "\n")


def assert_named(report: Report, case: str, source: str) -> None:
    what = case.partition(":")[0]
    assert report.verdict.name == "undetermined", f"{report.verdict.name}: {report.explanation}"
    assert f"what this simulation does not have: {what}" in report.explanation
    assert report.line == marked(source)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", OUTSIDE)
def test_what_is_not_simulated_is_named_with_its_line(case: str, way: str, sandbox: Sandbox) -> None:
    source = OUTSIDE[case]
    assert_named(judge(way, case, source, sandbox), case, source)


def test_how_long_a_cell_takes_changes_nothing(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """What a slow cell makes is copied; what can't be copied is made anew."""
    monkeypatch.setattr(programs, "_SLOW", -1.0)
    case = "an SQLite database of its own: file_of_the_cell_as_well"
    assert_named(judge("check", case, OUTSIDE[case], sandbox), case, OUTSIDE[case])


#: Nothing is refused where these stand.
NEVER_REFUSED = {"threads: works_there", "threads: worker_of_the_cell"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", [case for case in OUTSIDE if case not in NEVER_REFUSED])
def test_a_refusal_that_is_swallowed_counts_all_the_same(case: str, way: str, sandbox: Sandbox) -> None:
    source = swallowed(OUTSIDE[case])
    assert_named(judge(way, f"{case}, swallowed", source, sandbox), case, source)


def test_nothing_was_left_on_the_disk() -> None:
    """Only what the cells themselves, which are not refused anything, have opened."""
    left = {path.name for path in Path(PLACE).glob("unsupported*")}
    assert left <= {"unsupported-log.txt", "unsupported-seen.txt", "unsupported-of-the-cell.db"}
    for name in left:
        os.remove(Path(PLACE) / name)


#: Right, and nothing of it lies outside of the process.
HARMLESS = answers("""
### reads_imports_prints_and_logs
import logging, os, sys, warnings
def handle(message, db):
    with open(os.__file__) as file:
        file.read()
    import html.parser, wave, xml.dom.minidom
    print("here", file=sys.stderr)
    logging.warning("here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("here")
    with open(os.devnull, "w") as nowhere:
        nowhere.write("here")
    os.environ.get("PATH")
    @ONCE
### its_own_database_in_memory
import sqlite3
def handle(message, db):
    own = sqlite3.connect(":memory:")
    own.execute("CREATE TABLE body (account, amount)")
    own.execute("INSERT INTO body VALUES (:account, :amount)", message.body)
    assert own.execute("SELECT account, amount FROM body").fetchall() == [tuple(message.body.values())]
    @ONCE
### its_own_sqlite_utils_database_in_memory
import sqlite_utils
def handle(message, db):
    own = sqlite_utils.Database(memory=True)
    own["body"].insert(message.body)
    assert own["body"].count == 1
    @ONCE
### text_files_in_memory
import io, tempfile
def handle(message, db):
    io.StringIO().write("8")
    io.BytesIO().write(b"8")
    tempfile.SpooledTemporaryFile(max_size=100).write(b"8")
    @ONCE
### a_lock_and_an_event
import queue, threading
lock = threading.Lock()
def handle(message, db):
    with lock:
        queue.SimpleQueue().put(message.id)
        threading.Event().set()
        @ONCE
""")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", HARMLESS)
def test_what_stays_inside_is_allowed(case: str, way: str, sandbox: Sandbox) -> None:
    report = judge(way, case, HARMLESS[case], sandbox)
    assert report.verdict.name == "proved", report.explanation


def test_the_learners_tables_may_not_come_from_outside_either(sandbox: Sandbox) -> None:
    """`schema(db)` is called before the search."""
    source = """
def schema(db):
    try:
        open("/tmp/unsupported.sql", "w")  # here
    except Exception:
        pass
    db.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, amount INTEGER)")
def handle(message, db):
    db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)
def total(db):
    return db.execute("SELECT coalesce(sum(amount), 0) FROM orders").fetchone()[0]
"""
    for way in WAYS:
        report = judge(way, f"schema {way}", source, sandbox, "order_total", "02-idempotence")
        assert_named(report, "a file opened for writing", source)


def test_what_runs_after_the_end_of_a_killed_process_reaches_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    """A crash is no exception: what a `finally` would write is not written, and not held against the answer."""
    source = f"""
def handle(message, db):
    done = False
    try:
        @ONCE
        done = True
    finally:
        if not done:
            open("{tmp_path}/left", "w").close()
"""
    report = judge("check", "finally", answers(f"\n### it{source}")["it"], sandbox)
    assert not list(tmp_path.iterdir())
    assert report.verdict.name == "undetermined", "an exception of the database reaches the same line, alive"
