"""Lets a network learn for one epoch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trials.training.augmentation import augment
from trials.training.batches import Feed, Preparation
from trials.training.drop_path import dropping
from trials.training.errors import OutOfMemoryError
from trials.training.mixing import mix
from trials.training.optimisers import build_optimiser, set_rate
from trials.training.precision import autocast
from trials.training.recipe import Recipe
from trials.training.schedule import rate_at
from trials.training.seeding import generator, stream_seed
from trials.training.teacher import Teacher
from trials.training.weight_averaging import Average


class Learner:
    """A network in training with everything that changes as it learns.

    Args:
        network: Trained in place; on the device already.
        recipe: How.
        feed: The training images.
        prepare: Brings them to what the network takes.
        classes: How many classes there are.
        seed: Of the order, the augmentation and the network's own randomness.
        teacher: Whose outputs are learnt beside the labels, if any.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        feed: Feed,
        prepare: Preparation,
        *,
        classes: int,
        seed: int,
        teacher: Teacher | None,
    ) -> None:
        self.network = network
        self.optimiser = build_optimiser(network, recipe)
        self.average = Average(network, recipe.ema_decay) if recipe.ema_decay > 0 else None
        self._recipe, self._feed, self._prepare = recipe, feed, prepare
        self._classes, self._seed, self._teacher = classes, seed, teacher
        self._pieces = 1  # that a batch is cut into where memory is short

    @property
    def judged(self) -> nn.Module:
        """The network to evaluate: the averaged one where the recipe averages."""
        return self.network if self.average is None else self.average.network

    def learn(self, epoch: int, after_step: Callable[[], None]) -> float:
        """Return the mean training loss of an epoch; the host waits for the device once, at its end.

        Raises:
            OutOfMemoryError: if the device cannot hold the network even with one image.
        """
        recipe, device = self._recipe, self._feed.device
        draws = generator(self._seed, "augmentation", epoch, device)
        rng = np.random.default_rng(stream_seed(self._seed, "mixing", epoch))
        order = generator(self._seed, "order", epoch)
        batches = self._feed.shuffled(recipe.batch_size, order, recipe.epoch_images)
        total = torch.zeros((), device=device)
        self.network.train()
        with self._own_randomness(epoch), dropping(self.network, recipe.drop_path):
            for step, rows in enumerate(batches):
                done = (epoch - 1 + (step + 1) / len(batches)) / recipe.epochs
                set_rate(self.optimiser, rate_at(done, recipe))
                images, labels = self._feed.batch(rows)
                images = augment(images, recipe, draws)
                images, targets = mix(images, labels, self._classes, recipe, rng)
                total += self._step(images, targets) * len(rows)
                after_step()
        return total.item() / sum(map(len, batches))

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _step(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a batch after one optimiser step on it."""
        loss = self._gradients(images, targets)
        while loss is None:
            loss = self._gradients(images, targets)
        if self._recipe.gradient_clip is not None:
            parameters = self.network.parameters()
            nn.utils.clip_grad_norm_(parameters, self._recipe.gradient_clip, foreach=True)
        self.optimiser.step()
        if self.average is not None:
            self.average.update(self.network)
        return loss

    def _gradients(self, images: Tensor, targets: Tensor) -> Tensor | None:
        """Return the batch's loss with its gradients set, or None after cutting batches finer.

        Gradients of the pieces add up to those of the batch; only BatchNorm sees smaller batches.
        """
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=images.device)
        pieces = min(self._pieces, len(images))
        try:
            for part, told in zip(images.tensor_split(pieces), targets.tensor_split(pieces), strict=True):
                loss = self._loss(part, told) * (len(part) / len(images))
                loss.backward()
                total += loss.detach()
        except torch.OutOfMemoryError as error:
            if pieces == len(images):
                raise OutOfMemoryError(
                    f"The device has too little memory for one image at a time ({error}). A smaller "
                    f"network, a larger part of the GPU or precision: bf16 may help."
                ) from error
        else:
            return total
        self._pieces = pieces * 2
        self.optimiser.zero_grad(set_to_none=True)
        if images.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        recipe = self._recipe
        with autocast(recipe, images.device):
            logits = self.network(self._prepare(images))
            opinion = None if self._teacher is None else self._teacher.opinion(images)
        logits = logits.float()
        loss = F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
        if self._teacher is None or opinion is None:
            return loss
        return loss.lerp(self._teacher.loss(logits, opinion), recipe.teacher_share)

    @contextmanager
    def _own_randomness(self, epoch: int) -> Iterator[None]:
        """Seed torch's global generators, which dropout draws from, and put the caller's back after."""
        device = self._feed.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(stream_seed(self._seed, "network", epoch))
            yield
