"""What every command does, as Python calls with the same words."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer

import numpy as np
import optuna
import torch
from optuna.storages import get_storage

from dashboards.explanation import Explanation
from dashboards.launch import dashboard_server
from dashboards.reports import REPORTS
from dashboards.result import SearchResult
from dashboards.selecting import selected
from nas import keeping, retraining
from nas.attaching import Attachments
from nas.consistency import Finding, findings
from nas.delivery import Deliverer, Wish
from nas.explainer import Explainer, insight
from nas.explaining import explain_study, write_figures
from nas.finding import find_network
from nas.gathering import Gatherer
from nas.judging import by_training
from nas.keeping import KeptStudy
from nas.latencies import Stopwatch, with_latencies
from nas.plan import location_of, plan_search
from nas.profiling import SpaceProfile, profile_space
from nas.progress import Progress
from nas.proxy import ProxyProfile
from nas.proxy import profile_proxy as measure_proxy
from nas.retraining import RetrainResult
from nas.rules import RULES
from nas.samplers import SAMPLERS
from nas.scaling import Scaled, base_of, check_budgets, family, find_with_study
from nas.scaling import write as write_family
from nas.searching import run_search
from nas.slots import slots_here
from nas.storage.opening import open_storage, storage_url
from nas.storage.store import Store
from nas.study import delivered, find, images_of, result_of, split_network
from nas.study_name import IMAGES
from nas.tabular.plot import regret_figure
from nas.tabular.regret import summary
from nas.tabular.replay import Runs, compare
from nas.tabular.table import load as load_table
from search_spaces.budget import Budget
from search_spaces.building import build
from search_spaces.errors import ExportError, InvalidValueError, TargetError
from search_spaces.loading import load
from search_spaces.pricing import prices
from trials import measuring
from trials.datasets import open_images
from trials.latency import Condition, Latency
from trials.layer_times import LayerTimes
from trials.measuring import probe
from trials.recipes import load_recipe
from trials.target_names import TARGETS_FILE, find_target, read_targets
from trials.targets import TARGETS


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
        address: Of a running Ray cluster.
        storage_path: Folder for checkpoints, weights and logs.
        seed_with: Networks of the space that are tried first, each named as `nas.finding.find_network` says.
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
        gpus_per_trial=gpus_per_trial,
        storage_path=storage_path,
        seed_with=seed_with,
        learn_from=learn_from,
        metric=metric,
        keep_checkpoints=keep_checkpoints,
        log_to=log_to,
    )
    return run_search(plan, Progress(quiet=quiet), address=address)


def show(
    study: str | None = None,
    *,
    storage: str | None = None,
    pareto: bool = False,
    fits: str | Sequence[str] = (),
) -> SearchResult:
    """Return the search so far, best network first.

    Args:
        study: Its name; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        pareto: Whether only networks are left that no other beats in every respect.
        fits: Budgets that those left keep, for example ``"100M-MACs"``.

    Raises:
        StudyError: if there is none; offers the nearest name.
        BudgetError: if a budget cannot be read.
    """
    budgets = [Budget.parse(text) for text in ([fits] if isinstance(fits, str) else fits)]
    url = storage_url(storage)
    return selected(_known(find(open_storage(url), study), url), pareto=pareto, fits=budgets)


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
        told=told or (lambda _: None),
    )


def studies(*, storage: str | None = None) -> tuple[KeptStudy, ...]:
    """Return the searches in a storage with the disk that each uses, the oldest first.

    Args:
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
    """
    return keeping.kept_studies(open_storage(storage_url(storage)))


def check_studies(study: str | None = None, *, storage: str | None = None) -> tuple[Finding, ...]:
    """Return what is inconsistent in a study, in the database and in its folder; nothing is changed.

    Args:
        study: Its name; by default all studies of the storage.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is none; offers the nearest name.
    """
    url = storage_url(storage)
    opened = open_storage(url)
    with Store(url):  # our tables are there now
        pass
    names = [study] if study is not None else [kept.study for kept in keeping.kept_studies(opened)]
    return tuple(finding for name in names for finding in findings(find(opened, name), url))


def rename_study(study: str, new: str, *, storage: str | None = None) -> None:
    """Call a study `new` and move its folder along.

    Args:
        study: What it is called now.
        new: What it is called from then on.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study, it is being searched, or the new name cannot be taken.
    """
    keeping.rename(open_storage(storage_url(storage)), study, new)


def delete_study(study: str, *, storage: str | None = None) -> None:
    """Delete a study with its checkpoints, weights and log; the latencies it measured stay.

    Args:
        study: Its name.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study, or it is being searched.
    """
    keeping.delete(open_storage(storage_url(storage)), study)


def profile(
    budget: str | Sequence[str],
    *,
    space: str = "hybrid_small",
    classes: int = 10,
    channels: int = 3,
    seed: int = 0,
) -> SpaceProfile:
    """Return what share of a space fits budgets and what its networks take; nothing is trained.

    Args:
        budget: One or several, for example ``"300M-MACs"``.
        space: A catalog name or a YAML file.
        classes: Classes of the images, at least 2.
        channels: 1 for grey images, 3 for colour.
        seed: Of the draws.

    Raises:
        UserError: if something given cannot be used, or nothing fits.
    """
    for name, value, least in (("classes", classes, 2), ("channels", channels, 1), ("seed", seed, 0)):
        if value < least:
            raise InvalidValueError(f"Cannot use {name} {value}: expected at least {least}.")
    texts = [budget] if isinstance(budget, str) else budget
    table = prices(load(space), num_classes=classes, in_channels=channels)
    return profile_space(table, [Budget.parse(text) for text in texts], np.random.default_rng(seed))


def profile_proxy(
    budget: str | Sequence[str] = (),
    *,
    space: str = "hybrid_small",
    data: str = "digits",
    recipe: str = "proxy",
    full: str = "full",
    networks: int = 10,
    seed: int = 0,
    gpus_per_trial: float | None = None,
    storage_path: str = "nas-runs",
    told: Callable[[str], None] | None = None,
) -> ProxyProfile:
    """Return how well a search's short training ranks networks, from a sample trained by it and in full.

    The same call again goes on after a kill where it was.

    Args:
        budget: What the networks fit; none by default.
        space: A catalog name or a YAML file.
        data: An embedded data set or a path to images.
        recipe: The short training.
        full: The training to convergence that it stands for.
        networks: How many are drawn uniformly from what fits.
        seed: Of the draws and trainings.
        gpus_per_trial: Share of a GPU that each training gets.
        storage_path: Folder for decoded images and checkpoints.
        told: Called with a line after each training.

    Raises:
        UserError: if something given cannot be used, or nothing fits.
    """
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    proxy, long, home = load_recipe(recipe), load_recipe(full), Path(storage_path).expanduser().resolve()
    location = location_of(data)
    splits = open_images(location, seed=seed, cache=home / IMAGES)
    return measure_proxy(
        prices(load(space), num_classes=len(splits.classes), in_channels=splits.channels),
        budgets,
        splits,
        data=location,
        proxy=proxy,
        full=long,
        networks=networks,
        seed=seed,
        slots=slots_here(2 * networks, gpus_per_trial),
        home=home,
        told=told or (lambda _: None),
    )


def measure(network: str, *, on: str = "cpu", storage: str | None = None) -> tuple[str, Latency]:
    """Return what a network is called and how long it takes on a target; the figure is kept.

    Args:
        network: See `nas.finding.find_network`.
        on: The target, as a budget names it.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        UserError: if the network or target is unknown, or the target cannot run it.
    """
    url = storage_url(storage)
    find_target(on)
    found = find_network(network, url)
    with Store(url) as store:
        stopwatch = Stopwatch(store, num_classes=found.num_classes, in_channels=found.in_channels)
        return found.name, stopwatch.time(found.architecture, on, again=True).latency


def measure_layers(network: str, *, on: str = "cpu", storage: str | None = None) -> tuple[str, LayerTimes]:
    """Return what a network is called and where its time goes on a target, layer by layer.

    Args:
        network: See `nas.finding.find_network`.
        on: A target that runs ONNX Runtime, as a budget names it.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        UserError: if the network or target is unknown, or the target cannot tell its layers apart.
    """
    find_target(on)
    found = find_network(network, storage_url(storage))
    built = build(found.architecture, num_classes=found.num_classes, in_channels=found.in_channels)
    times = measuring.measure_layers(
        built, resolution=found.architecture.resolution, in_channels=found.in_channels, target=on
    )
    return found.name, times


def targets() -> dict[str, dict[str, Condition] | str]:
    """Return what each target of this host and of targets.yaml answers, or in words why it does not."""
    names = [name for name in TARGETS if name in {"cpu", "cuda"}] + list(read_targets(TARGETS_FILE))
    found: dict[str, dict[str, Condition] | str] = {}
    for name in names:
        try:
            found[name] = probe(name)
        except TargetError as error:
            found[name] = str(error)
    return found


def bench(
    table: str | Path | None,
    *,
    budget: Sequence[str] = (),
    sampler: Sequence[str] = (),
    trials: int = 30,
    seeds: int = 10,
    workers: int = 1,
    plot: str | Path | None = None,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return how samplers compare on a table of trained networks; see `nas.tabular.regret.summary`.

    Args:
        table: A nas-table, or NAS-Bench-Macro's JSON file.
        budget: On costs of the table; each is a task, and regret is averaged over tasks.
        sampler: Names on the shelf; all of them if empty. The others are compared with the first.
        trials: Trainings of each search.
        seeds: Searches of each sampler, with the seeds 0, 1, ...
        workers: Trainings at the same time.
        plot: Where the regret curves are written as HTML.
        told: Called with a line after each sampler and task.

    Raises:
        UserError: if something given cannot be used, or no network of the table fits.
    """
    if table is None:
        raise InvalidValueError(
            "No table was given: expected a file, for example --table nas-bench-macro_cifar10.json."
        )
    for name, value in (("trials", trials), ("seeds", seeds), ("workers", workers)):
        if value < 1:
            raise InvalidValueError(f"Cannot use --{name} {value}: expected at least 1.")
    found = load_table(Path(table))
    budgets = [Budget.parse(text) for text in budget]
    tasks = [found.task(b.limit, b.resource) for b in budgets] or [found.task()]
    names = list(sampler) or ["factor_gp", *(name for name in SAMPLERS if name != "factor_gp")]
    for name in names:
        SAMPLERS[name]  # before an hour of the others: is there one?

    def done(task: str, name: str, runs: Runs) -> None:
        if told is not None:
            told(f"{task:<28} {name:<12} regret {runs.regret[:, -1].mean():.3f} after {trials}")

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    results = compare(tasks, names, range(seeds), trials, workers, done)
    if plot is not None:
        regret_figure(results, f"{found.name}, {seeds} seeds").write_html(plot, include_plotlyjs=True)
    after = sorted({k for k in (10, 20, 30, 50, 100, trials) if k <= trials})
    return {"version": 1, **summary(results, names[0], after)}


