"""A study whose networks can be retrained."""

from pathlib import Path

import numpy as np
import optuna
import pytest

from nas.study import trial_attributes
from search_spaces.budget import Budget
from search_spaces.sampling import fitting_codes
from tests.nas.opened import opened
from tests.nas.pretended_search import begun_on_digits


@pytest.fixture
def searched(storage, tiny_prices, tmp_path: Path) -> optuna.Study:
    """A study of three networks of the tiny space that says it trained them on digits."""
    study = begun_on_digits(storage, tmp_path / "runs" / "mine", Budget.parse("9M-MACs"))
    networks = tiny_prices.codes
    for number, code in enumerate(fitting_codes(tiny_prices, np.random.default_rng(0), 3, ())):
        trial = study.ask()
        costs = tiny_prices.costs(code[None])[0]
        trial_attributes.describe(opened(study), trial.number, networks.at(code), costs, [-0.5])
        trial.report(0.5 + 0.1 * number, 1)
        study.tell(trial, 0.5 + 0.1 * number)
    return study
