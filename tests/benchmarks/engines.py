"""What a search costs on each engine: schedules and statements a second, and when the first bug is seen.

    make bench BENCH_ARGS=--engines

Schedules are those that were really carried out, not those that were covered. The best of three; nothing here fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redelivery.engines.failure import EngineFailure
from redelivery.engines.search import Outcome, Search
from redelivery.lessons.levels import CONSUMERS, _store
from redelivery.simulation.world import Bounds
from tests.engines.consumers import handlers


def _search(engine: str, level: str, name: str, bounds: Bounds, both: bool) -> tuple[str, Outcome, float]:
    handler, key = next((one[1], one[2]) for one in CONSUMERS if one[0] == name)
    store = _store(engine, level, key, {})
    try:
        search = Search(
            store,
            lambda number: handlers({"handle": handler}),
            [("8", {"amount": 100})],
            bounds,
            _judge,
            both_hold=both,
            all_of_them=True,
        )
        began = time.perf_counter()
        outcome = search.run()
        return store.title, outcome, time.perf_counter() - began
    finally:
        store.close()


def _judge(contents: Any) -> str | None:
    found = dict(contents)
    return None if int(found["account"][0][1]) == 100 else "wrong"


def main(say: Callable[[str], None] = print) -> None:
    """Measure, and print a line for each."""
    say(f"{'':<42}{'covered':>9}{'runs':>6}{'runs/s':>8}{'statements/s':>14}{'seconds':>9}{'first bug':>11}")
    for engine, level in (("postgres", "READ COMMITTED"), ("postgres", "SERIALIZABLE"), ("mariadb", "READ COMMITTED")):
        for name, bounds, both in (("looks", Bounds(2, 0), True), ("claims", Bounds(2, 2), False)):
            try:
                found = [_search(engine, level, name, bounds, both) for _ in range(3)]
            except EngineFailure as error:
                say(f"{engine}: {error}")
                break
            title, outcome, seconds = min(found, key=lambda one: one[2])
            bug = min(one[1].first_bug for one in found)
            say(
                f"{title.replace(' at', ''):<34}{name:<8}{outcome.schedules:>9}{outcome.runs:>6}"
                f"{outcome.runs / seconds:>8.0f}{outcome.statements / seconds:>14.0f}{seconds:>9.2f}"
                + (f"{bug * 1000:>8.0f} ms" if bug else f"{'–':>11}")
            )


if __name__ == "__main__":
    main()
