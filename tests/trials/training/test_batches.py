import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trials.images.splits import Images
from trials.training.batches import BatchSource, Preprocessor

CPU = torch.device("cpu")


def preprocessor(splits, side=8):
    return Preprocessor(splits.mean, splits.std, side, CPU)


def test_preprocessed_images_are_normalised_resized_and_channels_last(digits):
    source = BatchSource(digits.train, CPU)
    images, labels = source.batch(torch.arange(len(source)))
    assert torch.equal(labels, torch.from_numpy(digits.train.labels))
    same = preprocessor(digits)(images)
    assert same.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert same.std().item() == pytest.approx(1.0, abs=1e-3)
    for side in (4, 8, 19):
        out = preprocessor(digits, side)(images)
        assert out.shape == (len(source), 1, side, side)
        assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_rows_on_a_gpu_select_images_that_lie_on_the_host(digits, monkeypatch):
    monkeypatch.setattr("trials.training.batches._fits", lambda *_: False)
    source = BatchSource(digits.train, torch.device("cuda"))
    images, labels = source.batch(torch.tensor([3, 1], device="cuda"))
    assert labels.tolist() == digits.train.labels[[3, 1]].tolist()
    expected = BatchSource(digits.train, CPU).batch(torch.tensor([3, 1]))[0]
    torch.testing.assert_close(images.cpu(), expected)


@given(st.integers(2, 40), st.integers(0, 99), st.none() | st.integers(2, 60))
def test_an_epoch_has_no_row_twice_in_batches_of_nearly_one_size(batch_size, seed, most):
    images = Images(images=np.zeros((37, 2, 2, 1), np.uint8), labels=np.zeros(37, np.int64))
    batches = BatchSource(images, CPU).shuffled(batch_size, torch.Generator().manual_seed(seed), most)
    rows = torch.cat(list(batches)).tolist()
    assert len(rows) == min(37, most or 37)
    assert set(rows) <= set(range(37))
    assert len(set(rows)) == len(rows)
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= max(batch_size, 3)
    assert min(sizes) >= 2  # of one row a batch norm has no variance
    assert max(sizes) - min(sizes) <= 1
