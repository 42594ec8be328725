"""Updates docstrings after parameters were removed: their entries go, and numbers replace their names."""

import ast
import re
from collections.abc import Collection, Mapping

from nas.exports.codegen.source_edits import Source


def described(text: str, values: Mapping[str, object]) -> str:
    """Return a definition whose docstring does not name the parameters in `values`, which were removed.

    A number replaces the name of its parameter. Paragraphs on parameters with other values are removed, and
    so are all entries of removed parameters under ``Args:``.
    """
    source = Source(text)
    node = source.tree.body[0]
    if not isinstance(node, ast.ClassDef | ast.FunctionDef) or not values:
        return text
    if ast.get_docstring(node) is None:
        return text
    first = node.body[0]
    end = first.end_lineno or 0
    docstring = (
        "\n".join(source.lines[first.lineno - 1 : end]).strip().removeprefix('"""').removesuffix('"""')
    )
    head, *rest = docstring.split("\n\n")
    kept = [_without_entries(p, values) for p in rest if not _on_a_choice(p, values)]
    whole = "\n\n".join([head, *(p for p in kept if p.strip() not in {"", "Args:"})]).rstrip()
    indent = " " * first.col_offset
    ending = f'\n{indent}"""' if "\n" in whole else '"""'
    line = f'{indent}"""{_with_numbers(whole, values)}{ending}'
    return source.apply([source.rows(first.lineno - 1, end, line)])


def only_used(about: str, literals: Collection[str]) -> str:
    """Return a file's docstring without list items, ``* ``value`` ...``, on values that are not used."""
    paragraphs: list[str] = []
    for paragraph in about.split("\n\n"):
        items = re.split(r"^(?=\* ``)", paragraph, flags=re.MULTILINE)
        kept = [item for item in items[1:] if re.findall(r"``(\w+)``", item)[:1][0] in literals]
        if items[1:] and not kept and paragraphs:
            paragraphs[-1] = _without_introduction(paragraphs[-1])
        paragraphs.append("".join([items[0], *kept]).rstrip() if items[1:] else paragraph)
    return "\n\n".join(p for p in paragraphs if p).rstrip(";")


def _without_introduction(paragraph: str) -> str:
    """Return a paragraph without its last sentence, if that ends in a colon."""
    if not paragraph.endswith(":"):
        return paragraph
    return paragraph[: max(paragraph.rfind(". ", 0, -1) + 1, 0)]


def _on_a_choice(paragraph: str, values: Mapping[str, object]) -> bool:
    """Return whether a paragraph mentions a removed parameter whose value is not a number."""
    mentioned = re.findall(r"`(\w+)`", paragraph)
    return any(name in values and not _number(values[name]) for name in mentioned)


def _without_entries(paragraph: str, values: Mapping[str, object]) -> str:
    """Return a paragraph without the entries ``name: ...`` of removed parameters."""
    kept, dropping = [], False
    for line in paragraph.split("\n"):
        entry = re.match(r" {8}(\w+): ", line)
        dropping = entry[1] in values if entry else dropping and line.startswith(" " * 12)
        if not dropping:
            kept.append(line)
    return "\n".join(kept)


def _with_numbers(text: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        if _number(value):
            text = re.sub(rf"`{name}`", str(value), text)
    return text


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
