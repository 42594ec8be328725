import contextlib
import gc
import weakref

import pytest
import torch
from torch import nn

from search_spaces.errors import TargetError
from trials.latency_measurement import measure, probe
from trials.targets import cuda

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


class Nothing:
    """Stands for a graph, a stream or an event on a host without a GPU."""

    def __init__(self, *_, **__):
        pass

    def replay(self):
        pass

    def record(self):
        pass

    def wait_stream(self, _):
        pass

    def elapsed_time(self, _):
        return 1.0


@pytest.fixture
def no_gpu(monkeypatch):
    for name in ("CUDAGraph", "Stream", "Event", "current_stream", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, Nothing)
    for name in ("stream", "graph", "device"):
        monkeypatch.setattr(torch.cuda, name, contextlib.nullcontext)


@pytest.mark.usefixtures("no_gpu")
def test_what_a_captured_graph_reads_lives_as_long_as_its_runs():
    network, images = nn.Sequential(nn.Conv2d(3, 4, 3)), torch.zeros(1, 3, 8, 8)
    used = weakref.ref(network[0].weight), weakref.ref(images)
    run = cuda._captured(network, images, torch.device("cpu"), torch.float32)
    del network, images
    gc.collect()
    assert all(one() is not None for one in used)
    assert run(2) == [1.0, 1.0]
    del run
    gc.collect()
    assert all(one() is None for one in used)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried"), RuntimeError("not permitted")]
)
def test_a_network_that_does_not_run_there_is_an_error_of_one_line(monkeypatch, tmp_path, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(cuda, "_conditions", lambda *_: {})
    monkeypatch.setattr(cuda, "_captured", fail)
    with pytest.raises(TargetError, match=r"'cuda' cannot run the network: (CUDA out|not per)") as caught:
        measure(NETWORK, resolution=32, in_channels=3, target="cuda", lock=tmp_path / "lock")
    assert "\n" not in str(caught.value)
