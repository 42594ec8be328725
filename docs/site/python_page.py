"""Makes the reference of Python names, which mkdocstrings fills from their docstrings."""

import nas
import search_spaces

PARTS: dict[str, tuple[str, ...]] = {
    "The sampler": (
        "nas.samplers.factor_gp.FactorGPSampler",
        "nas.bayesopt.problem.Source",
        "nas.bayesopt.observations.observations_of",
        "nas.bayesopt.published_prior.published_source",
    ),
    "Counts of a network": (
        "search_spaces.graph_counts.architecture_counts",
        "search_spaces.graph_counts.graph_counts",
    ),
    "Images, recipes and trained weights": (
        "trials.datasets.open_images",
        "trials.recipes.load_recipe",
        "trials.training.recipe.Recipe",
        "trials.donors.open_donor",
    ),
    "Shared weights": (
        "search_spaces.elastic.SharedWeights",
        "trials.supernet.SupernetRecipe",
        "trials.supernet.train_supernet",
        "trials.supernet.read_networks",
        "trials.supernet.load_supernet",
    ),
    "What an alternative of your own is": (
        "trials.targets.Target",
        "trials.targets.TargetSpec",
        "trials.targets.Job",
        "trials.latency.latency.Latency",
    ),
}
WITH_MEMBERS = {
    "search_spaces.Architecture",
    "search_spaces.Budget",
    "search_spaces.SearchSpace",
    "nas.Client",
}


def names() -> dict[str, tuple[str, ...]]:
    """Return every public name by the part of the page on which it stands."""
    return {
        "Commands as functions": tuple(f"nas.{name}" for name in sorted(nas.__all__)),
        "Spaces, budgets and networks": tuple(
            f"search_spaces.{name}" for name in sorted(search_spaces.__all__)
        ),
        **PARTS,
    }


def python_page() -> str:
    """Return the page."""
    lines = [
        "# Which functions and classes can I use from Python?",
        "",
        "This page lists the public names with their arguments and errors, from their docstrings.",
        "[Python](../python.md) has",
        "examples. Names that are not here may change.",
    ]
    for title, group in names().items():
        lines += ["", f"## {title}", ""]
        for name in group:
            lines += [
                f"::: {name}",
                "    options:",
                f"      members: {'null' if name in WITH_MEMBERS else 'false'}",
            ]
            lines += ["      heading_level: 3", ""]
    return "\n".join(lines) + "\n"
