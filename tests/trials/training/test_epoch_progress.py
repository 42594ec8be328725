"""A long epoch tells how far it is, and a training is not changed by being watched."""

from typing import Any

import torch

from trials.training.epoch_progress import EpochProgress, ProgressMeter, cut
from trials.training.loop import train
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(name="short", epochs=2, batch_size=16, epoch_images=80, recalibration_batches=2)


class Clock:
    """A clock that goes on by two seconds whenever it is read."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 2.0
        return self.now_s


def test_progress_is_told_every_few_seconds_and_ends_at_all_images(small_network, tiny_splits):
    found: list[EpochProgress] = []
    settings: dict[str, Any] = {"resolution": 8, "seed": 0, "device": CPU}
    watched = list(
        train(small_network(), tiny_splits, RECIPE, progress=found.append, clock=Clock(), **settings)
    )
    alone = list(train(small_network(), tiny_splits, RECIPE, clock=lambda: 0.0, **settings))
    assert [r.accuracy for r in watched] == [r.accuracy for r in alone]
    assert [r.train_loss for r in watched] == [r.train_loss for r in alone]
    shares = [p.share for p in found if p.epoch == 1]
    assert shares == sorted(shares)
    assert len(shares) > 1
    assert 0 < shares[0] < shares[-1] <= 1
    assert {(p.epoch, p.epochs) for p in found} == {(1, 2), (2, 2)}


def test_the_rate_and_the_time_left_are_of_the_last_seconds():
    found: list[EpochProgress] = []
    times = iter([0.0, 3.0, 6.0, 6.0, 9.0, 12.0, 12.0])
    meter = ProgressMeter(1, 3, [30, 30, 30, 30], found.append, lambda: next(times))
    for _ in range(4):
        meter.step()
    assert [(p.share, p.images_per_s, p.left_s) for p in found] == [(0.5, 10.0, 6.0), (1.0, 10.0, 0.0)]
    assert EpochProgress.from_json(found[0].to_json()) == found[0]
    meter.step()  # a batch more than expected is no error
    assert len(found) == 2


def test_batches_are_cut_as_the_training_cuts_them():
    for images in (1, 15, 16, 17, 80, 1078):
        parts = torch.arange(images).tensor_split(max(1, -(-images // 16)))
        assert cut(images, 16) == [len(part) for part in parts]
