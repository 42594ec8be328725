"""Implements ``nas.search`` and ``nas.retrain``: runs or resumes a search, trains its winner in full."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch

from dashboards.result import SearchResult
from nas.api._compare import retrain_alone
from nas.api._process_state import process_left_as_found
from nas.evaluators import EVALUATORS
from nas.orchestration import retraining
from nas.orchestration.deployed_form import deploy_dtype_of
from nas.orchestration.evaluator_choice import evaluator_named
from nas.orchestration.initial_weights import checked_source, source_for
from nas.orchestration.retrain_result import RetrainResult
from nas.orchestration.retraining_recipe import recipe_of
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.orchestration.search_run import run_search
from nas.orchestration.teacher_choice import taught, typed
from nas.ray_backend.connection import cluster_for
from nas.resources import slots_here
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.study.network_weights import is_lone_network
from nas.study.reproduce_command import absolute_file
from nas.study.results import result_of, split_network
from nas.study.settings import names_of
from nas.study.study import find, settings_of
from nas.surrogates.torch_threads import torch_threads
from search_spaces.errors import InvalidValueError
from trials.recipes import load_recipe, recipe_editions
from trials.usable_cores import cpu_quota, usable_cores


@process_left_as_found()
def search(
    budget: str | Sequence[str],
    *,
    space: str | None = None,
    data: str = "digits",
    trials: int | None = None,
    hours: float | None = None,
    study: str | None = None,
    storage: str | None = None,
    sampler: str = "factor_gp",
    recipe: str | None = None,
    seed: int = 0,
    gpus_per_trial: float | None = None,
    address: str | None = None,
    storage_path: str = "nas-runs",
    seed_with: Sequence[str] = (),
    learn_from: str | Sequence[str] = (),
    evaluator: str | None = None,
    supernet: str | None = None,
    teacher: str | None = None,
    weights: str | None = None,
    metric: str = "accuracy",
    keep_checkpoints: int = 10,
    log_to: str | None = None,
    reproducible: bool | None = None,
    deploy_dtype: str | None = None,
    quiet: bool = False,
) -> SearchResult:
    """Search for the most accurate network that fits, or resume the same search.

    Args:
        budget: One or several budgets, for example ``"300M-MACs"``; a network has to meet all of them.
        space: Name of a space in the catalog, or a YAML file; by default chosen by images and budgets.
        data: Name of an embedded data set, path of images, or ``module:function``.
        trials: Number of networks to train, those of earlier runs of the same search included; by default as
            the evaluator says, 16 for ``train`` and 8 for ``supernet``.
        hours: Hours after which the search stops even if `trials` is not reached.
        study: Name of the study; by default composed of space, data, budgets, recipe and seed.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        sampler: Search algorithm, a name in `nas.samplers`.
        recipe: Name of a training recipe, or a YAML file; by default ``proxy``, with `weights` ``fine_tune``.
        seed: Seed of all random generators, at least 0.
        gpus_per_trial: GPUs for each training, such as 0.5 or 1; by default 1 if there are GPUs.
        address: Address of a running Ray cluster, on whose nodes the networks are trained; by default the
            one that this process is connected to, else this machine.
        storage_path: Folder for checkpoints, weights and logs. Or a URL for checkpoints and weights; logs are
            then written to ``nas-runs`` in the working folder, or beside the SQLite file.
        seed_with: Networks of the space that are trained first, each as a text that
            `nas.study.network_lookup.find_network` reads.
        learn_from: Names of studies of the same space, with other budgets or images, used as prior knowledge.
            The trust in each is learnt; a study that does not predict its own networks is ignored.
        evaluator: How networks are valued, a name in `nas.evaluators`; by default ``supernet`` if `supernet`
            is given, else ``train``.
        supernet: Name of a study of the same space and images whose supernet is used instead of training one.
        teacher: Network that trainings learn from besides the labels: an ``.onnx`` file,
            ``module:function``, ``STUDY#12``, an export folder or the ``weights.safetensors`` of a trial.
        weights: Trained weights of which every network inherits what fits, as a text that
            `nas.orchestration.donor_source.donor_from` reads, such as ``"efficientnet_lite0_224"``. Without
            `space`, the networks are those around the donor's own.
        metric: Validation metric to maximise: ``accuracy``, ``balanced_accuracy`` or ``macro_f1``.
        keep_checkpoints: Number of best networks whose weights are kept once the search is over, at least 1;
            so are those of the best by its own value. `retrain` trains others again.
        log_to: ``tensorboard`` to also write every epoch to event files in the study's folder.
        reproducible: Whether every run makes the same proposals and early stops, in whatever order trainings
            end; by default on one machine, not on a cluster or with PostgreSQL.
        deploy_dtype: ``int8`` to value each network in its int8 form after its last epoch, ``fp32`` not to;
            by default as the budgets say: in int8 where one counts bytes or is timed so.
        quiet: Whether progress is hidden.

    Returns:
        The results, best network first.

    Raises:
        UserError: if something given cannot be used; the message says which and what is expected.
    """
    valued_by = evaluator_named(evaluator, supernet)
    wanted = EVALUATORS[valued_by].trials if trials is None else trials
    request = SearchRequest(
        budget=[budget] if isinstance(budget, str) else budget,
        trials=wanted,
        space=space,
        data=data,
        hours=hours,
        study=study,
        storage=storage,
        sampler=sampler,
        recipe=recipe,
        seed=seed,
        storage_path=storage_path,
        seed_with=seed_with,
        learn_from=names_of(learn_from),
        evaluator=valued_by,
        supernet=supernet,
        teacher=teacher,
        weights=weights,
        metric=metric,
        keep_checkpoints=keep_checkpoints,
        log_to=log_to,
        reproducible=reproducible,
        deploy_dtype=deploy_dtype,
    )
    with ExitStack() as stack:
        stack.enter_context(torch_threads(1))  # proposals run beside the trainings and must not crowd them
        cluster = stack.enter_context(cluster_for(address))
        slots = slots_here if cluster is None else cluster.slots
        plan = plan_search(request, slots(wanted, gpus_per_trial), local=cluster is None)
        return run_search(plan, quiet=quiet, cluster=cluster)


@process_left_as_found()
def retrain(
    study: str | None = None,
    *,
    trial: int | None = None,
    top: int = 1,
    recipe: str | None = None,
    from_weights: bool = False,
    weights: str | None = None,
    teacher: str | None = None,
    seeds: int = 1,
    soup: bool = False,
    deploy_dtype: str | None = None,
    data: str | None = None,
    storage: str | None = None,
    report_line: Callable[[str], None] | None = None,
) -> RetrainResult:
    """Train the winner of a search to convergence and test it once; `export` then uses these weights.

    The same call resumes an interrupted training.

    Args:
        study: Name of the study, or ``STUDY#12`` for one of its networks; by default the latest study. Or a
            network that is no search's: a published one, an architecture file or an export folder.
        trial: Number of the network; by default the best that fits.
        top: Number of best networks that are first trained and compared; the best of them is the winner.
        recipe: Name of a training recipe, or a YAML file; by default chosen by the sizes of network and
            images, see `trials.recipe_choice`. A retraining that was begun goes on by its recipe.
        from_weights: Whether training starts from the weights of the search instead of random ones.
        weights: What training starts from instead: ``supernet`` for the network's slice of the supernet that
            the study has trained or uses, ``search`` for the weights of the search, or trained weights as
            `search` takes them, of which the network inherits what fits. By default ``donor``, what the
            search began with, if it began with trained weights, else ``random``.
        teacher: Network to learn from besides the labels, as `search` takes it.
        seeds: Number of trainings of the winner that differ in their randomness. Several learn from the
            training images alone, and validation images choose which of them is delivered.
        soup: Whether weights are averaged, where validation images do not show that to be worse: of several
            seeds, or else of the last epochs of the training.
        deploy_dtype: ``int8`` to train quantisation-aware and to evaluate the int8 form too, ``fp32`` not to;
            by default as the search values its networks.
        data: Images for a network that is no search's; by default ``digits``.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        report_line: Called with one line of progress at a time.

    Raises:
        UserError: if something given cannot be used, or the training cannot go on.
    """
    url, say = storage_url(storage), report_line or (lambda _: None)
    if study is not None and is_lone_network(study, url):
        plain = (trial, weights, deploy_dtype) == (None, None, None)
        alone = plain and top == 1 and not from_weights and seeds == 1 and not soup
        return retrain_alone(
            study,
            url,
            recipe=recipe or "full",
            teacher=teacher,
            data=data,
            quiet=report_line is None,
            alone=alone,
        )
    if data is not None:
        raise InvalidValueError(
            "Cannot use --data with a search, whose network is trained on its own images: expected a network "
            "such as an architecture file. Leave --data out."
        )
    source = checked_source(weights, url, from_weights=from_weights)
    named = None if recipe is None else load_recipe(recipe)
    asked = None if named is None else taught(named, teacher, url)
    before = () if recipe is None else (edition for edition in recipe_editions(recipe) if edition != named)
    editions = [taught(edition, teacher, url) for edition in before]
    chosen, number = split_network(study)
    found = find(existing_storage(url, writing=True), chosen)
    form = deploy_dtype_of(deploy_dtype, ()) if deploy_dtype else settings_of(found).deploy_dtype
    networks = retraining.chosen(result_of(found), trial=trial if trial is not None else number, top=top)
    begins = source_for(found, source)
    choice = recipe_of(found, networks, asked, weights=begins, deploy_dtype=form, editions=editions)
    if choice.reason:
        say(choice.reason)
    return retraining.retrain(
        found,
        networks,
        choice.recipe if asked is not None else taught(choice.recipe, teacher, url),
        weights=begins,
        device="cuda" if torch.cuda.is_available() else "cpu",
        threads=None if cpu_quota() is None else len(usable_cores()),
        report_line=say,
        recipe_file=None if recipe is None else absolute_file(recipe),
        teacher=typed(teacher, url),
        recipe_reason=choice.reason,
        seeds=seeds,
        soup=soup,
        deploy_dtype=form,
        form_asked=deploy_dtype,
    )
