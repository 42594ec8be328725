import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import search_spaces
from search_spaces.errors import RecipeError
from trials.images.resized import resized_images
from trials.images.splits import Images
from trials.recipes import load_recipe
from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build
from trials.training.teacher import Teacher, load_teacher
from trials.training.weights_file import write_weights

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
    agreeing = soft_targets + 3.0  # logits of the same probabilities
    assert teacher.loss(agreeing, soft_targets).item() == pytest.approx(0.0, abs=1e-6)
    assert teacher.loss(agreeing.flip(1), soft_targets).item() > 0


def test_a_pupil_with_only_the_teachers_word_comes_to_agree(weights, small_network, tiny_splits):
    asked = recipe(weights, teacher_share=1.0, batch_size=16)
    network = small_network(dropout=0.0)
    losses = [r.train_loss for r in train(network, tiny_splits, asked, resolution=8, seed=0, device=CPU)]
    assert losses[-1] < losses[0]


class Seeing(nn.Module):
    """A network that keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.seen = []

    def forward(self, images):
        self.seen.append(images.detach().clone())
        return self.layer(images.mean((2, 3)))


def test_a_teacher_sees_the_images_at_its_own_resolution_changed_alike(weights, tiny_splits):
    asked = recipe(weights, batch_size=16, flip=True, mixup=0.5)
    finer = tiny_splits.train.images.repeat(2, axis=1).repeat(2, axis=2)
    images = {8: tiny_splits.train, 16: Images(images=finer, labels=tiny_splits.train.labels)}
    sources = {side: BatchSource(images[side], CPU) for side in images}
    prepare = {side: Preprocessor(tiny_splits.mean, tiny_splits.std, side, CPU) for side in images}
    pupil, master = Seeing(), Seeing()
    teacher = Teacher(master, prepare[16], asked, sources[16])
    learner = Learner(pupil, asked, sources[8], prepare[8], classes=2, seed=0, teacher=teacher)
    learner.learn(1, lambda: None)
    alone = Seeing()
    Learner(alone, asked, sources[8], prepare[8], classes=2, seed=0, teacher=None).learn(1, lambda: None)
    assert len(pupil.seen) == 6
    for small, large, unaided in zip(pupil.seen, master.seen, alone.seen, strict=True):
        assert large.shape[2:] == (16, 16)
        torch.testing.assert_close(F.avg_pool2d(large, 2), small, atol=1e-5, rtol=0)
        assert torch.equal(small, unaided)  # the teacher's draws are put back


def test_the_images_of_a_teacher_are_opened_at_its_resolution(weights, architecture, tiny_splits):
    sides = []

    def images_at(side):
        sides.append(side)
        return resized_images(tiny_splits.train, 96, side)

    teacher = load_teacher(recipe(weights), tiny_splits, CPU, images_at)
    assert teacher is not None
    assert teacher.images is not None
    assert sides == [architecture.resolution]
    assert teacher.images.batch(torch.arange(2))[0].shape[2:] == (architecture.resolution,) * 2


def test_a_teacher_of_other_classes_is_refused(weights, digits):
    with pytest.raises(RecipeError, match=r"has 2 classes .*expected 10"):
        load_teacher(recipe(weights), digits, CPU)


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_that_is_no_teacher_is_an_error(tmp_path, tiny_splits, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"Cannot use the teacher .*the weights\.safetensors of a trial"):
        load_teacher(recipe(path), tiny_splits, CPU)


def test_a_teachers_path_is_relative_to_its_recipe(weights):
    (weights.parent / "own.yaml").write_text("epochs: 2\nteacher: weights.safetensors\n")
    assert load_recipe(str(weights.parent / "own.yaml")).teacher == str(weights)
