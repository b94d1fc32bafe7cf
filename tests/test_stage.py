"""The stage, looked at in a real browser: five moments of the lecture's race, with and without motion, large and small,
light and dark. Its screenshots are in the folder of the test run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redelivery.checking.part import Replay, Report
from redelivery.display.page import film_text, staged
from redelivery.display.svg import LEAST, as_image, to_svg
from redelivery.display.widgets.scheduler import Scheduler
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.exercise import exercise
from redelivery.exercises.verify import SETUP
from redelivery.simulation.program import Cell, SourceProgram
from tests.films import RACE, page_of

BROWSER = next((f for n in ("chromium", "chromium-browser", "google-chrome") if (f := shutil.which(n))), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)"),
    pytest.mark.xdist_group("browser"),
]
#: Steps of the lecture's race, in its smallest form.
MOMENTS = {"receive": 1, "redelivery": 5, "contradicted-belief": 7, "wrong-balance": 9, "end": 15}
QOS2 = """class Receiver:
    def __init__(self, db):
        self.db = db

    def on_publish(self, packet_id, payload):
        self.db["inbox"].insert({"payload": payload})
        return "PUBREC"

    def on_pubrel(self, packet_id):
        return "PUBCOMP"
"""
#: A text that is painted, and how large: of SVG, as it is scaled.
SIZES = """root => {
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const box = node.parentElement;
    if (!node.data.trim() || !box.getClientRects().length) continue;
    if (['title', 'desc', 'style'].includes(box.localName)) continue;
    const size = parseFloat(getComputedStyle(box).fontSize);
    const svg = box.closest('svg');
    found.push([size * (svg?.viewBox.baseVal?.width ? svg.getScreenCTM().a : 1), node.data.trim().slice(0, 40)]);
  }
  return found;
}"""
#: The same of pictures that are images: the text is 14 in them.
IMAGES = """root => [...root.querySelectorAll('img')].map(image => 14 * image.clientWidth / image.naturalWidth)"""


@pytest.fixture(scope="module")
def race() -> Report:
    report = exercise("05").report("record_and_check", RACE)
    assert report.schedule == "AAAA+ABBBBBBBAAA"
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        yield opened
        opened.close()


def picture_of(shown: Report | Replay) -> str:
    assert shown.timeline is not None
    return as_image(to_svg(shown.timeline, shown.headline), f"{shown.headline}. Timeline")


def stage(browser: Any, shown: Report | Replay, folder: Path, width: int = 1440, **more: Any) -> Any:
    """A page on which the stage of a run is open."""
    path = folder / "stage.html"
    assert shown.film is not None
    path.write_text(page_of(shown.film, picture_of(shown)), "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, **more)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(path.as_uri())
    page.get_by_role("button", name="Step through it").click()
    return page


def go(page: Any, number: int) -> None:
    page.locator(".rd-tick").nth(number - 1).click()


def accessible(page: Any, where: str) -> list[str]:
    """What axe-core finds wrong in a part of a page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=where).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024])
def test_five_moments_of_the_lecture_s_race(
    browser: Any, race: Report, tmp_path: Path, width: int, scheme: str
) -> None:
    page = stage(browser, race, tmp_path, width, color_scheme=scheme, reduced_motion="reduce")
    seen, coins = {}, {}
    for name, number in MOMENTS.items():
        while number > int(page.get_by_role("slider", name="Step").get_attribute("aria-valuenow")):
            page.keyboard.press("ArrowRight")
        page.locator(".rd-stage").screenshot(path=str(tmp_path / f"{name}-{width}-{scheme}.png"))
        seen[name] = page.locator(".rd-board").inner_text()
        coins[name] = page.locator(".rd-purse .rd-coin").all_inner_texts()
        assert accessible(page, ".rd-film") == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert coins["receive"] == []
    assert coins["redelivery"] == ["100 ✉8"]
    assert coins["wrong-balance"] == ["100 ✉8", "100 ✉8 again"]
    assert "✉ 8" in seen["receive"]
    assert "✉ 8 again" in seen["redelivery"]
    assert "B knows: 8 not in processed (step 7). ↯ A credited 8 already, in step 4." in seen["contradicted-belief"]
    assert "must be 100" in seen["wrong-balance"]
    assert "must be 100" not in seen["contradicted-belief"]
    assert "acknowledged: 8" in seen["end"]
    assert page.errors == []
    assert len(list(tmp_path.glob("*.png"))) == len(MOMENTS)
    page.close()


