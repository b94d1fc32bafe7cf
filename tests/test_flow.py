"""The way through an exercise in JupyterLab, as `make lab` starts it: from opening it to the verdict, and what is said
there. Everything is counted in presses and pixels."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redelivery.exercises.catalogue import EXERCISES, heading_of, next_after
from redelivery.exercises.exercise import exercise
from tests.films import RACE
from tests.test_browser import BROWSER, LONG, ROOT, TOKEN, _answer, accessible, dark, lab, page
from tests.test_stage import SIZES

__all__ = ["dark", "lab", "page"]  # fixtures
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)"),
    pytest.mark.xdist_group("browser"),
]
#: Where the first verdict of the page is, and the part of the page that can be seen.
PLACES = """() => {
  const page = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect();
  return [...document.querySelectorAll('.rd-banner')].map(one => {
    const box = one.getBoundingClientRect();
    return {top: box.top - page.top, bottom: box.bottom - page.bottom, text: one.innerText};
  });
}"""
IS_IN_VIEW = """e => {
  const [box, page] = [e, document.querySelector('.jp-WindowedPanel-outer')].map(one => one.getBoundingClientRect());
  return box.top >= page.top - 1 && box.bottom <= page.bottom;
}"""
ANCHOR = "Part-2:-record_and_check_redis-(3-points)"
BY_ID = f"document.querySelector('[data-jupyter-id=\"{ANCHOR}\"]')"
NUMBERS = itertools.count(1)


def opened(page: Any, lab: tuple[str, Path], notebook: str) -> None:
    """A notebook, opened and not touched."""
    page.goto(f"{lab[0]}/lab/tree/{notebook}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
    page.locator(".jp-StatusBar-Widget, .jp-StatusBar-TextItem").get_by_text("| Idle").first.wait_for(timeout=LONG)
    page.wait_for_function("document.querySelectorAll('.jp-Notebook .jp-CodeCell .cm-lineNumbers').length > 3")


def press(page: Any, times: int) -> None:
    """Shift+Enter so many times, on a notebook that was just opened."""
    page.locator(".jp-Notebook").first.focus()
    page.keyboard.press("Escape")
    for _ in range(times):
        page.keyboard.press("Shift+Enter")


@pytest.fixture
def copied(lab: tuple[str, Path]) -> Iterator[Any]:
    """A fresh copy of an exercise under another name, so that no test sees another's answers."""
    made: list[Path] = []

    def copy(name: str) -> str:
        path = lab[1] / "exercises" / f"flow-{next(NUMBERS)}-{name}"  # a name that was used has its kernel still
        shutil.copy(ROOT / "exercises" / name, path)
        made.append(path)
        return str(path.relative_to(lab[1]))

    yield copy
    for path in made:
        path.unlink()


@pytest.mark.parametrize("name", EXERCISES)
def test_five_presses_lead_from_opening_an_exercise_to_its_first_verdict(
    page: Any, lab: tuple[str, Path], copied: Any, name: str
) -> None:
    opened(page, lab, copied(f"{name}.ipynb"))
    press(page, 5)
    page.wait_for_selector(".rd-banner", timeout=LONG)
    (shown,) = page.evaluate(PLACES)
    assert "NOT SOLVED YET" in shown["text"]
    assert shown["top"] >= 0
    assert shown["bottom"] <= 0
    assert page.outside == []


def test_opening_a_notebook_changes_nothing(page: Any, lab: tuple[str, Path], copied: Any) -> None:
    """The kernel's version is noted in the notebook by JupyterLab; it is not marked as changed by that."""
    opened(page, lab, copied("05-record-and-check.ipynb"))
    page.wait_for_function("document.querySelector('.jp-Toolbar-kernelName').textContent.includes('Python 3')")
    page.wait_for_timeout(1500)
    assert page.locator(".jp-mod-dirty").count() == 0
    page.locator(".jp-Notebook").first.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("b")  # another cell
    page.wait_for_selector(".jp-mod-dirty")
    page.keyboard.press("Control+s")
    page.wait_for_function("document.querySelectorAll('.jp-mod-dirty').length === 0")


def test_cells_have_numbers_and_what_to_try_by_hand_is_folded(page: Any, lab: tuple[str, Path], copied: Any) -> None:
    opened(page, lab, copied("05-record-and-check.ipynb"))
    answer = page.locator(".jp-CodeCell", has_text="Credit the body").first
    assert answer.locator(".cm-lineNumbers .cm-gutterElement").last.inner_text() == "3"
    by_hand = page.locator(".jp-Cell", has_text='ex.replay("record_and_check", handle')
    assert not by_hand.first.is_visible()
    page.get_by_role("button", name="cells hidden").first.click()
    by_hand.first.wait_for(state="visible")


