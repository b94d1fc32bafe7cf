"""`redelivery check shop.consumers:handle`: a consumer from the command line, with what it is checked for in a file.

The file is TOML; what can't be written in it is named as ``module:name``::

    ["shop.consumers:handle"]
    schema = "schema.sql"                       # a file, SQL, or shop.models:metadata
    messages = [{ id = "8", account = 666, amount = 100 }]
    claims."credited once" = { sql = "SELECT balance FROM account WHERE id = 666", is = [[100]] }
    claims."no debt" = "shop.checks:no_debt"

``store = "postgres"``, or ``store = { postgres = "SERIALIZABLE" }``, names a real database.

In ``pyproject.toml`` the table is ``[tool.redelivery."shop.consumers:handle"]``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .mistakes import CannotCheck

if TYPE_CHECKING:
    from .check import Check

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_WANTED = frozenset(
    [
        *("schema", "messages", "claim", "claims", "call", "make", "outside", "poison", "job"),
        *("consumers", "faults", "seconds", "project", "database", "store"),
    ]
)


def add_consumer(parser: argparse.ArgumentParser) -> None:
    """What `redelivery check` understands where a consumer is checked."""
    group = parser.add_argument_group("for a consumer")
    group.add_argument(
        "--config", type=Path, metavar="FILE", help="what it is checked for, as TOML (default: pyproject.toml)"
    )
    group.add_argument("--consumers", type=int, metavar="N", help="how many processes handle messages")
    group.add_argument("--faults", type=int, metavar="N", help="how many faults a run may have")
    group.add_argument("--seconds", type=float, metavar="S", help="computing time after which a search is given up")
    group.add_argument("--replay", metavar="SCHEDULE", help="carry out one schedule instead")
    group.add_argument("--html", type=Path, metavar="FILE", help="write the result as a page, too")


def is_consumer(target: Path) -> bool:
    """Whether ``target`` names a consumer, not a notebook."""
    return _NAME.fullmatch(str(target)) is not None and not os.path.exists(target)


def not_a_target(target: Path) -> str | None:
    """What to say where ``target`` is neither a consumer's name nor a file; None where it may be a notebook."""
    text = str(target)
    if os.path.exists(target) or target.suffix == ".ipynb":
        return None
    file, colon, name = text.partition(":")
    module, dot, last = file.removesuffix(".py").replace("/", ".").rpartition(".")
    near = f"{module}{dot}{last}:{name}" if colon else f"{module}:{last}"
    fits = _NAME.fullmatch(near) is not None
    return (
        f"{text} is neither a consumer nor a notebook: a consumer is named as module:name, "
        f"{'that is' if fits else 'such as'} {near if fits else 'shop.consumers:handle'}"
    )


def check_consumer(options: argparse.Namespace) -> int:
    """Check the consumer; returns the exit status."""
    from ..display.progress import bar
    from .settings import Settings, in_force

    name = str(options.notebook)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    again = f"redelivery check {name}" + (f" --config {options.config}" if options.config else "") + " --replay {}"
    settings = Settings(options.consumers, options.faults, options.seconds, again=again)
    try:
        this = configured(name, options.config)
        with in_force(settings):
            if options.replay is not None:
                replayed = this.replay(options.replay)
                print(replayed)
                _write(options.html, replayed)
                return 0 if replayed.ends_right else 1
            with bar(name, options.json) as told:
                result = this.run(told)
            print(json.dumps(result.to_json(), indent=1) if options.json else result)
            _write(options.html, result)
    except CannotCheck as error:
        print(f"redelivery: {error}", file=sys.stderr)
        return 2
    return {"proved": 0, "undetermined": 3}.get(result.verdict, 1)


def _write(path: Path | None, shown: Any) -> None:
    from .result import write_page

    if path is not None:
        write_page(path, shown)


