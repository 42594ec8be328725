"""Recipe ``tiny``: 60 epochs without regularisation, for networks that are small for their images.

They do not learn their training images by heart, and whatever makes these harder costs them accuracy
("Network Augmentation for Tiny Deep Learning", Cai et al., 2022, https://arxiv.org/abs/2110.08890).
"""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(
    name="tiny",
    epochs=60,
    rungs=(60,),
    schedule="cosine",
    warmup_epochs=3,
    final_rate=0.0,
    weight_decay=0.0,
    label_smoothing=0.0,
    flip="detect",
    gradient_clip=5.0,
)
