"""`progress()`: which exercises are proved so far, as a table, and what to do next."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

from ..checking.part import Part
from ..exercises.catalogue import EXERCISES, heading_of
from .checkout import course_folder
from .record import Entry, Record, read

State = Literal["proved", "tried", "not yet"]
_SIGNS: dict[State, str] = {"proved": "✓", "tried": "~", "not yet": "·"}
_INKS: dict[State, str] = {
    "proved": "background:#e6f4ea;color:#0b5d1e",
    "tried": "background:#fff6d6;color:#5a4a00",
    "not yet": "background:#f6f8fa;color:#1b1f24",
}
#: By which a dark theme colours them (display/lab/static/film.js).
_CLASSES: dict[State, str] = {"proved": "rd-is-good", "tried": "rd-is-open", "not yet": "rd-is-none"}


@dataclass(frozen=True, slots=True)
class PartProgress:
    """One part, and what is recorded of it."""

    part: Part
    entry: Entry | None

    @property
    def state(self) -> State:
        """Once proved, a part stays proved."""
        if self.entry is None or (self.entry.proved_at is None and not self.entry.tries):
            return "not yet"
        return "proved" if self.entry.proved_at else "tried"

    @property
    def points(self) -> int:
        if self.state == "proved":
            return self.part.points
        return min(self.entry.points, self.part.points) if self.entry is not None else 0

    @property
    def last(self) -> str:
        """The last verdict in words, where the state doesn't say it; else empty."""
        if self.entry is None or self.state == "not yet" or self.entry.verdict == self.state:
            return ""
        return "not checked" if self.entry.verdict == "error" else self.entry.verdict


@dataclass(frozen=True)
class Progress:
    """Shows as HTML in a notebook and as text elsewhere."""

    exercises: dict[str, tuple[PartProgress, ...]]
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def points(self) -> int:
        return sum(part.points for parts in self.exercises.values() for part in parts)

    @property
    def headline(self) -> str:
        """How far it is, in one line."""
        parts = [part for parts in self.exercises.values() for part in parts]
        proved = sum(part.state == "proved" for part in parts)
        most = sum(part.part.points for part in parts)
        return f"{proved} of {len(parts)} parts proved, {self.points} of {most} points"

    @property
    def next_part(self) -> tuple[str, PartProgress] | None:
        """The first part that is not proved, with its exercise; None if all are."""
        for name, parts in self.exercises.items():
            for part in parts:
                if part.state != "proved":
                    return name, part
        return None

    def _advice(self) -> tuple[str, list[str]]:
        """A sentence, with ``{}`` for each of the files that follow."""
        if self.next_part is None:
            return "Every part of every exercise is proved.", []
        name, part = self.next_part
        lesson, exercise = f"course/{name}.ipynb", f"exercises/{name}.ipynb"
        if self.folder is not None and not (self.folder / exercise).exists():
            return f"Next: {exercise} is missing. Run redelivery reset {name[:2]} to get it back as handed out.", []
        if part.state == "tried":
            last = f" The last check: {part.last}." if part.last else ""
            return f"Next: {part.part.grade_id} in {{}}.{last} Its hints come in stages.", [exercise]
        if all(each.state == "not yet" for each in self.exercises[name]):
            return f"Next: read {{}}, then do {part.part.grade_id} in {{}}.", [lesson, exercise]
        return f"Next: {part.part.grade_id} in {{}}.", [exercise]

    def __str__(self) -> str:
        width = max(map(len, self.exercises), default=0)
        lines = [self.headline, ""]
        for name, parts in self.exercises.items():
            points = f"{sum(p.points for p in parts)} of {sum(p.part.points for p in parts)}"
            shown = [
                f"{_SIGNS[p.state]} {p.part.grade_id}{f' (last check: {p.last})' if p.last else ''}" for p in parts
            ]
            lines.append(f"{name:{width}}   {points:>8}   {'   '.join(shown)}")
        lines += ["", "   ".join(f"{sign} {state}" for state, sign in _SIGNS.items()), ""]
        sentence, files = self._advice()
        return "\n".join([*lines, sentence.format(*files), *self.notes])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        columns = max(map(len, self.exercises.values()), default=0)
        out = [f"<div><strong>{self.headline}</strong></div>", '<table style="text-align:left">']
        out.append(f'<tr><th scope="col">exercise</th><th scope="col" colspan="{columns}">parts</th>')
        out.append('<th scope="col">points</th></tr>')
        for name, parts in self.exercises.items():
            link = self._link(f"exercises/{name}.ipynb", name)
            out.append(f'<tr><th scope="row" style="text-align:left;padding:4px 10px">{link}</th>')
            for p in parts:
                more = f"<br>last check: {escape(p.last)}" if p.last else ""
                file = f"exercises/{name}.ipynb"
                where = heading_of(name, p.part.grade_id).replace(" ", "-")
                part = self._link(file, p.part.grade_id, f"#{where}", ' style="color:inherit"')
                worth = f"{p.points} of {p.part.points}"
                out.append(
                    f'<td class="{_CLASSES[p.state]}" style="{_INKS[p.state]};text-align:left;padding:4px 10px;'
                    f'vertical-align:top">{_SIGNS[p.state]} {part}<br>{p.state}, {worth}{more}</td>'
                )
            out.append("<td></td>" * (columns - len(parts)))
            points = f"{sum(p.points for p in parts)} of {sum(p.part.points for p in parts)}"
            out.append(f'<td style="text-align:right;padding:4px 10px;white-space:nowrap">{points}</td></tr>')
        sentence, files = self._advice()
        out.append(f"</table><div>{escape(sentence).format(*(self._link(file, file) for file in files))}</div>")
        out += [f"<div>{escape(note)}</div>" for note in self.notes]
        return "".join(out)

    def _link(self, file: str, text: str, place: str = "", more: str = "") -> str:
        """As seen from the notebook that shows it, which runs in its own folder."""
        try:
            if self.folder is None or not (self.folder / file).exists():
                return escape(text)
            address = Path(os.path.relpath(self.folder / file, Path.cwd().resolve())).as_posix()
        except (OSError, ValueError):
            return escape(text)
        return f'<a href="{escape(address + place)}"{more}>{escape(text)}</a>'


def progress() -> Progress:
    """What is proved so far, and what to do next. Kept in `.redelivery/` of the course's folder, so that it is there
    again after a restart."""
    folder = course_folder()
    if folder is None:
        note = "Progress is kept only where the course runs from its own folder; this package was installed without it."
        return progress_of(Record(notes=(note,)), None)
    return progress_of(read(folder), folder)


def progress_of(record: Record, folder: Path | None) -> Progress:
    """The table for what is recorded."""
    table = {
        name: tuple(PartProgress(part, record.entries.get((name, part.grade_id))) for part in parts)
        for name, parts in EXERCISES.items()
    }
    return Progress(table, record.notes, folder)
