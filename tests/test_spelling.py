"""Spelling of the texts that a reader sees: notebooks (without outputs), the README, docstrings and comments."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [
    path for folder in ("course", "exercises", "reference/solutions") for path in ROOT.glob(f"{folder}/*.ipynb")
]


def misspelt(*paths: Path) -> list[str]:
    """One line for each word, with what it should be."""
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml"), *map(str, paths)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode in (0, 65), run.stderr
    return run.stdout.splitlines()


def test_notebooks(tmp_path):
    texts = []
    for path in NOTEBOOKS:
        texts.append(tmp_path / f"{path.parent.name}-{path.stem}.md")
        cells = nbformat.read(path, as_version=4).cells
        texts[-1].write_text("\n\n".join(f"{cell.source}\n[cell {cell.id}]" for cell in cells), "utf-8")
    assert misspelt(*texts) == []


def test_readme_and_package():
    sources = [path for folder in ("reference/redelivery", "scripts") for path in (ROOT / folder).rglob("*")]
    kept = [path for path in sources if path.is_file() and path.suffix in ("", ".py")]
    texts = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "course" / "instructor").glob("*.*")]
    assert misspelt(*texts, *kept) == []


@pytest.mark.parametrize("text", ["The consumer recieves it.", "Two seperate consumers."])
def test_a_misspelt_word_is_found(tmp_path, text):
    (tmp_path / "text.md").write_text(text, "utf-8")
    assert len(misspelt(tmp_path / "text.md")) == 1