def explain(
    study: str | None = None,
    *,
    budget: str | Sequence[str] = (),
    to: str | Path | None = None,
    seed: int = 0,
    storage: str | None = None,
) -> Explanation:
    """Return which factors matter in a study, and the settings that are best within a budget.

    Args:
        study: Its name; by default the latest.
        budget: Rules are found within each of these; by default within the study's own.
        to: Folder for ``explanation.json`` and the figures as HTML; nothing is written without it.
        seed: Of what is drawn.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        UserError: if there is no such study, it has too few trained networks, or nothing fits a budget.
    """
    if seed < 0:
        raise InvalidValueError(f"Cannot use seed {seed}: expected at least 0.")
    texts = [budget] if isinstance(budget, str) else budget
    budgets = [Budget.parse(text) for text in texts]
    found = explain_study(find(open_storage(storage_url(storage)), study), budgets, seed=seed)
    if to is not None:
        write_figures(found, Path(to))
    return found


def scale(
    network: str,
    *,
    budget: str | Sequence[str] = (),
    rule: str | None = None,
    to: str | Path | None = None,
    train: bool = False,
    data: str = "digits",
    recipe: str = "proxy",
    seed: int = 0,
    storage: str | None = None,
    told: Callable[[str], None] | None = None,
) -> list[Scaled]:
    """Return a network for each budget, made of one by a rule, each filled to 98 % or more.

    Args:
        network: See `nas.finding.find_network`.
        budget: One or several that can be counted; each gets a network of its own.
        rule: A file in nas/rules; by default ``front`` for a study and its networks, else ``compound``.
        to: Folder in which each is written as architecture JSON; nothing is written without it.
        train: Whether the steps of ``x3d`` are decided by trainings instead of the study's surrogate.
        data: What they train on.
        recipe: How they train.
        seed: Of the trainings.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        told: Called with a line after each training.

    Raises:
        UserError: if something given cannot be used, the rule is not defined for it, or nothing fits.
    """
    url = storage_url(storage)
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    check_budgets(budgets)
    if rule is not None:
        RULES[rule]  # before anything slow: is there one?
    found, study = find_with_study(network, url)
    chosen = rule or ("front" if study is not None else "compound")
    if train and chosen != "x3d":
        raise InvalidValueError(f"The rule {chosen} trains nothing: expected --rule x3d with --train.")
    judge = None
    if train:
        splits, device = open_images(data, seed=seed, cache=None), slots_here(1, None).device
        found = replace(found, num_classes=len(splits.classes), in_channels=splits.channels)
        judge = by_training(
            found.architecture,
            splits,
            load_recipe(recipe),
            seed=seed,
            device=torch.device(device),
            told=told or (lambda _: None),
        )
    needs_study = chosen == "front" or (chosen == "x3d" and not train)
    members = family(found, base_of(found, study if needs_study else None, judge), budgets, chosen)
    if to is not None:
        write_family(members, Path(to))
    return members


