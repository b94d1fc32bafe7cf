"""What a hunt has found so far: files to which lines are added, so that an interruption loses nothing.

`build/hunt/` holds

    answers.jsonl     each derived answer, by its key
    life.jsonl        what became of it in real life (facts that no change of the checker makes untrue)
    verdicts.jsonl    what the checker said, and which checker it was
    found/            an answer proved and broken, or refuted and not confirmed: source, and both stories
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .derive import ROOT, Derived


def fingerprint() -> str:
    """Which checker this is: a digest of its sources."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "reference" / "redelivery").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Book:
    """The files of one hunt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self.answers: dict[str, Derived] = {}
        self.life: dict[str, dict[str, Any]] = {}
        self.verdicts: dict[tuple[str, str], dict[str, Any]] = {}
        for line in self._lines("answers"):
            made = Derived(line["part"], line["origin"], tuple(line["operators"]), line["source"])
            self.answers[made.key] = made
        for line in self._lines("life"):
            self._learn(line["key"], line)
        for line in self._lines("verdicts"):
            self.verdicts[line["key"], line["checker"]] = line

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.folder / f"{name}.jsonl"
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                try:
                    yield json.loads(line)
                except ValueError:
                    continue  # the hunt was interrupted while it wrote this

    def _add(self, name: str, line: dict[str, Any]) -> None:
        with self._lock, (self.folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=True) + "\n")

    def _learn(self, key: str, trial: dict[str, Any]) -> None:
        """Sessions add up; once broken, always broken."""
        known = self.life.get(key)
        if known is None:
            self.life[key] = dict(trial)
        else:
            for name in ("sessions", "calls", "kills"):
                known[name] += trial[name]
            if trial["broken"] is not None and known["broken"] is None:
                known |= {name: trial[name] for name in ("broken", "log", "seed", "with_data")}
            known["given_up"] = trial["given_up"]

    def answer(self, made: Derived) -> None:
        """Note an answer, if it is new."""
        if made.key not in self.answers:
            self.answers[made.key] = made
            self._add("answers", asdict(made))

    def lived(self, made: Derived, trial: dict[str, Any], with_data: bool) -> None:
        """Note what became of it in some sessions."""
        line = {"key": made.key, **trial, "with_data": with_data}
        with self._lock:
            self._learn(made.key, line)
        self._add("life", line)

    def judged(self, made: Derived, checker: str, verdict: dict[str, Any]) -> None:
        """Note what the checker said."""
        line = {"key": made.key, "checker": checker, **verdict}
        self.verdicts[made.key, checker] = line
        self._add("verdicts", line)

    def find(self, made: Derived, verdict: dict[str, Any], kind: str) -> None:
        """Keep an answer about which checker and life do not agree, to be looked at."""
        trial = self.life[made.key]
        folder = self.folder / "found" / kind
        folder.mkdir(parents=True, exist_ok=True)
        head = [f"# {made.part}, from {made.origin} by {', '.join(made.operators)}"]
        head += [f"# checker: {verdict['verdict']} {verdict.get('diagnosis', '')} {verdict.get('schedule') or ''}"]
        head += [f"# in life: {trial['broken'] or 'not broken'} ({trial['sessions']} sessions, {trial['calls']} calls)"]
        text = "\n".join([*head, "", made.source])
        (folder / f"{made.part}-{made.key}.py").write_text(text, encoding="utf-8")
        stories = [*head, "", "-- the checker", verdict.get("story", ""), "", "-- life", *trial["log"]]
        (folder / f"{made.part}-{made.key}.txt").write_text("\n".join(stories), encoding="utf-8")

    def forget(self, made: Derived) -> None:
        """It is not to be looked at any more."""
        for path in (self.folder / "found").glob(f"*/{made.part}-{made.key}.*"):
            path.unlink()
