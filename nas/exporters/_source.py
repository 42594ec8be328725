"""Assembles the one file of plain PyTorch that builds a network."""

from itertools import accumulate
from operator import mul

from nas.exporters._about import about
from nas.exporters._composing import compose
from nas.exporters._delivery import Delivery
from nas.exporters._factory import factory
from nas.exporters._formatting import formatted
from nas.exporters._lifting import Import, Lifted, lift
from nas.exporters._merging import import_lines, merge
from nas.exporters._surface import Surface
from search_spaces.blocks import BLOCKS
from search_spaces.counting import stem_tape
from search_spaces.errors import ExportError
from search_spaces.layers import Map
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS


def source(delivery: Delivery) -> str:
    """Return the file that builds the network of a delivery, formatted.

    Raises:
        ExportError: if a class cannot be lifted, or the name is one that the file needs itself.
    """
    parts = _parts(delivery)
    surface = lift(Surface, frozenset() if delivery.deploys else frozenset({"switch_to_deploy"}))
    taken = {delivery.name, *(d.name for one in parts.values() for d in one.definitions)}
    class_name = _class_name(delivery.name, taken)
    network = lift(NETWORKS[delivery.architecture.network], frozenset(vars(Surface)) - {"__init__"})
    parts["network"] = compose(network, surface, _facts(delivery), class_name)
    definitions, names = merge(list(parts.values()))
    build = factory(delivery, class_name, dict(zip(parts, names, strict=True)))
    imports = [i for one in parts.values() for i in one.imports]
    imports += [Import(module="functools", name="partial", bound="partial")] * ("partial(" in build)
    _check_name(delivery.name, {i.bound for i in imports} | set(names))
    return formatted("\n".join([about(delivery), "", *import_lines(imports), *definitions, build]))


def _parts(delivery: Delivery) -> dict[str, Lifted]:
    """Return the source of each mixer and block of the network."""
    stages = delivery.architecture.stages
    mixers = sorted({s.mixer for s in stages if s.mixer is not None})
    found = {f"mixer {name}": lift(MIXERS[name]) for name in mixers}
    return found | {f"block {name}": lift(BLOCKS[name]) for name in sorted({s.block for s in stages})}


def _class_name(name: str, taken: set[str]) -> str:
    """Return the name in camel case, and other than those that the file has already."""
    camel = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    return f"{camel}Network" if camel in taken else camel


def _check_name(name: str, taken: set[str]) -> None:
    if name in taken:
        raise ExportError(f"Cannot call the network '{name}': its file needs that name itself. Take another.")


def _facts(delivery: Delivery) -> dict[str, str]:
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
