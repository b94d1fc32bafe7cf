"""The documentation: every example runs, prints what the page says, and every page can be reached."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import redelivery
from tests.docs_pages import DOCS, PAGES, run

TEXTS = {page: (DOCS / page).read_text("utf-8") for page in PAGES}


@pytest.mark.parametrize("page", [page for page in PAGES if "```console" in TEXTS[page]])
def test_what_a_page_shows_is_what_happens(page: str, tmp_path: Path) -> None:
    if "sqlalchemy" in TEXTS[page]:
        pytest.importorskip("sqlalchemy")
    commands = list(run(page, tmp_path))
    assert commands
    for command in commands:
        assert command.printed == command.said, f"{command.words}: python -m tests.docs_pages writes it anew"


def test_every_page_is_in_the_list_and_linked_from_the_first() -> None:
    listed = set(re.search(r'PAGES = """\n(.*?)"""', (DOCS / "conf.py").read_text("utf-8"), re.DOTALL)[1].split())  # type: ignore[index]
    assert {f"{name}.md" for name in listed} | {"index.md"} == set(PAGES)
    assert {target for target in re.findall(r"\]\(([\w/-]+\.md)\)", TEXTS["index.md"])} == set(PAGES) - {"index.md"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+\.md)[^)]*\)", TEXTS[page]):
        assert (DOCS / page).parent.joinpath(target).exists(), target


def test_the_reference_has_everything_that_is_exported() -> None:
    course = {"exercise", "lesson", "progress", "Claim", "StaleDelivery"}
    missing = [name for name in redelivery.__all__ if f"redelivery.{name}" not in TEXTS["reference.md"]]
    assert set(missing) == course


def test_the_options_of_the_plugin_are_documented() -> None:
    plugin = Path(redelivery.__file__).parent / "library" / "pytest_plugin.py"
    options = set(re.findall(r'"(--redelivery-\w+)"', plugin.read_text("utf-8")))
    assert options and all(option in TEXTS["reference.md"] for option in options)


def test_the_changelog_begins_with_this_version() -> None:
    changes = (DOCS.parent / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## (\S+)", changes, re.MULTILINE)
    assert first is not None and first[1] == redelivery.__version__


def test_the_service_of_page_97_and_its_tests() -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "course/service/tests"]
    done = subprocess.run(words, cwd=DOCS.parent, capture_output=True, text=True)
    assert "3 passed" in done.stdout, done.stdout
