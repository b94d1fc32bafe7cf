"""Predictions are made before what they are about is seen: each of the course, in JupyterLab and without a script."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from redelivery.lessons.prediction import Prediction
from tests.test_browser import BROWSER, LONG, TOKEN, _shoot, accessible, lab, page

__all__ = ["lab", "page"]  # fixtures

ROOT = Path(__file__).parents[1]
ASKS = "**Predict.**"
PAGES = [path for path in sorted((ROOT / "course").glob("*.ipynb")) if ASKS in path.read_text("utf-8")]
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)")
pytestmark = pytest.mark.xdist_group("browser")


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def asked(path: Path) -> list[tuple[nbformat.NotebookNode, Prediction | None]]:
    """The cells that ask for a prediction."""
    cells = nbformat.read(path, as_version=4).cells
    return [
        (cell, Prediction.of(cell.metadata)) for cell in cells if ASKS in cell.source or Prediction.of(cell.metadata)
    ]


def stored(path: Path, cell_id: str) -> str:
    cell = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.id == cell_id)
    return "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


@each(PAGES)
def test_every_prediction_can_be_made_and_none_stands_alone(path: Path) -> None:
    for cell, prediction in asked(path):
        assert cell.source.count(ASKS) == 1, cell.id
        assert prediction is not None, cell.id
        assert prediction.fields, cell.id
        assert all(field.is_sound for field in prediction.fields), cell.id
        assert len(prediction.says) >= 20, cell.id
        assert cell.source.endswith(f"\n\n{prediction.folded}"), cell.id


@each(PAGES)
def test_the_answer_is_what_the_stored_output_shows(path: Path) -> None:
    """nbval compares that output with a new run, so no answer goes stale."""
    shown = [(cell.id, prediction.shown) for cell, prediction in asked(path) if prediction and prediction.shown]
    assert len(shown) >= len(asked(path)) - 1
    assert [name for name, (where, what) in shown if what not in stored(path, where)] == []


def test_an_answer_of_each_kind_is_worded_and_one_that_is_none_is_found() -> None:
    metadata = {
        "redelivery": {
            "prediction": {
                "fields": [
                    {"kind": "choice", "label": "`f`", "options": ["yes", "no"], "answer": 1},
                    {"kind": "several", "label": "Which", "options": ["a < b", "c"], "answer": []},
                    {"kind": "number", "label": "Total:", "answer": 430},
                    {"kind": "schedule", "label": "Schedule:", "answer": "A +A"},
                    {"kind": "choice", "label": "f", "options": ["yes", "no"], "answer": 2},
                ],
                "says": "So it is.",
            }
        }
    }
    found = Prediction.of(metadata)
    assert found is not None
    assert [field.answer_words for field in found.fields[:4]] == ["no", "none of them", "430", "A +A"]
    assert [field.is_sound for field in found.fields] == [True, True, True, True, False]
    found = Prediction(found.fields[:2], found.says)
    assert found.folded == (
        "<details><summary>Answer</summary><code>f</code> <b>no</b>. Which <b>none of them</b>. So it is.</details>"
    )
    assert Prediction.of({}) is None


# In JupyterLab

#: What of the cells after an open prediction can be seen, to the end of its section: outputs, and texts.
SEEN = """() => {
  const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
  const shown = (node) => Boolean(node) && node.getClientRects().length > 0;
  const open = cells.findIndex((cell) => shown(cell.querySelector(':scope > .rd-asked')));
  if (open < 0) return null;
  const found = [];
  for (const cell of cells.slice(open + 1)) {
    const text = cell.querySelector('.jp-MarkdownOutput');
    if (text && /^H[12]$/.test(text.firstElementChild?.tagName ?? '')) break;
    if (shown(text)) found.push(text.textContent.slice(0, 80));
    const output = cell.querySelector('.jp-Cell-outputWrapper .jp-OutputArea-output');
    if (shown(output)) found.push(output.textContent.slice(0, 80));
  }
  const asking = cells[open];
  const fold = asking.querySelector('details');
  if (shown(fold)) found.push('the folded answer');
  return {asks: asking.querySelector('.jp-MarkdownOutput').textContent.slice(-400), seen: found, place: open};
}"""
DRAWN = (
    "[...document.querySelectorAll('.jp-Notebook .jp-MarkdownOutput')].filter((one) => one.firstElementChild).length"
)


def opened(page: Any, lab: tuple[str, Path], path: Path) -> None:
    """The notebook with all of its cells drawn, and nothing predicted yet."""
    address, folder = lab
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}', encoding="utf-8")
    page.goto(f"{address}/lab/tree/course/{path.name}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
    texts = sum(cell.cell_type == "markdown" for cell in nbformat.read(path, as_version=4).cells)
    page.wait_for_function(f"{DRAWN} >= {texts}", timeout=LONG)


@in_a_browser
@each(PAGES)
def test_nothing_after_a_prediction_is_seen_before_it_is_made(page: Any, lab: tuple[str, Path], path: Path) -> None:
    opened(page, lab, path)
    form = page.locator(".rd-asked:visible").first
    form.wait_for(timeout=LONG)
    for made, (cell, prediction) in enumerate(asked(path), 1):
        assert prediction is not None
        now = page.evaluate(SEEN)
        assert now is not None, f"{cell.id}: nothing asks"
        assert now["seen"] == [], cell.id
        for number, field in enumerate(prediction.fields):
            box = form.locator("fieldset").nth(number).locator("input")
            if field.kind in ("number", "schedule"):
                box.first.fill("7" if field.kind == "number" else "AA A!")
            else:
                box.first.check()
        form.get_by_role("button", name="That is my prediction").click()
        page.wait_for_function(f"document.querySelectorAll('.rd-told').length === {made}", timeout=LONG)
        told = page.locator(".rd-told").nth(made - 1).text_content()
        assert "predicted" in told
        assert prediction.says.split("`")[0][:20] in told, cell.id
    assert page.evaluate(SEEN) is None
    assert page.locator(".rd-covered, .rd-covered-output").count() == 0
    assert page.outside == []


@in_a_browser
def test_a_prediction_by_keyboard_that_is_kept_and_can_be_made_again(page: Any, lab: tuple[str, Path]) -> None:
    path = next(path for path in PAGES if path.name.startswith("00"))
    opened(page, lab, path)
    page.evaluate("localStorage.clear()")
    opened(page, lab, path)
    asking = page.locator(".rd-asked:visible").first
    asking.wait_for(timeout=LONG)
    assert accessible(page, ".rd-asked") == []
    _shoot(page, "prediction-asked")
    asking.get_by_role("button", name="That is my prediction").click()
    assert "Write a number" in asking.get_by_role("status").text_content()
    asking.locator("input").first.focus()
    page.keyboard.type("390")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    told = page.locator(".rd-told").first
    told.wait_for(timeout=LONG)
    assert "You predicted 390. It is 430: 40 more." in told.text_content()
    assert accessible(page, ".rd-told") == []
    _shoot(page, "prediction-told")
    notebook = (lab[1] / "course" / path.name).read_bytes()
    opened(page, lab, path)
    page.locator(".rd-told").first.wait_for(timeout=LONG)  # kept in the browser,
    assert (lab[1] / "course" / path.name).read_bytes() == notebook  # and nowhere else
    page.locator(".rd-told").first.get_by_role("button", name="Predict again").click()
    assert page.locator(".rd-told").count() == 0
    page.locator(".rd-asked:visible").first.get_by_role("button", name="Uncover the whole lesson").click()
    assert page.locator(".rd-covered, .rd-covered-output").count() == 0


@in_a_browser
def test_going_on_without_a_prediction_leads_back_to_it(page: Any, lab: tuple[str, Path]) -> None:
    path = next(path for path in PAGES if path.name.startswith("00"))
    opened(page, lab, path)
    page.evaluate("localStorage.clear()")
    opened(page, lab, path)
    page.locator(".rd-asked:visible").first.wait_for(timeout=LONG)
    page.locator("[data-windowed-list-index]").first.wait_for(state="attached", timeout=LONG)
    direct = page.locator(".rd-covered-output").first
    direct.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.activeElement?.closest('.rd-asked')", timeout=LONG)
    assert page.evaluate(SEEN)["seen"] == []


# Without a script


@in_a_browser
@each(PAGES)
def test_without_a_script_all_is_in_the_page_and_the_answer_folded(page: Any, path: Path, tmp_path: Path) -> None:
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter().from_filename(str(path))
    file = tmp_path / "page.html"
    file.write_text(re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL), encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    opened = page.context.browser.new_context(java_script_enabled=False).new_page()
    opened.goto(file.as_uri())
    folds = opened.locator("details:has(> summary:text-is('Answer'))")
    assert folds.count() == len(asked(path))
    assert folds.and_(opened.locator("[open]")).count() == 0
    assert opened.locator(".jp-MarkdownCell:visible").count() == sum(c.cell_type == "markdown" for c in cells)
    outputs = sum(bool(c.get("outputs")) for c in cells)
    assert opened.locator(".jp-CodeCell:has(.jp-OutputArea-output:visible)").count() == outputs
    folds.first.locator("summary").click()
    assert folds.first.locator("b").first.is_visible()
    opened.context.close()


# The first minute


@in_a_browser
def test_the_first_thing_in_the_course_is_a_consumer_broken_by_hand(page: Any, lab: tuple[str, Path]) -> None:
    path = next(path for path in PAGES if path.name.startswith("00"))
    first = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert "try_to_break" in first.source
    opened(page, lab, path)
    page.locator(".jp-StatusBar-Widget, .jp-StatusBar-TextItem").get_by_text("| Idle").first.wait_for(timeout=LONG)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    widget = page.locator(".rd-widget").first
    widget.wait_for(timeout=LONG)
    for done, choice in enumerate(("A", "A", "+A", "B", "B"), 1):
        widget.locator(f'button[data-text="{choice}"]').click()
        page.wait_for_function(
            "text => document.querySelector('.rd-widget input').value === text",
            arg="".join(("A", "A", "+A", "B", "B")[:done]),
            timeout=LONG,
        )
    assert "BROKEN" in widget.locator(".rd-verdict").text_content()
    assert "account 666 holds 200" in widget.locator(".rd-verdict").text_content()
    _shoot(page, "first-minute")
