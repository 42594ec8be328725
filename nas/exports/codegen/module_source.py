"""Assembles the exported module: one file of plain PyTorch that defines and builds a network."""

from collections.abc import Callable
from itertools import accumulate
from operator import mul

from torch import nn

from nas.exports.codegen.definitions import ExtractedClass, Import
from nas.exports.codegen.extract import extract_class
from nas.exports.codegen.factory_function import factory
from nas.exports.codegen.merge import import_lines, merge
from nas.exports.codegen.module_docstring import about
from nas.exports.codegen.network_class import compose
from nas.exports.codegen.option_values import Choices, choices_of
from nas.exports.codegen.ruff_format import formatted
from nas.exports.codegen.stage_table import stage_table
from nas.exports.codegen.timm_methods import TimmMethods
from nas.exports.exported_network import ExportedNetwork
from search_spaces.blocks import BLOCKS
from search_spaces.counting import stem_tape
from search_spaces.errors import ExportError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.tape import Map


def source(exported: ExportedNetwork) -> str:
    """Return the formatted source of the exported module.

    Raises:
        ExportError: if a class cannot be extracted, or the file itself needs the name of the network.
    """
    choices = choices_of(exported.architecture)
    parts = _parts(exported, choices)
    timm_methods = extract_class(
        TimmMethods, without=frozenset() if exported.deploys else frozenset({"switch_to_deploy"})
    )
    taken = {exported.name, *(d.name for one in parts.values() for d in one.definitions)}
    class_name = _class_name(exported.name, taken)
    skeleton = NETWORKS[exported.architecture.network]
    network = extract_class(skeleton, choices["network"], frozenset(vars(TimmMethods)) - {"__init__"})
    names = dict(zip(parts, merge(list(parts.values()))[1], strict=True))
    table = stage_table(exported.architecture.stages, names, choices)
    parts["network"] = compose(network, timm_methods, table, _facts(exported), class_name)
    definitions, called = merge(list(parts.values()))
    imports = [i for one in parts.values() for i in one.imports]
    imports += [Import(module="functools", name="partial", bound="partial")] * ("partial(" in table)
    _check_name(exported.name, {i.bound for i in imports} | set(called))
    written = [about(exported), "", *import_lines(imports), *definitions, factory(exported, class_name)]
    return formatted("\n".join(written))


def _parts(exported: ExportedNetwork, choices: Choices) -> dict[str, ExtractedClass]:
    """Return the extracted class of each mixer and block of the network."""
    stages = exported.architecture.stages
    mixers = sorted({s.mixer for s in stages if s.mixer is not None})
    modules: dict[str, Callable[..., nn.Module]] = {f"mixer {name}": MIXERS[name] for name in mixers}
    modules |= {f"block {name}": BLOCKS[name] for name in sorted({s.block for s in stages})}
    return {part: extract_class(module, choices[part]) for part, module in modules.items()}


def _class_name(name: str, taken: set[str]) -> str:
    """Return the name in camel case, with a suffix if the file already defines that."""
    camel = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    return f"{camel}Network" if camel in taken else camel


def _check_name(name: str, taken: set[str]) -> None:
    if name in taken:
        raise ExportError(
            f"Cannot call the network '{name}': its file uses that name itself. Choose another."
        )


def _facts(exported: ExportedNetwork) -> dict[str, str]:
    """Return the source of the values of the attributes that `TimmMethods` declares."""
    stages = exported.architecture.stages
    channels, side, _ = exported.shape
    stem = stem_tape(exported.architecture, Map(channels, side, side))[1]
    strides = accumulate((s.stride for s in stages), mul, initial=-(-side // int(stem.height)))
    return {
        "num_features": repr(exported.num_features),
        "channels": repr(tuple(stage.channels for stage in stages)),
        "reductions": repr(tuple(strides)[1:]),
    }
