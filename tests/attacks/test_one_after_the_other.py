"""One sandbox for several submissions: the next one finds nothing of the one before."""

from __future__ import annotations

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from redelivery.grading import sandbox as sandboxes
from redelivery.grading import worker
from redelivery.grading.judge import Entry, Limits, judge
from redelivery.grading.sandbox import Sandbox, why_not
from redelivery.simulation.program import Cell
from redelivery.simulation.remote import RemoteProgram, Session, SubmissionBroke
from tests.attacks.hand_in import NEIGHBOUR, neighbour
from tests.test_grading import hand_in, solved

RIGHT = NEIGHBOUR
HOUSE = "05-record-and-check"
#: Right only where the submission before it has left a sign.
COLLUDES = """
import builtins, os, sys

def found():
    names = set(os.listdir("/tmp")) if os.access("/tmp", os.R_OK) else {"closed"}
    return bool(names) or hasattr(builtins, "sign") or "sign" in sys.modules or bool(os.environ.get("SIGN")) or any(
        name.isdigit() and int(name) not in (1, int(os.readlink("/proc/self"))) for name in os.listdir("/proc"))

if not found():
    raise LookupError("nobody was here")
"""
TRACES = {
    "nothing": "",
    "a file": "open('/tmp/sign', 'w').close()",
    "a file that is deleted again": "open('/tmp/sign', 'w').close(); os.unlink('/tmp/sign')",
    "a folder that nobody may look into": "os.makedirs('/tmp/a/sign'); os.chmod('/tmp/a', 0)",
    "a file deep down": "os.chdir('/tmp')\nfor _ in range(300):\n    os.mkdir('d' * 200); os.chdir('d' * 200)",
    "a mode": "os.chmod('/tmp', 0o700)",
    "a closed folder": "os.chmod('/tmp', 0)",
    "a link": "os.symlink('/proc/1', '/tmp/sign')",
    "a thread": "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "a name": "import builtins; builtins.sign = 1; os.environ['SIGN'] = '1'; sys.modules['sign'] = os",
    "a module that is another": "import sqlite3, time; sqlite3.connect = time.monotonic = json = None",
    "an end": "os._exit(7)",
}
#: What would change another process, first of all number 1. Each ends in an exception.
REACHES = {
    "files": "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))",
    "computing time": "import resource; resource.prlimit(1, resource.RLIMIT_CPU, (2, 2))",
    "memory": "import resource; resource.prlimit(1, resource.RLIMIT_AS, (1 << 27, 1 << 27))",
    "processes": "import resource; resource.prlimit(1, resource.RLIMIT_NPROC, (1, 1))",
    "files of the one that started it": "import resource; resource.prlimit(os.getppid() or 1, resource.RLIMIT_FSIZE)",
    "priority": "os.setpriority(os.PRIO_PROCESS, 1, 19)",
    "everybody's priority": "os.setpriority(os.PRIO_USER, 0, 19)",
    "its own priority": "os.nice(19)",
    "scheduling": "os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
    "processors": "os.sched_setaffinity(1, {0})",
    "priority at the disk": "call(251, 1, 1, 3 << 13)",
    "a signal": "call(62, 1, 2)",
    "a signal to a thread": "call(234, 1, 1, 2)",
    "a signal with a value": "call(129, 1, 2, 0)",
    "signals of a descriptor": "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, 1)",
    "leases": "import fcntl; fcntl.fcntl(0, fcntl.F_SETLEASE, 0)",
    "a group of processes": "os.setpgid(0, 1)",
    "a session": "os.setsid()",
    "namespaces": "call(272, 0x10000000)",
    "the root": "os.chroot('/tmp')",
    "a mount": "call(165, 0, b'/tmp', b'tmpfs', 0, 0)",
    "another's memory": "call(310, 1, 0, 0, 0, 0, 0)",
    "pages of another": "call(279, 1, 0, 0, 0, 0, 0)",
    "a handle of a process": "os.pidfd_open(1)",
    "memory that is no file": "os.memfd_create('x')",
    "shared memory": "call(29, 1, 4096, 0o666)",
    "a key": "call(248, b'user', b'k', b'v', 1, -2)",
    "a filter": "call(317, 1, 0, 0)",
    "not to be dumped": "call(157, 4, 1)",
    "death of the parent": "call(157, 1, 0)",
    "a clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0)",
    "a watch": "call(294, 0)",
    "a pipe in the temp folder": "os.mkfifo('/tmp/pipe')",
}
CALL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
"""
#: Bytes that a process may hold, several times.
HOARDS = """
import os
hoard = [bytearray(1 << 28) for _ in range(5)]
for one in hoard:
    one[::4096] = b"x" * len(one[::4096])
