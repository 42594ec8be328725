"""Stores a search space in a study as plain values, reads it back without its YAML file, and hashes it.

A field that came after the first studies is left out while it has its default, so that it changes neither
the record nor the digest of a space that does not use it. A field that is renamed keeps its stored name:
``field(metadata={STORED_AS: "old_name"})``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from typing import Any, Final

from search_spaces.architecture import Options
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

VERSIONS: Final = (1, 2)
"""Formats that are read: 2 is written only for spaces whose stages or skeletons have its further choices."""
STORED_AS: Final = "stored as"
# The stored fields of the first studies, which every record holds. Never add a name.
_FIRST: Final = frozenset([
    "name", "resolution", "width", "conv_depth", "attention_depth", "stages", "network", "options",
    "divisor",
])  # fmt: skip
_FIRST_OF_STAGE: Final = frozenset(["channels", "depth", "stride", "block", "options"])


def to_record(space: SearchSpace) -> dict[str, Any]:
    """Return a space as plain values that JSON can hold."""
    plain = _plain(space)
    second = "skeleton" in plain or any(
        {"width", "patterns"} & set(stage) or not isinstance(stage["block"], str) for stage in plain["stages"]
    )
    return {"version": 2 if second else 1, **plain}


def space_digest(space: SearchSpace) -> str:
    """Return sixteen hexadecimal digits that change when the content of a space does."""
    content = json.dumps(_plain(space), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def from_record(record: Mapping[str, Any]) -> SearchSpace:
    """Return the space that `to_record` wrote, also after JSON has made lists of its tuples.

    Raises:
        SpaceError: if it was written by another version, or names what is no longer there.
    """
    stored = {name: value for name, value in record.items() if name != "version"}
    if record.get("version") not in VERSIONS:
        raise SpaceError(
            f"The space was written in format {record.get('version')!r}: this version reads 1 and 2. "
            f"Use the version that began the study."
        )
    values = _fields(SearchSpace, stored)
    options: Options = tuple((str(name), value) for name, value in values.pop("options"))
    stages = tuple(_stage(stage) for stage in values.pop("stages"))
    skeleton = {name: tuple(choices) for name, choices in values.pop("skeleton", {}).items()}
    others = {name: _tuple(value) for name, value in values.items()}
    return SearchSpace(**others, stages=stages, options=options, skeleton=skeleton)


def _stage(record: Mapping[str, Any]) -> StageSpace:
    values = _fields(StageSpace, record)
    mappings: dict[str, Any] = {
        field: {name: tuple(choices) for name, choices in values.pop(field).items()}
        for field in ("options", "patterns")
        if field in values
    }
    return StageSpace(**{name: _tuple(value) for name, value in values.items()}, **mappings)


def _plain(space: SearchSpace) -> dict[str, Any]:
    """Return the stored fields of a space and of its stages."""
    stages = tuple(_stored(stage, _FIRST_OF_STAGE) for stage in space.stages)
    return {**_stored(space, _FIRST), "stages": stages}


def _stored(part: SearchSpace | StageSpace, first: frozenset[str]) -> dict[str, Any]:
    values = asdict(part)
    return {
        _stored_name(field): values[field.name]
        for field in fields(part)
        if _stored_name(field) in first or getattr(part, field.name) != _default(field)
    }


def _fields(part: type[SearchSpace | StageSpace], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored values by the names that the fields have now.

    Raises:
        SpaceError: if a value is stored that this version has no field for.
    """
    names = {_stored_name(field): field.name for field in fields(part)}
    unknown = sorted(set(stored) - set(names))
    if unknown:
        raise SpaceError(
            f"The space was stored with '{unknown[0]}': expected only {', '.join(names)}. Use the version "
            f"that began the study, or a later one."
        )
    return {names[name]: value for name, value in stored.items()}


def _stored_name(field: Field[Any]) -> str:
    return str(field.metadata.get(STORED_AS, field.name))


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
