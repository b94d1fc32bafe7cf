"""Statements that are left out, doubled, exchanged, or moved across the border of a block."""

from __future__ import annotations

import ast

from .tree import Change, Operator, copies, expression, places, replaced, statement, twin


def drop_statement(tree: ast.Module) -> Change:
    for place in places(tree):
        yield place.put()


def double_statement(tree: ast.Module) -> Change:
    for place in places(tree):
        if not isinstance(place.statement, ast.Return | ast.Raise | ast.Break | ast.Continue | ast.Pass):
            yield place.put(place.statement, twin(place.statement))


def swap_statements(tree: ast.Module) -> Change:
    for place in places(tree):
        block, n = place.block, place.number
        if n + 1 < len(block):
            block[n], block[n + 1] = block[n + 1], block[n]
            yield place.tree


def move_to_the_end(tree: ast.Module) -> Change:
    for place in places(tree):
        if place.number + 2 < len(place.block):
            place.block.append(place.block.pop(place.number))
            yield place.tree


def move_out_of_block(tree: ast.Module) -> Change:
    """The first statement of a with, try, if or loop before it, the last one behind it."""
    for place in places(tree):
        if isinstance(place.statement, ast.With | ast.Try | ast.If | ast.While | ast.For):
            inner = place.statement.body
            if len(inner) > 1:
                other = twin(place.statement)
                yield twin(place).put(inner[0], _with_body(other, inner[1:]))
                yield place.put(_with_body(twin(other), inner[:-1]), inner[-1])


def move_into_block(tree: ast.Module) -> Change:
    """The statement before or behind a with, try, if or loop becomes part of it."""
    for place in places(tree):
        block, n = place.block, place.number
        if isinstance(place.statement, ast.With | ast.Try | ast.If | ast.While | ast.For):
            if n + 1 < len(block):
                other = twin(place)
                after = other.block.pop(n + 1)
                other.statement.body.append(after)  # type: ignore[attr-defined]
                yield other.tree
            if n:
                place.statement.body.insert(0, block.pop(n - 1))
                yield place.tree


def unwrap_block(tree: ast.Module) -> Change:
    """Only what is in a with, try, if or loop, as if nothing stood around it."""
    for place in places(tree):
        if isinstance(place.statement, ast.With | ast.Try | ast.If | ast.For | ast.While):
            yield place.put(*place.statement.body)


def close_block_early(tree: ast.Module) -> Change:
    """A with of several statements becomes one for each of them."""
    for place in places(tree):
        block = place.statement
        if isinstance(block, ast.With) and len(block.body) > 1:
            yield place.put(*(_with_body(twin(block), [one]) for one in block.body))


def wrap_in_transaction(tree: ast.Module) -> Change:
    for place in places(tree):
        if not isinstance(place.statement, ast.Return | ast.Pass | ast.Break | ast.Continue):
            block = statement("with db.atomic():\n    pass")
            yield place.put(_with_body(block, [place.statement]))


def early_return(tree: ast.Module) -> Change:
    for place in places(tree):
        for text in ("return", "if message.attempt > 1:\n    return", "if message.redelivered:\n    return"):
            other = twin(place)
            yield other.put(statement(text), other.statement)


def drop_else(tree: ast.Module) -> Change:
    for place in places(tree):
        if isinstance(place.statement, ast.If | ast.Try | ast.While | ast.For) and place.statement.orelse:
            place.statement.orelse = []
            yield place.tree


def negate_condition(tree: ast.Module) -> Change:
    for copied, node in copies(tree, lambda node: isinstance(node, ast.If | ast.While | ast.IfExp)):
        node.test = ast.UnaryOp(ast.Not(), node.test)
        yield copied


def fix_condition(tree: ast.Module) -> Change:
    for copied, node in copies(tree, lambda node: isinstance(node, ast.If | ast.IfExp)):
        other = twin(copied)
        node.test = ast.Constant(True)
        yield copied
        (same,) = (b for a, b in zip(ast.walk(copied), ast.walk(other), strict=False) if a is node)
        same.test = ast.Constant(False)  # type: ignore[attr-defined]
        yield other


def change_comparison(tree: ast.Module) -> Change:
    signs = [ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq]
    turned = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
    for copied, node in copies(tree, lambda node: isinstance(node, ast.Compare)):
        kind = type(node.ops[0])
        if kind in turned:
            node.ops[0] = turned[kind]()
            yield copied
            continue
        for sign in signs:
            if sign is not kind:
                node.ops[0] = sign()
                yield twin(copied)


def drop_operand(tree: ast.Module) -> Change:
    """One side of an and or or."""
    for copied, node in copies(tree, lambda node: isinstance(node, ast.BoolOp)):
        for number in range(len(node.values)):
            yield _without(copied, node, number)


def _without(tree: ast.Module, node: ast.BoolOp, number: int) -> ast.Module:
    rest = [value for n, value in enumerate(node.values) if n != number]
    new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    position = next(n for n, other in enumerate(ast.walk(tree)) if other is node)
    copied = twin(tree)
    old = next(other for n, other in enumerate(ast.walk(copied)) if n == position)
    return replaced(copied, old, twin(new))


def change_constant(tree: ast.Module) -> Change:
    for copied, node in copies(tree, lambda n: isinstance(n, ast.Constant) and type(n.value) in (int, bool, float)):
        old = node.value
        for new in (not old,) if isinstance(old, bool) else (old + 1, old - 1, 0, -old):
            if new != old:
                node.value = new
                yield twin(copied)


def change_sign(tree: ast.Module) -> Change:
    for copied, node in copies(
        tree, lambda node: isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    ):
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield copied


def leave_the_loop(tree: ast.Module) -> Change:
    for place in places(tree):
        if isinstance(place.statement, ast.Break | ast.Continue | ast.Return):
            for new in ("break", "continue", "return", "pass"):
                if (new in ("break", "continue") and not place.loop) or new == ast.unparse(place.statement):
                    continue
                yield twin(place).put(statement(new))


def answer_otherwise(tree: ast.Module) -> Change:
    """Another value is returned."""
    for copied, node in copies(tree, lambda n: isinstance(n, ast.Return) and n.value is not None):
        node.value = expression("None")
        yield copied


def _with_body(block: ast.stmt, body: list[ast.stmt]) -> ast.stmt:
    block.body = body  # type: ignore[attr-defined]
    return block


OPERATORS: tuple[Operator, ...] = (
    drop_statement,
    double_statement,
    swap_statements,
    move_to_the_end,
    move_out_of_block,
    move_into_block,
    unwrap_block,
    close_block_early,
    wrap_in_transaction,
    early_return,
    drop_else,
    negate_condition,
    fix_condition,
    change_comparison,
    drop_operand,
    change_constant,
    change_sign,
    leave_the_loop,
    answer_otherwise,
)
