"""First edition of ``proxy``, for studies begun in it: the same but for 20,000 images in an epoch at most."""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(name="proxy_1", epochs=6, rungs=(1, 6), gradient_clip=1.0, epoch_images=20_000)
