"""Export format training_script: a short train.py of plain PyTorch with the recipe that was used."""

import json
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from typing_extensions import override

from nas.exports.codegen.augmentation_source import augmentation_source
from nas.exports.codegen.module_docstring import quoted
from nas.exports.codegen.resizing_source import AGAIN, resizing_source
from nas.exports.codegen.ruff_format import formatted
from nas.exports.codegen.standalone import standalone
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._training_parts import CUTMIX, MIXING, MIXUP, OPENING, TEACHING
from nas.exports.formats._training_template import (
    AVERAGE,
    AVERAGED,
    AVERAGING,
    DROP_PATH,
    DROPPING,
    RECALIBRATE,
    SCRIPT,
)
from search_spaces.counting import smallest_side
from search_spaces.errors import ExportError
from trials.training.batch_fitting import with_batch
from trials.training.recipe import Recipe
from trials.training.sides import training_sides

_OPTIMISERS: Final = {
    "sgd": "torch.optim.SGD(groups, lr=rate, momentum={momentum}, nesterov={nesterov})",
    "adamw": "torch.optim.AdamW(groups, lr=rate, betas=({momentum}, 0.999))",
}
_READING: Final = """Reads folders of images for train.py as the search did that found the network.

A folder has one subfolder for each class, named after it, perhaps below folders for splits.
"""
_SEEN: Final = """

The exported weights were trained on the validation images of the search too: of a training that starts from
them, the accuracy on those images is too high."""
_ON_GPUS_WITH_BFLOAT16: Final = 'device.type == "cuda" and torch.cuda.is_bf16_supported(False)'
_TEACHER: Final = "teacher.py"


class TrainingScript(Exporter):
    """Writes ``train.py``, ``image_folder.py`` and ``teacher.py`` that it uses, and ``held_out.json``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        del name
        return "train.py", "image_folder.py", "held_out.json", _TEACHER

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        if exported.recipe is None:
            raise ExportError(
                f"Cannot export a training script for '{exported.name}': no recipe was given. Give the "
                f"one that trained it, or leave training_script out."
            )
        recipe = Recipe.from_json(dict(exported.recipe))
        if recipe.flip == "detect":
            raise ExportError(
                f"Cannot export a training script for '{exported.name}': its recipe has 'flip: detect', "
                f"expected true or false. Put back the images that it was trained on, or say in the "
                f"recipe whether images are mirrored."
            )
        script = SCRIPT.format(
            more=(_SEEN if exported.trained_on_validation else "") + _left_out(recipe),
            **_of_network(exported),
            **_sides(exported, recipe),
            **_numbers(recipe),
            **_steps(recipe),
            **_around(recipe),
            **_teaching(exported, recipe),
        )
        reading = standalone("trials.datasets.image_folder", frozenset({"decoded_folder"}), _READING)
        held_out = json.dumps(exported.held_out_digests or {"validation": (), "test": ()}, indent=0)
        (folder / "train.py").write_text(formatted(script), encoding="utf-8")
        (folder / "image_folder.py").write_text(formatted(reading), encoding="utf-8")
        teacher = Path(__file__).with_name("_teacher_script.py").read_text(encoding="utf-8")
        (folder / _TEACHER).write_text(formatted(teacher), encoding="utf-8")
        (folder / "held_out.json").write_text(held_out + "\n", encoding="utf-8")


def _of_network(exported: ExportedNetwork) -> dict[str, Any]:
    return {
        "name": exported.name,
        "side": exported.architecture.resolution,
        "decoded": exported.decoded,
        "mean": list(exported.mean),
        "std": list(exported.std),
        "build": ", deploy=False" if exported.deploys else "",
    }


def _sides(exported: ExportedNetwork, recipe: Recipe) -> dict[str, str]:
    """Return the template values for the sides at which images are trained on."""
    found = _resizing(exported)
    if not recipe.sides:
        return {"sides": "", "side_parameter": "", "side_argument": "", **found}
    sides = training_sides(recipe, exported.architecture.resolution, smallest_side(exported.architecture))
    return {
        **found,
        "sides": f"SIDES = {list(sides)}  # of training images, in equal parts of the training\n",
        "side_parameter": ", side: int = SIDE",
        "side_argument": ", SIDES[-(-(epoch + 1) * len(SIDES) // given.epochs) - 1]",
        "resizing": AGAIN.replace("SIDE", "side"),
        "preparing": "resized and normalised",
    }


def _resizing(exported: ExportedNetwork) -> dict[str, str]:
    """Return the template values for images that are not of the network's size yet."""
    side = exported.architecture.resolution
    if exported.decoded is None or exported.decoded[:2] != (side, side):
        return {
            "pillow": "",
            "sized": "images",
            "resizing": AGAIN,
            "preparing": "resized and normalised",
        }
    return {
        "pillow": f"\n{resizing_source()}\n\n",
        "sized": "sized(images)",
        "resizing": "",
        "preparing": "normalised",
    }


