"""Search, and train what a search found to convergence."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch

from dashboards.result import SearchResult
from nas.orchestration import retraining
from nas.orchestration.retraining import RetrainResult
from nas.orchestration.search_plan import plan_search
from nas.orchestration.search_run import run_search
from nas.ray_backend.runner import cluster_at
from nas.resources import slots_here
from nas.storage.optuna_storage import open_storage, storage_url
from nas.study.results import result_of, split_network
from nas.study.study import find
from trials.recipes import load_recipe


def search(
    budget: str | Sequence[str],
    *,
    space: str | None = None,
    data: str = "digits",
    trials: int = 16,
    hours: float | None = None,
    study: str | None = None,
    storage: str | None = None,
    sampler: str = "factor_gp",
    recipe: str = "proxy",
    seed: int = 0,
    gpus_per_trial: float | None = None,
    address: str | None = None,
    storage_path: str = "nas-runs",
    seed_with: Sequence[str] = (),
    learn_from: str | None = None,
    metric: str = "accuracy",
    keep_checkpoints: int = 10,
    log_to: str | None = None,
    quiet: bool = False,
) -> SearchResult:
    """Search for the most accurate network that fits, or go on with the same search.

    Args:
        budget: One or several, for example ``"300M-MACs"``; a network has to meet them all.
        space: A catalog name; by default the one for the size of the images.
        data: An embedded data set or a path to images.
        trials: Trained networks after which the search ends, counted over all its starts.
        hours: Hours after which it ends all the same.
        study: Its name; by default made of what defines the search.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        sampler: Who proposes, a file in nas/samplers.
        recipe: How networks are trained, a file in trials/recipes.
        seed: Of every generator.
        gpus_per_trial: Share of a GPU that each training gets.
        address: Of a running Ray cluster; trainings then run on what its nodes have.
        storage_path: Folder for checkpoints, weights and logs; or a URL for checkpoints and weights;
            logs then lie in ``nas-runs`` here, or beside the file of an SQLite storage.
        seed_with: Networks of the space that are tried first, each named as
            `nas.study.network_lookup.find_network` says.
        learn_from: A study of the same space, for other budgets or images: prior knowledge. How far it is
            trusted is learnt, and it is left out where it does not predict its own networks.
        metric: What is raised: ``accuracy``, ``balanced_accuracy`` or ``macro_f1``, on validation images.
        keep_checkpoints: How many of the best networks keep their weights; `retrain` makes others anew.
        log_to: ``tensorboard`` writes every epoch into the study's folder for it too.
        quiet: Whether nothing is shown while it runs.

    Returns:
        The search so far, best network first.

    Raises:
        UserError: if something given cannot be used; the message says what to do.
    """
    torch.set_num_threads(1)  # proposals run beside the trainings and must not crowd them out
    with ExitStack() as stack:
        cluster = None if address is None else stack.enter_context(cluster_at(address))
        plan = plan_search(
            budget=[budget] if isinstance(budget, str) else budget,
            space=space,
            data=data,
            trials=trials,
            hours=hours,
            study=study,
            storage=storage,
            sampler=sampler,
            recipe=recipe,
            seed=seed,
            slots=slots_here(trials, gpus_per_trial)
            if cluster is None
            else cluster.slots(trials, gpus_per_trial),
            storage_path=storage_path,
            seed_with=seed_with,
            learn_from=learn_from,
            metric=metric,
            keep_checkpoints=keep_checkpoints,
            log_to=log_to,
        )
        return run_search(plan, quiet=quiet, cluster=cluster)


def retrain(
    study: str | None = None,
    *,
    trial: int | None = None,
    top: int = 1,
    recipe: str = "full",
    from_weights: bool = False,
    storage: str | None = None,
    told: Callable[[str], None] | None = None,
) -> RetrainResult:
    """Train the winner of a search to convergence, test it once, and let `export` use its weights.

    The same call again goes on after a kill where it was.

    Args:
        study: Its name, or ``STUDY#12`` for one of its networks; by default the latest study.
        trial: Number of the network; by default the best that fits.
        top: How many of the best are compared by a longer training first; the best of them is kept.
        recipe: How they are trained, a file in trials/recipes or YAML.
        from_weights: Whether they begin with the weights of the search and not from scratch.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        told: Called with what happens, in words.

    Raises:
        UserError: if something given cannot be used, or the training cannot go on.
    """
    training = load_recipe(recipe)
    chosen, number = split_network(study)
    found = find(open_storage(storage_url(storage)), chosen)
    networks = retraining.chosen(result_of(found), trial=trial if trial is not None else number, top=top)
    return retraining.retrain(
        found,
        networks,
        training,
        from_weights=from_weights,
        device="cuda" if torch.cuda.is_available() else "cpu",
        threads=None,
        report_line=told or (lambda _: None),
    )
