"""`StageSpace`: what one stage of a space may be, and the menu of distinct blocks it may repeat."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from search_spaces.architecture import Option, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.choice import Choice
from search_spaces.errors import SpaceError, did_you_mean
from search_spaces.inner_depth import BLOCKS_COUNT, Inside, check_inside
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords, kind_of, routed

_MOST_COMBINATIONS: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class StageSpace:
    """What one stage may be.

    Attributes:
        channels: Output channels at width 1, at least 1.
        depth: Number of blocks at depth factor 1; several values make it a choice.
        stride: Stride of the first block.
        block: A file in search_spaces/blocks.
        options: Option name to its values. ``mixer`` lists files in search_spaces/mixers; an option
            may be given for one mixer alone as ``<mixer>.<option>``.
        depth_of: What depth counts: ``blocks``, or an option of the block that repeats something inside it,
            such as ``transformers``; the stage is then one block.
        inner_channels: Channels inside the block at width 1, which widen with the stage; 0 where its options
            say.
        heads: Heads of its mixer at every width; 0 where its options say.
    """

    channels: int
    depth: tuple[int, ...] = (1,)
    stride: int = 1
    block: str = "metaformer"
    options: Mapping[str, tuple[Option, ...]]
    depth_of: str = BLOCKS_COUNT
    inner_channels: int = 0
    heads: int = 0

    @property
    def inside(self) -> Inside | None:
        """What the factors of the space set inside its blocks, None for nothing."""
        if self.depth_of == BLOCKS_COUNT and not self.inner_channels:
            return None
        repeats = "" if self.depth_of == BLOCKS_COUNT else self.depth_of
        return Inside(repeats=repeats, channels=self.inner_channels, heads=self.heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One block that a stage may repeat, and the slot values that stand for it.

    Attributes:
        stage: The stage at width 1 and depth factor 1, without what the factors set inside its blocks.
        kind: `conv` or `attention`; decides which depth factor applies.
        slots: Slot values in the order of the stage's choices, canonical.
        inside: What the factors set inside its blocks, None for nothing.
    """

    stage: Stage
    kind: str
    slots: tuple[Option, ...]
    inside: Inside | None = None

    def built(self, *, width: float, divisor: int, channels: int, depth: int) -> Stage:
        """Return the stage of a network.

        Args:
            width: Width factor of the channels inside its blocks.
            divisor: Those channels are rounded to multiples of it.
            channels: Output channels of every block.
            depth: Its depth, counted as the space counts it.
        """
        stage = Stage(
            block=self.stage.block,
            channels=channels,
            depth=depth,
            stride=self.stage.stride,
            options=self.stage.options,
        )
        return stage if self.inside is None else self.inside.built(stage, width=width, divisor=divisor)

    def stripped(self, stage: Stage) -> Stage:
        """Return a stage of a network with this block, without what the factors set inside."""
        if self.inside is None or stage.block != self.stage.block:
            return stage
        return self.inside.stripped(stage)

    def depth_of(self, stage: Stage) -> int:
        """Return the depth of a stage with this block, counted as the space counts it."""
        return stage.depth if self.inside is None else self.inside.depth_of(stage)

    def repeated_by(self, stage: Stage, *, width: float, divisor: int) -> bool:
        """Return whether a stage of a network of some width repeats this block, whatever its depth."""
        if self.inside is None:
            return same_block(self.stage, stage)
        if stage.block != self.stage.block or stage.mixer != self.stage.mixer:
            return False
        depth = self.depth_of(stage)
        same = self.built(width=width, divisor=divisor, channels=stage.channels, depth=depth)
        return same_block(same, stage) and (same.depth == stage.depth or not self.inside.repeats)


def realised_depth(depth: int, factor: float) -> int:
    """Return depth x factor rounded half up, at least one block."""
    return max(1, int(depth * factor + 0.5))


def same_block(first: Stage, second: Stage) -> bool:
    """Return whether two stages repeat the same block, whatever their channels and depth."""
    return (
        first.block == second.block
        and first.stride == second.stride
        and routed(first) == routed(second)
        and first.mixer == second.mixer
    )


