"""Trains a network for one epoch: augments, mixes, steps the optimiser and averages the weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.architecture import Architecture
from search_spaces.errors import RecipeError
from trials.training.augmentation import augment
from trials.training.batches import BatchSource, Preprocessor
from trials.training.drop_path import drop_blocks
from trials.training.fine_tuning import frozen
from trials.training.graphed_network import GraphedNetwork, batches_before_capture
from trials.training.inner_distillation import InnerDistillation, Maps, watched
from trials.training.lessons import Lesson
from trials.training.micro_batches import MicroBatches
from trials.training.mixing import mix
from trials.training.optimisers import build_optimiser, restored_optimiser, set_rate
from trials.training.out_of_memory import SMALLEST_TRAINED, FittingParts
from trials.training.precision import quantises, trained_numbers
from trials.training.recipe import Recipe
from trials.training.schedule import rate_at
from trials.training.seeding import generator, stream_seed
from trials.training.sides import side_at
from trials.training.teacher import Teacher
from trials.training.weight_averaging import WeightAverage
from trials.training.wider_networks import WiderNetworks


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
        smallest_side: Least side of images that the network can take, in pixels.
        architecture: Architecture of the network, for recipes with ``wider``.

    Attributes:
        network: The network.
        optimiser: Its optimiser.
        average: Its weight average; None if the recipe averages none.
        teacher: The teacher.
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
        smallest_side: int = 1,
        architecture: Architecture | None = None,
    ) -> None:
        self.network = network
        self.optimiser = build_optimiser(network, recipe)
        self.average = WeightAverage(network, recipe.ema_decay) if recipe.ema_decay > 0 else None
        self._recipe, self._images, self._preprocess = recipe, images, preprocess
        self._classes, self._seed, self.teacher = classes, seed, teacher
        self._images_seed = seed if recipe.augmentation_seed is None else recipe.augmentation_seed
        self._lesson: Lesson | None = None
        self._batch, self._epoch = 0, 0  # images in the present batch; the present epoch
        self._smallest_side = smallest_side
        self._parts = FittingParts(images.device, SMALLEST_TRAINED)
        self._graphed = GraphedNetwork(network, batches_before_capture(recipe, len(images)))
        self._inner = self._inner_distillation() if recipe.teacher_features > 0 else None
        self._wider = self._wider_networks(architecture) if recipe.wider > 1 else None
        beside = {"inner": self._inner, "wider": self._wider}
        self._beside = {name: one for name, one in beside.items() if one is not None}

    @property
    def evaluated_network(self) -> nn.Module:
        """The network to evaluate: the one with averaged weights if the recipe averages them."""
        return self.network if self.average is None else self.average.network

    def learn(
        self,
        epoch: int,
        after_step: Callable[[], None],
        after_teaching: Callable[[], None] = lambda: None,
    ) -> float:
        """Return the mean training loss of an epoch; the host waits for the device once, at its end.

        Args:
            epoch: Number of the epoch, from 1.
            after_step: Called after each step.
            after_teaching: Called after each batch that a teacher is asked about before the first step.

        Raises:
            OutOfMemoryError: if the device cannot hold the network even with two images.
        """
        recipe, device, self._epoch = self._recipe, self._images.device, epoch
        draws, rng = self._draws(epoch)
        widths = np.random.default_rng(stream_seed(self._seed, "wider", epoch))
        order = generator(self._images_seed, "order", epoch)
        batches = self._images.shuffled(recipe.batch_size, order, recipe.epoch_images)
        self._lesson = self._taught(epoch, batches, after_teaching)
        total = torch.zeros((), device=device)
        side = side_at(epoch, recipe, self._preprocess.resolution, self._smallest_side)
        gradients = MicroBatches(
            lambda rows, places: self._loss(rows, places, side, draws, rng), self.optimiser, self._parts
        )
        places = torch.arange(sum(map(len, batches)), device=batches[0].device).split([*map(len, batches)])
        self.network.train()
        freezing = frozen(self.network, recipe, epoch)
        with self._own_randomness(epoch), drop_blocks(self.network, recipe.drop_path), freezing:
            for step, rows in enumerate(batches):
                done = (epoch - 1 + (step + 1) / len(batches)) / recipe.epochs
                for optimiser in (self.optimiser, *(one.optimiser for one in self._beside.values())):
                    set_rate(optimiser, rate_at(done, recipe))
                if self._wider is not None:
                    self._wider.choose(widths)
                total += self._step(gradients, rows, places[step], _rewinding(draws, rng)) * len(rows)
                after_step()
        return total.item() / sum(map(len, batches))

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            **{name: one.state_dict() for name, one in self._beside.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; the parameters that it decays are decayed to the end of this training."""
        self.network.load_state_dict(state["network"])
        self.optimiser = restored_optimiser(self.network, self._recipe, state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for name, one in self._beside.items():
            one.load_state_dict(state[name])

    def _step(
        self, gradients: MicroBatches, rows: Tensor, places: Tensor, rewind: Callable[[], None]
    ) -> Tensor:
        """Return the loss of the batch at `rows` after one optimiser step on it."""
        self._batch = len(rows)
        for one in self._beside.values():
            rewind = partial(_all, one.optimiser.zero_grad, rewind)
            one.optimiser.zero_grad()
        loss = gradients.backward(rows, places, rewind=rewind)
        if self._recipe.gradient_clip is not None:
            parameters = self.network.parameters()
            nn.utils.clip_grad_norm_(parameters, self._recipe.gradient_clip, foreach=True)
            if self._wider is not None:
                nn.utils.clip_grad_norm_(self._wider.parameters, self._recipe.gradient_clip, foreach=True)
        for optimiser in (self.optimiser, *(one.optimiser for one in self._beside.values())):
            optimiser.step()
        if self.average is not None:
            self.average.update(self.network)
        return loss

    def _loss(
        self, rows: Tensor, places: Tensor, side: int, draws: torch.Generator, rng: np.random.Generator
    ) -> Tensor:
        """Return the loss of the images at `rows`, augmented, mixed and then resized to `side`."""
        recipe = self._recipe
        lesson, whole = self._lesson, len(rows) == self._batch
        known = None if lesson is None else lesson.targets(rows, places, whole=whole)
        inside: Maps = {}
        if self.teacher is not None and known is None:
            rewind = _rewinding(draws, rng)
            shown, _ = self._changed(self.teacher.images or self._images, rows, draws, rng)
            rewind()
            if self._inner is None:
                known = self.teacher.soft_targets(shown)
            else:
                known, inside = self.teacher.observed(shown)
        images, targets = self._changed(self._images, rows, draws, rng)
        none: Maps = {}
        watching: AbstractContextManager[Maps] = (
            nullcontext(none) if self._inner is None else watched(self.network)
        )
        with trained_numbers(recipe, images.device, self._epoch, self.network), watching as maps:
            shown = self._preprocess(images, side)
            alone = whole and not self._beside and not quantises(recipe, self._epoch)
            logits = (self._graphed if alone else self.network)(shown)
        loss = self._distance(logits.float(), targets, known)
        if self._inner is not None:
            loss = loss + recipe.teacher_features * self._inner.loss(maps, inside)
        if self._wider is None:
            return loss
        with trained_numbers(recipe, images.device, self._epoch):
            logits = self._wider.scores(shown)
        return loss + recipe.wider_share * self._distance(logits.float(), targets, known)

    def _distance(self, logits: Tensor, targets: Tensor, known: Tensor | None) -> Tensor:
        """Return the loss of class scores by the labels, and by what the teacher says if there is one."""
        loss = F.cross_entropy(logits, targets, label_smoothing=self._recipe.label_smoothing)
        if self.teacher is None or known is None:
            return loss
        return loss.lerp(self.teacher.loss(logits, known), self._recipe.teacher_share)

    def _wider_networks(self, architecture: Architecture | None) -> WiderNetworks:
        """Return the wider networks that this one is part of while it trains.

        Raises:
            RecipeError: if it cannot be widened.
        """
        if architecture is None:
            raise RecipeError("Cannot widen a network without its architecture. Set wider: 1.")
        return WiderNetworks(
            self.network,
            architecture,
            self._recipe,
            num_classes=self._classes,
            in_channels=self._preprocess.channels,
            seed=stream_seed(self._seed, "wider"),
        )

    def _inner_distillation(self) -> InnerDistillation:
        """Return the distillation from inside the teacher.

        Raises:
            RecipeError: if it has no stages to learn from.
        """
        assert self.teacher is not None
        assert self.teacher.module is not None
        sides = self._preprocess.resolution, self.teacher.resolution
        shapes = [(1, self._preprocess.channels, side, side) for side in sides]
        seed, device = stream_seed(self._seed, "inner"), self._images.device
        return InnerDistillation(
            self.network, self.teacher.module, (shapes[0], shapes[1]), self._recipe, seed=seed, device=device
        )

    def _taught(
        self, epoch: int, batches: Sequence[Tensor], after_batch: Callable[[], None]
    ) -> Lesson | None:
        """Return what the teacher says of the images of an epoch, at its own resolution."""
        teacher = self.teacher
        if teacher is None or self._inner is not None:  # whose maps are not kept
            return None
        source = teacher.images or self._images

        def shown() -> Iterator[Tensor]:
            draws, rng = self._draws(epoch)
            for rows in batches:
                yield self._changed(source, rows, draws, rng)[0]

        return teacher.lesson(
            epoch, batches, shown, self._images, classes=self._classes, after_batch=after_batch
        )

    def _draws(self, epoch: int) -> tuple[torch.Generator, np.random.Generator]:
        """Return the generators of augmentation and mixing at the start of an epoch."""
        rng = np.random.default_rng(stream_seed(self._images_seed, "mixing", epoch))
        return generator(self._images_seed, "augmentation", epoch, self._images.device), rng

    def _changed(
        self, source: BatchSource, rows: Tensor, draws: torch.Generator, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the images at `rows`, augmented and mixed, and their targets."""
        images, labels = source.batch(rows)
        images = augment(images, self._recipe, draws)
        return mix(images, labels, self._classes, self._recipe, rng)

    @contextmanager
    def _own_randomness(self, epoch: int) -> Iterator[None]:
        """Seed torch's global generators, which dropout draws from, and restore the caller's afterwards."""
        device = self._images.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(stream_seed(self._seed, "network", epoch))
            yield


def _all(*calls: Callable[[], None]) -> None:
    for call in calls:
        call()


def _rewinding(draws: torch.Generator, rng: np.random.Generator) -> Callable[[], None]:
    """Return a function that puts two generators, and those of dropout, back to where they are now."""
    images, mixing, on_host = draws.get_state(), rng.bit_generator.state, torch.get_rng_state()
    on_gpu = torch.cuda.get_rng_state(draws.device) if draws.device.type == "cuda" else None

    def rewind() -> None:
        draws.set_state(images)
        rng.bit_generator.state = mixing
        torch.set_rng_state(on_host)
        if on_gpu is not None:
            torch.cuda.set_rng_state(on_gpu, draws.device)

    return rewind
