"""The course as a learner meets it: JupyterLab, started by `make lab`, in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.films import RACE

ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
#: As root chromium needs --no-sandbox; the others keep it from calling home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)"),
    pytest.mark.xdist_group("browser"),
]
TOKEN = "browser-test"
#: Milliseconds, on the busiest machine.
LONG = 600_000


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`make lab` on a copy of the notebooks: the address, and the copy's folder."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("course", "exercises", "reference/solutions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    arguments = (
        f"--no-browser --port={port} --ServerApp.port_retries=0 --ServerApp.root_dir={folder} "
        f"--IdentityProvider.token={TOKEN}"
    )
    log = (folder / "lab.log").open("w")
    server = subprocess.Popen(
        ["make", "lab", f"LAB_ARGS={arguments}"],
        cwd=ROOT,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={TOKEN}", server, folder / "lab.log")
        yield address, folder
    finally:
        if server.poll() is None:
            os.killpg(server.pid, 15)
            server.wait(300)
        log.close()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + LONG / 1000
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not answer:\n{log.read_text()}")


@pytest.fixture(scope="module")
def page(lab: tuple[str, Path]) -> Iterator[Any]:
    """A page of a real browser that notes every request to another machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER,
            args=FLAGS,
        )
        opened = browser.new_page(viewport={"width": 1500, "height": 1000})
        opened.outside = []
        opened.on("request", lambda r: opened.outside.append(r.url) if not _is_here(r.url) else None)
        yield opened
        browser.close()


def _is_here(address: str) -> bool:
    return address.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:"))


