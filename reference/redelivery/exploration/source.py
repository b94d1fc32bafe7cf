"""Finding in the learner's source the line that a teacher would point at.

What the mistake is follows from what happened alone (`diagnosis`). Only for *where*, the source is read: which
``except`` let an error pass, where a key was made, which variable was the memory.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence, Set

from ..simulation.process import Line
from ..simulation.program import Program, without_magics

BROAD = frozenset({"Exception", "BaseException"})
LOCK_ERRORS = BROAD | {"Error", "DatabaseError", "OperationalError"}


class Source:
    """The learner's files as syntax trees, parsed when asked for."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._trees: dict[str, ast.Module | None] = {}

    def _tree(self, file: str) -> ast.Module | None:
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse(without_magics(self._program.source(file)))
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                self._trees[file] = None
        return self._trees[file]

    @property
    def program(self) -> Program:
        """What the files belong to."""
        return self._program

    def swallower(self, stack: Sequence[Line], errors: Set[str] = LOCK_ERRORS) -> tuple[Line, bool] | None:
        """The ``except`` (or ``suppress``) that may have caught an exception raised at the innermost line of
        ``stack``, and whether it catches every exception. ``errors``: the names under which it can be caught."""
        for file, line in stack:
            tree = self._tree(file)
            if tree is None:
                continue
            for node in sorted(_around(tree, line), key=lambda n: -n.lineno):
                if isinstance(node, ast.Try):
                    if not _within(node.body, line):
                        continue
                    for handler in node.handlers:
                        names = _names(handler.type)
                        if (handler.type is None or names & errors) and not _raises_always(handler):
                            return (file, handler.lineno), handler.type is None or bool(names & BROAD)
                    if any(isinstance(n, ast.Return) for s in node.finalbody for n in ast.walk(s)):
                        found = next(n for s in node.finalbody for n in ast.walk(s) if isinstance(n, ast.Return))
                        return (file, found.lineno), True
                elif isinstance(node, ast.With):
                    for item in node.items:
                        call = item.context_expr
                        if isinstance(call, ast.Call) and _names(call.func) & {"suppress"}:
                            caught = set().union(*(_names(a) for a in call.args)) if call.args else set()
                            if caught & errors:
                                return (file, node.lineno), bool(caught & BROAD)
        return self._exit_that_says_yes()

    def _exit_that_says_yes(self) -> tuple[Line, bool] | None:
        """A learner's own ``__exit__`` that returns True."""
        for file in sorted(self._program.reached):
            tree = self._tree(file)
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.FunctionDef) and node.name == "__exit__":
                    for inner in ast.walk(node):
                        if (
                            isinstance(inner, ast.Return)
                            and isinstance(inner.value, ast.Constant)
                            and inner.value.value
                        ):
                            return (file, inner.lineno), True
        return None

    def key_line(self, line: Line | None) -> Line | None:
        """Where the key was made that a statement at ``line`` uses: the last assignment before it of a name that the
        statement uses, or ``line`` itself."""
        if line is None:
            return None
        tree = self._tree(line[0])
        if tree is None:
            return line
        functions = [n for n in _around(tree, line[1]) if isinstance(n, ast.FunctionDef)]
        scope: ast.AST = functions[-1] if functions else tree
        used = {
            n.id
            for statement in _statements_at(scope, line[1])
            for n in ast.walk(statement)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
        }
        made = [
            n.lineno
            for n in ast.walk(scope)
            if isinstance(n, ast.Assign | ast.AnnAssign | ast.NamedExpr)
            and n.lineno < line[1]
            and _targets(n) & used
            and not _only_takes_out(n.value)
        ]
        return (line[0], max(made)) if made else line

    def answer_of(self, method: str, wanted: str) -> Line | None:
        """Where a method answers something else than ``wanted``; else where it answers that."""
        returns: list[tuple[bool, Line]] = []
        for file in sorted(self._program.reached):
            tree = self._tree(file)
            for function in ast.walk(tree) if tree else ():
                if isinstance(function, ast.FunctionDef) and function.name == method:
                    for node in ast.walk(function):
                        if isinstance(node, ast.Return):
                            right = isinstance(node.value, ast.Constant) and node.value.value == wanted
                            returns.append((right, (file, node.lineno)))
        return min(returns)[1] if returns else None

    def decision(self, stack: Sequence[Line]) -> Line | None:
        """The first condition that looks at what a statement at ``stack`` (innermost first) has found."""
        for file, line in stack:
            tree = self._tree(file)
            functions = [n for n in _around(tree, line) if isinstance(n, ast.FunctionDef)] if tree else []
            if not functions:
                continue
            statements = _statements_at(functions[-1], line)
            made = {name for s in statements for n in ast.walk(s) for name in _targets_of(n)}
            tests: list[tuple[int, ast.AST]] = []
            for node in ast.walk(functions[-1]):
                if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
                    tests.append((node.test.lineno, node.test))
                elif isinstance(node, ast.Match):
                    tests.append((node.lineno, node.subject))
            for number, test in sorted(tests, key=lambda pair: pair[0]):
                if number <= line <= (getattr(test, "end_lineno", None) or number):
                    return file, line
                if number > line and any(isinstance(n, ast.Name) and n.id in made for n in ast.walk(test)):
                    return file, number
        return None

    def condition_on(self, function: str, word: str) -> Line | None:
        """The first condition in ``function`` that looks at a variable, an attribute or a key called ``word``; where
        there is none, the function itself. A name that was given twice stands for the later function."""
        for file in sorted(self._program.reached):
            tree = self._tree(file)
            nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)] if tree else []
            called = max((n for n in nodes if n.name == function), key=lambda n: n.lineno, default=None)
            if called is not None:
                tests = [n.test for n in ast.walk(called) if isinstance(n, ast.If | ast.IfExp | ast.While)]
                lines = [test.lineno for test in tests if any(_is_called(n, word) for n in ast.walk(test))]
                return file, min(lines) if lines else called.lineno
        return None

    def use_of(self, names: Iterable[str], ran: Iterable[Line] = ()) -> Line | None:
        """Where one of ``names`` is first looked at in a condition; else where it is first used in a
        function. Functions that hold one of the lines that ``ran`` come before others."""
        wanted = set(names)
        lines = set(ran)
        did: list[Line] = []
        looked: list[Line] = []
        used: list[Line] = []
        for file in sorted(self._program.reached):
            tree = self._tree(file)
            for function in ast.walk(tree) if tree else ():
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                    continue
                here = len(looked), len(used)
                for node in ast.walk(function):
                    if isinstance(node, ast.Compare | ast.If | ast.While | ast.IfExp | ast.BoolOp):
                        test = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else node
                        looked += [(file, getattr(n, "lineno", 0)) for n in ast.walk(test) if _is_one_of(n, wanted)]
                    if _is_one_of(node, wanted):
                        used.append((file, getattr(node, "lineno", 0)))
                if any((file, line) in lines for line in range(function.lineno, (function.end_lineno or 0) + 1)):
                    did += looked[here[0] :] or used[here[1] :]
        if did:
            return min(did)
        return min(looked) if looked else min(used) if used else None


