"""Gives a network what fits of a donor's weights, whose kernels, widths, depths or classes may differ.

Kernels are cropped to their centre or padded with zeros. Of wider maps the most important channels are
taken, the same ones wherever a residual path or a depthwise convolution ties them together; of narrower ones
all, and what reads the new channels begins at zero. Blocks inherit from the block at the same place of their
stage; further ones begin as copies of the last whose residual path adds nothing yet. The head is new unless
the classes are the donor's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from search_spaces.architecture import Architecture, Stage
from search_spaces.counting import stem_tape
from search_spaces.elastic.block_weights import make_block
from search_spaces.errors import WeightsError
from search_spaces.tape import Map
from trials.pretrained.block_pairs import pairs
from trials.pretrained.channel_spaces import Dims
from trials.pretrained.channel_tracing import channel_spaces
from trials.pretrained.donor import Donor
from trials.pretrained.selection import Segments, Selection, cut
from trials.pretrained.usual_preprocessing import Normalisation

_COLOURS: Final = 3
_HEADS: Final = ("head", "head.second")
_STATISTICS: Final = ("running_mean", "running_var")


@dataclass(frozen=True, slots=True, eq=False)
class Inherited:
    """Initial weights of a network, and how many of its parameters have nothing of the donor.

    Attributes:
        weights: The state dict.
        new: Share of its parameters that could not be inherited, in [0, 1].
        new_head: Whether the head is new, because the classes are others.
    """

    weights: dict[str, Tensor]
    new: float
    new_head: bool


def inherit(
    donor: Donor, network: nn.Module, architecture: Architecture, *, classes: Sequence[str] = ()
) -> Inherited:
    """Return the weights with which a network begins, in part the donor's.

    Args:
        donor: The donor.
        network: The network with random weights, which what is new keeps.
        architecture: Its architecture.
        classes: Names of its classes; rows of the head are inherited where the donor has the same names.

    Raises:
        WeightsError: if its images have other channels than the donor's, neither grey nor colour.
    """
    in_channels = network.get_parameter("stem.0.weight").shape[1]
    given = _of_channels(donor, in_channels)
    source = donor.network()
    spaces = channel_spaces(source, in_channels=donor.in_channels, resolution=donor.architecture.resolution)
    own = channel_spaces(network, in_channels=in_channels, resolution=architecture.resolution)
    segments = _segments(donor.architecture), _segments(architecture)
    selection = Selection(given, spaces)
    weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
    parameters = {name: p.numel() for name, p in network.named_parameters()}
    copied = 0
    found, added = pairs((source, donor.architecture), (network, architecture))
    for pair in found:
        if not _goes_over(given[pair.theirs], weights[pair.ours], pair.ours, parameters):
            continue
        divided = segments[0].get(pair.theirs, {}), segments[1].get(pair.ours, {})
        channels = _channels(selection, spaces[pair.theirs], own[pair.ours], divided)
        weights[pair.ours], count = cut(given[pair.theirs], weights[pair.ours], channels)
        copied += count if pair.ours in parameters and not pair.added else 0
    for block in added:
        _silence(weights, network, block)
    known = _head(donor, given, weights, selection, (spaces, own), classes)
    return Inherited(weights, 1 - (copied + known) / sum(parameters.values()), new_head=not known)


def _of_channels(donor: Donor, in_channels: int) -> dict[str, Tensor]:
    """Return the donor's weights for images of other channels: grey ones show one plane for all colours.

    Raises:
        WeightsError: if the images are neither grey nor colour.
    """
    weights, first = dict(donor.weights), donor.weights["stem.0.weight"]
    if in_channels == donor.in_channels:
        return weights
    if {in_channels, donor.in_channels} != {1, _COLOURS}:
        raise WeightsError(
            f"The weights '{donor.source}' are for images of {donor.in_channels} channels, and these have "
            f"{in_channels}: expected as many, or grey and colour images."
        )
    whole = first.sum(dim=1, keepdim=True)
    weights["stem.0.weight"] = whole if in_channels == 1 else whole.expand(-1, _COLOURS, -1, -1) / _COLOURS
    return weights


def _goes_over(donor: Tensor, fresh: Tensor, name: str, parameters: Mapping[str, int]) -> bool:
    """Return whether a weight or a statistic of a norm can be taken; other buffers only unchanged."""
    if donor.ndim != fresh.ndim:
        return False
    return donor.shape == fresh.shape or name in parameters or name.endswith(_STATISTICS)


def _channels(
    selection: Selection, theirs: Dims, ours: Dims, divided: tuple[dict[int, Segments], dict[int, Segments]]
) -> dict[int, Tensor]:
    """Return which of the donor's channels are taken along the first two dimensions."""
    found = {}
    for dim, (a, b) in enumerate(zip(theirs[:2], ours[:2], strict=True)):
        parts = (divided[0].get(dim), divided[1].get(dim))
        both = None if parts[0] is None or parts[1] is None else (parts[0], parts[1])
        found[dim] = selection.channels(a, b, both)
    return found


