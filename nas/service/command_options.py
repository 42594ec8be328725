"""The options of commands that the service takes as JSON, one model for each, with the words of the commands.

Imports no torch, so that a client can check what it sends.
"""

import json
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from nas.service.job import Kind
from nas.service.refusals import RefusedError


def _writable(given: dict[str, Any]) -> dict[str, Any]:
    """Return data that every later answer can hold.

    Raises:
        RefusedError: if it has half characters, NaN or infinity, or nests too deeply.
    """
    try:
        json.dumps(given, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise RefusedError(
            "Cannot use what was sent as data: expected text in UTF-8 and finite numbers, in few levels."
        ) from None
    return given


Data: TypeAlias = Annotated[dict[str, Any], AfterValidator(_writable)]
Text: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Texts: TypeAlias = Annotated[list[Text], Field(max_length=32)]
File: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,79}$")]
Number: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Few: TypeAlias = Annotated[int, Field(ge=1, le=100)]
Classes: TypeAlias = Annotated[int, Field(ge=2, le=100_000)]
Channels: TypeAlias = Annotated[int, Field(ge=1, le=16)]
Network: TypeAlias = Text | Data
"""Name of a published network, study or ``STUDY#12`` of one's own; or an architecture as data."""


class CommandOptions(BaseModel):
    """Options of a command, and how its output is to look."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    positional: ClassVar[tuple[str, ...]] = ()
    """Options that are typed without a name."""
    json_output: bool = True
    """Whether the output is JSON, as with ``--json``."""
    width: Annotated[int, Field(ge=20, le=1000)] | None = None
    """Columns of the terminal that the output is for; null for none."""
    color: bool = False
    """Whether that terminal shows colours."""


class ShowOptions(CommandOptions):
    """Options of ``nas show``."""

    positional: ClassVar[tuple[str, ...]] = ("study",)
    study: Texts = []
    pareto: bool = False
    fits: Texts = []
    csv: bool = False


class SearchResultOptions(CommandOptions):
    """What ``nas search`` prints at its end."""

    positional: ClassVar[tuple[str, ...]] = ("study",)
    study: Text


class ExplainOptions(CommandOptions):
    """Options of ``nas explain``."""

    positional: ClassVar[tuple[str, ...]] = ("study",)
    study: Text | None = None
    budget: Texts = []
    to: File | None = None
    seed: Number = 0


class ScaleOptions(CommandOptions):
    """Options of ``nas scale``, for rules that do not train."""

    positional: ClassVar[tuple[str, ...]] = ("network",)
    network: Network
    budget: Texts = []
    rule: Text | None = None
    to: File | None = None
    classes: Classes | None = None
    channels: Channels | None = None


class ProfileOptions(CommandOptions):
    """Options of ``nas profile``."""

    budget: Texts = []
    space: Text | Data = "hybrid_small"
    classes: Classes = 10
    channels: Channels = 3
    seed: Number = 0


class NetworksOptions(CommandOptions):
    """Options of ``nas networks``."""

    fits: Texts = []
    classes: Classes = 1000
    channels: Channels = 3


class SpacesOptions(CommandOptions):
    """Options of ``nas spaces``."""

    classes: Classes = 10
    channels: Channels = 3


class ReportOptions(CommandOptions):
    """Options of ``nas report``."""

    positional: ClassVar[tuple[str, ...]] = ("study",)
    study: Text | None = None
    to: File | None = None
    format: Text | None = None


class ExportOptions(CommandOptions):
    """Options of ``nas export``."""

    positional: ClassVar[tuple[str, ...]] = ("study",)
    study: Text | None = None
    to: File = "network"
    trial: Number | None = None
    pareto: bool = False
    name: Text | None = None
    classes: Classes | None = None
    deploy: bool = False
    int8: bool = False
    litert: bool = False
    weights_of: Text | None = None
    with_preprocessing: bool = False


class JobOptions(CommandOptions):
    """Options of a command that is run as a job."""

    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Place among your own jobs; higher ones begin first."""


class RetrainOptions(JobOptions):
    """Options of ``nas retrain``."""

    positional: ClassVar[tuple[str, ...]] = ("study",)
    study: Text
    trial: Number | None = None
    top: Few = 1
    recipe: Text | Data | None = None
    from_weights: bool = False
    weights: Text | None = None
    seeds: Few = 1
    soup: bool = False
    deploy_dtype: Text | None = None


class CompareOptions(JobOptions):
    """Options of ``nas compare``."""

    positional: ClassVar[tuple[str, ...]] = ("networks",)
    networks: Annotated[list[Network], Field(min_length=1, max_length=32)]
    with_: Texts = []
    data: Text | None = None
    recipe: Text | Data | None = None
    weights: bool = False
    seeds: Few = 3
    rule: Text | None = None
    final: bool = False
    deploy_dtype: Text | None = None
    study: Text | None = None
    gpus_per_trial: Annotated[float, Field(ge=0, le=64)] | None = None


class MeasureOptions(JobOptions):
    """Options of ``nas measure``."""

    positional: ClassVar[tuple[str, ...]] = ("network",)
    network: Network
    on: Text = "cpu"
    layers: bool = False
    scores: bool | None = None


ANSWERED: Final[dict[str, type[CommandOptions]]] = {
    "show": ShowOptions,
    "search": SearchResultOptions,
    "explain": ExplainOptions,
    "scale": ScaleOptions,
    "profile": ProfileOptions,
    "networks": NetworksOptions,
    "spaces": SpacesOptions,
    "report": ReportOptions,
    "export": ExportOptions,
}
"""Commands that are answered at once."""
QUEUED: Final[dict[Kind, tuple[str, type[JobOptions]]]] = {
    "retrain": ("retrainings", RetrainOptions),
    "compare": ("comparisons", CompareOptions),
    "measure": ("measurements", MeasureOptions),
}
"""Commands that are run as jobs, with the path to which they are submitted."""
MODELS: Final[dict[str, type[CommandOptions]]] = {
    **ANSWERED,
    **{str(kind): model for kind, (_, model) in QUEUED.items()},
}
"""The options of every command that a service runs but ``search``."""
