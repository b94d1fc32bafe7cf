"""Kafka's exactly once, for real: what it counts once, what it can't, and who is shut out.

An order is read from one topic and its credit written to another, in one transaction with the offset (read, process,
write). What another system does is not in that transaction: an account in PostgreSQL is credited twice, until the
offset is stored there, in one transaction with the credit (Kafka documentation, *Message Delivery Semantics*).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

import confluent_kafka as kafka
import psycopg

from ..failure import EngineFailure
from ..kinds import needed
from ..postgresql import OWN, _address
from .kafka import PATIENCE, Kafka
from .shows import Process
from .transactional import EFFECTS

KILLS = ("at work", "before commit", "after commit")


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """A database of our own, with an account and a place to go on from."""
    found = needed("postgres")
    address = found.where if found.how == "address" else _address(OWN.get(), "postgres")
    name = f"redelivery_{secrets.token_hex(6)}"
    try:
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
    except psycopg.Error as error:
        raise EngineFailure(f"PostgreSQL can't be used: {error}") from None
    try:
        own = psycopg.conninfo.make_conninfo(address, dbname=name)
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("CREATE TABLE account (balance int); INSERT INTO account VALUES (0)")
            connection.execute("CREATE TABLE places (next int); INSERT INTO places VALUES (0)")
        yield own
    finally:
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def read(broker: Kafka, topic: str, isolation: str) -> int:
    """The sum of all credits in a topic. ``isolation``: ``read_committed`` or ``read_uncommitted``."""
    consumer = kafka.Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": f"audit-{secrets.token_hex(4)}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "log_level": 0,
        }
    )
    consumer.assign([kafka.TopicPartition(topic, 0, 0)])
    total = 0
    while True:
        message = consumer.poll(PATIENCE)
        if message is None:
            raise EngineFailure(f"Kafka at {broker.bootstrap} does not show the end of a topic")
        error = message.error()
        if error is not None and error.code() == kafka.KafkaError._PARTITION_EOF:
            break
        if error is None:
            total += int(message.value() or 0)
    consumer.close()
    return total


def run(broker: Kafka, effect: str, where: str, same_id: bool = True) -> dict[str, Any]:
    """A first process dies, or holds on, ``where`` it is told to; a second one takes what comes; then a first one that
    holds on goes on. ``same_id``: both have one transactional id, so that the second shuts the first out."""
    with _database() if effect != "kafka" else contextlib.nullcontext("") as database:
        broker.publish("8")
        credits = broker.new_topic("credits")
        name = secrets.token_hex(4)

        def process(number: int, where: str) -> Process:
            transactions = name if same_id else f"{name}-{number}"
            arguments = [broker.address, credits, transactions, effect, where, database, str(broker.idle)]
            return Process(f"{__package__}.transactional", arguments)

        first = process(1, where)
        second: Process | None = None
        try:
            first.until("holds" if where.startswith("holds") else "killed")
            if not where.startswith("holds"):
                first.end()
            second = process(2, "nowhere")
            second.end()
            if where.startswith("holds"):
                first.go_on()
                first.end()
            told = [[said["told"], said["done"]] for said in first.said if said["what"] == "acked"]
        finally:
            first.kill()
            if second is not None:
                second.kill()
        found = {
            "deliveries": [len(first.took), len(second.took)],
            "read committed": read(broker, credits, "read_committed"),
            "read uncommitted": read(broker, credits, "read_uncommitted"),
            "the first is told": told[0][0] if told and where.startswith("holds") else "",
        }
        if database:
            with psycopg.connect(database) as connection:
                row = connection.execute("SELECT balance FROM account").fetchone()
                found["account"] = row[0] if row else None
        return found


#: Each run by its name: the effect, where the first process is ended or held, and whether both have one id.
RUNS = {
    **{f"{effect}, {where}": (effect, where, True) for effect in EFFECTS for where in KILLS},
    **{f"{effect}, rebalance": (effect, "holds at work", False) for effect in EFFECTS},
    "kafka, zombie": ("kafka", "holds before commit", True),
}


def everything() -> dict[str, Any]:
    """All that lesson 07 shows of it, from live runs."""
    broker = Kafka()
    with broker:
        return {name: run(broker, *how) for name, how in RUNS.items()}
