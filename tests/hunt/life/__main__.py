"""Tries answers out for whoever asks: lines of JSON in, lines of JSON out.

    {"part": …, "source": …, "seed": …, "sessions": …, "seconds": …, "data": … or null}

The answer is a `Trial`.
"""

from __future__ import annotations

import gc
import json
import shutil
import signal
import sys
from dataclasses import asdict

from .actor import pretend_package
from .trial import a_ground, try_out


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    pretend_package()
    gc.freeze()
    with a_ground(shutil.which("redis-server") is not None) as ground:
        for line in sys.stdin:
            job = json.loads(line)
            data = job.pop("data", None)
            letters = None if data is None else [(identity, body) for identity, body in data]
            print(json.dumps(asdict(try_out(ground, **job, data=letters))), flush=True)


if __name__ == "__main__":
    main()
