"""RabbitMQ, with pika: classic and quorum queues, and the time after which it gives up a consumer that is at work."""

from __future__ import annotations

import os
import socket
from glob import glob
from time import monotonic
from typing import Any, ClassVar

import pika
import pika.exceptions

from ..kinds import Found
from ..servers import Server, free_port
from .port import Consumer, Delivery, OnFreePorts

QUEUE = "orders"
#: Milliseconds that a delivery may stay without an acknowledgement (``consumer_timeout``), and how often that is
#: looked at.
_TIMEOUT, _LOOKS = 1000, 500
#: Seconds that the Erlang machine may take to be up.
_STARTS = 120.0


class RabbitMQ(OnFreePorts):
    """RabbitMQ with a durable classic queue."""

    name, title, kind, package = "rabbitmq", "RabbitMQ, classic queue", "rabbitmq", "pika"
    mark = "redelivered"
    overrun: ClassVar[float | None] = _TIMEOUT / 1000
    arguments: ClassVar[dict[str, Any]] = {"x-queue-type": "classic"}
    _server: Server | None = None

    def _at(self, address: str) -> None:
        self.address = address

    def _start(self, found: Found) -> None:
        server = self._server = Server("RabbitMQ")
        folder, port = server.folder, free_port()
        self.address = f"amqp://guest:guest@127.0.0.1:{port}"
        # Debian's command insists on being root or rabbitmq; the one below it does not.
        programs = sorted(glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"))
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{port}\nconsumer_timeout = {_TIMEOUT}\nlog.file = false\nlog.console = true\n"
        )
        (folder / "advanced.config").write_text(f"[{{rabbit, [{{channel_tick_interval, {_LOOKS}}}]}}].\n")
        (folder / "plugins").write_text("[].\n")
        for path in folder.iterdir():
            if server.user:
                os.chown(path, server.user["user"], server.user["group"])
        more = {
            "RABBITMQ_NODENAME": f"rd{port}@localhost",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
        }

        def ready() -> bool:
            try:
                pika.BlockingConnection(pika.URLParameters(self.address)).close()
            except (pika.exceptions.AMQPError, OSError):
                return False
            return True

        server.start([programs[-1] if programs else found.where], ready, more, _STARTS)

    def publish(self, *messages: str) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self.address))
        channel = connection.channel()
        channel.queue_delete(QUEUE)
        channel.queue_declare(QUEUE, durable=True, arguments=self.arguments)
        channel.confirm_delivery()
        for message in messages:
            channel.basic_publish("", QUEUE, message.encode(), pika.BasicProperties(delivery_mode=2))
        connection.close()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class RabbitMQQuorum(RabbitMQ):
    """RabbitMQ with a quorum queue, which counts deliveries."""

    name, title = "rabbitmq-quorum", "RabbitMQ, quorum queue"
    mark = "x-delivery-count"
    arguments: ClassVar[dict[str, Any]] = {"x-queue-type": "quorum"}


class RabbitConsumer(Consumer):
    """A channel with one delivery at a time (prefetch 1)."""

    counts = False

    def __init__(self, address: str) -> None:
        parameters = pika.URLParameters(address)
        parameters.heartbeat = 0
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=1)
        self._stream: Any = self._channel.consume(QUEUE, inactivity_timeout=0.05)

    def take(self, seconds: float) -> Delivery | None:
        until = monotonic() + seconds
        try:
            for method, properties, body in self._stream:
                if method is not None:
                    marks: dict[str, Any] = {"redelivered": bool(method.redelivered)}
                    if self.counts:
                        headers = properties.headers or {}
                        marks = {"x-delivery-count": headers.get("x-delivery-count", 0), **marks}
                    return Delivery(body.decode(), marks, method.delivery_tag)
                if monotonic() > until:
                    break
        except pika.exceptions.AMQPError:
            pass  # the broker has closed the channel
        return None

    def ack(self, delivery: Delivery) -> str:
        try:
            self._channel.basic_ack(delivery.handle)
            self._connection.process_data_events(0.3)
            self._channel.queue_declare(QUEUE, passive=True)  # so that a refusal would have come
        except pika.exceptions.AMQPError as error:
            return f"refused, {type(error).__name__}"
        return "accepted"

    def give_back(self, delivery: Delivery) -> bool:
        self._channel.basic_nack(delivery.handle, requeue=True)
        return True

    def cut(self) -> None:
        sockets: Any = self._connection._impl._transport
        sockets._sock.shutdown(socket.SHUT_RDWR)


class QuorumConsumer(RabbitConsumer):
    """The same on a quorum queue."""

    counts = True
