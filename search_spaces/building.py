"""Builds the network that an architecture describes."""

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final, cast

from torch import nn

from search_spaces.architecture import Architecture, Stage
from search_spaces.blocks import BLOCKS
from search_spaces.errors import ArchitectureError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS

# Bound by what surrounds a module, never chosen among its options.
_GIVEN: Final = frozenset({"stride", "mixer", "num_classes", "in_channels"})


def build(architecture: Architecture, *, num_classes: int, in_channels: int = 3) -> nn.Module:
    """Return the network as it is trained, [b, in_channels, r, r] -> [b, num_classes].

    Its weights are drawn from torch's default generator, which the caller seeds.

    Raises:
        ArchitectureError: if a block, a mixer or the skeleton does not take an option it is given, or
            nothing of the image is left after the last stage.
    """
    # Counting knows strides and reads options as this module does, so it stands above.
    from search_spaces.counting import check_size  # noqa: PLC0415

    check_size(architecture)
    network = NETWORKS[architecture.network]
    stages = [(block_factory(s), s.channels, s.depth, s.stride) for s in architecture.stages]
    try:
        return network(stages, num_classes=num_classes, in_channels=in_channels, **dict(architecture.options))
    except (TypeError, ValueError) as error:
        raise ArchitectureError(f"Cannot build this architecture: {error}.") from error


def block_factory(stage: Stage) -> Any:
    """Return the block of a stage with every choice bound but its channels and stride."""
    block_options, mixer_options = routed(stage)
    if stage.mixer is not None:
        block_options["mixer"] = partial(MIXERS[stage.mixer], **mixer_options)
    return partial(BLOCKS[stage.block], **block_options)


def routed(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a stage that its block takes and those that its mixer takes.

    What is left out gets the default, so that both dicts are complete; ``mixer`` is in neither.

    Raises:
        ArchitectureError: if nobody takes an option.
    """
    of_block = keywords(BLOCKS[stage.block])
    of_mixer = keywords(MIXERS[stage.mixer]) if stage.mixer is not None else {}
    given = {k: v for k, v in stage.options if k != "mixer"}
    for name in given:
        if name not in of_block and name not in of_mixer:
            raise ArchitectureError(
                f"Stage '{stage.block}' with mixer '{stage.mixer}' got the option '{name}': "
                f"expected one of {', '.join(sorted({*of_block, *of_mixer})) or 'none'}."
            )
    return (
        {k: given.get(k, default) for k, default in of_block.items()},
        {k: given.get(k, default) for k, default in of_mixer.items()},
    )


def keywords(module: type[nn.Module]) -> dict[str, Any]:
    """Return what can be chosen of a block, mixer or skeleton: its keywords with their defaults."""
    return dict(_keywords(cast("Callable[..., nn.Module]", module)))


@cache
def _keywords(module: Callable[..., nn.Module]) -> dict[str, Any]:
    parameters = inspect.signature(module).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _GIVEN}
