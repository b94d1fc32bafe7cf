"""What learners get holds no solution, no answer of the corpus and no test, and is whole without them."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from redelivery.cli import main
from redelivery.workspace.hand_out import files
from tests.answers import answers

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("out") / "learners"
    assert main(["hand-out", str(target)]) == 0
    return target


def test_no_answer_is_in_it(handed_out: Path) -> None:
    everything = {p.relative_to(handed_out): p.read_bytes() for p in handed_out.rglob("*") if p.is_file()}
    # A lesson's own small service has tests, which are no tests of ours.
    names = {part for path in everything if path.parts[:2] != ("course", "service") for part in path.parts}
    assert names.isdisjoint(
        {"solutions", "tests", "mutants", "variants", "attacks", "instructor", "nbgrader_config.py"}
    )
    text = b"\n".join(everything.values())
    assert b"BEGIN SOLUTION" not in text
    plain = " ".join(re.sub(r'\\n|[\s",]+', " ", text.decode("utf-8", "replace")).split())
    shown = []
    for answer in answers("variants"):
        lines = [line.strip() for line in answer.source.splitlines() if line.strip()]
        longest = " ".join(re.sub(r'[\s",]+', " ", " ".join(lines)).split())
        if len(lines) > 8 and longest in plain:
            shown.append(str(answer))
    assert shown == []


def test_exercises_are_as_handed_out(handed_out: Path) -> None:
    for path in sorted((ROOT / "reference" / "redelivery" / "handed_out").glob("*.ipynb")):
        assert (handed_out / "exercises" / path.name).read_bytes() == path.read_bytes()


def test_it_is_whole(handed_out: Path) -> None:
    """All of the package and the lessons, and what lessons lead to."""
    for name in ("Makefile", "pyproject.toml", "scripts/setup", "scripts/lab", "reference/redelivery/cli.py"):
        assert (handed_out / name).read_bytes() == (ROOT / name).read_bytes()
    assert (handed_out / "scripts/setup").stat().st_mode == (ROOT / "scripts/setup").stat().st_mode
    for path in (handed_out / "course").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for link in re.findall(r"\]\(([^)#: ]+?)(?:#[^)]*)?\)", text):
            assert (path.parent / link).exists(), (path.name, link)


def test_as_an_archive(tmp_path: Path, handed_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "learners.zip"
    assert main(["hand-out", str(target)]) == 0
    first = target.read_bytes()
    with zipfile.ZipFile(target) as archive:
        names = {name.removeprefix("delivered-twice/") for name in archive.namelist()}
    assert names == {str(inside) for inside, _ in files(ROOT)}
    assert main(["hand-out", str(target)]) == 2
    assert "is there already" in capsys.readouterr().err
    target.unlink()
    assert main(["hand-out", str(target)]) == 0
    assert target.read_bytes() == first
