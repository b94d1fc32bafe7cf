"""Real life, which decides whether an answer is right: real processes, real files, a real Redis server, real kills.

Nothing here knows the checker; the package `redelivery` isn't even imported. An answer is right as long as no run has
broken it, and broken as soon as one has: what is promised and what isn't stands in `tests/hunt/__init__.py`.
"""
