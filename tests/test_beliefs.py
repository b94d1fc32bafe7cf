"""What a film says beside the steps: who believes what, where money came from, since when it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from redelivery.display.beliefs import beliefs_of
from redelivery.display.coins import marks_of
from redelivery.display.film import film_of
from redelivery.display.timeline import Timeline
from redelivery.exercises.exercise import exercise
from tests.films import RACE

LOST = """def handle(message, db):
    balance = db["account"].get(message.body["account"])["balance"]
    new = balance + message.body["amount"]
    db.execute("UPDATE account SET balance = ? WHERE id = ?", [new, message.body["account"]])
    db.execute("INSERT INTO processed VALUES (?)", [message.id])
"""
REDIS = """def handle(message, redis):
    if redis.get(f"done:{message.id}"):
        return
    redis.incrby(f"balance:{message.body['account']}", message.body["amount"])
    redis.set(f"done:{message.id}", 1)
"""
TOTAL = """def schema(db):
    db["orders"].create({"message_id": str, "order_id": str, "amount": int}, pk="message_id", if_not_exists=True)

def handle(message, db):
    row = {"message_id": message.id, **message.body}
    db["orders"].insert(row, ignore=True)

def total(db):
    return sum(row["amount"] for row in db["orders"].rows)
"""


def replayed(part: str, source: str, schedule: str, scenario: int = 1, number: str = "05") -> Any:
    return exercise(number).replay(part, source, schedule=schedule, scenario=scenario)


@pytest.fixture(scope="module")
def race() -> Any:
    return replayed("record_and_check", RACE, "AAAA+ABBBBBBBAAA")


def beliefs(film: dict[str, Any], place: int) -> list[Any]:
    after = film["steps"][place - 1] if place else film["first"]
    return [film["beliefs"][n] for n in film["sets"][after["beliefs"]]]


def coins(film: dict[str, Any], place: int, table: str) -> list[Any]:
    after = film["steps"][place - 1] if place else film["first"]
    return [coin for n in film["sets"][after["coins"]] if (coin := film["coins"][n])[0] == table]


def test_two_consumers_believe_what_is_no_longer_so(race: Any) -> None:
    film = race.film
    assert beliefs(film, 1) == []
    assert [b[:4] for b in beliefs(film, 2)] == [[0, 2, "8 not in processed", ""]]
    assert [b[:5] for b in beliefs(film, 7)] == [
        [0, 2, "8 not in processed", "", 0],
        [1, 7, "8 not in processed", "A credited 8 already, in step 4", 7],
    ]
    assert beliefs(film, 9)[0][:5] == [0, 2, "8 not in processed", "B credited 8 in step 9", 9]
    assert beliefs(film, 15) == []


def test_each_hundred_says_where_it_came_from(race: Any) -> None:
    film = race.film
    assert coins(film, 3, "account") == []
    assert coins(film, 4, "account") == [["account", "666", "100", "8", "A", 4, False, False]]
    first, second = coins(film, 9, "account")
    assert not first[6]
    assert second == ["account", "666", "100", "8", "B", 9, True, False]


def test_it_is_wrong_from_the_very_step(race: Any) -> None:
    film = race.film
    assert film["wrongFrom"] == 9
    assert film["steps"][7]["musts"] == []
    assert film["steps"][8]["musts"] == [[0, "100", "account", "666"]]
    assert film["steps"][14]["musts"] == [[0, "100", "account", "666"]]
    assert [row.musts for row in race.timeline.rows[7:10]] == [(), ((0, "100"),), ((0, "100"),)]


def test_a_redelivery_is_a_second_envelope_while_the_first_is_in_somebody_s_hands(race: Any) -> None:
    film = race.film
    queue = [film["queues"][step["queue"]] for step in film["steps"]]
    assert queue[0] == [["8", "A", False, False]]
    assert queue[4] == [["8", "queue", True, False], ["8", "A", False, True]]
    assert queue[5] == [["8", "A", False, True], ["8", "B", True, False]]
    assert queue[11][-1] == ["8", "done", False, False]
    assert film["steps"][0]["move"] == ["queue", "A", "8", False, False]
    assert film["steps"][4]["move"] == ["", "queue", "8", True, False]
    assert film["steps"][5]["move"] == ["queue", "B", "8", True, False]


def test_each_process_stands_somewhere_else(race: Any) -> None:
    film = race.film
    panes = film["panes"][film["steps"][7]["panes"]]
    assert panes[0][:3] == [0, 8, "INSERT processed"]
    assert panes[1] == [0, 4, "COMMIT", True, False]


def test_a_lost_acknowledgement_breaks_on_its_way() -> None:
    film = replayed("record_and_check", RACE, "AAAAAAA~").film
    lost = next(step for step in film["steps"] if step["kind"] == "lost ack")
    assert lost["move"] == ["A", "queue", "ack 8", False, True]
    assert film["queues"][lost["queue"]] == [["8", "queue", True, False]]


def test_a_lost_update_is_seen() -> None:
    """A writes what it has worked out from a balance that B has changed since."""
    shown = replayed("record_and_check", LOST, "AABBBBAAAA", scenario=2)
    film = shown.film
    believed = next(b for b in beliefs(film, 6) if b[0] == 0)
    assert believed[2] == "account 666: balance 0"
    assert believed[3] == "B changed that in step 6: balance 100"
    assert believed[5] == "account"
    overwritten, written = coins(film, 8, "account")
    assert overwritten[2:5] == ["100", "8", "B"]
    assert overwritten[7]
    assert written[2:5] == ["100", "88", "A"]
    assert not written[6]
    assert film["wrongFrom"] == 8
    assert film["steps"][7]["musts"] == [[0, "200", "account", "666"]]


def test_the_same_in_redis() -> None:
    film = replayed("record_and_check_redis", REDIS, "AAA+ABBB").film
    assert beliefs(film, 2)[0][2] == "no done:8"
    second = coins(film, len(film["steps"]), "balance")[1]
    assert second[:4] == ["balance", "balance:666", "100", "8"]
    assert second[6]
    assert film["wrongFrom"] == second[5]
    assert film["steps"][-1]["musts"] == [[0, "100", "balance", "balance:666"]]


def test_where_a_table_of_one_s_own_holds_the_effect() -> None:
    shown = exercise("02").report("order_total", TOTAL)
    film = shown.film
    assert film is not None
    rows = coins(film, len(film["steps"]), "orders")
    assert [row[3] for row in rows] == ["m1", "m2"]
    assert film["steps"][-1]["musts"] == [[-1, "100", "answers", "total(db)"]]
    assert film["steps"][film["wrongFrom"] - 1]["tables"] != film["steps"][film["wrongFrom"] - 2]["tables"]


def test_what_ends_right_is_never_wrong() -> None:
    film = replayed("record_and_check", RACE, "").film
    assert film["wrongFrom"] is None
    assert all(step["musts"] == [] for step in film["steps"])
    assert not any(b[3] for place in range(len(film["steps"]) + 1) for b in beliefs(film, place))
    assert not any(coin[6] for coin in film["coins"])


def test_a_run_that_goes_on_knows_its_fate() -> None:
    """Half of a credit is no mistake as long as the other half follows."""
    whole = replayed("record_and_check", RACE, "AAAA+ABBBBBBBAAA").run
    from redelivery.exercises.catalogue import part_of
    from redelivery.exercises.verify import SETUP
    from redelivery.exploration.replay import replay
    from redelivery.simulation.program import Cell, SourceProgram

    part: Any = part_of("05-record-and-check", "record_and_check")
    program = SourceProgram([SETUP, Cell("record_and_check", RACE)])
    some = replay(program, part.scenarios[0], whole.schedule[:9], finish=False)
    assert marks_of(some, whole).wrong_from == 9
    assert marks_of(replay(program, part.scenarios[0], whole.schedule[:8], finish=False), whole).wrong_from is None
    film = film_of(some, Timeline.of(some, fate=whole), "", lambda file: "", whole)
    assert film["steps"][-1]["musts"] == [[0, "100", "account", "666"]]
    assert len(beliefs_of(some, marks_of(some).coins)) == 10


def test_bodies_are_shown_where_they_differ() -> None:
    assert replayed("record_and_check", RACE, "", scenario=2).film["messages"] == [["88", ""], ["8", ""]]
    messages = replayed("record_and_check", RACE, "", scenario=3).film["messages"]
    assert messages[0] == ["b8", "account 666, amount 100"]
    assert messages[2] == ["08", "account 777, amount -30"]