def dashboard(
    study: str | None = None,
    *,
    storage: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str | None = None,
) -> tuple[str, WSGIServer]:
    """Return the address of a study's page in the Optuna dashboard, and its server, which listens.

    ``server.serve_forever()`` serves until it is stopped; nothing can be changed through it.

    Args:
        study: Its name; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        host: Address of this machine on which it listens.
        port: Where it listens; 0 for any free one.
        token: What readers give once; needed where other machines reach it.

    Raises:
        StudyError: if there is none; offers the nearest name.
        UserError: if the port is in use; offers the next free one.
    """
    url = storage_url(storage)
    opened = open_storage(url)
    found = find(opened, study)
    gatherer = Gatherer(get_storage(opened), Store(url), Explainer().latest)
    server = dashboard_server(
        opened,
        host=host,
        port=port,
        token=token,
        gather=gatherer.by_id,
        fetch=gatherer.network,
        folders=gatherer.folders,
    )
    shown = f"[{host}]" if ":" in host else host
    asking = f"?token={token}" if token else ""
    page = f"/dashboard/studies/{found._study_id}{asking}"  # noqa: SLF001 -- what the page is called
    return f"http://{shown}:{server.server_port}{page}", server


def report(
    study: str | None = None,
    *,
    to: str | Path | None = None,
    format: str = "html",  # noqa: A002 -- what it is called on the command line
    storage: str | None = None,
) -> tuple[Path, ...]:
    """Write down what a search found for somebody else, and return the files.

    Args:
        study: Its name; by default the latest.
        to: The file, or for pictures their folder; by default named for the study, in the working folder.
        format: A file in dashboards/reports: html, md, csv or png.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study; offers the nearest name.
        ExportError: if it cannot be written there.
    """
    write = REPORTS[format]
    url = storage_url(storage)
    opened = open_storage(url)
    found = find(opened, study)
    ending = "" if format == "png" else f".{format}"
    path = Path(to).expanduser() if to is not None else Path(f"{found.study_name}{ending}")
    with Store(url) as store:
        findings = Gatherer(opened, store, insight).of(found)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write(findings, path)
    except OSError as error:
        raise ExportError(
            f"Cannot write the report to '{path}': {error.strerror or error}. Expected a file that can be "
            f"written, for example --to report.html."
        ) from error