def test_a_key_is_answered_before_the_next_frame_is_drawn(browser: Any, race: Report, tmp_path: Path) -> None:
    """What a press changes is changed when its event is over, with no timer between. How long it took from the key to
    the paint, as the browser measured it, is kept in measured.json beside the screenshots."""
    page = stage(browser, race, tmp_path, reduced_motion="no-preference")
    page.evaluate(
        "() => { window.took = []; new PerformanceObserver(list => window.took.push(...list.getEntries()"
        ".filter(one => one.name === 'keydown').map(one => one.duration)))"
        ".observe({type: 'event', durationThreshold: 16, buffered: true}); }"
    )
    at_once = page.evaluate(
        "() => { const strip = document.querySelector('.rd-strip'), seen = [];"
        " for (const key of ['ArrowRight', 'ArrowRight', 'Home']) {"
        " strip.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));"
        " seen.push(document.querySelector('.rd-say').textContent.slice(0, 7)); } return seen; }"
    )
    assert at_once == ["Step 1 ", "Step 2 ", "Before "]
    page.locator(".rd-strip").focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(60)
    took = page.evaluate("window.took")  # faster ones than 16 ms are not listed
    measured = {
        "presses": 15,
        "slower than 16 ms": sorted(took, reverse=True),
        "film, bytes": len(film_text(race.film)),
    }
    (tmp_path / "measured.json").write_text(json.dumps(measured), "utf-8")
    assert page.locator(".rd-say").inner_text().startswith("Step 15 of 15")
    page.close()


def test_an_arc_joins_what_was_read_and_what_was_written(browser: Any, race: Report, tmp_path: Path) -> None:
    page = stage(browser, race, tmp_path, reduced_motion="reduce")
    arcs = page.locator(".rd-lines path.rd-red.rd-dashed")
    go(page, 4)
    assert page.locator(".rd-against").count() == 0
    assert arcs.count() == 0
    go(page, 7)
    assert page.locator(".rd-right .rd-against").count() == 1
    assert arcs.count() == 2  # and the one along which the message came again
    go(page, 9)
    assert page.locator(".rd-against").count() == 2
    page.close()


def test_an_envelope_slides_and_keeps_still_where_motion_is_not_wanted(
    browser: Any, race: Report, tmp_path: Path
) -> None:
    page = stage(browser, race, tmp_path, reduced_motion="no-preference")
    flying = "document.querySelectorAll('.rd-fly').length"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.getAnimations().map(one => one.effect.getTiming().duration)") == [300]
    page.wait_for_function(f"{flying} === 0")
    page.close()
    page = stage(browser, race, tmp_path, reduced_motion="reduce")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate(flying) == 0
    assert page.locator(".rd-left .rd-envelope").inner_text() == "✉ 8"
    page.close()


def test_a_lost_acknowledgement_starts_back_and_breaks(browser: Any, tmp_path: Path) -> None:
    shown = exercise("05").replay("record_and_check", RACE, schedule="AAAAAAA~")
    page = stage(browser, shown, tmp_path, reduced_motion="reduce")
    lost = next(step["number"] for step in shown.film["steps"] if step["kind"] == "lost ack")
    go(page, lost)
    assert page.locator(".rd-lines text").text_content() == "ack 8"
    assert page.locator(".rd-lines path.rd-red").count() == 2  # the way, and where it breaks
    assert page.locator(".rd-queue .rd-envelope").inner_text() == "✉ 8 again"
    page.close()


