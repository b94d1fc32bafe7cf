"""The picture of a search's cost, and the table that stands for it."""

from __future__ import annotations

import base64
import re
from html import unescape

from redelivery.display.growth import Growth
from redelivery.display.table import Table

GROWTH = Growth({"consumers": {1: (214, 169), 2: (2_227, 3_047_884)}, "faults": {0: (47, 124)}})


def test_the_picture_has_the_numbers_as_its_text() -> None:
    html = GROWTH._repr_html_()
    alternative = re.search(r'alt="([^"]*)"', html)
    assert alternative is not None
    assert str(GROWTH.table) in unescape(alternative[1])
    picture = re.search(r"data:image/svg\+xml;base64,([^\"]+)", html)
    assert picture is not None
    assert b"</svg>" in base64.b64decode(picture[1])


def test_the_picture_is_the_same_each_time() -> None:
    assert GROWTH._repr_html_() == GROWTH._repr_html_()


def test_the_table_says_each_number() -> None:
    assert repr(GROWTH).splitlines() == [
        "bound      value  states searched  schedules covered",
        "consumers      1              214                169",
        "consumers      2            2,227          3,047,884",
        "faults         0               47                124",
    ]


def test_a_table_without_rows_has_its_head() -> None:
    assert str(Table(("what", "number"), ())) == "what  number"
    assert Table(("what",), ())._repr_html_().count("<th") - 1 == 1  # <thead, too
