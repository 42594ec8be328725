"""A network in training runs as CUDA graphs, and learns the same as without."""

import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from trials.recipes import RECIPES
from trials.training.graphed_network import GraphedNetwork, batches_before_capture
from trials.training.recipe import Recipe

ON_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def network(device: str = "cpu") -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.SiLU())
    made = nn.Sequential(first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    return made.to(device).train()


def images(step: int, count: int = 12, device: str = "cpu") -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(step)).to(device)


def trained(model: nn.Module, forward, device: str, steps: int = 8) -> list[float]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for step in range(steps):
        optimiser.zero_grad(set_to_none=True)
        seen = images(step, 12 - step % 2, device)
        loss = F.cross_entropy(forward(seen), torch.arange(len(seen), device=device) % 5)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        del loss  # its graph would hold on to the stream of this step
    return losses


@pytest.mark.parametrize(
    ("images_of_data", "changes", "batches"),
    [
        (45_000, {}, 1),  # 625 batches of 32 before the first rung
        (45_000, {"epoch_images": 9_600}, 300),
        (45_000, {"epoch_images": 9_632}, 1),
        (45_000, {"batch_size": 128}, 300),
        (45_000, {"batch_size": 128, "rungs": (2, 6)}, 1),
        (45_000, {"batch_size": 128, "rungs": (2, 6), "sides": (0.5, 1.0)}, 300),
        (1_000, {}, 300),
        (2_000, {"rungs": ()}, 1),
    ],
)
def test_graphs_are_captured_at_once_where_that_surely_pays(images_of_data, changes, batches):
    fields = {**RECIPES["proxy"].to_json(), "epoch_images": 20_000, **changes}
    recipe = Recipe.from_json(fields)
    assert batches_before_capture(recipe, images_of_data) == batches


def test_without_a_gpu_it_is_the_network():
    plain, other = network(), network()
    graphed = GraphedNetwork(other, after=1)
    assert trained(plain, plain, "cpu") == trained(other, graphed, "cpu")
    assert not graphed._graphs


class OnGPU:
    pytestmark = ON_GPU


class TestGraphs(OnGPU):
    def test_it_learns_what_the_network_learns(self):
        plain, other = network("cuda"), network("cuda")
        graphed = GraphedNetwork(other, after=1)
        losses = trained(plain, plain, "cuda"), trained(other, graphed, "cuda")
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
        assert len(graphed._graphs) == 2  # one for each size of a batch
        for name, value in plain.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-3, atol=1e-4, msg=name)

    def test_dropout_draws_anew_in_every_step(self):
        model = nn.Sequential(nn.Flatten(), nn.Linear(768, 64), nn.Dropout(0.5)).cuda().train()
        graphed = GraphedNetwork(model, after=1)
        seen = images(0, device="cuda")
        results = [graphed(seen).detach().clone() for _ in range(4)]
        assert graphed._graphs
        assert len({float(r.sum()) for r in results}) == 4

    def test_frozen_parameters_are_captured_anew(self):
        model = network("cuda")
        graphed = GraphedNetwork(model, after=1)
        kernel = next(model.parameters())
        for frozen in (False, True):
            kernel.requires_grad_(not frozen)
            model.zero_grad(set_to_none=True)
            for _ in range(3):
                graphed(images(0, device="cuda")).sum().backward()
            assert (kernel.grad is None) is frozen
        assert len(graphed._graphs) == 2

    @pytest.mark.parametrize("kind", ["random on the host", "waits for the device"])
    def test_what_a_graph_cannot_hold_runs_without(self, kind: str):
        class Odd(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = network("cuda")

            @override
            def forward(self, x: Tensor) -> Tensor:
                logits: Tensor = self.inner(x)
                if kind == "random on the host":
                    return logits * random.choice([0.5, 1.0])
                return logits * (2.0 if logits.sum().item() > 0 else 1.0)

        model = Odd()
        graphed = GraphedNetwork(model, after=1)
        assert len(trained(model, graphed, "cuda", steps=6)) == 6
        assert not graphed._graphs
        assert graphed._reason
