"""What lesson 07 shows of real brokers: stored runs, and one made now where the broker is here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..engines.failure import EngineFailure
from ..engines.live.port import broker_of
from ..engines.live.shows import KILLS, RULES, Rules, can_run, killed

_WORDS = {
    "before effect": "before the effect",
    "before commit": "before COMMIT",
    "before ack": "before the ack",
    "cut": "cut off before the ack",
}


class Runs:
    """Stored runs of consumers that were killed, on each broker."""

    def __init__(self, path: str) -> None:
        self._stored: dict[str, dict[str, Any]] = json.loads(Path(path).read_text("utf-8"))
        self.told = ""
        """How the last run that was asked for came here."""

    def balances(self, handler: str) -> str:
        """What the account holds after each kill; it must hold 100. ``handler``: ``naive`` or ``records``."""
        rows = [["", *(_WORDS[where] for where in KILLS)]]
        for found in self._stored.values():
            rows.append([found["title"], *(str(found[f"{handler}, {where}"]["balance"]) for where in KILLS)])
        return _table(rows)

    def marks(self) -> str:
        """What each broker says of a duplicate."""
        rows = [["", "called", "first delivery", "second"]]
        for found in self._stored.values():
            deliveries = found["naive, before ack"]["deliveries"]
            said = [str(marks.get(found["mark"])) for _, marks in deliveries]
            rows.append([found["title"], found["mark"], said[0], said[1] if len(said) > 1 else "there is none"])
        return _table(rows)

    def rules(self) -> str:
        """Each rule of the simulated queue, and what each broker does."""
        rows = []
        for number, (rule, ours) in enumerate(RULES.items(), 1):
            rows.append(f"{number}. {rule}. Simulated: {ours}")
            for name, found in self._stored.items():
                rules = Rules(name, found["title"], found["rules"])
                told = found["rules"][rule]
                told = told.removeprefix("not applicable: ") if told.startswith("not applicable") else told
                rows.append(f"   {found['title']:<24} {rules.compared(rule):<15} {told}")
        return "\n".join(rows)

    def put_aside(self) -> str:
        """What is in the place for messages that were tried too often, after such a one."""
        return "\n".join(
            f"{found['title']}: {found['dead letters']} message in its dead-letter queue"
            for found in self._stored.values()
            if "dead letters" in found
        )

    def now(self, name: str, handler: str, where: str) -> str:
        """One run, made now where the broker is here; else the stored one."""
        why = can_run(name)
        stored = self._stored[name][f"{handler}, {where}"]
        deliveries, balance = stored["deliveries"], stored["balance"]
        self.told = f"a stored run: {why}"
        if not why:
            try:
                with broker_of(name)() as broker:
                    shown = killed(broker, where, handler)
                deliveries, balance = [list(one) for one in shown.deliveries], shown.balance
                self.told = "run here, just now"
            except EngineFailure as error:
                self.told = f"a stored run: {error}"
        lines = [
            f"delivery {number}: message {message}, {', '.join(f'{mark} {value}' for mark, value in marks.items())}"
            for number, (message, marks) in enumerate(deliveries, 1)
        ]
        return "\n".join([*lines, f"account 666 holds {balance}, must hold 100"])


_EFFECTS = {
    "kafka": "in Kafka alone",
    "postgres": "PostgreSQL, own COMMIT",
    "offset": "PostgreSQL, with offset",
}
_AT = {
    "at work": "killed before",
    "before commit": "killed before Kafka's commit",
    "after commit": "killed after it",
    "rebalance": "taken away at work",
}


class ExactlyOnce:
    """Stored runs of a consumer that reads and writes in transactions of Kafka."""

    def __init__(self, path: str) -> None:
        self._stored: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))

    def counted(self) -> str:
        """What has been credited where the effect is; it must be 100."""
        rows = [["", *_AT.values()]]
        for effect, title in _EFFECTS.items():
            runs = [self._stored[f"{effect}, {where}"] for where in _AT]
            rows.append([title, *(str(run.get("account", run["read committed"])) for run in runs)])
        return _table(rows)

    def shut_out(self) -> str:
        """What a process is told whose work was given to another one while it was at it."""
        zombie, moved = self._stored["kafka, zombie"], self._stored["kafka, rebalance"]
        rows = [["", "the first is told", "read committed", "read uncommitted"]]
        for title, run in (("the same transactional id", zombie), ("another one", moved)):
            rows.append([title, run["the first is told"], str(run["read committed"]), str(run["read uncommitted"])])
        return _table(rows)

    def left_out(self) -> str:
        """The credits topic and the account where the offset is stored in PostgreSQL."""
        run = self._stored["offset, before commit"]
        return f"the account in PostgreSQL: {run['account']}; the credits in Kafka: {run['read committed']}"


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in rows)
