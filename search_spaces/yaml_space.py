"""Reads a search space from a YAML file, with errors that name the line.

It is a YAML file with the words of `search_spaces.space.SearchSpace`:

    version: 1
    name: my_space
    resolution: [128, 160, 192, 224]      # sides of the images in pixels
    width: [0.5, 0.75, 1.0]               # factors on all channels
    conv_depth: [0.5, 1.0, 1.5]           # factors on the depth of stages that convolve
    attention_depth: [1.0, 2.0]           # and of those that attend
    network: pyramid                      # a file in search_spaces/networks
    options: {stem_channels: 32, head_channels: 640}
    divisor: 16                           # channels are multiples of it
    stages:
      - channels: 32                      # at width 1
        block: inverted_residual          # a file in search_spaces/blocks; metaformer if left out
        options:
          kernel: [3, 5]
          expansion: [2, 4]
      - channels: 64
        depth: 2                          # blocks at depth factor 1; a list makes it a choice
        stride: 2
        options:
          mixer: [depthwise, separable_attention, my_package.mixers:Mine]
          kernel: [3, 5, 7]               # for every mixer that takes a kernel
          depthwise.dilation: [1, 2]      # for one mixer alone
          expansion: 4                    # one value is no choice
      - channels: 64
        block: mobilevit_v2
        depth: 2
        depth_of: transformers            # depth counts the transformers inside one block
        inner_channels: 32                # at width 1; they widen with the stage
        heads: 4                          # of a mixer with heads, at every width
        options:
          mixer: [separable_attention, attention]

Version 2 has further choices, all of which may be left out:

    version: 2
    name: my_second_space
    resolution: [32, 48]
    options: {stem_channels: 16, stem_stride: [1, 2]}   # options of the skeleton: a list is a choice
    stages:
      - channels: 32
        width: [0.5, 1.0, 1.5]            # factors on this stage's channels, besides those on all
        block: [metaformer, inverted_residual]
        options:
          mixer: depthwise                # for the blocks that take one
          expansion: [2, 4]               # for every block that takes it
          inverted_residual.kernel: [3, 5]  # for one block alone
      - channels: 64
        depth: 3
        stride: 2
        attend: [none, last, alternate, all]   # where attention stands; files in search_spaces/patterns
        dilations: [one, cycle, groups]
        options:
          mixer: [depthwise, inception_depthwise]   # of the blocks that convolve
          attention_mixer: [separable_attention, attention]
          kernel: [3, 5]
        weight_bits: [8, 4]             # of its convolutions, where networks are deployed in int8

Mixers, blocks and networks are named by their files, or by ``module:NAME`` where they are somebody else's:
the module is imported, so take spaces from people you trust. ``weight_bits`` beside ``name`` is of every
stage that does not say otherwise.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from search_spaces.architecture import Option, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.build_checks import check_countable, check_network, check_stage
from search_spaces.errors import SpaceError, UserError, did_you_mean
from search_spaces.inner_depth import BLOCKS_COUNT
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.option_values import check_network_values, check_stage_values
from search_spaces.patterns import PATTERNS
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageMenu, StageSpace
from search_spaces.weight_bits import BITS, WEIGHT_BITS, WHOLE_BITS
from search_spaces.yaml_document import Lines, line_of, read

_EXPONENT: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")  # text in YAML 1.1, such as 1e-3


def _several(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    return [float(v) if isinstance(v, str) and _EXPONENT.fullmatch(v) else v for v in values]


_Value: TypeAlias = Annotated[bool | int | float | str | None, Field(union_mode="left_to_right")]
_Values: TypeAlias = Annotated[list[_Value], BeforeValidator(_several), Field(min_length=1)]
_Whole: TypeAlias = Annotated[int, Field(ge=1, le=65_536)]
_Wholes: TypeAlias = Annotated[list[_Whole], BeforeValidator(_several), Field(min_length=1)]
_Factor: TypeAlias = Annotated[float, Field(gt=0, le=64)]
_Factors: TypeAlias = Annotated[list[_Factor], BeforeValidator(_several), Field(min_length=1)]
_Bits: TypeAlias = Annotated[
    list[Literal[8, 4]], BeforeValidator(_several), Field(min_length=1, max_length=len(BITS))
]
_Names: TypeAlias = Annotated[list[str], BeforeValidator(_several), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Stage(_Strict):
    channels: _Whole
    depth: _Wholes = [1]
    stride: _Whole = 1
    block: _Names = ["metaformer"]
    width: _Factors = [1.0]
    options: dict[str, _Values] = {}
    depth_of: str = BLOCKS_COUNT
    inner_channels: _Whole | None = None
    heads: _Whole | None = None
    weight_bits: _Bits | None = None


class _Space(_Strict):
    version: Literal[1, 2]
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    resolution: _Wholes
    width: _Factors = [1.0]
    conv_depth: _Factors = [1.0]
    attention_depth: _Factors = [1.0]
    network: str = "pyramid"
    options: dict[str, _Values] = {}
    divisor: _Whole = 16
    weight_bits: _Bits | None = None


def read_space(path: Path) -> SearchSpace:
    """Return the space in a YAML file, every choice of which can be built.

    Raises:
        SpaceError: if the file is absent or holds no space; says the line, the value and what is allowed.
    """
    values, lines = read(path)
    if not isinstance(values, dict):
        raise SpaceError(
            f"Cannot read '{path}': it holds no search space. Expected version, name, resolution, stages."
        )
    try:
        written: Any = space_model().model_validate(values)
    except ValidationError as error:
        raise SpaceError(_first(path, error, lines)) from error
    if written.version == 1:
        _check_first_version(path, lines, values)
    with _located_errors(path, lines, "network"):
        NETWORKS[written.network]
    with _located_errors(path, lines):
        check_network_values(written.network, written.options)
    skeleton = {name: _sorted(tuple(v)) for name, v in written.options.items() if len(v) > 1}
    for number, stage in enumerate(written.stages):
        if stage.weight_bits and WEIGHT_BITS in stage.options:
            with _located_errors(path, lines, "stages", number, "options", WEIGHT_BITS):
                raise SpaceError(
                    f"{WEIGHT_BITS} is also beside channels: expected one of them. Leave one out."
                )
        stage.weight_bits = stage.weight_bits or written.weight_bits
    stages = tuple(_stage(path, lines, number, stage) for number, stage in enumerate(written.stages))
    with _located_errors(path, lines):
        space = SearchSpace(
            name=written.name,
            resolution=tuple(sorted(written.resolution)),
            width=tuple(sorted(written.width)),
            conv_depth=tuple(sorted(written.conv_depth)),
            attention_depth=tuple(sorted(written.attention_depth)),
            network=written.network,
            options=options_of({name: v[0] for name, v in written.options.items() if name not in skeleton}),
            skeleton=skeleton,
            divisor=written.divisor,
            stages=stages,
        )
        _ = space.choices  # none without values, none with one twice
    for number in range(len(stages)):
        with _located_errors(path, lines, "stages", number):
            check_stage(space, number)
            check_countable(space, number)
    with _located_errors(path, lines, "options"):
        check_network(space)
    if space.size == 1:
        raise SpaceError(
            f"Cannot use '{path}': the space '{space.name}' holds a single network. Expected several values "
            "of at least one choice, for example two resolutions."
        )
    return space


@cache
def space_model() -> type[BaseModel]:
    """Return the model of a space, whose stages offer all patterns."""
    patterns: dict[str, Any] = {name: (_Names, []) for name in PATTERNS}
    stage = create_model("_PatternedStage", __base__=_Stage, **patterns)
    several = Field(min_length=1, max_length=32)
    stages: Any = (GenericAlias(list, (stage,)), several)
    return create_model("_WholeSpace", __base__=_Space, stages=stages)


def _check_first_version(path: Path, lines: Lines, values: dict[str, Any]) -> None:
    """Raise for the first thing in a file of version 1 that only version 2 has."""
    later: list[tuple[str | int, ...]] = [
        ("options", name) for name, v in values.get("options", {}).items() if isinstance(v, list)
    ]
    later += [(WEIGHT_BITS,)] * (WEIGHT_BITS in values)
    for number, stage in enumerate(values["stages"]):
        later += [("stages", number, name) for name in stage if name in {"width", WEIGHT_BITS, *PATTERNS}]
        later += [("stages", number, "block")] * isinstance(stage.get("block"), list)
    if later:
        where = ".".join(str(part + 1) if isinstance(part, int) else part for part in later[0])
        raise SpaceError(
            f"Cannot read '{path}', line {line_of(lines, later[0])}: '{where}' is of version 2. Write "
            f"version: 2 in line {line_of(lines, ('version',))}."
        )


def _stage(path: Path, lines: Lines, number: int, written: Any) -> StageSpace:
    """Return one stage, whose blocks, mixers and options are known."""
    at = ("stages", number)
    for index, name in enumerate(written.block):
        with _located_errors(path, lines, *at, "block", index):
            BLOCKS[name]
    patterns = {name: tuple(getattr(written, name)) for name in PATTERNS if getattr(written, name)}
    mixers: list[str] = []
    for slot in ("mixer", *(slot for name in patterns for slot in PATTERNS[name].kinds)):
        for index, name in enumerate(written.options.get(slot, [])):
            with _located_errors(path, lines, *at, "options", slot, index):
                MIXERS[str(name)]
            mixers.append(str(name))
    with _located_errors(path, lines, *at):
        check_stage_values(written.block, mixers, written.options)
    given = written.weight_bits or [WHOLE_BITS]
    bits = {} if given == [WHOLE_BITS] else {WEIGHT_BITS: tuple(sorted(given))}
    stage = StageSpace(
        channels=written.channels,
        depth=tuple(sorted(written.depth)),
        stride=written.stride,
        block=written.block[0] if len(written.block) == 1 else tuple(written.block),
        width=tuple(sorted(written.width)),
        patterns=patterns,
        options=bits | {name: _sorted(tuple(values)) for name, values in written.options.items()},
        depth_of=written.depth_of,
        inner_channels=written.inner_channels or 0,
        heads=written.heads or 0,
    )
    with _located_errors(path, lines, *at):
        StageMenu(stage)
    return stage


def _sorted(values: tuple[Option, ...]) -> tuple[Option, ...]:
    """Return numbers in rising order, anything else as it was written."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return tuple(sorted(numbers)) if len(numbers) == len(values) else values


