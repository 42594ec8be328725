"""Options that several commands share, each with one wording."""

from typing import Annotated, TypeAlias

import typer

from nas.commands import _choices

DATA_HELP = (
    f"Images: {_choices.any_of(_choices.EMBEDDED_DATA)} (installed with scikit-learn), the path of a folder "
    "with one sub-folder per class, of Parquet (PATH?image=COLUMN&label=COLUMN chooses columns), .npz, CIFAR "
    "or MNIST files, or module:function."
)
SPACE_HELP = f"{_choices.SPACES}, or a YAML file of your own."
RECIPE_HELP = f"{_choices.RECIPES}, or a YAML file of your own."
TEACHER_HELP = (
    "an .onnx file, module:function, STUDY#12, an export folder, a .pth or .safetensors file of weights, "
    "timm:NAME, or a published network."
)
NETWORK_HELP = (
    "A published network such as mobilenet_v2_1.0_224, an architecture file, an export folder, STUDY#12 "
    "(trial 12 of a study), or STUDY (its best network)."
)
COUNTED_BUDGETS = (
    f"for example 300M-MACs, 4M-params or 512KiB-peak@int8. Costs: {_choices.any_of(_choices.COSTS)}."
)
BUDGETS = (
    "for example 300M-MACs, 512KiB-peak@int8 or 12ms@cpu. Costs: "
    f"{_choices.any_of([*_choices.COSTS, 'ms@TARGET', 'ms-median@TARGET', 'ms-p90@TARGET'])}."
)
PARETO_FRONT = (
    "the Pareto front: fully trained networks that fit and that no other beats in accuracy, MACs, parameters "
    "and each latency that all have"
)

Storage: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Database of the studies: SQLite or PostgreSQL. Default: $NAS_STORAGE, else sqlite:///nas.db.",
        show_default=False,
    ),
]
Address: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="RAY",
        help="Address of a running Ray cluster, for example HEAD:6379. Default: this machine alone.",
        show_default=False,
    ),
]
Study: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="STUDY", help="Name of a study. Default: the latest.", show_default=False),
]
StudyOrTrial: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="STUDY",
        help="Name of a study, or STUDY#12 for its trial 12. Default: the latest study. Or a NETWORK that no "
        "search found: a published one, an architecture file, an export folder.",
        show_default=False,
    ),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", show_default=False)
]
Channels: TypeAlias = Annotated[
    int, typer.Option("--channels", metavar="N", help="Image channels: 1 for greyscale, 3 for colour.")
]


def refuse_idle(why: str, **options: object) -> None:
    """Refuse the first option that was typed where it would do nothing.

    Args:
        why: Why it would do nothing, for example ``without --train``.
        options: The options by name of their parameter; None where they were not typed.

    Raises:
        InvalidValueError: if one of them was typed.
    """
    from search_spaces.errors import InvalidValueError

    for name, given in options.items():
        if given is not None:
            raise InvalidValueError(f"Cannot use --{name.replace('_', '-')} {why}. Leave it out.")