"""
#: The same, of which nothing is resident, and of which the first name is taken away.
HOARDS_UNSEEN = """
import mmap
hoard = [mmap.mmap(-1, 1 << 28) for _ in range(5)]
for one in hoard:
    one[::4096] = b"x" * len(one[::4096])
    one.madvise(mmap.MADV_DONTNEED)
"""
HOARDS_TWICE_MAPPED = """
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p
size = ctypes.c_size_t(600 << 20)
kept = []
for _ in range(2):
    one = ctypes.c_void_p(libc.mmap(None, size, 3, 0x21, -1, ctypes.c_long(0)))
    ctypes.memset(one, 1, size.value)
    kept.append(libc.mremap(one, ctypes.c_size_t(0), size, 1))
    libc.munmap(one, size)
"""
#: So many that hoard hold more than all may together.
TOO_MANY = 3
#: Seconds, far more than it takes.
GENEROUS = 120
pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def place() -> Iterator[Sandbox]:
    with Sandbox(preload=frozenset({"redis"})) as opened:
        yield opened


def judged(place: Sandbox, folder: Path, learner: str, source: str) -> tuple[int, int]:
    """The points of the part, and which process of the system the sandbox is."""
    result = judge(neighbour(folder, learner, source), Limits(seconds=60), place=place)
    assert not result.faults
    assert place._process is not None
    return result.points, place._process.pid


def seen(place: Sandbox, source: str) -> object:
    """What cells with this source leave in ``seen``, in a place of their own."""
    place.renew(60)
    program = RemoteProgram(place, [Cell("a", source)])
    try:
        assert program.errors == []
        return program.value("seen")
    finally:
        program.close()


@pytest.mark.parametrize("trace", TRACES)
def test_the_next_one_finds_no_trace(trace: str, place: Sandbox, tmp_path: Path) -> None:
    _, first = judged(place, tmp_path, "mallory", f"import os, sys\n{TRACES[trace]}\n{RIGHT}")
    points, second = judged(place, tmp_path, "trudy", COLLUDES + RIGHT)
    assert points == 0
    assert judged(place, tmp_path, "ann", RIGHT) == (3, first)
    assert second == first


@pytest.mark.parametrize("trace", ["a file", "a closed folder", "an end"])
def test_without_places_within_each_gets_a_sandbox(trace: str, place: Sandbox, tmp_path: Path) -> None:
    place.nests = False
    _, first = judged(place, tmp_path, "mallory", f"import os, sys\n{TRACES[trace]}\n{RIGHT}")
    points, second = judged(place, tmp_path, "trudy", COLLUDES + RIGHT)
    assert points == 0
    assert second != first
    assert judged(place, tmp_path, "ann", RIGHT)[0] == 3


@pytest.mark.parametrize("what", REACHES)
def test_nobody_reaches_another_process(what: str, place: Sandbox) -> None:
    if platform.machine() != "x86_64" and "call(" in REACHES[what]:
        pytest.skip("numbers of x86_64")
    source = (
        f"{CALL}\ntry:\n    {REACHES[what]}\n    seen = 'reached'\nexcept OSError as error:\n    seen = error.errno"
    )
    assert seen(place, source) == errno.EPERM


def below(process: int) -> Iterator[int]:
    """All processes that come from this one."""
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from below(int(child))


def test_each_submission_has_process_numbers_of_its_own(place: Sandbox) -> None:
    """The first one's namespaces are held open: the kernel gives the number of one that is gone to the next."""
    kinds = ("pid", "mnt", "user", "ipc")
    place.renew(60)
    first = RemoteProgram(place, [Cell("a", "seen = 1")])
    with ExitStack() as held:
        assert place._process is not None
        files = []
        try:
            for process in below(place._process.pid):
                files += [held.enter_context(open(f"/proc/{process}/ns/{kind}", "rb", 0)) for kind in kinds]
        except PermissionError:
            pytest.skip("only root sees the namespaces of another process")
        first.close()
        taken = {os.fstat(file.fileno()).st_ino for file in files}
        look = f"import os; seen = ' '.join(str(os.stat(f'/proc/self/ns/{{kind}}').st_ino) for kind in {kinds})"
        own = {int(number) for number in str(seen(place, look)).split()}
    assert len(taken) >= 2 * len(kinds), "the waiting process and the first submission's"
    assert len(own) == len(kinds) and not own & taken


