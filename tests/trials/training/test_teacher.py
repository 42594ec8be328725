import numpy as np
import pytest
import torch

import search_spaces
from search_spaces.errors import RecipeError
from trials.recipes import load_recipe
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.run_trial import write_weights
from trials.training.seeding import seeded_build
from trials.training.teacher import load_teacher

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def architecture():
    space = search_spaces.load("hybrid_small")
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(10)]
    return min(drawn, key=lambda a: search_spaces.count(a, num_classes=2, in_channels=3).macs)


@pytest.fixture
def weights(architecture, tiny_splits, tmp_path):
    network = seeded_build(lambda: search_spaces.build(architecture, num_classes=2, in_channels=3), 0)
    write_weights(tmp_path / "weights.safetensors", network, tiny_splits, architecture)
    return tmp_path / "weights.safetensors"


def recipe(weights, **fields):
    return Recipe(name="learns", epochs=2, precision="fp32", teacher=str(weights), **fields)


def test_a_pupil_that_agrees_has_no_loss_and_one_that_differs_has(weights, tiny_splits):
    teacher = load_teacher(recipe(weights), tiny_splits, CPU)
    assert teacher is not None
    soft_targets = teacher.soft_targets(torch.rand(4, 3, 8, 8))
    agreeing = soft_targets * 2.0  # the temperature
    assert teacher.loss(agreeing, soft_targets).item() == pytest.approx(0.0, abs=1e-6)
    assert teacher.loss(agreeing.flip(1), soft_targets).item() > 0


def test_a_pupil_with_only_the_teachers_word_comes_to_agree(weights, small_network, tiny_splits):
    asked = recipe(weights, teacher_share=1.0, batch_size=16)
    network = small_network(dropout=0.0)
    losses = [r.train_loss for r in train(network, tiny_splits, asked, resolution=8, seed=0, device=CPU)]
    assert losses[-1] < losses[0]


def test_a_teacher_of_other_classes_is_refused(weights, digits):
    with pytest.raises(RecipeError, match=r"has 2 classes .*expected 10"):
        load_teacher(recipe(weights), digits, CPU)


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_that_is_no_teacher_is_an_error(tmp_path, tiny_splits, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"Cannot use the teacher .*expected the weights\.safetensors"):
        load_teacher(recipe(path), tiny_splits, CPU)


def test_a_teachers_path_is_relative_to_its_recipe(weights):
    (weights.parent / "own.yaml").write_text("epochs: 2\nteacher: weights.safetensors\n")
    assert load_recipe(str(weights.parent / "own.yaml")).teacher == str(weights)
