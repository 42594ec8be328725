import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trials.training.sparse_outputs import SparseOutputs, bytes_for, kept_classes


def logits(seed, images, classes):
    return 4 * torch.randn(images, classes, generator=torch.Generator().manual_seed(seed))


@given(seed=st.integers(0, 99), images=st.integers(1, 5), classes=st.sampled_from([1, 2, 10, 11, 100, 3000]))
def test_what_is_kept_is_the_teachers_and_the_rest_is_spread_evenly(seed, images, classes):
    given_logits = logits(seed, images, classes)
    truth = given_logits.log_softmax(1)
    found = SparseOutputs.of(given_logits).dense(torch.arange(images))
    torch.testing.assert_close(found.exp().sum(1), torch.ones(images), atol=5e-3, rtol=0)
    kept = truth.topk(kept_classes(classes), dim=1)
    torch.testing.assert_close(found.gather(1, kept.indices), kept.values, atol=2e-2, rtol=2e-3)
    assert torch.equal(found.argmax(1), truth.argmax(1)) or classes == 1
    if kept_classes(classes) < classes:
        rest = found.scatter(1, kept.indices, float("nan"))
        assert all(len(row[~row.isnan()].unique()) == 1 for row in rest)


@given(seed=st.integers(0, 99), images=st.integers(1, 5), classes=st.sampled_from([2, 10, 11, 100_000]))
def test_written_outputs_are_read_as_they_were(seed, images, classes):
    outputs = SparseOutputs.of(logits(seed, images, classes))
    content = outputs.to_bytes()
    read = SparseOutputs.from_bytes(content, images=images, classes=classes)
    assert len(content) == bytes_for(images, classes)
    rows = torch.arange(images).flip(0)
    assert torch.equal(read.dense(rows), outputs.dense(rows))
    with pytest.raises(ValueError, match="expected"):
        SparseOutputs.from_bytes(content[:-1], images=images, classes=classes)


def test_a_class_that_does_not_exist_is_damage():
    content = SparseOutputs.of(logits(0, 2, 100)).to_bytes()
    with pytest.raises(ValueError, match="expected less than 100"):
        SparseOutputs.from_bytes(content[:-4] + b"\xff\x00\x00\x00", images=2, classes=100)


def test_ten_of_a_thousand_classes_are_kept():
    assert [kept_classes(n) for n in (2, 10, 100, 1000, 21_841)] == [2, 10, 10, 10, 110]
