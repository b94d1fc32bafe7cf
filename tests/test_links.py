"""Every link leads somewhere: to a file that is shipped, and to a place in it. The course works without the network, so
nothing links out, licences aside."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from redelivery.workspace.progress import progress_of
from redelivery.workspace.record import Record
from tests.test_house import is_checkout, shipped_files

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [
    path for folder in ("course", "exercises", "reference/solutions") for path in ROOT.glob(f"{folder}/*.ipynb")
]
TEXTS = sorted([*NOTEBOOKS, ROOT / "README.md", ROOT / "README.zh.md", ROOT / "course" / "instructor" / "README.md"])
LICENCES = ("creativecommons.org", "opensource.org", "spdx.org")

needs_git = pytest.mark.skipif(not is_checkout(), reason="not a git checkout: there is no list of files")


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))


def without_code(markdown: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)


@cache
def prose(path: Path) -> str:
    """The Markdown of a notebook or a text, without code."""
    if path.suffix != ".ipynb":
        return without_code(path.read_text("utf-8"))
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(without_code(cell.source) for cell in cells if cell.cell_type == "markdown")


@cache
def links(path: Path) -> list[str]:
    """The targets of all links and pictures, those in outputs included."""
    found = links_in(prose(path))
    if path.suffix == ".ipynb":
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                found += re.findall(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)", str(output.get("data", "")))
    return [target for target in found if not target.startswith("data:")]


def links_in(markdown: str) -> list[str]:
    inline = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)", markdown)
    defined = re.findall(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", markdown, re.MULTILINE)
    html = re.findall(r"\b(?:href|src)=[\"']([^\"']+)", markdown)
    bare = re.findall(r"<(https?://[^>\s]+)>", markdown)
    return inline + defined + html + bare


@cache
def anchors(path: Path) -> set[str]:
    """The places that a link may name: for a notebook as JupyterLab names headings, and cells by their id; for other
    texts as GitHub does."""
    source = path.read_text("utf-8") if path.suffix != ".ipynb" else ""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        source = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#{1,6} +(.+?) *#*$", re.sub(r"```.*?```", "", source, flags=re.DOTALL), re.MULTILINE)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in headings]
    named = set(re.findall(r"<\w+ [^>]*\b(?:id|name)=[\"']([^\"']+)", source))
    if path.suffix == ".ipynb":
        return named | {heading.replace(" ", "-") for heading in plain} | {f"cell-id={cell.id}" for cell in cells}
    return named | {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@cache
def shipped() -> set[Path]:
    return {path.resolve() for path in shipped_files()}


@each()
@needs_git
def test_local_links_lead_to_what_is_shipped(path):
    missing = []
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not parts.path:
            continue
        target = (path.parent / unquote(parts.path)).resolve()
        if target not in shipped() and not any(target in file.parents for file in shipped()):
            missing.append(link)
    assert missing == []


@each()
def test_anchors_name_a_place(path):
    missing = []
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme or not parts.fragment:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if unquote(parts.fragment) not in anchors(target):
            missing.append(link)
    assert missing == []


@each()
def test_nothing_links_out(path):
    named = links(path) + re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s)>\]]*", prose(path))
    out = {link for link in named if urlsplit(link).netloc}
    assert [link for link in sorted(out) if not (urlsplit(link).hostname or "").endswith(LICENCES)] == []


def test_links_of_all_kinds_are_found():
    text = '[a](a.md "title") ![b](<b.svg>) <a href="c.md">c</a> <https://d.org/>\n\n[e]: e.md\n'
    assert sorted(links_in(text)) == ["a.md", "b.svg", "c.md", "e.md", "https://d.org/"]


def test_the_table_of_progress_links_to_what_is_there(monkeypatch):
    monkeypatch.chdir(ROOT / "course")
    shown = progress_of(Record(), ROOT)._repr_html_()
    targets = re.findall(r'href="([^"]+)"', shown)
    assert targets
    for target in map(urlsplit, targets):
        path = (ROOT / "course" / unquote(target.path)).resolve()
        assert path.exists()
        assert not target.fragment or unquote(target.fragment) in anchors(path)
