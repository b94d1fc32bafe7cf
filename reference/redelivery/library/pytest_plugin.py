"""The plugin for pytest: bounds, one schedule to replay and pages as options; a marker and a fixture.

It is loaded with every run of pytest where the package is installed, so it imports nothing else before it is needed.

A failure names the command that replays its schedule::

    pytest tests/test_payments.py::test_credited_once --redelivery-replay "AAAA~BBBB"

With ``--pdb`` that stops at the point of no return, in the frame of the consumer that has passed it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .result import Replayed, Result

_MARK = (
    "redelivery(consumers=None, faults=None, seconds=None): a test that checks a consumer; the bounds of its checks, "
    "where it does not give others"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("redelivery", "consumers under every schedule of redeliveries and crashes")
    group.addoption(
        "--redelivery-consumers", type=int, metavar="N", help="consumers of each check, whatever the test says"
    )
    group.addoption("--redelivery-faults", type=int, metavar="N", help="faults a run may have, whatever the test says")
    group.addoption(
        "--redelivery-seconds", type=float, metavar="S", help="computing time after which a search is given up"
    )
    group.addoption(
        "--redelivery-replay",
        metavar="SCHEDULE",
        help="carry out this schedule instead of searching; with --pdb, stop at the point of no return",
    )
    group.addoption("--redelivery-html", metavar="FOLDER", help="write a page for each check into FOLDER")


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", _MARK)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Put the options in force for all checks of one test."""
    from .settings import Settings, in_force

    option = item.config.getoption
    marker = item.get_closest_marker("redelivery")
    marked = dict(marker.kwargs) if marker is not None else {}
    unknown = set(marked) - {"consumers", "faults", "seconds"}
    if unknown or (marker is not None and marker.args):
        words = (
            ", ".join([*map(repr, marker.args), *(f"{k}={v!r}" for k, v in marker.kwargs.items())]) if marker else ""
        )
        pytest.fail(f"expected the marker {_MARK.partition(':')[0]}, got redelivery({words})", pytrace=False)
    settings = Settings(
        consumers=_first(option("--redelivery-consumers"), marked.get("consumers")),
        faults=_first(option("--redelivery-faults"), marked.get("faults")),
        seconds=_first(option("--redelivery-seconds"), marked.get("seconds")),
        replay=option("--redelivery-replay"),
        width=max(item.config.get_terminal_writer().fullwidth - 5, 40),
        again=f"pytest {shlex.quote(item.nodeid)} --redelivery-replay {{}}",
    )
    folder = option("--redelivery-html")
    if folder:
        settings.listeners.append(_page_writer(item, Path(folder)))
    if option("--redelivery-replay") is not None:
        settings.listeners.append(lambda shown: item.add_report_section("call", "schedule", str(shown)))
        if option("--pdb"):
            settings.stop = lambda frame, words: _interact(item.config, frame, words)
    with in_force(settings):
        yield


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _page_writer(item: pytest.Item, folder: Path) -> Callable[[Result | Replayed], None]:
    from .result import write_page

    written: list[Path] = []

    def write(result: Result | Replayed) -> None:
        name = re.sub(r"[^\w.\[\]-]+", "-", item.nodeid).strip("-")
        path = folder / f"{name}{f'-{len(written) + 1}' if written else ''}.html"
        written.append(path)
        write_page(path, result)
        item.add_report_section("call", "redelivery", f"page: {path}")

    return write


def _interact(config: pytest.Config, frame: Any, words: str) -> None:
    """A debugger's prompt in a frame that waits, while pytest captures nothing."""
    import pdb

    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend(in_=True)
    try:
        print(f"\n{words}")
        debugger = pdb.Pdb(nosigint=True)
        debugger.reset()
        debugger.interaction(frame, None)
    finally:
        if capture is not None:
            capture.resume()


@pytest.fixture
def check_consumer() -> Callable[..., Result]:
    """`redelivery.check`, for tests that would rather ask for it than import it."""
    from .check import check

    return check
