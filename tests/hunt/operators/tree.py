"""What the operators share: copies of a syntax tree with one place to change."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Change = Iterator[ast.Module]
Operator = Callable[[ast.Module], Change]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
READERS = ("schema", "total", "balance", "settle")


def copies(tree: ast.Module, matches: Callable[[ast.AST], bool]) -> Iterator[tuple[ast.Module, Any]]:
    """For each node that matches a copy of the tree, and the node in it."""
    frozen = pickle.dumps(tree)
    for number, node in enumerate(ast.walk(tree)):
        if matches(node):
            copied = pickle.loads(frozen)
            yield copied, next(other for n, other in enumerate(ast.walk(copied)) if n == number)


def twin(node: Any) -> Any:
    """A deep copy, made faster than by `copy`."""
    return pickle.loads(pickle.dumps(node))


class Place(NamedTuple):
    """A statement within the body of a function, in a copy of the tree of its own."""

    tree: ast.Module
    block: list[ast.stmt]
    number: int
    loop: bool
    """Inside of a loop."""

    @property
    def statement(self) -> ast.stmt:
        """The statement itself."""
        return self.block[self.number]

    def put(self, *statements: ast.stmt) -> ast.Module:
        """The tree with these in the statement's place."""
        self.block[self.number : self.number + 1] = statements or [ast.Pass()]
        return self.tree


def _blocks(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], bool]]:
    def below(node: ast.AST, inside: bool, loop: bool) -> Iterator[tuple[list[ast.stmt], bool]]:
        for name, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            in_loop = (loop or isinstance(node, ast.For | ast.While)) and not isinstance(node, FUNCTIONS)
            if inside and name in ("body", "orelse", "finalbody") and isinstance(value, list):
                yield value, in_loop
            for child in children:
                if isinstance(child, ast.AST):
                    yield from below(child, inside or isinstance(child, FUNCTIONS), in_loop)

    yield from below(tree, False, False)


def places(tree: ast.Module) -> Iterator[Place]:
    """Each statement of each function, each time in a fresh copy."""
    frozen = pickle.dumps(tree)
    sizes = [len(block) for block, _ in _blocks(tree)]
    for which, size in enumerate(sizes):
        for number in range(size):
            copied = pickle.loads(frozen)
            block, loop = list(_blocks(copied))[which]
            if not _is_docstring(block[number]):
                yield Place(copied, block, number, loop)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def statement(text: str) -> ast.stmt:
    """The one statement in ``text``."""
    (found,) = ast.parse(text).body
    return found


def expression(text: str) -> ast.expr:
    """The expression in ``text``."""
    return ast.parse(text, mode="eval").body


def wrapped(text: str, inner: ast.expr) -> ast.expr:
    """The expression in ``text``, with ``inner`` in the place of X."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return copy.deepcopy(inner) if node.id == "X" else node

    put: ast.expr = Put().visit(expression(text))
    return put


def replaced(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    """The tree with ``new`` in the place of ``old``, which is changed in place."""

    class Put(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else super().generic_visit(node)

        def visit(self, node: ast.AST) -> Any:
            return new if node is old else super().visit(node)

    put: ast.Module = Put().visit(tree)
    return put


def importing(tree: ast.Module, *modules: str) -> ast.Module:
    """The tree with these modules imported at its top."""
    at = 1 if tree.body and _is_docstring(tree.body[0]) else 0
    while at < len(tree.body) and isinstance(tree.body[at], ast.ImportFrom) and tree.body[at].module == "__future__":
        at += 1
    tree.body[at:at] = [ast.Import([ast.alias(name)]) for name in modules]
    return tree


def entries(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions that are called from outside for each message, packet or order."""
    wanted = ("handle", "pay", "at_most_once", "at_least_once", "on_publish", "on_pubrel")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in wanted:
            yield node


def parameters(function: ast.FunctionDef) -> list[str]:
    """Their names, without self."""
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


def is_sql(node: ast.AST) -> bool:
    """A text that reads like SQL."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    words = node.value.upper().split()
    return len(words) > 1 and bool(
        {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "BEGIN", "WHERE", "SET", "VALUES", "REPLACE"} & set(words)
    )
