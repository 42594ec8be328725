"""Stores a search space in a study as plain values, and reads it back without its YAML file."""

from dataclasses import asdict
from typing import Any, Final

from search_spaces.architecture import Options
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

VERSION: Final = 1


def to_record(space: SearchSpace) -> dict[str, Any]:
    """Return a space as plain values that JSON can hold."""
    return {"version": VERSION, **asdict(space)}


def from_record(record: dict[str, Any]) -> SearchSpace:
    """Return the space that `to_record` wrote, also after JSON has made lists of its tuples.

    Raises:
        SpaceError: if it was written by another version, or names what is no longer there.
    """
    fields = {name: value for name, value in record.items() if name != "version"}
    if record.get("version") != VERSION:
        raise SpaceError(
            f"The space was written in format {record.get('version')!r}: this version reads {VERSION}. "
            f"Use the version that began the study."
        )
    options: Options = tuple((str(name), value) for name, value in fields.pop("options"))
    stages = tuple(_stage(stage) for stage in fields.pop("stages"))
    tuples: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return SearchSpace(**tuples, stages=stages, options=options)


def _stage(record: dict[str, Any]) -> StageSpace:
    options = {name: tuple(values) for name, values in record["options"].items()}
    return StageSpace(**{**record, "depth": tuple(record["depth"]), "options": options})
