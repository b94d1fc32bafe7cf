"""Kafka, with confluent-kafka: a group's offsets, and the time after which a member that does not poll is taken out.

One node in KRaft mode, broker and controller in one. A delivery carries its offset; of earlier deliveries Kafka knows
nothing, since a group stores one number a partition: where to go on (Kafka documentation, *Consumer position*).
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import socket
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import confluent_kafka as kafka
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from .. import jars
from ..failure import EngineFailure
from ..kinds import Found
from ..servers import Server, free_port
from .port import Consumer, Delivery, OnFreePorts, cut_sockets

#: Milliseconds without a heartbeat, and without a call of poll, after which a member is taken out of its group.
SESSION, POLL = 1000, 1500
#: The least that a broker with its defaults allows (``group.min.session.timeout.ms``).
_LEAST = 6000
#: Seconds in which an answer has to be there that no time-out of the group delays.
PATIENCE = 120.0


def classpath(found: Found, server: Server) -> str:
    """The jars to run, in the server's own folder where they come from the cache, which others may not read.

    Raises:
        EngineFailure: there are none, or one is not the one that is pinned.
    """
    if found.how == "jars":
        folder = server.folder / "jars"
        folder.mkdir()
        for jar in jars.checked(found.kind.name):
            (folder / jar.name).write_bytes(jar.read_bytes())
        return f"{folder}/*"
    home = Path(found.where).resolve().parent.parent
    for folder in (home / "libs", home / "libexec/libs"):
        if folder.is_dir():
            return f"{folder}/*"
    raise EngineFailure(f"there are no jars beside {found.where}: redelivery engines --get {found.kind.name}")


class Kafka(OnFreePorts):
    """A Kafka broker; each topic has one partition, and a group of its own."""

    name, title, kind, package = "kafka", "Kafka", "kafka", "confluent_kafka"
    mark = "offset"
    overrun: ClassVar[float | None] = POLL / 1000
    _server: Server | None = None

    def _at(self, address: str) -> None:
        self.bootstrap, self.session = address, _LEAST

    def _start(self, found: Found) -> None:
        server = self._server = Server("Kafka")
        folder, port, controller = server.folder, free_port(), free_port()
        self.bootstrap, self.session = f"127.0.0.1:{port}", SESSION
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": folder / "data",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": SESSION // 2,
            "group.share.min.record.lock.duration.ms": 1000,
            "group.share.record.lock.duration.ms": 1000,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
            "auto.create.topics.enable": "false",
        }
        (folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        path, java = classpath(found, server), jars.java()
        if server.user:
            os.chown(folder / "server.properties", server.user["user"], server.user["group"])
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "a")
        options = ["-Xmx384m", "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={folder}", "-cp", path]
        tool = "kafka.tools.StorageTool"
        server.run([java, *options, tool, "format", "-t", cluster, "-c", str(folder / "server.properties")], "format")

        def ready() -> bool:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            return False

        server.start([java, *options, "kafka.Kafka", str(folder / "server.properties")], ready)

    def new_topic(self, name: str, partitions: int = 1) -> str:
        """An empty topic with a name that nobody else has."""
        topic = f"{name}-{secrets.token_hex(4)}"
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE)
        return topic

    def send(self, topic: str, *messages: str, partition: int = 0) -> None:
        """Publish messages in their order."""
        producer = kafka.Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "log_level": 0})
        for message in messages:
            producer.produce(topic, message.encode(), partition=partition)
        if producer.flush(PATIENCE):
            raise EngineFailure(f"Kafka at {self.bootstrap} takes no message")

    def publish(self, *messages: str) -> None:
        topic = self.new_topic("orders")
        self.send(topic, *messages)
        self.address = f"{self.bootstrap} {topic} {self.session}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


def settings_of(address: str) -> tuple[dict[str, Any], str]:
    """The settings of a member of the topic's group, and the topic."""
    bootstrap, topic, session = address.split()
    return {
        "bootstrap.servers": bootstrap,
        "group.id": topic,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": int(session),
        "heartbeat.interval.ms": int(session) // 4,
        "max.poll.interval.ms": max(POLL, int(session)),
        "fetch.wait.max.ms": 50,
        "log_level": 0,
    }, topic


class KafkaConsumer(Consumer):
    """A member of the group, which commits the offset behind each message by itself."""

    def __init__(self, address: str) -> None:
        settings, topic = settings_of(address)
        self._consumer = kafka.Consumer(settings)
        self._mine: bool = False
        self._came: list[kafka.Message] = []
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked)
        # A member that is gone is missed after its time only: nothing can be said of the topic before.
        until = monotonic() + PATIENCE
        while not self._mine and monotonic() < until:
            self._poll(0.1)

    def _assigned(self, consumer: kafka.Consumer, partitions: list[kafka.TopicPartition]) -> None:
        self._mine = self._mine or bool(partitions)

    def _revoked(self, consumer: kafka.Consumer, partitions: list[kafka.TopicPartition]) -> None:
        self._mine = False

    def _poll(self, seconds: float) -> None:
        message = self._consumer.poll(seconds)
        if message is not None and message.error() is None:
            self._came.append(message)

    def take(self, seconds: float) -> Delivery | None:
        until = monotonic() + seconds
        while not self._came:
            if monotonic() > until:
                return None
            self._poll(0.1)
        message = self._came.pop(0)
        return Delivery((message.value() or b"").decode(), {"offset": message.offset()}, message)

    def ack(self, delivery: Delivery) -> str:
        try:
            self._consumer.commit(message=delivery.handle, asynchronous=False)
        except kafka.KafkaException as error:
            return f"refused, {error.args[0].name()}"
        return "accepted"

    def give_back(self, delivery: Delivery) -> bool:
        # The broker hears nothing of it: the reader goes back by itself, as error handlers of frameworks do.
        message = delivery.handle
        self._consumer.seek(kafka.TopicPartition(message.topic(), message.partition(), message.offset()))
        return True

    def cut(self) -> None:
        cut_sockets()
