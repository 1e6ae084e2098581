"""Small changes of a program's meaning: one operator, constant, condition or statement at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """A changed program: the line that changed, what it says now, and the whole source."""

    line: int
    text: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Make every mutant of a module; texts, annotations, what is raised and imports stay as they are."""
    tree = ast.parse(source)
    for index, node in enumerate(_candidates(tree)):
        line, changed = node.lineno, copy.deepcopy(tree)  # type: ignore[attr-defined]
        _change(changed, _candidates(changed)[index])
        ast.fix_missing_locations(changed)
        yield Mutant(line, _statement(changed, line), ast.unparse(changed))


def _candidates(tree: ast.Module) -> list[ast.AST]:
    """Nodes that can be changed, in order."""
    kept: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            kept |= {id(one) for one in ast.walk(node)}
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            kept |= {id(one) for one in ast.walk(node)}
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(hint, ast.AST):
                kept |= {id(one) for one in ast.walk(hint)}
    return [node for node in ast.walk(tree) if id(node) not in kept and _is_candidate(node)]


def _is_candidate(node: ast.AST) -> bool:
    """Whether a node can be changed."""
    match node:
        case ast.Compare(ops=[op]) | ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            return type(op) in SWAPS
        case ast.Constant(value=bool() | int() | float()) | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in NAMES
        case ast.If() | ast.IfExp() | ast.While() | ast.Expr(value=ast.Call()):
            return True
        case _:
            return False


def _change(tree: ast.Module, node: ast.AST) -> None:
    match node:
        case ast.Compare(ops=[op]):
            node.ops = [SWAPS[type(op)]()]  # type: ignore[list-item]
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp():
            node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
        case ast.Constant(value=value):
            node.value = not value if isinstance(value, bool) else value + 1  # type: ignore[operator]
        case ast.UnaryOp(operand=operand):
            _replace(tree, node, operand)
        case ast.Call(func=ast.Name() as name):
            name.id = NAMES[name.id]
        case ast.If() | ast.IfExp() | ast.While():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Expr():
            node.value = ast.Constant(None)


def _replace(tree: ast.Module, old: ast.AST, new: ast.expr) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if one is old else one for one in value]


def _statement(tree: ast.Module, line: int) -> str:
    """The first line of the innermost statement that begins at or before a line."""
    before = [
        node for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    if not before:  # a decorator
        return "@"
    return ast.unparse(max(before, key=lambda node: node.lineno)).splitlines()[0][:100]
