"""Studies as nas search leaves them, with accuracies from a formula instead of hours of training."""

from typing import Any

import numpy as np
import optuna

from nas.bayesopt.space_problem import distribution_of
from nas.study import trial_attributes
from nas.study.settings import Settings
from nas.study.study import begin, keep_space
from search_spaces.budget import Budget
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes
from search_spaces.space_record import space_digest
from tests.nas.opened import opened


def studied(
    storage, prices: Prices, accuracy, *, trials=0, budget="100M-MACs", name="trained", seed=0, codes=None
):
    """Return a study of networks, each as accurate as `accuracy` says.

    They have the given codes, or are `trials` that fit, drawn uniformly.
    """
    space: Any = prices.codes.space
    budgets = [Budget.parse(budget)]
    settings = Settings(
        space=space.name,
        space_digest=space_digest(space),
        budgets=(Budget.parse(budget),),
        data="digits",
        data_fingerprint="none",
        recipe={"name": "proxy"},
        sampler="random",
        seed=0,
    )
    study = begin(
        storage,
        name,
        settings,
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.NopPruner(),
        images={
            "classes": list("0123456789"),
            "channels": prices.in_channels,
            "mean": [0.5] * prices.in_channels,
            "std": [0.5] * prices.in_channels,
        },
        folder="nowhere",
    )
    keep_space(study, space)
    rng = np.random.default_rng(seed)
    distributions = {choice.name: distribution_of(choice) for choice in space.choices}
    codes = fitting_codes(prices, rng, trials, budgets, distinct=True) if codes is None else codes
    for row, costs in zip(codes, prices.costs(codes), strict=True):
        params = space.codes.slots(row)
        study.enqueue_trial(params)
        trial = study.ask(distributions)
        excess = [b.excess(getattr(costs, b.resource)) for b in budgets]
        trial_attributes.describe(opened(study), trial.number, space.codes.at(row), costs, excess)
        reached = float(accuracy(params, costs, rng))
        trial.report(reached, 2)
        study.tell(trial, reached)
    return study
