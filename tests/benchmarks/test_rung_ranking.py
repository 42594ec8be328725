"""How well early accuracies rank networks, and what early stopping by them costs and saves.

Curves are kept in pytest's cache until the recipe changes, so a stopped run goes on.
"""

import hashlib
import json

import numpy as np
import optuna
import pytest
import torch

import search_spaces
from nas.ask_tell.successive_halving import RungHalving
from nas.profiling.rank_correlation import kendall
from tests.benchmarks.filing import file_result
from trials.datasets import open_images
from trials.recipes import load_recipe
from trials.training.loop import train
from trials.training.seeding import seeded_build, trial_seed

NETWORKS, SEED = 30, 0
DRAWS, BUDGET = 1_000, 16
RECIPE = load_recipe("proxy")


def curve_of(number, splits):
    """Return the validation accuracy after each epoch, and the last one's standard error."""
    space = search_spaces.load("hybrid_small")
    architecture = space.sample(np.random.default_rng([SEED, number]))
    seed = trial_seed(SEED, number)
    network = seeded_build(
        lambda: search_spaces.build(architecture, num_classes=10, in_channels=splits.channels), seed
    )
    results = list(
        train(
            network,
            splits,
            RECIPE,
            resolution=architecture.resolution,
            seed=seed,
            device=torch.device("cpu"),
        )
    )
    return [result.accuracy for result in results], results[-1].standard_error


@pytest.fixture(scope="module")
def curves(request):
    torch.set_num_threads(1)
    splits = open_images("digits", seed=SEED, cache=None)
    told = {k: v for k, v in RECIPE.to_json().items() if k not in {"rungs", "reduction"}}
    recipe = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    found = []
    for number in range(NETWORKS):
        key = f"rung_ranking/{recipe}-{SEED}-{number}"
        curve = request.config.cache.get(key, None) or curve_of(number, splits)
        request.config.cache.set(key, curve)
        found.append(curve)
    return np.array([curve for curve, _ in found]), np.array([error for _, error in found])


def replay(curves, drawn, pruner):
    """Return which of the drawn networks early stopping keeps, and the share of epochs it saves."""
    study = optuna.create_study(direction="maximize", pruner=pruner)
    kept, spent = [], 0
    for network in drawn:
        trial = study.ask()
        for epoch, accuracy in enumerate(curves[network], start=1):
            trial.report(accuracy, epoch)
            spent += 1
            if epoch < RECIPE.epochs and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curves[network][-1])
            kept.append(network)
    return kept, 1 - spent / (len(drawn) * RECIPE.epochs)


def worth(accuracies, errors, rung, reduction):
    """Return how often a network within one standard error of the best is kept, and the epochs saved."""
    rng = np.random.default_rng(SEED)
    good, saved = [], []
    for _ in range(DRAWS):
        drawn = rng.choice(NETWORKS, BUDGET, replace=False)
        kept, share = replay(accuracies, drawn, RungHalving((rung,), reduction))
        best = drawn[accuracies[drawn, -1].argmax()]
        good.append(accuracies[kept, -1].max() >= accuracies[best, -1] - errors[best])
        saved.append(share)
    return np.mean(good), np.mean(saved)


@pytest.mark.benchmark
@pytest.mark.timeout(7_200)
def test_rungs_rank_and_early_stopping_keeps_the_best_and_saves_epochs(curves):
    accuracies, errors = curves
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (rung,) = RECIPE.rungs[:-1]
    taus = {e: kendall(accuracies[:, e - 1], accuracies[:, -1]) for e in range(1, RECIPE.epochs)}
    tried = {(e, r): worth(accuracies, errors, e, r) for e in (1, 2) for r in (2, 3)}
    good, saved = tried[rung, RECIPE.reduction]
    blind = accuracies.copy()
    blind[:, rung - 1] = np.random.default_rng(SEED).permutation(blind[:, rung - 1])
    by_chance = worth(blind, errors, rung, RECIPE.reduction)
    lines = [
        f"{NETWORKS} networks drawn uniformly from hybrid_small, recipe {RECIPE.name}, digits, "
        f"{RECIPE.epochs} epochs; validation accuracy {accuracies[:, -1].min():.3f} to "
        f"{accuracies[:, -1].max():.3f}, median {np.median(accuracies[:, -1]):.3f}, its standard error "
        f"{np.median(errors):.3f}: most of them cannot be told apart on so few images.",
        "",
        "| epoch | median accuracy | Kendall's tau against the last epoch |",
        "| --- | --- | --- |",
        *(
            f"| {e} | {np.median(accuracies[:, e - 1]):.3f} | {t:.2f} ± {s:.2f} |"
            for e, (t, s) in taus.items()
        ),
        f"| {RECIPE.epochs} | {np.median(accuracies[:, -1]):.3f} | |",
        "",
        f"Early stopping replayed over {DRAWS:,} draws of {BUDGET} of these curves:",
        "",
        "| stops after epoch | keeps | one within a standard error of the best is kept | epochs saved |",
        "| --- | --- | --- | --- |",
        *(
            f"| {e}{', the default' if (e, r) == (rung, RECIPE.reduction) else ''} | the best 1 in {r} "
            f"| {g:.1%} | {s:.1%} |"
            for (e, r), (g, s) in tried.items()
        ),
        f"| {rung}, by shuffled values | 1 in {RECIPE.reduction} | {by_chance[0]:.1%} | {by_chance[1]:.1%} |",
        "",
        "The default was chosen among these four on these same curves.",
    ]
    file_result("rung_ranking", command="pytest -m benchmark -k rungs_rank", seed=SEED, lines=lines)
    assert good >= 0.95
    assert saved >= 0.40
