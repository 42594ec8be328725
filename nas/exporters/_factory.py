"""Writes the function that builds one network, with its stages as a table."""

import re
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from nas.exporters._delivery import Delivery
from search_spaces.architecture import Stage
from search_spaces.building import keywords, routed
from search_spaces.networks import NETWORKS

_HEAD: Final = '''
def {name}(
    num_classes: int = {num_classes},
    in_channels: int = {in_channels},
    *,
    features_only: bool = False,
{deploy_parameter}
) -> {class_name}:
    """Return the network with fresh weights: [b, {in_channels}, {side}, {side}] -> [b, {num_classes}].

    Args:
        num_classes: Scores for each image.
        in_channels: Channels of an image.
        features_only: Whether it returns the maps after all stages instead of scores.
{deploy_argument}    """
'''
_DEPLOY_ARGUMENT: Final = "        deploy: Whether it has the form for inference only.\n"
_BODY: Final = """{shared}
    stages = [
        # block, channels, depth, stride of the first
{stages}
    ]
    network = {class_name}(stages, num_classes=num_classes, in_channels=in_channels{options})
    network.features_only = features_only
    return {returned}
"""


def factory(delivery: Delivery, class_name: str, names: Mapping[str, str]) -> str:
    """Return the source of the function that builds the network.

    Args:
        delivery: What it builds.
        class_name: Of what it returns.
        names: What each block and mixer is called in the file, by its kind and name on the shelf.
    """
    head = _HEAD.format(
        name=delivery.name,
        class_name=class_name,
        num_classes=delivery.num_classes,
        in_channels=delivery.in_channels,
        side=delivery.architecture.resolution,
        deploy_parameter=f"    deploy: bool = {delivery.deploy}," if delivery.deploys else "",
        deploy_argument=_DEPLOY_ARGUMENT if delivery.deploys else "",
    )
    return head + _body(delivery, class_name, names)


def _body(delivery: Delivery, class_name: str, names: Mapping[str, str]) -> str:
    stages = delivery.architecture.stages
    shared: dict[str, str] = {}
    blocks = [_block(stage, names, shared) for stage in stages]
    for stage, block in zip(stages, blocks, strict=True):
        if blocks.count(block) > 1 and "(" in block and block not in shared:
            shared[block] = _unique(f"{_bare(stage.mixer or stage.block)}_block", shared)
    table = [
        f"        ({shared.get(block, block)}, {stage.channels}, {stage.depth}, {stage.stride}),"
        for stage, block in zip(stages, blocks, strict=True)
    ]
    network = NETWORKS[delivery.architecture.network]
    options = {**keywords(network), **dict(delivery.architecture.options)}
    return _BODY.format(
        class_name=class_name,
        shared="\n".join(f"    {name} = {value}" for value, name in shared.items()),
        stages="\n".join(table),
        options="".join(f", {name}={value!r}" for name, value in options.items()),
        returned="network.switch_to_deploy() if deploy else network" if delivery.deploys else "network",
    )


def _block(stage: Stage, names: Mapping[str, str], shared: dict[str, str]) -> str:
    """Return the expression for the block of a stage; a mixer with choices gets a name in `shared`."""
    of_block, of_mixer = routed(stage)
    arguments = {name: repr(value) for name, value in of_block.items()}
    if stage.mixer is not None:
        mixer = _partial(names[f"mixer {stage.mixer}"], {k: repr(v) for k, v in of_mixer.items()})
        if of_mixer and mixer not in shared:
            shared[mixer] = _unique("_".join([_bare(stage.mixer), *map(_short, of_mixer.items())]), shared)
        arguments = {"mixer": shared.get(mixer, mixer), **arguments}
    return _partial(names[f"block {stage.block}"], arguments)


def _partial(name: str, arguments: Mapping[str, str]) -> str:
    if not arguments:
        return name
    return f"partial({name}, {', '.join(f'{k}={v}' for k, v in arguments.items())})"


def _short(option: tuple[str, Any]) -> str:
    """Return a choice in few letters, for example ``k5`` for a kernel of 5."""
    name, value = option
    return f"{name[0]}{value}" if isinstance(value, int) else str(value)


def _bare(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _unique(wish: str, shared: Mapping[str, str]) -> str:
    """Return an identifier like `wish` that has no other meaning yet."""
    base = re.sub(r"\W", "_", wish)
    names = (base if number == 1 else f"{base}_{number}" for number in count(1))
    return next(name for name in names if name not in shared.values())
