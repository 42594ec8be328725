"""`SupernetLearner`: steps the shared weights on several networks at once."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.elastic.slices import Slice
from trials.images.splits import Splits
from trials.supernet.narrowing import Narrowing
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.shared_optimiser import shared_optimiser
from trials.supernet.step_networks import Step
from trials.training.augmentation import augment
from trials.training.batches import BatchSource, Preprocessor
from trials.training.mixing import mix
from trials.training.optimisers import set_rate
from trials.training.out_of_memory import SMALLEST_TRAINED, FittingParts
from trials.training.precision import autocast
from trials.training.schedule import rate_at
from trials.training.seeding import stream_seed


class SupernetLearner:
    """Shared weights in training with their optimiser.

    Every random number of a step depends on the seed and the number of the step alone.

    Args:
        shared: Shared weights, on the device already; trained in place.
        recipe: Recipe of the training.
        splits: Images, for their mean and standard deviation.
        images: Training images on the device.
        seed: Seed of the augmentation and of the networks' own randomness, at least 0.
    """

    def __init__(
        self, shared: SharedWeights, recipe: SupernetRecipe, splits: Splits, images: BatchSource, *, seed: int
    ) -> None:
        self._shared, self._recipe, self._images, self._seed = shared, recipe, images, seed
        device = images.device
        self.optimiser: Final = shared_optimiser(shared, recipe.training)
        self._narrowing = Narrowing(shared, self.optimiser)
        self._draws = torch.Generator(device=device)
        self._parts = FittingParts(device, SMALLEST_TRAINED)
        self._preprocess = {
            side: Preprocessor(splits.mean, splits.std, side, device) for side in shared.space.resolution
        }

    def step(
        self, networks: Step, rows: Int64[Tensor, " b"], number: int, done: float
    ) -> tuple[Float[Tensor, ""], int]:
        """Return the mean loss of the networks that learn, and their number, after one optimiser step.

        Args:
            networks: Networks of the step.
            rows: Rows of its images.
            number: Number of the step in the training, from 0.
            done: Share of the steps that are done with it, in (0, 1].
        """
        recipe = self._recipe.training
        chosen, weights = self._chosen(networks, done)
        distils = networks.largest is not None and self._recipe.rule == "sandwich"
        set_rate(self.optimiser, rate_at(done, recipe))
        self._shared.train()
        self._seed_for(number)
        self.optimiser.zero_grad(set_to_none=True)

        def forget() -> None:
            self.optimiser.zero_grad(set_to_none=True)
            self._seed_for(number)

        with self._narrowing.narrowed(chosen) as covers:
            learn = partial(self._backward, chosen, weights, covers, rows, number, distils)
            loss = self._parts.run(len(rows), learn, after_failure=forget)
            if recipe.gradient_clip is not None:
                nn.utils.clip_grad_norm_(self._shared.parameters(), recipe.gradient_clip, foreach=True)
            self.optimiser.step()
        return loss, len(chosen)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {"shared": self._shared.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._shared.load_state_dict(state["shared"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _chosen(self, networks: Step, done: float) -> tuple[list[Architecture], list[float]]:
        """Return the networks that learn at this point of the training, and the weight of each one's loss."""
        if networks.largest is None:
            return list(networks.others), [1.0] * len(networks.others)
        begun = done - self._recipe.shrink_from
        if begun <= 0 and self._recipe.shrink_from > 0:
            return [networks.largest], [1.0]
        weight = min(1.0, begun / self._recipe.ramp) if self._recipe.ramp > 0 else 1.0
        return [networks.largest, *networks.others], [1.0] + [weight] * len(networks.others)

    def _seed_for(self, number: int) -> None:
        self._draws.manual_seed(stream_seed(self._seed, "augmentation", number))
        torch.manual_seed(stream_seed(self._seed, "network", number))  # of dropout; the caller restores it

    def _backward(
        self,
        networks: Sequence[Architecture],
        weights: Sequence[float],
        covers: Mapping[str, Slice],
        rows: Int64[Tensor, " b"],
        number: int,
        distils: bool,
        count: int,
    ) -> Float[Tensor, ""]:
        """Set the gradients of a batch in `count` parts, and return the mean loss over the networks."""
        total = torch.zeros((), device=self._images.device)
        rng = np.random.default_rng(stream_seed(self._seed, "mixing", number))
        for part in rows.tensor_split(max(1, min(count, len(rows) // SMALLEST_TRAINED))):
            images, labels = self._images.batch(part)
            images = augment(images, self._recipe.training, self._draws)
            images, targets = mix(images, labels, self._shared.num_classes, self._recipe.training, rng)
            soft: Tensor | None = None
            for place, (network, weight) in enumerate(zip(networks, weights, strict=True)):
                logits = self._logits(network, images, covers)
                loss = self._loss(logits, targets, soft)
                (loss * (weight * len(part) / len(rows))).backward()
                total += loss.detach() * (len(part) / len(rows) / len(networks))
                if place == 0 and distils:
                    soft = logits.detach()
        return total

    def _logits(self, network: Architecture, images: Tensor, covers: Mapping[str, Slice]) -> Tensor:
        with autocast(self._recipe.training, images.device):
            scores: Tensor = self._shared(network, self._preprocess[network.resolution](images), covers)
        return scores.float()

    def _loss(self, logits: Tensor, targets: Tensor, soft: Tensor | None) -> Tensor:
        """Return the loss against labels, or against the logits of the largest network."""
        if soft is None:
            return F.cross_entropy(logits, targets, label_smoothing=self._recipe.training.label_smoothing)
        temperature = self._recipe.temperature
        wanted = (soft / temperature).softmax(dim=1)
        return F.cross_entropy(logits / temperature, wanted) * temperature**2
