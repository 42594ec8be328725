"""A study is explained beside its viewers, and its curve stands beside what uniform sampling would reach."""

import threading

import numpy as np
import pytest

from nas.explanation.evidence import LEAST
from nas.reporting.background_explainer import BackgroundExplainer, insight
from nas.reporting.random_baseline import expected_uniform
from nas.study.results import result_of
from search_spaces.errors import StudyError
from tests.nas.explained import studied

pytestmark = pytest.mark.slow


def mixers_matter(params, _costs, rng):
    return 0.8 + 0.02 * (params["stage2.mixer"] == "attention") + 0.001 * rng.standard_normal()


def test_uniform_sampling_is_foretold_as_it_comes_out(storage, tiny_prices):
    study = studied(storage, tiny_prices, mixers_matter, trials=40)
    baseline = expected_uniform(study, trained=30, noise=0.001)
    assert baseline == expected_uniform(study, trained=30, noise=0.001)
    assert baseline.low is not None
    assert baseline.high is not None
    assert all(np.diff(baseline.best) >= -1e-9)
    # The networks of the study were drawn uniformly themselves: 200 orders of them are as many such searches.
    values = np.array([n.accuracy for n in result_of(study).networks])
    rng = np.random.default_rng(0)
    real = np.mean([np.maximum.accumulate(rng.permutation(values)[:30]) for _ in range(200)], axis=0)
    assert np.abs(np.array(baseline.best) - real).max() < 0.004  # a fifth of what the mixer makes
    assert baseline.low[0] < real[0] < baseline.high[0]


def test_too_few_networks_have_no_insight_and_say_so_when_asked(storage, tiny_prices):
    study = studied(storage, tiny_prices, mixers_matter, trials=LEAST - 1)
    found = insight(study, result_of(study))
    assert found.explanation is None
    assert found.uniform is None
    with pytest.raises(StudyError, match="expected at least"):
        expected_uniform(study, trained=5, noise=0.01)


def test_nobody_waits_for_an_explanation_and_it_is_made_once(storage, tiny_prices):
    study = studied(storage, tiny_prices, mixers_matter, trials=12)
    explainer, result = BackgroundExplainer(), result_of(study)
    assert explainer.latest(study, result).explanation is None  # it is under way
    for thread in threading.enumerate():
        if thread.name == "explain":
            thread.join()
    first = explainer.latest(study, result)
    assert first.explanation is not None
    assert first.explanation.trained == 12
    assert explainer.latest(study, result) is first
    assert not [t for t in threading.enumerate() if t.name == "explain"]
