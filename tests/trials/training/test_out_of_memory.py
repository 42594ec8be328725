"""Whatever a training does with images is cut into smaller parts when memory runs out."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trials.training.batches import BatchSource, Preprocessor
from trials.training.batchnorm_recalibration import recalibrate_batchnorm
from trials.training.errors import OutOfMemoryError
from trials.training.evaluation import evaluate
from trials.training.loop import train
from trials.training.out_of_memory import FittingParts, is_out_of_memory, out_of_memory_named
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
EXACT = Recipe(name="exact", epochs=2, warmup_epochs=0, precision="fp32", batch_size=32)
TOO_MUCH = 2**45  # floats: 128 TiB, which no machine has


class Hungry(nn.Module):
    """Asks for more memory than there is where it is given more than `most` images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.sizes = most, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        if len(x) > self.most:
            torch.empty(TOO_MUCH)
        return x


def hungry(small_network, most: int) -> tuple[nn.Module, Hungry]:
    eater = Hungry(most)
    return nn.Sequential(small_network(), eater), eater


def preprocessor(splits) -> Preprocessor:
    return Preprocessor(splits.mean, splits.std, 8, CPU)


def test_allocations_that_fail_are_told_from_other_errors():
    with pytest.raises(RuntimeError) as failed:
        torch.empty(TOO_MUCH)
    assert is_out_of_memory(failed.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_an_evaluation_without_room_for_a_batch_gives_the_same_scores(small_network, tiny_splits):
    images, preprocess = BatchSource(tiny_splits.validation, CPU), preprocessor(tiny_splits)
    network, eater = hungry(small_network, 5)
    cut = evaluate(network, images, preprocess, EXACT)
    whole = evaluate(small_network(), images, preprocess, EXACT)
    assert eater.sizes == [24, 12, 6, *[3] * 8]
    assert cut.accuracy == whole.accuracy
    assert cut.loss == pytest.approx(whole.loss, rel=1e-6)


def test_a_recalibration_without_room_for_a_batch_begins_anew_in_parts(small_network, tiny_splits):
    images, preprocess = BatchSource(tiny_splits.train, CPU), preprocessor(tiny_splits)
    rows = list(torch.arange(96).split(32))
    network, _ = hungry(small_network, 16)
    recalibrate_batchnorm(network, images, preprocess, rows, EXACT)
    halves = small_network()
    recalibrate_batchnorm(halves, images, preprocess, [r for row in rows for r in row.split(16)], EXACT)
    for name, expected in halves.named_buffers():
        torch.testing.assert_close(network.get_buffer(f"0.{name}"), expected)
    assert network.get_submodule("0.1").momentum == 0.1


def test_a_training_without_room_for_a_batch_reaches_its_end(small_network, tiny_splits):
    network, eater = hungry(small_network, 8)
    last = list(train(network, tiny_splits, EXACT, resolution=8, seed=0, device=CPU, clock=lambda: 0.0))[-1]
    assert last.final
    assert 8 in eater.sizes


def test_images_are_augmented_and_mixed_in_parts_too(small_network, tiny_splits, monkeypatch):
    """The same parts come out whether memory runs out in the network or before it."""
    from trials.training import augmentation, learner

    recipe = EXACT.model_copy(update={"shift": 0.1, "flip": True, "mixup": 0.2})
    settings: dict[str, Any] = {"resolution": 8, "seed": 0, "device": CPU, "clock": lambda: 0.0}
    network, _ = hungry(small_network, 16)
    expected = list(train(network, tiny_splits, recipe, **settings))

    def augment(images, recipe, generator, own=augmentation.augment):
        if len(images) > 16:
            torch.empty(TOO_MUCH)
        return own(images, recipe, generator)

    monkeypatch.setattr(learner, "augment", augment)
    # an evaluation needs no parts here, so that only what is learnt is compared
    found = list(train(hungry(small_network, 10**6)[0], tiny_splits, recipe, **settings))
    assert [r.train_loss for r in found] == [r.train_loss for r in expected]


def _evaluated(network, splits) -> None:
    evaluate(network, BatchSource(splits.train, CPU), preprocessor(splits), EXACT)


def _recalibrated(network, splits) -> None:
    images = BatchSource(splits.train, CPU)
    recalibrate_batchnorm(network, images, preprocessor(splits), [torch.arange(32)], EXACT)


def _trained(network, splits) -> None:
    next(train(network, splits, EXACT, resolution=8, seed=0, device=CPU))


@pytest.mark.parametrize("work", [_evaluated, _recalibrated, _trained])
def test_what_does_not_fit_at_all_is_one_line(work, small_network, tiny_splits):
    network, _ = hungry(small_network, 0)
    expected = r"too little memory for (one image|2 images) at a time"
    with pytest.raises(OutOfMemoryError, match=expected) as error:
        work(network, tiny_splits)
    assert "DefaultCPUAllocator: can't allocate memory" in str(error.value)
    assert "\n" not in str(error.value)
    assert ".cpp" not in str(error.value)


def test_memory_that_runs_out_outside_a_batch_is_named_too():
    with pytest.raises(OutOfMemoryError, match="too little memory for this network"), out_of_memory_named():
        torch.empty(TOO_MUCH)
    with pytest.raises(KeyError), out_of_memory_named():
        raise KeyError("another error")


def test_work_that_fails_for_another_reason_is_not_tried_again():
    attempts = []

    def work(count: int) -> None:
        attempts.append(count)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        FittingParts(CPU).run(8, work)
    assert attempts == [1]


LIMITED = """
import resource, sys, torch
from torch import nn
from trials.datasets import open_images
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training import evaluation
torch.set_num_threads(1)
sizes = []
class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 256, 3, padding=1), nn.BatchNorm2d(256), nn.ReLU(),
                                 nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))
    def forward(self, x):
        sizes.append((self.training, len(x)))
        return self.net(x)
splits = open_images("digits", seed=0, cache=None)
few = {"epoch_images": 64, "recalibration_batches": 1}
recipe = Recipe(name="r", epochs=1, warmup_epochs=0, precision="fp32", batch_size=64, **few)
network = Wide()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]) * 2**20, resource.RLIM_INFINITY))
result = list(train(network, splits, recipe, resolution=64, seed=0, device=torch.device("cpu")))[-1]
trained, evaluated = [n for t, n in sizes if t], [n for t, n in sizes if not t]
print(result.final, max(trained), min(trained), min(evaluated))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is counted in pages of Linux")
def test_a_process_with_little_memory_trains_and_evaluates_in_parts():
    """Under a real limit: 64 images of 256 maps of 64 x 64 pixels take 268 MB a layer."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "600"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    final, largest, smallest, evaluated = done.stdout.split()
    assert final == "True"
    assert int(largest) == 64
    assert int(smallest) < 64
    assert int(evaluated) < 128
