"""Real brokers and real SIGKILL: what comes twice, and what the broker says of it, is as the stored runs say."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redelivery.engines.live.port import BROKERS, Broker, broker_of
from redelivery.engines.live.record import EXACTLY_ONCE, cannot_run
from redelivery.engines.live.shows import RULES, Rules, can_run, given_back, killed, rules_of
from redelivery.engines.servers import root_folder, sweep

STORED: dict[str, Any] = json.loads((Path(__file__).parents[2] / "course/data/live.json").read_text("utf-8"))

_MISSING = {name: can_run(name) for name in BROKERS}


def _broker(name: str) -> Any:
    asked = bool(os.environ.get("REDELIVERY_LIVE"))
    marks = [
        pytest.mark.xdist_group(f"live {name.partition('-')[0]}"),
        pytest.mark.skipif(not asked, reason="real brokers, whose time-outs are real: REDELIVERY_LIVE=1, or make live"),
        pytest.mark.skipif(bool(_MISSING[name]), reason=_MISSING[name] or "-"),
    ]
    return pytest.param(name, marks=marks)


@pytest.fixture(scope="module", params=[_broker(name) for name in BROKERS])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with broker_of(request.param)() as started:
        yield started
    assert not getattr(started, "_server", None) or not started._server.folder.exists()  # type: ignore[attr-defined]


def test_each_rule_of_the_simulated_queue_is_kept_or_not_as_stored(broker: Broker) -> None:
    assert dict(rules_of(broker).does) == STORED[broker.name]["rules"]


@pytest.mark.parametrize(("handler", "where"), [("naive", "before ack"), ("records", "cut")])
def test_a_killed_consumers_message_counts_as_stored(broker: Broker, handler: str, where: str) -> None:
    shown = killed(broker, where, handler)
    stored = STORED[broker.name][f"{handler}, {where}"]
    assert [[message, marks] for message, marks in shown.deliveries] == stored["deliveries"]
    assert shown.balance == stored["balance"]


WHY_NOT = cannot_run(EXACTLY_ONCE)
EXACTLY: dict[str, Any] = json.loads((Path(__file__).parents[2] / "course/data/exactly_once.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def kafka() -> Iterator[Any]:
    started = broker_of("kafka")()
    with started:
        yield started


@pytest.mark.xdist_group("live kafka")
@pytest.mark.skipif(not os.environ.get("REDELIVERY_LIVE"), reason="a real Kafka: REDELIVERY_LIVE=1, or make live")
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")
@pytest.mark.parametrize("name", EXACTLY)
def test_kafka_counts_exactly_once_where_it_was_stored_to(kafka: Any, name: str) -> None:
    from redelivery.engines.live.exactly_once import RUNS, run

    assert run(kafka, *RUNS[name]) == EXACTLY[name]


@pytest.mark.parametrize("name", [_broker(name) for name in ("kafka", "rocketmq")])
def test_a_process_that_is_killed_leaves_servers_until_the_next_one_starts(name: str) -> None:
    """Programs for Java, of which RocketMQ has two: each is found by the folder in its environment."""
    started = f"from redelivery.engines.live.port import broker_of; import os; b = broker_of({name!r})(); b.start()"
    killed = subprocess.run(
        [sys.executable, "-c", f"{started}; print(os.getpid(), flush=True); os.kill(os.getpid(), 9)"],
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -9, killed.stderr
    mine = f"{root_folder()}/{int(killed.stdout)}-"
    sweep()
    assert [line for line in _commands() if mine in line] == []
    assert not list(root_folder().glob(f"{int(killed.stdout)}-*"))


def _commands() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_text(errors="replace")


def test_what_is_stored_of_exactly_once_is_what_the_lesson_says() -> None:
    counted = {name: found.get("account", found["read committed"]) for name, found in EXACTLY.items()}
    twice = {name for name, credited in counted.items() if credited == 200}
    assert twice == {"postgres, before commit", "postgres, rebalance"}
    assert {credited for name, credited in counted.items() if name not in twice} == {100}
    refused = [found["the first is told"] for name, found in EXACTLY.items() if name.endswith(("zombie", "rebalance"))]
    assert refused == [*["refused, UNKNOWN_MEMBER_ID"] * 3, "refused, _FENCED"]
    assert EXACTLY["kafka, zombie"]["read uncommitted"] == 200


def test_what_was_tried_too_often_is_put_aside_where_there_is_a_place_for_it(broker: Broker) -> None:
    if broker.dead_letters() is None:
        assert "dead letters" not in STORED[broker.name]
        return
    assert given_back(broker) == 3
    assert broker.dead_letters() == STORED[broker.name]["dead letters"] == 1


def test_the_stored_runs_are_of_all_brokers_and_say_what_the_lesson_says() -> None:
    assert set(STORED) == set(BROKERS)
    for name, found in STORED.items():
        lost = name == "mqtt-2"
        assert found["naive, before effect"]["balance"] == (0 if lost else 100)
        assert found["naive, before ack"]["balance"] == (100 if lost else 200)
        assert found["records, before ack"]["balance"] == 100
        assert set(found["rules"]) == set(RULES)
        assert all(Rules(name, "", found["rules"]).compared(rule) for rule in RULES)
