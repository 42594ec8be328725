"""Model soups: averages of weights, kept where validation images do not show them to be worse.

Wortsman et al., 2022, "Model soups", https://arxiv.org/abs/2203.05482: of several trainings that began with
the same trained weights. Averages of the last epochs of one training are older (Izmailov et al., 2018,
https://arxiv.org/abs/1803.05407). Batch norms need statistics of their own, see
`trials.training.batchnorm_recalibration`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trials.images.splits import Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.batchnorm_recalibration import recalibrate_batchnorm
from trials.training.evaluation import Scores, evaluate
from trials.training.recipe import Recipe
from trials.training.seeding import generator

State = Mapping[str, Tensor]


def mean_of_states(states: Sequence[State]) -> dict[str, Tensor]:
    """Return the mean of the weights in several states of one network; of what is no float, the last."""
    found = {}
    for name, last in states[-1].items():
        tensors = [state[name] for state in states]
        found[name] = torch.stack(tensors).mean(0) if last.is_floating_point() else last.clone()
    return found


class EpochSoup:
    """The mean of a network's weights after each of several epochs."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Take in the present weights of a network."""
        self.count += 1
        for name, tensor in network.state_dict().items():
            if self.count == 1 or not tensor.is_floating_point():
                self._mean[name] = tensor.clone()
            else:
                self._mean[name].lerp_(tensor, 1 / self.count)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {"count": self.count, "mean": self._mean}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        self.count, self._mean = state["count"], dict(state["mean"])

    @property
    def mean(self) -> dict[str, Tensor]:
        """The mean."""
        return self._mean


@dataclass(frozen=True, slots=True, eq=False)
class SeedSoup:
    """The mean of the weights of several trainings.

    Attributes:
        members: Places of these trainings among those that were offered, at least two, ascending.
        scores: What it reaches on validation images.
    """

    members: tuple[int, ...]
    scores: Scores


def greedy_soup(
    network: nn.Module,
    states: Sequence[State],
    values: Sequence[float],
    splits: Splits,
    recipe: Recipe,
    *,
    resolution: int,
    device: torch.device,
    metric: str,
) -> SeedSoup | None:
    """Return the best soup, whose weights the network has then; None where each makes the best one worse.

    Beginning with the best, each training is added unless the mean is then worse on validation images.

    Args:
        network: Network that the weights are of, in any state.
        states: Its weights after each training.
        values: What these reach on validation images.
        splits: The images.
        recipe: Recipe of the trainings.
        resolution: Side of the images in pixels.
        device: Device that evaluates.
        metric: Metric of the values, one of `trials.training.evaluation.METRICS`.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    preprocess = Preprocessor(splits.mean, splits.std, resolution, device)
    train, validation = BatchSource(splits.train, device), BatchSource(splits.validation, device)
    order = sorted(range(len(states)), key=lambda place: (-values[place], place))
    rows = train.shuffled(recipe.batch_size, generator(0, "recalibration"))[: recipe.recalibration_batches]
    members, best, found = [order[0]], values[order[0]], None
    kept: dict[str, Tensor] = {}
    for place in order[1:]:
        tried = [*members, place]
        network.load_state_dict(mean_of_states([states[member] for member in tried]))
        recalibrate_batchnorm(network, train, preprocess, rows, recipe)
        scores = evaluate(network, validation, preprocess, recipe)
        value = scores.of(metric)[0]
        if value >= best:
            members, best, found = tried, value, scores
            kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if found is None:
        return None
    network.load_state_dict(kept)
    return SeedSoup(tuple(sorted(members)), found)
