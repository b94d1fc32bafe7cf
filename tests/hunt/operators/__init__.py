"""Named ways to derive an answer from another one, by rewriting its syntax tree.

Each takes a tree and yields changed copies. Whether they are right is not known here; most are wrong, some are right,
and some are nonsense that no one would write: the checker has to judge all of them rightly.
"""

from __future__ import annotations

from . import errors, keys, memory, sql, statements, stores
from .tree import Operator

OPERATORS: dict[str, Operator] = {
    operator.__name__.replace("_", "-"): operator
    for module in (statements, errors, keys, sql, stores, memory)
    for operator in module.OPERATORS
}
