"""The options of `nas.search` that the service takes as JSON, and checks by the same code as the command.

No code of a user runs: data sets are names that the server knows, spaces and recipes are names of the catalog
or data, targets are this machine's or in the server's ``targets.yaml``. ``module:NAME``, ``command:`` and
``ssh:`` have to be in the server's allow-list.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from nas.orchestration.evaluator_choice import evaluator_named
from nas.orchestration.search_request import ReadRequest, SearchRequest, read_request
from nas.service.command_options import Data, Network, Text, Texts
from nas.service.refusals import ForbiddenError
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.errors import InvalidValueError, UnknownNameError, UserError
from search_spaces.pricing import prices
from search_spaces.sampling import check_satisfiable
from trials.recipes import RECIPES
from trials.target_names import TARGETS_FILE, find_target, read_targets

Count: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]

STUDY_CHARACTERS: Final = 80
_OWN_TARGETS: Final = frozenset({"cpu", "cuda"})
_FEWEST_CLASSES, _FEWEST_CHANNELS = 2, 1  # of any images: what these exceed, more exceed too
_REFUSED_KEYS: Final = frozenset({"base", "teacher"})  # of recipes: they name files
_DEFAULT_TRIALS: Final = 16
_DEEPEST: Final = 12


class SearchOptions(BaseModel):
    """Options of a search, with the words of ``nas search``."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, title="Search")

    budget: Annotated[list[Text], Field(min_length=1, max_length=8)]
    """Budgets that a network has to meet, for example ``300M-MACs``."""
    space: Text | Data | None = None
    """Name of a space in the catalog, or a space as data; by default chosen by images and budgets."""
    data: Text = "digits"
    """Name of a data set of the server."""
    trials: Count | None = None
    """Number of networks to train, those of earlier runs of the same study included."""
    hours: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Hours after which the search stops."""
    study: Annotated[Text, StringConstraints(max_length=STUDY_CHARACTERS)] | None = None
    """Name of the study; one that was searched before goes on. By default one of its own."""
    sampler: Text = "factor_gp"
    """Search algorithm."""
    recipe: Text | Data | None = None
    """Name of a training recipe, or a recipe as data."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Random seed."""
    gpus_per_trial: Annotated[float, Field(ge=0, le=64)] | None = None
    """GPUs for each training."""
    evaluator: Text | None = None
    """How networks are valued."""
    supernet: Text | None = None
    """Study of yours whose supernet is used."""
    learn_from: Texts = []
    """Studies of yours whose results are prior knowledge."""
    seed_with: Annotated[list[Network], Field(max_length=32)] = []
    """Networks that are trained first: ``STUDY#12`` of yours, a published one, or an architecture as data."""
    weights: Text | None = None
    """Trained weights of which networks take what fits: a published network or ``STUDY#12`` of yours."""
    teacher: Text | None = None
    """Trained network that others also learn from: ``STUDY#12`` of yours."""
    metric: Text = "accuracy"
    """Validation metric to maximise."""
    keep_checkpoints: Count = 10
    """Number of best networks whose weights are kept."""
    deploy_dtype: Text | None = None
    """Numbers in which networks are deployed, by which they are valued: ``fp32`` or ``int8``."""
    reproducible: bool | None = None
    """Whether every run makes the same proposals."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Place among your own searches; higher ones begin first."""

    def for_search(self) -> dict[str, Any]:
        """Return what `nas.search` takes, without defaults, study and priority."""
        return self.model_dump(exclude={"study", "priority"}, exclude_defaults=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What users of a server may name.

    Attributes:
        data: Data sets by name, with what `nas.search` takes for each.
        names: Texts such as ``module:NAME`` or ``ssh://user@host`` that the server allows.
    """

    data: Mapping[str, str] = field(default_factory=lambda: {"digits": "digits"})
    names: frozenset[str] = frozenset()


def check_options(options: SearchOptions, allowed: Allowed, url: str) -> None:
    """Check options of a search as far as that needs no images.

    Raises:
        UserError: if any of them cannot be read or used, or surely nothing fits.
    """
    if options.data not in allowed.data:
        raise UnknownNameError.of("data set of this server", options.data, allowed.data)
    for name in (options.sampler, options.evaluator, options.metric):
        _check_name(name, allowed)
    for kind, given, known in (("space", options.space, SPACES), ("recipe", options.recipe, RECIPES)):
        if isinstance(given, dict):
            check_data(given, kind, allowed)
        elif given is not None and given not in allowed.names and given not in known:
            raise UnknownNameError.of(kind, given, known)
    for budget in options.budget:
        parsed = Budget.parse(budget)
        if not parsed.counted:
            check_target_name(str(parsed.target), allowed)
    with tempfile.TemporaryDirectory(prefix="nas-check-") as folder:
        try:
            request = _read(options, Path(folder), url)
        except UserError as error:  # a folder of this server says nothing to a user
            error.args = (str(error).replace(f"{folder}/", ""), *error.args[1:])
            raise
    if request.space is not None and isinstance(options.space, str):
        table = prices(request.space.codes, num_classes=_FEWEST_CLASSES, in_channels=_FEWEST_CHANNELS)
        check_satisfiable(table, request.budgets)


def check_space(name: str, allowed: Allowed) -> None:
    """Raise unless a name is one of a space in the catalog, or allowed.

    Raises:
        UnknownNameError: if it is neither.
    """
    if name not in allowed.names and name not in SPACES:
        raise UnknownNameError.of("space", name, SPACES)


def _read(options: SearchOptions, folder: Path, url: str) -> ReadRequest:
    request = SearchRequest(
        budget=options.budget,
        space=_named(options.space, folder / "space.yaml"),
        trials=_DEFAULT_TRIALS if options.trials is None else options.trials,
        hours=options.hours,
        study=options.study,
        storage=url,
        sampler=options.sampler,
        recipe=_named(options.recipe, folder / "recipe.yaml"),
        seed=options.seed,
        storage_path=str(folder),
        evaluator=evaluator_named(options.evaluator, options.supernet),
        supernet=options.supernet,
        learn_from=options.learn_from,
        weights=options.weights,
        metric=options.metric,
        keep_checkpoints=options.keep_checkpoints,
        deploy_dtype=options.deploy_dtype,
    )
    return read_request(request)


def _named(given: str | dict[str, Any] | None, file: Path) -> str | None:
    """Return what `read_request` reads; data is written to a file."""
    if not isinstance(given, dict):
        return given
    file.write_text(json.dumps(given), encoding="utf-8")  # JSON is YAML
    return str(file)


def _check_name(name: str | None, allowed: Allowed) -> None:
    if name is not None and ":" in name and name not in allowed.names:
        raise ForbiddenError(
            f"Cannot use '{name}': this server runs no code of its users. Expected a name without a colon, "
            f"or one that its administrator allows with --allow."
        )


def check_data(given: object, kind: str, allowed: Allowed, *, depth: int = 0) -> None:
    """Check that a space or recipe names neither code nor files.

    Raises:
        ForbiddenError: if it names code.
        InvalidValueError: if it names a file, or nests deeper than any does.
    """
    if depth > _DEEPEST:
        raise InvalidValueError(
            f"Cannot read a {kind} that is more than {_DEEPEST} levels deep: expected one of those in the "
            f"documentation."
        )
    if isinstance(given, Mapping):
        for key, value in given.items():
            based = key == "base" and isinstance(value, str) and value in RECIPES
            if kind == "recipe" and key in _REFUSED_KEYS and not based:
                raise InvalidValueError(
                    f"Cannot use '{key}' in a recipe that is sent as data: '{str(value)[:80]}' names a file "
                    f"of the server. Expected one of {', '.join(RECIPES)} as base, and no teacher."
                )
            _check_name(str(key), allowed)
        given = list(given.values())
    if isinstance(given, list):
        for one in given:
            check_data(one, kind, allowed, depth=depth + 1)
    if isinstance(given, str):
        _check_name(given, allowed)


def check_target_name(target: str, allowed: Allowed) -> None:
    """Check that a target is this machine's, or known to the server.

    Raises:
        UserError: if there is none of this name, or it is not allowed.
    """
    if target in allowed.names or target in read_targets(TARGETS_FILE):
        return
    if target.partition(":")[0] not in _OWN_TARGETS:
        find_target(target)  # an unknown one is named as such
        _check_name(f"{target}" if ":" in target else f"{target}:", allowed)
