"""Memory that a process has and another one hasn't: sets, caches, attributes, answers that are remembered."""

from __future__ import annotations

import ast

from .tree import Change, Operator, entries, importing, parameters, places, statement, twin

KEYS = (
    "message.id",
    "message.body['transfer_id']",
    "message.body['order_id']",
    "str(sorted(message.body.items()))",
    "message.body['account']",
    "(message.body['account'], message.body['version'])",
    "order_id",
    "packet_id",
)


def _has(function: ast.FunctionDef, key: str) -> bool:
    return key.split(".")[0].lstrip("(").removeprefix("str(sorted(") in parameters(function)


def remembered(tree: ast.Module) -> Change:
    """A set in the module: what is in it is done. It is added before the work, after it, or whatever happens."""
    shapes = (
        "if KEY in _seen:\n    return DONE\n_seen.add(KEY)",
        "if KEY in _seen:\n    return DONE",
        "if KEY in _seen and message.redelivered:\n    return DONE\n_seen.add(KEY)",
        "if KEY in _seen:\n    raise Retry('again')\n_seen.add(KEY)",
    )
    for number, function in enumerate(entries(tree)):
        done = {"on_publish": "'PUBREC'", "on_pubrel": "'PUBCOMP'"}.get(function.name, "None")
        for key in KEYS:
            if not _has(function, key):
                continue
            for shape in shapes:
                if "message" in shape and "message" not in parameters(function):
                    continue
                copied = twin(tree)
                same = list(entries(copied))[number]
                head = ast.parse(shape.replace("KEY", key).replace("DONE", done)).body
                behind = []
                if "_seen.add" not in shape:
                    behind = [statement(f"_seen.add({key})")]
                same.body = [*head, *same.body]
                if behind:
                    at = len(same.body) - isinstance(same.body[-1], ast.Return)
                    same.body[at:at] = behind
                copied.body.insert(0, statement("_seen = set()"))
                yield copied


def remembered_in_a_default(tree: ast.Module) -> Change:
    for number, function in enumerate(entries(tree)):
        for key in KEYS:
            if _has(function, key) and not function.args.defaults:
                copied = twin(tree)
                same = list(entries(copied))[number]
                same.args.args.append(ast.arg("_seen"))
                same.args.defaults.append(ast.Dict([], []))
                head = ast.parse(f"if _seen.get({key}):\n    return\n_seen[{key}] = True").body
                same.body = [*head, *same.body]
                yield copied


def answers_remembered(tree: ast.Module) -> Change:
    """A function answers again what it answered first."""
    for number, node in enumerate(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        for text in ("functools.lru_cache(maxsize=None)", "functools.cache", "functools.lru_cache(maxsize=1)"):
            copied = twin(tree)
            same = [n for n in ast.walk(copied) if isinstance(n, ast.FunctionDef)][number]
            same.decorator_list.insert(0, ast.parse(text, mode="eval").body)
            assert node
            yield importing(copied, "functools")


def reader_remembers(tree: ast.Module) -> Change:
    """`total` or `balance` reads once and then knows."""
    for number, function in enumerate(tree.body):
        if isinstance(function, ast.FunctionDef) and function.name in ("total", "balance"):
            given = ", ".join(parameters(function))
            key = "account" if "account" in parameters(function) else "None"
            for test in (f"{key} not in _known", f"{key} not in _known or _known[{key}] == 0"):
                copied = twin(tree)
                same = copied.body[number]
                assert isinstance(same, ast.FunctionDef)
                name = same.name
                same.name = f"_read_{name}"
                outer = f"""
def {name}({given}):
    if {test}:
        _known[{key}] = _read_{name}({given})
    return _known[{key}]
"""
                copied.body[number + 1 : number + 1] = [statement("_known = {}"), *ast.parse(outer).body]
                yield copied


def made_once(tree: ast.Module) -> Change:
    """What is computed in the function is computed once, when the cell runs."""
    for place in places(tree):
        assigned = place.statement
        if (
            isinstance(assigned, ast.Assign)
            and len(assigned.targets) == 1
            and isinstance(assigned.targets[0], ast.Name)
        ):
            used = {node.id for node in ast.walk(assigned.value) if isinstance(node, ast.Name)}
            if not used & {
                "message",
                "db",
                "redis",
                "self",
                "order_id",
                "amount",
                "packet_id",
                "payload",
                "queue",
                "send",
            }:
                place.put()
                at = next(n for n, s in enumerate(place.tree.body) if isinstance(s, ast.FunctionDef | ast.ClassDef))
                place.tree.body.insert(at, assigned)
                yield place.tree


OPERATORS: tuple[Operator, ...] = (remembered, remembered_in_a_default, answers_remembered, reader_remembers, made_once)
