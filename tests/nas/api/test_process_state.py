"""What a command changes in the process of a notebook is put back."""

import faulthandler
import logging
import os
import random
import resource
import warnings

import numpy as np
import optuna
import pytest
import torch

import nas
from nas.api._process_state import process_left_as_found


def state():
    """Return what a notebook may have set."""
    loggers = [logging.getLogger(name) for name in ("", "optuna", "ray", "alembic")]
    return {
        "environment": dict(os.environ),
        "filters": list(warnings.filters),
        "generators": (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()),  # noqa: NPY002
        "loggers": [(one.level, one.propagate, list(one.handlers)) for one in loggers],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "crashes": faulthandler.is_enabled(),
    }


@process_left_as_found()
def meddle(*, fails: bool) -> str:
    """Change all of it, as our libraries do."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ.pop("PATH")
    warnings.simplefilter("ignore")
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 -- what other people's code does
    torch.manual_seed(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("ray").handlers.append(logging.NullHandler())
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    if not faulthandler.is_enabled():
        faulthandler.enable()
    if fails:
        raise ZeroDivisionError
    return "done"


def test_all_of_it_is_put_back():
    before = state()
    assert meddle(fails=False) == "done"
    assert state() == before
    with pytest.raises(ZeroDivisionError):
        meddle(fails=True)
    assert state() == before


def test_every_command_puts_back_what_it_changes():
    commands = [name for name in nas.__all__ if name.islower()]
    assert all(hasattr(getattr(nas, name), "__wrapped__") for name in commands)


def test_a_study_can_be_read_without_changing_how_optuna_logs(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        nas.studies(storage=f"sqlite:///{tmp_path}/nas.db")
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(optuna.logging.INFO)
