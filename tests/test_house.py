"""What the README says is there, and no file knows the machine that it was written on."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def is_checkout() -> bool:
    return shutil.which("git") is not None and (ROOT / ".git").exists()


def shipped_files() -> list[Path]:
    """Everything tracked, and what would be with the next `git add`."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def shipped_texts() -> list[tuple[str, str]]:
    texts = []
    for path in shipped_files():
        try:
            texts.append((str(path.relative_to(ROOT)), path.read_text("utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


needs_git = pytest.mark.skipif(not is_checkout(), reason="not a git checkout: there is no list of files")


# README and Makefile


def test_the_two_commands_are_at_the_top():
    assert re.findall(r"^make (\w+)", README[:300], re.MULTILINE) == ["lab", "test"]


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_target_is_phony_and_in_the_help():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    phony = re.search(r"^\.PHONY:(.*)", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == targets
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make ([\w-]+)", shown, re.MULTILINE)) == targets - {"help"}


def test_every_folder_on_the_map_exists():
    folders = re.findall(r"^\| `([^`]+/)` \|", README, re.MULTILINE)
    assert {"course/", "exercises/", "reference/redelivery/", "tests/"} <= set(folders)
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@needs_git
def test_every_visible_folder_is_on_the_map():
    top = {path.relative_to(ROOT).parts[0] for path in shipped_files() if len(path.relative_to(ROOT).parts) > 1}
    on_map = {folder.split("/")[0] for folder in re.findall(r"^\| `([^`]+/)` \|", README, re.MULTILINE)}
    assert {name for name in top if not name.startswith(".")} <= on_map


@needs_git
def test_folders_that_appear_later_are_ignored():
    for folder in (".venv/", ".redelivery/"):
        assert git("check-ignore", folder + "x").strip() == folder + "x"


def test_every_local_link_in_the_readme_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if not urlsplit(link).scheme]
    assert links
    assert [link for link in links if not (ROOT / link.split("#")[0]).exists()] == []


def test_ci_calls_make_test_and_nothing_else():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [
        line for line in script.read_text("utf-8").splitlines() if line and not line.startswith(("#", "set", "cd"))
    ]
    assert lines == ["make test"]


# What no file may contain


@needs_git
def test_no_file_names_a_folder_of_somebodys_machine():
    machine_path = re.compile(r"(?<![\w./-])/(?:root|work|home|Users)/(?=[\w.])")
    found = [(name, match[0]) for name, text in shipped_texts() for match in machine_path.finditer(text)]
    assert found == []


def pip_hosts() -> set[str]:
    """The hosts that pip would ask, built in or set here. Pip says them, so that no file needs to."""
    built_in = "from pip._internal.models.index import PyPI as i; print(i.url, i.simple_url, i.pypi_url)"
    hosts: set[str] = set()
    for command in (["-c", built_in], ["-m", "pip", "config", "list"]):
        shown = subprocess.run([sys.executable, *command], capture_output=True, text=True).stdout
        hosts |= {urlsplit(address).netloc for address in re.findall(r"https?://[^'\s]+", shown)}
    return hosts


@needs_git
def test_no_file_says_where_packages_come_from():
    """Where pip installs from is the reader's setting: no file has an option or a host for it."""
    option = re.compile(
        r"(?:extra-)?index-url\b(?=[ =]+\S*//)|trusted-host[ =]+\w|--registry[ =]+\w|find-links[ =]+[/\w]"
    )
    hosts = pip_hosts()
    for name, text in shipped_texts():
        assert option.search(text) is None, name
        assert [host for host in hosts if host in text] == [], name
