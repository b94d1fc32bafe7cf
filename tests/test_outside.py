"""Effects outside of the stores: other services that the world answers for, and an outbox whose relay is a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redelivery import Bounds, Check, Result, Service, always
from tests.own_project import OwnProject

SCHEMA = "CREATE TABLE processed (id TEXT PRIMARY KEY); CREATE TABLE outbox (id TEXT PRIMARY KEY, address TEXT);"
ORDER = {"id": "8", "address": "ada@example.org", "amount": 100}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnProject]:
    own = OwnProject(tmp_path, monkeypatch)
    yield own
    own.close()


def once(mail: list[Any]) -> bool:
    return len(mail) == 1


def judged(handler: Any, **given: Any) -> Result:
    defaults = {"schema": SCHEMA, "messages": [ORDER], "claim": {"one mail": once}, "outside": ["mail"], "faults": 1}
    return Check(handler, **{**defaults, **given}).run()


MARK = 'db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]])'
#: Consumers that send a mail, and what becomes of it.
MAILING = {
    "sends each time": ('mail(message["address"])', "2"),
    "sends, then marks": (
        f"""
            if db["processed"].count_where("id = ?", [message["id"]]) == 0:
                mail(message["address"])
                {MARK}
        """,
        "2",
    ),
    "marks, then sends": (f'if {MARK}.rowcount:\n                mail(message["address"])', "0"),
    "sends within the transaction": (
        f"""
            with db.atomic():
                if {MARK}.rowcount:
                    mail(message["address"])
        """,
        "2",
    ),
}


@pytest.mark.parametrize("name", MAILING)
def test_a_mail_is_sent_twice_or_never(name: str, project: OwnProject) -> None:
    body, sent = MAILING[name]
    module = project.write(
        consumers=f"def handle(message, db, mail):\n            {body.strip()}\n".replace("\n        ", "\n    ")
    )
    result = judged(module.handle)
    assert (result.verdict, result.claim) == ("refuted", 'the claim "one mail" does not hold')
    assert f"mail: {sent} arrived" in result.ends_with or (sent == "0" and "mail" not in result.ends_with)


def test_a_service_that_knows_keys_does_each_once(project: OwnProject) -> None:
    module = project.write(
        consumers="""
            import uuid
            def handle(message, payments):
                payments.charges.create(message["amount"], idempotency_key=message["id"])
            def new_key(message, payments):
                payments.charges.create(message["amount"], idempotency_key=str(uuid.uuid4()))
            def gives_up(message, payments):
                try:
                    payments.charges.create(message["amount"], idempotency_key=message["id"])
                except TimeoutError:
                    pass
        """
    )
    given: dict[str, Any] = {
        "outside": {"payments": Service(key="idempotency_key", answer={"status": "ok"}, error=TimeoutError)},
        "claim": lambda payments: [(p.method, p.args) for p in payments] == [("charges.create", (100,))],
    }
    assert judged(module.handle, **given).proved
    assert judged(module.new_key, **given).verdict == "refuted"
    lost = judged(module.gives_up, **given)
    assert (lost.verdict, "~" in str(lost.schedule)) == ("refuted", True)
    assert "the request is lost" in lost.text(200)


def test_a_function_that_stands_in_a_module(project: OwnProject) -> None:
    module = project.write(
        mail="""
            import smtplib
            def send(address):
                smtplib.SMTP("localhost").sendmail("shop", address, "Thank you")
        """,
        consumers="""
            from . import mail
            from .mail import send
            def by_name(message):
                send(message["address"])
            def by_module(message):
                mail.send(message["address"])
        """,
    )
    path = f"{module.__name__.partition('.')[0]}.mail.send"
    original = module.send
    for handler in (module.by_name, module.by_module):
        result = judged(handler, outside=[path], claim=lambda send: len(send) == 1)
        assert (result.verdict, result.mistake) == ("refuted", "no-duplicate-check")
        assert judged(handler, outside=[path], claim=lambda send: len(send) == 1, faults=0).proved
    assert module.send is original is module.mail.send
    undetermined = judged(module.by_name, outside=None, claim=lambda db: db["outbox"].count == 0)
    assert undetermined.verdict == "undetermined" and "the network" in undetermined.sentence


OUTBOX = """
    def handle(message, db):
        with db.atomic():
            if db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message["id"]]).rowcount:
                db.execute("INSERT INTO outbox VALUES (?, ?)", [message["id"], message["address"]])

    def relay(db, mail):
        for identity, address in db.execute("SELECT id, address FROM outbox").fetchall():
            mail(address, key=identity)
            db.execute("DELETE FROM outbox WHERE id = ?", [identity])

    def forgetful_relay(db, mail):
        for identity, address in db.execute("SELECT id, address FROM outbox").fetchall():
            db.execute("DELETE FROM outbox WHERE id = ?", [identity])
            mail(address, key=identity)
"""


def test_an_outbox_that_a_relay_empties(project: OwnProject) -> None:
    module = project.write(consumers=OUTBOX)
    with_keys = {"mail": Service(key="key")}
    result = judged(module.handle, job=module.relay, outside=with_keys)
    assert result.proved, result.text()
    assert "runs of the job" in result.bounds
    # Without keys the relay that crashes after it has sent sends again: at least once, not once.
    assert judged(module.handle, job=module.relay).verdict == "refuted"
    assert judged(module.handle, job=module.relay, claim=lambda mail: len(mail) >= 1).proved
    lost = judged(module.handle, job=module.forgetful_relay, outside=with_keys)
    assert lost.verdict == "refuted"


def test_two_messages_with_equal_content_are_two_requests(project: OwnProject) -> None:
    module = project.write(consumers="def handle(message, mail):\n    mail('to all')\n")
    messages = [{"id": str(n)} for n in range(4)]
    bounds = Bounds(consumers=1, faults=0)
    assert judged(module.handle, messages=messages, claim=lambda mail: len(mail) == 4, bounds=bounds, faults=0).proved
    assert judged(module.handle, messages=messages, claim=lambda mail: len(mail) == 4).verdict == "refuted"


def test_never_more_than_one_mail_at_any_time(project: OwnProject) -> None:
    module = project.write(consumers="def handle(message, mail):\n    mail('to all')\n")
    result = judged(module.handle, claim=always(lambda mail: len(mail) <= 1, "one mail"))
    assert result.claim == 'the claim "one mail" did not hold all the time'


def test_what_is_sent_has_to_be_plain_data(project: OwnProject) -> None:
    module = project.write(consumers="def handle(message, mail):\n    mail(object())\n")
    result = judged(module.handle)
    assert result.verdict == "stuck" and "what is sent to mail has to be plain data" in result.sentence
