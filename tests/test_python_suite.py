"""Python's own tests of `sqlite3` over our client: what doesn't pass is pinned, with the reason."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

#: What our client says that it has not, for every Python.
REFUSED = {
    "Connection.backup",
    "Connection.blobopen",
    "Connection.create_aggregate",
    "Connection.create_collation",
    "Connection.create_function",
    "Connection.create_window_function",
    "Connection.deserialize",
    "Connection.getconfig",
    "Connection.getlimit",
    "Connection.serialize",
    "Connection.set_authorizer",
    "Connection.set_progress_handler",
    "Connection.setlimit",
    "PRAGMA count_changes",
    "VACUUM",
    "a class of cursors derived from sqlite3.Cursor",
    "another connection than that of the run",
    "calling a connection to make a statement",
    "virtual tables",
}
#: What our client does otherwise, and why.
DIFFERS = {
    "test_dbapi.ConnectionTests.test_connection_bad_reinit": "the world's connection isn't made by its handler",
    "test_dbapi.ConnectionTests.test_connection_reinit": "the world's connection isn't made by its handler",
    "test_dbapi.ConnectionTests.test_connection_resource_warning": "the world's connection isn't made by its handler",
    "test_dbapi.CursorTests.test_execute_named_param_and_sequence": "Python 3.12 and 3.13 warn of it, and go on",
    "test_dbapi.OpenTests.test_database_keyword": "the world's connection isn't made by its handler",
    "test_dbapi.ThreadTests.test_check_cursor_thread": "threads are refused where they start",
    "test_factory.CursorFactoryTests.test_is_instance": "a cursor is no instance of sqlite3.Cursor",
    "test_hooks.TraceCallbackTests.test_trace_bad_handler": "what a trace callback raises is ignored in silence",
    "test_hooks.TraceCallbackTests.test_trace_keyword_args": "Python 3.13 warns of a keyword",
    "test_regression.RegressionTests.test_bpo31770": "makes a sqlite3.Cursor of its own",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    if importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_sqlite3") is None:
        pytest.skip("this Python comes without its own tests (package test.test_sqlite3)")
    done = subprocess.run(
        [sys.executable, "-m", "tests.python_suite"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_is_refused_is_refused_for_a_known_reason(found: dict[str, Any]) -> None:
    assert set(found["refused"]) <= REFUSED


def test_nothing_differs_but_what_is_known_to(found: dict[str, Any]) -> None:
    assert set(found["differs"]) <= set(DIFFERS)


def test_what_is_known_to_differ_still_does(found: dict[str, Any]) -> None:
    assert not set(found["passed"]) & set(DIFFERS), "it passes now: take it out of the list"


def test_most_of_them_pass(found: dict[str, Any]) -> None:
    """Those that are left are refused for their means (blobs, functions, collations, files), not for what they test."""
    assert len(found["passed"]) >= 205
