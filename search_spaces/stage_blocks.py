"""Makes the blocks of a stage from the values of its slots, and says which slots matter for them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, Protocol, TypeAlias, runtime_checkable

from typing_extensions import override

from search_spaces.architecture import Option, Options, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.choice import Choice
from search_spaces.mixers import MIXERS
from search_spaces.options import keywords, strided_of
from search_spaces.patterns import PATTERNS, in_order
from search_spaces.weight_bits import WEIGHT_BITS, WHOLE_BITS

Values: TypeAlias = Mapping[str, Option]


@runtime_checkable
class Offers(Protocol):
    """What a stage offers; see `search_spaces.stage_choices.StageSpace`, which has these fields."""

    @property
    def stride(self) -> int:
        """Stride of the first block."""

    @property
    def options(self) -> Mapping[str, tuple[Option, ...]]:
        """Option name to its values."""

    @property
    def patterns(self) -> Mapping[str, tuple[str, ...]]:
        """Pattern name to its values."""


class ReadSlots(Mapping[str, Option]):
    """The values of slots, which remember which of them were read.

    Args:
        values: The value of each slot by name.

    Attributes:
        read: Of each slot that was read, the values that whoever read it allows.
    """

    def __init__(self, values: Values) -> None:
        self._values: Final = values
        self.read: Final[dict[str, dict[Option, None]]] = {}

    @override
    def __getitem__(self, name: str) -> Option:
        value = self._values[name]
        self.read.setdefault(name, {}).setdefault(value)
        return value

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)

    def nearest(self, name: str, allowed: tuple[Option, ...], known: tuple[Option, ...]) -> Option:
        """Return the value of a slot that is allowed, or the allowed one nearest to it.

        Args:
            name: Name of the slot.
            allowed: Values that are allowed.
            known: All values of the slot.
        """
        self.read.setdefault(name, {}).update(dict.fromkeys(allowed))
        return Choice(name=name, values=known).nearest(self._values[name], allowed)


@cache
def takes_mixer(block: str) -> bool:
    """Return whether a block is given a mixer."""
    parameters = inspect.signature(BLOCKS[block]).parameters
    return "mixer" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


@cache
def takers(block: str, mixer: str | None) -> frozenset[str]:
    """Return the options that a block and its mixer take."""
    own = keywords(BLOCKS[block])
    return (
        frozenset(own)
        | {WEIGHT_BITS}
        | (frozenset(keywords(MIXERS[mixer])) if mixer is not None else frozenset())
    )


def blocks_of(
    space: Offers, block: str, depth: int, slots: ReadSlots, known: Mapping[str, tuple[Option, ...]]
) -> tuple[Options, ...]:
    """Return the options of each block of a stage, [depth].

    Args:
        space: What the stage offers.
        block: Name of the block.
        depth: Number of blocks, at least 1.
        slots: The values of the slots of the stage, those with a single value too.
        known: All values of each option that is a slot.
    """
    blocks: list[dict[str, Option]] = [{} for _ in range(depth)]
    mixed = takes_mixer(block) and "mixer" in slots
    for rank in (0, 1):
        for name in in_order(space.patterns) if mixed else ():
            if name in slots and min(PATTERNS[name].rank, 1) == rank:
                PATTERNS[name].apply(str(slots[name]), blocks, slots)
        for made in blocks if mixed else ():
            if "mixer" not in made:
                made["mixer"] = slots["mixer"]
    done: dict[Options, Options] = {}
    for made in blocks:
        key = options_of(made)
        if key not in done:
            done[key] = _completed(space, block, made, slots, known)
    return tuple(done[options_of(made)] for made in blocks)


def _completed(
    space: Offers, block: str, chosen: Values, slots: ReadSlots, known: Mapping[str, tuple[Option, ...]]
) -> Options:
    """Return the choices of one block with those that the slots make for it."""
    mixer = None if chosen.get("mixer") is None else str(chosen["mixer"])
    taken = takers(block, mixer) - set(strided_of(BLOCKS[block]) if space.stride == 1 else ())
    found = {name: value for name, value in chosen.items() if name == "mixer" or name in taken}
    for name, values in known.items():
        allowed = allowed_of(space.options, name, (mixer, block))
        if name in taken and name not in found and allowed is not None:
            found[name] = slots.nearest(name, allowed, values)
    if found.get(WEIGHT_BITS) == WHOLE_BITS:
        del found[WEIGHT_BITS]  # one description for one network, in spaces with and without the choice
    return options_of(found)


def allowed_of(
    options: Mapping[str, tuple[Option, ...]], name: str, owners: Sequence[str | None]
) -> tuple[Option, ...] | None:
    """Return the values that an option may have for a mixer or block, None if it is given for others alone.

    Args:
        options: What a stage offers.
        name: Name of the option.
        owners: The mixer, then the block; what is given for the first goes first.
    """
    for key in (*(f"{owner}.{name}" for owner in owners), name):
        if key in options:
            return options[key]
    return None
