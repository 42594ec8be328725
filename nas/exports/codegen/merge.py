"""Merges imports and definitions that were extracted from several files into one file."""

import ast
from collections import defaultdict
from collections.abc import Sequence

from nas.exports.codegen.definitions import Definition, ExtractedClass, Import
from search_spaces.errors import ExportError


def import_lines(imports: Sequence[Import]) -> list[str]:
    """Return import statements, one per module, the standard library before torch.

    Raises:
        ExportError: if two files import different things under one name.
    """
    meanings: dict[str, Import] = {}
    plain, froms = set(), defaultdict(set)
    for one in imports:
        known = meanings.setdefault(one.bound, one)
        packages = one.name is None and known.name is None and "." in f"{one.module}{known.module}"
        if known != one and not packages:
            raise ExportError(
                f"Cannot export: '{one.bound}' is '{known.module}' in one file and '{one.module}' in "
                f"another. Import it under two names."
            )
        if one.name is None:
            plain.add(one.module if one.bound == one.module.split(".")[0] else f"{one.module} as {one.bound}")
        else:
            froms[one.module].add(one.name if one.bound == one.name else f"{one.name} as {one.bound}")
    lines = [f"import {name}" for name in sorted(plain)]
    lines += [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(froms.items())]
    return [
        *(line for line in lines if not _of_torch(line)),
        "",
        *(line for line in lines if _of_torch(line)),
    ]


def merge(sources: Sequence[ExtractedClass]) -> tuple[list[str], list[str]]:
    """Return the definitions of several files for one file, and the new name of each file's class.

    The docstring of a file becomes a comment above its class. A name that two files define differently gets a
    number in the later one.
    """
    taken: dict[str, str] = {}
    parts, names = [], []
    for source in sources:
        fresh = _fresh(source, taken)
        renames = {d.name: _free(d.name, taken) for d in fresh if d.name in taken}
        for definition in fresh:
            about = _comment(source.about) if definition.name == source.name else ""
            parts.append(about + renamed(definition, renames))
            taken[renames.get(definition.name, definition.name)] = definition.text
        names.append(renames.get(source.name, source.name))
    return parts, names


def _fresh(source: ExtractedClass, taken: dict[str, str]) -> list[Definition]:
    """Return the definitions of a file that are new: not written yet, or using one that is not."""
    fresh = {d.name for d in source.definitions if taken.get(d.name) != d.text}
    while grown := {d.name for d in source.definitions if d.uses & fresh} - fresh:
        fresh |= grown
    return [d for d in source.definitions if d.name in fresh]


def renamed(definition: Definition, names: dict[str, str]) -> str:
    """Return the source of a definition with some names replaced."""
    lines = [line.encode() for line in definition.text.splitlines()]
    places = sorted(_places(definition.text, names), reverse=True)  # from the end, so that columns hold
    for row, column, name in places:
        line = lines[row]
        lines[row] = line[:column] + names[name].encode() + line[column + len(name.encode()) :]
    return "\n".join(line.decode() for line in lines)


def _places(text: str, names: dict[str, str]) -> set[tuple[int, int, str]]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in names:
            found.add((node.lineno - 1, node.col_offset, node.id))
        elif isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in names and not node.col_offset:
            keyword = "class " if isinstance(node, ast.ClassDef) else "def "
            found.add((node.lineno - 1, len(keyword), node.name))
    return found


def _free(name: str, taken: dict[str, str]) -> str:
    number = 2
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"


def _comment(docstring: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in docstring.splitlines())


def _of_torch(line: str) -> bool:
    return line.split()[1].split(".", maxsplit=1)[0] == "torch"
