"""How a report is shown: as HTML, and the learner's code with the line that made the mistake."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ..display.glossary import place_of
from ..display.svg import as_image, to_svg
from ..exploration.verdict import Proved, Refuted, Stuck

if TYPE_CHECKING:
    from .part import Replay, Report

#: A function of so many lines is shown whole, of a longer one so many before and after the line.
_WHOLE, _AROUND = 14, 5
_BADGES = {
    "proved": ("✓", "#0b5d1e", "#e6f4ea", "good"),
    "refuted": ("✗", "#8a1023", "#fdecee", "bad"),
    "stuck": ("∞", "#8a1023", "#fdecee", "bad"),
    "undetermined": ("?", "#5a4a00", "#fff6d6", "open"),
    "error": ("!", "#5a4a00", "#fff6d6", "open"),
}
_CODE = re.compile(r"`([^`\n]+)`")


# -- code --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the learner's code; ``is_it``: the one that is to blame."""

    number: int
    text: str
    is_it: bool


def excerpt(source: str, number: int) -> list[Line]:
    """The function around a line, or what stands next to it; empty where there is no such line."""
    lines = source.splitlines()
    if not 1 <= number <= len(lines):
        return []
    first, last = _function(source, number) or (1, len(lines))
    if last - first >= _WHOLE:
        first, last = max(first, number - _AROUND), min(last, number + _AROUND)
    shown = [Line(n, lines[n - 1].rstrip(), n == number) for n in range(first, last + 1)]
    while shown and not shown[-1].text:
        shown.pop()
    while shown and not shown[0].text:
        shown.pop(0)
    return shown


def _function(source: str, number: int) -> tuple[int, int] | None:
    """From where to where the innermost function around a line goes."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= number <= (node.end_lineno or 0)
    ]
    return max(found, default=None)


def _shown(line: Line, width: int) -> str:
    return f"{'▶' if line.is_it else ' '} {line.number:>{width}} │ {line.text}"


def excerpt_text(lines: list[Line]) -> list[str]:
    """The excerpt as lines of text."""
    width = len(str(lines[-1].number)) if lines else 0
    return [_shown(line, width).rstrip() for line in lines]


def _excerpt_html(lines: list[Line]) -> str:
    width = len(str(lines[-1].number))
    rows = [
        f'<b class="rd-guilty" style="background:#ffd9de">{escape(_shown(line, width))}</b>'
        if line.is_it
        else escape(_shown(line, width))
        for line in lines
    ]
    return (
        '<pre class="rd-excerpt" style="background:#f6f8fa;color:#1b1f24;padding:6px;margin:6px 0 0;overflow-x:auto">'
        f"{chr(10).join(rows)}</pre>"
    )


# -- reports -----------------------------------------------------------------------------------------------


def with_code(text: str) -> str:
    """A sentence as HTML; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def report_html(report: Report) -> str:
    """A report as HTML: a banner with the verdict, and below it the picture of the run."""
    sign, ink, paper, kind = _BADGES[report.verdict.name]
    head, _, rest = report.headline.partition("   ")
    words = [_name(report, word) for word in rest.split("   ") if word]
    if report.is_scored and isinstance(report.verdict, Proved):
        words.insert(1, escape(report.points_words))
    out = [
        f'<div class="rd-banner rd-is-{kind}" style="border-left:4px solid {ink};background:{paper};color:#1b1f24;'
        'padding:8px 12px;margin:4px 0">',
        f'<div class="rd-headline" style="font-weight:bold;color:{ink}">{sign} {escape(head)}'
        f'<span class="rd-rest" style="color:#1b1f24;margin-left:1em">{" · ".join(words)}</span></div>',
    ]
    lines = [report.judged and ";font-size:90%", report.judged], ["", report.measured]
    out += [_div(with_code(text), style) for style, text in lines if text]
    out += [_div(with_code(text)) for text in report.sentences]
    if report.fault:
        out.append(
            f'<pre class="rd-excerpt" style="background:#f6f8fa;color:#1b1f24;padding:6px">{escape(report.fault)}</pre>'
        )
    if report.excerpt:
        out.append(_excerpt_html(report.excerpt))
    if report.bounds_words:
        first, _, rest = report.bounds_words.partition(" (")
        details = f"<details><summary>{escape(first)}</summary>({escape(rest)}</details>" if rest else escape(first)
        out.append(_div(details))
    if report.is_scored and not isinstance(report.verdict, Proved) and report.points:
        out.append(_div(escape(f"{report.points_words}.")))
    if report.following:
        out.append(_div(_following(report)))
    out.append("</div>")
    if report.timeline is not None and not report.at_once:
        alternative = f"{report.headline}. {report.explanation} Timeline as text:\n{report.timeline.to_text()}"
        out.append(as_image(to_svg(report.timeline, report.headline, report.explanation), alternative))
    if isinstance(report.verdict, Refuted | Stuck) and not report.at_once:
        circle = isinstance(report.verdict, Stuck) and report.verdict.reason == "circle"
        out.append(f'<div style="margin-top:4px">{"… and so on, in a circle. " if circle else ""}')
        out.append(escape(report.smallest))
        if report.schedule:
            what, how = report.again
            out.append(f"<br>{what}: <code>{escape(how)}</code>")
        out.append("</div>")
    return "".join(out)


def _div(html: str, style: str = "") -> str:
    return f'<div style="margin-top:4px{style}">{html}</div>'


def _name(report: Report, word: str) -> str:
    """A part of the headline; the name of a mistake leads to what it means."""
    is_name = report.diagnosis is not None and word == report.diagnosis.name
    if not is_name or report.caller is None or not report.caller.course:
        return escape(word)
    return f'<a href="{escape(report.caller.course)}course/{place_of(word)}" style="color:inherit">{escape(word)}</a>'


def _following(report: Report) -> str:
    assert report.following is not None
    words, address = report.following
    is_here = address.startswith("#") and report.caller is not None
    course = report.caller.course if report.caller is not None else ""
    if not is_here and not course:
        return escape(words)
    before, _, name = words.partition(": ")
    href = address if is_here else course + address
    return f'{escape(before)}: <a href="{escape(href)}" style="color:inherit">{escape(name)}</a>'


def replay_html(replay: Replay) -> str:
    """How a run ended, its picture, and its schedule."""
    ink, kind = ("#0b5d1e", "good") if replay.ends_right else ("#8a1023", "bad")
    head = (
        f'<div class="rd-banner rd-is-{kind}" style="border-left:4px solid {ink};background:#f6f8fa;color:#1b1f24;'
        f'padding:8px 12px;margin:4px 0;font-weight:bold">{escape(" · ".join(replay.headline.split("   ")))}</div>'
    )
    alternative = f"{replay.headline}. Timeline as text:\n{replay.timeline.to_text()}"
    picture = as_image(to_svg(replay.timeline, replay.headline), alternative)
    return f"{head}{picture}<div>Schedule: <code>{escape(replay.run.text)}</code></div>"
