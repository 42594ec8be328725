"""`StageSpace`: what one stage of a space may be, and the menu of distinct stages that it offers."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from search_spaces.architecture import Option, Options, Stage
from search_spaces.choice import Choice
from search_spaces.errors import SpaceError
from search_spaces.inner_depth import BLOCKS_COUNT, Inside, check_inside
from search_spaces.options import kind_of, routed
from search_spaces.patterns import PATTERNS, in_order
from search_spaces.stage_blocks import ReadSlots, blocks_of
from search_spaces.stage_checks import check_stage_space
from search_spaces.weight_bits import bits_of

_MOST_COMBINATIONS: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class StageSpace:
    """What one stage may be.

    Attributes:
        channels: Output channels at width 1, at least 1.
        depth: Number of blocks at depth factor 1; several values make it a choice.
        stride: Stride of the first block.
        block: A file in search_spaces/blocks; several make it a choice.
        width: Factors on the channels of this stage, besides the factor on all channels.
        patterns: How its blocks may differ: name of a file in search_spaces/patterns to its values.
        options: Option name to its values. ``mixer`` lists files in search_spaces/mixers; an option
            may be given for one mixer or block alone as ``<mixer>.<option>``. ``weight_bits``, 8 or 4, is an
            option of every block.
        depth_of: What depth counts: ``blocks``, or an option of the block that repeats something inside it,
            such as ``transformers``; the stage is then one block.
        inner_channels: Channels inside the block at width 1, which widen with the stage; 0 where its options
            say.
        heads: Heads of its mixer at every width; 0 where its options say.
    """

    channels: int
    depth: tuple[int, ...] = (1,)
    stride: int = 1
    block: str | tuple[str, ...] = "metaformer"
    width: tuple[float, ...] = (1.0,)
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that it may repeat."""
        return (self.block,) if isinstance(self.block, str) else self.block


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One stage on the menu, and the slot values that stand for it.

    Attributes:
        stage: The stage at width 1 and depth factor 1, without what the factors set inside its blocks.
        kind: `conv` or `attention`; decides which depth factor applies. A stage attends where a block does.
        slots: Slot values in the order of the stage's choices, canonical.
        width: Which of the width factors of the stage it has, counted from 0.
        by_depth: Options of each of its blocks, without channels that widen, by the depths that the depth
            factors give it.
        inside: What the factors set inside its blocks, None for nothing.
    """

    stage: Stage
    kind: str
    slots: tuple[Option, ...]
    width: int
    by_depth: Mapping[int, tuple[Options, ...]]
    inside: Inside | None = None

    def stripped(self, stage: Stage) -> Stage:
        """Return a stage of a network with this block, without what the factors set inside."""
        if self.inside is None or stage.block != self.stage.block:
            return stage
        return self.inside.stripped(stage)


def realised_depth(depth: int, factor: float) -> int:
    """Return depth x factor rounded half up, at least one block."""
    return max(1, int(depth * factor + 0.5))


def same_block(first: Stage, second: Stage) -> bool:
    """Return whether two stages repeat the same blocks, whatever their channels and depth."""
    if first.block != second.block or first.stride != second.stride:
        return False
    one, other = first.runs, second.runs
    return len(one) == len(other) and all(
        a.mixer == b.mixer and routed(a) == routed(b) and bits_of(a.options) == bits_of(b.options)
        for a, b in zip(one, other, strict=True)
    )


def stage_slots(space: StageSpace) -> dict[str, tuple[Option, ...]]:
    """Return the values of each slot of a stage: how wide, which blocks, how many, then options by name."""
    slots: dict[str, tuple[Option, ...]] = {}
    if len(space.width) > 1:
        slots["width"] = space.width
    if len(space.blocks) > 1:
        slots["block"] = space.blocks
    if "mixer" in space.options:
        slots["mixer"] = space.options["mixer"]
    if len(space.depth) > 1:
        slots["depth"] = space.depth
    for name in in_order(space.patterns):
        if len(space.patterns[name]) > 1:
            slots[name] = space.patterns[name]
        for listed in PATTERNS[name].kinds:
            slots[listed] = space.options[listed]
    return {**slots, **option_values(space)}


def option_values(space: StageSpace) -> dict[str, tuple[Option, ...]]:
    """Return all values of each option of blocks and mixers, by name."""
    found: dict[str, tuple[Option, ...]] = {}
    listed = {"mixer", *(slot for name in space.patterns for slot in PATTERNS[name].kinds)}
    for name, values in space.options.items():
        option = name.rpartition(".")[2]
        if option not in listed:
            known = found.get(option, ())
            found[option] = _ordered({*known, *values})
    return found


def _ordered(values: set[Option]) -> tuple[Option, ...]:
    """Return numbers in rising order; beside anything else, values of one type after those of another."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        return tuple(sorted(numbers))
    return tuple(sorted(values, key=lambda v: (str(type(v)), v)))


