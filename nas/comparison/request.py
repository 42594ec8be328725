"""Data classes of what was asked for, and of what networks are built for."""

from dataclasses import dataclass
from typing import TypedDict


class Shape(TypedDict):
    """What networks are built and counted for."""

    num_classes: int
    in_channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for; the fields are the arguments of `nas.compare`.

    Attributes:
        alone: Whether one network may be trained, with nothing to compare it with.
        weights: Whether each network begins with its own trained weights.
        deploy_dtype: Numbers in which networks are deployed; None for those of the search.
        teacher: Network that all learn from besides the labels, as `nas.retrain` takes it.
    """

    networks: tuple[str, ...]
    others: tuple[str, ...]
    data: str | None
    recipe: str | None
    seeds: int
    rule: str | None
    study: str | None
    url: str
    storage_path: str
    final: bool
    alone: bool = False
    teacher: str | None = None
    weights: bool = False
    deploy_dtype: str | None = None

    @property
    def recipe_name(self) -> str:
        """Name or file of the recipe, chosen by what networks begin with where none was asked for."""
        return self.recipe or ("fine_tune" if self.weights else "full")
