"""Finds arguments that are constant in all calls of a function, and removes arguments and parameters."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from nas.exports.codegen.known_values import known_values
from nas.exports.codegen.source_edits import Source
from nas.exports.codegen.statement_span import span


def callee(text: str) -> ast.FunctionDef | None:
    """Return the function that a call of a definition runs: itself, or the ``__init__`` of a class."""
    node = ast.parse(text).body[0]
    if isinstance(node, ast.FunctionDef):
        return node
    members = node.body if isinstance(node, ast.ClassDef) else []
    return next((f for f in members if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)


def constant_arguments(name: str, texts: Mapping[str, str]) -> dict[str, tuple[object, ...]]:
    """Return the values of the parameters of `name` that are constants in all its calls.

    Args:
        name: Name of a class or function.
        texts: Source of the definitions that may call it, and of its own, by name.
    """
    function = callee(texts[name])
    trees = [ast.parse(text) for text in texts.values()]
    calls = [call for tree in trees for call in _calls(tree, name)]
    if function is None or not calls or _passed_on(name, trees, len(calls)):
        return {}
    defaults, order = _defaults(function), positional(function)
    found: dict[str, tuple[object, ...]] = {}
    for parameter in (*order, *(a.arg for a in function.args.kwonlyargs)):
        arguments = [_argument(call, order, parameter) or defaults.get(parameter) for call in calls]
        values = [() if node is None else known_values(node, {}) or () for node in arguments]
        if all(len(value) == 1 for value in values):
            found[parameter] = tuple({repr(value): value for (value,) in values}.values())
    return found


def positional(function: ast.FunctionDef) -> list[str]:
    """Return the positional parameters of a function, without self."""
    return [a.arg for a in function.args.args if a.arg != "self"]


def without_arguments(text: str, name: str, order: Sequence[str], dropped: Collection[str]) -> str:
    """Return a definition with some arguments removed from its calls of `name`.

    Args:
        text: Source of the definition.
        name: Name of the called class or function.
        order: Positional parameters of `name`.
        dropped: Parameters whose arguments are removed.
    """
    source = Source(text)
    edits = []
    for call in _calls(source.tree, name):
        kept = [source.of(a) for i, a in enumerate(call.args) if not {*order[i : i + 1]} & {*dropped}]
        kept += [source.of(k) for k in call.keywords if k.arg not in dropped]
        edits.append(source.replaced(call, f"{name}({', '.join(kept)})"))
    return source.apply(edits)


def without_parameters(text: str, dropped: Collection[str]) -> str:
    """Return a class or function with some parameters removed from its signature."""
    function = callee(text)
    if function is None or not dropped:
        return text
    arguments = function.args
    optional = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    optional = [(a, d) for a, d in optional if a.arg not in dropped]
    first_default = len(arguments.args) - len(arguments.defaults)
    defaults = dict(zip((a.arg for a in arguments.args[first_default:]), arguments.defaults, strict=True))
    kept = [a for a in arguments.args if a.arg not in dropped]
    signature = ast.arguments(
        posonlyargs=[],
        args=kept,
        vararg=arguments.vararg,
        kwonlyargs=[a for a, _ in optional],
        kw_defaults=[d for _, d in optional],
        kwarg=arguments.kwarg,
        defaults=[defaults[a.arg] for a in kept if a.arg in defaults],
    )
    source = Source(text)
    returned = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    line = f"{' ' * function.col_offset}def {function.name}({ast.unparse(signature)}){returned}:"
    end = span(function.body[0], source.lines)[0]
    return source.apply([source.rows(function.lineno - 1, end, line)])


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _passed_on(name: str, trees: Sequence[ast.AST], calls: int) -> bool:
    """Return whether a name is used other than in calls and isinstance, so that not all calls are known."""
    uses = sum(isinstance(n, ast.Name) and n.id == name for tree in trees for n in ast.walk(tree))
    asked = [a for tree in trees for call in _calls(tree, "isinstance") for a in call.args[1:]]
    outer = (call for tree in trees for call in _calls(tree, name))
    nested = any(inner is not call for call in outer for inner in _calls(call, name))
    return nested or uses != calls + sum(isinstance(a, ast.Name) and a.id == name for a in asked)


def _defaults(function: ast.FunctionDef) -> dict[str, ast.expr]:
    order = positional(function)
    found = dict(zip(reversed(order), reversed(function.args.defaults), strict=False))
    keyword = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return found | {a.arg: d for a, d in keyword if d is not None}


def _argument(call: ast.Call, order: Sequence[str], name: str) -> ast.expr | None:
    """Return the argument of a call for a parameter, None if it has none."""
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    if named is None and name in order and order.index(name) < len(call.args):
        return call.args[order.index(name)]
    return named
