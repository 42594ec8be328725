"""Recipe ``fine_tune``: eight epochs for networks that begin with trained weights.

In the first epoch only the head learns, as its gradients would otherwise spoil what was learnt before it.
Then each stage learns at 0.8 times the rate of the one behind it, early ones most slowly (layer-wise rates,
as in Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146). After the second epoch the better half
goes on.
"""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(
    name="fine_tune",
    epochs=8,
    rungs=(2, 8),
    learning_rate=1e-3,
    frozen_epochs=1,
    layer_rate=0.8,
    flip="detect",
    gradient_clip=1.0,
    epoch_images=20_000,
)
