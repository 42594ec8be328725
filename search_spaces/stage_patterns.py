"""Writes a stage whose blocks differ as what a stage offers: options and patterns that make those blocks."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from search_spaces.architecture import Option, Options, Stage
from search_spaces.errors import SpaceError
from search_spaces.options import kind_of
from search_spaces.patterns import PATTERNS
from search_spaces.stage_choices import StageMenu, StageSpace, same_block

Values = Mapping[str, tuple[Option, ...]]


def stage_of_patterns(stage: Stage) -> StageSpace | None:
    """Return the stage that offers this one alone, with patterns where its blocks differ.

    Args:
        stage: The stage.

    Returns:
        None if no patterns make its blocks.
    """
    if not stage.overrides:
        return _space(stage, {name: (value,) for name, value in stage.options}, {})
    blocks = stage.block_options
    for patterns in _patterns():
        for options in _options(blocks, patterns):
            space = _space(stage, options, patterns)
            if _makes(space, stage):
                return space
    return None


def _space(stage: Stage, options: Values, patterns: Mapping[str, str]) -> StageSpace:
    return StageSpace(
        channels=stage.channels,
        depth=(stage.depth,),
        stride=stage.stride,
        block=stage.block,
        patterns={name: (value,) for name, value in patterns.items()},
        options=options,
    )


def _patterns() -> Iterator[dict[str, str]]:
    """Yield every combination of patterns, those of few first."""
    found = [
        {
            name: value
            for name, value in zip(PATTERNS, values, strict=True)
            if value != PATTERNS[name].values[0]
        }
        for values in itertools.product(*(PATTERNS[name].values for name in PATTERNS))
    ]
    yield from sorted(filter(None, found), key=len)


def _options(blocks: Sequence[Options], patterns: Mapping[str, str]) -> Iterator[Values]:
    """Yield options from which patterns may make the blocks; an option has the value of its first block."""
    given: dict[tuple[str, Option], Option] = {}
    for block in blocks:
        chosen = dict(block)
        for name, value in block:
            given.setdefault((name, chosen.get("mixer")), value)
    options: dict[str, tuple[Option, ...]] = {}
    set_by_them = {PATTERNS[name].takes[v][0] for name, v in patterns.items() if v in PATTERNS[name].takes}
    for (name, mixer), value in given.items():
        if name not in {"mixer", *set_by_them}:
            alike = len({v for (n, _), v in given.items() if n == name}) == 1
            options[name if alike else f"{mixer}.{name}"] = (value,)
    mixers = list(dict.fromkeys(str(dict(block)["mixer"]) for block in blocks if "mixer" in dict(block)))
    kinds = {slot: kind for name in patterns for slot, kind in PATTERNS[name].kinds.items()}
    if len(mixers) != 1 + len(kinds):
        return
    for order in itertools.permutations(mixers):
        slots = dict(zip(["mixer", *kinds], order, strict=True))
        if all(kind_of(slots[slot]) == kind for slot, kind in kinds.items()):
            yield {**options, **{slot: (mixer,) for slot, mixer in slots.items()}}


def _makes(space: StageSpace, stage: Stage) -> bool:
    """Return whether what a stage offers is another alone."""
    try:
        (item,) = StageMenu(space).items
    except SpaceError:  # a pattern that its mixers do not take
        return False
    made = Stage.made_of(stage.block, stage.channels, stage.stride, item.by_depth[stage.depth])
    return same_block(made, stage) and [run.depth for run in made.runs] == [run.depth for run in stage.runs]
