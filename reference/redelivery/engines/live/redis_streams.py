"""Redis streams, with redis-py: a group's pending entries, and XAUTOCLAIM for those that have been idle too long."""

from __future__ import annotations

import os
from time import monotonic, sleep
from typing import Any, ClassVar

import redis

from ..kinds import needed
from ..servers import Server, free_port
from .port import Broker, Consumer, Delivery

STREAM, GROUP = "orders", "payments"
#: Milliseconds without an acknowledgement after which an entry is claimed by others.
IDLE = 600


class RedisStreams(Broker):
    """Redis, with one stream and one group."""

    name, title, kind, package = "redis-streams", "Redis streams", "redis", "redis"
    mark = "times delivered"
    overrun: ClassVar[float | None] = IDLE / 1000

    def start(self) -> None:
        found = needed("redis")
        if found.how == "address":
            self.address, self._server = found.where, None
            return
        self._server = Server("Redis")
        port = free_port()
        folder = self._server.folder
        self.address = f"redis://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return bool(redis.Redis.from_url(self.address).ping())
            except redis.RedisError:
                return False

        command = [found.where, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
        self._server.start(command, ready)

    _server: Server | None = None

    def publish(self, *messages: str) -> None:
        client: Any = redis.Redis.from_url(self.address)
        client.delete(STREAM)
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        for message in messages:
            client.xadd(STREAM, {"id": message})

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class StreamConsumer(Consumer):
    """A member of the group. First it claims what others have left lying, then it reads what is new."""

    def __init__(self, address: str) -> None:
        self._redis: Any = redis.Redis.from_url(address, decode_responses=True)
        self._me = f"consumer-{os.getpid()}"

    def take(self, seconds: float) -> Delivery | None:
        until = monotonic() + seconds
        while True:
            found = self._redis.xautoclaim(STREAM, GROUP, self._me, IDLE, count=1)[1]
            if not found:
                read = self._redis.xreadgroup(GROUP, self._me, {STREAM: ">"}, count=1)
                found = read[0][1] if isinstance(read, list) and read else []
                if isinstance(read, dict) and read:
                    found = next(iter(read.values()))[0]
            if found:
                number, body = found[0]
                pending = self._redis.xpending_range(STREAM, GROUP, number, number, 1)
                times = pending[0]["times_delivered"] if pending else None
                return Delivery(body["id"], {"times delivered": times}, number)
            if monotonic() > until:
                return None
            sleep(0.02)

    def ack(self, delivery: Delivery) -> str:
        return "accepted" if self._redis.xack(STREAM, GROUP, delivery.handle) else "nothing left to acknowledge"

    def give_back(self, delivery: Delivery) -> bool:
        return False

    def cut(self) -> None:
        self._redis.connection_pool.disconnect()
