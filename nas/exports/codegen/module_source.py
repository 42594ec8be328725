"""Assembles the one file of plain PyTorch that builds a network."""

from collections.abc import Callable
from itertools import accumulate
from operator import mul

from torch import nn

from nas.exports.codegen.definitions import Import, Lifted
from nas.exports.codegen.extract import lift
from nas.exports.codegen.factory_function import factory
from nas.exports.codegen.merge import import_lines, merge
from nas.exports.codegen.module_docstring import about
from nas.exports.codegen.network_class import compose
from nas.exports.codegen.option_values import Choices, choices_of
from nas.exports.codegen.ruff_format import formatted
from nas.exports.codegen.stage_table import stage_table
from nas.exports.codegen.timm_methods import Surface
from nas.exports.exported_network import ExportedNetwork
from search_spaces.blocks import BLOCKS
from search_spaces.counting import stem_tape
from search_spaces.errors import ExportError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.tape import Map


def source(delivery: ExportedNetwork) -> str:
    """Return the file that builds the network of a delivery, formatted.

    Raises:
        ExportError: if a class cannot be lifted, or the name is one that the file needs itself.
    """
    choices = choices_of(delivery.architecture)
    parts = _parts(delivery, choices)
    surface = lift(Surface, without=frozenset() if delivery.deploys else frozenset({"switch_to_deploy"}))
    taken = {delivery.name, *(d.name for one in parts.values() for d in one.definitions)}
    class_name = _class_name(delivery.name, taken)
    skeleton = NETWORKS[delivery.architecture.network]
    network = lift(skeleton, choices["network"], frozenset(vars(Surface)) - {"__init__"})
    names = dict(zip(parts, merge(list(parts.values()))[1], strict=True))
    table = stage_table(delivery.architecture.stages, names, choices)
    parts["network"] = compose(network, surface, table, _facts(delivery), class_name)
    definitions, called = merge(list(parts.values()))
    imports = [i for one in parts.values() for i in one.imports]
    imports += [Import(module="functools", name="partial", bound="partial")] * ("partial(" in table)
    _check_name(delivery.name, {i.bound for i in imports} | set(called))
    written = [about(delivery), "", *import_lines(imports), *definitions, factory(delivery, class_name)]
    return formatted("\n".join(written))


def _parts(delivery: ExportedNetwork, choices: Choices) -> dict[str, Lifted]:
    """Return the source of each mixer and block of the network."""
    stages = delivery.architecture.stages
    mixers = sorted({s.mixer for s in stages if s.mixer is not None})
    modules: dict[str, Callable[..., nn.Module]] = {f"mixer {name}": MIXERS[name] for name in mixers}
    modules |= {f"block {name}": BLOCKS[name] for name in sorted({s.block for s in stages})}
    return {part: lift(module, choices[part]) for part, module in modules.items()}


def _class_name(name: str, taken: set[str]) -> str:
    """Return the name in camel case, and other than those that the file has already."""
    camel = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    return f"{camel}Network" if camel in taken else camel


def _check_name(name: str, taken: set[str]) -> None:
    if name in taken:
        raise ExportError(f"Cannot call the network '{name}': its file needs that name itself. Take another.")


def _facts(delivery: ExportedNetwork) -> dict[str, str]:
    """Return the values of the attributes that the surface declares."""
    stages = delivery.architecture.stages
    channels, side, _ = delivery.shape
    stem = stem_tape(delivery.architecture, Map(channels, side, side))[1]
    strides = accumulate((s.stride for s in stages), mul, initial=-(-side // int(stem.height)))
    return {
        "num_features": repr(delivery.num_features),
        "channels": repr(tuple(stage.channels for stage in stages)),
        "reductions": repr(tuple(strides)[1:]),
    }
