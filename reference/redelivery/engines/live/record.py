"""`make live`: all that lesson 07 shows, tried on every broker that is here, and compared with the stored runs.

``python -m redelivery.engines.live.record FILE [--save] [NAME …]``; the exit status is 1 where something differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .port import BROKERS
from .shows import can_run, everything


def main(arguments: list[str]) -> int:
    """Try them; returns the exit status."""
    save = "--save" in arguments
    path, *names = [argument for argument in arguments if argument != "--save"]
    file = Path(path)
    stored: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    status = 0
    for name in names or BROKERS:
        why = can_run(name)
        if why:
            print(f"{name}: left out. {why}")
            continue
        found = json.loads(json.dumps(everything(name)))
        different = [key for key in found if found[key] != stored.get(name, {}).get(key)]
        print(f"{found['title']}: {'as stored' if not different else 'differs in ' + ', '.join(different)}", flush=True)
        if different and not save:
            status = 1
            for key in different:
                print(f"    {key}: {found[key]}")
        stored[name] = found
        stored = {name: stored[name] for name in BROKERS if name in stored}
        if save:
            file.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