@contextmanager
def _located_errors(path: Path, lines: Lines, *at: str | int) -> Iterator[None]:
    """Name the file and the line in whatever is wrong inside."""
    try:
        yield
    except UserError as error:
        inside = error.at if isinstance(error, SpaceError) else ()
        place = inside if inside[: len(at)] == at else (*at, *inside)
        raise SpaceError(f"Cannot use '{path}', line {line_of(lines, place)}: {error}") from error


def _first(path: Path, error: ValidationError, lines: Lines) -> str:
    """Return the first complaint, of unknown keys before all others, with its line and what is allowed.

    A key with a typing mistake is unknown, and the one that was meant is missing: only the first says why.
    """
    errors = error.errors(include_url=False)
    found = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    at = tuple(part for part in found["loc"] if part not in {"bool", "int", "float", "str", "none"})
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in at)
    said = f"Cannot read '{path}', line {line_of(lines, at)}: "
    if found["type"] == "missing":
        return f"{said}'{where}' is missing. Add it."
    if found["type"] == "extra_forbidden":
        known = (*_Stage.model_fields, *PATTERNS) if "stages" in at else space_model().model_fields
        return (
            f"{said}nobody takes '{where}', expected one of {', '.join(known)}."
            f"{did_you_mean(str(at[-1]), known)}"
        )
    return f"{said}'{where}' got {str(found['input'])[:60]!r}: {found['msg']}."
