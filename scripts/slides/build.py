"""Slides from the lessons: the cells that course/instructor/slides.toml names, with reveal.js beside them.

python scripts/slides/build.py build/slides

A slide is a list of pieces of cells, by their ids:

- ``race-story``: the whole cell, of a code cell source and output;
- ``race-story#2`` or ``race-story#1-2``: these blocks of its Markdown, counted from 1;
- ``race-predict#predict``: the block that begins with **Predict.**;
- ``race-report!out``, ``naive!src``: only the output, only the source.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from nbconvert.filters import markdown2html
from nbconvert.filters.highlight import Highlight2HTML
from pygments.formatters import HtmlFormatter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHOICE = ROOT / "course" / "instructor" / "slides.toml"


#: A link to another page of the course, which is not beside the slides.
_AWAY, _WORDS = re.compile(r'<a href="(?!#)[^"]*"[^>]*>(.*?)</a>'), r"\1"


class NoSuchPiece(LookupError):
    """slides.toml names what no lesson has."""


def lessons() -> dict[str, Path]:
    """Number → notebook, of the lessons that have a deck."""
    wanted = tomllib.loads(CHOICE.read_text("utf-8"))
    return {number: next((ROOT / "course").glob(f"{number}-*.ipynb")) for number in sorted(wanted)}


def slides_of(number: str) -> list[dict[str, Any]]:
    """The slides of one lesson and of the one that goes on with it: their HTML, and the notes for the speaker.

    Raises:
        NoSuchPiece: a cell or a block of it is not there.
    """
    notebooks = [*sorted((ROOT / "course").glob(f"{number}b-*.ipynb")), lessons()[number]]
    cells = {cell["id"]: cell for path in notebooks for cell in json.loads(path.read_text("utf-8"))["cells"]}
    choice = tomllib.loads(CHOICE.read_text("utf-8"))[number]
    return [
        {
            "html": "\n".join(_after_predictions(cells, slide["cells"])),
            "note": markdown2html(slide.get("note", "")),
            "id": slide["cells"][0],
        }
        for slide in choice
    ]


def _after_predictions(cells: dict[str, Any], names: list[str]) -> list[str]:
    """The pieces of a slide; what answers a prediction comes with the next key."""
    predicted, found = False, []
    for name in names:
        shown = piece(cells, name)
        found.append(f'<div class="fragment">{shown}</div>' if predicted else shown)
        predicted = predicted or "**Predict.**" in "".join(cells[re.split("[#!]", name)[0]]["source"])
    return found


def piece(cells: dict[str, Any], name: str) -> str:
    """One piece as HTML."""
    identity, _, which = re.match(r"([^#!]+)([#!]?)(.*)", name).groups()  # type: ignore[union-attr]
    if identity not in cells:
        raise NoSuchPiece(f"{CHOICE.name} names the cell {identity!r}, which the lesson does not have")
    cell = cells[identity]
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return _markdown(_blocks(source, which, name))
    shown = "" if which == "out" else Highlight2HTML(pygments_lexer="ipython3")(source)
    return shown + ("" if which == "src" else "".join(map(_output, cell["outputs"])))


def _blocks(source: str, which: str, name: str) -> str:
    # The answer to a prediction comes with the slides after it.
    source = re.sub(r"\n\n<details><summary>Answer</summary>.*?</details>$", "", source.strip(), flags=re.DOTALL)
    if not which:
        return source
    blocks = re.split(r"\n\s*\n(?![^`]*```\s*(?:\n|$)(?:[^`]|`(?!``))*$)", source.strip())
    if which == "predict":
        chosen = [block for block in blocks if block.startswith("**Predict.**")]
    else:
        first, _, last = which.partition("-")
        chosen = blocks[int(first) - 1 : int(last or first)]
    if not chosen:
        raise NoSuchPiece(f"{name}: the cell has {len(blocks)} blocks, and this is none of them")
    return "\n\n".join(chosen)


def _markdown(source: str) -> str:
    # Without a network there is no MathJax; the formulas of the lessons can be read as they are.
    source = re.sub(r"\$\$?([^$]+)\$\$?", lambda m: re.sub(r"\\[a-z]+\{?|\}", " ", m[1]), source)
    source = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", source)
    return str(markdown2html(source))


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return f'<div class="output">{_AWAY.sub(_WORDS, "".join(data["text/html"]))}</div>'
    if "image/png" in data:
        alternative = html.escape("".join(data.get("text/plain", ["a plot"])), quote=True)
        return f'<img alt="{alternative}" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    text = "".join(output.get("text", data.get("text/plain", output.get("traceback", []))))
    return f'<pre class="output">{html.escape(text.strip())}</pre>'


def build(folder: Path) -> list[Path]:
    """Write all decks and what they need; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "reveal.js", folder / "reveal.js", dirs_exist_ok=True)
    template = Environment(loader=FileSystemLoader(HERE), autoescape=False).get_template("deck.html")
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    decks = []
    for number, notebook in lessons().items():
        slides = slides_of(number)
        first = "".join(json.loads(notebook.read_text("utf-8"))["cells"][0]["source"])
        title = first.removeprefix("#").strip().split("\n")[0]
        decks.append(folder / f"{notebook.stem}.html")
        decks[-1].write_text(template.render(title=title, slides=slides, colours=colours), "utf-8")
    return decks


if __name__ == "__main__":
    for deck in build(Path(sys.argv[1])):
        print(deck)