@pytest.mark.parametrize("again", [1, 2])
def test_a_verdict_is_in_the_window_after_the_check(
    page: Any, lab: tuple[str, Path], copied: Any, again: int, tmp_path: Path
) -> None:
    """The second time, too, when the first one's picture stands below it."""
    name = copied("05-record-and-check.ipynb")
    _answer(lab[1] / name, "record_and_check", RACE)
    page.set_viewport_size({"width": 1440, "height": 800})
    opened(page, lab, name)
    press(page, 5)
    page.wait_for_selector(".rd-banner", timeout=LONG)
    if again == 2:
        page.wait_for_selector(".rd-picture svg")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(
            "[...document.querySelectorAll('.jp-InputPrompt')].some(one => one.textContent.startsWith('[4]'))",
            timeout=LONG,
        )
    page.wait_for_function("document.querySelector('.rd-banner')?.innerText.includes('REFUTED')", timeout=LONG)
    page.wait_for_function(f"() => (({PLACES})()).every(one => one.top >= 0 && one.bottom <= 0)", timeout=LONG)
    (shown,) = page.evaluate(PLACES)
    page.screenshot(path=str(tmp_path / "verdict.png"))
    assert shown["top"] >= 0
    assert shown["bottom"] <= 0
    assert "▶ 2 │     if db" in shown["text"]
    page.set_viewport_size({"width": 1500, "height": 1000})


@pytest.mark.parametrize("width", [720, 390])
def test_text_is_large_enough_at_200_percent_and_on_a_phone(
    page: Any, lab: tuple[str, Path], copied: Any, width: int, tmp_path: Path
) -> None:
    """At 200 % a page of 1440 pixels is 720 wide."""
    name = copied("05-record-and-check.ipynb")
    _answer(lab[1] / name, "record_and_check", RACE)
    opened(page, lab, name)
    press(page, 5)
    page.wait_for_selector(".rd-picture svg", timeout=LONG)
    page.locator(".rd-film > button").first.click()
    page.keyboard.press("ArrowRight")
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function(f"window.innerWidth === {width}", timeout=LONG)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    sizes = page.locator(".jp-OutputArea-output:has(.rd-banner)").first.evaluate(SIZES)
    page.screenshot(path=str(tmp_path / f"lab-{width}.png"))
    page.set_viewport_size({"width": 1500, "height": 1000})
    assert len(sizes) > 60
    assert min(sizes)[0] >= 11, min(sizes)


def test_of_what_is_proved_it_says_what_it_is_worth_and_where_to_go(
    page: Any, lab: tuple[str, Path], copied: Any
) -> None:
    name = copied("05-record-and-check.ipynb")
    solved = json.loads((ROOT / "reference/solutions/05-record-and-check.ipynb").read_text("utf-8"))
    (answer,) = ("".join(cell["source"]) for cell in solved["cells"] if cell["id"] == "record_and_check")
    _answer(lab[1] / name, "record_and_check", answer)
    opened(page, lab, name)
    press(page, 5)
    page.wait_for_function("document.querySelector('.rd-banner')?.innerText.includes('PROVED')", timeout=LONG)
    said = page.locator(".rd-banner").inner_text().splitlines()
    assert "3 of 3 points" in said[0]
    assert said[2].startswith("Within these bounds every message is credited exactly once")
    assert said[3].startswith("Not covered: ")
    assert said[-1] == "Next: part 2, record_and_check_redis"
    heading = page.get_by_role("heading", name="Part 2: record_and_check_redis")
    page.locator(".jp-WindowedPanel-outer").first.evaluate("e => (e.scrollTop = 0)")
    assert heading.evaluate(IS_IN_VIEW) is False
    page.locator(".rd-banner a").evaluate("a => a.click()")
    page.wait_for_function(f"({IS_IN_VIEW})(document.getElementById('{ANCHOR}') ?? {BY_ID})")
    assert accessible(page, ".rd-banner") == []


def test_the_dark_theme_is_dark_all_over(page: Any, lab: tuple[str, Path], copied: Any, dark: None) -> None:
    name = copied("05-record-and-check.ipynb")
    _answer(lab[1] / name, "record_and_check", RACE)
    opened(page, lab, name)
    press(page, 5)
    page.wait_for_selector(".rd-banner", timeout=LONG)
    scheme = "getComputedStyle(document.querySelector('{}')).colorScheme"
    assert page.evaluate(scheme.format(".jp-NotebookPanel")) == "dark"  # scroll bars, and pictures that are images
    colours = page.locator(".rd-banner").evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    assert colours == ["rgb(58, 18, 25)", "rgb(230, 237, 243)"]
    assert accessible(page, ".rd-banner") == []


