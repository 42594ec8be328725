"""Training images begin small where a recipe asks for it; networks are evaluated at their own resolution."""

import numpy as np
import pytest
import torch
from torch import nn

import search_spaces
from search_spaces.counting import smallest_side
from search_spaces.errors import RecipeError
from search_spaces.space import SearchSpace
from trials.recipes import load_recipe
from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.sides import side_at, training_areas, training_sides, work_left
from trials.training.teacher import Teacher

CPU = torch.device("cpu")


def recipe_of(sides: tuple[float, ...], epochs: int = 6) -> Recipe:
    return Recipe(name="growing", epochs=epochs, sides=sides, precision="fp32", recalibration_batches=2)


@pytest.mark.parametrize(
    ("resolution", "smallest", "expected"),
    [(224, 32, (112, 168, 224)), (32, 16, (16, 24, 32)), (24, 16, (16, 16, 24)), (8, 8, (8, 8, 8))],
)
def test_sides_are_whole_and_never_smaller_than_a_network_takes(
    resolution: int, smallest: int, expected: tuple[int, ...]
):
    assert training_sides(recipe_of((0.5, 0.75, 1.0)), resolution, smallest) == expected


@pytest.mark.parametrize("epochs", range(1, 13))
@pytest.mark.parametrize("parts", range(1, 6))
def test_each_side_has_its_part_of_the_training_and_the_last_epoch_the_resolution(epochs: int, parts: int):
    if parts > epochs:
        return
    shares = tuple((part + 1) / parts for part in range(parts))
    seen = [side_at(epoch, recipe_of(shares, epochs), 960) for epoch in range(1, epochs + 1)]
    counts = [seen.count(side) for side in training_sides(recipe_of(shares, epochs), 960)]
    assert sum(counts) == epochs
    assert max(counts) - min(counts) <= 1
    assert seen == sorted(seen)
    assert seen[-1] == 960


def test_without_sides_nothing_is_new_in_what_tells_trainings_apart():
    recipe = load_recipe("proxy")
    assert "sides" not in recipe.identity()
    assert Recipe.from_json({k: v for k, v in recipe.to_json().items() if k != "sides"}) == recipe
    assert recipe.model_copy(update={"sides": (0.5, 1.0)}).identity()["sides"] == [0.5, 1.0]
    assert training_areas(recipe, 32) == (1.0,) * 6


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("sides: [0.5]", r"line 3: sides \[0.5\] must end at 1, .*: write \[0.5, 1.0\]"),
        ("sides: [0.0, 1]", "line 3: sides.0"),
        ("sides: [2.0, 1]", "line 3: sides.0"),
        ("sides: [0.25, 0.5, 1]", "line 3: sides .* expected at most one for each epoch, 2"),
        ("sides: small", "line 3: sides"),
    ],
)
def test_sides_that_cannot_be_used_are_named_with_their_line(tmp_path, written: str, said: str):
    path = tmp_path / "mine.yaml"
    path.write_text(f"base: proxy\nepochs: 2\n{written}\n")
    with pytest.raises(RecipeError, match=said):
        load_recipe(str(path))


def test_the_work_left_counts_the_area_of_images():
    recipe = recipe_of((0.5, 1.0), epochs=2)
    assert training_areas(recipe, 32) == (0.25, 1.0)
    assert work_left(1, recipe, 32) == pytest.approx(4.0)
    assert work_left(3, load_recipe("proxy"), 32) == 1.0
    assert work_left(6, load_recipe("proxy"), 32) == 0.0


def seen_by(network: nn.Module) -> list[tuple[bool, int]]:
    """Return a list that the network adds to: whether it trains, and the side of the images it sees."""
    seen: list[tuple[bool, int]] = []
    network.register_forward_pre_hook(lambda m, given: seen.append((m.training, given[0].shape[-1])))
    return seen


def test_only_training_images_are_smaller(small_network, tiny_splits):
    network = small_network()
    seen = seen_by(network)
    results = list(train(network, tiny_splits, recipe_of((0.5, 1.0), 2), resolution=32, seed=0, device=CPU))
    assert len(results) == 2
    ends = [i for i, (training, _) in enumerate(seen) if training]
    first = [side for i, (training, side) in enumerate(seen) if training and i < ends[len(ends) // 2]]
    assert set(first) == {16}
    assert {side for training, side in seen[ends[len(ends) // 2] :] if training} == {32}
    assert {side for training, side in seen if not training} == {32}


def test_smaller_images_are_those_of_the_network_reduced(tiny_splits):
    prepare = Preprocessor(tiny_splits.mean, tiny_splits.std, 32, CPU)
    images, _ = BatchSource(tiny_splits.train, CPU).batch(torch.arange(4))
    small = prepare(images, 16)
    assert small.shape[-2:] == (16, 16)
    assert torch.equal(small, Preprocessor(tiny_splits.mean, tiny_splits.std, 16, CPU)(images))
    assert torch.equal(prepare(images, 32), prepare(images))


def test_a_teacher_sees_images_at_its_own_resolution(small_network, tiny_splits):
    recipe, pupil, mentor = recipe_of((0.5, 1.0), 2), small_network(), small_network()
    prepare = Preprocessor(tiny_splits.mean, tiny_splits.std, 32, CPU)
    teacher = Teacher(mentor, Preprocessor(tiny_splits.mean, tiny_splits.std, 24, CPU), recipe)
    source, seen, shown = BatchSource(tiny_splits.train, CPU), seen_by(pupil), seen_by(mentor)
    Learner(pupil, recipe, source, prepare, classes=2, seed=0, teacher=teacher).learn(1, lambda: None)
    assert {side for _, side in seen} == {16}
    assert {side for _, side in shown} == {24}


@pytest.mark.parametrize("name", ["hybrid_small", "mobile_cnn", "mobile_small", "hybrid"])
def test_networks_of_the_catalog_train_at_the_smallest_side(name: str):
    space: SearchSpace = search_spaces.load(name)
    architecture = space.sample(np.random.default_rng(0))
    network = search_spaces.build(architecture, num_classes=3)
    side = smallest_side(architecture)
    assert network(torch.randn(2, 3, side, side)).shape == (2, 3)
    assert side <= min(space.resolution)