def test_each_pane_has_its_own_line_and_its_own_transaction(browser: Any, race: Report, tmp_path: Path) -> None:
    page = stage(browser, race, tmp_path, reduced_motion="reduce")
    go(page, 8)
    assert page.locator(".rd-left .rd-next").text_content().startswith("  8 ▷")
    assert page.locator(".rd-right .rd-here").text_content().startswith("  4 ▶")
    assert page.locator(".rd-left .rd-foot").inner_text() == "no transaction open"
    assert page.locator(".rd-right .rd-foot").inner_text() == "transaction open"
    page.close()


#: Zoom makes pixels larger and so the page narrower: 1440 at 200 % is 720 pixels of CSS; 390 is a phone.
@pytest.mark.parametrize("width", [1440, 1024, 720, 512, 390])
def test_text_can_be_read_at_any_width(browser: Any, race: Report, tmp_path: Path, width: int) -> None:
    page = stage(browser, race, tmp_path, width, device_scale_factor=1440 / width, reduced_motion="reduce")
    go(page, 9)
    sizes = page.locator(".rd-film").evaluate(SIZES)
    assert len(sizes) > 40
    assert min(sizes)[0] >= LEAST, min(sizes)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert accessible(page, ".rd-film") == []
    page.locator(".rd-stage").screenshot(path=str(tmp_path / f"width-{width}.png"))
    page.close()


