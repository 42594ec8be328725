"""Checks the numbers and names that a search was given, and reads the networks that it begins with."""

from collections.abc import Sequence
from typing import Final

from nas.samplers import SAMPLERS
from nas.study.network_lookup import find_network
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import BudgetError, InvalidValueError, UnknownNameError
from search_spaces.pricing import Prices
from trials.training.evaluation import METRICS

LOGS: Final = ("tensorboard",)
_LEARNER: Final = "factor_gp"  # the sampler that can learn from another study


def first_network(text: str, url: str, prices: Prices, budgets: Sequence[Budget]) -> Architecture:
    """Return a network to begin with.

    Args:
        text: Its name.
        url: Database URL.
        prices: Search space with the costs of its networks.
        budgets: The most that it may take.

    Raises:
        ArchitectureError: if the space does not hold it.
        BudgetError: if it exceeds a budget.
    """
    found = find_network(text, url)
    codes = prices.codes.code_of(found.architecture)[None]
    over = prices.excess(codes, budgets)[0]
    for budget, excess in zip((b for b in budgets if b.counted), over, strict=True):
        if excess > 0:
            raise BudgetError(
                f"Cannot begin with {found.name}: it exceeds {budget} by {excess:.1%}. Expected a network "
                f"that fits every budget."
            )
    return found.architecture


def check_numbers(
    budgets: Sequence[Budget], *, trials: int, hours: float | None, seed: int, keep_checkpoints: int
) -> None:
    """Raise unless a search can be made with these numbers.

    Raises:
        BudgetError: if there is no budget.
        InvalidValueError: if a number is out of range.
    """
    if not budgets:
        raise BudgetError("No budget was given: expected at least one, for example --budget 300M-MACs.")
    if trials < 1:
        raise InvalidValueError(
            f"Cannot train {trials} networks: expected --trials of at least 1, for example --trials 16."
        )
    if hours is not None and not hours > 0:
        raise InvalidValueError(
            f"Cannot search for {hours:g} hours: expected --hours above 0, for example --hours 0.5."
        )
    if keep_checkpoints < 1:
        raise InvalidValueError(
            f"Cannot keep {keep_checkpoints} checkpoints: expected --keep-checkpoints of at least 1."
        )
    if seed < 0:
        raise InvalidValueError(
            f"Cannot use the seed {seed}: expected --seed of at least 0, for example --seed 1."
        )


def check_names(*, metric: str, log_to: str | None, sampler: str) -> None:
    """Raise unless these exist; before anything slow.

    Raises:
        UnknownNameError: names what is known.
    """
    for kind, known, given in (("metric", METRICS, metric), ("log", LOGS, log_to)):
        if given is not None and given not in known:
            raise UnknownNameError.of(kind, given, list(known))
    SAMPLERS[sampler]


def check_learning(learn_from: Sequence[str], sampler: str) -> None:
    """Raise unless the sampler can learn from the studies that it is given, if it is given any.

    Raises:
        InvalidValueError: if it cannot.
    """
    if learn_from and sampler != _LEARNER:
        raise InvalidValueError(
            f"The sampler '{sampler}' cannot learn from a study: expected {_LEARNER}. Leave out "
            f"--learn-from, or take --sampler {_LEARNER}."
        )
