"""Text that any page, terminal and file can hold: a learner's may have halves of characters and control characters."""

from __future__ import annotations

import re

#: Control characters but for tabs and ends of lines, halves of characters, and what XML does not know.
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    """``text`` with what can't be written or seen as an escape, such as ``\\x00`` or ``\\ud800``."""
    return _UNFIT.sub(lambda found: ascii(found[0])[1:-1], text)
