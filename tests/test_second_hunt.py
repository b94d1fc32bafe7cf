"""Wrong answers of a second hunt whose story nobody tells well yet: what counts is that they are refuted."""

from __future__ import annotations

import pytest

from redelivery.exercises.catalogue import part_of
from redelivery.exercises.verify import SETUP
from redelivery.simulation.program import Cell, SourceProgram

#: ``total`` sums up more than five rows and forgets their ids. It has to be asked, and then comes a duplicate.
COMPACTS = """
def schema(db):
    db.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, amount INTEGER)")
    db.execute("CREATE TABLE summed (amount INTEGER)")
    db.execute("INSERT INTO summed VALUES (0)")

def handle(message, db):
    db.execute("INSERT OR IGNORE INTO orders VALUES (:order_id, :amount)", message.body)

def total(db):
    with db.atomic():
        if db["orders"].count > 5:
            db.execute("UPDATE summed SET amount = amount + (SELECT sum(amount) FROM orders)")
            db.execute("DELETE FROM orders")
    kept = db.execute("SELECT coalesce(sum(amount), 0) FROM orders").fetchone()[0]
    return kept + db.execute("SELECT amount FROM summed").fetchone()[0]
"""
FOLDS = '''
FOLD = """
local rows = redis.call('HVALS', KEYS[1])
if #rows > 50 then
    for _, amount in ipairs(rows) do redis.call('INCRBY', KEYS[2], amount) end
    redis.call('DEL', KEYS[1])
end
local total = tonumber(redis.call('GET', KEYS[2]) or '0')
for _, amount in ipairs(redis.call('HVALS', KEYS[1])) do total = total + tonumber(amount) end
return total
"""

def handle(message, redis):
    body = message.body
    redis.hsetnx(f"rows:{body['account']}", body["transfer_id"], body["amount"])

def balance(redis, account):
    return int(redis.eval(FOLD, 2, f"rows:{account}", f"sum:{account}"))
'''
#: Not greater than by a thousand is what it takes for "next": an address that comes later has to wait for ever.
WAITS = """
def handle(message, db):
    body = message.body
    version = db["customer"].get(body["customer"])["version"]
    if body["version"] > version + 1000:
        raise Retry("too far ahead")
    newer = "UPDATE customer SET address = :address, version = :version WHERE id = :customer AND version < :version"
    db.execute(newer, body)
"""


@pytest.mark.parametrize(
    ("exercise", "part", "source", "verdicts"),
    [
        ("02-idempotence", "order_total", COMPACTS, {"refuted"}),
        ("03-unique-constraints", "setnx", FOLDS, {"refuted"}),
        ("04-version-preconditions", "versioned_profile", WAITS, {"refuted", "stuck"}),
    ],
    ids=["compacts", "folds", "waits"],
)
def test_it_is_found(exercise: str, part: str, source: str, verdicts: set[str]) -> None:
    report = part_of(exercise, part).check(exercise, SourceProgram([SETUP, Cell(part, source)]))
    assert report.verdict.name in verdicts
    assert report.schedule is not None
