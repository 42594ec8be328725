"""How classes and functions of a lifted file are called there, and calls without some arguments."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from nas.exports.codegen.known_values import known_values
from nas.exports.codegen.source_edits import Source
from nas.exports.codegen.statement_span import span


def called(text: str) -> ast.FunctionDef | None:
    """Return what runs when a definition is called: the function itself, or the ``__init__`` of a class."""
    node = ast.parse(text).body[0]
    if isinstance(node, ast.FunctionDef):
        return node
    members = node.body if isinstance(node, ast.ClassDef) else []
    return next((f for f in members if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)


def given(name: str, texts: Mapping[str, str]) -> dict[str, tuple[object, ...]]:
    """Return the values of those parameters of `name` that are constants wherever it is called.

    Args:
        name: Of a class or function.
        texts: The definitions that may call it, by name, and its own.
    """
    function = called(texts[name])
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
    """Return the parameters that need no name in a call, in order."""
    return [a.arg for a in function.args.args if a.arg != "self"]


def without_arguments(text: str, name: str, order: Sequence[str], dropped: Collection[str]) -> str:
    """Return a definition whose calls of `name` leave some arguments out.

    Args:
        text: The definition.
        name: Whose calls.
        order: Its positional parameters.
        dropped: The parameters whose arguments are left out.
    """
    source = Source(text)
    edits = []
    for call in _calls(source.tree, name):
        kept = [source.of(a) for i, a in enumerate(call.args) if not {*order[i : i + 1]} & {*dropped}]
        kept += [source.of(k) for k in call.keywords if k.arg not in dropped]
        edits.append(source.replaced(call, f"{name}({', '.join(kept)})"))
    return source.apply(edits)


def without_parameters(text: str, dropped: Collection[str]) -> str:
    """Return a class or function that is called without some parameters."""
    function = called(text)
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
    """Return whether it is used otherwise than by calling it, or asking whether something is one."""
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
    """Return what a call gives for a parameter."""
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    if named is None and name in order and order.index(name) < len(call.args):
        return call.args[order.index(name)]
    return named
