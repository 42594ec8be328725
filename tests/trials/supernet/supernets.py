"""A small space, images that can be learned in seconds, and recipes of each rule."""

import torch

from search_spaces.architecture import Option, options_of
from search_spaces.elastic import SharedWeights
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from trials.supernet import SupernetRecipe
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
CHOICES: dict[str, tuple[Option, ...]] = {
    "mixer": ("depthwise", "separable_attention"),
    "kernel": (3, 5),
    "expansion": (1, 2),
}
SPACE = SearchSpace(
    name="small",
    resolution=(8, 12),
    width=(0.5, 1.0),
    divisor=8,
    conv_depth=(0.5, 1.0),
    options=options_of({"stem_channels": 16, "stem_stride": 1}),
    stages=(
        StageSpace(channels=16, depth=(1,), options=CHOICES),
        StageSpace(channels=32, depth=(2,), stride=2, options=CHOICES),
    ),
)
TRAINING = Recipe(name="short", epochs=4, batch_size=16, shift=0.1, flip=True, precision="fp32")
RULES = ("sandwich", "sorted", "single_path", "fair")


def recipe_of(rule, training=TRAINING, **options):
    return SupernetRecipe(name="short", rule=rule, training=training, **options)


def shared_for(splits, space=SPACE, seed=0):
    return SharedWeights(space, num_classes=len(splits.classes), in_channels=splits.channels, seed=seed)


def weights(shared):
    return {key: tensor.detach().clone() for key, tensor in shared.tensors.items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
