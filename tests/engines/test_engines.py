"""What is there and what is not: each in a sentence, with exit status 2, and never a verdict."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import nbformat
import pytest

from redelivery import CannotCheck, check
from redelivery.cli import main
from redelivery.engines import kinds, postgres
from redelivery.engines.commands import engines
from redelivery.engines.failure import EngineFailure
from redelivery.engines.kinds import KINDS, Found, find, needed
from redelivery.engines.servers import STARTS, Server, root_folder
from redelivery.lessons.brokers import Runs
from redelivery.lessons.shelf import Shelf
from tests.engines.there import need

COURSE = Path(__file__).parents[2] / "course"

CONSUMER = """
def handle(message, connection):
    with connection.transaction():
        if connection.execute("INSERT INTO done VALUES (%s) ON CONFLICT DO NOTHING", [message["id"]]).rowcount:
            connection.execute("UPDATE account SET balance = balance + 100")
"""
CHECKS = """
["{name}:handle"]
schema = "CREATE TABLE account (balance INT); INSERT INTO account VALUES (0); CREATE TABLE done (id TEXT PRIMARY KEY)"
messages = [{{ id = "8" }}]
claims."credited once" = {{ sql = "SELECT balance FROM account", is = [[100]] }}
store = {store}
faults = 1
"""


def project(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, store: str) -> list[str]:
    (folder / f"{name}.py").write_text(CONSUMER)
    (folder / "checks.toml").write_text(CHECKS.format(name=name, store=store))
    monkeypatch.chdir(folder)
    return ["check", f"{name}:handle", "--config", "checks.toml"]


def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no engine were on this machine."""
    monkeypatch.setattr(kinds, "find", lambda name: None)


def test_the_command_lists_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    text = capsys.readouterr().out
    assert [one.title for one in engines() if one.title not in text] == []
    assert main(["engines", "--json"]) == 0
    assert {one["name"] for one in json.loads(capsys.readouterr().out)} >= {"postgres", "mariadb", "rabbitmq", "nats"}


def test_an_address_comes_first_and_its_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDELIVERY_POSTGRES", "host=db password=secret user=me")
    found = find("postgres")
    assert found is not None and found.how == "address"
    assert next(one for one in engines() if one.name == "postgres").where == "host=db user=me"
    monkeypatch.setenv("REDELIVERY_POSTGRES", "postgresql://me:secret@db/shop")
    assert "secret" not in next(one for one in engines() if one.name == "postgres").where


def test_one_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg")
    arguments = project(tmp_path, monkeypatch, "shop_not_here", '"postgres"')
    nothing_here(monkeypatch)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert "PostgreSQL is not here: pip install 'redelivery[engines]'" in said.err
    assert "PROVED" not in said.out


def program(folder: Path, text: str) -> Path:
    path = folder / "postgres"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    (folder / "initdb").write_text("#!/bin/sh\nexit 0\n")
    (folder / "initdb").chmod(0o755)
    folder.chmod(0o755)
    return path


def test_one_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path, "echo 'postgres (PostgreSQL) 9.6.1'")
    monkeypatch.setattr(kinds, "find", lambda name: Found(KINDS[name], "PATH", str(old)))
    with pytest.raises(EngineFailure, match=r"PostgreSQL 9\.6 at .* is too old: 14 or newer is needed; pip install"):
        needed("postgres")


@pytest.mark.parametrize(
    ("does", "seconds", "said"),
    [
        ("echo 'FATAL: no space left'; exit 1", STARTS, "does not start: FATAL: no space left"),
        ("sleep 60", 0.3, r"has not answered for 0 seconds after it was started; it said: nothing"),
    ],
)
def test_one_that_does_not_start(tmp_path: Path, does: str, seconds: float, said: str) -> None:
    script = tmp_path / "server"
    script.write_text(f"#!/bin/sh\n{does}\n")
    server = Server("PostgreSQL")
    with pytest.raises(EngineFailure, match=said):
        server.start(["/bin/sh", "-c", does], lambda: False, seconds=seconds)
    assert not server.folder.exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """The server says so itself, and that is passed on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        if find("redis") is None:
            pytest.skip("redis-server is not here")
        server = Server("Redis")
        found = find("redis")
        assert found is not None
        command = [found.where, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        with pytest.raises(EngineFailure, match=r"Redis does not start: .*(already in use|listen)"):
            server.start(command, lambda: False)
    assert not any(root_folder().glob(f"{server.folder.name}*"))


@need("postgres", "psycopg")
@pytest.mark.xdist_group("postgres")
def test_a_real_store_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(project(tmp_path, monkeypatch, "shop_in_postgres", '{ postgres = "REPEATABLE READ" }')) == 0
    assert capsys.readouterr().out.startswith("PROVED on PostgreSQL ")
    assert main(project(tmp_path, monkeypatch, "shop_in_oracle", '"oracle"')) == 2
    assert "'oracle' is no store" in capsys.readouterr().err


def test_a_lesson_shows_the_same_from_the_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any engine, what the notebooks print is what is stored in them."""
    nothing_here(monkeypatch)
    monkeypatch.setattr("redelivery.engines.postgresql.needed", kinds.needed, raising=False)
    monkeypatch.chdir(COURSE)
    shelf = Shelf("data/databases.json")

    def missing() -> Any:
        return needed("postgres")

    notebook = nbformat.read(COURSE / "06-on-a-real-database.ipynb", as_version=4)
    shown = ["".join(o.get("text", "") for o in c.outputs) for c in notebook.cells if c.cell_type == "code"]
    for name in ("looks first, READ COMMITTED", "claim, READ COMMITTED", "levels", "advisory", "mariadb"):
        assert shelf.text(name, missing) + "\n" in shown, name
        assert shelf.told[name].startswith("from the shelf: PostgreSQL is not here")
    with pytest.raises(EngineFailure):
        shelf.text("never stored", missing)
    runs = Runs("data/live.json")
    seventh = nbformat.read(COURSE / "07-on-real-brokers.ipynb", as_version=4)
    now = next(c for c in seventh.cells if c.id == "now")
    assert runs.now("rabbitmq", "naive", "before ack") + "\n" == now.outputs[0].text
    assert runs.told.startswith("a stored run: ")


def test_a_store_that_is_none() -> None:
    with pytest.raises(CannotCheck, match="outside= can't be used on a real store"):
        check(lambda message: None, messages=[{"id": "8"}], claim=lambda: True, store=postgres(), outside="mail")


def test_what_is_imported_stays_what_it_is() -> None:
    """A module of the package must not take the place of a function of the same name."""
    import importlib
    import pkgutil

    import redelivery.engines as package

    names = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not names & set(package.__all__)
    assert callable(importlib.import_module("redelivery.engines").postgres)
