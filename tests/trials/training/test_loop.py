from itertools import islice
from typing import Any

import pytest
import torch
from torch import nn

from trials.training import precision
from trials.training.errors import CheckpointError, DamagedCheckpointError, NonFiniteLossError
from trials.training.loop import train
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
SHORT = Recipe(name="short", epochs=4, rungs=(2, 4), batch_size=16, shift=0.1, flip=True)


def run(network, splits, recipe=SHORT, **options):
    settings = {"resolution": 12, "seed": 3, "device": CPU, "clock": lambda: 0.0}
    return train(network, splits, recipe, **{**settings, **options})


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_training_learns_and_numbers_its_epochs(small_network, tiny_splits):
    results = list(run(small_network(), tiny_splits))
    assert [result.epoch for result in results] == [1, 2, 3, 4]
    assert [result.final for result in results] == [False, False, False, True]
    assert results[-1].accuracy > 0.9
    assert results[-1].train_loss < results[0].train_loss


KINDS: dict[str, dict[str, Any]] = {
    "adamw": {},
    "sgd": {"optimiser": "sgd", "schedule": "cosine", "gradient_clip": 1.0},
    "everything": {
        "ema_decay": 0.9,
        "mixup": 0.2,
        "cutmix": 1.0,
        "randaugment_rounds": 2,
        "erase": 0.5,
        "precision": "fp32",
    },
    "growing": {"sides": (0.75, 1.0)},
    "detected": {"flip": "detect"},
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("killed_after", [1, 2, 3, 4])
def test_a_killed_training_ends_bit_identical_to_an_unbroken_one(
    small_network, tiny_splits, tmp_path, killed_after, kind
):
    recipe = SHORT.model_copy(update=KINDS[kind])
    unbroken = small_network()
    expected = list(run(unbroken, tiny_splits, recipe))

    checkpoint = tmp_path / "checkpoint.pt"
    seen = list(islice(run(small_network(), tiny_splits, recipe, checkpoint=checkpoint), killed_after))
    torch.manual_seed(killed_after)  # another process has another global state
    resumed = small_network()
    with torch.no_grad():
        for parameter in resumed.parameters():
            parameter.add_(1.0)
    results = list(run(resumed, tiny_splits, recipe, checkpoint=checkpoint))

    assert results == expected
    assert results[:killed_after] == seen
    assert same(weights(resumed), weights(unbroken))


def test_the_checkpoint_is_written_before_its_epoch_is_reported(small_network, tiny_splits, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    first = next(run(small_network(), tiny_splits, checkpoint=checkpoint))
    assert next(run(small_network(), tiny_splits, checkpoint=checkpoint)) == first
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_the_global_generator_neither_matters_nor_changes(small_network, tiny_splits):
    one, other = small_network(), small_network()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(run(one, tiny_splits))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    list(run(other, tiny_splits))
    assert same(weights(one), weights(other))


def test_another_seed_gives_other_weights(small_network, tiny_splits):
    one, other = small_network(), small_network()
    list(run(one, tiny_splits, seed=1))
    list(run(other, tiny_splits, seed=2))
    assert not same(weights(one), weights(other))


def test_a_loss_that_overflows_fails_with_its_reason(small_network, tiny_splits):
    recipe = SHORT.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(NonFiniteLossError, match=r"loss became (nan|inf) in epoch \d.*learning_rate"):
        list(run(small_network(), tiny_splits, recipe))


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"resolution": 16}, {"recipe": SHORT.model_copy(update={"epochs": 9})}]
)
def test_a_checkpoint_of_another_training_is_refused(small_network, tiny_splits, tmp_path, change):
    checkpoint = tmp_path / "checkpoint.pt"
    next(run(small_network(), tiny_splits, checkpoint=checkpoint))
    with pytest.raises(CheckpointError, match="training with other"):
        next(run(small_network(), tiny_splits, checkpoint=checkpoint, **change))


def test_a_checkpoint_from_before_a_field_existed_goes_on(small_network, tiny_splits, tmp_path):
    class LaterRecipe(Recipe):
        blur: float = 0.0

    checkpoint = tmp_path / "checkpoint.pt"
    next(run(small_network(), tiny_splits, checkpoint=checkpoint))
    later = LaterRecipe.from_json(SHORT.to_json())
    assert len(list(run(small_network(), tiny_splits, later, checkpoint=checkpoint))) == 4
    with pytest.raises(CheckpointError, match="training with other recipe"):
        list(run(small_network(), tiny_splits, later.model_copy(update={"blur": 0.2}), checkpoint=checkpoint))


def test_a_checkpoint_of_another_network_is_refused(small_network, tiny_splits, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    next(run(small_network(), tiny_splits, checkpoint=checkpoint))
    with pytest.raises(CheckpointError, match="another network"):
        next(run(small_network(width=16), tiny_splits, checkpoint=checkpoint))


def test_a_damaged_checkpoint_is_named(small_network, tiny_splits, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    next(run(small_network(), tiny_splits, checkpoint=checkpoint))
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match="damaged"):
        next(run(small_network(), tiny_splits, checkpoint=checkpoint))


def test_images_arrive_channels_last_at_the_resolution_in_the_recipes_precision(tiny_splits, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: True)
    seen = []

    class Probe(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, images):
            seen.append((images.shape[1:], images.is_contiguous(memory_format=torch.channels_last)))
            out = self.layer(images.mean((2, 3)))
            seen.append(out.dtype)
            return out

    list(run(Probe(), tiny_splits, SHORT.model_copy(update={"precision": "bf16"})))
    assert set(seen) == {((3, 12, 12), True), torch.bfloat16}
