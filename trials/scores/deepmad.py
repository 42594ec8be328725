"""DeepMAD: the entropy that the layers of a network could carry, from their sizes alone.

Shen et al., 2023, https://arxiv.org/abs/2303.02165, with the weights of its published code: a layer from
c_in channels by a k x k kernel in g groups has the width w = c_in k^2 / g. A level is what runs at one size
of map; up to the end of level i, whose maps have C_i channels and r_i x r_i positions, the entropy is

    H_i = log(r_i^2 C_i) * sum of log(w) / 2 over the layers so far,

the score is sum_i a_i H_i - 10 exp(std of the levels' numbers of blocks), a_i being 8 for the last level
and 1 else. Beside it stands the effectiveness rho = L / (geometric mean of the widths of the L layers): the
paper keeps it below 0.3 to 0.5, where deep networks can still be trained. It is reported and limits
nothing.

Deviations and extensions: written for lists of convolutions in five stages, it is defined here for every
network that lists its layers. Of parallel paths the one with the largest sum counts, once, in the form
after re-parameterisation. Depthwise convolutions have the width k^2 (g = c_in). Linear layers and the
projections of an attention are 1 x 1 convolutions; its product with the softmax is a weighted mean, which
has no width and adds nothing. Gates that start from a mean over the whole map are left out, as the paper
leaves out squeeze-and-excite. Blocks are those that do something.
"""

import math
from collections.abc import Iterator, Mapping
from statistics import pstdev
from typing import NamedTuple

from search_spaces.architecture import Architecture
from search_spaces.counting import block_tape, stage_layers, stem_tape
from search_spaces.graph_counts import architecture_counts
from search_spaces.tape import Layer, Map, Tape
from trials.scores import LayerScore

_LAST_LEVEL = 8.0
_PENALTY = 10.0


class _Path(NamedTuple):
    """Layers one after another: the sum of the logarithms of their widths, and how many they are."""

    log_widths: float
    layers: int


class _Part(NamedTuple):
    """The stem or one block: its longest path, the map that leaves it, and its stage, 0 for the stem."""

    path: _Path
    leaves: Map
    stage: int


class DeepMAD(LayerScore):
    """Weighted entropy of the levels less a penalty for levels of uneven depth."""

    def value(self, architecture: Architecture, *, num_classes: int, in_channels: int) -> float:
        """Return the score of a network, see `LayerScore.value`."""
        parts = list(_parts(architecture, in_channels))
        ends = [
            i for i, part in enumerate(parts) if i + 1 == len(parts) or _side(parts[i + 1]) != _side(part)
        ]
        entropies = [
            math.log(parts[end].leaves.elements) * sum(p.path.log_widths for p in parts[: end + 1]) / 2
            for end in ends
        ]
        weighted = sum(entropies) + (_LAST_LEVEL - 1) * entropies[-1]
        depths = _blocks_of_levels(architecture, parts, num_classes=num_classes, in_channels=in_channels)
        return weighted - _PENALTY * math.exp(pstdev(depths))

    def beside(
        self, architecture: Architecture, *, num_classes: int, in_channels: int
    ) -> Mapping[str, float]:
        """Return the effectiveness, by the name ``effectiveness``."""
        del num_classes
        paths = [part.path for part in _parts(architecture, in_channels)]
        layers = sum(path.layers for path in paths)
        mean_log_width = sum(path.log_widths for path in paths) / max(layers, 1)
        return {"effectiveness": layers / math.exp(mean_log_width)}


def _side(part: _Part) -> int:
    return int(part.leaves.height)


def _parts(architecture: Architecture, in_channels: int) -> Iterator[_Part]:
    """Yield the stem and every block in the order in which they run."""
    side = architecture.resolution
    tape, x = stem_tape(architecture, Map(in_channels, side, side), deploy=True)
    yield _Part(_longest(tape, x), x, 0)
    for number, stage in enumerate(architecture.stages, 1):
        for run in stage.runs:
            layers = stage_layers(run, deploy=True)
            for index in range(run.depth):
                tape, x = block_tape(layers, x, run.channels, run.stride if index == 0 else 1)
                yield _Part(_longest(tape, x), x, number)


def _blocks_of_levels(
    architecture: Architecture, parts: list[_Part], *, num_classes: int, in_channels: int
) -> list[int]:
    """Return how many blocks of each level do something; the stem is none."""
    counts = architecture_counts(architecture, num_classes=num_classes, in_channels=in_channels)
    levels: dict[int, int] = {}
    for number in range(1, len(architecture.stages) + 1):
        side = next(_side(part) for part in parts if part.stage == number)
        levels[side] = levels.get(side, 0) + int(counts[f"stage{number}.blocks"])
    return list(levels.values())


def _longest(tape: Tape, leaves: Map) -> _Path:
    """Return the path with the largest sum through the layers on a tape."""
    paths: dict[Map, _Path | None] = {}  # by the map that owns the memory; None for what comes of a mean
    for layer in tape.layers:
        read = [paths.get(map_.storage, _Path(0.0, 0)) for map_ in layer.reads]
        path = max((path for path in read if path is not None), default=None)
        if layer.kind == "pool":
            path = None
        elif path is not None and layer.kind in {"conv", "linear"}:
            path = _Path(path.log_widths + math.log(_width(layer)), path.layers + 1)
        paths[layer.reads[0].storage if layer.writes is None else layer.writes] = path
    return paths.get(leaves.storage, _Path(0.0, 0)) or _Path(0.0, 0)


def _width(layer: Layer) -> float:
    """Return the multiplications of one element that a convolution or linear layer writes."""
    return float(layer.macs) / float(layer.activations)


SCORE = DeepMAD()
