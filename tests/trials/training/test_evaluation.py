from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from trials.images.splits import Images
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import METRICS, evaluate, scores_from, scores_from_pairs
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
EXACT = Recipe(name="exact", epochs=1, warmup_epochs=0, precision="fp32")


def preprocessor(splits, side=8):
    return Preprocessor(splits.mean, splits.std, side, CPU)


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
    interval = binomtest(round(scores.accuracy * len(pairs)), len(pairs)).proportion_ci(method="wilson")
    assert 2 * 1.96 * scores.standard_error == pytest.approx(interval.high - interval.low, rel=1e-3)


@pytest.mark.parametrize("metric", METRICS)
def test_a_network_without_a_mistake_has_an_error_too(metric: str):
    _, error = scores_from(torch.diag(torch.tensor([180, 180])), 0.0).of(metric)
    assert error == pytest.approx(
        0.0053 / 1.96, rel=0.01
    )  # Wilson's interval of 360 of 360 is [98.94 %, 100 %]


def test_batched_evaluation_equals_one_pass(small_network, digits):
    network = small_network(in_channels=1, classes=10)
    source, preprocess = BatchSource(digits.test, CPU), preprocessor(digits)
    scores = evaluate(network, source, preprocess, EXACT)
    images, labels = source.batch(torch.arange(len(source)))
    with torch.no_grad():
        logits = network(preprocess(images))
    assert scores.accuracy == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert scores.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_standard_errors_of_all_metrics_are_those_of_repeated_samples():
    """The delta method against 2,000 multinomial draws; the error of 1.6 % makes 15 % 9 sigma."""
    true = torch.tensor([[60.0, 5.0, 3.0], [8.0, 20.0, 4.0], [1.0, 2.0, 9.0]])
    rng = np.random.default_rng(0)
    draws = rng.multinomial(int(true.sum()), (true / true.sum()).double().flatten().numpy(), 2_000)
    samples = [scores_from(torch.from_numpy(row).reshape(3, 3), 0.0) for row in draws]
    scores = scores_from(true.long(), 0.0)
    for metric, error in (
        ("accuracy", scores.standard_error),
        ("balanced_accuracy", scores.balanced_accuracy_error),
        ("macro_f1", scores.macro_f1_error),
    ):
        values = np.array([getattr(sample, metric) for sample in samples])
        assert error == pytest.approx(values.std(), rel=0.15), metric


def test_the_error_of_balanced_accuracy_over_even_classes_is_that_of_accuracy():
    scores = scores_from(torch.tensor([[40, 10], [10, 40]]), 0.0)
    assert scores.balanced_accuracy_error == pytest.approx(scores.standard_error)


@pytest.mark.parametrize("classes", [2, 7, 60])
def test_scores_of_pairs_are_those_of_the_confusion_matrix(classes):
    draws = np.random.default_rng(classes)
    labels = draws.integers(0, classes, 500)
    predictions = np.where(draws.random(500) < 0.6, labels, draws.integers(0, classes, 500))
    pairs = torch.from_numpy(labels * classes + predictions)
    whole = scores_from(pairs.bincount(minlength=classes**2).reshape(classes, classes), 0.5)
    assert asdict(scores_from_pairs(pairs, classes, 0.5)) == pytest.approx(asdict(whole), rel=0, abs=1e-12)


def test_evaluation_with_many_classes_holds_no_matrix_of_classes_by_classes(digits):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 500_000))  # a matrix of 2 TB
    few = Images(images=digits.test.images[:8], labels=digits.test.labels[:8])
    scores = evaluate(network, BatchSource(few, CPU), preprocessor(digits), EXACT)
    assert 0 < scores.balanced_accuracy_error < 1
