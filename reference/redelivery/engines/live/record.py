"""`make live`: all that lesson 07 shows, tried on every broker that is here, and compared with the stored runs.

``python -m redelivery.engines.live.record FILE [--save] [NAME …]``; the exit status is 1 where something differs.
The runs of Kafka's exactly once, by the name ``exactly-once``, are in a file of their own beside it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from ..failure import EngineFailure
from ..kinds import needed
from .port import BROKERS
from .shows import can_run, everything

EXACTLY_ONCE = "exactly-once"


def main(arguments: list[str]) -> int:
    """Try them; returns the exit status."""
    save = "--save" in arguments
    path, *names = [argument for argument in arguments if argument != "--save"]
    file = Path(path)
    status = 0
    for name in names or [*BROKERS, EXACTLY_ONCE]:
        why = cannot_run(name)
        if why:
            print(f"{name}: left out. {why}")
            continue
        if name == EXACTLY_ONCE:
            from . import exactly_once

            title, found = "Kafka's exactly once", exactly_once.everything()
            beside = file.with_name("exactly_once.json")
            status |= _kept(title, found, _stored(beside), save)
            if save:
                _write(beside, json.loads(json.dumps(found)))
            continue
        found = everything(name)
        stored = _stored(file)
        status |= _kept(found["title"], found, stored.get(name, {}), save)
        if save:
            stored[name] = found
            _write(file, {name: stored[name] for name in BROKERS if name in stored})
    return status


def cannot_run(name: str) -> str:
    """Why the runs of a name can't be made here, in a sentence; empty where they can."""
    if name != EXACTLY_ONCE:
        return can_run(name)
    if importlib.util.find_spec("psycopg") is None:
        return "the Python package psycopg is not here: pip install 'redelivery[engines]'"
    try:
        needed("postgres")
    except EngineFailure as error:
        return str(error)
    return can_run("kafka")


def _stored(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return found


def _write(file: Path, found: dict[str, Any]) -> None:
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _kept(title: str, made: dict[str, Any], stored: dict[str, Any], save: bool) -> int:
    """Say what differs; returns the exit status."""
    found = json.loads(json.dumps(made))
    different = [key for key in found if found[key] != stored.get(key)]
    print(f"{title}: {'as stored' if not different else 'differs in ' + ', '.join(different)}", flush=True)
    if save or not different:
        return 0
    for key in different:
        print(f"    {key}: {found[key]}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
