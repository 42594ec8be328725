"""Each score equals its formula, worked out here the slow way."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import ScoreError
from trials.activation_signs import observe_activations
from trials.scores import SCORES, ImageScore
from trials.scoring import ScoringImages, score_module

IMAGES, LABELS = ScoringImages(classes=3, channels=3).batch(8, 6, torch.device("cpu"))


class Functional(nn.Module):
    """Calls its activations as functions, one of them in place."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(4))
        self.head = nn.Linear(3, 3)

    def entering(self, x: Tensor) -> list[Tensor]:
        acts: list[Callable[[Tensor], Tensor]] = [F.relu, F.silu, F.gelu, F.hardswish]
        found: list[Tensor] = []
        for conv, act in zip(self.convs, acts, strict=True):
            found.append(conv(x))
            x = act(found[-1])
        return found

    def forward(self, x: Tensor) -> Tensor:
        first, second, third, fourth = self.convs
        x = torch.relu_(first(x))
        x = F.silu(second(x), inplace=True)
        x = F.hardswish(fourth(F.gelu(third(x))))
        x = x * x.mean(dim=(2, 3), keepdim=True).sigmoid()
        scores: Tensor = self.head(x.mean(dim=(2, 3)))
        return scores


class AsModules(nn.Sequential):
    """The same network with activations that are modules."""

    def __init__(self, functional: Functional) -> None:
        first, second, third, fourth = functional.convs
        acts = (nn.ReLU(inplace=True), nn.SiLU(), nn.GELU(), nn.Hardswish())
        super().__init__(first, acts[0], second, acts[1], third, acts[2], fourth, acts[3])


@pytest.fixture
def network() -> Functional:
    torch.manual_seed(0)
    return Functional()


def image_score(name: str) -> ImageScore:
    score = SCORES[name]
    assert isinstance(score, ImageScore)
    return score


def patterns(network: Functional) -> Tensor:
    """Return which units are on for each image, [b, units]."""
    with torch.no_grad():
        entering = network.entering(IMAGES)
    return torch.cat([x.flatten(1) > 0 for x in entering], dim=1)


def test_activations_are_seen_as_modules_and_as_functions(network: Functional) -> None:
    for model in (network, AsModules(network)):
        seen: list[Tensor] = []
        assert observe_activations(model, IMAGES, seen.append) == 4
        assert torch.equal(torch.cat(seen, dim=1), patterns(network))


def test_naswot_is_the_log_determinant_of_units_minus_hamming_distances(network: Functional) -> None:
    on = patterns(network)
    agreeing = [[int((one == other).sum()) for other in on] for one in on]
    kernel = torch.tensor(agreeing).double() + torch.eye(len(on)).double()
    expected = float(torch.linalg.slogdet(kernel).logabsdet)
    assert score_module(image_score("naswot"), network, IMAGES, LABELS) == pytest.approx(expected, rel=1e-12)


def test_swap_is_the_number_of_distinct_patterns_of_units(network: Functional) -> None:
    distinct = {tuple(column) for column in patterns(network).T.tolist()}
    assert score_module(image_score("swap"), network, IMAGES, LABELS) == len(distinct)


def test_zico_is_the_sum_of_logs_of_mean_gradients_over_their_deviations(network: Functional) -> None:
    gradients = []
    for part in (slice(4), slice(4, None)):
        network.zero_grad()
        F.cross_entropy(network(IMAGES[part]), LABELS[part]).backward()
        layers = [m.weight.grad for m in (*network.convs, network.head)]
        gradients.append([g.clone() for g in layers if isinstance(g, Tensor)])
    expected = 0.0
    for pair in zip(*gradients, strict=True):
        stacked = torch.stack(pair)
        ratio = stacked.abs().mean(dim=0) / stacked.std(dim=0, unbiased=False)
        expected += math.log(float(ratio.double().sum()))
    given = score_module(image_score("zico"), network, IMAGES, LABELS)
    assert given == pytest.approx(expected, rel=1e-4)
    halves = (IMAGES.roll(4, dims=0), LABELS.roll(4, dims=0))
    assert score_module(image_score("zico"), network, *halves) == pytest.approx(given, rel=1e-4)


def deepmad(*stages: Stage, side: int = 16) -> dict[str, float]:
    score: Any = SCORES["deepmad"]
    described = Architecture(
        network="pyramid",
        resolution=side,
        stages=stages,
        options=options_of({"stem_channels": 16, "stem_stride": 1}),
    )
    sizes = {"num_classes": 10, "in_channels": 3}
    return {"score": score.value(described, **sizes), **score.beside(described, **sizes)}


def test_deepmad_is_its_formula() -> None:
    """A stem of 3 channels by 3 x 3, then two blocks that widen, convolve 5 x 5 depthwise and narrow."""
    stage = Stage(
        block="inverted_residual",
        channels=24,
        depth=2,
        stride=2,
        options=options_of({"kernel": 5, "expansion": 2, "gate": "squeeze_excite"}),
    )
    found = deepmad(stage)
    stem, blocks = [27], [16, 25, 32, 24, 25, 48]
    first = math.log(16 * 16 * 16) * sum(map(math.log, stem)) / 2
    last = math.log(8 * 8 * 24) * sum(map(math.log, stem + blocks)) / 2
    assert found["score"] == pytest.approx(first + 8 * last - 10)
    widths = stem + blocks
    assert found["effectiveness"] == pytest.approx(7 / math.prod(widths) ** (1 / 7))


def test_deepmad_takes_an_attention_as_its_two_projections() -> None:
    """Both widths are the channels; the product between them adds nothing; then the MLP: 16 and 32."""
    stage = Stage(block="metaformer", channels=16, depth=1, options=options_of({"mixer": "attention"}))
    layers = [27, 16, 16, 16, 32]
    assert deepmad(stage)["score"] == pytest.approx(
        8 * math.log(16 * 16 * 16) * sum(map(math.log, layers)) / 2 - 10
    )


@pytest.mark.parametrize("name", ["naswot", "swap"])
def test_a_network_without_activations_is_refused_in_one_line(name: str) -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(108, 3))
    with pytest.raises(ScoreError, match=rf"by {name}: it calls no activation function .* Expected"):
        score_module(image_score(name), linear, IMAGES, LABELS)


def test_a_network_that_cannot_be_trained_is_refused_in_one_line() -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(len(x), 3, requires_grad=True)

    with pytest.raises(ScoreError, match=r"by zico: .* Expected a network that can be trained"):
        score_module(image_score("zico"), Constant(), IMAGES, LABELS)