# -- without a browser ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXERCISES)
def test_every_part_has_the_heading_that_links_lead_to(name: str) -> None:
    cells = json.loads((ROOT / "exercises" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    lines = [line.strip() for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"]]
    for part in EXERCISES[name]:
        assert f"## {heading_of(name, part.grade_id)}" in [line.replace("`", "") for line in lines]
        _, address = next_after(name, part.grade_id)
        assert address.startswith("#") or (ROOT / address).is_file()


@pytest.mark.parametrize("name", EXERCISES)
def test_the_check_stands_below_the_answer(name: str) -> None:
    ids = [cell["id"] for cell in json.loads((ROOT / "exercises" / f"{name}.ipynb").read_text("utf-8"))["cells"]]
    for part in EXERCISES[name]:
        assert ids[ids.index(part.grade_id) + 1] == f"check_{part.grade_id}"


def test_names_of_mistakes_lead_to_headings_that_are_there() -> None:
    from redelivery.display.glossary import GROUPS, HEADINGS, PAGE, place_of

    cells = json.loads((ROOT / "course" / PAGE).read_text("utf-8"))["cells"]
    text = ["".join(cell["source"]) for cell in cells]
    for group, names in GROUPS.items():
        place = next(n for n, words in enumerate(text) if words.startswith(f"## {HEADINGS[group]}"))
        assert f'mistakes("{group}")' in text[place + 1]
        assert {place_of(name) for name in names} == {f"{PAGE}#{HEADINGS[group].replace(' ', '-')}"}


RAISES = {
    "NameError: name 'mesage' is not defined": "def handle(message, db):\n    db.execute(mesage)\n",
    "KeyError: 'amout'": "def handle(message, db):\n    return message.body['amout']\n",
    "OperationalError: no such table: acount": "def handle(message, db):\n    db.execute('DELETE FROM acount')\n",
}


@pytest.mark.parametrize("error", RAISES)
def test_what_raises_at_once_is_told_so_in_one_line(error: str) -> None:
    report = exercise("05").report("record_and_check", RAISES[error])
    assert report.headline == "RAISES AT ONCE   record_and_check"
    assert report.sentences == [f"Line 2 raises {error}, at once and without any fault."]
    assert "<svg" not in report._repr_html_() and "data:image" not in report._repr_html_()
    assert report.points == 0


@pytest.mark.parametrize("fault", ["A crash", "The duplicate"])
def test_what_raises_later_has_its_picture(fault: str) -> None:
    source = {
        "A crash": "def handle(message, db):\n    if message.attempt > 1:\n        raise ValueError\n"
        "    db.execute('UPDATE account SET balance = balance + 100')\n",
        "The duplicate": "def handle(message, db):\n    db.execute('UPDATE account SET balance = balance + 100')\n"
        "    db['processed'].insert({'message_id': message.id})\n",
    }[fault]
    report = exercise("05").report("record_and_check", source)
    assert report.at_once == ""
    assert report.headline.startswith(("REFUTED", "STUCK"))
    assert "data:image" in report._repr_html_()


STUB = "def handle(message, db):\n    raise NotImplementedError('write your answer here')\n"


def test_a_stub_is_not_solved_yet_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from redelivery import cli

    ex: Any = exercise("05")
    for shown in (
        ex.report("record_and_check", STUB),
        ex.replay("record_and_check", STUB, schedule="AAA"),
        ex.try_to_break("record_and_check", STUB),
    ):
        assert shown.headline == "NOT SOLVED YET   record_and_check"
    assert exercise("02").report("claims", dict.fromkeys(("toggle",))).headline == "NOT SOLVED YET   claims"
    path = str(ROOT / "exercises" / "05-record-and-check.ipynb")
    cli.main(["check", path])
    assert capsys.readouterr().out.count("NOT SOLVED YET") == 3
    cli.main(["replay", path, "record_and_check", "AAA"])
    assert "not solved yet" in " ".join(capsys.readouterr())


def test_code_between_backticks_is_code() -> None:
    from redelivery.checking.shown import with_code

    assert with_code("run `a < b` again") == "run <code>a &lt; b</code> again"


def test_an_excerpt_is_the_function_around_a_line() -> None:
    from redelivery.checking.shown import excerpt

    source = "x = 1\n\n\ndef one():\n    return 1\n\n\ndef two():\n    a = 1\n    return a\n"
    assert [(line.number, line.is_it) for line in excerpt(source, 9)] == [(8, False), (9, True), (10, False)]
    long = "def f():\n" + "".join(f"    a{n} = {n}\n" for n in range(40))
    assert [line.number for line in excerpt(long, 20)] == list(range(15, 26))
    assert excerpt(source, 99) == []
    assert [line.text for line in excerpt("def broken(:\n  x", 2)] == ["def broken(:", "  x"]
