"""Reads YAML safely into plain values that remember their lines; refuses aliases and huge files.

Aliases are refused because they allow cycles and files that explode when read; a space needs none.
"""

from pathlib import Path
from typing import Any, Final

import yaml

from search_spaces.errors import SpaceError, UserError

_MOST_BYTES: Final = 64 * 1024
_MOST_VALUES: Final = 10_000
_DEEPEST: Final = 12

Lines = dict[tuple[str | int, ...], int]
"""The line, from 1, on which the value at each path stands."""


def line_of(lines: Lines, at: tuple[str | int, ...]) -> int:
    """Return the line of the value at a path, or of the nearest one around it that was written."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def read(path: Path, what: str = "search space", wrong: type[UserError] = SpaceError) -> tuple[Any, Lines]:
    """Return the values of a YAML file, and the line of each.

    Args:
        path: Path of the file.
        what: It describes, for messages.
        wrong: The error that is raised.

    Raises:
        SpaceError: or what `wrong` says, if the file is absent, too large, not YAML, or uses aliases, tags
            or repeated keys.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a null byte in the name is the latter
        reason = getattr(error, "strerror", None) or error
        raise wrong(f"Cannot read the {what} '{path}': {reason}. Expected a YAML file.") from error
    if len(raw) > _MOST_BYTES:
        raise wrong(f"Cannot read '{path}': it is larger than {_MOST_BYTES // 1024} KiB, no {what} is.")
    try:
        _check(path, raw, wrong)
        node = yaml.compose(raw.decode(), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise wrong(f"Cannot read '{path}': {error}. Expected text in UTF-8.") from error
    except yaml.YAMLError as error:
        raise wrong(f"Cannot read '{path}': {error}. Expected YAML.") from error
    lines: Lines = {}
    return (None if node is None else _value(path, node, (), lines, wrong)), lines


def _check(path: Path, raw: bytes, wrong: type[UserError]) -> None:
    """Refuse, before anything is composed, what would be large or endless afterwards."""
    depth = values = 0
    for event in yaml.parse(raw.decode(), Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise wrong(
                f"Cannot read '{path}', line {line}: aliases and anchors are not read. Write the value out."
            )
        if tag := getattr(event, "tag", None):
            raise wrong(
                f"Cannot read '{path}', line {line}: the tag '{tag}' is not read. Expected text, numbers, "
                f"true, false or null."
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        if depth > _DEEPEST or values > _MOST_VALUES:
            raise wrong(
                f"Cannot read '{path}', line {line}: expected at most {_DEEPEST} levels and {_MOST_VALUES} "
                f"values."
            )


def _value(
    path: Path, node: yaml.Node, at: tuple[str | int, ...], lines: Lines, wrong: type[UserError]
) -> Any:
    line = node.start_mark.line + 1
    lines[at] = line
    if isinstance(node, yaml.SequenceNode):
        return [_value(path, item, (*at, i), lines, wrong) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                raise wrong(
                    f"Cannot read '{path}', line {key.start_mark.line + 1}: '{name}' stands twice. "
                    f"Remove one."
                )
            found[name] = _value(path, value, (*at, name), lines, wrong)
            lines[(*at, name)] = key.start_mark.line + 1
        return found
    scalar = yaml.SafeLoader("")
    try:
        return scalar.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        raise wrong(
            f"Cannot read '{path}', line {line}: {error}. Expected text, numbers, true, false or null."
        ) from error
