"""What a hunt has found, as text and as JSON."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

from .book import Book

RIGHT, DEFECT = "proved", "proved, broken for real"
CONFIRMED, WITH_DATA, REPLAYED = "refuted, broken for real", "refuted, broken with its data", "refuted, replayed"
UNCONFIRMED = "refuted, unconfirmed"
COLUMNS = (RIGHT, DEFECT, CONFIRMED, WITH_DATA, REPLAYED, UNCONFIRMED, "undetermined", "error", "crash")


def standing(verdict: dict[str, Any], trial: dict[str, Any]) -> str:
    """How the checker's word and life's stand to one another."""
    name, broken = verdict["verdict"], trial["broken"]
    if name == "proved":
        return RIGHT if broken is None else DEFECT
    if name in ("refuted", "stuck"):
        if broken is not None:
            return WITH_DATA if trial.get("with_data") else CONFIRMED
        return REPLAYED if verdict.get("replayed") == "" else UNCONFIRMED
    return str(name)


def cause(why: str) -> str:
    """Why there is no verdict, without names and numbers."""
    first = why.strip().splitlines()[-1] if "Traceback" in why else why
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d[\d,]*", "…", first)[:110] or "without a reason"


def summary(book: Book, checker: str) -> dict[str, Any]:
    """Everything counted, for the answers that this checker has judged."""
    total: Counter[str] = Counter()
    by_part: dict[str, Counter[str]] = defaultdict(Counter)
    by_operator: dict[str, Counter[str]] = defaultdict(Counter)
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    sessions = calls = kills = proved_sessions = 0
    for key, made in book.answers.items():
        verdict, trial = book.verdicts.get((key, checker)), book.life.get(key)
        if verdict is None or trial is None:
            continue
        how = standing(verdict, trial)
        total[how] += 1
        by_part[made.part][how] += 1
        for operator in made.operators:
            by_operator[operator][how] += 1
        if how in ("undetermined", "error", "crash"):
            truth = "broken for real" if trial["broken"] else "cannot be run" if trial["given_up"] else "not broken"
            causes[how][f"{cause(verdict['why'])} [{truth}]"] += 1
        sessions, calls, kills = sessions + trial["sessions"], calls + trial["calls"], kills + trial["kills"]
        proved_sessions += trial["sessions"] if how == RIGHT else 0
    return {
        "checker": checker,
        "answers": sum(total.values()),
        "standing": {name: total[name] for name in COLUMNS},
        "sessions": sessions,
        "calls": calls,
        "kills": kills,
        "sessions of a proved answer": round(proved_sessions / max(total[RIGHT], 1)),
        "by_part": {part: dict(counts) for part, counts in sorted(by_part.items())},
        "by_operator": {operator: dict(counts) for operator, counts in sorted(by_operator.items())},
        "causes": {how: dict(counts.most_common()) for how, counts in causes.items()},
    }


def as_text(found: dict[str, Any]) -> str:
    """The summary to be read."""
    lines = [
        f"{found['answers']:,} derived answers judged by checker {found['checker']}; in real life "
        f"{found['sessions']:,} sessions, {found['calls']:,} calls, {found['kills']:,} processes killed "
        f"(a proved answer: {found['sessions of a proved answer']:,} sessions)",
        "",
    ]
    lines += [f"{count:>7,}  {name}" for name, count in found["standing"].items()]
    for how, causes in found["causes"].items():
        lines += ["", f"{how}, by cause:"]
        lines += [f"{count:>7,}  {why}" for why, count in causes.items()]
    for title, table in (("by part", found["by_part"]), ("by operator", found["by_operator"])):
        width = max((len(name) for name in table), default=0)
        heads = ["proved", "DEFECT", "broken", "data", "replay", "unconf.", "undet.", "error", "crash"]
        lines += ["", f"{title:<{width}}  " + " ".join(f"{head:>8}" for head in heads)]
        lines += [
            f"{name:<{width}}  " + " ".join(f"{counts.get(column, 0):>8}" for column in COLUMNS)
            for name, counts in table.items()
        ]
    return "\n".join(lines)
