import torch
from torch import nn

from trials.training.weight_averaging import WeightAverage


def test_the_average_equals_the_slow_sum():
    network = nn.Linear(2, 1, bias=False)
    average = WeightAverage(network, 0.6)
    expected = network.weight.detach().clone()
    for step in range(1, 30):
        with torch.no_grad():
            network.weight.copy_(torch.tensor([[float(step), -float(step)]]))
        average.update(network)
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach()
    torch.testing.assert_close(average.network.get_parameter("weight").detach(), expected)
    assert not average.network.get_parameter("weight").requires_grad


def test_buffers_are_taken_as_they_are():
    network = nn.BatchNorm1d(3)
    average = WeightAverage(network, 0.9)
    network(torch.rand(8, 3))
    average.update(network)
    averaged = average.network.get_buffer("running_mean")
    assert torch.equal(averaged, network.get_buffer("running_mean"))
    assert averaged.any()
