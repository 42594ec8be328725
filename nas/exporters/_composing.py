"""Composes the class of an exported network from its skeleton and the members timm's users expect."""

import ast

from nas.exporters._lifting import Definition, Lifted, names_in, span


def compose(network: Lifted, surface: Lifted, facts: dict[str, str], name: str) -> Lifted:
    """Return the skeleton called `name`, with facts and the members of the surface in it.

    Args:
        network: The skeleton; what the surface has too must not be in it.
        surface: Whose members it gains.
        facts: Source of a value for each attribute that the surface declares of an architecture.
        name: Of the class.
    """
    skeleton = next(d for d in network.definitions if d.name == network.name)
    gained = next(d for d in surface.definitions if d.name == surface.name)
    head, body = _parts(skeleton.text)
    attributes = [f"    {key} = {value}" for key, value in facts.items()]
    methods = []
    for statement in _members(gained.text):
        if "def " in statement:
            methods += ["", statement]
        else:
            attributes.append(statement)
    text = "\n".join([head, "", *attributes, "", body, *methods])
    text = text.replace(f"class {network.name}(", f"class {name}(", 1)
    composed = Definition(name=name, text=text, uses=names_in(text))
    others = tuple(d for d in (*network.definitions, *surface.definitions) if d not in (skeleton, gained))
    used = composed.uses.union(*(d.uses for d in others))
    return Lifted(
        name=name,
        about=network.about,
        imports=tuple(i for i in (*network.imports, *surface.imports) if i.bound in used),
        definitions=(*others, composed),
    )


def _parts(text: str) -> tuple[str, str]:
    """Return a class up to its docstring, and what follows."""
    lines = text.splitlines()
    first = _class(text).body[0]
    documented = isinstance(first, ast.Expr)
    split = (first.end_lineno or 0) if documented else span(first, lines)[0]
    return "\n".join(lines[:split]), "\n".join(lines[split:])


def _members(text: str) -> list[str]:
    """Return the source of each method of a class, and of each attribute that has a value."""
    lines = text.splitlines()
    members = [node for node in _class(text).body if not isinstance(node, ast.Expr)]
    valued = [node for node in members if not isinstance(node, ast.AnnAssign) or node.value is not None]
    return ["\n".join(lines[slice(*span(node, lines))]) for node in valued]


def _class(text: str) -> ast.ClassDef:
    return next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
