"""What can be wrong with a call of `check` itself: one sentence each, which says what to do."""

from __future__ import annotations


class CannotCheck(ValueError):
    """Nothing was judged: what was given can't be checked. The text says what was expected, what came, what to do."""


CannotCheck.__module__ = "redelivery"  # as it is imported, and shown in failures
