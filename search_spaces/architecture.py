"""`Architecture` and `Stage`: frozen descriptions of one network, with JSON form and fingerprint."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from search_spaces.errors import ArchitectureError, did_you_mean

VERSION: Final = 1
_KEYS: Final = ("version", "network", "resolution", "stages", "options")
_STAGE_KEYS: Final = ("block", "channels", "depth", "stride", "options")

Option: TypeAlias = str | int | float | bool | None
Options: TypeAlias = tuple[tuple[str, Option], ...]
"""Choices by name, sorted by name, so that equal choices are equal values."""


def options_of(choices: Mapping[str, Option]) -> Options:
    """Return the choices in the form that an architecture holds."""
    return tuple(sorted(choices.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Equal blocks one after another; the first one strides and changes the channels.

    Attributes:
        block: A file in search_spaces/blocks, or ``module:NAME``.
        channels: Output channels of every block, at least 1.
        depth: Number of blocks, at least 1.
        stride: Stride of the first block, at least 1.
        options: Choices of the block and of its mixer; ``mixer`` names a file in
            search_spaces/mixers.
    """

    block: str
    channels: int
    depth: int
    stride: int = 1
    options: Options = ()

    def __post_init__(self) -> None:
        for name in ("channels", "depth", "stride"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ArchitectureError(
                    f"Stage '{self.block}' got {name} {value!r}: expected a whole number of at least 1."
                )

    @property
    def mixer(self) -> str | None:
        """The name of its mixer, None for a block without one."""
        return next((str(v) for k, v in self.options if k == "mixer" and v is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that can be priced, built, compared and stored; it says nothing about weights.

    Attributes:
        network: The skeleton, a file in search_spaces/networks, or ``module:NAME``.
        resolution: Side of the square input images in pixels, at least 1.
        stages: The stages from the stem to the head.
        options: Choices of the skeleton, for example the channels of its stem.
    """

    network: str
    resolution: int
    stages: tuple[Stage, ...]
    options: Options = ()

    def __post_init__(self) -> None:
        if type(self.resolution) is not int or self.resolution < 1:
            raise ArchitectureError(
                f"An architecture got resolution {self.resolution!r}: expected a whole number of "
                f"pixels of at least 1."
            )
        if not self.stages:
            raise ArchitectureError("An architecture got no stages: expected at least one.")

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that equal architectures share, also across processes."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return it as one line of JSON with sorted keys and a format version."""
        stages = [
            {
                "block": s.block,
                "channels": s.channels,
                "depth": s.depth,
                "stride": s.stride,
                "options": dict(s.options),
            }
            for s in self.stages
        ]
        record = {
            "version": VERSION,
            "network": self.network,
            "resolution": self.resolution,
            "stages": stages,
            "options": dict(self.options),
        }
        return json.dumps(record, sort_keys=True)

    @classmethod
    def from_json(cls, written: str | Mapping[str, Any]) -> "Architecture":
        """Return the architecture that `to_json` wrote.

        Args:
            written: The text, or the object that it is the JSON of, as ``--json`` prints it.

        Raises:
            ArchitectureError: if this is not an architecture of this version.
        """
        try:
            record = json.loads(written) if isinstance(written, str) else dict(written)
        except (ValueError, RecursionError) as error:
            raise ArchitectureError(
                f"Cannot read an architecture: not JSON ({error}). "
                f"Expected what an export folder holds as architecture.json."
            ) from error
        if isinstance(record, dict) and record.get("version", VERSION) == VERSION:
            _check_keys(record, written if isinstance(written, str) else "")
        if not isinstance(record, dict) or record.get("version") != VERSION:
            found = record.get("version") if isinstance(record, dict) else type(record).__name__
            raise ArchitectureError(
                f"Cannot read an architecture of version {found!r}: expected version {VERSION}."
            )
        try:
            return cls(
                network=_text(record["network"]),
                resolution=_whole(record["resolution"]),
                stages=tuple(
                    Stage(
                        block=_text(s["block"]),
                        channels=_whole(s["channels"]),
                        depth=_whole(s["depth"]),
                        stride=_whole(s["stride"]),
                        options=_options(s["options"]),
                    )
                    for s in record["stages"]
                ),
                options=_options(record["options"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ArchitectureError(
                f"Cannot read an architecture: {str(error)[:80]} is missing or of another kind. Expected "
                f"network, resolution, options and stages of block, channels, depth, stride, options."
            ) from error


def _check_keys(record: Mapping[str, Any], text: str) -> None:
    """Raise for the first key that an architecture or a stage does not have.

    A key with a typing mistake is unknown, and the one that was meant is missing: only the first says why.
    """
    stages = record.get("stages")
    found = [(record, _KEYS)]
    found += [(s, _STAGE_KEYS) for s in (stages if isinstance(stages, list) else ()) if isinstance(s, dict)]
    for part, known in found:
        for key in part:
            if key not in known:
                lines = text.partition(json.dumps(key))[0].count("\n")
                where = f", line {lines + 1}" if "\n" in text.strip() else ""
                raise ArchitectureError(
                    f"Cannot read an architecture{where}: nobody takes '{key}', expected one of "
                    f"{', '.join(known)}.{did_you_mean(key, known)}"
                )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _options(record: Any) -> Options:
    if not all(v is None or isinstance(v, str | int | float | bool) for v in record.values()):
        raise TypeError(record)
    return options_of(record)
