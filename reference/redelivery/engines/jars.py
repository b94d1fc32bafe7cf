"""Brokers that are programs for Java: their jars from Maven Central, in a cache folder, each with its checksum pinned.

A list such as ``live/kafka.jars`` names each jar: SHA-256, bytes, and its path in a Maven repository. Nothing is ever
run whose checksum is another. A jar that Maven has already (``~/.m2/repository``) is taken from there; the others are
brought by ``mvn`` where it is on the PATH, with the mirrors that its settings name, and else downloaded from Maven
Central, or from the mirror in ``REDELIVERY_MAVEN``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from .failure import EngineFailure

CENTRAL = "https://repo.maven.apache.org/maven2"
#: The oldest Java that runs these brokers.
JAVA = 17
#: Seconds that a download may go without a byte, and that Maven may take.
_WAITS, _MAVEN_TAKES = 60, 1800


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: its path in a Maven repository, its SHA-256, and its size in bytes."""

    path: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    def is_in(self, file: Path) -> bool:
        """Whether a file is this jar."""
        try:
            return file.stat().st_size == self.size and hashlib.sha256(file.read_bytes()).hexdigest() == self.sha256
        except OSError:
            return False


def jars_of(name: str) -> list[Jar]:
    """The jars of ``kafka`` or ``rocketmq``, with all that they need."""
    lines = (Path(__file__).parent / "live" / f"{name}.jars").read_text("utf-8").splitlines()
    return [Jar(path, digest, int(size)) for digest, size, path in map(str.split, lines)]


def version_in(name: str) -> str:
    """The broker's version that the list pins."""
    main = {"kafka": "kafka-server", "rocketmq": "rocketmq-broker"}[name]
    return next(jar.path.split("/")[-2] for jar in jars_of(name) if jar.path.split("/")[-3] == main)


def folder_of(name: str) -> Path:
    """Where the jars of a broker are kept: in ``REDELIVERY_CACHE``, or in the user's cache folder."""
    named = os.environ.get("REDELIVERY_CACHE")
    if named:
        cache = Path(named)
    elif sys.platform == "darwin":
        cache = Path.home() / "Library/Caches/redelivery"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "redelivery"
    return cache / f"{name}-{version_in(name)}"


def are_here(name: str) -> bool:
    """Whether all jars of a broker are in the cache, by name and size; their checksums are looked at before a start."""
    folder = folder_of(name)
    return all(
        (folder / jar.name).is_file() and (folder / jar.name).stat().st_size == jar.size for jar in jars_of(name)
    )


def checked(name: str) -> list[Path]:
    """The jars of a broker, each with the checksum that is pinned.

    Raises:
        EngineFailure: one is missing, or is another.
    """
    folder = folder_of(name)
    wrong = [jar.name for jar in jars_of(name) if not jar.is_in(folder / jar.name)]
    if wrong:
        raise EngineFailure(f"{folder / wrong[0]} is not the file that is pinned: redelivery engines --get {name}")
    return [folder / jar.name for jar in jars_of(name)]


def java() -> str:
    """The program that runs them.

    Raises:
        EngineFailure: there is no Java, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    how = f"Java {JAVA} or newer is needed: sudo apt install openjdk-17-jre-headless, or brew install openjdk"
    if program is None:
        raise EngineFailure(f"there is no java {f'in {home}/bin (JAVA_HOME)' if home else 'on the PATH'}; {how}")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    match = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if match is None or int(match[1]) < JAVA:
        raise EngineFailure(f"{program} is {f'Java {match[1]}' if match else 'no Java that tells its version'}; {how}")
    return program


def get(name: str) -> Path:
    """Bring the jars of a broker into the cache; returns their folder. What is there already is not brought again.

    Raises:
        EngineFailure: one can't be had, or is not the one that is pinned.
    """
    folder = folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars_of(name) if not jar.is_in(folder / jar.name)]
    mirror = os.environ.get("REDELIVERY_MAVEN", "").rstrip("/")
    with tempfile.TemporaryDirectory(prefix="getting-", dir=folder) as temporary:
        if not mirror:
            missing = list(_not_in_maven(missing, folder))
            maven = shutil.which("mvn")
            if missing and maven:
                _by_maven(maven, missing, Path(temporary))
        for jar in missing:
            got = Path(temporary) / jar.name
            if not got.exists():
                _download(f"{mirror or CENTRAL}/{jar.path}", got)
            if not jar.is_in(got):
                raise EngineFailure(f"{jar.name} came with another checksum than the pinned one, and is not used")
            got.replace(folder / jar.name)
    return folder


def _not_in_maven(jars: list[Jar], folder: Path) -> Iterator[Jar]:
    """Take what Maven has; yields the others."""
    for jar in jars:
        there = Path.home() / ".m2/repository" / jar.path
        if jar.is_in(there):
            shutil.copyfile(there, folder / jar.name)
        else:
            yield jar


def _by_maven(maven: str, jars: list[Jar], into: Path) -> None:
    """Maven brings exactly these, without what they depend on: that is in the list."""
    wanted = []
    for jar in jars:
        *group, artifact, version, file = jar.path.split("/")
        classifier = file.removesuffix(".jar").removeprefix(f"{artifact}-{version}").removeprefix("-")
        parts = {"groupId": ".".join(group), "artifactId": artifact, "version": version, "classifier": classifier}
        inside = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in parts.items() if value)
        nothing_else = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        wanted.append(f"<dependency>{inside}{nothing_else}</dependency>")
    (into / "pom.xml").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>redelivery</groupId><artifactId>jars</artifactId>"
        f"<version>1</version><dependencies>{''.join(wanted)}</dependencies></project>"
    )
    command = [
        maven,
        "-q",
        "-B",
        "-f",
        str(into / "pom.xml"),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={into}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_MAVEN_TAKES)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailure(f"Maven does not bring the jars ({error})") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("[ERROR]")]
        raise EngineFailure(f"Maven does not bring the jars: {said[0][8:308] if said else 'it says nothing'}")


def _download(url: str, to: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_WAITS) as answer, open(to, "wb") as file:
            shutil.copyfileobj(answer, file)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise EngineFailure(
            f"{url} can't be had ({error}): a mirror of Maven Central can be named in REDELIVERY_MAVEN"
        ) from None
