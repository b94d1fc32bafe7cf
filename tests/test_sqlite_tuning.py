"""PRAGMAs that tune a connection give what SQLite gives, and change nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from redelivery.simulation.sqlite_store import SqliteStore
from redelivery.simulation.sqlite_tuning import _KINDS
from tests.test_sqlite_client import ours_on, prepare

SETTINGS = [
    *[
        "cache_size=-20000",
        "cache_size = 400",
        "cache_size=abc",
        "temp_store=MEMORY",
        "temp_store(file)",
        "temp_store=2",
    ],
    *[
        "read_uncommitted=1",
        "read_uncommitted = true",
        "read_uncommitted=off",
        "read_uncommitted=0",
        "main.cache_size=7",
    ],
    *["wal_autocheckpoint=100", "wal_autocheckpoint=-1", "journal_size_limit=100", "journal_size_limit=-7"],
    *[
        "threads=2",
        "cache_spill=0",
        "automatic_index=off",
        "secure_delete=1",
        "fullfsync=yes",
        "checkpoint_fullfsync=1",
    ],
    *["busy_timeout=60000", "busy_timeout=-5", "mmap_size=1000000", "Cache_Size=5;"],
]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("begun", [False, True], ids=["", "in a transaction"])
def test_it_gives_what_sqlite_gives(setting: str, begun: bool, tmp_path: Path) -> None:
    name = setting.partition("=")[0].partition("(")[0].strip()

    def seen(connection: sqlite3.Connection) -> list[object]:
        connection.execute("PRAGMA busy_timeout=5000")
        connection.isolation_level = None
        if begun:
            connection.execute("BEGIN")
        found: list[object] = []
        for text in (f"PRAGMA {setting}", f"PRAGMA {name}"):
            try:
                cursor = connection.execute(text)
                found.append((cursor.fetchall(), cursor.description and cursor.description[0][0].lower()))
            except sqlite3.Error as error:
                found.append(str(error))
        return found

    real = sqlite3.connect(tmp_path / "a.db")
    with SqliteStore(prepare, "rollback") as store:
        assert seen(ours_on(store)) == seen(real)  # type: ignore[arg-type]
    real.close()


@pytest.mark.parametrize("name", _KINDS)
def test_it_begins_as_sqlite_does(name: str, tmp_path: Path) -> None:
    real = sqlite3.connect(tmp_path / "a.db")
    expected = real.execute(f"PRAGMA {name}").fetchall()
    real.close()
    with SqliteStore(prepare, "wal") as store:
        found = ours_on(store).execute(f"PRAGMA {name}").fetchall()
    if name not in ("cache_size", "cache_spill", "secure_delete"):  # a distribution may have compiled in others
        assert found == expected
    assert len(found) == 1


def test_the_next_delivery_begins_anew() -> None:
    with SqliteStore(prepare, "wal") as store:
        connection = ours_on(store)
        connection.execute("PRAGMA cache_size=-5")
        connection._begin_delivery()
        assert connection.execute("PRAGMA cache_size").fetchone() == (-2000,)