def configured(name: str, config: Path | None) -> Check:
    """The check of the consumer with this name, as a file says.

    Raises:
        CannotCheck: the file or the consumer can't be used.
    """
    from .check import Check

    path = config or Path("pyproject.toml")
    table = _table(name, path)
    unknown = sorted(set(table) - _WANTED)
    if unknown:
        raise CannotCheck(f"{path} says {unknown[0]!r} of {name}, which is not known; known are {_listed(_WANTED)}")
    given: dict[str, Any] = {key: value for key, value in table.items() if key not in ("claim", "claims")}
    for key in ("call", "make", "job"):
        if key in given:
            given[key] = imported(given[key])
    if "schema" in given:
        given["schema"] = _schema(given["schema"], path)
    real = "store" in given
    if real:
        given["store"] = _store(given["store"])
    claims: dict[str, Any] = dict(table.get("claims", {}))
    if "claim" in table:
        claims.setdefault("", table["claim"])
    found = {key: _claim(value, real) for key, value in claims.items()}
    claim = found[""] if list(found) == [""] else found
    if "messages" not in given:
        raise CannotCheck(f'{path} names no messages for {name}: messages = [{{ id = "8", amount = 100 }}]')
    return Check(imported(name), given.pop("messages"), claim or None, **given)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))


def _table(name: str, path: Path) -> Mapping[str, Any]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CannotCheck(f"{path} can't be read ({error.strerror}); say with --config which file to take") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CannotCheck(f"{path} is no TOML: {error}") from None
    if path.name == "pyproject.toml":
        found = found.get("tool", {}).get("redelivery", {})
    table = found.get(name, found if "messages" in found else None)
    if not isinstance(table, dict):
        where = f'[tool.redelivery."{name}"]' if path.name == "pyproject.toml" else f'["{name}"]'
        raise CannotCheck(f"{path} says nothing of {name}: a table {where} is wanted")
    return table


def imported(name: Any) -> Any:
    """What ``module:name`` names.

    Raises:
        CannotCheck: there is no such thing, or the module can't be imported.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise CannotCheck(f"{name!r} names nothing: module:name is wanted, such as shop.consumers:handle")
    module, _, rest = name.partition(":")
    try:
        thing: Any = importlib.import_module(module)
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise CannotCheck(
            f"{module} can't be imported ({type(error).__name__}: {text}). It is looked for in this folder and where "
            "Python finds its packages"
        ) from None
    for part in rest.split("."):
        if not hasattr(thing, part):
            raise CannotCheck(f"{module} has no {rest}; it has {_names_in(thing)}")
        thing = getattr(thing, part)
    return thing


def _names_in(thing: Any) -> str:
    names = [name for name, value in vars(thing).items() if callable(value) and not name.startswith("_")]
    return ", ".join(names[:8]) or "no functions"


def _schema(schema: Any, path: Path) -> Any:
    if isinstance(schema, list):
        return [_schema(one, path) for one in schema]
    if isinstance(schema, str) and _NAME.fullmatch(schema):
        return imported(schema)
    if isinstance(schema, str) and schema.endswith(".sql"):
        file = path.parent / schema
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CannotCheck(f"the schema {file} can't be read: {error}") from None
    return schema


def _store(store: Any) -> Any:
    """A real database: its name, or its name and an isolation level."""
    from .. import engines

    makers = {"postgres": engines.postgres, "mariadb": engines.mariadb}
    (name, level), *more = store.items() if isinstance(store, dict) and store else [(store, None)]
    if more or name not in makers:
        raise CannotCheck(
            f'{store!r} is no store: "postgres" is wanted, or {{ postgres = "SERIALIZABLE" }}, or mariadb'
        )
    return makers[name]() if level is None else makers[name](level)


def _claim(claim: Any, real: bool = False) -> Callable[..., Any]:
    """A claim: a function's name, or a query and its rows. ``real``: asked of a real database."""
    if isinstance(claim, dict) and set(claim) == {"sql", "is"}:
        sql, rows = claim["sql"], claim["is"]
        if not isinstance(sql, str) or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise CannotCheck(
                f"{claim!r} is no claim: is = [[100]] lists the rows that the query must give, and each row is a list"
            )

        def answered(db: Any) -> bool:
            return bool([list(row) for row in db.execute(sql).fetchall()] == rows)

        def answered_there(connection: Any) -> bool:
            cursor = connection.cursor()
            cursor.execute(sql)
            return bool([list(row) for row in cursor.fetchall()] == rows)

        answered.__name__ = answered_there.__name__ = f"{sql} → {rows}"
        return answered_there if real else answered
    if isinstance(claim, str):
        found: Callable[..., Any] = imported(claim)
        return found
    raise CannotCheck(
        f'{claim!r} is no claim: shop.checks:no_debt is wanted, or {{ sql = "SELECT balance FROM account", '
        "is = [[100]] }"
    )
