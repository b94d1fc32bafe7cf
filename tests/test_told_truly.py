"""What a verdict tells of an answer is true of the code that ran."""

from __future__ import annotations

from redelivery.checking.handler_part import HandlerPart
from redelivery.checking.part import Report
from redelivery.exercises.catalogue import EXERCISES
from redelivery.exercises.verify import SETUP
from redelivery.simulation.program import Cell, SourceProgram

LEDGER = """
def schema(db):
    db.execute("CREATE TABLE ledger (t TEXT, a INTEGER, amount INTEGER, settled INTEGER DEFAULT 0, UNIQUE (t, a))")


def handle(message, db):
    if message.body["amount"] == 0:
        raise ValueError("a first try, which was written over")


def handle(message, db):
    body = message.body
    if body["amount"] == 0:
        return
    db.execute("INSERT OR IGNORE INTO ledger (t, a, amount) VALUES (:transfer_id, :account, :amount)", body)


def settle(db):
    with db.atomic():
        for row in list(db.query("SELECT * FROM ledger WHERE NOT settled")):
            db.execute("UPDATE account SET balance = balance + :amount WHERE id = :a", row)
            db.execute("UPDATE ledger SET settled = 1 WHERE t = :t AND a = :a", row)
"""

TORN = """
def handle(message, db):
    changed = db.execute(
        "UPDATE account SET balance = balance + :amount WHERE id = :account AND version = :version", message.body
    )
    if changed.rowcount:
        db.execute("UPDATE account SET version = version + 1 WHERE id = :account", message.body)
    elif db["account"].get(message.body["account"])["version"] <= message.body["version"]:
        raise Retry("early")
"""

VERSIONED = """
def handle(message, db):
    sql = "UPDATE account SET balance = balance + :amount, version = version + 1 WHERE id = :account"
    if db.execute(sql + " AND version = :version", message.body).rowcount == 0:
        if db["account"].get(message.body["account"])["version"] <= message.body["version"]:
            raise Retry("early")
"""

EXPIRING = """
def handle(message, redis):
    script = "if redis.call('SET', KEYS[1], 1, 'NX', 'EX', 60) then redis.call('INCRBY', KEYS[2], ARGV[1]) end"
    keys = [f"done:{message.id}", f"balance:{message.body['account']}"]
    redis.register_script(script)(keys=keys, args=[message.body["amount"]])
"""


def checked(exercise: str, name: str, source: str) -> Report:
    [number] = [number for number in EXERCISES if number.startswith(exercise)]
    [part] = [part for part in EXERCISES[number] if part.grade_id == name]
    assert isinstance(part, HandlerPart)
    return part.check(number, SourceProgram([SETUP, Cell(name, source)]))


def test_of_two_functions_of_one_name_the_one_that_ran_is_shown() -> None:
    report = checked("03", "ledger", LEDGER)
    assert report.diagnosis is not None and report.diagnosis.name == "accepted-invalid"
    [returns] = [n for n, line in enumerate(LEDGER.splitlines(), 1) if line == '    if body["amount"] == 0:']
    assert f"line {returns} acknowledged it" in report.explanation


def test_another_delivery_of_the_same_message_is_called_so() -> None:
    report = checked("04", "versioned_balance", TORN)
    assert report.diagnosis is not None and report.diagnosis.name == "torn-update"
    assert "in two transactions; another delivery of message 8 got in between" in report.explanation


def test_the_bounds_say_what_there_are_so_many_of() -> None:
    assert (
        ", up to 500 other messages while one is worked on;"
        in checked("04", "versioned_balance", VERSIONED).bounds_words
    )


def test_a_mark_may_expire_when_the_duplicate_is_there_already() -> None:
    report = checked("05", "record_and_check_redis", EXPIRING)
    rows = [row.text for row in report.timeline.rows] if report.timeline else []
    assert rows.index("time passes") > rows.index("receive 8, redelivered")
    assert "had expired before the duplicate was worked on" in report.explanation


def test_what_a_balance_must_be_is_what_all_that_has_come_makes_it() -> None:
    """The effect of a message may be still to come, so the picture must not take it for no effect."""
    source = LEDGER.replace("        return\n", '        raise ValueError("amount 0")\n').replace(
        "with db.atomic():", "if True:"
    )
    report = checked("03", "ledger", source)
    assert "account 666 holds 800, must hold 900" in report.headline
    assert report.timeline is not None
    wrong = [(row.state[0], *row.musts) for row in report.timeline.rows if row.musts]
    assert set(wrong) == {("66:0 666:800 777:50", (0, "66:0 666:900 777:50"))}
    assert len(wrong) > 1
