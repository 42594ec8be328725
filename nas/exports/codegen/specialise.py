"""Rewrites what was lifted from a file for the values that its parameters take in one network."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nas.exports.codegen.call_sites import called, given, positional, without_arguments, without_parameters
from nas.exports.codegen.constant_folding import folded
from nas.exports.codegen.definitions import Definition
from nas.exports.codegen.docstrings import described
from nas.exports.codegen.known_values import Known, known_values
from nas.exports.codegen.names_used import closure, names_in
from nas.exports.codegen.source_edits import Source


def specialised(definitions: Sequence[Definition], name: str, choices: Known) -> tuple[Definition, ...]:
    """Return what of a file `name` needs, once its keywords have the values of `choices` and no others.

    A parameter with one value disappears; of one with several, the branches for other values do. The same
    holds for what the file defines besides, by the arguments that are given to it there.
    """
    texts = {d.name: d.text for d in definitions}
    tables = {key: table for key, text in texts.items() if (table := _table(text)) is not None}
    keys = _keys(texts[name], choices)
    texts[name] = _of(texts[name], choices, tables)
    for helper in sorted(_needed(texts, name) - tables.keys() - {name}):
        texts = _with_helper(texts, helper, name, tables)
    for key in tables.keys() & _needed(texts, name):
        texts[key] = _without_entries(texts[key], tables[key], keys.get(key))
    needed = _needed(texts, name)
    return tuple(
        replace(d, text=texts[d.name], uses=names_in(texts[d.name])) for d in definitions if d.name in needed
    )


def _of(text: str, values: Known, tables: Mapping[str, ast.Dict]) -> str:
    """Return a class or function whose parameters have these values, without those that have one."""
    function = called(text)
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
    """Return all definitions after one of them took over the arguments that it is given everywhere."""
    function = called(texts[helper])
    values = given(helper, {key: texts[key] for key in _needed(texts, name)})
    if function is None or not values:
        return texts
    dropped = _single(values).keys()
    found = {key: without_arguments(t, helper, positional(function), dropped) for key, t in texts.items()}
    return {**found, helper: _of(found[helper], values, tables)}


def _single(values: Known) -> dict[str, object]:
    return {key: several[0] for key, several in values.items() if len(several) == 1}


def _needed(texts: Mapping[str, str], name: str) -> frozenset[str]:
    return closure(name, {key: names_in(text) for key, text in texts.items()})


def _table(text: str) -> ast.Dict | None:
    """Return the dict that a definition binds, if it does."""
    match ast.parse(text).body:
        case [ast.Assign(value=ast.Dict() as table)] | [ast.AnnAssign(value=ast.Dict() as table)]:
            return table
    return None


def _keys(text: str, choices: Known) -> dict[str, frozenset[object] | None]:
    """Return by which keys a class looks into each table; None for one whose keys are not known."""
    tree = ast.parse(text)
    found: dict[str, frozenset[object] | None] = {}
    looked_into = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    ]
    for node in looked_into:
        table, values = ast.unparse(node.value), known_values(node.slice, choices)
        before = found.get(table, frozenset())
        found[table] = None if values is None or before is None else before | frozenset(values)
    uses = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return {
        table: keys if uses.count(table) == sum(ast.unparse(n.value) == table for n in looked_into) else None
        for table, keys in found.items()
    }


def _without_entries(text: str, table: ast.Dict, keys: frozenset[object] | None) -> str:
    """Return the definition of a table with these keys alone."""
    if keys is None:
        return text
    source = Source(text)
    entries = [(k, v) for k, v in zip(table.keys, table.values, strict=True) if k is not None]
    kept = [f"{ast.unparse(k)}: {ast.unparse(v)}" for k, v in entries if ast.literal_eval(k) in keys]
    return source.apply([source.replaced(table, f"{{{', '.join(kept)}}}")])
