"""Collects the option values that an architecture gives to each mixer, block and skeleton."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from nas.exports.codegen.known_values import Known
from search_spaces.architecture import Architecture
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords, routed

Choices: TypeAlias = Mapping[str, Known]
"""Values of each keyword argument, by part: ``mixer NAME``, ``block NAME`` and ``network``."""


def choices_of(architecture: Architecture) -> Choices:
    """Return the values that the keyword arguments of each part take in a network."""
    uses: dict[str, list[dict[str, Any]]] = {}
    for stage in (run for whole in architecture.stages for run in whole.runs):
        of_block, of_mixer = routed(stage)
        uses.setdefault(f"block {stage.block}", []).append(of_block)
        if stage.mixer is not None:
            uses.setdefault(f"mixer {stage.mixer}", []).append(of_mixer)
    network = keywords(NETWORKS[architecture.network])
    uses["network"] = [{**network, **dict(architecture.options)}]
    return {
        part: {name: _different(values[name] for values in taken) for name in taken[0]}
        for part, taken in uses.items()
    }


def varying(choices: Known, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of one use whose keywords take several values in the network."""
    return {name: value for name, value in values.items() if len(choices[name]) > 1}


def _different(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())
