"""RocketMQ, with rocketmq-python-client over its proxy: invisible times, delivery attempts, and the dead-letter queue.

Two programs: the name server, and the proxy with the broker inside (``-pm local``). What is not acknowledged within its
invisible time goes to the topic ``%RETRY%group_topic`` and comes from there, with one more attempt; after the last
attempt that the group allows it is in ``%DLQ%group`` (RocketMQ documentation, *Consumption Retry*). The proxy has no
setting for the address it listens on: its port, a random one, is open on all interfaces while it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import tempfile
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType
from typing import Any, ClassVar

from .. import jars
from ..failure import EngineFailure
from ..kinds import Found
from ..servers import Server, free_port
from .port import Consumer, Delivery, OnFreePorts, cut_sockets

#: Seconds for which a delivery is invisible to others, and after which it is surely back.
INVISIBLE, BACK = 1, 4.0
#: How often a message that was not acknowledged is tried again; the broker's default is 16.
RETRIES = 2
#: Seconds in which an answer has to be there.
PATIENCE = 120.0
#: Codes of the broker's own protocol, which creates topics and groups (RequestCode).
_TOPIC, _GROUP, _STATS = 17, 200, 202


def client() -> ModuleType:
    """The client, which opens a log file in the home folder when it is imported: here it does not stay."""
    home = os.environ.get("HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        try:
            import rocketmq
            from rocketmq.v5.log import logger
        finally:
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.disabled = True
    module: ModuleType = rocketmq
    return module


class RocketMQ(OnFreePorts):
    """A broker with one topic of one queue, and one group; new ones for each run."""

    name, title, kind, package = "rocketmq", "RocketMQ", "rocketmq", "rocketmq"
    mark = "delivery attempt"
    overrun: ClassVar[float | None] = BACK
    idle: ClassVar[float] = 3 * BACK
    _server: Server | None = None
    _names: Server | None = None
    _broker: tuple[str, int]
    _group = ""

    def _at(self, address: str) -> None:
        # "proxy broker": topics and groups are made at the broker.
        self._proxy, _, broker = address.partition(" ")
        host, _, port = broker.rpartition(":")
        if not host or not port.isdecimal():
            raise EngineFailure(
                "REDELIVERY_ROCKETMQ must name the proxy and the broker: '127.0.0.1:8081 127.0.0.1:10911'"
            )
        self._broker = (host, int(port))

    def _start(self, found: Found) -> None:
        names = self._names = Server("RocketMQ's name server")
        server = self._server = Server("RocketMQ")
        names_port, port, proxy = free_port(), free_port(), free_port()
        classes = names.folder / "jars"
        classes.mkdir()
        for jar in jars.checked("rocketmq"):
            (classes / jar.name).write_bytes(jar.read_bytes())
        java = jars.java()

        def command(folder: Path, main: str, *arguments: str) -> list[str]:
            opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "sun.nio.ch")]
            memory = ["-Xmx384m", "-XX:TieredStopAtLevel=1", f"-Duser.home={folder}", f"-Djava.io.tmpdir={folder}"]
            return [java, *memory, *opened, "-cp", f"{classes}/*", f"org.apache.rocketmq.{main}", *arguments]

        where = {"ROCKETMQ_HOME": str(server.folder), "RMQ_PROXY_HOME": str(server.folder)}
        _write(names, "names.conf", {"listenPort": names_port, "bindAddress": "127.0.0.1"})
        settings = {
            "brokerClusterName": "DefaultCluster",
            "brokerName": "broker-a",
            "brokerId": 0,
            "brokerIP1": "127.0.0.1",
            "bindAddress": "127.0.0.1",
            "namesrvAddr": f"127.0.0.1:{names_port}",
            "listenPort": port,
            "haListenPort": free_port(),
            "storePathRootDir": server.folder / "store",
            "mappedFileSizeCommitLog": 16 << 20,
            "reviveInterval": 100,
            "reviveAckWaitMs": 200,
            # Of five takes one looks first for what is to be tried again; here none does, so that a run repeats.
            "popFromRetryProbability": 0,
        }
        _write(server, "broker.conf", settings)
        told = {
            "rocketMQClusterName": "DefaultCluster",
            "namesrvAddr": f"127.0.0.1:{names_port}",
            "grpcServerPort": proxy,
            "remotingListenPort": free_port(),
            "minInvisibleTimeMillsForRecv": 1000 * INVISIBLE,
            "enableProxyAutoRenew": False,
            "grpcClientConsumerMinLongPollingTimeoutMillis": 100,
        }
        (server.folder / "proxy.json").write_text(json.dumps(told))
        start_names = command(names.folder, "namesrv.NamesrvStartup", "-c", str(names.folder / "names.conf"))
        names.start(start_names, lambda: _listens(names_port), where)
        configured = ["-bc", str(server.folder / "broker.conf"), "-pc", str(server.folder / "proxy.json")]
        start = command(server.folder, "proxy.ProxyStartup", "-pm", "local", *configured)
        server.start(start, lambda: _listens(proxy) and _listens(port), where)
        self._proxy, self._broker = f"127.0.0.1:{proxy}", ("127.0.0.1", port)

    def publish(self, *messages: str) -> None:
        name = f"{os.getpid()}-{os.urandom(4).hex()}"
        topic, self._group = f"orders-{name}", f"payments-{name}"
        asked = {"defaultTopic": "TBW102", "readQueueNums": "1", "writeQueueNums": "1", "perm": "6", "order": "false"}
        kind = {"topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "attributes": "+message.type=NORMAL"}
        self._ask(_TOPIC, {"topic": topic, **asked, **kind})
        group = {"groupName": self._group, "consumeEnable": True, "retryQueueNums": 1, "retryMaxTimes": RETRIES}
        self._ask(_GROUP, {}, json.dumps(group).encode())
        self.address = f"{self._proxy} {topic} {self._group}"
        rocketmq = client()
        configuration = rocketmq.ClientConfiguration(self._proxy, rocketmq.Credentials())
        producer = rocketmq.Producer(configuration, (topic,))
        until = monotonic() + PATIENCE
        producer.startup()
        for body in messages:
            message = rocketmq.Message()
            message.topic, message.body = topic, body.encode()
            while True:
                try:
                    producer.send(message)
                    break
                except Exception as error:  # the route to a new topic is not known at once
                    if monotonic() > until:
                        raise EngineFailure(f"RocketMQ at {self._proxy} takes no message: {error}") from None
                    sleep(0.2)
        producer.shutdown()

    def dead_letters(self) -> int:
        """How many messages are in the group's dead-letter queue."""
        said = self._ask(_STATS, {"topic": f"%DLQ%{self._group}"})
        return sum(int(part.split(b",")[0].split(b"}")[0]) for part in said.split(b'"maxOffset":')[1:])

    def _ask(self, code: int, fields: dict[str, str], body: bytes = b"") -> bytes:
        """A request in the broker's own protocol: length, length of the header, header in JSON, body."""
        header = {"code": code, "language": "OTHER", "version": 433, "opaque": 1, "flag": 0, "extFields": fields}
        head = json.dumps(header).encode()
        try:
            with socket.create_connection(self._broker, PATIENCE) as connection, connection.makefile("rb") as answer:
                connection.sendall(struct.pack(">ii", 4 + len(head) + len(body), len(head)) + head + body)
                length, first = struct.unpack(">ii", answer.read(8))
                said = json.loads(answer.read(first & 0xFFFFFF))
                found: bytes = answer.read(length - 4 - (first & 0xFFFFFF))
        except (OSError, ValueError, struct.error) as error:
            raise EngineFailure(f"RocketMQ's broker at {self._broker[0]}:{self._broker[1]} fails: {error}") from None
        if said["code"] and code != _STATS:
            raise EngineFailure(f"RocketMQ's broker refuses: {said.get('remark', said['code'])}")
        return found

    def stop(self) -> None:
        for server in (self._server, self._names):
            if server is not None:
                server.stop()


