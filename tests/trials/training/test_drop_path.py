import pytest
import torch
from torch import nn

from search_spaces.errors import RecipeError
from trials.training.drop_path import drop_blocks


class Residual(nn.Module):
    def forward(self, x):
        return x + 1.0


class Wider(nn.Module):
    def forward(self, x):
        return torch.cat([x, x], 1)


class Staged(nn.Module):
    def __init__(self, *stages):
        super().__init__()
        self.stages = nn.Sequential(*(nn.Sequential(*stage) for stage in stages))

    def forward(self, x):
        return self.stages(x)


IMAGES = torch.zeros(4_000, 1, 1, 1)


def test_blocks_are_skipped_rising_with_depth_and_the_expectation_stays():
    torch.manual_seed(0)
    network = Staged([Residual()])
    with drop_blocks(network, 0.4):
        out = network(IMAGES)
    skipped = (out == 0).float().mean().item()
    assert skipped == pytest.approx(0.4, abs=0.04)  # 5 standard deviations: wrong once in 2e6
    assert out.mean().item() == pytest.approx(1.0, abs=0.07)
    deep = Staged([Residual()], [Residual()])
    with drop_blocks(deep, 0.4):
        first = deep.stages[0](IMAGES)
    assert (first == 0).float().mean().item() == pytest.approx(0.2, abs=0.032)


def test_each_image_has_its_own_draw_and_evaluation_skips_nothing():
    network = Staged([Residual()])
    with drop_blocks(network, 0.5):
        assert len(network(IMAGES).unique()) == 2
        network.eval()
        assert (network(IMAGES) == 1).all()


def test_blocks_that_change_the_shape_are_kept_and_nothing_remains():
    network = Staged([Wider()], [Residual()])
    with drop_blocks(network, 0.9):
        assert network(IMAGES).shape[1] == 2
    assert (network(torch.zeros(4, 1, 1, 1)) == 1).all()


def test_a_network_without_stages_is_an_error():
    with (
        pytest.raises(RecipeError, match=r"drop_path 0\.1 needs.*found none in Linear"),
        drop_blocks(nn.Linear(1, 1), 0.1),
    ):
        pass
    with drop_blocks(nn.Linear(1, 1), 0.0):
        pass
