"""What was typed to begin a study, so that its card can say how to do it again."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import optuna

from nas.study.settings import Settings
from search_spaces.paths import expanded

_REQUEST: Final = "nas:request"
_FILES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was typed, files with their whole path.

    Attributes:
        space: A name or a file; empty if it was left to the images.
        recipe: A name or a file.
        seed_with: Networks that were tried first.
        learn_from: The study that it learnt from; empty without one.
    """

    space: str
    recipe: str
    seed_with: tuple[str, ...]
    learn_from: str

    @classmethod
    def of(cls, *, space: str | None, recipe: str, seed_with: Sequence[str], learn_from: str) -> "Request":
        """Return what was typed in this folder."""
        return cls(
            space=_whole(space or ""),
            recipe=_whole(recipe),
            seed_with=tuple(map(_whole, seed_with)),
            learn_from=learn_from,
        )


def keep_request(study: optuna.Study, request: Request) -> None:
    """Write down how a study was asked for the last time."""
    told = {**asdict(request), "seed_with": list(request.seed_with)}
    if study.user_attrs.get(_REQUEST) != told:
        study.set_user_attr(_REQUEST, told)


def command(study: optuna.Study, settings: Settings, *, trials: int) -> str:
    """Return the command that finds the same networks from the same images.

    Args:
        study: The search.
        settings: What defines it.
        trials: Networks that it trained.
    """
    told: Mapping[str, str | list[str]] = study.user_attrs.get(_REQUEST, {})
    options: list[tuple[str, str]] = [("budget", budget.text) for budget in settings.budgets]
    options += [("data", settings.data), ("space", str(told.get("space") or settings.space))]
    options += [("recipe", str(told.get("recipe") or settings.recipe["name"]))]
    options += [("sampler", settings.sampler), ("seed", str(settings.seed)), ("trials", str(trials))]
    if settings.metric != "accuracy":
        options.append(("metric", settings.metric))
    if told.get("learn_from"):
        options.append(("learn-from", str(told["learn_from"])))
    options += [("seed-with", network) for network in told.get("seed_with", ())]
    return "nas search " + " ".join(f"--{name} {shlex.quote(value)}" for name, value in options)


def _whole(text: str) -> str:
    """Return the whole path of a file, and any other text as it is."""
    return str(expanded(text).resolve()) if text.endswith(_FILES) else text
