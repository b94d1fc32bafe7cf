"""`redelivery engines`: which engines are there, in which version, and how to get the rest."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from dataclasses import dataclass
from typing import Any

from . import jars
from .failure import EngineFailure
from .kinds import KINDS, find, version_of

#: The Python package by which each is reached.
PACKAGES = {
    "postgres": "psycopg",
    "mariadb": "pymysql",
    "redis": "redis",
    "rabbitmq": "pika",
    "mosquitto": "paho",
    "nats": "nats",
    "kafka": "confluent_kafka",
    "rocketmq": "rocketmq",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """What is known of one engine on this machine."""

    name: str
    title: str
    how: str
    version: str
    where: str
    package: bool
    get: str


def engines() -> list[Engine]:
    """All of them."""
    found = []
    for name, package in PACKAGES.items():
        kind, place = KINDS[name], find(name)
        version = "" if place is None or place.how == "address" else version_of(place)
        found.append(
            Engine(
                name,
                kind.title,
                "" if place is None else place.how,
                version,
                "" if place is None else _without_password(place.where) if place.how == "address" else place.where,
                importlib.util.find_spec(package) is not None,
                kind.how_to_get,
            )
        )
    return found


def _without_password(address: str) -> str:
    words = [word for word in address.split() if not word.lower().startswith("password")]
    head, at, tail = " ".join(words).rpartition("@")
    return f"…@{tail}" if at and head else " ".join(words)


def add_engines(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "engines", help="list the real databases and brokers that are there, and how to get the rest"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.add_argument(
        "--get",
        action="append",
        choices=[name for name in PACKAGES if KINDS[name].jars],
        default=[],
        metavar="NAME",
        help="bring kafka or rocketmq from Maven Central into the cache folder (may be repeated)",
    )
    parser.set_defaults(run=_engines)


def _get(names: list[str]) -> None:
    for name in names:
        print(f"{KINDS[name].title} {jars.version_in(name)} is in {jars.get(name)}", file=sys.stderr)


def _engines(options: argparse.Namespace) -> int:
    try:
        _get(options.get)
    except EngineFailure as error:
        print(f"redelivery: {error}", file=sys.stderr)
        return 2
    found = engines()
    if options.json:
        print(json.dumps([{field: getattr(one, field) for field in one.__slots__} for one in found], indent=1))
        return 0
    for one in found:
        if one.how:
            version = f" {one.version}" if one.version else ""
            print(f"{one.title}{version}: {one.where} ({one.how})")
            if not one.package:
                print(f"    without the Python package {PACKAGES[one.name]}: pip install 'redelivery[engines,brokers]'")
        else:
            print(f"{one.title}: not here")
            print(f"    {one.get}")
    print("Or all of them in containers: docker compose -f compose.yaml up")
    return 0
