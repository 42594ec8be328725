"""Stores how far a study's supernet is and how well its readings agree with trainings, and reads it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import optuna

from dashboards.supernet_state import Agreement, SupernetState
from nas.study.expected_values import expected_values
from nas.study.study import SETTINGS

_SO_FAR: Final = "nas:expected_so_far"
_AGREEMENT: Final = "nas:expected_agreement"
_SPACE: Final = "nas:space"


def store_so_far(study: optuna.Study, about: Mapping[str, Any]) -> None:
    """Store what is known of an evaluator's work that goes on, in the form of `ExpectedValues.about`."""
    study.set_user_attr(_SO_FAR, dict(about))


def so_far(user_attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of an evaluator's work that goes on; nothing where it has not begun."""
    return dict(user_attrs.get(_SO_FAR, {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRecord:
    """How well readings agree with trainings.

    Attributes:
        trials: Numbers of the trials whose networks are compared.
        orders: How well each order agrees with their trainings; none if there are too few.
        read: Reading of each network that was not among those of the evaluator, by number of the trial.
    """

    trials: tuple[int, ...]
    orders: tuple[Agreement, ...]
    read: Mapping[int, float]


def store_agreement(study: optuna.Study, record: AgreementRecord) -> None:
    """Store how well readings agree with trainings; the latest counts."""
    orders = [[one.name, one.tau, one.low, one.high] for one in record.orders]
    read = {str(trial): value for trial, value in record.read.items()}
    study.set_user_attr(_AGREEMENT, {"trials": list(record.trials), "orders": orders, "read": read})


def agreement_of(user_attrs: Mapping[str, Any]) -> AgreementRecord:
    """Return how well readings agree with trainings, as far as it is stored."""
    stored = user_attrs.get(_AGREEMENT, {"trials": [], "orders": [], "read": {}})
    return AgreementRecord(
        trials=tuple(stored["trials"]),
        orders=tuple(
            Agreement(name=name, tau=tau, low=low, high=high) for name, tau, low, high in stored["orders"]
        ),
        read={int(trial): float(value) for trial, value in stored["read"].items()},
    )


def supernet_state(user_attrs: Mapping[str, Any]) -> SupernetState | None:
    """Return the state of the supernet of a study with these attributes; None without one."""
    expected = expected_values(user_attrs)
    about = so_far(user_attrs) if expected is None else expected.about
    if not about or "recipe" not in about or "training" not in about["recipe"]:
        return None  # nothing is done yet, or by an evaluator without a supernet
    recipe, band, agreement = about["recipe"], about.get("band"), agreement_of(user_attrs)
    of_epochs = int(recipe["training"]["epochs"])
    return SupernetState(
        study=user_attrs.get(SETTINGS, {}).get("supernet"),
        rule=str(recipe["rule"]),
        band=None if band is None else (int(band[0]), int(band[1])),
        resolution=tuple(user_attrs.get(_SPACE, {}).get("resolution", ())),
        epochs=float(of_epochs if expected or not about["trained"] else about.get("epochs_done", 0)),
        of_epochs=of_epochs,
        images=about.get("images"),
        readings=len(expected.values) if expected else int(about.get("read", 0)),
        compared=len(agreement.trials),
        agreement=agreement.orders,
    )
