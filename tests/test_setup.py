"""scripts/setup says what is missing. Each test lays the scripts into a folder with a space in its name."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("cat", "dirname", "id", "mkdir", "mv", "rm", "sed", "sh", "uname")


class Machine:
    """A checkout, and a PATH on which there is only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "the checkout"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.checkout.mkdir()
        shutil.copytree(ROOT / "scripts", self.checkout / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        for tool in TOOLS:
            where = shutil.which(tool)
            assert where is not None, tool
            (self.bin / tool).symlink_to(where)

    def has(self, name: str, script: str) -> None:
        """Put a command on the PATH."""
        command = self.bin / name
        command.unlink(missing_ok=True)
        command.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)

    def has_python(self, name: str = "python3", missing: str = "") -> None:
        """Put this Python on the PATH, without the modules `missing`, and unable to make an environment."""
        missing_import = f'case "$2" in {" | ".join(repr("import " + m) for m in missing.split())}) exit 1 ;; esac'
        no_venv = 'if [ "$1" = -m ]; then echo "asked to make $*"; exit 9; fi'
        self.has(name, f'{missing_import if missing else ""}\n{no_venv}\nexec "{sys.executable}" "$@"')

    def setup(self, **variables: str) -> tuple[int, str]:
        """Exit status and everything printed."""
        run = subprocess.run(
            ["sh", str(self.checkout / "scripts" / "setup")],
            env={"PATH": str(self.bin), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return run.returncode, run.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.has("git", "exit 0")
    machine.has("uname", "echo Linux")
    return machine


SCRIPTS = [
    path.relative_to(ROOT / "scripts").as_posix()
    for pattern in ("*", "slides/*", "gradescope/*")
    for path in (ROOT / "scripts").glob(pattern)
    if path.is_file() and path.suffix in ("", ".sh")
]


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_scripts_are_plain_sh(script):
    text = (ROOT / "scripts" / script).read_text("utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", str(ROOT / "scripts" / script)]).returncode == 0


@pytest.mark.parametrize("system", ["MINGW64_NT-10.0", "MSYS_NT-10.0", "CYGWIN_NT-10.0"])
def test_windows_without_wsl(machine, system):
    machine.has("uname", f"echo {system}")
    status, printed = machine.setup()
    assert status == 1
    assert "wsl --install" in printed


def test_no_git(machine):
    (machine.bin / "git").unlink()
    machine.has("apt-get", "exit 0")
    status, printed = machine.setup()
    assert status == 1
    assert "sudo apt install git" in printed


def test_no_python(machine):
    machine.has("apt-get", "exit 0")
    status, printed = machine.setup()
    assert status == 1
    assert "There is no python3 here" in printed
    assert "sudo apt install python3 python3-venv" in printed


def test_python_too_old(machine):
    machine.has("python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    status, printed = machine.setup()
    assert status == 1
    assert "needs Python 3.11 or newer" in printed
    assert "python3: Python 3.9.2" in printed


def test_a_newer_python_beside_an_old_one_is_found(machine):
    machine.has("python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    machine.has_python("python3.12")
    status, printed = machine.setup()
    assert status == 1
    assert "asked to make -m venv --clear .venv" in printed


def test_the_python_named_is_used_or_refused(machine):
    machine.has_python()
    status, printed = machine.setup(PYTHON="python9")
    assert status == 1
    assert "PYTHON is set to 'python9', but there is no such command" in printed
    machine.has("old", 'if [ "$1" = --version ]; then echo Python 3.10.1; else exit 1; fi')
    status, printed = machine.setup(PYTHON="old")
    assert status == 1
    assert "Python 3.10.1" in printed


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_no_venv_module(machine, module):
    machine.has("apt-get", "exit 0")
    machine.has_python(missing=module)
    status, printed = machine.setup()
    assert status == 1
    assert f"its module {module} is missing" in printed
    assert "sudo apt install python3-venv" in printed


def test_a_half_made_environment_is_made_anew(machine):
    machine.has_python()
    (machine.checkout / ".venv" / "bin").mkdir(parents=True)
    (machine.checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    status, printed = machine.setup()
    assert status == 1
    assert "asked to make -m venv --clear .venv" in printed
    assert not (machine.checkout / ".venv" / "complete").exists()


def test_an_environment_that_was_moved_is_made_anew(machine):
    machine.has_python()
    (machine.checkout / ".venv" / "bin").mkdir(parents=True)
    (machine.checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (machine.checkout / ".venv" / "complete").write_text("elsewhere | 3.11\nabc\n", "utf-8")
    assert "asked to make -m venv --clear .venv" in machine.setup()[1]


def test_a_complete_environment_is_left_alone():
    if not (ROOT / ".venv" / "complete").exists():
        pytest.skip("the environment that runs this was not made by scripts/setup")
    run = subprocess.run(["sh", "scripts/setup"], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# -- what is to be seen while packages are installed ---------------------------------------------------------

PIP = """
import pathlib, sys
site, status = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for number in range(90):
    print(f"Collecting package-{number}>=1", flush=True)
    print(f"  Downloading https://x/package_{number}-1-py3-none-any.whl (3 kB)", flush=True)
if status:
    print("ERROR: the network is gone")
    sys.exit(status)
print("Installing collected packages: " + ", ".join(f"package-{n}" for n in range(90)), flush=True)
for number in range(90):
    (site / f"package_{number}-1.dist-info").mkdir()
print("Successfully installed package-1", flush=True)
"""


def watch_pip(folder: Path, status: int = 0, terminal: bool = False) -> tuple[int, str]:
    """Exit status and what is shown, of installing by a pip that only says that it does."""
    site = folder / "site-packages"
    site.mkdir()
    fake = [sys.executable, "-c", PIP, str(site), str(status)]
    command = [sys.executable, str(ROOT / "scripts" / "installing.py"), str(folder / "pip.log"), str(site), *fake]
    if not terminal:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout
    import os

    ours, theirs = os.openpty()
    running = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return running.wait(), shown.decode()


def test_installing_tells_how_far_it_is(tmp_path):
    status, shown = watch_pip(tmp_path)
    assert status == 0
    assert "fetching packages: 1 so far, package-0" in shown
    assert "fetching packages: 80 so far" in shown
    assert "installing " in shown
    assert shown.splitlines()[-1].startswith("  done: 90 packages, ")
    assert len(shown.splitlines()) < 10
    assert "package_89-1-py3" in (tmp_path / "pip.log").read_text("utf-8")


def test_on_a_terminal_it_is_one_line_that_changes(tmp_path):
    status, shown = watch_pip(tmp_path, terminal=True)
    assert status == 0
    assert shown.count("\r\x1b[K") > 90
    assert shown.count("\n") == 1
    assert "90 so far, package_89-1-py3-none-any.whl" in shown
    assert "done: 90 packages" in shown


@pytest.mark.parametrize("terminal", [False, True])
def test_installing_that_fails_says_why(tmp_path, terminal):
    status, shown = watch_pip(tmp_path, 3, terminal)
    assert status == 3
    assert "ERROR: the network is gone" in shown
    assert "done" not in shown
