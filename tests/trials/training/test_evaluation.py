import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from trials.training.batches import Feed, Preparation
from trials.training.evaluation import evaluate, recalibrate, scores_from
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
EXACT = Recipe(name="exact", epochs=1, warmup_epochs=0, precision="fp32")


def prepared(splits, side=8):
    return Preparation(splits.mean, splits.std, side, CPU)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_scores_are_those_of_scikit_learn(pairs):
    labels, predictions = np.array(pairs).T
    confusion = torch.zeros(4, 4, dtype=torch.int64)
    for label, prediction in pairs:
        confusion[label, prediction] += 1
    scores = scores_from(confusion, 0.0)
    present = np.unique(labels)
    f1 = f1_score(labels, predictions, labels=present, average="macro", zero_division=0.0)
    recalls = [np.mean(predictions[labels == label] == label) for label in present]
    assert scores.accuracy == pytest.approx(accuracy_score(labels, predictions))
    assert scores.balanced_accuracy == pytest.approx(np.mean(recalls))
    assert scores.macro_f1 == pytest.approx(f1)
    p = scores.accuracy
    assert scores.standard_error == pytest.approx(np.sqrt(p * (1 - p) / len(pairs)))


def test_batched_evaluation_equals_one_pass(small_network, digits):
    network = small_network(in_channels=1, classes=10)
    feed, prepare = Feed(digits.test, CPU), prepared(digits)
    scores = evaluate(network, feed, prepare, EXACT)
    images, labels = feed.batch(torch.arange(len(feed)))
    with torch.no_grad():
        logits = network(prepare(images))
    assert scores.accuracy == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert scores.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_recalibrated_norms_hold_the_mean_over_the_batches(tiny_splits):
    norm = nn.BatchNorm2d(3, momentum=0.25)
    network = nn.Sequential(norm, nn.Dropout(0.5))
    nn.init.constant_(norm.get_buffer("running_mean"), 99.0)
    feed, prepare = Feed(tiny_splits.train, CPU), prepared(tiny_splits)
    rows = list(torch.arange(96).split(32))
    recalibrate(network, feed, prepare, rows, EXACT)
    batches = [prepare(feed.batch(part)[0]) for part in rows]
    expected = torch.stack([batch.mean((0, 2, 3)) for batch in batches]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected)
    assert norm.momentum == 0.25
    assert not network.training
    assert not norm.training


def test_a_network_without_batch_norms_is_left_alone(tiny_splits):
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).train()
    recalibrate(network, Feed(tiny_splits.train, CPU), prepared(tiny_splits), [torch.arange(4)], EXACT)
    assert network.training


def test_prepared_images_are_normalised_resized_and_channels_last(digits):
    feed = Feed(digits.train, CPU)
    images, labels = feed.batch(torch.arange(len(feed)))
    assert torch.equal(labels, torch.from_numpy(digits.train.labels))
    same = prepared(digits)(images)
    assert same.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert same.std().item() == pytest.approx(1.0, abs=1e-3)
    for side in (4, 8, 19):
        out = prepared(digits, side)(images)
        assert out.shape == (len(feed), 1, side, side)
        assert out.is_contiguous(memory_format=torch.channels_last)


@given(st.integers(1, 40), st.integers(0, 99), st.none() | st.integers(2, 60))
def test_an_epoch_has_no_row_twice_in_batches_of_nearly_one_size(batch_size, seed, most):
    from trials.images.splits import Images

    images = Images(images=np.zeros((37, 2, 2, 1), np.uint8), labels=np.zeros(37, np.int64))
    batches = Feed(images, CPU).shuffled(batch_size, torch.Generator().manual_seed(seed), most)
    rows = torch.cat(list(batches)).tolist()
    assert len(rows) == min(37, most or 37)
    assert set(rows) <= set(range(37))
    assert len(set(rows)) == len(rows)
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_standard_errors_of_all_metrics_are_those_of_repeated_samples():
    """The delta method against 2,000 multinomial draws; the spread's own error is 1.6 %, 15 % is 9 sigma."""
    true = torch.tensor([[60.0, 5.0, 3.0], [8.0, 20.0, 4.0], [1.0, 2.0, 9.0]])
    rng = np.random.default_rng(0)
    draws = rng.multinomial(int(true.sum()), (true / true.sum()).double().flatten().numpy(), 2_000)
    samples = [scores_from(torch.from_numpy(row).reshape(3, 3), 0.0) for row in draws]
    told = scores_from(true.long(), 0.0)
    for metric, error in (
        ("accuracy", told.standard_error),
        ("balanced_accuracy", told.balanced_accuracy_error),
        ("macro_f1", told.macro_f1_error),
    ):
        values = np.array([getattr(sample, metric) for sample in samples])
        assert error == pytest.approx(values.std(), rel=0.15), metric


def test_the_error_of_balanced_accuracy_over_even_classes_is_that_of_accuracy():
    told = scores_from(torch.tensor([[40, 10], [10, 40]]), 0.0)
    assert told.balanced_accuracy_error == pytest.approx(told.standard_error)