def stage_slots(space: StageSpace) -> dict[str, tuple[Option, ...]]:
    """Return the values of each slot of a stage: mixer, depth, then the options by name."""
    slots: dict[str, tuple[Option, ...]] = {}
    if "mixer" in space.options:
        slots["mixer"] = space.options["mixer"]
    if len(space.depth) > 1:
        slots["depth"] = space.depth
    for name, values in space.options.items():
        option = name.rpartition(".")[2]
        if option != "mixer":
            known = slots.get(option, ())
            slots[option] = tuple(sorted({*known, *values}, key=lambda v: (str(type(v)), v)))
    return slots


def _active(space: StageSpace, mixer: str | None) -> set[str]:
    """Return the options that matter for a mixer."""
    taken = set(keywords(BLOCKS[space.block]))
    return taken | (set(keywords(MIXERS[mixer])) if mixer is not None else set())


def canonical_slots(space: StageSpace, values: Sequence[Option]) -> tuple[Option, ...]:
    """Return the slot values with inactive ones at their first value, active ones allowed."""
    slots = stage_slots(space)
    given = dict(zip(slots, values, strict=True))
    mixer = given.get("mixer")
    active = _active(space, str(mixer) if mixer is not None else None)
    for name, known in slots.items():
        if name in {"mixer", "depth"}:
            continue
        if name not in active:
            given[name] = known[0]
            continue
        allowed = space.options.get(f"{mixer}.{name}", space.options.get(name))
        if allowed is None:  # given for other mixers alone
            given[name] = known[0]
        else:
            given[name] = Choice(name=name, values=known).nearest(given[name], allowed)
    return tuple(given.values())


def menu_of(space: StageSpace) -> tuple[MenuItem, ...]:
    """Return every distinct block that a stage may repeat.

    Raises:
        SpaceError: if nobody takes an option, or there are more combinations than anybody can search.
    """
    _check_options(space)
    _check_inside(space)
    slots = stage_slots(space)
    combinations = math.prod(len(values) for values in slots.values())
    if combinations > _MOST_COMBINATIONS:
        raise SpaceError(
            f"A stage offers {combinations:,} combinations of {', '.join(slots)}: expected at most "
            f"{_MOST_COMBINATIONS:,}. Offer fewer values."
        )
    distinct = {canonical_slots(space, values): None for values in itertools.product(*slots.values())}
    return tuple(_item(space, dict(zip(slots, values, strict=True))) for values in distinct)


def _check_options(space: StageSpace) -> None:
    mixers = [str(mixer) for mixer in space.options.get("mixer", ())]
    takers = {mixer: _active(space, mixer) for mixer in mixers} or {"": _active(space, None)}
    for name in space.options:
        mixer, _, option = name.rpartition(".")
        taken = set[str]().union(*takers.values()) if not mixer else takers.get(mixer, set())
        if option != "mixer" and option not in taken:
            whose = (
                f"mixer '{mixer}'"
                if mixer
                else f"block '{space.block}' with {', '.join(mixers) or 'no mixer'}"
            )
            raise SpaceError(
                f"A stage of the {whose} got the option '{name}': expected one of "
                f"{', '.join(sorted(taken)) or 'none'}.{did_you_mean(option, taken)}"
                f"{did_you_mean(mixer, mixers) if mixer and mixer not in mixers else ''}",
                at=("options", name),
            )


def _check_inside(space: StageSpace) -> None:
    check_inside(
        space.block,
        space.options,
        [str(mixer) for mixer in space.options.get("mixer", ())],
        depth_of=space.depth_of,
        channels=space.inner_channels,
        heads=space.heads,
    )


def _item(space: StageSpace, values: Mapping[str, Option]) -> MenuItem:
    mixer = values.get("mixer")
    kind = kind_of(None if mixer is None else str(mixer))
    active = _active(space, str(mixer) if mixer is not None else None)
    given = {
        name: value
        for name, value in values.items()
        if name in active and (name in space.options or f"{mixer}.{name}" in space.options)
    }
    depth = values.get("depth", space.depth[0])
    stage = Stage(
        block=space.block,
        channels=space.channels,
        depth=depth if isinstance(depth, int) else space.depth[0],
        stride=space.stride,
        options=options_of({**given, **({"mixer": mixer} if mixer is not None else {})}),
    )
    routed(stage)  # says which option nobody takes
    return MenuItem(stage=stage, kind=kind, slots=tuple(values.values()), inside=space.inside)
