"""Films of runs: what they hold, how large they are, and how they are shown, in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redelivery.checking.part import Replay
from redelivery.display.film import MEDIA_TYPE
from redelivery.display.svg import to_svg
from redelivery.display.widgets.explorer import GuaranteeExplorer
from redelivery.display.widgets.scheduler import Scheduler
from redelivery.exercises.catalogue import part_of
from redelivery.exercises.exercise import exercise
from redelivery.exercises.verify import SETUP
from redelivery.lessons.faulty_day import ORDERS, a_day
from redelivery.simulation.program import Cell, SourceProgram
from tests.films import LONG, RACE, long_replay, page_of

BROWSER = next((f for n in ("chromium", "chromium-browser", "google-chrome") if (f := shutil.which(n))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)")
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def replay() -> Replay:
    return long_replay()


@pytest.fixture(scope="module")
def film(replay: Replay) -> dict[str, Any]:
    return replay.film


def test_a_film_says_what_the_timeline_says(replay: Replay, film: dict[str, Any]) -> None:
    assert len(film["steps"]) >= 60
    assert [step["text"] for step in film["steps"]] == [row.text for row in replay.timeline.rows]
    assert film["noReturn"] == replay.timeline.no_return
    assert any(step["fault"] for step in film["steps"])
    marked = [step for step in film["steps"] if step["line"]]
    assert marked
    for step in marked:
        assert "db.execute" in film["files"][step["file"]]["lines"][step["line"] - 1]
    last = film["tables"][film["steps"][-1]["tables"]]
    assert ["processed", ["message_id"], [["8"]], ["1"], 0] in last
    assert film["noReturn"] == 31


def test_a_picture_of_sixty_steps_is_small(replay: Replay, film: dict[str, Any]) -> None:
    assert len(json.dumps(film, ensure_ascii=False).encode()) < 200_000
    assert len(to_svg(replay.timeline, replay.headline).encode()) < 200_000
    kept = replay._repr_mimebundle_()
    assert set(kept) == {"text/plain", "text/html", MEDIA_TYPE}
    assert sum(len(value.encode()) for value in kept.values()) < 400_000


def test_of_a_very_long_run_the_picture_is_kept_and_no_film() -> None:
    """A duplicate after a hundred other messages: some 700 steps."""
    shown = exercise("05").replay("record_and_check", RACE, schedule="", scenario=7)
    assert len(shown.run.events) > 600
    kept = shown._repr_mimebundle_()
    assert set(kept) == {"text/plain", "text/html"}
    assert len(to_svg(shown.timeline, shown.headline).encode()) < 200_000


def test_two_runs_give_one_film(film: dict[str, Any]) -> None:
    assert long_replay().film == film


def test_what_is_proved_has_no_film() -> None:
    report = exercise("05").report("record_and_check", "def handle(message, db):\n    raise NotImplementedError")
    assert report.film is None
    assert set(report._repr_mimebundle_()) == {"text/plain", "text/html"}


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        opened = browser.new_page(viewport={"width": 1300, "height": 900})
        opened.outside = []
        ours = ("file:", "data:")
        opened.on("request", lambda r: None if r.url.startswith(ours) else opened.outside.append(r.url))
        yield opened
        browser.close()


def accessible(page: Any, where: str) -> list[str]:
    """What axe-core finds wrong in a part of a page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=where).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def opened(page: Any, film: dict[str, Any], folder: Path, picture: str = "") -> None:
    """A page that shows a film, with the stage open."""
    path = folder / "film.html"
    path.write_text(page_of(film, picture), "utf-8")
    page.goto(path.as_uri())
    page.get_by_role("button", name="Step through it").click()


