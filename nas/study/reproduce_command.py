"""Writes the `nas search` command that does a search again, from what the study stores.

Reports, export cards and dashboard notes all show the command of `search_command`.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import optuna

from nas.storage.optuna_internals import database_url
from nas.storage.own_folder import portable
from nas.study.network_lookup import is_there
from nas.study.places import place_now
from nas.study.reproducibility import is_reproducible
from nas.study.settings import Settings, names_of, stored_names
from nas.study.study import compare_command_of, settings_of
from search_spaces.catalog import SPACES
from search_spaces.paths import expanded
from search_spaces.published import references
from trials.recipes import RECIPES

REQUEST: Final = "nas:request"
"""Attribute with a `Request`."""
_FILES: Final = (".yaml", ".yml", ".json")

LEFT_OUT: Final = frozenset(
    {"storage", "storage_path", "address", "gpus_per_trial", "keep_checkpoints", "log_to", "json"}
)
"""Options of `nas search` that say where it runs, what it keeps and what it prints, not what it finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options of `nas search` that a study's settings do not hold, files with their absolute path.

    Attributes:
        space: Name or file of the search space; empty if it was chosen by images and budgets.
        recipe: Name or file of the recipe.
        seed_with: Networks that are tried first.
        learn_from: Studies whose results are prior knowledge.
        trials: Number of networks to train, at least 1; None in studies older than this field.
        hours: Time limit in hours; None for no limit.
    """

    space: str
    recipe: str
    seed_with: tuple[str, ...]
    learn_from: tuple[str, ...]
    trials: int | None = None
    hours: float | None = None

    @classmethod
    def of(
        cls,
        *,
        space: str | None,
        recipe: str,
        seed_with: Sequence[str],
        learn_from: Sequence[str],
        trials: int | None = None,
        hours: float | None = None,
    ) -> "Request":
        """Return a request with relative paths resolved against the working folder."""
        return cls(
            space=absolute_file(space or ""),
            recipe=absolute_file(recipe),
            seed_with=tuple(map(_absolute_network, seed_with)),
            learn_from=tuple(learn_from),
            trials=trials,
            hours=hours,
        )


def keep_request(study: optuna.Study, request: Request) -> None:
    """Store how a study was started, each time it is.

    The latest start counts. Networks that an earlier start tried first stay listed, and so does a larger
    number of trials, because both have shaped what the study holds.
    """
    stored: Mapping[str, Any] = study.user_attrs.get(REQUEST, {})
    url = database_url(study)
    seeds = [portable(seed, url) for seed in request.seed_with]
    record = {
        **asdict(request),
        "space": portable(request.space, url),
        "recipe": portable(request.recipe, url),
        "learn_from": stored_names(request.learn_from) or "",
        "seed_with": list(dict.fromkeys([*stored.get("seed_with", ()), *seeds])),
        "trials": max(filter(None, [stored.get("trials"), request.trials]), default=None),
    }
    if stored != record:
        study.set_user_attr(REQUEST, record)


def search_command(study: optuna.Study, *, trained: int) -> str:
    """Return the command line that does a search again.

    It holds every option that decides which networks are found: budgets, data, space, recipe, sampler, seed,
    number of trials, hours, metric, `--learn-from`, `--seed-with`, and the study's name unless it is the
    default one. It leaves out where the search runs and what it keeps (`LEFT_OUT`): whoever repeats it
    has their own database, folders and machines. In the same database the command resumes the study.

    Args:
        study: The search, begun by `nas search`.
        trained: Networks trained so far; stands for the number of trials in studies that do not store it,
            and 0 leaves `--trials` out there.
    """
    if (command := compare_command_of(study.user_attrs)) is not None:
        return command
    settings, stored = settings_of(study), _request_of(study)
    options = [*_settings_options(settings, stored), ("trials", stored.get("trials") or trained or None)]
    options += [("hours", stored.get("hours"))]
    options += [("metric", settings.metric if settings.metric != "accuracy" else None)]
    learnt = names_of(stored.get("learn_from")) or settings.learn_from
    options += [("learn-from", name) for name in learnt]
    options += [("evaluator", settings.evaluator if settings.evaluator != "train" else None)]
    options += [("supernet", settings.supernet), ("teacher", settings.teacher)]
    options += [("weights", settings.weights), ("deploy-dtype", _typed_dtype(settings))]
    options += [("seed-with", network) for network in stored.get("seed_with", ())]
    options += [("study", study.study_name if study.study_name != settings.default_name() else None)]
    given = [(name, value) for name, value in options if value is not None]
    otherwise = " --no-reproducible" if is_reproducible(study) is False else ""
    return "nas search " + " ".join(f"--{name} {_quoted(value)}" for name, value in given) + otherwise


def compare_command(
    networks: Sequence[str],
    others: Sequence[str],
    *,
    recipe: str,
    seeds: int,
    data: str | None,
    rule: str | None,
    weights: bool = False,
    teacher: str | None = None,
    study: str | None = None,
    final: bool = False,
    deploy_dtype: str | None = None,
) -> str:
    """Return the command line that makes a comparison again, files with their absolute path.

    Args:
        networks: Networks, or the search, as they were named.
        others: Those that were named with ``--with``.
        recipe: Name or file of the recipe.
        seeds: Number of seeds.
        data: Images; None for those of the search.
        rule: Scaling rule; None for the default.
        weights: Whether each network begins with its own trained weights.
        teacher: Network that all learn from besides the recipe; None for none.
        study: Name of the study that was asked for; None for the default.
        final: Whether networks are evaluated on the test images too.
        deploy_dtype: Numbers in which networks are deployed, as asked for; None for those of the search.
    """
    options: list[tuple[str, object]] = [("with", _absolute_network(one)) for one in others]
    options += [("data", data), ("recipe", absolute_file(recipe)), ("seeds", seeds), ("rule", rule)]
    options += [("teacher", teacher), ("study", study), ("deploy-dtype", deploy_dtype)]
    words = [*map(_quoted, map(_absolute_network, networks))]
    words += [f"--{name} {_quoted(value)}" for name, value in options if value is not None]
    flags = f"{' --weights' if weights else ''}{' --final' if final else ''}"
    return f"nas compare {' '.join(words)}{flags}"


def lone_retrain_command(network: str, *, recipe: str, data: str | None, teacher: str | None) -> str:
    """Return the command line that trains a network that is no search's again, with absolute paths.

    Args:
        network: The network as it was named.
        recipe: Name or file of the recipe.
        data: Images; None for the default.
        teacher: Network that it learns from besides the recipe; None for none.
    """
    options = [("data", data), ("recipe", absolute_file(recipe)), ("teacher", teacher)]
    words = [f"--{name} {_quoted(value)}" for name, value in options if value is not None]
    return " ".join(["nas retrain", _quoted(_absolute_network(network)), *words])


def _request_of(study: optuna.Study) -> Mapping[str, Any]:
    """Return the stored request with its files where they are now, {} if there is none."""
    attrs, url = study.user_attrs, database_url(study)
    stored: dict[str, Any] = dict(attrs.get(REQUEST, {}))
    for name in ("space", "recipe"):
        if name in stored:
            stored[name] = place_now(stored[name], attrs, url)
    stored["seed_with"] = [place_now(seed, attrs, url) for seed in stored.get("seed_with", ())]
    return stored if attrs.get(REQUEST) else {}


def retrain_command(
    study: str,
    trial: int,
    recipe: str | None = None,
    *,
    from_weights: bool = False,
    weights: str | None = None,
    top: int | None = None,
    teacher: str | None = None,
    seeds: int | None = None,
    soup: bool = False,
    deploy_dtype: str | None = None,
) -> str:
    """Return the command line that trains a network of a study again.

    Args:
        study: Name of the study.
        trial: Number of the network, at least 0.
        recipe: Name or file of the recipe; None for that of `nas retrain`.
        from_weights: Whether the training starts from the weights of the search.
        weights: Another source of weights that it starts from; None for none.
        top: Number of networks that were trained together to compare them; None for the network alone.
        teacher: Network that it learns from besides the recipe; None for none.
        seeds: Number of trainings from which it was chosen; None for one.
        soup: Whether averages of weights were asked for.
        deploy_dtype: Numbers in which it is deployed, as asked for; None for those of the search.
    """
    which = f"--trial {trial}" if top is None else f"--top {top}"
    how = "" if recipe is None else f" --recipe {_quoted(_file_of_recipe(recipe))}"
    start = f" --weights {_quoted(weights)}" if weights else " --from-weights" if from_weights else ""
    taught = "" if teacher is None else f" --teacher {_quoted(teacher)}"
    times = "" if seeds is None else f" --seeds {seeds}"
    form = "" if deploy_dtype is None else f" --deploy-dtype {deploy_dtype}"
    souped = " --soup" if soup else ""
    return f"nas retrain {_quoted(study)} {which}{how}{start}{taught}{times}{souped}{form}"


def export_command(study: str) -> str:
    """Return the command line that exports the best network of a study."""
    return f"nas export {_quoted(study)} --to my_net"


def _settings_options(settings: Settings, stored: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the options that every search has, as typed where the study stores that."""
    recipe = stored.get("recipe") or _file_of_recipe(str(settings.recipe["name"]))
    space = settings.space if stored or settings.space in SPACES else f"{settings.space}.yaml"
    return [
        *(("budget", budget) for budget in settings.budgets),
        ("data", settings.data),
        ("space", stored.get("space") or space),
        ("recipe", recipe),
        ("sampler", settings.sampler),
        ("seed", settings.seed),
    ]


def _typed_dtype(settings: Settings) -> str | None:
    """Return the form as deployed where budgets on memory do not say it."""
    return None if settings.deploy_dtype == settings.budgeted_dtype else settings.deploy_dtype


def _file_of_recipe(name: str) -> str:
    """Return the name of a recipe of the product, or the file name that a user's own recipe has by custom."""
    return name if name in RECIPES or name.endswith(_FILES) else f"{name}.yaml"


def _quoted(value: object) -> str:
    return shlex.quote(str(value))


def absolute_file(text: str) -> str:
    """Return the absolute path of a file, and any other text unchanged."""
    return str(expanded(text).resolve()) if text.endswith(_FILES) else text


def _absolute_network(text: str) -> str:
    """Return the absolute path of an architecture file or export folder, and any other name unchanged."""
    is_path = text not in references() and is_there(text)
    return str(expanded(text).resolve()) if is_path else absolute_file(text)