def _check_inside(space: StageSpace) -> None:
    """Raise unless what the factors set inside blocks fits the one block of the stage."""
    if space.inside is not None and (len(space.blocks) > 1 or space.patterns):
        given = "several blocks" if len(space.blocks) > 1 else ", ".join(space.patterns)
        raise SpaceError(
            f"A stage with depth_of or inner_channels got {given}: expected one block, the same everywhere.",
            at=("block",) if len(space.blocks) > 1 else (next(iter(space.patterns)),),
        )
    check_inside(
        space.blocks[0],
        space.options,
        [str(mixer) for mixer in space.options.get("mixer", ())],
        depth_of=space.depth_of,
        channels=space.inner_channels,
        heads=space.heads,
    )


class StageMenu:
    """The menu of a stage, and the item of any values of its slots.

    Args:
        space: What the stage may be.
        conv_depth: Factors on the depth of stages that convolve.
        attention_depth: Factors on the depth of stages that attend.

    Attributes:
        items: Every distinct stage that it offers.

    Raises:
        SpaceError: if nobody takes an option, or there are more combinations than anybody can search.
    """

    def __init__(
        self,
        space: StageSpace,
        conv_depth: Sequence[float] = (1.0,),
        attention_depth: Sequence[float] = (1.0,),
    ) -> None:
        check_stage_space(space)
        _check_inside(space)
        self._space: Final = space
        self._factors: Final = {"conv": tuple(conv_depth), "attention": tuple(attention_depth)}
        self._slots: Final = stage_slots(space)
        self._options: Final = option_values(space)
        combinations = math.prod(len(values) for values in self._slots.values())
        if combinations > _MOST_COMBINATIONS:
            raise SpaceError(
                f"A stage offers {combinations:,} combinations of {', '.join(self._slots)}: expected at most "
                f"{_MOST_COMBINATIONS:,}. Offer fewer values."
            )
        found: dict[object, int] = {}
        items: list[MenuItem] = []
        self._item_of: Final[list[int]] = []
        for values in itertools.product(*self._slots.values()):
            item = self._item(dict(zip(self._slots, values, strict=True)))
            place = found.setdefault(self._key(item), len(items))
            if place == len(items):
                items.append(item)
            self._item_of.append(place)
        self.items: Final = tuple(items)

    @property
    def item_of(self) -> list[int]:
        """The item of every combination of slot values, the last slot changing first."""
        return self._item_of

    def _key(self, item: MenuItem) -> object:
        """Return what two items have in common that describe the same stage under all depth factors."""
        if not self._space.patterns:
            return item.width, item.stage
        return item.width, item.stage.block, tuple(self._realised(item))

    def _realised(self, item: MenuItem) -> Iterator[tuple[Options, ...]]:
        """Yield the blocks of an item under each pair of depth factors."""
        for conv, attention in itertools.product(*self._factors.values()):
            factor = conv if item.kind == "conv" else attention
            yield item.by_depth[realised_depth(item.stage.depth, factor)]

    def _item(self, values: dict[str, Option]) -> MenuItem:
        """Return the item that slot values stand for, with its own slot values canonical."""
        space = self._space
        depth = values.get("depth", space.depth[0])
        nominal = depth if isinstance(depth, int) else space.depth[0]
        block = str(values.get("block", space.blocks[0]))
        fixed = {name: offered[0] for name, offered in space.patterns.items()}
        slots = ReadSlots({**fixed, **values})
        blocks = blocks_of(space, block, nominal, slots, self._options)
        stage = Stage.made_of(block, space.channels, space.stride, blocks)
        for run in stage.runs:
            routed(run)  # says which option nobody takes
        attends = any(kind_of(run.mixer) == "attention" for run in stage.runs)
        kind = "attention" if attends else "conv"
        depths = {nominal, *(realised_depth(nominal, factor) for factor in self._factors[kind])}
        by_depth = {}
        for realised in sorted(depths):
            if space.patterns:
                by_depth[realised] = blocks_of(space, block, realised, slots, self._options)
            elif space.inside is not None:
                by_depth[realised] = space.inside.repeated(blocks[0], realised)
            else:
                by_depth[realised] = blocks[:1] * realised
        return MenuItem(
            stage=stage,
            kind=kind,
            slots=self._canonical(values, slots),
            width=self._slots["width"].index(values["width"]) if "width" in values else 0,
            by_depth=by_depth,
            inside=space.inside,
        )

    def _canonical(self, values: Mapping[str, Option], slots: ReadSlots) -> tuple[Option, ...]:
        """Return slot values with inactive ones at their first value, active ones allowed."""
        found = []
        for name, value in values.items():
            if name in {"width", "block", "depth"}:
                found.append(value)
            elif name not in slots.read:
                found.append(self._slots[name][0])
            else:
                known = Choice(name=name, values=self._slots[name])
                found.append(known.nearest(value, tuple(slots.read[name])))
        return tuple(found)
