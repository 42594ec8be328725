"""Parameter names of other libraries: what each parameter of a published network is called there.

One file for each way of naming, which binds ``NAMES``; an entry point of the group
``trials.pretrained.names`` adds one from another package. A file says which published networks it can name,
by what it is recognised, and how it calls each `Part` of a network. The contract tests compare
the outputs with the library's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from torch import nn

from search_spaces.architecture import Option
from search_spaces.shelf import Shelf
from trials.pretrained.usual_preprocessing import Normalisation


@dataclass(frozen=True, slots=True)
class Part:
    """A part of one of our networks that holds parameters of its own.

    Attributes:
        path: Path of the module in our network; a bare parameter is a part of its own.
        role: What it is, whatever number it has there: ``stem``, ``stem_norm``, ``expand``, ``expand_norm``,
            ``depthwise``, ``depthwise_norm``, ``reduce``, ``gate``, ``project``, ``project_norm``, ``final``,
            ``final_norm``, ``hidden``, ``last_norm``, ``head`` or ``second_head``; in blocks of other kinds,
            and behind the first convolution of a stem, the path there.
        block: Number of its block in the network, from 0; None outside of blocks.
        stage: Number of its stage; None outside.
        expands: Whether its block is an inverted residual that widens first.
        gated: Whether its block is one that has a gate.
    """

    path: str
    role: str
    block: int | None = None
    stage: int | None = None
    expands: bool = False
    gated: bool = False


class Naming(ABC):
    """A way to name the parameters of published networks."""

    families: ClassVar[tuple[str, ...]]
    """Beginnings of the names of the published networks that it names."""

    library: ClassVar[str]
    """Name of the library."""

    @abstractmethod
    def recognises(self, keys: Collection[str]) -> bool:
        """Return whether these parameter names are of this kind."""

    def overrides(self, reference: str, name: str) -> Mapping[str, Option]:
        """Return the options of the network's blocks and skeleton by which it differs from the published one.

        Weights that TensorFlow trained need its padding, and its batch norms add more to the variance.

        Args:
            reference: Name of the published network.
            name: Path of the file or name of the model, which alone may say so.
        """
        del reference, name
        return {}

    def note(self, reference: str, name: str) -> str:
        """Return which of these options the name decided, a sentence; empty if it decided none.

        Args:
            reference: Name of the published network.
            name: As for `overrides`.
        """
        del reference, name
        return ""

    def normalisation(self, reference: str, name: str) -> Normalisation | None:
        """Return mean and deviation by which images are usually normalised for weights of this name.

        Args:
            reference: Name of the published network.
            name: As for `overrides`.

        Returns:
            None where they are those of the published network.
        """
        del reference, name
        return None

    @abstractmethod
    def paths(self, parts: Sequence[Part], keys: Collection[str]) -> dict[str, str]:
        """Return the name there of each part, by its path here.

        Args:
            parts: The parts of one of our networks, in order.
            keys: All names of the parameters there.

        Raises:
            LookupError: if there is a part that it has no name for.
        """


NAMES: Final[Shelf[Naming]] = Shelf(__name__, "NAMES", "way of naming parameters", Naming)

_INVERTED: Final = ("expand", "depthwise", "project")
_STEM: Final = {"0": "stem", "1": "stem_norm"}


def parts_of(network: nn.Module, blocks: Sequence[str]) -> list[Part]:
    """Return the parts of one of our networks in order.

    Args:
        network: Network that `search_spaces.build` made.
        blocks: Name of the block of each stage.
    """
    parts = [Part(f"stem.{path}", role) for path, role in _stem(network)]
    number = 0
    for s, name in enumerate(blocks):
        for b, block in enumerate(network.get_submodule(f"stages.{s}").children()):
            start = f"stages.{s}.{b}"
            found = _inverted(block) if name == "inverted_residual" else [(p, p) for p in _own(block)]
            roles = {role for _, role in found}
            parts += [
                Part(f"{start}.{path}", role, number, s, "expand" in roles, "gate" in roles)
                for path, role in found
            ]
            number += 1
    neck = _own(network.get_submodule("neck"))
    parts += [Part(f"neck.{path}", role) for path, role in zip(neck, _neck(network), strict=True)]
    further = [path for path in _own(network.get_submodule("head")) if path not in {"weight", "bias"}]
    heads = [Part(f"head.{path}", "second_head" if path == "second" else f"head.{path}") for path in further]
    return [*parts, Part("head", "head"), *heads]


def _stem(network: nn.Module) -> list[tuple[str, str]]:
    """Return path and role of the parts of the stem."""
    return [(path, _STEM.get(path, f"stem.{path}")) for path in _own(network.get_submodule("stem"))]


def _own(module: nn.Module) -> list[str]:
    """Return the paths of parameters' owners; a parameter of the module itself is listed by its name."""
    own = [name for name, _ in module.named_parameters(recurse=False)]
    return own + [
        path for path, part in module.named_modules() if path and list(part.parameters(recurse=False))
    ]


def _inverted(block: nn.Module) -> list[tuple[str, str]]:
    """Return path and role of the parts of an inverted residual."""
    body = list(block.get_submodule("body").named_children())
    convolutions = [(i, part) for i, (_, part) in enumerate(body) if isinstance(part, nn.Conv2d)]
    roles = _INVERTED if len(convolutions) == len(_INVERTED) else _INVERTED[1:]
    found = []
    for role, (i, _) in zip(roles, convolutions, strict=True):
        found += [(f"body.{i}", role), (f"body.{i + 1}", f"{role}_norm")]
    for name, part in body:
        if hasattr(part, "reduce"):
            found += [(f"body.{name}.reduce", "reduce"), (f"body.{name}.expand", "gate")]
    return found


def _neck(network: nn.Module) -> list[str]:
    """Return the roles of the parts of the neck, whose layers behind the pooling have others."""
    roles, pooled = [], False
    for part in network.get_submodule("neck").children():
        pooled = pooled or isinstance(part, nn.AdaptiveAvgPool2d)
        if isinstance(part, nn.Conv2d):
            roles.append("hidden" if pooled else "final")
        elif list(part.parameters(recurse=False)):
            roles.append("last_norm" if pooled else "final_norm")
    return roles
