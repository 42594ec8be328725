"""Specialises extracted definitions for the parameter values of one network, removing what is constant."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nas.exports.codegen.call_sites import (
    callee,
    constant_arguments,
    positional,
    without_arguments,
    without_parameters,
)
from nas.exports.codegen.constant_folding import folded
from nas.exports.codegen.definitions import Definition
from nas.exports.codegen.docstrings import described
from nas.exports.codegen.known_values import Known, known_values
from nas.exports.codegen.names_used import closure, names_in
from nas.exports.codegen.source_edits import Source


def specialised(definitions: Sequence[Definition], name: str, choices: Known) -> tuple[Definition, ...]:
    """Return the definitions that `name` needs if its keyword arguments only take the values of `choices`.

    Parameters with a single value are removed, and so are branches for values that do not occur. The other
    definitions of the file are specialised too, for the arguments with which they are called.
    """
    texts = {d.name: d.text for d in definitions}
    tables = {key: table for key, text in texts.items() if (table := _table(text)) is not None}
    keys = _keys(texts[name], choices)
    texts[name] = _specialised(texts[name], choices, tables)
    for helper in sorted(_needed(texts, name) - tables.keys() - {name}):
        texts = _with_helper(texts, helper, name, tables)
    for key in tables.keys() & _needed(texts, name):
        texts[key] = _without_entries(texts[key], tables[key], keys.get(key))
    needed = _needed(texts, name)
    return tuple(
        replace(d, text=texts[d.name], uses=names_in(texts[d.name])) for d in definitions if d.name in needed
    )


def _specialised(text: str, values: Known, tables: Mapping[str, ast.Dict]) -> str:
    """Return a class or function specialised for parameter values, without single-valued parameters."""
    function = callee(text)
    if function is None:
        return text
    bound = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known = {key: value for key, value in values.items() if key not in bound}
    single = _single(known)
    text = folded(text, {function.name: known}, tables)
    return described(without_parameters(text, single.keys()), single)


def _with_helper(
    texts: dict[str, str], helper: str, name: str, tables: Mapping[str, ast.Dict]
) -> dict[str, str]:
    """Return all definitions with a helper specialised for the arguments that all its calls share."""
    function = callee(texts[helper])
    values = constant_arguments(helper, {key: texts[key] for key in _needed(texts, name)})
    if function is None or not values:
        return texts
    dropped = _single(values).keys()
    found = {key: without_arguments(t, helper, positional(function), dropped) for key, t in texts.items()}
    return {**found, helper: _specialised(found[helper], values, tables)}


def _single(values: Known) -> dict[str, object]:
    return {key: several[0] for key, several in values.items() if len(several) == 1}


def _needed(texts: Mapping[str, str], name: str) -> frozenset[str]:
    return closure(name, {key: names_in(text) for key, text in texts.items()})


def _table(text: str) -> ast.Dict | None:
    """Return the dict that a definition assigns, None if it is something else."""
    match ast.parse(text).body:
        case [ast.Assign(value=ast.Dict() as table)] | [ast.AnnAssign(value=ast.Dict() as table)]:
            return table
    return None


def _keys(text: str, choices: Known) -> dict[str, frozenset[object] | None]:
    """Return the keys by which a class indexes each table; None for a table with unknown keys."""
    tree = ast.parse(text)
    found: dict[str, frozenset[object] | None] = {}
    subscripts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    ]
    for node in subscripts:
        table, values = ast.unparse(node.value), known_values(node.slice, choices)
        before = found.get(table, frozenset())
        found[table] = None if values is None or before is None else before | frozenset(values)
    uses = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return {
        table: keys if uses.count(table) == sum(ast.unparse(n.value) == table for n in subscripts) else None
        for table, keys in found.items()
    }


def _without_entries(text: str, table: ast.Dict, keys: frozenset[object] | None) -> str:
    """Return the definition of a table reduced to these keys."""
    if keys is None:
        return text
    source = Source(text)
    entries = [(k, v) for k, v in zip(table.keys, table.values, strict=True) if k is not None]
    kept = [f"{ast.unparse(k)}: {ast.unparse(v)}" for k, v in entries if ast.literal_eval(k) in keys]
    return source.apply([source.replaced(table, f"{{{', '.join(kept)}}}")])
