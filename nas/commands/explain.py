"""nas explain: shows which factors of a network matter and which settings are best."""

from typing import Annotated

import typer

from nas.commands._options import Json, Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help="Budget for the best settings, for example 100M-MACs. Repeat it for several sets "
            "of settings. A latency is not considered. Default: the budgets of the study.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Write explanation.json and the figures (HTML) to this folder, and with --budget the "
            "networks expected best (CSV).",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Random seed.")] = 0,
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity",
            help="Show instead which stage of a network, STUDY#12 or the best, loses how much by weights of "
            "8 and of 4 bits.",
        ),
    ] = False,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Show which factors matter and which settings are best.

    From the surrogate model of the search: the effect of each factor alone and in pairs, with errors; the
    share of variance that each explains; and the best setting of each factor within a budget, with a warning
    where the trained networks do not support it. With --budget, the networks that are expected best within
    each, with intervals; none is trained for this. The first line compares the model with one that knows MACs
    alone. Needs at least 10 trained networks.

    Example: nas explain my_study --budget 300M-MACs --budget 100M-MACs --to why
    """
    from dashboards.explanation_tables import print_explanation
    from dashboards.stage_sensitivity import print_sensitivity
    from nas import api
    from search_spaces.errors import InvalidValueError

    if sensitivity:
        if budget or to:
            raise InvalidValueError("Cannot use --sensitivity with --budget or --to: leave these out.")
        print_sensitivity(api.stage_sensitivity(study, storage=storage), as_json=json)
        return
    found = api.explain(study, budget=budget or [], to=to, seed=seed, storage=storage)
    print_explanation(found, as_json=json)
