"""The README's picture is a real answer of the checker. To make it again: .venv/bin/python tests/test_picture.py"""

from pathlib import Path
from xml.etree import ElementTree

from redelivery import exercise
from redelivery.display.svg import to_svg

PICTURE = Path(__file__).parents[1] / "course" / "images" / "refuted.svg"

#: The lecture's three steps: check, update, mark, and no transaction around them.
HANDLER = """def handle(message, db):
    if db.execute("SELECT 1 FROM processed WHERE message_id = ?", [message.id]).fetchone():
        return
    account, amount = message.body["account"], message.body["amount"]
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", [amount, account])
    db.execute("INSERT INTO processed VALUES (?)", [message.id])
"""


def make() -> str:
    report = exercise("05").report("record_and_check", HANDLER)
    return to_svg(report.timeline, report.headline, report.explanation) + "\n"


def test_the_picture_is_what_the_checker_draws():
    hint = "the checker draws another picture now; if it is right, make the file again as the docstring says"
    assert PICTURE.read_text("utf-8") == make(), hint


def test_the_picture_shows_the_lectures_race():
    report = exercise("05").report("record_and_check", HANDLER)
    assert report.diagnosis.name == "check-then-act"
    assert report.claim == "account 666 holds 200, must hold 100"
    assert report.run.scenario.messages == [("8", {"account": 666, "amount": 100})]


def test_the_picture_says_in_words_what_it_shows():
    picture = ElementTree.fromstring(PICTURE.read_text("utf-8"))
    name = "{http://www.w3.org/2000/svg}"
    for element in ("title", "desc"):
        assert len(picture.findtext(name + element)) >= 20
    assert picture.get("role") == "img"


if __name__ == "__main__":
    PICTURE.write_text(make(), "utf-8", newline="\n")
