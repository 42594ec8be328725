"""Recipe ``full``: 60 epochs to convergence, for the few networks that are kept."""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(
    name="full",
    epochs=60,
    rungs=(60,),
    schedule="cosine",
    warmup_epochs=3,
    final_rate=0.0,
    shift=0.1,
    gradient_clip=5.0,
)
