"""Small changes of a program's meaning: one operator, constant, condition or statement at a time."""

from __future__ import annotations

import ast
import marshal
from collections.abc import Iterator
from typing import NamedTuple

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


UNSEEN_ARGUMENTS = {"strict", "maxsize", "stacklevel"}
UNSEEN_CALLS = {"lru_cache", "gc.freeze", "gc.unfreeze", "gc.set_threshold"}


class Mutant(NamedTuple):
    """A changed program: the first and last line of what changed, what it says now, and the whole source.

    `is_global` tells a change outside functions, which every test that uses the module could notice.
    """

    line: int
    last: int
    is_global: bool
    text: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Make every mutant of a module that a test could notice."""
    for place in range(places(source)):
        if (one := mutant(source, place)) is not None:
            yield one


def places(source: str) -> int:
    """How many places of a module can be changed.

    Left out are texts and docstrings, annotations, imports, what is raised, branches for type checkers, sizes of
    caches, `strict=` of zip (a guard against a defect) and calls of the garbage collector.
    """
    return len(_candidates(ast.parse(source)))


def mutant(source: str, place: int) -> Mutant | None:
    """Make one mutant; None where it compiles to the same bytecode."""
    tree = ast.parse(source)
    node = _candidates(tree)[place]
    first = node.lineno  # type: ignore[attr-defined]
    where = node.test if isinstance(node, ast.If | ast.While) else node
    last, is_global = where.end_lineno or first, not _is_inside(tree, node)  # type: ignore[attr-defined]
    removed = f"without {ast.unparse(node).splitlines()[0][:100]}" if isinstance(node, ast.Expr) else ""
    _change(tree, node)
    ast.fix_missing_locations(tree)
    text = ast.unparse(tree)
    if compiled(text) == compiled(source):
        return None
    return Mutant(first, last, is_global, removed or _statement(tree, first), text)


def _is_inside(tree: ast.Module, node: ast.AST) -> bool:
    """Whether a node is in the body of a function."""
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(node is one for each in functions for part in each.body for one in ast.walk(part))


def compiled(source: str) -> bytes:
    """Bytecode without the places of lines."""
    return marshal.dumps(compile(ast.unparse(ast.parse(source)), "x", "exec", optimize=2))


def _candidates(tree: ast.Module) -> list[ast.AST]:
    """Nodes that can be changed, in order."""
    kept: set[int] = set()
    for node in ast.walk(tree):
        if _is_unseen(node):
            kept |= {id(one) for one in ast.walk(node)}
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(hint, ast.AST):
                kept |= {id(one) for one in ast.walk(hint)}
    return [node for node in ast.walk(tree) if id(node) not in kept and _is_candidate(node)]


def _is_unseen(node: ast.AST) -> bool:
    """Whether no test could notice a change of a node."""
    match node:
        case ast.Raise() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.keyword(arg=name):
            return name in UNSEEN_ARGUMENTS
        case ast.Call(func=function) | ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) in UNSEEN_CALLS
        case _:
            return False


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
