"""Prior mean of the surrogate, predicted by an earlier study."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.grid import Rows


@dataclass(frozen=True, eq=False)
class PriorMean:
    """Predictions of an earlier study.

    Attributes:
        predict: Function from rows to the predicted mean and standard deviation after a full training, in the
            unit of the study's values, ``[n]`` each.
        prior_std: Standard deviation of the study's values.
    """

    predict: Callable[[Rows], tuple[NDArray[np.float64], NDArray[np.float64]]]
    prior_std: float

    def mean(self, rows: Rows) -> NDArray[np.float64]:
        """Return the predicted mean of each row, ``[n]``."""
        return self.predict(rows)[0]

    def lower_bound(self, rows: Rows) -> NDArray[np.float64]:
        """Return the lower confidence bound of each row, mean minus one standard deviation, ``[n]``."""
        mean, deviation = self.predict(rows)
        return mean - deviation
