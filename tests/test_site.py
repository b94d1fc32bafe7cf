"""The course as a static site, in a real browser, under a path of its own: `make site`."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.answers import FOLDER, Answer, answers
from tests.test_browser import BROWSER, FLAGS, LONG
from tests.test_matrix import key, stored

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "site"
#: Lessons on servers that a browser can't start; their stored runs are read there.
ON_SERVERS = ("06-on-a-real-database.ipynb", "07-on-real-brokers.ipynb")
LESSONS = sorted(path.name for path in (ROOT / "course").glob("[0-9]*.ipynb") if path.name not in ON_SERVERS)
pytestmark = [
    pytest.mark.skipif(
        "REDELIVERY_SITE" not in os.environ, reason="builds the site, which takes minutes: REDELIVERY_SITE=1, make soak"
    ),
    pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm is installed (Debian: apt install npm)"),
    pytest.mark.xdist_group("site"),
]
LUA = "needs Lua, which a browser has not: UNDETERMINED says so"
SHORTENED = "a long statement of SQLAlchemy is shortened at another word there"
#: Cells that print something else in a browser, and why. A cell that is tagged as changing is one in JupyterLab, too.
OTHERWISE: dict[str, str] = {
    "expiry-report": LUA,
    "redis-verdicts": LUA,
    "redis-ttl-report": LUA,
    **dict.fromkeys(("check", "two", "outside"), SHORTENED),
}
#: Answers that are judged in the browser.
CORPUS = 60


class _Handler(SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site is built, and served under a path."""
    built = subprocess.run(["sh", "scripts/site/make"], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    folder = tmp_path_factory.mktemp("web")
    (folder / "some").mkdir()
    (folder / "some" / "where").symlink_to(SITE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/where/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page of a browser that has never been here; any request to elsewhere fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    context.set_default_timeout(LONG)
    opened, outside = context.new_page(), []
    host = address.removesuffix("some/where/")
    context.on("request", lambda r: None if r.url.startswith((host, "data:", "blob:")) else outside.append(r.url))
    yield opened
    context.close()
    assert outside == []


def notebook(page: Any, address: str, path: str) -> None:
    """Open a notebook, and wait for its kernel."""
    page.goto(f"{address}notebooks/index.html?path={path}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(
        "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=LONG
    )


RUN = """
async (sources) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel, all = [];
  for (const code of sources) {
    const outputs = [];
    const future = kernel.requestExecute({ code, stop_on_error: false });
    future.onIOPub = ({ header, content }) => outputs.push([header.msg_type, content]);
    await future.done;
    all.push(outputs);
  }
  return all;
}
"""


def run(page: Any, sources: list[str]) -> list[str]:
    """What cells print and show, as text, when the open notebook's kernel runs them."""
    found = []
    for outputs in page.evaluate(RUN, sources):
        texts = []
        for kind, content in outputs:
            if kind == "stream" and content["name"] == "stdout":
                texts.append(content["text"])
            elif kind in ("execute_result", "display_data"):
                texts.append(content["data"].get("text/plain", ""))
            elif kind == "error":
                texts.append(f"{content['ename']}: {content['evalue']}")
        found.append("".join(texts))
    return found


def text_of(cell: dict[str, Any]) -> str:
    """What is stored, as text."""
    texts = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            texts.append("".join(output["text"]))
        elif output["output_type"] in ("execute_result", "display_data"):
            texts.append("".join(output["data"].get("text/plain", "")))
        elif output["output_type"] == "error":
            texts.append(f"{output['ename']}: {output['evalue']}")
    return "".join(texts)


def code_cells(path: Path) -> list[dict[str, Any]]:
    """A notebook's code cells."""
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


# -- what is shipped -----------------------------------------------------------------------------------------


def test_python_comes_from_the_site_itself(address: str) -> None:
    settings = json.loads((SITE / "jupyter-lite.json").read_text("utf-8"))["jupyter-config-data"]
    kernel = settings["litePluginSettings"]["@jupyterlite/pyodide-kernel-extension:kernel"]
    assert kernel["pyodideUrl"] == "./static/pyodide/pyodide.mjs"
    lock = json.loads((SITE / "static/pyodide/pyodide-lock.json").read_text("utf-8"))
    files = {entry["file_name"] for entry in lock["packages"].values()}
    assert all((SITE / "static/pyodide" / name).is_file() for name in files)
    ours = json.loads((ROOT / "scripts/site/lock.json").read_text("utf-8"))
    assert set(lock["packages"]) == set(ours["packages"]) | {"redelivery"}
    assert all(entry["sha256"] == lock["packages"][name]["sha256"] for name, entry in ours["packages"].items())
    for path in ("index.html", "start/start.js", "try/index.html", "try/try.js", "try/worker.js"):
        assert "http" not in (SITE / path).read_text("utf-8").replace("https:// or from http://localhost", "")


def test_it_is_small(address: str) -> None:
    assert sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) < 45_000_000


def test_no_solution_is_in_it(address: str) -> None:
    assert not [path for path in SITE.rglob("*") if {"solutions", "mutants", "instructor"} & set(path.parts)]


# -- the pages -----------------------------------------------------------------------------------------------


def test_a_consumer_is_broken_and_mended_at_once(page: Any, address: str) -> None:
    page.goto(f"{address}try/")
    page.wait_for_selector("html[data-verdict]", state="attached")
    assert page.get_attribute("html", "data-verdict") == "refuted"
    frame = page.frame_locator("#shown")
    assert "account 666 holds 200, must hold 100" in frame.locator("body").inner_text()
    assert frame.get_by_role("button", name="Play").is_visible()
    page.evaluate("delete document.documentElement.dataset.verdict")
    page.get_by_role("button", name="Mend it").click()
    page.wait_for_selector("html[data-verdict=proved]", state="attached")
    page.fill("#code", "def handle(message, db):\n    while True:\n        pass\n")
    page.get_by_role("button", name="Break it").click()
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function("document.getElementById('code').value.includes('while True')")
    page.wait_for_function("document.getElementById('what').textContent.startsWith('stuck')")


def test_what_a_browser_lacks_is_said_in_a_sentence(page: Any, address: str) -> None:
    page.add_init_script("delete window.WebAssembly")
    page.goto(address)
    page.wait_for_function("document.getElementById('trouble').textContent.includes('no WebAssembly')")
    page.goto(f"{address}try/")
    page.wait_for_function("document.getElementById('trouble').textContent.includes('no WebAssembly')")


def test_a_lost_connection_and_refused_storage_are_said(page: Any, address: str) -> None:
    page.route("**/pyodide.asm.wasm", lambda route: route.abort())
    page.goto(f"{address}?stay")
    page.wait_for_function("document.getElementById('trouble').textContent.includes('connection was lost')")
    page.unroute("**/pyodide.asm.wasm")
    page.click("#again")
    page.wait_for_selector("#open:not([hidden])")
    page.add_init_script("indexedDB.open = () => { throw new Error('not allowed') }")
    page.goto(f"{address}?stay")
    page.wait_for_function("document.getElementById('trouble').textContent.includes('keeps nothing')")


def test_an_unknown_lesson_is_said(page: Any, address: str) -> None:
    page.goto(f"{address}?lesson=77")
    page.wait_for_function("document.getElementById('trouble').textContent.includes('There is no lesson 77')")


# -- lessons -------------------------------------------------------------------------------------------------


def test_every_cell_of_every_lesson_prints_what_is_stored(page: Any, address: str) -> None:
    notebook(page, address, "course/00-start-here.ipynb")
    wrong: dict[str, tuple[str, str]] = {}
    seen = 0
    for lesson in LESSONS:
        cells = code_cells(ROOT / "course" / lesson)
        (*_, ready), found = (
            run(page, ["%reset -f", "print('ready')"]),
            run(page, ["".join(c["source"]) for c in cells]),
        )
        assert ready == "ready\n"
        seen += len(cells)
        for cell, text in zip(cells, found, strict=True):
            changing = "nbval-ignore-output" in cell["metadata"].get("tags", [])
            if not changing and text != text_of(cell):
                wrong[cell["id"]] = (text_of(cell), text)
    unexpected = {name: both for name, both in wrong.items() if name not in OTHERWISE}
    assert unexpected == {}
    assert set(OTHERWISE) - set(wrong) == set(), "these print what is stored: take them off the list"
    assert seen > 300


# -- the corpus ----------------------------------------------------------------------------------------------

JUDGE = """
import json, pathlib, shutil
from redelivery.exercises import verify
folder = pathlib.Path("/tmp/answers")
shutil.rmtree(folder, ignore_errors=True)
for path, text in json.loads({files!r}).items():
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
rows = [verify.judge(a).row for kind in ("mutants", "variants") for a in verify.answers(folder, kind)]
print(json.dumps([[r.kind, r.exercise, r.part, r.name, r.verdict, r.diagnosis, r.schedule] for r in rows]))
"""


def _file(answer: Answer) -> Path:
    return FOLDER / answer.kind / answer.exercise / answer.part / f"{answer.name}.py"


def test_answers_are_judged_as_elsewhere(page: Any, address: str) -> None:
    """The same verdict, diagnosis and counterexample as in the matrix, which `test_corpus` compares outside."""
    quick = [
        answer
        for kind in ("mutants", "variants")
        for answer in answers(kind)
        if (row := stored().get((answer.kind, answer.exercise, answer.part, answer.name))) and row.seconds < 1
        if "redis.call" not in _file(answer).read_text("utf-8")  # in Lua
    ]
    every = quick if os.environ.get("REDELIVERY_SOAK") else quick[:: -(-len(quick) // CORPUS)]
    notebook(page, address, "course/00-start-here.ipynb")
    judged = []
    for start in range(0, len(every), 10):
        files = {}
        for one in every[start : start + 10]:
            files[str(_file(one).relative_to(FOLDER))] = _file(one).read_text("utf-8")
        (text,) = run(page, [JUDGE.format(files=json.dumps(files))])
        judged += [tuple(row) for row in json.loads(text.splitlines()[-1])]
    expected = [(*key(row), row.verdict, row.diagnosis, row.schedule) for row in stored().values()]
    assert len(judged) == len(every)
    assert [row for row in judged if row not in expected] == []


# -- an exercise ---------------------------------------------------------------------------------------------

WRONG = """def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
    db["processed"].insert({"message_id": message.id})
"""
RIGHT = """def handle(message, db):
    with db.atomic():
        new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
        if new:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
"""
CELLS = """
(name) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  return notebook.widgets.findIndex((w) => w.model.getMetadata("nbgrader")?.grade_id === name);
}
"""


def type_into(page: Any, index: int, source: str) -> None:
    """Type an answer into a cell, as a learner does, and run it and the check below it."""
    page.evaluate("(i) => { jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", index)
    cell = page.locator(".jp-Notebook .jp-Cell").nth(index)
    cell.scroll_into_view_if_needed()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")


def check_below(page: Any, index: int) -> str:
    """Run the next code cell; its output's text."""
    return str(
        page.evaluate(
            """async (i) => {
  const panel = jupyterapp.shell.currentWidget, cells = panel.content.widgets;
  let check = i + 1;
  while (cells[check].model.type !== "code") check += 1;
  panel.content.activeCellIndex = check;
  await jupyterapp.commands.execute("notebook:run-cell");
  return cells[check].model.toJSON().outputs.map((o) => String(o.data?.["text/plain"] ?? o.evalue ?? "")).join("");
}""",
            index,
        )
    )


def save(page: Any) -> None:
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")


def test_an_exercise_is_solved_and_the_work_stays(page: Any, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}?exercise=05")
    page.wait_for_url("**/notebooks/index.html?path=exercises%2F05-record-and-check.ipynb")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    notebook(page, address, "exercises/05-record-and-check.ipynb")
    page.evaluate(
        """async () => { const panel = jupyterapp.shell.currentWidget;
  panel.content.activeCellIndex = panel.content.widgets.findIndex((w) => w.model.type === "code");
  await jupyterapp.commands.execute("notebook:run-cell"); }"""
    )
    index = page.evaluate(CELLS, "record_and_check")
    assert index > 0
    type_into(page, index, WRONG)
    assert check_below(page, index).startswith("REFUTED")
    page.locator("button", has_text="Step through it").first.wait_for()
    type_into(page, index, RIGHT)
    assert check_below(page, index).startswith("PROVED")
    save(page)
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    notebook(page, address, "exercises/05-record-and-check.ipynb")
    (text,) = run(page, ["from redelivery.workspace.progress import progress\nprint(progress())"])
    assert "05" in text
    source = "(i) => jupyterapp.shell.currentWidget.content.widgets[i].model.sharedModel.source"
    assert page.evaluate(source, index) == RIGHT.rstrip("\n") or "OR IGNORE" in page.evaluate(source, index)

    page.goto(f"{address}?stay")
    page.wait_for_selector("#open:not([hidden])")
    assert "exercises/05-record-and-check.ipynb" in page.inner_text("#work")
    with page.expect_download() as download:
        page.click("#download")
    kept = tmp_path / "work.zip"
    download.value.save_as(kept)
    names = zipfile.ZipFile(kept).namelist()
    assert "exercises/05-record-and-check.ipynb" in names
    assert any(name.startswith(".redelivery/") for name in names), "progress is in it, too"

    page.set_input_files("#bring", {"name": "no.zip", "mimeType": "application/zip", "buffer": b"no zip"})
    page.wait_for_function("document.getElementById('said').textContent.includes('is no zip of this page')")
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(changed, "w") as new:
        for name in names:
            new.writestr(name, old.read(name).replace(b"OR IGNORE", b"OR  IGNORE"))
    page.set_input_files("#bring", str(changed))
    page.wait_for_function("document.getElementById('said').textContent.includes('are back')")
    assert "backup" in page.inner_text("#said")
    notebook(page, address, "exercises/05-record-and-check.ipynb")
    assert "OR  IGNORE" in page.evaluate(source, index)
