import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trials.training.mixing import mix
from trials.training.recipe import Recipe

PLAIN = Recipe(name="plain", epochs=1, warmup_epochs=0)
LABELS = torch.tensor([0, 1, 2, 0])


def flat_images():
    """Return one image per entry of LABELS, all of its pixels equal to its number."""
    return torch.arange(4.0)[:, None, None, None].expand(4, 1, 8, 10) / 4


def test_nothing_is_mixed_unasked():
    images, targets = mix(flat_images(), LABELS, 3, PLAIN, np.random.default_rng(0))
    assert targets is LABELS
    assert torch.equal(images, flat_images())


@pytest.mark.parametrize("fields", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}])
@given(seed=st.integers(0, 9_999))
def test_targets_are_the_shares_of_the_pixels(fields, seed):
    recipe = PLAIN.model_copy(update=fields)
    images, targets = mix(flat_images(), LABELS, 3, recipe, np.random.default_rng(seed))
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    # image 1 is mixed with image 0: its mean is its own share of a quarter
    share = (images[1].mean() / 0.25).item()
    assert targets[1, 1].item() == pytest.approx(share, abs=1e-5)
    assert targets[1, 0].item() == pytest.approx(1 - share, abs=1e-5)
