"""Makes the surrogate of a region's values."""

from typing import Final

import numpy as np

from nas.bayesopt.feasible_region import Region
from nas.surrogates.factor_features import Factor
from nas.surrogates.factor_gp import FactorGP

_REFERENCE: Final = 512  # points drawn to standardise features


def surrogate_of(region: Region, seed: int) -> FactorGP:
    """Return the surrogate of a region; `seed` draws the points that features are standardised by."""
    rng = np.random.default_rng(np.random.SeedSequence([seed]))
    factors = [
        Factor(
            group=repr(column.distribution),
            levels=0 if column.smooth else column.levels,
            positions=column.positions if column.ordered else None,
        )
        for column in region.grid.columns
    ]
    return FactorGP(factors, region.features(region.draw(rng, _REFERENCE)))
