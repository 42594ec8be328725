"""Evaluates expressions over sets of known values (partial evaluation)."""

import ast
import copy
from collections.abc import Mapping
from itertools import islice, product
from typing import Any, Final, TypeAlias

from typing_extensions import override

Known: TypeAlias = Mapping[str, tuple[Any, ...]]
"""Values that a name, or an attribute such as ``recipe.flip``, takes in one file."""

_MOST: Final = 256  # combinations of values that are evaluated
_COMPUTED: Final = (
    *(ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.Tuple, ast.List, ast.Set, ast.Subscript, ast.Starred),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)


def known_values(node: ast.expr, known: Known) -> tuple[Any, ...] | None:
    """Return the distinct values of an expression, None if it depends on unknown names."""
    collector = _NameCollector(known)
    named: Any = collector.visit(copy.deepcopy(node))
    if not all(isinstance(part, (*_COMPUTED, ast.Name)) for part in ast.walk(named)):
        return None
    if any(isinstance(part, ast.Name) and part.id not in collector.found for part in ast.walk(named)):
        return None
    code = compile(ast.fix_missing_locations(ast.Expression(named)), "<known>", "eval")
    found: dict[str, Any] = {}
    try:
        for values in islice(product(*collector.found.values()), _MOST + 1):
            names = dict(zip(collector.found, values, strict=True))
            value = eval(code, {"__builtins__": {}}, names)  # of constants and operators alone
            found[repr(value)] = value
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return tuple(found.values())


def truth(node: ast.expr, known: Known) -> bool | None:
    """Return the truth value of a condition, None if it is not known."""
    values = known_values(node, known)
    if values is not None:
        return bool(values[0]) if len({bool(value) for value in values}) == 1 else None
    if isinstance(node, ast.BoolOp) and not any(isinstance(part, ast.Call) for part in ast.walk(node)):
        ends = _ends(node)
        return ends if any(truth(part, known) is ends for part in node.values) else None
    return None


def deciding(node: ast.BoolOp, known: Known) -> list[ast.expr] | None:
    """Return the parts of an ``and`` or ``or`` on which its value depends, None if it does on all."""
    kept: list[ast.expr] = []
    for part in node.values:
        found = truth(part, known)
        if found is _ends(node):
            kept = [part] if all(_is_truth(one, known) for one in (*kept, part)) else [*kept, part]
            break
        last = part is node.values[-1] and not (kept and _is_truth(kept[-1], known))  # it may be the value
        if found is None or last:
            kept.append(part)
    return kept if len(kept) < len(node.values) else None


def _is_truth(node: ast.expr, known: Known) -> bool:
    """Return whether an expression is True or False, and calls nothing."""
    if any(isinstance(part, ast.Call) for part in ast.walk(node)):
        return False
    if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return True
    return all(isinstance(value, bool) for value in known_values(node, known) or (None,))


def _ends(node: ast.BoolOp) -> bool:
    """Return the truth of a part behind which no further one is looked at."""
    return isinstance(node.op, ast.Or)


def literal(node: ast.expr, known: Known) -> str | None:
    """Return the value of an expression as a Python literal, None if unknown or a literal already."""
    if not any(ast.unparse(n) in known for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)):
        return None
    values = known_values(node, known)
    if values is None or len(values) != 1 or not _written(values[0]):
        return None
    text = repr(values[0])
    return None if ast.dump(ast.parse(text, mode="eval").body) == ast.dump(_loaded(node)) else text


def _written(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_written, value))
    return value is None or isinstance(value, bool | int | float | str)


def _loaded(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


class _NameCollector(ast.NodeTransformer):
    """Replaces known names and attributes of an expression by plain variables, and collects their values."""

    def __init__(self, known: Known) -> None:
        self.known, self.found = known, dict[str, tuple[Any, ...]]()

    @override
    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name | ast.Attribute):
            text = ast.unparse(node)
            if text in self.known:
                name = "_" + text.replace(".", "_")
                self.found[name] = self.known[text]
                return ast.Name(name, ast.Load())
        return self.generic_visit(node)
