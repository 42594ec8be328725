"""Checks what a stage of a space offers: options that somebody takes, patterns that its blocks can have."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from search_spaces.architecture import Option
from search_spaces.channel_rounding import widened
from search_spaces.errors import SpaceError, did_you_mean
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords, kind_of
from search_spaces.patterns import PATTERNS
from search_spaces.stage_blocks import takers, takes_mixer
from search_spaces.weight_bits import BITS, WEIGHT_BITS


@runtime_checkable
class OfferedStage(Protocol):
    """What a stage offers; see `search_spaces.stage_choices.StageSpace`, which has these fields."""

    @property
    def channels(self) -> int:
        """Output channels at width 1."""

    @property
    def width(self) -> tuple[float, ...]:
        """Factors on them."""

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that it may repeat."""

    @property
    def options(self) -> Mapping[str, tuple[Option, ...]]:
        """Option name to its values."""

    @property
    def patterns(self) -> Mapping[str, tuple[str, ...]]:
        """Pattern name to its values."""


def check_stage_space(space: OfferedStage) -> None:
    """Raise unless a stage offers what its blocks and mixers can have.

    Raises:
        SpaceError: names the first option or pattern that they cannot.
    """
    for name in space.patterns:
        _check_pattern(space, name)
    if "mixer" in space.options and not any(map(takes_mixer, space.blocks)):
        raise SpaceError(
            f"A stage of {_in_words(space.blocks)} got the option 'mixer': expected one of "
            f"{', '.join(sorted(_taken(space, ''))) or 'none'}. A block that takes a mixer is metaformer.",
            at=("options", "mixer"),
        )
    _check_options(space)


def check_stage_widths(space: OfferedStage, number: int, widths: Sequence[float], divisor: int) -> None:
    """Raise unless each width factor of a stage gives channels of its own.

    Args:
        space: What the stage offers.
        number: Its number, counted from 0.
        widths: Factors on all channels.
        divisor: Channels are rounded to multiples of it.

    Raises:
        SpaceError: names the factor that rounds to nothing, or two that are always the same.
    """
    for factor in space.width:
        exact = space.channels * factor * widths[-1]
        if exact < divisor / 2:
            raise SpaceError(
                f"Stage {number + 1} of {space.channels} channels got the width {factor:g}: that is "
                f"{exact:.3g} channels at most, which rounds to nothing. Expected at least half of the "
                f"divisor, {divisor}.",
                at=("stages", number, "width"),
            )
    seen: dict[tuple[int, ...], float] = {}
    for factor in space.width:
        channels = tuple(widened(space.channels, factor * width, divisor) for width in widths)
        if channels in seen:
            raise SpaceError(
                f"Stage {number + 1} of {space.channels} channels got the widths {seen[channels]:g} and "
                f"{factor:g}, which both give {', '.join(map(str, sorted({*channels})))} channels: expected "
                f"widths that differ after rounding to multiples of {divisor}.",
                at=("stages", number, "width"),
            )
        seen[channels] = factor


def _check_pattern(space: OfferedStage, name: str) -> None:
    """Raise unless the stage can have a pattern, whatever its value."""
    pattern = PATTERNS[name]
    values = space.patterns[name]
    for index, value in enumerate(values):
        if value not in pattern.values:
            raise SpaceError(
                f"A stage got {name} '{value}': expected one of {', '.join(pattern.values)}."
                f"{did_you_mean(str(value), pattern.values)}",
                at=(name, index),
            )
    if not any(map(takes_mixer, space.blocks)):
        raise SpaceError(
            f"A stage of {_in_words(space.blocks)} got {name}, which is of mixers: expected a block that "
            f"takes one, for example metaformer.",
            at=(name,),
        )
    kinds = {**pattern.kinds, **({"mixer": pattern.mixer_kind} if pattern.mixer_kind else {})}
    for slot, kind in kinds.items():
        _check_kind(space, name, slot, kind)
    mixers = [str(mixer) for slot in ("mixer", *pattern.kinds) for mixer in space.options.get(slot, ())]
    for value, (option, only) in pattern.takes.items():
        able = [m for m in mixers if (m in only if only else option in keywords(MIXERS[m]))]
        if value in values and not able:
            known = ", ".join(only) or f"one that takes the option '{option}', for example depthwise"
            raise SpaceError(
                f"A stage with the mixers {', '.join(mixers) or 'none'} got {name} '{value}': expected a "
                f"mixer that can have it: {known}.",
                at=(name, values.index(value)),
            )


