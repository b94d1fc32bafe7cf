"""A consumer's process: it takes messages, credits an account in SQLite, and dies where it is told to.

``python -m redelivery.engines.live.worker BROKER ADDRESS DATABASE HANDLER WHERE SECONDS`` prints a line of JSON for all
that happens to it. HANDLER is ``naive`` or ``records``; WHERE one of `WHERES`.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from typing import Any

from .port import Consumer, Delivery, consumer_of

WHERES = ("nowhere", "before effect", "before commit", "before ack", "cut", "holds", "gives back")


def say(what: str, **more: Any) -> None:
    """A line for whoever started this process."""
    print(json.dumps({"what": what, **more}), flush=True)


def handle(delivery: Delivery, database: str, handler: str, where: str) -> None:
    """Credit the account, once a message or at each delivery."""

    def dies(here: str) -> None:
        if where == here:
            say("killed", where=here)
            os.kill(os.getpid(), signal.SIGKILL)

    dies("before effect")
    connection = sqlite3.connect(database, isolation_level=None, timeout=20)
    connection.execute("BEGIN IMMEDIATE")
    new = connection.execute("INSERT OR IGNORE INTO processed VALUES (?)", [delivery.message]).rowcount
    if handler == "naive" or new:
        connection.execute("UPDATE account SET balance = balance + 100")
    dies("before commit")
    connection.execute("COMMIT")
    connection.close()
    dies("before ack")


def work(consumer: Consumer, database: str, handler: str, where: str, seconds: float) -> None:
    """Take messages until none comes for so many seconds."""
    while (delivery := consumer.take(seconds)) is not None:
        say("took", message=delivery.message, marks=delivery.marks)
        if where == "gives back":
            if not consumer.give_back(delivery):
                say("can't give back")
                return
            continue
        if where == "holds":
            sys.stdin.readline()
        handle(delivery, database, handler, where)
        if where == "cut":
            consumer.cut()
            say("cut")
            return
        say("acked", message=delivery.message, told=consumer.ack(delivery))
        if where == "holds":
            return


def main(arguments: list[str]) -> None:
    """The process."""
    name, address, database, handler, where, seconds = arguments
    work(consumer_of(name)(address), database, handler, where, float(seconds))
    say("idle")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