def export(
    study: str | None = None,
    *,
    to: str | Path | None = None,
    trial: int | None = None,
    pareto: bool = False,
    name: str | None = None,
    classes: int | None = None,
    into: str | Path | None = None,
    deploy: bool = False,
    int8: bool = False,
    force: bool = False,
    storage: str | None = None,
    told: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Write a network of a search as plain PyTorch that needs nothing of ours, and return the files.

    Args:
        study: Its name, or ``STUDY#12`` for one of its networks; by default the latest study.
        to: Folder that is made for it.
        trial: Number of the network; by default the best that fits.
        pareto: Whether all networks that none beats in accuracy and MACs are written, a folder each.
        name: Of the module and of the function in it; by default the folder's.
        classes: Scores of a new head, which is not trained; by default the trained head is kept.
        into: Instead of `to`, a folder of a repository that may hold other files; the module, its weights
            and its architecture are put beside them.
        deploy: Whether the form for inference only is written.
        int8: Whether ONNX quantised to int8 is written too, with its accuracy and latency.
        force: Whether files of the same names may be replaced.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        told: Called with a line on whatever should be known, for example a budget that no longer holds.

    Raises:
        StudyError: if there is no such study or network.
        ExportError: if the folder, the name or the weights cannot be used.
    """
    if (to is None) == (into is None):
        raise ExportError(
            "Expected one folder to write to: a new one, for example --to my_net, or one of a repository, "
            "for example --into src/models."
        )
    url = storage_url(storage)
    chosen, number = split_network(study)
    trial = trial if trial is not None else number
    if pareto and (trial is not None or into is not None or force):
        raise ExportError(
            "Cannot write a front with --trial, --into or --force: expected --pareto, --to and a new folder."
        )
    wish = Wish(
        folder=Path(str(to if to is not None else into)),
        name=name,
        classes=classes,
        deploy=deploy,
        int8=int8,
        into=into is not None,
        force=force,
    )
    found = find(open_storage(url), chosen)
    result = _known(found, url)
    with Store(url) as store:
        deliverer = Deliverer(
            study=found,
            result=result,
            store=store,
            now=lambda: datetime.now(UTC),
            told=told or (lambda _: None),
        )
        if pareto:
            return deliverer.deliver_front(wish)
        files = deliverer.deliver(delivered(result, trial), wish)
    Attachments.of(found).deliver(found, files)
    return files


def _known(study: optuna.Study, url: str) -> SearchResult:
    """Return a study as views are handed it, with the latencies that are known."""
    images = images_of(study)
    with Store(url) as store:
        return with_latencies(
            result_of(study), store, num_classes=len(images["classes"]), in_channels=images["channels"]
        )
