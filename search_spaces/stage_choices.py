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
    """

    channels: int
    depth: tuple[int, ...] = (1,)
    stride: int = 1
    block: str = "metaformer"
    options: Mapping[str, tuple[Option, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One block that a stage may repeat, and the slot values that stand for it.

    Attributes:
        stage: The stage at width 1 and depth factor 1.
        kind: `conv` or `attention`; decides which depth factor applies.
        slots: Slot values in the order of the stage's choices, canonical.
    """

    stage: Stage
    kind: str
    slots: tuple[Option, ...]


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
    return MenuItem(stage=stage, kind=kind, slots=tuple(values.values()))
