"""Says on the card of a network what it was compared with: published networks that were trained alike."""

import optuna

from dashboards.comparison_rows import heading, sentences
from dashboards.result import TrialResult
from nas.study.compared_training import comparisons_with


def compared_facts(study: optuna.Study, network: TrialResult) -> dict[str, str]:
    """Return a topic for each comparison in which a network is the first.

    Args:
        study: Study of the network.
        network: One of its networks.
    """
    found = [
        comparison
        for comparison in comparisons_with(study)
        if comparison.first.fingerprint == network.architecture.fingerprint
    ]
    others = "These are other weights of it."
    return {
        f"compared by {one.recipe}": f"{heading(one)}. {' '.join(sentences(one))} {others}" for one in found
    }
