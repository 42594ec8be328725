"""Recipe ``proxy``: six epochs, with early values that already rank networks; the default of a search.

After the first epoch the better half continues. For the same number of epochs saved, this loses fewer good
networks than keeping the best third after the second epoch (``tests/benchmarks/results/rung_ranking.md``).

The learning rate stays flat for half of the training, and BatchNorm statistics are re-estimated before each
evaluation. Gradients are clipped, so that deep networks do not diverge at the flat rate. Images are not
augmented: in so few epochs that only blurs the ranking, and some images must not be mirrored. An epoch is at
most 10,000 images, sampled anew each time: a search on 45,000 small images takes minutes, and one on a
million stays feasible. Twice as many take twice as long and rank networks hardly better
(``tests/benchmarks/results/band_proxies.md``).
"""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(name="proxy", epochs=6, rungs=(1, 6), gradient_clip=1.0, epoch_images=10_000)
