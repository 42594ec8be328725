"""What only a CUDA device can show."""

from typing import Any

import pytest
import torch

from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner
from trials.training.loop import train
from trials.training.recipe import Recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
CUDA = torch.device("cuda")
EVERYTHING = Recipe(
    name="everything",
    epochs=4,
    batch_size=16,
    gradient_clip=1.0,
    shift=0.1,
    flip=True,
    randaugment_rounds=2,
    erase=0.3,
    mixup=0.2,
    cutmix=1.0,
    ema_decay=0.9,
)


def test_a_network_learns_on_the_gpu(small_network, tiny_splits):
    recipe = Recipe(name="short", epochs=4, batch_size=16)
    results = list(train(small_network(), tiny_splits, recipe, resolution=12, seed=0, device=CUDA))
    assert results[-1].accuracy > 0.9


# torch says of this mode that it does not find every wait
@pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning")
def test_no_step_waits_for_the_device(small_network, tiny_splits):
    network = small_network().to(CUDA)
    feed, prepare = BatchSource(tiny_splits.train, CUDA), Preprocessor((0.4,) * 3, (0.2,) * 3, 12, CUDA)
    learner = Learner(network, EVERYTHING, feed, prepare, classes=2, seed=0, teacher=None)
    learner.learn(1, lambda: None)
    steps = []

    def watch():
        steps.append(1)
        torch.cuda.set_sync_debug_mode("error" if len(steps) < 6 else "default")

    try:
        learner.learn(2, watch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(steps) == 6


def test_an_interrupted_training_goes_on_to_the_same_results(small_network, tiny_splits, tmp_path):
    """From its checkpoint; sums on a GPU depend on the order of its threads, so within rounding."""
    recipe = EVERYTHING.model_copy(update={"precision": "fp32"})
    settings: dict[str, Any] = {"resolution": 12, "seed": 0, "device": CUDA, "clock": lambda: 0.0}
    whole = small_network()
    expected = list(train(whole, tiny_splits, recipe, **settings))
    begun = train(small_network(), tiny_splits, recipe, checkpoint=tmp_path / "c", **settings)
    next(begun), next(begun)
    resumed = small_network()
    found = list(train(resumed, tiny_splits, recipe, checkpoint=tmp_path / "c", **settings))
    assert len(found) == len(expected)
    for name, weights in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], weights, rtol=1e-3, atol=1e-4)
