"""Trains a network for one epoch: augments, mixes, steps the optimiser and averages the weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trials.training.augmentation import augment
from trials.training.batches import BatchSource, Preprocessor
from trials.training.drop_path import drop_blocks
from trials.training.micro_batches import MicroBatches
from trials.training.mixing import mix
from trials.training.optimisers import build_optimiser, set_rate
from trials.training.precision import autocast
from trials.training.recipe import Recipe
from trials.training.schedule import rate_at
from trials.training.seeding import generator, stream_seed
from trials.training.teacher import Teacher
from trials.training.weight_averaging import WeightAverage


class Learner:
    """A network in training with its optimiser and weight average.

    Args:
        network: Network, on the device already; trained in place.
        recipe: Training recipe.
        images: Training images.
        preprocess: Preprocessing of the images for the network.
        classes: Number of classes.
        seed: Seed of the order, the augmentation and the network's own randomness, at least 0.
        teacher: Teacher whose outputs are targets beside the labels; None for labels only.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        images: BatchSource,
        preprocess: Preprocessor,
        *,
        classes: int,
        seed: int,
        teacher: Teacher | None,
    ) -> None:
        self.network = network
        self.optimiser = build_optimiser(network, recipe)
        self.average = WeightAverage(network, recipe.ema_decay) if recipe.ema_decay > 0 else None
        self._recipe, self._images, self._preprocess = recipe, images, preprocess
        self._classes, self._seed, self._teacher = classes, seed, teacher
        self._micro_batches = MicroBatches(self._loss, self.optimiser)

    @property
    def evaluated_network(self) -> nn.Module:
        """The network to evaluate: the one with averaged weights if the recipe averages them."""
        return self.network if self.average is None else self.average.network

    def learn(self, epoch: int, after_step: Callable[[], None]) -> float:
        """Return the mean training loss of an epoch; the host waits for the device once, at its end.

        Raises:
            OutOfMemoryError: if the device cannot hold the network even with one image.
        """
        recipe, device = self._recipe, self._images.device
        draws = generator(self._seed, "augmentation", epoch, device)
        rng = np.random.default_rng(stream_seed(self._seed, "mixing", epoch))
        order = generator(self._seed, "order", epoch)
        batches = self._images.shuffled(recipe.batch_size, order, recipe.epoch_images)
        total = torch.zeros((), device=device)
        self.network.train()
        with self._own_randomness(epoch), drop_blocks(self.network, recipe.drop_path):
            for step, rows in enumerate(batches):
                done = (epoch - 1 + (step + 1) / len(batches)) / recipe.epochs
                set_rate(self.optimiser, rate_at(done, recipe))
                images, labels = self._images.batch(rows)
                images = augment(images, recipe, draws)
                images, targets = mix(images, labels, self._classes, recipe, rng)
                total += self._step(images, targets) * len(rows)
                after_step()
        return total.item() / sum(map(len, batches))

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _step(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a batch after one optimiser step on it."""
        loss = self._micro_batches.backward(images, targets)
        if self._recipe.gradient_clip is not None:
            parameters = self.network.parameters()
            nn.utils.clip_grad_norm_(parameters, self._recipe.gradient_clip, foreach=True)
        self.optimiser.step()
        if self.average is not None:
            self.average.update(self.network)
        return loss

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        recipe = self._recipe
        with autocast(recipe, images.device):
            logits = self.network(self._preprocess(images))
            soft_targets = None if self._teacher is None else self._teacher.soft_targets(images)
        logits = logits.float()
        loss = F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
        if self._teacher is None or soft_targets is None:
            return loss
        return loss.lerp(self._teacher.loss(logits, soft_targets), recipe.teacher_share)

    @contextmanager
    def _own_randomness(self, epoch: int) -> Iterator[None]:
        """Seed torch's global generators, which dropout draws from, and restore the caller's afterwards."""
        device = self._images.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(stream_seed(self._seed, "network", epoch))
            yield
