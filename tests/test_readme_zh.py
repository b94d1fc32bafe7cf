"""The README in Chinese says the same commands as the English one, and leads to every notebook of the course."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text("utf-8")
CHINESE = (ROOT / "README.zh.md").read_text("utf-8")


def commands(text: str) -> list[str]:
    """The commands in its blocks and spans of code."""
    blocks = "\n".join(re.findall(r"^```[a-z]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).splitlines()
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [line.split(" # ")[0].split("  #")[0].strip() for line in [*blocks, *spans]]
    return [line for line in lines if re.match(r"(make|\.venv/bin/redelivery|jupyter|conda) ", line)]


def test_every_command_stands_in_the_english_one() -> None:
    assert len(commands(CHINESE)) >= 4
    assert [command for command in commands(CHINESE) if command not in commands(ENGLISH)] == []


def test_it_begins_with_the_same_two_commands() -> None:
    first = r"```\n(.*?)```"
    assert re.findall(first, CHINESE, re.DOTALL)[0] == re.findall(first, ENGLISH, re.DOTALL)[0]


def test_it_leads_to_every_lesson_and_exercise() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", CHINESE))
    wanted = {
        str(path.relative_to(ROOT)) for folder in ("course", "exercises") for path in ROOT.glob(f"{folder}/*.ipynb")
    }
    assert wanted <= linked


def test_each_leads_to_the_other() -> None:
    assert "](README.zh.md)" in ENGLISH and "](README.md)" in CHINESE


def test_a_command_that_is_not_in_the_english_one_is_found() -> None:
    assert commands("```\nmake nothing   # does nothing\n```") == ["make nothing"]
    assert "make nothing" not in commands(ENGLISH)
