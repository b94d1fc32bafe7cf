"""A process that reads orders from Kafka and writes credits to it in one transaction.

``python -m redelivery.engines.live.transactional ORDERS CREDITS TRANSACTIONS EFFECT WHERE POSTGRES SECONDS``: ORDERS is
an address as `redelivery.engines.live.kafka` makes it; EFFECT one of `EFFECTS`; WHERE one of `WHERES`. It prints a line
of JSON for all that happens to it::

    begin ─ credit to a topic ─ [UPDATE; COMMIT in PostgreSQL] ─ offset into the transaction ─ commit
          |                                                                                  |        |
       at work                                                                     before commit   after commit
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import confluent_kafka as kafka

from .kafka import PATIENCE, settings_of
from .worker import say

#: ``kafka``: none beside the topic; ``postgres``: an UPDATE, committed by itself; ``offset``: the same, with the
#: offset stored in the same transaction of PostgreSQL, and read from there.
EFFECTS = ("kafka", "postgres", "offset")
WHERES = ("nowhere", "at work", "before commit", "after commit", "holds at work", "holds before commit")
AMOUNT = 100


class Payments:
    """A member of the group of the orders, and a producer with a transactional id."""

    def __init__(self, orders: str, credits: str, transactions: str, effect: str, where: str, postgres: str) -> None:
        settings, self._topic = settings_of(orders)
        self._credits, self._effect, self._where = credits, effect, where
        self._database: Any = None
        if effect != "kafka":
            import psycopg

            self._database = psycopg.connect(postgres)
        self._producer = kafka.Producer(
            {
                "bootstrap.servers": settings["bootstrap.servers"],
                "transactional.id": transactions,
                "log_level": 0,
            }
        )
        self._producer.init_transactions(PATIENCE)
        self._consumer = kafka.Consumer({**settings, "isolation.level": "read_committed"})
        self._consumer.subscribe([self._topic], on_assign=self._assigned)
        self._mine = False

    def _assigned(self, consumer: kafka.Consumer, partitions: list[kafka.TopicPartition]) -> None:
        self._mine = self._mine or bool(partitions)
        if self._effect == "offset":
            with self._database.transaction():
                for partition in partitions:
                    partition.offset = self._database.execute("SELECT next FROM places").fetchone()[0]
            consumer.assign(partitions)

    def run(self, seconds: float) -> None:
        """Take orders until none has come for so many seconds since they were ours to take."""
        while True:
            ours = self._mine
            message = self._consumer.poll(seconds if ours else 0.1)
            if message is not None and message.error() is None:
                self._pay(message)
                if self._where.startswith("holds"):
                    return
            elif ours and message is None:
                return

    def _here(self, where: str) -> None:
        if self._where == where:
            say("killed", where=where)
            os.kill(os.getpid(), signal.SIGKILL)
        if self._where == f"holds {where}":
            say("holds")
            sys.stdin.readline()

    def _pay(self, message: kafka.Message) -> None:
        say("took", message=(message.value() or b"").decode(), marks={"offset": message.offset()})
        member = self._consumer.consumer_group_metadata()
        self._here("at work")
        try:
            self._producer.begin_transaction()
            self._producer.produce(self._credits, str(AMOUNT).encode(), key=message.value())
            self._producer.flush(PATIENCE)
            done = self._in_postgres(message.offset() or 0)
            behind = kafka.TopicPartition(self._topic, message.partition() or 0, (message.offset() or 0) + 1)
            self._producer.send_offsets_to_transaction([behind], member, PATIENCE)
            self._here("before commit")
            self._producer.commit_transaction(PATIENCE)
        except kafka.KafkaException as error:
            reason = error.args[0]
            if reason.txn_requires_abort():
                self._producer.abort_transaction(PATIENCE)
            say("acked", told=f"refused, {reason.name()}", done=False)
        else:
            say("acked", told="committed", done=done)
        self._here("after commit")

    def _in_postgres(self, offset: int) -> bool:
        """Credit the account; False where the place says that this order has been credited."""
        if self._effect == "kafka":
            return True
        with self._database.transaction():
            if self._effect == "offset":
                moved = self._database.execute("UPDATE places SET next = %s WHERE next = %s", [offset + 1, offset])
                if not moved.rowcount:
                    return False
            self._database.execute("UPDATE account SET balance = balance + %s", [AMOUNT])
        return True


def main(arguments: list[str]) -> None:
    """The process."""
    *what, seconds = arguments
    orders, credits, transactions, effect, where, postgres = what
    Payments(orders, credits, transactions, effect, where, postgres).run(float(seconds))
    say("idle")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
