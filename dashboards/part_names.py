"""Names and one-line descriptions of the parts of a network: stem, stages, head."""

from collections.abc import Sequence

from search_spaces.counting import Part


def part_names(parts: Sequence[Part]) -> list[str]:
    """Return the names of a network's parts: stem, stage numbers from 1, head."""
    return ["stem", *(str(number) for number in range(1, len(parts) - 1)), "head"]


def part_words(part: Part, name: str) -> str:
    """Return the layers of a part in words, for example ``2 × metaformer of depthwise (kernel 7)``."""
    if part.stage is None:
        return {"stem": "convolution", "head": "classifier"}[name]
    stage = part.stage
    choices = ", ".join(f"{key} {value}" for key, value in stage.options if key != "mixer")
    what = " of ".join(filter(None, [stage.block, stage.mixer])).replace("_", " ")
    return f"{stage.depth} × {what}" + (f" ({choices.replace('_', ' ')})" if choices else "")
