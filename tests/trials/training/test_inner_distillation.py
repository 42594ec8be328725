"""A network's maps come to be those of its teacher, and nothing of that remains in the network."""

import itertools

import numpy as np
import pytest
import torch

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import RecipeError
from trials.training.inner_distillation import InnerDistillation, watched
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build
from trials.training.weights_file import write_weights

CPU = torch.device("cpu")


def pyramid(channels, resolution):
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=1, stride=2, options=options_of({"mixer": "depthwise"}))
        for c in (channels, 2 * channels)
    )
    options = options_of({"stem_stride": 1})
    return Architecture(network="pyramid", resolution=resolution, stages=stages, options=options)


def built(architecture, seed=0):
    return seeded_build(lambda: search_spaces.build(architecture, num_classes=2), seed)


@pytest.fixture
def taught(tiny_splits, tmp_path):
    """Return a recipe whose teacher is wider and sees larger images."""
    architecture = pyramid(16, 16)
    write_weights(tmp_path / "weights.safetensors", built(architecture, 1), tiny_splits, architecture)

    def recipe(**fields):
        shared = {"epochs": 2, "batch_size": 32, "precision": "fp32", "learning_rate": 0.01}
        teacher = str(tmp_path / "weights.safetensors")
        return Recipe.from_json(
            {"name": "inner", "teacher": teacher, "teacher_features": 1.0, **shared, **fields}
        )

    return recipe


def trained(splits, recipe, checkpoint=None, epochs=None):
    network = built(pyramid(8, 8))
    results = train(network, splits, recipe, resolution=8, seed=0, device=CPU, checkpoint=checkpoint)
    found = list(itertools.islice(results, epochs))
    return found, {name: value.clone() for name, value in network.state_dict().items()}


def test_a_network_learns_the_maps_of_its_teacher_and_keeps_its_form(tiny_splits, taught):
    results, weights = trained(tiny_splits, taught(epochs=6))
    assert results[-1].train_loss < results[0].train_loss
    assert weights.keys() == built(pyramid(8, 8)).state_dict().keys()
    _, without = trained(tiny_splits, taught(epochs=6, teacher_features=0.0))
    assert not torch.equal(weights["head.weight"], without["head.weight"])


def test_it_goes_on_to_the_same_weights_after_a_kill(tiny_splits, taught, tmp_path):
    _, whole = trained(tiny_splits, taught())
    for epochs in (1, None):
        _, resumed = trained(tiny_splits, taught(), tmp_path / "checkpoint.pt", epochs)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_distance_is_of_the_maps_at_the_same_reduction():
    student, teacher = built(pyramid(8, 8)), built(pyramid(16, 16), 1)
    inner = InnerDistillation(
        student, teacher, ((1, 3, 8, 8), (1, 3, 16, 16)), Recipe(name="x", epochs=1), seed=0, device=CPU
    )
    images = torch.from_numpy(np.random.default_rng(0).random((4, 3, 16, 16), np.float32))
    with watched(teacher) as wanted:
        teacher(images)
    with watched(student) as found:
        student(torch.nn.functional.avg_pool2d(images, 2))
    assert [m.shape[1:] for m in wanted.values()] == [(16, 8, 8), (32, 4, 4)]
    loss = inner.loss(found, wanted)
    assert loss.item() > 0.1
    for _ in range(200):
        inner.optimiser.zero_grad()
        loss = inner.loss({k: v.detach() for k, v in found.items()}, wanted)
        loss.backward()
        inner.optimiser.step()
    assert loss.item() < 1.0  # below the variance of the teacher's maps
    assert not student.stages[0]._forward_hooks


def test_a_teacher_without_stages_gets_one_line(tiny_splits, taught, tmp_path, monkeypatch):
    (tmp_path / "flat.py").write_text(
        "import torch\nnet = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RecipeError, match=r"needs stages that reduce images alike: expected .* found none"):
        trained(tiny_splits, taught(teacher="flat:net"))
    with pytest.raises(RecipeError, match="needs a teacher of torch with stages"):
        trained(tiny_splits, taught(teacher=None))
