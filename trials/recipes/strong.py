"""Recipe ``strong``: 60 epochs with strong regularisation, to make longer trainings of.

As MobileViTv2 is trained (https://arxiv.org/abs/2206.02680), but for the number of epochs: RandAugment,
CutMix, random erasing, an average of the weights, and stochastic depth that rises with the depth. Images are
mirrored where they have no handedness. It is made for hundreds of epochs: after a few, `full` is far ahead.
"""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(
    name="strong",
    epochs=60,
    rungs=(60,),
    schedule="cosine",
    warmup_epochs=3,
    final_rate=0.0,
    shift=0.1,
    flip="detect",
    randaugment_rounds=2,
    randaugment_magnitude=0.3,
    erase=0.25,
    cutmix=1.0,
    drop_path=0.1,
    ema_decay=0.999,
    gradient_clip=5.0,
)
