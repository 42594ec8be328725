"""A study keeps whether it is reproducible, and for how many trainings at a time."""

import optuna
import pytest

from nas.study.reproducibility import agreed_slots, is_reproducible
from search_spaces.errors import StudyError


def agreed(study: optuna.Study, wanted: bool | None, *, slots: int = 2, default: bool = True) -> int | None:
    return agreed_slots(study, wanted, default=default, slots=slots)


def test_a_search_keeps_the_slots_that_it_began_with(study: optuna.Study):
    assert is_reproducible(study) is None
    assert agreed(study, None) == 2
    study.ask()
    assert agreed(study, None, slots=8, default=False) == 2
    assert agreed(study, True, slots=8) == 2
    assert is_reproducible(study)


def test_it_may_be_given_up_but_not_taken_up_later(study: optuna.Study):
    agreed(study, True)
    study.ask()
    assert agreed(study, False) is None
    assert agreed(study, None) is None
    with pytest.raises(StudyError, match="began without --reproducible: expected the same"):
        agreed(study, True)


def test_a_search_of_an_earlier_version_goes_on_as_it_began(study: optuna.Study):
    study.ask()
    assert agreed(study, None) is None
    assert is_reproducible(study) is None
    with pytest.raises(StudyError, match="began without"):
        agreed(study, True)


@pytest.mark.parametrize(
    ("wanted", "default", "slots"), [(None, False, None), (True, False, 2), (False, True, None)]
)
def test_what_was_asked_for_comes_before_the_default(study: optuna.Study, wanted, default, slots):
    assert agreed(study, wanted, default=default) == slots
