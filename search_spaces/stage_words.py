"""Says in words which blocks a stage has, and which of them stand where if they differ."""

from search_spaces.architecture import Options, Stage


def stage_in_words(stage: Stage) -> str:
    """Return the blocks of a stage in words, for example ``metaformer of depthwise (kernel 7)``.

    Blocks that differ have their places, ``... in blocks 1, 3; metaformer of attention in block 2``.
    """
    places: dict[Options, list[int]] = {}
    for number, options in enumerate(stage.block_options, start=1):
        places.setdefault(options, []).append(number)
    if len(places) == 1:
        return _block(stage.block, stage.options)
    return "; ".join(
        f"{_block(stage.block, options)} in block{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
        for options, numbers in places.items()
    )


def _block(block: str, options: Options) -> str:
    """Return one block in words."""
    mixer = dict(options).get("mixer")
    choices = ", ".join(f"{name} {value}" for name, value in options if name != "mixer")
    name = block if mixer is None else f"{block} of {mixer}"
    return f"{name} ({choices})" if choices else name
