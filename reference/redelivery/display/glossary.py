"""The names of mistakes, in tables: what a report may say, and what it means by that."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from textwrap import wrap

from ..exploration.diagnosis import DIAGNOSES
from .chinese import CHINESE

#: Where mistakes occur. Every name of `DIAGNOSES` stands in one place.
GROUPS: dict[str, tuple[str, ...]] = {
    "records": (
        "no-duplicate-check",
        "check-then-act",
        "effect-before-mark",
        "mark-before-effect",
        "memory-in-process",
        "ignored-count",
        "replace-as-claim",
        "unreleased-claim",
        "expiring-mark",
        "overrun-lease",
    ),
    "keys": ("key-from-delivery", "key-from-message-id", "key-from-payload", "key-too-narrow", "key-collision"),
    "effects": ("wrong-effect", "uncommitted-effect", "acknowledged-without-effect", "torn-update", "lost-update"),
    "errors": (
        "swallowed-error",
        "swallowed-lock-error",
        "swallowed-conflict",
        "wrong-integrity-error",
        "accepted-invalid",
    ),
    "versions": ("no-precondition", "version-from-store", "aba", "stale-overwrites", "early-dropped"),
    "acknowledgements": ("ack-before-effect", "ack-after-effect", "effect-without-ack", "stops-early"),
    "lines": ("forgets-too-early", "never-forgets", "sent-before-stored", "gave-up-unanswered"),
    "no end": ("poison-message", "never-acknowledged", "endless-loop"),
    "others": ("wrong-claim", "unclassified"),
}
#: The notebook with these tables, and the heading above each.
PAGE = "91-names-of-mistakes.ipynb"
HEADINGS = {
    "records": "The record of what was done",
    "keys": "The key",
    "effects": "The effect",
    "errors": "Errors",
    "versions": "Versions and conditions",
    "acknowledgements": "The acknowledgement",
    "lines": "Both ends of a line that loses things",
    "no end": "What never comes to an end",
    "others": "Two more",
}
_WIDTH = 110


def place_of(name: str) -> str:
    """Where a name is explained: the notebook, and the heading in it as JupyterLab names it in addresses."""
    group = next((group for group, names in GROUPS.items() if name in names), "others")
    return f"{PAGE}#{HEADINGS[group].replace(' ', '-')}"


@dataclass(frozen=True, slots=True)
class Glossary:
    """Names with their explanations, in English and in Chinese. Shows as a table, in a terminal as text."""

    entries: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        left = max((len(name) for name, _, _ in self.entries), default=0) + 2
        lines = []
        for name, text, chinese in self.entries:
            first, *rest = wrap(text, _WIDTH - left) or [""]
            lines += [name.ljust(left) + first, *(" " * left + line for line in [*rest, chinese])]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;white-space:nowrap;vertical-align:top"><code>{escape(name)}'
            f'</code></th><td style="text-align:left">{escape(text)}'
            f'<br><span lang="zh">{escape(chinese)}</span></td></tr>'
            for name, text, chinese in self.entries
        )
        head = '<tr><th style="text-align:left">name</th><th style="text-align:left">what happens</th></tr>'
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def mistakes(where: str) -> Glossary:
    """The names of one group, with what they mean.

    Args:
        where: a group of `GROUPS`.

    Raises:
        ValueError: there is no such group.
    """
    if where not in GROUPS:
        raise ValueError(f"expected one of {', '.join(map(repr, GROUPS))}; found {where!r}")
    return Glossary(tuple((name, DIAGNOSES[name], CHINESE[name]) for name in GROUPS[where]))
