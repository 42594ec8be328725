"""A GPU with too little memory for a batch: what is trained and evaluated is cut into parts."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from trials.datasets import open_images
from trials.training.batches import BatchSource, Preprocessor
from trials.training.batchnorm_recalibration import recalibrate_batchnorm
from trials.training.errors import OutOfMemoryError
from trials.training.evaluation import evaluate
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
CUDA = torch.device("cuda")
SIDE = 64
RECIPE = Recipe(
    name="r", epochs=1, warmup_epochs=0, precision="fp32", batch_size=64, epoch_images=256, flip=True
)


class Wide(nn.Module):
    """A layer of 256 maps of 64 x 64 pixels: 4 MiB an image; notes the size of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = list[tuple[bool, int]]()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(256, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append((self.training, len(x)))
        scores: Tensor = self.layers(x)
        return scores


@pytest.fixture(scope="module")
def splits():
    return open_images("digits", seed=0, cache=None)


def wide() -> Wide:
    network = seeded_build(Wide, 0).to(CUDA, memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert isinstance(network, Wide)
    return network


@contextmanager
def only(mebibytes: int) -> Iterator[None]:
    """Leave this process so much of the GPU's memory beyond what it holds."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + mebibytes * 2**20) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_a_training_without_room_for_a_batch_reaches_its_end(splits):
    network = wide()
    with only(500):
        last = list(train(network, splits, RECIPE, resolution=SIDE, seed=0, device=CUDA))[-1]
    trained = [count for training, count in network.sizes if training]
    assert last.final
    assert trained[0] == 64
    assert trained[-1] < 64


def test_evaluation_and_recalibration_without_room_for_a_batch_give_what_they_give_with_it(splits):
    preprocess = Preprocessor(splits.mean, splits.std, SIDE, CUDA)
    found = {}
    for room in (250, 20_000):
        network = wide()
        with only(room):
            images = BatchSource(splits.train, CUDA)
            recalibrate_batchnorm(network, images, preprocess, [torch.arange(64, device=CUDA)], RECIPE)
            scores = evaluate(network, images, preprocess, RECIPE)
        found[room] = scores.accuracy, len(network.sizes)
    assert found[250][1] > found[20_000][1]  # parts
    assert found[250][0] == pytest.approx(found[20_000][0], abs=0.02)  # BatchNorm sees other batches


def test_a_network_of_which_not_one_image_fits_is_one_line(splits):
    with only(2), pytest.raises(OutOfMemoryError, match="too little memory for") as error:
        list(train(wide(), splits, RECIPE, resolution=1024, seed=0, device=CUDA))
    assert "\n" not in str(error.value)


def test_after_memory_ran_out_the_next_training_has_all_of_it(splits):
    with only(2), pytest.raises(OutOfMemoryError):
        list(train(wide(), splits, RECIPE, resolution=1024, seed=0, device=CUDA))
    network = wide()
    list(train(network, splits, RECIPE, resolution=SIDE, seed=0, device=CUDA))
    assert min(count for training, count in network.sizes if training) == 64
