"""`SupernetRecipe`: how a supernet is trained, as frozen data: which networks a step trains, and on what."""

from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trials.training.recipe import Recipe, Share

_FIRST: Final = frozenset([
    "version", "name", "rule", "drawn", "reach", "shrink_from", "ramp", "temperature", "training",
])  # fmt: skip
_UNUSED: Final = {
    "ema_decay": 0.0,
    "drop_path": 0.0,
    "sides": (),
    "teacher": None,
    "teacher_features": 0.0,
}

Rule: TypeAlias = Literal["sandwich", "sorted", "single_path", "fair"]
"""Which networks a step trains, and on what; see `SupernetRecipe`."""


class SupernetRecipe(BaseModel):
    """A recipe for the training of a supernet.

    Attributes:
        version: Version of this format.
        name: Name of the recipe.
        rule: Which networks a step trains. ``sandwich`` (Yu et al., 2020, https://arxiv.org/abs/2003.11142):
            a large one within reach, a small one and some drawn from the band, which learn the outputs of the
            large one. ``sorted`` (Valipour et al., 2023, https://arxiv.org/abs/2309.00255): the same ones,
            which learn the labels. ``single_path`` (Guo et al., 2019, https://arxiv.org/abs/1904.00420):
            drawn ones alone. ``fair`` (Chu et al., 2019, https://arxiv.org/abs/1907.01845): drawn so that
            each choice comes once before any comes twice.
        drawn: Networks that are drawn for each step; their gradients add up.
        reach: Most MACs of the largest network as a multiple of the upper end of the band.
        shrink_from: Share of the steps in which ``sandwich`` and ``sorted`` train the largest alone (DepS:
            Annavajjala et al., 2024, https://arxiv.org/abs/2407.06167).
        ramp: Share of the steps, from then on, over which the gradients of the smaller ones grow to their
            full size.
        temperature: Divisor of the logits that ``sandwich`` compares.
        training: Steps, optimiser, rates, augmentation and precision; averages, drop_path, sides and
            teacher are not for a supernet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str = Field(min_length=1)
    rule: Rule = "sandwich"
    drawn: int = Field(default=2, ge=1)
    reach: float = Field(default=2.0, ge=1)
    shrink_from: Share = 0.5
    ramp: Share = 0.1
    temperature: float = Field(default=1.0, gt=0)
    training: Recipe

    @model_validator(mode="after")
    def _training_suits(self) -> "SupernetRecipe":
        for name, value in _UNUSED.items():
            if getattr(self.training, name) != value:
                raise ValueError(f"training.{name} is not for a supernet: expected {value}")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return {**self.model_dump(mode="json", exclude={"training"}), "training": self.training.to_json()}

    def identity(self) -> dict[str, Any]:
        """Return what tells trainings apart: `to_json` without later fields that have their default."""
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        fields = {
            name: value for name, value in self.to_json().items() if name in _FIRST or value != defaults[name]
        }
        return {**fields, "training": self.training.identity()}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "SupernetRecipe":
        """Return the recipe whose `to_json` is `fields`; missing fields take their defaults."""
        return cls.model_validate({**fields, "training": Recipe.from_json(fields["training"])})
