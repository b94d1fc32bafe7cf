"""Charts: the picture says what the table says, on light and dark pages, and not by colour alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from redelivery.display.chart import Chart, Line, Panel, _number, _ticks
from redelivery.display.table import Table

LOST = Panel("lost", "rate", (Line("a", ((0, 1.0), (0.5, 0.25))), Line("b", ((0, 2.0), (0.5, 4.0)))), lowest=0)
CHART = Chart((LOST, Panel("sent", "rate", LOST.lines, log="y")), "What is lost & sent.")


def places(svg: str, line: str) -> list[tuple[float, float]]:
    """The corners of the first path with a class."""
    path = re.search(rf'<path d="M([^"]+)" class="rd-{line}" stroke-width="2"', svg)
    assert path is not None
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path[1].split("L"))]


def test_it_is_one_sound_picture_with_its_words() -> None:
    root = ElementTree.fromstring(CHART.svg())
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "What is lost & sent."
    assert "What is lost &amp; sent. The numbers as text:" in CHART._repr_html_()


def test_higher_numbers_are_higher_and_later_ones_to_the_right() -> None:
    (x0, y0), (x1, y1) = places(CHART.svg(), "line0")
    assert x0 < x1
    assert y0 < y1  # 1 to 0.25: down
    (_, up0), (_, up1) = places(CHART.svg(), "line1")
    assert up1 < up0
    assert up1 < y0 < y1


def test_lines_differ_by_more_than_their_colour() -> None:
    svg = CHART.svg()
    assert 'class="rd-line1" stroke-width="2" stroke-dasharray' in svg
    assert svg.count("<circle") == 5  # four points and, said once, the name
    assert "prefers-color-scheme:dark" in svg


def test_a_point_that_a_logarithm_has_no_place_for_is_left_out() -> None:
    panel = Panel("p", "x", (Line("a", ((1, 10.0), (2, 0.0), (3, 1000.0))),), log="y")
    assert len(places(Chart((panel,), "w").svg(), "line0")) == 2


def test_the_table_has_each_number_or_those_that_are_given() -> None:
    assert str(CHART).splitlines()[:3] == [
        "panel  line  rate  value",
        "lost   a        0      1",
        "lost   a      0.5   0.25",
    ]
    assert str(Chart((LOST,), "w", Table(("n",), (("1",),)))) == "n\n1"


@pytest.mark.parametrize(
    ("span", "log", "expected"),
    [((0.0, 1.0), False, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), ((3.0, 3000.0), True, [10.0, 100.0, 1000.0])],
)
def test_ticks_are_round_numbers(span: tuple[float, float], log: bool, expected: list[float]) -> None:
    assert _ticks(span, log) == pytest.approx(expected)


def test_numbers_are_short() -> None:
    assert [_number(n) for n in (0, 0.25, 1, 1500, 1e6, 1e-5)] == ["0", "0.25", "1", "1,500", "10⁶", "10⁻⁵"]


def test_one_number_alone_has_a_picture() -> None:
    for log in ("", "xy"):
        assert "</svg>" in Chart((Panel("p", "x", (Line("a", ((1, 1.0),)),), log=log),), "w").svg()
