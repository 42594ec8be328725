"""Folds known values into source: constant expressions, dead branches, table look-ups and aliases.

The result reads as if written for this one network: it has no choice between values of which one is used.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from nas.exports.codegen.known_values import Known, deciding, known_values, literal, truth
from nas.exports.codegen.source_edits import Edit, Source
from nas.exports.codegen.statement_span import span

_MOST_PASSES: Final = 50
_DEFAULTS: Final = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True"}
_NORM_DEFAULTS: Final = {"eps": "1e-05"}
_LAYER_DEFAULTS: Final = {"nn.Conv2d": _DEFAULTS, "nn.BatchNorm2d": _NORM_DEFAULTS}


def folded(text: str, known: Mapping[str, Known], tables: Mapping[str, ast.Dict]) -> str:
    """Return the source of a definition with everything folded that is known.

    Args:
        text: Source of a class, function or constant.
        known: Known values of parameters, by function name.
        tables: Dicts at the top level of the file, by name.
    """
    for _ in range(_MOST_PASSES):
        source = Source(text)
        edits = list(_edits(source, known, tables))
        if not edits:
            return text
        text = source.apply(edits)
    return text


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield every function and method of a definition."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _edits(source: Source, known: Mapping[str, Known], tables: Mapping[str, ast.Dict]) -> Iterator[Edit]:
    for function in functions(source.tree):
        alias = _alias(function)
        if alias:
            yield from _inlined(source, function, *alias)
        else:
            yield from _Folding(source, known.get(function.name, {}), tables).block(function.body)


class _Folding:
    """Finds the edits that fold one function; they never overlap."""

    def __init__(self, source: Source, known: Known, tables: Mapping[str, ast.Dict]) -> None:
        self.source, self.known, self.tables = source, known, tables

    def block(self, statements: Sequence[ast.stmt]) -> Iterator[Edit]:
        """Yield the edits to a block of statements; what follows a return or raise is removed."""
        for number, statement in enumerate(statements):
            yield from self.statement(statement)
            if isinstance(statement, ast.Return | ast.Raise) and statement is not statements[-1]:
                first, end = span(statements[number + 1], self.source.lines)[0], statements[-1].end_lineno
                yield self.source.rows(first, end or 0, "")
                return

    def statement(self, node: ast.stmt) -> Iterator[Edit]:
        if isinstance(node, ast.If) and (taken := truth(node.test, self.known)) is not None:
            yield _branch(self.source, node, taken=taken)
        elif isinstance(node, ast.For) and ast.unparse(node.iter) == "range(0)":
            yield self.source.rows(*span(node, self.source.lines), "")
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef):
            for name, value in ast.iter_fields(node):
                if name in {"body", "orelse"}:
                    yield from self.block(value)
                elif not (isinstance(node, ast.AnnAssign) and name == "annotation"):
                    for part in value if isinstance(value, list) else [value]:
                        yield from self.expression(part)

    def expression(self, node: Any, outer: ast.AST | None = None) -> Iterator[Edit]:
        """Yield the edits to an expression and its parts.

        Args:
            node: Expression or other node.
            outer: Expression that contains it; None for none.
        """
        if isinstance(node, ast.expr):
            text = self.simpler(node, outer)
            if text is not None:
                yield self.source.replaced(node, text)
                return
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _LAYER_DEFAULTS:
            defaults = _LAYER_DEFAULTS[ast.unparse(node.func)]
            dropped = [k for k in node.keywords if defaults.get(k.arg or "") == ast.unparse(k.value)]
            if dropped:
                yield _without_keyword(self.source, node, dropped[0])
                return
        if isinstance(node, ast.AST) and not isinstance(node, ast.Constant):
            for part in ast.iter_child_nodes(node):
                yield from self.expression(part, node)

    def simpler(self, node: ast.expr, outer: ast.AST | None) -> str | None:
        """Return the source of a simpler expression of equal value, None if there is none."""
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Store):
            return None
        if (known := literal(node, self.known)) is not None:
            return f"({known})" if isinstance(outer, ast.Attribute) else known
        match node:
            case ast.IfExp(test=test) if (taken := truth(test, self.known)) is not None:
                return self.within(node.body if taken else node.orelse, outer)
            case ast.BoolOp(op=op) if (parts := deciding(node, self.known)) is not None:
                alone = len(parts) == 1
                return self.within(parts[0], outer) if alone else ast.unparse(ast.BoolOp(op, parts))
            case ast.Subscript(value=ast.Name(id=name), slice=key) if name in self.tables:
                values = known_values(key, self.known)
                return _entry(self.tables[name], values[0]) if values and len(values) == 1 else None
            case ast.Starred(value=ast.Tuple(elts=[_, *_] as parts)) if isinstance(
                outer, ast.Tuple | ast.List
            ):
                return ", ".join(map(self.source.of, parts))
            case ast.BinOp(left=kept, op=ast.Mult(), right=ast.Constant(value=1)):
                return self.within(kept, outer)
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Mult(), right=kept):
                return self.within(kept, outer)
        return None

    def within(self, node: ast.expr, outer: ast.AST | None) -> str:
        """Return the source of an expression, in parentheses if its new place may need them."""
        text = self.source.of(node)
        plain = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Constant | ast.Subscript)
        return text if plain or outer is None or isinstance(outer, ast.Call | ast.keyword) else f"({text})"


def _without_keyword(source: Source, call: ast.Call, argument: ast.keyword) -> Edit:
    """Return the edit that removes a keyword argument from a call."""
    start, end = source.place(argument)
    others: list[ast.expr | ast.keyword] = [*call.args, *(k for k in call.keywords if k is not argument)]
    kept = sorted(map(source.place, others))
    before = [place for place in kept if place[1] <= start]
    if before:
        return Edit(before[-1][1], end, "")
    return Edit(start, kept[0][0] if kept else end, "")


def _entry(table: ast.Dict, value: object) -> str | None:
    """Return the source of the entry of a table for a key, None if it has none."""
    for key, held in zip(table.keys, table.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == value:
            return ast.unparse(held)
    return None


def _branch(source: Source, node: ast.If, *, taken: bool) -> Edit:
    """Return the edit that replaces an ``if`` with known condition by the branch that runs."""
    first, end = node.lineno - 1, node.end_lineno or node.lineno
    indent = len(source.lines[first]) - len(source.lines[first].lstrip())
    is_elif = source.lines[first].lstrip().startswith("elif")
    if taken:
        body = _dedented(source, node.body, indent + 4 * is_elif)
        return source.rows(first, end, " " * indent + f"else:\n{body}" if is_elif else body)
    if not node.orelse:
        return source.rows(first if is_elif else span(node, source.lines)[0], end, "")
    chained = source.lines[node.orelse[0].lineno - 1].lstrip().startswith("elif")
    if chained:
        rest = source.lines[node.orelse[0].lineno - 1 : end]
        if not is_elif:
            rest[0] = rest[0].replace("elif", "if", 1)
        return source.rows(first, end, "\n".join(rest))
    body = _dedented(source, node.orelse, indent + 4 * is_elif)
    return source.rows(first, end, " " * indent + f"else:\n{body}" if is_elif else body)


def _dedented(source: Source, body: Sequence[ast.stmt], indent: int) -> str:
    """Return statements with another indentation."""
    start, end = span(body[0], source.lines)[0], body[-1].end_lineno or 0
    surplus = body[0].col_offset - indent
    return "\n".join(line[surplus:] if line.strip() else line for line in source.lines[start:end])


def _alias(function: ast.FunctionDef) -> tuple[ast.Assign, str] | None:
    """Return an assignment that only gives a constant or an imported class another name, and that name."""
    bound = Counter(n.id for n in ast.walk(function) if isinstance(n, ast.Name) and not _read(n))
    local = bound.keys() | {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    for node in function.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if bound[name] == 1:
                if isinstance(value, ast.Constant) or _dotted(value, local):
                    return node, name
    return None


def _read(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _dotted(node: ast.expr, local: set[str]) -> bool:
    """Return whether an expression is an attribute of a name that is not local to the function."""
    match node:
        case ast.Attribute(value=ast.Name(id=name)):
            return name not in local
        case ast.Attribute(value=value):
            return _dotted(value, local)
    return False


def _inlined(source: Source, function: ast.FunctionDef, node: ast.Assign, name: str) -> Iterator[Edit]:
    """Yield the edits that replace an alias by its value wherever it is read."""
    yield source.rows(*span(node, source.lines), "")
    for found in ast.walk(function):
        if isinstance(found, ast.Name) and found.id == name and _read(found):
            yield source.replaced(found, source.of(node.value))
