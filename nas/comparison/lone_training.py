"""Trains one network that no search has found, by the means of a comparison, and tests it once."""

from nas.comparison.comparison_plan import ComparisonPlan
from nas.comparison.comparison_run import run_comparison
from nas.orchestration.retrain_result import RetrainResult
from nas.ray_backend.ray_cluster import Cluster
from nas.resources import Slots
from nas.storage.optuna_storage import existing_storage
from nas.study.naming import trial_folder
from nas.study.results import chosen_network, result_of
from nas.study.retrained import Retrained
from nas.study.study import find
from search_spaces.errors import StudyError
from trials.training.errors import TrainingError
from trials.training.file_names import WEIGHTS


def train_alone(plan: ComparisonPlan, slots: Slots, *, quiet: bool, cluster: Cluster | None) -> RetrainResult:
    """Train the network of a plan on the training images, and test it once.

    Args:
        plan: A comparison of one network.
        slots: Resources of the training.
        quiet: Whether no progress is shown.
        cluster: The Ray cluster that trains; None for this machine.

    Raises:
        TrainingError: if the training fails.
        StudyError: if it was interrupted.
    """
    compared = run_comparison(plan, slots, quiet=quiet, cluster=cluster)
    if compared.interrupted:
        raise StudyError(
            f"The training of {compared.first.name} was interrupted: the same command goes on with it."
        )
    if 0 not in compared.first.trials:
        raise TrainingError(f"{compared.first.name} was not trained: {compared.first.reason}")
    number = compared.first.trials[0]
    network = chosen_network(result_of(find(existing_storage(plan.url), compared.name)), number)
    test = compared.first.test
    figures = None if test is None else [test.value, test.standard_error]
    winner = Retrained(
        trial=number,
        recipe=plan.recipe.to_json(),
        joined=False,
        from_weights=False,
        accuracy=network.accuracy,
        standard_error=network.standard_error,
        test_accuracy=None if figures is None else figures[0],
        test_standard_error=None if figures is None else figures[1],
        seconds=network.seconds,
        weights=f"{trial_folder(number)}/{WEIGHTS}",
        test_values=None if figures is None else {compared.metric: figures},
    )
    place = f"{compared.name}#{number}"
    return RetrainResult(
        study=compared.name,
        winner=winner,
        compared=(),
        metric=compared.metric,
        delivered="retrain",
        reason=f"where it is given {place}",
        advice=f"nas retrain {place} trains it on the validation images too.",
    )
