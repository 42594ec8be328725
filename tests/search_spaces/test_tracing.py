"""The slow twin of the closed forms counts what runs, and refuses what it cannot price."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import search_spaces
from search_spaces.errors import ArchitectureError
from search_spaces.tracing import trace, trace_call


class Run(nn.Module):
    """Runs one function."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, *inputs):
        return self.function(*inputs, *self.layers)


@pytest.mark.parametrize(
    "function",
    [
        torch.sort,
        torch.fft.fft2,
        lambda x: x.cumsum(2),
        lambda x: F.max_pool2d(x, 2),
        torch.inverse,
    ],
    ids=["sort", "fft", "cumsum", "max_pool", "inverse"],
)
def test_an_operation_without_a_price_is_refused(function):
    with pytest.raises(ArchitectureError, match=r"Cannot price the operation '\w+': expected convolutions"):
        trace_call(Run(function), (3, 8, 8))


def test_a_convolution_and_a_linear_layer_cost_what_their_formulas_say():
    costs = trace_call(nn.Conv2d(4, 6, (3, 5), stride=2, padding=(1, 2), groups=2), (4, 8, 10))
    assert costs.macs == 6 * 4 * 5 * (4 // 2 * 3 * 5)
    assert costs.params == 6 * 2 * 15 + 6
    assert costs.activations == 6 * 4 * 5
    assert costs.peak == 4 * (4 * 8 * 10 + 6 * 4 * 5)
    costs = trace_call(nn.Linear(10, 7), (4, 8, 10))
    assert (costs.macs, costs.params, costs.activations) == (4 * 8 * 10 * 7, 77, 4 * 8 * 7)


def test_attention_is_counted_with_its_scores():
    def attend(x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x)  # one head of 5 queries and 6 channels

    costs = trace_call(Run(attend), (1, 5, 6))
    assert costs.macs == 2 * 5 * 5 * 6
    assert costs.activations == 0  # a product of activations is no layer
    assert costs.peak == 4 * (30 + 25 + 30)


def test_norms_activations_and_layouts_take_no_memory_of_their_own():
    layers = (nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.GELU(), nn.Conv2d(4, 4, 1))

    def run(x, conv, norm, act, last):
        y = act(norm(conv(x))).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        return last(y)

    costs = trace_call(Run(run, *layers), (4, 8, 8))
    assert costs.peak == 4 * 2 * 256


def test_parameters_that_nothing_reads_are_not_counted():
    module = Run(lambda x, used, _: used(x), nn.Conv2d(4, 4, 1, bias=False), nn.Conv2d(4, 4, 1))
    assert trace_call(module, (4, 8, 8)).params == 16


def test_the_module_is_not_changed_by_being_traced():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    trace(module, resolution=8)
    assert module.training
    assert all(p.device.type == "cpu" for p in module.parameters())


def test_macs_agree_with_the_counter_of_torch():
    architecture = search_spaces.reference("mobilevit_xxs_256")
    with torch.device("meta"):
        network = search_spaces.build(architecture, num_classes=10).eval()
        image = torch.empty(1, 3, 64, 64)
    with FlopCounterMode(display=False) as counter:
        network(image)
    assert 2 * trace(network, resolution=64).macs == counter.get_total_flops()
