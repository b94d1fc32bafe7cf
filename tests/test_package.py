"""What is built and published: the checker alone, without the course around it."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.requirements import Requirement

import redelivery

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("*.whl")
    return found


def test_the_wheel_has_the_package_and_nothing_of_the_course(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "redelivery/py.typed" in names
    assert "redelivery/library/check.py" in names
    assert [n for n in names if n.endswith(".ipynb") or "solutions" in n or n.startswith("tests")] == []
    assert wheel.stat().st_size < 2_000_000
    outside = {n.partition("/")[0] for n in names}
    assert all(n == "redelivery" or n.startswith(f"redelivery-{redelivery.__version__}.") for n in outside)


def test_its_metadata_says_what_each_layer_needs(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Version"] == redelivery.__version__
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    needed = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    always = {r.name for r in needed if r.marker is None}
    assert always == {"fakeredis", "redis", "sqlite-utils", "tqdm"}
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "lua",
        "lab",
        "grading",
        "cluster",
        "engines",
        "brokers",
        "docs",
        "test",
    }
    assert metadata.get_payload().startswith("# redelivery")  # type: ignore[union-attr]
    (entry_points,) = [archive.read(n).decode() for n in archive.namelist() if n.endswith("entry_points.txt")]
    assert "redelivery = redelivery.library.pytest_plugin" in entry_points


#: Everything that other layers need, and the checker alone must not.
NOT_ALONE = (
    "IPython",
    "anywidget",
    "distributed",
    "ipywidgets",
    "jinja2",
    "jupyterlab",
    "lupa",
    "matplotlib",
    "nbformat",
)


def test_the_checker_alone_needs_nothing_of_the_other_layers(tmp_path: Path) -> None:
    """An interpreter in which they can't be imported checks a consumer, in Python, in pytest and as a command."""
    (tmp_path / "sitecustomize.py").write_text(
        dedent(f"""
            import sys
            class NotInstalled:
                def find_spec(self, name, path=None, target=None):
                    if name.partition(".")[0] in {NOT_ALONE!r} + ("sqlalchemy", "celery"):
                        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
            sys.meta_path.insert(0, NotInstalled())
        """),
        "utf-8",
    )
    (tmp_path / "shop.py").write_text(
        dedent("""
            def handle(message, db, redis):
                redis.sadd("seen", message["id"])
                db.execute("INSERT OR IGNORE INTO done VALUES (?)", [message["id"]])
        """),
        "utf-8",
    )
    (tmp_path / "test_shop.py").write_text(
        dedent("""
            import pytest, redelivery, shop
            def test_alone():
                with pytest.raises(ImportError):
                    import jinja2
                redelivery.check(
                    shop.handle,
                    schema="CREATE TABLE done (id TEXT PRIMARY KEY)",
                    messages=[{"id": "8"}],
                    claim=lambda db, redis: db["done"].count == redis.scard("seen") == 1,
                    faults=1,
                )
        """),
        "utf-8",
    )
    (tmp_path / "checks.toml").write_text(
        'schema = "CREATE TABLE done (id TEXT PRIMARY KEY)"\nmessages = [{ id = "8" }]\nfaults = 1\n'
        'claims."done once" = { sql = "SELECT count(*) FROM done", is = [[1]] }\n',
        "utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def ran(*words: str) -> str:
        run = [sys.executable, "-m", *words]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "1 passed" in ran(
        "pytest", "-q", "-p", "no:cacheprovider", "-p", "redelivery.library.pytest_plugin", "test_shop.py"
    )
    assert ran("redelivery.cli", "check", "shop:handle", "--config", "checks.toml").startswith("PROVED")


def test_every_layer_of_the_course_is_installed_by_make_lab() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert "redelivery[lab,grading,cluster]" in layers["test"]
    assert "-e '.[test]'" in (ROOT / "scripts" / "setup").read_text("utf-8")
