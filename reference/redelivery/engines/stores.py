"""What `redelivery.check(…, store=…)` takes: which store, at which isolation level."""

from __future__ import annotations

from dataclasses import dataclass

from .failure import EngineFailure


@dataclass(frozen=True, slots=True)
class StoreWanted:
    """A store by name; made by `postgres` and `mariadb`."""

    engine: str
    isolation: str
    options: tuple[tuple[str, str], ...] = ()


LEVELS = {
    "postgres": ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
    "mariadb": ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
}


def _wanted(engine: str, isolation: str, options: tuple[tuple[str, str], ...] = ()) -> StoreWanted:
    level = " ".join(str(isolation).replace("_", " ").upper().split())
    if level not in LEVELS[engine]:
        raise EngineFailure(f"isolation={isolation!r} is no level of {engine}; there are {', '.join(LEVELS[engine])}")
    return StoreWanted(engine, level, options)


def postgres(isolation: str = "READ COMMITTED") -> StoreWanted:
    """A real PostgreSQL at an isolation level; its default is READ COMMITTED.

    >>> postgres("serializable").isolation
    'SERIALIZABLE'
    """
    return _wanted("postgres", isolation)


def mariadb(isolation: str = "REPEATABLE READ", snapshot_isolation: bool | None = None) -> StoreWanted:
    """A real MariaDB at an isolation level; its default is REPEATABLE READ.

    ``snapshot_isolation``: `innodb_snapshot_isolation`, which from 10.6.18 on makes REPEATABLE READ refuse to change
    what others changed since; None: as the server has it.
    """
    options = (
        () if snapshot_isolation is None else (("innodb_snapshot_isolation", "ON" if snapshot_isolation else "OFF"),)
    )
    return _wanted("mariadb", isolation, options)