def _segments(architecture: Architecture) -> dict[str, dict[int, Segments]]:
    """Return the sizes of the parts of weights that have several along a dimension, by name."""
    found: dict[str, dict[int, Segments]] = {}
    side = architecture.resolution
    width = int(stem_tape(architecture, Map(_COLOURS, side, side), deploy=False)[1].channels)
    for number, stage in enumerate(architecture.stages):
        blocks = [run for run in stage.runs for _ in range(run.depth)]
        for position, block in enumerate(blocks):
            if block.mixer is None:
                continue
            first = position == 0
            weights = _weights_of(block, width if first else stage.channels, stage.stride if first else 1)
            for path, parts in weights.items():
                several = {dim: sizes for dim, sizes in enumerate(parts) if len(sizes) > 1}
                if several:
                    found[f"stages.{number}.{position}.{path}"] = several
        width = stage.channels
    return found


def _weights_of(stage: Stage, in_channels: int, stride: int) -> dict[str, tuple[Segments, ...]]:
    made = make_block(stage, "block", in_channels, stage.channels, stride)
    return {path: weight.parts for path, weight in made.weights.items()}


def _silence(weights: dict[str, Tensor], network: nn.Module, path: str) -> None:
    """Let the residual paths of a block add nothing: their last weights become zero."""
    block = network.get_submodule(path)
    names = [name for name, _ in block.named_parameters()]
    own = [name for name in names if "." not in name]  # a layer scale
    ends = [] if own else [_last(names, ""), _last(names, "mix.")]
    for name in names:
        if name in own or name.rpartition(".")[0] in ends:
            weights[f"{path}.{name}"] = torch.zeros_like(weights[f"{path}.{name}"])


def _last(names: Sequence[str], start: str) -> str:
    """Return the path of the last layer that has weights, among those that begin so."""
    return next((n.rpartition(".")[0] for n in reversed(names) if n.startswith(start)), "")


def _head(
    donor: Donor,
    given: Mapping[str, Tensor],
    weights: dict[str, Tensor],
    selection: Selection,
    spaces: tuple[Mapping[str, Dims], Mapping[str, Dims]],
    classes: Sequence[str],
) -> int:
    """Set the rows of the head whose classes the donor has, if it has all; return the values taken."""
    if not classes or not set(classes) <= set(donor.classes):
        return 0
    rows = torch.tensor([donor.classes.index(name) for name in classes])
    total = 0
    for head in _HEADS:
        name = f"{head}.weight"
        if name not in given or name not in weights:
            continue
        columns = selection.channels(spaces[0][name][1], spaces[1][name][1])
        weights[name], count = cut(given[name], weights[name], {0: rows, 1: columns})
        weights[f"{head}.bias"] = given[f"{head}.bias"][rows].clone()
        total += count + len(rows)
    return total


def renormalised(
    weights: Mapping[str, Tensor], before: Normalisation, after: Normalisation
) -> dict[str, Tensor]:
    """Return weights that give the same answers for images that are normalised otherwise, but at the border.

    The stem's convolution takes over the scale, and the norm or the bias behind it the shift, which zeros
    around an image do not have.

    Args:
        weights: State dict of one of our networks.
        before: Mean and standard deviation of each channel with which it was trained.
        after: Those that its images will have.
    """
    (mean, std), (new_mean, new_std) = (
        [torch.tensor(values, dtype=torch.float64) for values in given] for given in (before, after)
    )
    kernel = weights["stem.0.weight"].double()
    shift = (kernel * ((new_mean - mean) / std)[None, :, None, None]).sum(dim=(1, 2, 3))
    scaled = kernel * (new_std / std)[None, :, None, None]
    moved = {"stem.0.weight": scaled.to(weights["stem.0.weight"].dtype)}
    if "stem.0.bias" in weights:
        moved["stem.0.bias"] = weights["stem.0.bias"] + shift.float()
    elif "stem.1.running_mean" in weights:
        moved["stem.1.running_mean"] = weights["stem.1.running_mean"] - shift.float()
    return {**weights, **moved}
