"""Six epochs in which early values already rank: what a search trains with.

After the first epoch the better half goes on. For as many epochs saved that loses fewer good networks than to
keep the best third after the second (``tests/benchmarks/results/rung_ranking.md``).

The rate stays flat for half of the training and BatchNorm is re-estimated before each evaluation. Gradients
are clipped, so that deep networks survive the flat rate.
Nothing is augmented: in so few epochs that only blurs the ranking, and some images must not be
mirrored. An epoch is 20,000 images at the most, others each time: a search of 45,000 small images ends in
minutes, and one of a million at all.
"""

from typing import Final

from trials.training.recipe import Recipe

RECIPE: Final = Recipe(name="proxy", epochs=6, rungs=(1, 6), gradient_clip=1.0, epoch_images=20_000)
