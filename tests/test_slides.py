"""The decks that `make slides` makes: opened in a browser, every slide fits, and nothing is asked of the network."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BROWSER = next((f for n in ("chromium", "chromium-browser", "google-chrome") if (f := shutil.which(n))), None)
pytestmark = pytest.mark.xdist_group("browser")


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("slides_build", ROOT / "scripts" / "slides" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found: list[Path] = builder().build(tmp_path_factory.mktemp("slides"))
    return found


def test_every_lesson_has_a_deck_of_a_lesson_s_length(decks: list[Path]) -> None:
    lessons = sorted(path.stem for path in (ROOT / "course").glob("0[0-5]-*.ipynb"))
    assert [deck.stem for deck in decks] == lessons
    for deck in decks:
        assert 12 <= deck.read_text("utf-8").count("<section ") <= 24


def test_a_cell_that_is_not_there_is_named() -> None:
    build = builder()
    cells = {"x": {"cell_type": "markdown", "source": "one\n\n**Predict.** two"}}
    assert "two" in build.piece(cells, "x#predict")
    assert "one" not in build.piece(cells, "x#2")
    for name in ("y", "x#3"):
        with pytest.raises(build.NoSuchPiece):
            build.piece(cells, name)


def test_nothing_leads_out_of_the_folder(decks: list[Path]) -> None:
    for deck in decks:
        for target in re.findall(r"\b(?:src|href)=[\"']([^\"']+)", deck.read_text("utf-8")):
            assert target.startswith(("data:", "reveal.js/", "#")), target
            if target.startswith("reveal.js/"):
                assert (deck.parent / target).is_file()


def test_the_command_is_in_the_makefile() -> None:
    said = subprocess.run(["make", "-n", "slides"], cwd=ROOT, capture_output=True, text=True)
    assert "scripts/slides/make" in said.stdout


FITS = """() => {
  const slide = Reveal.getCurrentSlide();
  const wide = [...slide.querySelectorAll('*')].filter(e => getComputedStyle(e).display != 'inline');
  const small = [...slide.querySelectorAll('p, li, td, pre')].map(e => parseFloat(getComputedStyle(e).fontSize));
  const pictures = [...slide.querySelectorAll('img[src*="svg+xml"]')];
  return {cell: slide.dataset.cell, height: slide.scrollHeight, smallest: Math.min(...small, 99),
          width: Math.max(0, ...wide.map(e => e.scrollWidth > e.clientWidth + 2 ? e.scrollWidth : 0)),
          picture: Math.min(...pictures.map(e => 14 * e.clientWidth / e.naturalWidth), 99),
          nameless: [...slide.querySelectorAll('img')].filter(e => !e.alt).length};
}"""


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)")
def test_every_slide_fits_and_keys_work(decks: list[Path]) -> None:
    from playwright.sync_api import sync_playwright

    requests: list[str] = []
    misfits: list[Any] = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.on("request", lambda request: requests.append(request.url))
        for deck in decks:
            page.goto(deck.as_uri())
            page.wait_for_function("window.Reveal && Reveal.isReady()")
            for number in range(page.evaluate("Reveal.getTotalSlides()")):
                page.evaluate(f"Reveal.slide({number})")
                seen = page.evaluate(FITS)
                if (
                    seen["height"] > 700
                    or seen["width"] > 1280
                    or seen["nameless"]
                    or min(seen["smallest"] - 4, seen["picture"]) < 11
                ):
                    misfits.append((deck.stem, number + 1, seen))
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("Reveal.getIndices().h") == 1
        browser.close()
    assert misfits == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
