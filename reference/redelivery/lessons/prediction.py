"""A prediction that a page asks for: what JupyterLab's form is made of, and its answer for pages without the form.

It is kept in the metadata of the cell that asks (``redelivery.prediction``); `display/lab/static/predictions.js` makes
the form of it and covers what comes next. GitHub and nbconvert show the cell as it is written, with the answer folded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

Kind = Literal["choice", "several", "number", "schedule"]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to predict. ``answer``: the place of the right option, or of all of them; a number; a schedule."""

    kind: Kind
    label: str
    answer: Any
    options: tuple[str, ...] = ()

    @property
    def answer_words(self) -> str:
        """The answer as it is read."""
        if self.kind == "choice":
            return self.options[int(self.answer)]
        if self.kind == "several":
            return "; ".join(self.options[place] for place in self.answer) or "none of them"
        return str(self.answer)

    @property
    def is_sound(self) -> bool:
        """Whether it can be asked, and answered rightly."""
        places = range(len(self.options))
        if self.kind == "choice":
            return len(self.options) > 1 and self.answer in places
        if self.kind == "several":
            return len(self.options) > 1 and all(place in places for place in self.answer)
        if self.kind == "number":
            return not self.options and isinstance(self.answer, int | float)
        return self.kind == "schedule" and not self.options and bool(str(self.answer).strip())


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one cell asks for."""

    fields: tuple[Field, ...]
    says: str
    """What is said to it, whatever was predicted."""
    shown: tuple[str, str] | None = None
    """The cell whose stored output shows that the answer is right, and what in it does."""

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Prediction | None:
        """The prediction in a cell's metadata; None where it asks for none."""
        kept = metadata.get("redelivery", {}).get("prediction")
        if kept is None:
            return None
        fields = tuple(
            Field(one["kind"], one["label"], one["answer"], tuple(one.get("options", ()))) for one in kept["fields"]
        )
        shown = kept.get("shown")
        return cls(fields, kept["says"], None if shown is None else (shown[0], shown[1]))

    @property
    def folded(self) -> str:
        """The answer as the cell's text ends with it."""
        answers = " ".join(f"{_html(one.label)} <b>{_html(one.answer_words)}</b>." for one in self.fields)
        return f"<details><summary>Answer</summary>{answers} {_html(self.says)}</details>"


def _html(text: str) -> str:
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
