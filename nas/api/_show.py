"""Implements ``nas.show``: the results of a search as data. Imports no torch, so that it answers at once."""

from collections.abc import Sequence
from dataclasses import replace

from dashboards.network_filters import selected
from dashboards.result import SearchResult
from nas.api._process_state import process_left_as_found
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.storage.store import Store
from nas.study.compared_training import comparisons_with
from nas.study.results import result_of
from nas.study.study import find
from search_spaces.budget import Budget


@process_left_as_found()
def show(
    study: str | None = None,
    *,
    storage: str | None = None,
    pareto: bool = False,
    fits: str | Sequence[str] = (),
) -> SearchResult:
    """Return the results of a search so far, best network first.

    Args:
        study: Name of the study; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        pareto: Whether to return only the Pareto front, see `dashboards.network_filters.unbeaten`.
        fits: Budgets that the returned networks meet, for example ``"100M-MACs"``.

    Raises:
        StudyError: if there is no such study; the message suggests the nearest name.
        BudgetError: if a budget cannot be read.
    """
    budgets = [Budget.parse(text) for text in ([fits] if isinstance(fits, str) else fits)]
    url = storage_url(storage)
    found = find(existing_storage(url), study)
    with Store(url) as store:
        result = replace(result_of(found, store), comparisons=tuple(comparisons_with(found)))
        return selected(result, pareto=pareto, fits=budgets)
