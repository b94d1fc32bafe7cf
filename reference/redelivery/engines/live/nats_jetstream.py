"""NATS JetStream, with nats-py: a durable pull consumer, and the time that it waits for an acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

import nats
import nats.errors
import nats.js.api
import nats.js.errors

from ..kinds import needed
from ..servers import Server, free_port
from .port import Broker, Consumer, Delivery

STREAM, SUBJECT, DURABLE = "ORDERS", "orders", "payments"
#: Seconds that the server waits for an acknowledgement.
ACK_WAIT = 1.0


async def _says_nothing(error: Exception) -> None:
    """While the server starts, it is no news that it is not there."""


class JetStream(Broker):
    """A NATS server with one stream and one durable consumer."""

    name, title, kind, package = "nats", "NATS JetStream", "nats", "nats"
    mark = "num delivered"
    overrun: ClassVar[float | None] = ACK_WAIT
    _server: Server | None = None

    def start(self) -> None:
        found = needed("nats")
        if found.how == "address":
            self.address = found.where
            return
        server = self._server = Server("NATS")
        port = free_port()
        self.address = f"nats://127.0.0.1:{port}"

        def ready() -> bool:
            async def asks() -> bool:
                try:
                    client = await nats.connect(
                        self.address, allow_reconnect=False, connect_timeout=2, error_cb=_says_nothing
                    )
                except (OSError, nats.errors.Error):
                    return False
                await client.close()
                return True

            return asyncio.run(asks())

        server.start([found.where, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", server.folder / "data"], ready)

    def publish(self, *messages: str) -> None:
        async def publishes() -> None:
            client = await nats.connect(self.address)
            stream = client.jetstream()
            try:
                await stream.delete_stream(STREAM)
            except nats.js.errors.NotFoundError:
                pass
            await stream.add_stream(name=STREAM, subjects=[SUBJECT])
            await stream.add_consumer(
                STREAM,
                nats.js.api.ConsumerConfig(
                    durable_name=DURABLE, ack_wait=ACK_WAIT, ack_policy=nats.js.api.AckPolicy.EXPLICIT
                ),
            )
            for message in messages:
                await stream.publish(SUBJECT, message.encode())
            await client.close()

        asyncio.run(publishes())

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class JetStreamConsumer(Consumer):
    """Pulls one message at a time."""

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._client: Any = self._do(nats.connect(address, allow_reconnect=False))
        self._pull: Any = self._do(self._client.jetstream().pull_subscribe_bind(DURABLE, STREAM))

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)

    def take(self, seconds: float) -> Delivery | None:
        try:
            (message,) = self._do(self._pull.fetch(1, timeout=seconds))
        except (nats.errors.TimeoutError, TimeoutError):
            return None
        return Delivery(message.data.decode(), {"num delivered": message.metadata.num_delivered}, message)

    def ack(self, delivery: Delivery) -> str:
        try:
            self._do(delivery.handle.ack_sync(timeout=2))
        except (nats.errors.TimeoutError, TimeoutError):
            return "no answer"
        return "accepted"

    def give_back(self, delivery: Delivery) -> bool:
        self._do(delivery.handle.nak())
        return True

    def cut(self) -> None:
        transport: Any = self._client._transport
        transport._io_writer.transport.abort()