def _write(server: Server, name: str, settings: dict[str, Any]) -> None:
    (server.folder / name).write_text("".join(f"{key}={value}\n" for key, value in settings.items()))


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


class RocketConsumer(Consumer):
    """A SimpleConsumer, which takes one message at a time and acknowledges it by itself."""

    def __init__(self, address: str) -> None:
        proxy, topic, group = address.split()
        self._rocketmq: Any = client()
        configuration = self._rocketmq.ClientConfiguration(proxy, self._rocketmq.Credentials())
        subscription = {topic: self._rocketmq.FilterExpression("*")}
        self._consumer = self._rocketmq.SimpleConsumer(configuration, group, subscription, await_duration=1)
        self._consumer.startup()

    def take(self, seconds: float) -> Delivery | None:
        until = monotonic() + seconds
        while monotonic() < until:
            try:
                found = self._consumer.receive(1, INVISIBLE)
            except Exception:  # a poll that was over, or a client that is not known yet
                sleep(0.05)
                continue
            for message in found or ():
                return Delivery(message.body.decode(), {"delivery attempt": message.delivery_attempt}, message)
        return None

    def ack(self, delivery: Delivery) -> str:
        try:
            self._consumer.ack(delivery.handle)
        except Exception as error:
            return f"refused, {str(error).rpartition(', ')[2]}"
        return "accepted"

    def give_back(self, delivery: Delivery) -> bool:
        self._consumer.change_invisible_duration(delivery.handle, INVISIBLE)
        return True

    def cut(self) -> None:
        cut_sockets()
