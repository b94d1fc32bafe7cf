"""Errors that are caught where they should not be, limits on tries, sleeps, polls, and what is made of the hints."""

from __future__ import annotations

import ast

from .tree import Change, Operator, copies, entries, expression, importing, parameters, places, statement, twin

WIDTHS = (
    "sqlite3.IntegrityError",
    "sqlite3.OperationalError",
    "sqlite3.Error",
    "ConnectionError",
    "redis_py.WatchError",
    "Exception",
    "BaseException",
)
ENDS = ("pass", "return", "continue", "raise Retry('again')")


def _knowing_errors(tree: ast.Module) -> ast.Module:
    tree.body.insert(0, statement("import redis as redis_py"))
    return importing(tree, "sqlite3")


def try_around(tree: ast.Module) -> Change:
    """Each statement in a try, with each width of except and each end."""
    for place in places(tree):
        if isinstance(place.statement, ast.Pass | ast.Break | ast.Continue | ast.FunctionDef):
            continue
        for width in WIDTHS:
            for end in ENDS:
                if end == "continue" and not place.loop:
                    continue
                other = twin(place)
                block = statement(f"try:\n    pass\nexcept {width}:\n    {end}")
                assert isinstance(block, ast.Try)
                block.body = [other.statement]
                yield _knowing_errors(other.put(block))


def try_around_everything(tree: ast.Module) -> Change:
    for number, function in enumerate(entries(tree)):
        for width in WIDTHS:
            for end in ("pass", "return", "raise Retry('again')"):
                copied = twin(tree)
                same = list(entries(copied))[number]
                block = statement(f"try:\n    pass\nexcept {width}:\n    {end}")
                assert isinstance(block, ast.Try) and function
                block.body, same.body = same.body, [block]
                yield _knowing_errors(copied)


def change_width(tree: ast.Module) -> Change:
    for copied, handler in copies(tree, lambda node: isinstance(node, ast.ExceptHandler)):
        for width in WIDTHS:
            handler.type = expression(width)
            yield _knowing_errors(twin(copied))


def change_what_is_done(tree: ast.Module) -> Change:
    """Another end of an except."""
    for copied, handler in copies(tree, lambda node: isinstance(node, ast.ExceptHandler)):
        for end in ("pass", "return", "raise", "raise Retry('again')"):
            handler.body = [statement(end)]
            yield twin(copied)


def change_raise(tree: ast.Module) -> Change:
    for place in places(tree):
        if isinstance(place.statement, ast.Raise):
            for text in ("pass", "return", "raise Retry('again')", "raise ValueError('no')"):
                yield twin(place).put(statement(text))


def raise_at_the_end(tree: ast.Module) -> Change:
    for place in places(tree):
        for text in ("raise Retry('once more')", "raise ValueError('no')"):
            other = twin(place)
            yield other.put(other.statement, statement(text))


def limit_loops(tree: ast.Module) -> Change:
    """A loop without end gets one."""
    for place in places(tree):
        loop = place.statement
        if isinstance(loop, ast.While):
            for most in (1, 2, 3, 5, 8, 20, 100):
                other = twin(place)
                limited = statement(f"for _round in range({most}):\n    pass")
                assert isinstance(limited, ast.For) and isinstance(other.statement, ast.While)
                guard = ast.If(ast.UnaryOp(ast.Not(), other.statement.test), [ast.Break()], [])
                limited.body = [guard, *other.statement.body]
                yield other.put(limited)


def change_limit(tree: ast.Module) -> Change:
    is_range = lambda n: isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "range"  # noqa: E731
    for copied, node in copies(tree, is_range):
        for most in (1, 2, 4, 10, 40):
            node.args = [ast.Constant(most)]
            yield twin(copied)


def tries_around(tree: ast.Module) -> Change:
    """The whole work is tried a few times, with a pause, and then given up."""
    for number, function in enumerate(entries(tree)):
        if not parameters(function) or any(isinstance(node, ast.Yield) for node in ast.walk(function)):
            continue
        given = ", ".join(a.arg for a in function.args.args if a.arg != "self")
        method = "self." if function.args.args[0].arg == "self" else ""
        for most in (2, 3, 5, 9, 30):
            for width in ("Exception", "sqlite3.OperationalError", "Retry", "ConnectionError", "redis_py.WatchError"):
                for end in ("return", "raise Retry('given up')", "raise ValueError('given up')"):
                    copied = twin(tree)
                    same = list(entries(copied))[number]
                    outer = statement(
                        f"def {same.name}({ast.unparse(same.args)}):\n"
                        f"    for _try in range({most}):\n"
                        f"        try:\n"
                        f"            return {method}_once_{same.name}({given})\n"
                        f"        except {width}:\n"
                        f"            time.sleep(0.01 * _try)\n"
                        f"    {end}"
                    )
                    for node in ast.walk(copied):
                        body = getattr(node, "body", None)
                        if isinstance(body, list) and same in body:
                            body.insert(body.index(same) + 1, outer)
                            break
                    same.name = f"_once_{same.name}"
                    yield importing(_knowing_errors(copied), "time")


def sleep_before(tree: ast.Module) -> Change:
    for place in places(tree):
        for text in ("time.sleep(0.05)", "time.sleep(5)", "for _nap in range(15):\n    time.sleep(0.1)"):
            other = twin(place)
            yield importing(other.put(statement(text), other.statement), "time")


def look_at_the_hints(tree: ast.Module) -> Change:
    """What the queue believes of a delivery is taken for the truth."""
    for number, function in enumerate(entries(tree)):
        if "message" not in parameters(function):
            continue
        texts = [f"if message.attempt > {n}:\n    return" for n in (1, 2, 3, 4, 8, 20, 100)]
        texts += [f"if message.attempt < {n}:\n    raise Retry('not yet')" for n in (2, 3, 5)]
        texts += ["if message.redelivered:\n    return", "if not message.redelivered:\n    raise Retry('not yet')"]
        for text in texts:
            copied = twin(tree)
            list(entries(copied))[number].body.insert(0, statement(text))
            yield copied


def hints_in_loops(tree: ast.Module) -> Change:
    """In a consumer's loop: what was marked is skipped."""
    loops = ("at_most_once", "at_least_once")
    for place in places(tree):
        if not place.loop or not any(function.name in loops for function in entries(place.tree)):
            continue
        for test in ("message.redelivered", "message.attempt > 1", "message.attempt > 4", "not message.redelivered"):
            for then in ("continue", "queue.ack(message)", "break", "process(message)"):
                other = twin(place)
                yield other.put(statement(f"if {test}:\n    {then}"), other.statement)


OPERATORS: tuple[Operator, ...] = (
    try_around,
    try_around_everything,
    change_width,
    change_what_is_done,
    change_raise,
    raise_at_the_end,
    limit_loops,
    change_limit,
    tries_around,
    sleep_before,
    look_at_the_hints,
    hints_in_loops,
)
