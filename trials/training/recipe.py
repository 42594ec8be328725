"""Training recipe: every hyper-parameter of a training as validated frozen data."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, to_jsonable_python

from search_spaces.errors import RecipeError, did_you_mean
from search_spaces.yaml_document import Lines, line_of

# The fields of the first stored recipes, which `Recipe.identity` always holds. Never add a name.
_FIRST: Final = frozenset([
    "version", "name", "epochs", "rungs", "reduction", "batch_size", "epoch_images", "optimiser",
    "learning_rate", "momentum", "weight_decay", "schedule", "warmup_epochs", "decay_from",
    "final_rate", "label_smoothing", "gradient_clip", "recalibration_batches", "precision", "shift",
    "flip", "randaugment_rounds", "randaugment_magnitude", "erase", "mixup", "cutmix", "drop_path",
    "ema_decay", "teacher", "teacher_share", "teacher_temperature",
])  # fmt: skip

Share = Annotated[float, Field(ge=0, le=1)]
_PositiveShare = Annotated[float, Field(gt=0, le=1)]


def _flip(value: object) -> object:
    """Return a value that ``flip`` may have; else raise one complaint, not one for each of two types."""
    if value != "detect" and str(value).lower() not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
        raise ValueError("expected true, false or detect")
    return value


class Recipe(BaseModel):
    """A training recipe.

    Attributes:
        version: Version of this format.
        name: Name of the recipe.
        epochs: Passes over the training images.
        rungs: Epochs after which early stopping is decided, ascending; the last is `epochs`.
        reduction: Reduction factor of successive halving: at each rung but the last, the best one in
            `reduction` networks continues.
        batch_size: Images in one optimiser step.
        epoch_images: Largest number of training images in an epoch, sampled anew for each; None for all.
        optimiser: ``adamw`` or ``sgd`` (with Nesterov momentum).
        largest_batch: Most images in one step: `batch_size` is doubled as often as this and the device's
            memory allow, see `trials.training.batch_fitting`; None for `batch_size` itself.
        learning_rate: Highest rate of the schedule.
        rate_batch: Images in one step that `learning_rate` is for; where a step has others, the rate is in
            proportion. None for `batch_size`.
        momentum: Momentum of ``sgd``, or the first beta of ``adamw``.
        weight_decay: Weight decay, decoupled for ``adamw``; not applied to biases, norms and other vectors.
        schedule: ``flat_then_decay`` holds the rate until `decay_from` and then decays it along
            half a cosine, so that values at rungs rank networks; ``cosine`` decays from the start.
        warmup_epochs: Epochs over which the rate rises linearly from zero; may be fractional.
        decay_from: Share of the training after which ``flat_then_decay`` decays.
        final_rate: Rate at the end as a share of `learning_rate`.
        label_smoothing: Share of the target probability that is spread over all classes.
        gradient_clip: Largest gradient norm; None for no clipping.
        recalibration_batches: Training batches over which BatchNorm statistics are re-estimated
            before each evaluation; 0 evaluates with the running statistics.
        precision: ``bf16`` runs under autocast, ``fp32`` does not; devices without bfloat16 compute in fp32.
        shift: Largest random translation as a share of the side.
        flip: Whether images are mirrored left to right at random; ``detect`` looks at the training images,
            see `trials.training.flips`.
        randaugment_rounds: Number of random changes to each image, see `trials.training.augmentation`.
        randaugment_magnitude: Strength of these changes.
        erase: Share of the images in which a square is replaced by grey.
        mixup: Parameter of the beta distribution of the mixing share; 0 for no mixup.
        cutmix: Parameter of the beta distribution of the pasted area; 0 for no CutMix. With both, each
            batch draws one of them.
        sides: Sides of training images in equal parts of the training, as shares of the network's
            resolution; the last is 1. Empty for the resolution throughout. See `trials.training.sides`.
        drop_path: Probability of skipping the last block in training.
        wider: Largest width, as a factor on the channels, of networks that hold this one while it trains, see
            `trials.training.wider_networks`; 1 for none.
        wider_share: Weight of their loss beside that of the network.
        frozen_epochs: First epochs in which the stem and the first stages keep the weights with which they
            began, for networks that begin with trained ones.
        frozen_stages: Stages that are frozen with the stem; None for all, so that only the head learns.
        layer_rate: Factor on the rate from each stage to the one before it, so that early layers change less;
            the head has the rate itself.
        ema_decay: Decay of the weight average that is evaluated and kept; 0 for no averaging.
        soup_epochs: Last epochs whose weights are averaged at the end, where validation images do not show
            the average to be worse, see `trials.training.model_soup`; 0 for none.
        fake_quant_from: Share of the training after which layers compute with the numbers of int8, in whole
            epochs and at least the last one, see `trials.quantisation.fake_quantisation`; 1 for never.
        teacher: Network to distil from, as `trials.teachers.opening.open_teacher` reads it; None for none.
        teacher_share: Weight of the teacher's outputs in the loss; the labels have the rest.
        teacher_temperature: Divisor of both networks' logits in the loss.
        teacher_features: Weight of the distance of feature maps from the teacher's in the loss, see
            `trials.training.inner_distillation`; 0 leaves them alone.
        augmentation_seed: Seed of the order and the changes of images in all trainings by this recipe, so
            that they see the same images and a teacher is asked once for all; None for a seed of each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str = Field(min_length=1)
    epochs: int = Field(ge=1)
    rungs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    reduction: int = Field(default=2, ge=2)
    batch_size: int = Field(default=32, ge=2)
    epoch_images: int | None = Field(default=None, ge=2)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=2e-3, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.05, ge=0)
    schedule: Literal["flat_then_decay", "cosine"] = "flat_then_decay"
    warmup_epochs: float = Field(default=0.3, ge=0)
    decay_from: Share = 0.5
    final_rate: Share = 0.01
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    gradient_clip: float | None = Field(default=None, gt=0)
    recalibration_batches: int = Field(default=8, ge=0)
    precision: Literal["bf16", "fp32"] = "bf16"
    shift: float = Field(default=0.0, ge=0, lt=1)
    flip: Annotated[bool | Literal["detect"], BeforeValidator(_flip)] = False
    randaugment_rounds: int = Field(default=0, ge=0)
    randaugment_magnitude: Share = 0.5
    erase: Share = 0.0
    mixup: float = Field(default=0.0, ge=0)
    cutmix: float = Field(default=0.0, ge=0)
    sides: tuple[_PositiveShare, ...] = ()
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    frozen_epochs: int = Field(default=0, ge=0)
    frozen_stages: int | None = Field(default=None, ge=0)
    layer_rate: _PositiveShare = 1.0
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    teacher: str | None = None
    teacher_share: Share = 0.5
    teacher_temperature: float = Field(default=2.0, gt=0)
    teacher_features: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    augmentation_seed: int | None = Field(default=None, ge=0)
    rate_batch: int | None = Field(default=None, ge=1)
    largest_batch: int | None = Field(default=None, ge=2)
    wider: float = Field(default=1.0, ge=1, le=8)
    wider_share: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    soup_epochs: int = Field(default=0, ge=0)
    fake_quant_from: Share = 1.0

    @model_validator(mode="after")
    def _rungs_ascend_to_the_end(self) -> "Recipe":
        expected = sorted({*self.rungs, self.epochs})
        if self.rungs and list(self.rungs) != expected:
            raise ValueError(
                f"rungs {list(self.rungs)} must ascend and end at epochs, {self.epochs}: write {expected}"
            )
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs must be below epochs, {self.epochs}")
        return self

    @model_validator(mode="after")
    def _batches_grow(self) -> "Recipe":
        if self.largest_batch is not None and self.largest_batch < self.batch_size:
            raise ValueError(
                f"largest_batch {self.largest_batch} must be at least batch_size, {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _soups_have_epochs(self) -> "Recipe":
        if self.soup_epochs == 1 or self.soup_epochs > self.epochs:
            raise ValueError(
                f"soup_epochs {self.soup_epochs} must be 0, or 2 or more and at most epochs, {self.epochs}"
            )
        return self

    @model_validator(mode="after")
    def _something_learns(self) -> "Recipe":
        if self.frozen_epochs >= self.epochs and self.frozen_epochs:
            raise ValueError(
                f"frozen_epochs {self.frozen_epochs} must be below epochs, {self.epochs}: write "
                f"{self.epochs - 1} or less"
            )
        return self

    @model_validator(mode="after")
    def _sides_end_at_the_resolution(self) -> "Recipe":
        if self.sides and self.sides[-1] != 1:
            raise ValueError(
                f"sides {list(self.sides)} must end at 1, the network's own resolution: write "
                f"{[*self.sides, 1.0]}"
            )
        if len(self.sides) > self.epochs:
            raise ValueError(
                f"sides {list(self.sides)} are for {len(self.sides)} parts of the training: expected at most "
                f"one for each epoch, {self.epochs}"
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON and YAML have them; a renamed field has its first name there."""
        return self.model_dump(mode="json", by_alias=True)

    def identity(self) -> dict[str, Any]:
        """Return `to_json` without the later fields that have their default.

        It tells trainings apart: checkpoints and folders of recipes that were stored before a field existed
        are found again by recipes that do not use it.
        """
        defaults = self.defaults()
        return {
            name: value
            for name, value in self.to_json().items()
            if name in _FIRST or name not in defaults or value != defaults[name]
        }

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the defaults of the fields that have one, named and written as in `to_json`."""
        return {
            field.serialization_alias or name: to_jsonable_python(
                field.get_default(call_default_factory=True, validated_data={})
            )
            for name, field in cls.model_fields.items()
            if not field.is_required()
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Recipe":
        """Return the recipe whose `to_json` is `fields`; missing fields take their defaults.

        Raises:
            RecipeError: if a field is unknown, missing or out of range; names the field.
        """
        return checked(cls, fields, _named(fields), {})


_WRITTEN: Final = ("base", *Recipe.model_fields)  # in a file


def checked(kind: type[Recipe], fields: dict[str, Any], named: str, lines: Lines) -> Recipe:
    """Return the recipe of a kind with these fields; `lines` says where each stands in a file.

    Raises:
        RecipeError: if a field is unknown, missing or out of range; names the field and the line.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # A field with a typing mistake is unknown, and the one that was meant is missing.
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        named_first = first["msg"].removeprefix("Value error, ").split()[0]  # by a rule over several fields
        at = first["loc"] or (named_first,)
        where = f", line {line_of(lines, at)}" if lines else ""
        raise RecipeError(f"Cannot use the recipe {named}{where}: {_said(first, len(errors))}") from error


def _named(fields: dict[str, Any]) -> str:
    return f"'{fields['name']}'" if "name" in fields else "without a name"


def _said(first: ErrorDetails, count: int) -> str:
    """Return one complaint in words, and how many more there are."""
    field = ".".join(str(part) for part in first["loc"])
    where = f"{field}: " if field else ""
    given = f" (given {first['input']!r})" if field and first["type"] != "missing" else ""
    more = f" and {count - 1} more" if count > 1 else ""
    hint = ""
    if first["type"] == "extra_forbidden":
        hint = f"{did_you_mean(field, _WRITTEN)} Known fields: {', '.join(_WRITTEN)}."
    return f"{where}{first['msg'].removeprefix('Value error, ')}{given}{more}.{hint}"