def _check_kind(space: OfferedStage, pattern: str, slot: str, kind: str) -> None:
    """Raise unless an option lists mixers of one kind, as a pattern asks."""
    known = ", ".join(name for name in MIXERS if MIXERS[name].kind == kind)
    if slot not in space.options:
        raise SpaceError(
            f"A stage with {pattern} got no option '{slot}': expected mixers of the kind {kind}: {known}.",
            at=(pattern,),
        )
    for index, mixer in enumerate(space.options[slot]):
        if kind_of(str(mixer)) != kind:
            raise SpaceError(
                f"A stage with {pattern} got {slot} '{mixer}', of the kind {kind_of(str(mixer))}: expected "
                f"mixers of the kind {kind}: {known}.",
                at=("options", slot, index),
            )


def _check_options(space: OfferedStage) -> None:
    """Raise unless somebody takes each option."""
    slots = ("mixer", *(slot for name in space.patterns for slot in PATTERNS[name].kinds))
    mixers = [str(mixer) for slot in slots for mixer in space.options.get(slot, ())]
    owners = dict.fromkeys([*space.blocks, *mixers])
    for name in space.options:
        owner, _, option = name.rpartition(".")
        taken = _taken(space, owner)
        if option == WEIGHT_BITS:
            _check_bits(space, name)
        if (option in slots and not owner) or option in taken:
            continue
        if owner and owner not in owners:
            raise SpaceError(
                f"A stage of {_in_words(space.blocks, mixers)} got the option '{name}' for the block or "
                f"mixer '{owner}' alone: expected it for one of {', '.join(owners)}."
                f"{did_you_mean(owner, owners)}",
                at=("options", name),
            )
        whose = (
            f"the {'mixer' if owner in mixers else 'block'} '{owner}'"
            if owner
            else _in_words(space.blocks, mixers)
        )
        raise SpaceError(
            f"A stage of {whose} got the option '{name}': expected one of "
            f"{', '.join(sorted(taken)) or 'none'}.{did_you_mean(option, taken)}",
            at=("options", name),
        )


def _check_bits(space: OfferedStage, name: str) -> None:
    """Raise unless weights can have the bits that a stage offers."""
    for index, value in enumerate(space.options[name]):
        if type(value) is not int or value not in BITS:
            raise SpaceError(
                f"A stage got {name} {value!r}: expected {' or '.join(map(str, BITS))}.",
                at=("options", name, index),
            )


def _taken(space: OfferedStage, owner: str) -> frozenset[str]:
    """Return the options that a block or mixer takes, beside any mixer or block; those of all for no name."""
    slots = ("mixer", *(slot for name in space.patterns for slot in PATTERNS[name].kinds))
    mixers = [str(mixer) for slot in slots for mixer in space.options.get(slot, ())]
    found: set[str] = set()
    for block in space.blocks:
        for mixer in (*mixers,) or (None,) if takes_mixer(block) else (None,):
            if owner in {"", block, mixer}:
                found |= takers(block, mixer)
    return frozenset(found)


def _in_words(blocks: Sequence[str], mixers: Sequence[str] = ()) -> str:
    """Return blocks and mixers as a message names them."""
    several = f"blocks {', '.join(blocks)}" if len(blocks) > 1 else f"block '{blocks[0]}'"
    return f"the {several} with {', '.join(mixers) or 'no mixer'}"
