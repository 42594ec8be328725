"""Mean and standard deviation of channels: to the last bit those of whole arrays, in bounded memory."""

import tracemalloc

import numpy as np
import pytest

from search_spaces.errors import DataError
from trials.images import channel_statistics as statistics_module
from trials.images.channel_statistics import CHUNK, channel_statistics


def of_whole_arrays(images):
    """Return mean and standard deviation as they were computed at first, of many floats at once."""
    total, squares = np.zeros(images.shape[3]), np.zeros(images.shape[3])
    for start in range(0, len(images), CHUNK):
        values = images[start : start + CHUNK].reshape(-1, images.shape[3]).astype(np.float64) / 255.0
        total += values.sum(0)
        squares += (values**2).sum(0)
    mean = total / (images.size / images.shape[3])
    std = np.sqrt(np.maximum(squares / (images.size / images.shape[3]) - mean**2, 0.0))
    return tuple(mean.tolist()), tuple(std.tolist())


@pytest.mark.parametrize("shape", [(4500, 9, 7, 3), (4500, 9, 7, 1), (700, 33, 31, 1), (5, 3, 3, 3)])
@pytest.mark.parametrize("piece_bytes", [10_007, 2**20, 2**24])
def test_they_are_to_the_last_bit_those_of_whole_arrays(shape, piece_bytes, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    monkeypatch.setattr(statistics_module, "_PIECE_BYTES", piece_bytes)
    assert channel_statistics(images) == of_whole_arrays(images)


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_take_little_memory(channels):
    images = np.random.default_rng(0).integers(0, 256, (300, 128, 128, channels), dtype=np.uint8)
    tracemalloc.start()
    channel_statistics(images)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 * 2**20  # as floats they take 38 MiB a channel, and so do their squares


def test_channels_without_differences_are_an_error_unless_another_has_some():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    images[..., 1] = 51
    mean, std = channel_statistics(images)
    assert mean[1] == pytest.approx(0.2)
    assert std[1] == 1.0
    assert 0 < std[0] < 0.5
    with pytest.raises(DataError, match="of one colour"):
        channel_statistics(images[..., 1:2].repeat(3, axis=3))