def _numbers(recipe: Recipe) -> dict[str, Any]:
    cosine = recipe.schedule == "cosine"
    return {
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": with_batch(recipe, recipe.batch_size).learning_rate,
        "weight_decay": recipe.weight_decay,
        "warmup": round(recipe.warmup_epochs / recipe.epochs, 6),
        "decay_from": 0.0 if cosine else recipe.decay_from,
        "final_rate": recipe.final_rate,
        "label_smoothing": recipe.label_smoothing,
    }


def _steps(recipe: Recipe) -> dict[str, str]:
    """Return the template values for the training step, which differ between recipes."""
    augments = _augments(recipe)
    mixes = recipe.mixup > 0 or recipe.cutmix > 0
    changing = "            x = augment(x, draws)\n" if augments else ""
    changing += "            x, y = mixed(x, y, classes)\n" if mixes else ""
    clip = f"            nn.utils.clip_grad_norm_(network.parameters(), {recipe.gradient_clip})\n"
    momentum, nesterov = recipe.momentum, recipe.momentum > 0
    return {
        "augmentation": f"\n{augmentation_source(recipe)}\n\n" if augments else "",
        "mixing": _mixing(recipe) if mixes else "",
        "changing": changing,
        "optimiser": _OPTIMISERS[recipe.optimiser].format(momentum=momentum, nesterov=nesterov),
        # bfloat16 gradients of dilated depthwise convolutions are wrong on CPUs, and older GPUs emulate them
        "autocast": _ON_GPUS_WITH_BFLOAT16 if recipe.precision == "bf16" else "False",
        "clip": clip if recipe.gradient_clip is not None else "",
        "averaging": AVERAGING if recipe.ema_decay else "",
    }


def _around(recipe: Recipe) -> dict[str, str]:
    """Return the template values outside the training step, which differ between recipes."""
    evaluated = "average" if recipe.ema_decay else "network"
    draws = "    draws = torch.Generator(device).manual_seed(given.seed)\n"
    beginning = draws if _augments(recipe) else ""
    beginning += AVERAGED if recipe.ema_decay else ""
    beginning += DROPPING.format(drop_path=recipe.drop_path) if recipe.drop_path else ""
    most, count = recipe.epoch_images, recipe.recalibration_batches
    return {
        "quoted_recipe": quoted(repr(recipe.name)),
        "beginning": beginning,
        "evaluated": evaluated,
        "most_parameter": ", most: int | None = None" if most else "",
        "most": "[:most]" if most else "",
        "most_argument": f", {most}" if most else "",
        "recalibrate": RECALIBRATE.format(batches=count) if count else "",
        "recalibrating": f"        recalibrate({evaluated}, images, kept, device)\n" if count else "",
        "drop_path": DROP_PATH if recipe.drop_path else "",
        "average": AVERAGE.format(ema_decay=recipe.ema_decay) if recipe.ema_decay else "",
    }


def _teaching(exported: ExportedNetwork, recipe: Recipe) -> dict[str, Any]:
    """Return the template values for learning from a teacher, asked once about images that stay the same."""
    changes = _augments(recipe) or recipe.mixup > 0 or recipe.cutmix > 0
    said = "teacher.scores(x)" if changes else "teacher.remembered(x, kept[chunk])"
    return {
        "opening": OPENING.format(mean=list(exported.mean), std=list(exported.std)),
        "teaching": TEACHING.format(said=said, temperature=recipe.teacher_temperature),
        "teacher_share": recipe.teacher_share,
    }


def _augments(recipe: Recipe) -> bool:
    return recipe.shift > 0 or bool(recipe.flip) or recipe.randaugment_rounds > 0 or recipe.erase > 0


def _mixing(recipe: Recipe) -> str:
    """Return the source of mixup and CutMix; if a recipe has both, one is drawn for each batch."""
    mixup, cutmix = MIXUP.format(alpha=recipe.mixup), CUTMIX.format(alpha=recipe.cutmix)
    if recipe.mixup and recipe.cutmix:
        mixing = f"    if torch.rand(()) < 0.5:\n{indent(cutmix, ' ' * 4)}    else:\n{indent(mixup, ' ' * 4)}"
    else:
        mixing = mixup if recipe.mixup else cutmix
    return MIXING.format(mixing=mixing)


def _left_out(recipe: Recipe) -> str:
    """Return a sentence on what of the recipe the script does not bring along."""
    others = [] if recipe.teacher is None else [f"--teacher {recipe.teacher}"]
    others += ["frozen_epochs"] if recipe.frozen_epochs else []
    others += ["layer_rate"] if recipe.layer_rate < 1 else []
    others += ["wider"] if recipe.wider > 1 else []
    others += ["teacher_features"] if recipe.teacher_features > 0 else []
    others += ["augmentation_seed"] if recipe.augmentation_seed is not None else []
    others += ["largest_batch"] if recipe.largest_batch is not None else []
    others += ["soup_epochs"] if recipe.soup_epochs else []
    others += ["fake_quant_from"] if recipe.fake_quant_from < 1 else []
    if not others:
        return ""
    left_out = f"Not part of this script, but of the recipe {recipe.name!r}: {', '.join(others)}."
    return f"\n\n{quoted(left_out)}"


EXPORTER = TrainingScript()
