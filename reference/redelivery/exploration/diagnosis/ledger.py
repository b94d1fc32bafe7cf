"""Rules for a ledger that is settled by a job."""

from __future__ import annotations

from .case import Rule
from .records import RULES as RECORDS

#: For runs that end wrong.
RULES: tuple[Rule, ...] = RECORDS
#: For runs that never come to their end; tried before those of `stuck`.
STUCK: tuple[Rule, ...] = ()
