"""Names and one-line descriptions of the parts of a network: stem, stages, head."""

from collections.abc import Sequence

from search_spaces.counting import Part
from search_spaces.stage_words import stage_in_words


def part_names(parts: Sequence[Part]) -> list[str]:
    """Return the names of a network's parts: stem, stage numbers from 1, head."""
    return ["stem", *(str(number) for number in range(1, len(parts) - 1)), "head"]


def part_words(part: Part, name: str) -> str:
    """Return the layers of a part in words, for example ``2 × metaformer of depthwise (kernel 7)``."""
    if part.stage is None:
        return {"stem": "convolution", "head": "classifier"}[name]
    return f"{part.stage.depth} × {stage_in_words(part.stage).replace('_', ' ')}"
