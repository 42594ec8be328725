"""A score that is the number of stages of a network."""

from search_spaces.architecture import Architecture
from trials.scores import LayerScore


class AddedScore(LayerScore):
    """Counts stages."""

    def value(self, architecture: Architecture, *, num_classes: int, in_channels: int) -> float:
        del num_classes, in_channels
        return float(len(architecture.stages))


SCORE = AddedScore()