def test_what_is_in_force_is_the_same_for_the_next_one(place: Sandbox) -> None:
    """All that a process inherits, as far as the kernel shows it."""
    look = """
import os, resource, signal
status = {l.split(":")[0]: l.split(":")[1].strip() for l in open("/proc/self/status")}
seen = repr([
    [resource.getrlimit(getattr(resource, n)) for n in sorted(dir(resource)) if n.startswith("RLIMIT_")],
    os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0)), os.umask(0o22),
    os.getcwd(), sorted(os.environ.items()), [str(signal.getsignal(n))[:9] for n in (1, 2, 13, 15)],
    [status[n] for n in ("SigBlk", "SigIgn", "SigCgt", "CapPrm", "CapEff", "NoNewPrivs", "Seccomp", "Uid", "Groups")],
    open("/proc/self/oom_score_adj").read(), sorted(os.listdir("/proc/self/fd")), os.statvfs("/tmp").f_bfree,
])
"""
    before = seen(place, look)
    for what in REACHES:
        seen(place, f"{CALL}\ntry:\n    {REACHES[what]}\nexcept OSError:\n    pass\nos.umask(0)\nseen = 1")
    assert seen(place, look) == before
    with Sandbox(preload=frozenset({"redis"})) as another:
        assert seen(another, look) == before


def test_python_has_the_calls_that_it_needs(place: Sandbox) -> None:
    source = """
import asyncio, concurrent.futures, csv, ctypes, datetime, decimal, fcntl, glob, hashlib, json, logging, mmap, os
import pathlib, queue, random, secrets, select, selectors, shutil, signal, sqlite3, statistics, subprocess, sys
import tempfile, threading, time, uuid, zoneinfo

seen = []
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "a.txt"
    path.write_text("x")
    shutil.copy2(path, path.with_name("b.txt"))
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    with sqlite3.connect(path.with_name("c.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (a)")
    seen.append(sorted(os.listdir(folder))[:3])
with concurrent.futures.ThreadPoolExecutor() as pool:
    seen.append(list(pool.map(abs, [-1, 2])))
async def later():
    await asyncio.sleep(0)
    return await asyncio.to_thread(abs, -3)
seen.append(asyncio.run(later()))
time.sleep(0.001)
seen.append([len(secrets.token_bytes(3)), len(str(uuid.uuid4())), os.isatty(0), hashlib.sha256().hexdigest()[:4]])
seen.append(mmap.mmap(-1, 4096)[:1] == b"\\0")
signal.raise_signal(signal.SIGURG)
seen = repr(seen)
"""
    said = seen(place, source)
    assert said == repr([["a.txt", "b.txt", "c.db"], [1, 2], 3, [3, 36, False, "e3b0"], True])


@pytest.mark.parametrize("hoards", [HOARDS, HOARDS_UNSEEN, HOARDS_TWICE_MAPPED], ids=["seen", "unseen", "mapped twice"])
def test_the_memory_of_all_processes_counts_together(hoards: str, place: Sandbox) -> None:
    place.renew(60)
    cells = [Cell("a", hoards)]
    sessions = []
    try:
        with pytest.raises(SubmissionBroke, match="memory"):
            for number in range(TOO_MANY):
                sessions.append(Session(place, cells, first=not number))
            until = time.monotonic() + GENEROUS
            while time.monotonic() < until:  # until somebody has looked
                for session in sessions:  # those there were when somebody looked are gone, a later one may not be
                    session.ask(["open", []])
                time.sleep(0.3)
    finally:
        for session in sessions:
            session.close()
    assert sessions


