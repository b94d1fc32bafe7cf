"""How fast a film answers a key press, in a real browser: from the event to the painted frame."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from redelivery.display.film import MEDIA_TYPE
from redelivery.display.svg import to_svg
from tests.films import long_replay, page_of

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Notes for each key press how long it took until the frame with the answer was painted.
_WATCH = """
window.taken = [];
document.addEventListener("keydown", (event) => {
    const started = event.timeStamp;
    requestAnimationFrame(() => setTimeout(() => window.taken.push(performance.now() - started)));
}, true);
"""


def key_presses() -> tuple[list[float], int, int] | None:
    """Milliseconds of each of the key presses that step through a long counterexample and back, and the bytes of its
    film and of its picture; None where there is no browser."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return None
    from playwright.sync_api import sync_playwright

    replay = long_replay()
    film = json.loads(replay._repr_mimebundle_()[MEDIA_TYPE])
    assert replay.timeline is not None
    picture = to_svg(replay.timeline, "")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "film.html"
        path.write_text(page_of(film, picture), encoding="utf-8")
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=browser, args=flags)
        page = opened.new_page(viewport={"width": 1300, "height": 900})
        page.goto(path.as_uri())
        page.evaluate(_WATCH)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_function("window.taken.length === 2")
        for number, key in enumerate(["ArrowRight"] * len(film["steps"]) + ["ArrowLeft"] * len(film["steps"]), 3):
            page.keyboard.press(key)
            page.wait_for_function(f"window.taken.length === {number}")
        taken = page.evaluate("window.taken.slice(2)")
        opened.close()
    return taken, len(json.dumps(film).encode()), len(picture.encode())