@pytest.mark.parametrize(("width", "media"), [(1440, "screen"), (720, "screen"), (390, "screen"), (718, "print")])
def test_the_picture_alone_can_be_read_without_a_script(
    browser: Any, race: Report, tmp_path: Path, width: int, media: str
) -> None:
    path = tmp_path / "picture.html"
    path.write_text(f"<!DOCTYPE html><title>x</title><body style='margin:0'>{picture_of(race)}</body>", "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=True)
    page.emulate_media(media=media)
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('img').complete")
    (size,) = page.locator("body").evaluate(IMAGES)
    assert size >= LEAST
    wide = page.evaluate("document.querySelector('img').clientWidth")
    assert wide <= 900
    if media == "print":  # nobody can scroll a sheet of paper
        assert wide <= width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_in_the_page_the_picture_s_text_is_text(browser: Any, race: Report, tmp_path: Path) -> None:
    """It is read in the order of the steps, and what was shortened is shown in full where it is pointed at."""
    page = stage(browser, race, tmp_path)
    picture = page.locator(".rd-picture")
    rows = picture.locator(".rd-row").all_inner_texts()
    assert len(rows) == 15
    assert picture.locator("title", has_text="balance = balance + 100 WHERE id = 666").count() == 2
    assert picture.locator("script, a, image, foreignObject, style").count() == 0
    page.close()


def test_what_is_no_picture_of_ours_is_not_taken_over(browser: Any, race: Report, tmp_path: Path) -> None:
    evil = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="document.title=1"><script>document.title=2'
        '</script><g class="rd-row" onclick="document.title=3"><a href="javascript:document.title=4"><text>x</text></a>'
        "<foreignObject><img src='x' onerror='document.title=5'/></foreignObject><text>y</text></g></svg>"
    )
    path = tmp_path / "evil.html"
    assert race.film is not None
    path.write_text(page_of(race.film, as_image(evil, "x")), "utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.locator(".rd-picture .rd-row").dispatch_event("click")
    page.wait_for_timeout(100)
    assert page.title() == "Film"
    names = page.locator(".rd-picture").evaluate("p => [...p.querySelectorAll('*')].map(e => e.localName)")
    assert sorted(names) == ["g", "svg", "text"]
    assert page.locator(".rd-picture [onclick], .rd-picture [onload]").count() == 0
    page.close()


OTHERS = {
    "qos2": lambda: exercise("01").report("qos2_receiver", QOS2),
    "redis": lambda: exercise("05").replay(
        "record_and_check_redis",
        "def handle(message, redis):\n"
        "    if not redis.exists(f'done:{message.id}'):\n"
        "        redis.incrby(f\"balance:{message.body['account']}\", message.body['amount'])\n"
        "        redis.set(f'done:{message.id}', 1)\n",
        schedule="AAA+ABBB",
    ),
    "many": lambda: exercise("05").replay("record_and_check", RACE, schedule="", scenario=4),
    "loop": lambda: exercise("01").replay(
        "at_least_once",
        "def at_least_once(queue, process):\n"
        "    while message := queue.receive():\n        process(message)\n        queue.ack(message)\n",
        schedule="AAA!",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_parts_are_at_home_on_the_stage(browser: Any, tmp_path: Path, name: str) -> None:
    shown = OTHERS[name]()
    assert shown.film is not None
    assert len(json.dumps(shown.film, ensure_ascii=False).encode()) <= 200_000
    page = stage(browser, shown, tmp_path, 1024, reduced_motion="reduce")
    for number in range(1, len(shown.film["steps"]) + 1):
        page.keyboard.press("ArrowRight")
        assert f"Step {number} of" in page.locator(".rd-say").inner_text()
        outside = page.locator(".rd-board").evaluate(
            "b => [...b.querySelectorAll('.rd-box')].filter(e => e.getBoundingClientRect().right > "
            "b.getBoundingClientRect().right + 1).length"
        )
        assert outside == 0
    page.locator(".rd-stage").screenshot(path=str(tmp_path / f"{name}.png"))
    assert accessible(page, ".rd-film") == []
    assert page.errors == []
    page.close()


def test_a_page_of_its_own_has_the_stage_and_asks_nobody(browser: Any, race: Report, tmp_path: Path) -> None:
    path = tmp_path / "own.html"
    body = staged(race._repr_html_(), race.film)
    path.write_text(f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>x</title>{body}</html>', "utf-8")
    page = browser.new_page()
    outside: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else outside.append(r.url))
    page.goto(path.as_uri())
    page.get_by_role("button", name="Step through it (15 steps)").click()
    page.keyboard.press("End")
    assert "This is the end" in page.locator(".rd-say").inner_text()
    assert outside == []
    page.close()
    assert staged("<p>proved</p>", None) == "<p>proved</p>"


#: A kernel that answers with the positions it was given, one a press, and then is gone.
KERNEL = """
const positions = POSITIONS;
const heard = [];
window.pressed = [];
render({
  el: document.getElementById("widget"),
  model: {
    get: () => positions[0],
    set: (name, value) => window.pressed.push(value.do),
    save_changes: () => positions.length > 1 && setTimeout(() => {
      positions.shift();
      for (const one of heard) one();
    }),
    on: (name, listener) => heard.push(listener),
    off: () => {},
  },
});
"""


def test_somebody_who_waits_for_a_kernel_that_was_restarted_is_told(browser: Any, tmp_path: Path) -> None:
    part: Any = part_of("05-record-and-check", "record_and_check")
    program = SourceProgram([SETUP, Cell("record_and_check", RACE)])
    widget = Scheduler(program, part.scenarios[0], "Break it yourself")
    positions = [widget.position]
    for choice in ("A", "A"):
        widget.do(choice)
        positions.append(widget.position)
    code = str(Scheduler._esm).replace("export default { render };", "")
    assert code != str(Scheduler._esm)
    kernel = KERNEL.replace("POSITIONS", json.dumps(positions))
    path = tmp_path / "widget.html"
    path.write_text(
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>x</title><main><h1>x</h1><div id="widget"></div>'
        f'</main><script type="module">{code}{kernel}</script></html>',
        "utf-8",
    )
    page = browser.new_page(viewport={"width": 1024, "height": 900})
    page.goto(path.as_uri())
    page.get_by_role("button", name="A: receive a message").click()
    page.wait_for_function("document.querySelectorAll('.rd-tick').length === 1")
    assert page.locator(".rd-left .rd-envelope").inner_text() == "✉ 8"
    page.get_by_role("button", name="A: line 2, SELECT processed").click()
    page.wait_for_function("document.querySelectorAll('.rd-tick').length === 2")
    page.locator(".rd-widget").screenshot(path=str(tmp_path / "try_to_break.png"))
    assert page.locator(".rd-widget .rd-lost").inner_text() == ""
    page.get_by_role("button", name="A: line 4, UPDATE account").click()
    page.get_by_text("If it was restarted, run this cell again").wait_for()
    assert page.evaluate("pressed") == ["A", "A", "A"]
    assert accessible(page, ".rd-widget") == []
    page.close()
