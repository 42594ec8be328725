"""Reads what published networks reach on ImageNet-1k, and by which recipe, from ``published/imagenet.json``.

Accuracies of different recipes are not to be compared: a teacher, more epochs or more data are worth several
points. Each entry says how the network was trained, as far as its source does, and names that source.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """What a published network reached on ImageNet-1k by one recipe.

    Attributes:
        top1: Top-1 accuracy on the validation images, percent.
        resolution: Side of these images in pixels.
        by: Who trained it.
        epochs: Epochs of the training; None where the source does not say.
        teacher: Network that it was distilled from; None for none.
        extra_data: Images besides those of ImageNet-1k; None for none.
        source: Where the accuracy is published.
    """

    top1: float
    resolution: int
    by: str
    epochs: int | None
    teacher: str | None
    extra_data: str | None
    source: str

    @property
    def plain(self) -> bool:
        """Whether it was trained from ImageNet-1k alone, without a teacher."""
        return self.teacher is None and self.extra_data is None

    @property
    def recipe(self) -> str:
        """The recipe in a few words."""
        parts = [
            f"{self.epochs} epochs" if self.epochs else "",
            f"teacher {self.teacher}" if self.teacher else "",
            f"with {self.extra_data}" if self.extra_data else "",
        ]
        return ", ".join([*filter(None, parts), f"by {self.by}"])

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def published_results(name: str) -> tuple[PublishedResult, ...]:
    """Return the results of a published network, the authors' first; none where none is known."""
    return _all().get(name, ())


def published_result(name: str) -> PublishedResult | None:
    """Return the first result of a published network; None where none is known."""
    return next(iter(published_results(name)), None)


@cache
def _all() -> Mapping[str, tuple[PublishedResult, ...]]:
    text = (files("search_spaces.published") / "imagenet.json").read_text(encoding="utf-8")
    found: dict[str, list[PublishedResult]] = {}
    for recipe in json.loads(text)["recipes"]:
        for name, top1 in recipe["top1"].items():
            side = recipe.get("resolution", int(name.rpartition("_")[2]))  # names end in it
            shared = {key: recipe[key] for key in ("by", "epochs", "teacher", "extra_data", "source")}
            found.setdefault(name, []).append(PublishedResult(top1=top1, resolution=side, **shared))
    return {name: tuple(results) for name, results in found.items()}
