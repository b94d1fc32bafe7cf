"""Every statement on a named system has its source, with its version: on the page of sources, and in the notebook's own
further reading. SQLite is not among the systems: the course runs it, so the outputs are the source."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

COURSE = Path(__file__).parents[1] / "course"
PAGE = nbformat.read(COURSE / "96-sources.ipynb", as_version=4)
SYSTEMS = (
    "Kafka",
    "RabbitMQ",
    "RocketMQ",
    "MQTT",
    "NATS",
    "SQS",
    "Pulsar",
    "Service Bus",
    "Redis",
    "MySQL",
    "MariaDB",
    "PostgreSQL",
    "Oracle",
    "MongoDB",
    "DynamoDB",
    "Cassandra",
    "S3",
)
#: These repeat in short what other cells of the notebook say.
SUMMARIES = ("title", "recap", "summary", "exercise", "instructors")
#: These pages repeat what the lessons say.
POINTERS = ("93", "94", "96")
NOTEBOOKS = [path for path in sorted(COURSE.glob("*.ipynb")) if path.name[:2] not in POINTERS]
LINK = re.compile(r"\]\(([^)#\s]+)#cell-id=([^)\s]+)\)")


def cell(cell_id: str) -> str:
    return next(str(c.source) for c in PAGE.cells if c.id == cell_id)


ROWS = [
    [part.strip() for part in line.strip("|").split(" | ")]
    for line in cell("sources").splitlines()
    if re.match(r"\| (?!system )\w", line)
]


@cache
def texts(path: Path) -> dict[str, str]:
    """Cell → its text."""
    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"}


def named(text: str) -> set[str]:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return {system for system in SYSTEMS if re.search(rf"\b{system}\b", prose)}


def sourced(path: Path) -> dict[str, set[str]]:
    """Cell → the systems of which a source is named for it."""
    found: dict[str, set[str]] = {}
    for system, _, _, used in ROWS:
        for file, cell_id in LINK.findall(used):
            if file == path.name:
                found.setdefault(cell_id, set()).add(system)
    return found


def without_source(path: Path, cells: dict[str, str]) -> list[str]:
    """The cells that say something of a system, as ``cell: system``, and have no source for it."""
    here, only = sourced(path), {cell_id for file, cell_id in LINK.findall(cell("named-only")) if file == path.name}
    anywhere = set().union(*here.values())
    missing = []
    for cell_id, text in cells.items():
        known = anywhere if cell_id in SUMMARIES else here.get(cell_id, set())
        missing += [f"{cell_id}: {system}" for system in sorted(named(text) - known) if cell_id not in only]
    return missing


def test_the_page_is_complete_in_each_row() -> None:
    assert len(ROWS) >= 30
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []
    assert [row[0] for row in ROWS if row[0] not in SYSTEMS] == []
    assert len({row[1] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_source_names_a_version_and_when_it_was_read(row: list[str]) -> None:
    _, source, read, used = row
    assert re.search(r"\d", source.split("*")[0]), "a version, or the year of a manual that has none"
    assert "*" in source, "the page or chapter"
    assert re.fullmatch(r"\d{1,2} \w+ 20\d\d|not read again", read)
    assert LINK.findall(used)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_statement_on_a_named_system_has_a_source(path: Path) -> None:
    assert without_source(path, texts(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_source_is_named_for_a_cell_that_names_the_system(path: Path) -> None:
    for cell_id, systems in sourced(path).items():
        assert systems <= named(texts(path)[cell_id]), cell_id


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_further_reading_names_the_sources_of_its_notebook(path: Path) -> None:
    mine = [source for _, source, _, used in ROWS if path.name in [file for file, _ in LINK.findall(used)]]
    reading = " ".join(texts(path).get("exercise", "").split())
    assert [source for source in mine if source not in reading] == []


def test_a_statement_without_a_source_is_listed() -> None:
    path = COURSE / "01-delivery-guarantees.ipynb"
    made_up = {"made-up": "Kafka never loses anything, and neither does `Redis`.", "recap": "RabbitMQ, and Cassandra."}
    assert without_source(path, made_up) == ["made-up: Kafka", "recap: Cassandra"]
