"""`SharedLayout`: the names and sizes of the tensors that the networks of a space share; holds no numbers."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from torch import nn

from search_spaces.architecture import Architecture
from search_spaces.elastic.block_weights import Weight
from search_spaces.elastic.largest_rows import rows_of_largest
from search_spaces.elastic.sharing import own_channels
from search_spaces.elastic.slices import Parts, Slice, slice_of
from search_spaces.elastic.templates import Template, Templates
from search_spaces.errors import ArchitectureError, SpaceError
from search_spaces.space import SearchSpace

_MOST_NETWORKS: Final = 512  # that are kept, some 50 KiB each
_ADVICE: Final = "Say what nests in its block or mixer, as search_spaces.options.Nesting describes."


class SharedLayout:
    """Which tensors the networks of a space share, and where the weights of each network lie in them.

    Args:
        space: Space of the networks.
        num_classes: Class scores of the head.
        in_channels: Channels of an image.

    Attributes:
        largest: Networks that together hold the largest form of every weight, the widest first.
        layers: Class of the layer that each shared tensor stands in, by name.

    Raises:
        SpaceError: if a block or mixer says wrongly how its weights nest.
    """

    def __init__(self, space: SearchSpace, *, num_classes: int, in_channels: int) -> None:
        self.space: Final = space
        self._templates = Templates(space, num_classes=num_classes, in_channels=in_channels)
        self._networks: OrderedDict[Architecture, tuple[Template, dict[str, Slice]]] = OrderedDict()
        self._parts: dict[str, tuple[Parts, ...]] = {}
        self._slices: dict[Weight, Slice] = {}
        self.layers: Final[dict[str, type[nn.Module]]] = {}
        self.largest: Final = self._largest()
        for architecture in self.largest:
            for weight in self._templates.of(architecture).weights.values():
                self._grow(weight)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each shared tensor by name."""
        return {key: tuple(map(sum, parts)) for key, parts in self._parts.items()}

    @property
    def params(self) -> int:
        """The number of entries of all shared tensors."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def network(self, architecture: Architecture) -> tuple[Template, dict[str, Slice]]:
        """Return a network without numbers, and where each of its weights lies, by its path.

        Raises:
            ArchitectureError: if the space does not hold the network.
        """
        found = self._networks.get(architecture)
        if found is not None:
            self._networks.move_to_end(architecture)
            return found
        codes = self.space.codes
        try:
            row = codes.code_of(architecture)
        except ArchitectureError as error:
            raise ArchitectureError(
                f"The shared weights are of the space '{self.space.name}', which does not hold the "
                f"architecture {architecture.fingerprint}: expected one of its networks."
            ) from error
        template = self._templates.of(codes.at(row))  # another space may write equal blocks otherwise
        slices = {path: self._slice(path, weight) for path, weight in template.weights.items()}
        found = self._networks[architecture] = (template, slices)
        if len(self._networks) > _MOST_NETWORKS:
            self._networks.popitem(last=False)
        return found

    def _slice(self, path: str, weight: Weight) -> Slice:
        known = self._slices.get(weight)
        if known is None:
            try:
                large = self._parts[weight.key]
                known = slice_of(weight.key, large, weight.parts, kernel_from=weight.kernel_from)
            except (KeyError, ValueError) as error:
                raise SpaceError(
                    f"The weight '{path}' of a network in '{self.space.name}' is no part of a larger one's: "
                    f"{error}. {_ADVICE}"
                ) from error
            self._slices[weight] = known
        return known

    def _grow(self, weight: Weight) -> None:
        """Let the shared tensor of a weight hold it."""
        known = self._parts.setdefault(weight.key, weight.parts)
        self.layers.setdefault(weight.key, weight.layer)
        if list(map(len, known)) != list(map(len, weight.parts)):
            raise SpaceError(
                f"The weights '{weight.key}' of '{self.space.name}' have the parts {known} and "
                f"{weight.parts}: expected as many in each network. {_ADVICE}"
            )
        self._parts[weight.key] = tuple(
            tuple(map(max, zip(a, b, strict=True))) for a, b in zip(known, weight.parts, strict=True)
        )

    def _largest(self) -> list[Architecture]:
        """Return the networks in which each shared tensor has its largest form.

        Equal stages hold those of all their networks at the largest depth; where blocks differ with the depth
        or each width has weights of its own, further networks hold what the others lack.
        """
        codes = self.space.codes
        items = [
            [menu.index(item) for item in stage.largest]
            for stage, menu in zip(self._templates.stages, codes.menus, strict=True)
        ]
        found: dict[Architecture, None] = {}
        seen: set[object] = set()
        owned_first = any(self._templates.own_first) or any(
            self._templates.widens(block) for forms in codes.forms for block in forms.blocks
        )
        for row, needed in rows_of_largest(codes, items, owned_first=owned_first):
            network = codes.at(row)
            parts = set(_parts(network, self._templates))
            if needed or not parts <= seen:
                found[network] = None
            seen |= parts
        return list(found)


def _parts(network: Architecture, templates: Templates) -> Iterator[object]:
    """Yield what tells the shared tensors of a network apart: place, choices, channels if they matter."""
    before = dict(network.options).get("stem_channels")
    for number, stage in enumerate(network.stages):
        position = 0
        for run in stage.runs:
            own = any(own_channels(run))
            for _ in range(run.depth):
                first = position == 0
                pair = (before if first else run.channels, run.channels)
                owned = own or (first and templates.own_first[number])
                further = first and pair[0] != pair[1] and templates.widens(run)
                yield number, position, run.block, run.options, pair if owned or further else None
                position += 1
        before = stage.channels