def _around(tree: ast.AST, line: int) -> list[ast.stmt]:
    """The statements that contain a line, outermost first."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or n.lineno)]


def _within(body: Sequence[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _statements_at(scope: ast.AST, line: int) -> list[ast.stmt]:
    around = [n for n in _around(scope, line) if not isinstance(n, ast.FunctionDef)]
    simple = [n for n in around if not hasattr(n, "body")]
    return simple or around[-1:]


def _names(node: ast.AST | None) -> set[str]:
    if node is None:
        return set()
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.add(inner.attr)
    return found


def _raises_always(handler: ast.ExceptHandler) -> bool:
    """Whether the handler ends in ``raise`` whatever happens, as far as a look can tell."""
    return isinstance(handler.body[-1], ast.Raise) and not any(
        isinstance(n, ast.Return | ast.Continue | ast.Break) for s in handler.body for n in ast.walk(s)
    )


def _only_takes_out(value: ast.AST | None) -> bool:
    """Whether an assignment makes nothing, and only names a part of something: ``message.body["amount"]``."""
    if isinstance(value, ast.Tuple | ast.List):
        return all(map(_only_takes_out, value.elts))
    if isinstance(value, ast.GeneratorExp | ast.ListComp):
        return _only_takes_out(value.elt)
    if isinstance(value, ast.Subscript):
        index = value.slice
        named = isinstance(index, ast.Name) or (isinstance(index, ast.Constant) and isinstance(index.value, str))
        return named and _only_takes_out(value.value)
    if isinstance(value, ast.Attribute):
        return _only_takes_out(value.value)
    return isinstance(value, ast.Constant | ast.Name)


def _targets(node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _targets_of(node: ast.AST) -> set[str]:
    return _targets(node) if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) else set()


def _is_one_of(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, ast.Attribute) and node.attr in names


def _is_called(node: ast.AST, word: str) -> bool:
    return _is_one_of(node, {word}) or (isinstance(node, ast.Constant) and node.value == word)
