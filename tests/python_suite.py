"""Python's own tests of its module `sqlite3`, run over our client alone.

`python -m tests.python_suite` prints, as JSON, which of them pass, which are refused and why, and which differ.

A test is *refused* when it fails after our client has said that it has not what it was asked for; it *differs* when it
fails without that.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pkgutil
import sqlite3
import sys
import unittest
import warnings
from types import ModuleType
from typing import Any

from redelivery.simulation.operations import UNSUPPORTED, SqlFailure, SqlResult, SqlStatement
from redelivery.simulation.sqlite_client import Connection
from redelivery.simulation.sqlite_store import SqliteStore

#: What a run's connection is made with is not a handler's to say.
_GIVEN = {"isolation_level", "check_same_thread", "timeout", "cached_statements"}
_reasons: list[str] = []
_stores: list[SqliteStore] = []
#: Of the command line and of the module's own internals: nothing of a connection.
_NOT_OF_A_CONNECTION = ("test_cli",)


def connect(database: Any = None, *arguments: Any, **named: Any) -> Connection:
    """In place of `sqlite3.connect`: an empty database of the simulation."""
    if database != ":memory:" or arguments or set(named) - _GIVEN:
        what = "another connection than that of the run"
        _reasons.append(what)
        raise sqlite3.NotSupportedError(UNSUPPORTED + what)
    store = SqliteStore(lambda connection: None, "wal", True)
    _stores.append(store)
    store.begin("A")

    def ask(statement: SqlStatement) -> SqlResult | SqlFailure:
        outcome = store.execute("A", statement)
        assert outcome.told is not None, "nobody else is there to wait for"
        return outcome.told

    made = Connection(ask, _reasons.append)
    if "isolation_level" in named:
        made.isolation_level = named["isolation_level"]
    return made


class _Result(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.passed: list[str] = []
        self.refused: dict[str, list[str]] = {}
        self.differs: list[str] = []
        self._failed = False

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        _reasons.clear()
        self._failed = False

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        name = test.id().removeprefix("test.test_sqlite3.")
        if not self._failed:
            self.passed.append(name)
        elif _reasons:
            self.refused.setdefault(_reasons[0].partition(":")[0], []).append(name)
        else:
            self.differs.append(name)
        while _stores:
            _stores.pop().close()

    def addError(self, test: Any, err: Any) -> None:
        self._failed = True

    def addFailure(self, test: Any, err: Any) -> None:
        self._failed = True

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        self._failed = self._failed or err is not None


def main() -> None:
    """Run them all."""
    suite = unittest.TestSuite()
    with contextlib.redirect_stdout(io.StringIO()):
        package = importlib.import_module("test.test_sqlite3")
        for found in pkgutil.iter_modules(package.__path__):
            if found.name.startswith("test_") and found.name not in _NOT_OF_A_CONNECTION:
                suite.addTests(unittest.defaultTestLoader.loadTestsFromName(f"test.test_sqlite3.{found.name}"))
    over_ours = ModuleType("sqlite3")  # the store itself goes on with the real one
    vars(over_ours).update(vars(sqlite3), connect=connect)
    for name, module in list(sys.modules.items()):
        if name.startswith("test.test_sqlite3"):
            vars(module).update({key: over_ours for key, value in vars(module).items() if value is sqlite3})
    result = _Result()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        suite.run(result)
    json.dump(
        {
            "version": "{}.{}".format(*sys.version_info),
            "passed": sorted(result.passed),
            "refused": {reason: sorted(names) for reason, names in sorted(result.refused.items())},
            "differs": sorted(result.differs),
        },
        sys.stdout,
        indent=1,
    )


if __name__ == "__main__":
    main()
