"""The documentation's pages as projects: their files are written, their commands run, their outputs compared.

A code block whose first line is a comment with a file's name is that file. In a block for a console, lines that begin
with ``$`` are commands (`pytest` and `redelivery` are run, `pip` is not), and the lines below are what they print. ::

    python -m tests.docs_pages        writes what the commands print into the pages
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|--) ([\w./]+\.\w+)\n")
_WIDTH = "100"


@dataclass(frozen=True)
class Command:
    """A command of a page, what the page says that it prints, and what it does print."""

    words: str
    said: str
    printed: str


def run(page: str, folder: Path) -> Iterator[Command]:
    """Write the files of a page into a folder, and run its commands there, in the order of the page."""
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p no:cacheprovider\n", "utf-8")
    for language, body in _BLOCK.findall((DOCS / page).read_text("utf-8")):
        if language == "console":
            for block in re.split(r"^(?=\$ )", body, flags=re.MULTILINE):
                if block:
                    words, _, said = block.removeprefix("$ ").partition("\n")
                    yield Command(words, said.rstrip("\n"), _printed(words, folder))
        elif (name := _FILE.match(body)) is not None:
            path = folder / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, "utf-8")


def _printed(words: str, folder: Path) -> str:
    command, *rest = shlex.split(words.removeprefix("python -m "))
    if command == "pip":
        return ""
    module = {"pytest": "pytest", "redelivery": "redelivery.cli"}[command]
    # Where pytest believes that nobody reads along, it shortens nothing.
    here = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}
    environment = {**here, "COLUMNS": _WIDTH, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", module, *rest], cwd=folder, capture_output=True, text=True, env=environment
    )
    text = (done.stdout + done.stderr).replace(str(folder) + os.sep, "")
    text = re.sub(r" in \d+\.\d+s", " in …s", text)
    text = re.sub(r" +\[ *\d+%\]", "", text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def main() -> None:
    """Write what the commands print into the pages."""
    for page in sys.argv[1:] or PAGES:
        with tempfile.TemporaryDirectory() as folder:
            text = (DOCS / page).read_text("utf-8")
            for command in run(page, Path(folder).resolve()):
                if command.words.startswith("pip "):
                    continue
                old = f"$ {command.words}\n" + (f"{command.said}\n" if command.said else "")
                assert old + "```" in text, (page, command.words)
                head, _, tail = text.partition(old + "```")
                text = f"{head}$ {command.words}\n{command.printed}\n```{tail}"
            (DOCS / page).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
