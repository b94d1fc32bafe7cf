"""MQTT, with paho-mqtt over Mosquitto: QoS 1 acknowledged by hand, and QoS 2, whose handshake the client makes."""

from __future__ import annotations

import os
import queue
import socket
from typing import Any, ClassVar

import paho.mqtt.client as mqtt
import paho.mqtt.publish

from ..kinds import needed
from ..servers import Server, free_port
from .port import Broker, Consumer, Delivery

TOPIC, SESSION = "orders", "payments"


class MosquittoOne(Broker):
    """Mosquitto at QoS 1: one session that outlives its connections."""

    name, title, kind, package = "mqtt-1", "MQTT, QoS 1", "mosquitto", "paho"
    mark = "DUP"
    qos: ClassVar[int] = 1
    _server: Server | None = None

    def start(self) -> None:
        found = needed("mosquitto")
        if found.how == "address":
            self.address = found.where
            return
        server = self._server = Server("Mosquitto")
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        config = server.folder / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 1\n"
            + ("user nobody\n" if server.user else "")
        )
        if server.user:
            os.chown(config, server.user["user"], server.user["group"])

        def ready() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
            return True

        server.start([found.where, "-c", config], ready)

    def publish(self, *messages: str) -> None:
        host, port = self.address.split(":")
        clears = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=SESSION, clean_session=True)
        clears.connect(host, int(port))
        clears.loop(0.2)
        clears.disconnect()
        _subscribed(self.address, self.qos).cut()
        bodies = [{"topic": TOPIC, "payload": message, "qos": self.qos} for message in messages]
        paho.mqtt.publish.multiple(bodies, hostname=host, port=int(port))  # type: ignore[arg-type]

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


class MosquittoTwo(MosquittoOne):
    """Mosquitto at QoS 2."""

    name, title = "mqtt-2", "MQTT, QoS 2"
    qos: ClassVar[int] = 2


class QoS1Consumer(Consumer):
    """The session's consumer; paho calls from a thread, and acknowledges when it is told to."""

    qos = 1

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self._came: queue.Queue[Any] = queue.Queue()
        self._ready: queue.Queue[bool] = queue.Queue()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=SESSION, clean_session=False, manual_ack=True
        )
        self._client.on_message = lambda client, data, message: self._came.put(message)
        self._client.on_subscribe = lambda client, data, number, codes, properties: self._ready.put(True)
        self._client.connect(host, int(port))
        self._client.loop_start()
        self._client.subscribe(TOPIC, self.qos)
        self._ready.get(timeout=10)

    def take(self, seconds: float) -> Delivery | None:
        try:
            message = self._came.get(timeout=seconds)
        except queue.Empty:
            return None
        return Delivery(message.payload.decode(), {"DUP": bool(message.dup)}, message)

    def ack(self, delivery: Delivery) -> str:
        self._client.ack(delivery.handle.mid, delivery.handle.qos)
        return "accepted"

    def give_back(self, delivery: Delivery) -> bool:
        return False

    def cut(self) -> None:
        sock: Any = self._client.socket()
        self._client.on_message = None
        self._client.loop_stop()
        if sock is not None:
            sock.close()


class QoS2Consumer(QoS1Consumer):
    """The same at QoS 2: PUBREC goes out when the message comes in, before anybody has worked on it."""

    qos = 2


def _subscribed(address: str, qos: int) -> QoS1Consumer:
    return (QoS1Consumer if qos == 1 else QoS2Consumer)(address)
