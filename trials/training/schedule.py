"""Learning-rate schedules: warm-up, then flat and cosine decay, or cosine from the start."""

import math

from trials.training.recipe import Recipe


def rate_at(progress: float, recipe: Recipe) -> float:
    """Return the learning rate after a share `progress`, in [0, 1], of the steps."""
    warmup = recipe.warmup_epochs / recipe.epochs
    if progress < warmup:
        return recipe.learning_rate * progress / warmup
    start = max(recipe.decay_from, warmup) if recipe.schedule == "flat_then_decay" else warmup
    if progress <= start:
        return recipe.learning_rate
    decay = 0.5 * (1 - math.cos(math.pi * (progress - start) / (1 - start)))
    return recipe.learning_rate * (1 - decay * (1 - recipe.final_rate))