@needs_browser
def test_every_step_by_keyboard_and_by_mouse(page: Any, film: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "film.html"
    path.write_text(page_of(film, '<img alt="timeline" src="data:image/svg+xml;base64,">'), "utf-8")
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("▶ Step through it")
    page.keyboard.press("Enter")
    say = page.locator(".rd-say")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"
    steps = film["steps"]
    ticks = page.locator(".rd-tick")
    assert ticks.count() == len(steps)
    for number, step in enumerate(steps, 1):
        page.keyboard.press("ArrowRight")
        assert f"Step {number} of {len(steps)}" in say.inner_text()
        assert step["text"] in say.inner_text()
        assert ticks.nth(number - 1).text_content() == step["choice"]
        if number < len(steps):  # what is still to come can't be read
            assert ticks.nth(number).text_content() == ""
        if step["line"]:
            code = film["files"][step["file"]]["lines"][step["line"] - 1]
            assert code.strip() in page.locator(".rd-here").inner_text()
        assert (page.locator(".rd-lost").count() == 1) is (number >= film["noReturn"])
    page.keyboard.press("Home")
    assert "Before the first" in say.inner_text()
    page.keyboard.press("End")
    assert "This is the end" in say.inner_text()
    page.get_by_role("button", name="Step back").click()
    assert f"Step {len(steps) - 1} of" in say.inner_text()
    page.get_by_role("button", name="First step").click()
    assert page.get_by_role("button", name="Step back").is_disabled()
    ticks.nth(2).click()
    assert "Step 3 of" in say.inner_text()
    assert page.get_by_role("slider", name="Step").get_attribute("aria-valuetext") == f"3 of {len(steps)}"
    page.get_by_role("button", name="Step through it").click()
    assert page.locator(".rd-stage").count() == 0
    assert page.outside == []


@needs_browser
def test_it_plays_by_itself(page: Any, film: dict[str, Any], tmp_path: Path) -> None:
    opened(page, film, tmp_path)
    page.get_by_label("Speed").select_option("fast")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('.rd-say').textContent.startsWith('Step 2 of')")
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("button", name="Play").count() == 1


@needs_browser
def test_what_changed_and_who_holds_what_is_marked(page: Any, film: dict[str, Any], tmp_path: Path) -> None:
    opened(page, film, tmp_path)
    ticks = page.locator(".rd-tick")
    changed = next(n for n, s in enumerate(film["steps"]) if n and s["tables"] != film["steps"][n - 1]["tables"]) + 1
    ticks.nth(changed - 1).click()
    assert "25" in page.locator(".rd-new").first.inner_text()
    assert page.locator(".rd-coin").first.inner_text() == "25 ✉8"
    assert page.locator(".rd-left .rd-envelope").inner_text() == "✉ 8"
    crash = next(n for n, s in enumerate(film["steps"], 1) if s["fault"])
    ticks.nth(crash - 1).click()
    assert "rd-fault" in ticks.nth(crash - 1).get_attribute("class")
    assert "Fault." in page.locator(".rd-say").inner_text()
    assert page.locator(".rd-queue .rd-envelope").inner_text() == "✉ 8 again"
    assert accessible(page, ".rd-film") == []


@needs_browser
def test_texts_of_a_learner_are_texts(page: Any, film: dict[str, Any], tmp_path: Path) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    changed = json.loads(json.dumps(film))
    changed["title"] = evil
    for step in changed["steps"]:
        step.update(text=evil, prints=evil)
    changed["tables"] = [[[evil, [evil], [[evil]], [evil], 0]] for _ in changed["tables"]]
    changed["beliefs"] = [[0, 1, evil, evil, 1, evil, [evil]] for _ in changed["beliefs"]]
    changed["coins"] = [[evil, evil, evil, evil, "A", 1, True, False] for _ in changed["coins"]]
    changed["queues"] = [[[evil, "queue", True, False], [evil, "A", True, False]] for _ in changed["queues"]]
    changed["files"] = [{"lines": [evil] * 30}]
    path = tmp_path / "film.html"
    path.write_text(page_of(changed, "").replace("</script></body>", "</script></body>"), "utf-8")
    page.goto(path.as_uri())
    page.get_by_role("button", name="Step through it").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert page.title() == "Film"
    assert page.locator(".rd-film img").count() == 0


# -- break it yourself ---------------------------------------------------------------------------------------


def scheduler(source: str | None = None) -> Scheduler:
    part: Any = part_of("05-record-and-check", "break_it" if source is None else "record_and_check")
    program = part.program if source is None else SourceProgram([SETUP, Cell("record_and_check", source)])
    return Scheduler(program, part.scenario if source is None else part.scenarios[0], "Break it yourself")


def texts(widget: Scheduler) -> list[str]:
    return [choice["text"] for choice in widget.position["choices"]]


def test_what_can_happen_is_offered_and_nothing_else() -> None:
    widget = scheduler()
    assert texts(widget) == ["A", "B"]
    widget.do("A")
    assert {"A", "A!", "+A"} <= set(texts(widget))
    before = widget.position
    widget.do("B!")  # B has nothing in hand
    assert widget.position == before
    widget.do("A!")
    assert "A!" not in texts(widget)


def test_a_choice_says_what_it_would_do() -> None:
    widget = scheduler(RACE)
    labels = [choice["label"] for choice in widget.position["choices"]]
    assert labels == ["A: receive a message", "B: receive a message"]
    for choice in "AAA":
        widget.do(choice)
    labels = [choice["label"] for choice in widget.position["choices"]]
    assert labels[0] == "A: line 4, COMMIT"
    assert "A crashes" in labels
    assert "the queue delivers A's message again" in labels
    widget.do("undo")
    assert widget.position["choices"][0]["label"] == "A: line 4, UPDATE account"


def test_every_press_is_answered_even_where_nothing_can_be_done() -> None:
    """A page that waits for an answer in vain says that the kernel may have been restarted."""
    widget = scheduler()
    for count, what in enumerate(["A", "B!", "undo", "nonsense"], 1):
        widget.pressed = {"do": what, "count": count}
        assert widget.position["answered"] == count
    assert widget.schedule == ""


def test_what_is_wrong_is_so_from_the_step_that_made_it_so() -> None:
    widget = scheduler(RACE)
    for choice in ["A", "A", "A", "A", "+A", "B", "B", "B"]:
        widget.do(choice)
    assert widget.position["broken"]
    assert widget.position["film"]["wrongFrom"] is None
    widget.do("B")
    assert widget.position["film"]["wrongFrom"] == 9
    assert widget.position["film"]["steps"][-1]["musts"] == [[0, "100", "account", "666"]]


def test_it_says_when_it_is_broken_and_the_schedule_is_an_answer() -> None:
    widget = scheduler()
    for choice in ("A", "A", "A", "+A", "B", "B", "A"):
        widget.do(choice)
        assert not widget.position["broken"]
    widget.do("A?")
    assert widget.position["broken"]
    assert "account 666 holds 0" in widget.position["verdict"]
    assert exercise("05").report("break_it", widget.schedule).passed
    widget.do("undo")
    assert widget.schedule == "AAA+ABBA"
    assert not widget.position["broken"]
    widget.do("restart")
    assert widget.schedule == ""


def test_a_handler_of_one_s_own() -> None:
    widget = scheduler(LONG)
    assert widget.position["verdict"].startswith("✓ Not broken yet")
    while "A" in texts(widget) and len(widget.choices) < 40:
        widget.do("A")
    assert "ended right" in widget.position["verdict"] or "B" in texts(widget)


def test_outside_of_a_notebook_there_is_the_run_without_faults() -> None:
    shown = exercise("05").try_to_break("break_it")
    assert isinstance(shown, Replay)
    assert shown.ends_right


def test_without_a_frontend_a_widget_is_a_picture_and_a_text() -> None:
    for widget in (scheduler(), GuaranteeExplorer()):
        shown = widget._repr_mimebundle_()
        data = shown[0] if isinstance(shown, tuple) else shown
        assert "<img alt=" in data["text/html"]
        assert len(data["text/plain"]) > 80


# -- the explorer --------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_picture() -> None:
    one, other = GuaranteeExplorer(seed=3), GuaranteeExplorer(seed=3)
    assert one.picture == other.picture
    assert one.picture != GuaranteeExplorer(seed=4).picture
    one.loss = 0.4
    assert one.picture != other.picture


@pytest.mark.parametrize("seed", range(1, 30))
def test_where_to_acknowledge_decides_what_can_happen(seed: int) -> None:
    before, after = (a_day(0.2, 0.2, 0.2, order, seed) for order in ORDERS)
    assert before.repeated == 0
    assert before.lost > 0
    assert after.lost == 0
    assert after.repeated > 0
    assert a_day(0.0, 0.0, 0.0, "after the work", seed).done == (1,) * 1000
    assert a_day(0.4, 0.4, 0.0, "before the work", seed).lost == 0
