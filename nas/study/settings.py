"""Defines a search, and names the first difference when a study is resumed with other settings."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from nas.study.naming import shortened
from search_spaces.budget import Budget
from search_spaces.errors import StudyError
from trials.training.recipe import Recipe

VERSION = 1
_LATER: Final = {
    "resized_once": False,
    "evaluator": "train",
    "supernet": None,
    "teacher": None,
    "weights": None,
    "weights_digest": None,
    "deploy_dtype": "fp32",
}
"""Fields that studies of earlier versions lack, with the value that they have there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What defines a search; stored with its study and compared whenever it is resumed.

    Attributes:
        space: Name of the search space.
        space_digest: Changes when the space's content does.
        budgets: The most that networks may take, in the order of the constraints.
        data: Path or name of the images.
        data_fingerprint: Changes when the images do.
        recipe: Training recipe, as JSON has it.
        sampler: Search algorithm, a file in nas/samplers.
        seed: Seed of every generator, at least 0.
        metric: Metric to maximise, one of `trials.training.evaluation.METRICS`.
        learn_from: Earlier studies whose networks are prior knowledge.
        evaluator: How networks are valued, a file in nas/evaluators.
        supernet: Study whose supernet is used; None without one.
        teacher: Network that trainings learn from, as it was asked for besides the recipe; None without one.
        weights: Source of the trained weights of which every network inherits; None for random weights.
        weights_digest: Changes when these weights do; None without them.
        resized_once: Whether images are resized from their files to a network's resolution in one step;
            studies of earlier versions, which do not hold this, resize in two, and go on so.
        deploy_dtype: Numbers in which networks are deployed, ``fp32`` or ``int8``, by which they are valued;
            studies of earlier versions, which do not hold this, value them in fp32, and go on so.
    """

    space: str
    space_digest: str
    budgets: tuple[Budget, ...]
    data: str
    data_fingerprint: str
    recipe: dict[str, Any]
    sampler: str
    seed: int
    metric: str = "accuracy"
    learn_from: tuple[str, ...] = ()
    resized_once: bool = False
    evaluator: str = "train"
    supernet: str | None = None
    teacher: str | None = None
    weights: str | None = None
    weights_digest: str | None = None
    deploy_dtype: str = "fp32"

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version."""
        budgets, learn_from = [b.text for b in self.budgets], stored_names(self.learn_from)
        plain = {"version": VERSION, **asdict(self), "budgets": budgets, "learn_from": learn_from}
        return {name: value for name, value in plain.items() if name not in _LATER or value != _LATER[name]}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Settings":
        """Return the settings that `to_json` wrote.

        Raises:
            StudyError: if they were written by another version, or hold what this one does not know.
        """
        stored = {k: v for k, v in record.items() if k != "version"}
        if record.get("version") != VERSION:
            raise StudyError(
                f"The study was written in format {record.get('version')!r}: this version reads {VERSION}. "
                f"Continue it with the version that began it."
            )
        unknown = sorted(set(stored) - {field.name for field in fields(cls)})
        if unknown:
            raise StudyError(
                f"The study was written with '{unknown[0]}', which this version does not know. Continue it "
                f"with the version that began it, or a later one."
            )
        stored["learn_from"] = names_of(stored.get("learn_from"))
        return cls(**{**stored, "budgets": tuple(map(Budget.parse, stored["budgets"]))})

    @property
    def digest(self) -> str:
        """Six hexadecimal digits that tell settings of the same `default_name` apart."""
        parts = [self.data_fingerprint, self.recipe, self.seed, self.metric, self.teacher, self.weights]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:6]

    def default_name(self) -> str:
        """Return a readable study name made of what defines the search, shortened if it is too long."""
        data = re.split(r"[/:\\]", self.data.rstrip("/\\"))[-1] or "data"
        parts = [
            self.space,
            data,
            *(b.text for b in self.budgets),
            str(self.recipe["name"]),
            f"seed{self.seed}",
        ]
        if self.metric != "accuracy":
            parts.append(self.metric)
        parts += [f"from-{name[:40]}" for name in self.learn_from]
        if self.evaluator != "train":
            parts.append(self.evaluator)
        if self.supernet is not None:
            parts.append(f"of-{self.supernet[:40]}")
        if self.teacher is not None:
            parts.append(f"taught-by-{re.split(r'[/:]', self.teacher)[-1][:40]}")
        if self.weights is not None:
            parts.append(f"with-{Path(self.weights).name[:40]}")
        if self.deploy_dtype != self.budgeted_dtype and all(budget.counted for budget in self.budgets):
            parts.append(self.deploy_dtype)
        name = "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-") for part in parts)
        return shortened(name)

    @property
    def budgeted_dtype(self) -> str:
        """Numbers in which its budgets count bytes: ``int8`` if any does, else ``fp32``."""
        return "int8" if any(budget.bytes_per_element == 1 for budget in self.budgets) else "fp32"

    def difference(self, other: "Settings") -> str | None:
        """Return the first thing in which `other` differs, in words, or None.

        Args:
            other: The settings asked for now; these are what the study holds.
        """
        recipe, other_recipe = ({**Recipe.defaults(), **r} for r in (self.recipe, other.recipe))
        pairs: list[tuple[str, object, object]] = [
            ("budget", _same_budgets(self.budgets), _same_budgets(other.budgets)),
            ("space", self.space, other.space),
            ("images", self.data_fingerprint, other.data_fingerprint),
            ("sampler", self.sampler, other.sampler),
            ("seed", self.seed, other.seed),
            ("metric", self.metric, other.metric),
            ("study to learn from", _listed(self.learn_from), _listed(other.learn_from)),
            ("evaluator", self.evaluator, other.evaluator),
            ("supernet", _whose(self.supernet), _whose(other.supernet)),
            ("teacher", self.teacher or "none", other.teacher or "none"),
            ("source of weights", _begun(self), _begun(other)),
            ("resizing of images", _steps(self.resized_once), _steps(other.resized_once)),
            ("form as deployed", self.deploy_dtype, other.deploy_dtype),
            ("content of the space", self.space_digest, other.space_digest),
            *(
                (f"recipe's {field}", recipe.get(field), other_recipe.get(field))
                for field in sorted({*recipe, *other_recipe})
            ),
        ]
        for name, mine, theirs in pairs:
            if mine != theirs:
                if name == "budget":
                    return f"its budget is {_texts(self.budgets)}, not {_texts(other.budgets)}"
                return f"its {name} is {_shown(mine)}, not {_shown(theirs)}"
        return None


def names_of(stored: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return names as a study stores them: None or nothing for none, a text for one, a list for several."""
    return (stored,) if isinstance(stored, str) and stored else tuple(stored or ())


def stored_names(names: Sequence[str]) -> str | list[str] | None:
    """Return names in the form that `names_of` reads; one as studies had it when there could be only one."""
    return (names[0] if len(names) == 1 else list(names)) if names else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _same_budgets(budgets: tuple[Budget, ...]) -> tuple[tuple[str, float], ...]:
    """Return budgets such that two ways of writing one budget are equal."""
    return tuple(
        (b.resource if b.counted else b.measured, b.limit * 4 / b.bytes_per_element) for b in budgets
    )


def _whose(supernet: str | None) -> str:
    return "its own or none" if supernet is None else f"that of {supernet}"


def _begun(settings: Settings) -> str:
    """Return what weights networks begin with, equal for equal weights wherever they lie."""
    if settings.weights is None:
        return "none"
    return f"{Path(settings.weights).name} {settings.weights_digest or ''}".strip()


def _steps(resized_once: bool) -> str:
    return "in one step" if resized_once else "in two steps"


def _texts(budgets: tuple[Budget, ...]) -> str:
    return f"'{' and '.join(map(str, budgets))}'"


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
