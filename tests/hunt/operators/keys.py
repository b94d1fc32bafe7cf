"""Keys and values that go through something that makes different ones equal, and fields that are taken for others."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .tree import (
    Change,
    Operator,
    copies,
    entries,
    expression,
    importing,
    parameters,
    replaced,
    statement,
    twin,
    wrapped,
)

OF_TEXTS = (
    "X.strip()",
    "X.lstrip()",
    "X.rstrip()",
    "X.lower()",
    "X.upper()",
    "X.casefold()",
    "X.title()",
    "X.swapcase()",
    "unicodedata.normalize('NFKC', X)",
    "unicodedata.normalize('NFC', X)",
    "X.encode('ascii', 'ignore').decode()",
    "X[-4:]",
    "X[:8]",
    "X[:1]",
    "X[-1:]",
    "X[:40]",
    "X.split('-')[-1]",
    "X.split('-')[0]",
    "X.split(':')[0]",
    "X.split(' ')[0]",
    "X.rpartition('/')[2]",
    "X.replace('-', '')",
    "X.replace(' ', '')",
    "X.replace('_', '')",
    "''.join(filter(str.isdigit, X))",
    "''.join(filter(str.isalnum, X))",
    "X.lstrip('0')",
    "re.sub(r'\\W', '', X)",
    "int(X) if X.isdigit() else X",
    "str(len(X))",
    "''.join(sorted(X))",
    "str(hash(X) % 100)",
    "str(sum(map(ord, X)))",
    "hashlib.sha256(X.encode()).hexdigest()[:1]",
    "hashlib.sha256(X.encode()).hexdigest()",
    "X + ' '",
    "'p:' + X",
)
OF_NUMBERS = ("abs(X)", "X % 10", "X // 10", "-X", "str(X)", "str(X)[:1]", "str(X)[-1:]", "X & 255", "0", "X + 1", "1")
TEXTS = {"id", "transfer_id", "order_id", "key", "payload", "address", "transfer", "order"}
NUMBERS = {"account", "amount", "version", "customer", "packet_id", "balance"}
MODULES = ("unicodedata", "re", "hashlib")


def _name(node: ast.AST) -> str | None:
    """The name of the field that an expression takes from a message."""
    if isinstance(node, ast.Attribute) and node.attr == "id":
        return "id"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value if isinstance(node.slice.value, str) else None
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return node.id
    return None


def _fields(tree: ast.Module) -> Iterator[tuple[ast.Module, ast.expr, str]]:
    def is_field(node: ast.AST) -> bool:
        loaded = isinstance(getattr(node, "ctx", None), ast.Load)
        return loaded and isinstance(node, ast.expr) and _name(node) in TEXTS | NUMBERS

    for copied, node in copies(tree, is_field):
        name = _name(node)
        assert name is not None
        yield copied, node, name


def confuse_here(tree: ast.Module) -> Change:
    """One use of a key or value goes through each confusion."""
    for copied, node, name in _fields(tree):
        position = next(n for n, other in enumerate(ast.walk(copied)) if other is node)
        for text in OF_TEXTS if name in TEXTS else OF_NUMBERS:
            other = twin(copied)
            old = next(same for n, same in enumerate(ast.walk(other)) if n == position)
            assert isinstance(old, ast.expr)
            yield importing(replaced(other, old, wrapped(text, old)), *MODULES)


def confuse_everywhere(tree: ast.Module) -> Change:
    """All uses of a key go through the same confusion."""
    for field in sorted(TEXTS | NUMBERS):
        if not any(_name(node) == field for node in ast.walk(tree)):
            continue
        for text in OF_TEXTS if field in TEXTS else OF_NUMBERS:

            class Confuse(ast.NodeTransformer):
                def visit(self, node: ast.AST, field: str = field, text: str = text) -> ast.AST:
                    if isinstance(getattr(node, "ctx", None), ast.Load) and _name(node) == field:
                        assert isinstance(node, ast.expr)
                        return wrapped(text, node)
                    return self.generic_visit(node)

            yield importing(Confuse().visit(twin(tree)), *MODULES)


def confuse_at_the_door(tree: ast.Module) -> Change:
    """The message itself is changed before anything else happens."""
    for number, function in enumerate(entries(tree)):
        names = parameters(function)
        changes = []
        if "message" in names:
            changes = [f"message.id = {text.replace('X', 'message.id')}" for text in OF_TEXTS]
            for field in ("transfer_id", "order_id", "address"):
                place = f"message.body['{field}']"
                changes += [
                    f"if '{field}' in message.body:\n    {place} = {text.replace('X', place)}" for text in OF_TEXTS
                ]
        for name in names:
            if name in TEXTS:
                changes += [f"{name} = {text.replace('X', name)}" for text in OF_TEXTS]
            elif name in NUMBERS:
                changes += [f"{name} = {text.replace('X', name)}" for text in OF_NUMBERS]
        for change in changes:
            copied = twin(tree)
            list(entries(copied))[number].body.insert(0, statement(change))
            yield importing(copied, *MODULES)


def take_another_field(tree: ast.Module) -> Change:
    """A field in the place of another."""
    others = ["message.id", "message.body['amount']", "message.body['account']", "message.attempt", "'x'", "0"]
    others += ["order_id", "amount", "packet_id", "payload", "message.body['transfer_id']", "str(message.body)"]
    for copied, node, _ in _fields(tree):
        position = next(n for n, other in enumerate(ast.walk(copied)) if other is node)
        for text in others:
            other = twin(copied)
            old = next(same for n, same in enumerate(ast.walk(other)) if n == position)
            if ast.unparse(old) != text:
                yield replaced(other, old, expression(text))


def drop_part_of_key(tree: ast.Module) -> Change:
    """An f-string or a tuple loses one of its parts."""
    for copied, node in copies(tree, lambda n: isinstance(n, ast.JoinedStr)):
        for number in range(len(node.values)):
            other = twin(node)
            del other.values[number]
            yield _put(copied, node, other)
    for copied, node in copies(tree, lambda n: isinstance(n, ast.Tuple | ast.List) and len(n.elts) > 1):
        if isinstance(node.ctx, ast.Load):
            for number in range(len(node.elts)):
                other = twin(node)
                del other.elts[number]
                yield _put(copied, node, other)


def _put(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    """A copy of the tree with ``new`` in the place of ``old``."""
    position = next(n for n, other in enumerate(ast.walk(tree)) if other is old)
    copied = twin(tree)
    same = next(other for n, other in enumerate(ast.walk(copied)) if n == position)
    return replaced(copied, same, new)


OPERATORS: tuple[Operator, ...] = (
    confuse_here,
    confuse_everywhere,
    confuse_at_the_door,
    take_another_field,
    drop_part_of_key,
)
