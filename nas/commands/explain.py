"""nas explain: which factors matter, and the rules that follow."""

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
            help="Find the rules within this; several give several sets of rules; by default the study's.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Write explanation.json and the figures as HTML there.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of what is drawn.")] = 0,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Show which factors matter and which settings are best.

    Settings are the best within a budget, and everything is told with how sure it is. It rests on the
    surrogate of the search: what each factor does by itself and in pairs, with errors; the shares of the
    variance that they explain; and a rule for each factor, with a warning where the data do not support it.
    It says first how much better the factors predict than MACs alone, so that an explanation that explains
    nothing says so. At least 10 trained networks are needed.

    Example: nas explain my_study --budget 300M-MACs --budget 100M-MACs --to why
    """
    from dashboards.explanation_tables import print_explanation
    from nas import api

    found = api.explain(study, budget=budget or [], to=to, seed=seed, storage=storage)
    print_explanation(found, as_json=json)
