"""Assembles the exported module: one file of plain PyTorch that defines and builds a network."""

from collections.abc import Callable, Mapping
from inspect import getsource
from itertools import accumulate
from operator import mul
from typing import Final

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
from search_spaces.building import in_turn
from search_spaces.counting import stem_tape
from search_spaces.errors import ExportError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.tape import Map

_IMPORTED: Final = frozenset({"Any", "Callable", "F", "Iterable", "Path", "SelectAdaptivePool2d", "Tensor"})


def source(exported: ExportedNetwork) -> str:
    """Return the formatted source of the exported module.

    Raises:
        ExportError: if a class cannot be extracted, or the file itself needs the name of the network.
    """
    choices = choices_of(exported.architecture)
    parts = _parts(exported, choices)
    called_class = class_name(exported, parts)
    timm_methods = extract_class(
        TimmMethods, without=frozenset() if exported.deploys else frozenset({"switch_to_deploy"})
    )
    skeleton = NETWORKS[exported.architecture.network]
    network = extract_class(skeleton, choices["network"], frozenset(vars(TimmMethods)) - {"__init__"})
    names = dict(zip(parts, merge(list(parts.values()))[1], strict=True))
    table = stage_table(exported.architecture.stages, names, choices)
    parts["network"] = compose(network, timm_methods, table, _facts(exported), called_class)
    definitions, called = merge(list(parts.values()))
    imports = [i for one in parts.values() for i in one.imports]
    imports += [Import(module="functools", name="partial", bound="partial")] * ("partial(" in table)
    taken = {i.bound for i in imports} | set(called)
    if "in_turn(" in table:
        imports.append(Import(module="collections.abc", name="Callable", bound="Callable"))
        definitions.insert(0, getsource(in_turn))
        taken |= {"in_turn"}
    check_name(exported.name, taken)
    written = [about(exported), "", *import_lines(imports), *definitions, factory(exported, called_class)]
    return formatted("\n".join(written))


def _parts(exported: ExportedNetwork, choices: Choices) -> dict[str, ExtractedClass]:
    """Return the extracted class of each mixer and block of the network."""
    stages = [run for stage in exported.architecture.stages for run in stage.runs]
    mixers = sorted({s.mixer for s in stages if s.mixer is not None})
    modules: dict[str, Callable[..., nn.Module]] = {f"mixer {name}": MIXERS[name] for name in mixers}
    modules |= {f"block {name}": BLOCKS[name] for name in sorted({s.block for s in stages})}
    return {part: extract_class(module, choices[part]) for part, module in modules.items()}


def class_name(exported: ExportedNetwork, parts: Mapping[str, ExtractedClass] | None = None) -> str:
    """Return the name of the class: the network's in camel case, with a suffix if its file has that already.

    Args:
        exported: Exported network.
        parts: Extracted class of each mixer and block; None to extract them.
    """
    known = _parts(exported, choices_of(exported.architecture)) if parts is None else parts
    taken = {exported.name, *_IMPORTED, *(d.name for one in known.values() for d in one.definitions)}
    camel = "".join(word[:1].upper() + word[1:] for word in exported.name.split("_"))
    return f"{camel}Network" if camel in taken else camel


def check_name(name: str, taken: set[str]) -> None:
    """Check that a network's file does not use the name of the network itself.

    Raises:
        ExportError: if it does.
    """
    if name in taken:
        raise ExportError(
            f"Cannot call the network '{name}': its file uses that name itself. Choose another."
        )


def _facts(exported: ExportedNetwork) -> dict[str, str]:
    """Return the source of the values of the attributes that `TimmMethods` declares."""
    return {
        "num_features": repr(exported.num_features),
        "channels": repr(tuple(stage.channels for stage in exported.architecture.stages)),
        "reductions": repr(reductions(exported)),
    }


def reductions(exported: ExportedNetwork) -> tuple[int, ...]:
    """Return the stride of the map after each stage, in pixels of the image."""
    channels, side, _ = exported.shape
    stem = stem_tape(exported.architecture, Map(channels, side, side), deploy=True)[1]
    strides = accumulate(
        (s.stride for s in exported.architecture.stages), mul, initial=-(-side // int(stem.height))
    )
    return tuple(strides)[1:]
