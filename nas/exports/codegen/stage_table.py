"""Generates the table of stages from which the class of an exported network builds them."""

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from nas.exports.codegen.option_values import Choices, varying
from search_spaces.architecture import Options, Stage
from search_spaces.options import routed

_TABLE: Final = """{shared}
stages = [
    # block, channels, depth, stride of the first
{rows}
]"""


def stage_table(stages: Sequence[Stage], names: Mapping[str, str], choices: Choices) -> str:
    """Return the lines that assign ``stages``, not indented.

    Args:
        stages: Stages of the network.
        names: Class name of each block and mixer in the file, by ``block NAME`` or ``mixer NAME``.
        choices: Values of their keyword arguments; single-valued ones are not parameters in the file.
    """
    shared: dict[str, str] = {}
    runs = [run for stage in stages for run in stage.runs]
    of_runs = {(run.block, run.options): _block(run, names, choices, shared) for run in runs}
    blocks = [block for stage in stages for block in _one_by_one(stage, of_runs)]
    taking_turns = {b for stage in stages if stage.overrides for b in _one_by_one(stage, of_runs)}
    for run in runs:
        block = of_runs[run.block, run.options]
        several = blocks.count(block) > 1 or block in taking_turns
        if several and "(" in block and block not in shared:
            shared[block] = _unique(f"{_bare(run.mixer or run.block)}_block", shared)
    rows = []
    for stage in stages:
        made = [shared.get(block, block) for block in _one_by_one(stage, of_runs)]
        block = made[0] if len(made) == 1 else f"in_turn({', '.join(made)})"
        rows.append(f"    ({block}, {stage.channels}, {stage.depth}, {stage.stride}),")
    bound = "\n".join(f"{name} = {value}" for value, name in shared.items())
    return _TABLE.format(shared=bound, rows="\n".join(rows)).strip()


def _one_by_one(stage: Stage, of_runs: Mapping[tuple[str, Options], str]) -> list[str]:
    """Return the expression for each block of a stage whose blocks differ, else one for all."""
    if not stage.overrides:
        return [of_runs[stage.block, stage.options]]
    return [block for run in stage.runs for block in [of_runs[run.block, run.options]] * run.depth]


def _block(stage: Stage, names: Mapping[str, str], choices: Choices, shared: dict[str, str]) -> str:
    """Return the expression for the block of a stage; a mixer with arguments gets a name in `shared`."""
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
    """Return an option in few letters, for example ``k5`` for a kernel of 5."""
    name, value = option
    if isinstance(value, bool):
        return name if value else f"not_{name}"
    return f"{name[0]}{value}" if isinstance(value, int) else str(value)


def _bare(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _unique(name: str, shared: Mapping[str, str]) -> str:
    """Return an identifier like `name` that is not used yet."""
    base = re.sub(r"\W", "_", name)
    names = (base if number == 1 else f"{base}_{number}" for number in count(1))
    return next(free for free in names if free not in shared.values())
