"""What a broker has to offer so that its deliveries can be watched."""

from __future__ import annotations

import abc
import contextlib
import importlib
import os
import socket
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..failure import EngineFailure
from ..kinds import Found, needed

#: How often ports are looked for.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: the message's id, and what the broker says of it besides."""

    message: str
    marks: dict[str, Any] = field(default_factory=dict)
    handle: Any = None


class Consumer(abc.ABC):
    """A consumer's connection, with the client that the field uses."""

    @abc.abstractmethod
    def __init__(self, address: str) -> None:
        """Connect."""

    @abc.abstractmethod
    def take(self, seconds: float) -> Delivery | None:
        """The next delivery; None where there is none within so many seconds."""

    @abc.abstractmethod
    def ack(self, delivery: Delivery) -> str:
        """Acknowledge; what came of it, in a word or two: ``accepted``, or an error's name."""

    @abc.abstractmethod
    def give_back(self, delivery: Delivery) -> bool:
        """Hand a delivery back, to be delivered again; False where the protocol has no way to."""

    @abc.abstractmethod
    def cut(self) -> None:
        """Cut the connection without a word of farewell."""


class Broker(abc.ABC):
    """A broker of our own, from its start to its end."""

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[str]
    """Its name among `redelivery.engines.kinds`."""
    package: ClassVar[str]
    """The Python package that leads to it."""
    mark: ClassVar[str]
    """What it says of a duplicate."""
    overrun: ClassVar[float | None] = None
    """Seconds after which it delivers again what a living consumer has not acknowledged; None: never."""
    idle: ClassVar[float] = 3.0
    """Seconds without a message after which its queue is taken for empty; longer than its time-out."""
    address: str = ""

    @abc.abstractmethod
    def start(self) -> None:
        """Start the server.

        Raises:
            EngineFailure: it is not there, or does not start.
        """

    @abc.abstractmethod
    def publish(self, *messages: str) -> None:
        """An empty queue, and these messages in it."""

    def dead_letters(self) -> int | None:
        """How many messages it has put aside; None where it has no place for them."""
        return None

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop the server; nothing stays."""

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class OnFreePorts(Broker):
    """A broker that is there already, at an address, or is started on ports that were free a moment ago."""

    def start(self) -> None:
        found = needed(self.kind)
        if found.how == "address":
            self._at(found.where)
            return
        for again in range(_TRIES):
            try:
                self._start(found)
                return
            except EngineFailure:
                # One of its ports may have been taken by somebody else since it was found to be free.
                self.stop()
                if again == _TRIES - 1:
                    raise

    @abc.abstractmethod
    def _at(self, address: str) -> None:
        """Use the one at ``address``.

        Raises:
            EngineFailure: that is no address.
        """

    @abc.abstractmethod
    def _start(self, found: Found) -> None:
        """Start one.

        Raises:
            EngineFailure: it does not start.
        """


def cut_sockets() -> None:
    """Cut every TCP connection of this process."""
    for number in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number))) as found:
            if found.family in (socket.AF_INET, socket.AF_INET6):
                found.shutdown(socket.SHUT_RDWR)


#: Module and classes of each broker, and its name among `redelivery.engines.kinds`.
BROKERS = {
    "rabbitmq": ("rabbitmq", "RabbitMQ", "RabbitConsumer", "rabbitmq"),
    "rabbitmq-quorum": ("rabbitmq", "RabbitMQQuorum", "QuorumConsumer", "rabbitmq"),
    "redis-streams": ("redis_streams", "RedisStreams", "StreamConsumer", "redis"),
    "nats": ("nats_jetstream", "JetStream", "JetStreamConsumer", "nats"),
    "kafka": ("kafka", "Kafka", "KafkaConsumer", "kafka"),
    "rocketmq": ("rocketmq", "RocketMQ", "RocketConsumer", "rocketmq"),
    "mqtt-1": ("mosquitto", "MosquittoOne", "QoS1Consumer", "mosquitto"),
    "mqtt-2": ("mosquitto", "MosquittoTwo", "QoS2Consumer", "mosquitto"),
}


def broker_of(name: str) -> type[Broker]:
    """A broker by its name."""
    module, kind, *_ = BROKERS[name]
    found: type[Broker] = getattr(importlib.import_module(f".{module}", __package__), kind)
    return found


def kind_of(name: str) -> str:
    """Which engine a broker is, without a look at its client."""
    return BROKERS[name][3]


def consumer_of(name: str) -> type[Consumer]:
    """The consumer of a broker."""
    module, _, kind, _ = BROKERS[name]
    found: type[Consumer] = getattr(importlib.import_module(f".{module}", __package__), kind)
    return found
