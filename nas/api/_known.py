"""A study as views are handed it."""

import optuna

from dashboards.result import SearchResult
from nas.latencies import with_latencies
from nas.storage.store import Store
from nas.study import images_of, result_of


def known_result(study: optuna.Study, url: str) -> SearchResult:
    """Return a study as views are handed it, with the latencies that are known."""
    images = images_of(study)
    with Store(url) as store:
        return with_latencies(
            result_of(study), store, num_classes=len(images["classes"]), in_channels=images["channels"]
        )
