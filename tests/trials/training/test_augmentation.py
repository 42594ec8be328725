import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trials.training.augmentation import CHANGES, augment
from trials.training.recipe import Recipe

PLAIN = Recipe(name="plain", epochs=1, warmup_epochs=0)


def recipe(**fields):
    return PLAIN.model_copy(update=fields)


def noise(count=8, channels=3, height=10, width=12):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_recipe_without_augmentation_leaves_images_alone():
    images = noise()
    assert torch.equal(augment(images, PLAIN, drawn()), images)


@given(
    st.integers(0, 3),
    st.floats(0, 1),
    st.floats(0, 0.3),
    st.booleans(),
    st.floats(0, 1),
    st.sampled_from([1, 3]),
    st.integers(0, 999),
)
def test_images_keep_their_shape_and_range_and_follow_the_generator(
    rounds, magnitude, shift, flip, erase, channels, seed
):
    fields = {"randaugment_rounds": rounds, "randaugment_magnitude": magnitude}
    asked = recipe(shift=shift, flip=flip, erase=erase, **fields)
    images = noise(channels=channels)
    torch.manual_seed(seed)
    one = augment(images, asked, drawn(seed))
    torch.manual_seed(seed + 1)
    assert torch.equal(one, augment(images, asked, drawn(seed)))
    assert one.shape == images.shape
    assert one.min() >= -1e-6
    assert one.max() <= 1 + 1e-6


def test_a_flip_mirrors_about_half_of_the_images():
    images = noise(200)
    flipped = augment(images, recipe(flip=True), drawn())
    mirrored = (flipped - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    same = (flipped - images).abs().amax((1, 2, 3)) < 1e-5
    assert torch.equal(mirrored, ~same)
    assert 60 < mirrored.sum() < 140  # 5.6 standard deviations: wrong once in 5e7


def test_a_shift_moves_a_point_no_further_than_asked():
    images = torch.zeros(100, 1, 21, 21)
    images[:, :, 10, 10] = 1.0
    shifted = augment(images, recipe(shift=0.2), drawn())
    rows, columns = np.mgrid[0:21, 0:21] - 10
    mass = shifted[:, 0].double().numpy()
    for axis in (rows, columns):
        centre = (mass * axis).sum((1, 2)) / mass.sum((1, 2))
        assert np.abs(centre).max() <= 0.2 * 21 + 1e-6
        assert np.abs(centre).max() > 0.15 * 21  # 100 draws below three quarters: 0.75**100


def test_every_change_is_drawn_and_changes_images():
    images = noise(400)
    changed = augment(images, recipe(randaugment_rounds=1), drawn())
    share = ((changed - images).abs().amax((1, 2, 3)) > 1e-4).float().mean()
    assert abs(share - (1 - 1 / len(CHANGES))) < 0.1  # 7 standard deviations: wrong once in 4e11


def test_the_hole_is_a_square_in_the_asked_share_of_images():
    erased = augment(torch.ones(400, 1, 32, 32), recipe(erase=0.5), drawn())
    holes = (erased == 0.5).flatten(1).sum(1)
    assert abs((holes > 0).float().mean() - 0.5) < 0.15  # 6 standard deviations: wrong once in 5e8
    assert holes.max() <= 17**2


@pytest.mark.parametrize("rounds", [1, 2])
def test_changes_of_magnitude_zero_change_nothing(rounds):
    images = (noise() * 255).round() / 255
    asked = recipe(randaugment_rounds=rounds, randaugment_magnitude=0.0)
    torch.testing.assert_close(augment(images, asked, drawn()), images, atol=2e-5, rtol=0)
