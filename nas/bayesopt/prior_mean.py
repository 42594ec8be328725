"""What is left of an earlier study once its surrogate has been fitted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.bayesopt.grid import Rows


@dataclass(frozen=True, eq=False)
class PriorMean:
    """Expectations of an earlier study.

    Attributes:
        predict: Rows to the mean and the standard deviation that it expects there at whole trainings, in the
            unit of its values, ``[n]`` each.
        spread: Standard deviation of its values.
    """

    predict: Callable[[Rows], tuple[NDArray[np.float64], NDArray[np.float64]]]
    spread: float

    def expects(self, rows: Rows) -> NDArray[np.float64]:
        """Return what it expects of each row, ``[n]``."""
        return self.predict(rows)[0]

    def vouches_for(self, rows: Rows) -> NDArray[np.float64]:
        """Return what each row will at least reach, as far as it can tell, ``[n]``: one deviation below."""
        mean, deviation = self.predict(rows)
        return mean - deviation
