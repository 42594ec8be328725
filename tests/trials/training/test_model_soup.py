"""Averages of weights are kept where validation images do not show them to be worse."""

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch

from tests.trials.training.test_loop import SHORT, run, same, weights
from trials.training import epoch_run, evaluation
from trials.training.evaluation import Scores
from trials.training.model_soup import EpochSoup, greedy_soup, mean_of_states

SOUP = SHORT.model_copy(update={"soup_epochs": 3})


def scores_of(value: float) -> Scores:
    return Scores(
        accuracy=value,
        standard_error=0.1,
        balanced_accuracy=value,
        balanced_accuracy_error=0.1,
        macro_f1=value,
        macro_f1_error=0.1,
        loss=1.0,
    )


def test_the_mean_of_epochs_is_the_mean_of_their_states(small_network):
    soup, states = EpochSoup(), []
    for seed in range(4):
        network = small_network()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(float(seed))
        states.append(weights(network))
        soup.add(network)
    for name, mean in mean_of_states(states).items():
        assert torch.allclose(soup.mean[name].float(), mean.float(), atol=1e-5), name


def test_the_last_epochs_are_averaged_unless_that_is_worse(small_network, tiny_splits):
    results = list(run(small_network(), tiny_splits, SOUP))
    without = list(run(small_network(), tiny_splits, SHORT))
    assert [result.soup for result in results[:-1]] == [None, None, None]
    assert results[-1].soup in {0, 3}
    assert results[-1].accuracy >= without[-1].accuracy
    assert results[:-1] == without[:-1]


@pytest.mark.parametrize("worse", [False, True])
def test_a_killed_training_delivers_the_same_soup(small_network, tiny_splits, tmp_path, monkeypatch, worse):
    evaluated, real = [], evaluation.evaluate

    def rigged(*given):
        evaluated.append(real(*given))
        return scores_of(0.1 if worse and len(evaluated) == SHORT.epochs + 1 else 0.9)

    monkeypatch.setattr(epoch_run, "evaluate", rigged)
    unbroken, last = small_network(), small_network()
    expected = list(run(unbroken, tiny_splits, SOUP))
    assert expected[-1].soup == (0 if worse else 3)
    list(run(last, tiny_splits, SHORT))
    assert same(weights(unbroken), weights(last)) == worse
    for killed_after in (2, 3, 4):
        checkpoint, resumed = tmp_path / f"{killed_after}.pt", small_network()
        evaluated.clear()
        list(islice(run(small_network(), tiny_splits, SOUP, checkpoint=checkpoint), killed_after))
        assert list(run(resumed, tiny_splits, SOUP, checkpoint=checkpoint)) == expected
        assert same(weights(resumed), weights(unbroken))


@pytest.mark.parametrize(("metric", "epochs"), [("accuracy", 0), ("macro_f1", 3)])
def test_the_mean_of_epochs_is_kept_by_the_metric_of_the_study(
    small_network, tiny_splits, monkeypatch, metric, epochs
):
    evaluated = []

    def rigged(*given):
        evaluated.append(given)
        mean = len(evaluated) > SHORT.epochs
        return replace(scores_of(0.5), accuracy=0.4 if mean else 0.5, macro_f1=0.6 if mean else 0.5)

    monkeypatch.setattr(epoch_run, "evaluate", rigged)
    *_, last = run(small_network(), tiny_splits, SOUP, metric=metric)
    assert last.soup == epochs


def test_trainings_are_added_to_a_soup_only_if_it_is_not_worse(small_network, tiny_splits):
    trained = small_network()
    list(run(trained, tiny_splits, SHORT))
    good = weights(trained)
    noise = torch.Generator().manual_seed(0)
    spoilt = {n: 100 * torch.randn(t.shape, generator=noise).to(t.dtype) for n, t in good.items()}
    options: dict[str, Any] = {"resolution": 12, "device": torch.device("cpu"), "metric": "accuracy"}
    found = greedy_soup(small_network(), [spoilt, good, good], [0.5, 0.9, 0.9], tiny_splits, SHORT, **options)
    assert found is not None
    assert found.members == (1, 2)
    assert found.scores.accuracy > 0.9
    alone = greedy_soup(small_network(), [spoilt, good], [0.5, 1.0], tiny_splits, SHORT, **options)
    assert alone is None
