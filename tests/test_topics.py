"""Every topic that the course has to teach is taught in cells that say something.

L are the lecture's topics, Q the readers' questions, B what the course adds beyond both.
"""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
TOPICS = [f"{letter}{number}" for letter, last in (("L", 18), ("Q", 20), ("B", 10)) for number in range(1, last + 1)]
LESSONS = {path: nbformat.read(path, as_version=4) for path in sorted((ROOT / "course").glob("*.ipynb"))}


def taught(notebook: nbformat.NotebookNode) -> dict[str, list[str]]:
    """Topic → the cells that teach it."""
    return notebook.metadata.get("redelivery", {}).get("topics", {})


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_taught(topic):
    assert [path.name for path, notebook in LESSONS.items() if taught(notebook).get(topic)] != []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_the_cells_that_teach_a_topic_are_there_and_say_something(path):
    texts = {cell.id: cell.source for cell in LESSONS[path].cells}
    for topic, cells in taught(LESSONS[path]).items():
        assert topic in TOPICS
        assert isinstance(cells, list) and cells, topic
        assert len(set(cells)) == len(cells), topic
        assert [name for name in cells if not re.search(r"\w", texts.get(name, ""))] == [], topic
