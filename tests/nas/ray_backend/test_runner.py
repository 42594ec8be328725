"""A cluster that goes away ends a search with a problem, unless the search stops anyway."""

import concurrent.futures
from typing import Any

import pytest

from nas.ask_tell.stopping import CutShortError, SearchControl, StoppingCriteria
from nas.ray_backend.runner import _wait_for
from nas.resources import Capacity


@pytest.fixture
def control() -> SearchControl:
    return SearchControl(StoppingCriteria(trials=3, failures=2), Capacity(1))


@pytest.mark.parametrize("stopping", [False, True])
def test_a_lost_cluster_is_a_problem_only_for_a_search_that_goes_on(control: SearchControl, stopping: bool):
    control.stopping = stopping
    never: concurrent.futures.Future[Any] = concurrent.futures.Future()
    lost = CutShortError("Ray on this machine has gone.")
    _wait_for(never, control, [lost])
    assert control.stopping
    assert control.problem is (None if stopping else lost)


@pytest.mark.parametrize("stopping", [False, True])
def test_what_tune_raises_counts_only_while_the_search_goes_on(control: SearchControl, stopping: bool):
    control.stopping = stopping
    failed: concurrent.futures.Future[Any] = concurrent.futures.Future()
    failed.set_exception(ConnectionError("the raylet died"))
    if stopping:
        _wait_for(failed, control, [])
        assert control.problem is None
    else:
        with pytest.raises(ConnectionError):
            _wait_for(failed, control, [])
