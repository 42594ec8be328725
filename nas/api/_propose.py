"""Implements ``nas.propose``: the networks that a study lets expect best, without training."""

from collections.abc import Sequence

from dashboards.expectation import Expectations
from nas.api._numbers import check_at_least
from nas.api._process_state import process_left_as_found
from nas.explanation.expected_networks import expectations_of
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.study.settings import names_of
from nas.study.study import find
from search_spaces.budget import Budget
from search_spaces.errors import BudgetError, StudyError


@process_left_as_found()
def propose(
    budget: str | Sequence[str],
    *,
    learn_from: str | Sequence[str],
    networks: int = 5,
    seed: int = 0,
    storage: str | None = None,
) -> Expectations:
    """Return the networks that studies let expect best within other budgets; nothing is trained or written.

    Args:
        budget: One or several budgets of counted costs; a network has to meet all of them.
        learn_from: Name of the study, or of several of one space, images, recipe and metric.
        networks: Number of networks to return, at least 1.
        seed: Seed of the networks that are looked at, at least 0.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        UserError: if there is no such study, their values do not compare, their networks do not let expect
            anything, or nothing fits.
    """
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    if not budgets:
        raise BudgetError("No budget was given: expected at least one, for example --budget 300M-MACs.")
    check_at_least("networks", networks, 1)
    check_at_least("--seed", seed, 0)
    opened, names = existing_storage(storage_url(storage)), names_of(learn_from)
    if not names:
        raise StudyError("No study was given to learn from: expected one or several. Name one.")
    for twice in {name for name in names if names.count(name) > 1}:
        raise StudyError(f"The study '{twice}' is named twice: expected it once. Leave one out.")
    studies = [find(opened, name) for name in names]
    return expectations_of(studies, [budgets], count=networks, seed=seed)
