"""Reading a schema that nobody changes is no step of its own: what that leaves out changes no verdict."""

from __future__ import annotations

import pytest

from redelivery.exercises.record_and_check import ONE
from redelivery.exploration.search import Search
from redelivery.exploration.verdict import Proved, Refuted, Verdict
from redelivery.simulation.program import Cell, SourceProgram

#: It makes a table once for all, and one for each message, which is its mark.
MARKS = """
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS log (line TEXT)")
    mark = f"m{message.id}"
    with db.atomic():
        db.execute("UPDATE account SET balance = balance WHERE id = 666")
        if not db[mark].exists():
            db[mark].create({"id": str})
            db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
"""
#: Right unless the table of the message appears between two reads, when the other table is there already.
CHANGED_IN_BETWEEN = """
def handle(message, db):
    db.execute("CREATE TABLE IF NOT EXISTS log (line TEXT)")
    mark = f"m{message.id}"
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    if db[mark].exists():
        db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
        return
    with db.atomic():
        if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount:
            db.execute("UPDATE account SET balance = balance + 100 WHERE id = 666")
            db[mark].create({"id": str})
"""
LOG_ALONE = MARKS.replace(
    "if not db[mark].exists():", "if db.execute('INSERT OR IGNORE INTO processed VALUES (?)', [message.id]).rowcount:"
).replace('            db[mark].create({"id": str})\n', "            db['log'].exists()\n")


def searched(source: str, every_read: bool) -> tuple[Verdict, Search]:
    search = Search(SourceProgram([Cell("a", source)]), ONE, "wal")
    search._all_schemas = every_read
    return search.run(), search


@pytest.mark.parametrize(
    ("source", "kind"),
    [(MARKS, Proved), (CHANGED_IN_BETWEEN, Refuted), (LOG_ALONE, Proved)],
    ids=["marks", "between", "log"],
)
def test_the_verdict_is_the_same_with_each_read_a_step(
    source: str, kind: type[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redelivery.exploration.search._FIRST_LOOK", 100)  # after which nobody knows
    fewer, search = searched(source, every_read=False)
    every, whole = searched(source, every_read=True)
    assert type(fewer) is type(every) is kind
    if isinstance(fewer, Refuted) and isinstance(every, Refuted):
        assert fewer.schedule == every.schedule, "what is shown can be carried out with each read a step"
    else:
        assert search.statistics.states < whole.statistics.states


def test_the_schemas_that_change_are_known_afterwards() -> None:
    _, search = searched(MARKS, every_read=False)
    assert search.needs.changing is not None
    tables = {len(schema) for schema in search.needs.changing}
    assert tables == {2, 3}, "without and with the log; with the mark nothing changes any more"