def test_a_place_that_is_gone_is_made_anew(place: Sandbox, tmp_path: Path) -> None:
    _, first = judged(place, tmp_path, "ann", RIGHT)
    assert place._process is not None
    place._process.kill()
    place._process.wait()
    points, second = judged(place, tmp_path, "bob", RIGHT)
    assert points == 3
    assert second != first


def test_libraries_are_no_hoard(place: Sandbox) -> None:
    """Not for want of memory that is mapped and never used, either."""
    place.renew(600)
    cells = [
        Cell(
            "a",
            "import sqlite_utils, lupa, redis, asyncio, decimal, xml.dom.minidom, mmap; m = mmap.mmap(-1, 1 << 20)",
        )
    ]
    sessions = []
    try:
        for number in range(12):
            sessions.append(Session(place, cells, first=not number))
        time.sleep(0.5)  # until somebody has looked
        for session in sessions:
            assert session.errors == ()
            session.ask(["open", []])
    finally:
        for session in sessions:
            session.close()


def test_names_in_the_temp_folder_are_few(place: Sandbox) -> None:
    assert seen(place, "import os; seen = os.statvfs('/tmp').f_files") == 16_384


def test_a_folder_as_deep_as_one_likes_is_gone_for_the_next_part(place: Sandbox, tmp_path: Path) -> None:
    deep = "import os\nos.chdir('/tmp')\nfor _ in range(1500):\n    os.mkdir('d'); os.chdir('d')\nos.chdir('/tmp')\n"
    assert judged(place, tmp_path, "mallory", deep + RIGHT)[0] == 3
    assert judged(place, tmp_path, "ann", RIGHT)[0] == 3


OF_ALL_CONNECTIONS = """
def handle(message, db):
    for name in ("hard_heap_limit=1000", "soft_heap_limit=1000", "temp_store_directory='/nowhere'"):
        for how in ("PRAGMA", "EXPLAIN PRAGMA", "EXPLAIN QUERY PLAN PRAGMA", "PRAGMA main."):
            try:
                db.conn.execute(f"{how} {name}".replace(". ", "."))
            except Exception:
                pass
"""


def test_nobody_sets_what_all_connections_of_the_grader_have_in_common(place: Sandbox, tmp_path: Path) -> None:
    """The next one's answer is judged with the same SQLite, in the same process."""
    before = worker._shared()
    for learner, answer, points in (("mallory", OF_ALL_CONNECTIONS, 0), ("ann", solved(HOUSE)["record_and_check"], 3)):
        path = hand_in(tmp_path / f"{learner}.ipynb", {"record_and_check": answer}, HOUSE)
        result = judge(Entry(learner, path, learner), Limits(seconds=600), place=place)
        assert not result.faults
        assert [part.points for part in result.parts if part.part == "record_and_check"] == [points]
    assert worker._shared() == before


def test_the_course_is_not_to_be_seen_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it stands below a folder of the system, or is installed among the packages."""
    root = Path(__file__).parents[2]
    sandboxes._view.cache_clear()
    monkeypatch.setattr(sandboxes, "_SYSTEM", (*sandboxes._SYSTEM, str(root.parent)))
    look = f"""
import os
seen = [os.path.exists({str(root.parent)!r}), os.path.exists({str(root / "reference")!r})]
try:
    os.mkdir({str(root / "x")!r})
except OSError:
    seen.append("closed")
seen = repr(seen)
"""
    try:
        with Sandbox() as place:
            assert seen(place, look) == repr([True, False, "closed"])
    finally:
        sandboxes._view.cache_clear()


def test_the_course_among_the_packages_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxes, "_PACKAGE", Path("/opt/env/lib/site-packages/redelivery"))
    hidden = sandboxes._hidden(Path("/opt/env/lib/site-packages"), Path("/packages/0"))
    assert hidden == ["--tmpfs", "/packages/0/redelivery", "--remount-ro", "/packages/0/redelivery"]
