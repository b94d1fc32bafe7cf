"""The ways to check a consumer beside the function: the plugin for pytest, and the command line.

Each is run in a process of its own, in a folder outside of this repository, as somebody would at work.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import redelivery

CONSUMERS = """
    SEEN = set()


    def wrong(message, db):
        if message["id"] not in SEEN:
            db.execute("UPDATE account SET balance = balance + ?", [message["amount"]])
            SEEN.add(message["id"])


    def right(message, db):
        with db.atomic():
            if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount:
                db.execute("UPDATE account SET balance = balance + ?", [message["amount"]])


    def threaded(message, db):
        import threading
        threading.Thread(target=print).start()
        right(message, db)
"""
SCHEMA = """
    CREATE TABLE account (balance INTEGER);
    INSERT INTO account VALUES (0);
    CREATE TABLE processed (id TEXT PRIMARY KEY);
"""
CHECKS = """
    schema = "schema.sql"
    messages = [{ id = "8", amount = 100 }]
    claims."credited once" = { sql = "SELECT balance FROM account", is = [[100]] }
"""
TESTS = """
    import pytest
    from pathlib import Path
    from redelivery import check
    from shop import consumers

    GIVEN = dict(
        schema=Path("schema.sql").read_text(),
        messages=[{"id": "8", "amount": 100}],
        claim={"credited once": lambda db: db.execute("SELECT balance FROM account").fetchone() == (100,)},
    )

    def test_wrong():
        check(consumers.wrong, **GIVEN)

    @pytest.mark.redelivery(faults=1)
    def test_right(check_consumer):
        result = check_consumer(consumers.right, **GIVEN)
        assert result.proved
        print("bounds:", result.bounds)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small project."""
    for name, text in {
        "shop/__init__.py": "",
        "shop/consumers.py": CONSUMERS,
        "schema.sql": SCHEMA,
        "checks.toml": "".join(
            f'["shop.consumers:{name}"]\n{dedent(CHECKS)}\n' for name in ("wrong", "right", "threaded")
        ),
        "tests/test_shop.py": TESTS,
        "pytest.ini": "[pytest]\npythonpath = .\naddopts = --strict-markers -p no:cacheprovider\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    return tmp_path


def run(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, input=stdin, capture_output=True, text=True, env=environment
    )


# -- pytest ----------------------------------------------------------------------------------------------------


def test_a_failure_in_pytest_shows_the_picture_and_the_command_that_replays_it(shop: Path) -> None:
    done = run(shop, "pytest", "-q", "-rP", "--redelivery-html=pages")
    assert "1 failed, 1 passed" in done.stdout
    assert "REFUTED   wrong()   memory-in-process" in done.stdout
    assert "shop/consumers.py:6   if message" in done.stdout
    assert "check.py" not in done.stdout
    assert 'pytest tests/test_shop.py::test_wrong --redelivery-replay "AAAA~BBBB"' in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines() if re.match(r"E +\d+ ", line))
    assert "at most 1 fault a run" in done.stdout
    pages = sorted(path.name for path in (shop / "pages").iterdir())
    assert pages == ["tests-test_shop.py-test_right.html", "tests-test_shop.py-test_wrong.html"]
    assert "memory-in-process" in (shop / "pages" / pages[1]).read_text("utf-8")


def test_one_schedule_is_replayed_by_an_option(shop: Path) -> None:
    wrong = ("pytest", "-q", "tests/test_shop.py::test_wrong", "--redelivery-replay")
    done = run(shop, *wrong, "AAAA~BBBB")
    assert "ENDS WRONG" in done.stdout and "1 failed" in done.stdout
    done = run(shop, *wrong, "AAAA", "-rP")
    assert "ENDS RIGHT" in done.stdout and "1 passed" in done.stdout
    done = run(shop, *wrong, "ABBA")
    assert "CannotCheck: this schedule can't be carried out: choice 2, B" in done.stdout


def test_a_schedule_names_its_check_where_a_test_has_several(shop: Path) -> None:
    more = """
    def test_both():
        check(consumers.right, **GIVEN, faults=0)
        check(consumers.wrong, **GIVEN)
    """
    (shop / "tests" / "test_shop.py").write_text(dedent(TESTS) + dedent(more), "utf-8")
    both = ("pytest", "-q", "tests/test_shop.py::test_both")
    assert '::test_both --redelivery-replay "#2:AAAA~BBBB"' in run(shop, *both).stdout
    done = run(shop, *both, "--redelivery-replay", "#2:AAAA~BBBB")
    assert "ENDS WRONG" in done.stdout and "1 failed" in done.stdout


def test_what_can_not_be_done_in_pytest_has_a_sentence_of_its_own(shop: Path) -> None:
    (shop / "file").touch()
    done = run(shop, "pytest", "-q", "tests/test_shop.py::test_right", "--redelivery-html=file")
    assert "CannotCheck: the page file/tests-test_shop.py-test_right.html can't be written (File exists)" in done.stdout
    assert "settings.py" not in done.stdout and "pytest_plugin.py" not in done.stdout
    done = run(shop, "pytest", "-q", "tests/test_shop.py::test_right", "--redelivery-replay=AbA")
    assert "CannotCheck: this schedule can't be carried out" in done.stdout and "exercise" not in done.stdout


def test_pdb_stops_at_the_point_of_no_return(shop: Path) -> None:
    words = ("pytest", "-q", "tests/test_shop.py::test_wrong", "--redelivery-replay", "AAAA~BBBB", "--pdb")
    done = run(shop, *words, stdin="p message\np SEEN\nc\nc\n")
    assert "After step 5, no run ends right any more. Consumer B:" in done.stdout
    assert "shop/consumers.py(7)wrong()" in done.stdout
    assert "(Pdb) {'id': '8', 'amount': 100}" in done.stdout
    assert "(Pdb) set()" in done.stdout


def test_bounds_are_set_by_options_and_the_marker(shop: Path) -> None:
    done = run(shop, "pytest", "-q", "-rP", "-k", "right", "--redelivery-faults=0", "--redelivery-consumers=1")
    assert "1 consumer, 1 message and no faults a run" in done.stdout
    (shop / "tests" / "test_odd.py").write_text(
        "import pytest\n@pytest.mark.redelivery(errors=1)\ndef test_it(): pass\n", "utf-8"
    )
    done = run(shop, "pytest", "-q", "tests/test_odd.py")
    assert "expected the marker redelivery(consumers=None, faults=None, seconds=None)" in done.stdout + done.stderr


def test_a_run_of_pytest_that_checks_nothing_loads_nothing(shop: Path) -> None:
    (shop / "tests" / "test_none.py").write_text(
        "import sys\ndef test_it(): assert 'redelivery.simulation.hosts' not in sys.modules\n",
        "utf-8",
    )
    assert "1 passed" in run(shop, "pytest", "-q", "tests/test_none.py").stdout


# -- command line ----------------------------------------------------------------------------------------------


def check(shop: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(shop, "redelivery.cli", "check", *words)


def test_a_consumer_is_checked_from_the_command_line(shop: Path) -> None:
    done = check(shop, "shop.consumers:wrong", "--config", "checks.toml", "--html", "page.html")
    assert done.returncode == 1
    assert done.stdout.startswith('REFUTED   wrong()   memory-in-process   the claim "credited once" does not hold\n')
    again = 'redelivery check shop.consumers:wrong --config checks.toml --replay "AAAA~BBBB"'
    assert again in done.stdout
    assert "memory-in-process" in (shop / "page.html").read_text("utf-8")
    done = check(shop, "shop.consumers:wrong", "--config", "checks.toml", "--replay", "AAAA~BBBB")
    assert (done.returncode, done.stdout.partition("   ")[0]) == (1, "ENDS WRONG")
    done = check(shop, "shop.consumers:right", "--config", "checks.toml", "--json", "--faults", "1")
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"], told["bounds"]["faults"]) == (0, "proved", 1)
    assert check(shop, "shop.consumers:threaded", "--config", "checks.toml").returncode == 3
    (shop / "file").touch()
    done = check(shop, "shop.consumers:right", "--config", "checks.toml", "--html", "file/page.html")
    assert (done.returncode, done.stderr) == (2, "redelivery: the page file/page.html can't be written (File exists)\n")
    assert run(shop, "redelivery.cli", "--version").stdout == f"redelivery {redelivery.__version__}\n"


def test_the_configuration_may_stand_in_pyproject(shop: Path) -> None:
    table = f'[tool.redelivery."shop.consumers:right"]\n{dedent(CHECKS)}'
    (shop / "pyproject.toml").write_text(table, "utf-8")
    assert check(shop, "shop.consumers:right").returncode == 0


#: What is wrong on the command line, or in the file: arguments, file, what is said.
BAD = [
    ("shop.consumers:nobody", CHECKS, "shop.consumers has no nobody; it has wrong, right, threaded"),
    ("shop.nothing:handle", CHECKS, "shop.nothing can't be imported (ModuleNotFoundError: No module named"),
    ("shop.consumers:right", None, "can't be read (No such file or directory); say with --config which file"),
    ("shop.consumers:right", "messages = [", "checks.toml is no TOML"),
    (
        "shop.consumers:right",
        '["other:name"]',
        'says nothing of shop.consumers:right: a table ["shop.consumers:right"]',
    ),
    ("shop.consumers:right", CHECKS + "\nmesages = 5", "says 'mesages' of shop.consumers:right, which is not known"),
    ("shop.consumers:right", CHECKS.replace("schema.sql", "none.sql"), "the schema none.sql can't be read"),
    ("shop.consumers:right", CHECKS + '\nclaim = "nothing"', "'nothing' names nothing: module:name is wanted"),
    ("shop.consumers:right", CHECKS + "\nclaim = 5", "5 is no claim"),
    ("shop.consumers:right", 'messages = [{ id = "8" }]\nschema = "schema.sql"', "there is no claim"),
    (
        "shop.consumers:right",
        CHECKS + '\nclaim = { sql = "SELECT balance FROM account", is = [100] }',
        "is = [[100]] lists the rows that the query must give, and each row is a list",
    ),
    ("shop.consumers.right", CHECKS, "a consumer is named as module:name, that is shop.consumers:right"),
    ("shop/consumers.py:right", CHECKS, "a consumer is named as module:name, that is shop.consumers:right"),
    ("right", CHECKS, "right is neither a consumer nor a notebook"),
    pytest.param(f"{'x' * 300}:right", CHECKS, "can't be imported", id="a long name"),
]


@pytest.mark.parametrize(("target", "config", "said"), BAD)
def test_bad_input_on_the_command_line_has_a_sentence_of_its_own(
    target: str, config: str | None, said: str, shop: Path
) -> None:
    (shop / "checks.toml").unlink()
    if config is not None:
        (shop / "checks.toml").write_text(dedent(config), "utf-8")
    done = check(shop, target, "--config", "checks.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("redelivery: ") and said in done.stderr
