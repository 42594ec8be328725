"""Writes the table of a network's stages, from which its class builds them."""

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from nas.exports.codegen.option_values import Choices, varying
from search_spaces.architecture import Stage
from search_spaces.options import routed

_TABLE: Final = """{shared}
stages = [
    # block, channels, depth, stride of the first
{rows}
]"""


def stage_table(stages: Sequence[Stage], names: Mapping[str, str], choices: Choices) -> str:
    """Return the lines that bind ``stages``, not indented.

    Args:
        stages: Of the network.
        names: What each block and mixer is called in the file, by its kind and name on the shelf.
        choices: The values that their keywords take; those with one value are no keywords in the file.
    """
    shared: dict[str, str] = {}
    blocks = [_block(stage, names, choices, shared) for stage in stages]
    for stage, block in zip(stages, blocks, strict=True):
        if blocks.count(block) > 1 and "(" in block and block not in shared:
            shared[block] = _unique(f"{_bare(stage.mixer or stage.block)}_block", shared)
    rows = [
        f"    ({shared.get(block, block)}, {stage.channels}, {stage.depth}, {stage.stride}),"
        for stage, block in zip(stages, blocks, strict=True)
    ]
    bound = "\n".join(f"{name} = {value}" for value, name in shared.items())
    return _TABLE.format(shared=bound, rows="\n".join(rows)).strip()


def _block(stage: Stage, names: Mapping[str, str], choices: Choices, shared: dict[str, str]) -> str:
    """Return the expression for the block of a stage; a mixer with choices gets a name in `shared`."""
    of_block, of_mixer = routed(stage)
    block = varying(choices[f"block {stage.block}"], of_block)
    arguments = {name: repr(value) for name, value in block.items()}
    if stage.mixer is not None:
        chosen = varying(choices[f"mixer {stage.mixer}"], of_mixer)
        mixer = _partial(names[f"mixer {stage.mixer}"], {k: repr(v) for k, v in chosen.items()})
        if chosen and mixer not in shared:
            shared[mixer] = _unique("_".join([_bare(stage.mixer), *map(_short, chosen.items())]), shared)
        arguments = {"mixer": shared.get(mixer, mixer), **arguments}
    return _partial(names[f"block {stage.block}"], arguments)


def _partial(name: str, arguments: Mapping[str, str]) -> str:
    if not arguments:
        return name
    return f"partial({name}, {', '.join(f'{k}={v}' for k, v in arguments.items())})"


def _short(option: tuple[str, Any]) -> str:
    """Return a choice in few letters, for example ``k5`` for a kernel of 5."""
    name, value = option
    if isinstance(value, bool):
        return name if value else f"not_{name}"
    return f"{name[0]}{value}" if isinstance(value, int) else str(value)


def _bare(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _unique(wish: str, shared: Mapping[str, str]) -> str:
    """Return an identifier like `wish` that has no other meaning yet."""
    base = re.sub(r"\W", "_", wish)
    names = (base if number == 1 else f"{base}_{number}" for number in count(1))
    return next(name for name in names if name not in shared.values())