def run_all(page: Any, lab: tuple[str, Path], notebook: str) -> list[dict[str, Any]]:
    """Open a notebook with nothing covered, run it from top to bottom, save it; its code cells as they then are."""
    address, folder = lab
    _clear(folder / notebook)
    page.add_init_script(f"localStorage.setItem('delivered-twice:predictions:{notebook}', '{{\"all\": true}}')")
    page.goto(f"{address}/lab/tree/{notebook}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
    idle = page.locator(".jp-StatusBar-Widget, .jp-StatusBar-TextItem").get_by_text("| Idle")
    idle.first.wait_for(timeout=LONG)
    page.click(".lm-MenuBar-itemLabel:text-is('Run')")
    page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
    quiet = 0
    until = time.monotonic() + LONG / 1000
    while quiet < 4 and time.monotonic() < until:
        page.wait_for_timeout(500)
        quiet = quiet + 1 if idle.count() else 0
    for _ in range(10):
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
        cells = _code_cells(folder / notebook)
        if all(cell["execution_count"] for cell in cells):
            return cells
    _shoot(page, f"unfinished-{Path(notebook).stem}")
    missing = ["".join(c["source"])[:60] for c in cells if not c["execution_count"]]
    raise AssertionError(f"{notebook} did not come to its end: {missing}")


def _code_cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [c for c in cells if c["cell_type"] == "code" and "".join(c["source"]).strip()]


def _clear(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    path.write_text(json.dumps(content), encoding="utf-8")


def _answer(path: Path, grade_id: str, source: str) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
            cell["source"] = source
    path.write_text(json.dumps(content), encoding="utf-8")


def _html(cells: list[dict[str, Any]]) -> str:
    return "".join("".join(output.get("data", {}).get("text/html", [])) for cell in cells for output in cell["outputs"])


def _shoot(page: Any, name: str) -> None:
    folder = os.environ.get("REDELIVERY_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


LESSONS = sorted(path.stem for path in (ROOT / "course").glob("0[0-5]-*.ipynb"))


def accessible(page: Any, where: str) -> list[str]:
    """What axe-core finds wrong in a part of a page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=where).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def in_view(page: Any, selector: str) -> Any:
    """The first such thing; JupyterLab draws cells when they are scrolled to."""
    wanted = page.locator(selector).first
    for _ in range(60):
        if wanted.count():
            wanted.scroll_into_view_if_needed()
            return wanted
        page.locator(".jp-WindowedPanel-outer, .jp-Notebook").first.hover()
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(60)
    raise AssertionError(f"there is no {selector}")


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_from_top_to_bottom_and_can_be_stepped_through(
    page: Any, lab: tuple[str, Path], lesson: str
) -> None:
    cells = run_all(page, lab, f"course/{lesson}.ipynb")
    errors = [o for cell in cells for o in cell["outputs"] if o["output_type"] == "error"]
    assert not errors
    assert "REFUTED" in _html(cells)
    page.keyboard.press("Control+Home")
    button = in_view(page, ".rd-film:not(.rd-widget) > button")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(".rd-film:not(.rd-widget) .rd-say").first.text_content().startswith("Step 2 of")
    if lesson.startswith("01"):
        _the_explorer_answers(page)
    _shoot(page, lesson)
    assert page.outside == []


def _the_explorer_answers(page: Any) -> None:
    explorer = in_view(page, ".rd-widget[aria-label='Guarantee explorer']")
    words = explorer.locator("p")
    page.wait_for_function("() => document.querySelector('.rd-widget p').textContent !== ''", timeout=LONG)
    before = words.text_content()
    assert "0 were lost" in before
    explorer.get_by_label("Acknowledgements that get lost").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("b => document.querySelector('.rd-widget p').textContent !== b", arg=before, timeout=LONG)
    explorer.get_by_label("Acknowledge", exact=True).select_option("before the work")
    page.wait_for_function(
        "() => document.querySelector('.rd-widget p').textContent.includes('repeated 0 times')", timeout=LONG
    )
    assert accessible(page, ".rd-widget[aria-label='Guarantee explorer']") == []
    _shoot(page, "explorer")


def test_the_consumer_is_broken_by_keyboard_alone_and_the_schedule_is_the_answer(
    page: Any, lab: tuple[str, Path]
) -> None:
    run_all(page, lab, "exercises/05-record-and-check.ipynb")
    widget = in_view(page, ".rd-widget[aria-label='Break it yourself']")
    verdict = widget.locator(".rd-verdict")
    assert "Not broken yet" in verdict.text_content()
    widget.locator("button").first.focus()
    for done in range(1, 4):
        page.keyboard.press("Enter")
        page.wait_for_function(
            "n => document.querySelectorAll('.rd-widget .rd-tick').length >= n && "
            "document.querySelector('.rd-widget input').value.length === n",
            arg=done,
            timeout=LONG,
        )
    for _ in range(12):  # Tab to the crash
        if page.evaluate("document.activeElement.dataset.text") == "A!":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.rd-verdict').textContent.includes('BROKEN')", timeout=LONG)
    assert "rd-broken" in verdict.get_attribute("class")
    assert widget.locator("input").input_value() == "AAAA!"
    assert accessible(page, ".rd-widget[aria-label='Break it yourself']") == []
    _shoot(page, "break-it")
    widget.get_by_role("button", name="Undo").click()
    page.wait_for_function("() => document.querySelector('.rd-widget input').value === 'AAA'", timeout=LONG)
    assert page.outside == []


@pytest.fixture
def dark(page: Any, lab: tuple[str, Path]) -> Iterator[None]:
    """JupyterLab's dark theme, for one test."""
    address = f"{lab[0]}/lab/api/settings/@jupyterlab/apputils-extension:themes?token={TOKEN}"
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        answer = page.request.put(address, data=json.dumps({"raw": json.dumps({"theme": theme})}))
        assert answer.ok, answer.text()
        if theme == "JupyterLab Dark":
            yield


@pytest.mark.parametrize("notebook", ["course/00-start-here", "exercises/05-record-and-check"])
def test_the_dark_theme(page: Any, lab: tuple[str, Path], dark: None, notebook: str) -> None:
    if notebook.startswith("exercises"):
        _answer(lab[1] / f"{notebook}.ipynb", "record_and_check", RACE)
    run_all(page, lab, f"{notebook}.ipynb")
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    page.keyboard.press("Control+Home")
    in_view(page, ".rd-film > button").click()
    assert accessible(page, ".rd-film") == []
    _shoot(page, f"dark-{Path(notebook).stem}")


def test_the_exercise_shows_the_race_refuted_with_its_timeline(page: Any, lab: tuple[str, Path]) -> None:
    notebook = lab[1] / "exercises/05-record-and-check.ipynb"
    _answer(notebook, "record_and_check", RACE)
    cells = run_all(page, lab, "exercises/05-record-and-check.ipynb")
    html = _html(cells)
    assert "REFUTED" in html
    assert "check-then-act" in html
    picture = page.locator(".rd-picture svg").filter(has_text="REFUTED").first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("svg => svg.clientWidth") > 300
    _shoot(page, "exercise-refuted")
    assert page.outside == []


def test_the_exercise_shows_the_solution_proved(page: Any, lab: tuple[str, Path]) -> None:
    solved = _code_cells(ROOT / "reference/solutions/05-record-and-check.ipynb")
    path = lab[1] / "exercises/solved-05.ipynb"
    shutil.copy(ROOT / "exercises/05-record-and-check.ipynb", path)
    for cell in solved:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution"):
            _answer(path, marks["grade_id"], "".join(cell["source"]))
    cells = run_all(page, lab, "exercises/solved-05.ipynb")
    html = _html(cells)
    assert "PROVED" in html
    assert "BROKEN" in html
    assert not [o for cell in cells for o in cell["outputs"] if o["output_type"] == "error"]
    _shoot(page, "exercise-proved")
    assert page.outside == []


def test_a_verdict_older_than_the_cell_it_judged_says_so(page: Any, lab: tuple[str, Path]) -> None:
    """An edit that was not run is unknown to the kernel; JupyterLab knows of it."""
    path = lab[1] / "exercises/edited-05.ipynb"
    shutil.copy(ROOT / "exercises/05-record-and-check.ipynb", path)
    _answer(path, "record_and_check", RACE)
    run_all(page, lab, "exercises/edited-05.ipynb")
    page.keyboard.press("Control+Home")
    line = in_view(page, ":text('Judged: the cell record_and_check, run as')")
    assert line.text_content().startswith("Judged: the cell record_and_check, run as [2].")
    assert page.locator(".rd-since").count() == 0
    page.keyboard.press("Control+Home")
    answer = in_view(page, ".jp-CodeCell:has-text('def handle(message, db)') .cm-content")
    answer.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# edited")
    page.wait_for_function("() => document.querySelector('.rd-since')?.textContent.includes('has been edited since')")
    _shoot(page, "edited-since")
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "() => document.querySelector('.rd-since')?.textContent.includes('has been run again since')"
    )
    assert accessible(page, ".rd-since") == []
    assert page.outside == []
