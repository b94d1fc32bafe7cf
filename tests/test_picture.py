"""The README's picture is a real answer of the checker. To make it again: .venv/bin/python tests/test_picture.py"""

import base64
import json
import re
from pathlib import Path
from xml.etree import ElementTree

from redelivery import exercise
from redelivery.display.film import MEDIA_TYPE
from redelivery.display.page import MOST_FILM
from redelivery.display.svg import LEAST, MOST, shortened, size_of, to_svg

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "course" / "images" / "refuted.svg"

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
    assert picture.get("role") == "group"  # of an image nothing but its title would be read


def test_the_picture_is_read_row_by_row():
    picture = ElementTree.fromstring(PICTURE.read_text("utf-8"))
    name = "{http://www.w3.org/2000/svg}"
    rows = [[t[0].tail if len(t) else t.text for t in row.iter(f"{name}text")] for row in picture.iter(f"{name}g")]
    assert [row[0] for row in rows] == [str(n) for n in range(1, 16)]
    assert rows[3][1:] == ["5 │ COMMIT", "100", "–", "100 ✉8"]
    assert rows[2][1:] == ["5 │ UPDATE account balance + 100", "0", "–"]
    assert rows[8][2:] == ["200, must be 100", "–", "100 ✉8 again"]
    whole = [title.text for title in picture.iter(f"{name}title")]
    assert "5 │ UPDATE account SET balance = balance + 100 WHERE id = 666 → 1 row" in whole


def test_the_picture_s_text_is_never_too_small():
    """On a page of 700 pixels, as on paper, it is as small as it gets; below, the page scrolls."""
    style = size_of(PICTURE.read_text("utf-8"))
    width, least = (int(n) for n in re.findall(r"(?<!max-)width:(\d+)px", style))
    assert width <= MOST
    assert least <= 710
    assert 14 * least / width >= LEAST


def stored(kind: str) -> list[tuple[str, str]]:
    """The outputs of a kind that the notebooks hold, with where they are."""
    found = []
    for path in sorted([*(ROOT / "course").glob("*.ipynb"), *(ROOT / "reference" / "solutions").glob("*.ipynb")]):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if kind in output.get("data", {}):
                    found.append((f"{path.name} {cell['id']}", "".join(output["data"][kind])))
    return found


def test_the_text_of_no_stored_picture_can_become_too_small():
    """However wide the page is, whatever the zoom: the picture's least width is written beside it."""
    pictures = 0
    for where, html in stored("text/html"):
        for style, data in re.findall(r'<img [^>]*?style="([^"]*)"[^>]*src="data:image/svg\+xml;base64,([^"]+)"', html):
            svg = base64.b64decode(data).decode()
            sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)]
            if not sizes:  # a plot, whose letters are shapes
                continue
            width, least = (int(n) for n in re.findall(r"(?<!max-)width:(\d+)px", style))
            assert min(sizes) * least / width >= LEAST - 0.01, where
            assert width <= MOST or 'class="rd-row"' not in svg, where
            pictures += 1
    assert pictures > 80


def test_no_stored_film_is_large():
    films = stored(MEDIA_TYPE)
    assert len(films) > 80
    assert max(len(text.encode()) for _, text in films) <= MOST_FILM == 200_000


def test_what_does_not_fit_begins_with_its_verb():
    assert shortened("UPDATE account SET balance = balance + 100 → 1 row", 30) == "UPDATE account SET ba… → 1 row"
    assert shortened("a" * 50, 20) == "a" * 19 + "…"
    assert shortened("short", 20) == "short"


if __name__ == "__main__":
    PICTURE.write_text(make(), "utf-8", newline="\n")
