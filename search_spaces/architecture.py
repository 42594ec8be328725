"""`Architecture` and `Stage`: frozen descriptions of one network, with JSON form and fingerprint."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, TypeAlias

from search_spaces.errors import ArchitectureError, did_you_mean

VERSIONS: Final = (1, 2)
"""Formats that are read: 2 has stages whose blocks differ, and is written only for networks that need it."""
_KEYS: Final = ("version", "network", "resolution", "stages", "options")
_STAGE_KEYS: Final = {
    1: ("block", "channels", "depth", "stride", "options"),
    2: ("block", "channels", "depth", "stride", "options", "overrides"),
}

Option: TypeAlias = str | int | float | bool | None
Options: TypeAlias = tuple[tuple[str, Option], ...]
"""Choices by name, sorted by name, so that equal choices are equal values."""


def options_of(choices: Mapping[str, Option]) -> Options:
    """Return the choices in the form that an architecture holds."""
    return tuple(sorted(choices.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Blocks one after another, alike or of different options; the first strides and changes the channels.

    Attributes:
        block: A file in search_spaces/blocks, or ``module:NAME``.
        channels: Output channels of every block, at least 1.
        depth: Number of blocks, at least 1.
        stride: Stride of the first block, at least 1.
        options: Choices of the block and of its mixer that all blocks have; ``mixer`` names a file in
            search_spaces/mixers.
        overrides: Further choices of each block, [depth]; none where all blocks are alike. Together with
            `options` in one form only, which `made_of` returns.
    """

    block: str
    channels: int
    depth: int
    stride: int = 1
    options: Options = ()
    overrides: tuple[Options, ...] = ()

    def __post_init__(self) -> None:
        for name in ("channels", "depth", "stride"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ArchitectureError(
                    f"Stage '{self.block}' got {name} {value!r}: expected a whole number of at least 1."
                )
        if self.overrides:
            self._check_overrides()

    def _check_overrides(self) -> None:
        if len(self.overrides) != self.depth:
            raise ArchitectureError(
                f"Stage '{self.block}' got overrides for {len(self.overrides)} blocks: expected none, or one "
                f"for each of its {self.depth}."
            )
        if (self.options, self.overrides) != _divided(self.block_options):
            raise ArchitectureError(
                f"Stage '{self.block}' got overrides that all its blocks have, or that its options have: "
                f"expected what all have in options, and what differs in overrides."
            )

    @classmethod
    def made_of(cls, block: str, channels: int, stride: int, options: Sequence[Options]) -> "Stage":
        """Return the stage with one block for each of some options, in their order."""
        common, overrides = _divided(options)
        return cls(
            block=block,
            channels=channels,
            depth=len(options),
            stride=stride,
            options=common,
            overrides=overrides,
        )

    @property
    def mixer(self) -> str | None:
        """The name of the mixer of all its blocks, None for blocks without one, or with different ones."""
        return next((str(v) for k, v in self.options if k == "mixer" and v is not None), None)

    @property
    def block_options(self) -> tuple[Options, ...]:
        """All choices of each block, [depth]."""
        own = self.overrides or ((),) * self.depth
        return tuple(options_of({**dict(self.options), **dict(options)}) for options in own)

    @property
    def runs(self) -> tuple["Stage", ...]:
        """The stages of equal blocks that it is made of, in their order; itself if its blocks are alike."""
        if not self.overrides:
            return (self,)
        lengths = [(options, len(list(alike))) for options, alike in groupby(self.block_options)]
        return tuple(
            replace(self, depth=depth, stride=1 if number else self.stride, options=options, overrides=())
            for number, (options, depth) in enumerate(lengths)
        )


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
        version = 2 if any(stage.overrides for stage in self.stages) else 1
        stages = [_stage_record(stage) for stage in self.stages]
        record = {
            "version": version,
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
        version = record.get("version") if isinstance(record, dict) else type(record).__name__
        if isinstance(record, dict) and record.get("version", 1) in VERSIONS:
            _check_keys(record, written if isinstance(written, str) else "")
        if version not in VERSIONS:
            raise ArchitectureError(
                f"Cannot read an architecture of version {version!r}: expected version "
                f"{' or '.join(map(str, VERSIONS))}."
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
                        overrides=tuple(map(_options, s.get("overrides", ()))),
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


def _divided(options: Sequence[Options]) -> tuple[Options, tuple[Options, ...]]:
    """Return the choices that all blocks have, and the further ones of each; none where all are alike."""
    common = tuple(choice for choice in options[0] if all(choice in other for other in options[1:]))
    own = tuple(tuple(choice for choice in one if choice not in common) for one in options)
    return common, own if any(own) else ()


def _stage_record(stage: Stage) -> dict[str, Any]:
    record = {
        "block": stage.block,
        "channels": stage.channels,
        "depth": stage.depth,
        "stride": stage.stride,
        "options": dict(stage.options),
    }
    return {**record, "overrides": list(map(dict, stage.overrides))} if stage.overrides else record


def _check_keys(record: Mapping[str, Any], text: str) -> None:
    """Raise for the first key that an architecture or a stage does not have.

    A key with a typing mistake is unknown, and the one that was meant is missing: only the first says why.
    """
    stages = record.get("stages")
    of_stage = _STAGE_KEYS[int(record.get("version", 1))]
    found: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(record, _KEYS)]
    found += [(s, of_stage) for s in (stages if isinstance(stages, list) else ()) if isinstance(s, dict)]
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
