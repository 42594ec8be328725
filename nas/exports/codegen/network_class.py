"""Generates the class of an exported network from its skeleton, its stages and the methods timm expects."""

import ast
from textwrap import indent
from typing import Final

from nas.exports.codegen.call_sites import without_parameters
from nas.exports.codegen.constant_folding import functions
from nas.exports.codegen.definitions import Definition, ExtractedClass
from nas.exports.codegen.docstrings import described
from nas.exports.codegen.names_used import names_in
from nas.exports.codegen.source_edits import Source
from nas.exports.codegen.statement_span import span

_ON_THE_FUNCTION: Final = (
    "stages",
    "num_classes",
    "in_channels",
)  # documented on the function that builds the network


def compose(
    network: ExtractedClass, timm_methods: ExtractedClass, table: str, facts: dict[str, str], name: str
) -> ExtractedClass:
    """Return the skeleton called `name`, with its stages, attributes and the members of `timm_methods`.

    Args:
        network: Skeleton class, without members that `timm_methods` has too.
        timm_methods: Class whose members are added.
        table: Source that assigns ``stages``, which the skeleton takes as an argument otherwise.
        facts: Source of the value of each attribute that `timm_methods` declares.
        name: Name of the class.
    """
    skeleton = next(d for d in network.definitions if d.name == network.name)
    added = next(d for d in timm_methods.definitions if d.name == timm_methods.name)
    head, body = _parts(_with_stages(skeleton.text, table))
    attributes = [f"    {key} = {value}" for key, value in facts.items()]
    methods = []
    for statement in _members(added.text):
        if "def " in statement:
            methods += ["", statement]
        else:
            attributes.append(statement)
    text = "\n".join([head, "", *attributes, "", body, *methods])
    text = text.replace(f"class {network.name}(", f"class {name}(", 1)
    composed = Definition(name=name, text=text, uses=names_in(text))
    others = tuple(d for d in (*network.definitions, *timm_methods.definitions) if d not in (skeleton, added))
    used = composed.uses.union(*(d.uses for d in others))
    return ExtractedClass(
        name=name,
        about=network.about,
        imports=tuple(i for i in (*network.imports, *timm_methods.imports) if i.bound in used),
        definitions=(*others, composed),
    )


def _with_stages(text: str, table: str) -> str:
    """Return a skeleton that builds the stages of a table, without the parameter ``stages``."""
    source = Source(described(without_parameters(text, {"stages"}), dict.fromkeys(_ON_THE_FUNCTION)))
    made = next(f for f in functions(source.tree) if f.name == "__init__").body[0]
    above = "\n".join(source.lines[slice(*span(made, source.lines))])
    return source.apply([source.rows(*span(made, source.lines), f"{above}\n{indent(table, ' ' * 8)}")])


def _parts(text: str) -> tuple[str, str]:
    """Return the head of a class, docstring included, and its body."""
    lines = text.splitlines()
    first = _class(text).body[0]
    documented = isinstance(first, ast.Expr)
    split = (first.end_lineno or 0) if documented else span(first, lines)[0]
    return "\n".join(lines[:split]), "\n".join(lines[split:])


def _members(text: str) -> list[str]:
    """Return the source of each method, and of each attribute that has a value."""
    lines = text.splitlines()
    members = [node for node in _class(text).body if not isinstance(node, ast.Expr)]
    valued = [node for node in members if not isinstance(node, ast.AnnAssign) or node.value is not None]
    return ["\n".join(lines[slice(*span(node, lines))]) for node in valued]


def _class(text: str) -> ast.ClassDef:
    return next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
