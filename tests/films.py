"""A long counterexample, and a page of its own that shows its film, without JupyterLab."""

from __future__ import annotations

import json
from typing import Any

from redelivery.checking.part import Replay
from redelivery.display.page import SCRIPT
from redelivery.exercises.exercise import exercise

#: The lecture's three steps: check, update, mark, and no transaction around them.
RACE = """def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
    db["processed"].insert({"message_id": message.id})
"""
#: Looks around a lot, and credits in four parts before it marks.
LONG = """
def handle(message, db):
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    for _ in range(20):
        db.execute("SELECT balance FROM account WHERE id = ?", [message.body["account"]]).fetchone()
    for step in range(4):
        quarter = message.body["amount"] // 4
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [quarter, message.body["account"]])
    db.execute("INSERT INTO processed VALUES (?)", [message.id])
"""


def long_replay() -> Replay:
    """More than 60 steps that end wrong."""
    shown = exercise("05").replay("record_and_check", LONG, schedule="A" * 30 + "A!")
    assert isinstance(shown, Replay)
    return shown


def page_of(film: dict[str, Any], picture: str) -> str:
    """A page that shows a film."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Film</title></head><body><main>'
        f'<h1>A film</h1><div id="film"></div></main><script>{SCRIPT.read_text("utf-8")}</script><script>'
        f'const picture = document.createElement("div"); picture.innerHTML = {json.dumps(picture)};'
        f'window.deliveredTwice.show(document.getElementById("film"), {json.dumps(film)}, picture);'
        "</script></body></html>"
    )
