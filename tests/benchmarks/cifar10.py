"""CIFAR-10 in benchmarks: where its images are, and the recipe of trainings whose accuracies are compared."""

from pathlib import Path
from typing import Final

from trials.training.recipe import Recipe

IMAGES: Final = Path(__file__).parents[3] / "shared/data/cifar10"
CLASSES, SIDE = 10, 32


def cifar_recipe(name: str, epochs: int, images: int | None, rate: float, batch: int) -> Recipe:
    """Return a recipe with one cosine and the augmentation that is usual for CIFAR."""
    return Recipe(
        name=name,
        epochs=epochs,
        rungs=(epochs,),
        epoch_images=images,
        batch_size=batch,
        learning_rate=rate,
        schedule="cosine",
        warmup_epochs=0.5,
        final_rate=0.0,
        gradient_clip=1.0,
        flip=True,
        shift=0.125,
    )
