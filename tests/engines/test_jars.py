"""Jars from a Maven repository: only those pinned, each brought once, and a sentence where one can't be had."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from redelivery.cli import main
from redelivery.engines import jars, kinds
from redelivery.engines.failure import EngineFailure
from redelivery.engines.jars import Jar

CONTENT = {"org/shop/kafka-server/1.2/kafka-server-1.2.jar": b"server", "org/shop/more/3/more-3.jar": b"more"}
PINNED = [Jar(path, hashlib.sha256(content).hexdigest(), len(content)) for path, content in CONTENT.items()]


class Repository(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, each request counted."""

    asked: list[str]

    def log_message(self, format: str, *arguments: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on the loopback, and an empty cache."""
    folder = tmp_path / "repository"
    for path, content in CONTENT.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(content)
    Repository.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Repository, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("REDELIVERY_MAVEN", f"http://127.0.0.1:{server.server_address[1]}/")
    monkeypatch.setenv("REDELIVERY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(jars, "jars_of", lambda name: PINNED)
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_they_come_from_the_mirror_and_each_once(repository: Path, tmp_path: Path) -> None:
    assert not jars.are_here("kafka")
    folder = jars.get("kafka")
    assert folder == tmp_path / "cache/kafka-1.2"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "kafka-server-1.2.jar": b"server",
        "more-3.jar": b"more",
    }
    assert jars.are_here("kafka")
    (folder / "more-3.jar").unlink()
    jars.get("kafka")
    assert Repository.asked == [f"/{path}" for path in (*CONTENT, list(CONTENT)[1])]
    found = kinds.find("kafka")
    assert found is not None
    assert (found.how, found.where, found.version) == ("jars", str(folder), "1.2")


def test_another_file_than_the_pinned_one_is_not_used(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / PINNED[1].path).write_bytes(b"evil")
    assert main(["engines", "--get", "kafka"]) == 2
    assert "more-3.jar came with another checksum than the pinned one, and is not used" in capsys.readouterr().err
    assert not jars.are_here("kafka")


def test_one_that_was_changed_in_the_cache_is_not_run(repository: Path) -> None:
    folder = jars.get("kafka")
    (folder / "more-3.jar").write_bytes(b"evil")
    with pytest.raises(EngineFailure, match=r"more-3\.jar is not the file that is pinned: redelivery engines --get"):
        jars.checked("kafka")
    jars.get("kafka")
    assert [path.read_bytes() for path in jars.checked("kafka")] == [b"server", b"more"]


def test_one_that_cannot_be_had(repository: Path) -> None:
    (repository / PINNED[0].path).unlink()
    with pytest.raises(EngineFailure, match=r"1\.2\.jar can't be had \(HTTP Error 404.*: a mirror of Maven Central"):
        jars.get("kafka")


def test_what_maven_has_is_not_brought_again(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDELIVERY_MAVEN")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.m2").mkdir()
    repository.rename(tmp_path / "home/.m2/repository")
    jars.get("kafka")
    assert jars.are_here("kafka")


def test_maven_brings_what_is_missing(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDELIVERY_MAVEN")
    maven = tmp_path / "mvn"
    maven.write_text(
        f'#!/bin/sh\nfor a; do case $a in -DoutputDirectory=*) cp {repository}/*/*/*/*/*.jar "${{a#*=}}";; esac; done\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    jars.get("kafka")
    assert jars.are_here("kafka")
    maven.write_text("#!/bin/sh\necho '[ERROR] no such repository'\nexit 1\n")
    (jars.folder_of("kafka") / "more-3.jar").unlink()
    with pytest.raises(EngineFailure, match="Maven does not bring the jars: no such repository"):
        jars.get("kafka")


@pytest.mark.parametrize(
    ("says", "told"),
    [('openjdk version "11.0.2"', "is Java 11"), ('java version "1.8.0"', "is Java 8"), ("hello", "is no Java")],
)
def test_a_java_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, told: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    (tmp_path / "bin/java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineFailure, match=rf"{told}.*; Java 17 or newer is needed: sudo apt install"):
        jars.java()
    (tmp_path / "bin/java").unlink()
    with pytest.raises(EngineFailure, match=r"there is no java in .*/bin \(JAVA_HOME\); Java 17"):
        jars.java()


def test_the_pinned_lists_are_whole() -> None:
    for name, least in (("kafka", 40), ("rocketmq", 100)):
        pinned = jars.jars_of(name)
        assert len(pinned) > least and len({jar.name for jar in pinned}) == len(pinned)
        assert jars.version_in(name) in {jar.path.split("/")[-2] for jar in pinned}


def test_an_address_of_rocketmq_names_two(monkeypatch: pytest.MonkeyPatch) -> None:
    from redelivery.engines.live.rocketmq import RocketMQ

    monkeypatch.setenv("REDELIVERY_ROCKETMQ", "127.0.0.1:8081")
    with pytest.raises(EngineFailure, match=r"must name the proxy and the broker: '127\.0\.0\.1:8081 127"):
        RocketMQ().start()
