"""Trains a network epoch by epoch, and goes on exactly where a killed process stopped."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

from trials.augmentation import augment
from trials.checkpoint import load_checkpoint, save_checkpoint
from trials.errors import CheckpointError, NonFiniteLossError
from trials.evaluation import autocast, evaluate, recalibrate
from trials.feeding import Feed, shuffled
from trials.images import Splits
from trials.optimisers import build_optimiser, set_rate
from trials.recipe import Recipe
from trials.result import EpochResult
from trials.schedule import rate_at
from trials.seeding import generator, stream_seed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Setting:
    network: nn.Module
    optimiser: optim.Optimizer
    recipe: Recipe
    learning: Feed
    judging: Feed
    seed: int
    device: torch.device


def train(
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    *,
    resolution: int,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[EpochResult]:
    """Train `network` in place and yield a result after each epoch.

    With a checkpoint of the same training, its results are yielded again and the training goes on
    after them; on the CPU, with as many threads, weights and results are bit-identical to those
    of an unbroken run. A checkpoint is written before its epoch's result is yielded.

    Args:
        network: Takes normalised images [b, c, r, r] and gives logits [b, classes].
        splits: Trains on ``train`` and evaluates on ``validation``.
        recipe: How to train.
        resolution: Side of the square images that the network takes, pixels.
        seed: Of the order, the augmentation and the network's own randomness; see `trial_seed`.
        device: Where to train.
        checkpoint: File of the training's state, or None to keep none.
        clock: Returns seconds.

    Raises:
        NonFiniteLossError: if the training loss of an epoch is infinite or not a number.
        DamagedCheckpointError: if the checkpoint cannot be read.
        CheckpointError: if it is of another training.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    setting = _Setting(
        network=network,
        optimiser=build_optimiser(network, recipe),
        recipe=recipe,
        learning=Feed(splits.train, splits, resolution=resolution, device=device),
        judging=Feed(splits.validation, splits, resolution=resolution, device=device),
        seed=seed,
        device=device,
    )
    identity = _identity(splits, recipe, resolution, seed)
    history = _restored(setting, identity, checkpoint)
    yield from history
    for epoch in range(len(history) + 1, recipe.epochs + 1):
        result = _epoch(setting, epoch, clock)
        history.append(result)
        if checkpoint is not None:
            save_checkpoint(checkpoint, _state(setting, identity, history))
        yield result


def _epoch(setting: _Setting, epoch: int, clock: Callable[[], float]) -> EpochResult:
    started = clock()
    with _own_randomness(setting, epoch):
        train_loss = _learn(setting, epoch)
    if not math.isfinite(train_loss):
        raise NonFiniteLossError(
            f"The training loss became {train_loss} in epoch {epoch}: expected a finite number. "
            f"A lower learning_rate than {setting.recipe.learning_rate:g}, gradient_clip or "
            f"precision: fp32 may help."
        )
    recalibrate(setting.network, setting.learning, _recalibration_rows(setting), setting.recipe)
    scores = evaluate(setting.network, setting.judging, setting.recipe)
    return EpochResult(
        epoch=epoch,
        accuracy=scores.accuracy,
        standard_error=scores.standard_error,
        loss=scores.loss,
        train_loss=train_loss,
        seconds=clock() - started,
        final=epoch == setting.recipe.epochs,
        balanced_accuracy=scores.balanced_accuracy,
        macro_f1=scores.macro_f1,
    )


def _learn(setting: _Setting, epoch: int) -> float:
    """Return the mean training loss of an epoch; the host waits for the device once, at its end."""
    setting.network.train()
    recipe = setting.recipe
    draws = generator(setting.seed, "augmentation", epoch, setting.device)
    order = generator(setting.seed, "order", epoch)
    batches = shuffled(len(setting.learning), recipe.batch_size, order, setting.device)
    total = torch.zeros((), device=setting.device)
    for step, rows in enumerate(batches):
        done = (epoch - 1 + (step + 1) / len(batches)) / recipe.epochs
        set_rate(setting.optimiser, rate_at(done, recipe))
        images, labels = setting.learning.batch(rows)
        images = setting.learning.resized(augment(images, recipe, draws))
        total += _step(setting, images, labels) * len(rows)
    return total.item() / len(setting.learning)


def _step(setting: _Setting, images: Tensor, labels: Tensor) -> Tensor:
    recipe = setting.recipe
    setting.optimiser.zero_grad(set_to_none=True)
    with autocast(recipe, setting.device):
        logits = setting.network(images)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    loss.backward()
    if recipe.gradient_clip is not None:
        nn.utils.clip_grad_norm_(setting.network.parameters(), recipe.gradient_clip, foreach=True)
    setting.optimiser.step()
    return loss.detach()


def _recalibration_rows(setting: _Setting) -> list[Tensor]:
    order = generator(setting.seed, "recalibration")
    batches = shuffled(len(setting.learning), setting.recipe.batch_size, order, setting.device)
    return batches[: setting.recipe.recalibration_batches]


@contextmanager
def _own_randomness(setting: _Setting, epoch: int) -> Iterator[None]:
    """Seed torch's global generators, which dropout draws from, and put the caller's back after."""
    devices = [setting.device] if setting.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream_seed(setting.seed, "network", epoch))
        yield


def _identity(splits: Splits, recipe: Recipe, resolution: int, seed: int) -> dict[str, Any]:
    return {
        "images": splits.fingerprint,
        "recipe": recipe.to_json(),
        "resolution": resolution,
        "seed": seed,
    }


def _state(setting: _Setting, identity: dict[str, Any], history: list[EpochResult]) -> dict[str, Any]:
    return {
        "identity": identity,
        "history": [result.to_json() for result in history],
        "network": setting.network.state_dict(),
        "optimiser": setting.optimiser.state_dict(),
    }


def _restored(setting: _Setting, identity: dict[str, Any], checkpoint: Path | None) -> list[EpochResult]:
    if checkpoint is None or not checkpoint.exists():
        return []
    state = load_checkpoint(checkpoint, setting.device)
    for name, expected in identity.items():
        if state["identity"].get(name) != expected:
            raise CheckpointError(
                f"The checkpoint '{checkpoint}' is of a training with other {name}: "
                f"expected the same. Remove it to restart."
            )
    try:
        setting.network.load_state_dict(state["network"])
        setting.optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint '{checkpoint}' is of another network ({error}). Remove it to restart."
        ) from error
    return [EpochResult.from_json(fields) for fields in state["history"]]
