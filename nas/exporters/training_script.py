"""A short training script of plain PyTorch, with the recipe that was used."""

from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from nas.exporters import Exporter
from nas.exporters._delivery import Delivery
from nas.exporters._training import AUGMENTED, FLIPS, RECALIBRATE, SCRIPT
from nas.lifting.formatting import formatted
from search_spaces.errors import ExportError
from trials.recipe import Recipe

_OPTIMISERS: Final = {
    "sgd": "torch.optim.SGD(groups, lr=LEARNING_RATE, momentum={momentum}, nesterov={nesterov})",
    "adamw": "torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=({momentum}, 0.999))",
}
_LEFT_OUT: Final = (
    *("randaugment_rounds", "randaugment_magnitude", "erase", "mixup", "cutmix"),
    *("drop_path", "ema_decay", "teacher", "teacher_share", "teacher_temperature"),
)


class TrainingScript(Exporter):
    """Writes ``train.py``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        del name
        return ("train.py",)

    @override
    def write(self, delivery: Delivery, folder: Path) -> None:
        if delivery.recipe is None:
            raise ExportError(
                f"Cannot export a training script for '{delivery.name}': no recipe was given. Give the "
                f"one that trained it, or leave training_script out."
            )
        recipe = Recipe.from_json(dict(delivery.recipe))
        script = SCRIPT.format(**_of_network(delivery), **_numbers(recipe), **_steps(recipe))
        (folder / "train.py").write_text(formatted(script), encoding="utf-8")


def _of_network(delivery: Delivery) -> dict[str, Any]:
    return {
        "name": delivery.name,
        "side": delivery.architecture.resolution,
        "channels": delivery.in_channels,
        "mean": list(delivery.mean),
        "std": list(delivery.std),
        "build": ", deploy=False" if delivery.deploys else "",
    }


def _numbers(recipe: Recipe) -> dict[str, Any]:
    cosine = recipe.schedule == "cosine"
    return {
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "warmup": round(recipe.warmup_epochs / recipe.epochs, 6),
        "decay_from": 0.0 if cosine else recipe.decay_from,
        "final_rate": recipe.final_rate,
        "label_smoothing": recipe.label_smoothing,
    }


def _steps(recipe: Recipe) -> dict[str, str]:
    """Return the lines that only some recipes need."""
    moves = recipe.shift > 0 or recipe.flip
    words = " and mirrored" if recipe.flip else ""
    moving = AUGMENTED.format(shift=recipe.shift, flips=FLIPS if recipe.flip else "", flipped_words=words)
    batches = recipe.recalibration_batches
    clip = f"nn.utils.clip_grad_norm_(network.parameters(), {recipe.gradient_clip})\n"
    optimiser = _OPTIMISERS[recipe.optimiser].format(momentum=recipe.momentum, nesterov=recipe.momentum > 0)
    return {
        "optimiser": optimiser,
        "autocast": str(recipe.precision == "bf16"),
        "augmented": moving if moves else "",
        "augment": "augmented(" if moves else "",
        "close": ")" if moves else "",
        "recalibrate": RECALIBRATE.format(batches=batches) if batches else "",
        "recalibrating": "        recalibrate(network, images[kept], device)\n" if batches else "",
        "clip": f"            {clip}" if recipe.gradient_clip is not None else "",
        "left_out": _left_out(recipe),
    }


def _left_out(recipe: Recipe) -> str:
    """Return a sentence on what the recipe asks for and the script does not do."""
    fields = type(recipe).model_fields
    others = [
        f"{name} {getattr(recipe, name)}"
        for name, field in fields.items()
        if name in _LEFT_OUT and getattr(recipe, name) != field.default
    ]
    return f"\n\nLeft out of the recipe '{recipe.name}': {', '.join(others)}." if others else ""


EXPORTER = TrainingScript()
