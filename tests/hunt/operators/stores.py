"""A call on a store replaced by its neighbour: what one takes for it by mistake, or for want of knowing it."""

from __future__ import annotations

import ast

from .tree import Change, Operator, copies, expression, importing, places, replaced, statement, twin

#: Method → others that take the same arguments.
NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "setnx": ("set", "getset", "append"),
    "hsetnx": ("hset", "hincrby"),
    "hset": ("hsetnx",),
    "set": ("setnx", "append"),
    "sadd": ("rpush", "lpush", "pfadd", "srem"),
    "rpush": ("sadd", "lpush"),
    "incrby": ("decrby", "set", "incrbyfloat"),
    "hincrby": ("hset", "hsetnx"),
    "exists": ("get", "delete", "ttl"),
    "get": ("exists", "getdel", "strlen"),
    "sismember": ("sadd",),
    "smembers": ("scard",),
    "hvals": ("hkeys",),
    "hgetall": ("hkeys",),
    "watch": ("exists",),
    "multi": ("unwatch",),
    "insert": ("upsert",),
    "upsert": ("insert",),
    "execute": ("executemany", "executescript"),
    "fetchone": ("fetchall",),
    "fetchall": ("fetchone",),
    "commit": ("rollback",),
    "rollback": ("commit",),
    "receive": ("receive",),
    "rowcount": ("lastrowid", "arraysize"),
    "eval": ("execute_command",),
    "atomic": ("ensure_autocommit_off",),
    "begin": ("commit",),
    "add": ("discard",),
}
#: A call → what else could stand there; X is the object, A the arguments.
OTHER_CALLS: dict[str, tuple[str, ...]] = {
    "incrby": ("X.set(A0, int(X.get(A0) or 0) + A1)",),
    "hincrby": ("X.hset(A0, A1, int(X.hget(A0, A1) or 0) + A2)",),
    "hsetnx": ("(None if X.hexists(A0, A1) else X.hset(A0, A1, A2))",),
    "setnx": ("(None if X.exists(A0) else X.set(A0, A1))", "X.set(A0, A1, nx=True, ex=60)"),
    "sadd": ("(0 if X.sismember(A0, A1) else X.sadd(A0, A1))", "X.zadd(A0, {A1: time.time()})"),
    "set": ("X.set(A0, A1, nx=True)", "X.set(A0, A1, ex=10)", "X.setex(A0, 86400, A1)", "X.set(A0, A1, px=50)"),
    "pipeline": ("X.pipeline(transaction=False)",),
    "atomic": ("contextlib.nullcontext()", "X.conn", "contextlib.suppress(Exception)"),
    "execute": ("X.executemany(A0, [A1])", "X.query(A0, A1)"),
    "hvals": ("[value for _, value in X.hscan_iter(A0)]", "list(X.hscan(A0)[1].values())"),
    "smembers": ("X.sscan(A0)[1]", "list(X.sscan_iter(A0))"),
    "watch": ("X.watch('everything')", "X.watch('balance:1')"),
    "ack": ("(X.ack(A0), X.ack(A0))", "threading.Thread(target=X.ack, args=[A0]).start()"),
}
KEYWORDS: dict[str, tuple[object, ...]] = {
    "nx": (False, None),
    "xx": (False,),
    "ignore": (False, None),
    "replace": (False, None),
    "transaction": (False,),
    "ex": (None,),
    "pk": (None,),
    "alter": (True,),
    "not_null": (None,),
}


def neighbour(tree: ast.Module) -> Change:
    for copied, node in copies(tree, lambda n: isinstance(n, ast.Attribute) and n.attr in NEIGHBOURS):
        for name in NEIGHBOURS[node.attr]:
            other = node.attr
            node.attr = name
            yield twin(copied)
            node.attr = other


def other_call(tree: ast.Module) -> Change:
    def is_known(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OTHER_CALLS

    for copied, node in copies(tree, is_known):
        position = next(n for n, other in enumerate(ast.walk(copied)) if other is node)
        for text in OTHER_CALLS[node.func.attr]:
            if f"A{len(node.args)}" in text:
                continue
            other = twin(copied)
            old = next(same for n, same in enumerate(ast.walk(other)) if n == position)
            assert isinstance(old, ast.Call) and isinstance(old.func, ast.Attribute)
            parts: dict[str, ast.expr] = {"X": old.func.value} | {f"A{n}": a for n, a in enumerate(old.args)}
            yield importing(replaced(other, old, _filled(text, parts)), "contextlib", "time", "threading")


def _filled(text: str, parts: dict[str, ast.expr]) -> ast.expr:
    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return twin(parts[node.id]) if node.id in parts else node

    filled: ast.expr = Fill().visit(expression(text))
    return filled


def change_keyword(tree: ast.Module) -> Change:
    """An option of a call left out or turned over."""
    for copied, node in copies(tree, lambda n: isinstance(n, ast.Call) and bool(n.keywords)):
        for number, keyword in enumerate(node.keywords):
            kept = list(node.keywords)
            del node.keywords[number]
            yield twin(copied)
            node.keywords = kept
            for value in KEYWORDS.get(keyword.arg or "", ()):
                old = keyword.value
                keyword.value = ast.Constant(value)
                yield twin(copied)
                keyword.value = old


def drop_argument(tree: ast.Module) -> Change:
    """The last of several positional arguments is left out, or two are exchanged."""
    for copied, node in copies(tree, lambda n: isinstance(n, ast.Call) and len(n.args) > 1):
        last = node.args.pop()
        yield twin(copied)
        node.args.append(last)
        node.args[-1], node.args[-2] = node.args[-2], node.args[-1]
        yield copied


def add_commit(tree: ast.Module) -> Change:
    """A commit, a rollback or a begin behind each statement."""
    texts = (
        "db.conn.commit()",
        "db.conn.rollback()",
        "db.execute('BEGIN IMMEDIATE')",
        "db.conn.execute('COMMIT')",
        "db.conn.isolation_level = None",
    )
    if not any(isinstance(node, ast.arg) and node.arg == "db" for node in ast.walk(tree)):
        return
    for place in places(tree):
        for text in texts:
            other = twin(place)
            yield other.put(other.statement, statement(text))


def add_expiry(tree: ast.Module) -> Change:
    """Whatever is written expires."""
    for place in places(tree):
        call = place.statement.value if isinstance(place.statement, ast.Expr) else None
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
            continue
        if call.func.attr in ("set", "setnx", "sadd", "hset", "hsetnx", "incrby", "hincrby", "zadd", "rpush"):
            for seconds in (1, 3600, 30 * 86400):
                other = twin(place)
                key, owner = ast.unparse(call.args[0]), ast.unparse(call.func.value)
                yield other.put(other.statement, statement(f"{owner}.expire({key}, {seconds})"))


OPERATORS: tuple[Operator, ...] = (neighbour, other_call, change_keyword, drop_argument, add_commit, add_expiry)
