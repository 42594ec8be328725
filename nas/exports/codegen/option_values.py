"""What an architecture chooses of each mixer, block and skeleton in it."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from nas.exports.codegen.known_values import Known
from search_spaces.architecture import Architecture
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords, routed

Choices: TypeAlias = Mapping[str, Known]
"""For ``mixer NAME``, ``block NAME`` and ``network``, the values that each of its keywords takes."""


def choices_of(architecture: Architecture) -> Choices:
    """Return the values that keywords take in a network, by the part whose keywords they are."""
    told: dict[str, list[dict[str, Any]]] = {}
    for stage in architecture.stages:
        of_block, of_mixer = routed(stage)
        told.setdefault(f"block {stage.block}", []).append(of_block)
        if stage.mixer is not None:
            told.setdefault(f"mixer {stage.mixer}", []).append(of_mixer)
    network = keywords(NETWORKS[architecture.network])
    told["network"] = [{**network, **dict(architecture.options)}]
    return {
        part: {name: _different(values[name] for values in taken) for name in taken[0]}
        for part, taken in told.items()
    }


def varying(choices: Known, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of one use's values that differ between uses."""
    return {name: value for name, value in values.items() if len(choices[name]) > 1}


def _different(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())
