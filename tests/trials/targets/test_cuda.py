import pytest
import torch
from torch import nn

from search_spaces.errors import TargetError
from trials.latency_measurement import measure, probe

NETWORK = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.Flatten())
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("dtype", ["fp32", "fp16"])
def test_a_network_is_timed_on_the_device(dtype, tmp_path):
    latency = measure(
        NETWORK,
        resolution=32,
        in_channels=3,
        target=f"cuda:dtype={dtype}",
        seconds=0.5,
        lock=tmp_path / "lock",
    )
    assert 0 < latency.low_ms <= latency.median_ms <= latency.high_ms
    assert latency.conditions["device"] == torch.cuda.get_device_name()
    assert next(NETWORK.parameters()).device.type == "cpu"


@pytest.mark.gpu
@needs_gpu
def test_a_device_that_is_not_there_is_an_error():
    with pytest.raises(TargetError, match="got index=99: expected 0 to"):
        probe("cuda:index=99")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_the_error_says_so():
    with pytest.raises(TargetError, match="found no CUDA device: expected one on this host"):
        measure(NETWORK, resolution=32, in_channels=3, target="cuda")


def test_a_dtype_that_torch_does_not_run_there_is_an_error():
    with pytest.raises(TargetError, match="not measured on cuda: expected fp32 or fp16"):
        probe("cuda:dtype=int8")
